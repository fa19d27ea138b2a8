//! What a command says: one type of event, and its consumers.
//!
//! The terminal, plain lines, JSON and the record on the host all consume [`Event`]s. Texts in events are
//! [`Text`], which can only be made through a redactor: no consumer ever sees a secret.

pub mod diff;
pub mod event;
pub mod json;
pub mod lines;
pub mod quiet;
pub mod record;
pub mod room;
pub mod terminal;
pub mod verdict;

use std::cell::RefCell;
use std::collections::BTreeMap;

use indexmap::IndexMap;

use crate::exit::Exit;
use crate::graph::StepGraph;
use crate::host::HostError;
use crate::plan::Planned;
use crate::role::BoundStep;
use crate::role::bind::Advice;
use crate::run::{Outcome, Witness};
use crate::secret::Redactor;
use event::{Counts, Event, Mode, State, StepResult, Summary, Text, Timing};

/// Shows events somewhere.
pub trait Consumer {
    fn take(&mut self, event: &Event);

    /// How wide the columns are going to be.
    fn columns(&mut self, _columns: Columns) {}
}

/// Widths of what the events of a command have in their columns.
#[derive(Debug, Clone, Copy, Default)]
pub struct Columns {
    pub host: usize,
    pub step: usize,
    pub kind: usize,
}

/// Makes events of what happens, hands them to the consumers and keeps count.
pub struct Reporter {
    redactor: RefCell<Redactor>,
    mode: Mode,
    inner: RefCell<Inner>,
}

struct Inner {
    consumers: Vec<Box<dyn Consumer>>,
    /// In the order of the inventory.
    hosts: IndexMap<String, Counts>,
    failures: BTreeMap<String, Exit>,
    results: Vec<StepResult>,
    /// The run that this one undoes.
    rollback_of: Option<String>,
}

impl Reporter {
    pub fn new(
        mode: Mode,
        redactor: Redactor,
        hosts: impl IntoIterator<Item = String>,
        consumers: Vec<Box<dyn Consumer>>,
    ) -> Self {
        let hosts = hosts.into_iter().map(|host| (host, Counts::default())).collect();
        Self {
            redactor: RefCell::new(redactor),
            mode,
            inner: RefCell::new(Inner {
                consumers,
                hosts,
                failures: BTreeMap::new(),
                results: Vec::new(),
                rollback_of: None,
            }),
        }
    }

    fn text(&self, text: &str) -> Text {
        Text::new(&self.redactor.borrow(), text)
    }

    fn emit(&self, event: &Event) {
        for consumer in &mut self.inner.borrow_mut().consumers {
            consumer.take(event);
        }
    }

    /// The command begins.
    pub fn begin(&self, run: &str, inventory: &str) {
        let hosts = self.inner.borrow().hosts.keys().cloned().collect();
        self.emit(&Event::Begin {
            mode: self.mode,
            run: run.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            inventory: self.text(inventory),
            hosts,
        });
    }

    /// The steps are known: columns can be aligned.
    pub fn columns(&self, graph: &StepGraph) {
        let widest = |width: &dyn Fn(&BoundStep) -> usize| graph.steps().iter().map(width).max().unwrap_or(0);
        let columns = Columns {
            host: widest(&|step| step.id.host.chars().count()),
            step: widest(&|step| step.id.to_string().chars().count()),
            kind: widest(&|step| step.kind.name.len()),
        };
        for consumer in &mut self.inner.borrow_mut().consumers {
            consumer.columns(columns);
        }
    }

    /// What a host is being asked or waits for, in a word or two.
    pub fn doing(&self, host: &str, what: &str) {
        self.emit(&Event::Doing {
            host: host.to_owned(),
            text: self.text(what),
            steps: Vec::new(),
        });
    }

    /// Something a person should know.
    pub fn note(&self, host: Option<&str>, note: &str) {
        self.emit(&Event::Note {
            host: host.map(str::to_owned),
            text: self.text(note),
        });
    }

    /// What is left for people to do.
    pub fn advice(&self, host: &str, advice: &Advice) {
        self.emit(&Event::Advice {
            host: host.to_owned(),
            topic: advice.topic.clone(),
            title: self.text(&advice.title),
            text: self.text(&advice.text),
        });
    }

    /// Whether steps of this kind were created on `host`; of any kind when none is given.
    pub fn has_created(&self, host: &str, kind: Option<&str>) -> bool {
        self.inner.borrow().results.iter().any(|result| {
            result.host == host
                && result.state == State::Created
                && kind.is_none_or(|kind| result.kind == kind)
        })
    }

    /// How long a phase took.
    pub fn timing(&self, host: Option<&str>, phase: &str, seconds: f64) {
        self.emit(&Event::Timing(Timing {
            host: host.map(str::to_owned),
            phase: phase.to_owned(),
            seconds: rounded(seconds),
        }));
    }

    /// A host could not be worked on, or not to the end.
    pub fn host_failed(&self, host: &str, error: &HostError) {
        self.host_stopped(host, Exit::from(error), &error.to_string());
    }

    /// A host is left alone, for whatever reason.
    pub fn host_stopped(&self, host: &str, exit: Exit, message: &str) {
        // Where a connection fails it names its host; an event has a host of its own.
        let named = format!("{host}: ");
        let message = message.strip_prefix(&named).unwrap_or(message);
        self.inner.borrow_mut().failures.insert(host.to_owned(), exit);
        self.emit(&Event::Failure {
            host: host.to_owned(),
            message: self.text(message),
            exit: exit.code(),
        });
    }

    /// A step's line in a plan that a person is going to be asked about.
    pub fn announced(&self, step: &BoundStep, planned: &Planned) {
        let result = self.planned_result(step, planned);
        self.emit(&Event::Planned(result));
    }

    /// A step's result where nothing is run: what the plan says of it.
    pub fn planned(&self, step: &BoundStep, planned: &Planned) {
        let result = self.planned_result(step, planned);
        self.count(result);
    }

    fn planned_result(&self, step: &BoundStep, planned: &Planned) -> StepResult {
        let (state, reason, diff) = match planned {
            Planned::Converged => (State::Converged, None, None),
            Planned::Create(diff) => (State::Created, None, Some(diff)),
            Planned::Change(diff) => (State::Changed, None, Some(diff)),
            Planned::Remove(diff) => (State::Removed, None, Some(diff)),
            Planned::Owed(why) => (State::Owed, Some(why.clone()), None),
            Planned::Unknown(until) => (State::Unknown, Some(format!("until {until}")), None),
            Planned::Refused(why) => (State::Failed, Some(why.clone()), None),
            Planned::Blocked(by) => (
                State::Skipped,
                Some(format!("it waits for {by}, which can't be done")),
                None,
            ),
        };
        let diff = diff
            .filter(|diff| !diff.is_empty())
            .map(|diff| diff::text(diff, &self.redactor.borrow()));
        self.result(step, state, reason.as_deref(), diff, 0.0)
    }

    fn result(
        &self,
        step: &BoundStep,
        state: State,
        reason: Option<&str>,
        diff: Option<Text>,
        seconds: f64,
    ) -> StepResult {
        StepResult {
            host: step.id.host.to_string(),
            role: step.id.role.to_string(),
            step: step.id.name.to_string(),
            kind: step.kind.name.to_owned(),
            state,
            summary: self.text(&step.step.summary()),
            reason: reason.map(|reason| self.text(reason)),
            diff,
            seconds: rounded(seconds),
        }
    }

    fn count(&self, result: StepResult) {
        {
            let mut inner = self.inner.borrow_mut();
            inner
                .hosts
                .entry(result.host.clone())
                .or_default()
                .add(result.state);
            inner.results.push(result.clone());
        }
        self.emit(&Event::Step(result));
    }

    /// The record of this run for a host; `None` when nothing happened there.
    pub fn record(&self, host: &str, run: &str, inventory: &str) -> Option<String> {
        let inner = self.inner.borrow();
        record::of(host, run, inventory, &inner.results, inner.rollback_of.as_deref())
    }

    /// This run brings back the files that `run` replaced.
    pub fn rolls_back(&self, run: &str) {
        self.inner.borrow_mut().rollback_of = Some(run.to_owned());
    }

    /// The last event. The exit code is the verdict over all hosts.
    pub fn finish(&self, interrupted: bool) -> Exit {
        let summary = {
            let inner = self.inner.borrow();
            let hosts = inner.hosts.iter();
            let hosts = hosts.map(|(name, counts)| (counts, inner.failures.get(name).copied()));
            let exit = verdict::exit(self.mode, hosts, interrupted);
            Summary {
                hosts: inner.hosts.clone(),
                exit: exit.code(),
                next: verdict::next(self.mode, exit, inner.hosts.values()).map(|next| self.text(next)),
            }
        };
        let exit = verdict::named(summary.exit);
        self.emit(&Event::Summary(summary));
        exit
    }
}

impl Witness for Reporter {
    fn begins(&self, host: &str, steps: &[&BoundStep]) {
        let text = match steps {
            [step] => format!("{} {}", step.id, step.step.summary()),
            [step, ..] => format!("{} and {} more", step.id, steps.len() - 1),
            [] => String::new(),
        };
        self.emit(&Event::Doing {
            host: host.to_owned(),
            text: self.text(&text),
            steps: steps.iter().map(|step| step.id.to_string()).collect(),
        });
    }

    fn says(&self, host: &str, step: &BoundStep, text: &str) {
        self.emit(&Event::Says {
            host: host.to_owned(),
            role: step.id.role.to_string(),
            step: step.id.name.to_string(),
            text: self.text(text),
        });
    }

    fn ended(&self, step: &BoundStep, outcome: &Outcome) {
        let result = match outcome {
            Outcome::Converged => self.planned_result(step, &Planned::Converged),
            Outcome::Done { was, seconds } => {
                let mut result = self.planned_result(step, was);
                if result.state == State::Owed {
                    result.state = State::Changed;
                }
                result.seconds = rounded(*seconds);
                result
            }
            Outcome::Failed {
                message,
                was,
                seconds,
            }
            | Outcome::Waiting {
                message,
                was,
                seconds,
            } => {
                let mut result = self.planned_result(step, was);
                result.state = match outcome {
                    Outcome::Waiting { .. } => State::Waiting,
                    _ => State::Failed,
                };
                result.reason = Some(self.text(message));
                result.seconds = rounded(*seconds);
                result
            }
            Outcome::Lost(why) => {
                let why = format!("how far it came is not known: {why}");
                self.result(step, State::Failed, Some(&why), None, 0.0)
            }
            Outcome::Skipped(why) => self.result(step, State::Skipped, Some(&why.to_string()), None, 0.0),
            Outcome::Owed(why) => {
                let why = format!("restart or reload: {why}");
                self.result(step, State::Owed, Some(&why), None, 0.0)
            }
        };
        self.count(result);
    }
}

/// Who runs this, for locks and records: `user@machine`.
pub fn operator() -> String {
    let user = std::env::var("USER")
        .or_else(|_| std::env::var("LOGNAME"))
        .unwrap_or_else(|_| "somebody".to_owned());
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{user}@{}", machine.trim())
}

/// Milliseconds are as exact as anybody needs it.
fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests;
