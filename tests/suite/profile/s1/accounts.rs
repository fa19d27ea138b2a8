//! Where mailboxes come from: a table of one's own, and a database that stops and starts with the mail server.

use crate::filters::client::{other_server, submission};
use crate::filters::proofs;
use crate::profile::{Profile, secret};
use crate::support::until;

/// People of a table that is none of PostfixAdmin's: they log in, get mail, and send with their own address.
pub fn users_table(profile: &Profile) {
    let host = &profile.host;
    host.sh(
        "hash=$(doveadm pw -s SHA512-CRYPT -p dora-knows) && mariadb postfixadmin -e \
         \"INSERT INTO users (username, domain, password) VALUES \
            ('dora', 'example.org', '$hash'), ('erik', 'example.net', '$hash')\"",
    );
    assert!(host.succeeds("doveadm auth test dora@example.org dora-knows"));
    assert!(!host.succeeds("doveadm auth test dora@example.org another"));
    assert!(
        !host.succeeds("doveadm auth test dora@example.net dora-knows"),
        "of another domain"
    );
    submission(
        host,
        "dora@example.org",
        "dora-knows",
        "bob@example.org",
        "from-dora-token",
    );
    proofs::arrives(host, "", "from-dora-token");
    let to = |recipient: &str| {
        let message =
            format!("From: carol@fine.example\r\nTo: {recipient}\r\nSubject: to-dora-token\r\n\r\nhello\r\n");
        other_server(host, "carol@fine.example", recipient, &message)
    };
    to("dora@example.org").unwrap();
    until("dora has her mail", || {
        host.succeeds("grep -rq to-dora-token /var/vmail/example.org/dora/Maildir/new")
    });
    let refused = to("dora@example.net").unwrap_err();
    assert!(refused.starts_with("550"), "{refused}");
    let listed = host.sh("doveadm user '*' | sort | paste -sd ' '");
    assert_eq!(
        listed,
        "alice@example.org bob@example.org dora@example.org erik@example.net full@example.net"
    );
}

pub fn same_user_data(profile: &Profile) {
    let host = &profile.host;
    for name in ["alice", "bob"] {
        let data = host.sh(&format!(
            "for field in uid gid home; do doveadm user -f $field {name}@example.org; done | paste -sd ' '"
        ));
        assert_eq!(
            data.trim_end_matches('/'),
            format!("5000 5000 /var/vmail/example.org/{name}")
        );
    }
    // What `allow_all_users` would do.
    assert!(!host.succeeds("doveadm user nobody@example.org"));
    assert!(!host.succeeds("test -e /var/vmail/example.org/nobody"));
}

/// Stopped, as for an upgrade of its package, and killed.
pub fn stops_with_its_database(profile: &Profile) {
    let host = &profile.host;
    let shown = host.sh("systemctl show -p After -p BindsTo dovecot.service");
    for property in ["After=", "BindsTo="] {
        let line = shown.lines().find(|line| line.starts_with(property)).unwrap();
        assert!(line.contains("mariadb.service"), "{shown}");
    }
    let are = |state: &str| {
        until(&format!("Postfix and Dovecot are {state}"), || {
            ["postfix", "dovecot"]
                .iter()
                .all(|unit| host.sh(&format!("systemctl is-active {unit}.service || true")) == state)
        });
    };
    host.sh("systemctl stop mariadb.service");
    are("inactive");
    host.sh("systemctl start mariadb.service");
    are("active");
    let process = "systemctl show -p MainPID --value mariadb.service";
    let before = host.sh(process);
    host.sh("systemctl kill --signal=KILL mariadb.service");
    until("the database is back", || {
        host.sh(process) != before && host.succeeds("mariadb -e 'SELECT 1'")
    });
    are("active");
    let logs_in = format!("doveadm auth test alice@example.org {}", secret("alice_password"));
    until("Dovecot asks it", || host.succeeds(&logs_in));
}
