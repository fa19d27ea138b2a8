//! Every file that is opened on the host: the kernel waits for us before it lets anybody have it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::SystemTime;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::fanotify::{
    EventFFlags, Fanotify, FanotifyEvent, FanotifyResponse, InitFlags, MarkFlags, MaskFlags, Response,
};

use super::{Patterns, Seen, processes};
use crate::support::TestHost;

/// Longer files are looked at afterwards only.
const LONGEST: usize = 1 << 20;

/// What was seen so far.
#[derive(Clone)]
pub struct Files {
    shared: Arc<Shared>,
}

struct Shared {
    root: PathBuf,
    /// Files that were changed before are not ours. Coarse on purpose: the kernel's clock for files lags behind.
    since: i64,
    library: BTreeSet<u64>,
    patterns: Arc<Patterns>,
    seen: Seen,
    files: Mutex<BTreeMap<Identity, Found>>,
    programs: AtomicU64,
    opened: AtomicU64,
}

/// A number may be given to a later file.
type Identity = (u64, u64, Option<SystemTime>);

#[derive(Default)]
struct Found {
    paths: BTreeSet<String>,
    /// It could be opened by everybody, with this mode.
    open: Option<u32>,
    secrets: BTreeSet<String>,
}

impl Files {
    /// Watches the host's file systems until `stop`.
    pub fn start(
        host: &TestHost,
        patterns: Arc<Patterns>,
        seen: Seen,
        stop: Arc<AtomicBool>,
    ) -> (Self, Vec<JoinHandle<()>>) {
        let root = host.inner_root().unwrap();
        let found = host.sh("ls -i $(ldd /bin/sh | grep -o '/[^ ]*libc.so[^ ]*')");
        let library = found
            .split_whitespace()
            .filter_map(|word| word.parse().ok())
            .collect();
        let since = host.sh("date +%s").parse::<i64>().unwrap() - 1;
        let shared = Arc::new(Shared {
            root,
            since,
            library,
            patterns,
            seen,
            files: Mutex::default(),
            programs: AtomicU64::new(0),
            opened: AtomicU64::new(0),
        });
        let flags = InitFlags::FAN_CLOEXEC | InitFlags::FAN_NONBLOCK | InitFlags::FAN_UNLIMITED_QUEUE;
        let mut threads = Vec::new();
        for (class, mask) in [
            (InitFlags::FAN_CLASS_CONTENT, MaskFlags::FAN_OPEN_PERM),
            (InitFlags::FAN_CLASS_NOTIF, MaskFlags::FAN_CLOSE_WRITE),
        ] {
            let group = Fanotify::init(
                flags | class,
                // A FIFO would have us wait for somebody who writes to it.
                EventFFlags::O_RDONLY
                    | EventFFlags::O_LARGEFILE
                    | EventFFlags::O_CLOEXEC
                    | EventFFlags::O_NONBLOCK,
            )
            .unwrap();
            for folder in ["", "run", "tmp", "dev/shm"] {
                let add = MarkFlags::FAN_MARK_ADD | MarkFlags::FAN_MARK_FILESYSTEM;
                let here = File::open("/").unwrap();
                group
                    .mark(add, mask, &here, Some(&shared.root.join(folder)))
                    .unwrap();
            }
            let (mine, stop) = (shared.clone(), stop.clone());
            threads.push(std::thread::spawn(move || {
                soon();
                mine.watch(&group, &stop);
            }));
        }
        (Self { shared }, threads)
    }

    /// Files with a secret: everybody else must have been kept out all the time.
    pub fn judge(&self, meant: &[&str], seen: &Seen) {
        let files = self.shared.files.lock().unwrap_or_else(PoisonError::into_inner);
        for found in files.values().filter(|found| !found.secrets.is_empty()) {
            let Found { paths, open, secrets } = found;
            if let Some(mode) = open {
                seen.problem(format!(
                    "{paths:?} with {secrets:?} could be opened by everybody: {mode:04o}"
                ));
            }
            // Staged beside its place, and as a checker sees it from a mount namespace of its own, where the folder is
            // the root of an overlay: `/postfix/main.cf`.
            let meant_there = |path: &str, meant: &str| {
                let below = meant.get(1..).and_then(|rest| rest.split_once('/'));
                path.starts_with(meant) || below.is_some_and(|(_, rest)| path[1..].starts_with(rest))
            };
            let belongs = |path: &String| {
                let ours = path.contains("/.mailprov-") || path.starts_with("/run/mailprov-check.");
                ours || meant.iter().any(|meant| meant_there(path, meant))
            };
            if !paths.iter().all(belongs) {
                seen.problem(format!("{paths:?} had {secrets:?}"));
            }
        }
    }

    /// An observer that saw nothing proves nothing.
    pub fn too_little(&self) -> Option<String> {
        let programs = self.shared.programs.load(Ordering::SeqCst);
        let opened = self.shared.opened.load(Ordering::SeqCst);
        let files = self.shared.files.lock().unwrap_or_else(PoisonError::into_inner);
        let secret = files.values().filter(|found| !found.secrets.is_empty()).count();
        eprintln!(
            "observed: {programs} programs started, {opened} files opened, {} new ones, {secret} with a secret",
            files.len()
        );
        (programs < 100 || secret < 2)
            .then(|| format!("the observer saw only {programs} programs and {secret} files with a secret"))
    }
}

/// Everybody on the host waits for this thread: it goes first.
fn soon() {
    let thread = std::fs::read_link("/proc/thread-self").unwrap_or_default();
    let number = thread.file_name().unwrap_or_default();
    // It is only slower without.
    let _ = Command::new("chrt")
        .args(["--fifo", "--pid", "10"])
        .arg(number)
        .status();
}

impl Shared {
    /// Until `stop`, and then what is still queued: whoever searches what was written lags behind an installation.
    fn watch(&self, group: &Fanotify, stop: &AtomicBool) {
        loop {
            let last = stop.load(Ordering::SeqCst);
            let mut waiting = [PollFd::new(group.as_fd(), PollFlags::POLLIN)];
            let _ = poll(&mut waiting, PollTimeout::from(50u8));
            let events = match group.read_events() {
                Ok(events) => events,
                Err(Errno::EAGAIN | Errno::EINTR) if last => return,
                Err(Errno::EAGAIN | Errno::EINTR) => continue,
                Err(error) => {
                    self.seen
                        .problem(format!("the kernel's events could not be read: {error}"));
                    return;
                }
            };
            for event in events {
                let Some(fd) = event.fd() else {
                    self.seen
                        .problem("the kernel had more to tell than it could".into());
                    continue;
                };
                if event.mask().contains(MaskFlags::FAN_OPEN_PERM) {
                    self.opening(&event, fd);
                    // Fails only when whoever asked is gone.
                    let _ = group.write_response(FanotifyResponse::new(fd, Response::FAN_ALLOW));
                } else {
                    self.written(fd);
                }
            }
        }
    }

    /// No file of the host's may be opened in here: we would wait for ourselves.
    fn opening(&self, event: &FanotifyEvent, fd: BorrowedFd<'_>) {
        self.opened.fetch_add(1, Ordering::Relaxed);
        let Ok(file) = fd.try_clone_to_owned().map(File::from) else {
            return;
        };
        let Ok(data) = file.metadata() else { return };
        if self.library.contains(&data.ino())
            && let Ok(pid) = u32::try_from(event.pid())
        {
            self.programs.fetch_add(1, Ordering::Relaxed);
            processes::look(pid, &self.patterns, &self.seen);
        }
        if data.is_file() && data.ctime() >= self.since {
            self.note(&file, &data, &BTreeSet::new());
        }
    }

    fn written(&self, fd: BorrowedFd<'_>) {
        let Ok(file) = fd.try_clone_to_owned().map(File::from) else {
            return;
        };
        let Ok(data) = file.metadata() else { return };
        if !data.is_file() || data.ctime() < self.since {
            return;
        }
        let mut bytes = vec![0; LONGEST.min(data.len() as usize)];
        let read = file.read_at(&mut bytes, 0).unwrap_or(0);
        let secrets = self.patterns.within(&bytes[..read]);
        if !secrets.is_empty() {
            self.note(&file, &data, &secrets);
        }
    }

    fn note(&self, file: &File, data: &std::fs::Metadata, secrets: &BTreeSet<&str>) {
        let link = format!("/proc/self/fd/{}", file.as_raw_fd());
        let path = std::fs::read_link(link).unwrap_or_default();
        let path = path.to_string_lossy().trim_end_matches(" (deleted)").to_owned();
        let mode = data.permissions().mode() & 0o7777;
        let open = mode & 0o004 != 0 && self.everybody_gets_at(Path::new(&path));
        let identity = (data.dev(), data.ino(), data.created().ok());
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let found = files.entry(identity).or_default();
        found.paths.insert(path);
        if open {
            found.open.get_or_insert(mode);
        }
        found
            .secrets
            .extend(secrets.iter().map(|name| (*name).to_owned()));
    }

    /// Whether everybody may go through all folders above.
    fn everybody_gets_at(&self, path: &Path) -> bool {
        let above = path.ancestors().skip(1);
        above.into_iter().all(|folder| {
            let inside = folder.strip_prefix("/").unwrap_or(folder);
            let data = std::fs::metadata(self.root.join(inside));
            data.is_ok_and(|data| data.permissions().mode() & 0o001 != 0)
        })
    }
}
