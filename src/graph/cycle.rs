//! Wording the mistake of steps that wait for each other: the whole path, with the reason of each edge.

use std::collections::VecDeque;
use std::fmt::Write as _;

use petgraph::graph::{DiGraph, NodeIndex};

use super::Reason;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::role::BoundStep;

/// Reports one shortest cycle of every knot of steps that wait for each other.
pub(super) fn refuse(steps: &[BoundStep], edges: &DiGraph<(), Reason>, found: &mut Diagnostics) {
    let mut knots: Vec<Vec<NodeIndex>> = petgraph::algo::tarjan_scc(edges)
        .into_iter()
        .filter(|knot| knot.len() > 1)
        .collect();
    for knot in &mut knots {
        knot.sort_unstable();
    }
    knots.sort_unstable();
    for knot in knots {
        found.push(mistake(steps, edges, &shortest(edges, &knot)));
    }
}

/// A shortest way from the knot's first step over what it needs back to itself: each step needs the next one.
fn shortest(edges: &DiGraph<(), Reason>, knot: &[NodeIndex]) -> Vec<NodeIndex> {
    let start = knot[0];
    let mut reached = vec![(start, usize::MAX)];
    let mut queue = VecDeque::from([0]);
    while let Some(at) = queue.pop_front() {
        let mut needs: Vec<NodeIndex> = edges
            .neighbors_directed(reached[at].0, petgraph::Incoming)
            .filter(|need| knot.contains(need))
            .collect();
        needs.sort_unstable();
        for need in needs {
            if need == start {
                let (mut path, mut back) = (Vec::new(), at);
                while back != usize::MAX {
                    path.push(reached[back].0);
                    back = reached[back].1;
                }
                path.reverse();
                return path;
            }
            if !reached.iter().any(|(node, _)| *node == need) {
                queue.push_back(reached.len());
                reached.push((need, at));
            }
        }
    }
    knot.to_vec()
}

fn mistake(steps: &[BoundStep], edges: &DiGraph<(), Reason>, path: &[NodeIndex]) -> Diagnostic {
    let several = path
        .iter()
        .any(|node| steps[node.index()].id.host != steps[path[0].index()].id.host);
    let name = |node: NodeIndex| {
        let id = &steps[node.index()].id;
        if several {
            format!("{}: {id}", id.host)
        } else {
            id.to_string()
        }
    };
    let mut message = String::from("steps wait for each other in a circle");
    if !several {
        let _ = write!(message, " on host `{}`", steps[path[0].index()].id.host);
    }
    let mut declared = None;
    for (i, node) in path.iter().enumerate() {
        let next = path[(i + 1) % path.len()];
        let reason = edges
            .find_edge(next, *node)
            .and_then(|edge| edges.edge_weight(edge));
        let _ = write!(message, "\n  {} waits for {}", name(*node), name(next));
        if let Some(reason) = reason {
            let _ = write!(message, " ({reason})");
        }
        if let (None, Some(Reason::Declared(place))) = (&declared, reason) {
            declared = Some(place.clone());
        }
    }
    let diagnostic = Diagnostic::new(message).help("drop one of these needs");
    match declared {
        Some(place) => diagnostic.at(&place),
        None => diagnostic.at(&steps[path[0].index()].place),
    }
}
