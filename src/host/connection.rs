//! Opening an authenticated connection to a host and starting the root shell on it: the only module that speaks
//! `russh`, together with its folder.
//!
//! Each station is a file: `dial` (TCP and key exchange), `trust` (the host's key), `login`, `expired` (a password that
//! must be changed first), `shell` (the streams) and `sudo`.

mod dial;
mod expired;
pub mod keys;
mod local;
mod login;
mod shell;
pub mod sudo;
mod terminal;
mod trust;

use std::path::PathBuf;

use super::HostError;
use super::session::{self, Places, Session};
use super::ssh_config::Agent;
use super::ssh_config::limits::Limits;
use crate::secret::Secret;
pub(super) use expired::error as expired;
pub use local::local;
pub use terminal::{NoPrompt, Terminal};

/// Everything needed to reach a host, secrets filled in.
#[derive(Debug, Clone, Default)]
pub struct Target {
    /// The host's name in the inventory, for messages.
    pub name: String,
    pub address: String,
    /// 0 is read as 22.
    pub port: u16,
    /// Empty is read as `root`.
    pub user: String,
    /// Tried in order. Without any, the agent and then OpenSSH's default files are tried.
    pub identity_files: Vec<PathBuf>,
    pub password: Option<Secret>,
    /// Tried when that one is refused.
    pub spare_password: Option<Secret>,
    /// How often a password for the login is asked for; 0 is read as 1.
    pub password_prompts: u8,
    /// Only keys: no password is tried and none is asked for.
    pub keys_only: bool,
    /// The host may demand a new password: looked at before the shell is started, and changed to what
    /// [`Prompt::new_password`] says.
    pub may_be_expired: bool,
    /// The password of the login is tried when there is none.
    pub sudo_password: Option<Secret>,
    /// `SHA256:…`: decides alone, whatever the known hosts say.
    pub host_key_fingerprint: Option<String>,
    /// OpenSSH's own when empty. New keys go to the first.
    pub known_hosts: Vec<PathBuf>,
    pub accept_new_host_key: bool,
    /// A key that has the fingerprint is recorded in the known hosts, if they have none of the host.
    pub record_host_key: bool,
    /// Nobody is asked about an unknown key: it is refused.
    pub strict_host_key: bool,
    /// The name to look for in the known hosts and in certificates, instead of address and port.
    pub host_key_alias: Option<String>,
    /// A missing key file is passed over, as ssh(1) does with those of its configuration.
    pub identity_files_may_lack: bool,
    /// The default files are not tried either.
    pub no_identity_files: bool,
    /// Of the agent's keys only those of the files.
    pub identities_only: bool,
    pub agent: Agent,
    /// What else the SSH configuration narrows.
    pub limits: Limits,
    /// Certificates of the operator, besides those that lie next to the key files.
    pub certificate_files: Vec<PathBuf>,
    /// Hosts on the way, the nearest first; those of theirs are not looked at.
    pub jumps: Vec<Target>,
}

impl Target {
    /// The name and port under which the known hosts have it.
    pub fn known_as(&self) -> (&str, u16) {
        match &self.host_key_alias {
            Some(alias) => (alias, 22),
            None => (&self.address, self.port),
        }
    }
}

/// Asks the operator. The terminal's implementation prompts; the other one refuses.
pub trait Prompt: Send + Sync {
    /// Whether to trust an unknown host key. `None`: nobody can be asked.
    fn trust_host_key(&self, host: &str, fingerprint: &str) -> Option<bool>;
    /// A password or passphrase. `None`: nobody can be asked.
    fn password(&self, question: &str) -> Option<Secret>;
    /// The password that the login gets where the host demands a new one. `None`: nobody says one.
    ///
    /// # Errors
    /// It can't be kept, so it must not be set either.
    fn new_password(&self, _login: &str) -> Result<Option<Secret>, HostError> {
        Ok(None)
    }
}

/// Connects, verifies the host key, logs in, becomes root and starts the shell.
///
/// When the login is not root and no password for sudo is known, one more round trip asks whether one is needed.
///
/// # Errors
/// Whatever stands between the operator and a root shell. A wrong password for sudo may show only in the first
/// answer.
pub async fn connect(target: &Target, prompt: &dyn Prompt) -> Result<Session, HostError> {
    let mut target = target.clone();
    for target in target.jumps.iter_mut() {
        defaults(target);
    }
    defaults(&mut target);
    let (mut handle, mut way, mut notes, password) = enter(&target, prompt).await?;
    if target.may_be_expired && expired::is_demanded(&target, &handle).await? {
        let new = expired::change(&target, &handle, password.as_ref(), prompt).await?;
        // This connection stays one that must change its password first.
        drop((handle, way));
        target.password = Some(new);
        (handle, way, notes, _) = enter(&target, prompt).await?;
    }
    let target = &target;
    let wire = shell::start(target, handle, way, notes).await?;
    become_root(target, wire, prompt).await
}

/// A connection that is logged in: itself, those to the hosts on the way, what it hears, and the password that was
/// accepted.
type Entered = (
    russh::client::Handle<dial::Client>,
    Vec<russh::client::Handle<dial::Client>>,
    super::session::wire::Notes,
    Option<Secret>,
);

async fn enter(target: &Target, prompt: &dyn Prompt) -> Result<Entered, HostError> {
    let mut way = Vec::new();
    let asking = |target: &Target| {
        if target.limits.batch_mode {
            &NoPrompt
        } else {
            prompt
        }
    };
    for hop in &target.jumps {
        let prompt = asking(hop);
        let (mut handle, notes) = dial::connect(hop, way.last(), prompt).await?;
        login::authenticate(hop, prompt, &mut handle, &notes).await?;
        way.push(handle);
    }
    let prompt = asking(target);
    let (mut handle, notes) = dial::connect(target, way.last(), prompt).await?;
    let password = login::authenticate(target, prompt, &mut handle, &notes).await?;
    Ok((handle, way, notes, password))
}

/// Starts the root shell over a shell of the login's.
async fn become_root(
    target: &Target,
    wire: super::session::wire::Wire,
    prompt: &dyn Prompt,
) -> Result<Session, HostError> {
    let nonce = session::nonce().map_err(|error| session::no_random_numbers(&target.name, &error))?;
    let bootstrap = sudo::bootstrap(&nonce);
    let mut session = Session::over(&target.name, wire, nonce);
    let known = target.sudo_password.as_ref().or(target.password.as_ref());
    match known {
        _ if target.user == "root" => session.send(&format!("{bootstrap}root\n")).await?,
        Some(password) => {
            session
                .send(&password_line(&bootstrap, target, password)?)
                .await?
        }
        None => {
            session.send(&format!("{bootstrap}ask\n")).await?;
            if session.hello().await? == "password" {
                let question = format!("sudo password of {} on {}: ", target.user, target.name);
                let Some(password) = prompt.password(&question) else {
                    return Err(sudo::refusal(&target.name, "password", ""));
                };
                session.send(&password_line("", target, &password)?).await?;
                session.hello().await?;
            }
        }
    }
    session.begin(&Places::default()).await?;
    Ok(session)
}

fn defaults(target: &mut Target) {
    if target.port == 0 {
        target.port = 22;
    }
    if target.user.is_empty() {
        "root".clone_into(&mut target.user);
    }
}

fn password_line(before: &str, target: &Target, password: &Secret) -> Result<String, HostError> {
    let password = password.expose();
    if password.contains(['\n', '\r', '\0']) {
        return Err(HostError::Refused(format!(
            "{}: the password for sudo has a line break in it, so it can't be typed; correct the secret",
            target.name
        )));
    }
    Ok(format!("{before}password {password}\n"))
}

#[cfg(test)]
mod tests;
