//! Roles that are to be taken away from a host: what is said of them must make sense.

use super::{choose, in_scope, roles_of};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::inventory::{Absent, InventoryHost, RoleUse};
use crate::role::Role;
use crate::role::load::Roles;

/// Reports absent roles that a present one needs, and those that have nothing to take away.
pub fn check(roles: &Roles, host: &InventoryHost, wrong: &mut Diagnostics) {
    let present = roles_of(roles, host);
    for (used, absent) in host.absent_roles() {
        let Some(role) = roles.0.get(&used.name) else {
            continue;
        };
        if present.iter().any(|present| present.name == role.name) {
            wrong.push(needed(roles, host, &present, used));
        } else if role.steps.is_empty() && absent.purge {
            let brings: Vec<&str> = role.needs.iter().map(|need| need.role.as_str()).collect();
            wrong.push(
                Diagnostic::new(format!(
                    "the role `{}` makes nothing itself, so there is nothing to purge",
                    used.name
                ))
                .at(&used.place)
                .help(format!(
                    "purge by name, with care, those of the roles that came with it whose data are to go: {}",
                    brings.join(", ")
                )),
            );
        }
    }
}

/// The roles that are to be taken away, each after what it needs: those that the list says, and those that came
/// along with them and that no present role needs. Only what is named is purged.
pub fn absent_of<'r>(roles: &'r Roles, host: &InventoryHost) -> Vec<(&'r Role, Absent)> {
    let present = roles_of(roles, host);
    let gone = in_scope(roles, host).into_iter();
    let gone = gone.filter(|role| !present.iter().any(|present| present.name == role.name));
    gone.map(|role| {
        let named = host.absent_roles().find(|(used, _)| used.name == role.name);
        let along = Absent { purge: false };
        (role, named.map_or(along, |(_, absent)| absent))
    })
    .collect()
}

/// The mistake of an absent role that a present one needs, with both places.
fn needed(roles: &Roles, host: &InventoryHost, present: &[&Role], used: &RoleUse) -> Diagnostic {
    let mistake = |by: &str| {
        Diagnostic::new(format!(
            "the host `{}` is to lose the role `{}`, which {by} needs",
            host.name, used.name
        ))
        .at(&used.place)
    };
    let need = present.iter().find_map(|role| {
        let need = role.needs.iter().find(|need| need.role == used.name)?;
        choose::comes(roles, host, role, need)
            .unwrap_or(false)
            .then_some((role, need))
    });
    let Some((role, need)) = need else {
        return mistake("another role").help("list it once");
    };
    let asked = host
        .present_roles()
        .find(|asked| asked.name == role.name || roles.with_needs(&asked.name).contains(role.name.as_str()));
    let by = match asked {
        Some(asked) if asked.name == role.name => format!("its role `{}` ({})", role.name, asked.place),
        Some(asked) => format!(
            "its role `{}`, which comes with `{}` ({}),",
            role.name, asked.name, asked.place
        ),
        None => format!("its role `{}`", role.name),
    };
    let condition = match &need.when {
        Some((when, _)) => format!(", because {when}"),
        None => String::new(),
    };
    mistake(&by).help(format!(
        "the need stands at {}{condition}; take `{}` away too, or keep `{}`",
        need.place, role.name, used.name
    ))
}
