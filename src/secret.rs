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
pub const SHORTEST_REDACTED: usize = 4;

impl Redactor {
    /// Redacts the values of all `secrets`, plain, in base64, and as they stand in a quoted text.
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
            let lines = value.lines().filter(|line| line.len() >= SHORTEST_REDACTED);
            for text in lines.chain([value]) {
                let quoted = quoted(text).into_iter();
                forms.extend(quoted.map(|form| (name.to_owned(), form)));
            }
        }
        forms.sort_by(|(_, one), (_, other)| {
            let (one, other) = (one.expose(), other.expose());
            other.len().cmp(&one.len()).then_with(|| one.cmp(other))
        });
        forms.dedup_by(|(_, one), (_, other)| one == other);
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

/// `text` and what it looks like inside quotes: of SQL, PHP, a shell, `.pgpass`, JSON, and JSON inside PHP. Most texts need
/// no quoting and look like themselves everywhere.
fn quoted(text: &str) -> Vec<Secret> {
    const QUOTES: [(&str, &str); 5] = [
        ("'", "''"),
        ("'", "\\'"),
        ("\"", "\\\""),
        ("'", "'\\''"),
        (":", "\\:"),
    ];
    let mut forms = vec![Secret::new(text)];
    let mut add = |form: String| {
        let form = Secret::new(form);
        if !forms.contains(&form) {
            forms.push(form);
        }
    };
    for text in [text, &text.replace('\\', "\\\\")] {
        add(text.to_owned());
        for (from, to) in QUOTES {
            add(text.replace(from, to));
        }
    }
    if let Ok(json) = serde_json::to_string(text) {
        let json = json[1..json.len() - 1].to_owned();
        // What the filter `tojson` of templates escapes besides.
        let escapes = [
            ("'", "\\u0027"),
            ("<", "\\u003c"),
            (">", "\\u003e"),
            ("&", "\\u0026"),
        ];
        let tojson = escapes
            .iter()
            .fold(json.clone(), |json, (from, to)| json.replace(from, to));
        add(tojson.replace('\\', "\\\\"));
        add(tojson);
        add(json);
    }
    forms
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
    fn a_secret_is_taken_out_of_a_quoted_text() {
        let (php, plain) = (Secret::new("it's4me"), Secret::new("abcdefgh"));
        let redactor = Redactor::new([("php", &php), ("plain", &plain)]);
        assert_eq!(redactor.redact("$p = 'it\\'s4me';"), "$p = '<secret php>';");
        assert_eq!(redactor.redact("SET 'it''s4me'"), "SET '<secret php>'");
        assert_eq!(redactor.redact("it's"), "it's", "another text");
        // Most secrets have one form beside base64, so that looking for them stays quick.
        assert_eq!(Redactor::new([("plain", &plain)]).forms.len(), 2);
    }

    proptest::proptest! {
        #[test]
        fn however_a_template_quotes_it_a_secret_is_found(
            value in "[a'\"\\\\:<>&\t]{4,9}|[a-z'\"\\\\]{2,5}\n[a-z'\"\\\\]{4,9}",
            before in "[a-z ='\"]{0,3}",
        ) {
            let secret = Secret::new(value.as_str());
            let redactor = Redactor::new([("x", &secret)]);
            let environment = minijinja::Environment::new();
            for quoted in [
                "value",
                "value | tojson",
                r#"value | replace("\\", "\\\\") | replace("'", "\\'")"#,
                r#"value | replace("\\", "\\\\") | replace("\"", "\\\"")"#,
                r#"value | replace("\\", "\\\\") | replace(":", "\\:")"#,
                r#"value | replace("\\", "\\\\") | replace("'", "''")"#,
                r#"value | replace("'", "''")"#,
                r#"value | replace("'", "'\\''")"#,
                r#"value | tojson | replace("\\", "\\\\") | replace("'", "\\'")"#,
            ] {
                let context = minijinja::context! { value => &value, before => &before };
                let text = environment.render_str(&format!("{{{{ before }}}}{{{{ {quoted} }}}}"), context);
                let text = text.unwrap();
                proptest::prop_assert!(redactor.finds(&text), "{}: {}", quoted, text);
            }
        }
    }

    #[test]
    fn the_longer_of_two_overlapping_secrets_goes_first() {
        let (short, long) = (Secret::new("abcd"), Secret::new("abcdef"));
        let redactor = Redactor::new([("short", &short), ("long", &long)]);
        assert_eq!(redactor.redact("abcdef"), "<secret long>");
    }
}
