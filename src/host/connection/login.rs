//! Authentication: keys, agent, passwords, in that order, and an account of what was tried.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse};
use russh::keys::agent::client::AgentClient;
use russh::keys::{Certificate, HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey};
use russh::{MethodKind, MethodSet};
use tokio::net::UnixStream;

use super::dial::{Client, unreachable, words};
use super::expired::Demand;
use super::keys::{self, KeyFile};
use super::{Prompt, Target};
use crate::host::HostError;
use crate::host::session::wire::Notes;
use crate::secret::Secret;

/// How long the host may think about one attempt: PAM makes a wrong password slow on purpose.
const PATIENCE: Duration = Duration::from_secs(60);
/// Rounds of questions of one keyboard-interactive login.
const ROUNDS: usize = 10;

type Agent = Option<(AgentClient<UnixStream>, Vec<PublicKey>)>;

struct Login<'a> {
    target: &'a Target,
    handle: &'a mut Handle<Client>,
    notes: &'a Notes,
    /// In the words of the final error.
    tried: Vec<String>,
    /// What the host would still accept; `None` before its first answer.
    offered: Option<MethodSet>,
    /// The hash for signatures of RSA keys, asked for once.
    rsa_hash: Option<HashAlg>,
    certificates: Vec<Certificate>,
}

/// Logs in. The password that was accepted, when it was one: the new one, if the host demanded it on the way.
///
/// # Errors
/// `Refused` with every method that was tried, or a lost connection.
pub async fn authenticate(
    target: &Target,
    prompt: &dyn Prompt,
    handle: &mut Handle<Client>,
    notes: &Notes,
) -> Result<Option<Secret>, HostError> {
    let mut login = Login {
        target,
        handle,
        notes,
        tried: Vec::new(),
        offered: None,
        rsa_hash: None,
        certificates: keys::certificates(target),
    };
    let mut agent = keys::agent(&target.agent).await;
    for path in &target.identity_files {
        if login.file(path, prompt, &mut agent).await? {
            return Ok(None);
        }
    }
    // Before the agent: a host counts attempts, and an agent may hold more keys than it allows.
    for password in target.password.iter().chain(&target.spare_password) {
        if target.keys_only {
            break;
        }
        if let Some(accepted) = login.password(password, prompt).await? {
            return Ok(Some(accepted));
        }
    }
    if let Some((client, held)) = agent.as_mut().filter(|_| !target.identities_only) {
        for key in held.clone() {
            if login.agent(client, &key).await? {
                return Ok(None);
            }
        }
    } else if !target.identities_only {
        login.tried.push("no agent".to_owned());
    }
    if target.identity_files.is_empty() && !target.no_identity_files {
        for path in keys::default_files() {
            if login.file(&path, prompt, &mut agent).await? {
                return Ok(None);
            }
        }
    }
    if !target.keys_only && (target.password.is_none() || target.password_prompts > 0) {
        let question = format!("Password of {} on {}: ", target.user, target.name);
        for _ in 0..target.password_prompts.max(1) {
            if !(login.may(MethodKind::Password) || login.may(MethodKind::KeyboardInteractive)) {
                break;
            }
            let Some(password) = prompt.password(&question) else {
                break;
            };
            if let Some(accepted) = login.password(&password, prompt).await? {
                return Ok(Some(accepted));
            }
        }
    }
    Err(login.refused())
}

impl Login<'_> {
    /// Whether the host, as far as it has said, and the SSH configuration accept a method.
    fn may(&self, method: MethodKind) -> bool {
        let limits = &self.target.limits;
        let wanted = match method {
            MethodKind::PublicKey => limits.publickey,
            MethodKind::Password => limits.password,
            MethodKind::KeyboardInteractive => limits.keyboard_interactive,
            _ => true,
        };
        wanted
            && self
                .offered
                .as_ref()
                .is_none_or(|offered| offered.contains(&method))
    }

    /// Whether the SSH configuration lets a key of this sort be used, with `ending` for its certificate.
    fn is_accepted(&self, key: &PublicKey, hash: Option<HashAlg>, ending: &str) -> bool {
        let algorithm = match hash {
            Some(_) if key.algorithm().is_rsa() => russh::keys::Algorithm::Rsa { hash },
            _ => key.algorithm(),
        };
        let name = format!("{}{ending}", algorithm.as_str());
        let list = self.target.limits.public_keys.as_ref();
        list.is_none_or(|list| list.allows(&name))
    }

    fn left_out(&mut self, what: &str) {
        self.tried
            .push(format!("{what} (left out by PubkeyAcceptedAlgorithms)"));
    }

    fn refused(&self) -> HostError {
        let offered: Vec<String> = self
            .offered
            .iter()
            .flat_map(|methods| methods.iter().map(String::from))
            .collect();
        let accepts = if offered.is_empty() {
            String::new()
        } else {
            format!("; the host accepts {}", offered.join(", "))
        };
        HostError::Refused(format!(
            "{}: the login as {} was refused; tried: {}{accepts}; put a key that the host knows into `identity_files` \
             of the host's `ssh:` or into the agent, or set `password`",
            self.target.name,
            self.target.user,
            self.tried.join(", ")
        ))
    }

    /// Whether the answer lets us in; what else it says is kept.
    fn note(&mut self, what: String, result: Result<AuthResult, russh::Error>) -> Result<bool, HostError> {
        match result {
            Ok(AuthResult::Success) => Ok(true),
            Ok(AuthResult::Failure {
                remaining_methods,
                partial_success,
            }) => {
                let gone = remaining_methods.is_empty() && self.handle.is_closed();
                self.tried.push(if partial_success {
                    format!("{what} (accepted, but not enough)")
                } else {
                    what
                });
                if gone {
                    return Err(self.lost("the host closed the connection"));
                }
                self.offered = Some(remaining_methods);
                Ok(false)
            }
            Err(error) => Err(self.lost(&words(&error))),
        }
    }

    fn lost(&self, why: &str) -> HostError {
        let why = self.notes.reason().unwrap_or_else(|| why.to_owned());
        HostError::Refused(format!(
            "{}: the host ended the login as {}: {why}; tried: {}; name the right key in `identity_files` of the \
             host's `ssh:`, so that fewer are tried",
            self.target.name,
            self.target.user,
            self.tried.join(", ")
        ))
    }

    fn slow(&self) -> HostError {
        let what = format!("no answer to the login within {} s", PATIENCE.as_secs());
        unreachable(self.target, &what, "run the command again")
    }

    async fn file(&mut self, path: &Path, prompt: &dyn Prompt, agent: &mut Agent) -> Result<bool, HostError> {
        if !self.may(MethodKind::PublicKey) {
            return Ok(false);
        }
        let key = match keys::read(self.target, path)? {
            KeyFile::Open(key) => key,
            KeyFile::Encrypted(text, public) => {
                if let (Some((client, held)), Some(public)) = (agent.as_mut(), public)
                    && held.iter().any(|key| key.key_data() == public.key_data())
                {
                    return self.agent(client, &public).await;
                }
                match keys::unlock(path, &text, prompt) {
                    Some(key) => key,
                    None => {
                        self.tried
                            .push(format!("key {} (encrypted, no passphrase)", path.display()));
                        return Ok(false);
                    }
                }
            }
            KeyFile::Public(public) => {
                if let Some((client, held)) = agent.as_mut()
                    && held.iter().any(|key| key.key_data() == public.key_data())
                {
                    return self.agent(client, &public).await;
                }
                self.tried.push(format!(
                    "key {} (its private half is in no file and no agent)",
                    path.display()
                ));
                return Ok(false);
            }
            KeyFile::Absent => {
                self.tried
                    .push(format!("key {} (there is no such file)", path.display()));
                return Ok(false);
            }
        };
        self.key(format!("key {}", path.display()), key).await
    }

    async fn key(&mut self, what: String, key: Arc<PrivateKey>) -> Result<bool, HostError> {
        if self
            .certified(&what, key.public_key(), &mut keys::Local(key.clone()))
            .await?
        {
            return Ok(true);
        }
        let hash = self.hash(key.public_key()).await?;
        if !self.is_accepted(key.public_key(), hash, "") {
            self.left_out(&what);
            return Ok(false);
        }
        let key = PrivateKeyWithHashAlg::new(key, hash);
        let attempt = self.handle.authenticate_publickey(&self.target.user, key);
        let result = tokio::time::timeout(PATIENCE, attempt)
            .await
            .map_err(|_| self.slow())?;
        self.note(what, result)
    }

    async fn agent(
        &mut self,
        agent: &mut AgentClient<UnixStream>,
        key: &PublicKey,
    ) -> Result<bool, HostError> {
        if !self.may(MethodKind::PublicKey) {
            return Ok(false);
        }
        let what = format!("agent's key {}", key.fingerprint(HashAlg::Sha256));
        if self.certified(&what, key, agent).await? {
            return Ok(true);
        }
        let hash = self.hash(key).await?;
        if !self.is_accepted(key, hash, "") {
            self.left_out(&what);
            return Ok(false);
        }
        let attempt = self
            .handle
            .authenticate_publickey_with(&self.target.user, key.clone(), hash, agent);
        match tokio::time::timeout(PATIENCE, attempt).await {
            Err(_) => Err(self.slow()),
            Ok(Ok(result)) => self.note(what, Ok(result)),
            // The agent would not sign: the host has not refused anything yet.
            Ok(Err(error)) => {
                self.tried.push(format!("{what} ({error})"));
                Ok(false)
            }
        }
    }

    /// Tries the certificates for a key before the key itself.
    async fn certified<S>(&mut self, what: &str, key: &PublicKey, signer: &mut S) -> Result<bool, HostError>
    where
        S: russh::Signer<Error = russh::AgentAuthError>,
    {
        let fitting: Vec<Certificate> = self
            .certificates
            .iter()
            .filter(|certificate| certificate.public_key() == key.key_data())
            .cloned()
            .collect();
        for certificate in fitting {
            let hash = self.hash(key).await?;
            let what = format!("certificate `{}` for {what}", certificate.key_id().escape_debug());
            if !self.is_accepted(key, hash, "-cert-v01@openssh.com") {
                self.left_out(&what);
                continue;
            }
            let attempt =
                self.handle
                    .authenticate_certificate_with(&self.target.user, certificate, hash, signer);
            match tokio::time::timeout(PATIENCE, attempt).await {
                Err(_) => return Err(self.slow()),
                Ok(Ok(result)) => {
                    if self.note(what, Ok(result))? {
                        return Ok(true);
                    }
                }
                Ok(Err(error)) => self.tried.push(format!("{what} ({error})")),
            }
        }
        Ok(false)
    }

    /// The hash to sign with: SHA-1 is never used, whatever the host says.
    async fn hash(&mut self, key: &PublicKey) -> Result<Option<HashAlg>, HostError> {
        if !key.algorithm().is_rsa() {
            return Ok(None);
        }
        if self.rsa_hash.is_none() {
            let supported = self.handle.best_supported_rsa_hash().await;
            let supported = supported.map_err(|error| self.lost(&words(&error)))?;
            self.rsa_hash = supported.flatten().or(Some(HashAlg::Sha512));
        }
        Ok(self.rsa_hash)
    }

    /// Tries a password; the one that is valid from then on when it was accepted.
    async fn password(
        &mut self,
        password: &Secret,
        prompt: &dyn Prompt,
    ) -> Result<Option<Secret>, HostError> {
        if self.may(MethodKind::Password) {
            let attempt = self
                .handle
                .authenticate_password(&self.target.user, password.expose());
            let result = tokio::time::timeout(PATIENCE, attempt)
                .await
                .map_err(|_| self.slow())?;
            if self.note("password".to_owned(), result)? {
                return Ok(Some(password.clone()));
            }
            // The same wrong password once more would only count as another attempt.
            if self
                .offered
                .as_ref()
                .is_some_and(|offered| offered.contains(&MethodKind::Password))
            {
                return Ok(None);
            }
        }
        if !self.may(MethodKind::KeyboardInteractive) {
            return Ok(None);
        }
        let mut valid = password.clone();
        let result = self.interactive(&mut valid, prompt).await?;
        let accepted = self.note("keyboard-interactive".to_owned(), result)?;
        Ok(accepted.then_some(valid))
    }

    /// Answers the first hidden question with the password, and those that a demand for a new one brings.
    async fn interactive(
        &mut self,
        password: &mut Secret,
        prompt: &dyn Prompt,
    ) -> Result<Result<AuthResult, russh::Error>, HostError> {
        let start = self
            .handle
            .authenticate_keyboard_interactive_start(&self.target.user, None);
        let mut answer = match tokio::time::timeout(PATIENCE, start).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Ok(Err(error)),
            Err(_) => return Err(self.slow()),
        };
        let mut demand = Demand::new(self.target, Some(&*password), prompt);
        let mut given = false;
        for _ in 0..ROUNDS {
            let prompts = match answer {
                KeyboardInteractiveAuthResponse::Success => {
                    if let Some(new) = demand.new {
                        *password = new;
                    }
                    return Ok(Ok(AuthResult::Success));
                }
                KeyboardInteractiveAuthResponse::Failure {
                    remaining_methods,
                    partial_success,
                } => {
                    return Ok(Ok(AuthResult::Failure {
                        remaining_methods,
                        partial_success,
                    }));
                }
                KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. } => prompts,
            };
            let mut responses = Vec::with_capacity(prompts.len());
            for prompt in prompts.iter() {
                responses.push(match demand.answer(&prompt.prompt)? {
                    _ if prompt.echo => String::new(),
                    Some(answer) => answer.expose().to_owned(),
                    None if given => String::new(),
                    None => {
                        given = true;
                        password.expose().to_owned()
                    }
                });
            }
            let respond = self.handle.authenticate_keyboard_interactive_respond(responses);
            answer = match tokio::time::timeout(PATIENCE, respond).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(error)) => return Ok(Err(error)),
                Err(_) => return Err(self.slow()),
            };
        }
        Ok(Err(russh::Error::Inconsistent))
    }
}
