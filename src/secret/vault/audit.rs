//! What can be said of a secrets file without any key: who can read what, what is missing, what is left over.

use std::collections::{BTreeMap, BTreeSet};

use super::{Entry, SecretsFile, header, recipient};

/// What is wrong with one entry's readers.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Readers {
    /// Labels of those who can read it and are no recipients any more.
    pub left: Vec<String>,
    /// Labels of recipients who can't read it yet.
    pub waiting: Vec<String>,
    /// Nobody wrote down whom it is encrypted for.
    pub unknown: bool,
    /// What in age's own header speaks against what was written down.
    pub contradiction: Option<String>,
}

impl Readers {
    /// Whether it is encrypted for exactly the file's recipients.
    pub fn are_right(&self) -> bool {
        *self == Self::default()
    }
}

/// The state of a secrets file.
#[derive(Debug, Default)]
pub struct Audit {
    /// Name → readers, for the entries whose readers are not right.
    pub wrong: BTreeMap<String, Readers>,
    /// Name → what needs it.
    pub missing: BTreeMap<String, String>,
    pub unused: BTreeSet<String>,
}

/// Compares the file with what is `used`: name → what needs it.
pub fn audit(file: &SecretsFile, used: &BTreeMap<String, String>) -> Audit {
    let names = || file.entries.keys();
    Audit {
        wrong: file
            .entries
            .iter()
            .map(|(name, entry)| (name.clone(), readers(file, entry)))
            .filter(|(_, readers)| !readers.are_right())
            .collect(),
        missing: used
            .iter()
            .filter(|(name, _)| !file.entries.contains_key(*name))
            .map(|(name, by)| (name.clone(), by.clone()))
            .collect(),
        unused: names()
            .filter(|name| !used.contains_key(*name))
            .cloned()
            .collect(),
    }
}

/// An entry's readers against the file's recipients.
pub fn readers(file: &SecretsFile, entry: &Entry) -> Readers {
    let recipients: Vec<String> = file.recipients.iter().map(|r| recipient::label(r)).collect();
    let Some(readers) = &entry.readers else {
        return Readers {
            unknown: true,
            ..Readers::default()
        };
    };
    let without = |labels: &[String], others: &[String]| -> Vec<String> {
        let is_there = |label: &str| others.iter().any(|other| recipient::same(label, other));
        labels.iter().filter(|label| !is_there(label)).cloned().collect()
    };
    Readers {
        left: without(readers, &recipients),
        waiting: without(&recipients, readers),
        unknown: false,
        contradiction: header::contradiction(entry).err(),
    }
}
