//! Reading maps whose keys are fixed: unknown ones are refused with what was probably meant.

use crate::diagnostic::{Diagnostic, Diagnostics, did_you_mean};
use crate::yaml::{Key, Node, NodeValue};

/// "expected X, found Y" at `node`.
pub fn expected(node: &Node, what: &str) -> Diagnostic {
    Diagnostic::new(format!("expected {what}, found {}", node.to_value().type_name())).at(&node.place)
}

/// The entries of a map.
pub fn map<'n>(node: &'n Node, what: &str, wrong: &mut Diagnostics) -> &'n [(Key, Node)] {
    match &node.value {
        NodeValue::Map(entries) => entries,
        _ => {
            wrong.push(expected(node, what));
            &[]
        }
    }
}

/// The entries of a map whose keys are among `known`.
pub fn keys<'n>(node: &'n Node, what: &str, known: &[&str], wrong: &mut Diagnostics) -> &'n [(Key, Node)] {
    let entries = map(node, what, wrong);
    for (key, _) in entries {
        if !known.contains(&key.name.as_str()) {
            wrong.push(unknown(key, known));
        }
    }
    entries
}

/// The refusal of a key that is not among `known`.
pub fn unknown(key: &Key, known: &[&str]) -> Diagnostic {
    let diagnostic = Diagnostic::new(format!("unknown key `{}`", key.name)).at(&key.place);
    match did_you_mean(&key.name, known.iter().copied()) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic.help(format!("known here: {}", known.join(", "))),
    }
}

pub fn text<'n>(node: &'n Node, what: &str, wrong: &mut Diagnostics) -> Option<&'n str> {
    match &node.value {
        NodeValue::Text { text, .. } => Some(text),
        _ => {
            wrong.push(expected(node, what));
            None
        }
    }
}

pub fn boolean(node: &Node, wrong: &mut Diagnostics) -> Option<bool> {
    match &node.value {
        NodeValue::Bool(value) => Some(*value),
        _ => {
            wrong.push(expected(node, "true or false"));
            None
        }
    }
}

pub fn int(node: &Node, wrong: &mut Diagnostics) -> Option<i64> {
    match &node.value {
        NodeValue::Int(value) => Some(*value),
        _ => {
            wrong.push(expected(node, "a whole number"));
            None
        }
    }
}

pub fn list<'n>(node: &'n Node, what: &str, wrong: &mut Diagnostics) -> &'n [Node] {
    match &node.value {
        NodeValue::List(items) => items,
        _ => {
            wrong.push(expected(node, what));
            &[]
        }
    }
}

/// Whether `text` is a name: lower-case letters, digits and the characters of `more`, beginning with a letter.
pub fn is_name(text: &str, more: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || more.contains(c))
}
