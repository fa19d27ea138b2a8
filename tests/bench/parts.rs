//! The parts of the bench, a function each.

mod converged;
mod drifted;
mod far;
mod fleet;
mod fresh;
mod offline;

use crate::arguments::{Args, Part};
use crate::stand::Stand;
use crate::table::Row;
use crate::work;

pub fn run(part: Part, args: &Args, stand: &mut Stand) -> Vec<Row> {
    if !matches!(part, Part::Fresh | Part::Offline) {
        stand.prepare();
    }
    match part {
        // Ansible takes most of a minute for 63 steps, and several for 400.
        Part::Small => converged::run(&work::small(), args.rounds, [3, 2], 0.5, stand),
        Part::Large => converged::run(&work::large(), args.rounds, [1, 1], 0.7, stand),
        Part::Drifted => drifted::run(args.rounds, stand),
        Part::Far => far::run(args.rounds, stand),
        Part::Fleet => fleet::run(args.hosts, args.rounds, stand),
        Part::Fresh => fresh::run(args.fresh_rounds, stand),
        Part::Offline => offline::run(stand),
    }
}
