//! A fresh Debian on its way to the example's mail server: broken at a moment, and what came of it.

use std::path::Path;
use std::time::Duration;

use mailprov::lab::HostSpec;

use super::after::{Findings, LEFT};
use super::attempt::{Attempt, Ended, Moment};
use super::point::{Break, Row};
use super::relay::Relay;
use super::server;
use crate::server::{example, mail};
use crate::support::{Site, TestHost, boot_all};

/// Installing everything, on a machine that does much else.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// A host, reached through a relay.
pub struct Fresh {
    host: TestHost,
    relay: Relay,
    site: Site,
}

impl Fresh {
    /// Boots a bare host.
    pub fn boot(name: &str) -> Self {
        let host = boot_all(vec![HostSpec::new(name)]).remove(0);
        let relay = Relay::start(([127, 0, 0, 1], 0).into(), (host.address(), 22).into());
        let site = Site::new().host_at(&host, relay.address(), &["mailserver"], &example::variables());
        let site = example::secrets(site);
        site.inventory();
        Self { host, relay, site }
    }

    /// An undisturbed apply to the fresh host.
    ///
    /// # Panics
    /// It fails: there is nothing to break then.
    pub fn reference(&mut self) -> Ended {
        server::applied(&self.site)
    }

    /// Throws away what there is and boots a bare host; breaks its first apply at `moment`, and looks at what follows.
    pub fn point(&mut self, how: Break, moment: Moment) -> Row {
        self.host.reset().unwrap();
        self.relay.cut();
        let mut attempt = Attempt::start(&self.site, &[]);
        let reached = attempt.reach(moment);
        match how {
            Break::Kill => attempt.kill(),
            _ => self.relay.cut(),
        }
        let ended = attempt.end();
        let mut found = Findings::default();
        // A package transaction goes on to its end.
        found.lock_was_free(server::free(&self.host, LONGEST));
        self.look(&mut found);
        Row::of(how, moment, reached, &ended, found)
    }

    fn look(&self, found: &mut Findings) {
        let next = Attempt::start(&self.site, &[]).end();
        found.made_up = next.changed().len();
        found.converged = next.code == Some(0);
        if !found.converged {
            found.problem(format!("the next run ends with {:?}: {}", next.code, next.said()));
            return;
        }
        let idle = Attempt::start(&self.site, &[]).end();
        if idle.code != Some(0) || !idle.changed().is_empty() {
            let changed = idle.changed();
            found.problem(format!(
                "the run after it ends with {:?} and changes {changed:?}",
                idle.code
            ));
        }
        for (what, script) in [
            ("left behind", LEFT),
            ("failed units", "systemctl --failed --plain --no-legend"),
            (
                "the package manager owes",
                "dpkg --audit; ls -A /var/lib/dpkg/updates",
            ),
        ] {
            let said = self.host.sh(script);
            if !said.is_empty() {
                found.problem(format!("{what}: {said}"));
            }
        }
        for path in secrets_in(&self.host.inner_root().unwrap()) {
            found.problem(format!("a secret stands in {path}"));
        }
        // Each of them sends mail, or reads what was sent.
        let wrong = mail::wrong(&self.host, "");
        found.accepted = usize::from(wrong.is_empty());
        found.problems.extend(wrong);
    }
}

/// Files with a secret of the inventory's, in folders where none belongs.
fn secrets_in(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for folder in [
        "tmp",
        "var/tmp",
        "var/log",
        "var/lib/mailprov",
        "run/mailprov",
        "root",
        "dev/shm",
    ] {
        search(&root.join(folder), &mut found);
    }
    found
}

fn search(folder: &Path, found: &mut Vec<String>) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()) {
        let Ok(kind) = path.symlink_metadata() else {
            continue;
        };
        if kind.is_dir() {
            search(&path, found);
        } else if kind.is_file()
            && let Ok(content) = std::fs::read(&path)
            && example::SECRETS.iter().any(|(_, secret)| {
                content
                    .windows(secret.len())
                    .any(|part| part == secret.as_bytes())
            })
        {
            found.push(path.display().to_string());
        }
    }
}
