//! age: to recipients and back with identities.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use zeroize::Zeroizing;

use super::identity::{self, Search, Unusable};
use super::{SecretError, SecretsFile, recipient, these};
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
    let mut looked = Looked {
        search: &search,
        tried: Vec::new(),
        unusable: None,
    };
    for path in &search {
        if waiting.is_empty() {
            break;
        }
        let failed = |looked: Looked<'_>, waiting: &[&str], why: Unusable| {
            let looked = Looked {
                unusable: Some(path),
                ..looked
            };
            looked.error(file, waiting, &why.reason, &why.help)
        };
        let identity = match identity::read(path, search.asked.is_some(), &labels) {
            Ok(Some(identity)) => identity,
            Ok(None) => continue,
            Err(why) => return Err(failed(looked, &waiting, why)),
        };
        let mut left = Vec::new();
        for name in &waiting {
            match decrypt(file, name, &identity) {
                Ok(Some(secret)) => {
                    values.insert((*name).to_owned(), secret);
                }
                Ok(None) => left.push(*name),
                Err(Failed::Passphrase(why)) => return Err(failed(looked, &waiting, why)),
                Err(Failed::Entry(error)) => return Err(error),
            }
        }
        looked.tried.push(path);
        waiting = left;
    }
    if waiting.is_empty() {
        return Ok(values);
    }
    let reason = if looked.tried.is_empty() {
        "there is no identity"
    } else {
        "no identity fits"
    };
    Err(looked.error(file, &waiting, reason, identity::GIVE_ONE))
}

/// Where identities were looked for, and what became of each.
struct Looked<'a> {
    search: &'a Search,
    tried: Vec<&'a PathBuf>,
    unusable: Option<&'a PathBuf>,
}

impl Looked<'_> {
    fn error(&self, file: &SecretsFile, names: &[&str], reason: &str, help: &str) -> SecretError {
        const NEXT: &str = "\n                 ";
        let readers = readers(file, names);
        let recipients = if readers.is_empty() {
            "unknown: the file names no recipients".to_owned()
        } else {
            readers.join(NEXT)
        };
        let from = self
            .search
            .asked
            .map(|who| format!("; from {who}"))
            .unwrap_or_default();
        let mut passed = false;
        let mut places = Vec::new();
        for path in self.search {
            let state = if self.unusable == Some(path) {
                passed = true;
                "can't be used"
            } else if self.tried.contains(&path) {
                "does not fit"
            } else if passed {
                "not tried"
            } else {
                "not there"
            };
            places.push(format!("{} ({state}{from})", path.display()));
        }
        let what = these(names).replace(" is", "").replace(" are", "");
        SecretError(format!(
            "can't decrypt {what}: {reason}\n  encrypted for: {recipients}\n  looked for:    {}\n  help: {help}",
            places.join(NEXT)
        ))
    }
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

/// Why a value was not decrypted.
enum Failed {
    Passphrase(Unusable),
    Entry(SecretError),
}

/// `None` when the identity doesn't fit.
fn decrypt(file: &SecretsFile, name: &str, identity: &identity::Identity) -> Result<Option<Secret>, Failed> {
    let Some(entry) = file.entries.get(name) else {
        return Ok(None);
    };
    let fail = |reason: &dyn std::fmt::Display| {
        Failed::Entry(SecretError(format!(
            "can't decrypt the secret `{name}` ({}): {reason}\n  help: write it again with `{}`",
            entry.place,
            file.command(&format!("set {name}"))
        )))
    };
    let decryptor =
        age::Decryptor::new(ArmoredReader::new(entry.armored.as_bytes())).map_err(|e| fail(&e))?;
    let mut reader = match decryptor.decrypt(identity.keys()) {
        Ok(reader) => reader,
        Err(age::DecryptError::NoMatchingKeys) => return Ok(None),
        Err(age::DecryptError::KeyDecryptionFailed) => {
            return Err(Failed::Passphrase(Unusable {
                reason: format!("wrong passphrase for `{}`", identity.path.display()),
                help: "try again".to_owned(),
            }));
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
