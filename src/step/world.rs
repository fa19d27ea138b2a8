//! The host as a step sees it: what was observed, and what earlier steps of the plan are going to change.

use std::collections::{BTreeMap, BTreeSet};

use super::Resource;
use super::probe::{
    CheckState, Engine, GroupState, Observed, PackageState, PathState, SqlState, UnitState, UserState,
};
use crate::host::Facts;
use crate::role::StepId;

/// What a step may look at when it judges. An answer that was not asked for reads as absent.
#[derive(Debug)]
pub struct World<'a> {
    pub facts: &'a Facts,
    pub observed: &'a Observed,
    pub pending: &'a Pending,
    /// The step that is being judged.
    pub id: &'a StepId,
    /// Digest of what each step of this host promises, in the order of the plan.
    pub digests: &'a BTreeMap<StepId, String>,
}

/// What the plan is going to do before the step that is being judged. Empty during a run, when the earlier
/// steps are done and were probed again.
#[derive(Debug, Clone, Default)]
pub struct Pending {
    /// Steps of this host that will create, change or remove something, or whose state is unknown.
    pub steps: BTreeSet<StepId>,
    /// What those steps will provide.
    pub resources: BTreeMap<Resource, StepId>,
    /// What those that take something back will leave nothing of.
    pub removed: BTreeSet<Resource>,
}

impl<'a> World<'a> {
    pub fn path(&self, path: &str) -> &'a PathState {
        self.observed.paths.get(path).unwrap_or(&PathState::Absent)
    }

    pub fn package(&self, name: &str) -> PackageState {
        self.observed.packages.get(name).cloned().unwrap_or_default()
    }

    pub fn unit(&self, name: &str) -> UnitState {
        self.observed.units.get(name).cloned().unwrap_or_default()
    }

    pub fn user(&self, name: &str) -> Option<&'a UserState> {
        self.observed.users.get(name).and_then(Option::as_ref)
    }

    pub fn group(&self, name: &str) -> Option<&'a GroupState> {
        self.observed.groups.get(name).and_then(Option::as_ref)
    }

    pub fn sysctl(&self, key: &str) -> Option<&'a str> {
        self.observed.sysctls.get(key).and_then(Option::as_deref)
    }

    pub fn sql(&self, engine: Engine, database: &str, query: &str) -> Option<&'a SqlState> {
        self.observed
            .sql
            .get(&(engine, database.to_owned(), query.to_owned()))
    }

    pub fn check(&self, script: &str) -> Option<&'a CheckState> {
        self.observed.checks.get(script)
    }

    /// The earlier step that is going to provide `resource`.
    pub fn will_provide(&self, resource: &Resource) -> Option<&'a StepId> {
        self.pending.resources.get(resource)
    }

    /// Whether an earlier step is going to take `resource` away.
    pub fn will_remove(&self, resource: &Resource) -> bool {
        self.pending.removed.contains(resource)
    }

    /// Steps of this host that `pattern`, written in the role of the judged step, names.
    pub fn matching(&self, pattern: &str) -> impl Iterator<Item = (&'a StepId, &'a str)> {
        let (role, step) = pattern
            .split_once('/')
            .unwrap_or((self.id.role.as_ref(), pattern));
        let (role, step) = (role.to_owned(), step.to_owned());
        self.digests.iter().filter_map(move |(id, digest)| {
            let name = id.name.as_ref();
            let bare = name.split_once('[').map_or(name, |(bare, _)| bare);
            (id.role.as_ref() == role && (name == step || bare == step)).then_some((id, digest.as_str()))
        })
    }
}
