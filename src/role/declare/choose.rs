//! Which of the roles that are needed under a condition a host gets.
//!
//! A condition sees the variables that its role has in any case, as the inventory and their defaults have them. It
//! must not know facts: which roles a host has is decided before it is asked.

use indexmap::IndexMap;
use minijinja::{Environment, UndefinedBehavior, Value};

use super::fit;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::inventory::InventoryHost;
use crate::role::load::Roles;
use crate::role::template::read;
use crate::role::{Role, RoleNeed};
use crate::yaml::NodeValue;

/// Whether `need` of `role` holds for `host`.
///
/// # Errors
/// A condition that fails: it compares what can't be compared, say.
pub fn comes(roles: &Roles, host: &InventoryHost, role: &Role, need: &RoleNeed) -> Result<bool, Diagnostic> {
    let Some((when, place)) = &need.when else {
        return Ok(true);
    };
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let variables: IndexMap<Value, Value> = roles
        .certain_scope(&role.name)
        .map(|declaration| {
            let node = host
                .variables
                .0
                .get(&declaration.name)
                .map(|set| set.node.as_ref());
            let node = node.filter(|node| node.value != NodeValue::Null);
            let value = node.or(declaration.default.as_ref()).map(|node| {
                // What doesn't fit is reported where all variables are checked.
                let mut wrong = Diagnostics::default();
                fit::fit(&declaration.ty, node, &declaration.name, &mut wrong)
            });
            (Value::from(declaration.name.as_str()), plain(value.as_ref()))
        })
        .collect();
    let holds = read::expression(&environment, when)
        .and_then(|compiled| compiled.eval(Value::from(variables)))
        .map_err(|error| Diagnostic::new(format!("the condition fails: {}", error.kind())).at(place))?;
    Ok(holds.is_true())
}

/// Reports the conditions that fail for `host`.
pub fn check(roles: &Roles, host: &InventoryHost, wrong: &mut Diagnostics) {
    let mut found = IndexMap::new();
    for role in &host.roles {
        roles.with_needs_where(
            &role.name,
            &mut |role, need| match comes(roles, host, role, need) {
                Ok(comes) => comes,
                Err(mistake) => {
                    found.insert((role.name.clone(), need.role.clone()), mistake);
                    false
                }
            },
        );
    }
    for (_, mistake) in found {
        wrong.push(mistake);
    }
}

/// The value as an expression sees it. Secrets are not known yet: they are none.
fn plain(value: Option<&crate::value::Value>) -> Value {
    use crate::value::Value as Ours;
    match value {
        None | Some(Ours::Null | Ours::Secret(_)) => Value::from(()),
        Some(Ours::Bool(value)) => Value::from(*value),
        Some(Ours::Int(value)) => Value::from(*value),
        Some(Ours::Float(value)) => Value::from(*value),
        Some(Ours::Text(text)) => Value::from(text.as_str()),
        Some(Ours::List(items)) => items.iter().map(|item| plain(Some(item))).collect(),
        Some(Ours::Map(entries)) => Value::from(
            entries
                .iter()
                .map(|(key, value)| (Value::from(key.as_str()), plain(Some(value))))
                .collect::<IndexMap<_, _>>(),
        ),
    }
}
