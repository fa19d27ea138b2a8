//! Taking back users and groups: those that mailprov made, once they own nothing of a person's.

use super::{Terms, is_noted, made};
use crate::host::script::{Script, quote};
use crate::step::probe::{Probe, UserState};
use crate::step::world::World;
use crate::step::{Assessment, Diff, Fix, Resource, Step};

/// A user that a role made, or groups that it put one into.
#[derive(Debug)]
pub struct GoneUser {
    name: String,
    home: String,
    /// Groups that it was put into and that nobody else needs it in.
    groups: Vec<String>,
}

impl GoneUser {
    /// `None` when a present role, or what stays of this one, needs the user.
    pub fn of(name: &str, home: Option<&str>, groups: &[String], terms: &Terms<'_>) -> Option<Box<dyn Step>> {
        let step = Self {
            name: name.to_owned(),
            home: home.map_or_else(|| format!("/home/{name}"), str::to_owned),
            groups: groups.to_vec(),
        };
        (!terms.kept.has(&Resource::User(name.to_owned()))).then(|| Box::new(step) as Box<dyn Step>)
    }

    fn look_at_home(&self) -> String {
        // A home that is not there is nobody's.
        let home = quote(&self.home);
        format!("find {home} -mindepth 1 -maxdepth 1 -print -quit 2>/dev/null")
    }

    fn extra<'a>(&'a self, user: &UserState) -> Vec<&'a str> {
        let groups = self.groups.iter().filter(|group| user.groups.contains(group));
        groups.map(String::as_str).collect()
    }
}

impl Step for GoneUser {
    fn summary(&self) -> String {
        format!("no {}", self.name)
    }

    fn probes(&self) -> Vec<Probe> {
        vec![
            Probe::User(self.name.clone()),
            Probe::Path {
                path: made("users", &self.name),
                unless: None,
            },
            Probe::Check(self.look_at_home()),
        ]
    }

    fn assess(&self, world: &World<'_>) -> Assessment {
        let Some(user) = world.user(&self.name) else {
            return Assessment::Converged;
        };
        if !is_noted(world, &made("users", &self.name)) {
            let extra = self.extra(user);
            if extra.is_empty() {
                return Assessment::Converged;
            }
            let left = user
                .groups
                .iter()
                .filter(|group| !extra.contains(&group.as_str()));
            let left: Vec<&str> = left.map(String::as_str).collect();
            let after = Some(left.join(", ")).filter(|left| !left.is_empty());
            return Assessment::Change(Diff::default().attribute(
                "groups",
                Some(&user.groups.join(", ")),
                after.as_deref(),
            ));
        }
        let home = world.check(&self.look_at_home());
        let lives_there = home.is_some_and(|seen| !seen.output.trim().is_empty());
        if lives_there && !world.will_remove(&Resource::Path(self.home.clone())) {
            Assessment::Converged
        } else {
            Assessment::Remove(Diff::default())
        }
    }

    fn fix(&self, world: &World<'_>) -> Fix {
        let user = world.user(&self.name);
        if !is_noted(world, &made("users", &self.name)) {
            let extra = user.map(|user| self.extra(user)).unwrap_or_default();
            return Fix::Script(extra.into_iter().fold(Script::new(), |script, group| {
                script
                    .code("gpasswd --delete")
                    .words([&self.name, group])
                    .code(" >/dev/null || exit 1\n")
            }));
        }
        Fix::Script(
            Script::new()
                .code("userdel --")
                .word(&self.name)
                .code(" || exit 1\n")
                .command(["rm", "-f", "--", &made("users", &self.name)]),
        )
    }

    fn digest(&self) -> String {
        "absent".to_owned()
    }
}

/// A group that a role made.
#[derive(Debug)]
pub struct GoneGroup(String);

impl GoneGroup {
    /// `None` when a present role, or what stays of this one, needs the group.
    pub fn of(name: &str, terms: &Terms<'_>) -> Option<Box<dyn Step>> {
        (!terms.kept.has(&Resource::Group(name.to_owned())))
            .then(|| Box::new(Self(name.to_owned())) as Box<dyn Step>)
    }
}

impl Step for GoneGroup {
    fn summary(&self) -> String {
        format!("no {}", self.0)
    }

    fn probes(&self) -> Vec<Probe> {
        vec![
            Probe::Group(self.0.clone()),
            // Its own user may have stayed.
            Probe::User(self.0.clone()),
            Probe::Path {
                path: made("groups", &self.0),
                unless: None,
            },
        ]
    }

    fn assess(&self, world: &World<'_>) -> Assessment {
        let Some(group) = world.group(&self.0) else {
            return Assessment::Converged;
        };
        let gone = |user: &String| world.will_remove(&Resource::User(user.clone()));
        let primary = world.user(&self.0).is_some() && !gone(&self.0);
        let in_use = primary || group.members.iter().any(|member| !gone(member));
        // userdel takes a user's group of the same name along.
        let goes = world.will_remove(&Resource::User(self.0.clone()));
        if in_use || goes || !is_noted(world, &made("groups", &self.0)) {
            Assessment::Converged
        } else {
            Assessment::Remove(Diff::default())
        }
    }

    fn fix(&self, _world: &World<'_>) -> Fix {
        Fix::Script(
            Script::new()
                .code("groupdel --")
                .word(&self.0)
                .code(" || exit 1\n")
                .command(["rm", "-f", "--", &made("groups", &self.0)]),
        )
    }

    fn digest(&self) -> String {
        "absent".to_owned()
    }
}
