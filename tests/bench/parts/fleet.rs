//! Many hosts at once: time beside as many scripts at once, and the memory of the control process.

use std::process::Command;
use std::sync::Mutex;

use mailprov::lab::{HostSpec, LabHost};

use crate::measure::{Contender, by_turns, peak_memory};
use crate::stand::{Stand, entry, inventory, settled};
use crate::table::{Row, Target, beside_the_floor};

/// How many boot at the same time.
const BOOTING: usize = 4;

pub fn run(count: usize, rounds: usize, stand: &Stand) -> Vec<Row> {
    let hosts = boot(count, stand);
    let entries: Vec<String> = hosts.iter().map(|host| entry(host.name(), host)).collect();
    inventory(stand.site(), "fleet-small", &entries, "small");
    inventory(stand.site(), "fleet-large", &entries, "large");
    let jobs = count.to_string();
    let apply = |name: &str| stand.mailprov(&["apply", name, "--jobs", &jobs]);

    // One shell that starts as many `ssh` as there are hosts.
    let mut script = String::new();
    for host in &hosts {
        let ssh = host.ssh_command().unwrap();
        let words: Vec<String> = std::iter::once(ssh.get_program())
            .chain(ssh.get_args())
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        script.push_str(&format!(
            "{} sh -s <small.probe & all=\"$all $!\"\n",
            words.join(" ")
        ));
    }
    script.push_str("for one in $all; do wait $one || exit 1; done\n");
    std::fs::write(stand.site().join("fleet.sh"), script).unwrap();
    let floor = || {
        let mut command = Command::new("sh");
        command
            .arg("fleet.sh")
            .current_dir(stand.site())
            .env_remove("SSH_AUTH_SOCK");
        command
    };

    let part = format!("{count} hosts at once, 63 steps");
    let rounds = rounds.min(5);
    let contenders = [
        Contender::new("floor", rounds, floor),
        Contender::new("mailprov", rounds, || apply("fleet-small.yaml")),
    ];
    let mut rows = beside_the_floor(&part, &by_turns(&contenders), 1.0);
    for (name, steps) in [("fleet-small.yaml", 63), ("fleet-large.yaml", 400)] {
        let peak = peak_memory(&mut apply(name));
        rows.push(Row::of(
            &format!("{count} hosts at once, {steps} steps"),
            "mailprov",
            format!("{peak:.0} MiB at most"),
            1,
            Target::at_most(peak.round(), 100.0, "MiB"),
        ));
    }
    rows
}

fn boot(count: usize, stand: &Stand) -> Vec<LabHost> {
    eprintln!("booting {count} hosts");
    let hosts = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for thread in 0..BOOTING {
            let hosts = &hosts;
            scope.spawn(move || {
                for number in (thread..count).step_by(BOOTING) {
                    let spec = HostSpec::new(format!("fleet-{number:02}")).on(&stand.prepared().layer);
                    let host = stand.lab.up(&spec, &|_| {}).unwrap();
                    settled(&host);
                    hosts.lock().unwrap().push(host);
                }
            });
        }
    });
    let mut hosts = hosts.into_inner().unwrap();
    hosts.sort_by(|a, b| a.name().cmp(b.name()));
    hosts
}
