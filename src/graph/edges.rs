//! Finding edges: what steps declare, and what follows from what they provide, require and watch.
//!
//! Steps that take a promise back go the other way round: see `absent`.

use std::collections::BTreeMap;

use petgraph::graph::{DiGraph, NodeIndex};

use super::{Reason, absent, is_package, is_service};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::role::{BoundStep, NeedOn, StepId};
use crate::step::Resource;

/// Steps by name; two with one name are refused.
pub(super) fn by_id(steps: &[BoundStep], found: &mut Diagnostics) -> BTreeMap<StepId, usize> {
    let mut by_id = BTreeMap::new();
    for (index, step) in steps.iter().enumerate() {
        if by_id.insert(step.id.clone(), index).is_some() {
            found.push(
                Diagnostic::new(format!(
                    "host `{}` has two steps called `{}`",
                    step.id.host, step.id
                ))
                .at(&step.place)
                .help("give one of them another `id`; items of `each` need names of their own"),
            );
        }
    }
    by_id
}

/// All edges, each pair of steps at most once: the first reason found stays, declared ones come first.
pub(super) fn find(
    steps: &[BoundStep],
    left_out: impl Fn(&str) -> bool,
    found: &mut Diagnostics,
) -> DiGraph<(), Reason> {
    let mut edges = DiGraph::with_capacity(steps.len(), steps.len() * 4);
    for _ in steps {
        edges.add_node(());
    }
    let mut add = |from: usize, to: usize, reason: Reason| {
        // Between what is kept and what is taken back, only order counts: `absent` knows it.
        if steps[from].is_absent() != steps[to].is_absent() {
            return;
        }
        let absent = steps[from].is_absent();
        let (from, to, reason) = if absent {
            (to, from, absent::reversed(reason))
        } else {
            (from, to, reason)
        };
        let (from, to) = (NodeIndex::new(from), NodeIndex::new(to));
        if from != to && edges.find_edge(from, to).is_none() {
            edges.add_edge(from, to, reason);
        }
    };
    for (index, step) in steps.iter().enumerate() {
        declared(steps, index, step, &left_out, &mut add, found);
    }
    let providers = providers(steps);
    for (index, step) in steps.iter().enumerate() {
        for resource in step.promise().requires() {
            for (other, words) in providing(&providers, step, &resource) {
                add(other, index, Reason::Implied(words));
            }
        }
        if !is_package(step) {
            // A package brings it, this step only keeps it as it should be.
            for resource in step.promise().provides() {
                let key = (step.id.host.as_ref(), resource);
                for other in providers.get(&key).into_iter().flatten() {
                    if is_package(&steps[*other]) {
                        add(*other, index, Reason::Implied(brings(&key.1)));
                    }
                }
            }
        }
        for (other, watched) in steps.iter().enumerate() {
            if watches(step, watched) {
                add(other, index, Reason::Implied("it watches it".to_owned()));
            }
        }
    }
    last(steps, &mut edges);
    absent::order(steps, &mut edges);
    edges
}

/// What comes last waits for the services of its host, and for files that no service watches: whoever uses the old has
/// the new by then.
fn last(steps: &[BoundStep], edges: &mut DiGraph<(), Reason>) {
    let watched = |step: &BoundStep| steps.iter().any(|service| watches(service, step));
    for (index, step) in steps.iter().enumerate().filter(|(_, step)| step.id.is_last()) {
        for (other, before) in steps.iter().enumerate() {
            let uses = is_service(before) || (before.step.rendered().is_some() && !watched(before));
            if uses && before.id.host == step.id.host && !before.is_absent() {
                let (from, to) = (NodeIndex::new(other), NodeIndex::new(index));
                if edges.find_edge(from, to).is_none() {
                    edges.add_edge(from, to, Reason::Implied("which may use what goes".to_owned()));
                }
            }
        }
    }
}

/// Whether `service` watches `step`: both on one host.
pub(super) fn watches(service: &BoundStep, step: &BoundStep) -> bool {
    service.id.host == step.id.host
        && service.id != step.id
        && service.promise().watches().is_some_and(|watches| {
            watches
                .restart
                .iter()
                .chain(&watches.reload)
                .any(|pattern| step.matches(pattern, &service.id.role))
        })
}

/// Whether `service` watches steps of the role of `step`, which needs the role of `service`: then it runs with
/// what that role adds to it, and comes after it.
fn comes_after(service: &BoundStep, step: &BoundStep) -> bool {
    service.id.host == step.id.host
        && service.promise().watches().is_some_and(|watches| {
            let watched = |pattern: &String| {
                pattern
                    .split_once('/')
                    .is_some_and(|(role, _)| role == step.id.role.as_ref())
            };
            watches.restart.iter().chain(&watches.reload).any(watched)
        })
}

fn declared(
    steps: &[BoundStep],
    index: usize,
    step: &BoundStep,
    left_out: &impl Fn(&str) -> bool,
    add: &mut impl FnMut(usize, usize, Reason),
    found: &mut Diagnostics,
) {
    for need in &step.needs {
        let (host, wanted) = match &need.on {
            // A step that this host doesn't have was left out by its `when`; that it is declared at all is
            // proven by the role's own check.
            NeedOn::Step { role, step: name } => {
                for (other, candidate) in steps.iter().enumerate() {
                    if candidate.id.host == step.id.host && candidate.matches(name, role) {
                        add(other, index, Reason::Declared(need.place.clone()));
                    }
                }
                continue;
            }
            // All packages of all roles are one transaction, so they don't wait for other roles.
            NeedOn::Role { .. } if is_package(step) => continue,
            NeedOn::Role { role } => (step.id.host.as_ref(), role),
            NeedOn::RoleOnHost { role, host } => (host.as_str(), role),
        };
        let mut any = false;
        for (other, candidate) in steps.iter().enumerate() {
            if candidate.id.host.as_ref() == host && candidate.id.role.as_ref() == wanted.as_str() {
                any |= !candidate.is_absent();
                if candidate.id.is_last() {
                    continue;
                }
                if comes_after(candidate, step) {
                    continue;
                }
                if !(candidate.id.host == step.id.host && candidate.id.role == step.id.role) {
                    add(other, index, Reason::Declared(need.place.clone()));
                }
            }
        }
        if !any && !step.is_absent() && matches!(need.on, NeedOn::RoleOnHost { .. }) && !left_out(host) {
            let known = steps.iter().map(|step| step.id.host.as_ref());
            let mut mistake = Diagnostic::new(format!(
                "`{}` of host `{}` needs role `{wanted}` of host `{host}`, which has no step of that role",
                step.id, step.id.host
            ))
            .at(&need.place);
            if let Some(near) = crate::diagnostic::did_you_mean(host, known).filter(|near| *near != host) {
                mistake = mistake.help(format!("did you mean host `{near}`?"));
            } else {
                mistake = mistake.help(format!(
                    "give host `{host}` the role `{wanted}`, or drop the need"
                ));
            }
            found.push(mistake);
        }
    }
}

type Providers<'a> = BTreeMap<(&'a str, Resource), Vec<usize>>;

fn providers(steps: &[BoundStep]) -> Providers<'_> {
    let mut providers = Providers::new();
    for (index, step) in steps.iter().enumerate() {
        for resource in step.promise().provides() {
            providers
                .entry((step.id.host.as_ref(), resource))
                .or_default()
                .push(index);
        }
    }
    providers
}

/// Who provides what `step` requires, with the words for why. For a path, the nearest provided ancestor counts.
fn providing<'a>(
    providers: &Providers<'a>,
    step: &'a BoundStep,
    resource: &Resource,
) -> Vec<(usize, String)> {
    let others = |resource: Resource| -> Vec<usize> {
        let found = providers.get(&(step.id.host.as_ref(), resource));
        found.cloned().unwrap_or_default()
    };
    let Resource::Path(path) = resource else {
        let words = words(resource);
        return others(resource.clone())
            .into_iter()
            .map(|other| (other, words.clone()))
            .collect();
    };
    let own = step.promise().provides();
    let mut at = Some(path.as_str());
    while let Some(ancestor) = at.filter(|path| !path.is_empty()) {
        let resource = Resource::Path(ancestor.to_owned());
        // What the step itself provides is not what it waits for.
        if !own.contains(&resource) {
            let found = others(resource);
            if !found.is_empty() {
                let words = if ancestor == path {
                    format!("its path {ancestor}")
                } else {
                    format!("its folder {ancestor}")
                };
                return found.into_iter().map(|other| (other, words.clone())).collect();
            }
        }
        at = ancestor.rsplit_once('/').map(|(parent, _)| parent);
    }
    Vec::new()
}

fn words(resource: &Resource) -> String {
    match resource {
        Resource::Path(path) => format!("its path {path}"),
        Resource::Package(name) => format!("its package {name}"),
        Resource::User(name) => format!("its user {name}"),
        Resource::Group(name) => format!("its group {name}"),
        Resource::Unit(name) => format!("its unit {name}"),
        Resource::Database(name) => format!("its database {name}"),
        Resource::DatabaseUser(name) => format!("its database user {name}"),
        Resource::Table(name) => format!("its table {name}"),
        Resource::DatabaseServer(engine) => format!("the {engine} server"),
    }
}

fn brings(resource: &Resource) -> String {
    match resource {
        Resource::Path(path) => format!("the package that brings {path}"),
        Resource::User(name) => format!("the package that brings user {name}"),
        Resource::Group(name) => format!("the package that brings group {name}"),
        Resource::Unit(name) => format!("the package that brings {name}"),
        _ => "the package that brings it".to_owned(),
    }
}
