//! The kind `block`: lines of ours in a file that others own.
//!
//! Everything outside the two markers stays as it is, byte for byte.

use schemars::JsonSchema;
use serde::Deserialize;

use super::gone::Terms;
use super::kind::params::{AbsolutePath, Content};
use super::kind::{Kind, Params, read, refuse};
use super::probe::{PathState, Probe};
use super::promised::{State, differences, digest, obstacle};
use super::world::World;
use super::{Assessment, Diff, Difference, Fix, Replacement, Resource, Step};
use crate::diagnostic::Diagnostics;
use crate::host::script::Script;

pub const KIND: Kind = Kind {
    name: "block",
    page: include_str!("../../book/src/steps/block.md"),
    schema: || schemars::schema_for!(BlockParams),
    parse,
};

/// Lines between two markers in a file that mailprov does not own whole.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct BlockParams {
    /// The file; it is made if there is none.
    path: AbsolutePath,
    /// The lines themselves.
    content: Option<String>,
    /// The lines are this template of the role.
    template: Option<String>,
    /// The name in the markers: the step's own name if not given.
    name: Option<String>,
    /// A command that must accept the file before it is put in place; `%` stands for the file.
    validate: Option<String>,
    #[serde(default)]
    state: State,
}

#[derive(Debug)]
struct Block {
    path: AbsolutePath,
    /// Ends with a newline unless empty.
    content: Vec<u8>,
    secret: bool,
    name: Option<String>,
    validate: Option<String>,
    state: State,
}

fn parse(params: &Params<'_>) -> Result<Box<dyn Step>, Diagnostics> {
    let read: BlockParams = read(params)?;
    let content = Content {
        content: read.content.as_deref(),
        template: read.template.as_deref(),
        source: None,
    };
    let mut content = match read.state {
        State::Present => content.resolve(params)?,
        State::Absent => Vec::new(),
    };
    if !content.is_empty() && !content.ends_with(b"\n") {
        content.push(b'\n');
    }
    if content.split(|byte| *byte == b'\n').any(is_marker) {
        return Err(refuse(params, &[], "the content holds a line that is a marker of blocks").into());
    }
    if read
        .name
        .as_deref()
        .is_some_and(|name| name.trim() != name || name.contains(char::is_control))
    {
        return Err(refuse(
            params,
            &["name"],
            "the name must be one line without spaces around it",
        )
        .into());
    }
    Ok(Box::new(Block {
        secret: params.files.holds_secret(&String::from_utf8_lossy(&content)),
        path: read.path,
        content,
        name: read.name,
        validate: read.validate,
        state: read.state,
    }))
}

fn is_marker(line: &[u8]) -> bool {
    line.starts_with(b"# BEGIN mailprov ") || line.starts_with(b"# END mailprov ")
}

impl Block {
    /// The whole file as it is to be.
    fn apply(&self, before: &[u8], world: &World<'_>) -> Result<Vec<u8>, String> {
        let name = self.name.as_deref().unwrap_or(&world.id.name);
        let (begin, end) = (
            format!("# BEGIN mailprov {name}\n"),
            format!("# END mailprov {name}\n"),
        );
        let mut block = Vec::new();
        if self.state == State::Present {
            block.extend_from_slice(begin.as_bytes());
            block.extend_from_slice(&self.content);
            block.extend_from_slice(end.as_bytes());
        }
        let (mut start, mut after, mut offset) = (None, None, 0);
        for line in before.split_inclusive(|byte| *byte == b'\n') {
            let next = offset + line.len();
            let whole =
                |marker: &str| line.strip_suffix(b"\n").unwrap_or(line) == marker.trim_end().as_bytes();
            if whole(&begin) {
                if start.is_some() {
                    return Err(self.broken(&begin, "stands there twice"));
                }
                start = Some(offset);
            } else if whole(&end) {
                if start.is_none() || after.is_some() {
                    return Err(self.broken(&end, "has no beginning of its own"));
                }
                after = Some(next);
            }
            offset = next;
        }
        match (start, after) {
            (Some(start), Some(after)) => Ok([&before[..start], &block, &before[after..]].concat()),
            (Some(_), None) => Err(self.broken(&begin, "has no end")),
            _ if block.is_empty() => Ok(before.to_vec()),
            _ => {
                let newline: &[u8] = if before.is_empty() || before.ends_with(b"\n") {
                    b""
                } else {
                    b"\n"
                };
                Ok([before, newline, &block].concat())
            }
        }
    }

    fn broken(&self, marker: &str, what: &str) -> String {
        format!(
            "{}: the line `{}` {what}: repair the markers by hand",
            self.path,
            marker.trim_end()
        )
    }
}

impl Step for Block {
    fn summary(&self) -> String {
        match self.state {
            State::Present => format!("lines in {}", self.path),
            State::Absent => format!("no lines in {}", self.path),
        }
    }

    fn probes(&self) -> Vec<Probe> {
        vec![Probe::Path {
            path: self.path.to_string(),
            unless: Some(String::new()),
        }]
    }

    fn assess(&self, world: &World<'_>) -> Assessment {
        let path = self.path.as_str();
        let present = world.path(path);
        let before = match present {
            PathState::Absent => None,
            PathState::File { content: None, .. } => {
                return Assessment::Refused(format!("{path} is too large for a block in it (over 1 MiB)"));
            }
            PathState::File {
                content: Some(content),
                ..
            } => Some(content.as_slice()),
            other => return Assessment::Refused(obstacle(path, other, "a file")),
        };
        if self.secret && present.is_public() {
            return Assessment::Refused(format!(
                "the lines hold a secret, and everybody on the host may read {path}: take the right from others first"
            ));
        }
        let after = match self.apply(before.unwrap_or_default(), world) {
            Ok(after) => after,
            Err(words) => return Assessment::Refused(words),
        };
        match before {
            None if after.is_empty() => Assessment::Converged,
            None => Assessment::Create(Diff(vec![Difference::Content {
                path: path.to_owned(),
                before: None,
                after: Some(String::from_utf8_lossy(&after).into_owned()),
                private: self.secret,
            }])),
            Some(before) if before == after => Assessment::Converged,
            Some(before) => Assessment::Change(Diff(differences(
                path,
                Some(before),
                &after,
                !present.is_public(),
            ))),
        }
    }

    fn fix(&self, world: &World<'_>) -> Fix {
        let (before, mode, owner, group) = match world.path(self.path.as_str()) {
            PathState::File {
                content: Some(content),
                mode,
                owner,
                group,
                ..
            } => (content.as_slice(), mode.as_str(), owner.as_str(), group.as_str()),
            _ => (
                &b""[..],
                if self.secret { "0600" } else { "0644" },
                "root",
                "root",
            ),
        };
        match self.apply(before, world) {
            Ok(content) => Fix::Replace(Replacement {
                path: self.path.to_string(),
                content,
                mode: mode.to_owned(),
                owner: owner.to_owned(),
                group: group.to_owned(),
                validate: self.validate.clone(),
                backup: true,
                before: None,
                after: None,
            }),
            // `assess` refused it; a fragment that fails is all that is left to say.
            Err(_) => Fix::Script(Script::new().code("exit 1\n")),
        }
    }

    fn provides(&self) -> Vec<Resource> {
        Vec::new()
    }

    fn requires(&self) -> Vec<Resource> {
        // A step that makes the file itself comes first, and so does its folder.
        vec![
            Resource::Path(self.path.to_string()),
            Resource::Path(self.path.parent().to_owned()),
        ]
    }

    fn taken_back(&self, _terms: &Terms<'_>) -> Option<Box<dyn Step>> {
        let absent = || Self {
            path: self.path.clone(),
            content: Vec::new(),
            secret: false,
            name: self.name.clone(),
            validate: self.validate.clone(),
            state: State::Absent,
        };
        (self.state == State::Present).then(|| Box::new(absent()) as Box<dyn Step>)
    }

    fn validates(&self) -> Option<&str> {
        self.validate.as_deref()
    }

    fn writes(&self) -> Vec<String> {
        vec![self.path.to_string()]
    }

    fn digest(&self) -> String {
        let state = format!("{:?}", self.state);
        let name = self.name.as_deref().unwrap_or_default();
        digest([
            state.as_bytes(),
            self.path.as_str().as_bytes(),
            name.as_bytes(),
            &self.content,
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::super::promised::testing::{Host, link, refused, step};
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const PATH: &str = "/etc/aliases";

    fn aliases() -> Box<dyn Step> {
        step(&KIND, json!({"path": PATH, "content": "root: admin"}))
    }

    fn fixed(before: &str, step: &dyn Step) -> Vec<u8> {
        match step.fix(&Host::default().file(PATH, before, "0640").world()) {
            Fix::Replace(replacement) => {
                assert_eq!(replacement.mode, "0640");
                replacement.content
            }
            other => panic!("{other:?}"),
        }
    }

    const BLOCK: &str = "# BEGIN mailprov step\nroot: admin\n# END mailprov step\n";

    #[test]
    fn a_missing_file_is_made() {
        assert!(matches!(
            Host::default().assess(&*aliases()),
            Assessment::Create(_)
        ));
    }

    #[test]
    fn other_lines_stay_where_they_are() {
        assert_eq!(fixed("a: b", &*aliases()), format!("a: b\n{BLOCK}").as_bytes());
        let old = "a: b\n# BEGIN mailprov step\nold\n# END mailprov step\nc: d";
        assert_eq!(fixed(old, &*aliases()), format!("a: b\n{BLOCK}c: d").as_bytes());
        let gone = step(&KIND, json!({"path": PATH, "state": "absent"}));
        assert_eq!(fixed(old, &*gone), b"a: b\nc: d");
    }

    #[test]
    fn broken_markers_and_what_is_no_file_are_refused() {
        let end = "# END mailprov step\n";
        let begin = "# BEGIN mailprov step\n";
        for text in [
            begin.to_owned(),
            end.to_owned(),
            format!("{begin}{begin}{end}"),
            format!("{begin}{end}{end}"),
        ] {
            let host = Host::default().file(PATH, &text, "0644");
            assert!(
                matches!(host.assess(&*aliases()), Assessment::Refused(_)),
                "{text}"
            );
        }
        let host = Host::default().path(PATH, link("/elsewhere"));
        assert!(matches!(host.assess(&*aliases()), Assessment::Refused(_)));
        assert!(refused(&KIND, json!({"path": PATH, "content": "# END mailprov x"})).contains("marker"));
    }

    #[test]
    fn a_secret_does_not_go_where_everybody_reads() {
        let step = step(&KIND, json!({"path": PATH, "content": "hunter2"}));
        let at = |mode| Host::default().file(PATH, "", mode).assess(&*step);
        assert!(matches!(at("0644"), Assessment::Refused(_)));
        assert!(matches!(at("0640"), Assessment::Change(_)));
    }

    proptest! {
        #[test]
        fn applied_twice_is_applied_once(lines in proptest::collection::vec("[a-z #]{0,8}", 0..8), end in any::<bool>()) {
            let mut before = lines.join("\n");
            if end { before.push('\n'); }
            let step = aliases();
            let after = String::from_utf8(fixed(&before, &*step)).unwrap();
            prop_assert!(after.starts_with(&before));
            prop_assert!(after.ends_with(BLOCK));
            let host = Host::default().file(PATH, &after, "0640");
            prop_assert_eq!(host.assess(&*step), Assessment::Converged);
        }
    }
}
