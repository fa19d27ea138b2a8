//! The host is far away: what counts is how often somebody waits for an answer.

use std::time::Duration;

use crate::measure::{Contender, by_turns, median, run as run_once};
use crate::relay::Relay;
use crate::stand::{Stand, inventory, reached_at};
use crate::table::{Row, Target};

const DELAY: Duration = Duration::from_millis(50);
const AWAY: &str = "50 ms away, 63 steps";

pub fn run(rounds: usize, stand: &Stand) -> Vec<Row> {
    let host = &stand.prepared().host;
    let relay = Relay::to(host.address(), DELAY);
    let far = [reached_at("bench", host, "127.0.0.1", relay.port)];
    inventory(stand.site(), "far", &far, "small");
    let known = stand.site().join("far_known_hosts");
    let line = format!("[127.0.0.1]:{} {}\n", relay.port, host.host_key().unwrap());
    std::fs::write(&known, line).unwrap();
    let ssh = || {
        let mut command = std::process::Command::new("ssh");
        command
            .args(["-F", "none", "-o", "IdentitiesOnly=yes", "-i"])
            .arg(host.key())
            .arg("-o")
            .arg(format!("UserKnownHostsFile={}", known.display()))
            .args(["-p", &relay.port.to_string(), "root@127.0.0.1"])
            .env_remove("SSH_AUTH_SOCK");
        command
    };
    let floor = || {
        let mut command = ssh();
        command
            .args(["sh", "-s"])
            .stdin(std::fs::File::open(stand.site().join("small.probe")).unwrap());
        command
    };
    let apply = || stand.mailprov(&["apply", "far.yaml", "--timings"]);

    relay.turns();
    run_once(&mut floor());
    let floors = relay.turns();
    let (_, said) = run_once(&mut apply());
    let ours = relay.turns();
    let after_login = said
        .lines()
        .find_map(|line| {
            line.split_once(" round trips after authentication")?
                .0
                .split_whitespace()
                .last()?
                .parse()
                .ok()
        })
        .unwrap_or(usize::MAX);
    // The record and the end of the shell are the third.
    let counted = after_login + 1;

    let rounds = rounds.min(5);
    let contenders = [
        Contender::new("floor", rounds, floor),
        Contender::new("mailprov", rounds, apply),
    ];
    let figures = by_turns(&contenders);
    let mut rows = crate::table::beside_the_floor(AWAY, &figures, 1.0);
    rows[1].target = None;
    rows.push(Row::of(AWAY, "floor", format!("{floors} turns"), 1, None));
    rows.push(Row::of(
        AWAY,
        "mailprov",
        format!("{ours} turns, {:.1} × 100 ms", median(&figures[1].1) * 10.0),
        1,
        None,
    ));
    rows.push(Row::of(
        AWAY,
        "mailprov",
        format!("connect + {counted} round trips"),
        1,
        Target::at_most(counted as f64, 3.0, "after connecting"),
    ));
    rows
}
