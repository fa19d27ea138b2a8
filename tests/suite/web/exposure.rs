//! What the network sees of the server.

use std::collections::BTreeSet;

use crate::support::TestHost;

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
