//! A run of the program that is watched while it runs, so that it can be broken at a chosen moment.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Run, Site};

/// When to break a run.
#[derive(Debug, Clone, Copy)]
pub enum Moment {
    /// So long after its start.
    After(Duration),
    /// So long after its event with this number.
    Event(usize, Duration),
}

/// A run that is under way.
pub struct Attempt {
    child: Child,
    began: Instant,
    events: Arc<(Mutex<Told>, Condvar)>,
    readers: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Told {
    events: Vec<Value>,
    other: String,
    over: bool,
}

/// What a run came to.
#[derive(Debug, Clone)]
pub struct Ended {
    /// None: killed.
    pub code: Option<i32>,
    pub events: Vec<Value>,
    /// Standard error, and lines of standard output that are no events.
    pub other: String,
    pub seconds: f64,
}

impl Attempt {
    /// `mailprov apply` of the site's inventory, which was written before.
    pub fn start(site: &Site, arguments: &[&str]) -> Self {
        Self::with(site, "inventory.yaml", arguments)
    }

    /// [`Attempt::start`] with another inventory of the site's folder.
    pub fn with(site: &Site, inventory: &str, arguments: &[&str]) -> Self {
        let inventory = site.path().join(inventory);
        let identity = site.identity();
        let mut words = vec!["apply", inventory.to_str().unwrap(), "--output", "json"];
        if identity.exists() {
            words.extend(["--identity", identity.to_str().unwrap()]);
        }
        words.extend(arguments);
        Self::of(Run::command(site.path(), &words))
    }

    fn of(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let events: Arc<(Mutex<Told>, Condvar)> = Arc::default();
        let (stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let told = events.clone();
        let out = std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let mut state = told.0.lock().unwrap_or_else(PoisonError::into_inner);
                match serde_json::from_str(&line) {
                    Ok(event) => state.events.push(event),
                    Err(_) => state.other += &format!("{line}\n"),
                }
                told.1.notify_all();
            }
            told.0.lock().unwrap_or_else(PoisonError::into_inner).over = true;
            told.1.notify_all();
        });
        let told = events.clone();
        let err = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = stderr.read_to_end(&mut bytes);
            let text = String::from_utf8_lossy(&bytes);
            told.0.lock().unwrap_or_else(PoisonError::into_inner).other += &text;
        });
        Self {
            child,
            began: Instant::now(),
            events,
            readers: vec![out, err],
        }
    }

    /// Waits for the moment. False: the run was over before.
    pub fn reach(&self, moment: Moment) -> bool {
        match moment {
            Moment::After(time) => self.wait(|_| false, self.began + time),
            Moment::Event(number, delay) => {
                self.until(|events| events.len() > number) && self.wait(|_| false, Instant::now() + delay)
            }
        }
    }

    /// Waits until its events are like that. False: the run was over before.
    pub fn until(&self, enough: impl Fn(&[Value]) -> bool) -> bool {
        let end = Instant::now() + Duration::from_secs(900);
        let came = std::cell::Cell::new(false);
        self.wait(
            |events| {
                came.set(enough(events));
                came.get()
            },
            end,
        ) && came.get()
    }

    /// Until `enough`, or `end`. False: the run was over before.
    fn wait(&self, enough: impl Fn(&[Value]) -> bool, end: Instant) -> bool {
        let mut state = self.events.0.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if enough(&state.events) {
                return true;
            }
            if state.over {
                return false;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            let waited = self.events.1.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub fn kill(&mut self) {
        let _ = self.child.kill();
    }

    /// `INT` or `TERM`.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let script = "kill -s \"$0\" \"$1\"";
        let _ = Command::new("sh").args(["-c", script, name, &pid]).status();
    }

    /// Waits for the end.
    pub fn end(mut self) -> Ended {
        let status = self.child.wait().unwrap();
        let seconds = self.began.elapsed().as_secs_f64();
        for reader in self.readers {
            let _ = reader.join();
        }
        let state = self.events.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ended {
            code: status.code(),
            events: state.events.clone(),
            other: state.other.clone(),
            seconds,
        }
    }
}

fn word<'e>(event: &'e Value, key: &str) -> &'e str {
    event.get(key).and_then(Value::as_str).unwrap_or_default()
}

impl Ended {
    /// Steps that were not as promised when it began.
    pub fn changed(&self) -> Vec<String> {
        self.steps(|state| state != "converged")
    }

    pub fn steps(&self, wanted: impl Fn(&str) -> bool) -> Vec<String> {
        self.events
            .iter()
            .filter(|event| word(event, "type") == "step" && wanted(word(event, "state")))
            .map(|event| format!("{}/{}", word(event, "role"), word(event, "step")))
            .collect()
    }

    /// What it was busy with last.
    pub fn busy_with(&self) -> String {
        let doing = |event: &&Value| word(event, "type") == "doing";
        let last = self.events.iter().rev().find(doing);
        last.map_or_else(
            || "nothing yet".to_owned(),
            |event| word(event, "text").to_owned(),
        )
    }

    /// What the host said meanwhile.
    pub fn told(&self) -> String {
        let says = self.events.iter().filter(|event| word(event, "type") == "says");
        says.map(|event| word(event, "text"))
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// Everything that it said about what went wrong, and about what to do.
    pub fn said(&self) -> String {
        let mut said = self.other.trim().to_owned();
        for event in &self.events {
            let text = match word(event, "type") {
                "failure" => word(event, "message"),
                "step" if word(event, "state") == "failed" => word(event, "reason"),
                "summary" => word(event, "next"),
                _ => "",
            };
            if !text.is_empty() {
                said.push('\n');
                said.push_str(text);
            }
        }
        said.trim().to_owned()
    }
}
