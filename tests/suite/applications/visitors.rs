//! Who may see the web applications at all: nginx asks first. Each has a name of its own here, instead of a path.

use crate::support::TestHost;

pub const PASSWORD: &str = r#"a 'b" $c \d:é"#;

/// For the top of an inventory that has the secret `office`.
pub const VARIABLES: &str = "  postfixadmin_basic_auth: [{name: office, password: !secret office}]
  roundcube_basic_auth: [{name: office, password: !secret office}]
  postfixadmin_hostname: dns.example.org
  postfixadmin_path: /
  roundcube_hostname: mail.example.net
  roundcube_path: /
";

const PAGES: [&str; 4] = [
    "dns.example.org/",
    "dns.example.org/login.php",
    "mail.example.net/",
    "mail.example.net/program/js/app.min.js",
];

pub fn are_asked(host: &TestHost) {
    for (visitor, status) in [
        ("", "401"),
        ("--user office:wrong", "401"),
        (
            &format!("--user {}", super::word(&format!("office:{PASSWORD}"))),
            "200",
        ),
    ] {
        for page in PAGES {
            let asked = super::curl(
                host,
                "visitor",
                &format!(
                    "-o /dev/null -w '%{{http_code}}' {visitor} --connect-to ::127.0.0.1: https://{page}"
                ),
            );
            assert_eq!(asked, status, "{page} for `{visitor}`");
        }
    }
    for (page, title) in [
        ("dns.example.org", "Postfix Admin"),
        ("mail.example.net", "Webmail"),
    ] {
        let user = super::word(&format!("office:{PASSWORD}"));
        let words = format!("--user {user} --connect-to ::127.0.0.1: https://{page}/");
        let shown = super::curl(host, "visitor", &words);
        assert!(shown.contains(title), "{page}: {shown}");
    }
    for former in ["webmail/", "postfixadmin/login.php"] {
        let words = format!("-o /dev/null -w '%{{http_code}}' https://mx1.example.org/{former}");
        assert_eq!(super::curl(host, "visitor", &words), "404", "{former}");
    }
    for file in ["postfixadmin", "roundcube"] {
        let file = format!("/etc/nginx/mailprov/{file}.visitors");
        assert_eq!(
            host.sh(&format!(
                "stat -c '%a %U %G' {file}; grep -c '^office:[$]6[$]' {file}"
            )),
            "640 root www-data\n1"
        );
        for other in ["postfixadmin", "_roundcube"] {
            assert!(
                !host.succeeds(&format!("runuser -u {other} -- cat {file}")),
                "{other}"
            );
        }
    }
}
