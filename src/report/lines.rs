//! Events as calm, aligned lines of text: what a terminal keeps and what a log file gets.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write;
use std::time::{Duration, Instant};

use super::event::{Counts, Event, Mode, State, StepResult, Summary};
use super::room::beside;
use super::{Columns, Consumer};

/// How much to show, and whether in colour.
#[derive(Debug, Clone, Copy, Default)]
pub struct Taste {
    pub verbose: bool,
    pub diff: bool,
    pub colors: bool,
    /// Of the terminal; a file has room for everything.
    pub width: Option<usize>,
}

/// What most steps say of themselves has room in so many columns.
const SUMMARY: usize = 24;

/// How often a step that keeps talking (a package's progress) gets a line.
const SAYS_EVERY: Duration = Duration::from_secs(10);

/// Makes lines of events; knows what it has to repeat at the end.
pub struct Lines {
    taste: Taste,
    mode: Mode,
    columns: Columns,
    /// What the summary comes back to.
    undone: Vec<StepResult>,
    failed_hosts: Vec<String>,
    /// When a step last got a line of what it says.
    said: BTreeMap<String, Instant>,
}

impl Lines {
    pub fn new(mode: Mode, taste: Taste) -> Self {
        Self {
            taste,
            mode,
            columns: Columns::default(),
            undone: Vec::new(),
            failed_hosts: Vec::new(),
            said: BTreeMap::new(),
        }
    }

    pub fn columns(&mut self, columns: Columns) {
        self.columns = columns;
    }

    /// The lines that an event deserves, each with its end; often none.
    pub fn of(&mut self, event: &Event) -> String {
        match event {
            Event::Begin { .. } => String::new(),
            Event::Doing { host, text, .. } if self.taste.verbose => {
                format!(
                    "{}  {}\n",
                    self.host(host),
                    self.faint(&format!("… {}", text.as_str()))
                )
            }
            Event::Doing { .. } => String::new(),
            Event::Says {
                host,
                role,
                step,
                text,
            } => {
                let who = format!("{}  {role}/{step}", self.host(host));
                let last = self.said.get(&who);
                if last.is_some_and(|last| last.elapsed() < SAYS_EVERY) {
                    return String::new();
                }
                let line = format!("{who}: {}\n", text.as_str());
                self.said.insert(who, Instant::now());
                line
            }
            Event::Note { host, text } => {
                let host = host.as_ref().map(|host| format!("{}  ", self.host(host)));
                format!("{}{}\n", host.unwrap_or_default(), text.as_str())
            }
            Event::Advice {
                host, title, text, ..
            } => {
                let text = indented(text.as_str().trim_end(), 2);
                format!("\n{}: {}\n  {text}\n", host.trim_end(), title.as_str())
            }
            Event::Planned(result) => self.step(result, Mode::Check),
            Event::Step(result) => {
                if matches!(result.state, State::Failed | State::Skipped | State::Waiting)
                    || (result.state == State::Owed && self.mode == Mode::Apply)
                {
                    self.undone.push(result.clone());
                }
                self.step(result, self.mode)
            }
            Event::Failure { host, message, .. } => {
                self.failed_hosts.push(host.clone());
                let word = self.paint(State::Failed, &format!("{:<9}", "failed"));
                format!(
                    "{}  {word}  {}\n",
                    self.host(host),
                    indented(message.as_str(), self.columns.host + 13)
                )
            }
            Event::Timing(timing) => {
                let host = timing.host.as_deref().unwrap_or_default();
                let line = format!("{:>8.3} s  {}", timing.seconds, timing.phase);
                format!("{}  {}\n", self.host(host), self.faint(&line))
            }
            Event::Summary(summary) => self.summary(summary),
        }
    }

    fn step(&self, result: &StepResult, mode: Mode) -> String {
        if result.state == State::Converged && !self.taste.verbose {
            return String::new();
        }
        let mut what = result.summary.as_str().to_owned();
        if result.seconds >= 1.0 {
            let _ = write!(what, "  {}", self.faint(&format!("{:.1} s", result.seconds)));
        }
        let columns = format!(
            "{}  {}  {}",
            self.host(&result.host),
            self.paint(result.state, &format!("{:<9}", result.state.word(mode))),
            self.names(result),
        );
        let mut line = beside(&columns, &what, self.taste.width);
        line.push('\n');
        if let Some(reason) = &result.reason {
            let _ = writeln!(line, "      {}", indented(reason.as_str(), 6));
        }
        if let Some(diff) = result.diff.as_ref().filter(|_| self.taste.diff) {
            for part in diff.as_str().lines() {
                let _ = writeln!(line, "      {}", self.diff_line(part));
            }
        }
        line
    }

    /// A step's name and kind; where there is little room, the name alone, in a narrower column.
    fn names(&self, result: &StepResult) -> String {
        let Columns { host, step, kind } = self.columns;
        let id = format!("{}/{}", result.role, result.step);
        let room = self.taste.width.map(|width| width.saturating_sub(host + 13));
        match room.filter(|room| step + kind + 4 + SUMMARY > *room) {
            Some(room) => format!("{id:<width$}", width = step.min(room / 2)),
            None => format!("{id:<step$}  {:<kind$}", result.kind),
        }
    }

    fn summary(&self, summary: &Summary) -> String {
        let mut text = String::new();
        let width = summary
            .hosts
            .keys()
            .map(|host| host.chars().count())
            .max()
            .unwrap_or(0);
        if !self.undone.is_empty() {
            text.push_str("\nNot done:\n");
            // Files that are checked together fail together: one mistake is one line.
            let alike = |one: &StepResult, other: &StepResult| {
                (&one.host, one.state, &one.reason) == (&other.host, other.state, &other.reason)
            };
            for results in self.undone.chunk_by(alike) {
                let [result, others @ ..] = results else {
                    continue;
                };
                let reason = result.reason.as_ref().map_or("", |reason| reason.as_str());
                let first = reason.lines().next().unwrap_or_default();
                let columns = format!(
                    "  {:<width$}  {}",
                    result.host,
                    self.paint(result.state, &format!("{:<7}", result.state.word(self.mode))),
                );
                let others = match others.len() {
                    0 => String::new(),
                    number => format!(" and {number} more"),
                };
                let what = format!("{}/{}{others}: {first}", result.role, result.step);
                let _ = writeln!(text, "{}", beside(&columns, &what, self.taste.width));
            }
        }
        text.push('\n');
        for (host, counts) in &summary.hosts {
            let columns = format!("{host:<width$}");
            let counts = self.counts(host, counts);
            let _ = writeln!(text, "{}", beside(&columns, &counts, self.taste.width));
        }
        if let Some(next) = &summary.next {
            let _ = writeln!(text, "next: {}", next.as_str());
        }
        text
    }

    fn counts(&self, host: &str, counts: &Counts) -> String {
        let parts: Vec<String> = counts
            .all()
            .into_iter()
            .filter(|(_, number)| *number > 0)
            .map(|(state, number)| {
                let words = match (state, self.mode) {
                    (State::Created | State::Changed | State::Removed, Mode::Check) => {
                        format!("{number} to {}", state.word(self.mode))
                    }
                    _ => format!("{number} {}", state.word(self.mode)),
                };
                self.paint(state, &words)
            })
            .collect();
        match (
            parts.is_empty(),
            self.failed_hosts.iter().any(|failed| failed == host),
        ) {
            (true, true) => "not done, see above".to_owned(),
            (true, false) => "nothing to do".to_owned(),
            (false, _) => parts.join(", "),
        }
    }

    fn host(&self, host: &str) -> String {
        format!("{host:<width$}", width = self.columns.host)
    }

    fn diff_line(&self, line: &str) -> String {
        let code = match line.as_bytes().first() {
            Some(b'+') => "32",
            Some(b'-') => "31",
            Some(b'@') => "36",
            _ => return line.to_owned(),
        };
        self.ansi(code, line)
    }

    fn paint(&self, state: State, text: &str) -> String {
        let code = match state {
            State::Converged => "2",
            State::Created => "32",
            State::Changed | State::Removed | State::Owed | State::Waiting => "33",
            State::Unknown | State::Skipped => "35",
            State::Failed => "31",
        };
        self.ansi(code, text)
    }

    fn faint(&self, text: &str) -> String {
        self.ansi("2", text)
    }

    fn ansi(&self, code: &str, text: &str) -> String {
        if self.taste.colors {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// The lines of `text` after the first, moved in.
fn indented(text: &str, by: usize) -> String {
    text.replace('\n', &format!("\n{}", " ".repeat(by)))
}

/// Lines to a writer that is not a terminal.
pub struct Plain<W> {
    lines: Lines,
    output: W,
}

impl<W: Write> Plain<W> {
    pub fn new(mode: Mode, taste: Taste, output: W) -> Self {
        Self {
            lines: Lines::new(mode, taste),
            output,
        }
    }
}

impl<W: Write> Consumer for Plain<W> {
    fn take(&mut self, event: &Event) {
        let text = self.lines.of(event);
        if !text.is_empty() {
            // A reader that went away does not stop a run.
            let _ = self
                .output
                .write_all(text.as_bytes())
                .and_then(|()| self.output.flush());
        }
    }

    fn columns(&mut self, columns: Columns) {
        self.lines.columns(columns);
    }
}
