//! The tutorial's server is taken away whole and made again: nothing of ours is left in between, and mail, keys,
//! passwords and certificates are there afterwards.

use super::Operator;
use crate::server::gone::nothing_is_left;
use crate::support::provider::Provided;

/// What a person would miss.
const KEPT: [&str; 4] = [
    "/var/vmail/example.org/alice/Maildir",
    "/etc/dkimkeys/example.org/mail.private",
    "/etc/ssl/mailprov/mx1.example.org/key.pem",
    "/var/lib/mysql/postfixadmin",
];

/// On a server that has had certbot, too, and after the how-tos: their message `the day before` is in the mailbox.
pub fn loses_nothing(host: &Provided, operator: &Operator) {
    let kept = || {
        host.sh(&format!(
            "stat -c '%n %i %U' {}; sha256sum {} {}",
            KEPT.join(" "),
            KEPT[1],
            KEPT[2]
        ))
    };
    let before = kept();
    let roles = ["mailserver", "firewall", "fail2ban", "upgrades"]
        .map(|role| format!("{{role: {role}, state: absent}}"))
        .join(", ");
    let edit = format!(
        "sed -e 's/mail_certificates: local/mail_certificates: letsencrypt/' -e 's/^    roles: .*/    roles: [{roles}]/' inventory.yaml >gone.yaml"
    );
    let said = |command: &str, code: i32| {
        let (said, ended) = operator.types(command, host);
        assert_eq!(ended, code, "{command}: {}", said.join("\n"));
        said
    };
    said(&edit, 0);
    let check = said("mailprov apply gone.yaml --check", 4);
    let apply = said("mailprov apply gone.yaml", 0);
    assert_eq!(counts(&apply), counts(&check), "{}", apply.join("\n"));
    said("mailprov apply gone.yaml --check", 0);
    nothing_is_left(host);
    assert_eq!(kept(), before);

    said("mailprov apply inventory.yaml", 0);
    said("mailprov apply inventory.yaml --check", 0);
    assert_eq!(kept(), before);
    host.sh("doveadm auth test alice@example.org \"$(cat /root/old.txt)\"");
    assert_eq!(
        super::howto::count(host, "alice", "mailbox INBOX subject 'the day before'"),
        1
    );
    super::mail_flows(host, operator);
}

/// The numbers of a summary: converged, to change or changed, to remove or removed.
fn counts(said: &[String]) -> Vec<&str> {
    let summary = said
        .iter()
        .rev()
        .find(|line| line.starts_with("mx1.example.org  ") && line.contains(" converged"));
    let words = summary.map(|line| line.split(' ')).into_iter().flatten();
    words.filter(|word| word.parse::<usize>().is_ok()).collect()
}
