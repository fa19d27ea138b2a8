//! Somebody on the host and somebody on this machine who look for secrets while a run works, and afterwards.
//!
//! `files` is told by the kernel (fanotify) of every file that is opened on the host, before it is opened: what mode it
//! has then, and, when that is the C library, whose arguments and environment a program starts with. Nobody is too
//! quick for it. `processes` reads all processes of this machine in a loop, the host's among them.

mod files;
mod processes;
mod search;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::support::TestHost;
pub use search::Patterns;

/// Looks until it is asked what it saw.
pub struct Observer {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    /// The kernel's events need somebody who answers; the last one to go lets everything pass.
    seen: Seen,
    files: files::Files,
    patterns: Arc<Patterns>,
    marker: tempfile::NamedTempFile,
}

/// What must not be.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<BTreeSet<String>>>);

impl Seen {
    fn problem(&self, text: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(text);
    }
}

impl Observer {
    /// Looks for these values on `host` and here; each has a name to be called by.
    pub fn start(host: &TestHost, secrets: &[(&str, &str)]) -> Self {
        let patterns = Arc::new(Patterns::new(secrets));
        let seen = Seen::default();
        let stop = Arc::new(AtomicBool::new(false));
        let marker = tempfile::NamedTempFile::new().unwrap();
        let (files, watching) = files::Files::start(host, patterns.clone(), seen.clone(), stop.clone());
        let polling = processes::start(patterns.clone(), seen.clone(), stop.clone());
        let mut threads = watching;
        threads.push(polling);
        Self {
            stop,
            threads,
            seen,
            files,
            patterns,
            marker,
        }
    }

    /// Ends the looking, goes through what is left behind, and says what was found. `meant`: beginnings of paths on the
    /// host where secrets belong. `said`: what runs printed.
    pub fn found(mut self, host: &TestHost, meant: &[&str], said: &[String]) -> Vec<String> {
        self.end();
        self.files.judge(meant, &self.seen);
        for text in said {
            for name in self.patterns.within(text.as_bytes()) {
                self.seen.problem(format!("a run printed {name}"));
            }
        }
        search::host(host, &self.patterns, meant, &self.seen);
        search::here(&self.patterns, self.marker.path(), &self.seen);
        let seen = self.seen.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found: Vec<String> = seen.iter().cloned().collect();
        found.extend(self.files.too_little());
        found
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                self.seen.problem("the observer did not look to the end".into());
            }
        }
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.end();
    }
}

/// For an instant each, except the last.
#[test]
fn what_must_not_be_is_seen() {
    let host = crate::support::boot("observed");
    let observer = Observer::start(&host, &[("the word", "Xk9-geheim-Tz4")]);
    // Put together there: the script itself stands in arguments.
    host.sh("word=Xk9-geheim; word=$word-Tz4; umask 022
         /bin/true \"$word\"; IT=$word /bin/true
         printf %s \"$word\" >/var/tmp/quick; chmod 600 /var/tmp/quick; rm /var/tmp/quick
         umask 077; printf %s \"$word\" | base64 >/root/left");
    let found = observer.found(
        &host,
        &["/root/elsewhere"],
        &["{\"diff\": \"Xk9-geheim-Tz4\"}".to_owned()],
    );
    for expected in [
        "the word stands in cmdline of the process true",
        "the word stands in environ of the process true",
        "{\"/var/tmp/quick\"} with {\"the word\"} could be opened by everybody: 0644",
        "a secret is left in /root/left on the host",
        "a run printed the word",
    ] {
        assert!(
            found.iter().any(|line| line == expected),
            "`{expected}` is not in {found:#?}"
        );
    }
}
