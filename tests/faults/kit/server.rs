//! A mail server on a lab host, of which two editions exist: every configuration file differs between them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mailprov::lab::{HostSpec, Login};

use super::attempt::{Attempt, Ended};
use super::reader::{self, Known, Reader};
use super::relay::Relay;
use crate::support::{Site, TestHost, boot_all};

/// What a host has in hand when a change is broken off takes no longer.
const LONGEST: Duration = Duration::from_secs(300);

/// Where all mail of the tests goes.
pub const MAILBOX: &str = "alice@example.org";

/// Values of the secrets, each so odd that it can't stand somewhere by chance.
pub const SECRETS: [(&str, &str); 3] = [
    ("accounts_postfix_password", "Jx4-postfix-reads-Qm81"),
    ("accounts_dovecot_password", "Jx4-dovecot-reads-Wz72"),
    ("alice_password", "Jx4-alice-herself-Ek63"),
];

/// One of the two.
pub struct Edition {
    pub site: Site,
    /// What EHLO announces when Postfix runs with it.
    pub size: u64,
    /// Bytes of `innodb_buffer_pool_size` when MariaDB runs with it.
    pub pool: u64,
    /// Its configuration files, below the host's root.
    pub files: BTreeMap<PathBuf, Vec<u8>>,
}

/// A running server, and the way to it.
pub struct Server {
    pub host: TestHost,
    pub relay: Relay,
    pub editions: [Edition; 2],
    /// Which one it was brought to last.
    pub current: usize,
    pub reader: Reader,
    /// What its files may hold.
    pub known: Known,
    /// An undisturbed change from one to the other.
    pub reference: Ended,
}

fn edition(host: &TestHost, relay: &Relay, second: bool) -> Edition {
    let (size, pool) = if second { (40, 96) } else { (50, 128) };
    let mut site = Site::new().top("roles_path: roles").host_at(
        host,
        relay.address(),
        &["mailserver"],
        &format!(
            "mail_hostname: mx1.example.org\nmail_admin: {MAILBOX}\nmail_domains: [example.org]\n\
             mail_mailboxes:\n- {{address: {MAILBOX}, password: !secret alice_password}}\n\
             mail_message_size: {size}M\nmariadb_buffer_pool: {pool}M\n"
        ),
    );
    for (name, value) in SECRETS {
        site = site.secret(name, value);
    }
    copy_roles(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("roles"),
        &site.path().join("roles"),
        second,
    );
    site.inventory();
    Edition {
        site,
        size: size << 20,
        pool: pool << 20,
        files: BTreeMap::new(),
    }
}

/// The project's roles; in the second edition every template ends with one more comment.
fn copy_roles(from: &Path, to: &Path, second: bool) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy_roles(&path, &target, second);
        } else {
            let mut text = fs::read(&path).unwrap();
            if second && from.ends_with("templates") {
                if !text.ends_with(b"\n") {
                    text.push(b'\n');
                }
                text.extend(b"# The second edition.\n");
            }
            fs::write(target, text).unwrap();
        }
    }
}

/// Files of a server's configuration, below `root`. Compiled forms are not text that somebody meant.
fn configuration(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let folders = [
        "etc/postfix",
        "etc/postfix/sql",
        "etc/dovecot",
        "etc/dovecot/sieve",
    ];
    for folder in folders.into_iter().chain(["usr/local/lib/mailprov"]) {
        let entries = fs::read_dir(root.join(folder)).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file())) {
            let name = entry.file_name().to_string_lossy().into_owned();
            if !name.starts_with('.') && !name.ends_with(".svbin") && !name.ends_with(".lmdb") {
                found.push(Path::new(folder).join(name));
            }
        }
    }
    let single = ["etc/aliases", "etc/hosts", "etc/mailname", "etc/hostname"];
    found.extend(single.iter().map(PathBuf::from));
    found.push("etc/mysql/mariadb.conf.d/60-mailprov.cnf".into());
    found.sort();
    found
}

/// Everything that may be read while a server goes from one edition to the other.
fn known(editions: &[Edition; 2]) -> Known {
    let mut known = Known::new();
    for (path, content) in editions.iter().flat_map(|edition| &edition.files) {
        known.entry(path.clone()).or_default().insert(content.clone());
    }
    known
}

impl Server {
    /// Boots a host, makes it the first edition, then the second, undisturbed, and back.
    ///
    /// # Panics
    /// An undisturbed run fails: there is nothing to break then.
    pub fn build(name: &str) -> Self {
        let spec = HostSpec::new(name).fqdn("mx1.example.org").login(Login::RootKey);
        let mut host = boot_all(vec![spec]).remove(0);
        let relay = Relay::start(([127, 0, 0, 1], 0).into(), (host.address(), 22).into());
        let mut editions = [edition(&host, &relay, false), edition(&host, &relay, true)];
        applied(&editions[0].site);
        // What is broken later starts from here, and comes back here.
        host.snapshot(&format!("{name}-server")).unwrap();
        settled(&host);
        let paths = configuration(&host.root());
        // The lab writes a host's names anew whenever it boots.
        let booted = reader::contents(&host.root(), &["etc/hosts".into(), "etc/hostname".into()]);
        applied(&editions[0].site);
        editions[0].files = reader::contents(&host.root(), &paths);
        let reference = applied(&editions[1].site);
        editions[1].files = reader::contents(&host.root(), &paths);
        let changed: BTreeSet<_> = paths
            .iter()
            .filter(|path| editions[0].files.get(*path) != editions[1].files.get(*path))
            .collect();
        assert!(changed.len() >= 14, "only these files differ: {changed:?}");
        let mut known = known(&editions);
        for (path, content) in booted {
            known.entry(path).or_default().insert(content);
        }
        let reader = Reader::start(&host.root(), known.clone(), true);
        Self {
            host,
            relay,
            editions,
            current: 1,
            reader,
            known,
            reference,
        }
    }

    /// Number of files that the reader reads.
    pub fn files(&self) -> usize {
        self.editions[0].files.len()
    }

    /// Throws away what a point left behind: the first edition runs, as it did when it was made.
    pub fn reset(&mut self) {
        let host = &mut self.host;
        self.reader.unread(|| host.reset()).unwrap();
        // What was read after the last look at it was of a server that is no more.
        self.reader.seen();
        self.current = 0;
        self.relay.cut();
        self.settle();
    }

    /// Pulls the plug and boots.
    pub fn crash(&mut self) {
        let host = &mut self.host;
        self.reader.unread(|| host.crash()).unwrap();
        self.relay.cut();
    }

    /// Boots a host that is about to shut down: a lab host that reboots only ends. One that is not down in a minute is
    /// switched off.
    pub fn boot_again(&mut self) {
        let end = Instant::now() + Duration::from_secs(60);
        let host = &mut self.host;
        while host.is_running() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(100));
        }
        self.reader.unread(|| host.crash()).unwrap();
        self.relay.cut();
    }

    pub fn settle(&self) {
        settled(&self.host);
    }

    /// What Postfix says that it takes at most; nothing while it does not answer.
    pub fn announces(&self) -> Option<u64> {
        super::sender::announced_size(self.host.address().into())
    }

    /// Waits until no run holds the host's lock; how long that took.
    pub fn lock_is_free(&self) -> Option<Duration> {
        free(&self.host, LONGEST)
    }
}

/// Waits until no run holds the host's lock; how long that took, at most `longest`.
pub fn free(host: &TestHost, longest: Duration) -> Option<Duration> {
    let began = Instant::now();
    while began.elapsed() < longest {
        if host.succeeds("[ ! -e /run/mailprov.lock ] || flock -n /run/mailprov.lock true") {
            return Some(began.elapsed());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    None
}

/// Waits until everything that starts at boot has started.
fn settled(host: &TestHost) {
    let ready = "systemctl is-system-running 2>/dev/null | grep -qE 'running|degraded'";
    crate::support::until("the host has booted", || host.succeeds(ready));
}

/// An undisturbed apply that has to go well.
#[track_caller]
pub fn applied(site: &Site) -> Ended {
    let ended = Attempt::start(site, &[]).end();
    assert_eq!(ended.code, Some(0), "an undisturbed apply: {}", ended.said());
    ended
}
