//! Probes of users and groups: one `getent` each, whatever their number.

use super::{decode, nonsense};
use crate::host::HostError;
use crate::host::script::Script;
use crate::step::probe::{GroupState, Observed, Probe, UserState};

pub const SH: &str = include_str!("accounts.sh");

fn users(probes: &[Probe]) -> impl Iterator<Item = &str> {
    probes.iter().filter_map(|probe| match probe {
        Probe::User(name) => Some(name.as_str()),
        _ => None,
    })
}

fn groups(probes: &[Probe]) -> impl Iterator<Item = &str> {
    probes.iter().filter_map(|probe| match probe {
        Probe::Group(name) => Some(name.as_str()),
        _ => None,
    })
}

pub fn ask(mut script: Script, probes: &[Probe]) -> Script {
    let (any_user, any_group) = (users(probes).next().is_some(), groups(probes).next().is_some());
    if any_user || any_group {
        script = script.code("echo @accounts\n");
    }
    if any_user {
        script = script.code("mailprov_users --").words(users(probes)).code("\n");
    }
    if any_group {
        script = script.code("mailprov_groups --").words(groups(probes)).code("\n");
    }
    script
}

pub fn read(probes: &[Probe], lines: &[&str], observed: &mut Observed) -> Result<(), HostError> {
    let mut lines = lines.iter();
    let mut next = || {
        let line = lines
            .next()
            .ok_or_else(|| nonsense("accounts", "more lines", ""))?;
        Ok::<_, HostError>(String::from_utf8_lossy(&decode("accounts", line)?).into_owned())
    };
    if users(probes).next().is_some() {
        let (passwd, all_groups) = (next()?, next()?);
        let all_groups = group_lines(&all_groups);
        let passwd: Vec<(&str, UserState)> = passwd
            .lines()
            .filter_map(|line| user(line, &all_groups))
            .collect();
        for name in users(probes) {
            let found = passwd.iter().find(|(known, _)| *known == name);
            observed
                .users
                .insert(name.to_owned(), found.map(|(_, state)| state.clone()));
        }
    }
    if groups(probes).next().is_some() {
        let answer = next()?;
        let known = group_lines(&answer);
        for name in groups(probes) {
            // By name, because getent takes a number for an id.
            let found = known.iter().find(|(known, _)| *known == name);
            observed
                .groups
                .insert(name.to_owned(), found.map(|(_, state)| state.clone()));
        }
    }
    Ok(())
}

/// group(5): `name:password:gid:members`
fn group_lines(text: &str) -> Vec<(&str, GroupState)> {
    text.lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let &[name, _, gid, members] = fields.as_slice() else {
                return None;
            };
            let members = members.split(',').filter(|member| !member.is_empty());
            Some((
                name,
                GroupState {
                    gid: gid.parse().ok()?,
                    members: members.map(str::to_owned).collect(),
                },
            ))
        })
        .collect()
}

/// passwd(5): `name:password:uid:gid:comment:home:shell`
fn user<'t>(line: &'t str, groups: &[(&str, GroupState)]) -> Option<(&'t str, UserState)> {
    let fields: Vec<&str> = line.split(':').collect();
    let &[name, _, uid, gid, comment, home, shell] = fields.as_slice() else {
        return None;
    };
    let gid: u32 = gid.parse().ok()?;
    let primary = groups.iter().find(|(_, group)| group.gid == gid);
    let mut supplementary: Vec<String> = groups
        .iter()
        .filter(|(_, group)| group.members.iter().any(|member| member == name))
        .map(|(group, _)| (*group).to_owned())
        .collect();
    supplementary.sort();
    supplementary.dedup();
    Some((
        name,
        UserState {
            uid: uid.parse().ok()?,
            group: primary.map_or_else(|| gid.to_string(), |(group, _)| (*group).to_owned()),
            gid,
            home: home.to_owned(),
            shell: shell.to_owned(),
            comment: comment.to_owned(),
            groups: supplementary,
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::super::tests::look;
    use super::*;

    #[test]
    fn known_and_unknown_accounts() {
        let observed = look(&[
            Probe::User("root".into()),
            Probe::User("nobody-such".into()),
            Probe::User("0".into()),
            Probe::Group("root".into()),
            Probe::Group("none-such".into()),
            Probe::Group("0".into()),
        ]);
        let root = observed.users["root"].as_ref().unwrap();
        assert_eq!(
            (root.uid, root.gid, root.group.as_str(), root.home.as_str()),
            (0, 0, "root", "/root")
        );
        assert_eq!(observed.groups["root"].as_ref().unwrap().gid, 0);
        for absent in ["nobody-such", "0"] {
            assert_eq!(observed.users[absent], None);
        }
        for absent in ["none-such", "0"] {
            assert_eq!(observed.groups[absent], None);
        }
    }

    #[test]
    fn supplementary_groups_are_sorted_and_the_primary_is_named() {
        let groups = group_lines("vmail:x:5000:\nssl-cert:x:110:vmail,postfix\nadm:x:4:vmail\nbroken\n");
        let (name, state) = user(
            "vmail:x:5000:5000:Mail, all:/var/vmail:/usr/sbin/nologin",
            &groups,
        )
        .unwrap();
        assert_eq!(name, "vmail");
        assert_eq!(state.group, "vmail");
        assert_eq!(state.groups, ["adm", "ssl-cert"]);
        assert_eq!(state.comment, "Mail, all");
    }
}
