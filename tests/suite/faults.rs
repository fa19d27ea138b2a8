//! A few points of the fault harness (`tests/faults`), so that a mistake in what they rest on shows at once.

use super::kit::after::TWICE;
use super::kit::point::{self, Break, Row};
use super::kit::server::Server;
use super::kit::trouble;

/// One server for all of them: to install it takes longer than they do.
#[test]
fn a_change_that_is_broken_off_is_finished_by_the_next_run() {
    let mut server = Server::build("faults");
    let points = [
        (Break::Kill, 5),
        (Break::Cut, 10),
        (Break::Signal("TERM", false), 7),
    ];
    for (number, (how, at)) in points.into_iter().enumerate() {
        let moment = point::moment(at, 20, &server.reference);
        well(&point::change(
            &mut server,
            &format!("suite{number}"),
            how,
            moment,
        ));
    }
    well(&trouble::one(&mut server, "refused", trouble::refuses_to_start).0);
}

fn well(row: &Row) {
    let problems: Vec<&String> = row.found.problems.iter().collect();
    assert!(
        problems.iter().all(|problem| problem.starts_with(TWICE)),
        "{row:#?}"
    );
}
