//! Steps: the smallest promises about a host.
//!
//! A kind of step is one file in `step/` and one line in `kind::ALL`. It answers three questions (probe, assess,
//! fix) and nothing else in the engine knows it. A step never talks to a host: it names probes, judges their
//! answers, and returns the fragment of shell that makes the promise true.

pub mod block;
pub mod command;
pub mod cron;
pub mod directory;
pub mod file;
pub mod gone;
pub mod group;
pub mod kind;
pub mod map;
pub mod package;
pub mod packages;
pub mod password_file;
pub mod probe;
pub mod promised;
pub mod replace;
pub mod service;
pub mod sql;
pub mod sql_database;
pub mod sql_former;
pub mod sql_grant;
pub mod sql_row;
pub mod sql_schema;
pub mod sql_user;
pub mod symlink;
pub mod sysctl;
pub mod timer;
pub mod user;
pub mod world;

use std::fmt;

use crate::host::script::Script;
use probe::Probe;
use world::World;

/// A promise about a host, with all parameters resolved.
pub trait Step: fmt::Debug + Send + Sync {
    /// The promise in a few words, without its kind: `/etc/postfix/main.cf`, `postfix.service runs`.
    fn summary(&self) -> String;

    /// What has to be looked at to judge the promise.
    fn probes(&self) -> Vec<Probe>;

    /// The present state against the promise. `world` answers every probe that `probes` named.
    fn assess(&self, world: &World<'_>) -> Assessment;

    /// What makes the promise true. Called only when `assess` of the same `world` was not `Converged`; may be
    /// repeated, and must be atomic or resumable.
    fn fix(&self, world: &World<'_>) -> Fix;

    /// What exists on the host once the promise is kept, for implied edges.
    fn provides(&self) -> Vec<Resource> {
        Vec::new()
    }

    /// What must exist before the promise can be kept, if some step provides it.
    fn requires(&self) -> Vec<Resource> {
        Vec::new()
    }

    /// A digest of the content that this step promises (never of a password alone), for services that watch it.
    fn digest(&self) -> String;

    /// The step that takes this promise back, for a role that is to be absent; `None` leaves what it made.
    fn taken_back(&self, _terms: &gone::Terms<'_>) -> Option<Box<dyn Step>> {
        None
    }

    /// A promise that can only be kept once everything on the host goes by this one.
    fn afterwards(&self) -> Option<Box<dyn Step>> {
        None
    }

    /// What this step watches: services only.
    fn watches(&self) -> Option<&Watches> {
        None
    }

    /// How the fix is undone that may cut us off from the host: it arms an undo there first.
    fn guard(&self) -> Option<Guard> {
        None
    }

    /// Whether it may be beyond the host's power for a while: a fix that fails is then no failure of the run.
    fn may_wait(&self) -> bool {
        false
    }

    /// The file as it would be on the host, for `render` and for checks that need the content.
    fn rendered(&self) -> Option<Rendered<'_>> {
        None
    }

    /// All files as they would be on the host, for a step that writes several.
    fn files(&self) -> Vec<Rendered<'_>> {
        self.rendered().into_iter().collect()
    }

    /// The paths that its fix may write to or remove, for bringing back what was there.
    fn writes(&self) -> Vec<String> {
        self.files()
            .into_iter()
            .map(|file| file.path.to_owned())
            .collect()
    }

    /// What has to follow when something else is put where this step's file is: a compiler's run.
    fn after_writing(&self) -> Option<Script> {
        None
    }

    /// The command that must accept whatever is put where this step's file is; `%` stands for the staged file.
    fn validates(&self) -> Option<&str> {
        None
    }

    /// The same promise without what it says of these paths; `None` when it says nothing else.
    fn without(&self, _paths: &[String]) -> Option<Box<dyn Step>> {
        None
    }
}

/// A file that a step would write.
#[derive(Debug, Clone, Copy)]
pub struct Rendered<'a> {
    pub path: &'a str,
    pub content: &'a [u8],
    pub mode: &'a str,
    pub owner: &'a str,
    pub group: &'a str,
}

/// Step patterns (see [`crate::role::BoundStep::matches`]) whose change a service must notice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Watches {
    pub restart: Vec<String>,
    pub reload: Vec<String>,
    /// The program's own checker, run over all changed files of the service before any is swapped in.
    pub check: Option<String>,
    /// systemd unit.
    pub unit: String,
}

/// What becomes of a fix that the host undoes by itself unless a new connection to it succeeds in time.
#[derive(Debug, Clone, PartialEq)]
pub struct Guard {
    /// Seconds that the host waits.
    pub seconds: u64,
    /// Run over the new connection: ends the wait. Prints `undone` when it came too late.
    pub keep: Script,
    /// Run over the old connection when no new one can be made: undoes the fix at once.
    pub undo: Script,
}

/// Something on a host that one step provides and another may require.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Resource {
    /// A file, folder or link. Required by a step inside it: the nearest provided ancestor counts.
    Path(String),
    Package(String),
    User(String),
    Group(String),
    /// A systemd unit.
    Unit(String),
    /// `engine/name`
    Database(String),
    /// `engine/user@host`
    DatabaseUser(String),
    /// `engine/database.table`
    Table(String),
    /// The database server answers; `engine`.
    DatabaseServer(String),
}

/// The present state against a promise.
#[derive(Debug, Clone, PartialEq)]
pub enum Assessment {
    Converged,
    Create(Diff),
    Change(Diff),
    Remove(Diff),
    /// A restart or reload that a change owes the service; the text says which and why.
    Owed(String),
    /// Can't be known before that step (`role/name`, or a few words) has run.
    Unknown(String),
    /// The host is in a state that mailprov won't change by itself: what is there, and what to do.
    Refused(String),
}

/// What a change changes, as a person reads it. Texts may hold secrets: only the reporter, which redacts,
/// shows them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Diff(pub Vec<Difference>);

#[derive(Debug, Clone, PartialEq)]
pub enum Difference {
    /// Text of a file; `None` is an absent one.
    Content {
        path: String,
        before: Option<String>,
        after: Option<String>,
        /// Not everybody on the host may read it: what stands there and is not promised may be a former secret, of
        /// which the redactor knows nothing.
        private: bool,
    },
    /// `mode: 0644 → 0640`; `None` is unset.
    Attribute {
        name: String,
        before: Option<String>,
        after: Option<String>,
    },
    /// Whatever else a person should know.
    Note(String),
}

impl Diff {
    #[must_use]
    pub fn attribute(mut self, name: &str, before: Option<&str>, after: Option<&str>) -> Self {
        self.0.push(Difference::Attribute {
            name: name.to_owned(),
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
        });
        self
    }

    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.0.push(Difference::Note(note.into()));
        self
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What makes a promise true.
#[derive(Debug, Clone, PartialEq)]
pub enum Fix {
    /// A fragment that stands alone.
    Script(Script),
    /// Merged with the other package steps that are ready into one transaction.
    Packages(PackageRequest),
    /// Staged with the other changed files of its service, validated together, swapped in together.
    Replace(Replacement),
}

/// What a package step asks of the package manager.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PackageRequest {
    pub install: Vec<String>,
    pub remove: Vec<String>,
    /// Names or patterns (`exim4*`) of packages that may go to make room for what is installed.
    pub replaces: Vec<String>,
    /// Lines for `debconf-set-selections`.
    pub debconf: Vec<String>,
    pub hold: Vec<String>,
    pub unhold: Vec<String>,
    /// What a role brought that is to be absent: removed, with what came along and nothing needs any more.
    pub take_back: Vec<String>,
    /// What may not go with those.
    pub keep: Vec<String>,
}

/// A file to be put in place whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Replacement {
    pub path: String,
    pub content: Vec<u8>,
    pub mode: String,
    pub owner: String,
    pub group: String,
    /// A checker of the file alone; `%` stands for the staged file.
    pub validate: Option<String>,
    /// Keep a copy of what was there.
    pub backup: bool,
    /// A fragment run right before the swap.
    pub before: Option<Script>,
    /// A fragment run right after the swap (a map's compiler).
    pub after: Option<Script>,
}
