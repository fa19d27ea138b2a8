//! Others' mail programs: a server that hands mail in on 25, a person who sends on 587 and moves mail over IMAP.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{Message, SmtpTransport, Transport as _};

use crate::support::TestHost;

/// Hands a message in on 25, from another machine; the refusal when there is one.
pub fn other_server(host: &TestHost, from: &str, to: &str, message: &str) -> Result<(), String> {
    let stream = TcpStream::connect((host.address(), 25)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
    let mut replies = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    let mut say = |words: &str| {
        if !words.is_empty() {
            stream.write_all(format!("{words}\r\n").as_bytes()).unwrap();
        }
        loop {
            let mut line = String::new();
            replies.read_line(&mut line).unwrap();
            assert!(line.len() > 3, "the server hung up after `{words}`");
            if line.as_bytes()[3] == b' ' {
                let refused = !line.starts_with(['2', '3']);
                return if refused { Err(line) } else { Ok(()) };
            }
        }
    };
    say("")?;
    say("EHLO fine.example")?;
    say(&format!("MAIL FROM:<{from}>"))?;
    say(&format!("RCPT TO:<{to}>"))?;
    say("DATA")?;
    // The last line's end is the first of the end of data.
    say(&format!("{}\r\n.", message.trim_end()))?;
    say("QUIT")
}

/// Sends a message on 587 after a login.
pub fn submission(host: &TestHost, from: &str, password: &str, to: &str, token: &str) {
    let message = Message::builder()
        .from(from.parse().unwrap())
        .to(to.parse().unwrap())
        .subject(token)
        .body("what people write\r\n".to_owned())
        .unwrap();
    let tls = TlsParameters::builder("mx1.example.org".to_owned())
        .dangerous_accept_invalid_certs(true)
        .build_rustls()
        .unwrap();
    SmtpTransport::builder_dangerous(host.address().to_string())
        .port(587)
        .tls(Tls::Required(tls))
        .credentials(Credentials::new(from.to_owned(), password.to_owned()))
        .timeout(Some(Duration::from_secs(120)))
        .build()
        .send(&message)
        .unwrap();
}

/// Moves the message with `token` in its subject from one folder to another, in an IMAP session on the host.
pub fn imap(host: &TestHost, user: &str, from: &str, token: &str, to: &str) {
    let number = host.sh(&format!(
        "doveadm search -u {user} mailbox {from} subject {token} | wc -l; doveadm fetch -u {user} seq mailbox {from} subject {token}"
    ));
    let number = number.split_whitespace().last().unwrap();
    let said = host.sh(&format!(
        "printf 'a SELECT {from}\\r\\nb MOVE {number} {to}\\r\\nc LOGOUT\\r\\n' | doveadm exec imap -u {user} 2>&1"
    ));
    assert!(said.contains("b OK"), "{said}");
}
