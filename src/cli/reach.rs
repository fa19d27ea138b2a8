//! How a host of the inventory is reached: what the connection needs, with its secrets filled in.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::common::Failure;
use crate::host::HostError;
use crate::host::connection::{self, Prompt, Target};
use crate::host::script::quote;
use crate::host::session::Session;
use crate::host::ssh_config::{self, SshConfig};
use crate::inventory::{Inventory, InventoryHost};
use crate::secret::Secret;
use crate::secret::vault::Vault;

/// The target of `host`.
///
/// # Errors
/// A password that the vault does not have; an SSH configuration that makes no sense.
pub fn target(host: &InventoryHost, vault: &Vault, accept_new_host_key: bool) -> Result<Target, HostError> {
    let connection = &host.connection;
    let secret = |name: &Option<String>| match name {
        None => Ok(None),
        Some(name) => vault.get(name).cloned().map(Some).ok_or_else(|| {
            HostError::Secret(format!(
                "{}: the secret `{name}` of its login is missing; add it with `mailprov secrets set`",
                host.name
            ))
        }),
    };
    let mut target = Target {
        name: host.name.clone(),
        address: connection.address.clone().unwrap_or_else(|| host.name.clone()),
        port: connection.port.unwrap_or_default(),
        user: connection.user.clone().unwrap_or_default(),
        identity_files: connection.identity_files.clone(),
        password: secret(&connection.password)?,
        sudo_password: secret(&connection.sudo_password)?,
        host_key_fingerprint: connection.host_key_fingerprint.clone(),
        known_hosts: connection.known_hosts.iter().cloned().collect(),
        accept_new_host_key,
        ..Target::default()
    };
    if connection.ssh_config.unwrap_or(true) && !connection.local {
        let config = SshConfig::of_operator()
            .map_err(|what| HostError::Unreachable(format!("{}: {what}", host.name)))?;
        ssh_config::complete(&mut target, &config)?;
    }
    Ok(target)
}

/// The secrets that logins need, and no others.
///
/// # Errors
/// A secret that is missing or can't be decrypted (exit 8).
pub fn vault(
    inventory: &Inventory,
    hosts: &[&InventoryHost],
    identities: &[PathBuf],
) -> Result<Vault, Failure> {
    let mut names: Vec<&str> = Vec::new();
    for host in hosts {
        names.extend(host.connection.password.as_deref());
        names.extend(host.connection.sudo_password.as_deref());
    }
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return Ok(Vault::default());
    }
    Ok(inventory.secrets.open(&names, identities)?)
}

/// Opens a root shell on `host`, which `inventory` names, in a task of its own: while its prompt waits for a person,
/// other hosts go on.
///
/// # Errors
/// See [`connection::connect`].
pub async fn open<P: Prompt + 'static>(
    host: &InventoryHost,
    vault: &Vault,
    accept_new_host_key: bool,
    prompt: Arc<P>,
    inventory: Option<&Path>,
) -> Result<Session, HostError> {
    let target = target(host, vault, accept_new_host_key)?;
    let prompt = Arc::new(Remembering {
        prompt,
        answers: Mutex::default(),
        again: AtomicBool::new(false),
    });
    let is_local = host.connection.local;
    let (asked, reached) = (prompt.clone(), target.clone());
    let opening = tokio::spawn(async move {
        if is_local {
            connection::local(&reached, asked.as_ref()).await
        } else {
            connection::connect(&reached, asked.as_ref()).await
        }
    });
    let opened = opening
        .await
        .map_err(|error| HostError::Protocol(format!("{}: connecting ended early: {error}", host.name)))?;
    let mut session = opened.map_err(|error| never_bootstrapped(host, inventory, error))?;
    // Without SSH nobody can be locked out.
    if !is_local {
        prompt.again.store(true, Ordering::Relaxed);
        session.again_by(Box::new(move || {
            let (target, prompt) = (target.clone(), prompt.clone());
            Box::pin(async move { connection::connect(&target, prompt.as_ref()).await })
        }));
    }
    Ok(session)
}

/// A host that refuses the login that its inventory expects may be as its provider handed it over; one whose password
/// has expired is.
fn never_bootstrapped(host: &InventoryHost, inventory: Option<&Path>, error: HostError) -> HostError {
    let Some(inventory) = inventory.filter(|_| !host.connection.local) else {
        return error;
    };
    let hint = |text: String| {
        format!(
            "{text}\n  help: a host as its provider hands it over is made ready first: mailprov bootstrap {} --limit {}",
            quote(&inventory.to_string_lossy()),
            quote(&host.name)
        )
    };
    let expected = host.connection.bootstrap.is_some();
    match error {
        HostError::Refused(text) if expected => HostError::Refused(hint(text)),
        HostError::HostKey(text) if expected && text.contains("unknown") => HostError::HostKey(hint(text)),
        HostError::Expired(text) => HostError::Expired(hint(text)),
        other => other,
    }
}

/// Asks a person once: a second connection of the same run is opened with what the first one was told.
struct Remembering<P> {
    prompt: Arc<P>,
    answers: Mutex<BTreeMap<String, Secret>>,
    /// The first connection stands.
    again: AtomicBool,
}

impl<P: Prompt> Prompt for Remembering<P> {
    fn trust_host_key(&self, host: &str, fingerprint: &str) -> Option<bool> {
        self.prompt.trust_host_key(host, fingerprint)
    }

    fn password(&self, question: &str) -> Option<Secret> {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if self.again.load(Ordering::Relaxed) {
            return answers.get(question).cloned();
        }
        let answer = self.prompt.password(question)?;
        answers.insert(question.to_owned(), answer.clone());
        Some(answer)
    }

    fn new_password(&self, login: &str) -> Result<Option<Secret>, HostError> {
        self.prompt.new_password(login)
    }
}
