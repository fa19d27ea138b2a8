//! The plan: every step's present state against its promise, judged in the graph's order.
//!
//! Made from one probe round trip per host and nothing else; it can't change a host. Steps are judged against the
//! host as it will be once the steps before them are done ([`Pending`]), so that the plan of a fresh host is
//! complete.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::graph::StepGraph;
use crate::host::{Facts, HostError, ReadHost};
use crate::role::StepId;
use crate::step::probe::{Observed, Probe};
use crate::step::world::{Pending, World};
use crate::step::{Assessment, Diff};

/// What a run would do about a step.
#[derive(Debug, Clone, PartialEq)]
pub enum Planned {
    Converged,
    Create(Diff),
    Change(Diff),
    Remove(Diff),
    /// A restart or reload is owed; the text says which and why.
    Owed(String),
    /// Can't be known before that step has run.
    Unknown(String),
    /// The run would stop here: the host is in a state that mailprov won't change by itself.
    Refused(String),
    /// Would not be done, because that step is refused.
    Blocked(StepId),
}

impl Planned {
    /// Whether a run will do something about the step.
    pub fn is_announced(&self) -> bool {
        !matches!(self, Self::Converged | Self::Refused(_) | Self::Blocked(_))
    }
}

impl From<Assessment> for Planned {
    fn from(assessment: Assessment) -> Self {
        match assessment {
            Assessment::Converged => Self::Converged,
            Assessment::Create(diff) => Self::Create(diff),
            Assessment::Change(diff) => Self::Change(diff),
            Assessment::Remove(diff) => Self::Remove(diff),
            Assessment::Owed(why) => Self::Owed(why),
            Assessment::Unknown(until) => Self::Unknown(until),
            Assessment::Refused(why) => Self::Refused(why),
        }
    }
}

/// A host as it was seen in two round trips.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    pub facts: Facts,
    pub observed: Observed,
}

/// What a run would do, by the index of the step in the graph. Steps of hosts that could not be seen are absent.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    pub steps: BTreeMap<usize, Planned>,
}

impl Plan {
    /// The plan's word on a step; `None` when its host could not be seen.
    pub fn of(&self, index: usize) -> Option<&Planned> {
        self.steps.get(&index)
    }

    /// Whether nothing at all would be done.
    pub fn is_converged(&self) -> bool {
        self.steps.values().all(|planned| *planned == Planned::Converged)
    }
}

/// The probes of these steps, each question once, in the order of first mention.
pub fn probes(graph: &StepGraph, indices: impl IntoIterator<Item = usize>) -> Vec<Probe> {
    let steps = indices.into_iter().map(|index| graph.step(index).step.as_ref());
    distinct(steps.flat_map(crate::step::Step::probes))
}

/// Each probe once, in the order of first mention.
pub fn distinct(probes: impl IntoIterator<Item = Probe>) -> Vec<Probe> {
    let mut known = std::collections::BTreeSet::new();
    probes
        .into_iter()
        .filter(|probe| known.insert(probe.clone()))
        .collect()
}

/// Which steps are planned and run; all others are taken to be as they should.
pub type Wanted<'a> = &'a dyn Fn(&StepId) -> bool;

/// Looks at everything that the wanted steps of `host` ask about: one round trip.
///
/// # Errors
/// Whatever ends the connection.
pub async fn observe(
    graph: &StepGraph,
    host: &str,
    wanted: Wanted<'_>,
    connection: &mut impl ReadHost,
) -> Result<Observed, HostError> {
    let steps = graph.of_host(host).into_iter();
    let steps = steps.filter(|index| wanted(&graph.step(*index).id));
    connection.probe(&probes(graph, steps)).await
}

/// Judges the wanted steps of all hosts in `seen`.
pub fn make(graph: &StepGraph, seen: &BTreeMap<Arc<str>, Seen>, wanted: Wanted<'_>) -> Plan {
    let digests = digests(graph);
    let none = BTreeMap::new();
    let mut pending: BTreeMap<Arc<str>, Pending> = BTreeMap::new();
    let mut plan = Plan::default();
    for index in graph.order().iter().copied() {
        let step = graph.step(index);
        let Some(host) = seen.get(&step.id.host).filter(|_| wanted(&step.id)) else {
            continue;
        };
        // A step that waits for another host's step is judged knowing what is going to change there.
        let elsewhere: Vec<StepId> = graph
            .needs(index)
            .into_iter()
            .filter(|(need, _)| graph.step(*need).id.host != step.id.host)
            .filter(|(need, _)| plan.of(*need).is_some_and(makes_pending))
            .map(|(need, _)| graph.step(need).id.clone())
            .collect();
        let here = pending.entry(step.id.host.clone()).or_default();
        here.steps.extend(elsewhere);
        let world = World {
            facts: &host.facts,
            observed: &host.observed,
            pending: here,
            id: &step.id,
            digests: digests.get(&step.id.host).unwrap_or(&none),
        };
        let mut planned = Planned::from(step.step.assess(&world));
        if planned != Planned::Converged
            && !matches!(planned, Planned::Refused(_))
            && let Some(blocked) = blocked_by(graph, &plan, index)
        {
            planned = Planned::Blocked(blocked);
        }
        if makes_pending(&planned) {
            here.steps.insert(step.id.clone());
            if step.is_absent() && matches!(planned, Planned::Remove(_)) {
                here.removed.extend(step.promise().provides());
            } else if !matches!(planned, Planned::Remove(_)) {
                for resource in step.step.provides() {
                    here.resources.entry(resource).or_insert_with(|| step.id.clone());
                }
            }
        }
        plan.steps.insert(index, planned);
    }
    plan
}

/// What every step of every host promises, by host: what services compare with what they run with.
pub fn digests(graph: &StepGraph) -> BTreeMap<Arc<str>, BTreeMap<StepId, String>> {
    let mut digests: BTreeMap<Arc<str>, BTreeMap<StepId, String>> = BTreeMap::new();
    // What is taken back is promised no more: a service that watched it runs without it.
    for step in graph.steps().iter().filter(|step| !step.is_absent()) {
        digests
            .entry(step.id.host.clone())
            .or_default()
            .insert(step.id.clone(), step.step.digest());
    }
    digests
}

fn makes_pending(planned: &Planned) -> bool {
    matches!(
        planned,
        Planned::Create(_) | Planned::Change(_) | Planned::Remove(_) | Planned::Unknown(_)
    )
}

/// The refused step that `index` waits for, however far up.
fn blocked_by(graph: &StepGraph, plan: &Plan, index: usize) -> Option<StepId> {
    graph
        .needs(index)
        .into_iter()
        .find_map(|(need, _)| match plan.of(need) {
            Some(Planned::Refused(_)) => Some(graph.step(need).id.clone()),
            Some(Planned::Blocked(step)) => Some(step.clone()),
            _ => None,
        })
}

#[cfg(test)]
mod tests;
