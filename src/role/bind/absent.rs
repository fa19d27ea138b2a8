//! Roles that are to be absent: their steps as ever, turned into steps that take back what those make.
//!
//! In which order that happens is the graph's business, what is left of a promise its kind's.

use std::sync::Arc;

use indexmap::IndexSet;

use super::{Binder, Binding, waits_for};
use crate::diagnostic::Diagnostics;
use crate::inventory::Absent;
use crate::role::declare::{self, Resolved};
use crate::role::{BoundStep, Role};
use crate::step::gone::{Holds, Kept, Terms};
use crate::step::{Resource, Step};

/// The steps that take back what the host's absent roles made, the last one first. `present` are those of its other
/// roles.
pub(super) fn steps(
    binding: &Binding<'_>,
    resolved: &Resolved,
    host: &Arc<str>,
    present: &[BoundStep],
    wrong: &mut Diagnostics,
) -> Vec<BoundStep> {
    let roles: Vec<(&Role, Absent)> = declare::absent_of(binding.roles, binding.host);
    if roles.is_empty() {
        return Vec::new();
    }
    let names: IndexSet<&str> = roles.iter().map(|(role, _)| role.name.as_str()).collect();
    let mut kept = Kept::default();
    for step in present {
        kept.add(step.step.provides());
        kept.add(step.step.requires());
    }
    let mut promises = Vec::new();
    let mut empty = IndexSet::new();
    for (role, absent) in &roles {
        let binder = match Binder::new(binding, role, resolved, host.clone()) {
            Ok(binder) => binder,
            Err(mistakes) => {
                wrong.extend(mistakes);
                continue;
            }
        };
        let mut bound = Vec::new();
        binder.steps(&mut bound, wrong);
        if bound.is_empty() {
            empty.insert(role.name.as_str());
        }
        let waits = waits_for(binding.roles, role, &names, &empty);
        for mut step in bound {
            step.needs.extend(waits.iter().cloned());
            let declared = role.steps.iter().find(|known| known.place == step.place);
            let holds = declared.and_then(|declared| declared.holds);
            if holds == Some(Holds::Data) && !absent.purge {
                // With it stay its owner and the folders that it is in.
                kept.add(step.step.provides());
                kept.add(step.step.requires());
            }
            promises.push((step, holds, *absent));
        }
    }
    let watching: Vec<(String, String)> = promises
        .iter()
        .filter_map(|(step, ..)| Some((&step.id, step.step.watches()?)))
        .flat_map(|(id, watches)| {
            let patterns = watches.restart.iter().chain(&watches.reload);
            patterns.map(|pattern| (format!("{}/{pattern}", id.role), watches.unit.clone()))
        })
        .collect();
    let servers: Vec<(Resource, String)> = promises
        .iter()
        .filter_map(|(step, ..)| Some((step, step.step.watches()?)))
        .flat_map(|(step, watches)| {
            let provided = step.step.provides().into_iter();
            let servers = provided.filter(|provided| matches!(provided, Resource::DatabaseServer(_)));
            servers.map(|server| (server, watches.unit.clone()))
        })
        .collect();
    let turned = promises.into_iter().rev();
    turned
        .filter_map(|(step, holds, absent)| {
            if holds == Some(Holds::Data) && !absent.purge {
                return None;
            }
            let watchers: IndexSet<String> = watching
                .iter()
                .filter(|(pattern, _)| step.matches(pattern, &step.id.role))
                .map(|(_, unit)| unit.clone())
                .collect();
            let gone = step.step.taken_back(&Terms {
                purge: absent.purge,
                holds,
                kept: &kept,
                watchers: &watchers.into_iter().collect::<Vec<_>>(),
                servers: &servers,
            })?;
            Some(turn(step, gone))
        })
        .collect()
}

fn turn(step: BoundStep, gone: Box<dyn Step>) -> BoundStep {
    BoundStep {
        step: gone,
        taken_back: Some(step.step),
        origin: None,
        ..step
    }
}
