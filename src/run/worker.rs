//! One host's part of a run: judge what is ready, send a wave, look again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::board::Board;
use super::origin;
use super::wave::{self, Fragment, Ready};
use super::words::{self, complaint, still};
use super::{Halt, Outcome, Participant, Run, Skipped};
use crate::graph::is_package;
use crate::host::{Answer, Facts, HostError, PackageVersion, WriteHost};
use crate::plan::{Planned, Seen, distinct};
use crate::role::{BoundStep, StepId};
use crate::step::probe::Observed;
use crate::step::world::{Pending, World};
use crate::step::{Assessment, Guard};

/// Drives one host to the end; every step of it has an outcome afterwards.
pub(super) async fn work<H: WriteHost>(
    run: &Run<'_>,
    board: &Board,
    slots: &Semaphore,
    host: Participant<'_, H>,
) -> (Arc<str>, Result<Seen, HostError>) {
    let name = host.name.clone();
    let order = run.graph.of_host(&name);
    let digests = order
        .iter()
        .map(|index| run.graph.step(*index))
        .filter(|step| !step.is_absent())
        .map(|step| (step.id.clone(), step.step.digest()))
        .collect();
    let mut worker = Worker {
        run,
        board,
        slots,
        host,
        order,
        rebound: BTreeMap::new(),
        digests,
        alone: BTreeSet::new(),
        looked_at: 0,
    };
    if let Err(error) = worker.work().await {
        worker.give_up(&error.to_string());
        return (name, Err(error));
    }
    let ended = worker.end_well().await;
    (name, ended)
}

struct Worker<'a, 'c, H> {
    run: &'a Run<'a>,
    board: &'a Board,
    slots: &'a Semaphore,
    host: Participant<'c, H>,
    /// The host's steps in the graph's order.
    order: Vec<usize>,
    /// Steps made anew for the versions that were installed.
    rebound: BTreeMap<usize, BoundStep>,
    digests: BTreeMap<StepId, String>,
    /// Steps whose fragment failed for a reason that may be another's.
    alone: BTreeSet<usize>,
    /// The moment on the board when the host was last looked at.
    looked_at: u64,
}

/// What can be said of a step right now.
enum Verdict {
    /// It waits.
    NotReady,
    /// It waits no longer, but what it waited for on another host changed after we looked.
    Stale,
    Ready(Planned),
}

impl<H: WriteHost> Worker<'_, '_, H> {
    async fn work(&mut self) -> Result<(), HostError> {
        loop {
            let (differing, stale) = self.settle();
            if !self.order.iter().any(|index| self.board.is_open(*index)) {
                return Ok(());
            }
            if *self.run.halt.borrow() != Halt::Go {
                for index in self.open() {
                    self.end(index, Outcome::Skipped(Skipped::Interrupted));
                }
                return Ok(());
            }
            if differing.is_empty() && stale {
                self.look().await?;
            } else if differing.is_empty() {
                let mut halt = self.run.halt.clone();
                tokio::select! {
                    () = self.board.change() => {}
                    // Nobody left to interrupt us is not an interruption.
                    _ = async { if halt.wait_for(|halt| *halt != Halt::Go).await.is_err() { std::future::pending::<()>().await } } => {}
                }
            } else {
                self.wave(differing).await?;
            }
        }
    }

    async fn end_well(mut self) -> Result<Seen, HostError> {
        let connection = &mut *self.host.connection;
        let probes = (self.run.last_look)(&self.host.name, &self.host.seen.facts);
        let observed = match probes.is_empty() {
            true => Observed::default(),
            false => connection.probe(&probes).await?,
        };
        let record = (self.run.record)(&self.host.name);
        connection.finish(record.as_deref()).await?;
        Ok(Seen {
            facts: std::mem::take(&mut self.host.seen.facts),
            observed,
        })
    }

    fn step(&self, index: usize) -> &BoundStep {
        self.rebound
            .get(&index)
            .unwrap_or_else(|| self.run.graph.step(index))
    }

    fn open(&self) -> Vec<usize> {
        let open = |index: &usize| self.board.is_open(*index);
        self.order.iter().copied().filter(open).collect()
    }

    fn end(&self, index: usize, outcome: Outcome) {
        self.board.end(self.run, self.step(index), index, outcome);
    }

    fn assess(&self, index: usize) -> Assessment {
        let step = self.step(index);
        // Earlier steps are done and were looked at again: nothing is pending any more.
        let pending = Pending::default();
        step.step.assess(&self.world(step, &pending))
    }

    fn world<'w>(&'w self, step: &'w BoundStep, pending: &'w Pending) -> World<'w> {
        World {
            facts: &self.host.seen.facts,
            observed: &self.host.seen.observed,
            pending,
            id: &step.id,
            digests: &self.digests,
        }
    }

    /// Ends all steps that need no fix or can't have one. What remains are the ready steps that differ, and
    /// whether some step has to be looked at again first.
    fn settle(&self) -> (Vec<(usize, Planned)>, bool) {
        let mut differing = Vec::new();
        let mut stale = false;
        for index in self.open() {
            match self.verdict(index) {
                Verdict::NotReady => {}
                Verdict::Stale => stale = true,
                Verdict::Ready(planned) => match self.immediate(index, &planned) {
                    Some(outcome) => self.end(index, outcome),
                    None => differing.push((index, planned)),
                },
            }
        }
        (differing, stale)
    }

    fn verdict(&self, index: usize) -> Verdict {
        let graph = self.run.graph;
        let mut stale = false;
        let mut waits = false;
        for (need, _) in graph.needs(index) {
            match self.board.outcome(need) {
                None if self.board.is_left_out(need) => {}
                None => waits = true,
                Some(outcome) if outcome.is_kept() => {
                    let elsewhere = graph.step(need).id.host != self.host.name;
                    let changed = self.board.changed_at(need);
                    stale |= elsewhere && changed.is_some_and(|at| at > self.looked_at);
                }
                // With the installed versions there is nothing to wait for.
                Some(Outcome::Skipped(Skipped::NotApplicable)) => {}
                Some(_) => {
                    // What is as it should be is not "skipped", whatever it waits for.
                    let id = graph.step(need).id.clone();
                    return match self.assess(index) {
                        Assessment::Converged => Verdict::Ready(Planned::Converged),
                        _ => Verdict::Ready(Planned::Blocked(id)),
                    };
                }
            }
        }
        if waits {
            Verdict::NotReady
        } else if stale {
            Verdict::Stale
        } else {
            Verdict::Ready(self.assess(index).into())
        }
    }

    /// The outcome of a step that is not going to be fixed.
    fn immediate(&self, index: usize, planned: &Planned) -> Option<Outcome> {
        let failed = |message: String| {
            Some(Outcome::Failed {
                message,
                was: planned.clone(),
                seconds: 0.0,
            })
        };
        match planned {
            Planned::Converged => Some(Outcome::Converged),
            Planned::Blocked(need) => Some(Outcome::Skipped(Skipped::Need(need.clone()))),
            Planned::Refused(why) => failed(why.clone()),
            Planned::Unknown(until) => failed(format!(
                "its state can't be known before {until}, and nothing is going to change that"
            )),
            _ if self.run.options.announced_only
                && !self.run.plan.of(index).is_some_and(Planned::is_announced) =>
            {
                Some(Outcome::Skipped(Skipped::NotAnnounced))
            }
            _ => None,
        }
    }

    /// Looks at everything that is open, without changing anything.
    async fn look(&mut self) -> Result<(), HostError> {
        let probes = self.probes();
        let now = self.board.now();
        let observed = {
            let _slot = self.slots.acquire().await;
            self.host.connection.probe(&probes).await?
        };
        self.host.seen.observed.update(observed);
        self.looked_at = now;
        Ok(())
    }

    fn probes(&self) -> Vec<crate::step::probe::Probe> {
        distinct(
            self.open()
                .into_iter()
                .flat_map(|index| self.step(index).step.probes()),
        )
    }

    async fn wave(&mut self, differing: Vec<(usize, Planned)>) -> Result<(), HostError> {
        let ready: Vec<Ready<'_>> = differing
            .into_iter()
            .map(|(index, differs)| self.ready(index, differs))
            .collect();
        let pending = Pending::default();
        let chosen = wave::choose(&ready);
        let fixes = chosen
            .iter()
            .map(|at| &ready[*at])
            .map(|ready| (ready, ready.step.step.fix(&self.world(ready.step, &pending))))
            .collect();
        let fragments = wave::compose(
            fixes,
            &self.run.options.composer,
            &self.host.seen.facts,
            &self.run.options.name,
        );
        let mut was: BTreeMap<usize, Planned> = BTreeMap::new();
        for fragment in &fragments {
            for index in &fragment.steps {
                if let Some(ready) = ready.iter().find(|ready| ready.index == *index) {
                    was.insert(*index, ready.differs.clone());
                }
            }
        }
        drop(ready);
        // It is alone in its wave.
        let guarded = was.keys().find_map(|index| self.step(*index).step.guard());
        let answers = self.send(&fragments).await.map_err(|error| match &guarded {
            Some(guard) => lost(guard, error),
            None => error,
        })?;
        let cut_off = match guarded.filter(|_| answers.iter().all(|answer| answer.status == 0)) {
            Some(guard) => self.confirm(&guard).await?,
            None => None,
        };
        let packages = was.keys().any(|index| is_package(self.step(*index)));
        for (fragment, answer) in fragments.iter().zip(&answers) {
            for index in &fragment.steps {
                if fragment.separable && answer.status != 0 && self.assess(*index) != Assessment::Converged {
                    self.alone.insert(*index);
                    continue;
                }
                let was = was.remove(index).unwrap_or(Planned::Converged);
                let outcome = match &cut_off {
                    Some(message) => Outcome::Failed {
                        message: message.clone(),
                        was,
                        seconds: answer.seconds,
                    },
                    None => self.judge(*index, was, answer, fragment.steps.len() > 1),
                };
                self.end(*index, outcome);
            }
        }
        if packages {
            self.learn_versions().await?;
        }
        Ok(())
    }

    fn ready(&self, index: usize, differs: Planned) -> Ready<'_> {
        let watchers: Vec<usize> = self.run.graph.watchers(index);
        let step = self.step(index);
        let incomplete = watchers.iter().any(|service| {
            let same = |other: usize| wave::is_checked_by(self.step(other), self.step(*service));
            same(index)
                && self.run.graph.needs(*service).iter().any(|(other, _)| {
                    *other != index
                        && self.board.is_open(*other)
                        && self.run.graph.watchers(*other).contains(service)
                        && same(*other)
                        && self.waits(*other)
                })
        });
        Ready {
            index,
            step,
            differs,
            watchers: watchers.into_iter().map(|service| self.step(service)).collect(),
            incomplete,
            alone: self.alone.contains(&index),
        }
    }

    /// Whether a step waits for one that has not ended.
    fn waits(&self, index: usize) -> bool {
        let needs = self.run.graph.needs(index);
        needs.iter().any(|(need, _)| self.board.is_open(*need))
    }

    /// Sends the fragments with the probes of everything open, and takes in what is seen afterwards.
    async fn send(&mut self, fragments: &[Fragment]) -> Result<Vec<Answer>, HostError> {
        let all: Vec<usize> = fragments
            .iter()
            .flat_map(|fragment| fragment.steps.clone())
            .collect();
        let steps: Vec<&BoundStep> = all.iter().map(|index| self.step(*index)).collect();
        self.run.witness.begins(&self.host.name, &steps);
        self.board.take_in_hand(all);
        let scripts: Vec<_> = fragments.iter().map(|fragment| fragment.script.clone()).collect();
        // The first step of a fragment speaks for all of it.
        let speakers: Vec<Option<usize>> = fragments
            .iter()
            .map(|fragment| fragment.steps.first().copied())
            .collect();
        let probes = self.probes();
        let now = self.board.now();
        let (answers, observed) = {
            let _slot = self.slots.acquire().await;
            let name = self.host.name.clone();
            let (graph, witness) = (self.run.graph, self.run.witness);
            let (sender, mut lines) = tokio::sync::mpsc::unbounded_channel::<(usize, String)>();
            let mut progress = |fragment: usize, text: &str| {
                let _ = sender.send((fragment, text.to_owned()));
            };
            let batch = self.host.connection.batch(&scripts, &probes, &mut progress);
            tokio::pin!(batch);
            let say = |fragment: usize, text: &str| {
                if let Some(index) = speakers.get(fragment).copied().flatten() {
                    witness.says(&name, graph.step(index), text);
                }
            };
            let result = loop {
                tokio::select! {
                    biased;
                    Some((fragment, text)) = lines.recv() => say(fragment, &text),
                    result = &mut batch => break result,
                }
            };
            while let Ok((fragment, text)) = lines.try_recv() {
                say(fragment, &text);
            }
            result?
        };
        if answers.len() != fragments.len() {
            return Err(HostError::Protocol(format!(
                "the host answered {} of {} fragments",
                answers.len(),
                fragments.len()
            )));
        }
        self.host.seen.observed.update(observed);
        self.looked_at = now;
        Ok(answers)
    }

    /// Has the host keep a guarded change if a new connection succeeds, else has it undone: why, then.
    async fn confirm(&mut self, guard: &Guard) -> Result<Option<String>, HostError> {
        let slot = self.slots.acquire().await;
        // Some of the time is over, and undoing at once beats waiting for the end.
        let patience = Duration::from_secs(guard.seconds / 2);
        let kept = tokio::time::timeout(patience, self.host.connection.afresh(&guard.keep)).await;
        let why = match kept {
            Ok(Ok(answer)) if answer.status != 0 => complaint(&answer),
            Ok(Ok(answer)) if answer.output.starts_with(b"undone") => {
                "the host had waited too long for a new connection".to_owned()
            }
            Ok(Ok(_)) => {
                drop(slot);
                self.look().await?;
                return Ok(None);
            }
            Ok(Err(error)) => format!("a new connection to the host fails: {error}"),
            Err(_) => format!(
                "a new connection to the host was not made within {} s",
                patience.as_secs()
            ),
        };
        let undo = std::slice::from_ref(&guard.undo);
        let undone = self.host.connection.batch(undo, &[], &mut |_, _| {}).await;
        let undone = undone.map_err(|error| lost(guard, error))?;
        drop(slot);
        self.look().await?;
        let failed = undone.0.iter().find(|answer| answer.status != 0);
        Ok(Some(match failed {
            None => format!("{why}\nthe change was undone: the host has what it had before"),
            Some(answer) => format!("{why}\nundoing the change failed: {}", complaint(answer)),
        }))
    }

    /// How a step ended, from what its fragment said and what was seen afterwards.
    fn judge(&self, index: usize, was: Planned, answer: &Answer, shared: bool) -> Outcome {
        let after = self.assess(index);
        let seconds = answer.seconds;
        // In a fragment of many, what one step failed at says nothing against another that is as promised.
        if after == Assessment::Converged && (answer.status == 0 || shared) {
            return Outcome::Done { was, seconds };
        }
        if answer.status != 0 && self.step(index).step.may_wait() {
            return Outcome::Waiting {
                message: words::last(&answer.errors),
                was,
                seconds,
            };
        }
        let message = if answer.status == 0 {
            format!("its fix ended well, but {}", still(&after))
        } else {
            let said = complaint(answer);
            match origin::of(self.step(index), &said) {
                Some(origin) => format!("{said}\n{origin}"),
                None => said,
            }
        };
        Outcome::Failed {
            message,
            was,
            seconds,
        }
    }

    /// After packages were installed: if a version is not the one that stood in for it, the host's remaining
    /// steps are made anew.
    async fn learn_versions(&mut self) -> Result<(), HostError> {
        let facts = &self.host.seen.facts;
        let sure = |version: &PackageVersion| matches!(version, PackageVersion::Installed(_));
        let Some(packages) = self.run.options.packages.get(&self.host.name) else {
            return Ok(());
        };
        if packages.is_empty()
            || packages
                .iter()
                .all(|name| facts.packages.get(name).is_some_and(sure))
        {
            return Ok(());
        }
        let mut facts = {
            let _slot = self.slots.acquire().await;
            self.host.connection.facts(packages, None).await?
        };
        let before = std::mem::take(&mut self.host.seen.facts);
        // A package that is still not there keeps its stand-in.
        for (name, version) in &before.packages {
            facts
                .packages
                .entry(name.clone())
                .or_insert_with(|| version.clone());
        }
        let changed = versions(&before) != versions(&facts);
        self.host.seen.facts = facts;
        if changed {
            self.rebind();
            self.look().await?;
        }
        Ok(())
    }

    fn rebind(&mut self) {
        let steps = match (self.run.rebind)(&self.host.name, &self.host.seen.facts) {
            Ok(steps) => steps,
            Err(mistakes) => {
                let why = mistakes.to_string();
                for index in self.open() {
                    self.end(index, Outcome::Skipped(Skipped::NotRendered(why.clone())));
                }
                return;
            }
        };
        let mut rebound = BTreeMap::new();
        let mut appeared = Vec::new();
        for step in steps {
            if !step.is_absent() {
                self.digests.insert(step.id.clone(), step.step.digest());
            }
            match self.run.graph.find(&step.id) {
                Some(index) => {
                    rebound.insert(index, step);
                }
                None if (self.run.wanted)(&step.id) => appeared.push(step),
                None => {}
            }
        }
        for index in self.open() {
            if !rebound.contains_key(&index) {
                self.digests.remove(&self.run.graph.step(index).id);
                self.end(index, Outcome::Skipped(Skipped::NotApplicable));
            }
        }
        self.rebound = rebound;
        for step in appeared {
            self.run.witness.says(
                &self.host.name,
                &step,
                "the installed version has this step, the assumed one had not: apply again to have it done",
            );
        }
    }

    /// The connection is gone: what was in hand is lost, the rest is skipped.
    fn give_up(&self, why: &str) {
        for index in self.open() {
            let outcome = if self.board.is_in_hand(index) {
                Outcome::Lost(why.to_owned())
            } else {
                Outcome::Skipped(Skipped::ConnectionLost)
            };
            self.end(index, outcome);
        }
    }
}

/// The connection broke while the host waits for a new one.
fn lost(guard: &Guard, error: HostError) -> HostError {
    HostError::Unreachable(format!(
        "{error}; the host undoes the change by itself within {} s: apply again after that",
        guard.seconds
    ))
}

fn versions(facts: &Facts) -> BTreeMap<&str, &str> {
    facts
        .packages
        .iter()
        .map(|(name, version)| (name.as_str(), version.version()))
        .collect()
}
