//! What can only be said of roles together: shared variables, needs, and the proof that templates use declared
//! variables alone.

use std::collections::{BTreeSet, HashMap};

use super::Roles;
use crate::diagnostic::{Diagnostic, Diagnostics, did_you_mean};
use crate::role::template::proof;
use crate::role::{Declaration, Need, NeedOn, Role};

/// Checks all roles.
pub fn all(roles: &Roles, wrong: &mut Diagnostics) {
    let mut owners: HashMap<&str, (&Role, &Declaration)> = HashMap::new();
    for role in roles.0.values() {
        for declaration in role.variables.values() {
            match owners.get(declaration.name.as_str()) {
                Some((owner, first)) if !same(first, declaration) => wrong.push(
                    Diagnostic::new(format!(
                        "the role `{}` declares `{}` otherwise than the role `{}` does",
                        role.name, declaration.name, owner.name
                    ))
                    .at(&declaration.place)
                    .help(format!(
                        "declare it in one role, and let the other one need that role (`needs: [{}]`)",
                        owner.name
                    )),
                ),
                Some(_) => {}
                None => {
                    owners.insert(&declaration.name, (role, declaration));
                }
            }
        }
        for step in &role.steps {
            for need in &step.needs {
                check_need(roles, role, &step.id, need, wrong);
            }
        }
        for (name, value) in &role.values {
            if let Some((owner, _)) = owners.get(name.as_str()) {
                wrong.push(
                    Diagnostic::new(format!(
                        "`{name}` is a variable of the role `{}` already",
                        owner.name
                    ))
                    .at(&value.place)
                    .help("call the value something else"),
                );
            }
        }
        proof::role(role, &|name| known(roles, name), wrong);
        let certain: BTreeSet<&str> = roles.certain_scope(&role.name).map(|d| d.name.as_str()).collect();
        proof::conditions(role, &certain, wrong);
    }
}

/// The names of variables and values that templates of the role `name` know, if it is among `roles`.
fn known<'r>(roles: &'r Roles, name: &str) -> Option<BTreeSet<&'r str>> {
    let role = roles.0.get(name)?;
    let values = roles.values(&role.name).map(|(_, name, _)| name);
    let variables = roles.scope(&role.name).map(|d| d.name.as_str());
    Some(variables.chain(values).collect())
}

/// Whether two declarations say the same of a variable.
fn same(a: &Declaration, b: &Declaration) -> bool {
    let default = |d: &Declaration| d.default.as_ref().map(crate::yaml::Node::to_value);
    a.optional == b.optional && default(a) == default(b) && same_type(&a.ty, &b.ty)
}

/// Equality of types without their places.
fn same_type(a: &crate::role::Type, b: &crate::role::Type) -> bool {
    use crate::role::Type;
    match (a, b) {
        (Type::List(a), Type::List(b)) | (Type::Map(a), Type::Map(b)) => same_type(a, b),
        (Type::Record(a), Type::Record(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(name, field)| b.get(name).is_some_and(|other| same(field, other)))
        }
        _ => a == b,
    }
}

fn check_need(roles: &Roles, role: &Role, from: &str, need: &Need, wrong: &mut Diagnostics) {
    let reachable = roles.with_needs(&role.name);
    let (name, step) = match &need.on {
        NeedOn::Step { role, step } => (role, Some(step)),
        NeedOn::Role { role } => (role, None),
        // Another host may have roles that this one knows nothing of: the graph looks.
        NeedOn::RoleOnHost { .. } => return,
    };
    // An expression is known when the host is.
    if name.contains("{{") || step.is_some_and(|step| step.contains("{{")) {
        return;
    }
    let Some(target) = roles
        .0
        .get(name)
        .filter(|target| reachable.contains(target.name.as_str()))
    else {
        let unknown = Diagnostic::new(format!(
            "the role `{}` does not need a role `{name}`, so its steps can't",
            role.name
        ))
        .at(&need.place);
        wrong.push(match did_you_mean(name, reachable.iter().copied()) {
            Some(near) if near != name.as_str() => unknown.help(format!("did you mean `{near}`?")),
            _ => unknown.help(format!("add `{name}` to the role's own `needs`")),
        });
        return;
    };
    let Some(step) = step else { return };
    // `step[item]` is one of the items of a step with `each`.
    let bare = step.split_once('[').map_or(step.as_str(), |(bare, _)| bare);
    if target.name == role.name && bare == from && bare == step {
        wrong.push(Diagnostic::new(format!("the step `{from}` needs itself")).at(&need.place));
    } else if !target.steps.iter().any(|known| known.id == bare) {
        let unknown =
            Diagnostic::new(format!("the role `{}` has no step `{bare}`", target.name)).at(&need.place);
        let ids: Vec<&str> = target.steps.iter().map(|step| step.id.as_str()).collect();
        wrong.push(match did_you_mean(bare, ids.iter().copied()) {
            Some(near) => unknown.help(format!("did you mean `{near}`?")),
            None => unknown.help(format!("its steps are {}", ids.join(", "))),
        });
    }
}
