//! Lab hosts for tests: few at a time, gone at the end whichever way it comes.

use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};

use mailprov::lab::requirements::{self, Consent};
use mailprov::lab::{HostSpec, Lab, LabHost, Layer};

/// Hosts that run at the same time: on a large machine cargo's test threads outnumber what it can boot. A test that has
/// three does not have to wait until it is alone.
const AT_ONCE: usize = 6;

static FREE: Mutex<usize> = Mutex::new(AT_ONCE);
static RETURNED: Condvar = Condvar::new();

/// Rights to run hosts. Several are taken at once, so that two tests can't each wait for the other's.
struct Permits(usize);

impl Permits {
    fn take(count: usize) -> Self {
        assert!(count <= AT_ONCE, "a test may have {AT_ONCE} hosts, not {count}");
        let free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free = RETURNED
            .wait_while(free, |free| *free < count)
            .unwrap_or_else(PoisonError::into_inner);
        *free -= count;
        Self(count)
    }
}

impl Drop for Permits {
    fn drop(&mut self) {
        *FREE.lock().unwrap_or_else(PoisonError::into_inner) += self.0;
        RETURNED.notify_all();
    }
}

/// A place among the hosts that run at a time, for a command that boots one itself.
pub fn place() -> impl Drop {
    Permits::take(1)
}

/// The lab of this test process. A guard process removes it when this one is gone: statics are not dropped, and
/// a killed process drops nothing.
pub fn lab() -> &'static Lab {
    static LAB: OnceLock<Lab> = OnceLock::new();
    LAB.get_or_init(|| {
        requirements::ensure(Consent::Given).unwrap();
        let lab = Lab::new(&format!("suite-{}", std::process::id())).unwrap();
        lab.guard(Path::new(env!("CARGO_BIN_EXE_mailprov"))).unwrap();
        lab
    })
}

/// A running lab host; gone when dropped.
pub struct TestHost {
    /// Some until then.
    host: Option<LabHost>,
    _permit: Permits,
}

impl Deref for TestHost {
    type Target = LabHost;

    fn deref(&self) -> &LabHost {
        self.host.as_ref().unwrap()
    }
}

impl DerefMut for TestHost {
    fn deref_mut(&mut self) -> &mut LabHost {
        self.host.as_mut().unwrap()
    }
}

/// Nobody waits for its end: some disks take half a minute to forget a server's files. What is left when the process ends
/// is removed by the lab's guard.
impl Drop for TestHost {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(host) = &self.host
        {
            eprintln!("{}", last_words(host));
        }
        let host = self.host.take();
        std::thread::spawn(move || drop(host));
    }
}

/// What a host has to say of a test that failed on it: what does not run, what waits in the queue, and why.
fn last_words(host: &LabHost) -> String {
    let said = host.run(
        "systemctl --failed --no-legend
         test ! -x /usr/sbin/postqueue || postqueue -p
         journalctl --boot --no-pager --output=short-precise --lines=3000 | grep -vE ' (sshd|systemd|systemd-logind|sshd-session)\\[' | tail -n 40",
    );
    match said {
        Ok(said) => format!("{} says:\n{}", host.name(), String::from_utf8_lossy(&said.stdout)),
        Err(error) => format!("{} says nothing: {error}", host.name()),
    }
}

#[allow(dead_code)]
impl TestHost {
    /// Runs `script` as root on the host, past SSH, and returns what it prints, without the last line's end.
    /// Fails the test when the script fails.
    #[track_caller]
    pub fn sh(&self, script: &str) -> String {
        let output = self.run(script).unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "`{script}` on {}: {}\n{text}{}",
            self.name(),
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        text.trim_end_matches('\n').to_owned()
    }

    /// Whether `script` ends with status 0.
    pub fn succeeds(&self, script: &str) -> bool {
        self.run(script).unwrap().status.success()
    }
}

/// A bare Debian 13 with root's login by key. `name` is unique in the suite: the test's own name is a good one.
#[track_caller]
pub fn boot(name: &str) -> TestHost {
    let mut hosts = boot_all(vec![HostSpec::new(name)]);
    hosts.remove(0)
}

/// Hosts that a test needs together: never one after the other, or two tests may wait for each other.
#[track_caller]
pub fn boot_all(specs: Vec<HostSpec>) -> Vec<TestHost> {
    let mut permits = Permits::take(specs.len());
    specs
        .iter()
        .map(|spec| {
            let host = lab().up(spec, &|line| eprintln!("{line}")).unwrap();
            permits.0 -= 1;
            TestHost {
                host: Some(host),
                _permit: Permits(1),
            }
        })
        .collect()
}

/// A state that is costly to reach (a whole server installed), reached once and started from by many tests:
/// `static MAIL: Shared = Shared::new();` and `boot_all(vec![HostSpec::new("x").on(&MAIL.get(|| …snapshot("mail")))])`.
pub struct Shared(Mutex<Option<Layer>>);

#[allow(dead_code)]
impl Shared {
    pub const fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// The layer; `make` makes it for whoever comes first. A `make` that panicked is tried again by the next,
    /// so that every test that needs it says why it fails.
    pub fn get(&self, make: impl FnOnce() -> Layer) -> Layer {
        let mut layer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        layer.get_or_insert_with(make).clone()
    }
}
