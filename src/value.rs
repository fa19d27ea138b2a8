//! Values of variables: what YAML can say, plus a reference to a secret.

use indexmap::IndexMap;
use serde::Serialize;

/// A value of a variable, before secrets are filled in.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Value>),
    Map(IndexMap<String, Value>),
    /// `!secret NAME`: an entry of the secrets file.
    Secret(String),
}

impl Value {
    /// The YAML word for the value's type, for messages.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Int(_) => "a whole number",
            Value::Float(_) => "a number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
            Value::Secret(_) => "a secret",
        }
    }

    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Value::List(list) => Some(list),
            _ => None,
        }
    }

    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Value::Map(map) => map.get(key),
            _ => None,
        }
    }

    /// The names of all secrets that the value refers to.
    pub fn secrets(&self) -> Vec<&str> {
        match self {
            Value::Secret(name) => vec![name],
            Value::List(list) => list.iter().flat_map(Value::secrets).collect(),
            Value::Map(map) => map.values().flat_map(Value::secrets).collect(),
            _ => Vec::new(),
        }
    }
}

/// As shown to a person or written as JSON: a secret is its reference, never its value.
impl Serialize for Value {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Int(value) => serializer.serialize_i64(*value),
            Value::Float(value) => serializer.serialize_f64(*value),
            Value::Text(value) => serializer.serialize_str(value),
            Value::List(value) => value.serialize(serializer),
            Value::Map(value) => value.serialize(serializer),
            Value::Secret(name) => serializer.serialize_str(&format!("!secret {name}")),
        }
    }
}
