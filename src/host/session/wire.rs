//! The two streams of a remote shell, and what is known of the connection under them.
//!
//! Knows nothing of frames; a local child process will do as well as SSH.

use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

/// How much of the shell's own standard error is kept for messages.
const KEPT: usize = 8 << 10;

/// A shell's standard output and input.
pub struct Wire {
    pub reader: Box<dyn AsyncRead + Send + Unpin>,
    pub writer: Box<dyn AsyncWrite + Send + Unpin>,
    pub ended: Ended,
    pub notes: Notes,
    /// Closes the connection; what was written before has left this machine when it is done.
    pub close: Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>,
}

/// When nothing that is written gets through any more.
#[derive(Clone)]
pub struct Ended(Option<watch::Receiver<()>>);

impl Ended {
    /// Of a writer that finds out by itself.
    pub fn unasked() -> Self {
        Self(None)
    }

    /// When what is returned first is dropped.
    pub fn with() -> (watch::Sender<()>, Self) {
        let (sender, receiver) = watch::channel(());
        (sender, Self(Some(receiver)))
    }

    pub async fn wait(&self) {
        match self.0.clone() {
            Some(mut receiver) => while receiver.changed().await.is_ok() {},
            None => std::future::pending().await,
        }
    }
}

/// What the connection's own tasks learn while the session works.
#[derive(Clone, Default)]
pub struct Notes(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    errors: Vec<u8>,
    ended: Option<String>,
}

impl Notes {
    /// Keeps the last 8 KiB of the shell's standard error.
    pub fn standard_error(&self, bytes: &[u8]) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.errors.extend_from_slice(bytes);
        let surplus = inner.errors.len().saturating_sub(KEPT);
        inner.errors.drain(..surplus);
    }

    /// Why the connection ended; the first reason stays.
    pub fn ended(&self, reason: impl Into<String>) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.ended.get_or_insert_with(|| reason.into());
    }

    pub fn reason(&self) -> Option<String> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .ended
            .clone()
    }

    /// The last lines of standard error, fit to be shown.
    pub fn errors(&self) -> String {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        printable(&String::from_utf8_lossy(&inner.errors), 3)
    }
}

/// The last `lines` lines of a text that a host sent, without what could steer a terminal.
pub fn printable(text: &str, lines: usize) -> String {
    let kept: Vec<String> = text
        .lines()
        .map(|line| {
            line.chars()
                .filter(|c| !c.is_control())
                .take(300)
                .collect::<String>()
        })
        .filter(|line| !line.trim().is_empty())
        .collect();
    kept[kept.len().saturating_sub(lines)..].join("; ")
}
