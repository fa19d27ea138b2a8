//! `mailprov secrets check`: the state of the secrets file, without any key.

use std::fmt::Write as _;

use super::File;
use crate::cli::common::{Failure, count, print};
use crate::exit::Exit;
use crate::role::bind::needed_secrets;
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
            .into_iter()
            .map(|(name, needed)| (name, needed.by))
            .collect();
        let audit = audit(&inventory.secrets, &used);
        print(&report(&inventory.secrets, &audit))?;
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
        let n = if n == file.entries.len() {
            "all".to_owned()
        } else {
            n.to_string()
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
        text += "  help: `mailprov secrets rekey` encrypts these again, for the recipients\n";
    }
    for (name, by) in &audit.missing {
        let _ = writeln!(text, "{name}: missing; {by} needs it");
    }
    if !audit.missing.is_empty() {
        text += "  help: `mailprov secrets generate`, or `mailprov secrets set NAME`\n";
    }
    for name in &audit.unused {
        let _ = writeln!(text, "{name}: nothing uses it");
    }
    text
}
