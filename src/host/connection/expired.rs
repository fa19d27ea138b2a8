//! A password that has expired: providers force its change at the first login.
//!
//! sshd(8) lets such a login in, but runs nothing for it but passwd(1), and that only on a terminal; with
//! keyboard-interactive logins PAM asks within the login itself.

use std::time::Duration;

use russh::ChannelMsg;
use russh::client::Handle;

use super::dial::{Client, unreachable, words};
use super::{Prompt, Target};
use crate::host::HostError;
use crate::host::session::wire::printable;
use crate::secret::Secret;

/// How long the host may think before its next question.
const PATIENCE: Duration = Duration::from_secs(60);
/// What passwd(1) says is short; a host that says more than this is not asking for a password.
const MOST: usize = 64 << 10;

/// What is said of a login whose password has expired.
pub fn error(name: &str) -> HostError {
    HostError::Expired(format!(
        "{name}: the password of the login has expired, and the host does nothing before it is changed; \
         `mailprov bootstrap` changes it, or log in once with `ssh`"
    ))
}

/// Answers to the questions of a password's change.
pub struct Demand<'a> {
    target: &'a Target,
    current: Option<&'a Secret>,
    prompt: &'a dyn Prompt,
    /// The new password, once it was asked for.
    pub new: Option<Secret>,
}

enum Question {
    Current,
    New,
}

/// What a prompt of PAM's wants: `Current password:`, `(current) UNIX password:`, `New password:`, `Retype new
/// password:` (pam_unix(8), pam_pwquality(8)). `None`: something else.
fn question(text: &str) -> Option<Question> {
    let text = text.to_lowercase();
    let has = |word: &str| text.contains(word);
    if has("retype") || has("re-enter") || has("again") || (has("new") && !has("old")) {
        Some(Question::New)
    } else if has("current") || has("old") {
        Some(Question::Current)
    } else {
        None
    }
}

impl<'a> Demand<'a> {
    pub fn new(target: &'a Target, current: Option<&'a Secret>, prompt: &'a dyn Prompt) -> Self {
        Self {
            target,
            current,
            prompt,
            new: None,
        }
    }

    /// The answer to `text`; `None` when it is no question of a change.
    ///
    /// # Errors
    /// Nobody says which password it shall be.
    pub fn answer(&mut self, text: &str) -> Result<Option<Secret>, HostError> {
        match question(text) {
            None => Ok(None),
            Some(Question::Current) => Ok(self.current.cloned()),
            Some(Question::New) => {
                if self.new.is_none() {
                    let login = format!("{} on {}", self.target.user, self.target.name);
                    self.new = self.prompt.new_password(&login)?;
                }
                match &self.new {
                    Some(new) => Ok(Some(new.clone())),
                    None => Err(error(&self.target.name)),
                }
            }
        }
    }
}

/// Whether the host runs nothing before the password is changed.
///
/// # Errors
/// The connection broke.
pub async fn is_demanded(target: &Target, handle: &Handle<Client>) -> Result<bool, HostError> {
    let advice = "run the command again";
    let ask = async {
        let mut channel = handle.channel_open_session().await?;
        channel.exec(true, "true").await?;
        let mut said = Vec::new();
        while let Some(message) = channel.wait().await {
            match message {
                ChannelMsg::Data { data } | ChannelMsg::ExtendedData { data, .. } if said.len() < MOST => {
                    said.extend_from_slice(&data);
                }
                ChannelMsg::Close => break,
                _ => {}
            }
        }
        Ok::<_, russh::Error>(String::from_utf8_lossy(&said).contains("Password change required"))
    };
    match tokio::time::timeout(PATIENCE, ask).await {
        Ok(Ok(demanded)) => Ok(demanded),
        Ok(Err(error)) => Err(unreachable(target, &words(&error), advice)),
        Err(_) => Err(unreachable(target, "the host opens no session", advice)),
    }
}

/// Changes the password on a terminal of the host's; the new one.
///
/// # Errors
/// `Expired`: nobody says a new password, or the host does not take it.
pub async fn change(
    target: &Target,
    handle: &Handle<Client>,
    current: Option<&Secret>,
    prompt: &dyn Prompt,
) -> Result<Secret, HostError> {
    let mut demand = Demand::new(target, current, prompt);
    let talk = talk(target, handle, &mut demand);
    let status = talk.await?;
    match (status, demand.new) {
        (Ok(()), Some(new)) => Ok(new),
        (Ok(()), None) => Err(refused(target, "it asked for no new password")),
        (Err(said), _) => Err(refused(target, &said)),
    }
}

fn refused(target: &Target, said: &str) -> HostError {
    HostError::Expired(format!(
        "{}: the expired password of {} could not be changed: {said}; log in once with `ssh {0}` and change it there",
        target.name, target.user
    ))
}

/// One run of passwd(1); the inner error is what it said last.
async fn talk(
    target: &Target,
    handle: &Handle<Client>,
    demand: &mut Demand<'_>,
) -> Result<Result<(), String>, HostError> {
    let lost = |error: russh::Error| unreachable(target, &words(&error), "run the command again");
    let mut channel = handle.channel_open_session().await.map_err(lost)?;
    channel
        .request_pty(false, "dumb", 80, 24, 0, 0, &[])
        .await
        .map_err(lost)?;
    channel.exec(true, "true").await.map_err(lost)?;
    let mut all = String::new();
    let mut fresh = String::new();
    let mut status = None;
    loop {
        let message = match tokio::time::timeout(PATIENCE, channel.wait()).await {
            Ok(Some(message)) => message,
            Ok(None) => break,
            Err(_) => return Ok(Err(format!("it said no more after “{}”", printable(&fresh, 1)))),
        };
        match message {
            ChannelMsg::Data { data } | ChannelMsg::ExtendedData { data, .. } if all.len() < MOST => {
                let text = String::from_utf8_lossy(&data);
                all.push_str(&text);
                fresh.push_str(&text);
                // A question is what the host waits behind: the end of a line that is not ended.
                let line = fresh.rsplit('\n').next().unwrap_or_default();
                if !line.trim_end().ends_with(':') {
                    continue;
                }
                let Some(answer) = demand.answer(line)? else {
                    return Ok(Err(format!(
                        "its question “{}” is not understood",
                        printable(line, 1)
                    )));
                };
                fresh.clear();
                let typed = zeroize::Zeroizing::new(format!("{}\n", answer.expose()));
                channel.data(typed.as_bytes()).await.map_err(lost)?;
            }
            ChannelMsg::ExitStatus { exit_status } => status = Some(exit_status),
            ChannelMsg::Close => break,
            _ => {}
        }
    }
    Ok(match status {
        Some(0) => Ok(()),
        _ => Err(format!("it said “{}”", printable(&all, 2))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_of_pam_are_told_apart() {
        for (text, new) in [
            ("New password: ", true),
            ("Retype new password: ", true),
            ("Enter new UNIX password:", true),
            ("Re-enter new password: ", true),
        ] {
            assert_eq!(matches!(question(text), Some(Question::New)), new, "{text}");
        }
        for text in ["Current password: ", "(current) UNIX password: ", "Old Password:"] {
            assert!(matches!(question(text), Some(Question::Current)), "{text}");
        }
        assert!(question("Password: ").is_none() && question("Verification code: ").is_none());
    }
}
