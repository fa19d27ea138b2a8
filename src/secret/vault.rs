//! The secrets file beside the inventory: `recipients`, and `secrets` encrypted one by one with age.
//!
//! Names and recipients are readable by anybody, so that a change in git says which secret changed. `identity`
//! finds the keys that decrypt, `crypt` uses them, `edit` writes the file, `audit` says who can read what.

pub mod audit;
mod crypt;
mod edit;
mod header;
pub mod identity;
mod load;
pub mod recipient;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Redactor, Secret};
use crate::diagnostic::{Diagnostics, Place, did_you_mean};
use crate::host::script::quote;
pub use edit::check_name;

/// A secrets file as it stands on disk: names readable, values encrypted.
#[derive(Debug, Clone, Default)]
pub struct SecretsFile {
    pub path: PathBuf,
    /// The inventory whose it is, for the commands that are proposed. Empty: the one that they take by themselves.
    pub inventory: PathBuf,
    pub recipients: Vec<String>,
    pub entries: BTreeMap<String, Entry>,
}

/// One encrypted value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// age's own text, as `age --armor` writes it.
    pub armored: String,
    pub place: Place,
    /// Labels of the keys that it was encrypted for: age itself doesn't tell. `None` when nobody wrote them down.
    pub readers: Option<Vec<String>>,
}

/// What a secrets file is to become.
#[derive(Debug, Default)]
pub struct Changes<'a> {
    /// Values to add or to replace.
    pub set: BTreeMap<&'a str, &'a Secret>,
    pub remove: Vec<&'a str>,
    /// The file's recipients from now on.
    pub recipients: Option<Vec<String>>,
}

/// Why a secret could not be had (exit 8).
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SecretError(pub String);

/// Decrypted values. Offline commands work without an identity: then every value is its placeholder.
#[derive(Debug, Clone, Default)]
pub struct Vault {
    values: BTreeMap<String, Secret>,
}

impl SecretsFile {
    /// The inventory of `mailprov secrets` when nobody names one.
    pub const DEFAULT_INVENTORY: &str = "inventory.yaml";

    /// Its name when the inventory names none.
    pub const DEFAULT_NAME: &str = "secrets.yaml";

    /// Reads a secrets file; an absent one is empty.
    ///
    /// # Errors
    /// Unknown keys, recipients that age doesn't know, and values that are not encrypted.
    pub fn load(path: &Path) -> Result<Self, Diagnostics> {
        load::load(path)
    }

    /// `mailprov secrets` as one types it to do `action` with this file.
    pub fn command(&self, action: &str) -> String {
        let inventory = match self.inventory.to_string_lossy() {
            name if name.is_empty() || name == Self::DEFAULT_INVENTORY => String::new(),
            name => format!(" --inventory {}", quote(&name)),
        };
        format!("mailprov secrets {action}{inventory}")
    }

    /// Decrypts the entries `names` with the identities found: the files `identities`, or else where
    /// [`identity::files`] looks.
    ///
    /// # Errors
    /// An entry is missing, or no identity decrypts it.
    pub fn open(&self, names: &[&str], identities: &[PathBuf]) -> Result<Vault, SecretError> {
        let missing: Vec<&str> = names
            .iter()
            .copied()
            .filter(|name| !self.entries.contains_key(*name))
            .collect();
        if let Some(first) = missing.first() {
            let mut message = format!("{} not in `{}`", these(&missing), self.path.display());
            match did_you_mean(first, self.entries.keys().map(String::as_str)) {
                Some(near) if missing.len() == 1 => message += &format!("\n  help: did you mean `{near}`?"),
                _ => {
                    message += &format!(
                        "\n  help: `{}` makes up missing passwords; `{}` takes one that you have",
                        self.command("generate"),
                        self.command(&format!("set {first}"))
                    );
                }
            }
            return Err(SecretError(message));
        }
        crypt::open(self, names, identities).map(Vault::new)
    }

    /// Encrypts `value` for the file's recipients and writes it as the entry `name`. Everything else in the file
    /// keeps its text; the file is replaced atomically.
    ///
    /// # Errors
    /// There are no recipients, the file changed into something unreadable, or it can't be written.
    pub fn set(&mut self, name: &str, value: &Secret) -> Result<(), SecretError> {
        self.change(&Changes {
            set: [(name, value)].into(),
            ..Changes::default()
        })
    }

    /// Makes all `changes` at once, or none. No identity is needed; what is set is encrypted for the recipients
    /// that the file then has.
    ///
    /// # Errors
    /// Like [`Self::set`].
    pub fn change(&mut self, changes: &Changes<'_>) -> Result<(), SecretError> {
        edit::change(self, changes)
    }
}

/// "the secret `a` is", "the secrets `a` and `b` are".
fn these(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.as_slice() {
        [one] => format!("the secret {one} is"),
        [first @ .., last] => format!("the secrets {} and {last} are", first.join(", ")),
        [] => "no secret is".to_owned(),
    }
}

impl Vault {
    pub fn new(values: BTreeMap<String, Secret>) -> Self {
        Self { values }
    }

    /// A vault whose every value is `<secret NAME>`, for validate and render.
    pub fn placeholders<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self::new(
            names
                .into_iter()
                .map(|n| (n.to_owned(), Secret::new(format!("<secret {n}>"))))
                .collect(),
        )
    }

    pub fn get(&self, name: &str) -> Option<&Secret> {
        self.values.get(name)
    }

    pub fn redactor(&self) -> Redactor {
        Redactor::new(self.values.iter().map(|(name, secret)| (name.as_str(), secret)))
    }
}
