//! Somebody has edited every file.

use crate::measure::{Contender, by_turns};
use crate::stand::{Stand, edit};
use crate::table::{Row, beside_the_floor};
use crate::work;

pub fn run(rounds: usize, stand: &Stand) -> Vec<Row> {
    let work = work::small();
    let host = &stand.prepared().host;
    let drift = || edit(host, &work);
    let mut contenders = vec![
        Contender::new("floor", rounds, || stand.floor(host, "small.rewrite")).prepare(drift),
        Contender::new("mailprov", rounds, || stand.mailprov(&["apply", "small.yaml"])).prepare(drift),
    ];
    if let Some(programs) = &stand.peers {
        contenders
            .push(Contender::new("pyinfra", 2, || programs.pyinfra(stand.site(), "small")).prepare(drift));
        contenders
            .push(Contender::new("Ansible", 1, || programs.ansible(stand.site(), "small")).prepare(drift));
    }
    let part = format!("{} files edited", work.files.len());
    beside_the_floor(&part, &by_turns(&contenders), 2.0)
}
