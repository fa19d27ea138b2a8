//! The kind `map`: a lookup table's source and its compiled form, as one promise.

use schemars::JsonSchema;
use serde::Deserialize;

use super::gone::Terms;
use super::gone::file::GoneFile;
use super::kind::params::{AbsolutePath, Content, Mode, refuse_readable_secret};
use super::kind::{Kind, Params, read};
use super::probe::{PathState, Probe};
use super::promised::{Compared, PromisedFile, attributes, digest, obstacle};
use super::world::World;
use super::{Assessment, Fix, Rendered, Resource, Step};
use crate::diagnostic::Diagnostics;
use crate::host::script::{Script, quote};

pub const KIND: Kind = Kind {
    name: "map",
    page: include_str!("../../book/src/steps/map.md"),
    schema: || schemars::schema_for!(MapParams),
    parse,
};

/// A file and what a compiler makes of it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MapParams {
    /// The source.
    path: AbsolutePath,
    /// The content itself.
    content: Option<String>,
    /// The content is this template of the role.
    template: Option<String>,
    /// The command that makes `output` of `path`.
    compile: String,
    /// What the compiler writes. It gets the mode and owner of the source.
    output: AbsolutePath,
    /// Permissions, octal digits in quotes.
    #[serde(default = "readable")]
    mode: Mode,
    #[serde(default = "root")]
    owner: String,
    #[serde(default = "root")]
    group: String,
}

fn readable() -> Mode {
    Mode::bits(0o644)
}

fn root() -> String {
    "root".to_owned()
}

#[derive(Debug)]
struct Map {
    source: PromisedFile,
    compiler: String,
    output: AbsolutePath,
}

fn parse(params: &Params<'_>) -> Result<Box<dyn Step>, Diagnostics> {
    let read: MapParams = read(params)?;
    let content = Content {
        content: read.content.as_deref(),
        template: read.template.as_deref(),
        source: None,
    };
    let content = content.resolve(params)?;
    refuse_readable_secret(params, &content, &read.mode)?;
    Ok(Box::new(Map {
        source: PromisedFile {
            path: read.path,
            content,
            mode: read.mode.to_string(),
            owner: read.owner,
            group: read.group,
        },
        compiler: read.compile,
        output: read.output,
    }))
}

impl Map {
    /// A file beside the output that is there from before the source is swapped until what was compiled of it is on the
    /// disk. Times alone don't show a compiler that was killed half-way, and not every clock goes forwards.
    fn owed(&self) -> String {
        let folder = self.output.parent().trim_end_matches('/');
        let name = self.output.as_str().rsplit('/').next().unwrap_or_default();
        format!("{folder}/.mailprov.{name}.owed")
    }

    /// What makes the compiled form of what stands at the source, whole or not at all.
    fn compile(&self) -> Script {
        let output = self.output.as_str();
        let source = &self.source;
        Script::new()
            .code("umask 077\nmailprov_set_compiles")
            .word(output)
            .code("\n(\n")
            .authored(&self.compiler)
            .code("\n) >&2 || exit 1\n")
            .code("chown --")
            .words([&format!("{}:{}", source.owner, source.group), output])
            .code(" && chmod --")
            .words([&source.mode, output])
            // A compiler that leaves an unchanged output alone must not make it look stale for ever.
            .code(" && touch --")
            .word(output)
            .code(" && sync --")
            .word(output)
            .code(" && rm -f --")
            .word(&self.owed())
            .code(" || exit 1\n")
    }

    /// Succeeds when the compiled form is as new as its source, and whole.
    fn fresh(&self) -> String {
        format!(
            "! test {} -ot {} && ! test -e {}",
            quote(self.output.as_str()),
            quote(self.source.path.as_str()),
            quote(&self.owed())
        )
    }
}

impl Step for Map {
    fn summary(&self) -> String {
        self.source.path.to_string()
    }

    fn probes(&self) -> Vec<Probe> {
        vec![
            self.source.probe(),
            Probe::Path {
                path: self.output.to_string(),
                unless: None,
            },
            Probe::Check(self.fresh()),
        ]
    }

    fn assess(&self, world: &World<'_>) -> Assessment {
        let output = self.output.as_str();
        let mut diff = match self.source.compare(world) {
            Compared::Absent(diff) => return Assessment::Create(diff),
            Compared::Obstacle(words) => return Assessment::Refused(words),
            Compared::Same => Default::default(),
            Compared::Different(diff) => diff,
        };
        match world.path(output) {
            PathState::Absent => diff = diff.note(format!("{output} is missing")),
            PathState::File {
                mode, owner, group, ..
            } => {
                let source = &self.source;
                let others = [
                    ("mode of the compiled form", mode, &source.mode),
                    ("owner of the compiled form", owner, &source.owner),
                    ("group of the compiled form", group, &source.group),
                ];
                diff = attributes(diff, others);
                if world.check(&self.fresh()).is_none_or(|check| check.status != 0) {
                    diff = diff.note(format!("{output} is older than its source, or was not finished"));
                }
            }
            other => return Assessment::Refused(obstacle(output, other, "a file")),
        }
        if diff.is_empty() {
            Assessment::Converged
        } else {
            Assessment::Change(diff)
        }
    }

    fn fix(&self, _world: &World<'_>) -> Fix {
        let mut replacement = self.source.replacement();
        let owed = self.owed();
        replacement.before = Some(
            Script::new()
                .code("umask 077\n: >")
                .word(&owed)
                .code(" && sync --")
                .word(&owed)
                .code(" || exit 1\n"),
        );
        replacement.after = Some(self.compile());
        replacement.into()
    }

    fn provides(&self) -> Vec<Resource> {
        vec![
            Resource::Path(self.source.path.to_string()),
            Resource::Path(self.output.to_string()),
        ]
    }

    fn requires(&self) -> Vec<Resource> {
        let mut requires = self.source.requires();
        requires.push(Resource::Path(self.output.parent().to_owned()));
        requires
    }

    fn after_writing(&self) -> Option<Script> {
        Some(self.compile())
    }

    fn taken_back(&self, terms: &Terms<'_>) -> Option<Box<dyn Step>> {
        GoneFile::written(self.source.path.as_str(), Some(self.output.as_str()), terms)
    }

    fn digest(&self) -> String {
        let source = self.source.digest();
        digest([&source, &self.compiler, self.output.as_str()].map(str::as_bytes))
    }

    fn rendered(&self) -> Option<Rendered<'_>> {
        Some(self.source.rendered())
    }
}

#[cfg(test)]
mod tests {
    use super::super::promised::testing::{Host, directory, step};
    use super::*;
    use crate::step::probe::CheckState;
    use serde_json::json;

    fn map() -> Box<dyn Step> {
        step(
            &KIND,
            json!({"path": "/etc/x", "content": "a b\n", "compile": "postmap lmdb:/etc/x", "output": "/etc/x.lmdb"}),
        )
    }

    fn host(status: i32) -> Host {
        let mut host = Host::default()
            .file("/etc/x", "a b\n", "0644")
            .file("/etc/x.lmdb", "…", "0644");
        let check = CheckState {
            status,
            output: String::new(),
        };
        host.observed.checks.insert(
            "! test /etc/x.lmdb -ot /etc/x && ! test -e /etc/.mailprov.x.lmdb.owed".into(),
            check,
        );
        host
    }

    #[test]
    fn source_and_compiled_form_are_one_promise() {
        assert!(matches!(Host::default().assess(&*map()), Assessment::Create(_)));
        assert_eq!(host(0).assess(&*map()), Assessment::Converged);
        assert!(matches!(host(1).assess(&*map()), Assessment::Change(_)), "stale");
        let missing = host(0).path("/etc/x.lmdb", PathState::Absent);
        assert!(matches!(missing.assess(&*map()), Assessment::Change(_)));
        let mode = host(0).file("/etc/x.lmdb", "…", "0600");
        assert!(matches!(mode.assess(&*map()), Assessment::Change(_)));
        let other = host(0).file("/etc/x", "other", "0644");
        assert!(matches!(other.assess(&*map()), Assessment::Change(_)));
        let folder = host(0).path("/etc/x.lmdb", directory("0755"));
        assert!(matches!(folder.assess(&*map()), Assessment::Refused(_)));
    }

    #[test]
    fn the_compiler_runs_after_the_swap() {
        match map().fix(&Host::default().world()) {
            Fix::Replace(replacement) => {
                let (before, after) = (replacement.before.unwrap(), replacement.after.unwrap());
                assert!(after.as_str().contains("postmap lmdb:/etc/x\n"));
                // Owed from before the swap until the end.
                assert!(before.as_str().contains(".mailprov.x.lmdb.owed"));
                assert!(
                    after
                        .as_str()
                        .trim_end()
                        .ends_with("rm -f -- /etc/.mailprov.x.lmdb.owed || exit 1")
                );
            }
            other => panic!("{other:?}"),
        }
    }
}
