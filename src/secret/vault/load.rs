//! Reading a secrets file, with the place of every mistake.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::{Entry, SecretsFile, crypt, recipient};
use crate::diagnostic::{Diagnostic, Diagnostics, Source};
use crate::yaml::{self, Node, NodeValue, unknown_key};

pub fn load(path: &Path) -> Result<SecretsFile, Diagnostics> {
    if !path.exists() {
        return Ok(SecretsFile {
            path: path.to_owned(),
            ..SecretsFile::default()
        });
    }
    read(path, &yaml::open(path)?)
}

/// The content of a secrets file that is, or is going to be, at `path`.
pub fn read(path: &Path, source: &Arc<Source>) -> Result<SecretsFile, Diagnostics> {
    let root = yaml::parse(source)?;
    let mut found = Diagnostics::default();
    let mut file = SecretsFile {
        path: path.to_owned(),
        ..SecretsFile::default()
    };
    for (key, node) in found
        .keep(root.expect_map("the secrets file"))
        .unwrap_or_default()
    {
        match key.name.as_str() {
            "recipients" => file.recipients = recipients(node, &mut found),
            "secrets" => file.entries = entries(node, &mut found),
            _ => found.push(unknown_key(key, "the secrets file", &["recipients", "secrets"])),
        }
    }
    if found.is_empty() { Ok(file) } else { Err(found) }
}

fn recipients(node: &Node, found: &mut Diagnostics) -> Vec<String> {
    let mut recipients = Vec::new();
    if node.value == NodeValue::Null {
        return recipients;
    }
    let items = found.keep(node.expect_list("recipients")).unwrap_or_default();
    for (i, item) in items.iter().enumerate() {
        let Some(text) = found.keep(item.expect_text(&format!("recipients[{i}]"))) else {
            continue;
        };
        if text.contains("AGE-SECRET-KEY-") || text.contains("PRIVATE KEY") {
            found.push(
                Diagnostic::new("this is a private key, not a recipient")
                    .at(&item.masked_place())
                    .help(
                        "take it out and make a new one: whoever can read this file can read the secrets; \
                         a recipient begins with `age1` or `ssh-`",
                    ),
            );
        } else if let Err(reason) = recipient::parse(text) {
            found.push(item.mistake(reason).help(
                "a recipient is the public half of an age key (`age1…`) or of an SSH key (`ssh-ed25519 …`, `ssh-rsa …`)",
            ));
        } else {
            recipients.push(text.trim().to_owned());
        }
    }
    recipients
}

type Entries = BTreeMap<String, Entry>;

fn entries(node: &Node, found: &mut Diagnostics) -> Entries {
    let mut entries = Entries::new();
    for (key, node) in found.keep(node.expect_map("secrets")).unwrap_or_default() {
        if !is_name(&key.name) {
            found.push(
                Diagnostic::new(format!("`{}` is not a valid name of a secret", key.name))
                    .at(&key.place)
                    .help("names are letters, digits, `_`, `-` and `.`"),
            );
        }
        let mut readers = None;
        let mut value = Some(node);
        if let NodeValue::Map(fields) = &node.value {
            value = node.get("value");
            for (field, node) in fields {
                match field.name.as_str() {
                    "value" => {}
                    "for" => readers = labels(node, &format!("secrets.{}.for", key.name), found),
                    // Its value may be the secret in clear.
                    _ => {
                        found.push(unknown_key(field, "a secret", &["for", "value"]).at(&node.masked_place()))
                    }
                }
            }
        }
        if let Some(armored) = armored(&key.name, node, value, found) {
            let entry = Entry {
                armored: armored.to_owned(),
                place: key.place.clone(),
                readers,
            };
            entries.insert(key.name.clone(), entry);
        }
    }
    entries
}

fn labels(node: &Node, path: &str, found: &mut Diagnostics) -> Option<Vec<String>> {
    let items = found.keep(node.expect_list(path))?;
    let texts = items.iter().map(|item| found.keep(item.expect_text(path)));
    texts.map(|text| text.map(recipient::label)).collect()
}

/// The encrypted text of the entry `name`.
fn armored<'n>(
    name: &str,
    entry: &Node,
    value: Option<&'n Node>,
    found: &mut Diagnostics,
) -> Option<&'n str> {
    let help = format!("write it with `mailprov secrets set {name}`");
    match value.map(|node| (node, &node.value)) {
        Some((_, NodeValue::Text { text, .. })) if text.trim_start().starts_with(crypt::ARMOR) => {
            return Some(text);
        }
        None => found.push(
            entry
                .mistake(format!("the secret `{name}` has no `value:`"))
                .help(help),
        ),
        Some((node, NodeValue::List(_) | NodeValue::Map(_) | NodeValue::Null | NodeValue::Secret(_))) => {
            found.push(
                node.mistake(format!(
                    "`{name}` must be an encrypted value, found {}",
                    node.found()
                ))
                .help(help),
            );
        }
        // Not repeated: it is probably the secret itself.
        Some((node, _)) => found.push(
            Diagnostic::new(format!("the value of `{name}` is not encrypted"))
                .at(&node.masked_place())
                .help(format!(
                    "remove it and {help}; if the file was ever shared, change the secret itself too"
                )),
        ),
    }
    None
}

pub fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
}
