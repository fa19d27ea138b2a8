//! `--set NAME=VALUE`: values of the command line, with places in a source called `--set`.

use std::sync::Arc;

use super::names;
use super::raw::Variables;
use crate::diagnostic::{Diagnostic, Diagnostics, Place, Source};
use crate::yaml::{self, Key, Node, NodeValue};

/// Reads the values, each as YAML.
pub fn read(set: &[(String, String)], found: &mut Diagnostics) -> Variables {
    let mut variables = Variables::new();
    for (name, value) in set {
        // What the user typed is what an excerpt shows.
        let shown = Source::new("--set", format!("{name}={value}"));
        let shift = name.chars().count() + 1;
        let key = Key {
            name: name.clone(),
            place: Place {
                source: Arc::clone(&shown),
                line: 1,
                column: 1,
                length: shift.saturating_sub(1).max(1),
            },
        };
        found.keep(names::variable(name, &key.place));
        if variables.iter().any(|(known, _)| known.name == *name) {
            found.push(
                Diagnostic::new(format!("`{name}` is set twice on the command line"))
                    .at(&key.place)
                    .help("remove one of the two"),
            );
            continue;
        }
        match yaml::parse(&Source::new("--set", value.as_str())) {
            Ok(mut node) => {
                relocate(&mut node, &shown, shift);
                variables.push((key, Arc::new(node)));
            }
            Err(mut diagnostics) => {
                for place in diagnostics.0.iter_mut().filter_map(|d| d.place.as_mut()) {
                    move_place(place, &shown, shift);
                }
                found.extend(diagnostics);
            }
        }
    }
    variables
}

fn relocate(node: &mut Node, source: &Arc<Source>, shift: usize) {
    move_place(&mut node.place, source, shift);
    match &mut node.value {
        NodeValue::List(items) => items.iter_mut().for_each(|item| relocate(item, source, shift)),
        NodeValue::Map(entries) => {
            for (key, value) in entries {
                move_place(&mut key.place, source, shift);
                relocate(value, source, shift);
            }
        }
        _ => {}
    }
}

fn move_place(place: &mut Place, source: &Arc<Source>, shift: usize) {
    place.source = Arc::clone(source);
    if place.line == 1 {
        place.column += shift;
    }
}
