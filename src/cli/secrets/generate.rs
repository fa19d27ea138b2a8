//! `mailprov secrets generate`: passwords for everything that has none.

use std::fmt::Write as _;

use super::{File, first_recipients};
use crate::cli::common::{Failure, count, print};
use crate::role::bind::needed_secrets;
use crate::secret::random;
use crate::secret::vault::Changes;

#[derive(Debug, clap::Args)]
pub struct Generate {
    #[command(flatten)]
    file: File,
    /// Who can read the secrets of a new secrets file: an age recipient or an SSH public key. May be repeated
    #[arg(long, value_name = "KEY")]
    recipient: Vec<String>,
}

impl Generate {
    pub fn run(self) -> Result<(), Failure> {
        let (mut inventory, roles) = self.file.inventory()?;
        first_recipients(&mut inventory.secrets, self.recipient)?;
        let mut missing = needed_secrets(&inventory, &roles);
        missing.retain(|name, _| !inventory.secrets.entries.contains_key(name));
        let mut values = Vec::new();
        for name in missing
            .iter()
            .filter(|(_, needed)| needed.generate)
            .map(|(name, _)| name)
        {
            values.push((name.as_str(), random::password()?));
        }
        let file = &mut inventory.secrets;
        let mut text = String::new();
        if values.is_empty() {
            text += "nothing to generate\n";
        } else {
            file.change(&Changes {
                set: values.iter().map(|(name, value)| (*name, value)).collect(),
                ..Changes::default()
            })?;
            let _ = writeln!(
                text,
                "{} generated in {}, readable by {}:",
                count(values.len(), "secret"),
                file.path.display(),
                count(file.recipients.len(), "recipient")
            );
            for (name, _) in &values {
                let by = missing.get(*name).map_or("", |needed| needed.by.as_str());
                let _ = writeln!(text, "  {name}  # {by}");
            }
        }
        let given: Vec<_> = missing.iter().filter(|(_, needed)| !needed.generate).collect();
        if !given.is_empty() {
            text += "not to be made up, so still to be set:\n";
            for (name, needed) in given {
                let set = inventory.secrets.command(&format!("set {name}"));
                let _ = writeln!(text, "  {set}  # {}", needed.by);
            }
        }
        print(&text)
    }
}
