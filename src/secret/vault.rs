//! The secrets file beside the inventory: `recipients`, and `secrets` encrypted one by one with age.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Redactor, Secret};
use crate::diagnostic::{Diagnostics, Place};

/// A secrets file as it stands on disk: names readable, values encrypted.
#[derive(Debug, Clone, Default)]
pub struct SecretsFile {
    pub path: PathBuf,
    pub recipients: Vec<String>,
    /// Name → armored age text, and where it stands.
    pub entries: BTreeMap<String, (String, Place)>,
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
    /// Its name when the inventory names none.
    pub const DEFAULT_NAME: &str = "secrets.yaml";

    /// Reads a secrets file; an absent one is empty.
    pub fn load(_path: &Path) -> Result<Self, Diagnostics> {
        todo!("inventory helper")
    }

    /// Decrypts the entries `names` with the identities found.
    pub fn open(&self, _names: &[&str], _identities: &[PathBuf]) -> Result<Vault, SecretError> {
        todo!("inventory helper")
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
