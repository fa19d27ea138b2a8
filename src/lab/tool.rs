//! Running the machine's programs, and errors that say what was being done.

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::LabError;

/// Adds what was being done to an error.
pub(super) trait Context<T> {
    fn context(self, doing: impl FnOnce() -> String) -> Result<T, LabError>;
}

impl<T, E: std::fmt::Display> Context<T> for Result<T, E> {
    fn context(self, doing: impl FnOnce() -> String) -> Result<T, LabError> {
        self.map_err(|error| LabError(format!("{}: {error}", doing())))
    }
}

/// The full path of `program`. The administrator's folders are searched even where `su` left them out of `PATH`.
pub(super) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(PathBuf::from))
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
}

/// A command of `program`, found as [`find`] does.
pub(super) fn command(program: &str) -> Command {
    let mut command = Command::new(find(program).unwrap_or_else(|| PathBuf::from(program)));
    // Messages are matched and shown: not in the operator's language.
    command.env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
    command
}

/// Runs `program` to its end and returns its standard output.
pub(super) fn run<S: AsRef<OsStr>>(program: &str, arguments: &[S]) -> Result<String, LabError> {
    let mut command = command(program);
    command.args(arguments);
    finish(command, None)
}

/// Runs `command`, with `input` on its standard input.
pub(super) fn finish(mut command: Command, input: Option<&[u8]>) -> Result<String, LabError> {
    let words = shown(&command);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    if input.is_some() {
        command.stdin(Stdio::piped());
    }
    let mut child = command.spawn().context(|| format!("starting `{words}`"))?;
    if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
        // What doesn't read its input says why on its standard error.
        let _ = stdin.write_all(input);
    }
    let output = child
        .wait_with_output()
        .context(|| format!("running `{words}`"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    let errors = if errors.trim().is_empty() {
        String::from_utf8_lossy(&output.stdout)
    } else {
        errors
    };
    Err(LabError(format!(
        "`{words}` failed ({}): {}",
        output.status,
        tail(&errors, 8)
    )))
}

fn shown(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}

/// The last `count` lines of `text`.
pub(super) fn tail(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// The folders inside `folder`, by name; none when it does not exist.
pub(super) fn folders_in(folder: &Path) -> Result<Vec<PathBuf>, LabError> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut folders = Vec::new();
    for entry in fs::read_dir(folder).context(|| format!("reading {}", folder.display()))? {
        let path = entry.context(|| format!("reading {}", folder.display()))?.path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

/// The last part of a path.
pub(super) fn name_of(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// Removes a folder with all that is in it; it may be absent.
pub(super) fn remove_folder(folder: &Path) -> Result<(), LabError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(LabError(format!("removing {}: {error}", folder.display())))
        }
        _ => Ok(()),
    }
}
