//! Types of variables, as role.yaml writes them.

use indexmap::IndexMap;

use super::keys;
use crate::diagnostic::{Diagnostic, Diagnostics, Place, did_you_mean};
use crate::role::declare::fit;
use crate::role::{Declaration, Type};
use crate::yaml::{Key, Node, NodeValue};

/// Every word for a type, in the order of the reference.
pub const NAMES: [&str; 16] = [
    "text", "bool", "int", "mode", "size", "path", "hostname", "domain", "email", "ip", "secret", "one_of",
    "list", "map", "record", "any",
];

const KEYS: [&str; 11] = [
    "type",
    "doc",
    "default",
    "optional",
    "rehearsal",
    "generate",
    "of",
    "fields",
    "values",
    "min",
    "max",
];

/// Names that templates use for something else.
const RESERVED: [&str; 16] = [
    "host", "facts", "version", "at_least", "loop", "true", "false", "none", "not", "and", "or", "in", "is",
    "if", "else", "self",
];

/// Whether templates could not tell a variable `name` from something else.
pub fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}

/// Variables of a role, or fields of a record.
pub fn declarations(node: &Node, what: &str, wrong: &mut Diagnostics) -> IndexMap<String, Declaration> {
    let mut found = IndexMap::new();
    for (key, node) in keys::map(node, &format!("a map of {what}s by name"), wrong) {
        if !keys::is_name(&key.name, "_") {
            wrong.push(
                Diagnostic::new(format!("`{}` is no name for a {what}", key.name))
                    .at(&key.place)
                    .help("a name has lower-case letters, digits and `_`, and begins with a letter"),
            );
        }
        if what == "variable" && is_reserved(&key.name) {
            wrong.push(
                Diagnostic::new(format!(
                    "`{}` means something else in templates, so no variable can be called that",
                    key.name
                ))
                .at(&key.place),
            );
        }
        if let Some(declaration) = declaration(key, node, what, wrong) {
            found.insert(key.name.clone(), declaration);
        }
    }
    found
}

fn declaration(key: &Key, node: &Node, what: &str, wrong: &mut Diagnostics) -> Option<Declaration> {
    let entries = keys::keys(node, "a map with `type`, `doc` and maybe `default`", &KEYS, wrong);
    if entries.is_empty() {
        return None;
    }
    let doc = match node.get("doc") {
        Some(doc) => keys::text(doc, "a sentence", wrong)
            .unwrap_or("…")
            .trim()
            .to_owned(),
        None => String::new(),
    };
    if doc.is_empty() {
        wrong.push(
            Diagnostic::new(format!("the {what} `{}` is not documented", key.name))
                .at(&key.place)
                .help("say in `doc:` what it is for: the reference and error messages show it"),
        );
    }
    let optional = node
        .get("optional")
        .and_then(|node| keys::boolean(node, wrong))
        .unwrap_or(false);
    let default = node.get("default").cloned();
    if let (Some(default), true) = (&default, optional) {
        wrong.push(
            Diagnostic::new(format!("`{}` has a default, so it is optional anyway", key.name))
                .at(&default.place)
                .help("leave out one of `default` and `optional`"),
        );
    }
    let ty = ty(node, &key.place, wrong)?;
    let generate = node.get("generate");
    if let (Some(node), true) = (generate, ty != Type::Secret) {
        wrong.push(
            Diagnostic::new(format!("`{}` is no secret, so it can't be generated", key.name)).at(&node.place),
        );
    }
    let rehearsal = node.get("rehearsal").cloned();
    if let Some(value) = &rehearsal {
        if what == "variable" {
            fit::fit(&ty, value, &key.name, wrong);
        } else {
            wrong.push(
                Diagnostic::new(format!(
                    "`{}` is a field: only a whole variable has another value in rehearsals",
                    key.name
                ))
                .at(&value.place),
            );
        }
    }
    let generate = generate
        .and_then(|node| keys::boolean(node, wrong))
        .unwrap_or(true);
    if let Some(default) = &default {
        if ty == Type::Secret {
            wrong.push(
                Diagnostic::new(format!("`{}` is a secret: it can have no default", key.name))
                    .at(&default.masked_place()),
            );
        } else {
            fit::fit(&ty, default, &key.name, wrong);
        }
    }
    Some(Declaration {
        name: key.name.clone(),
        place: key.place.clone(),
        ty,
        default,
        optional,
        rehearsal,
        generate,
        doc,
    })
}

/// A type: its name, or a map with `type` and what the type takes.
fn ty(node: &Node, owner: &Place, wrong: &mut Diagnostics) -> Option<Type> {
    let named = match &node.value {
        NodeValue::Map(_) => match node.get("type") {
            Some(named) => named,
            None => {
                wrong.push(
                    Diagnostic::new("the type is missing")
                        .at(owner)
                        .help(format!("add `type:` with one of {}", NAMES.join(", "))),
                );
                return None;
            }
        },
        _ => node,
    };
    let name = keys::text(named, "the name of a type", wrong)?;
    let takes: &[&str] = match name {
        "int" => &["min", "max"],
        "one_of" => &["values"],
        "list" | "map" => &["of"],
        "record" => &["fields"],
        _ => &[],
    };
    if let NodeValue::Map(entries) = &node.value {
        for (key, _) in entries {
            let special = ["of", "fields", "values", "min", "max"].contains(&key.name.as_str());
            if special && !takes.contains(&key.name.as_str()) {
                wrong.push(
                    Diagnostic::new(format!("the type `{name}` takes no `{}`", key.name)).at(&key.place),
                );
            }
        }
    }
    let needed = |key: &str, wrong: &mut Diagnostics| {
        let found = node.get(key);
        if found.is_none() {
            wrong.push(Diagnostic::new(format!("the type `{name}` needs `{key}:`")).at(&named.place));
        }
        found
    };
    Some(match name {
        "text" => Type::Text,
        "bool" => Type::Bool,
        "mode" => Type::Mode,
        "size" => Type::Size,
        "path" => Type::Path,
        "hostname" => Type::Hostname,
        "domain" => Type::Domain,
        "email" => Type::Email,
        "ip" => Type::Ip,
        "secret" => Type::Secret,
        "any" => Type::Any,
        "int" => Type::Int {
            min: node.get("min").and_then(|node| keys::int(node, wrong)),
            max: node.get("max").and_then(|node| keys::int(node, wrong)),
        },
        "one_of" => {
            let values = needed("values", wrong)?;
            Type::OneOf(
                keys::list(values, "a list of texts", wrong)
                    .iter()
                    .filter_map(|value| keys::text(value, "a text", wrong).map(str::to_owned))
                    .collect(),
            )
        }
        "list" => Type::List(Box::new(inner(needed("of", wrong)?, wrong)?)),
        "map" => Type::Map(Box::new(inner(needed("of", wrong)?, wrong)?)),
        "record" => Type::Record(declarations(needed("fields", wrong)?, "field", wrong)),
        other => {
            let unknown = Diagnostic::new(format!("there is no type `{other}`")).at(&named.place);
            wrong.push(match did_you_mean(other, NAMES) {
                Some(near) => unknown.help(format!("did you mean `{near}`?")),
                None => unknown.help(format!("types: {}", NAMES.join(", "))),
            });
            return None;
        }
    })
}

/// The type of a list's items or a map's values.
fn inner(node: &Node, wrong: &mut Diagnostics) -> Option<Type> {
    if let NodeValue::Map(_) = &node.value {
        keys::keys(
            node,
            "a type",
            &["type", "of", "fields", "values", "min", "max", "doc"],
            wrong,
        );
    }
    ty(node, &node.place, wrong)
}
