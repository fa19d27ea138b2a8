//! One run of this program on the rehearsal's inventory, as its events tell it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::Command;

use super::RehearseError;
use super::site::Site;
use crate::exit::Exit;

/// What a run came to.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) exit: Exit,
    /// `HOST ROLE/STEP` → how it ended.
    pub(super) states: BTreeMap<String, String>,
    /// Why steps and hosts failed, and what stood on standard error.
    pub(super) messages: Vec<String>,
}

impl Stage {
    /// Runs `apply` with `arguments`; `progress` hears what the hosts are busy with.
    pub(super) async fn play(
        program: &Path,
        site: &Site,
        arguments: &[&str],
        progress: &dyn Fn(&str),
    ) -> Result<Self, RehearseError> {
        let failed =
            |error: std::io::Error| RehearseError::Io(format!("running {}: {error}", program.display()));
        let mut child = Command::new(program)
            .arg("apply")
            .arg(site.inventory())
            .args(["--output", "json", "--identity"])
            .arg(site.identity())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let mut stage = Self {
            exit: Exit::Bug,
            states: BTreeMap::new(),
            messages: Vec::new(),
        };
        let errors = child.stderr.take().map(|mut stderr| {
            tokio::spawn(async move {
                let mut bytes = Vec::new();
                // What came before a broken pipe is what there is.
                let _ = stderr.read_to_end(&mut bytes).await;
                String::from_utf8_lossy(&bytes).into_owned()
            })
        });
        if let Some(stdout) = child.stdout.take() {
            let mut lines = BufReader::new(stdout).lines();
            while let Some(line) = lines.next_line().await.map_err(failed)? {
                stage.take(&line, progress);
            }
        }
        let status = child.wait().await.map_err(failed)?;
        stage.exit = Exit::ALL
            .into_iter()
            .find(|exit| status.code() == Some(i32::from(exit.code())))
            .unwrap_or(Exit::Bug);
        if let Some(errors) = errors
            && let Ok(text) = errors.await
            && !text.trim().is_empty()
        {
            stage.messages.push(text.trim().to_owned());
        }
        Ok(stage)
    }

    fn take(&mut self, line: &str, progress: &dyn Fn(&str)) {
        let Ok(event) = serde_json::from_str::<Value>(line) else {
            self.messages.push(format!("not an event: {line}"));
            return;
        };
        let word = |key: &str| event.get(key).and_then(Value::as_str).unwrap_or_default();
        match word("type") {
            "doing" => progress(&format!("{}: {}", word("host"), word("text"))),
            "step" => {
                let step = format!("{} {}/{}", word("host"), word("role"), word("step"));
                if matches!(word("state"), "failed" | "unknown" | "waiting") {
                    self.messages.push(format!("{step}: {}", word("reason")));
                }
                self.states.insert(step, word("state").to_owned());
            }
            "failure" => self
                .messages
                .push(format!("{}: {}", word("host"), word("message"))),
            _ => {}
        }
    }

    /// Steps that differed: announced by a check, changed by an apply. What waits is neither.
    pub(super) fn changes(&self) -> BTreeSet<String> {
        let all = self.states.iter();
        all.filter(|(_, state)| !matches!(state.as_str(), "converged" | "waiting"))
            .map(|(step, _)| step.clone())
            .collect()
    }

    /// Steps that ended in one of these states.
    pub(super) fn steps_in(&self, states: &[&str]) -> BTreeSet<String> {
        let all = self.states.iter();
        all.filter(|(_, state)| states.contains(&state.as_str()))
            .map(|(step, _)| step.clone())
            .collect()
    }

    /// Everything that was said about what went wrong.
    pub(super) fn said(&self) -> String {
        if self.messages.is_empty() {
            return format!("it ended with code {}: {}", self.exit.code(), self.exit.meaning());
        }
        self.messages.join("\n")
    }
}
