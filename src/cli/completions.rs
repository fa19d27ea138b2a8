//! `mailprov completions`: the line that teaches a shell to complete.

use clap_complete::Shell;
use clap_complete::env::Shells;

use super::common::{Failure, Global, exit_codes, print};
use crate::exit::Exit;

/// The variable that asks the program for candidates instead of running it.
pub const VARIABLE: &str = "MAILPROV_COMPLETE";

/// Print what teaches a shell to complete
///
/// Subcommands and options are completed, and the hosts, groups and roles of the inventory on the command line, or of
/// `inventory.yaml` in the current folder. The shell asks the program itself each time, so nothing has to be repeated
/// after an update.
#[derive(Debug, clap::Args)]
#[command(after_long_help = format!("Examples:
  mailprov completions bash > ~/.local/share/bash-completion/completions/mailprov
  mailprov completions fish > ~/.config/fish/completions/mailprov.fish

{}", exit_codes(&[Exit::Done, Exit::Usage])))]
pub struct Args {
    /// The shell to write for
    shell: Shell,
}

pub async fn run(args: Args, _global: &Global) -> Result<Exit, Failure> {
    let name = args.shell.to_string();
    let shells = Shells::builtins();
    let Some(shell) = shells.completer(&name) else {
        return Err(Failure::usage(format!("{name} is a shell that can't be taught")));
    };
    let mut script = Vec::new();
    shell
        .write_registration(VARIABLE, "mailprov", "mailprov", "mailprov", &mut script)
        .map_err(Failure::bug)?;
    print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
