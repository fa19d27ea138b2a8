//! What SMTP refuses, and that nobody smuggles a second message into a first.

use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{SmtpConnection, TlsParameters};
use lettre::transport::smtp::extension::ClientId;

use super::dialogue;
use crate::server::example::ALICE;
use crate::support::{TestHost, until};

/// A dialogue of a listed client, for a shell.
pub const LISTED: &str = r#"exec 3<>/dev/tcp/192.0.2.1/25
hear() { while read -t 60 x <&3; do echo "$x"; case $x in [0-9][0-9][0-9]\ *) break ;; esac; done; }
hear
for w in 'EHLO fine.example' 'MAIL FROM:<x@fine.example>' 'RCPT TO:<bob@example.org>' QUIT; do printf '%s\r\n' "$w" >&3; hear; done"#;

/// One that would have mail relayed, over IPv6.
pub const SIX: &str = r#"exec 3<>/dev/tcp/SERVER/25
read -t 60 x <&3
for w in 'HELO fine.example' 'MAIL FROM:<x@fine.example>' 'RCPT TO:<someone@foreign.example>' QUIT; do
printf '%s\r\n' "$w" >&3; read -t 60 x <&3; echo "$x"; done"#;

/// Hands a message in on 25.
#[track_caller]
pub fn deliver(host: &TestHost, to: &str, token: &str) {
    let said = dialogue(
        host,
        25,
        &[
            "EHLO fine.example",
            "MAIL FROM:<carol@fine.example>",
            &format!("RCPT TO:<{to}>"),
            "DATA",
            &format!("Subject: {token}\r\n\r\n{token}\r\n."),
            "QUIT",
        ],
    );
    assert!(said.len() == 7 && said[5].starts_with("250"), "{to}: {said:?}");
}

pub fn nothing_is_relayed(host: &TestHost) {
    let recipients = [
        "user@foreign.example",
        "user%foreign.example@example.org",
        "user%foreign.example",
        "\"user@foreign.example\"",
        "\"user@foreign.example\"@example.org",
        "foreign.example!user",
        "foreign.example!user@example.org",
        "user@foreign.example@example.org",
        "@example.org:user@foreign.example",
        "user@[192.0.2.8]",
        "user@foreign.example.",
        "nobody-at-all@example.org",
    ];
    for sender in ["", "x@fine.example", "alice@example.org"] {
        for recipient in recipients {
            let said = dialogue(
                host,
                25,
                &[
                    "EHLO fine.example",
                    &format!("MAIL FROM:<{sender}>"),
                    &format!("RCPT TO:<{recipient}>"),
                    "QUIT",
                ],
            );
            assert!(
                said[3].starts_with('5'),
                "from <{sender}> to <{recipient}>: {said:?}"
            );
        }
    }
    assert_eq!(host.sh("postqueue -p"), "Mail queue is empty");
}

pub fn clients_behave(host: &TestHost) {
    let plain = "AUTH PLAIN AGFsaWNlAHdoYXQ=";
    for port in [25, 587] {
        let said = dialogue(host, port, &["EHLO fine.example", plain, "QUIT"]);
        assert!(
            !said[1].contains("AUTH") && said[2].starts_with('5'),
            "{port}: {said:?}"
        );
    }
    let said = dialogue(host, 587, &["EHLO fine.example", "MAIL FROM:<alice@example.org>"]);
    assert!(said[2].starts_with("530"), "{said:?}");
    let refused: [(&str, &[&str]); 5] = [
        (
            "504",
            &["EHLO nonsense", "MAIL FROM:<>", "RCPT TO:<bob@example.org>"],
        ),
        ("504", &["EHLO _", "MAIL FROM:<>", "RCPT TO:<bob@example.org>"]),
        (
            "450",
            &[
                "EHLO fine.example",
                "MAIL FROM:<x@nowhere.example>",
                "RCPT TO:<bob@example.org>",
            ],
        ),
        (
            "503",
            &["MAIL FROM:<x@fine.example>", "RCPT TO:<bob@example.org>"],
        ),
        ("502", &["EHLO fine.example", "VRFY bob"]),
    ];
    for (code, lines) in refused {
        let said = dialogue(host, 25, lines);
        assert!(said.last().unwrap().starts_with(code), "{code}: {said:?}");
    }
    // All at once, without waiting for an answer.
    let hasty = dialogue(
        host,
        25,
        &[
            "\u{0}HELO fine.example",
            "\u{0}MAIL FROM:<>",
            "\u{0}RCPT TO:<bob@example.org>",
        ],
    );
    assert!(
        hasty
            .iter()
            .any(|line| line.contains("5.5.0 Error: SMTP protocol synchronization")),
        "{hasty:?}"
    );
    deliver(host, "alice+shop@example.org", "detail-token");
    until("mail to a person's own suffix", || {
        host.succeeds("grep -rqs detail-token /var/vmail/example.org/alice/Maildir/new")
    });
}

/// Ends of data that some servers take for one (CVE-2023-51764): each stays inside its message. `maildir`: of `to`.
pub fn smuggling_is_none(host: &TestHost, to: &str, maildir: &str) {
    for (number, end) in [
        "\n.\n", "\r\n.\n", "\n.\r\n", "\r.\r", "\r\n.\r", "\r.\r\n", "\n.\r",
    ]
    .iter()
    .enumerate()
    {
        let inner = format!(
            "MAIL FROM:<x@fine.example>\r\nRCPT TO:<{to}>\r\nDATA\r\nSubject: smuggled-{number}\r\n\r\nsmuggled\r\n."
        );
        let said = dialogue(
            host,
            25,
            &[
                "EHLO fine.example",
                "MAIL FROM:<>",
                &format!("RCPT TO:<{to}>"),
                "DATA",
                &format!("Subject: outer-{number}\r\n\r\nouter{end}{inner}"),
                "QUIT",
            ],
        );
        assert_eq!(said.len(), 7, "one answer to {end:?}: {said:?}");
        if !said[5].starts_with("250") {
            continue;
        }
        let of = |word: &str| {
            host.sh(&format!(
                "grep -rls --include='[0-9]*' '^Subject: {word}-{number}' {maildir} | grep -v /tmp/ || true"
            ))
        };
        until(&format!("the message around {end:?}"), || !of("outer").is_empty());
        assert_eq!(of("smuggled"), of("outer"), "{end:?} ends no message");
    }
}

/// A session on 587, logged in as alice.
pub fn logged_in(host: &TestHost) -> SmtpConnection {
    let mut connection = logged_out(host);
    let credentials = Credentials::new("alice@example.org".to_owned(), ALICE.to_owned());
    connection.auth(&[Mechanism::Plain], &credentials).unwrap();
    connection
}

/// A session on 587, under TLS.
pub fn logged_out(host: &TestHost) -> SmtpConnection {
    let tls = TlsParameters::builder("mx1.example.org".to_owned())
        .dangerous_accept_invalid_certs(true)
        .build_rustls()
        .unwrap();
    let name = ClientId::Domain("laptop.example".to_owned());
    let patience = Some(std::time::Duration::from_secs(120));
    let mut connection = SmtpConnection::connect((host.address(), 587), patience, &name, None, None).unwrap();
    connection.starttls(&tls, &name).unwrap();
    connection
}

/// The answer to a line, whatever it is.
pub fn say(connection: &mut SmtpConnection, line: &str) -> String {
    match connection.command(format!("{line}\r\n")) {
        Ok(reply) => format!(
            "{} {}",
            reply.code(),
            reply.message().collect::<Vec<_>>().join(" ")
        ),
        Err(error) => format!("{error:?}"),
    }
}

pub fn senders_own_their_addresses(host: &TestHost) {
    for (sender, allowed) in [
        ("alice@example.org", true),
        ("info@example.org", true),
        ("bob@example.org", false),
        ("nobody-at-all@example.org", false),
        ("alice@foreign.example", false),
    ] {
        let mut connection = logged_in(host);
        say(&mut connection, &format!("MAIL FROM:<{sender}>"));
        let said = say(&mut connection, "RCPT TO:<bob@example.org>");
        assert_eq!(said.starts_with("250"), allowed, "{sender}: {said}");
        assert!(allowed || said.contains("not owned by user"), "{sender}: {said}");
    }
    // More in a minute than a person writes.
    let mut refused = String::new();
    for number in 0..20 {
        let mut connection = logged_in(host);
        let said = say(&mut connection, "MAIL FROM:<alice@example.org>");
        if !said.starts_with("250") {
            refused = format!("{number}: {said}");
            break;
        }
    }
    assert!(refused.contains("too much mail"), "{refused}");
}
