//! Exit codes of the program: one meaning each. The book's page `exit-codes.md` is their reference.

use crate::host::HostError;

/// How a command ended, as scripts see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Everything asked for is done, or there was nothing to do.
    Done = 0,
    /// A mistake of mailprov's own.
    Bug = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// The inventory or a role is invalid; no host was contacted.
    Invalid = 3,
    /// A look at the hosts, `--check` or `drift`, found differences.
    Different = 4,
    /// A step failed on a host.
    StepFailed = 5,
    /// A host could not be reached, or its key was refused.
    Unreachable = 6,
    /// Another run holds the lock on a host.
    Locked = 7,
    /// A secret is missing or can't be decrypted.
    Secret = 8,
    /// Interrupted by the operator.
    Interrupted = 130,
}

impl Exit {
    /// Every code, in the order of the reference page.
    pub const ALL: [Exit; 10] = [
        Exit::Done,
        Exit::Bug,
        Exit::Usage,
        Exit::Invalid,
        Exit::Different,
        Exit::StepFailed,
        Exit::Unreachable,
        Exit::Locked,
        Exit::Secret,
        Exit::Interrupted,
    ];

    /// The number that the process exits with.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// What the code means, in the words of the reference page.
    pub fn meaning(self) -> &'static str {
        match self {
            Exit::Done => "done, or nothing to do",
            Exit::Bug => "a mistake of mailprov's own",
            Exit::Usage => "the command line makes no sense",
            Exit::Invalid => "the inventory or a role is invalid",
            Exit::Different => "differences were found",
            Exit::StepFailed => "a step failed",
            Exit::Unreachable => "a host could not be reached, or its key was refused",
            Exit::Locked => "another run holds the lock on a host",
            Exit::Secret => "a secret is missing or can't be decrypted",
            Exit::Interrupted => "interrupted",
        }
    }
}

impl From<&HostError> for Exit {
    fn from(error: &HostError) -> Self {
        match error {
            HostError::Unreachable(_)
            | HostError::HostKey(_)
            | HostError::Refused(_)
            | HostError::Expired(_) => Exit::Unreachable,
            HostError::Locked(_) => Exit::Locked,
            HostError::Secret(_) => Exit::Secret,
            HostError::Protocol(_) => Exit::StepFailed,
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
