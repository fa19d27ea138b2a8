//! Verification of a mail server from outside, as mail programs and other servers would use it.
//!
//! This module is about mail and its protocols; it knows nothing of how the server was made. It talks only to
//! the server's address.

mod checks;
mod imap;
mod managesieve;
mod message;
mod smtp;
mod tls;

use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::secret::Secret;

/// A mail server and what it is said to serve.
#[derive(Debug, Clone)]
pub struct Subject {
    pub address: IpAddr,
    /// The name in its certificate.
    pub hostname: String,
    pub mailboxes: Vec<Mailbox>,
    /// An alias's address, and where its mail goes.
    pub aliases: Vec<(String, Vec<String>)>,
    /// Domains that take mail for every address.
    pub catch_all: Vec<String>,
}

/// A mailbox that one can log in to.
#[derive(Debug, Clone)]
pub struct Mailbox {
    pub address: String,
    pub password: Secret,
    /// Bytes that it may hold; `None` or 0: nothing worth filling.
    pub quota: Option<u64>,
}

/// What became of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Passed,
    /// What was expected and what the server said.
    Failed(String),
    /// Why there was nothing to check.
    Skipped(String),
}

/// A check and its verdict.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// What is true when it passed: `mail sent through 587 arrives`.
    pub claim: &'static str,
    pub verdict: Verdict,
    pub seconds: f64,
}

/// What Postfix logs of mail that did not get through at once, as a pattern for a journal; it raises no alarm there.
pub const LATE: &str = "status=(deferred|bounced)";

/// How long mail may take from one end to the other: seconds, or minutes when its first delivery met a service that was
/// not ready and it had to be tried again.
const ARRIVAL: Duration = Duration::from_secs(180);
/// How long one answer of the server may take.
const ANSWER: Duration = Duration::from_secs(60);

/// Makes every check, in order; `progress` hears the claim before each.
pub async fn run(subject: &Subject, progress: &dyn Fn(&str)) -> Vec<Finding> {
    let mut findings = Vec::new();
    for check in checks::ALL {
        progress(check.claim);
        let start = Instant::now();
        let verdict = match (check.run)(subject.clone()).await {
            Ok(()) => Verdict::Passed,
            Err(Trouble::Failed(why)) => Verdict::Failed(why),
            Err(Trouble::Skipped(why)) => Verdict::Skipped(why),
        };
        findings.push(Finding {
            claim: check.claim,
            verdict,
            seconds: start.elapsed().as_secs_f64(),
        });
    }
    findings
}

/// Why a check did not pass.
#[derive(Debug)]
enum Trouble {
    Failed(String),
    Skipped(String),
}

impl Trouble {
    fn failed(why: impl std::fmt::Display) -> Self {
        Self::Failed(why.to_string())
    }
}

/// Adds what was being done to an error.
trait While<T> {
    fn doing(self, what: impl std::fmt::Display) -> Result<T, Trouble>;
}

impl<T, E: std::fmt::Display> While<T> for Result<T, E> {
    fn doing(self, what: impl std::fmt::Display) -> Result<T, Trouble> {
        self.map_err(|error| Trouble::Failed(format!("{what}: {error}")))
    }
}
