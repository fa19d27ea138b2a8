//! Reading a secrets file, with the place of every mistake.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::{SecretsFile, crypt};
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
        } else if let Err(reason) = crypt::recipient(text) {
            found.push(item.mistake(reason).help(
                "a recipient is the public half of an age key (`age1…`) or of an SSH key (`ssh-ed25519 …`, `ssh-rsa …`)",
            ));
        } else {
            recipients.push(text.trim().to_owned());
        }
    }
    recipients
}

type Entries = BTreeMap<String, (String, crate::diagnostic::Place)>;

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
        match &node.value {
            NodeValue::Text { text, .. } if text.trim_start().starts_with(crypt::ARMOR) => {
                entries.insert(key.name.clone(), (text.clone(), node.place.clone()));
            }
            NodeValue::List(_) | NodeValue::Map(_) | NodeValue::Null | NodeValue::Secret(_) => found.push(
                node.mistake(format!(
                    "`{}` must be an encrypted value, found {}",
                    key.name,
                    node.found()
                ))
                .help(format!("write it with `mailprov secrets set {}`", key.name)),
            ),
            // Not repeated: it is probably the secret itself.
            _ => found.push(
                Diagnostic::new(format!("the value of `{}` is not encrypted", key.name))
                    .at(&node.masked_place())
                    .help(format!(
                        "remove it and write it with `mailprov secrets set {}`; if the file was ever shared, \
                         change the secret itself too",
                        key.name
                    )),
            ),
        }
    }
    entries
}

pub fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
}
