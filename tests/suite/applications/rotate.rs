//! Passwords of the database's accounts change while people log in and send mail: nobody notices.

use crate::server::{applied, example};
use crate::support::{Run, Site, TestHost, until};

/// Logs in over IMAP and sends a mail by submission, again and again; writes down what failed. Dovecot is made to forget
/// logins that it knows: each has to be looked up.
const LOAD: &str = r#"
n=0
while [ ! -e /root/stop ]; do
  n=$((n + 1))
  doveadm auth cache flush >/dev/null 2>>/root/failed
  curl --silent --show-error --insecure --max-time 60 --user "$1" -o /dev/null imaps://localhost/ 2>>/root/failed ||
    echo "IMAP, number $n of $2" >>/root/failed
  printf 'From: alice@example.org\r\nTo: alice@example.org\r\nSubject: load %s\r\n\r\nload-token\r\n' "$n" |
    curl --silent --show-error --insecure --max-time 60 --user "$1" --mail-from alice@example.org \
      --mail-rcpt alice@example.org --upload-file - smtps://localhost:465 >/dev/null 2>>/root/failed ||
    echo "submission, number $n of $2" >>/root/failed
  # Never empty for whoever reads it.
  echo "$n" >/root/count.new.$2 && mv /root/count.new.$2 /root/count.$2
done
"#;

const ACCOUNTS: &str = "'postfix', 'dovecot', 'roundcube', 'postfixadmin'";

const CLIENTS: [&str; 2] = ["one", "two"];

fn done(host: &TestHost, client: &str) -> u32 {
    let count = format!("cat /root/count.{client} 2>/dev/null || echo 0");
    host.sh(&count).parse().unwrap()
}

/// Until each client has gone round so many times more.
fn goes_on(host: &TestHost, rounds: u32) {
    for client in CLIENTS {
        let then = done(host, client);
        until("the load goes on", || done(host, client) >= then + rounds);
    }
}

/// As an operator does it, and the site with what was made up.
fn rotated(site: Site, name: &str) -> Site {
    let value = |site: &Site| Run::new(site.path(), &["secrets", "get", name]).exits(0).stdout;
    site.inventory();
    let before = value(&site);
    Run::new(site.path(), &["secrets", "set", name, "--rotate"])
        .exits(0)
        .says("next: mailprov apply inventory.yaml");
    let after = value(&site);
    assert_ne!(before, after, "{name}");
    site.secret(name, after.trim_end())
}

/// The operator's folder with the new passwords.
pub fn passwords_change_under_load(host: &TestHost, site: Site) -> Site {
    let alice = format!("alice@example.org:{}", example::ALICE);
    host.sh(&format!(
        "cat >/root/load.sh <<'END'\n{LOAD}\nEND\n: >/root/failed"
    ));
    for client in CLIENTS {
        host.sh(&format!(
            "systemd-run --quiet --unit=load-{client} sh /root/load.sh '{alice}' {client}"
        ));
    }
    goes_on(host, 2);
    let begun = host.sh("date +%s");

    let site = [
        "accounts_postfix_password",
        "accounts_dovecot_password",
        "roundcube_database_password",
        "postfixadmin_database_password",
    ]
    .into_iter()
    .fold(site, rotated);
    let check = site.mailprov(&["apply", "--check", "--output", "json"]).exits(4);
    // Cut short: the accounts have both passwords, and nothing that uses them has the new one.
    site.mailprov(&["apply", "--role", "accounts"]).exits(0);
    let old = "SELECT COUNT(*) FROM mysql.global_priv WHERE Priv LIKE '%authentication_string%authentication_string%' AND User IN";
    assert_eq!(host.sh(&format!("mariadb -N -e \"{old} ({ACCOUNTS})\"")), "2");
    assert!(
        check
            .steps_not(&["converged"])
            .iter()
            .any(|step| step.ends_with("accounts/dovecot-user.afterwards"))
    );
    applied(|words| site.mailprov(words));
    assert_eq!(
        host.sh(&format!("mariadb -N -e \"{old} ({ACCOUNTS})\"")),
        "0",
        "the former passwords are gone"
    );

    goes_on(host, 3);
    host.sh("touch /root/stop");
    until("the load ends", || {
        host.succeeds("! systemctl is-active -q load-one.service load-two.service")
    });
    assert_eq!(host.sh("cat /root/failed"), "", "no login and no mail failed");
    let journal = host.sh(&format!(
        "journalctl --since @{begun} -u postfix -u 'postfix@*' -u dovecot --no-pager -o cat | \
         grep -E 'status=deferred|temporary|Temporary|Access denied' || true"
    ));
    assert_eq!(journal, "", "no mail was deferred, no lookup failed");
    let sent: u32 = CLIENTS.iter().map(|client| done(host, client)).sum();
    let sent = sent.to_string();
    until("all mail arrives", || {
        host.sh("grep -rl load-token /var/vmail/example.org/alice/Maildir/new /var/vmail/example.org/alice/Maildir/cur | wc -l") == sent
    });
    site
}
