//! Types of parameters that several kinds share. They know nothing of any kind.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, Visitor};

use super::{Params, refuse};
use crate::diagnostic::Diagnostics;

/// Permission bits as four octal digits: `0644`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Mode(String);

impl Mode {
    /// Reads `644`, `0644` or `1777`.
    ///
    /// # Errors
    /// Why `text` is not a mode.
    pub fn new(text: &str) -> Result<Self, String> {
        let octal = text.bytes().all(|digit| (b'0'..=b'7').contains(&digit));
        if octal && (3..=4).contains(&text.len()) {
            Ok(Self(format!("{text:0>4}")))
        } else {
            Err(format!(
                "expected a file mode of three or four octal digits, like \"0644\", found `{text}`"
            ))
        }
    }

    /// A mode of ours.
    pub fn bits(bits: u16) -> Self {
        Self(format!("{:04o}", bits & 0o7777))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether others than the owner and the group may read.
    pub fn world_readable(&self) -> bool {
        self.0.as_bytes().last().is_some_and(|digit| digit & 4 != 0)
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Mode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ModeVisitor;

        impl Visitor<'_> for ModeVisitor {
            type Value = Mode;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a file mode in quotes, like \"0644\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Mode, E> {
                Mode::new(text).map_err(E::custom)
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Mode, E> {
                Err(E::custom(bare(number)))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Mode, E> {
                Err(E::custom(bare(number)))
            }
        }
        deserializer.deserialize_any(ModeVisitor)
    }
}

/// Why a number is no mode; the second line is what to do.
pub fn bare(number: impl fmt::Display) -> String {
    format!(
        "a file mode is a text, found the number {number}\nwrite it in quotes, like \"0644\": YAML reads a bare \
         0644 as a number, and not every reader as the same one (420 in YAML 1.1, 644 in YAML 1.2)"
    )
}

impl JsonSchema for Mode {
    fn schema_name() -> Cow<'static, str> {
        "Mode".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^[0-7]{3,4}$", "description": "Octal digits in quotes: \"0644\"."})
    }
}

/// An absolute path without `.`, `..`, doubled or trailing slashes, so that equal paths are equal texts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AbsolutePath(String);

impl AbsolutePath {
    /// # Errors
    /// Why `text` is not such a path.
    pub fn new(text: &str) -> Result<Self, String> {
        let odd = |part: &str| part.is_empty() || part == "." || part == "..";
        match text.strip_prefix('/') {
            None => Err(format!("expected an absolute path, found `{text}`")),
            Some(_) if text.chars().any(char::is_control) => {
                Err("a path must not hold control characters".to_owned())
            }
            Some("") => Ok(Self(text.to_owned())),
            Some(rest) if rest.split('/').any(odd) => Err(format!(
                "expected a path without `.`, `..`, `//` or a slash at its end, found `{text}`"
            )),
            Some(_) => Ok(Self(text.to_owned())),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The folder that holds it; `/` holds itself.
    pub fn parent(&self) -> &str {
        match self.0.rfind('/') {
            Some(0) | None => "/",
            Some(end) => &self.0[..end],
        }
    }
}

impl fmt::Display for AbsolutePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for AbsolutePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        AbsolutePath::new(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl JsonSchema for AbsolutePath {
    fn schema_name() -> Cow<'static, str> {
        "AbsolutePath".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^/", "description": "An absolute path."})
    }
}

/// A text that may be written as a number or boolean: values of settings and columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scalar(pub String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => Ok(Self(text)),
            serde_json::Value::Number(number) => Ok(Self(number.to_string())),
            serde_json::Value::Bool(value) => Ok(Self(value.to_string())),
            serde_json::Value::Null => Err(de::Error::custom("expected a text, found nothing")),
            _ => Err(de::Error::custom("expected a text, found a list or a map")),
        }
    }
}

impl JsonSchema for Scalar {
    fn schema_name() -> Cow<'static, str> {
        "Scalar".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["string", "number", "boolean"]})
    }
}

/// Where a content comes from: exactly one of the three.
#[derive(Debug, Clone, Copy, Default)]
pub struct Content<'a> {
    /// The content itself.
    pub content: Option<&'a str>,
    /// A name in the role's `templates/`.
    pub template: Option<&'a str>,
    /// A name in the role's `files/`.
    pub source: Option<&'a str>,
}

impl Content<'_> {
    /// The bytes.
    ///
    /// # Errors
    /// None or several of the three are given, or the one that is given can't be had.
    pub fn resolve(&self, params: &Params<'_>) -> Result<Vec<u8>, Diagnostics> {
        match (self.content, self.template, self.source) {
            (Some(text), None, None) => Ok(text.as_bytes().to_vec()),
            (None, Some(name), None) => params.files.template(name).map(String::into_bytes),
            (None, None, Some(name)) => params.files.file(name),
            (None, None, None) => Err(refuse(params, &[], "there is no content")
                .help("give one of `content`, `template`, `source`")
                .into()),
            _ => Err(refuse(params, &[], "there is more than one content")
                .help("give exactly one of `content`, `template`, `source`")
                .into()),
        }
    }
}

/// Refuses a file that holds a secret and that everybody on the host may read.
///
/// # Errors
/// The mistake, at the step's `mode`.
pub fn refuse_readable_secret(params: &Params<'_>, content: &[u8], mode: &Mode) -> Result<(), Diagnostics> {
    let text = String::from_utf8_lossy(content);
    if mode.world_readable() && params.files.holds_secret(&text) {
        return Err(refuse(
            params,
            &["mode"],
            format!("the file holds a secret, and with mode {mode} everybody on the host may read it"),
        )
        .help("use mode \"0640\" with the group of the program that reads it, or \"0600\"")
        .into());
    }
    Ok(())
}

/// What tests of kinds need: nodes made from JSON, and a role without files.
#[cfg(test)]
pub mod testing {
    use std::sync::Arc;

    use super::super::{Files, Kind, Params, read};
    use crate::diagnostic::{Diagnostic, Diagnostics, Place, Source};
    use crate::step::Step;
    use crate::yaml::{Key, Node, NodeValue};

    /// A role without files whose only secret is `hunter2`.
    pub struct NoFiles;

    impl Files for NoFiles {
        fn template(&self, name: &str) -> Result<String, Diagnostics> {
            Err(Diagnostic::new(format!("no template {name}")).into())
        }

        fn file(&self, name: &str) -> Result<Vec<u8>, Diagnostics> {
            Err(Diagnostic::new(format!("no file {name}")).into())
        }

        fn holds_secret(&self, text: &str) -> bool {
            text.contains("hunter2")
        }
    }

    /// A kind for tests of roles: it promises a file that is never looked at.
    pub static NOTE: Kind = Kind {
        name: "note",
        page: "",
        schema: || schemars::schema_for!(Note),
        parse: |params| {
            let note: Note = read(params)?;
            let content = super::Content {
                content: note.content.as_deref(),
                template: note.template.as_deref(),
                source: note.source.as_deref(),
            };
            let content = content.resolve(params)?;
            let mode = note.mode.clone().unwrap_or_else(|| super::Mode::bits(0o644));
            super::refuse_readable_secret(params, &content, &mode)?;
            Ok(Box::new(Promise { note, mode, content }))
        },
    };

    #[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Note {
        path: String,
        content: Option<String>,
        template: Option<String>,
        source: Option<String>,
        mode: Option<super::Mode>,
        #[allow(dead_code)]
        number: Option<i64>,
    }

    #[derive(Debug)]
    struct Promise {
        note: Note,
        mode: super::Mode,
        content: Vec<u8>,
    }

    impl Step for Promise {
        fn summary(&self) -> String {
            self.note.path.clone()
        }

        fn probes(&self) -> Vec<crate::step::probe::Probe> {
            Vec::new()
        }

        fn assess(&self, _: &crate::step::world::World<'_>) -> crate::step::Assessment {
            crate::step::Assessment::Converged
        }

        fn fix(&self, _: &crate::step::world::World<'_>) -> crate::step::Fix {
            crate::step::Fix::Script(crate::host::script::Script::new())
        }

        fn digest(&self) -> String {
            String::new()
        }

        fn rendered(&self) -> Option<crate::step::Rendered<'_>> {
            Some(crate::step::Rendered {
                path: &self.note.path,
                content: &self.content,
                mode: self.mode.as_str(),
                owner: "root",
                group: "root",
            })
        }
    }

    /// A step of `kind`, read from `value` as a role's rendered parameters would be.
    ///
    /// # Errors
    /// What the kind finds wrong.
    pub fn step(kind: &Kind, value: serde_json::Value) -> Result<Box<dyn Step>, Diagnostics> {
        let node = node(&value);
        (kind.parse)(&Params {
            node: &node,
            value,
            files: &NoFiles,
        })
    }

    /// A node for `value`; every key and every scalar has a line of its own, counted in order.
    pub fn node(value: &serde_json::Value) -> Node {
        build(value, &Source::new("role.yaml", ""), &mut 0)
    }

    fn build(value: &serde_json::Value, source: &Arc<Source>, line: &mut usize) -> Node {
        use serde_json::Value;
        let next = |line: &mut usize| {
            *line += 1;
            Place {
                source: source.clone(),
                line: *line,
                column: 1,
                length: 1,
            }
        };
        let place = next(line);
        let value = match value {
            Value::Null => NodeValue::Null,
            Value::Bool(value) => NodeValue::Bool(*value),
            Value::Number(number) => match number.as_i64() {
                Some(number) => NodeValue::Int(number),
                None => NodeValue::Float(number.as_f64().unwrap_or_default()),
            },
            Value::String(text) => NodeValue::Text {
                text: text.clone(),
                quoted: true,
            },
            Value::Array(items) => {
                NodeValue::List(items.iter().map(|item| build(item, source, line)).collect())
            }
            Value::Object(map) => NodeValue::Map(
                map.iter()
                    .map(|(key, value)| {
                        let value = build(value, source, line);
                        let key = Key {
                            name: key.clone(),
                            place: value.place.clone(),
                        };
                        (key, value)
                    })
                    .collect(),
            ),
        };
        Node { place, value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_have_four_digits() {
        assert_eq!(Mode::new("644").unwrap().as_str(), "0644");
        assert_eq!(Mode::new("1777").unwrap().as_str(), "1777");
        assert_eq!(Mode::bits(0o600).as_str(), "0600");
        for text in ["", "0o644", "888", "06444", "u=rw", "64"] {
            assert!(Mode::new(text).is_err(), "{text}");
        }
        assert!(Mode::new("0644").unwrap().world_readable());
        assert!(!Mode::new("0640").unwrap().world_readable());
    }

    #[test]
    fn paths_are_absolute_and_plain() {
        for path in ["/", "/etc", "/etc/a.b/…"] {
            assert!(AbsolutePath::new(path).is_ok(), "{path}");
        }
        for path in ["", "etc", "/etc/", "/etc//a", "/etc/../a", "/./a", "/a\nb", "~/a"] {
            assert!(AbsolutePath::new(path).is_err(), "{path}");
        }
        assert_eq!(AbsolutePath::new("/etc/a").unwrap().parent(), "/etc");
        assert_eq!(AbsolutePath::new("/etc").unwrap().parent(), "/");
    }
}
