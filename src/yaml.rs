//! YAML with places: every value knows its line and column, and duplicate keys are refused.
//!
//! `serde_yaml` forgets positions and keeps the last of two equal keys; this tree makes up for both. It knows
//! nothing of inventories or roles. Scalars are read by the core schema of YAML 1.2.2 (§10.3): `yes` is a text.

mod build;
mod expect;
mod key;
mod scalar;
mod size;
mod syntax;
mod text;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Diagnostics, Place, Source};
use crate::value::Value;

pub use expect::unknown_key;

/// Bytes; more than any inventory written by people, little enough to be read whole.
pub const LARGEST_FILE: usize = 4 << 20;
/// Keys and values in one document, those that aliases repeat included.
pub const MOST_NODES: usize = 1_000_000;
/// Bytes of text that aliases may repeat: a long text needs few of them to fill the memory.
pub const MOST_REPEATED: usize = 16 << 20;
/// Lists and maps inside each other.
pub const DEEPEST: usize = 64;

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
    /// `0644` is the decimal number 644; [`Node::written`] still tells them apart.
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
    /// As it is written: the key `25` is the text "25".
    pub name: String,
    pub place: Place,
}

/// Parses one document; an empty one is `Null`.
///
/// # Errors
/// Syntax errors, duplicate keys, unknown tags, aliases that expand too far, nesting too deep, NUL characters.
pub fn parse(source: &Arc<Source>) -> Result<Node, Diagnostics> {
    build::build(source)
}

/// Reads a file that should hold YAML.
///
/// # Errors
/// The file is missing, unreadable, larger than [`LARGEST_FILE`], or not UTF-8.
pub fn open(path: &Path) -> Result<Arc<Source>, Diagnostic> {
    use std::io::Read as _;

    let name = path.display().to_string();
    let fail = |error: std::io::Error| {
        let diagnostic = Diagnostic::new(format!("can't read `{name}`: {}", io_reason(&error)));
        match error.kind() {
            std::io::ErrorKind::NotFound => {
                diagnostic.help("check the path; it is relative to where you are")
            }
            _ => diagnostic,
        }
    };
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(LARGEST_FILE as u64 + 1).read_to_end(&mut bytes))
        .map_err(fail)?;
    if bytes.len() > LARGEST_FILE {
        return Err(
            Diagnostic::new(format!("`{name}` is larger than {} MiB", LARGEST_FILE >> 20))
                .help("is it the right file? If it is, split it and use `include:`"),
        );
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Source::new(name, text)),
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            let before = text.get(..valid).unwrap_or_default();
            let line_start = before.rfind('\n').map_or(0, |i| i + 1);
            let place = Place {
                line: before.matches('\n').count() + 1,
                column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
                length: 1,
                source: Source::new(name, text),
            };
            Err(Diagnostic::new("the file is not UTF-8")
                .at(&place)
                .help("save it as UTF-8"))
        }
    }
}

/// The reason of an I/O error, without `(os error 2)`.
pub fn io_reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        std::io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        _ => error.to_string(),
    }
}

impl Node {
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            NodeValue::Map(entries) => entries.iter().find(|(k, _)| k.name == key).map(|(_, node)| node),
            _ => None,
        }
    }

    /// The stretch of the source that the place covers: for a number, the digits as they were written.
    pub fn written(&self) -> String {
        let line = self
            .place
            .source
            .text
            .lines()
            .nth(self.place.line.saturating_sub(1));
        line.unwrap_or_default()
            .chars()
            .skip(self.place.column.saturating_sub(1))
            .take(self.place.length)
            .collect()
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
