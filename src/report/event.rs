//! The one type of event. Its JSON form is a promise to scripts: `book/src/events.schema.json`.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::secret::Redactor;

/// Text without secrets and without characters that command a terminal: it can only be made through a redactor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Text(String);

impl Text {
    pub fn new(redactor: &Redactor, text: &str) -> Self {
        let text = redactor.redact(text);
        // What hosts say is shown to people: a log line must not be able to repaint a terminal.
        let commands = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
        Self(if text.contains(commands) {
            text.chars()
                .flat_map(|c| {
                    let escaped = commands(c).then(|| c.escape_default());
                    let plain = escaped.is_none().then_some(c);
                    plain.into_iter().chain(escaped.into_iter().flatten())
                })
                .collect()
        } else {
            text.into_owned()
        })
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Nothing is changed; states say what an apply would do.
    Check,
    Apply,
}

/// Something happened. One JSON object each.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Event {
    /// The first event.
    Begin {
        mode: Mode,
        /// Name of the run, also of its record and backups on the hosts.
        run: String,
        version: String,
        inventory: Text,
        hosts: Vec<String>,
    },
    /// What a host is busy with now.
    Doing {
        host: String,
        text: Text,
        /// The steps in hand, `role/step`.
        steps: Vec<String>,
    },
    /// The host says something for people while a step is in hand.
    Says {
        host: String,
        role: String,
        step: String,
        text: Text,
    },
    Note {
        host: Option<String>,
        text: Text,
    },
    /// With `--confirm`: what would be done, before the question.
    Planned(StepResult),
    /// How a step ended; with `--check`, how it would end.
    Step(StepResult),
    /// A host could not be worked on, or not to the end.
    Failure {
        host: String,
        message: Text,
        /// The exit code that stands for it.
        exit: u8,
    },
    /// What is left for people to do, or to know, once the host is as promised.
    Advice {
        host: String,
        topic: String,
        title: Text,
        text: Text,
    },
    /// With `--timings`.
    Timing(Timing),
    /// The last event.
    Summary(Summary),
}

#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct StepResult {
    pub host: String,
    pub role: String,
    /// Name of the step in its role, `id` or `id[item]`.
    pub step: String,
    pub kind: String,
    pub state: State,
    /// The promise in a few words.
    pub summary: Text,
    /// Why it failed, was skipped, is owed or can't be known.
    pub reason: Option<Text>,
    /// What differed, as a unified diff or `name: before → after` lines.
    pub diff: Option<Text>,
    /// Time that its fix took on the host; steps done together share it.
    pub seconds: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As promised already.
    Converged,
    Created,
    Changed,
    Removed,
    /// A restart or reload that has still to be made.
    Owed,
    /// Can't be known before another step has run.
    Unknown,
    Failed,
    Skipped,
    /// Tried, and waits for something that is not in the host's power; the next apply tries again.
    Waiting,
}

impl State {
    /// The state in a line of output: what is to be done in a plan, what was done in a run.
    pub fn word(self, mode: Mode) -> &'static str {
        match (self, mode) {
            (Self::Converged, _) => "converged",
            (Self::Created, Mode::Check) => "create",
            (Self::Created, Mode::Apply) => "created",
            (Self::Changed, Mode::Check) => "change",
            (Self::Changed, Mode::Apply) => "changed",
            (Self::Removed, Mode::Check) => "remove",
            (Self::Removed, Mode::Apply) => "removed",
            (Self::Owed, _) => "owed",
            (Self::Unknown, _) => "unknown",
            (Self::Failed, _) => "failed",
            (Self::Skipped, _) => "skipped",
            (Self::Waiting, _) => "waiting",
        }
    }
}

/// How many steps of a host are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Counts {
    pub converged: usize,
    pub created: usize,
    pub changed: usize,
    pub removed: usize,
    pub owed: usize,
    pub unknown: usize,
    pub failed: usize,
    pub skipped: usize,
    pub waiting: usize,
}

impl Counts {
    pub fn add(&mut self, state: State) {
        let count = match state {
            State::Converged => &mut self.converged,
            State::Created => &mut self.created,
            State::Changed => &mut self.changed,
            State::Removed => &mut self.removed,
            State::Owed => &mut self.owed,
            State::Unknown => &mut self.unknown,
            State::Failed => &mut self.failed,
            State::Skipped => &mut self.skipped,
            State::Waiting => &mut self.waiting,
        };
        *count += 1;
    }

    /// States and numbers, in the order of the fields.
    pub fn all(&self) -> [(State, usize); 9] {
        [
            (State::Converged, self.converged),
            (State::Created, self.created),
            (State::Changed, self.changed),
            (State::Removed, self.removed),
            (State::Owed, self.owed),
            (State::Unknown, self.unknown),
            (State::Failed, self.failed),
            (State::Skipped, self.skipped),
            (State::Waiting, self.waiting),
        ]
    }

    /// Steps that are not as promised.
    pub fn differing(&self) -> usize {
        self.created + self.changed + self.removed + self.owed + self.unknown
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Timing {
    pub host: Option<String>,
    pub phase: String,
    pub seconds: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Summary {
    #[schemars(with = "std::collections::BTreeMap<String, Counts>")]
    pub hosts: IndexMap<String, Counts>,
    pub exit: u8,
    /// The next thing to do.
    pub next: Option<Text>,
}

/// The schema of one line of `--output json`.
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(Event)
}
