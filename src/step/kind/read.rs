//! From rendered parameters to a kind's own type, with the place of whatever is wrong.
//!
//! serde's messages quote what they found; parameters may hold secrets, so texts that were found are left out.

use serde_json::Value;
use serde_path_to_error::{Path, Segment};

use super::Params;
use crate::diagnostic::{Diagnostic, Diagnostics, Place, did_you_mean};
use crate::yaml::{Node, NodeValue};

/// Reads `params` into a kind's own type. The type should refuse unknown fields
/// (`#[serde(deny_unknown_fields)]`), so that they get a "did you mean".
///
/// # Errors
/// Every unknown field, and the first value that doesn't fit.
pub fn read<T: serde::de::DeserializeOwned>(params: &Params<'_>) -> Result<T, Diagnostics> {
    let mut value = params.value.clone();
    let mut wrong = Diagnostics::default();
    loop {
        let error = match serde_path_to_error::deserialize::<_, T>(value.clone()) {
            Ok(read) if wrong.is_empty() => return Ok(read),
            Ok(_) => return Err(wrong),
            Err(error) => error,
        };
        wrong.push(explain(params, error.path(), &error.inner().to_string()));
        // The rest is looked at without the unknown field, so that all of them are shown at once.
        let unknown = error.inner().to_string().starts_with("unknown field");
        if !(unknown && remove(&mut value, error.path())) {
            return Err(wrong);
        }
    }
}

/// A mistake in the parameter at `path` (`["table", "columns"]`; empty for the step itself), for what a kind
/// checks beyond types.
pub fn refuse(params: &Params<'_>, path: &[&str], message: impl Into<String>) -> Diagnostic {
    let mut node = params.node;
    for key in path {
        match node.get(key) {
            Some(inner) => node = inner,
            None => break,
        }
    }
    Diagnostic::new(message).at(&node.place)
}

fn explain(params: &Params<'_>, path: &Path, message: &str) -> Diagnostic {
    let (node, key) = locate(params.node, path);
    let name = path.to_string();
    let (message, advice) = message
        .split_once('\n')
        .map_or((message, None), |(m, a)| (m, Some(a)));
    if let Some(rest) = message.strip_prefix("unknown field `") {
        let (field, expected) = rest.split_once('`').unwrap_or((rest, ""));
        let known = quoted(expected);
        let place = key.unwrap_or(&node.place);
        let diagnostic = Diagnostic::new(format!("unknown parameter `{field}`")).at(place);
        return match did_you_mean(field, known.iter().copied()) {
            Some(known) => diagnostic.help(format!("did you mean `{known}`?")),
            None => diagnostic.help(format!("known here: {}", known.join(", "))),
        };
    }
    if let Some(rest) = message.strip_prefix("missing field `") {
        let field = rest.trim_end_matches('`');
        return Diagnostic::new(format!("the parameter `{field}` is missing")).at(&node.place);
    }
    if let Some(rest) = message.strip_prefix("unknown variant `") {
        let (variant, expected) = rest.split_once('`').unwrap_or((rest, ""));
        let known = quoted(expected);
        let found = if params.files.holds_secret(variant) {
            "something else".to_owned()
        } else {
            format!("`{variant}`")
        };
        let diagnostic = Diagnostic::new(format!(
            "`{name}` must be one of {}, found {found}",
            known.join(", ")
        ))
        .at(&node.place);
        return match did_you_mean(variant, known.iter().copied()) {
            Some(known) => diagnostic.help(format!("did you mean `{known}`?")),
            None => diagnostic,
        };
    }
    let text = message
        .strip_prefix("invalid type: ")
        .or_else(|| message.strip_prefix("invalid value: "))
        .and_then(|rest| rest.rsplit_once(", expected "))
        .map(|(found, expected)| format!("expected {}, found {}", words(expected), words(found)))
        .unwrap_or_else(|| message.to_owned());
    let text = if params.files.holds_secret(&text) {
        "the value does not fit".to_owned()
    } else {
        text
    };
    let text = if name == "." {
        text
    } else {
        format!("`{name}`: {text}")
    };
    let diagnostic = Diagnostic::new(text).at(&node.place);
    match advice {
        Some(advice) => diagnostic.help(advice),
        None => diagnostic,
    }
}

/// serde's word for a type, in the words of the book. The text of a string is left out: it may be a secret.
fn words(serde: &str) -> String {
    let number = |kind: &str, rest: &str| format!("the {kind} {}", rest.trim_matches('`'));
    match serde {
        "null" | "unit" | "unit value" => "nothing".into(),
        "map" => "a map".into(),
        "sequence" | "a sequence" => "a list".into(),
        "a string" => "a text".into(),
        "a boolean" => "true or false".into(),
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number from 0 on".into(),
        "i8" | "i16" | "i32" | "i64" => "a whole number".into(),
        other if other.starts_with("string ") => "a text".into(),
        other if other.starts_with("struct ") => "a map".into(),
        other => {
            if let Some(rest) = other.strip_prefix("integer ") {
                number("number", rest)
            } else if let Some(rest) = other.strip_prefix("floating point ") {
                number("number", rest)
            } else if let Some(rest) = other.strip_prefix("boolean ") {
                rest.trim_matches('`').to_owned()
            } else {
                other.to_owned()
            }
        }
    }
}

/// The names in back quotes of a serde message.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The node at `path`, as deep as it goes, and the place of the last key on the way.
fn locate<'n>(root: &'n Node, path: &Path) -> (&'n Node, Option<&'n Place>) {
    let (mut node, mut last) = (root, None);
    for segment in path.iter() {
        let next = match (segment, &node.value) {
            (Segment::Map { key }, NodeValue::Map(entries)) => {
                entries.iter().find(|(k, _)| k.name == *key).map(|(k, inner)| {
                    last = Some(&k.place);
                    inner
                })
            }
            (Segment::Seq { index }, NodeValue::List(items)) => items.get(*index),
            _ => None,
        };
        match next {
            Some(next) => node = next,
            None => break,
        }
    }
    (node, last)
}

fn remove(value: &mut Value, path: &Path) -> bool {
    let segments: Vec<&Segment> = path.iter().collect();
    let Some((Segment::Map { key: last }, parents)) = segments.split_last().map(|(l, p)| (*l, p)) else {
        return false;
    };
    let mut value = value;
    for segment in parents {
        let next = match segment {
            Segment::Map { key } => value.get_mut(key.as_str()),
            Segment::Seq { index } => value.get_mut(*index),
            _ => None,
        };
        match next {
            Some(next) => value = next,
            None => return false,
        }
    }
    value
        .as_object_mut()
        .is_some_and(|map| map.shift_remove(last).is_some())
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::super::params::Mode;
    use super::super::params::testing::{NoFiles, node};
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Sample {
        path: String,
        mode: Option<Mode>,
        state: Option<State>,
        columns: Option<Vec<Column>>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum State {
        Present,
        Absent,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Column {
        name: String,
    }

    fn mistakes(value: Value) -> Vec<String> {
        let node = node(&value);
        let params = Params {
            node: &node,
            value,
            files: &NoFiles,
        };
        let wrong = read::<Sample>(&params).map(|_| ()).unwrap_err();
        wrong
            .0
            .into_iter()
            .map(|d| {
                format!(
                    "{} {} {}",
                    d.place.map_or(0, |p| p.line),
                    d.message,
                    d.help.unwrap_or_default()
                )
            })
            .collect()
    }

    #[test]
    fn all_unknown_fields_are_named_with_what_was_probably_meant() {
        let wrong =
            mistakes(serde_json::json!({"path": "/a", "mod": "0644", "columns": [{"name": "a", "nmae": 1}]}));
        assert_eq!(
            wrong,
            [
                "3 unknown parameter `mod` did you mean `mode`?",
                "7 unknown parameter `nmae` did you mean `name`?",
            ]
        );
    }

    #[test]
    fn a_bare_number_is_no_mode() {
        for number in [644, 420] {
            let wrong = mistakes(serde_json::json!({"path": "/a", "mode": number}));
            assert!(wrong[0].starts_with("3 `mode`: "), "{wrong:?}");
            assert!(wrong[0].contains("in quotes"), "{wrong:?}");
        }
    }

    #[test]
    fn a_wrong_type_points_deep_inside_and_never_quotes_a_text() {
        let wrong = mistakes(serde_json::json!({"path": "/a", "columns": [{"name": "a"}, {"name": 5}]}));
        assert_eq!(
            wrong,
            ["7 `columns[1].name`: expected a text, found the number 5 "]
        );
        let wrong = mistakes(serde_json::json!({"path": "/a", "columns": "hunter2"}));
        assert_eq!(wrong, ["3 `columns`: expected a list, found a text "]);
    }

    #[test]
    fn missing_and_misspelled_values_are_said() {
        assert_eq!(
            mistakes(serde_json::json!({})),
            ["1 the parameter `path` is missing "]
        );
        assert_eq!(
            mistakes(serde_json::json!({"path": "/a", "state": "abesnt"})),
            ["3 `state` must be one of present, absent, found `abesnt` did you mean `absent`?"]
        );
    }
}
