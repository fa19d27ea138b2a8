//! The real binary on a terminal.

use std::path::Path;
use std::process::Stdio;

use rexpect::session::PtySession;

use super::command::Run;

/// Milliseconds; a machine may be busy.
const PATIENCE: u64 = 120_000;

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
    spawn(command)
}

/// Starts any command on a terminal.
#[allow(dead_code)]
#[track_caller]
pub fn spawn(mut command: std::process::Command) -> PtySession {
    command
        .stdin(Stdio::inherit())
        .stdout(Stdio::inherit())
        .stderr(Stdio::inherit());
    rexpect::session::spawn_command(command, Some(PATIENCE)).unwrap()
}

/// The exit code of a session that has come to its end.
#[allow(dead_code)]
#[track_caller]
pub fn code(session: &mut PtySession) -> i32 {
    match session.process.wait() {
        Ok(rexpect::process::wait::WaitStatus::Exited(_, code)) => code,
        other => panic!("{other:?}"),
    }
}
