//! Asking the operator at a terminal.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::sync::{Mutex, PoisonError};

use super::Prompt;
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

/// Asks on the terminal, one question at a time; refuses when standard input or standard error is none.
#[derive(Debug, Default)]
pub struct Terminal {
    busy: Mutex<()>,
}

fn somebody_is_there() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

impl Prompt for Terminal {
    fn trust_host_key(&self, host: &str, fingerprint: &str) -> Option<bool> {
        if !somebody_is_there() {
            return None;
        }
        let _busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
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
    }

    fn password(&self, question: &str) -> Option<Secret> {
        if !somebody_is_there() {
            return None;
        }
        let _busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        rpassword::prompt_password(question)
            .ok()
            .filter(|text| !text.is_empty())
            .map(Secret::new)
    }
}
