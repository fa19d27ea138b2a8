//! The kind `file`: a file with this content, mode and owner.

use schemars::JsonSchema;
use serde::Deserialize;

use super::gone::Terms;
use super::gone::file::GoneFile;
use super::kind::params::{AbsolutePath, Content, Mode, refuse_readable_secret};
use super::kind::{Kind, Params, read, refuse};
use super::probe::{PathState, Probe};
use super::promised::{PromisedFile, State, obstacle, remove, removed};
use super::world::World;
use super::{Assessment, Diff, Fix, Rendered, Resource, Step};
use crate::diagnostic::Diagnostics;
use crate::host::observe::paths::LARGEST_HASHED;

pub const KIND: Kind = Kind {
    name: "file",
    page: include_str!("../../book/src/steps/file.md"),
    schema: || schemars::schema_for!(FileParams),
    parse,
};

/// A file with a content, a mode and an owner.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FileParams {
    /// Where the file is.
    path: AbsolutePath,
    /// The content itself.
    content: Option<String>,
    /// The content is this template of the role.
    template: Option<String>,
    /// The content is this file of the role, byte for byte.
    source: Option<String>,
    /// Permissions, octal digits in quotes.
    #[serde(default = "readable")]
    mode: Mode,
    #[serde(default = "root")]
    owner: String,
    #[serde(default = "root")]
    group: String,
    /// A command that must accept the file before it is put in place; `%` stands for the file.
    validate: Option<String>,
    /// Keep a copy of what was there before.
    #[serde(default = "yes")]
    backup: bool,
    #[serde(default)]
    state: State,
}

fn readable() -> Mode {
    Mode::bits(0o644)
}

fn root() -> String {
    "root".to_owned()
}

fn yes() -> bool {
    true
}

#[derive(Debug)]
struct File {
    promised: PromisedFile,
    validate: Option<String>,
    backup: bool,
    state: State,
}

fn parse(params: &Params<'_>) -> Result<Box<dyn Step>, Diagnostics> {
    let read: FileParams = read(params)?;
    let content = Content {
        content: read.content.as_deref(),
        template: read.template.as_deref(),
        source: read.source.as_deref(),
    };
    let content = match read.state {
        State::Present => content.resolve(params)?,
        State::Absent => Vec::new(),
    };
    refuse_readable_secret(params, &content, &read.mode)?;
    if content.len() as u64 > LARGEST_HASHED {
        let limit = LARGEST_HASHED / (1024 * 1024);
        return Err(refuse(params, &[], format!("the file is larger than {limit} MiB")).into());
    }
    Ok(Box::new(File {
        promised: PromisedFile {
            path: read.path,
            content,
            mode: read.mode.to_string(),
            owner: read.owner,
            group: read.group,
        },
        validate: read.validate,
        backup: read.backup,
        state: read.state,
    }))
}

impl Step for File {
    fn summary(&self) -> String {
        match self.state {
            State::Present => self.promised.path.to_string(),
            State::Absent => format!("no {}", self.promised.path),
        }
    }

    fn probes(&self) -> Vec<Probe> {
        match self.state {
            State::Present => vec![self.promised.probe()],
            // The content is shown before it goes.
            State::Absent => vec![Probe::Path {
                path: self.promised.path.to_string(),
                unless: Some(String::new()),
            }],
        }
    }

    fn assess(&self, world: &World<'_>) -> Assessment {
        let path = self.promised.path.as_str();
        match (self.state, world.path(path)) {
            (State::Present, _) => self.promised.assess(world),
            (State::Absent, PathState::Absent) => {
                match world.will_provide(&Resource::Path(path.to_owned())) {
                    Some(step) => Assessment::Remove(Diff::default().note(format!("{step} brings it"))),
                    None => Assessment::Converged,
                }
            }
            (State::Absent, present @ PathState::File { content, .. }) => {
                Assessment::Remove(removed(path, content.as_deref(), !present.is_public()))
            }
            (State::Absent, other) => Assessment::Refused(obstacle(path, other, "no file")),
        }
    }

    fn fix(&self, _world: &World<'_>) -> Fix {
        match self.state {
            State::Present => {
                let mut replacement = self.promised.replacement();
                replacement.validate.clone_from(&self.validate);
                replacement.backup = self.backup;
                replacement.into()
            }
            State::Absent => Fix::Script(remove([self.promised.path.as_str()])),
        }
    }

    fn provides(&self) -> Vec<Resource> {
        match self.state {
            State::Present => vec![Resource::Path(self.promised.path.to_string())],
            State::Absent => Vec::new(),
        }
    }

    fn requires(&self) -> Vec<Resource> {
        match self.state {
            State::Present => self.promised.requires(),
            // What is not to stay is removed after it was brought.
            State::Absent => vec![Resource::Path(self.promised.path.to_string())],
        }
    }

    fn digest(&self) -> String {
        match self.state {
            State::Present => self.promised.digest(),
            State::Absent => "absent".to_owned(),
        }
    }

    fn taken_back(&self, terms: &Terms<'_>) -> Option<Box<dyn Step>> {
        match self.state {
            State::Present => GoneFile::written(self.promised.path.as_str(), None, terms),
            State::Absent => None,
        }
    }

    fn validates(&self) -> Option<&str> {
        self.validate.as_deref()
    }

    fn writes(&self) -> Vec<String> {
        vec![self.promised.path.to_string()]
    }

    fn rendered(&self) -> Option<Rendered<'_>> {
        (self.state == State::Present).then(|| self.promised.rendered())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Difference;
    use super::super::promised::testing::{Host, directory, file, link, refused, step};
    use super::*;
    use crate::report::diff as report;
    use crate::secret::Redactor;
    use serde_json::json;

    fn main_cf() -> Box<dyn Step> {
        step(
            &KIND,
            json!({"path": "/etc/main.cf", "content": "a\n", "mode": "0640"}),
        )
    }

    #[test]
    fn an_absent_file_is_created() {
        let expected = Diff(vec![Difference::Content {
            path: "/etc/main.cf".into(),
            before: None,
            after: Some("a\n".into()),
            private: true,
        }])
        .attribute("mode", None, Some("0640"))
        .attribute("owner", None, Some("root"))
        .attribute("group", None, Some("root"));
        assert_eq!(Host::default().assess(&*main_cf()), Assessment::Create(expected));
    }

    #[test]
    fn content_mode_and_owner_are_compared() {
        let host = Host::default().file("/etc/main.cf", "a\n", "0640");
        assert_eq!(host.assess(&*main_cf()), Assessment::Converged);
        let host = Host::default().file("/etc/main.cf", "a\n", "0644");
        let mode = Diff::default().attribute("mode", Some("0644"), Some("0640"));
        assert_eq!(host.assess(&*main_cf()), Assessment::Change(mode));
        let host = Host::default().file("/etc/main.cf", "b\n", "0640");
        let content = Diff(vec![Difference::Content {
            path: "/etc/main.cf".into(),
            before: Some("b\n".into()),
            after: Some("a\n".into()),
            private: true,
        }]);
        assert_eq!(host.assess(&*main_cf()), Assessment::Change(content));
        let mut state = file("a\n", "0640");
        if let PathState::File { owner, .. } = &mut state {
            *owner = "mail".into();
        }
        let host = Host::default().path("/etc/main.cf", state);
        let owner = Diff::default().attribute("owner", Some("mail"), Some("root"));
        assert_eq!(host.assess(&*main_cf()), Assessment::Change(owner));
    }

    #[test]
    fn what_is_no_file_is_left_alone() {
        for (state, word) in [
            (directory("0755"), "is a directory"),
            (link("/elsewhere"), "link to /elsewhere"),
            (PathState::Other("socket".into()), "is a socket"),
        ] {
            let host = Host::default().path("/etc/main.cf", state);
            match host.assess(&*main_cf()) {
                Assessment::Refused(words) => assert!(words.contains(word), "{words}"),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn it_is_replaced_whole_with_its_checker() {
        let step = step(
            &KIND,
            json!({"path": "/etc/sudoers.d/a", "content": "", "validate": "visudo -cf %", "backup": false}),
        );
        match step.fix(&Host::default().world()) {
            Fix::Replace(replacement) => {
                assert_eq!(replacement.validate.as_deref(), Some("visudo -cf %"));
                assert!(!replacement.backup);
                assert_eq!(replacement.mode, "0644");
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn absent_removes_after_a_copy_was_made() {
        let step = step(&KIND, json!({"path": "/etc/a", "state": "absent"}));
        assert_eq!(Host::default().assess(&*step), Assessment::Converged);
        let host = Host::default().file("/etc/a", "a", "0644");
        assert!(matches!(host.assess(&*step), Assessment::Remove(_)));
        assert_eq!(host.script(&*step), "mailprov_remove /etc/a || exit 1\n");
        let host = Host::default().path("/etc/a", directory("0755"));
        assert!(matches!(host.assess(&*step), Assessment::Refused(_)));
        let mut host = Host::default();
        host.brings(Resource::Path("/etc/a".into()));
        assert!(matches!(host.assess(&*step), Assessment::Remove(_)));
    }

    #[test]
    fn former_secrets_are_not_shown() {
        let absent = step(&KIND, json!({"path": "/etc/a", "state": "absent"}));
        let gone = |mode| {
            let host = Host::default().file("/etc/a", "hunter3\n", mode);
            format!("{:?}", host.assess(&*absent)).contains("hunter3")
        };
        assert!(gone("0644") && !gone("0640"));
        // A file that is opened by mistake, and one that is to be opened: what it held is nobody's.
        let shown = |promised, present| {
            let step = step(
                &KIND,
                json!({"path": "/etc/a", "content": "a\n", "mode": promised}),
            );
            let host = Host::default().file("/etc/a", "hunter3\n", present);
            match host.assess(&*step) {
                Assessment::Change(diff) => report::text(&diff, &Redactor::default())
                    .as_str()
                    .contains("hunter3"),
                other => panic!("{other:?}"),
            }
        };
        assert!(shown("0644", "0644"));
        assert!(!shown("0640", "0644") && !shown("0644", "0640") && !shown("0600", "0600"));
    }

    #[test]
    fn mistakes_are_refused() {
        assert!(refused(&KIND, json!({"path": "/a"})).contains("there is no content"));
        assert!(refused(&KIND, json!({"path": "a", "content": ""})).contains("absolute path"));
        let readable = json!({"path": "/a", "content": "password = hunter2"});
        assert!(refused(&KIND, readable).contains("holds a secret"));
    }

    #[test]
    fn the_digest_follows_everything_that_is_promised() {
        let digest = |value| step(&KIND, value).digest();
        let first = digest(json!({"path": "/a", "content": "x"}));
        assert_eq!(
            first,
            digest(json!({"path": "/a", "content": "x", "backup": false}))
        );
        assert_ne!(first, digest(json!({"path": "/a", "content": "y"})));
        assert_ne!(
            first,
            digest(json!({"path": "/a", "content": "x", "mode": "0600"}))
        );
    }
}
