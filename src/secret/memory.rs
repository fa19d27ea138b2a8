//! A folder in memory for clear text that an editor must see as a file: on no disk, and gone when dropped.
//!
//! What a killed program leaves behind is found by its name and by the lock that nobody holds any more.

use std::fs::{self, File};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use super::vault::SecretError;
use crate::yaml::io_reason;

/// How the folders' names begin.
pub const PREFIX: &str = "mailprov-edit-";

/// `f_type` of file systems that live in memory, statfs(2).
const TMPFS: i64 = 0x0102_1994;
const RAMFS: i64 = 0x8584_58f6;

/// A folder that only its owner can enter.
#[derive(Debug)]
pub struct MemoryFolder {
    path: PathBuf,
    /// Held as long as the program lives, however it ends.
    _lock: File,
}

impl MemoryFolder {
    /// Makes one below `$XDG_RUNTIME_DIR` or `/dev/shm`.
    ///
    /// # Errors
    /// Neither is in memory.
    pub fn make() -> Result<Self, SecretError> {
        let mut refused = String::new();
        for place in places() {
            match in_memory(&place).and_then(|()| Self::below(&place)) {
                Ok(folder) => return Ok(folder),
                Err(reason) => refused += &format!("\n  {}: {reason}", place.display()),
            }
        }
        Err(SecretError(format!(
            "there is no storage in memory, and clear text must not be written to a disk:{refused}\n  \
             help: mount a tmpfs on /dev/shm, or change secrets one by one with `mailprov secrets set NAME`"
        )))
    }

    fn below(place: &Path) -> Result<Self, String> {
        let tried = |error: std::io::Error| format!("making a folder: {}", io_reason(&error));
        loop {
            let mut number = [0; 8];
            getrandom::fill(&mut number).map_err(|error| error.to_string())?;
            let path = place.join(format!("{PREFIX}{:016x}", u64::from_ne_bytes(number)));
            fs::DirBuilder::new().mode(0o700).create(&path).map_err(tried)?;
            // Another run that sweeps may have been quicker with a folder that was not locked yet.
            match File::open(&path) {
                Ok(lock) if lock.try_lock().is_ok() && path.exists() => {
                    return Ok(Self { path, _lock: lock });
                }
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(tried(error)),
            }
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for MemoryFolder {
    fn drop(&mut self) {
        // An editor's own files in it go too. What can't be removed goes with the next run's sweep.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Removes what killed runs of this user left behind.
pub fn sweep() {
    for place in places() {
        for entry in fs::read_dir(place).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(PREFIX) && is_ours(&entry.path()) {
                // Locked until it is gone: whoever has just made it sees that, and makes another.
                if let Ok(folder) = File::open(entry.path())
                    && folder.try_lock().is_ok()
                {
                    let _ = fs::remove_dir_all(entry.path());
                }
            }
        }
    }
}

/// Anybody may write to `/dev/shm`: a folder of another user's, or a link, is none of ours.
fn is_ours(path: &Path) -> bool {
    path.symlink_metadata()
        .is_ok_and(|found| found.is_dir() && found.uid() == rustix::process::geteuid().as_raw())
}

fn places() -> Vec<PathBuf> {
    std::env::var_os("XDG_RUNTIME_DIR")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .into_iter()
        .chain([PathBuf::from("/dev/shm")])
        .collect()
}

fn in_memory(path: &Path) -> Result<(), String> {
    let found = rustix::fs::statfs(path).map_err(|error| io_reason(&error.into()))?;
    // The field's type differs between architectures.
    #[allow(clippy::unnecessary_cast)]
    match found.f_type as i64 {
        TMPFS | RAMFS => Ok(()),
        _ => Err("it is not in memory".to_owned()),
    }
}

/// The devices that memory may be swapped out to, which is what makes a tmpfs leave memory (proc(5)).
pub fn swap_devices() -> Vec<String> {
    let swaps = fs::read_to_string("/proc/swaps").unwrap_or_default();
    let devices = swaps
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().next());
    // zram is memory again.
    devices
        .filter(|device| !device.starts_with("/dev/zram"))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_refused() {
        assert_eq!(in_memory(Path::new("/proc")).unwrap_err(), "it is not in memory");
        assert_eq!(in_memory(Path::new("/nonexistent")).unwrap_err(), "no such file");
    }

    #[test]
    fn a_sweep_leaves_what_is_in_use_and_drops_the_rest() {
        if in_memory(Path::new("/dev/shm")).is_err() {
            return;
        }
        let used = MemoryFolder::make().unwrap();
        let left = Path::new("/dev/shm").join(format!("{PREFIX}test-{}", std::process::id()));
        fs::create_dir_all(&left).unwrap();
        fs::write(left.join("secrets.yaml"), "x: y\n").unwrap();
        sweep();
        assert!(used.path().exists());
        assert!(!left.exists());
        let path = used.path().to_owned();
        drop(used);
        assert!(!path.exists());
    }
}
