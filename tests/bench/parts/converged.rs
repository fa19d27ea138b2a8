//! Everything is as it should be: the run that a person makes most often.

use crate::measure::{self, Contender, by_turns};
use crate::stand::{Stand, ssh};
use crate::table::{Row, beside_the_floor};
use crate::work::Work;

/// `peers`: rounds of pyinfra and Ansible. `most`: what mailprov may take, in floors.
pub fn run(work: &Work, rounds: usize, peers: [usize; 2], most: f64, stand: &Stand) -> Vec<Row> {
    let host = &stand.prepared().host;
    let name = work.name;
    let inventory = format!("{name}.yaml");
    let mut contenders = vec![
        Contender::new("floor", rounds, || stand.floor(host, &format!("{name}.probe"))),
        Contender::new("mailprov", rounds, || stand.mailprov(&["apply", &inventory])),
        Contender::new("ssh host true", rounds, || {
            let mut command = ssh(host);
            command.arg("true");
            command
        }),
    ];
    if let Some(programs) = &stand.peers {
        contenders.push(Contender::new("pyinfra", peers[0], || {
            programs.pyinfra(stand.site(), name)
        }));
        contenders.push(Contender::new("Ansible", peers[1], || {
            programs.ansible(stand.site(), name)
        }));
    }
    // Unmeasured, to know that all see the same: nothing to do.
    let (_, said) = measure::run(&mut stand.mailprov(&["apply", &inventory, "--check"]));
    assert!(said.contains(&format!("{} converged", work.steps())), "{said}");
    let part = format!("converged, {} steps", work.steps());
    let figures = by_turns(&contenders);
    // Where the time goes, for whoever asks why.
    eprintln!(
        "{}",
        measure::run(&mut stand.mailprov(&["apply", &inventory, "--timings"])).1
    );
    beside_the_floor(&part, &figures, most)
}
