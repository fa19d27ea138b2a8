//! Packages: installed or not, held or not. How that is done is the package manager's (`step::packages`).

use schemars::JsonSchema;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::gone::Terms;
use super::gone::package::GonePackages;
use super::kind::params::AbsolutePath;
use super::kind::{Kind, Params, read, refuse};
use super::probe::Probe;
use super::world::World;
use super::{Assessment, Diff, Fix, PackageRequest, Resource, Step, packages};
use crate::diagnostic::Diagnostics;
use crate::host::PackageVersion;

pub const KIND: Kind = Kind {
    name: "package",
    page: include_str!("../../book/src/steps/package.md"),
    schema: || schemars::schema_for!(Package),
    parse,
};

/// Packages of the distribution.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// Names as the package manager has them; no versions.
    names: Vec<String>,
    #[serde(default)]
    state: State,
    /// Answers to the packages' questions, as `debconf-set-selections` reads them.
    #[serde(default)]
    debconf: Vec<String>,
    /// `true` keeps the installed version at upgrades, `false` lets go of it; left out: as it is.
    hold: Option<bool>,
    /// Names or patterns (`exim4*`) of packages that may be removed to make room, or that go along with absent ones.
    #[serde(default)]
    replaces: Vec<String>,
    /// Folders that the packages bring.
    #[serde(default)]
    folders: Vec<AbsolutePath>,
    /// Users that the packages bring.
    #[serde(default)]
    users: Vec<String>,
    /// Groups that the packages bring.
    #[serde(default)]
    groups: Vec<String>,
    /// systemd units that the packages bring.
    #[serde(default)]
    units: Vec<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum State {
    #[default]
    Present,
    Absent,
}

fn parse(params: &Params<'_>) -> Result<Box<dyn Step>, Diagnostics> {
    let package: Package = read(params)?;
    let mut wrong = Diagnostics::default();
    if package.names.is_empty() {
        wrong.push(refuse(params, &["names"], "the list of packages is empty"));
    }
    for name in &package.names {
        if !is_name(name, "") {
            wrong.push(refuse(
                params,
                &["names"],
                format!("expected the name of a package (a-z, 0-9, `+`, `-`, `.`), found `{name}`"),
            ));
        }
    }
    for pattern in &package.replaces {
        if !is_name(pattern, "*") {
            wrong.push(refuse(
                params,
                &["replaces"],
                format!("expected the name of a package, with `*` for anything, found `{pattern}`"),
            ));
        }
    }
    for line in &package.debconf {
        if line.contains('\n') || line.split_whitespace().count() < 3 {
            wrong.push(refuse(
                params,
                &["debconf"],
                format!("expected `package question type value`, found `{line}`"),
            ));
        }
    }
    if package.state == State::Absent && package.hold.is_some() {
        wrong.push(refuse(params, &["hold"], "an absent package can't be held"));
    }
    if wrong.is_empty() {
        Ok(Box::new(package))
    } else {
        Err(wrong)
    }
}

/// Debian policy, 5.6.7: lower case letters, digits, plus, minus, periods, beginning with a letter or digit.
fn is_name(name: &str, more: &str) -> bool {
    name.len() >= 2
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c) || more.contains(c))
}

impl Step for Package {
    fn summary(&self) -> String {
        let names = self.names.join(", ");
        match self.state {
            State::Present => names,
            State::Absent => format!("{names} not installed"),
        }
    }

    fn probes(&self) -> Vec<Probe> {
        self.names.iter().cloned().map(Probe::Package).collect()
    }

    fn assess(&self, world: &World<'_>) -> Assessment {
        if !packages::supported(world.facts) {
            return Assessment::Refused(format!(
                "mailprov knows no package manager for the distribution `{}`; it knows Debian's",
                world.facts.distribution
            ));
        }
        let mut diff = Diff::default();
        let mut missing = 0;
        for name in &self.names {
            let state = world.package(name);
            let before = state.broken.as_deref().or(state.installed.as_deref());
            match self.state {
                State::Absent if before.is_some() => diff = diff.attribute(name, before, None),
                State::Absent => {}
                State::Present => {
                    if before.is_none() {
                        missing += 1;
                    }
                    if state.installed.is_none() {
                        diff = diff.attribute(name, before, Some(version_to_come(world, name)));
                    }
                    let held = self.hold.filter(|hold| *hold != state.held);
                    if let Some(hold) = held {
                        let words = |held: bool| Some(if held { "yes" } else { "no" });
                        diff = diff.attribute(&format!("{name} held"), words(!hold), words(hold));
                    }
                }
            }
        }
        match self.state {
            _ if diff.is_empty() => Assessment::Converged,
            State::Absent => Assessment::Remove(diff),
            State::Present if missing == self.names.len() => Assessment::Create(diff),
            State::Present => Assessment::Change(diff),
        }
    }

    fn fix(&self, world: &World<'_>) -> Fix {
        let with = |wanted: fn(&super::probe::PackageState) -> bool| {
            self.names
                .iter()
                .filter(|name| wanted(&world.package(name)))
                .cloned()
                .collect::<Vec<_>>()
        };
        if self.state == State::Absent {
            return Fix::Packages(PackageRequest {
                remove: with(|state| state.installed.is_some() || state.broken.is_some()),
                replaces: self.replaces.clone(),
                ..PackageRequest::default()
            });
        }
        let install = with(|state| state.installed.is_none());
        Fix::Packages(PackageRequest {
            // A package asks its questions when it is configured, and never again.
            debconf: if install.is_empty() {
                Vec::new()
            } else {
                self.debconf.clone()
            },
            install,
            remove: Vec::new(),
            replaces: self.replaces.clone(),
            hold: if self.hold == Some(true) {
                with(|state| !state.held)
            } else {
                Vec::new()
            },
            unhold: if self.hold == Some(false) {
                with(|state| state.held)
            } else {
                Vec::new()
            },
            ..PackageRequest::default()
        })
    }

    fn provides(&self) -> Vec<Resource> {
        if self.state == State::Absent {
            return Vec::new();
        }
        let paths = self.folders.iter().map(|path| path.as_str().to_owned());
        self.names
            .iter()
            .cloned()
            .map(Resource::Package)
            .chain(paths.map(Resource::Path))
            .chain(self.users.iter().cloned().map(Resource::User))
            .chain(self.groups.iter().cloned().map(Resource::Group))
            .chain(self.units.iter().cloned().map(Resource::Unit))
            .collect()
    }

    fn taken_back(&self, terms: &Terms<'_>) -> Option<Box<dyn Step>> {
        match self.state {
            State::Present => GonePackages::of(&self.names, terms),
            State::Absent => None,
        }
    }

    fn digest(&self) -> String {
        format!("{:x}", Sha256::digest(self.summary()))
    }
}

fn version_to_come<'a>(world: &World<'a>, name: &str) -> &'a str {
    match world.facts.packages.get(name) {
        Some(version @ (PackageVersion::Candidate(_) | PackageVersion::Installed(_))) => version.version(),
        _ => "installed",
    }
}
