//! `mailprov validate`: everything that can be proven without a host.

use super::common::{Failure, Global, InventoryArgs, columns, count, exit_codes, print};
use crate::exit::Exit;
use crate::inventory::Inventory;
use crate::role::bind;
use crate::role::load::Roles;

/// Check an inventory and its roles without contacting any host
///
/// Finds every mistake at once: syntax, names, types, missing values, templates that use what nobody declares,
/// needs that nothing meets, steps that wait for each other. Secrets are not decrypted;
/// those that the secrets file lacks are listed.
#[derive(Debug, clap::Args)]
#[command(after_long_help = format!("Examples:
  mailprov validate inventory.yaml
  mailprov validate inventory.yaml --set mail_hostname=mx.example.org

{}", exit_codes(&[Exit::Done, Exit::Usage, Exit::Invalid])))]
pub struct Args {
    #[command(flatten)]
    inventory: InventoryArgs,
}

pub async fn run(args: Args, _global: &Global) -> Result<Exit, Failure> {
    let (inventory, roles) = args.inventory.load()?;
    let graph = bind::graph(&inventory, &roles)?;
    let mut text = format!(
        "{} is valid: {}, {}, {}.\n",
        inventory.path.display(),
        count(inventory.hosts.len(), "host"),
        count(roles.0.len(), "role"),
        count(graph.steps().len(), "step"),
    );
    text += &missing_secrets(&inventory, &roles);
    print(&text)?;
    Ok(Exit::Done)
}

/// The commands that add what the secrets file lacks. No mistake: whoever checks the inventory need not be the one
/// who knows the passwords.
fn missing_secrets(inventory: &Inventory, roles: &Roles) -> String {
    let mut missing = bind::needed_secrets(inventory, roles);
    missing.retain(|name, _| !inventory.secrets.entries.contains_key(name));
    if missing.is_empty() {
        return String::new();
    }
    let mut text = format!(
        "Before it can be applied, {} must be set:\n",
        count(missing.len(), "secret")
    );
    let made_up = missing.values().filter(|needed| needed.generate).count();
    let mut commands = Vec::new();
    if made_up > 0 {
        let of = if made_up == missing.len() {
            "all of them".to_owned()
        } else {
            format!("{made_up} of them")
        };
        commands.push((inventory.secrets.command("generate"), format!("makes up {of}")));
    }
    for (name, needed) in missing.iter().filter(|(_, needed)| !needed.generate) {
        commands.push((
            inventory.secrets.command(&format!("set {name}")),
            needed.by.clone(),
        ));
    }
    columns(&mut text, &commands, "  # ");
    text
}
