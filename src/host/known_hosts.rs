//! Host keys that the operator's machine knows: what OpenSSH's known_hosts files say of a host.
//!
//! Format: sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT". Stricter than OpenSSH in one point: a known host that offers a
//! key of another algorithm is refused, not taken for an unknown one. A file that can't be read fails closed.

mod authority;
pub(in crate::host) mod pattern;
mod record;

use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use russh::keys::ssh_key::known_hosts::HostPatterns;
use russh::keys::ssh_key::public::KeyData;
use russh::keys::{Algorithm, PublicKey};

use super::HostError;
use authority::Authority;
pub use authority::Vouched;
pub use record::append;

/// What the files say of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Match,
    /// Another key of the same algorithm stands at this `file:line`.
    Changed(String),
    /// Only keys of other algorithms are known: `file:line`, and their names.
    OtherAlgorithm(String, Vec<String>),
    /// The key is marked `@revoked` at this `file:line`.
    Revoked(String),
    Unknown,
}

/// The entries of one host.
#[derive(Debug, Default)]
pub struct KnownHosts {
    entries: Vec<Entry>,
    authorities: Vec<Authority>,
}

#[derive(Debug)]
struct Entry {
    place: String,
    revoked: bool,
    algorithm: String,
    /// `None`: of a type that can't be read. The host is known all the same.
    key: Option<PublicKey>,
}

/// The files that OpenSSH reads when it isn't told otherwise; new keys go to the first.
pub fn default_files() -> Vec<PathBuf> {
    let (mut files, global) = default_files_by_owner();
    files.extend(global);
    files
}

/// The same, the operator's own apart from those of the machine.
pub fn default_files_by_owner() -> (Vec<PathBuf>, Vec<PathBuf>) {
    let own =
        std::env::home_dir().map(|home| [home.join(".ssh/known_hosts"), home.join(".ssh/known_hosts2")]);
    let global = ["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"].map(PathBuf::from);
    (own.into_iter().flatten().collect(), global.to_vec())
}

/// The name under which a host stands in the files: with its port unless that is 22.
pub fn host_name(address: &str, port: u16) -> String {
    let address = address.to_lowercase();
    if port == 22 {
        address
    } else {
        format!("[{address}]:{port}")
    }
}

impl KnownHosts {
    /// Reads what `files` say of a host; an absent file says nothing.
    ///
    /// # Errors
    /// A file that exists and can't be read.
    pub fn read(files: &[PathBuf], address: &str, port: u16) -> Result<Self, HostError> {
        let host = host_name(address, port);
        let mut known = Self::default();
        for file in files {
            match std::fs::read(file) {
                Ok(bytes) => known.add(file, &String::from_utf8_lossy(&bytes), &host),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => {
                    return Err(HostError::HostKey(format!(
                        "{address}: known host keys can't be read from {}: {error}; make the file readable, or \
                         name another with `known_hosts` in the host's `ssh:`",
                        file.display()
                    )));
                }
            }
        }
        Ok(known)
    }

    fn add(&mut self, file: &Path, text: &str, host: &str) {
        for (index, line) in text.lines().enumerate() {
            let mut words = line.split_whitespace().peekable();
            let marker = words.next_if(|word| word.starts_with('@')).unwrap_or_default();
            let (Some(patterns), Some(algorithm), Some(key)) = (words.next(), words.next(), words.next())
            else {
                continue;
            };
            // As OpenSSH does with a marker that it doesn't know: the line may be about anything but trust.
            if patterns.starts_with('#') || !matches!(marker, "" | "@revoked" | "@cert-authority") {
                continue;
            }
            let Ok(patterns) = HostPatterns::from_str(patterns) else {
                continue;
            };
            if !pattern::matches(&patterns, host) {
                continue;
            }
            let place = format!("{}:{}", file.display(), index + 1);
            if marker == "@cert-authority" {
                let key = PublicKey::from_openssh(&format!("{algorithm} {key}")).ok();
                self.authorities.push(Authority { place, key });
                continue;
            }
            self.entries.push(Entry {
                place,
                revoked: marker == "@revoked",
                algorithm: algorithm.to_owned(),
                key: PublicKey::from_openssh(&format!("{algorithm} {key}")).ok(),
            });
        }
    }

    /// What is known of `key`.
    pub fn judge(&self, key: &PublicKey) -> Verdict {
        let same = |entry: &&Entry| {
            entry
                .key
                .as_ref()
                .is_some_and(|known| known.key_data() == key.key_data())
        };
        if let Some(place) = self.revoked(key.key_data()) {
            return Verdict::Revoked(place);
        }
        let mut trusted = self.entries.iter().filter(|entry| !entry.revoked);
        if trusted.clone().any(|entry| same(&entry)) {
            return Verdict::Match;
        }
        let algorithm = key.algorithm();
        if let Some(entry) = trusted
            .clone()
            .find(|entry| entry.algorithm == algorithm.as_str())
        {
            return Verdict::Changed(entry.place.clone());
        }
        match trusted.next() {
            Some(first) => {
                let mut names: Vec<String> = vec![first.algorithm.clone()];
                names.extend(trusted.map(|entry| entry.algorithm.clone()));
                names.dedup();
                Verdict::OtherAlgorithm(first.place.clone(), names)
            }
            None => Verdict::Unknown,
        }
    }

    /// Where a key is revoked.
    fn revoked(&self, key: &KeyData) -> Option<String> {
        let revoked = self
            .entries
            .iter()
            .find(|entry| entry.revoked && entry.key.as_ref().is_some_and(|known| known.key_data() == key));
        revoked.map(|entry| entry.place.clone())
    }

    /// `preferred`, with the algorithms of known keys first: the host is asked for a key that can be compared.
    pub fn order(&self, preferred: &[Algorithm]) -> Vec<Algorithm> {
        let known = |algorithm: &Algorithm| {
            // One RSA key serves all of `ssh-rsa`, `rsa-sha2-256` and `rsa-sha2-512`.
            let name = if matches!(algorithm, Algorithm::Rsa { .. }) {
                "ssh-rsa"
            } else {
                algorithm.as_str()
            };
            self.entries
                .iter()
                .any(|entry| !entry.revoked && entry.algorithm == name)
        };
        let (mut first, rest): (Vec<Algorithm>, Vec<Algorithm>) = preferred.iter().cloned().partition(known);
        first.extend(rest);
        first
    }
}

#[cfg(test)]
mod tests;
