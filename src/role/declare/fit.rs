//! A value against a type: what fits is normalised, what doesn't is pointed at.

use indexmap::IndexMap;

use super::text;
use crate::diagnostic::{Diagnostic, Diagnostics, did_you_mean};
use crate::role::{Declaration, Type};
use crate::step::kind::params::{AbsolutePath, Mode, bare};
use crate::value::Value;
use crate::yaml::{Key, Node, NodeValue};

/// The type in words, with its article: "a list of domains" is "a list, each a domain".
pub fn name(ty: &Type) -> String {
    match ty {
        Type::Text => "a text".into(),
        Type::Bool => "true or false".into(),
        Type::Int { min, max } => match (min, max) {
            (Some(min), Some(max)) => format!("a whole number from {min} to {max}"),
            (Some(min), None) => format!("a whole number from {min} on"),
            (None, Some(max)) => format!("a whole number up to {max}"),
            (None, None) => "a whole number".into(),
        },
        Type::Mode => "a file mode in quotes, like \"0644\"".into(),
        Type::Size => "a size, like 25M".into(),
        Type::Path => "an absolute path".into(),
        Type::Hostname => "a full host name, like mx.example.org".into(),
        Type::Domain => "a domain, like example.org".into(),
        Type::Email => "an address, like post@example.org".into(),
        Type::Ip => "an IP address".into(),
        Type::Secret => "a secret, `!secret NAME`".into(),
        Type::OneOf(values) => format!("one of {}", values.join(", ")),
        Type::List(of) => format!("a list, each {}", name(of)),
        Type::Map(of) => format!("a map, each value {}", name(of)),
        Type::Record(fields) => {
            let names: Vec<&str> = fields.keys().map(String::as_str).collect();
            format!("a map with {}", names.join(", "))
        }
        Type::Any => "any value".into(),
    }
}

/// `node` as a value of the type `ty`; `path` names it for people (`mail_mailboxes[0].quota`). What doesn't fit
/// goes to `wrong`.
pub fn fit(ty: &Type, node: &Node, path: &str, wrong: &mut Diagnostics) -> Value {
    match (ty, &node.value) {
        (Type::Secret, NodeValue::Secret(name)) => return Value::Secret(name.clone()),
        (Type::Secret, NodeValue::Text { .. } | NodeValue::Int(_) | NodeValue::Float(_)) => {
            let name = path.replace(['[', '.'], "_").replace(']', "");
            wrong.push(
                Diagnostic::new(format!("`{path}` is a secret and must not stand here in clear"))
                    .at(&node.masked_place())
                    .help(format!(
                        "run `mailprov secrets set {name}`, and write `!secret {name}` here"
                    )),
            );
        }
        (_, NodeValue::Secret(_)) => wrong.push(
            Diagnostic::new(format!("`{path}` is not a secret: expected {}", name(ty)))
                .at(&node.place)
                .help("`!secret` belongs to variables of the type `secret`"),
        ),
        (Type::List(of), NodeValue::List(items)) => {
            let items = items.iter().enumerate();
            return Value::List(
                items
                    .map(|(index, item)| fit(of, item, &format!("{path}[{index}]"), wrong))
                    .collect(),
            );
        }
        (Type::Map(of), NodeValue::Map(entries)) => {
            return Value::Map(
                entries
                    .iter()
                    .map(|(key, value)| {
                        let value = fit(of, value, &format!("{path}.{}", key.name), wrong);
                        (key.name.clone(), value)
                    })
                    .collect(),
            );
        }
        (Type::Record(fields), NodeValue::Map(entries)) => return record(fields, entries, node, path, wrong),
        (Type::Any, _) => return node.to_value(),
        _ => return scalar(ty, node, path, wrong),
    }
    Value::Null
}

/// Types that are no containers. A container's mistake is said here too.
fn scalar(ty: &Type, node: &Node, path: &str, wrong: &mut Diagnostics) -> Value {
    let mistake = |why: String| {
        let (message, help) = why.split_once('\n').unwrap_or((&why, ""));
        let diagnostic = Diagnostic::new(format!("`{path}`: {message}")).at(&node.place);
        if help.is_empty() {
            diagnostic
        } else {
            diagnostic.help(help)
        }
    };
    let found = match (ty, &node.value) {
        (Type::Bool, NodeValue::Bool(value)) => return Value::Bool(*value),
        (Type::Int { min, max }, NodeValue::Int(value)) => {
            if min.is_some_and(|min| *value < min) || max.is_some_and(|max| *value > max) {
                Err(format!("expected {}, found {value}", name(ty)))
            } else {
                return Value::Int(*value);
            }
        }
        (Type::Size, NodeValue::Int(bytes)) if *bytes >= 0 => return Value::Int(*bytes),
        (Type::Mode, NodeValue::Int(number)) => Err(bare(number)),
        (_, NodeValue::Text { text, .. }) => formed(ty, text),
        _ => Err(format!(
            "expected {}, found {}{}",
            name(ty),
            node.to_value().type_name(),
            hint(ty, node)
        )),
    };
    match found {
        Ok(value) => value,
        Err(why) => {
            wrong.push(mistake(why));
            Value::Null
        }
    }
}

/// A text in the form that its type asks for.
fn formed(ty: &Type, text: &str) -> Result<Value, String> {
    let same = || Value::Text(text.to_owned());
    match ty {
        Type::Text => Ok(same()),
        Type::Mode => Mode::new(text).map(|mode| Value::Text(mode.to_string())),
        Type::Size => text::size(text).map(Value::Int),
        Type::Path => AbsolutePath::new(text).map(|_| same()),
        Type::Hostname => text::hostname(text).map(|()| same()),
        Type::Domain => text::domain(text).map(|()| same()),
        Type::Email => text::email(text).map(|()| same()),
        Type::Ip => match text.parse::<std::net::IpAddr>() {
            Ok(_) => Ok(same()),
            Err(_) => Err(format!("expected an IP address, found `{text}`")),
        },
        Type::OneOf(values) if values.iter().any(|value| value == text) => Ok(same()),
        Type::OneOf(values) => {
            let mut why = format!("expected {}, found `{text}`", name(ty));
            if let Some(near) = did_you_mean(text, values.iter().map(String::as_str)) {
                why.push_str(&format!("\ndid you mean `{near}`?"));
            }
            Err(why)
        }
        Type::Int { .. } if text.parse::<i64>().is_ok() => Err(format!(
            "expected {}, found a text\nleave the quotes away: {text}",
            name(ty)
        )),
        Type::Bool if ["yes", "no", "on", "off"].contains(&text.to_ascii_lowercase().as_str()) => {
            Err(format!(
                "expected true or false, found the text `{text}`\nYAML 1.2 knows `true` and `false` only"
            ))
        }
        Type::List(_) => Err(format!(
            "expected {}, found a text\nwrite a list: [one, another]",
            name(ty)
        )),
        _ => Err(format!("expected {}, found a text", name(ty))),
    }
}

/// What to do about a mistake that YAML makes easy, as a second line.
fn hint(ty: &Type, node: &Node) -> &'static str {
    match (ty, &node.value) {
        (
            Type::Text | Type::OneOf(_),
            NodeValue::Int(_) | NodeValue::Float(_) | NodeValue::Bool(_) | NodeValue::Null,
        ) => "\nwrite it in quotes",
        _ => "",
    }
}

fn record(
    fields: &IndexMap<String, Declaration>,
    entries: &[(Key, Node)],
    node: &Node,
    path: &str,
    wrong: &mut Diagnostics,
) -> Value {
    for (key, _) in entries {
        if fields.contains_key(&key.name) {
            continue;
        }
        let unknown = Diagnostic::new(format!("`{path}` has no field `{}`", key.name)).at(&key.place);
        let names: Vec<&str> = fields.keys().map(String::as_str).collect();
        wrong.push(match did_you_mean(&key.name, names.iter().copied()) {
            Some(near) => unknown.help(format!("did you mean `{near}`?")),
            None => unknown.help(format!("its fields are {}", names.join(", "))),
        });
    }
    // Every field is there, so that templates can ask for it.
    let mut values = IndexMap::new();
    for (field, declaration) in fields {
        let inner = format!("{path}.{field}");
        let given = node.get(field);
        let value = match (given, &declaration.default) {
            (Some(given), _) if given.value == NodeValue::Null && declaration.optional => Value::Null,
            (Some(given), _) => fit(&declaration.ty, given, &inner, wrong),
            (None, Some(default)) => fit(&declaration.ty, default, &inner, wrong),
            (None, None) => {
                if !declaration.optional {
                    wrong.push(
                        Diagnostic::new(format!("`{path}` has no `{field}`"))
                            .at(&node.place)
                            .help(format!(
                                "add `{field}`, {}: {}",
                                name(&declaration.ty),
                                declaration.doc
                            )),
                    );
                }
                Value::Null
            }
        };
        values.insert(field.clone(), value);
    }
    Value::Map(values)
}
