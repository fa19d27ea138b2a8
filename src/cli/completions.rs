//! `mailprov completions`: completion scripts for shells.

use super::common::{Failure, Global, print};
use crate::exit::Exit;

/// Print a completion script for a shell
///
/// Write it where your shell looks for completions, once; it follows the program's options by itself after
/// every update that you repeat this for.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "Examples:
  mailprov completions bash > ~/.local/share/bash-completion/completions/mailprov
  mailprov completions fish > ~/.config/fish/completions/mailprov.fish")]
pub struct Args {
    /// The shell to write for
    shell: clap_complete::Shell,
}

pub async fn run(args: Args, _global: &Global) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::command(), "mailprov", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
