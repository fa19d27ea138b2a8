//! The first apply to a bare host, broken at many moments.

use std::time::Instant;

use crate::Wanted;
use crate::kit::fresh::Fresh;
use crate::kit::point::{self, Break};
use crate::report;

/// 30 points: the control process killed and the connection cut, by turns.
pub fn fresh(wanted: &Wanted) -> bool {
    let began = Instant::now();
    let count = wanted.points.unwrap_or(30);
    let mut fresh = Fresh::boot("fresh");
    // The first fills the store of packages, so that points fetch none anew.
    let reference = fresh.reference();
    println!(
        "fresh: {count} points; an undisturbed apply takes {:.1} s and {} events, {} steps are made",
        reference.seconds,
        reference.events.len(),
        reference.changed().len()
    );
    let mut rows = Vec::new();
    for index in (0..count).filter(|index| wanted.has(*index, None)) {
        let how = [Break::Kill, Break::Cut][index % 2];
        let moment = point::moment(index, count, &reference);
        let row = fresh.point(how, moment);
        report::line(index, &row);
        rows.push(row);
    }
    report::summary("fresh", &rows, began.elapsed().as_secs_f64())
}
