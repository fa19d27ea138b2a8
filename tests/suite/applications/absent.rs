//! Web applications are taken away again: what they made goes, what is a person's stays until it is purged.

use super::discovery::NONE;
use crate::filters::client::submission;
use crate::server::{applied, example};
use crate::support::{Site, TestHost, until};

/// The same folder with another list of roles.
fn having(site: Site, roles: &str) -> Site {
    let inventory = std::fs::read_to_string(site.inventory()).unwrap();
    let line = inventory.lines().find(|line| line.trim().starts_with("roles: "));
    let changed = inventory.replace(line.unwrap().trim(), &format!("roles: [{roles}]"));
    site.whole(changed)
}

#[track_caller]
fn none_is_there(host: &TestHost, paths: &[&str]) {
    for path in paths {
        assert!(!host.succeeds(&format!("test -e {path}")), "{path} is gone");
    }
}

/// On a host where people wrote mail, changed a password and made a mailbox. `setting` is what its inventory lacks.
pub fn applications_go(host: &TestHost, site: Site, setting: &str) {
    // A person's own, in a folder of the role's.
    host.sh("echo '# mine' >/etc/roundcube/mine.conf && echo kept >/var/vmail/example.org/alice/mine");
    let without = |purge: bool| {
        format!(
            "mailserver, fail2ban, client, {{role: autoconfig, state: absent}}, {{role: mta-sts, state: absent}}, {{role: roundcube, state: absent, purge: {purge}}}, {{role: postfixadmin, state: absent, purge: {purge}}}"
        )
    };
    let site = having(site, &without(false));
    applied(|words| site.mailprov(&[words, &["--set", setting], &NONE].concat()));
    none_is_there(
        host,
        &[
            "/etc/nginx/mailprov/mx1.example.org",
            "/etc/nginx/mailprov/mail.example.net/roundcube.conf",
            "/var/lib/mailprov-web",
            "/etc/systemd/system/mailprov-roundcube-gc.timer",
            "/var/lib/php/roundcube",
            "/usr/share/roundcube/index.php",
            "/usr/share/postfixadmin",
            "/etc/php/*/fpm/pool.d/roundcube.conf",
            "/etc/nginx/mailprov/*.visitors",
        ],
    );
    // What the packages brought is theirs again.
    let ours = "grep -rlI 'Managed by mailprov' /etc/roundcube /etc/postfixadmin 2>/dev/null || true";
    assert_eq!(host.sh(ours), "", "files");
    assert_eq!(host.sh("getent passwd _roundcube postfixadmin || true"), "");
    let accounts =
        "mariadb -N -e \"SELECT User FROM mysql.user WHERE User IN ('roundcube', 'postfixadmin')\"";
    assert_eq!(host.sh(accounts), "");
    // Nothing else needed nginx.
    assert_eq!(host.sh("ss -Hltn 'sport = 443'"), "");
    assert_eq!(host.sh("cat /etc/roundcube/mine.conf"), "# mine");
    what_people_made_is_there(host);
    let users = "mariadb -N roundcube -e 'SELECT username FROM users ORDER BY username'";
    assert!(host.sh(users).contains("bob@example.org"));
    mail_flows(host, "without-applications-token");

    let site = having(site, &without(true));
    applied(|words| site.mailprov(&[words, &["--set", setting], &NONE].concat()));
    assert_eq!(host.sh("mariadb -N -e \"SHOW DATABASES LIKE 'roundcube'\""), "");
    assert_eq!(
        host.sh("mariadb -N postfixadmin -e 'SELECT username FROM admin'"),
        ""
    );
    what_people_made_is_there(host);
    mail_flows(host, "without-databases-token");
}

/// The mailbox that was made on one page, the password changed on the other, and their mail.
fn what_people_made_is_there(host: &TestHost) {
    assert!(host.succeeds("doveadm auth test carol@example.org carol-and-her-secret"));
    assert!(host.succeeds("doveadm auth test bob@example.org another-secret-1"));
    assert_eq!(host.sh("cat /var/vmail/example.org/alice/mine"), "kept");
}

fn mail_flows(host: &TestHost, token: &str) {
    assert_eq!(host.sh("systemctl --failed --no-legend"), "");
    submission(
        host,
        "alice@example.org",
        example::ALICE,
        "bob@example.org",
        token,
    );
    until(&format!("{token} reaches bob"), || {
        host.succeeds(&format!("grep -rqs {token} /var/vmail/example.org/bob/Maildir"))
    });
}
