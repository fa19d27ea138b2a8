//! Who may see the web applications at all: nginx asks first.

use crate::support::TestHost;

pub const PASSWORD: &str = r#"a 'b" $c \d:é"#;

/// For the top of an inventory that has the secret `office`.
pub const VARIABLES: &str = "  postfixadmin_basic_auth: [{name: office, password: !secret office}]
  roundcube_basic_auth: [{name: office, password: !secret office}]
";

const PAGES: [&str; 4] = [
    "/postfixadmin/",
    "/postfixadmin/login.php",
    "/webmail/",
    "/webmail/program/js/app.min.js",
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
                &format!("-o /dev/null -w '%{{http_code}}' {visitor} https://mx1.example.org{page}"),
            );
            assert_eq!(asked, status, "{page} for `{visitor}`");
        }
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
