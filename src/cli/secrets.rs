//! `mailprov secrets`: a file per group of actions, and what they share: which file is meant.

mod check;
mod edit;
mod generate;
mod recipients;
mod value;

use std::path::PathBuf;

use super::common::{Failure, Global, InventoryArgs, exit_codes, print};
use crate::exit::Exit;
use crate::inventory::Inventory;
use crate::inventory::load::secrets_path;
use crate::role::load::Roles;
use crate::secret::memory;
use crate::secret::vault::{SecretsFile, identity};

/// Write, read and look after encrypted secrets
///
/// The secrets file holds one encrypted value per name; the inventory says `!secret NAME` where it wants one.
/// Whoever has the file can add and replace secrets; only who has an identity of one of its recipients can read
/// them.
#[derive(Debug, clap::Args)]
#[command(after_long_help = format!("Examples:
  mailprov secrets identity identity.txt
  mailprov secrets generate --recipient age1…       everything that is missing
  openssl rand -base64 24 | mailprov secrets set db_password
  mailprov secrets get db_password
  mailprov secrets recipients add ~/.ssh/id_ed25519.pub && mailprov secrets rekey
  mailprov secrets check

{}", exit_codes(&[Exit::Done, Exit::Usage, Exit::Invalid, Exit::Secret, Exit::Interrupted])))]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Encrypt a value; it is asked for on a terminal, or else read from standard input
    #[command(after_long_help = exit_codes(&[Exit::Done, Exit::Usage, Exit::Invalid, Exit::Secret, Exit::Interrupted]))]
    Set(value::Set),
    /// Print a value
    #[command(after_long_help = exit_codes(&[Exit::Done, Exit::Usage, Exit::Invalid, Exit::Secret, Exit::Interrupted]))]
    Get(value::Get),
    /// Print the names of all secrets
    #[command(after_long_help = exit_codes(&[Exit::Done, Exit::Usage, Exit::Invalid]))]
    List(List),
    /// Change several values in $VISUAL or $EDITOR, without clear text on any disk
    #[command(after_long_help = exit_codes(&[Exit::Done, Exit::Usage, Exit::Invalid, Exit::Secret, Exit::Interrupted]))]
    Edit(edit::Edit),
    /// Make up what the inventory needs and the secrets file lacks
    #[command(after_long_help = exit_codes(&[Exit::Done, Exit::Usage, Exit::Invalid, Exit::Secret]))]
    Generate(generate::Generate),
    /// Say who can read what, what is missing and what is left over; needs no identity
    #[command(after_long_help = exit_codes(&[Exit::Done, Exit::Usage, Exit::Invalid, Exit::Secret]))]
    Check(check::Check),
    /// Encrypt again what is not encrypted for exactly the recipients
    #[command(after_long_help = exit_codes(&[Exit::Done, Exit::Usage, Exit::Invalid, Exit::Secret, Exit::Interrupted]))]
    Rekey(recipients::Rekey),
    /// Show and change who can read the secrets
    Recipients(recipients::Recipients),
    /// Make a new key in FILE, readable by you alone, and print its recipient
    #[command(after_long_help = exit_codes(&[Exit::Done, Exit::Usage, Exit::Secret]))]
    Identity(Identity),
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
    #[arg(long, value_name = "FILE", default_value = SecretsFile::DEFAULT_INVENTORY)]
    inventory: PathBuf,
}

impl File {
    fn load(&self) -> Result<SecretsFile, Failure> {
        let mut file = SecretsFile::load(&secrets_path(&self.inventory)?)?;
        file.inventory.clone_from(&self.inventory);
        Ok(file)
    }

    /// The whole inventory, for actions that ask what it needs.
    fn inventory(&self) -> Result<(Inventory, Roles), Failure> {
        let arguments = InventoryArgs {
            inventory: self.inventory.clone(),
            set: Vec::new(),
        };
        let (inventory, roles) = arguments.load()?;
        crate::role::bind::validate(&inventory, &roles)?;
        Ok((inventory, roles))
    }
}

pub async fn run(args: Args, _global: &Global) -> Result<Exit, Failure> {
    // What an editor's killed run left in memory goes with whatever is done next.
    memory::sweep();
    match args.action {
        Action::Set(set) => set.run()?,
        Action::Get(get) => get.run()?,
        Action::Edit(edit) => return edit.run().await,
        Action::Generate(generate) => generate.run()?,
        Action::Check(check) => return check.run(),
        Action::Rekey(rekey) => rekey.run()?,
        Action::Recipients(recipients) => recipients.run()?,
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

/// The first recipients of a secrets file, for the actions that make one.
fn first_recipients(file: &mut SecretsFile, given: Vec<String>) -> Result<(), Failure> {
    if given.is_empty() {
        return Ok(());
    }
    if !file.recipients.is_empty() {
        return Err(Failure::usage(format!(
            "`{}` names its recipients already\n  help: leave `--recipient` out; who else can read is said with \
             `{}`",
            file.path.display(),
            file.command("recipients add KEY")
        )));
    }
    file.recipients = recipients::read(&given)?;
    Ok(())
}
