//! A promised file against the one that is there: what kinds that write a whole file have in common.
//!
//! It knows nothing of any kind; how files are put in place is `replace`'s.

use schemars::JsonSchema;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::probe::{PathState, Probe, is_public};
use super::world::World;
use super::{Assessment, Diff, Difference, Fix, Rendered, Replacement, Resource};
use crate::host::script::Script;
use crate::step::kind::params::AbsolutePath;

/// The first line of files that mailprov owns whole and removes again.
pub const HEADER: &str = "# Written by mailprov: what is changed by hand is lost at its next run.\n";

/// Shell functions for the session's prelude.
pub const SH: &str = include_str!("promised.sh");

/// Whether something is to be there or not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    #[default]
    Present,
    Absent,
}

/// A file as it is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromisedFile {
    pub path: AbsolutePath,
    pub content: Vec<u8>,
    /// Four octal digits.
    pub mode: String,
    pub owner: String,
    pub group: String,
}

/// What stands at the path of a promised file.
#[derive(Debug, Clone, PartialEq)]
pub enum Compared {
    Absent(Diff),
    Same,
    Different(Diff),
    /// No file at all: what is there, and what to do.
    Obstacle(String),
}

impl PromisedFile {
    /// Its path is looked at, and its content where it is another.
    pub fn probe(&self) -> Probe {
        Probe::Path {
            path: self.path.to_string(),
            unless: Some(self.sha256()),
        }
    }

    pub fn sha256(&self) -> String {
        format!("{:x}", Sha256::digest(&self.content))
    }

    pub fn compare(&self, world: &World<'_>) -> Compared {
        let path = self.path.as_str();
        match world.path(path) {
            PathState::Absent => Compared::Absent(self.created()),
            present @ PathState::File {
                mode,
                owner,
                group,
                sha256,
                content,
                ..
            } => {
                let mut diff = Diff::default();
                if *sha256 != self.sha256() {
                    let private = !(present.is_public() && is_public(&self.mode));
                    diff.0
                        .extend(differences(path, content.as_deref(), &self.content, private));
                }
                let diff = attributes(
                    diff,
                    [
                        ("mode", mode, &self.mode),
                        ("owner", owner, &self.owner),
                        ("group", group, &self.group),
                    ],
                );
                if diff.is_empty() {
                    Compared::Same
                } else {
                    Compared::Different(diff)
                }
            }
            other => Compared::Obstacle(obstacle(path, other, "a file")),
        }
    }

    /// [`Self::compare`] as the assessment of a step that is nothing but this file.
    pub fn assess(&self, world: &World<'_>) -> Assessment {
        match self.compare(world) {
            Compared::Absent(diff) => Assessment::Create(diff),
            Compared::Same => Assessment::Converged,
            Compared::Different(diff) => Assessment::Change(diff),
            Compared::Obstacle(words) => Assessment::Refused(words),
        }
    }

    fn created(&self) -> Diff {
        let after = match String::from_utf8(self.content.clone()) {
            Ok(text) => Difference::Content {
                path: self.path.to_string(),
                before: None,
                after: Some(text),
                private: !is_public(&self.mode),
            },
            Err(_) => Difference::Note(format!("{} bytes that are no text", self.content.len())),
        };
        Diff(vec![after])
            .attribute("mode", None, Some(&self.mode))
            .attribute("owner", None, Some(&self.owner))
            .attribute("group", None, Some(&self.group))
    }

    pub fn replacement(&self) -> Replacement {
        Replacement {
            path: self.path.to_string(),
            content: self.content.clone(),
            mode: self.mode.clone(),
            owner: self.owner.clone(),
            group: self.group.clone(),
            validate: None,
            backup: true,
            before: None,
            after: None,
        }
    }

    /// Its folder and its owner.
    pub fn requires(&self) -> Vec<Resource> {
        vec![
            Resource::Path(self.path.parent().to_owned()),
            Resource::User(self.owner.clone()),
            Resource::Group(self.group.clone()),
        ]
    }

    pub fn digest(&self) -> String {
        digest([
            self.path.as_str().as_bytes(),
            &self.content,
            self.mode.as_bytes(),
            self.owner.as_bytes(),
            self.group.as_bytes(),
        ])
    }

    pub fn rendered(&self) -> Rendered<'_> {
        Rendered {
            path: self.path.as_str(),
            content: &self.content,
            mode: &self.mode,
            owner: &self.owner,
            group: &self.group,
        }
    }
}

/// A SHA-256 over `parts`, each with its length, so that no two lists of parts make one text.
pub fn digest<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    format!("{:x}", hasher.finalize())
}

/// Attributes that differ: name, present, promised.
pub fn attributes<const N: usize>(diff: Diff, pairs: [(&str, &String, &String); N]) -> Diff {
    pairs
        .into_iter()
        .filter(|(_, before, after)| before != after)
        .fold(diff, |diff, (name, before, after)| {
            diff.attribute(name, Some(before), Some(after))
        })
}

/// What is said instead of a content that is not promised and that not everybody on the host may read.
pub const HIDDEN: &str = "its content is not shown: it may hold former secrets";

/// Contents that differ: as text where both are, in words otherwise. No `before` is a file too large to send; of a
/// `private` one only what is promised is shown.
pub fn differences(path: &str, before: Option<&[u8]>, after: &[u8], private: bool) -> Vec<Difference> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    match (before.map(text), text(after)) {
        (Some(Some(before)), Some(after)) => vec![Difference::Content {
            path: path.to_owned(),
            before: Some(before),
            after: Some(after),
            private,
        }],
        (None, _) => vec![Difference::Note("another content, too large to show".into())],
        _ => vec![Difference::Note("another content, which is no text".into())],
    }
}

/// Why something else can't become `wanted`.
pub fn obstacle(path: &str, found: &PathState, wanted: &str) -> String {
    let found = match found {
        PathState::Absent => "nothing".to_owned(),
        PathState::File { .. } => "a file".to_owned(),
        PathState::Directory { .. } => "a directory".to_owned(),
        PathState::Symlink { target, .. } => format!("a symbolic link to {target}"),
        PathState::Other(what) => format!("a {what}"),
    };
    format!("{path} is {found}, and {wanted} is to be there: move it away by hand if nothing needs it")
}

/// Whether a file that is to go is one that mailprov wrote.
pub fn ours(state: &PathState, promised: &PromisedFile) -> bool {
    match state {
        PathState::File { sha256, content, .. } => {
            *sha256 == promised.sha256()
                || content
                    .as_ref()
                    .is_some_and(|content| content.starts_with(HEADER.as_bytes()))
        }
        _ => false,
    }
}

/// The assessment of a file that is to go and that mailprov owns whole.
pub fn assess_absent(promised: &PromisedFile, world: &World<'_>) -> Assessment {
    let path = promised.path.as_str();
    match world.path(path) {
        PathState::Absent => Assessment::Converged,
        state @ PathState::File { content, .. } if ours(state, promised) => {
            let before = content.as_deref().unwrap_or(&promised.content);
            Assessment::Remove(removed(path, Some(before), !state.is_public()))
        }
        PathState::File { .. } => Assessment::Refused(format!(
            "{path} was not written by mailprov: remove it by hand if nothing needs it"
        )),
        other => Assessment::Refused(obstacle(path, other, "no file")),
    }
}

/// The diff of a file that goes; what is `private` is not shown.
pub fn removed(path: &str, before: Option<&[u8]>, private: bool) -> Diff {
    match before.and_then(|before| String::from_utf8(before.to_vec()).ok()) {
        _ if private => Diff::default().note(HIDDEN),
        Some(before) => Diff(vec![Difference::Content {
            path: path.to_owned(),
            before: Some(before),
            after: None,
            private,
        }]),
        None => Diff::default(),
    }
    .note("a copy is kept in /var/lib/mailprov/backups")
}

/// Removes files, each after a copy of it was made.
pub fn remove<'a>(paths: impl IntoIterator<Item = &'a str>) -> Script {
    paths.into_iter().fold(Script::new(), |script, path| {
        script.code("mailprov_remove").word(path).code(" || exit 1\n")
    })
}

/// A fragment that runs `script` and fails with it, so that more can follow in the same fragment.
pub fn first(script: &Script) -> Script {
    Script::new().code("(\n").then(script).code(") || exit\n")
}

impl From<Replacement> for Fix {
    fn from(replacement: Replacement) -> Self {
        Fix::Replace(replacement)
    }
}

/// What tests of kinds need: a host made by hand.
#[cfg(test)]
pub mod testing {
    use std::collections::BTreeMap;

    use crate::host::Facts;
    use crate::role::StepId;
    use crate::step::kind::Kind;
    use crate::step::probe::{Observed, PathState};
    use crate::step::world::{Pending, World};
    use crate::step::{Assessment, Fix, Resource, Step};

    /// A host of which only what a test says is known.
    pub struct Host {
        pub observed: Observed,
        pub pending: Pending,
        facts: Facts,
        id: StepId,
        digests: BTreeMap<StepId, String>,
    }

    impl Default for Host {
        fn default() -> Self {
            Self {
                observed: Observed::default(),
                pending: Pending::default(),
                facts: Facts::default(),
                id: StepId {
                    host: "mx".into(),
                    role: "role".into(),
                    name: "step".into(),
                },
                digests: BTreeMap::new(),
            }
        }
    }

    impl Host {
        pub fn path(mut self, path: &str, state: PathState) -> Self {
            self.observed.paths.insert(path.into(), state);
            self
        }

        pub fn file(self, path: &str, content: &str, mode: &str) -> Self {
            self.path(path, file(content, mode))
        }

        /// A package of an earlier step is going to bring this.
        pub fn brings(&mut self, resource: Resource) {
            let package = StepId {
                name: "packages".into(),
                ..self.id.clone()
            };
            self.pending.resources.insert(resource, package);
        }

        pub fn world(&self) -> World<'_> {
            World {
                facts: &self.facts,
                observed: &self.observed,
                pending: &self.pending,
                id: &self.id,
                digests: &self.digests,
            }
        }

        pub fn assess(&self, step: &dyn Step) -> Assessment {
            step.assess(&self.world())
        }

        pub fn script(&self, step: &dyn Step) -> String {
            match step.fix(&self.world()) {
                Fix::Script(script) => script.as_str().to_owned(),
                other => panic!("{other:?}"),
            }
        }
    }

    pub fn file(content: &str, mode: &str) -> PathState {
        use sha2::{Digest as _, Sha256};
        PathState::File {
            mode: mode.into(),
            owner: "root".into(),
            group: "root".into(),
            size: content.len() as u64,
            sha256: format!("{:x}", Sha256::digest(content)),
            content: Some(content.into()),
        }
    }

    pub fn directory(mode: &str) -> PathState {
        PathState::Directory {
            mode: mode.into(),
            owner: "root".into(),
            group: "root".into(),
        }
    }

    pub fn link(target: &str) -> PathState {
        PathState::Symlink {
            target: target.into(),
            owner: "root".into(),
            group: "root".into(),
        }
    }

    pub fn step(kind: &Kind, value: serde_json::Value) -> Box<dyn Step> {
        crate::step::kind::params::testing::step(kind, value).unwrap_or_else(|wrong| panic!("{wrong}"))
    }

    pub fn refused(kind: &Kind, value: serde_json::Value) -> String {
        match crate::step::kind::params::testing::step(kind, value) {
            Ok(step) => panic!("{step:?} was taken"),
            Err(wrong) => wrong.to_string(),
        }
    }
}
