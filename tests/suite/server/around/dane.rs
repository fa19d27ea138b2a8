//! Mail to a domain that publishes its server's key (DANE, RFC 7672) goes to who has that key, and to nobody else.

use super::relays::{hears, listens, send};
use crate::support::{TestHost, until};

/// A name server that says that it has checked all its answers. Both names lead to the server that `relays` has; only
/// the first one's key is that server's.
const SIGNED: &str = r"
import hashlib, socket, struct, subprocess
certificate = '/etc/ssl/mailprov/mx1.example.org/fullchain.pem'
key = subprocess.run('openssl x509 -noout -pubkey -in %s | openssl pkey -pubin -outform DER' % certificate,
                     shell=True, check=True, capture_output=True).stdout
published = bytes([3, 1, 1])
records = {
    ('right.example', 1): bytes([127, 0, 0, 1]),
    ('wrong.example', 1): bytes([127, 0, 0, 1]),
    ('_2525._tcp.right.example', 52): published + hashlib.sha256(key).digest(),
    ('_2525._tcp.wrong.example', 52): published + hashlib.sha256(b'another').digest(),
}
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(('127.0.0.1', 53))
while True:
    query, client = server.recvfrom(4096)
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode())
        at += query[at] + 1
    kind = struct.unpack('>H', query[at + 1:at + 3])[0]
    data = records.get(('.'.join(labels).lower(), kind))
    answer = b'' if data is None else struct.pack('>HHHIH', 0xc00c, kind, 1, 60, len(data)) + data
    # An answer, recursion wanted and available, authenticated.
    head = query[:2] + struct.pack('>HHHHH', 0x81a0, 1, 0 if data is None else 1, 0, 0)
    server.sendto(head + query[12:at + 5] + answer, client)
";

const VARIABLES: &str = "\
postfix_outbound_tls: dane
postfix_transports: {right.example: 'smtp:[right.example]:2525', wrong.example: 'smtp:[wrong.example]:2525'}
";

pub fn is_honoured(host: &TestHost) {
    listens(host);
    super::site(host, &format!("{}{VARIABLES}", super::VARIABLES))
        .mailprov(&["apply"])
        .exits(0);
    host.sh(&format!(
        "cat >/run/signed.py <<'END'\n{SIGNED}\nEND\nsystemctl stop dns; systemd-run -q --unit=signed python3 /run/signed.py
         cp /etc/resolv.conf /etc/resolv.conf.dnsmasq; printf 'nameserver 127.0.0.1\\noptions trust-ad\\n' >/etc/resolv.conf"
    ));
    until("the signed answers", || {
        host.succeeds("getent ahostsv4 right.example")
    });
    // Its own copy of where names are asked for.
    host.sh("systemctl restart postfix");
    send(host, "someone@right.example");
    let heard = hears(host);
    assert!(heard.contains("RCPT TO:<someone@right.example>"), "{heard}");
    assert!(host.succeeds(
        "journalctl -b -u postfix | grep -q 'Verified TLS connection established to right.example'"
    ));
    send(host, "someone@wrong.example");
    until("the refusal of another's key", || {
        host.succeeds("postqueue -p | grep -q 'not trusted\\|not verified'")
    });
    assert!(!host.succeeds("grep -q RCPT /run/smarthost"));
    host.sh(
        "postsuper -d ALL; systemctl stop signed; cat /etc/resolv.conf.dnsmasq >/etc/resolv.conf
             systemd-run --quiet --unit=dns dnsmasq -k -C /etc/dns.conf; systemctl restart postfix",
    );
}
