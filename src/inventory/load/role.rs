//! One item of a `roles:` list: a name, or a role that is to be taken away.

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::inventory::{Absent, RoleUse};
use crate::yaml::{Node, NodeValue, unknown_key};

const KEYS: [&str; 3] = ["role", "state", "purge"];

/// Reads `ROLE` or `{role: ROLE, state: absent, purge: false}`, item `index` of the list.
pub fn read(item: &Node, index: usize, found: &mut Diagnostics) -> Option<RoleUse> {
    let NodeValue::Map(entries) = &item.value else {
        let name = found.keep(item.expect_text(&format!("roles[{index}]")))?;
        return Some(RoleUse {
            name: name.to_owned(),
            place: item.place.clone(),
            absent: None,
        });
    };
    let mut role = None;
    let mut absent = false;
    let mut purge = None;
    for (key, node) in entries {
        match key.name.as_str() {
            "role" => {
                let name = found.keep(node.expect_text("role"));
                role = name.map(|name| (name.to_owned(), node.place.clone()));
            }
            "state" => match found.keep(node.expect_text("state")) {
                Some("absent") => absent = true,
                Some("present") | None => {}
                Some(other) => found.push(
                    node.mistake(format!("a role is `present` or `absent`, not `{other}`"))
                        .help("`absent` takes away what the role made"),
                ),
            },
            "purge" => match &node.value {
                NodeValue::Bool(value) => purge = Some((*value, node)),
                _ => found.push(node.mistake("`purge` is true or false")),
            },
            _ => found.push(unknown_key(key, "a role in the list", &KEYS)),
        }
    }
    if let Some((_, node)) = purge
        && !absent
    {
        found.push(
            node.mistake("`purge` goes with `state: absent`")
                .help("it says that people's mail, keys and databases go with the role"),
        );
    }
    let Some((name, place)) = role else {
        if !entries.iter().any(|(key, _)| key.name == "role") {
            found.push(
                Diagnostic::new("this item names no role")
                    .at(&item.place)
                    .help("write `{role: ROLE, state: absent}`"),
            );
        }
        return None;
    };
    Some(RoleUse {
        name,
        place,
        absent: absent.then(|| Absent {
            purge: purge.is_some_and(|(purge, _)| purge),
        }),
    })
}
