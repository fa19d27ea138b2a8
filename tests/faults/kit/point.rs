//! One point: a change of everything, broken at a moment, and what came of it.

use std::time::Duration;

use super::after::{self, Findings};
use super::attempt::{Attempt, Ended, Moment};
use super::sender::Sender;
use super::server::{MAILBOX, Server};

/// How a run is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Break {
    /// The control process is killed.
    Kill,
    /// The connection ends on both sides.
    Cut,
    /// The host's power.
    Power,
    /// A signal; again half a second later?
    Signal(&'static str, bool),
}

impl Break {
    pub fn word(self) -> String {
        match self {
            Self::Kill => "KILL".into(),
            Self::Cut => "cut".into(),
            Self::Power => "power".into(),
            Self::Signal(name, false) => name.into(),
            Self::Signal(name, true) => format!("{name} twice"),
        }
    }
}

/// A line of the report.
#[derive(Debug, Clone)]
pub struct Row {
    pub what: String,
    pub when: String,
    /// What the run had in hand.
    pub at: String,
    /// The run was over before the moment came.
    pub late: bool,
    pub code: Option<i32>,
    pub found: Findings,
}

impl Row {
    /// Of a run that was to be broken at `moment`; `reached`: it was not over before.
    pub fn of(how: Break, moment: Moment, reached: bool, ended: &Ended, mut found: Findings) -> Self {
        judge_words(how, reached, ended, &mut found);
        Self {
            what: how.word(),
            when: told(moment),
            at: ended.busy_with(),
            late: !reached,
            code: ended.code,
            found,
        }
    }
}

/// Moment `index` of `count`, spread over a run like `reference`: every second one by its events, the others by time.
pub fn moment(index: usize, count: usize, reference: &Ended) -> Moment {
    // Always the same, and never in step with anything (a Weyl sequence).
    let jitter = (index as f64 * 0.618_033_988_749_895).fract();
    let part = (index as f64 + jitter) / count as f64;
    if index.is_multiple_of(2) {
        Moment::After(Duration::from_secs_f64(part * reference.seconds))
    } else {
        let number = (part * reference.events.len() as f64) as usize;
        Moment::Event(number, Duration::from_millis((jitter * 400.0) as u64))
    }
}

/// Breaks a change to the other edition and looks at what follows.
pub fn change(server: &mut Server, name: &str, how: Break, moment: Moment) -> Row {
    let edition = 1 - server.current;
    let sender = Sender::start(server.host.address(), MAILBOX, name);
    let mut attempt = Attempt::start(&server.editions[edition].site, &[]);
    let reached = attempt.reach(moment);
    match how {
        Break::Kill => attempt.kill(),
        Break::Cut => server.relay.cut(),
        Break::Power => server.crash(),
        Break::Signal(signal, twice) => {
            attempt.signal(signal);
            if twice {
                attempt.reach(Moment::After(Duration::ZERO));
                std::thread::sleep(Duration::from_millis(500));
                attempt.signal(signal);
            }
        }
    }
    let ended = attempt.end();
    if how == Break::Power {
        server.settle();
    }
    // So that the host does what it was told to before it is looked at with mail under way.
    let lock = server.lock_is_free();
    let log = sender.stop();
    let mut found = after::look(server, edition, Some((log, name)));
    found.lock = lock.map_or(found.lock, |time| time.as_secs_f64());
    Row::of(how, moment, reached, &ended, found)
}

/// A moment in words.
fn told(moment: Moment) -> String {
    match moment {
        Moment::After(time) => format!("{:.1} s", time.as_secs_f64()),
        Moment::Event(number, delay) => format!("event {number} +{} ms", delay.as_millis()),
    }
}

/// The broken run itself says what happened and what to do.
fn judge_words(how: Break, reached: bool, ended: &Ended, found: &mut Findings) {
    let said = ended.said();
    let mut expect = |code: i32, words: &[&str]| {
        // What came too late to break anything is no fault.
        if ended.code == Some(0) {
            return;
        }
        if ended.code != Some(code) || !words.iter().any(|word| said.contains(word)) {
            found.problem(format!(
                "the broken run should end with {code} and say {words:?}; it ended with {:?}: {said}",
                ended.code
            ));
        }
    };
    match how {
        Break::Kill => {}
        _ if !reached => expect(0, &[]),
        Break::Cut | Break::Power => expect(6, &["again", "check `address`"]),
        Break::Signal(..) => expect(130, &["again"]),
    }
}
