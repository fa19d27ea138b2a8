//! `mailprov secrets recipients` and `rekey`: who can read, and making it so.

use std::fmt::Write as _;
use std::path::Path;

use super::File;
use crate::cli::common::{Failure, IdentityArgs, count, exit_codes, print, unknown_name};
use crate::exit::Exit;
use crate::secret::vault::audit::readers;
use crate::secret::vault::{Changes, SecretsFile, recipient};

#[derive(Debug, clap::Args)]
pub struct Recipients {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Print who can read the secrets
    #[command(after_long_help = exit_codes(&[Exit::Done, Exit::Usage, Exit::Invalid]))]
    List {
        #[command(flatten)]
        file: File,
    },
    /// Let somebody read the secrets, once they are rekeyed
    #[command(after_long_help = exit_codes(&[Exit::Done, Exit::Usage, Exit::Invalid, Exit::Secret]))]
    Add {
        /// An age recipient, an SSH public key in quotes, or a file with some of them
        #[arg(required = true, value_name = "KEY")]
        keys: Vec<String>,
        #[command(flatten)]
        file: File,
    },
    /// Encrypt for somebody no more
    #[command(after_long_help = exit_codes(&[Exit::Done, Exit::Usage, Exit::Invalid, Exit::Secret]))]
    Remove {
        /// The key as `list` prints it, its fingerprint, or its comment
        #[arg(required = true, value_name = "KEY")]
        keys: Vec<String>,
        #[command(flatten)]
        file: File,
    },
}

#[derive(Debug, clap::Args)]
pub struct Rekey {
    #[command(flatten)]
    file: File,
    #[command(flatten)]
    identity: IdentityArgs,
    /// Encrypt all secrets again, also those that are in order
    #[arg(long)]
    all: bool,
}

/// The recipients that the arguments are or that the files named by them hold, one on each line.
pub fn read(arguments: &[String]) -> Result<Vec<String>, Failure> {
    let mut keys: Vec<String> = Vec::new();
    for argument in arguments {
        let text = match std::fs::read_to_string(Path::new(argument)) {
            Ok(text) => text,
            Err(_) => argument.clone(),
        };
        let lines = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        for key in lines {
            if key.contains("PRIVATE KEY") || key.starts_with("AGE-SECRET-KEY-") {
                return Err(Failure::usage(format!(
                    "`{argument}` is a private key\n  help: name its public half, which may be seen by anybody"
                )));
            }
            recipient::parse(key).map_err(|reason| {
                Failure::usage(format!(
                    "{reason}\n  help: a recipient is `age1…` or an SSH public key (`ssh-ed25519 …`, `ssh-rsa …`), \
                     or a file with them, such as `~/.ssh/id_ed25519.pub`"
                ))
            })?;
            let known = keys.iter().any(|other| same(other, key));
            if !known {
                keys.push(key.to_owned());
            }
        }
    }
    Ok(keys)
}

fn same(one: &str, other: &str) -> bool {
    recipient::same(&recipient::label(one), &recipient::label(other))
}

impl Recipients {
    pub fn run(self) -> Result<(), Failure> {
        match self.action {
            Action::List { file } => {
                let file = file.load()?;
                let lines = file
                    .recipients
                    .iter()
                    .map(|key| format!("{}\n", recipient::label(key)));
                print(&lines.collect::<String>())
            }
            Action::Add { keys, file } => add(&mut file.load()?, &keys),
            Action::Remove { keys, file } => remove(&mut file.load()?, &keys),
        }
    }
}

fn add(file: &mut SecretsFile, keys: &[String]) -> Result<(), Failure> {
    let mut recipients = file.recipients.clone();
    let mut text = String::new();
    for key in read(keys)? {
        let name = recipient::name(&key);
        if recipients.iter().any(|other| same(other, &key)) {
            let _ = writeln!(text, "{name} is a recipient already");
        } else {
            let _ = writeln!(text, "{name} can read what is set from now on");
            recipients.push(key);
        }
    }
    if recipients.len() > file.recipients.len() {
        change(file, recipients)?;
        if !file.entries.is_empty() {
            let rekey = file.command("rekey");
            let _ = writeln!(
                text,
                "next: `{rekey}`, by somebody who can read the secrets, for those that are there"
            );
        }
    }
    print(&text)
}

fn remove(file: &mut SecretsFile, keys: &[String]) -> Result<(), Failure> {
    let mut recipients = file.recipients.clone();
    let mut text = String::new();
    for key in keys {
        let found: Vec<usize> = (0..recipients.len())
            .filter(|i| means(key, &recipients[*i]))
            .collect();
        match found.as_slice() {
            [one] => {
                let gone = recipients.remove(*one);
                let _ = writeln!(
                    text,
                    "{} can't read what is set from now on",
                    recipient::name(&gone)
                );
            }
            [] => {
                let labels: Vec<String> = recipients.iter().map(|key| recipient::label(key)).collect();
                return Err(unknown_name("recipient", key, labels.iter().map(String::as_str)));
            }
            _ => {
                return Err(Failure::usage(format!(
                    "`{key}` is said of {} recipients\n  help: name the fingerprint that \
                     `{}` prints",
                    found.len(),
                    file.command("recipients list")
                )));
            }
        }
    }
    if recipients.is_empty() {
        return Err(Failure::usage(
            "nobody would be left who can read the secrets\n  help: add another recipient first",
        ));
    }
    change(file, recipients)?;
    if !file.entries.is_empty() {
        let rekey = file.command("rekey");
        let _ = writeln!(text, "next: `{rekey}`, by somebody who can read the secrets");
    }
    print(&text)
}

/// Whether the operator means this recipient: by its whole text, its label, its fingerprint or its comment.
fn means(said: &str, key: &str) -> bool {
    let label = recipient::label(key);
    let mut words = label.splitn(3, ' ').skip(1);
    same(said, key) || said == label || words.any(|word| word == said)
}

fn change(file: &mut SecretsFile, recipients: Vec<String>) -> Result<(), Failure> {
    Ok(file.change(&Changes {
        recipients: Some(recipients),
        ..Changes::default()
    })?)
}

impl Rekey {
    pub fn run(self) -> Result<(), Failure> {
        let mut file = self.file.load()?;
        let mut names = Vec::new();
        let mut left: Vec<String> = Vec::new();
        for (name, entry) in &file.entries {
            let found = readers(&file, entry);
            if self.all || !found.are_right() {
                names.push(name.clone());
            }
            for label in found.left {
                if !left.iter().any(|other| recipient::same(other, &label)) {
                    left.push(label);
                }
            }
        }
        if names.is_empty() {
            return print(&format!(
                "nothing to do: what is in {} is encrypted for exactly its recipients\n",
                file.path.display()
            ));
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let vault = file.open(&names, &self.identity.identity)?;
        file.change(&Changes {
            set: names
                .iter()
                .filter_map(|name| Some((*name, vault.get(name)?)))
                .collect(),
            ..Changes::default()
        })?;
        let mut text = format!(
            "{} encrypted again, for {}\n",
            count(names.len(), "secret"),
            count(file.recipients.len(), "recipient")
        );
        if !left.is_empty() {
            let who: Vec<String> = left.iter().map(|label| recipient::name(label)).collect();
            let _ = writeln!(
                text,
                "{} could read them until now, and still can in copies and in the history of version control.\n\
                 To keep them out, change the values: `{}` for each of\n  {}\n\
                 and then `mailprov apply`.",
                who.join(", "),
                file.command("set NAME"),
                names.join("\n  ")
            );
        }
        print(&text)
    }
}
