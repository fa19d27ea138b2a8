//! `mailprov schema`: JSON Schemas for editors and scripts.

use super::common::{Failure, Global, exit_codes, print};
use crate::exit::Exit;
use crate::role::load::Roles;
use crate::role::schema;
use std::path::PathBuf;

/// Print the JSON Schema of inventories, or of `--output json`
///
/// An editor that knows the schema completes keys and variables and marks mistakes while you write. For
/// yaml-language-server, put this line at the top of an inventory:
///
///   # yaml-language-server: $schema=mailprov.schema.json
#[derive(Debug, clap::Args)]
#[command(after_long_help = format!("Examples:
  mailprov schema > mailprov.schema.json
  mailprov schema --events

{}", exit_codes(&[Exit::Done, Exit::Usage, Exit::Invalid])))]
pub struct Args {
    /// The schema of one line of `--output json` instead
    #[arg(long, conflicts_with = "roles")]
    events: bool,
    /// A folder with roles of your own, whose variables are added. May be repeated
    #[arg(long, value_name = "DIR")]
    roles: Vec<PathBuf>,
}

pub async fn run(args: Args, _global: &Global) -> Result<Exit, Failure> {
    let schema = if args.events {
        crate::report::event::schema().to_value()
    } else {
        schema::inventory(&Roles::all(&args.roles)?)
    };
    print(&format!("{schema:#}\n"))?;
    Ok(Exit::Done)
}
