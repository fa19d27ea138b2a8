//! From what a provider hands over to a host that `apply` can work on: known by its key, entered with the operator's,
//! by a user who may become root, past an sshd that takes no passwords.
//!
//! The host's side is `bootstrap/host.sh`. Nobody is ever locked out: the old way in is closed only after the new one
//! has been gone, and the host opens it again by itself unless a fresh connection confirms.

use std::time::Duration;

use russh::keys::PublicKey;

use crate::host::connection::{self, Prompt, Target, keys};
use crate::host::facts::holder;
use crate::host::script::Script;
use crate::host::session::Session;
use crate::host::session::wire::printable;
use crate::host::{Facts, HostError, ReadHost as _, WriteHost as _};
use crate::secret::Secret;
use crate::step::{PackageRequest, packages};

/// How long a host may stay away between two logins: sshd(8) makes those wait who failed before (`PerSourcePenalties`).
const AWAY: Duration = Duration::from_secs(60);

/// What is to be made of a host.
#[derive(Debug)]
pub struct Order {
    /// How the host is reached afterwards: its user is the one to be made.
    pub target: Target,
    /// Who can log in before.
    pub first_user: String,
    /// The password of the first login, as the provider told it.
    pub first_password: Option<Secret>,
    /// The password that the first login gets where the host demands a new one; tried when the other is refused.
    pub new_password: Option<Secret>,
    /// Public keys that may log in; empty: the operator's own.
    pub authorized_keys: Vec<(PublicKey, String)>,
    /// Seconds until the host takes the hardening of its sshd back by itself.
    pub undo_after: u32,
}

/// Hears what happens.
pub trait Witness: Sync {
    /// Something is as it should be; `changed`: it was not before.
    fn is(&self, what: &str, how: &str, changed: bool);
    /// Something goes on, or waits.
    fn doing(&self, text: &str);
}

/// A host under way.
struct Way<'a> {
    order: &'a Order,
    prompt: &'a dyn Prompt,
    witness: &'a dyn Witness,
    session: Session,
    facts: Facts,
}

/// Makes the host ready. What is ready already stays as it is.
///
/// # Errors
/// Whatever stands in the way, with what to do; the way in that there was before is open then.
pub async fn bootstrap(order: &Order, prompt: &dyn Prompt, witness: &dyn Witness) -> Result<(), HostError> {
    let user = &order.target.user;
    check_name(&order.target)?;
    let keys = keys_to_install(order).await?;
    witness.doing("connecting");
    let (session, facts) = match enter(&by_key(&order.target), prompt, true).await {
        Ok(entered) => {
            witness.is("login", &format!("{user}, with a key"), false);
            entered
        }
        Err(HostError::Refused(_)) => first_login(order, prompt, witness).await?,
        Err(other) => return Err(other),
    };
    let mut way = Way {
        order,
        prompt,
        witness,
        session,
        facts,
    };
    let made = way.prepare(&keys).await;
    let result = match made {
        Ok(()) => way.harden().await,
        Err(error) => Err(error),
    };
    // What was found out counts more than how the goodbye went.
    let _ = way.session.finish(None).await;
    result
}

/// A login name that needs no quoting anywhere: useradd(8) takes no others by default, either.
fn check_name(target: &Target) -> Result<(), HostError> {
    let name = &target.user;
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.len() <= 32
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c));
    if plain {
        return Ok(());
    }
    Err(HostError::Refused(format!(
        "{}: `{name}` can't be made a user there; choose a `user` of lower-case letters, digits, `-` and `_`",
        target.name
    )))
}

async fn keys_to_install(order: &Order) -> Result<Vec<(PublicKey, String)>, HostError> {
    if !order.authorized_keys.is_empty() {
        return Ok(order.authorized_keys.clone());
    }
    let keys = keys::operators(&order.target).await?;
    if keys.is_empty() {
        return Err(HostError::Refused(format!(
            "{}: you have no SSH key that could be installed there; make one with `ssh-keygen -t ed25519`, or name one \
             in `identity_files` of the host's `ssh:`",
            order.target.name
        )));
    }
    Ok(keys)
}

/// The target as it is entered afterwards: with a key or not at all.
fn by_key(target: &Target) -> Target {
    Target {
        keys_only: true,
        record_host_key: true,
        ..target.clone()
    }
}

async fn enter(target: &Target, prompt: &dyn Prompt, lock: bool) -> Result<(Session, Facts), HostError> {
    let mut session = connection::connect(target, prompt).await?;
    let holder = lock.then(holder);
    let facts = session.facts(&[], holder.as_deref()).await?;
    Ok((session, facts))
}

/// A login that follows others: waits a while for a host that is away.
async fn enter_again(target: &Target, prompt: &dyn Prompt) -> Result<Session, HostError> {
    let end = tokio::time::Instant::now() + AWAY;
    loop {
        match enter(target, prompt, false).await {
            Ok((session, _)) => return Ok(session),
            Err(HostError::Unreachable(_)) if tokio::time::Instant::now() < end => {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            Err(error) => return Err(error),
        }
    }
}

/// The way in that the provider gave.
async fn first_login(
    order: &Order,
    prompt: &dyn Prompt,
    witness: &dyn Witness,
) -> Result<(Session, Facts), HostError> {
    let changing = Changing {
        prompt,
        new: order.new_password.as_ref(),
        changed: std::sync::Mutex::new(false),
    };
    let (password, spare) = match &order.first_password {
        Some(first) => (Some(first.clone()), order.new_password.clone()),
        None => (order.new_password.clone(), None),
    };
    let target = Target {
        user: order.first_user.clone(),
        password,
        spare_password: spare,
        password_prompts: 3,
        may_be_expired: true,
        record_host_key: true,
        ..order.target.clone()
    };
    let entered = enter(&target, &changing, true).await?;
    witness.is(
        "login",
        &format!("{}, as the provider made it", order.first_user),
        false,
    );
    if *changing
        .changed
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
    {
        witness.is(
            "password",
            &format!("had expired, {} has a new one", order.first_user),
            true,
        );
    }
    Ok(entered)
}

/// Says the new password where the host demands one.
struct Changing<'a> {
    prompt: &'a dyn Prompt,
    new: Option<&'a Secret>,
    changed: std::sync::Mutex<bool>,
}

impl Prompt for Changing<'_> {
    fn trust_host_key(&self, host: &str, fingerprint: &str) -> Option<bool> {
        self.prompt.trust_host_key(host, fingerprint)
    }

    fn password(&self, question: &str) -> Option<Secret> {
        self.prompt.password(question)
    }

    fn new_password(&self, login: &str) -> Result<Option<Secret>, HostError> {
        let new = match self.new {
            Some(new) => Some(new.clone()),
            None => self.prompt.new_password(login)?,
        };
        *self
            .changed
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = new.is_some();
        Ok(new)
    }
}

impl Way<'_> {
    /// Runs a function of host.sh; what it says, and whether it changed anything.
    async fn run(&mut self, doing: &str, call: &Script) -> Result<(Vec<String>, bool), HostError> {
        let witness = self.witness;
        witness.doing(doing);
        let script = Script::new()
            .code(include_str!("bootstrap/host.sh"))
            .code("\n")
            .then(call);
        let mut hear = |_: usize, text: &str| witness.doing(text);
        let (mut answers, _) = self.session.batch(&[script], &[], &mut hear).await?;
        let Some(answer) = answers.pop() else {
            return Err(HostError::Protocol(format!(
                "{}: no answer",
                self.order.target.name
            )));
        };
        if answer.status != 0 {
            return Err(HostError::Protocol(format!(
                "{}: {doing} failed: {}",
                self.order.target.name,
                printable(&answer.errors, 3)
            )));
        }
        let text = String::from_utf8_lossy(&answer.output);
        let said = text.lines().filter_map(|line| line.strip_prefix("say "));
        let said = said.map(|line| printable(line, 1)).collect();
        Ok((said, text.lines().any(|line| line == "changed")))
    }

    async fn step(&mut self, what: &str, doing: &str, call: &Script, how: &str) -> Result<(), HostError> {
        let (_, changed) = self.run(doing, call).await?;
        self.witness.is(what, how, changed);
        Ok(())
    }

    /// Everything that only adds a way in.
    async fn prepare(&mut self, keys: &[(PublicKey, String)]) -> Result<(), HostError> {
        for (what, doing, call) in [
            ("cloud-init", "looking at cloud-init", "mailprov_boot_cloud_init"),
            ("apt", "looking at apt's lock", "mailprov_boot_apt"),
        ] {
            let (said, _) = self.run(doing, &Script::new().code(call)).await?;
            for how in said {
                self.witness.is(what, &how, false);
            }
        }
        let user = self.order.target.user.clone();
        if user != "root" {
            self.sudo().await?;
            let call = Script::new().code("mailprov_boot_user").word(&user);
            self.step("user", "making the user", &call, &user).await?;
        }
        let lines: Vec<String> = keys.iter().filter_map(|(key, _)| line(key)).collect();
        let mut names: Vec<&str> = keys.iter().map(|(_, from)| from.as_str()).collect();
        names.dedup();
        let call = Script::new().code("mailprov_boot_keys").word(&user).words(&lines);
        let how = format!("{} may log in as {user}", names.join(", "));
        self.step("keys", "installing keys", &call, &how).await?;
        if user != "root" {
            self.may_become_root(&user).await?;
        }
        // The new way in is gone before the old one is closed.
        self.witness.doing("logging in anew");
        let mut second = enter_again(&by_key(&self.order.target), self.prompt)
            .await
            .map_err(|error| self.not_yet(&error))?;
        let how = if user == "root" { "" } else { ", root through sudo" };
        self.witness
            .is("second login", &format!("{user}, with a key{how}"), false);
        second.finish(None).await
    }

    fn not_yet(&self, error: &HostError) -> HostError {
        HostError::Refused(format!(
            "{error}\n  help: the way in that there was before is still open: nothing was closed"
        ))
    }

    async fn sudo(&mut self) -> Result<(), HostError> {
        let there = self
            .run(
                "looking for sudo",
                &Script::new().code("command -v visudo >/dev/null || echo changed"),
            )
            .await?;
        if there.1 {
            let request = PackageRequest {
                install: vec!["sudo".to_owned()],
                ..PackageRequest::default()
            };
            let call = packages::transaction(&[request], &self.facts);
            self.run("installing sudo", &call).await?;
        }
        self.witness.is("sudo", "installed", there.1);
        Ok(())
    }

    async fn may_become_root(&mut self, user: &str) -> Result<(), HostError> {
        let (tag, how) = match &self.order.target.sudo_password {
            None => ("NOPASSWD: ", "without a password"),
            Some(password) => {
                let call = Script::new()
                    .data(format!("{}\n", password.expose()).as_bytes())
                    .code(" | mailprov_boot_password")
                    .word(user);
                self.step(
                    "password",
                    "setting a password",
                    &call,
                    &format!("{user} has one"),
                )
                .await?;
                ("", "with its password")
            }
        };
        let call = Script::new()
            .code("mailprov_boot_sudoers")
            .word(&format!("{user} ALL=(ALL:ALL) {tag}ALL"));
        let how = format!("{user} becomes root {how}");
        self.step("sudoers", "writing sudo's rule", &call, &how).await
    }

    /// Closes the old way in, and opens it again when the new one turns out closed.
    async fn harden(&mut self) -> Result<(), HostError> {
        let root = if self.order.target.user == "root" {
            "prohibit-password"
        } else {
            "no"
        };
        let call = Script::new()
            .code("mailprov_boot_harden")
            .word(&self.order.undo_after.to_string())
            .word(root);
        let changed = match self.run("hardening sshd", &call).await {
            Ok((_, changed)) => changed,
            // sshd may have taken this connection with it; what was begun is finished there.
            Err(HostError::Unreachable(_)) => true,
            Err(error) => return Err(error),
        };
        let how = match root {
            "no" => "no passwords, no login of root",
            _ => "no passwords",
        };
        if !changed {
            self.witness.is("sshd", how, false);
            return Ok(());
        }
        self.witness.doing("logging in anew, or the host takes it back");
        match self.confirm().await {
            Ok(()) => {
                self.witness
                    .is("sshd", &format!("{how}; confirmed by a fresh login"), true);
                Ok(())
            }
            Err(error) => {
                let undone = self
                    .run("undoing", &Script::new().code("mailprov_boot_undo"))
                    .await;
                let what = match undone {
                    Ok(_) => "sshd's configuration was put back as it was".to_owned(),
                    Err(_) => format!(
                        "the host puts sshd's configuration back by itself within {} s",
                        self.order.undo_after
                    ),
                };
                Err(HostError::Refused(format!(
                    "{error}\n  help: after the hardening no login succeeded; {what}"
                )))
            }
        }
    }

    async fn confirm(&self) -> Result<(), HostError> {
        // Not longer than the host waits itself.
        let patience = Duration::from_secs(u64::from(self.order.undo_after));
        let target = by_key(&self.order.target);
        let entered = tokio::time::timeout(patience, enter_again(&target, self.prompt)).await;
        let session = entered.map_err(|_| {
            HostError::Refused(format!(
                "{}: no login within {} s",
                self.order.target.name, self.order.undo_after
            ))
        })??;
        let mut fresh = Way {
            order: self.order,
            prompt: self.prompt,
            witness: self.witness,
            session,
            facts: self.facts.clone(),
        };
        fresh
            .run("confirming", &Script::new().code("mailprov_boot_confirm"))
            .await?;
        fresh.session.finish(None).await
    }
}

/// A line of authorized_keys. A comment may hold anything; it stays out when a shell would have to be careful.
fn line(key: &PublicKey) -> Option<String> {
    let mut key = key.clone();
    let comment = key.comment().as_str_lossy().to_owned();
    if comment
        .chars()
        .any(|c| !(c.is_ascii_alphanumeric() || "_-.@".contains(c)))
    {
        key.set_comment("");
    }
    key.to_openssh().ok().map(|text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_need_care_are_refused() {
        let named = |user: &str| Target {
            user: user.to_owned(),
            ..Target::default()
        };
        for user in ["admin", "_mail", "a-1"] {
            assert!(check_name(&named(user)).is_ok(), "{user}");
        }
        for user in ["", "Admin", "1a", "-x", "a b", "a;b", &"a".repeat(33)] {
            assert!(check_name(&named(user)).is_err(), "{user}");
        }
    }
}
