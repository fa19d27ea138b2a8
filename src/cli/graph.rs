//! `mailprov graph`: every step and what it waits for.

use super::common::{Failure, Global, InventoryArgs, exit_codes, print};
use crate::exit::Exit;
use crate::graph::draw;
use crate::role::bind;

/// Show every step of every host, and what it waits for
///
/// No host is contacted: facts are assumed, secrets are placeholders. In the pictures an arrow leads from a step
/// to the steps that wait for it; what follows from other arrows is left out.
#[derive(Debug, clap::Args)]
#[command(after_long_help = format!("Examples:
  mailprov graph inventory.yaml
  mailprov graph inventory.yaml --format dot | dot -Tsvg > graph.svg

{}", exit_codes(&[Exit::Done, Exit::Usage, Exit::Invalid])))]
pub struct Args {
    #[command(flatten)]
    inventory: InventoryArgs,
    /// What to write
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
}

#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum Format {
    /// A list for people, with the reason of each edge
    #[default]
    Text,
    /// Graphviz
    Dot,
    /// Mermaid, for Markdown
    Mermaid,
}

pub async fn run(args: Args, _global: &Global) -> Result<Exit, Failure> {
    let (inventory, roles) = args.inventory.load()?;
    let graph = bind::graph(&inventory, &roles)?;
    print(&match args.format {
        Format::Text => draw::text(&graph),
        Format::Dot => draw::dot(&graph),
        Format::Mermaid => draw::mermaid(&graph),
    })?;
    Ok(Exit::Done)
}
