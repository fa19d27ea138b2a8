//! Questions on the operator's terminal whose answers are not shown. However the program ends while one waits, the
//! terminal shows again what is typed.

use std::io::{self, Write as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, Once, PoisonError};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::signal::unix::{Signal, SignalKind, signal};
use zeroize::Zeroizing;

use crate::exit::Exit;

const TERMINAL: &str = "/dev/tty";

/// How the terminal was before the question that waits for its answer.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// How many parts of the program act on signals themselves.
static HEEDING: AtomicUsize = AtomicUsize::new(0);

/// While it lives, Ctrl-C and SIGTERM don't end the program at a question: who holds it listens to them.
#[derive(Debug)]
pub struct Heeding(());

impl Heeding {
    pub fn begin() -> Self {
        HEEDING.fetch_add(1, Ordering::SeqCst);
        Self(())
    }
}

impl Drop for Heeding {
    fn drop(&mut self) {
        HEEDING.fetch_sub(1, Ordering::SeqCst);
    }
}

fn heeded() -> bool {
    HEEDING.load(Ordering::SeqCst) > 0
}

/// What is typed after `question`. Ctrl-C and SIGTERM end the program (exit 130) unless somebody is [`Heeding`] them.
///
/// # Errors
/// There is no terminal, it hung up, or somebody heeds a Ctrl-C.
pub fn hidden(question: &str) -> io::Result<Zeroizing<String>> {
    heed_signals();
    let before = std::fs::File::open(TERMINAL)
        .ok()
        .and_then(|terminal| tcgetattr(terminal).ok());
    *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = before;
    let answer = rpassword::prompt_password(question).map(Zeroizing::new);
    // rpassword has put the terminal back itself.
    BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take();
    match &answer {
        Err(error) if error.kind() == io::ErrorKind::Interrupted && !heeded() => leave(),
        _ => answer,
    }
}

/// Makes the terminal as it was before a question that nobody answered. What was typed so far is no command for the
/// shell that reads next.
pub fn restore() {
    let before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let (Some(before), Ok(mut terminal)) = (before, std::fs::File::options().write(true).open(TERMINAL)) {
        // Nobody is left to be told that it failed.
        let _ = tcsetattr(&terminal, OptionalActions::Flush, &before);
        let _ = writeln!(terminal);
    }
}

fn leave() -> ! {
    restore();
    std::process::exit(Exit::Interrupted.code().into())
}

/// From now on Ctrl-C and SIGTERM end the program with its own exit code, unless somebody is [`Heeding`] them. For as
/// long as it runs: a signal's first listener takes its own effect away for good.
pub fn heed_signals() {
    static LISTEN: Once = Once::new();
    LISTEN.call_once(listen);
}

fn listen() {
    let Ok(runtime) = tokio::runtime::Handle::try_current() else {
        return;
    };
    let _inside = runtime.enter();
    let Ok(mut signals) = EndSignals::listen() else {
        return;
    };
    runtime.spawn(async move {
        while signals.next().await.is_some() {
            if !heeded() {
                leave();
            }
        }
    });
}

/// Ctrl-C and SIGTERM, from now on.
#[derive(Debug)]
pub struct EndSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl EndSignals {
    /// Takes the signals' own effect away, for as long as the program runs. Inside of a runtime.
    ///
    /// # Errors
    /// The system refuses; the signals do what they always did.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for one of them; `None` when there will be no more.
    pub async fn next(&mut self) -> Option<()> {
        tokio::select! {
            more = self.interrupt.recv() => more,
            more = self.terminate.recv() => more,
        }
    }
}
