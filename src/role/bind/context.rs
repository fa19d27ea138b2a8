//! Values as templates see them, and back.

use indexmap::IndexMap;
use minijinja::Value;
use minijinja::value::ValueKind;

use crate::diagnostic::{Diagnostic, Place};
use crate::host::Facts;
use crate::secret::vault::Vault;
use crate::yaml::{Key, Node, NodeValue};

/// A map in the order of `entries`; a later entry replaces an earlier one.
pub fn map(entries: impl IntoIterator<Item = (String, Value)>) -> Value {
    let entries = entries.into_iter().map(|(key, value)| (Value::from(key), value));
    Value::from(entries.collect::<IndexMap<Value, Value>>())
}

/// A variable's value with its secrets filled in.
pub fn value(value: &crate::value::Value, vault: &Vault) -> Value {
    use crate::value::Value as Ours;
    match value {
        Ours::Null => Value::from(()),
        Ours::Bool(value) => Value::from(*value),
        Ours::Int(value) => Value::from(*value),
        Ours::Float(value) => Value::from(*value),
        Ours::Text(text) => Value::from(text.as_str()),
        Ours::List(items) => items.iter().map(|item| self::value(item, vault)).collect(),
        Ours::Map(entries) => map(entries
            .iter()
            .map(|(key, item)| (key.clone(), self::value(item, vault)))),
        // Binding has refused to start when one is missing that anything present needs.
        Ours::Secret(name) => vault.get(name).map_or_else(
            || Value::from(format!("<secret {name}>")),
            |secret| Value::from(secret.expose()),
        ),
    }
}

/// Everything that templates of a role know.
pub fn scope(variables: impl Iterator<Item = (String, Value)>, host: &str, facts: &Facts) -> Value {
    let packages = facts
        .packages
        .iter()
        .map(|(name, version)| (name.clone(), Value::from(version.version())));
    // The clock and the login are no part of a promise: they differ from run to run. So does the client's address,
    // but who runs this must not be taken for an attacker.
    let facts = [
        ("distribution", Value::from(facts.distribution.as_str())),
        ("release", Value::from(facts.release.as_str())),
        ("codename", Value::from(facts.codename.as_str())),
        ("architecture", Value::from(facts.architecture.as_str())),
        ("init", Value::from(facts.init.as_str())),
        ("hostname", Value::from(facts.hostname.as_str())),
        ("fqdn", Value::from(facts.fqdn.as_str())),
        ("memory", Value::from(facts.memory)),
        ("ssh_port", Value::from(facts.ssh_port)),
        ("ssh_client", Value::from(facts.ssh_client.as_str())),
        ("packages", map(packages)),
    ];
    let facts = map(facts.map(|(key, value)| (key.to_owned(), value)));
    map(variables.chain([
        ("host".to_owned(), Value::from(host)),
        ("facts".to_owned(), facts),
    ]))
}

/// `scope` and one name more.
pub fn with(scope: &Value, name: &str, item: Value) -> Value {
    let entries = scope.try_iter().into_iter().flatten().filter_map(|key| {
        let value = scope.get_item(&key).ok()?;
        Some((key.to_string(), value))
    });
    map(entries.chain([(name.to_owned(), item)]))
}

/// The items of a list, or the entries of a map as `{key, value}`. Nothing has no items.
pub fn items(value: &Value) -> Option<Vec<Value>> {
    match value.kind() {
        ValueKind::None => Some(Vec::new()),
        ValueKind::Seq | ValueKind::Iterable => Some(value.try_iter().ok()?.collect()),
        ValueKind::Map => Some(
            value
                .try_iter()
                .ok()?
                .map(|key| {
                    let entry = value.get_item(&key).unwrap_or_default();
                    map([("key".to_owned(), key), ("value".to_owned(), entry)])
                })
                .collect(),
        ),
        _ => None,
    }
}

/// What an item is called in the name of its step.
pub fn item_name(item: &Value) -> Option<String> {
    match item.kind() {
        ValueKind::String | ValueKind::Number | ValueKind::Bool => Some(item.to_string()),
        ValueKind::Map => ["address", "name", "domain", "key"]
            .iter()
            .filter_map(|field| item.get_attr(field).ok())
            .find_map(|value| value.as_str().map(str::to_owned)),
        _ => None,
    }
}

/// A value that an expression at `place` gave, as a node.
///
/// # Errors
/// A value that is no parameter: a function, say.
pub fn node(value: &Value, place: &Place) -> Result<Node, Diagnostic> {
    let wrong = || Diagnostic::new("the expression gives no value that a parameter can have").at(place);
    let value = match value.kind() {
        ValueKind::None => NodeValue::Null,
        ValueKind::Bool => NodeValue::Bool(value.is_true()),
        ValueKind::Number => match i64::try_from(value.clone()) {
            Ok(number) => NodeValue::Int(number),
            Err(_) => NodeValue::Float(f64::try_from(value.clone()).map_err(|_| wrong())?),
        },
        ValueKind::String => NodeValue::Text {
            text: value.to_string(),
            quoted: true,
        },
        ValueKind::Seq | ValueKind::Iterable => NodeValue::List(
            value
                .try_iter()
                .map_err(|_| wrong())?
                .map(|item| node(&item, place))
                .collect::<Result<_, _>>()?,
        ),
        ValueKind::Map => NodeValue::Map(
            value
                .try_iter()
                .map_err(|_| wrong())?
                .map(|key| {
                    let inner = value.get_item(&key).map_err(|_| wrong())?;
                    let key = Key {
                        name: key.to_string(),
                        place: place.clone(),
                    };
                    Ok((key, node(&inner, place)?))
                })
                .collect::<Result<_, _>>()?,
        ),
        _ => return Err(wrong()),
    };
    Ok(Node {
        place: place.clone(),
        value,
    })
}

/// The node as a plain value. What is null is as good as not given, so that an optional variable can be handed
/// on: `quota: "{{ x }}"`.
pub fn json(node: &Node) -> serde_json::Value {
    use serde_json::Value;
    match &node.value {
        NodeValue::Null => Value::Null,
        NodeValue::Bool(value) => Value::Bool(*value),
        NodeValue::Int(value) => Value::from(*value),
        NodeValue::Float(value) => Value::from(*value),
        NodeValue::Text { text, .. } => Value::String(text.clone()),
        NodeValue::List(items) => items.iter().map(json).collect(),
        NodeValue::Map(entries) => entries
            .iter()
            .filter(|(_, value)| value.value != NodeValue::Null)
            .map(|(key, value)| (key.name.clone(), json(value)))
            .collect(),
        NodeValue::Secret(name) => Value::String(format!("!secret {name}")),
    }
}
