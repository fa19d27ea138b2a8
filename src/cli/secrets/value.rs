//! `mailprov secrets set` and `get`: one value in, one value out.

use std::io::{IsTerminal as _, Read as _};

use zeroize::Zeroizing;

use super::{File, first_recipients};
use crate::ask;
use crate::cli::common::{Failure, IdentityArgs, count, print, unknown_name};
use crate::host::script::quote;
use crate::role::bind::needed_secrets;
use crate::secret::vault::{SecretError, check_name};
use crate::secret::{Secret, random};

#[derive(Debug, clap::Args)]
pub struct Set {
    /// The secret's name
    name: String,
    #[command(flatten)]
    file: File,
    /// Who can read the secrets of a new secrets file: an age recipient or an SSH public key. May be repeated
    #[arg(long, value_name = "KEY")]
    recipient: Vec<String>,
    /// Make up a new value for a secret that there is, for the next apply to put in the place of the old one
    #[arg(long, conflicts_with = "recipient")]
    rotate: bool,
}

#[derive(Debug, clap::Args)]
pub struct Get {
    /// The secret's name
    name: String,
    #[command(flatten)]
    file: File,
    #[command(flatten)]
    identity: IdentityArgs,
}

impl Get {
    pub fn run(self) -> Result<(), Failure> {
        let vault = self.file.load()?.open(&[&self.name], &self.identity.identity)?;
        let value = vault.get(&self.name).map(Secret::expose).unwrap_or_default();
        let end = if value.ends_with('\n') { "" } else { "\n" };
        print(&Zeroizing::new(format!("{value}{end}")))
    }
}

impl Set {
    pub fn run(self) -> Result<(), Failure> {
        if self.rotate {
            return self.rotate();
        }
        let mut file = self.file.load()?;
        check_name(&self.name)?;
        first_recipients(&mut file, self.recipient)?;
        let value = if std::io::stdin().is_terminal() {
            typed_twice(&self.name)?
        } else {
            read(std::io::stdin().lock())?
        };
        if value.expose().is_empty() {
            return Err(SecretError("the value is empty\n  help: type or pipe one".to_owned()).into());
        }
        let new = !file.entries.contains_key(&self.name);
        file.set(&self.name, &value)?;
        print(&format!(
            "{} `{}` in {}, readable by {}\n",
            if new { "added" } else { "replaced" },
            self.name,
            file.path.display(),
            count(file.recipients.len(), "recipient"),
        ))
    }
}

impl Set {
    /// A made-up value for an entry that there is, if whoever uses it says that it may be made up.
    fn rotate(self) -> Result<(), Failure> {
        let (mut inventory, roles) = self.file.inventory()?;
        let name = self.name.as_str();
        if !inventory.secrets.entries.contains_key(name) {
            let known = inventory.secrets.entries.keys().map(String::as_str);
            return Err(unknown_name("secret", name, known));
        }
        let needed = needed_secrets(&inventory, &roles);
        let why = match needed.get(name) {
            Some(needed) if needed.generate => None,
            Some(needed) => Some(format!("{} is not for mailprov to make up", needed.by)),
            None => Some("nothing in the inventory uses it".to_owned()),
        };
        if let Some(why) = why {
            return Err(Failure::usage(format!(
                "`{name}` can't be rotated: {why}\n  help: set its value yourself: {}",
                inventory.secrets.command(&format!("set {name}"))
            )));
        }
        let value = random::password()?;
        inventory.secrets.set(name, &value)?;
        print(&format!(
            "replaced `{name}` in {}\nnext: mailprov apply {}\n",
            inventory.secrets.path.display(),
            quote(&inventory.path.to_string_lossy())
        ))
    }
}

fn typed_twice(name: &str) -> Result<Secret, SecretError> {
    let prompt = |text: String| {
        ask::hidden(&text).map_err(|error| SecretError(format!("can't ask for the value: {error}")))
    };
    let first = prompt(format!("Value of {name}: "))?;
    let second = prompt("Again: ".to_owned())?;
    if first == second {
        Ok(Secret::new(first.as_str()))
    } else {
        Err(SecretError("the two values differ\n  help: try again".to_owned()))
    }
}

/// A value of one line loses its line end, which `echo` adds; of several lines, such as a key, every byte counts.
fn read(input: impl std::io::Read) -> Result<Secret, SecretError> {
    const LARGEST: u64 = 1 << 20;
    let mut bytes = Zeroizing::new(Vec::new());
    input
        .take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| SecretError(format!("can't read the value: {error}")))?;
    let refuse = |reason: &str| {
        SecretError(format!(
            "the value {reason}\n  help: a secret is a text of at most 1 MiB"
        ))
    };
    if bytes.len() as u64 > LARGEST {
        return Err(refuse("is too large"));
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) if text.contains('\0') => Err(refuse("holds a NUL")),
        Ok(text) => Ok(Secret::new(match text.strip_suffix('\n') {
            Some(line) if !line.contains('\n') => line.strip_suffix('\r').unwrap_or(line),
            _ => text,
        })),
        Err(_) => Err(refuse("is not UTF-8")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_loses_its_end_and_several_keep_it() {
        for (input, value) in [
            ("a b\n", "a b"),
            ("a\r\n", "a"),
            ("a", "a"),
            ("a\nb\n", "a\nb\n"),
            ("\n", ""),
        ] {
            assert_eq!(read(input.as_bytes()).unwrap().expose(), value, "{input:?}");
        }
        assert!(read(&b"\xff"[..]).is_err());
        assert!(read(&b"a\0"[..]).is_err());
    }
}
