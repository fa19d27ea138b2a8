//! Somebody who reads configuration files all the time: every content must be one that somebody meant.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;

/// Path below the host's root → what it may hold.
pub type Known = BTreeMap<PathBuf, BTreeSet<Vec<u8>>>;

/// Reads until it is dropped.
pub struct Reader {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    stop: AtomicBool,
    /// Write-locked while the host has no files to be read.
    open: RwLock<()>,
    reads: AtomicU64,
    wrong: Mutex<BTreeSet<String>>,
}

impl Reader {
    /// `complete`: all files are there from the beginning and must stay.
    pub fn start(root: &Path, known: Known, complete: bool) -> Self {
        let shared = Arc::new(Shared {
            stop: AtomicBool::new(false),
            open: RwLock::new(()),
            reads: AtomicU64::new(0),
            wrong: Mutex::new(BTreeSet::new()),
        });
        let (root, mine) = (root.to_owned(), shared.clone());
        let thread = std::thread::spawn(move || {
            while !mine.stop.load(Ordering::SeqCst) {
                for (path, contents) in &known {
                    let open = mine.open.read().unwrap_or_else(PoisonError::into_inner);
                    let read = std::fs::read(root.join(path));
                    drop(open);
                    mine.reads.fetch_add(1, Ordering::Relaxed);
                    let problem = match read {
                        Ok(content) if contents.contains(&content) => continue,
                        Ok(content) => format!(
                            "{} was read with {} bytes that nobody meant: {:?}",
                            path.display(),
                            content.len(),
                            String::from_utf8_lossy(&content)
                                .chars()
                                .take(300)
                                .collect::<String>()
                        ),
                        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !complete => continue,
                        Err(error) => format!("{}: {error}", path.display()),
                    };
                    let mut wrong = mine.wrong.lock().unwrap_or_else(PoisonError::into_inner);
                    wrong.insert(problem);
                }
                // Leaves the machine some time for what is watched.
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        });
        Self {
            shared,
            thread: Some(thread),
        }
    }

    /// Does what takes the host's files away, unread.
    pub fn unread<T>(&self, act: impl FnOnce() -> T) -> T {
        let _closed = self.shared.open.write().unwrap_or_else(PoisonError::into_inner);
        act()
    }

    /// Reads so far, and what was wrong since the last question.
    pub fn seen(&self) -> (u64, BTreeSet<String>) {
        let mut wrong = self.shared.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        let reads = self.shared.reads.swap(0, Ordering::Relaxed);
        (reads, std::mem::take(&mut wrong))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What the files at `paths` hold now.
pub fn contents(root: &Path, paths: &[PathBuf]) -> BTreeMap<PathBuf, Vec<u8>> {
    let read = |path: &PathBuf| Some((path.clone(), std::fs::read(root.join(path)).ok()?));
    paths.iter().filter_map(read).collect()
}
