//! `mailprov advice`: what is left for people to do, as the roles say it and the hosts know it.

use std::sync::Arc;

use super::apply::select;
use super::common::{
    ConnectionArgs, Ending, Failure, Global, IdentityArgs, InventoryArgs, exit_codes, print, unknown_name,
};
use super::reach;
use crate::exit::Exit;
use crate::host::connection::Terminal;
use crate::host::{ReadHost as _, WriteHost as _};
use crate::inventory::{Inventory, InventoryHost};
use crate::role::bind::{self, Advice, Binding};
use crate::role::load::Roles;
use crate::secret::vault::Vault;

/// Say what is left to do elsewhere: records in DNS, where to log in
///
/// Roles know what their service needs that is not on the host, and the host knows some of its words, the public half of a
/// key for one. Connects, changes nothing, takes no lock. A first apply ends with the same text. With a TOPIC only its
/// texts are printed, ready for a file: those of `dns` are records as a zone file has them.
#[derive(Debug, clap::Args)]
#[command(after_long_help = format!("Examples:
  mailprov advice inventory.yaml
  mailprov advice inventory.yaml dns > records.zone

{}", exit_codes(&[Exit::Done, Exit::Usage, Exit::Invalid, Exit::Unreachable, Exit::Secret, Exit::Interrupted])))]
pub struct Args {
    #[command(flatten)]
    inventory: InventoryArgs,
    #[command(flatten)]
    identity: IdentityArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
    /// Only this topic, without titles
    topic: Option<String>,
    /// Only this host, or the hosts of this group. May be repeated
    #[arg(long, value_name = "HOST|GROUP", add = super::candidates::hosts_and_groups())]
    limit: Vec<String>,
    /// Trust the keys of hosts that are not known yet, and remember them
    #[arg(long)]
    accept_new_host_key: bool,
}

pub async fn run(args: Args, _global: &Global) -> Result<Exit, Failure> {
    let (mut inventory, roles) = args.inventory.load()?;
    args.connection.choose(&mut inventory, &args.limit)?;
    bind::validate(&inventory, &roles)?;
    let topics: Vec<&str> = roles
        .0
        .values()
        .flat_map(|role| role.advice.iter().map(|advice| advice.topic.as_str()))
        .collect();
    if let Some(topic) = &args.topic
        && !topics.contains(&topic.as_str())
    {
        return Err(unknown_name("topic", topic, topics));
    }
    let hosts = select::hosts(&inventory, &args.limit)?;
    let login = reach::vault(&inventory, &hosts, &args.identity.identity)?;
    // Its texts have no secrets: whoever asks need not be able to read any.
    let vault = bind::offline_vault(&inventory, &roles);
    let prompt = Arc::new(Terminal::default());
    let mut ending = Ending::default();
    for host in hosts {
        let asked = ask(&args, host, &login, &prompt, (&inventory, &roles, &vault)).await;
        if let Some(found) = ending.of(asked) {
            print(&text(&host.name, &found, args.topic.as_deref()))?;
        }
    }
    Ok(ending.exit())
}

async fn ask(
    args: &Args,
    host: &InventoryHost,
    login: &Vault,
    prompt: &Arc<Terminal>,
    (inventory, roles, vault): (&Inventory, &Roles, &Vault),
) -> Result<Vec<Advice>, Failure> {
    let path = Some(inventory.path.as_path());
    let mut session = reach::open(host, login, args.accept_new_host_key, prompt.clone(), path).await?;
    let mut facts = session.facts(&bind::packages(roles, host), None).await?;
    bind::complete_facts(roles, host, &mut facts);
    let binding = Binding {
        inventory,
        roles,
        host,
        vault,
        facts: &facts,
    };
    let observed = session.probe(&bind::advice_probes(&binding)?).await?;
    session.finish(None).await?;
    Ok(bind::advice(&binding, &observed)?)
}

fn text(host: &str, found: &[Advice], topic: Option<&str>) -> String {
    let wanted = found
        .iter()
        .filter(|advice| topic.is_none_or(|topic| topic == advice.topic));
    let parts: Vec<String> = wanted
        .map(|advice| match topic {
            Some(_) => advice.text.clone(),
            None => format!(
                "{host}: {}\n  {}\n",
                advice.title,
                advice.text.trim_end().replace('\n', "\n  ")
            ),
        })
        .collect();
    parts.join(if topic.is_some() { "" } else { "\n" })
}
