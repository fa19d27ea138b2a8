//! Taking a promise back: what a role made goes, what was there before comes back, what others need stays.
//!
//! What mailprov made or replaced is noted on the host when it happens (`made/`, `before/`), and struck off when it
//! is taken back: from then on what is there is a person's, and no later run touches it.

pub mod account;
pub mod directory;
pub mod file;
pub mod package;
pub mod service;
pub mod sql;

use std::collections::BTreeSet;

use super::Resource;
use super::probe::PathState;
use super::world::World;
use crate::host::script::Script;

/// Shell functions for the session's prelude.
pub const SH: &str = include_str!("gone/gone.sh");

/// Where a host's notes are.
const STATE: &str = "/var/lib/mailprov";

/// Of a note without its file: a person, or another program, was quicker.
const FORGOTTEN: &str = "it is gone already; the note that mailprov made it goes too";

/// What is in what a step makes, as its role says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// People's mail, keys, databases: stays, and so do its owner and its folder, unless it is purged.
    Data,
    /// What programs leave there is worth nothing: a directory goes with everything in it.
    Scratch,
}

/// How a promise is taken back.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// Whether people's data go too.
    pub purge: bool,
    pub holds: Option<Holds>,
    pub kept: &'a Kept,
    /// Units of the same role that watch the step: one that runs on has to notice.
    pub watchers: &'a [String],
    /// Database servers whose service is taken back too, each with its unit.
    pub servers: &'a [(Resource, String)],
}

#[cfg(test)]
impl<'a> Terms<'a> {
    /// Of a step that holds nobody's data and that nothing watches; nothing is purged.
    fn plain(kept: &'a Kept) -> Self {
        Self {
            purge: false,
            holds: None,
            kept,
            watchers: &[],
            servers: &[],
        }
    }
}

/// What stays on a host: everything that present roles provide and require.
#[derive(Debug, Clone, Default)]
pub struct Kept(BTreeSet<Resource>);

impl Kept {
    pub fn add(&mut self, resources: impl IntoIterator<Item = Resource>) {
        self.0.extend(resources);
    }

    pub fn has(&self, resource: &Resource) -> bool {
        self.0.contains(resource)
    }

    pub fn has_path(&self, path: &str) -> bool {
        self.has(&Resource::Path(path.to_owned()))
    }

    /// Whether something that stays is `folder` or is in it.
    pub fn is_within(&self, folder: &str) -> bool {
        self.0.iter().any(|resource| match resource {
            Resource::Path(path) => path
                .strip_prefix(folder)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
            _ => false,
        })
    }

    pub fn packages(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|resource| match resource {
            Resource::Package(name) => Some(name.as_str()),
            _ => None,
        })
    }
}

/// The note that mailprov made an account or installed a package; `what` is `users`, `groups` or `packages`.
fn made(what: &str, name: &str) -> String {
    format!("{STATE}/made/{what}/{name}")
}

/// The note that mailprov made the file, link or directory at `path` where nothing was. It stands there before they do.
/// Its lines are the fingerprints of what mailprov wrote there; anything else is a person's.
fn made_path(path: &str) -> String {
    format!("{STATE}/made/paths{path}.noted")
}

/// Strikes off the note that mailprov made `path`, and those of what was in it.
fn unmade_path(path: &str) -> Script {
    Script::new().command([
        "rm",
        "-rf",
        "--",
        &made_path(path),
        &format!("{STATE}/made/paths{path}"),
    ])
}

/// What stands at a path in a word, as `mailprov_wrote` in replace.sh writes it down.
pub fn fingerprint(state: &PathState) -> String {
    match state {
        PathState::File { sha256, .. } => sha256.clone(),
        PathState::Symlink { target, .. } => format!(">{target}"),
        _ => "-".to_owned(),
    }
}

/// The note of a unit's state before mailprov first had to do with it.
fn unit_before(unit: &str) -> String {
    format!("{STATE}/before/units/{unit}")
}

/// The copy of what stood at `path` before mailprov first wrote there.
fn before(path: &str) -> String {
    format!("{STATE}/before/files{path}")
}

fn is_noted(world: &World<'_>, note: &str) -> bool {
    *world.path(note) != PathState::Absent
}
