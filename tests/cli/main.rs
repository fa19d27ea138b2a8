//! The program as its users see it: what it prints and the code it exits with.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod apply;
mod broken;
mod dayafter;
mod explain;
mod init;
mod secrets;
mod terminal;

use std::path::Path;
use std::process::{Command, Output};

/// Runs the program in `folder`, away from the home folder and settings of whoever runs the tests.
pub fn mailprov(folder: &Path, home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mailprov"));
    command
        .current_dir(folder)
        .env("HOME", home)
        .env("NO_COLOR", "1")
        .env_remove("MAILPROV_IDENTITY")
        .env_remove("RUST_BACKTRACE")
        .stdin(std::process::Stdio::null());
    command
}

/// What a command printed, as text.
pub fn text(output: &Output) -> (String, String, Option<i32>) {
    (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
        output.status.code(),
    )
}
