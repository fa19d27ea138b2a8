//! The run: the plan carried out, host by host in parallel, in waves of steps that are ready together.
//!
//! A run sees hosts through `WriteHost` alone and steps through their three questions. `worker` drives one host,
//! `wave` chooses and composes what goes out together, `board` is what the hosts know of each other.

mod board;
mod origin;
#[cfg(test)]
pub(crate) mod toy;
mod wave;
mod words;
mod worker;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::sync::{Semaphore, watch};

use crate::diagnostic::Diagnostics;
use crate::graph::StepGraph;
use crate::host::script::Script;
use crate::host::{Facts, HostError, WriteHost};
use crate::plan::{Plan, Planned, Seen, Wanted};
use crate::role::{BoundStep, StepId};
use crate::step::packages;
use crate::step::probe::Probe;
use crate::step::replace::{self, Record};
use crate::step::{PackageRequest, Replacement};

/// How a step ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// There was nothing to do.
    Converged,
    /// Done, and seen to be done. `was` is what differed before; seconds are the host's.
    Done {
        was: Planned,
        seconds: f64,
    },
    /// Not done: what was said, and what still differs.
    Failed {
        message: String,
        was: Planned,
        seconds: f64,
    },
    /// Not done, and no failure: it needs something that is not in the host's power. What it said.
    Waiting {
        message: String,
        was: Planned,
        seconds: f64,
    },
    /// Its fix was running when the connection or the run ended: nobody knows how far it came.
    Lost(String),
    Skipped(Skipped),
    /// A restart or reload that is owed and that this run does not make any more.
    Owed(Skipped),
}

impl Outcome {
    /// Whether steps that need this one may go on.
    pub fn is_kept(&self) -> bool {
        matches!(self, Self::Converged | Self::Done { .. })
    }
}

/// Why a step was not tried.
#[derive(Debug, Clone, PartialEq)]
pub enum Skipped {
    /// It waits for that step, which was not done.
    Need(StepId),
    Interrupted,
    /// The connection to its host broke.
    ConnectionLost,
    /// Its host could not be reached at all.
    NotReached,
    /// It differs, but the plan that was agreed to says nothing of it.
    NotAnnounced,
    /// With the versions that were installed, the role has no such step.
    NotApplicable,
    /// The templates can't be rendered with the versions that were installed.
    NotRendered(String),
}

impl std::fmt::Display for Skipped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Need(step) => write!(f, "it waits for {step}, which was not done"),
            Self::Interrupted => f.write_str("the run was interrupted before it"),
            Self::ConnectionLost => f.write_str("the connection was lost before it"),
            Self::NotReached => f.write_str("its host was not reached"),
            Self::NotAnnounced => f.write_str("it was not in the plan that was agreed to"),
            Self::NotApplicable => f.write_str("the installed versions have no such step"),
            Self::NotRendered(why) => write!(f, "it can't be made for the installed versions: {why}"),
        }
    }
}

/// Whether the run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Halt {
    Go,
    /// Finish the wave in hand, then stop.
    Finish,
    /// Stop at once.
    Quit,
}

/// Puts files in place: the set, its check, the records to remove first, and the name of the run.
pub type Replace = fn(&[Replacement], Option<&str>, &[(&str, Record)], &str) -> Script;

/// Composes what several steps ask for into one fragment. The engine's is [`Composer::default`]; tests have
/// their own.
#[derive(Clone, Copy)]
pub struct Composer {
    /// One transaction of the package manager.
    pub packages: fn(&[PackageRequest], &Facts) -> Script,
    /// Files staged together, checked together, swapped in together: [`replace::script`].
    pub replace: Replace,
}

impl Default for Composer {
    fn default() -> Self {
        Self {
            packages: packages::transaction,
            replace: replace::script,
        }
    }
}

/// How a run goes about it.
pub struct Options {
    /// How many hosts are worked on at the same time.
    pub jobs: usize,
    /// Do only what the plan announces.
    pub announced_only: bool,
    /// Name of the run: of its record and its backups on the host.
    pub name: String,
    /// Packages whose versions decide how a host's templates are rendered.
    pub packages: BTreeMap<Arc<str>, Vec<String>>,
    pub composer: Composer,
}

/// Is told what happens, as it happens.
pub trait Witness {
    /// These steps go out together now.
    fn begins(&self, host: &str, steps: &[&BoundStep]);
    /// The host says something for people while a step is in hand.
    fn says(&self, host: &str, step: &BoundStep, text: &str);
    fn ended(&self, step: &BoundStep, outcome: &Outcome);
}

/// Makes a host's steps anew from facts that changed.
pub type Rebind<'a> = dyn Fn(&str, &Facts) -> Result<Vec<BoundStep>, Diagnostics> + 'a;

/// Everything a run is made of.
pub struct Run<'a> {
    pub graph: &'a StepGraph,
    pub plan: &'a Plan,
    pub options: &'a Options,
    pub rebind: &'a Rebind<'a>,
    pub witness: &'a dyn Witness,
    pub halt: watch::Receiver<Halt>,
    pub wanted: Wanted<'a>,
    /// What to look at on a host at the end, before it is let go.
    pub last_look: &'a dyn Fn(&str, &Facts) -> Vec<Probe>,
    /// The record of what was done on a host, if one is to be kept there.
    pub record: &'a dyn Fn(&str) -> Option<String>,
}

/// A host that takes part in a run.
pub struct Participant<'c, H> {
    pub name: Arc<str>,
    pub seen: Seen,
    pub connection: &'c mut H,
}

/// How a run ended.
#[derive(Debug, Default)]
pub struct Ended {
    /// By the index of the step.
    pub outcomes: BTreeMap<usize, Outcome>,
    /// What the last look at each host saw, with its facts by then.
    pub seen: BTreeMap<Arc<str>, Seen>,
    /// Hosts whose connection broke.
    pub lost: BTreeMap<Arc<str>, HostError>,
    pub interrupted: bool,
}

/// A name for a run: names sort by time.
pub fn name() -> String {
    let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    format!("{now}-{}", std::process::id())
}

/// Carries the plan out. Steps of hosts that don't take part are skipped, and so is what waits for them.
pub async fn run<H: WriteHost>(run: &Run<'_>, participants: Vec<Participant<'_, H>>) -> Ended {
    let board = board::Board::new(run.graph);
    let taking_part: Vec<Arc<str>> = participants.iter().map(|host| host.name.clone()).collect();
    for (index, step) in run.graph.steps().iter().enumerate() {
        if !(run.wanted)(&step.id) {
            board.leave_out(index);
        } else if !taking_part.contains(&step.id.host) {
            board.end(run, step, index, Outcome::Skipped(Skipped::NotReached));
        }
    }
    // A slot is held for a round trip, not for a host's whole work: hosts wait for each other.
    let slots = Semaphore::new(run.options.jobs.max(1));
    let mut ended = Ended::default();
    {
        let mut workers: FuturesUnordered<_> = participants
            .into_iter()
            .map(|host| worker::work(run, &board, &slots, host))
            .collect();
        let mut halt = run.halt.clone();
        let mut watching = true;
        loop {
            tokio::select! {
                biased;
                next = workers.next() => match next {
                    Some((host, Err(error))) => { ended.lost.insert(host, error); }
                    Some((host, Ok(seen))) => { ended.seen.insert(host, seen); }
                    None => break,
                },
                // An error means that nobody can interrupt any more.
                quit = halt.wait_for(|halt| *halt == Halt::Quit), if watching => match quit {
                    Ok(_) => break,
                    Err(_) => watching = false,
                },
            }
        }
    }
    let halted = *run.halt.borrow();
    if halted == Halt::Quit {
        board.abandon(run, "the run was told to quit while it was being done");
    }
    ended.interrupted = halted != Halt::Go && board.cut_short();
    ended.outcomes = board.into_outcomes();
    ended
}

#[cfg(test)]
mod tests;
