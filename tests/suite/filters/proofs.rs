//! What both filters have to do, with a server elsewhere and a person's mail program.

use super::client::{imap, other_server};
use crate::support::{TestHost, until};

/// What every filter takes for spam.
pub const GTUBE: &str = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X";

/// Names of the attachments that [`virus`] knows: as it is, in an archive, in an archive in an archive.
pub const VIRUSES: [&str; 3] = ["eicar.txt", "one.zip", "two.zip"];

/// The file of the message with `token` in bob's `folder` (`""`: the inbox), when it is there.
pub fn file(host: &TestHost, folder: &str, token: &str) -> Option<String> {
    let found = host.sh(&format!(
        "cd /var/vmail/example.org/bob/Maildir/{folder} 2>/dev/null && grep -rl {token} new cur | head -n 1 || true"
    ));
    (!found.is_empty()).then(|| format!("/var/vmail/example.org/bob/Maildir/{folder}/{found}"))
}

/// The message with `token`, when it is in bob's `folder`.
#[track_caller]
pub fn arrives(host: &TestHost, folder: &str, token: &str) -> String {
    until(&format!("{token} in `{folder}` of bob"), || {
        file(host, folder, token).is_some()
    });
    host.sh(&format!("cat '{}'", file(host, folder, token).unwrap()))
}

/// Hands in EICAR as the attachment `name`; the refusal when there is one.
pub fn virus(host: &TestHost, name: &str) -> Result<(), String> {
    virus_to(host, "bob@example.org", name)
}

fn virus_to(host: &TestHost, to: &str, name: &str) -> Result<(), String> {
    let eicar = r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*";
    host.sh(&format!(
        "mkdir -p /srv/virus && cd /srv/virus && [ -e two.zip ] || {{ printf %s '{eicar}' >eicar.txt
         python3 -c 'import zipfile as z
for archive, content in ((\"one.zip\", \"eicar.txt\"), (\"two.zip\", \"one.zip\")):
    with z.ZipFile(archive, \"w\") as file: file.write(content)'; }}"
    ));
    let encoded = host.sh(&format!("base64 /srv/virus/{name}"));
    let message = with_attachments("virus-token", &[(name, &encoded)]);
    other_server(host, "carol@fine.example", to, &message)
}

/// The filter looks at mail of every domain, not of the first one alone. Where there is a mailbox erik@example.net.
pub fn of_another_domain(host: &TestHost, filter: &str) {
    const ERIK: &str = "erik@example.net";
    let maildir = "/var/vmail/example.net/erik/Maildir";
    let token = format!("net-spam-{filter}");
    let spam = format!("From: carol@fine.example\r\nTo: {ERIK}\r\nSubject: {token}\r\n\r\n{GTUBE}\r\n");
    other_server(host, "carol@fine.example", ERIK, &spam).unwrap();
    until(&format!("{token} is in erik's Junk"), || {
        host.succeeds(&format!("grep -rqs {token} {maildir}/Junk"))
    });
    let blocked = || host.sh("find /var/lib/amavis/virusmails -name 'virus-*' 2>/dev/null | wc -l");
    let before = blocked();
    match virus_to(host, ERIK, "eicar.txt") {
        Err(refused) => assert!(refused.contains("Virus found"), "{refused}"),
        Ok(()) => until("the virus is in quarantine", || blocked() != before),
    }
    assert!(!host.succeeds(&format!("grep -rqs virus-token {maildir}")));
}

/// A message to bob; of an attachment it takes the name and what it is in base64.
fn with_attachments(token: &str, attachments: &[(&str, &str)]) -> String {
    let mut message = format!(
        "From: carol@fine.example\r\nTo: bob@example.org\r\nSubject: {token}\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nlook\r\n--b"
    );
    for (name, encoded) in attachments {
        message += &format!(
            "\r\nContent-Type: application/octet-stream; name={name}\r\nContent-Transfer-Encoding: base64\r\n\
             Content-Disposition: attachment; filename={name}\r\n\r\n{}\r\n--b",
            encoded.replace('\n', "\r\n")
        );
    }
    message + "--\r\n"
}

/// Where `mail_message_size` is 50M: a message of 30 MB is delivered, and what is in it is looked at, too. What
/// becomes of the one with a virus.
pub fn large_mail(host: &TestHost, filter: &str) -> Result<(), String> {
    let large = format!("{}\n", "A".repeat(76)).repeat(400_000);
    let token = format!("large-{filter}");
    let clean = with_attachments(&token, &[("large.bin", &large)]);
    other_server(host, "carol@fine.example", "bob@example.org", &clean).unwrap();
    until(&format!("{token} reaches bob"), || {
        file(host, "", &token).is_some()
    });
    let eicar = host.sh("base64 /srv/virus/eicar.txt");
    let ill = with_attachments("virus-token", &[("large.bin", &large), ("eicar.txt", &eicar)]);
    other_server(host, "carol@fine.example", "bob@example.org", &ill)
}

/// By SPF and by DMARC.
pub fn forged_mail_is_refused(host: &TestHost) {
    let message = |from: &str| {
        format!("From: {from}\r\nTo: bob@example.org\r\nSubject: forged\r\n\r\nforged-token\r\n")
    };
    let refused =
        |sender: &str, from: &str| other_server(host, sender, "bob@example.org", &message(from)).unwrap_err();
    let spf = refused("x@forged.example", "x@forged.example");
    assert!(spf.starts_with("55") && spf.contains("SPF"), "{spf}");
    let dmarc = refused("carol@fine.example", "x@strict.example");
    assert!(dmarc.starts_with("55") && dmarc.contains("DMARC"), "{dmarc}");
}

/// A filter that listens while the sender waits refuses them all.
pub fn viruses_are_refused(host: &TestHost) {
    for name in VIRUSES {
        let refused = virus(host, name).expect_err(name);
        assert!(
            refused.starts_with("55") && refused.contains("Virus found"),
            "{name}: {refused}"
        );
    }
    assert_eq!(file(host, "", "virus-token"), None);
}

/// `filter` is the one that marks it.
pub fn spam_goes_to_junk(host: &TestHost, filter: &str) {
    let message = format!(
        "From: carol@fine.example\r\nTo: bob@example.org\r\nSubject: spam-{filter}\r\n\r\n{GTUBE}\r\n"
    );
    other_server(host, "carol@fine.example", "bob@example.org", &message).unwrap();
    let spam = arrives(host, "Junk", &format!("spam-{filter}"));
    let mark = if filter == "rspamd" {
        "X-Spam: Yes"
    } else {
        "X-Spam-Flag: YES"
    };
    assert!(spam.contains(mark), "{spam}");
}

/// How many messages the filter has learned as spam and as ham.
fn learned(host: &TestHost, filter: &str) -> (u32, u32) {
    if filter == "rspamd" {
        // What `rspamc stat` shows half a minute later.
        let counts = host
            .sh("redis-cli -s /run/redis/redis-server.sock HMGET RS learns_spam learns_ham | sed 's/^$/0/'");
        let mut counts = counts.lines().map(|count| count.parse().unwrap());
        return (counts.next().unwrap(), counts.next().unwrap());
    }
    let counts = host.sh("sudo -u amavis sa-learn --dump magic 2>/dev/null || true");
    let of = |what: &str| {
        let line = counts.lines().find(|line| line.ends_with(what));
        line.map_or(0, |line| line.split_whitespace().nth(2).unwrap().parse().unwrap())
    };
    (of("nspam"), of("nham"))
}

/// After [`spam_goes_to_junk`], whose message goes to the trash here.
pub fn moves_teach(host: &TestHost, filter: &str) {
    let token = format!("teach-{filter}");
    let message = format!(
        "From: Carol <carol@fine.example>\r\nTo: bob@example.org\r\nSubject: {token}\r\nDate: Sat, 21 Nov 2026 12:00:00 +0000\r\n\
         Message-ID: <{token}@fine.example>\r\n\r\n\
         Buy the finest watches and pills of the whole town today, and tomorrow, and for ever after\r\n"
    );
    other_server(host, "carol@fine.example", "bob@example.org", &message).unwrap();
    arrives(host, "", &token);
    let (spam, ham) = learned(host, filter);
    imap(host, "bob@example.org", "INBOX", &token, "Junk");
    assert_eq!(learned(host, filter), (spam + 1, ham), "moved to Junk: spam");
    // What is thrown away says nothing.
    imap(
        host,
        "bob@example.org",
        "Junk",
        &format!("spam-{filter}"),
        "Trash",
    );
    assert_eq!(
        learned(host, filter),
        (spam + 1, ham),
        "moved to the trash: nothing"
    );
    imap(host, "bob@example.org", "Junk", &token, "INBOX");
    assert_eq!(
        learned(host, filter),
        (spam, ham + 1),
        "moved out of Junk: ham, and no longer spam"
    );
    let program = if filter == "rspamd" {
        "learn_spam"
    } else {
        "sa-learn --spam"
    };
    let listed = host.sh("sudo -l -U vmail");
    assert!(
        listed.contains(program) && !listed.contains("ALL : ALL"),
        "{listed}"
    );
}
