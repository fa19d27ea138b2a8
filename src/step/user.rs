//! The kind `user`: an account of the host, or what is to be added to one that a package brings.

use schemars::JsonSchema;
use serde::Deserialize;

use super::gone::Terms;
use super::gone::account::GoneUser;
use super::group::{check_name, other_holder, who_has};
use super::kind::params::AbsolutePath;
use super::kind::{Kind, Params, read, refuse};
use super::probe::{Probe, UserState};
use super::promised::{State, digest};
use super::world::World;
use super::{Assessment, Diff, Fix, Resource, Step};
use crate::diagnostic::Diagnostics;
use crate::host::script::Script;

pub const KIND: Kind = Kind {
    name: "user",
    page: include_str!("../../book/src/steps/user.md"),
    schema: || schemars::schema_for!(User),
    parse,
};

/// An account. What is not given is left as it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct User {
    name: String,
    /// Its number; the next free one if not given.
    uid: Option<u32>,
    /// The primary group; a new user without it gets a group of its own name.
    group: Option<String>,
    /// Groups that the user is to be in, besides those that it is in already.
    #[serde(default)]
    groups: Vec<String>,
    home: Option<AbsolutePath>,
    /// A new user's home is made, with the files of /etc/skel.
    #[serde(default)]
    create_home: bool,
    /// The login shell; a new system user without it gets /usr/sbin/nologin.
    shell: Option<AbsolutePath>,
    /// A new user gets a number of the system's range.
    #[serde(default)]
    system: bool,
    comment: Option<String>,
    /// `absent`: the account goes, its home stays.
    #[serde(default)]
    state: State,
}

const NO_LOGIN: &str = "/usr/sbin/nologin";

fn parse(params: &Params<'_>) -> Result<Box<dyn Step>, Diagnostics> {
    let user: User = read(params)?;
    check_name(params, "name", &user.name)?;
    for group in user.group.iter().chain(&user.groups) {
        let parameter = if user.groups.contains(group) {
            "groups"
        } else {
            "group"
        };
        check_name(params, parameter, group)?;
    }
    let field = |text: &str| !text.contains(':') && !text.contains(char::is_control);
    if !user.comment.as_deref().is_none_or(field) {
        return Err(refuse(params, &["comment"], "a comment must be one line without a colon").into());
    }
    for (name, path) in [("home", &user.home), ("shell", &user.shell)] {
        if !path.as_ref().is_none_or(|path| field(path.as_str())) {
            return Err(refuse(params, &[name], format!("`{name}` must not hold a colon")).into());
        }
    }
    Ok(Box::new(user))
}

impl User {
    /// Attributes that an account has one of: name, option of useradd and usermod, promised value.
    fn attributes(&self) -> [(&'static str, &'static str, Option<&str>); 4] {
        [
            ("group", "--gid", self.group.as_deref()),
            ("home", "--home", self.home.as_ref().map(AbsolutePath::as_str)),
            ("shell", "--shell", self.shell.as_ref().map(AbsolutePath::as_str)),
            ("comment", "--comment", self.comment.as_deref()),
        ]
    }

    /// The attributes that differ from those of `present`, with the present value.
    fn different<'a>(
        &'a self,
        present: &'a UserState,
    ) -> Vec<(&'static str, &'static str, &'a str, &'a str)> {
        let now = [&present.group, &present.home, &present.shell, &present.comment];
        self.attributes()
            .into_iter()
            .zip(now)
            .filter_map(|((name, option, wanted), now)| Some((name, option, now.as_str(), wanted?)))
            .filter(|(_, _, now, wanted)| now != wanted)
            .collect()
    }

    fn missing_groups(&self, present: Option<&UserState>) -> Vec<&str> {
        self.groups
            .iter()
            .filter(|group| !present.is_some_and(|user| user.groups.contains(group) || user.group == **group))
            .map(String::as_str)
            .collect()
    }

    fn assess_new(&self, world: &World<'_>) -> Assessment {
        if let Some(uid) = self.uid
            && let Some(holder) = other_holder(world, "passwd", uid, &self.name)
        {
            return Assessment::Refused(format!(
                "uid {uid} for {} belongs to the user {holder}: choose another number",
                self.name
            ));
        }
        let uid = self.uid.map(|uid| uid.to_string());
        let known = std::iter::once(("uid", uid.as_deref()))
            .chain(self.attributes().map(|(name, _, value)| (name, value)))
            .filter(|(_, value)| value.is_some());
        let diff = known.fold(Diff::default(), |diff, (name, value)| {
            diff.attribute(name, None, value)
        });
        Assessment::Create(self.with_groups(diff, None))
    }

    fn with_groups(&self, diff: Diff, present: Option<&UserState>) -> Diff {
        let missing = self.missing_groups(present);
        if missing.is_empty() {
            return diff;
        }
        let before = present
            .map(|user| user.groups.join(", "))
            .filter(|groups| !groups.is_empty());
        let after = before
            .iter()
            .map(String::as_str)
            .chain(missing)
            .collect::<Vec<_>>()
            .join(", ");
        diff.attribute("groups", before.as_deref(), Some(&after))
    }

    fn assess_present(&self, present: &UserState) -> Assessment {
        if let Some(uid) = self.uid.filter(|uid| *uid != present.uid) {
            return Assessment::Refused(format!(
                "the user {} has uid {}, not {uid}: another number would leave its files behind. Change the promise, \
                 or the user by hand",
                self.name, present.uid
            ));
        }
        let diff = self
            .different(present)
            .into_iter()
            .fold(Diff::default(), |diff, (name, _, now, wanted)| {
                diff.attribute(name, Some(now), Some(wanted))
            });
        let diff = self.with_groups(diff, Some(present));
        if diff.is_empty() {
            Assessment::Converged
        } else {
            Assessment::Change(diff)
        }
    }

    fn add(&self) -> Script {
        let mut words = vec!["useradd".to_owned()];
        if self.system {
            words.push("--system".into());
        }
        words.push(
            if self.create_home {
                "--create-home"
            } else {
                "--no-create-home"
            }
            .into(),
        );
        if let Some(uid) = self.uid {
            words.extend(["--uid".into(), uid.to_string()]);
        }
        for (_, option, value) in self.attributes() {
            if let Some(value) = value {
                words.extend([option.to_owned(), value.to_owned()]);
            }
        }
        if self.shell.is_none() && self.system {
            words.extend(["--shell".into(), NO_LOGIN.into()]);
        }
        if !self.groups.is_empty() {
            words.extend(["--groups".into(), self.groups.join(",")]);
        }
        let user_group = self.group.is_none();
        // A group of that name that is there already becomes the primary one; useradd would refuse it.
        let script = if user_group {
            Script::new()
                .code("if getent group")
                .word(&self.name)
                .code(" >/dev/null; then set -- --gid")
                .word(&self.name)
                .code("; else set -- --user-group; fi\n")
        } else {
            Script::new().code("set --\n")
        };
        script
            .code("")
            .words(words)
            .code(" \"$@\" --")
            .word(&self.name)
            .code(" || exit\nmailprov_made users")
            .word(&self.name)
            .code("\n")
    }
}

impl Step for User {
    fn summary(&self) -> String {
        match self.state {
            State::Present => self.name.clone(),
            State::Absent => format!("no {}", self.name),
        }
    }

    fn probes(&self) -> Vec<Probe> {
        let taken = self.uid.map(|uid| Probe::Check(who_has("passwd", uid)));
        std::iter::once(Probe::User(self.name.clone()))
            .chain(taken)
            .collect()
    }

    fn assess(&self, world: &World<'_>) -> Assessment {
        match (self.state, world.user(&self.name)) {
            (State::Absent, None) => Assessment::Converged,
            (State::Absent, Some(user)) => {
                Assessment::Remove(Diff::default().note(format!("{} stays", user.home)))
            }
            (State::Present, Some(user)) => self.assess_present(user),
            (State::Present, None) => {
                let brought = world.will_provide(&Resource::User(self.name.clone())).is_some();
                let asks =
                    !self.groups.is_empty() || self.attributes().iter().any(|(_, _, value)| value.is_some());
                match (brought, asks) {
                    // Its package knows best what else it needs; what is asked here comes on top.
                    (true, false) => Assessment::Converged,
                    (true, true) => Assessment::Change(self.with_groups(Diff::default(), None)),
                    (false, _) => self.assess_new(world),
                }
            }
        }
    }

    fn fix(&self, world: &World<'_>) -> Fix {
        let present = world.user(&self.name);
        Fix::Script(match (self.state, present) {
            (State::Absent, _) => Script::new().command(["userdel", "--", &self.name]),
            (State::Present, None) => self.add(),
            (State::Present, Some(user)) => {
                let mut words = vec!["usermod".to_owned()];
                for (_, option, _, wanted) in self.different(user) {
                    words.extend([option.to_owned(), wanted.to_owned()]);
                }
                let groups = self.missing_groups(present);
                if !groups.is_empty() {
                    words.extend(["--append".into(), "--groups".into(), groups.join(",")]);
                }
                words.extend(["--".into(), self.name.clone()]);
                Script::new().command(words)
            }
        })
    }

    fn provides(&self) -> Vec<Resource> {
        if self.state == State::Absent {
            return Vec::new();
        }
        let own_group = self.group.is_none().then(|| Resource::Group(self.name.clone()));
        let home = self
            .home
            .as_ref()
            .filter(|_| self.create_home)
            .map(|home| Resource::Path(home.to_string()));
        std::iter::once(Resource::User(self.name.clone()))
            .chain(own_group)
            .chain(home)
            .collect()
    }

    fn requires(&self) -> Vec<Resource> {
        if self.state == State::Absent {
            return Vec::new();
        }
        // A package that brings the account itself comes first, and so does a group step of the same name.
        let home = self
            .home
            .as_ref()
            .filter(|_| self.create_home)
            .map(|home| Resource::Path(home.parent().to_owned()));
        std::iter::once(Resource::User(self.name.clone()))
            .chain(
                self.group
                    .iter()
                    .chain(&self.groups)
                    .cloned()
                    .map(Resource::Group),
            )
            .chain(home)
            .collect()
    }

    fn taken_back(&self, terms: &Terms<'_>) -> Option<Box<dyn Step>> {
        let home = self.home.as_ref().map(AbsolutePath::as_str);
        match self.state {
            State::Present => GoneUser::of(&self.name, home, &self.groups, terms),
            State::Absent => None,
        }
    }

    fn digest(&self) -> String {
        digest([format!("{self:?}").as_bytes()])
    }
}

#[cfg(test)]
mod tests {
    use super::super::promised::testing::{Host, refused, step};
    use super::*;
    use crate::step::probe::CheckState;
    use serde_json::json;

    fn vmail() -> Box<dyn Step> {
        step(
            &KIND,
            json!({"name": "vmail", "uid": 5000, "group": "vmail", "groups": ["ssl-cert"], "home": "/var/vmail",
                "system": true}),
        )
    }

    fn host(uid: u32, home: &str, groups: &[&str]) -> Host {
        let mut host = Host::default();
        let user = UserState {
            uid,
            group: "vmail".into(),
            gid: 5000,
            home: home.into(),
            shell: NO_LOGIN.into(),
            comment: String::new(),
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        };
        host.observed.users.insert("vmail".into(), Some(user));
        host
    }

    #[test]
    fn a_new_user_is_added_with_all_it_is_promised() {
        assert!(matches!(Host::default().assess(&*vmail()), Assessment::Create(_)));
        assert_eq!(
            Host::default().script(&*vmail()),
            "set --\n useradd --system --no-create-home --uid 5000 --gid vmail --home /var/vmail --shell \
             /usr/sbin/nologin --groups ssl-cert \"$@\" -- vmail || exit\nmailprov_made users vmail\n"
        );
    }

    #[test]
    fn a_known_user_only_gets_what_is_missing() {
        let step = vmail();
        assert_eq!(
            host(5000, "/var/vmail", &["adm", "ssl-cert"]).assess(&*step),
            Assessment::Converged
        );
        let less = host(5000, "/var/vmail", &["adm"]);
        let expected = Diff::default().attribute("groups", Some("adm"), Some("adm, ssl-cert"));
        assert_eq!(less.assess(&*step), Assessment::Change(expected));
        assert_eq!(
            less.script(&*step),
            "usermod --append --groups ssl-cert -- vmail\n"
        );
        let moved = host(5000, "/home/vmail", &["ssl-cert"]);
        assert_eq!(moved.script(&*step), "usermod --home /var/vmail -- vmail\n");
    }

    #[test]
    fn numbers_are_never_changed_nor_taken() {
        let other = host(150, "/var/vmail", &["ssl-cert"]);
        assert!(matches!(other.assess(&*vmail()), Assessment::Refused(words) if words.contains("150")));
        let mut taken = Host::default();
        let check = CheckState {
            status: 0,
            output: "backup\n".into(),
        };
        taken.observed.checks.insert(who_has("passwd", 5000), check);
        assert!(
            matches!(taken.assess(&*vmail()), Assessment::Refused(words) if words.contains("user backup"))
        );
    }

    #[test]
    fn a_user_that_a_package_brings_gets_groups_on_top() {
        let mut host = Host::default();
        host.brings(Resource::User("postfix".into()));
        let plain = step(&KIND, json!({"name": "postfix"}));
        assert_eq!(host.assess(&*plain), Assessment::Converged);
        let groups = step(&KIND, json!({"name": "postfix", "groups": ["opendkim"]}));
        assert!(matches!(host.assess(&*groups), Assessment::Change(_)));
    }

    #[test]
    fn absent_keeps_the_home() {
        let step = step(&KIND, json!({"name": "vmail", "state": "absent"}));
        assert_eq!(Host::default().assess(&*step), Assessment::Converged);
        let known = host(5000, "/var/vmail", &[]);
        assert!(matches!(known.assess(&*step), Assessment::Remove(_)));
        assert_eq!(known.script(&*step), "userdel -- vmail\n");
    }

    #[test]
    fn mistakes_are_refused() {
        assert!(refused(&KIND, json!({"name": "0"})).contains("no name"));
        assert!(refused(&KIND, json!({"name": "a", "groups": ["-g"]})).contains("no name"));
        assert!(refused(&KIND, json!({"name": "a", "comment": "a:b"})).contains("colon"));
    }
}
