//! `mailprov secrets check`: the state of the secrets file, without any key.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::File;
use crate::cli::common::{Failure, count, print};
use crate::exit::Exit;
use crate::role::bind::{Needed, needed_secrets};
use crate::secret::vault::audit::{Audit, audit};
use crate::secret::vault::{SecretsFile, recipient};

#[derive(Debug, clap::Args)]
pub struct Check {
    #[command(flatten)]
    file: File,
}

impl Check {
    pub fn run(self) -> Result<Exit, Failure> {
        let (inventory, roles) = self.file.inventory()?;
        let needed = needed_secrets(&inventory, &roles);
        let used = needed
            .iter()
            .map(|(name, needed)| (name.clone(), needed.by.clone()))
            .collect();
        let audit = audit(&inventory.secrets, &used);
        let mut text = report(&inventory.secrets, &audit);
        text += &missing(&inventory.secrets, &audit, &needed);
        for name in &audit.unused {
            let _ = writeln!(text, "{name}: nothing uses it");
        }
        print(&text)?;
        Ok(if audit.missing.is_empty() && audit.wrong.is_empty() {
            Exit::Done
        } else {
            Exit::Secret
        })
    }
}

fn report(file: &SecretsFile, audit: &Audit) -> String {
    let mut text = format!(
        "{}: {}, {}\n",
        file.path.display(),
        count(file.entries.len(), "secret"),
        count(file.recipients.len(), "recipient")
    );
    for key in &file.recipients {
        let label = recipient::label(key);
        let reads = |readers: &Vec<String>| readers.iter().any(|reader| recipient::same(reader, &label));
        let n = file
            .entries
            .values()
            .filter(|entry| entry.readers.as_ref().is_some_and(reads))
            .count();
        let n = match file.entries.len() {
            0 => "nothing yet".to_owned(),
            all if n == all => "all".to_owned(),
            _ => n.to_string(),
        };
        let _ = writeln!(text, "  {label}  reads {n}");
    }
    let all = |labels: &[String]| {
        labels
            .iter()
            .map(|l| recipient::name(l))
            .collect::<Vec<_>>()
            .join(", ")
    };
    for (name, readers) in &audit.wrong {
        if !readers.left.is_empty() {
            let _ = writeln!(
                text,
                "{name}: can still be read by {}, no recipient any more",
                all(&readers.left)
            );
        }
        if !readers.waiting.is_empty() {
            let _ = writeln!(text, "{name}: can't be read by {} yet", all(&readers.waiting));
        }
        if readers.unknown {
            let _ = writeln!(text, "{name}: nobody wrote down who can read it");
        }
        if let Some(reason) = &readers.contradiction {
            let _ = writeln!(text, "{name}: its `for:` is not true: {reason}");
        }
    }
    if !audit.wrong.is_empty() {
        let rekey = file.command("rekey");
        let _ = writeln!(text, "  help: `{rekey}` encrypts these again, for the recipients");
    }
    text
}

/// What is missing, and the commands that add it.
fn missing(file: &SecretsFile, audit: &Audit, needed: &BTreeMap<String, Needed>) -> String {
    let mut text = String::new();
    let mut made_up = false;
    let mut help = String::new();
    for (name, by) in &audit.missing {
        let _ = writeln!(text, "{name}: missing; {by} needs it");
        if needed.get(name).is_some_and(|needed| needed.generate) {
            made_up = true;
        } else {
            let set = file.command(&format!("set {name}"));
            let _ = writeln!(help, "  help: `{set}`: it is not for mailprov to make up");
        }
    }
    if made_up {
        let generate = file.command("generate");
        let _ = writeln!(text, "  help: `{generate}` makes up what can be made up");
    }
    text + &help
}
