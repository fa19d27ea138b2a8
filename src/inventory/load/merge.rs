//! What a host has in the end: its roles, and the value of each variable.
//!
//! Inventory < outer group < inner group < host < command line. A value is replaced whole, never merged.

use std::sync::Arc;

use indexmap::IndexMap;

use super::groups::is_inside;
use super::raw::{Raw, RawHost};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::inventory::{Origin, RoleUse, Variable, Variables};
use crate::yaml::{Key, Node};

/// Roles of the groups from outer to inner, then the host's own; each once. Whether it is to be there is said by the
/// innermost.
pub fn roles(raw: &Raw, groups: &[usize], host: &RawHost) -> Vec<RoleUse> {
    let mut roles: Vec<RoleUse> = Vec::new();
    for role in groups
        .iter()
        .flat_map(|g| &raw.groups[*g].roles)
        .chain(&host.roles)
    {
        match roles.iter_mut().find(|known| known.name == role.name) {
            Some(known) if known.absent == role.absent => {}
            Some(known) => *known = role.clone(),
            None => roles.push(role.clone()),
        }
    }
    roles
}

struct Candidate<'a> {
    key: &'a Key,
    node: &'a Arc<Node>,
    origin: Origin,
    group: Option<usize>,
}

/// The value of each variable, and what it won over.
pub fn variables(
    raw: &Raw,
    groups: &[usize],
    host: &RawHost,
    set: &[(Key, Arc<Node>)],
    found: &mut Diagnostics,
) -> Variables {
    let mut candidates: IndexMap<&str, Vec<Candidate<'_>>> = IndexMap::new();
    let levels = std::iter::once((Origin::Inventory, None, &raw.variables[..]))
        .chain(groups.iter().map(|g| {
            let group = &raw.groups[*g];
            (
                Origin::Group(group.key.name.clone()),
                Some(*g),
                &group.variables[..],
            )
        }))
        .chain([
            (Origin::Host(host.key.name.clone()), None, &host.variables[..]),
            (Origin::CommandLine, None, set),
        ]);
    for (origin, group, variables) in levels {
        for (key, node) in variables {
            candidates.entry(&key.name).or_default().push(Candidate {
                key,
                node,
                origin: origin.clone(),
                group,
            });
        }
    }
    let mut variables = Variables::default();
    for (name, mut candidates) in candidates {
        if let Some(diagnostic) = ambiguity(raw, host, name, &candidates) {
            found.push(diagnostic);
        }
        let Some(winner) = candidates.pop() else { continue };
        let variable = Variable {
            node: Arc::clone(winner.node),
            origin: winner.origin,
            key: winner.key.place.clone(),
            overridden: candidates
                .into_iter()
                .rev()
                .map(|candidate| (candidate.origin, Arc::clone(candidate.node)))
                .collect(),
        };
        variables.0.insert(name.to_owned(), variable);
    }
    variables
}

/// Two groups, neither inside the other, that give the host different values, and nothing that settles it.
fn ambiguity(raw: &Raw, host: &RawHost, name: &str, candidates: &[Candidate<'_>]) -> Option<Diagnostic> {
    let last = candidates.last()?;
    let winner = last.group?;
    let other = candidates.iter().find(|candidate| {
        candidate.group.is_some_and(|group| {
            !is_inside(&raw.groups, winner, group)
                // A group inside the other one has replaced its value already.
                && !candidates.iter().any(|c| {
                    c.group.is_some_and(|g| g != group && is_inside(&raw.groups, g, group))
                })
                && candidate.node.to_value() != last.node.to_value()
        })
    })?;
    Some(
        Diagnostic::new(format!(
            "`{name}` is ambiguous on the host `{}`: {} and {} give it different values",
            host.key.name, other.origin, last.origin
        ))
        .at(&last.key.place)
        .help(format!(
            "the other value is at {}; set `{name}` on the host, or put one group inside the other",
            other.key.place
        )),
    )
}
