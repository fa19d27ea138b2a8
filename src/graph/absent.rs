//! The order of steps that take a promise back.
//!
//! What needed another step goes before it. What a present service watches goes first, so that the service can notice;
//! everything else waits until the host's services run without it; packages go last.

use std::collections::BTreeSet;

use petgraph::Direction::{Incoming, Outgoing};
use petgraph::graph::{DiGraph, NodeIndex};

use super::{Reason, edges, is_package, is_service};
use crate::role::BoundStep;

type Edges = DiGraph<(), Reason>;

/// Why a step is taken back before the one that it needed.
pub(super) fn reversed(reason: Reason) -> Reason {
    match reason {
        Reason::Declared(place) => Reason::Implied(format!("which needs it, as declared in {place}")),
        Reason::Implied(words) => Reason::Implied(format!("which needs {words}")),
    }
}

/// Adds the edges between what is taken back and what stays.
pub(super) fn order(steps: &[BoundStep], edges: &mut Edges) {
    let absent: Vec<usize> = (0..steps.len())
        .filter(|index| steps[*index].is_absent())
        .collect();
    let services: Vec<usize> = (0..steps.len())
        .filter(|index| !steps[*index].is_absent() && is_service(&steps[*index]))
        .collect();
    let watched: Vec<(usize, usize)> = absent
        .iter()
        .flat_map(|index| services.iter().map(move |service| (*index, *service)))
        .filter(|(index, service)| edges::watches(&steps[*service], &steps[*index]))
        .collect();
    // What has to be gone before them can't wait for the services either.
    let first = reach(edges, watched.iter().map(|(index, _)| *index), Incoming);
    for (index, service) in watched {
        add(edges, index, service, "it watches it");
    }
    for index in absent.iter().filter(|index| !first.contains(index)) {
        for service in &services {
            if steps[*service].id.host == steps[*index].id.host {
                add(edges, *service, *index, "which first has to run without it");
            }
        }
    }
    for package in absent.iter().copied().filter(|index| is_package(&steps[*index])) {
        let after = reach(edges, [package], Outgoing);
        for other in absent.iter().filter(|other| !after.contains(other)) {
            let same_host = steps[*other].id.host == steps[package].id.host;
            if same_host && !is_package(&steps[*other]) {
                add(edges, *other, package, "packages go last");
            }
        }
    }
}

/// `start`, and everything that edges in this direction lead to.
fn reach(
    edges: &Edges,
    start: impl IntoIterator<Item = usize>,
    direction: petgraph::Direction,
) -> BTreeSet<usize> {
    let mut open: Vec<usize> = start.into_iter().collect();
    let mut found = BTreeSet::new();
    while let Some(index) = open.pop() {
        if found.insert(index) {
            let next = edges.neighbors_directed(NodeIndex::new(index), direction);
            open.extend(next.map(NodeIndex::index));
        }
    }
    found
}

fn add(edges: &mut Edges, from: usize, to: usize, words: &str) {
    let (from, to) = (NodeIndex::new(from), NodeIndex::new(to));
    if from != to && edges.find_edge(from, to).is_none() {
        edges.add_edge(from, to, Reason::Implied(words.to_owned()));
    }
}
