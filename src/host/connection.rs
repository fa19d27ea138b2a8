//! Opening an authenticated connection to a host.

pub mod sudo;

use std::path::PathBuf;

use super::HostError;
use super::session::Session;
use crate::secret::Secret;

/// Everything needed to reach a host, secrets filled in.
#[derive(Debug, Clone, Default)]
pub struct Target {
    /// The host's name in the inventory, for messages.
    pub name: String,
    pub address: String,
    pub port: u16,
    pub user: String,
    pub identity_files: Vec<PathBuf>,
    pub password: Option<Secret>,
    pub sudo_password: Option<Secret>,
    pub host_key_fingerprint: Option<String>,
    pub known_hosts: Vec<PathBuf>,
    pub accept_new_host_key: bool,
}

/// Asks the operator. The terminal's implementation prompts; the other one refuses.
pub trait Prompt: Send + Sync {
    /// Whether to trust an unknown host key. `None`: nobody can be asked.
    fn trust_host_key(&self, host: &str, fingerprint: &str) -> Option<bool>;
    /// A password or passphrase. `None`: nobody can be asked.
    fn password(&self, question: &str) -> Option<Secret>;
}

/// Connects, verifies the host key, logs in, becomes root and starts the shell.
pub async fn connect(_target: &Target, _prompt: &dyn Prompt) -> Result<Session, HostError> {
    todo!("host helper")
}
