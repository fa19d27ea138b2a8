//! `mailprov history`: who ran what on a host, when, from where, and which steps changed.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use super::apply::select;
use super::common::{
    ConnectionArgs, Ending, Failure, Global, IdentityArgs, exit_codes, print, unknown_name, width,
};
use super::reach;
use crate::diagnostic::{Place, Source};
use crate::exit::Exit;
use crate::history;
use crate::host::connection::Terminal;
use crate::host::{HostError, WriteHost as _};
use crate::inventory::{Connection, InventoryHost, Variables};
use crate::report::event::{Mode, State, Text};
use crate::report::record::{Entry, Record};
use crate::report::room::beside;
use crate::secret::Redactor;
use crate::secret::vault::Vault;

/// Show who ran mailprov on hosts, when, from where, and which steps changed
///
/// Hosts keep a record of the last 100 runs that did something. With the name of a run, every step of it that was
/// not as promised is shown, and why. Changes nothing.
#[derive(Debug, clap::Args)]
#[command(after_long_help = format!("Examples:
  mailprov history inventory.yaml
  mailprov history mx1.example.org --last 3
  mailprov history inventory.yaml 20261121T140312Z-4242
  mailprov history localhost --connection local

{}", exit_codes(&[Exit::Done, Exit::Usage, Exit::Invalid, Exit::Unreachable, Exit::Secret, Exit::Interrupted])))]
pub struct Args {
    /// The inventory file, for all its hosts; or a host, reached as `ssh HOST` would reach it as root
    #[arg(value_name = "INVENTORY|HOST")]
    target: String,
    /// A run: its name, or the beginning of it
    run: Option<String>,
    #[command(flatten)]
    identity: IdentityArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
    /// Only this host, or the hosts of this group. May be repeated
    #[arg(long, value_name = "HOST|GROUP", add = super::candidates::hosts_and_groups())]
    limit: Vec<String>,
    /// How many runs to show, the last ones
    #[arg(long, value_name = "N", default_value_t = 20, conflicts_with = "run")]
    last: usize,
    /// One JSON object per line: the host, and the record of a run
    #[arg(long)]
    json: bool,
    /// Trust the keys of hosts that are not known yet, and remember them
    #[arg(long)]
    accept_new_host_key: bool,
}

impl Args {
    /// The inventory, if the target is one and no host.
    fn inventory(&self) -> Option<&Path> {
        let target = &self.target;
        let path = Path::new(target);
        (path.exists() || target.contains('/') || target.ends_with(".yaml")).then_some(path)
    }
}

pub async fn run(args: Args, _global: &Global) -> Result<Exit, Failure> {
    let (hosts, vault) = targets(&args)?;
    let prompt = Arc::new(Terminal::default());
    let mut ending = Ending::default();
    let mut found = false;
    for (index, host) in hosts.iter().enumerate() {
        let Some(records) = ending.of(records(host, &vault, &args, prompt.clone()).await) else {
            continue;
        };
        let wanted: Vec<&Record> = match &args.run {
            Some(run) => records
                .iter()
                .filter(|record| record.run.starts_with(run.as_str()))
                .collect(),
            None => records.iter().rev().take(args.last).rev().collect(),
        };
        found |= !wanted.is_empty();
        let text = if args.json {
            json(&host.name, &wanted)
        } else if args.run.is_some() {
            wanted.iter().map(|record| details(&host.name, record)).collect()
        } else {
            let gap = if index > 0 { "\n" } else { "" };
            format!("{gap}{}", overview(&host.name, &wanted))
        };
        print(&text)?;
    }
    match (&args.run, ending.exit()) {
        (Some(run), Exit::Done) if !found => Err(unknown_name("run", run, [])),
        (_, exit) => Ok(exit),
    }
}

/// The hosts of the inventory, or the one host that is named.
fn targets(args: &Args) -> Result<(Vec<InventoryHost>, Vault), Failure> {
    let target = &args.target;
    if let Some(path) = args.inventory() {
        let mut inventory = crate::inventory::load::load(path, &[])?;
        args.connection.choose(&mut inventory, &args.limit)?;
        let hosts = select::hosts(&inventory, &args.limit)?;
        let vault = reach::vault(&inventory, &hosts, &args.identity.identity)?;
        let hosts = hosts.into_iter().cloned().collect();
        return Ok((hosts, vault));
    }
    let host = InventoryHost {
        name: target.clone(),
        place: Place {
            source: Source::new("the command line", target.clone()),
            line: 1,
            column: 1,
            length: target.len(),
        },
        connection: Connection {
            local: args.connection.is_local(),
            ..Connection::default()
        },
        release: None,
        groups: Vec::new(),
        roles: Vec::new(),
        variables: Variables::default(),
    };
    Ok((vec![host], Vault::default()))
}

async fn records(
    host: &InventoryHost,
    vault: &Vault,
    args: &Args,
    prompt: Arc<Terminal>,
) -> Result<Vec<Record>, HostError> {
    let accept = args.accept_new_host_key;
    let inventory = args.inventory();
    let mut session = reach::open(host, vault, accept, prompt, inventory).await?;
    let records = history::records(&mut session).await?;
    session.finish(None).await?;
    Ok(records)
}

fn json(host: &str, records: &[&Record]) -> String {
    records.iter().fold(String::new(), |mut text, record| {
        let line = serde_json::json!({"host": host, "record": record});
        let _ = writeln!(text, "{line}");
        text
    })
}

/// What a host says is shown to people: it must not be able to repaint a terminal.
fn calm(text: &str) -> String {
    Text::new(&Redactor::default(), text).as_str().to_owned()
}

fn overview(host: &str, records: &[&Record]) -> String {
    if records.is_empty() {
        return format!("{host}\n  no runs are recorded\n");
    }
    let operator = |record: &Record| calm(&record.operator);
    let run = records.iter().map(|record| record.run.len()).max().unwrap_or(0);
    let who = records
        .iter()
        .map(|record| operator(record).chars().count())
        .max()
        .unwrap_or(0);
    let mut text = format!("{host}\n");
    for record in records {
        let columns = format!(
            "  {:<run$}  {}  {:<who$}",
            calm(&record.run),
            calm(&record.time),
            operator(record)
        );
        let _ = writeln!(text, "{}", beside(&columns, &what(record), width()));
    }
    text
}

/// `2 changed (postfix/main, postfix/service), 1 failed (…)`.
fn what(record: &Record) -> String {
    const NAMED: usize = 3;
    let states = [
        State::Created,
        State::Changed,
        State::Removed,
        State::Owed,
        State::Failed,
        State::Skipped,
        State::Waiting,
    ];
    let parts: Vec<String> = states
        .into_iter()
        .filter_map(|state| {
            let steps: Vec<&Entry> = record.steps.iter().filter(|step| step.state == state).collect();
            let names: Vec<String> = steps
                .iter()
                .take(NAMED)
                .map(|step| calm(&format!("{}/{}", step.role, step.step)))
                .collect();
            let more = steps.len().checked_sub(NAMED + 1).map(|more| more + 1);
            let more = more.map(|more| format!(" and {more} more")).unwrap_or_default();
            (!steps.is_empty()).then(|| {
                let word = state.word(Mode::Apply);
                format!("{} {word} ({}{more})", steps.len(), names.join(", "))
            })
        })
        .collect();
    let undone = record
        .rollback_of
        .as_ref()
        .map(|run| format!("rollback of {}: ", calm(run)))
        .unwrap_or_default();
    format!("{undone}{}", parts.join(", "))
}

fn details(host: &str, record: &Record) -> String {
    let mut text = format!("{} on {host}\n\n", calm(&record.run));
    let undone = record.rollback_of.as_deref().unwrap_or_default();
    for (label, value) in [
        ("ended", record.time.as_str()),
        ("by", record.operator.as_str()),
        ("from", record.inventory.as_str()),
        ("with", &format!("mailprov {}", record.version)),
        ("undid", undone),
    ] {
        if !value.is_empty() {
            let _ = writeln!(text, "{label:<8} {}", calm(value));
        }
    }
    let _ = writeln!(text, "{:<8} {} steps\n", "as ever", record.converged);
    let width = |of: &dyn Fn(&Entry) -> usize| record.steps.iter().map(of).max().unwrap_or(0);
    let id = |step: &Entry| calm(&format!("{}/{}", step.role, step.step));
    let ids = width(&|step| id(step).chars().count());
    for step in &record.steps {
        let word = step.state.word(Mode::Apply);
        let line = format!("  {word:<8} {:<ids$}  {}", id(step), calm(&step.kind));
        let _ = writeln!(text, "{}", line.trim_end());
        for reason in step.reason.iter().flat_map(|reason| reason.lines()) {
            let _ = writeln!(text, "             {}", calm(reason));
        }
    }
    text
}
