//! Passwords of the database's accounts change while people log in and send mail: nobody notices.

use crate::server::{applied, example};
use crate::support::{Site, TestHost, until};

/// Logs in over IMAP and sends a mail by submission, again and again; writes down what failed.
const LOAD: &str = r#"
n=0
while [ ! -e /root/stop ]; do
  n=$((n + 1))
  curl --silent --show-error --insecure --max-time 60 --user "$1" -o /dev/null imaps://localhost/ 2>>/root/failed ||
    echo "IMAP, number $n" >>/root/failed
  printf 'From: alice@example.org\r\nTo: alice@example.org\r\nSubject: load %s\r\n\r\nload-token\r\n' "$n" |
    curl --silent --show-error --insecure --max-time 60 --user "$1" --mail-from alice@example.org \
      --mail-rcpt alice@example.org --upload-file - smtps://localhost:465 >/dev/null 2>>/root/failed ||
    echo "submission, number $n" >>/root/failed
  # Never empty for whoever reads it.
  echo "$n" >/root/count.new && mv /root/count.new /root/count
done
"#;

const ACCOUNTS: &str = "'postfix', 'dovecot', 'roundcube', 'postfixadmin'";

fn done(host: &TestHost) -> u32 {
    host.sh("cat /root/count 2>/dev/null || echo 0").parse().unwrap()
}

/// The operator's folder with the new passwords.
pub fn passwords_change_under_load(host: &TestHost, site: Site) -> Site {
    let alice = format!("alice@example.org:{}", example::ALICE);
    host.sh(&format!(
        "cat >/root/load.sh <<'END'\n{LOAD}\nEND\n: >/root/failed\nsystemd-run --quiet --unit=load sh /root/load.sh '{alice}'"
    ));
    until("the load begins", || done(host) >= 2);
    let begun = host.sh("date +%s");

    let site = [
        "accounts_postfix_password",
        "accounts_dovecot_password",
        "roundcube_database_password",
        "postfixadmin_database_password",
    ]
    .into_iter()
    .fold(site, |site, name| {
        site.secret(name, &format!("a new one for {name}"))
    });
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

    let then = done(host);
    until("the load goes on", || done(host) >= then + 3);
    host.sh("touch /root/stop");
    until("the load ends", || {
        host.succeeds("! systemctl is-active -q load.service")
    });
    assert_eq!(host.sh("cat /root/failed"), "", "no login and no mail failed");
    let journal = host.sh(&format!(
        "journalctl --since @{begun} -u postfix -u 'postfix@*' -u dovecot --no-pager -o cat | \
         grep -E 'status=deferred|temporary|Temporary|Access denied' || true"
    ));
    assert_eq!(journal, "", "no mail was deferred, no lookup failed");
    let sent = done(host).to_string();
    until("all mail arrives", || {
        host.sh("grep -rl load-token /var/vmail/example.org/alice/Maildir/new /var/vmail/example.org/alice/Maildir/cur | wc -l") == sent
    });
    site
}
