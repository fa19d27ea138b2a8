//! The graph of all steps of all hosts (petgraph): declared edges, edges implied by what steps are, one order.
//!
//! It knows what steps provide, require and watch, never their kinds. `edges` finds the edges, `cycle` words the
//! mistake of steps that wait for each other, `absent` orders what is taken back, `draw` shows the graph.

mod absent;
mod cycle;
pub mod draw;
mod edges;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef as _;

use crate::diagnostic::{Diagnostics, Place};
use crate::role::{BoundStep, StepId};
use crate::step::Resource;

/// Why one step waits for another.
#[derive(Debug, Clone, PartialEq)]
pub enum Reason {
    Declared(Place),
    /// In words: `its folder /etc/postfix`.
    Implied(String),
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Declared(place) => write!(f, "declared in {place}"),
            Self::Implied(words) => f.write_str(words),
        }
    }
}

/// All steps and what they wait for. Steps are named by their index, which counts in the order of declaration:
/// hosts as the inventory has them, then roles, then steps.
#[derive(Debug)]
pub struct StepGraph {
    steps: Vec<BoundStep>,
    by_id: BTreeMap<StepId, usize>,
    /// An edge leads from a step to the step that waits for it; a node's index is the step's.
    edges: DiGraph<(), Reason>,
    order: Vec<usize>,
}

impl StepGraph {
    /// The graph of these hosts' steps.
    ///
    /// # Errors
    /// Needs on hosts that are not among `hosts`, two steps with one name, and cycles with their whole path.
    pub fn build(hosts: Vec<Vec<BoundStep>>) -> Result<Self, Diagnostics> {
        Self::build_part(hosts, |_| false)
    }

    /// The graph of some of the hosts: a need on a host for which `left_out` says yes counts as kept.
    ///
    /// # Errors
    /// As [`StepGraph::build`].
    pub fn build_part(
        hosts: Vec<Vec<BoundStep>>,
        left_out: impl Fn(&str) -> bool,
    ) -> Result<Self, Diagnostics> {
        let steps: Vec<BoundStep> = hosts.into_iter().flatten().collect();
        let mut found = Diagnostics::default();
        let by_id = edges::by_id(&steps, &mut found);
        let edges = edges::find(&steps, left_out, &mut found);
        cycle::refuse(&steps, &edges, &mut found);
        if !found.is_empty() {
            return Err(found);
        }
        let order = order(&edges);
        Ok(Self {
            steps,
            by_id,
            edges,
            order,
        })
    }

    /// All steps in the order of declaration.
    pub fn steps(&self) -> &[BoundStep] {
        &self.steps
    }

    /// The step with this index.
    pub fn step(&self, index: usize) -> &BoundStep {
        &self.steps[index]
    }

    /// The index of the step called `id`.
    pub fn find(&self, id: &StepId) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    /// Every step after all that it needs; among the free, the order of declaration.
    pub fn order(&self) -> &[usize] {
        &self.order
    }

    /// What a step waits for, and why, in the order of declaration.
    pub fn needs(&self, index: usize) -> Vec<(usize, &Reason)> {
        let mut needs: Vec<_> = self
            .edges
            .edges_directed(NodeIndex::new(index), petgraph::Incoming)
            .map(|edge| (edge.source().index(), edge.weight()))
            .collect();
        needs.sort_by_key(|(index, _)| *index);
        needs
    }

    /// The steps that wait for this one, in the order of declaration.
    pub fn needed_by(&self, index: usize) -> Vec<usize> {
        let mut steps: Vec<_> = self
            .edges
            .neighbors_directed(NodeIndex::new(index), petgraph::Outgoing)
            .map(NodeIndex::index)
            .collect();
        steps.sort_unstable();
        steps
    }

    /// The hosts that have steps, in the order of declaration.
    pub fn hosts(&self) -> Vec<Arc<str>> {
        let mut hosts: Vec<Arc<str>> = Vec::new();
        for step in &self.steps {
            if !hosts.contains(&step.id.host) {
                hosts.push(step.id.host.clone());
            }
        }
        hosts
    }

    /// A host's steps in the graph's order.
    pub fn of_host(&self, host: &str) -> Vec<usize> {
        self.order
            .iter()
            .copied()
            .filter(|index| self.steps[*index].id.host.as_ref() == host)
            .collect()
    }

    /// The services of the same host that watch this step.
    pub fn watchers(&self, index: usize) -> Vec<usize> {
        let watched = &self.steps[index];
        self.needed_by(index)
            .into_iter()
            .filter(|other| edges::watches(&self.steps[*other], watched))
            .collect()
    }
}

/// Whether the step asks the package manager: such steps go together in one transaction.
pub fn is_package(step: &BoundStep) -> bool {
    step.promise()
        .provides()
        .iter()
        .any(|resource| matches!(resource, Resource::Package(_)))
}

/// Whether the step runs a service: such steps go last.
pub fn is_service(step: &BoundStep) -> bool {
    step.step.watches().is_some()
}

/// Kahn's algorithm with the smallest index first: petgraph's own sort leaves the order among the free to its
/// traversal.
fn order(edges: &DiGraph<(), Reason>) -> Vec<usize> {
    let mut waiting: Vec<usize> = edges
        .node_indices()
        .map(|node| edges.edges_directed(node, petgraph::Incoming).count())
        .collect();
    let mut free: BinaryHeap<Reverse<usize>> = (0..waiting.len())
        .filter(|index| waiting[*index] == 0)
        .map(Reverse)
        .collect();
    let mut order = Vec::with_capacity(waiting.len());
    while let Some(Reverse(index)) = free.pop() {
        order.push(index);
        for next in edges.neighbors_directed(NodeIndex::new(index), petgraph::Outgoing) {
            waiting[next.index()] -= 1;
            if waiting[next.index()] == 0 {
                free.push(Reverse(next.index()));
            }
        }
    }
    order
}

#[cfg(test)]
mod tests;
