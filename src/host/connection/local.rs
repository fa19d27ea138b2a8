//! The root shell of this very machine: the same protocol over the pipes of a child process.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

use super::{Prompt, Target, become_root, sudo};
use crate::host::HostError;
use crate::host::session::Session;
use crate::host::session::wire::{Ended, Notes, Wire};

/// How long the shell may take to end.
const FAREWELL: Duration = Duration::from_secs(5);

/// Starts a root shell on this machine, through sudo when this process is not root's; `target` names the host and its
/// password for sudo.
///
/// # Errors
/// No shell can be started, or it does not become root.
pub async fn local(target: &Target, prompt: &dyn Prompt) -> Result<Session, HostError> {
    let mut target = target.clone();
    target.user = if rustix::process::geteuid().is_root() {
        "root".to_owned()
    } else {
        // For sudo's question only.
        std::env::var("USER").unwrap_or_else(|_| "you".to_owned())
    };
    target.password = None;
    let wire = start(&target.name)?;
    become_root(&target, wire, prompt).await
}

fn start(name: &str) -> Result<Wire, HostError> {
    let failed = |what: String| HostError::Unreachable(format!("{name}: no shell on this machine: {what}"));
    // A session of its own: Ctrl-C is for this process, which lets the shell finish what it has in hand.
    let mut child = Command::new("setsid")
        .args(["sh", "-c", sudo::COMMAND])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(format!("setsid: {error}; it is part of util-linux")))?;
    let (Some(writer), Some(reader), Some(mut errors)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(failed("its streams are not there".to_owned()));
    };
    let notes = Notes::default();
    let heard = notes.clone();
    tokio::spawn(async move {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = errors.read(&mut bytes).await {
            heard.standard_error(&bytes[..count]);
        }
    });
    Ok(Wire {
        reader: Box::new(reader),
        writer: Box::new(writer),
        ended: Ended::unasked(),
        notes,
        close: Box::new(move || {
            Box::pin(async move {
                let _ = tokio::time::timeout(FAREWELL, child.wait()).await;
            })
        }),
    })
}
