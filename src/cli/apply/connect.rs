//! Opening the hosts of an apply: connection, root shell, facts and lock, several at a time.

use std::sync::Arc;
use std::time::Instant;

use futures::StreamExt as _;
use indicatif::MultiProgress;

use super::Apply;
use crate::cli::reach;
use crate::host::connection::{self, Prompt};
use crate::host::session::Session;
use crate::host::{Facts, HostError, ReadHost as _};
use crate::inventory::InventoryHost;
use crate::report::event::Mode;
use crate::role::bind;
use crate::secret::Secret;

/// A host with a root shell and its facts.
pub struct Connected {
    pub name: Arc<str>,
    pub session: Session,
    pub facts: Facts,
    /// Packages whose versions its templates ask for.
    pub packages: Vec<String>,
    /// Phase → seconds.
    pub timings: Vec<(&'static str, f64)>,
}

/// Opens all hosts, in the order of the inventory; those that fail are reported and left out.
pub async fn all(apply: &Apply<'_>, progress: MultiProgress) -> Vec<Connected> {
    let prompt = Arc::new(Pausing {
        progress,
        terminal: connection::Terminal::default(),
    });
    futures::stream::iter(&apply.hosts)
        .map(|host| one(apply, host, prompt.clone()))
        .buffered(usize::from(apply.args.jobs))
        .filter_map(std::future::ready)
        .collect()
        .await
}

async fn one(apply: &Apply<'_>, host: &InventoryHost, prompt: Arc<Pausing>) -> Option<Connected> {
    match open(apply, host, prompt).await {
        Ok(connected) => Some(connected),
        Err(error) => {
            apply.reporter.host_failed(&host.name, &error);
            None
        }
    }
}

async fn open(apply: &Apply<'_>, host: &InventoryHost, prompt: Arc<Pausing>) -> Result<Connected, HostError> {
    apply.reporter.doing(&host.name, "connecting");
    let began = Instant::now();
    let accept = apply.args.accept_new_host_key;
    let inventory = Some(apply.inventory.path.as_path());
    let mut session = reach::open(host, apply.vault, accept, prompt, inventory).await?;
    let connecting = began.elapsed().as_secs_f64();
    apply.reporter.doing(&host.name, "asking for facts");
    let began = Instant::now();
    let packages = bind::packages(apply.roles, host);
    let holder = (apply.mode == Mode::Apply).then(crate::host::facts::holder);
    let mut facts = session.facts(&packages, holder.as_deref()).await?;
    bind::complete_facts(apply.roles, host, &mut facts);
    Ok(Connected {
        name: host.name.as_str().into(),
        session,
        facts,
        packages,
        timings: vec![("connect", connecting), ("facts", began.elapsed().as_secs_f64())],
    })
}

/// Asks on the terminal while the hosts' lines make room.
struct Pausing {
    progress: MultiProgress,
    terminal: connection::Terminal,
}

impl Prompt for Pausing {
    fn trust_host_key(&self, host: &str, fingerprint: &str) -> Option<bool> {
        self.progress
            .suspend(|| self.terminal.trust_host_key(host, fingerprint))
    }

    fn password(&self, question: &str) -> Option<Secret> {
        self.progress.suspend(|| self.terminal.password(question))
    }
}
