//! age: to recipients and back with identities.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use zeroize::Zeroizing;

use super::{SecretError, SecretsFile, identity, recipient, these};
use crate::secret::Secret;

/// How an armored value begins.
pub const ARMOR: &str = "-----BEGIN AGE ENCRYPTED FILE-----";

/// Encrypts `value` for all `recipients`, armored.
pub fn encrypt(recipients: &[String], value: &Secret) -> Result<String, SecretError> {
    let fail = |error: &dyn std::fmt::Display| SecretError(format!("can't encrypt: {error}"));
    let recipients = recipients
        .iter()
        .map(|text| {
            let recipient = recipient::parse(text).and_then(recipient::Recipient::into_age);
            recipient
                .map_err(|error| SecretError(format!("can't encrypt for {}: {error}", recipient::name(text))))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let encryptor =
        age::Encryptor::with_recipients(recipients.iter().map(AsRef::as_ref)).map_err(|e| fail(&e))?;
    let mut armored = Vec::new();
    (|| -> std::io::Result<()> {
        let writer = ArmoredWriter::wrap_output(&mut armored, Format::AsciiArmor)?;
        let mut writer = encryptor.wrap_output(writer)?;
        writer.write_all(value.expose().as_bytes())?;
        writer.finish()?.finish()?;
        Ok(())
    })()
    .map_err(|e| fail(&e))?;
    String::from_utf8(armored).map_err(|e| fail(&e))
}

/// Decrypts `names`. Each identity is read only when the ones before it left something undecrypted.
pub fn open(
    file: &SecretsFile,
    names: &[&str],
    identities: &[PathBuf],
) -> Result<BTreeMap<String, Secret>, SecretError> {
    let mut waiting: Vec<&str> = names.to_vec();
    waiting.sort_unstable();
    waiting.dedup();
    let mut values = BTreeMap::new();
    let search = identity::files(&file.path, identities);
    let labels = readers(file, names);
    let mut tried = Vec::new();
    for path in &search {
        if waiting.is_empty() {
            break;
        }
        let Some(identity) = identity::read(path, !search.optional, &labels)? else {
            continue;
        };
        tried.push(path.display().to_string());
        let mut left = Vec::new();
        for name in waiting {
            match decrypt(file, name, &identity)? {
                Some(secret) => {
                    values.insert(name.to_owned(), secret);
                }
                None => left.push(name),
            }
        }
        waiting = left;
    }
    if waiting.is_empty() {
        return Ok(values);
    }
    let readers = readers(file, &waiting);
    let recipients = if readers.is_empty() {
        "unknown: the file names no recipients".to_owned()
    } else {
        readers.join("\n                 ")
    };
    let what = these(&waiting).replace(" is", "").replace(" are", "");
    Err(SecretError(format!(
        "can't decrypt {what}: {}\n  encrypted for: {recipients}\n  looked for:    {}\n  help: {}",
        if tried.is_empty() {
            "there is no identity"
        } else {
            "no identity fits"
        },
        search
            .iter()
            .map(|path| {
                let shown = path.display().to_string();
                let state = if tried.contains(&shown) {
                    "does not fit"
                } else {
                    "not there"
                };
                format!("{shown} ({state})")
            })
            .collect::<Vec<_>>()
            .join("\n                 "),
        "give one with `--identity FILE` or in MAILPROV_IDENTITY, or ask somebody who can decrypt to add you"
    )))
}

/// Labels of the keys that the entries are encrypted for; the file's recipients stand in where that isn't known.
fn readers(file: &SecretsFile, names: &[&str]) -> Vec<String> {
    let mut labels: Vec<String> = Vec::new();
    for entry in names.iter().filter_map(|name| file.entries.get(*name)) {
        let known = entry.readers.clone();
        for label in known.unwrap_or_else(|| file.recipients.iter().map(|r| recipient::label(r)).collect()) {
            if !labels.iter().any(|other| recipient::same(other, &label)) {
                labels.push(label);
            }
        }
    }
    labels
}

/// `None` when the identity doesn't fit.
fn decrypt(
    file: &SecretsFile,
    name: &str,
    identity: &identity::Identity,
) -> Result<Option<Secret>, SecretError> {
    let Some(entry) = file.entries.get(name) else {
        return Ok(None);
    };
    let fail = |reason: &dyn std::fmt::Display| {
        SecretError(format!(
            "can't decrypt the secret `{name}` ({}): {reason}\n  help: write it again with `mailprov secrets set {name}`",
            entry.place
        ))
    };
    let decryptor =
        age::Decryptor::new(ArmoredReader::new(entry.armored.as_bytes())).map_err(|e| fail(&e))?;
    let mut reader = match decryptor.decrypt(identity.keys()) {
        Ok(reader) => reader,
        Err(age::DecryptError::NoMatchingKeys) => return Ok(None),
        Err(age::DecryptError::KeyDecryptionFailed) => {
            return Err(SecretError(format!(
                "wrong passphrase for `{}`\n  help: try again",
                identity.path.display()
            )));
        }
        Err(error) => return Err(fail(&error)),
    };
    let mut value = Zeroizing::new(Vec::new());
    reader.read_to_end(&mut value).map_err(|e| fail(&e))?;
    match std::str::from_utf8(&value) {
        Ok(text) if !text.contains('\0') => Ok(Some(Secret::new(text))),
        _ => Err(fail(&"its value is no text")),
    }
}
