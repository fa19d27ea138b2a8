//! Private keys of the operator: files and the agent.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::signature::Signer as _;
use russh::keys::ssh_encoding::Encode as _;
use russh::keys::ssh_key::private::KeypairData;
use russh::keys::{Certificate, HashAlg, PrivateKey, PublicKey, ssh_key};
use tokio::net::UnixStream;

use super::{Prompt, Target};
use crate::host::HostError;
use crate::host::ssh_config::Agent;

/// How often a passphrase is asked for.
const ATTEMPTS: usize = 3;

/// A key file, as far as it could be read without asking.
pub enum KeyFile {
    Open(Arc<PrivateKey>),
    /// Encrypted; the public half when the format tells it.
    Encrypted(String, Option<PublicKey>),
    /// Only the public half is here: an agent may have the other.
    Public(PublicKey),
    /// There is no such file.
    Absent,
}

/// Reads a private key file; one that others may read is refused, as ssh(1) does.
///
/// # Errors
/// What is wrong with the file.
pub fn read(target: &Target, path: &Path) -> Result<KeyFile, HostError> {
    let refuse = |what: String| {
        HostError::Refused(format!(
            "{}: the private key {} can't be used: {what}",
            target.name,
            path.display()
        ))
    };
    let mode = match std::fs::metadata(path) {
        Ok(found) => found.permissions().mode(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return match public(&beside(path, ".pub")) {
                Some(key) => Ok(KeyFile::Public(key)),
                None if target.identity_files_may_lack => Ok(KeyFile::Absent),
                None => Err(refuse(error.to_string())),
            };
        }
        Err(error) => return Err(refuse(error.to_string())),
    };
    if let Some(key) = public(path) {
        return Ok(KeyFile::Public(key));
    }
    if mode & 0o077 != 0 {
        return Err(refuse(format!(
            "others may read it (mode {:04o}); run `chmod 600 {}`",
            mode & 0o7777,
            path.display()
        )));
    }
    let text = std::fs::read_to_string(path).map_err(|error| refuse(error.to_string()))?;
    match russh::keys::decode_secret_key(&text, None) {
        Ok(key) => Ok(KeyFile::Open(Arc::new(key))),
        Err(russh::keys::Error::KeyIsEncrypted) => {
            let public = PrivateKey::from_openssh(&text)
                .ok()
                .map(|key| key.public_key().clone());
            Ok(KeyFile::Encrypted(text, public))
        }
        Err(error) if text.contains("ENCRYPTED") => {
            // Old PEM formats: whether the passphrase is missing shows only in the attempt.
            let _ = error;
            Ok(KeyFile::Encrypted(text, None))
        }
        Err(error) => Err(refuse(format!("{error}; is it a private key?"))),
    }
}

/// With `~` for the home folder.
fn shown(path: &Path) -> String {
    let home = std::env::home_dir();
    match home.as_deref().and_then(|home| path.strip_prefix(home).ok()) {
        Some(rest) => format!("~/{}", rest.display()),
        None => path.display().to_string(),
    }
}

fn public(path: &Path) -> Option<PublicKey> {
    PublicKey::from_openssh(std::fs::read_to_string(path).ok()?.trim()).ok()
}

/// A file that ssh-keygen puts next to a key.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// The operator's certificates: those that the target names and those next to its key files. A file that is absent or
/// holds none is passed over, as ssh(1) does: without it the host is the one to refuse.
pub fn certificates(target: &Target) -> Vec<Certificate> {
    let beside_keys = target.identity_files.iter().map(|path| beside(path, "-cert.pub"));
    target
        .certificate_files
        .iter()
        .cloned()
        .chain(beside_keys)
        .filter_map(|path| Certificate::from_openssh(std::fs::read_to_string(path).ok()?.trim()).ok())
        .collect()
}

/// Signs with a key that is in memory.
pub struct Local(pub Arc<PrivateKey>);

impl russh::Signer for Local {
    type Error = russh::AgentAuthError;

    async fn auth_sign(
        &mut self,
        _: &AgentIdentity,
        hash: Option<HashAlg>,
        mut data: Vec<u8>,
    ) -> Result<Vec<u8>, Self::Error> {
        let signature = match self.0.key_data() {
            KeypairData::Rsa(pair) => (pair, hash).try_sign(&data),
            _ => self.0.try_sign(&data),
        };
        let signature = signature.map_err(|error| russh::keys::Error::from(ssh_key::Error::from(error)))?;
        signature
            .encode_prefixed(&mut data)
            .map_err(|error| russh::keys::Error::from(ssh_key::Error::from(error)))?;
        Ok(data)
    }
}

/// Keys that a passphrase has opened, by their encrypted text: hosts and logins that follow need not ask again.
static UNLOCKED: Mutex<Vec<(String, Arc<PrivateKey>)>> = Mutex::new(Vec::new());

/// Decrypts a key with a passphrase from the operator; `None` when nobody can be asked or nobody knows it.
pub fn unlock(path: &Path, text: &str, prompt: &dyn Prompt) -> Option<Arc<PrivateKey>> {
    let unlocked = || UNLOCKED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, key)) = unlocked().iter().find(|(known, _)| known == text) {
        return Some(key.clone());
    }
    for _ in 0..ATTEMPTS {
        let passphrase = prompt.password(&format!("Passphrase of {}: ", path.display()))?;
        if let Ok(key) = russh::keys::decode_secret_key(text, Some(passphrase.expose())) {
            let key = Arc::new(key);
            unlocked().push((text.to_owned(), key.clone()));
            return Some(key);
        }
    }
    None
}

/// The files that ssh(1) tries by itself, as far as they exist.
pub fn default_files() -> Vec<PathBuf> {
    let Some(home) = std::env::home_dir() else {
        return Vec::new();
    };
    ["id_ed25519", "id_ecdsa", "id_rsa"]
        .into_iter()
        .map(|name| home.join(".ssh").join(name))
        .filter(|path| path.exists())
        .collect()
}

/// The public halves of the keys that a login with `target` would use: of its key files, else of the default ones, else
/// those that the agent holds. Each with where it is from.
///
/// # Errors
/// A key file that can't be used.
pub async fn operators(target: &Target) -> Result<Vec<(PublicKey, String)>, HostError> {
    let mut files = target.identity_files.clone();
    if files.is_empty() && !target.no_identity_files {
        files = default_files();
    }
    let mut keys = Vec::new();
    for path in &files {
        let key = match read(target, path)? {
            KeyFile::Open(key) => Some(key.public_key().clone()),
            KeyFile::Encrypted(_, Some(key)) | KeyFile::Public(key) => Some(key),
            KeyFile::Encrypted(_, None) => public(&beside(path, ".pub")),
            KeyFile::Absent => None,
        };
        keys.extend(key.map(|key| (key, shown(path))));
    }
    if keys.is_empty()
        && let Some((_, held)) = agent(&target.agent).await
    {
        let from = |key: &PublicKey| format!("the agent's {}", key.fingerprint(HashAlg::Sha256));
        keys.extend(held.into_iter().map(|key| (key.clone(), from(&key))));
    }
    Ok(keys)
}

/// The operator's agent and the public keys it holds. `None`: there is no agent, or it does not answer.
pub async fn agent(which: &Agent) -> Option<(AgentClient<UnixStream>, Vec<PublicKey>)> {
    let ask = async {
        let mut agent = match which {
            Agent::Environment => AgentClient::connect_env().await.ok()?,
            Agent::Socket(path) => AgentClient::connect_uds(path).await.ok()?,
            Agent::None => return None,
        };
        let identities = agent.request_identities().await.ok()?;
        let keys = identities
            .into_iter()
            .filter_map(|identity| match identity {
                AgentIdentity::PublicKey { key, .. } => Some(key),
                AgentIdentity::Certificate { .. } => None,
            })
            .collect();
        Some((agent, keys))
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), ask)
        .await
        .ok()
        .flatten()
}
