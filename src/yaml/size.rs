//! How much a document holds, and what is too much: a few lines of aliases can stand for more than any memory.

use super::{Key, MOST_NODES, MOST_REPEATED, Node, NodeValue};
use crate::diagnostic::{Diagnostic, Place};

/// Of a value, with everything in it.
#[derive(Clone, Copy)]
pub struct Size {
    /// Keys and values.
    nodes: usize,
    /// Lists and maps inside each other.
    pub depth: usize,
    /// Bytes of text.
    text: usize,
}

impl Size {
    /// The depth is at most [`super::DEEPEST`], so that recursion is harmless.
    pub fn of(node: &Node) -> Self {
        let mut size = Self {
            nodes: 1,
            depth: 0,
            text: 0,
        };
        match &node.value {
            NodeValue::List(items) => {
                size.depth = 1;
                items.iter().for_each(|item| size.add(None, item));
            }
            NodeValue::Map(entries) => {
                size.depth = 1;
                entries.iter().for_each(|(key, value)| size.add(Some(key), value));
            }
            NodeValue::Text { text, .. } | NodeValue::Secret(text) => size.text = text.len(),
            NodeValue::Null | NodeValue::Bool(_) | NodeValue::Int(_) | NodeValue::Float(_) => {}
        }
        size
    }

    fn add(&mut self, key: Option<&Key>, value: &Node) {
        let value = Self::of(value);
        self.nodes += value.nodes + usize::from(key.is_some());
        self.depth = self.depth.max(1 + value.depth);
        self.text += value.text + key.map_or(0, |key| key.name.len());
    }
}

/// What a document has come to so far.
#[derive(Default)]
pub struct Count {
    nodes: usize,
    /// Bytes of text that were copied for anchors and aliases.
    repeated: usize,
}

impl Count {
    pub fn node(&mut self, place: &Place) -> Result<(), Diagnostic> {
        self.nodes += 1;
        self.judge(place)
    }

    /// Asked before it is copied: that is what makes a bomb harmless.
    pub fn copy(&mut self, size: Size, place: &Place) -> Result<(), Diagnostic> {
        self.nodes += size.nodes;
        self.repeated += size.text;
        self.judge(place)
    }

    fn judge(&self, place: &Place) -> Result<(), Diagnostic> {
        let (what, help) = if self.nodes > MOST_NODES {
            (
                format!("the document has more than {MOST_NODES} values, those that aliases repeat included"),
                "does an alias repeat a list of aliases?",
            )
        } else if self.repeated > MOST_REPEATED {
            (
                format!("aliases repeat more than {} MiB of text", MOST_REPEATED >> 20),
                "does an alias repeat a long text many times?",
            )
        } else {
            return Ok(());
        };
        Err(Diagnostic::new(what).at(place).help(help))
    }
}
