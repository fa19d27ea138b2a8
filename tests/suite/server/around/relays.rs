//! Smarthosts: which mail goes where, and that a password is told only to whom it is for.

use super::smtp::{logged_in, say};
use crate::support::{Site, TestHost, until};

/// A server on the host that takes any mail after any login, and writes down what it hears. Its certificate is the
/// server's own, whose issuer nobody knows.
const SMARTHOST: &str = r#"
import base64, socket, ssl
folder = '/etc/ssl/mailprov/mx1.example.org'
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(folder + '/fullchain.pem', folder + '/key.pem')
heard = open('/run/smarthost', 'a', buffering=1)
server = socket.create_server(('127.0.0.1', 2525))
while True:
    client, _ = server.accept()
    secure = False
    try:
        client.sendall(b'220 smarthost\r\n')
        lines = client.makefile('rb')
        while line := lines.readline().decode().strip():
            word = line.split()[0].upper()
            if word == 'STARTTLS':
                client.sendall(b'220 go\r\n')
                client = context.wrap_socket(client, server_side=True)
                lines, secure = client.makefile('rb'), True
                continue
            if word == 'EHLO':
                client.sendall(b'250-smarthost\r\n' + (b'250-AUTH PLAIN\r\n' if secure else b'250-STARTTLS\r\n') + b'250 8BITMIME\r\n')
                continue
            if word == 'AUTH':
                heard.write('AUTH ' + base64.b64decode(line.split()[2]).decode().replace('\0', ' ') + '\n')
                client.sendall(b'235 yes\r\n')
                continue
            heard.write(line + '\n')
            if '<unknown@' in line:
                client.sendall(b'550 5.1.1 nobody of that name\r\n')
                continue
            client.sendall(b'354 go\r\n' if word == 'DATA' else b'250 yes\r\n')
            if word == 'DATA':
                while lines.readline() not in (b'.\r\n', b''):
                    pass
                client.sendall(b'250 taken\r\n')
            if word == 'QUIT':
                break
    except OSError:
        pass
    client.close()
"#;

const RELAYS: &str = "\
postfix_relayhost: '[127.0.0.1]:2525'
postfix_relay_user: mx1
postfix_relay_password: !secret server_password
postfix_sender_relays:
  - {domain: example.org, host: '[mx1.example.org]:2525', user: 'us.er', password: !secret domain_password}
postfix_transports: {other.example: 'smtp:[127.0.0.1]:2525'}
";
const OF_SERVER: &str = "of the server";
const OF_DOMAIN: &str = "tell #nobody: this";

/// Starts the server, unless it runs.
pub fn listens(host: &TestHost) {
    host.sh(&format!(
        "cat >/run/smarthost.py <<'END'\n{SMARTHOST}\nEND
         systemctl -q is-active smarthost || systemd-run -q --unit=smarthost python3 /run/smarthost.py"
    ));
}

pub fn take_their_way(host: &TestHost, plain: &Site) {
    listens(host);
    let site = super::site(host, &format!("{}{RELAYS}", super::VARIABLES))
        .secret("server_password", OF_SERVER)
        .secret("domain_password", OF_DOMAIN);
    site.mailprov(&["apply"]).exits(0);
    site.mailprov(&["apply", "--check"]).exits(0);
    assert_eq!(
        host.sh("stat -c '%a %U' /etc/postfix/relay-passwords"),
        "600 root"
    );
    // Who its certificate is from nobody knows: the password stays here, and so does the mail.
    send(host, "someone@foreign.example");
    until("the refusal of an unknown certificate", || {
        host.succeeds("postqueue -p | grep -q 'not trusted\\|not verified'")
    });
    let heard = host.sh("cat /run/smarthost; : >/run/smarthost");
    assert!(!heard.contains("AUTH") && !heard.contains("MAIL"), "{heard}");
    let set = ["apply", "--set", "postfix_relay_tls=encrypt"];
    site.mailprov(&set).exits(0);
    host.sh("postqueue -f");
    let heard = hears(host);
    assert!(heard.contains(&format!("AUTH  us.er {OF_DOMAIN}\n")), "{heard}");
    assert!(
        heard.contains("MAIL FROM:<alice@example.org>")
            && heard.contains("RCPT TO:<someone@foreign.example>"),
        "{heard}"
    );
    // Everybody else's mail goes the server's way, with the server's password.
    host.sh("printf 'Subject: other\\n\\nx\\n' | sendmail -f root@mx1.example.org someone@foreign.example");
    let heard = hears(host);
    assert!(heard.contains(&format!("AUTH  mx1 {OF_SERVER}\n")), "{heard}");
    // Whoever else asks for a password hears none.
    send(host, "someone@other.example");
    let heard = hears(host);
    assert!(!heard.contains("AUTH"), "{heard}");
    // What is refused there comes back.
    send(host, "unknown@other.example");
    until("the bounce", || {
        let inbox = "/var/vmail/example.org/alice/Maildir";
        host.succeeds(&format!(
            "grep -rqs 'nobody of that name' {inbox}/new {inbox}/cur"
        ))
    });
    hears(host);
    plain.mailprov(&["apply"]).exits(0);
    assert!(
        !host.succeeds("ls /etc/postfix/relay-passwords"),
        "no password is left"
    );
}

/// What the smarthost heard since it was last asked, when it has one more message and nothing waits.
#[track_caller]
pub fn hears(host: &TestHost) -> String {
    until("mail at the smarthost", || {
        host.succeeds("grep -q QUIT /run/smarthost") && host.sh("postqueue -p") == "Mail queue is empty"
    });
    let heard = host.sh("cat /run/smarthost; : >/run/smarthost");
    format!("{heard}\n")
}

pub fn send(host: &TestHost, to: &str) {
    let mut connection = logged_in(host);
    let recipient = format!("RCPT TO:<{to}>");
    for line in ["MAIL FROM:<alice@example.org>", &recipient, "DATA"] {
        let said = say(&mut connection, line);
        assert!(said.starts_with(['2', '3']), "{line}: {said}");
    }
    let said = say(&mut connection, "Subject: relayed\r\n\r\nx\r\n.");
    assert!(said.starts_with("250"), "{said}");
}
