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

/// The exit code for these hosts.
pub fn exit<'a>(
    mode: Mode,
    counts: impl Iterator<Item = &'a Counts>,
    failures: impl Iterator<Item = &'a Exit>,
    interrupted: bool,
) -> Exit {
    let mut found: Vec<Exit> = failures.copied().collect();
    let lost = found.contains(&Exit::Unreachable);
    if interrupted {
        found.push(Exit::Interrupted);
    }
    for host in counts {
        // What a lost connection or a refused lock left undone is theirs to report.
        if host.failed > 0 && !lost {
            found.push(Exit::StepFailed);
        }
        if mode == Mode::Check && host.differing() > 0 {
            found.push(Exit::Different);
        }
        if mode == Mode::Apply && host.skipped + host.owed > 0 && found.is_empty() {
            // Not agreed to, or it appeared with a version that nobody expected.
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
        (Exit::StepFailed, Mode::Check) => {
            Some("see what failed above; apply would do everything that does not need it")
        }
        (Exit::StepFailed, Mode::Apply) => {
            Some("see to what failed and apply again: what is done is not done twice")
        }
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
        let cases: [(Mode, Vec<&Counts>, Vec<Exit>, bool, Exit); 8] = [
            (Mode::Apply, vec![&fine, &changed], vec![], false, Exit::Done),
            (Mode::Check, vec![&fine], vec![], false, Exit::Done),
            (Mode::Check, vec![&fine, &changed], vec![], false, Exit::Different),
            (
                Mode::Check,
                vec![&changed],
                vec![Exit::Unreachable],
                false,
                Exit::Unreachable,
            ),
            (
                Mode::Apply,
                vec![&failed],
                vec![Exit::Locked],
                false,
                Exit::StepFailed,
            ),
            (
                Mode::Apply,
                vec![&failed],
                vec![Exit::Unreachable],
                false,
                Exit::Unreachable,
            ),
            (
                Mode::Apply,
                vec![&fine],
                vec![Exit::Locked, Exit::Secret],
                false,
                Exit::Locked,
            ),
            (Mode::Apply, vec![&failed], vec![], true, Exit::Interrupted),
        ];
        for (mode, hosts, failures, interrupted, expected) in cases {
            assert_eq!(
                exit(mode, hosts.into_iter(), failures.iter(), interrupted),
                expected
            );
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
