//! Probes: what can be asked of a host without changing it, and the answers.
//!
//! How a probe is asked is `host::observe`'s; a probe is a value, so a step that wants to look cannot write.

use std::collections::HashMap;

/// A question about the present state of a host.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Probe {
    /// Type, mode, owner, digest of a path; links are not followed.
    Path {
        path: String,
        /// Send the content of a regular file unless its SHA-256 (lower-case hex) is this one. `None`: don't
        /// send it. `Some("")` always sends it. Files over 1 MiB are sent for [`LARGE`] alone.
        unless: Option<String>,
    },
    Package(String),
    /// A systemd unit, with the digests that the last restart and reload recorded.
    Unit(String),
    User(String),
    Group(String),
    /// A kernel setting, `net.ipv4.ip_forward`.
    Sysctl(String),
    /// A query by the server's administrator; `database` is the one to connect to, empty for none. Every column
    /// must be in hexadecimal: the answer holds the bytes that it stands for.
    Sql {
        engine: Engine,
        database: String,
        query: String,
    },
    /// A fragment of `sh` without side effects: its exit status and the first 64 KiB that it prints.
    Check(String),
}

/// As [`Probe::Path::unless`]: always sends a file, of up to 8 MiB.
pub const LARGE: &str = "+";

#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    Mariadb,
    Postgresql,
    Sqlite,
}

impl std::fmt::Display for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Engine::Mariadb => "mariadb",
            Engine::Postgresql => "postgresql",
            Engine::Sqlite => "sqlite",
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathState {
    Absent,
    File {
        mode: String,
        owner: String,
        group: String,
        size: u64,
        sha256: String,
        content: Option<Vec<u8>>,
    },
    Directory {
        mode: String,
        owner: String,
        group: String,
    },
    Symlink {
        target: String,
        owner: String,
        group: String,
    },
    /// A device, socket or pipe: its type in words.
    Other(String),
}

impl PathState {
    /// Whether it is a file that everybody on the host may read. Nobody need know the secrets in any other any more, so
    /// that nobody could take them out of a diff.
    pub fn is_public(&self) -> bool {
        matches!(self, PathState::File { mode, .. } if is_public(mode))
    }
}

/// Whether everybody may read what has this mode, octal digits.
pub fn is_public(mode: &str) -> bool {
    mode.ends_with(['4', '5', '6', '7'])
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PackageState {
    /// The version, when installed and configured.
    pub installed: Option<String>,
    /// dpkg's status words when neither installed nor absent, `half-configured` for one.
    pub broken: Option<String>,
    pub held: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnitState {
    /// `loaded`, `not-found`, `masked` …
    pub load: String,
    /// `active`, `inactive`, `failed`, `activating` …
    pub active: String,
    pub sub: String,
    /// `enabled`, `disabled`, `static`, `masked` …; empty when the unit is not found.
    pub file: String,
    /// A unit file or drop-in changed since systemd read it.
    pub needs_daemon_reload: bool,
    pub restart_digest: Option<String>,
    pub reload_digest: Option<String>,
    /// Why it ended last: `success`, `exit-code`, `timeout` …
    pub result: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserState {
    pub uid: u32,
    /// Name of the primary group.
    pub group: String,
    pub gid: u32,
    pub home: String,
    pub shell: String,
    pub comment: String,
    /// Supplementary groups, sorted.
    pub groups: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupState {
    pub gid: u32,
    pub members: Vec<String>,
}

/// The answer to a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SqlState {
    /// The client is not installed.
    NoClient,
    /// The server does not answer: its words.
    NoServer(String),
    /// Unknown database, file or table: the server's words.
    Missing(String),
    /// Any other error of the server.
    Error(String),
    /// `None` is NULL.
    Rows(Vec<Vec<Option<Vec<u8>>>>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckState {
    pub status: i32,
    pub output: String,
}

/// The answers to a set of probes.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    pub paths: HashMap<String, PathState>,
    pub packages: HashMap<String, PackageState>,
    pub units: HashMap<String, UnitState>,
    pub users: HashMap<String, Option<UserState>>,
    pub groups: HashMap<String, Option<GroupState>>,
    /// `None`: the kernel has no such setting.
    pub sysctls: HashMap<String, Option<String>>,
    pub sql: HashMap<(Engine, String, String), SqlState>,
    pub checks: HashMap<String, CheckState>,
}

impl Observed {
    /// Takes over the newer answers of `other`.
    pub fn update(&mut self, other: Observed) {
        self.paths.extend(other.paths);
        self.packages.extend(other.packages);
        self.units.extend(other.units);
        self.users.extend(other.users);
        self.groups.extend(other.groups);
        self.sysctls.extend(other.sysctls);
        self.sql.extend(other.sql);
        self.checks.extend(other.checks);
    }
}
