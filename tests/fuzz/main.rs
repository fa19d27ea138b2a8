//! Mutated input for everything that reads what others wrote: no panic, no hang, no memory without end.
//!
//! `cargo test --release --test fuzz -- [TARGET|all] [COUNT] [SEED]`. Without arguments a few of each run, as a part
//! of `cargo test`; equal arguments give equal inputs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod mutate;
mod targets;
mod wanted;

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use mutate::Mutator;
use rustix::process::{Resource, Rlimit, setrlimit};
use targets::Target;
use wanted::Wanted;

/// Seconds of processor time for one input.
const SECONDS: f64 = 5.0;
/// kB of the whole process at its largest. The kernel grants no more: an input that asks for it ends the process, and
/// is the one in the target's file `last`.
const MEMORY: u64 = 256 << 10;
/// Without a sign of life from one of its inputs for so long, it hangs: a busy machine may give little processor time.
const HANG: Duration = Duration::from_secs(300);

fn main() {
    let Some(wanted) = Wanted::read(std::env::args().skip(1)) else {
        return;
    };
    let mut chosen = targets::all();
    if let Some(name) = &wanted.target {
        chosen.retain(|target| target.name == name);
        if chosen.is_empty() {
            println!("fuzz: no target is called {name}");
            return;
        }
    }
    let limit = Some(MEMORY << 10);
    let limits = Rlimit {
        current: limit,
        maximum: limit,
    };
    setrlimit(Resource::Data, limits).expect("a limit of memory");
    let mut bad = false;
    for target in chosen {
        bad |= !campaign(target, wanted.count, wanted.seed);
    }
    std::process::exit(i32::from(bad));
}

/// Runs a target in a thread of its own; this one watches. Whether nothing was found.
fn campaign(target: Target, count: u64, seed: u64) -> bool {
    let name = target.name;
    let started = Instant::now();
    // Of this target alone: proc_pid_clear_refs(5).
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    // The message of a caught panic says where; it goes to standard error as it does in any program.
    let last = scratch(name, "last");
    let (alive, signs) = channel();
    // Opened once: a file that is emptied and closed is written to the disk at once (ext4's auto_da_alloc).
    let inputs = File::create(&last).unwrap();
    let worker = std::thread::Builder::new()
        .stack_size(2 << 20)
        .spawn(move || {
            let mut mutator = Mutator::new(seed, target.seeds);
            let mut found = 0;
            let mut slowest = 0.0_f64;
            for number in 0..count {
                let input = mutator.input();
                // Of a hang or an abort, this is what is left.
                inputs.write_all_at(&input, 0).unwrap();
                inputs.set_len(input.len() as u64).unwrap();
                let before = processor_time();
                let outcome = catch_unwind(AssertUnwindSafe(|| (target.run)(&input)));
                let seconds = processor_time() - before;
                slowest = slowest.max(seconds);
                let wrong = match outcome {
                    Err(_) => "panicked".to_owned(),
                    Ok(()) if seconds > SECONDS => format!("took {seconds:.1} s"),
                    Ok(()) => String::new(),
                };
                if !wrong.is_empty() {
                    found += 1;
                    let file = scratch(name, &format!("found-{found}"));
                    std::fs::write(&file, &input).unwrap();
                    println!("{name}: execution {number} {wrong}: {}", file.display());
                    if found == 10 {
                        break;
                    }
                }
                if number % 64 == 0 {
                    alive.send(()).ok();
                }
            }
            (found, slowest)
        })
        .unwrap();
    loop {
        match signs.recv_timeout(HANG) {
            Ok(()) => {}
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                println!("{name}: hangs on {}", last.display());
                return false;
            }
        }
    }
    let (found, slowest) = worker.join().unwrap();
    println!(
        "{name}: {count} executions from seed {seed}, {found} found, {:.1} s; slowest {:.0} ms, peak {} MB",
        started.elapsed().as_secs_f64(),
        slowest * 1000.0,
        peak() >> 10
    );
    found == 0 && peak() <= MEMORY
}

fn scratch(target: &str, what: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("fuzz");
    std::fs::create_dir_all(&folder).unwrap();
    folder.join(format!("{target}-{what}"))
}

/// Seconds that this thread has had a processor.
fn processor_time() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds: f64 = text
        .split(' ')
        .next()
        .and_then(|word| word.parse().ok())
        .unwrap_or(0.0);
    nanoseconds / 1e9
}

/// kB of memory of this process at its largest.
fn peak() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or(0)
}
