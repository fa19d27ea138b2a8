//! What the how-tos do by hand, done on the tutorial's server: what was saved is put back, mail is copied from another
//! server, a certificate is made anew.

use super::Operator;
use crate::support::provider::Provided;
use crate::support::until;

pub fn are_true(host: &Provided, operator: &Operator) {
    let password = operator.types("mailprov secrets get alice_password", host).0;
    host.sh(&format!("printf '%s\\n' '{}' >/root/old.txt", password.join("")));
    is_restored(host, operator);
    somebody_gets_their_mail(host);
    is_copied(host);
    certificate_is_made_anew(host, operator);
}

#[track_caller]
fn applies(host: &Provided, operator: &Operator) {
    let (said, code) = operator.types("mailprov apply inventory.yaml", host);
    assert_eq!(code, 0, "{}", said.join("\n"));
}

/// A message comes into a mailbox.
fn arrives(host: &Provided, mailbox: &str, subject: &str) {
    host.sh(&format!(
        "printf 'Subject: {subject}\\n\\n{subject}\\n' | doveadm save -u {mailbox}@example.org"
    ));
}

/// How often a message is in a mailbox, or in a folder of it.
pub fn count(host: &Provided, mailbox: &str, query: &str) -> usize {
    let found = host.sh(&format!("doveadm search -u {mailbox}@example.org {query}"));
    found.lines().count()
}

fn is_restored(host: &Provided, operator: &Operator) {
    arrives(host, "alice", "kept");
    host.sh("cd /root && mkdir -p /etc/dkimkeys && echo key >/etc/dkimkeys/key
         mariadb-dump --single-transaction postfixadmin >postfixadmin.sql
         tar -C / -cf vmail.tar var/vmail && tar -C / -cf dkimkeys.tar etc/dkimkeys
         systemctl stop postfix dovecot
         rm -r /var/vmail/example.org /etc/dkimkeys && mariadb -e 'DROP DATABASE postfixadmin'");
    applies(host, operator);
    assert_eq!(count(host, "alice", "subject kept"), 0);
    for command in [
        "systemctl stop postfix dovecot",
        "mariadb postfixadmin < postfixadmin.sql",
        "tar -C / -xpf vmail.tar",
        "tar -C / -xpf dkimkeys.tar",
        "chown -R vmail:vmail /var/vmail",
    ] {
        host.sh(&format!("cd /root && {command}"));
    }
    applies(host, operator);
    host.sh("systemctl is-active postfix dovecot && grep -q key /etc/dkimkeys/key");
    host.sh("doveadm auth test alice@example.org \"$(cat /root/old.txt)\"");
    assert_eq!(count(host, "alice", "subject kept"), 1);
}

fn somebody_gets_their_mail(host: &Provided) {
    for command in [
        "tar -C /tmp -xpf vmail.tar var/vmail/example.org/alice",
        "doveadm import -u alice@example.org maildir:/tmp/var/vmail/example.org/alice/Maildir restored all",
    ] {
        host.sh(&format!("cd /root && {command}"));
    }
    assert_eq!(count(host, "alice", "mailbox restored/INBOX subject kept"), 1);
    assert_eq!(count(host, "alice", "mailbox INBOX subject kept"), 1);
}

/// From another server, for which this one stands itself, with another mailbox.
fn is_copied(host: &Provided) {
    host.sh(
        "cp /etc/ssl/mailprov/mx1.example.org/fullchain.pem /usr/local/share/ca-certificates/old.crt
         update-ca-certificates >/dev/null 2>&1
         mariadb postfixadmin -e \"INSERT INTO mailbox
             (username, password, name, maildir, quota, local_part, domain, active)
             SELECT 'old@example.org', password, name, 'example.org/old/', quota, 'old', domain, active
             FROM mailbox WHERE username = 'alice@example.org'\"
         rm -r /var/vmail/example.org/alice
         cd /root && cat >old.conf <<END
imapc_host = mx1.example.org
imapc_ssl = imaps
imapc_port = 993
imapc_user = old@example.org
imapc_password = \"$(cat old.txt)\"
END",
    );
    host.sh("cd /root && umask 077; cat /etc/dovecot/dovecot.conf old.conf >copy.conf");
    let copied = |subject: &str| {
        host.sh("cd /root && doveadm -c copy.conf sync -1 -R -u alice@example.org imapc: 2>&1");
        count(host, "alice", &format!("mailbox INBOX subject '{subject}'"))
    };
    arrives(host, "old", "days before");
    assert_eq!(copied("days before"), 1);
    arrives(host, "old", "the day before");
    assert_eq!(copied("the day before"), 1);
    assert_eq!(copied("days before"), 1, "no message twice");
    // Why the page says that the last copy comes before the first mail.
    arrives(host, "alice", "too early");
    arrives(host, "old", "too late");
    assert_eq!(copied("too late"), 0);
    assert_eq!(count(host, "alice", "mailbox INBOX subject 'too early'"), 1);
}

fn certificate_is_made_anew(host: &Provided, operator: &Operator) {
    let shown = || host.sh("openssl x509 -noout -serial </etc/ssl/mailprov/mx1.example.org/fullchain.pem");
    let before = shown();
    let reached = format!(
        "ssh -i ~/.ssh/id_ed25519 -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o HostName={} ",
        host.address()
    );
    let does = |command: &str| {
        let (said, code) = operator.types(&command.replacen("ssh ", &reached, 1), host);
        assert_eq!(code, 0, "{}", said.join("\n"));
    };
    does("ssh admin@mx1.example.org sudo rm /etc/ssl/mailprov/mx1.example.org/fullchain.pem");
    applies(host, operator);
    does("ssh admin@mx1.example.org sudo systemctl reload postfix dovecot");
    assert_ne!(shown(), before);
    until("people see the new one", || {
        let served =
            "openssl s_client -connect localhost:993 </dev/null 2>/dev/null | openssl x509 -noout -serial";
        host.sh(served) == shown()
    });
}
