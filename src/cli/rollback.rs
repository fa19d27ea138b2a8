//! `mailprov rollback`: the files that a run replaced, as they were before it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use indicatif::MultiProgress;

use super::apply::{interrupt, select};
use super::common::{
    ConnectionArgs, Failure, Global, IdentityArgs, InventoryArgs, Talk, exit_codes, unknown_name, width,
};
use super::reach;
use crate::diagnostic::Diagnostics;
use crate::exit::Exit;
use crate::graph::StepGraph;
use crate::history::rollback;
use crate::host::connection::Terminal;
use crate::host::session::Session;
use crate::host::{HostError, ReadHost as _};
use crate::inventory::{Inventory, InventoryHost};
use crate::plan::{self, Seen};
use crate::report::event::Mode;
use crate::report::json::Json;
use crate::report::lines::{Plain, Taste};
use crate::report::{Consumer, Reporter};
use crate::role::StepId;
use crate::role::bind::{self, Binding};
use crate::role::load::Roles;
use crate::run::{self, Composer, Options, Participant, Run};
use crate::secret::vault::Vault;

/// Bring back the files that a run replaced
///
/// Puts every file that the run wrote or removed on the host back to what it was before, and takes away those that it
/// made. As in an apply, the files are checked by the services that read them before they are put in place, and the
/// services are reloaded; what stands there now is kept and can be brought back the same way. Packages, accounts and
/// databases stay as they are. A file that somebody changed since is left alone, and so is all the rest, unless
/// --discard-edits is given. The next apply makes the host what the inventory says: change that too.
#[derive(Debug, clap::Args)]
#[command(after_long_help = format!("Examples:
  mailprov history inventory.yaml
  mailprov rollback inventory.yaml mx1 --check --diff
  mailprov rollback inventory.yaml mx1 20261121T140312Z-4242

{}", exit_codes(&Exit::ALL)))]
pub struct Args {
    #[command(flatten)]
    inventory: InventoryArgs,
    /// The host
    #[arg(add = super::candidates::hosts())]
    host: String,
    /// The run, as `mailprov history` names it, or the beginning of its name; the last one that replaced files when
    /// not given
    run: Option<String>,
    #[command(flatten)]
    identity: IdentityArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
    /// Change nothing: say what would be brought back
    #[arg(long)]
    check: bool,
    /// Show what differs, line by line
    #[arg(long)]
    diff: bool,
    /// Bring back files that somebody changed since, too
    #[arg(long)]
    discard_edits: bool,
    /// One JSON object per line, as of `apply --output json`
    #[arg(long)]
    json: bool,
    /// Trust the key of a host that is not known yet, and remember it
    #[arg(long)]
    accept_new_host_key: bool,
    #[command(flatten)]
    talk: Talk,
}

pub async fn run(args: Args, global: &Global) -> Result<Exit, Failure> {
    let (mut inventory, roles) = args.inventory.load()?;
    bind::validate(&inventory, &roles)?;
    if !inventory.hosts.iter().any(|host| host.name == args.host) {
        let names: Vec<&str> = inventory.hosts.iter().map(|host| host.name.as_str()).collect();
        return Err(unknown_name("host", &args.host, names));
    }
    args.connection
        .choose(&mut inventory, std::slice::from_ref(&args.host))?;
    let host = select::hosts(&inventory, std::slice::from_ref(&args.host))?[0];
    let vault = vault(&args, &inventory, &roles, host)?;
    let mode = if args.check { Mode::Check } else { Mode::Apply };
    let taste = Taste {
        verbose: args.talk.verbose,
        diff: args.diff,
        colors: global.colors(),
        width: width(),
    };
    let consumer: Box<dyn Consumer> = if args.json {
        Box::new(Json(std::io::stdout()))
    } else {
        Box::new(Plain::new(mode, taste, std::io::stdout()))
    };
    let reporter = Reporter::new(mode, vault.redactor(), [host.name.clone()], vec![consumer]);
    let rollback = Rollback {
        args: &args,
        inventory: &inventory,
        roles: &roles,
        host,
        vault: &vault,
        reporter: &reporter,
        mode,
    };
    match rollback.go().await {
        Ok(exit) => Ok(exit),
        Err(Stop::Failure(failure)) => Err(failure),
        Err(Stop::Host(error)) => {
            reporter.host_failed(&host.name, &error);
            Ok(reporter.finish(false))
        }
    }
}

fn vault(args: &Args, inventory: &Inventory, roles: &Roles, host: &InventoryHost) -> Result<Vault, Failure> {
    let mut names: BTreeSet<String> = bind::secrets(inventory, roles, host)?.into_keys().collect();
    names.extend(host.connection.password.clone());
    names.extend(host.connection.sudo_password.clone());
    if names.is_empty() {
        return Ok(Vault::default());
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Ok(inventory.secrets.open(&names, &args.identity.identity)?)
}

enum Stop {
    Failure(Failure),
    Host(HostError),
}

impl From<HostError> for Stop {
    fn from(error: HostError) -> Self {
        Self::Host(error)
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<Diagnostics> for Stop {
    fn from(wrong: Diagnostics) -> Self {
        Self::Failure(wrong.into())
    }
}

struct Rollback<'a> {
    args: &'a Args,
    inventory: &'a Inventory,
    roles: &'a Roles,
    host: &'a InventoryHost,
    vault: &'a Vault,
    reporter: &'a Reporter,
    mode: Mode,
}

impl Rollback<'_> {
    async fn go(&self) -> Result<Exit, Stop> {
        let name = run::name();
        let inventory = self.inventory.path.display().to_string();
        self.reporter.begin(&name, &inventory);
        let accept = self.args.accept_new_host_key;
        let prompt = Arc::new(Terminal::default());
        let path = Some(self.inventory.path.as_path());
        let mut session = reach::open(self.host, self.vault, accept, prompt, path).await?;
        let packages = bind::packages(self.roles, self.host);
        let holder = (self.mode == Mode::Apply).then(crate::host::facts::holder);
        let mut facts = session.facts(&packages, holder.as_deref()).await?;
        bind::complete_facts(self.roles, self.host, &mut facts);

        let undone = self.choose(&mut session).await?;
        self.reporter.rolls_back(&undone.0);
        let bound = bind::steps(&Binding {
            inventory: self.inventory,
            roles: self.roles,
            host: self.host,
            vault: self.vault,
            facts: &facts,
        })?;
        let host: Arc<str> = self.host.name.as_str().into();
        let steps = rollback::steps(&host, bound, &undone.1, self.args.discard_edits);
        let graph = StepGraph::build_part(vec![steps], |_| true)?;
        let wanted = wanted(&graph);
        let is_wanted = |id: &StepId| wanted.contains(id);
        self.reporter.columns(&graph);
        let observed = plan::observe(&graph, &host, &is_wanted, &mut session).await?;
        let mut seen = BTreeMap::from([(host.clone(), Seen { facts, observed })]);
        let plan = plan::make(&graph, &seen, &is_wanted);
        let refused = plan
            .steps
            .values()
            .any(|planned| matches!(planned, plan::Planned::Refused(_)));
        if self.mode == Mode::Check || refused {
            for index in graph.of_host(&host) {
                let Some(planned) = plan.of(index) else { continue };
                let planned = match planned {
                    // All or nothing: one file that stays makes the others stay.
                    planned if planned.is_announced() && refused => {
                        plan::Planned::Blocked(refusal(&graph, &plan).unwrap_or(graph.step(index).id.clone()))
                    }
                    planned => planned.clone(),
                };
                self.reporter.planned(graph.step(index), &planned);
            }
            if refused && self.mode == Mode::Apply {
                self.reporter.note(None, "nothing was changed");
            }
            return Ok(self.reporter.finish(false));
        }
        let listener = interrupt::listen(self.mode, MultiProgress::new());
        let options = Options {
            jobs: 1,
            announced_only: true,
            name: name.clone(),
            packages: BTreeMap::new(),
            composer: Composer::default(),
        };
        let run = Run {
            graph: &graph,
            plan: &plan,
            options: &options,
            // No package is installed here, so that no version can change.
            rebind: &|_, _| Ok(Vec::new()),
            witness: self.reporter,
            halt: listener.halt(),
            wanted: &is_wanted,
            last_look: &|_, _| Vec::new(),
            record: &|host| self.reporter.record(host, &name, &inventory),
        };
        let participants = vec![Participant {
            name: host.clone(),
            seen: seen.remove(&host).unwrap_or_default(),
            connection: &mut session,
        }];
        let ended = run::run(&run, participants).await;
        for (host, error) in &ended.lost {
            self.reporter.host_failed(host, error);
        }
        Ok(self.reporter.finish(ended.interrupted))
    }

    /// The run that is meant, and the files that it replaced.
    async fn choose(&self, session: &mut Session) -> Result<(String, Vec<rollback::Replaced>), Stop> {
        let runs = rollback::runs(session).await?;
        let known = || runs.iter().rev().map(String::as_str).collect::<Vec<_>>();
        let run = match &self.args.run {
            None => runs.last(),
            Some(name) => match runs.iter().filter(|run| run.starts_with(name)).count() {
                0 => return Err(unknown_name("run with files to bring back", name, known()).into()),
                1 => runs.iter().find(|run| run.starts_with(name)),
                _ => return Err(Failure::usage(format!("`{name}` begins more than one run")).into()),
            },
        };
        let Some(run) = run else {
            let none = format!("{} keeps no files of former runs", self.host.name);
            return Err(Failure::usage(none).into());
        };
        let files = rollback::replaced(session, run, &runs).await?;
        Ok((run.clone(), files))
    }
}

/// The first step that is refused.
fn refusal(graph: &StepGraph, plan: &plan::Plan) -> Option<StepId> {
    let refused = plan
        .steps
        .iter()
        .find(|(_, planned)| matches!(planned, plan::Planned::Refused(_)));
    refused.map(|(index, _)| graph.step(*index).id.clone())
}

/// The steps that bring files back, and the services that read them.
fn wanted(graph: &StepGraph) -> BTreeSet<StepId> {
    let restores = (0..graph.steps().len()).filter(|index| rollback::is_restore(graph.step(*index)));
    restores
        .flat_map(|index| std::iter::once(index).chain(graph.watchers(index)))
        .map(|index| graph.step(index).id.clone())
        .collect()
}
