//! The command line: a file per subcommand, and what they share in `common`.
//!
//! A subcommand is a file with `Args` (clap) and `run`, its `mod` line and its line in the list below. What a
//! command does lives in the engine; files here only read arguments, call it and print.

mod advice;
mod apply;
mod bootstrap;
mod candidates;
mod common;
mod completions;
mod doc;
mod drift;
mod explain;
mod facts;
mod graph;
mod history;
mod init;
mod lab;
mod man;
mod reach;
mod rehearse;
mod render;
mod rollback;
mod schema;
mod secrets;
mod validate;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches as _, Parser, Subcommand};

use crate::exit::Exit;
use common::{Failure, Global};

/// Provisions mail servers over SSH: typed, fast, honest in dry runs, safe when killed half-way.
#[derive(Debug, Parser)]
#[command(
    name = "mailprov",
    version,
    propagate_version = true,
    max_term_width = 100,
    after_long_help = common::exit_codes(&Exit::ALL),
)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

macro_rules! subcommands {
    ($($(#[$attribute:meta])* $variant:ident => $module:ident),* $(,)?) => {
        #[derive(Debug, Subcommand)]
        enum Command {
            $($(#[$attribute])* $variant($module::Args),)*
        }

        impl Command {
            async fn run(self, global: &Global) -> Result<Exit, Failure> {
                match self {
                    $(Self::$variant(args) => $module::run(args, global).await,)*
                }
            }
        }
    };
}

// In the order of `mailprov help`. The doc comment of `Args` is the help.
subcommands! {
    Init => init,
    Bootstrap => bootstrap,
    Apply => apply,
    Validate => validate,
    Render => render,
    Graph => graph,
    Advice => advice,
    Explain => explain,
    Doc => doc,
    Schema => schema,
    Facts => facts,
    Drift => drift,
    History => history,
    Rollback => rollback,
    Rehearse => rehearse,
    Lab => lab,
    Secrets => secrets,
    Man => man,
    Completions => completions,
}

/// Runs the program. The exit code is the only thing that leaves it; everything else was printed.
pub fn main() -> ExitCode {
    // Answers a shell that asks for candidates, and ends.
    clap_complete::CompleteEnv::with_factory(command)
        .var(completions::VARIABLE)
        .complete();
    let parsed = parser()
        .try_get_matches()
        .and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are not mistakes; clap tells them apart by its exit code. A closed pipe is no
            // reason to complain.
            let _ = error.print();
            return if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Done
            }
            .into();
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let failure = Failure::bug(format!("cannot start the runtime: {error}"));
            return failure.print().into();
        }
    };
    let exit = match runtime.block_on(cli.command.run(&cli.global)) {
        Ok(exit) => exit,
        Err(failure) => failure.print(),
    };
    // A task that still waits (a prompt on a terminal) must not hold the process up.
    runtime.shutdown_background();
    crate::ask::restore();
    exit.into()
}

/// The command line, with help and mistakes in our own colours or none: clap knows nothing of `--color`, and gives
/// colours to a dumb terminal where `CI` is set.
fn parser() -> clap::Command {
    let parser = command();
    match common::Color::said(std::env::args_os().skip(1)) {
        common::Color::Always => parser.color(clap::ColorChoice::Always),
        common::Color::Auto if common::colors_welcome() => parser,
        common::Color::Auto | common::Color::Never => parser.color(clap::ColorChoice::Never),
    }
}

/// The command line as clap knows it, for completions and the reference.
pub fn command() -> clap::Command {
    Cli::command()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_definition_holds_together() {
        super::command().debug_assert();
    }

    /// Commands without commands of their own, with the words that name them.
    fn leaves(command: &clap::Command, words: &str, found: &mut Vec<(String, clap::Command)>) {
        for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
            leaves(inner, &format!("{words} {}", inner.get_name()), found);
        }
        if command.get_subcommands().next().is_none() {
            found.push((words.to_owned(), command.clone()));
        }
    }

    #[test]
    fn every_command_says_how_it_can_end() {
        let mut found = Vec::new();
        leaves(&super::command(), "mailprov", &mut found);
        assert!(found.len() > 25, "{found:?}");
        for (words, mut command) in found {
            let help = command.render_long_help().to_string();
            assert!(help.contains("\nExit codes:\n    0  done"), "{words}: {help}");
            assert!(help.contains("\n    2  the command line"), "{words}: {help}");
        }
    }
}
