//! Nothing but what differs, a line each: for cron, which mails whatever is printed.

use std::io::Write;

use super::Consumer;
use super::event::{Event, Mode, State, StepResult};

/// Differences to `output`, hosts that could not be looked at to `errors`.
pub struct Quiet<W, E> {
    json: bool,
    output: W,
    errors: E,
}

impl<W: Write, E: Write> Quiet<W, E> {
    /// `json`: the events of steps that differ and of hosts that failed, as `--output json` has them elsewhere.
    pub fn new(json: bool, output: W, errors: E) -> Self {
        Self { json, output, errors }
    }
}

fn line(result: &StepResult) -> String {
    let reason = result
        .reason
        .as_ref()
        .and_then(|reason| reason.as_str().lines().next());
    let reason = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    format!(
        "{} {} {}/{}: {}{reason}",
        result.host,
        result.state.word(Mode::Check),
        result.role,
        result.step,
        result.summary.as_str().lines().next().unwrap_or_default(),
    )
}

impl<W: Write, E: Write> Consumer for Quiet<W, E> {
    fn take(&mut self, event: &Event) {
        let differs = match event {
            Event::Step(result) => result.state != State::Converged,
            Event::Failure { .. } => true,
            _ => false,
        };
        // A reader that went away is told nothing more.
        let _ = match event {
            _ if !differs => Ok(()),
            event if self.json => serde_json::to_string(event)
                .map_err(std::io::Error::from)
                .and_then(|line| writeln!(self.output, "{line}")),
            Event::Step(result) => writeln!(self.output, "{}", line(result)),
            Event::Failure { host, message, .. } => {
                writeln!(self.errors, "error: {host}: {}", message.as_str())
            }
            _ => Ok(()),
        };
    }
}
