//! YAML with places: every value knows its line and column, and duplicate keys are refused.
//!
//! `serde_yaml` forgets positions and keeps the last of two equal keys; this tree makes up for both. It knows
//! nothing of inventories or roles.

use std::sync::Arc;

use crate::diagnostic::{Diagnostics, Place, Source};
use crate::value::Value;

/// A YAML value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub place: Place,
    pub value: NodeValue,
}

#[derive(Debug, Clone, PartialEq)]
pub enum NodeValue {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// `quoted` tells `"0644"` from `0644`.
    Text {
        text: String,
        quoted: bool,
    },
    List(Vec<Node>),
    /// In the order of the file.
    Map(Vec<(Key, Node)>),
    /// `!secret NAME`
    Secret(String),
}

/// A key of a map and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    pub name: String,
    pub place: Place,
}

/// Parses one document.
///
/// # Errors
/// Syntax errors, duplicate keys, unknown tags, aliases that expand too far, nesting too deep.
pub fn parse(_source: &Arc<Source>) -> Result<Node, Diagnostics> {
    todo!("inventory helper")
}

impl Node {
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            NodeValue::Map(entries) => entries.iter().find(|(k, _)| k.name == key).map(|(_, node)| node),
            _ => None,
        }
    }

    pub fn to_value(&self) -> Value {
        match &self.value {
            NodeValue::Null => Value::Null,
            NodeValue::Bool(value) => Value::Bool(*value),
            NodeValue::Int(value) => Value::Int(*value),
            NodeValue::Float(value) => Value::Float(*value),
            NodeValue::Text { text, .. } => Value::Text(text.clone()),
            NodeValue::List(list) => Value::List(list.iter().map(Node::to_value).collect()),
            NodeValue::Map(map) => Value::Map(
                map.iter()
                    .map(|(key, node)| (key.name.clone(), node.to_value()))
                    .collect(),
            ),
            NodeValue::Secret(name) => Value::Secret(name.clone()),
        }
    }
}
