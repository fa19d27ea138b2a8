//! Running contenders by turns, and what each run cost.

use std::fs::File;
use std::process::{Command, Stdio};
use std::time::Instant;

/// One of those that are measured side by side.
pub struct Contender<'a> {
    pub name: &'static str,
    /// Takes part in the first so many rounds.
    pub rounds: usize,
    /// Done before each of its runs, unmeasured.
    pub prepare: Box<dyn Fn() + 'a>,
    pub command: Box<dyn Fn() -> Command + 'a>,
}

impl<'a> Contender<'a> {
    pub fn new(name: &'static str, rounds: usize, command: impl Fn() -> Command + 'a) -> Self {
        Self {
            name,
            rounds,
            prepare: Box::new(|| {}),
            command: Box::new(command),
        }
    }

    pub fn prepare(mut self, prepare: impl Fn() + 'a) -> Self {
        self.prepare = Box::new(prepare);
        self
    }
}

/// Seconds of every run of every contender. All have one turn per round, so that whatever else the machine does
/// hits all alike, and each begins a round in its turn.
pub fn by_turns(contenders: &[Contender<'_>]) -> Vec<(&'static str, Vec<f64>)> {
    let mut seconds: Vec<(&'static str, Vec<f64>)> = contenders
        .iter()
        .map(|contender| (contender.name, Vec::new()))
        .collect();
    let rounds = contenders.iter().map(|contender| contender.rounds).max();
    for round in 0..rounds.unwrap_or(0) {
        for turn in 0..contenders.len() {
            let at = (round + turn) % contenders.len();
            let contender = &contenders[at];
            if round < contender.rounds {
                (contender.prepare)();
                seconds[at].1.push(run(&mut (contender.command)()).0);
            }
        }
    }
    seconds
}

/// Seconds of one run, and what it printed. A run that fails ends the bench: a figure of it would be a lie.
pub fn run(command: &mut Command) -> (f64, String) {
    let log = tempfile::NamedTempFile::new().unwrap();
    let output = |file: &File| Stdio::from(file.try_clone().unwrap());
    command
        .stdout(output(log.as_file()))
        .stderr(output(log.as_file()));
    let began = Instant::now();
    let status = command
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"))
        .wait()
        .unwrap();
    let seconds = began.elapsed().as_secs_f64();
    let said = String::from_utf8_lossy(&std::fs::read(log.path()).unwrap()).into_owned();
    assert!(status.success(), "{command:?}: {status}\n{said}");
    (seconds, said)
}

/// The most memory that a run had at once, in MiB. Looked at every millisecond, which costs time: not for a run
/// whose time counts.
pub fn peak_memory(command: &mut Command) -> f64 {
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let path = format!("/proc/{}/status", child.id());
    let mut peak = 0.0_f64;
    while child.try_wait().unwrap().is_none() {
        let status = std::fs::read_to_string(&path).unwrap_or_default();
        let kib = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok());
        peak = peak.max(kib.unwrap_or(0.0) / 1024.0);
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    assert!(child.wait().unwrap().success(), "{command:?}");
    peak
}

/// Milliseconds of processor time that a command takes, of many runs: the kernel counts in hundredths of a second.
pub fn processor_ms(runs: u32, mut command: impl FnMut() -> Command) -> f64 {
    let before = children_ticks();
    for _ in 0..runs {
        run(&mut command());
    }
    // USER_HZ is 100 wherever Linux runs.
    (children_ticks() - before) * 10.0 / f64::from(runs)
}

/// proc(5): cutime and cstime, the 16th and 17th fields.
fn children_ticks() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields = stat.rsplit_once(')').unwrap().1.split_whitespace();
    fields
        .skip(13)
        .take(2)
        .map(|ticks| ticks.parse::<f64>().unwrap())
        .sum()
}

pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
    }
}
