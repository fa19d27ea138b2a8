//! `mailprov secrets`: writing secrets, and keys to read them with.

use std::io::{IsTerminal as _, Read as _};
use std::path::PathBuf;

use zeroize::Zeroizing;

use super::common::{Failure, Global, exit_codes, print};
use crate::exit::Exit;
use crate::inventory::load::secrets_path;
use crate::secret::Secret;
use crate::secret::vault::{SecretError, SecretsFile, identity};

/// Write encrypted secrets, and make keys to read them with
///
/// The secrets file holds one encrypted value per name; the inventory says `!secret NAME` where it wants one.
/// Whoever has the file can add and replace secrets; only who has an identity of one of its recipients can read
/// them.
#[derive(Debug, clap::Args)]
#[command(after_long_help = format!("Examples:
  mailprov secrets identity identity.txt
  mailprov secrets set db_password --recipient age1…
  openssl rand -base64 24 | mailprov secrets set db_password
  mailprov secrets list

{}", exit_codes(&[Exit::Done, Exit::Invalid, Exit::Secret])))]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Encrypt a value; it is asked for on a terminal, or else read from standard input
    Set(Set),
    /// Make a new key in FILE, readable by you alone, and print its recipient
    Identity(Identity),
    /// Print the names of all secrets
    List(List),
}

#[derive(Debug, clap::Args)]
struct Set {
    /// The secret's name
    name: String,
    #[command(flatten)]
    file: File,
    /// Who can read the secrets of a new secrets file: an age recipient or an SSH public key. May be repeated
    #[arg(long, value_name = "KEY")]
    recipient: Vec<String>,
}

#[derive(Debug, clap::Args)]
struct Identity {
    /// The file to make; it must not exist
    file: PathBuf,
}

#[derive(Debug, clap::Args)]
struct List {
    #[command(flatten)]
    file: File,
}

#[derive(Debug, clap::Args)]
struct File {
    /// The inventory whose secrets file is meant
    #[arg(long, value_name = "FILE", default_value = "inventory.yaml")]
    inventory: PathBuf,
}

impl File {
    fn load(&self) -> Result<SecretsFile, Failure> {
        Ok(SecretsFile::load(&secrets_path(&self.inventory)?)?)
    }
}

pub async fn run(args: Args, _global: &Global) -> Result<Exit, Failure> {
    match args.action {
        Action::Set(set) => set.run()?,
        Action::Identity(Identity { file }) => {
            let recipient = identity::create(&file)?;
            print(&format!("{recipient}\n"))?;
        }
        Action::List(List { file }) => {
            let names: String = file
                .load()?
                .entries
                .keys()
                .map(|name| format!("{name}\n"))
                .collect();
            print(&names)?;
        }
    }
    Ok(Exit::Done)
}

impl Set {
    fn run(self) -> Result<(), Failure> {
        let mut file = self.file.load()?;
        if !self.recipient.is_empty() {
            if !file.recipients.is_empty() {
                return Err(Failure::usage(format!(
                    "`{}` names its recipients already\n  help: leave `--recipient` out; to change who can read, \
                     edit `recipients:` and set every secret again",
                    file.path.display()
                )));
            }
            file.recipients = self.recipient;
        }
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
            match file.recipients.len() {
                1 => "1 recipient".to_owned(),
                n => format!("{n} recipients"),
            },
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
