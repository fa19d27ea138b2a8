//! Amavis and OpenDKIM on a server that had rspamd for both.

use super::client::{other_server, submission};
use super::proofs::{self, arrives};
use crate::profile::{Profile, secret};
use crate::support::until;

/// Over the variables of the profile.
pub const VARIABLES: &str = "\
mail_filter: amavis
mail_dkim: opendkim
amavis_autolearn: false
opendkim_nameservers: [127.0.0.1]
opendkim_dnssec: false
mail_message_size: 50M
";

/// The first proof: the ones below need it.
pub fn is_there(profile: &Profile) {
    profile.with(VARIABLES);
}

/// Mail that people send is signed; the signature of mail from elsewhere is checked.
pub fn signatures_verify(profile: &Profile) {
    let host = &profile.host;
    until("OpenDKIM finds its key in DNS", || {
        host.succeeds(
            "opendkim-testkey -x /etc/opendkim.conf -d example.org -s mail -k /etc/dkimkeys/example.org/mail.private",
        )
    });
    submission(
        host,
        "alice@example.org",
        &secret("alice_password"),
        "bob@example.org",
        "opendkim-token",
    );
    let sent = arrives(host, "", "opendkim-token");
    assert!(sent.contains("d=example.org; s=mail;"), "{sent}");
    // Once more, as another server would hand it on: now it is checked, not signed.
    let (_, message) = sent.split_at(sent.find("DKIM-Signature:").unwrap());
    let resent = message.replace('\n', "\r\n");
    host.sh("rm -rf /var/vmail/example.org/bob/Maildir/new/* /var/vmail/example.org/bob/Maildir/cur/*");
    other_server(host, "carol@fine.example", "bob@example.org", &resent).unwrap();
    let checked = arrives(host, "", "opendkim-token");
    assert!(checked.contains("dkim=pass"), "{checked}");
    assert!(checked.contains("spf=pass"), "{checked}");
    // One letter more, and it is no longer what was signed.
    other_server(
        host,
        "carol@fine.example",
        "bob@example.org",
        &resent.replace("what people write", "what nobody wrote altered-token"),
    )
    .unwrap();
    let altered = arrives(host, "", "altered-token");
    assert!(altered.contains("dkim=fail"), "{altered}");
}

/// Amavis has taken the mail before it looks: nobody is refused, `mail_admin` is told.
pub fn viruses_are_kept(profile: &Profile) {
    let host = &profile.host;
    for (count, name) in proofs::VIRUSES.iter().enumerate() {
        proofs::virus(host, name).unwrap();
        until(&format!("{name} in quarantine"), || {
            host.succeeds(&format!(
                "[ $(find /var/lib/amavis/virusmails -name 'virus-*' | wc -l) -gt {count} ]"
            ))
        });
    }
    // It says so after it has put the mail there.
    until("Amavis says of three that it blocked them", || {
        host.succeeds("[ $(journalctl -b -u amavis --no-pager -o cat | grep -c 'Blocked INFECTED') -ge 3 ]")
    });
    proofs::large_mail(host, "amavis").unwrap();
    until("the large one in quarantine", || {
        host.sh("find /var/lib/amavis/virusmails -name 'virus-*' -size +20M | wc -l") == "1"
    });
    assert_eq!(proofs::file(host, "", "virus-token"), None);
}
