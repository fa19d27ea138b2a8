//! The record of a run that stays on the host: who, when, from where, which steps changed. Never a diff.

use serde::Serialize;

use super::event::{State, StepResult, Text};

#[derive(Serialize)]
struct Record<'a> {
    run: &'a str,
    time: String,
    operator: String,
    inventory: &'a str,
    version: &'a str,
    converged: usize,
    steps: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    role: &'a str,
    step: &'a str,
    kind: &'a str,
    state: State,
    reason: Option<&'a Text>,
    seconds: f64,
}

/// The record of `host`; `None` if there is nothing to tell.
pub(super) fn of(host: &str, run: &str, inventory: &str, results: &[StepResult]) -> Option<String> {
    let results = || results.iter().filter(|result| result.host == host);
    let steps: Vec<Entry<'_>> = results()
        .filter(|result| result.state != State::Converged)
        .map(|result| Entry {
            role: &result.role,
            step: &result.step,
            kind: &result.kind,
            state: result.state,
            reason: result.reason.as_ref(),
            seconds: result.seconds,
        })
        .collect();
    if steps.is_empty() {
        return None;
    }
    let record = Record {
        run,
        time: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        operator: super::operator(),
        inventory,
        version: env!("CARGO_PKG_VERSION"),
        converged: results().count() - steps.len(),
        steps,
    };
    serde_json::to_string_pretty(&record).ok()
}
