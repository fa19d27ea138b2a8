//! `mailprov drift`: what differs from the inventory, and nothing else.

use super::common::{ConnectionArgs, Failure, Global, IdentityArgs, InventoryArgs, exit_codes};
use crate::exit::Exit;

/// Say what differs from the inventory, a line for each difference, and nothing when all is well
///
/// Looks at the hosts as `apply --check` does and changes nothing. Made for cron, which mails whatever is printed:
/// a host that is as promised prints nothing and ends with 0; one that differs prints a line for each step that an
/// apply would change, and ends with 4. What keeps a host from being looked at goes to standard error.
#[derive(Debug, clap::Args)]
#[command(after_long_help = format!("Examples:
  mailprov drift inventory.yaml
  mailprov drift inventory.yaml --limit mail --json
  17 5 * * *  mailprov drift /root/mail/inventory.yaml

{}", exit_codes(&Exit::ALL)))]
pub struct Args {
    #[command(flatten)]
    pub inventory: InventoryArgs,
    #[command(flatten)]
    pub identity: IdentityArgs,
    #[command(flatten)]
    pub connection: ConnectionArgs,
    /// Only this host, or the hosts of this group. May be repeated
    #[arg(long, value_name = "HOST|GROUP", add = super::candidates::hosts_and_groups())]
    pub limit: Vec<String>,
    /// Only the steps of this role. May be repeated
    #[arg(long, value_name = "ROLE", add = super::candidates::roles())]
    pub role: Vec<String>,
    /// How many hosts to look at at the same time
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: u16,
    /// One JSON object per line: the events of `apply --output json` about what differs and what failed
    #[arg(long)]
    pub json: bool,
}

pub async fn run(args: Args, global: &Global) -> Result<Exit, Failure> {
    super::apply::run(super::apply::Args::drift(args), global).await
}
