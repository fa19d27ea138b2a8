//! The kind `directory`: a folder with this mode and owner.

use schemars::JsonSchema;
use serde::Deserialize;

use super::gone::Terms;
use super::gone::directory::GoneDirectory;
use super::kind::params::{AbsolutePath, Mode};
use super::kind::{Kind, Params, read, refuse};
use super::probe::{PathState, Probe};
use super::promised::{State, attributes, digest, obstacle};
use super::world::World;
use super::{Assessment, Diff, Fix, Resource, Step};
use crate::diagnostic::Diagnostics;
use crate::host::script::{Script, quote};

pub const KIND: Kind = Kind {
    name: "directory",
    page: include_str!("../../book/src/steps/directory.md"),
    schema: || schemars::schema_for!(Directory),
    parse,
};

/// A directory with a mode and an owner.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Directory {
    /// Where the directory is.
    path: AbsolutePath,
    /// Permissions of the directory itself, octal digits in quotes.
    #[serde(default = "usual")]
    mode: Mode,
    #[serde(default = "root")]
    owner: String,
    #[serde(default = "root")]
    group: String,
    /// Everything below has this owner and group too. Modes below are left alone.
    #[serde(default)]
    recursive: bool,
    /// `absent`: removed when it is empty, refused otherwise.
    #[serde(default)]
    state: State,
}

fn usual() -> Mode {
    Mode::bits(0o755)
}

fn root() -> String {
    "root".to_owned()
}

fn parse(params: &Params<'_>) -> Result<Box<dyn Step>, Diagnostics> {
    let directory: Directory = read(params)?;
    if directory.path.as_str() == "/" {
        return Err(refuse(params, &["path"], "`/` is nobody's to manage").into());
    }
    Ok(Box::new(directory))
}

impl Directory {
    /// Prints something below that isn't as it should be, if there is: an owner, or anything at all.
    fn look_below(&self) -> Option<String> {
        let path = quote(self.path.as_str());
        match self.state {
            State::Absent => Some(format!("find {path} -mindepth 1 -maxdepth 1 -print -quit")),
            State::Present if self.recursive => {
                let (owner, group) = (quote(&self.owner), quote(&self.group));
                Some(format!(
                    "find {path} -xdev -mindepth 1 \\( ! -user {owner} -o ! -group {group} \\) -print -quit"
                ))
            }
            State::Present => None,
        }
    }

    /// Whether the folder is promised as packages bring theirs, by Debian's policy (10.9).
    fn is_as_packaged(&self) -> bool {
        self.mode.as_str() == "0755" && self.owner == "root" && self.group == "root"
    }

    /// The first finding of [`Self::look_below`].
    fn below<'w>(&self, world: &World<'w>) -> Option<&'w str> {
        let seen = world.check(&self.look_below()?)?;
        seen.output.lines().next()
    }
}

impl Step for Directory {
    fn summary(&self) -> String {
        match self.state {
            State::Present => format!("{}/", self.path),
            State::Absent => format!("no {}/", self.path),
        }
    }

    fn probes(&self) -> Vec<Probe> {
        let path = Probe::Path {
            path: self.path.to_string(),
            unless: None,
        };
        std::iter::once(path)
            .chain(self.look_below().map(Probe::Check))
            .collect()
    }

    fn assess(&self, world: &World<'_>) -> Assessment {
        let path = self.path.as_str();
        match (self.state, world.path(path)) {
            (State::Present, PathState::Absent) => {
                let brought = world.will_provide(&Resource::Path(path.to_owned())).is_some();
                let diff = Diff::default()
                    .attribute("mode", None, Some(self.mode.as_str()))
                    .attribute("owner", None, Some(&self.owner))
                    .attribute("group", None, Some(&self.group));
                match (brought, self.is_as_packaged()) {
                    (true, true) => Assessment::Converged,
                    (true, false) => Assessment::Change(diff),
                    (false, _) => Assessment::Create(diff),
                }
            }
            (State::Present, PathState::Directory { mode, owner, group }) => {
                let mut diff = attributes(
                    Diff::default(),
                    [
                        ("mode", mode, &self.mode.to_string()),
                        ("owner", owner, &self.owner),
                        ("group", group, &self.group),
                    ],
                );
                if let Some(other) = self.below(world) {
                    diff = diff.note(format!("{other} belongs to somebody else, perhaps more below"));
                }
                if diff.is_empty() {
                    Assessment::Converged
                } else {
                    Assessment::Change(diff)
                }
            }
            (State::Present, other) => Assessment::Refused(obstacle(path, other, "a directory")),
            (State::Absent, PathState::Absent) => Assessment::Converged,
            (State::Absent, PathState::Directory { .. }) => match self.below(world) {
                None => Assessment::Remove(Diff::default()),
                Some(other) => Assessment::Refused(format!(
                    "{path} is not empty ({other} is in it): remove by hand what nothing needs"
                )),
            },
            (State::Absent, other) => Assessment::Refused(obstacle(path, other, "no directory")),
        }
    }

    fn fix(&self, _world: &World<'_>) -> Fix {
        let path = self.path.as_str();
        if self.state == State::Absent {
            return Fix::Script(Script::new().command(["rmdir", "--", path]));
        }
        let mut script = Script::new()
            .code("mailprov_directory")
            .words([path, self.mode.as_str(), &self.owner, &self.group])
            .code(" || exit 1\n");
        if self.recursive {
            let owner = format!("{}:{}", self.owner, self.group);
            // -h: an attacker's link below must not give him what it points to.
            script = script.command(
                [
                    "find",
                    path,
                    "-xdev",
                    "-mindepth",
                    "1",
                    "-exec",
                    "chown",
                    "-h",
                    "--",
                ]
                .into_iter()
                .chain([owner.as_str(), "{}", "+"]),
            );
        }
        Fix::Script(script)
    }

    fn provides(&self) -> Vec<Resource> {
        match self.state {
            State::Present => vec![Resource::Path(self.path.to_string())],
            State::Absent => Vec::new(),
        }
    }

    fn requires(&self) -> Vec<Resource> {
        match self.state {
            State::Present => vec![
                Resource::Path(self.path.parent().to_owned()),
                Resource::User(self.owner.clone()),
                Resource::Group(self.group.clone()),
            ],
            State::Absent => Vec::new(),
        }
    }

    fn taken_back(&self, terms: &Terms<'_>) -> Option<Box<dyn Step>> {
        match self.state {
            State::Present => GoneDirectory::of(self.path.as_str(), terms),
            State::Absent => None,
        }
    }

    fn digest(&self) -> String {
        let state = format!("{:?} {} {}", self.state, self.recursive, self.mode);
        digest([&state, self.path.as_str(), &self.owner, &self.group].map(str::as_bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::super::promised::testing::{Host, directory, file, refused, step};
    use super::*;
    use crate::step::probe::CheckState;
    use serde_json::json;

    fn with_below(mut host: Host, step: &dyn Step, output: &str) -> Host {
        for probe in step.probes() {
            if let Probe::Check(script) = probe {
                let state = CheckState {
                    status: 0,
                    output: output.into(),
                };
                host.observed.checks.insert(script, state);
            }
        }
        host
    }

    #[test]
    fn it_is_created_or_given_its_mode() {
        let step = step(&KIND, json!({"path": "/srv/mail", "mode": "0700"}));
        assert!(matches!(Host::default().assess(&*step), Assessment::Create(_)));
        let host = Host::default().path("/srv/mail", directory("0700"));
        assert_eq!(host.assess(&*step), Assessment::Converged);
        let host = Host::default().path("/srv/mail", directory("0755"));
        let mode = Diff::default().attribute("mode", Some("0755"), Some("0700"));
        assert_eq!(host.assess(&*step), Assessment::Change(mode));
        assert_eq!(
            host.script(&*step),
            "mailprov_directory /srv/mail 0700 root root || exit 1\n"
        );
        let host = Host::default().file("/srv/mail", "", "0644");
        assert!(matches!(host.assess(&*step), Assessment::Refused(_)));
        assert!(refused(&KIND, json!({"path": "/"})).contains("nobody's"));
    }

    #[test]
    fn a_folder_that_a_package_brings_is_expected_as_packages_bring_them() {
        let mut host = Host::default();
        host.brings(Resource::Path("/etc/postfix".into()));
        let usual = step(&KIND, json!({"path": "/etc/postfix"}));
        assert_eq!(host.assess(&*usual), Assessment::Converged);
        let other = step(&KIND, json!({"path": "/etc/postfix", "mode": "0750"}));
        assert!(matches!(host.assess(&*other), Assessment::Change(_)));
    }

    #[test]
    fn owners_below_count_only_when_asked() {
        let plain = step(&KIND, json!({"path": "/srv/mail"}));
        assert_eq!(plain.probes().len(), 1);
        let step = step(&KIND, json!({"path": "/srv/mail", "recursive": true}));
        let host = || Host::default().path("/srv/mail", directory("0755"));
        assert_eq!(
            with_below(host(), &*step, "").assess(&*step),
            Assessment::Converged
        );
        let drifted = with_below(host(), &*step, "/srv/mail/a\n");
        assert!(matches!(drifted.assess(&*step), Assessment::Change(_)));
        assert!(drifted.script(&*step).contains("chown -h -- root:root"));
    }

    #[test]
    fn only_an_empty_one_goes() {
        let step = step(&KIND, json!({"path": "/srv/mail", "state": "absent"}));
        let host = || Host::default().path("/srv/mail", directory("0755"));
        assert!(matches!(
            with_below(host(), &*step, "").assess(&*step),
            Assessment::Remove(_)
        ));
        let full = with_below(host(), &*step, "/srv/mail/a\n");
        assert!(matches!(full.assess(&*step), Assessment::Refused(words) if words.contains("/srv/mail/a")));
        let other = Host::default().path("/srv/mail", file("", "0644"));
        assert!(matches!(other.assess(&*step), Assessment::Refused(_)));
    }
}
