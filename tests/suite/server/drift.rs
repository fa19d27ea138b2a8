//! What hands can do to a server, and that `apply` undoes it.

use super::announced_is_changed;
use crate::support::{Site, TestHost};

/// What is done by hand, and a step that must notice.
const BY_HAND: [(&str, &str); 6] = [
    ("echo '# by hand' >> /etc/postfix/main.cf", "postfix/main"),
    ("chmod 0644 /etc/dovecot/mailprov-sql.conf", "dovecot/sql"),
    ("systemctl stop dovecot.service", "dovecot/service"),
    (
        "mariadb postfixadmin -e \"UPDATE mailbox SET password = '{SHA512-CRYPT}x' WHERE local_part = 'alice'\"",
        "accounts/mailbox[alice@example.org]",
    ),
    (
        // Ends with an error: dpkg restarts Dovecot, whose configuration wants what is gone.
        "DEBIAN_FRONTEND=noninteractive apt-get -q -y remove dovecot-managesieved || true",
        "dovecot/packages",
    ),
    ("rm /etc/aliases.lmdb", "postfix/aliases"),
];

pub fn is_found_and_mended(host: &TestHost, site: &Site) {
    // What people did with other tools is no drift.
    host.sh(
        "mariadb postfixadmin -e \"INSERT INTO alias (address, goto, domain) VALUES ('sales@example.org', \
         'bob@example.org', 'example.org'); UPDATE mailbox SET password = '{SHA512-CRYPT}x' WHERE local_part = 'bob'\"",
    );
    for (deed, noticed_by) in BY_HAND {
        host.sh(deed);
        mended(host, site, &[noticed_by]);
    }
    for (deed, _) in BY_HAND {
        host.sh(deed);
    }
    mended(host, site, &BY_HAND.map(|(_, noticed_by)| noticed_by));
    let theirs = "SELECT goto FROM alias WHERE address = 'sales@example.org' \
                  UNION SELECT password FROM mailbox WHERE local_part = 'bob'";
    assert_eq!(
        host.sh(&format!("mariadb -N postfixadmin -e \"{theirs}\"")),
        "bob@example.org\n{SHA512-CRYPT}x"
    );
    // Back to where mail can be read: what `initial_password` sets, it sets for a new mailbox.
    host.sh("mariadb postfixadmin -e \"DELETE FROM mailbox WHERE local_part = 'bob'\"");
    mended(host, site, &["accounts/mailbox[bob@example.org]"]);
}

fn mended(host: &TestHost, site: &Site, noticed_by: &[&str]) {
    let check = site.mailprov(&["apply", "--check", "--output", "json"]).exits(4);
    let differing = check.steps_not(&["converged"]);
    for step in noticed_by {
        let step = format!("{} {step}", host.name());
        assert!(differing.contains(&step), "{step} is announced: {differing:?}");
    }
    let apply = site.mailprov(&["apply", "--output", "json"]).exits(0);
    announced_is_changed(&check, &apply);
    let again = site.mailprov(&["apply", "--check", "--output", "json"]).exits(0);
    assert_eq!(again.steps_not(&["converged"]), [""; 0]);
}
