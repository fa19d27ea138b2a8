//! Roundcube and PostfixAdmin on a fresh host, used as a browser would: forms are filled in, cookies are kept, and
//! the certificate is verified.
//!
//! One host, one test: the server takes a minute to install.

mod absent;
mod acme;
mod discovery;
mod exposure;
mod guesses;
mod people;
mod rotate;
mod swaks;
mod visitors;

use crate::server::{applied, example};
use crate::support::{TestHost, boot};

const PASSWORD: &str = r#"Sup3r 'admin' "secret" \o/"#;

/// Below the variables that lead to the authority.
const ADMINISTRATION: &str = r#"  postfixadmin_footer: Back to example.org
  postfixadmin_footer_link: https://example.org/
  postfixadmin_password_rules: {'/.{12}/': password_too_short 12}
  postfixadmin_settings: {vacation: 'YES', vacation_domain: autoreply.example.org}
  postfixadmin_hooks:
    mailbox_postcreation: 'echo made $1 >>~/made; id -un >>~/made'
    mailbox_postdeletion: 'echo deleted $1 of $2 >>~/made; rm -r ~/"$2/${1%@*}"'
    domain_postcreation: 'echo made $1 >>~/made'
    domain_postdeletion: 'echo deleted $1 >>~/made; rm -r ~/"$1"'
"#;

#[test]
fn people_read_mail_and_administrators_make_mailboxes_over_the_web() {
    let host = boot("web");
    acme::serve(&host);
    let site = example::site_with(&host, &["mailserver", "roundcube", "postfixadmin", "fail2ban", "client"])
        .role(
            "client",
            "summary: A client.\nsteps:\n  - id: packages\n    package: {names: [curl, bind9-utils, libnet-ssleay-perl, libxml2-utils, swaks, testssl.sh]}\n",
        )
        .top(acme::VARIABLES)
        .top(ADMINISTRATION)
        .top(guesses::VARIABLES)
        .secret("roundcube_database_password", r#"r'c/d"b@\p:w %#"#)
        .secret("roundcube_key", "short")
        .secret("postfixadmin_database_password", r#"p'a/d"b@\p:w %#"#)
        .secret("postfixadmin_admin_password", PASSWORD);
    applied(|words| site.mailprov(words));
    assert_eq!(host.sh("systemctl --failed --no-legend"), "");

    acme::is_the_issuer(&host);
    exposure::is_what_it_should_be(&host);
    only_what_is_meant_is_served(&host);
    discovery::settings_are_found(&host);
    discovery::records_make_zones(&host, &site);
    mail_is_read_and_a_password_changed(&host);
    a_mailbox_is_made(&host);
    people::write_read_and_filter(&host, example::ALICE, "another-secret-1");
    people::make_a_domain_and_a_mailbox(&host, PASSWORD);
    swaks::hands_mail_in(&host, "another-secret-1");
    a_mailbox_and_its_domain_go(&host);
    exposure::is_looked_at(&host);
    guesses::are_ended(&host);
    exposure::has_no_weakness(&host);
    let site = rotate::passwords_change_under_load(&host, site);
    acme::renewed_certificates_are_served(&host, &site);
    acme::a_refusal_is_waited_for(&host, &site);
    let site = site.top(visitors::VARIABLES).secret("office", visitors::PASSWORD);
    let (site, names) = acme::other_sources_stand_beside_it(&host, site);
    visitors::are_asked(&host);
    absent::applications_go(&host, site, &names);
}

/// `curl` on the host: its standard output.
#[track_caller]
fn curl(host: &TestHost, jar: &str, words: &str) -> String {
    host.sh(&format!(
        "curl --silent --show-error --path-as-is --max-time 60 \
         --cacert /etc/ssl/mailprov/mx1.example.org/fullchain.pem --cookie /root/{jar} --cookie-jar /root/{jar} {words}"
    ))
}

/// The first text between `before` and the next `"`.
#[track_caller]
fn quoted<'a>(page: &'a str, before: &str) -> &'a str {
    let rest = page
        .split_once(before)
        .unwrap_or_else(|| panic!("no {before} in:\n{page}"));
    rest.1.split_once('"').unwrap().0
}

fn only_what_is_meant_is_served(host: &TestHost) {
    let got = |path: &str| {
        curl(
            host,
            "nobody",
            &format!("-o /dev/null -w '%{{http_code}}' https://mx1.example.org{path}"),
        )
    };
    for path in [
        "/webmail/",
        "/webmail/program/js/app.min.js",
        "/webmail/skins/elastic/styles/styles.min.css",
        "/postfixadmin/login.php",
        "/postfixadmin/users/login.php",
        "/postfixadmin/static/bootstrap.css",
    ] {
        assert_eq!(got(path), "200", "{path}");
    }
    for path in [
        "/.git/config",
        "/webmail/.htaccess",
        "/webmail/SQL/mysql.initial.sql",
        "/webmail/composer.json",
        "/webmail/config/config.inc.php",
        "/webmail/../config/config.inc.php",
        "/webmail/installer/index.php",
        "/webmail/logs/",
        "/webmail/plugins/password/password.php",
        "/webmail/temp/",
        "/postfixadmin/../config.local.php",
        "/postfixadmin/common.php",
        "/postfixadmin/config.local.php",
        "/postfixadmin/setup.php",
        "/postfixadmin/upgrade.php",
        "/postfixadmin/users/../setup.php",
        "/postfixadmin/xmlrpc.php",
    ] {
        assert_eq!(got(path), "404", "{path}");
    }
    let head = curl(host, "nobody", "--head https://mx1.example.org/webmail/").to_lowercase();
    for header in [
        "strict-transport-security: max-age=",
        "x-content-type-options: nosniff",
    ] {
        assert!(head.contains(header), "{header}: {head}");
    }
    assert_eq!(
        curl(
            host,
            "nobody",
            "-o /dev/null -w '%{redirect_url}' http://mx1.example.org/webmail/?a=b"
        ),
        "https://mx1.example.org/webmail/?a=b"
    );
    assert!(
        !host.succeeds("curl --insecure --max-time 60 https://localhost/"),
        "not our name"
    );
}

fn mail_is_read_and_a_password_changed(host: &TestHost) {
    const PAGE: &str = "https://mx1.example.org/webmail/";
    let log_in = |jar: &str, password: &str| {
        let page = curl(host, jar, PAGE);
        let token = quoted(&page, "name=\"_token\" value=\"").to_owned();
        curl(
            host,
            jar,
            &format!(
                "--location --data-urlencode _token={token} -d _task=login -d _action=login -d _timezone=UTC -d _url= \
                 -d _user=bob@example.org --data-urlencode {} '{PAGE}?_task=login'",
                word(&format!("_pass={password}"))
            ),
        )
    };
    let refused = log_in("wrong", "not what bob knows");
    assert!(refused.contains("Login failed"), "{refused}");
    let inbox = log_in("bob", example::BOB);
    assert!(
        inbox.contains("<title>Webmail :: Inbox</title>"),
        "{inbox}\n{}",
        logs(host)
    );
    let filters = curl(
        host,
        "bob",
        &format!("'{PAGE}?_task=settings&_action=plugin.managesieve'"),
    );
    assert!(filters.contains("<title>Webmail :: Filters</title>"), "{filters}");
    assert!(
        !filters.contains("Unable to connect"),
        "{filters}\n{}",
        logs(host)
    );

    let token = quoted(&inbox, "\"request_token\":\"");
    let saved = curl(
        host,
        "bob",
        &format!(
            "--location -d _token={token} --data-urlencode {} -d _newpasswd=another-secret-1 -d _confpasswd=another-secret-1 \
             '{PAGE}?_task=settings&_action=plugin.password-save'",
            word(&format!("_curpasswd={}", example::BOB))
        ),
    );
    assert!(saved.contains("Successfully saved"), "{saved}\n{}", logs(host));
    until(host, "doveadm auth test bob@example.org another-secret-1");
    // What it is not given, it can't have.
    assert!(!host.succeeds(
        r#"mariadb --user=roundcube --password="r'c/d\"b@\\p:w %#" -e 'SELECT * FROM postfixadmin.mailbox'"#
    ));
    assert!(host.succeeds(
        r#"mariadb --user=roundcube --password="r'c/d\"b@\\p:w %#" -e 'SELECT * FROM roundcube.users'"#
    ));
}

fn a_mailbox_is_made(host: &TestHost) {
    const PAGE: &str = "https://mx1.example.org/postfixadmin";
    let page = curl(host, "admin", &format!("{PAGE}/login.php"));
    let token = quoted(&page, "name=\"token\" value=\"");
    let main = curl(
        host,
        "admin",
        &format!(
            "--location -d token={token} -d lang=en -d submit=Login -d fUsername=alice@example.org --data-urlencode {} {PAGE}/login.php",
            word(&format!("fPassword={PASSWORD}"))
        ),
    );
    assert!(
        main.contains("Logout") && main.contains("New Admin"),
        "{main}\n{}",
        logs(host)
    );
    let form = curl(
        host,
        "admin",
        &format!("'{PAGE}/edit.php?table=mailbox&domain=example.org'"),
    );
    assert!(form.contains("Back to example.org"), "{form}");
    let token = quoted(&form, "name=\"token\" value=\"");
    let make = |password: &str| {
        curl(
            host,
            "admin",
            &format!(
                "--location -d token={token} -d table=mailbox -d 'value[local_part]=carol' -d 'value[domain]=example.org' \
                 -d 'value[password]={password}' -d 'value[password2]={password}' -d 'value[name]=Carol' \
                 -d 'value[quota]=100' -d 'value[active]=1' -d submit=Add {PAGE}/edit.php?table=mailbox"
            ),
        )
    };
    let refused = make("eleven-char");
    assert!(refused.contains("too short"), "{refused}");
    let made = make("carol-and-her-secret");
    assert!(made.contains("carol@example.org"), "{made}\n{}", logs(host));
    until(host, "doveadm auth test carol@example.org carol-and-her-secret");
    assert_eq!(
        host.sh("postmap -q carol@example.org mysql:/etc/postfix/sql/mailboxes.cf"),
        "example.org/carol/"
    );
    assert_eq!(host.sh("cat /var/vmail/made"), "made carol@example.org\nvmail");
    let list = curl(
        host,
        "admin",
        &format!("'{PAGE}/list-virtual.php?domain=example.org'"),
    );
    assert!(list.contains("vacation.php"), "{list}");
}

/// What people made in the browser: its standard aliases lead to `mail_admin`, and its mail goes by the hooks.
fn a_mailbox_and_its_domain_go(host: &TestHost) {
    for name in ["abuse", "hostmaster", "postmaster", "webmaster"] {
        let alias = format!("postmap -q {name}@example.com mysql:/etc/postfix/sql/aliases.cf");
        assert_eq!(host.sh(&alias), "alice@example.org", "{name}");
    }
    assert!(host.succeeds("test -d /var/vmail/example.com/erin"));
    let cli = "cd / && runuser -u postfixadmin -- postfixadmin-cli";
    host.sh(&format!(
        "{cli} mailbox delete erin@example.com && test ! -e /var/vmail/example.com/erin"
    ));
    host.sh(&format!(
        "{cli} domain delete example.com && test ! -e /var/vmail/example.com"
    ));
    assert_eq!(
        host.sh("tail -n +3 /var/vmail/made"),
        "made example.com\nmade erin@example.com\nvmail\ndeleted erin@example.com of example.com\ndeleted example.com"
    );
}

/// One word of a shell.
fn word(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Dovecot remembers refused logins for a few seconds.
#[track_caller]
fn until(host: &TestHost, script: &str) {
    host.sh(&format!(
        "for _ in $(seq 120); do {script} && exit; sleep 0.5; done; exit 1"
    ));
}

fn logs(host: &TestHost) -> String {
    host.sh("journalctl -b --no-pager -n 40; cat /var/log/nginx/error.log /var/log/php*-fpm.log")
}
