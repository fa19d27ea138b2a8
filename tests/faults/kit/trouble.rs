//! A run into some trouble, and what came of it.

use super::after::{self, Findings};
use super::attempt::{Attempt, Ended};
use super::point::Row;
use super::sender::Sender;
use super::server::{MAILBOX, Server};

pub type Act = fn(&mut Server) -> Trouble;

/// What a trouble came to, before the next run.
pub struct Trouble {
    pub ended: Ended,
    /// Arguments of the runs that follow.
    pub arguments: &'static [&'static str],
    pub problems: Vec<String>,
    /// Whether `dovecot.conf` had a content that no edition has.
    pub third: bool,
}

/// One trouble in a change to the other edition, while mail is sent.
pub fn one(server: &mut Server, name: &str, act: Act) -> (Row, Ended) {
    let edition = 1 - server.current;
    let sender = Sender::start(server.host.address(), MAILBOX, name);
    let trouble = act(server);
    let lock = server.lock_is_free();
    let log = sender.stop();
    let mut found: Findings = after::look_with(server, edition, trouble.arguments, Some((log, name)));
    // An argument of the command's made a third edition of it.
    let before = found.problems.len();
    found
        .problems
        .retain(|problem| !problem.starts_with("etc/dovecot/dovecot.conf was read with") || !trouble.third);
    found.half_written -= before - found.problems.len();
    found.problems.extend(trouble.problems);
    found.lock = lock.map_or(found.lock, |time| time.as_secs_f64());
    let row = Row {
        what: name.to_owned(),
        when: format!("{:.0} s", trouble.ended.seconds),
        at: trouble.ended.busy_with(),
        late: false,
        code: trouble.ended.code,
        found,
    };
    (row, trouble.ended)
}

impl Trouble {
    /// The run should have ended with `code` and said one of `words`.
    pub fn new(ended: Ended, code: i32, words: &[&str]) -> Self {
        let said = format!("{}\n{}", ended.said(), ended.told());
        let mut problems = Vec::new();
        if ended.code != Some(code) {
            problems.push(format!("it should end with {code}, not with {:?}", ended.code));
        }
        if !words.is_empty() && !words.iter().any(|word| said.contains(word)) {
            problems.push(format!("it should say one of {words:?}"));
        }
        Self {
            ended,
            arguments: &[],
            problems,
            third: false,
        }
    }
}

/// An apply of the other edition.
pub fn start(server: &Server, arguments: &[&str]) -> Attempt {
    Attempt::start(&server.editions[1 - server.current].site, arguments)
}

/// [`start`], to its end.
pub fn run(server: &Server, arguments: &[&str]) -> Ended {
    start(server, arguments).end()
}

/// An address that the host does not have: Dovecot finds out when it starts.
pub fn refuses_to_start(server: &mut Server) -> Trouble {
    let ended = run(server, &["--set", "dovecot_listen=[192.0.2.77]"]);
    let mut trouble = Trouble::new(
        ended,
        5,
        &["put the previous configuration back; the service runs with it"],
    );
    trouble.third = true;
    if !server.host.succeeds("systemctl -q is-active dovecot") {
        trouble.problems.push("Dovecot does not run".into());
    }
    trouble
}
