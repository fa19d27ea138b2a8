//! Running the real binary, and what it answered.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A run that hangs fails its test instead of holding up the suite.
const LONGEST: Duration = Duration::from_secs(30 * 60);

/// What a run of `mailprov` answered.
#[derive(Debug)]
pub struct Run {
    arguments: Vec<String>,
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

#[allow(dead_code)]
impl Run {
    /// A command of the binary that sees nothing of who runs the tests: no home, no agent, no terminal.
    pub fn command(home: &Path, arguments: &[&str]) -> Command {
        // A series that runs for hours takes a copy: the program may be built anew meanwhile.
        let program = std::env::var_os("MAILPROV_UNDER_TEST");
        let mut command = Command::new(program.unwrap_or_else(|| env!("CARGO_BIN_EXE_mailprov").into()));
        command
            .args(arguments)
            .current_dir(home)
            .env("HOME", home)
            .env("LC_ALL", "C.UTF-8")
            .env_remove("SSH_AUTH_SOCK")
            .env_remove("XDG_CONFIG_HOME")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// A line that somebody types into a shell in `folder`, where `mailprov` is the binary.
    pub fn typed(home: &Path, folder: &Path, line: &str) -> Command {
        let program = Self::command(home, &[]);
        let binaries = Path::new(program.get_program()).parent().unwrap();
        let path = std::env::var("PATH").unwrap();
        let mut shell = Command::new("bash");
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        shell
            .args(["-o", "pipefail", "-c", line])
            .current_dir(folder)
            .env("PATH", format!("{}:{path}", binaries.display()));
        shell
    }

    pub fn new(home: &Path, arguments: &[&str]) -> Self {
        Self::of(Self::command(home, arguments).spawn().unwrap(), arguments)
    }

    /// Waits for a started run.
    pub fn of(mut child: Child, arguments: &[&str]) -> Self {
        let reader = |stream: Option<Box<dyn Read + Send>>| {
            std::thread::spawn(move || {
                let mut bytes = Vec::new();
                if let Some(mut stream) = stream {
                    stream.read_to_end(&mut bytes).unwrap();
                }
                String::from_utf8_lossy(&bytes).into_owned()
            })
        };
        let stdout = reader(child.stdout.take().map(|s| Box::new(s) as Box<dyn Read + Send>));
        let stderr = reader(child.stderr.take().map(|s| Box::new(s) as Box<dyn Read + Send>));
        let end = Instant::now() + LONGEST;
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if Instant::now() > end {
                child.kill().unwrap();
                break child.wait().unwrap();
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        Self {
            arguments: arguments.iter().map(|&word| word.to_owned()).collect(),
            status,
            stdout: stdout.join().unwrap(),
            stderr: stderr.join().unwrap(),
        }
    }

    fn shown(&self) -> String {
        format!(
            "mailprov {} ({})\n--- standard output\n{}\n--- standard error\n{}",
            self.arguments.join(" "),
            self.status,
            self.stdout,
            self.stderr
        )
    }

    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.status.code(), Some(code), "{}", self.shown());
        self
    }

    /// `text` stands in what it printed, on either stream.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        let said = self.stdout.contains(text) || self.stderr.contains(text);
        assert!(said, "`{text}` is not said by {}", self.shown());
        self
    }

    /// It printed this on standard output, and nothing on standard error.
    #[track_caller]
    pub fn says_exactly(self, text: &str) -> Self {
        assert_eq!(
            (self.stdout.as_str(), self.stderr.as_str()),
            (text, ""),
            "{}",
            self.shown()
        );
        self
    }

    #[track_caller]
    pub fn says_nothing_of(self, text: &str) -> Self {
        let said = self.stdout.contains(text) || self.stderr.contains(text);
        assert!(!said, "`{text}` is said by {}", self.shown());
        self
    }

    /// The lines of `--output json`. Anything else on standard output fails the test.
    #[track_caller]
    pub fn events(&self) -> Vec<Value> {
        self.stdout
            .lines()
            .map(|line| {
                serde_json::from_str(line)
                    .unwrap_or_else(|error| panic!("`{line}` is not JSON ({error}): {}", self.shown()))
            })
            .collect()
    }

    /// `HOST ROLE/STEP` → the step's last state, of a run with `--output json`.
    #[track_caller]
    pub fn states(&self) -> BTreeMap<String, String> {
        let mut states = BTreeMap::new();
        for event in self.events() {
            let word = |key: &str| event.get(key).and_then(Value::as_str).map(str::to_owned);
            if let (Some(host), Some(role), Some(step), Some(state)) =
                (word("host"), word("role"), word("step"), word("state"))
            {
                states.insert(format!("{host} {role}/{step}"), state);
            }
        }
        states
    }

    /// Steps in any state but those given: `run.steps_not(&["converged"])`.
    #[track_caller]
    pub fn steps_not(&self, states: &[&str]) -> Vec<String> {
        self.states()
            .into_iter()
            .filter(|(_, state)| !states.contains(&state.as_str()))
            .map(|(step, _)| step)
            .collect()
    }
}
