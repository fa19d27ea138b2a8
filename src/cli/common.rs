//! What subcommands share: global options, the way to fail, printing, and loading an inventory.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;

use clap::ValueEnum as _;

use crate::diagnostic::{Diagnostic, Diagnostics, did_you_mean};
use crate::exit::Exit;
use crate::host::HostError;
use crate::inventory::Inventory;
use crate::role::load::Roles;
use crate::secret::vault::SecretError;

/// For subcommands that have more to say.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub struct Talk {
    /// Say more: what begins, and what is found to be in order
    #[arg(short, long)]
    pub verbose: bool,
}

/// Writes two columns, with `between` between them.
pub fn columns(text: &mut String, rows: &[(String, String)], between: &str) {
    let width = rows
        .iter()
        .map(|(first, _)| first.chars().count())
        .max()
        .unwrap_or(0);
    for (first, second) in rows {
        let _ = writeln!(text, "  {first:<width$}{between}{second}");
    }
}

/// Options that every subcommand takes.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Global {
    /// Colours: on a terminal unless NO_COLOR is set, always, or never
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub color: Color,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

impl Color {
    /// What `--color` says, before anything else is understood of the command line.
    pub fn said(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> Self {
        let mut said = Self::default();
        let mut arguments = arguments.into_iter().take_while(|argument| argument != "--");
        while let Some(argument) = arguments.next() {
            let value = match argument.to_str() {
                Some("--color") => arguments.next(),
                Some(text) => text.strip_prefix("--color=").map(Into::into),
                None => None,
            };
            let known = value.and_then(|value| Self::from_str(value.to_str()?, false).ok());
            said = known.unwrap_or(said);
        }
        said
    }
}

impl Global {
    /// Whether standard output gets colours (<https://no-color.org>).
    pub fn colors(&self) -> bool {
        match self.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => std::io::stdout().is_terminal() && colors_welcome(),
        }
    }
}

/// Whether a terminal, if there is one, is to be given colours.
pub fn colors_welcome() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) && !dumb()
}

/// Whether something may move on `stream`: not in a file, and not on a terminal that can only write lines.
pub fn animates(stream: &impl std::io::IsTerminal) -> bool {
    stream.is_terminal() && !dumb()
}

fn dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// How wide standard output is, when it is a terminal that knows.
pub fn width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// Why a command stopped: what to print, and the exit code that scripts see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub exit: Exit,
    /// Complete text for standard error, `error: ` and the next thing to do included. Empty: say nothing.
    pub message: String,
}

impl Failure {
    /// The command line makes no sense (exit 2).
    pub fn usage(message: impl std::fmt::Display) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// A mistake of mailprov's own (exit 1).
    pub fn bug(message: impl std::fmt::Display) -> Self {
        Self {
            exit: Exit::Bug,
            message: format!(
                "error: {message}\n  help: this is a mistake of mailprov's own; please report it"
            ),
        }
    }

    pub fn new(exit: Exit, message: impl std::fmt::Display) -> Self {
        Self {
            exit,
            message: format!("error: {message}"),
        }
    }

    /// Prints the message to standard error and gives back the exit code.
    pub fn print(&self) -> Exit {
        if !self.message.is_empty() {
            // Nobody reads it: nothing more can be done.
            let _ = writeln!(std::io::stderr(), "{}", self.message);
        }
        self.exit
    }
}

impl From<Diagnostics> for Failure {
    fn from(diagnostics: Diagnostics) -> Self {
        let count = diagnostics.0.len();
        let mut message = diagnostics.sorted().to_string();
        if count > 1 {
            let _ = write!(message, "\n\n{count} mistakes; no host was contacted");
        }
        Self {
            exit: Exit::Invalid,
            message,
        }
    }
}

impl From<Diagnostic> for Failure {
    fn from(diagnostic: Diagnostic) -> Self {
        Diagnostics::from(diagnostic).into()
    }
}

impl From<HostError> for Failure {
    fn from(error: HostError) -> Self {
        Self::new(Exit::from(&error), error)
    }
}

impl From<SecretError> for Failure {
    fn from(error: SecretError) -> Self {
        Self::new(Exit::Secret, error)
    }
}

/// How a command over several hosts ends: all of them are tried, what fails is said, and the first failure decides.
#[derive(Debug, Default)]
pub struct Ending(Option<Exit>);

impl Ending {
    /// What came of a host; a failure is printed.
    pub fn of<T>(&mut self, result: Result<T, impl Into<Failure>>) -> Option<T> {
        match result {
            Ok(found) => Some(found),
            Err(failure) => {
                let exit = failure.into().print();
                self.0.get_or_insert(exit);
                None
            }
        }
    }

    pub fn exit(self) -> Exit {
        self.0.unwrap_or(Exit::Done)
    }
}

/// "1 secret", "2 secrets".
pub fn count(n: usize, what: &str) -> String {
    match n {
        1 => format!("1 {what}"),
        _ => format!("{n} {what}s"),
    }
}

/// Prints to standard output. A reader that went away (`| head`) ends the command quietly.
///
/// # Errors
/// The end of the command when nobody reads any more, or a write that failed.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut output = std::io::stdout().lock();
    output
        .write_all(text.as_bytes())
        .and_then(|()| output.flush())
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::BrokenPipe => Failure {
                exit: Exit::Done,
                message: String::new(),
            },
            _ => Failure::bug(format!("cannot write to standard output: {error}")),
        })
}

/// The inventory and what changes its values.
#[derive(Debug, Clone, clap::Args)]
pub struct InventoryArgs {
    /// The inventory file (YAML)
    #[arg(value_name = "INVENTORY")]
    pub inventory: PathBuf,
    /// Set a variable on all hosts, over everything the inventory says; VALUE is YAML. May be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    pub set: Vec<(String, String)>,
}

impl InventoryArgs {
    /// Loads the inventory and the roles that its hosts use.
    ///
    /// # Errors
    /// All mistakes in them (exit 3).
    pub fn load(&self) -> Result<(Inventory, Roles), Failure> {
        let inventory = crate::inventory::load::load(&self.inventory, &self.set)?;
        let roles = Roles::of(&inventory)?;
        Ok((inventory, roles))
    }
}

fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE, for example mail_hostname=mx.example.org".to_owned()),
    }
}

/// How hosts are reached.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ConnectionArgs {
    /// Over SSH, or not at all: the one host is this machine
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    pub connection: Connection,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Connection {
    #[default]
    Ssh,
    /// As root, or through sudo
    Local,
}

impl ConnectionArgs {
    /// Whether the host is this machine.
    pub fn is_local(&self) -> bool {
        self.connection == Connection::Local
    }

    /// Tells the inventory, of whose hosts `limit` chooses some.
    ///
    /// # Errors
    /// Several hosts can't be this machine; a limit that names nobody.
    pub fn choose(&self, inventory: &mut Inventory, limit: &[String]) -> Result<(), Failure> {
        if !self.is_local() {
            return Ok(());
        }
        let chosen = super::apply::select::hosts(inventory, limit)?;
        let names: Vec<String> = chosen.iter().map(|host| host.name.clone()).collect();
        if let [_, _, ..] = names.as_slice() {
            return Err(Failure::usage(format!(
                "--connection local is about this machine, but {} hosts are chosen\n  help: say which one it is: \
                 --limit {}",
                names.len(),
                names.first().map_or("", String::as_str)
            )));
        }
        for host in &mut inventory.hosts {
            host.connection.local = names.contains(&host.name);
        }
        Ok(())
    }
}

/// Where the identities that decrypt secrets are.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct IdentityArgs {
    /// An age identity file or SSH private key that decrypts the secrets. May be repeated
    #[arg(long, value_name = "FILE")]
    pub identity: Vec<PathBuf>,
}

/// More names than this say nothing to anybody who reads them on a terminal.
const MANY: usize = 60;

/// The refusal of a name that is not among `known`, with a "did you mean".
pub fn unknown_name<'a>(what: &str, name: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> Failure {
    let mut message = format!("there is no {what} `{name}`");
    match did_you_mean(name, known.clone()) {
        Some(near) => {
            let _ = write!(message, "\n  help: did you mean `{near}`?");
        }
        None => {
            let names: Vec<&str> = known.into_iter().collect();
            let help = match names.len() {
                0 => "there is none at all".to_owned(),
                few if few <= MANY => format!("known are {}", names.join(", ")),
                many => format!("none of the {many} that there are is like it"),
            };
            let _ = write!(message, "\n  help: {help}");
        }
    }
    Failure::usage(message)
}

/// The exit codes a command can end with, for its help.
pub fn exit_codes(exits: &[Exit]) -> String {
    let mut text = String::from("Exit codes:");
    for exit in exits {
        let _ = write!(text, "\n  {:>3}  {}", exit.code(), exit.meaning());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_keeps_what_follows_the_first_sign() {
        assert_eq!(assignment("a=b=c"), Ok(("a".into(), "b=c".into())));
        assert_eq!(assignment("a="), Ok(("a".into(), String::new())));
        assert!(assignment("=b").is_err());
        assert!(assignment("a").is_err());
    }

    #[test]
    fn an_unknown_name_gets_a_suggestion_or_the_list() {
        let failure = unknown_name("host or group", "mailserver", ["mailservers", "db"]);
        assert_eq!(failure.exit, Exit::Usage);
        assert!(
            failure.message.contains("did you mean `mailservers`"),
            "{failure:?}"
        );
        let failure = unknown_name("role", "zzz", ["postfix", "dovecot"]);
        assert!(
            failure.message.contains("known are postfix, dovecot"),
            "{failure:?}"
        );
    }
}
