//! The kind `group`: a group of the host.

use schemars::JsonSchema;
use serde::Deserialize;

use super::gone::Terms;
use super::gone::account::GoneGroup;
use super::kind::{Kind, Params, read, refuse};
use super::probe::Probe;
use super::promised::{State, digest, first};
use super::world::World;
use super::{Assessment, Diff, Fix, Resource, Step};
use crate::diagnostic::Diagnostics;
use crate::host::script::Script;

pub const KIND: Kind = Kind {
    name: "group",
    page: include_str!("../../book/src/steps/group.md"),
    schema: || schemars::schema_for!(Group),
    parse,
};

/// A group.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Group {
    name: String,
    /// Its number; the next free one if not given.
    gid: Option<u32>,
    /// A new group gets a number of the system's range.
    #[serde(default)]
    system: bool,
    #[serde(default)]
    state: State,
}

fn parse(params: &Params<'_>) -> Result<Box<dyn Step>, Diagnostics> {
    let group: Group = read(params)?;
    check_name(params, "name", &group.name)?;
    Ok(Box::new(group))
}

/// Refuses what useradd(8) and groupadd(8) of Debian wouldn't take, and what could be taken for an option or a
/// number.
///
/// # Errors
/// The mistake, at the parameter.
pub fn check_name(params: &Params<'_>, parameter: &str, name: &str) -> Result<(), Diagnostics> {
    let start = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    let rest = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-.".contains(c);
    if start && name.len() <= 32 && name.chars().all(rest) {
        return Ok(());
    }
    Err(
        refuse(params, &[parameter], format!("`{name}` is no name of an account"))
            .help("at most 32 lower-case letters, digits, `_`, `-` and `.`, beginning with a letter or `_`")
            .into(),
    )
}

/// Prints the name of who has an id; `database` is getent's.
pub fn who_has(database: &str, id: u32) -> String {
    format!("getent {database} {id} | cut -d: -f1")
}

/// Somebody else who has an id that a new account is to get.
pub fn other_holder(world: &World<'_>, database: &str, id: u32, name: &str) -> Option<String> {
    let holder = world
        .check(&who_has(database, id))?
        .output
        .lines()
        .next()?
        .to_owned();
    (holder != name).then_some(holder)
}

impl Step for Group {
    fn summary(&self) -> String {
        match self.state {
            State::Present => self.name.clone(),
            State::Absent => format!("no {}", self.name),
        }
    }

    fn probes(&self) -> Vec<Probe> {
        let taken = self.gid.map(|gid| Probe::Check(who_has("group", gid)));
        std::iter::once(Probe::Group(self.name.clone()))
            .chain(taken)
            .collect()
    }

    fn assess(&self, world: &World<'_>) -> Assessment {
        let name = &self.name;
        match (self.state, world.group(name)) {
            (State::Absent, None) => Assessment::Converged,
            (State::Absent, Some(_)) => Assessment::Remove(Diff::default()),
            (State::Present, Some(group)) => match self.gid {
                Some(gid) if gid != group.gid => Assessment::Refused(format!(
                    "the group {name} has gid {}, not {gid}: another number would leave its files behind. Change the \
                     promise, or the group by hand",
                    group.gid
                )),
                _ => Assessment::Converged,
            },
            // A package is going to bring it: nothing will be left to do.
            (State::Present, None) if world.will_provide(&Resource::Group(name.clone())).is_some() => {
                Assessment::Converged
            }
            (State::Present, None) => match self.gid {
                Some(gid) => match other_holder(world, "group", gid, name) {
                    Some(holder) => Assessment::Refused(format!(
                        "gid {gid} for the group {name} belongs to the group {holder}: choose another number"
                    )),
                    None => {
                        Assessment::Create(Diff::default().attribute("gid", None, Some(&gid.to_string())))
                    }
                },
                None => Assessment::Create(Diff::default()),
            },
        }
    }

    fn fix(&self, _world: &World<'_>) -> Fix {
        if self.state == State::Absent {
            return Fix::Script(Script::new().command(["groupdel", "--", &self.name]));
        }
        let mut words = vec!["groupadd".to_owned()];
        if self.system {
            words.push("--system".into());
        }
        if let Some(gid) = self.gid {
            words.extend(["--gid".into(), gid.to_string()]);
        }
        words.extend(["--".into(), self.name.clone()]);
        Fix::Script(
            first(&Script::new().command(words))
                .code("mailprov_made groups")
                .word(&self.name)
                .code("\n"),
        )
    }

    fn provides(&self) -> Vec<Resource> {
        match self.state {
            State::Present => vec![Resource::Group(self.name.clone())],
            State::Absent => Vec::new(),
        }
    }

    fn taken_back(&self, terms: &Terms<'_>) -> Option<Box<dyn Step>> {
        match self.state {
            State::Present => GoneGroup::of(&self.name, terms),
            State::Absent => None,
        }
    }

    fn digest(&self) -> String {
        let promise = format!("{} {:?} {:?}", self.name, self.gid, self.state);
        digest([promise.as_bytes()])
    }
}

#[cfg(test)]
mod tests {
    use super::super::promised::testing::{Host, refused, step};
    use super::*;
    use crate::step::probe::{CheckState, GroupState};
    use serde_json::json;

    fn host(gid: u32) -> Host {
        let mut host = Host::default();
        let group = GroupState {
            gid,
            members: Vec::new(),
        };
        host.observed.groups.insert("vmail".into(), Some(group));
        host
    }

    #[test]
    fn a_group_is_made_or_left() {
        let step = step(&KIND, json!({"name": "vmail", "gid": 5000}));
        assert!(matches!(Host::default().assess(&*step), Assessment::Create(_)));
        assert_eq!(host(5000).assess(&*step), Assessment::Converged);
        assert!(matches!(host(150).assess(&*step), Assessment::Refused(words) if words.contains("150")));
        assert_eq!(
            Host::default().script(&*step),
            "(\ngroupadd --gid 5000 -- vmail\n) || exit\nmailprov_made groups vmail\n"
        );
    }

    #[test]
    fn a_number_that_is_taken_is_refused_with_who_has_it() {
        let step = step(&KIND, json!({"name": "vmail", "gid": 5000}));
        let mut host = Host::default();
        let check = CheckState {
            status: 0,
            output: "other\n".into(),
        };
        host.observed.checks.insert(who_has("group", 5000), check);
        assert!(
            matches!(host.assess(&*step), Assessment::Refused(words) if words.contains("the group other"))
        );
    }

    #[test]
    fn absent_and_names() {
        let step = step(&KIND, json!({"name": "vmail", "state": "absent"}));
        assert_eq!(Host::default().assess(&*step), Assessment::Converged);
        assert!(matches!(host(1).assess(&*step), Assessment::Remove(_)));
        for name in ["", "-x", "1000", "a b", "Ü"] {
            assert!(
                refused(&KIND, json!({"name": name})).contains("no name of an account"),
                "{name}"
            );
        }
    }
}
