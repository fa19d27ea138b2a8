//! The firewall of a host: what it lets in, what it leaves alone, and that a set of rules that locks us out is undone
//! by the host itself, whether the run lives or dies.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::support::{Run, Site, TestHost, boot, until};

const VARIABLES: &str = "\
mail_hostname: mx1.example.org
mail_admin: alice@example.org
mail_domains: [example.org]
firewall_tcp: [8080]
firewall_ssh_from: [10.201.0.0/16, 192.0.2.9, '2001:db8:9::/48', '2001:db8:8::8']
firewall_trusted: [198.51.100.1, 198.51.100.0/24, '2001:db8:1::1', '2001:db8:2::/48']
firewall_refused: [203.0.113.1, 203.0.113.128/25, '2001:db8:3::1', '2001:db8:4::/48']
firewall_undo_after: 40
";

/// Lets nobody log in any more; the connection that stands goes on.
const LOCKED: &str = "firewall_ssh_from=[192.0.2.1, 192.0.2.2]";
/// Cuts even that.
const CUT: &str = "firewall_refused=[10.201.0.0/16]";

fn site(host: &TestHost) -> Site {
    Site::new().host(host, &["firewall"], VARIABLES)
}

fn lets_in(host: &TestHost, port: u16) -> bool {
    let address = SocketAddr::from((host.address(), port));
    TcpStream::connect_timeout(&address, Duration::from_secs(2)).is_ok()
}

/// The rules without what they counted.
fn rules(host: &TestHost) -> String {
    host.sh("nft -s list table inet mailprov")
}

#[test]

fn a_firewall_lets_in_what_is_wanted_and_undoes_what_locks_us_out() {
    let host = boot("firewall");
    // A socket of systemd's would give up after some connections.
    host.sh("systemd-run -q --unit=listens /usr/sbin/sshd -D -o PidFile=none -p 8080 -p 9090");
    until("the listeners", || lets_in(&host, 8080) && lets_in(&host, 9090));
    let site = site(&host);
    locks_out_before_there_was_any(&host, &site);
    host.sh("nft add table inet person && nft add chain inet person mine");
    lets_in_what_is_wanted(&host, &site);
    undoes_what_locks_us_out(&host, &site);
    undoes_it_when_the_run_is_cut_off(&host, &site);
    undoes_it_when_the_run_is_killed(&host, &site);
}

fn locks_out_before_there_was_any(host: &TestHost, site: &Site) {
    site.mailprov(&["apply", "--set", LOCKED])
        .exits(5)
        .says("a new connection to the host")
        .says("the change was undone");
    assert!(!host.succeeds("nft list table inet mailprov"), "there was none");
    assert!(lets_in(host, 22));
}

fn lets_in_what_is_wanted(host: &TestHost, site: &Site) {
    crate::server::applied(|words| site.mailprov(words));
    for (port, wanted) in [(22, true), (8080, true), (9090, false)] {
        assert_eq!(lets_in(host, port), wanted, "{port}");
    }
    assert_eq!(
        host.sh("systemctl list-timers --all --no-legend 'mailprov-undo*'"),
        ""
    );
    for (set, members) in [
        ("ssh_from_ipv4", "{ 10.201.0.0/16, 192.0.2.9 }"),
        ("ssh_from_ipv6", "{ 2001:db8:8::8, 2001:db8:9::/48 }"),
        // What lies in another is one with it.
        ("trusted_ipv4", "{ 198.51.100.0/24 }"),
        ("trusted_ipv6", "{ 2001:db8:1::1, 2001:db8:2::/48 }"),
        ("refused_ipv4", "{ 203.0.113.1, 203.0.113.128/25 }"),
        ("refused_ipv6", "{ 2001:db8:3::1, 2001:db8:4::/48 }"),
    ] {
        let shown = host.sh(&format!("nft list set inet mailprov {set}"));
        let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(shown.contains(&format!("elements = {members}")), "{shown}");
    }
    // Ours is replaced, what a person made stays, and what flushed everything is noticed.
    host.sh("nft list chain inet person mine");
    host.sh("nft delete table inet mailprov");
    let lost = site.mailprov(&["apply", "--output", "json"]).exits(0);
    assert_eq!(
        lost.steps_not(&["converged"]),
        [format!("{} firewall/loaded", host.name())]
    );
    assert!(!lets_in(host, 9090));
    site.mailprov(&["apply", "--set", "firewall_tcp=[8080, nonsense]"])
        .exits(3);
    site.mailprov(&["apply", "--set", "firewall_rules=nonsense"])
        .exits(5)
        .says("firewall.nft");
}

fn undoes_what_locks_us_out(host: &TestHost, site: &Site) {
    let before = rules(host);
    site.mailprov(&["apply", "--set", LOCKED])
        .exits(5)
        .says("firewall/service")
        .says("the change was undone");
    assert_eq!(rules(host), before);
    // What the inventory says without the mistake is there already; that it is loaded is said once more.
    site.mailprov(&["apply"]).exits(0);
    site.mailprov(&["apply", "--check"]).exits(0);
}

/// Nothing of ours reaches the host any more, so only its own timer can help.
fn undoes_it_when_the_run_is_cut_off(host: &TestHost, site: &Site) {
    let before = rules(host);
    let run = site.mailprov(&["apply", "--set", CUT]);
    assert!(!run.status.success());
    // TCP may try again just after the host's undo: then the run still hears of it.
    let said = format!("{}{}", run.stdout, run.stderr);
    let endings = ["the host undoes the change by itself", "the change was undone"];
    assert!(endings.iter().any(|ending| said.contains(ending)), "{said}");
    until("the undo", || rules(host) == before);
    // The host hears of the connection's end when TCP next tries to tell it.
    until("the broken run's lock is free", || {
        host.succeeds("[ ! -e /run/mailprov.lock ] || flock -n /run/mailprov.lock true")
    });
    site.mailprov(&["apply"]).exits(0);
    assert!(lets_in(host, 22));
}

fn undoes_it_when_the_run_is_killed(host: &TestHost, site: &Site) {
    let before = rules(host);
    let inventory = site.inventory();
    let arguments = ["apply", inventory.to_str().unwrap(), "--set", LOCKED];
    let mut run = Run::command(site.path(), &arguments).spawn().unwrap();
    until("the new rules", || rules(host) != before);
    run.kill().unwrap();
    run.wait().unwrap();
    assert!(!lets_in(host, 22));
    until("the undo", || rules(host) == before);
    let again = site
        .mailprov(&["apply", "--set", "firewall_tcp=[8080, 9090]", "--output", "json"])
        .exits(0);
    assert!(lets_in(host, 9090), "{again:?}");
    site.mailprov(&["apply", "--set", "firewall_tcp=[8080, 9090]", "--check"])
        .exits(0);
}
