//! `mailprov doc`: the reference of roles and kinds of steps.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::common::{Failure, Global, exit_codes, print, unknown_name};
use crate::diagnostic::{Place, Source};
use crate::exit::Exit;
use crate::role::doc;
use crate::role::load::Roles;
use crate::step::kind::{self, Kind};

/// Show what a role or a kind of step takes
///
/// Without a name: lists all roles and all kinds of steps.
#[derive(Debug, clap::Args)]
#[command(after_long_help = format!("Examples:
  mailprov doc
  mailprov doc certs
  mailprov doc file
  mailprov doc my_role --roles ./roles

{}", exit_codes(&[Exit::Done, Exit::Usage, Exit::Invalid])))]
pub struct Args {
    /// A role or a kind of step
    #[arg(value_name = "ROLE|KIND")]
    name: Option<String>,
    /// A folder with roles of your own, searched before the built-in ones. May be repeated
    #[arg(long, value_name = "DIR")]
    roles: Vec<PathBuf>,
}

pub async fn run(args: Args, _global: &Global) -> Result<Exit, Failure> {
    let Some(name) = args.name else {
        print(&list(&Roles::all(&args.roles)?))?;
        return Ok(Exit::Done);
    };
    // A kind needs no roles, which may have mistakes just now.
    if let Some(kind) = kind::find(&name) {
        print(kind.page)?;
        return Ok(Exit::Done);
    }
    let known = Roles::names(&args.roles)?;
    if !known.contains(&name) {
        let names: Vec<&str> = known
            .iter()
            .map(String::as_str)
            .chain(kind::ALL.iter().map(|kind| kind.name))
            .collect();
        return Err(unknown_name("role or kind of step", &name, names));
    }
    let place = Place {
        source: Source::new("the command line", name.as_str()),
        line: 1,
        column: 1,
        length: name.chars().count(),
    };
    let roles = Roles::load(&args.roles, &[(name.clone(), place)])?;
    if let Some(role) = roles.0.get(&name) {
        print(&doc::page(role))?;
    }
    Ok(Exit::Done)
}

fn list(roles: &Roles) -> String {
    let mut names: Vec<_> = roles.0.values().collect();
    names.sort_by_key(|role| &role.name);
    let width = names
        .iter()
        .map(|role| role.name.len())
        .chain(kind::ALL.iter().map(|kind| kind.name.len()))
        .max()
        .unwrap_or_default();
    let mut text = String::from("Roles\n");
    for role in names {
        let _ = writeln!(text, "  {:width$}  {}", role.name, role.summary);
    }
    text.push_str("\nKinds of steps\n");
    for kind in kind::ALL {
        let _ = writeln!(text, "  {:width$}  {}", kind.name, first_sentence(kind));
    }
    text.push_str("\n`mailprov doc NAME` shows one of them.\n");
    text
}

/// The first paragraph of the kind's page, on one line, up to its first full stop.
fn first_sentence(kind: &Kind) -> String {
    let paragraph = kind
        .page
        .split("\n\n")
        .map(str::trim)
        .find(|paragraph| !paragraph.is_empty() && !paragraph.starts_with('#'))
        .unwrap_or_default()
        .replace('\n', " ");
    match paragraph.split_once(". ") {
        Some((first, _)) => format!("{first}."),
        None => paragraph,
    }
}
