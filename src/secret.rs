//! Secrets: values that never stand in a log, a diff, an error or an argument.
//!
//! `vault` reads the secrets file, `memory` holds clear text while it is edited, `random` makes values up; this
//! module owns the type and the redaction.

pub mod memory;
pub mod random;
pub mod vault;

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A secret value: no `Display`, wiped when dropped.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Secret(String);

impl Secret {
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself, for the one place that must send it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Takes secret values out of any text that a person or a file will see.
#[derive(Debug, Clone, Default)]
pub struct Redactor {
    /// The secret's name, and a form in which its value could appear; longest form first, so that a value
    /// that contains another is taken out whole.
    forms: Vec<(String, Secret)>,
}

/// Values shorter than this are not searched for: taking out every `a` would only make texts unreadable.
const SHORTEST_REDACTED: usize = 4;

impl Redactor {
    /// Redacts the values of all `secrets`, plain and in base64.
    pub fn new<'a>(secrets: impl IntoIterator<Item = (&'a str, &'a Secret)>) -> Self {
        let mut forms = Vec::new();
        for (name, secret) in secrets {
            let value = secret.expose();
            if value.len() < SHORTEST_REDACTED {
                continue;
            }
            let encoded = base64::engine::general_purpose::STANDARD.encode(value);
            forms.push((name.to_owned(), Secret::new(encoded.trim_end_matches('='))));
            // A diff goes by lines, so the lines of a key are looked for one by one.
            for line in value.lines().filter(|line| line.len() >= SHORTEST_REDACTED) {
                forms.push((name.to_owned(), Secret::new(line)));
            }
            forms.push((name.to_owned(), secret.clone()));
        }
        forms.sort_by_key(|(_, form)| std::cmp::Reverse(form.expose().len()));
        Self { forms }
    }

    /// `text` with `<secret NAME>` for every secret value.
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut text = Cow::Borrowed(text);
        for (name, form) in &self.forms {
            if text.contains(form.expose()) {
                text = Cow::Owned(text.replace(form.expose(), &format!("<secret {name}>")));
            }
        }
        text
    }

    /// Whether `text` holds any secret value.
    pub fn finds(&self, text: &str) -> bool {
        self.forms.iter().any(|(_, form)| text.contains(form.expose()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_taken_out_plain_and_in_base64() {
        let secret = Secret::new("hunter2!");
        let redactor = Redactor::new([("db", &secret)]);
        assert_eq!(redactor.redact("password = hunter2!;"), "password = <secret db>;");
        assert_eq!(redactor.redact("aHVudGVyMiE="), "<secret db>=");
        assert!(!format!("{redactor:?} {secret:?}").contains("hunter2"));
    }

    #[test]
    fn the_longer_of_two_overlapping_secrets_goes_first() {
        let (short, long) = (Secret::new("abcd"), Secret::new("abcdef"));
        let redactor = Redactor::new([("short", &short), ("long", &long)]);
        assert_eq!(redactor.redact("abcdef"), "<secret long>");
    }
}
