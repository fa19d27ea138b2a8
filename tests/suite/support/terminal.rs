//! The real binary on a terminal.

use std::path::Path;
use std::process::Stdio;

use rexpect::session::PtySession;

use super::command::Run;

/// Seconds; a machine may be busy.
const PATIENCE: u64 = 120;

/// Starts `mailprov` on a terminal of its own, in `home`.
#[allow(dead_code)]
#[track_caller]
pub fn terminal(home: &Path, arguments: &[&str]) -> PtySession {
    terminal_with(home, arguments, &[("TERM", "xterm")])
}

/// The same with these variables.
#[allow(dead_code)]
#[track_caller]
pub fn terminal_with(home: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> PtySession {
    let mut command = Run::command(home, arguments);
    command.envs(environment.iter().copied());
    spawn_for(command, PATIENCE)
}

/// Starts any command on a terminal; what it is expected to say must come within `seconds`.
#[allow(dead_code)]
#[track_caller]
pub fn spawn_for(mut command: std::process::Command, seconds: u64) -> PtySession {
    command
        .stdin(Stdio::inherit())
        .stdout(Stdio::inherit())
        .stderr(Stdio::inherit());
    rexpect::session::spawn_command(command, Some(seconds * 1000)).unwrap()
}

/// The exit code of a session that has come to its end. It is dropped: its reader goes on asking a terminal that nobody
/// writes to, without a pause.
#[allow(dead_code)]
#[track_caller]
pub fn code(session: PtySession) -> i32 {
    match session.process.wait() {
        Ok(rexpect::process::wait::WaitStatus::Exited(_, code)) => code,
        other => panic!("{other:?}"),
    }
}
