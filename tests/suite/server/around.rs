//! What stands around the mail: firewall, bans, updates, and everything that is refused. On a server made
//! from the example.

pub mod bans;
mod boxes;
mod dane;
mod relays;
pub mod smtp;
mod state;
mod submission;
mod wire;

use super::example;
use crate::support::{Site, TestHost, until};
use wire::dialogue;

/// Beside the example's own.
const VARIABLES: &str = "\
dovecot_pop3: true
dovecot_search: true
postfix_dnsbl: [dnsbl.example]
fail2ban_attempts: 3
fail2ban_within: 1h
";

/// In a minute, over 465 and 587.
const RATE: &str = "postfix_message_rate: 8\n";

pub fn holds(host: &mut TestHost) {
    crate::filters::dns::answer(host, ZONE);
    let site = site(host, &format!("{VARIABLES}{RATE}"));
    let apply = site.mailprov(&["apply", "--output", "json"]).exits(0);
    assert_ne!(apply.steps_not(&["converged"]), [""; 0]);
    let again = site.mailprov(&["apply", "--output", "json"]).exits(0);
    assert_eq!(again.steps_not(&["converged"]), [""; 0]);
    // Its own copy of where names are asked for.
    host.sh("systemctl restart postfix");
    smtp::nothing_is_relayed(host);
    smtp::clients_behave(host);
    smtp::smuggling_is_none(host, "bob@example.org", "/var/vmail/example.org/bob/Maildir");
    submission::keeps_to_itself_where_people_sit(host);
    submission::limits_logins(host);
    smtp::senders_own_their_addresses(host);
    boxes::hold(host);
    state::is_as_declared(host);
    bans::shut_out(host);
    relays::take_their_way(host, &site);
    dane::is_honoured(host);
    listed_and_hasty_clients_are_refused(host);
    comes_back_from_a_power_cut(host);
}

/// The resolver's answers: our own domains, one server that is listed, and nothing else.
const ZONE: &str = "\
host-record=fine.example,192.0.2.7
host-record=foreign.example,192.0.2.8
host-record=other.example,192.0.2.8
host-record=mx1.example.org,127.0.0.1
host-record=3.2.0.192.dnsbl.example,127.0.0.2
";

fn site(host: &TestHost, variables: &str) -> Site {
    example::site_beside(
        host,
        &["mailserver", "firewall", "fail2ban", "upgrades"],
        variables,
    )
}

/// By smtpd, and by postscreen before a process of smtpd's is spent on the client; everybody else still gets through.
fn listed_and_hasty_clients_are_refused(host: &TestHost) {
    let rejected = host.sh(&bans::elsewhere("192.0.2.3", smtp::LISTED));
    assert!(rejected.contains("554 5.7.1"), "{rejected}");
    let site = site(host, &format!("{VARIABLES}postfix_postscreen: true\n"));
    site.mailprov(&["apply"]).exits(0);
    site.mailprov(&["apply", "--check"]).exits(0);
    let rejected = host.sh(&bans::elsewhere("192.0.2.3", smtp::LISTED));
    assert!(rejected.contains("550 5.7.1"), "{rejected}");
    // It ends the greeting with the answer to what came too early.
    let hasty = [
        "\u{0}EHLO fine.example",
        "\u{0}MAIL FROM:<>",
        "\u{0}RCPT TO:<bob@example.org>",
        "\u{0}QUIT",
    ];
    let said = dialogue(host, 25, &hasty);
    assert!(
        said.iter().any(|line| line.contains("Protocol error")),
        "{said:?}"
    );
    super::mail::flows(host);
}

/// With everything that was switched on, and with the network's own name server.
fn comes_back_from_a_power_cut(host: &mut TestHost) {
    host.sh("cat /etc/resolv.conf.network >/etc/resolv.conf && sync");
    host.crash().unwrap();
    until("the host has booted", || {
        host.succeeds("systemctl is-system-running 2>/dev/null | grep -qE 'running|degraded'")
    });
    assert_eq!(host.sh("systemctl --failed --no-legend"), "");
    assert!(host.succeeds("nft list chain inet mailprov input | grep -q 'policy drop'"));
    super::mail::flows(host);
}
