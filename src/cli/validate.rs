//! `mailprov validate`: everything that can be proven without a host.

use super::common::{Failure, Global, InventoryArgs, exit_codes, print};
use crate::exit::Exit;
use crate::role::bind;

/// Check an inventory and its roles without contacting any host
///
/// Finds every mistake at once: syntax, names, types, missing values, templates that use what nobody declares,
/// needs that nothing meets, steps that wait for each other. Secrets are not decrypted;
/// those that the secrets file lacks are listed.
#[derive(Debug, clap::Args)]
#[command(after_long_help = format!("Examples:
  mailprov validate inventory.yaml
  mailprov validate inventory.yaml --set mail_hostname=mx.example.org

{}", exit_codes(&[Exit::Done, Exit::Invalid])))]
pub struct Args {
    #[command(flatten)]
    inventory: InventoryArgs,
}

pub async fn run(args: Args, _global: &Global) -> Result<Exit, Failure> {
    let (inventory, roles) = args.inventory.load()?;
    let graph = bind::graph(&inventory, &roles)?;
    print(&format!(
        "{} is valid: {}, {}, {}.\n",
        inventory.path.display(),
        count(inventory.hosts.len(), "host"),
        count(roles.0.len(), "role"),
        count(graph.steps().len(), "step"),
    ))?;
    // The inventory is right without them; an apply is not possible.
    let missing = bind::missing_secrets(&inventory, &roles);
    for secret in &missing.0 {
        print(&format!("note: {}\n", secret.message))?;
        if let Some(help) = &secret.help {
            print(&format!("  help: {help}\n"))?;
        }
    }
    Ok(Exit::Done)
}

fn count(n: usize, what: &str) -> String {
    match n {
        1 => format!("1 {what}"),
        _ => format!("{n} {what}s"),
    }
}
