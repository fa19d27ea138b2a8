//! Checking a host's variables against the declarations of its roles.
//!
//! `fit` checks a value against a type, `text` knows the forms of names, addresses and sizes. Knows nothing of
//! templates: a secret stays a reference.

mod absent;
mod choose;
pub mod fit;
pub mod text;

pub use absent::absent_of;

use std::collections::BTreeMap;

use indexmap::IndexMap;

use super::load::Roles;
use super::{Declaration, Type};
use crate::diagnostic::{Diagnostic, Diagnostics, Place, did_you_mean};
use crate::inventory::{Inventory, InventoryHost, Origin};
use crate::value::Value;

/// The variables of a host, checked and normalised, in the order of declaration.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Resolved {
    /// By name. What is optional and not set is `Null`.
    pub values: IndexMap<String, Value>,
    /// The secrets that the values refer to: name → where.
    pub secrets: BTreeMap<String, SecretUse>,
}

/// Where a secret is used.
#[derive(Debug, Clone, PartialEq)]
pub struct SecretUse {
    /// Where the inventory refers to it, or the host that needs it.
    pub place: Place,
    /// The variable, for people: `mail_mailboxes[0].password`.
    pub variable: String,
    pub doc: String,
    /// Whether it may be made up when it is missing: not if any of its uses says no.
    pub generate: bool,
}

/// Checks the variables of `host`.
///
/// # Errors
/// Every unknown name, wrong type and missing value.
pub fn resolve(inventory: &Inventory, roles: &Roles, host: &InventoryHost) -> Result<Resolved, Diagnostics> {
    let mut wrong = Diagnostics::default();
    choose::check(roles, host, &mut wrong);
    absent::check(roles, host, &mut wrong);
    let declared = of_roles(in_scope(roles, host));
    let used = declarations(roles, host);
    // A role that comes under a condition may go again by one changed line: what is set for it may stay.
    let possible = possible_declarations(roles, host);
    // A variable of a group may be for other hosts of it; one that stands at a host is for that host.
    let mut anywhere = possible.clone();
    for other in &inventory.hosts {
        anywhere.extend(possible_declarations(roles, other));
    }
    for (name, variable) in &host.variables.0 {
        let known = match variable.origin {
            Origin::Host(_) => &possible,
            _ => &anywhere,
        };
        if !known.contains_key(name.as_str()) {
            wrong.push(unknown(roles, host, known, name, &variable.key));
        } else if !declared.contains_key(name.as_str())
            && let Some((_, declaration)) = possible.get(name.as_str())
            && variable.node.value != crate::yaml::NodeValue::Null
        {
            fit::fit(&declaration.ty, &variable.node, name, &mut wrong);
        }
    }
    let mut resolved = Resolved::default();
    // What only an absent role takes is known by its name alone: nobody need keep its secrets.
    let mut forgotten = BTreeMap::new();
    for (name, (role, declaration)) in &declared {
        let uses = if used.contains_key(name) {
            &mut resolved.secrets
        } else {
            &mut forgotten
        };
        let value = match host.variables.0.get(*name) {
            Some(variable) => {
                let node = &variable.node;
                if node.value == crate::yaml::NodeValue::Null && declaration.optional {
                    Value::Null
                } else {
                    secrets(&declaration.ty, node, name, declaration, uses);
                    fit::fit(&declaration.ty, node, name, &mut wrong)
                }
            }
            None => match unset(inventory, host, role, declaration, uses) {
                Ok(value) => value,
                Err(missing) => {
                    wrong.push(missing);
                    Value::Null
                }
            },
        };
        resolved.values.insert((*name).to_owned(), value);
    }
    if wrong.is_empty() {
        Ok(resolved)
    } else {
        Err(wrong)
    }
}

/// The variables of all roles that a host is to have, with the role that declares each.
pub fn declarations<'r>(
    roles: &'r Roles,
    host: &InventoryHost,
) -> IndexMap<&'r str, (&'r str, &'r Declaration)> {
    of_roles(roles_of(roles, host))
}

/// Those, and the variables of roles that the host would have if conditions held.
fn possible_declarations<'r>(
    roles: &'r Roles,
    host: &InventoryHost,
) -> IndexMap<&'r str, (&'r str, &'r Declaration)> {
    let names = host.roles.iter().flat_map(|role| roles.with_needs(&role.name));
    of_roles(names.filter_map(|name| roles.0.get(name)))
}

fn of_roles<'r>(
    roles: impl IntoIterator<Item = &'r super::Role>,
) -> IndexMap<&'r str, (&'r str, &'r Declaration)> {
    let mut declared = IndexMap::new();
    for role in roles {
        for declaration in role.variables.values() {
            declared
                .entry(declaration.name.as_str())
                .or_insert((role.name.as_str(), declaration));
        }
    }
    declared
}

/// The roles that a host is to have and what they need there, each after what it needs itself.
pub fn roles_of<'r>(roles: &'r Roles, host: &InventoryHost) -> Vec<&'r super::Role> {
    let names = host.present_roles().map(|role| role.name.as_str());
    with_needs(roles, host, names)
}

/// Those, the roles that are to be taken away, and what these needed: all whose variables count.
pub fn in_scope<'r>(roles: &'r Roles, host: &InventoryHost) -> Vec<&'r super::Role> {
    let absent = host.absent_roles().map(|(role, _)| role.name.as_str());
    let names = host.present_roles().map(|role| role.name.as_str());
    with_needs(roles, host, names.chain(absent))
}

fn with_needs<'r, 'h>(
    roles: &'r Roles,
    host: &InventoryHost,
    names: impl Iterator<Item = &'h str>,
) -> Vec<&'r super::Role> {
    let mut found = indexmap::IndexSet::new();
    for name in names {
        // A condition that fails is a mistake, which `resolve` reports.
        found.extend(roles.with_needs_where(name, &mut |role, need| {
            choose::comes(roles, host, role, need).unwrap_or(false)
        }));
    }
    found.into_iter().filter_map(|name| roles.0.get(name)).collect()
}

/// What a variable is that the inventory doesn't set.
fn unset(
    inventory: &Inventory,
    host: &InventoryHost,
    role: &str,
    declaration: &Declaration,
    secrets: &mut BTreeMap<String, SecretUse>,
) -> Result<Value, Diagnostic> {
    if let Some(default) = &declaration.default {
        // The role's loader has checked it.
        return Ok(fit::fit(
            &declaration.ty,
            default,
            &declaration.name,
            &mut Diagnostics::default(),
        ));
    }
    if declaration.ty == Type::Secret
        && (!declaration.optional || inventory.secrets.entries.contains_key(&declaration.name))
    {
        let name = declaration.name.clone();
        secrets.entry(name.clone()).or_insert_with(|| SecretUse {
            place: host.place.clone(),
            variable: name.clone(),
            doc: declaration.doc.clone(),
            generate: declaration.generate,
        });
        return Ok(Value::Secret(name));
    }
    if declaration.optional {
        return Ok(Value::Null);
    }
    Err(Diagnostic::new(format!(
        "the host `{}` has no `{}`, which its role `{role}` requires",
        host.name, declaration.name
    ))
    .at(&host.place)
    .help(format!(
        "set `{}` to {}: {}",
        declaration.name,
        fit::name(&declaration.ty),
        declaration.doc
    )))
}

fn unknown(
    roles: &Roles,
    host: &InventoryHost,
    declared: &IndexMap<&str, (&str, &Declaration)>,
    name: &str,
    place: &Place,
) -> Diagnostic {
    if let Some(role) = roles.0.values().find(|role| role.variables.contains_key(name)) {
        return Diagnostic::new(format!(
            "`{name}` is a variable of the role `{}`, which the host `{}` does not have",
            role.name, host.name
        ))
        .at(place)
        .help(format!(
            "add `{}` to the host's `roles`, or remove the variable",
            role.name
        ));
    }
    let mistake = Diagnostic::new(format!("unknown variable `{name}`")).at(place);
    match did_you_mean(name, declared.keys().copied()) {
        Some(near) => {
            let role = declared.get(near).map_or("", |(role, _)| role);
            mistake.help(format!("did you mean `{near}` of the role `{role}`?"))
        }
        None => mistake.help("`mailprov doc ROLE` lists the variables of a role"),
    }
}

/// Collects the references to secrets inside a value; `declaration` is the variable's or the field's.
fn secrets(
    ty: &Type,
    node: &crate::yaml::Node,
    path: &str,
    declaration: &Declaration,
    found: &mut BTreeMap<String, SecretUse>,
) {
    use crate::yaml::NodeValue;
    match (&node.value, ty) {
        (NodeValue::Secret(name), _) => {
            let used = found.entry(name.clone()).or_insert_with(|| SecretUse {
                place: node.place.clone(),
                variable: path.to_owned(),
                doc: declaration.doc.clone(),
                generate: true,
            });
            used.generate &= declaration.generate;
        }
        (NodeValue::List(items), Type::List(of)) => {
            for (index, item) in items.iter().enumerate() {
                secrets(of, item, &format!("{path}[{index}]"), declaration, found);
            }
        }
        (NodeValue::Map(entries), Type::Map(of)) => {
            for (key, value) in entries {
                secrets(of, value, &format!("{path}.{}", key.name), declaration, found);
            }
        }
        (NodeValue::Map(entries), Type::Record(fields)) => {
            for (key, value) in entries {
                if let Some(field) = fields.get(&key.name) {
                    secrets(&field.ty, value, &format!("{path}.{}", key.name), field, found);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
