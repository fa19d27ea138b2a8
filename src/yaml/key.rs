//! Keys of maps: texts, each once.

use std::collections::HashMap;

use super::{Key, Node, NodeValue};
use crate::diagnostic::{Diagnostic, Place};

/// The key that `node` is, if `seen` (name → first place) has it not yet.
///
/// # Errors
/// The key's place and what is wrong with it.
pub fn read(node: Node, seen: &mut HashMap<String, Place>) -> Result<Key, (Place, Box<Diagnostic>)> {
    let place = node.place;
    let wrong = |diagnostic: Diagnostic| Err((place.clone(), Box::new(diagnostic.at(&place))));
    let name = match node.value {
        NodeValue::Text { text, .. } if !text.is_empty() => text,
        NodeValue::Int(_) | NodeValue::Float(_) | NodeValue::Bool(_) => {
            return wrong(Diagnostic::new("an alias to a number or boolean can't be a key"));
        }
        NodeValue::Text { .. } | NodeValue::Null => {
            return wrong(Diagnostic::new("a key is missing before this `:`, or is empty"));
        }
        NodeValue::Secret(_) => return wrong(Diagnostic::new("a secret can't be a key")),
        NodeValue::List(_) | NodeValue::Map(_) => {
            let diagnostic = Diagnostic::new("a list or map can't be a key");
            return wrong(if place.text().contains("{{") {
                diagnostic.help("a value that begins with `{{` must be in quotes: \"{{ … }}\"")
            } else {
                diagnostic.help("keys are texts; quote it if it is meant as one")
            });
        }
    };
    if name == "<<" {
        return wrong(
            Diagnostic::new("merge keys (`<<`) are not part of YAML 1.2")
                .help("give shared variables to a group, or repeat a whole value with an alias"),
        );
    }
    if let Some(first) = seen.get(&name) {
        return wrong(Diagnostic::new(format!("duplicate key `{name}`")).help(format!(
            "it is already defined at {first}; remove or rename one of the two"
        )));
    }
    seen.insert(name.clone(), place.clone());
    Ok(Key { name, place })
}
