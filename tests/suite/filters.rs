//! Signatures and filters of a whole mail server: what it signs verifies, what is forged is refused, spam and viruses
//! don't arrive as mail, and people teach the filter by moving mail.
//!
//! One host, one test: the packages take minutes to install.

mod client;
pub mod dns;

use crate::server::announced_is_changed;
use crate::support::{Site, TestHost, boot, until};
use client::{imap, other_server, submission};

const ALICE: &str = "what alice knows";

/// ClamAV's own signatures can't be had here: the test file's stand in for them, one by freshclam and one as it is.
const VARIABLES: &str = "\
mail_hostname: mx1.example.org
mail_admin: alice@example.org
mail_domains: [example.org, example.net]
mail_mailboxes:
  - {address: alice@example.org, password: !secret alice_password}
  - {address: bob@example.org, password: !secret bob_password}
mail_filter: amavis
mail_dkim: opendkim
mail_spf: true
mail_dmarc: true
amavis_autolearn: false
amavis_clamav_official: false
amavis_clamav_databases: ['file:///srv/extra.hsb']
amavis_clamav_signatures: ['44d88612fea8a8f36de82e1278abb02f:68:Eicar-Test-Signature']
opendkim_nameservers: [127.0.0.1]
opendkim_dnssec: false
";

#[test]
fn mail_is_signed_checked_and_filtered() {
    let host = boot("filters");
    let site = Site::new()
        .host(&host, &["mailserver"], VARIABLES)
        .secret("alice_password", ALICE)
        .secret("bob_password", "what bob knows")
        .secret("accounts_postfix_password", "a long one")
        .secret("accounts_dovecot_password", "another one");
    host.sh("echo 275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f:68:Extra.Eicar >/srv/extra.hsb");
    dns::serve(&host);
    let check = site.mailprov(&["apply", "--check", "--output", "json"]).exits(4);
    let apply = site.mailprov(&["apply", "--output", "json"]).exits(0);
    announced_is_changed(&check, &apply);
    let again = site.mailprov(&["apply", "--output", "json"]).exits(0);
    assert_eq!(again.steps_not(&["converged"]), [""; 0]);
    assert_eq!(host.sh("systemctl --failed --no-legend"), "");

    dns::publish_key(&host, "example.org");
    signatures_verify(&host);
    forged_mail_is_refused(&host);
    viruses_are_kept(&host);
    spam_goes_to_junk(&host);
    moves_teach(&host);
}

/// The file of the message with `token` in bob's `folder` (`""`: the inbox), when it is there.
fn file(host: &TestHost, folder: &str, token: &str) -> Option<String> {
    let found = host.sh(&format!(
        "cd /var/vmail/example.org/bob/Maildir/{folder} 2>/dev/null && grep -rl {token} new cur | head -n 1 || true"
    ));
    (!found.is_empty()).then(|| format!("/var/vmail/example.org/bob/Maildir/{folder}/{found}"))
}

#[track_caller]
fn arrives(host: &TestHost, folder: &str, token: &str) -> String {
    until(&format!("{token} in `{folder}` of bob"), || {
        file(host, folder, token).is_some()
    });
    host.sh(&format!("cat '{}'", file(host, folder, token).unwrap()))
}

fn signatures_verify(host: &TestHost) {
    submission(
        host,
        "alice@example.org",
        ALICE,
        "bob@example.org",
        "signed-token",
    );
    let sent = arrives(host, "", "signed-token");
    assert!(sent.contains("d=example.org; s=mail;"), "{sent}");
    // Once more, as another server would hand it on: now it is checked, not signed.
    let (_, message) = sent.split_at(sent.find("DKIM-Signature:").unwrap());
    let resent = message.replace('\n', "\r\n");
    host.sh("rm -rf /var/vmail/example.org/bob/Maildir/new/* /var/vmail/example.org/bob/Maildir/cur/*");
    other_server(host, "carol@fine.example", "bob@example.org", &resent).unwrap();
    let checked = arrives(host, "", "signed-token");
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

fn forged_mail_is_refused(host: &TestHost) {
    let message = |from: &str| {
        format!("From: {from}\r\nTo: bob@example.org\r\nSubject: forged\r\n\r\nforged-token\r\n")
    };
    let refused =
        |sender: &str, from: &str| other_server(host, sender, "bob@example.org", &message(from)).unwrap_err();
    let spf = refused("x@forged.example", "x@forged.example");
    assert!(spf.starts_with("550 5.7.23"), "{spf}");
    let dmarc = refused("carol@fine.example", "x@strict.example");
    assert!(
        dmarc.starts_with("550 5.7.1") && dmarc.contains("DMARC"),
        "{dmarc}"
    );
}

fn viruses_are_kept(host: &TestHost) {
    let eicar = r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*";
    host.sh(&format!(
        "cd /srv && printf %s '{eicar}' >eicar.txt && 7z a one.zip eicar.txt >/dev/null && 7z a two.zip one.zip >/dev/null"
    ));
    for (count, name) in ["eicar.txt", "one.zip", "two.zip"].iter().enumerate() {
        let encoded = host.sh(&format!("base64 /srv/{name}")).replace('\n', "\r\n");
        let message = format!(
            "From: carol@fine.example\r\nTo: bob@example.org\r\nSubject: virus-token\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nlook\r\n--b\r\n\
             Content-Type: application/octet-stream; name={name}\r\nContent-Transfer-Encoding: base64\r\n\
             Content-Disposition: attachment; filename={name}\r\n\r\n{encoded}\r\n--b--\r\n"
        );
        other_server(host, "carol@fine.example", "bob@example.org", &message).unwrap();
        until(&format!("{name} in quarantine"), || {
            host.sh("find /var/lib/amavis/virusmails -name 'virus-*' | wc -l") == (count + 1).to_string()
        });
    }
    let blocked = host.sh("journalctl -b -u amavis --no-pager -o cat | grep -c 'Blocked INFECTED'");
    assert_eq!(blocked, "3");
    assert_eq!(file(host, "", "virus-token"), None);
}

fn spam_goes_to_junk(host: &TestHost) {
    let gtube = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X";
    let message =
        format!("From: carol@fine.example\r\nTo: bob@example.org\r\nSubject: spam-token\r\n\r\n{gtube}\r\n");
    other_server(host, "carol@fine.example", "bob@example.org", &message).unwrap();
    let spam = arrives(host, "Junk", "spam-token");
    assert!(spam.contains("X-Spam-Flag: YES"), "{spam}");
}

/// How many messages SpamAssassin has learned as spam and as ham.
fn learned(host: &TestHost) -> (u32, u32) {
    let counts = host.sh("sudo -u amavis sa-learn --dump magic 2>/dev/null || true");
    let of = |what: &str| {
        let line = counts.lines().find(|line| line.ends_with(what));
        line.map_or(0, |line| line.split_whitespace().nth(2).unwrap().parse().unwrap())
    };
    (of("nspam"), of("nham"))
}

fn moves_teach(host: &TestHost) {
    let message = "From: carol@fine.example\r\nTo: bob@example.org\r\nSubject: teach-token\r\n\r\nBuy the finest watches and pills of the whole town today\r\n";
    other_server(host, "carol@fine.example", "bob@example.org", message).unwrap();
    arrives(host, "", "teach-token");
    assert_eq!(learned(host), (0, 0));
    imap(host, "bob@example.org", "INBOX", "teach-token", "Junk");
    assert_eq!(learned(host), (1, 0), "moved to Junk: spam");
    // What is thrown away says nothing.
    imap(host, "bob@example.org", "Junk", "spam-token", "Trash");
    assert_eq!(learned(host), (1, 0), "moved to the trash: nothing");
    imap(host, "bob@example.org", "Junk", "teach-token", "INBOX");
    assert_eq!(
        learned(host),
        (0, 1),
        "moved out of Junk: ham, and no longer spam"
    );
    let listed = host.sh("sudo -l -U vmail");
    assert!(
        listed.contains("sa-learn --spam") && !listed.contains("ALL : ALL"),
        "{listed}"
    );
}
