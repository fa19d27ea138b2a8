//! `mailprov apply`: makes hosts what the inventory says, or with `--check` says what that would take.
//!
//! The stations in order; what they do lives in the engine. `connect` opens the hosts, `select` knows `--limit` and
//! `--role`, `interrupt` listens to signals.

mod connect;
pub(super) mod interrupt;
pub mod select;
mod timings;

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::Instant;

use futures::future::join_all;
use indicatif::{MultiProgress, ProgressDrawTarget};

use super::common::{ConnectionArgs, Failure, Global, IdentityArgs, InventoryArgs, Talk, animates, width};
use crate::diagnostic::Diagnostics;
use crate::exit::Exit;
use crate::graph::StepGraph;
use crate::inventory::{Inventory, InventoryHost};
use crate::plan::{self, Plan, Planned, Seen};
use crate::report::event::Mode;
use crate::report::json::Json;
use crate::report::lines::{Plain, Taste};
use crate::report::quiet::Quiet;
use crate::report::terminal::Terminal;
use crate::report::{Consumer, Reporter};
use crate::role::bind::{self, Binding};
use crate::role::load::Roles;
use crate::role::{BoundStep, StepId};
use crate::run::{self, Composer, Halt, Options, Participant, Run};
use crate::secret::vault::Vault;
use connect::Connected;
use timings::Stopwatch;

/// Make hosts what the inventory says
///
/// Looks at every host once, compares with what its roles promise, and does only what differs, in the order that
/// the steps need. What fails stops only what needs it. Applying again is always safe: what is done is not done
/// twice, and restarts that an interrupted run still owes are made.
#[derive(Debug, clap::Args)]
#[command(after_long_help = help())]
pub struct Args {
    #[command(flatten)]
    inventory: InventoryArgs,
    #[command(flatten)]
    identity: IdentityArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
    /// Change nothing: say what an apply would do
    #[arg(long, conflicts_with = "confirm")]
    check: bool,
    /// Show what differs, line by line
    #[arg(long)]
    diff: bool,
    /// Show the plan, ask once, then do exactly that
    #[arg(long)]
    confirm: bool,
    /// Only this host, or the hosts of this group. May be repeated
    #[arg(long, value_name = "HOST|GROUP", add = super::candidates::hosts_and_groups())]
    limit: Vec<String>,
    /// Only the steps of this role; what they need is taken to be done. May be repeated
    #[arg(long, value_name = "ROLE", add = super::candidates::roles())]
    role: Vec<String>,
    /// How many hosts to work on at the same time
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..))]
    jobs: u16,
    /// Text for people, or JSON: one object per line (see the book's page on output)
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    output: Output,
    /// Trust the keys of hosts that are not known yet, and remember them
    #[arg(long)]
    accept_new_host_key: bool,
    /// Say where the time went: phases, waves, steps, the critical path, and the round trips
    #[arg(long)]
    timings: bool,
    #[command(flatten)]
    talk: Talk,
    /// Nothing but what differs.
    #[arg(skip)]
    quiet: bool,
}

impl Args {
    /// A check that says nothing but what differs: `mailprov drift`.
    pub(super) fn drift(args: super::drift::Args) -> Self {
        Self {
            inventory: args.inventory,
            identity: args.identity,
            connection: args.connection,
            check: true,
            diff: false,
            confirm: false,
            limit: args.limit,
            role: args.role,
            jobs: args.jobs,
            output: if args.json { Output::Json } else { Output::Text },
            accept_new_host_key: false,
            timings: false,
            talk: Talk::default(),
            quiet: true,
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    #[default]
    Text,
    Json,
}

fn help() -> String {
    let examples = "Examples:
  mailprov apply inventory.yaml --check --diff     what would be done, line by line
  mailprov apply inventory.yaml                    do it
  mailprov apply inventory.yaml --confirm          show it, ask, do it
  mailprov apply inventory.yaml --limit mx1 --role dovecot
  mailprov apply inventory.yaml --set mail_hostname=mx.example.org --output json";
    format!("{examples}\n\n{}", super::common::exit_codes(&Exit::ALL))
}

pub async fn run(args: Args, global: &Global) -> Result<Exit, Failure> {
    let terminal = std::io::stdout().is_terminal();
    let animated = animates(&std::io::stdout()) && !args.quiet;
    if args.confirm && (args.output == Output::Json || !terminal || !std::io::stdin().is_terminal()) {
        return Err(Failure::usage(
            "--confirm asks a question, and nobody is there to answer\n  help: use --check first, then apply without it",
        ));
    }
    let (mut inventory, roles) = args.inventory.load()?;
    args.connection.choose(&mut inventory, &args.limit)?;
    bind::validate(&inventory, &roles)?;
    let hosts = select::hosts(&inventory, &args.limit)?;
    let wanted_roles = select::roles(&roles, &hosts, &args.role)?;
    // Before the first connection: a run must not stop half-way for want of a password.
    let vault = open_vault(&args, &inventory, &roles, &hosts)?;

    let mode = if args.check { Mode::Check } else { Mode::Apply };
    let progress = MultiProgress::new();
    let (reporter, listener) = {
        let taste = Taste {
            verbose: args.talk.verbose,
            diff: args.diff,
            colors: global.colors(),
            width: width(),
        };
        let consumer: Box<dyn Consumer> = match args.output {
            output if args.quiet => Box::new(Quiet::new(
                output == Output::Json,
                std::io::stdout(),
                std::io::stderr(),
            )),
            Output::Json => Box::new(Json(std::io::stdout())),
            Output::Text if animated => Box::new(Terminal::new(mode, taste, progress.clone())),
            Output::Text => Box::new(Plain::new(mode, taste, std::io::stdout())),
        };
        if args.output == Output::Json || !animated {
            progress.set_draw_target(ProgressDrawTarget::hidden());
        }
        let names = hosts.iter().map(|host| host.name.clone());
        let reporter = Reporter::new(mode, vault.redactor(), names, vec![consumer]);
        (reporter, interrupt::listen(mode, progress.clone()))
    };
    let wanted = |id: &StepId| {
        // What comes last waits for steps that `--role` may leave out.
        wanted_roles
            .as_ref()
            .is_none_or(|roles| roles.contains(id.role.as_ref()) && !id.is_last())
    };
    let apply = Apply {
        args: &args,
        mode,
        inventory: &inventory,
        roles: &roles,
        hosts,
        vault: &vault,
        reporter: &reporter,
        wanted: &wanted,
        name: run::name(),
    };
    apply.go(progress, listener.halt()).await
}

/// Decrypts what these hosts need and nothing else.
fn open_vault(
    args: &Args,
    inventory: &Inventory,
    roles: &Roles,
    hosts: &[&InventoryHost],
) -> Result<Vault, Failure> {
    let mut names = std::collections::BTreeSet::new();
    for host in hosts {
        names.extend(bind::secrets(inventory, roles, host)?.into_keys());
        names.extend(host.connection.password.clone());
        names.extend(host.connection.sudo_password.clone());
    }
    if names.is_empty() {
        return Ok(Vault::default());
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Ok(inventory.secrets.open(&names, &args.identity.identity)?)
}

/// One apply, with everything that is known before the first connection.
struct Apply<'a> {
    args: &'a Args,
    mode: Mode,
    inventory: &'a Inventory,
    roles: &'a Roles,
    hosts: Vec<&'a InventoryHost>,
    vault: &'a Vault,
    reporter: &'a Reporter,
    wanted: plan::Wanted<'a>,
    name: String,
}

impl Apply<'_> {
    async fn go(
        &self,
        progress: MultiProgress,
        halt: tokio::sync::watch::Receiver<Halt>,
    ) -> Result<Exit, Failure> {
        let path = self.inventory.path.display().to_string();
        self.reporter.begin(&self.name, &path);
        // Until the run begins nothing was changed: an interruption ends it on the spot.
        let mut interrupted = halt.clone();
        let seen = tokio::select! {
            seen = self.look(progress) => seen?,
            true = async { interrupted.wait_for(|halt| *halt != Halt::Go).await.is_ok() } => {
                return Ok(self.reporter.finish(true));
            }
        };
        let (graph, mut connected, seen) = seen;
        let plan = plan::make(&graph, &seen, self.wanted);
        if self.mode == Mode::Check {
            for host in graph.hosts() {
                for index in graph.of_host(&host) {
                    if let Some(planned) = plan.of(index) {
                        self.reporter.planned(graph.step(index), planned);
                    }
                }
            }
            self.timings(&connected);
            return Ok(self.reporter.finish(false));
        }
        if self.args.confirm && !self.confirmed(&graph, &plan, halt.clone()).await? {
            return Ok(self.reporter.finish(true));
        }
        let stopwatch = Stopwatch::new(self.reporter);
        let ended = self
            .run(&graph, &plan, &mut connected, seen, halt, &stopwatch)
            .await;
        if self.args.timings {
            stopwatch.tell(self.reporter, &graph);
        }
        self.advise(&ended);
        for (host, error) in &ended.lost {
            self.reporter.host_failed(host, error);
        }
        self.timings(&connected);
        Ok(self.reporter.finish(ended.interrupted))
    }

    /// Connects, asks for facts, makes the steps and looks at what they promise.
    async fn look(
        &self,
        progress: MultiProgress,
    ) -> Result<(StepGraph, Vec<Connected>, BTreeMap<Arc<str>, Seen>), Failure> {
        let opened = connect::all(self, progress).await;
        let mut wrong = Diagnostics::default();
        let mut steps = Vec::new();
        let mut connected = Vec::new();
        for host in opened {
            match self.bind(&host.name, &host.facts) {
                Ok(bound) => steps.push(bound),
                Err(mistakes) => wrong.extend(mistakes),
            }
            connected.push(host);
        }
        if !wrong.is_empty() {
            return Err(wrong.into());
        }
        // What waits for a host that is not worked on, or was not reached, is up to its own probes.
        let names: Vec<Arc<str>> = connected.iter().map(|host| host.name.clone()).collect();
        let graph = StepGraph::build_part(steps, |host| !names.iter().any(|name| name.as_ref() == host))?;
        self.reporter.columns(&graph);
        self.say_left_out(&graph);
        let looked = join_all(connected.into_iter().map(|mut host| async {
            self.reporter.doing(&host.name, "looking");
            let began = Instant::now();
            let answer = plan::observe(&graph, &host.name, self.wanted, &mut host.session).await;
            host.timings.push(("probe", began.elapsed().as_secs_f64()));
            (host, answer)
        }))
        .await;
        let mut connected = Vec::new();
        let mut seen = BTreeMap::new();
        for (host, answer) in looked {
            match answer {
                Ok(observed) => {
                    let facts = host.facts.clone();
                    seen.insert(host.name.clone(), Seen { facts, observed });
                    connected.push(host);
                }
                Err(error) => self.reporter.host_failed(&host.name, &error),
            }
        }
        Ok((graph, connected, seen))
    }

    fn bind(&self, name: &str, facts: &crate::host::Facts) -> Result<Vec<BoundStep>, Diagnostics> {
        self.binding(name, facts, bind::steps).unwrap_or(Ok(Vec::new()))
    }

    /// What `of` makes of a host; nothing of an unknown one.
    fn binding<T>(
        &self,
        name: &str,
        facts: &crate::host::Facts,
        of: impl FnOnce(&Binding<'_>) -> T,
    ) -> Option<T> {
        let host = self.inventory.hosts.iter().find(|host| host.name == name)?;
        Some(of(&Binding {
            inventory: self.inventory,
            roles: self.roles,
            host,
            vault: self.vault,
            facts,
        }))
    }

    /// What is left for people: all of it after packages came, else where to read it when something is new.
    fn advise(&self, ended: &run::Ended) {
        let mut elsewhere = false;
        for (host, seen) in &ended.seen {
            if self.reporter.has_created(host, Some("package")) {
                let all = self.binding(host, &seen.facts, |binding| bind::advice(binding, &seen.observed));
                let all = all.and_then(Result::ok).unwrap_or_default();
                all.iter().for_each(|advice| self.reporter.advice(host, advice));
            } else {
                elsewhere |= self.reporter.has_created(host, None);
            }
        }
        if elsewhere {
            let path = self.inventory.path.display();
            let note = format!("what may be left to do elsewhere: mailprov advice {path}");
            self.reporter.note(None, &note);
        }
    }

    fn say_left_out(&self, graph: &StepGraph) {
        let left_out = graph
            .steps()
            .iter()
            .filter(|step| !(self.wanted)(&step.id))
            .count();
        if left_out > 0 {
            let note = format!("--role leaves out {left_out} of {} steps", graph.steps().len());
            self.reporter.note(None, &note);
        }
    }

    /// Shows the plan and asks.
    async fn confirmed(
        &self,
        graph: &StepGraph,
        plan: &Plan,
        mut halt: tokio::sync::watch::Receiver<Halt>,
    ) -> Result<bool, Failure> {
        let mut any = false;
        for host in graph.hosts() {
            for index in graph.of_host(&host) {
                if let Some(planned) = plan.of(index).filter(|planned| **planned != Planned::Converged) {
                    any |= planned.is_announced();
                    self.reporter.announced(graph.step(index), planned);
                }
            }
        }
        if !any {
            return Ok(true);
        }
        super::common::print("\nDo this? (yes/no) ")?;
        // A thread of its own, so that an interruption is heard while nobody answers.
        let answer = tokio::task::spawn_blocking(|| {
            let mut answer = String::new();
            std::io::stdin().read_line(&mut answer).map(|_| answer)
        });
        tokio::select! {
            answer = answer => match answer {
                Ok(Ok(answer)) => Ok(matches!(answer.trim(), "yes" | "y")),
                Ok(Err(error)) => Err(Failure::usage(format!("nobody answers: {error}"))),
                Err(error) => Err(Failure::bug(error)),
            },
            _ = halt.wait_for(|halt| *halt != Halt::Go) => Ok(false),
        }
    }

    async fn run(
        &self,
        graph: &StepGraph,
        plan: &Plan,
        connected: &mut [Connected],
        mut seen: BTreeMap<Arc<str>, Seen>,
        halt: tokio::sync::watch::Receiver<Halt>,
        witness: &dyn run::Witness,
    ) -> run::Ended {
        let options = Options {
            jobs: usize::from(self.args.jobs),
            announced_only: self.args.confirm,
            name: self.name.clone(),
            packages: connected
                .iter()
                .map(|host| (host.name.clone(), host.packages.clone()))
                .collect(),
            composer: Composer::default(),
        };
        let path = self.inventory.path.display().to_string();
        let run = Run {
            graph,
            plan,
            options: &options,
            rebind: &|host, facts| self.bind(host, facts),
            witness,
            halt,
            wanted: self.wanted,
            last_look: &|host, facts| match self.reporter.has_created(host, Some("package")) {
                // What can't be made of them is not worth failing for: everything is done by now.
                true => match self.binding(host, facts, bind::advice_probes) {
                    Some(Ok(probes)) => probes,
                    _ => Vec::new(),
                },
                false => Vec::new(),
            },
            record: &|host| self.reporter.record(host, &self.name, &path),
        };
        let participants = connected
            .iter_mut()
            .map(|host| Participant {
                name: host.name.clone(),
                seen: seen.remove(&host.name).unwrap_or_default(),
                connection: &mut host.session,
            })
            .collect();
        run::run(&run, participants).await
    }

    fn timings(&self, connected: &[Connected]) {
        if !self.args.timings {
            return;
        }
        for host in connected {
            for (phase, seconds) in &host.timings {
                self.reporter.timing(Some(&host.name), phase, *seconds);
            }
            let trips = format!("{} round trips after authentication", host.session.round_trips());
            self.reporter.note(Some(&host.name), &trips);
        }
    }
}
