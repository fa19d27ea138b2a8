//! What people hand in on 465 and 587: what is left out of it, what stays, and how often they may log in.

use super::smtp::{logged_in, say};
use crate::server::example::ALICE;
use crate::support::{TestHost, until};

/// A message that alice forwards: nothing in it is hers to change.
const ATTACHED: &str = "Received: from cafe.example (unknown [198.51.100.7])\r\n\
    \tby mx.fine.example (Postfix) with ESMTPSA id 4bXyZ0123456\r\n\
    \tfor <alice@example.org>; Fri, 20 Nov 2026 10:00:00 +0000 (UTC)\r\n\
    X-Originating-IP: [198.51.100.7]\r\nUser-Agent: Attached-Program/1\r\nX-Mailer: Attached-Program/2\r\n\
    From: carol@fine.example\r\nSubject: as it was\r\n\r\nwhat carol wrote\r\n";

/// The head says neither where she sits nor what her program is. Who the visible sender is, is her word; the envelope and
/// the log say who logged in.
pub fn keeps_to_itself_where_people_sit(host: &TestHost) {
    let mut connection = logged_in(host);
    for line in [
        "MAIL FROM:<alice@example.org>",
        "RCPT TO:<bob@example.org>",
        "DATA",
    ] {
        let said = say(&mut connection, line);
        assert!(said.starts_with(['2', '3']), "{line}: {said}");
    }
    let said = say(
        &mut connection,
        &format!(
            "From: bob@example.org\r\nTo: bob@example.org\r\nSubject: private-token\r\nX-Originating-IP: [198.51.100.9]\r\n\
             User-Agent: Her-Program/1\r\nX-Mailer: Her-Program/2\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n{ATTACHED}--b--\r\n."
        ),
    );
    assert!(said.starts_with("250"), "{said}");
    let maildir = "/var/vmail/example.org/bob/Maildir";
    until("what alice sent", || {
        host.succeeds(&format!(
            "grep -rqs '^Subject: private-token' {maildir}/new {maildir}/cur"
        ))
    });
    let mail = host.sh(&format!(
        "cat \"$(grep -rls '^Subject: private-token' {maildir}/new {maildir}/cur | head -n 1)\""
    ));
    // "laptop.example" is how `logged_in` greets.
    for word in ["laptop.example", "198.51.100.9", "Her-Program"] {
        assert!(!mail.contains(word), "{word}: {mail}");
    }
    assert!(
        mail.contains("Received: by mx1.example.org (Postfix) with ESMTPSA"),
        "{mail}"
    );
    assert!(mail.contains(&ATTACHED.replace('\r', "")), "{mail}");
    assert!(mail.contains("Return-Path: <alice@example.org>"), "{mail}");
    host.sh("journalctl -b -u postfix -o cat | grep -q 'sasl_username=alice@example.org'");
}

/// Twenty times in a minute, and then not for a while; from an address of its own, so that nobody else has to wait.
pub fn limits_logins(host: &TestHost) {
    let script = format!(
        r#"
import smtplib, ssl
context = ssl._create_unverified_context()
done = 0
for attempt in range(200):
    with smtplib.SMTP_SSL('192.0.2.70', 465, context=context) as session:
        try:
            session.login('alice@example.org', {ALICE:?})
        except smtplib.SMTPException as refused:
            print(done, refused)
            break
    done += 1
"#
    );
    let said = host.sh(&format!(
        "ip address add 192.0.2.70/32 dev lo
         python3 - <<'END'\n{script}\nEND
         ip address del 192.0.2.70/32 dev lo"
    ));
    let (done, refused) = said.split_once(' ').unwrap();
    assert!(
        done.parse::<u32>().unwrap() >= 20 && refused.contains("450") && refused.contains("AUTH"),
        "{said}"
    );
}
