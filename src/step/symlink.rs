//! The kind `symlink`: a symbolic link with this target.

use schemars::JsonSchema;
use serde::Deserialize;

use super::gone::Terms;
use super::gone::file::GoneFile;
use super::kind::params::AbsolutePath;
use super::kind::{Kind, Params, read, refuse};
use super::probe::{PathState, Probe};
use super::promised::{State, digest, obstacle, remove};
use super::world::World;
use super::{Assessment, Diff, Fix, Resource, Step};
use crate::diagnostic::Diagnostics;
use crate::host::script::Script;

pub const KIND: Kind = Kind {
    name: "symlink",
    page: include_str!("../../book/src/steps/symlink.md"),
    schema: || schemars::schema_for!(Symlink),
    parse,
};

/// A symbolic link.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Symlink {
    /// Where the link is.
    path: AbsolutePath,
    /// What it points to, as it stands in the link; relative to the link's folder unless it begins with a slash.
    target: String,
    /// `absent`: removed if it points to `target`.
    #[serde(default)]
    state: State,
}

fn parse(params: &Params<'_>) -> Result<Box<dyn Step>, Diagnostics> {
    let symlink: Symlink = read(params)?;
    if symlink.target.is_empty() || symlink.target.contains('\0') {
        return Err(refuse(params, &["target"], "a link must have a target").into());
    }
    Ok(Box::new(symlink))
}

impl Step for Symlink {
    fn summary(&self) -> String {
        match self.state {
            State::Present => format!("{} → {}", self.path, self.target),
            State::Absent => format!("no {} → {}", self.path, self.target),
        }
    }

    fn probes(&self) -> Vec<Probe> {
        vec![Probe::Path {
            path: self.path.to_string(),
            unless: None,
        }]
    }

    fn assess(&self, world: &World<'_>) -> Assessment {
        let path = self.path.as_str();
        let changed = |before, after| Diff::default().attribute("target", before, after);
        match (self.state, world.path(path)) {
            (State::Present, PathState::Absent) => Assessment::Create(changed(None, Some(&self.target))),
            (State::Present, PathState::Symlink { target, .. }) if *target == self.target => {
                Assessment::Converged
            }
            (State::Present, PathState::Symlink { target, .. }) => {
                Assessment::Change(changed(Some(target), Some(&self.target)))
            }
            (State::Present, other) => Assessment::Refused(obstacle(path, other, "a symbolic link")),
            (State::Absent, PathState::Absent) => {
                match world.will_provide(&Resource::Path(path.to_owned())) {
                    Some(step) => Assessment::Remove(Diff::default().note(format!("{step} brings it"))),
                    None => Assessment::Converged,
                }
            }
            (State::Absent, PathState::Symlink { target, .. }) if *target == self.target => {
                Assessment::Remove(changed(Some(target), None))
            }
            (State::Absent, other) => Assessment::Refused(obstacle(path, other, "nothing")),
        }
    }

    fn fix(&self, _world: &World<'_>) -> Fix {
        let path = self.path.as_str();
        Fix::Script(match self.state {
            State::Present => Script::new()
                .code("mailprov_symlink")
                .words([path, &self.target])
                .code("\n"),
            State::Absent => remove([path]),
        })
    }

    fn provides(&self) -> Vec<Resource> {
        match self.state {
            State::Present => vec![Resource::Path(self.path.to_string())],
            State::Absent => Vec::new(),
        }
    }

    fn requires(&self) -> Vec<Resource> {
        // What is not to stay is removed after it was brought.
        vec![Resource::Path(match self.state {
            State::Present => self.path.parent().to_owned(),
            State::Absent => self.path.to_string(),
        })]
    }

    fn taken_back(&self, terms: &Terms<'_>) -> Option<Box<dyn Step>> {
        match self.state {
            State::Present => GoneFile::written(self.path.as_str(), None, terms),
            State::Absent => None,
        }
    }

    fn writes(&self) -> Vec<String> {
        vec![self.path.to_string()]
    }

    fn digest(&self) -> String {
        let state = format!("{:?}", self.state);
        digest([&state, self.path.as_str(), &self.target].map(str::as_bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::super::promised::testing::{Host, directory, file, link, step};
    use super::*;
    use serde_json::json;

    #[test]
    fn links_are_made_and_turned_and_nothing_else_is_touched() {
        let step = step(&KIND, json!({"path": "/etc/a", "target": "b"}));
        assert!(matches!(Host::default().assess(&*step), Assessment::Create(_)));
        let at = |state| Host::default().path("/etc/a", state).assess(&*step);
        assert_eq!(at(link("b")), Assessment::Converged);
        assert!(matches!(at(link("c")), Assessment::Change(_)));
        assert!(matches!(at(file("", "0644")), Assessment::Refused(_)));
        assert!(matches!(at(directory("0755")), Assessment::Refused(_)));
        assert_eq!(Host::default().script(&*step), "mailprov_symlink /etc/a b\n");
    }

    #[test]
    fn only_the_link_that_was_meant_goes() {
        let step = step(&KIND, json!({"path": "/etc/a", "target": "b", "state": "absent"}));
        let at = |state| Host::default().path("/etc/a", state).assess(&*step);
        assert_eq!(Host::default().assess(&*step), Assessment::Converged);
        assert!(matches!(at(link("b")), Assessment::Remove(_)));
        assert!(matches!(at(link("c")), Assessment::Refused(_)));
        let mut host = Host::default();
        host.brings(Resource::Path("/etc/a".into()));
        assert!(matches!(host.assess(&*step), Assessment::Remove(_)));
    }
}
