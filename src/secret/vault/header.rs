//! Whom a value is really encrypted for, as far as age's header tells without a key.
//!
//! An X25519 recipient leaves no trace but its number (<https://c2sp.org/age>); an SSH key leaves four bytes of its
//! digest. That is enough to find out a `for:` that doesn't tell the truth.

use std::cell::RefCell;

use age::armor::ArmoredReader;
use age_core::format::{FileKey, Stanza};

use super::Entry;
use super::recipient::{self, Recipient};

/// Looks at the header and decrypts nothing.
#[derive(Default)]
struct Look {
    x25519: RefCell<usize>,
    /// Tags of SSH keys, in base64.
    ssh: RefCell<Vec<String>>,
    other: RefCell<usize>,
}

impl age::Identity for Look {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, age::DecryptError>> {
        match stanza.tag.as_str() {
            "X25519" => *self.x25519.borrow_mut() += 1,
            "ssh-ed25519" | "ssh-rsa" => self.ssh.borrow_mut().extend(stanza.args.first().cloned()),
            // Put in by age so that nobody relies on there being nothing else.
            grease if grease.ends_with("-grease") => {}
            _ => *self.other.borrow_mut() += 1,
        }
        None
    }
}

/// Whether the entry's header can be what its `for:` says; the error is what speaks against it. An entry without
/// `for:` says nothing.
pub fn contradiction(entry: &Entry) -> Result<(), String> {
    let Some(readers) = &entry.readers else {
        return Ok(());
    };
    let look = Look::default();
    let decryptor = age::Decryptor::new(ArmoredReader::new(entry.armored.as_bytes()))
        .map_err(|error| format!("it can't be read: {error}"))?;
    if let Err(error) = decryptor.decrypt(std::iter::once(&look as &dyn age::Identity))
        && !matches!(error, age::DecryptError::NoMatchingKeys)
    {
        return Err(format!("it can't be read: {error}"));
    }
    let mut ssh = look.ssh.take();
    let (mut x25519, mut plugins) = (0, 0);
    for reader in readers {
        if let Some(tag) = recipient::tag(reader) {
            match ssh.iter().position(|found| *found == tag) {
                Some(at) => drop(ssh.swap_remove(at)),
                None => return Err(format!("it is not encrypted for {}", recipient::name(reader))),
            }
        } else if let Ok(Recipient::Plugin(_)) = recipient::parse(reader) {
            plugins += 1;
        } else {
            x25519 += 1;
        }
    }
    let found = look.x25519.take();
    if !ssh.is_empty() {
        return Err("it is encrypted for an SSH key that `for:` doesn't name".to_owned());
    }
    // A plugin may use any stanza, and several of them.
    if plugins == 0 && (found != x25519 || look.other.take() > 0) {
        return Err(format!(
            "`for:` names {x25519} age recipients, and it is encrypted for {found}"
        ));
    }
    Ok(())
}
