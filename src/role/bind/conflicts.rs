//! Promises of one host that can't both hold, or that nothing would ever notice.

use std::collections::BTreeMap;

use crate::diagnostic::{Diagnostic, Diagnostics, did_you_mean};
use crate::role::BoundStep;
use crate::role::load::Roles;

/// Finds them among the steps of one host.
pub fn find(roles: &Roles, steps: &[BoundStep]) -> Diagnostics {
    let mut found = Diagnostics::default();
    let mut writers: BTreeMap<String, &BoundStep> = BTreeMap::new();
    for step in steps {
        if let Some(rendered) = step.step.rendered()
            && let Some(first) = writers.insert(rendered.path.to_owned(), step)
        {
            found.push(
                Diagnostic::new(format!(
                    "`{}` and `{}` both write {} on the host `{}`",
                    first.id, step.id, rendered.path, step.id.host
                ))
                .at(&step.place)
                .help(format!(
                    "the other one is at {}; drop one of the two",
                    first.place
                )),
            );
        }
        unwatched(roles, step, &mut found);
    }
    found
}

/// A pattern that names no step would be a restart that never comes. A step that is declared and doesn't apply to
/// this host (`when:`, an empty `each:`) is fine.
fn unwatched(roles: &Roles, step: &BoundStep, found: &mut Diagnostics) {
    let Some(watches) = step.step.watches() else {
        return;
    };
    for pattern in watches.restart.iter().chain(&watches.reload) {
        let own = step.id.role.as_ref();
        let (role, name) = pattern.split_once('/').unwrap_or((own, pattern));
        let bare = name.split_once('[').map_or(name, |(bare, _)| bare);
        let ids = || {
            roles
                .0
                .get(role)
                .into_iter()
                .flat_map(|role| role.steps.iter().map(|step| step.id.as_str()))
        };
        if ids().any(|id| id == bare) || (!roles.0.contains_key(role) && is_built_in(role, bare)) {
            continue;
        }
        let diagnostic =
            Diagnostic::new(format!("`{}` watches `{pattern}`, which is no step", step.id)).at(&step.place);
        found.push(match did_you_mean(bare, ids()) {
            Some(near) if role == own => diagnostic.help(format!("did you mean `{near}`?")),
            Some(near) => diagnostic.help(format!("did you mean `{role}/{near}`?")),
            None => diagnostic.help("write the id of a step of this role, or ROLE/STEP"),
        });
    }
}

/// Whether a built-in role that no host has would bring the step.
fn is_built_in(role: &str, step: &str) -> bool {
    let steps = |roles: Roles| {
        let role = roles.0.get(role)?;
        Some(role.steps.iter().any(|known| known.id == step))
    };
    Roles::built_in().ok().and_then(steps).unwrap_or(false)
}
