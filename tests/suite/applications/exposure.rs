//! What the network sees of the server: which ports listen, and what testssl.sh finds of those that speak TLS.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::TestHost;

/// Each with what testssl.sh is to say there first, and what it is to look at: protocols, classes of ciphers, what the
/// server says first, known weaknesses; and once for each program forward secrecy, which its library decides. Left out is
/// the list of single ciphers, which have been judged by their classes then, and take longest.
const TLS: [&str; 6] = [
    "465 -f",
    "993 -f",
    "443 -f -h",
    "25 --starttls smtp",
    "587 --starttls smtp",
    "4190 --starttls sieve",
];

/// What must have been looked at, and found good. Other findings than these may be missing where a connection failed.
const GOOD: [&str; 14] = [
    "SSLv2",
    "SSLv3",
    "TLS1_2",
    "TLS1_3",
    "cipherlist_NULL",
    "cipherlist_aNULL",
    "cipherlist_EXPORT",
    "cipherlist_LOW",
    "cert_trust",
    "cert_chain_of_trust",
    "heartbleed",
    "secure_renego",
    "ROBOT",
    "LOGJAM",
];

/// Nothing listens to others but what a mail server is for. The authority's own ports are the test's.
pub fn is_what_it_should_be(host: &TestHost) {
    let heard = host.sh("ss --no-header --listening --tcp --udp --numeric --processes | grep -v '\"pebble'");
    let ports: BTreeSet<u16> = heard
        .lines()
        .filter_map(|line| line.split_whitespace().nth(4)?.rsplit_once(':'))
        .filter(|(address, _)| !address.starts_with("127.") && *address != "[::1]")
        .map(|(_, port)| port.parse().unwrap())
        .collect();
    assert_eq!(
        ports,
        BTreeSet::from([22, 25, 80, 443, 465, 587, 993, 4190]),
        "{heard}"
    );
}

/// Begins to look at every port, three at a time. It takes minutes: see [`has_no_weakness`].
pub fn is_looked_at(host: &TestHost) {
    let ports = TLS.join("' '");
    host.sh(&format!(
        "mkdir /root/testssl && cd /root/testssl || exit 1
         cat >look <<'END'
port=$1; shift
exec testssl --quiet --color 0 --warnings batch --add-ca /usr/local/share/ca-certificates/acme-root.crt --ip 127.0.0.1 \
    --jsonfile $port.json \"$@\" -p -s -S -U mx1.example.org:$port >$port.txt 2>&1
END
         printf '%s\\n' '{ports}' >ports
         systemd-run --quiet --collect --unit=testssl --working-directory=/root/testssl --setenv=TERM=dumb \
             xargs --arg-file=ports --max-procs=3 --replace sh -c 'sh look {{}}'"
    ));
}

/// Nothing above LOW, on any port, certificates included.
pub fn has_no_weakness(host: &TestHost) {
    host.sh("timeout 1800 sh -c 'while systemctl --quiet is-active testssl; do sleep 1; done'");
    for port in TLS {
        let port = port.split(' ').next().unwrap();
        let log = || host.sh(&format!("cat /root/testssl/{port}.txt"));
        let found = host.sh(&format!("cat /root/testssl/{port}.json"));
        let found: Vec<Value> =
            serde_json::from_str(&found).unwrap_or_else(|error| panic!("{error}: {}", log()));
        let severity = |one: &Value| one["severity"].as_str().unwrap_or_default().to_owned();
        for id in GOOD {
            let good = found.iter().any(|one| one["id"] == id && severity(one) == "OK");
            assert!(good, "port {port}: {id} is not OK:\n{}", log());
        }
        let weak: Vec<&Value> = found
            .iter()
            .filter(|one| !matches!(severity(one).as_str(), "OK" | "INFO" | "LOW" | "WARN"))
            .collect();
        assert!(weak.is_empty(), "port {port}: {weak:#?}");
    }
}
