//! A change of every configuration file of a running server, broken at many moments.

use std::time::Instant;

use crate::Wanted;
use crate::kit::point::{self, Break};
use crate::kit::server::Server;
use crate::report;

/// 70 points: the control process killed and the connection cut, by turns.
pub fn change(wanted: &Wanted) -> bool {
    series("change", 70, wanted, &[Break::Kill, Break::Cut])
}

/// 20 points: once and twice, which asks to quit at once.
pub fn signals(wanted: &Wanted) -> bool {
    let all = [
        Break::Signal("INT", false),
        Break::Signal("TERM", false),
        Break::Signal("INT", true),
        Break::Signal("TERM", true),
    ];
    series("signals", 20, wanted, &all)
}

/// 20 points: the host is killed and booted again.
pub fn power(wanted: &Wanted) -> bool {
    series("power", 20, wanted, &[Break::Power])
}

fn series(name: &str, points: usize, wanted: &Wanted, breaks: &[Break]) -> bool {
    let began = Instant::now();
    let count = wanted.points.unwrap_or(points);
    let mut server = Server::build(name);
    println!(
        "{name}: {count} points; an undisturbed change takes {:.1} s and {} events, {} steps differ, {} files are read",
        server.reference.seconds,
        server.reference.events.len(),
        server.reference.changed().len(),
        server.files()
    );
    let mut rows = Vec::new();
    for index in 0..count {
        if !wanted.has(index, None) {
            continue;
        }
        let moment = point::moment(index, count, &server.reference);
        let how = breaks[index % breaks.len()];
        let row = point::change(&mut server, &format!("{name}{index}"), how, moment);
        report::line(index, &row);
        if !row.found.problems.is_empty() {
            server.reset();
        }
        rows.push(row);
    }
    report::summary(name, &rows, began.elapsed().as_secs_f64())
}
