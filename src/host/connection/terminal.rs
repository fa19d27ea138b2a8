//! Asking the operator at a terminal.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::sync::{Mutex, PoisonError};

use super::Prompt;
use crate::ask;
use crate::secret::Secret;

/// Nobody can be asked.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoPrompt;

impl Prompt for NoPrompt {
    fn trust_host_key(&self, _host: &str, _fingerprint: &str) -> Option<bool> {
        None
    }

    fn password(&self, _question: &str) -> Option<Secret> {
        None
    }
}

/// Asks on the terminal, one question at a time; refuses when standard input or standard error is none. Needs tokio's
/// runtime with several threads: its other tasks go on while a person thinks.
#[derive(Debug, Default)]
pub struct Terminal {
    busy: Mutex<()>,
}

impl Terminal {
    /// What a person answers to `ask`, if somebody is there.
    fn alone<T>(&self, question: impl FnOnce() -> Option<T>) -> Option<T> {
        if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
            return None;
        }
        tokio::task::block_in_place(|| {
            ask::heed_signals();
            let _busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
            question()
        })
    }
}

impl Prompt for Terminal {
    fn trust_host_key(&self, host: &str, fingerprint: &str) -> Option<bool> {
        self.alone(|| {
            let mut terminal = std::io::stderr();
            write!(
                terminal,
                "The host key of {host} is not known. Its fingerprint is\n  {fingerprint}\n\
                 Compare it with what the host's console or provider shows. Trust it? (yes/no) "
            )
            .and_then(|()| terminal.flush())
            .ok()?;
            let mut answer = String::new();
            std::io::stdin().lock().read_line(&mut answer).ok()?;
            Some(answer.trim().eq_ignore_ascii_case("yes"))
        })
    }

    fn password(&self, question: &str) -> Option<Secret> {
        self.alone(|| {
            ask::hidden(question)
                .ok()
                .filter(|text| !text.is_empty())
                .map(|text| Secret::new(text.as_str()))
        })
    }
}
