//! Ctrl-C and SIGTERM: the first asks the run to finish what is in hand, the second ends it at once.

use indicatif::MultiProgress;
use tokio::sync::watch;

use crate::ask::{EndSignals, Heeding};
use crate::report::event::Mode;
use crate::run::Halt;

/// Listens until it is dropped.
pub struct Listener {
    halt: watch::Receiver<Halt>,
    task: tokio::task::JoinHandle<()>,
    _heeding: Heeding,
}

impl Listener {
    pub fn halt(&self) -> watch::Receiver<Halt> {
        self.halt.clone()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts to listen.
pub fn listen(mode: Mode, progress: MultiProgress) -> Listener {
    let (sender, halt) = watch::channel(Halt::Go);
    let task = tokio::spawn(async move {
        let Ok(mut signals) = EndSignals::listen() else {
            return;
        };
        let mut next = Halt::Finish;
        while signals.next().await.is_some() {
            sender.send_replace(next);
            if next == Halt::Finish && mode == Mode::Apply {
                progress.suspend(|| {
                    use std::io::Write as _;
                    let _ = writeln!(
                        std::io::stderr(),
                        "interrupted: finishing what is in hand; once more to quit at once"
                    );
                });
            }
            next = Halt::Quit;
        }
    });
    Listener {
        halt,
        task,
        _heeding: Heeding::begin(),
    }
}
