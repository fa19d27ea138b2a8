//! Reading a node as the type that its reader expects, with one wording for all that it isn't.

use super::{Key, Node, NodeValue};
use crate::diagnostic::{Diagnostic, Place, did_you_mean};

impl Node {
    /// What stands here, for "expected …, found …".
    pub fn found(&self) -> String {
        match &self.value {
            NodeValue::Null => "nothing".to_owned(),
            NodeValue::Bool(_) => format!("the boolean `{}`", self.written()),
            NodeValue::Int(_) => format!("the whole number `{}`", self.written()),
            NodeValue::Float(_) => format!("the number `{}`", self.written()),
            NodeValue::Text { text, .. } => format!("the text `{}`", shorten(text)),
            NodeValue::List(_) => "a list".to_owned(),
            NodeValue::Map(_) => "a map".to_owned(),
            NodeValue::Secret(name) => format!("the secret `{name}`"),
        }
    }

    /// A mistake in this value.
    pub fn mistake(&self, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(message).at(&self.place)
    }

    /// The place with the value itself made unreadable, for mistakes in what should have been a secret.
    pub fn masked_place(&self) -> Place {
        self.place.masked()
    }

    fn unexpected(&self, what: &str, expected: &str) -> Diagnostic {
        let what = match what.strip_prefix("the ") {
            Some(_) => what.to_owned(),
            None => format!("`{what}`"),
        };
        self.mistake(format!("{what} must be {expected}, found {}", self.found()))
    }

    /// # Errors
    /// It is no text; `what` names the value in the message.
    pub fn expect_text(&self, what: &str) -> Result<&str, Diagnostic> {
        match &self.value {
            NodeValue::Text { text, .. } => Ok(text),
            NodeValue::Int(_) | NodeValue::Float(_) | NodeValue::Bool(_) => Err(self
                .unexpected(what, "a text")
                .help(format!("put it in quotes: \"{}\"", self.written()))),
            _ => Err(self.unexpected(what, "a text")),
        }
    }

    /// # Errors
    /// It is no boolean; `yes` and its like get the word that YAML 1.2 has for them.
    pub fn expect_bool(&self, what: &str) -> Result<bool, Diagnostic> {
        match &self.value {
            NodeValue::Bool(value) => Ok(*value),
            NodeValue::Text { text, .. } => {
                let diagnostic = self.unexpected(what, "`true` or `false`");
                Err(match text.to_ascii_lowercase().as_str() {
                    "yes" | "y" | "on" | "true" => diagnostic.help("write true, without quotes"),
                    "no" | "n" | "off" | "false" => diagnostic.help("write false, without quotes"),
                    _ => diagnostic,
                })
            }
            _ => Err(self.unexpected(what, "`true` or `false`")),
        }
    }

    /// # Errors
    /// It is no whole number in `min..=max`.
    pub fn expect_int(&self, what: &str, min: i64, max: i64) -> Result<i64, Diagnostic> {
        let expected = format!("a whole number from {min} to {max}");
        match &self.value {
            NodeValue::Int(value) if (min..=max).contains(value) => Ok(*value),
            NodeValue::Text { text, quoted: true } if text.parse::<i64>().is_ok() => {
                Err(self.unexpected(what, &expected).help("leave the quotes out"))
            }
            _ => Err(self.unexpected(what, &expected)),
        }
    }

    /// # Errors
    /// It is no list.
    pub fn expect_list(&self, what: &str) -> Result<&[Node], Diagnostic> {
        match &self.value {
            NodeValue::List(list) => Ok(list),
            NodeValue::Text { .. } | NodeValue::Int(_) | NodeValue::Secret(_) => Err(self
                .unexpected(what, "a list")
                .help(format!("a list of one: [{}]", self.written()))),
            _ => Err(self.unexpected(what, "a list")),
        }
    }

    /// # Errors
    /// It is no map. Nothing at all is an empty map: `hosts: {mx1: }` is a common way to say so.
    pub fn expect_map(&self, what: &str) -> Result<&[(Key, Node)], Diagnostic> {
        match &self.value {
            NodeValue::Map(map) => Ok(map),
            NodeValue::Null => Ok(&[]),
            NodeValue::List(_) => Err(self
                .unexpected(what, "a map")
                .help("entries of a map are `key: value`, without `-`")),
            _ => Err(self.unexpected(what, "a map")),
        }
    }
}

/// The diagnostic for a key that isn't one of `known`; `of` says what the keys belong to.
pub fn unknown_key(key: &Key, of: &str, known: &[&str]) -> Diagnostic {
    let diagnostic = Diagnostic::new(format!("unknown key `{}` in {of}", key.name)).at(&key.place);
    match did_you_mean(&key.name, known.iter().copied()) {
        Some(candidate) => diagnostic.help(format!("did you mean `{candidate}`?")),
        None => diagnostic.help(format!("known keys: {}", known.join(", "))),
    }
}

fn shorten(text: &str) -> String {
    let first = text.lines().next().unwrap_or_default();
    if first.chars().count() > 40 || first.len() < text.trim_end().len() {
        format!("{}…", first.chars().take(40).collect::<String>())
    } else {
        first.to_owned()
    }
}
