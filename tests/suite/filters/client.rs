//! Others' mail programs: a server that hands mail in on 25, a person who sends on 587 and moves mail over IMAP.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{IpAddr, TcpStream};
use std::time::Duration;

use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{Message, SmtpTransport, Transport as _};

use crate::support::TestHost;

/// Hands a message in on 25, from another machine; the refusal when there is one.
pub fn other_server(host: &TestHost, from: &str, to: &str, message: &str) -> Result<(), String> {
    hand_in(host.address().into(), from, to, message).unwrap()
}

/// The same, for a server that may hang up.
///
/// # Errors
/// The server went away before it had answered.
pub fn hand_in(server: IpAddr, from: &str, to: &str, message: &str) -> io::Result<Result<(), String>> {
    let stream = TcpStream::connect((server, 25))?;
    stream.set_read_timeout(Some(Duration::from_secs(120)))?;
    let mut replies = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    let mail = format!("MAIL FROM:<{from}>");
    let recipient = format!("RCPT TO:<{to}>");
    // The last line's end is the first of the end of data.
    let data = format!("{}\r\n.", message.trim_end());
    for words in ["", "EHLO fine.example", &mail, &recipient, "DATA", &data] {
        if !words.is_empty() {
            stream.write_all(format!("{words}\r\n").as_bytes())?;
        }
        loop {
            let mut line = String::new();
            if replies.read_line(&mut line)? < 4 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if line.as_bytes()[3] == b' ' {
                if !line.starts_with(['2', '3']) {
                    return Ok(Err(line));
                }
                break;
            }
        }
    }
    // What was accepted is accepted, whatever becomes of the farewell.
    let _ = stream.write_all(b"QUIT\r\n");
    Ok(Ok(()))
}

/// Sends a message on 587 after a login.
pub fn submission(host: &TestHost, from: &str, password: &str, to: &str, token: &str) {
    submitted(host, from, password, to, token, "what people write").unwrap();
}

/// The same with this text; the refusal when there is one.
pub fn submitted(
    host: &TestHost,
    from: &str,
    password: &str,
    to: &str,
    token: &str,
    text: &str,
) -> Result<(), lettre::transport::smtp::Error> {
    let message = Message::builder()
        .from(from.parse().unwrap())
        .to(to.parse().unwrap())
        .subject(token)
        .body(format!("{text}\r\n"))
        .unwrap();
    let tls = TlsParameters::builder(host.sh("hostname --fqdn"))
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
        .map(drop)
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
