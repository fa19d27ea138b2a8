//! `mailprov man`: manual pages, from the definitions that `--help` is made from.

use std::path::PathBuf;

use super::common::{Failure, Global, exit_codes, print};
use crate::exit::Exit;

/// Write the manual pages
///
/// One for mailprov and one for each of its commands. Without a folder, the first is printed.
#[derive(Debug, clap::Args)]
#[command(after_long_help = format!("Examples:
  mailprov man ~/.local/share/man/man1 && man mailprov-apply
  mailprov man | man -l -

{}", exit_codes(&[Exit::Done, Exit::Usage])))]
pub struct Args {
    /// The folder to write them to; it is made
    folder: Option<PathBuf>,
}

pub async fn run(args: Args, _global: &Global) -> Result<Exit, Failure> {
    let command = super::command();
    let Some(folder) = args.folder else {
        let mut page = Vec::new();
        clap_mangen::Man::new(command)
            .render(&mut page)
            .map_err(Failure::bug)?;
        print(&String::from_utf8_lossy(&page))?;
        return Ok(Exit::Done);
    };
    let written = std::fs::create_dir_all(&folder).and_then(|()| clap_mangen::generate_to(command, &folder));
    written.map_err(|error| Failure::usage(format!("can't write to `{}`: {error}", folder.display())))?;
    Ok(Exit::Done)
}
