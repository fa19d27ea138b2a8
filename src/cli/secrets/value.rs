//! `mailprov secrets set` and `get`: one value in, one value out.

use std::io::{IsTerminal as _, Read as _};

use zeroize::Zeroizing;

use super::{File, count, first_recipients};
use crate::cli::common::{Failure, IdentityArgs, print};
use crate::secret::Secret;
use crate::secret::vault::SecretError;

#[derive(Debug, clap::Args)]
pub struct Set {
    /// The secret's name
    name: String,
    #[command(flatten)]
    file: File,
    /// Who can read the secrets of a new secrets file: an age recipient or an SSH public key. May be repeated
    #[arg(long, value_name = "KEY")]
    recipient: Vec<String>,
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
        let mut file = self.file.load()?;
        first_recipients(&mut file, self.recipient)?;
        let value = if std::io::stdin().is_terminal() {
            ask(&self.name)?
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

fn ask(name: &str) -> Result<Secret, SecretError> {
    let prompt = |text: String| {
        rpassword::prompt_password(text)
            .map(Zeroizing::new)
            .map_err(|error| SecretError(format!("can't ask for the value: {error}")))
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
