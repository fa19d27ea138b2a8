//! Talking to a host: one SSH connection, one root shell that stays, framed scripts.
//!
//! Knows nothing of steps' kinds, of roles, or of mail.

pub mod connection;
pub mod facts;
pub mod known_hosts;
pub mod observe;
pub mod script;
pub mod session;
pub mod ssh_config;

use std::collections::BTreeMap;

use serde::Serialize;

/// What is known of a host before any step.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// `ID` of os-release: `debian`.
    pub distribution: String,
    /// `VERSION_ID` of os-release, `13`; empty on a rolling distribution.
    pub release: String,
    pub codename: String,
    /// dpkg's or pacman's word: `amd64`, `x86_64`.
    pub architecture: String,
    /// Name of process 1.
    pub init: String,
    pub hostname: String,
    pub fqdn: String,
    /// MiB
    pub memory: u64,
    /// Seconds since 1970 by the host's clock.
    pub clock: i64,
    /// Who logged in.
    pub login: String,
    /// The port of the host's own that the login came in by; 0 when not over SSH.
    pub ssh_port: u16,
    /// The address that the host saw the login come from; empty when not over SSH.
    pub ssh_client: String,
    /// Versions of the packages that the roles ask about.
    pub packages: BTreeMap<String, PackageVersion>,
}

/// The version of a package that templates speak to, and how sure it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "from", content = "version", rename_all = "lowercase")]
pub enum PackageVersion {
    Installed(String),
    /// The package manager would install this one.
    Candidate(String),
    /// The role's known version for this release stands in.
    Release(String),
}

impl PackageVersion {
    pub fn version(&self) -> &str {
        match self {
            Self::Installed(version) | Self::Candidate(version) | Self::Release(version) => version,
        }
    }
}

/// Why talking to a host failed. Texts are for the operator and hold no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// No connection, or it broke: what happened and what to do (exit 6).
    #[error("{0}")]
    Unreachable(String),
    /// The host key is unknown, changed or revoked (exit 6).
    #[error("{0}")]
    HostKey(String),
    /// Login or sudo refused (exit 6).
    #[error("{0}")]
    Refused(String),
    /// Somebody else's run holds the lock: who, since when (exit 7).
    #[error("{0}")]
    Locked(String),
    /// The host wants a new password before it lets anybody do anything (exit 6).
    #[error("{0}")]
    Expired(String),
    /// A secret needed for the login is missing (exit 8).
    #[error("{0}")]
    Secret(String),
    /// The host answered something that makes no sense (exit 5).
    #[error("{0}")]
    Protocol(String),
}

/// The answer to one fragment of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Exit status of the fragment.
    pub status: i32,
    pub output: Vec<u8>,
    /// Its standard error, without progress lines.
    pub errors: String,
    /// Seconds that it took on the host.
    pub seconds: f64,
}

/// Reads a host. Plans are made with this alone.
#[allow(async_fn_in_trait)]
pub trait ReadHost {
    /// One round trip: facts with the versions of `packages`, and the lock when `lock` names its holder.
    async fn facts(&mut self, packages: &[String], lock: Option<&str>) -> Result<Facts, HostError>;

    /// One round trip, however many probes.
    async fn probe(
        &mut self,
        probes: &[crate::step::probe::Probe],
    ) -> Result<crate::step::probe::Observed, HostError>;
}

/// Changes a host. Only a run has this.
#[allow(async_fn_in_trait)]
pub trait WriteHost: ReadHost {
    /// One round trip: every fragment in order, each in a subshell of its own, then the probes. `progress` gets
    /// what fragments print for people (lines of standard error that begin with `mailprov: `) as it comes, with
    /// the fragment's index.
    async fn batch(
        &mut self,
        fragments: &[script::Script],
        probes: &[crate::step::probe::Probe],
        progress: &mut (dyn FnMut(usize, &str) + Send),
    ) -> Result<(Vec<Answer>, crate::step::probe::Observed), HostError>;

    /// Runs `script` over a connection of its own, made as a new login would be: shows that the host still lets one
    /// in.
    async fn afresh(&mut self, script: &script::Script) -> Result<Answer, HostError>;

    /// Writes the run's record, lets go of the lock and ends the shell; the answer is not waited for.
    async fn finish(&mut self, record: Option<&str>) -> Result<(), HostError>;
}
