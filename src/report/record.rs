//! The record of a run that stays on the host: who, when, from where, which steps changed. Never a diff.

use serde::{Deserialize, Serialize};

use super::event::{State, StepResult};

/// A run, as its host remembers it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its name; also that of its folder of backups.
    pub run: String,
    /// When it ended, RFC 3339 in UTC.
    pub time: String,
    /// `user@machine`.
    pub operator: String,
    /// The inventory's path, as it was given.
    pub inventory: String,
    /// Of mailprov.
    pub version: String,
    /// How many steps there was nothing to do about.
    pub converged: usize,
    /// All others.
    pub steps: Vec<Entry>,
    /// The run whose files were brought back, for a rollback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_of: Option<String>,
}

/// What became of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub role: String,
    pub step: String,
    pub kind: String,
    pub state: State,
    pub reason: Option<String>,
    /// Time that its fix took on the host.
    pub seconds: f64,
}

/// The record of `host`; `None` if there is nothing to tell.
pub(super) fn of(
    host: &str,
    run: &str,
    inventory: &str,
    results: &[StepResult],
    rollback_of: Option<&str>,
) -> Option<String> {
    let results = || results.iter().filter(|result| result.host == host);
    let steps: Vec<Entry> = results()
        .filter(|result| result.state != State::Converged)
        .map(|result| Entry {
            role: result.role.clone(),
            step: result.step.clone(),
            kind: result.kind.clone(),
            state: result.state,
            reason: result.reason.as_ref().map(|reason| reason.as_str().to_owned()),
            seconds: result.seconds,
        })
        .collect();
    if steps.is_empty() {
        return None;
    }
    let record = Record {
        run: run.to_owned(),
        time: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        operator: super::operator(),
        inventory: inventory.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        converged: results().count() - steps.len(),
        steps,
        rollback_of: rollback_of.map(str::to_owned),
    };
    serde_json::to_string_pretty(&record).ok()
}
