//! Arguments and environments of all processes of this machine, read in a loop.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{Patterns, Seen};

/// A process is read this often: it may become another program after it was forked.
const LOOKS: u32 = 20;

/// Looks until `stop`.
pub fn start(patterns: Arc<Patterns>, seen: Seen, stop: Arc<AtomicBool>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut known: BTreeMap<u32, u32> = BTreeMap::new();
        while !stop.load(Ordering::SeqCst) {
            let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
            let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
            let mut now = BTreeMap::new();
            for pid in pids {
                let looks = known.get(&pid).copied().unwrap_or(0);
                if looks < LOOKS || looks.is_multiple_of(50) {
                    look(pid, &patterns, &seen);
                }
                now.insert(pid, looks + 1);
            }
            known = now;
            std::thread::sleep(Duration::from_millis(10));
        }
    })
}

/// Reads what everybody may read of a process, and what only its owner may.
pub fn look(pid: u32, patterns: &Patterns, seen: &Seen) {
    for what in ["cmdline", "environ"] {
        let bytes = std::fs::read(format!("/proc/{pid}/{what}")).unwrap_or_default();
        for name in patterns.within(&bytes) {
            let program = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            seen.problem(format!(
                "{name} stands in {what} of the process {}",
                program.trim_end()
            ));
        }
    }
}
