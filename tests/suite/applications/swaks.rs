//! Mail as swaks hands it in, over IPv4 and over IPv6.

use mailprov::host::script::quote;

use crate::server::example::ALICE;
use crate::support::{TestHost, until};

/// Addresses of the host that are none of its own networks, and how they stand in a URL.
const ADDRESSES: [(&str, &str, &str); 2] = [
    ("-4", "192.0.2.80", "192.0.2.80"),
    ("-6", "2001:db8::80", "[2001:db8::80]"),
];

/// Nothing is relayed, nothing goes in without TLS, nobody sends as somebody else; and what is sent is what is read.
pub fn hands_mail_in(host: &TestHost, bob: &str) {
    for (family, address, place) in ADDRESSES {
        host.sh(&format!("ip {family} address add {address} dev lo"));
        let swaks = |words: &str| {
            host.sh(&format!(
                "swaks {family} --server {address} --helo client.example --timeout 60 {words} 2>&1; true"
            ))
        };
        let said = swaks("--port 25 --from '<>' --to someone@foreign.example");
        assert!(
            said.contains("554 5.7.1") && said.contains("Relay access denied"),
            "{said}"
        );
        let said = swaks("--port 587 --from alice@example.org --to bob@example.org");
        assert!(said.contains("530 5.7.0 Must issue a STARTTLS"), "{said}");

        let login = format!(
            "--auth PLAIN --auth-user alice@example.org --auth-password {}",
            quote(ALICE)
        );
        let said = swaks(&format!(
            "--port 587 --tls {login} --from bob@example.org --to bob@example.org"
        ));
        assert!(
            said.contains("553 5.7.1") && said.contains("not owned by user"),
            "{said}"
        );
        let body = format!("handed in by swaks {family}");
        let said = swaks(&format!(
            "--port 465 --tlsc {login} --from alice@example.org --to bob@example.org --body '{body}'"
        ));
        assert!(said.contains("250 2.0.0 Ok: queued"), "{said}");
        let newest = format!(
            "curl --silent --globoff --insecure --max-time 60 --user {} 'imaps://{place}/INBOX;UID=*;SECTION=TEXT'",
            quote(&format!("bob@example.org:{bob}"))
        );
        until("what swaks handed in", || {
            host.sh(&format!("{newest}; true")).trim() == body
        });
        host.sh(&format!("ip {family} address del {address} dev lo"));
    }
}
