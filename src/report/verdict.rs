//! The exit code of a command over several hosts, and the next thing to do.

use super::event::{Counts, Mode};
use crate::exit::Exit;

/// Which exit code wins when hosts end differently: what may be half done comes before what was not begun.
pub const PRECEDENCE: [Exit; 10] = [
    Exit::Interrupted,
    Exit::Bug,
    Exit::StepFailed,
    Exit::Unreachable,
    Exit::Locked,
    Exit::Secret,
    Exit::Invalid,
    Exit::Usage,
    Exit::Different,
    Exit::Done,
];

/// The exit code for these hosts: what each did, and why it was left alone, if it was.
pub fn exit<'a>(
    mode: Mode,
    hosts: impl Iterator<Item = (&'a Counts, Option<Exit>)>,
    interrupted: bool,
) -> Exit {
    let mut found: Vec<Exit> = Vec::new();
    if interrupted {
        found.push(Exit::Interrupted);
    }
    for (counts, failure) in hosts {
        // What a lost connection left undone is its to report.
        found.extend(failure);
        if counts.failed > 0 && failure.is_none() {
            found.push(Exit::StepFailed);
        }
        if mode == Mode::Check && counts.differing() > 0 {
            found.push(Exit::Different);
        }
        // Not agreed to, or waiting for something that was not done.
        if mode == Mode::Apply && counts.skipped + counts.owed > 0 && failure.is_none() {
            found.push(Exit::StepFailed);
        }
    }
    PRECEDENCE
        .into_iter()
        .find(|exit| found.contains(exit))
        .unwrap_or(Exit::Done)
}

/// The exit with this code.
pub fn named(code: u8) -> Exit {
    Exit::ALL
        .into_iter()
        .find(|exit| exit.code() == code)
        .unwrap_or(Exit::Bug)
}

/// What to do after a command that ended like this.
pub fn next<'a>(
    mode: Mode,
    exit: Exit,
    mut counts: impl Iterator<Item = &'a Counts>,
) -> Option<&'static str> {
    match (exit, mode) {
        (Exit::Different, _) if counts.any(|host| host.unknown > 0) => {
            Some("apply without --check to do this; what is unknown is decided on the way")
        }
        (Exit::Different, _) => Some("apply without --check to do this"),
        (Exit::Done, Mode::Apply) if counts.any(|host| host.waiting > 0) => {
            Some("see to what it waits for and apply again")
        }
        (Exit::StepFailed, Mode::Check) => {
            Some("see what failed above; apply would do everything that does not need it")
        }
        (Exit::StepFailed, Mode::Apply) => Some(
            "see to what failed and apply again: what is done is not done twice; `mailprov rollback` brings back \
                 files that were replaced",
        ),
        (Exit::Unreachable, _) => {
            Some("see to the connection and apply again: what is done is not done twice")
        }
        (Exit::Locked, _) => Some("wait for the other run to end, then apply again"),
        (Exit::Interrupted, Mode::Apply) => {
            Some("apply again to do the rest: owed restarts are remembered on the host")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(change: impl FnOnce(&mut Counts)) -> Counts {
        let mut counts = Counts::default();
        change(&mut counts);
        counts
    }

    #[test]
    fn hosts_that_end_differently_have_one_verdict() {
        let fine = counts(|c| c.converged = 3);
        let changed = counts(|c| c.changed = 1);
        let failed = counts(|c| c.failed = 1);
        let waits = counts(|c| c.skipped = 1);
        type Hosts<'a> = Vec<(&'a Counts, Option<Exit>)>;
        let cases: [(Mode, Hosts<'_>, bool, Exit); 9] = [
            (
                Mode::Apply,
                vec![(&fine, None), (&changed, None)],
                false,
                Exit::Done,
            ),
            (Mode::Check, vec![(&fine, None)], false, Exit::Done),
            (
                Mode::Check,
                vec![(&fine, None), (&changed, None)],
                false,
                Exit::Different,
            ),
            (
                Mode::Check,
                vec![(&changed, None), (&fine, Some(Exit::Unreachable))],
                false,
                Exit::Unreachable,
            ),
            (
                Mode::Apply,
                vec![(&failed, None), (&fine, Some(Exit::Unreachable))],
                false,
                Exit::StepFailed,
            ),
            (
                Mode::Apply,
                vec![(&failed, Some(Exit::Unreachable))],
                false,
                Exit::Unreachable,
            ),
            (
                Mode::Apply,
                vec![(&fine, Some(Exit::Locked)), (&fine, None)],
                false,
                Exit::Locked,
            ),
            (Mode::Apply, vec![(&waits, None)], false, Exit::StepFailed),
            (Mode::Apply, vec![(&failed, None)], true, Exit::Interrupted),
        ];
        for (mode, hosts, interrupted, expected) in cases {
            assert_eq!(exit(mode, hosts.into_iter(), interrupted), expected);
        }
    }

    #[test]
    fn every_exit_has_a_rank() {
        for exit in Exit::ALL {
            assert!(PRECEDENCE.contains(&exit), "{exit:?}");
            assert_eq!(named(exit.code()), exit);
        }
    }
}
