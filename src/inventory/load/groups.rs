//! Which hosts are in which groups.

use super::raw::{Raw, RawGroup};
use crate::diagnostic::{Diagnostic, Diagnostics, did_you_mean};

/// For each group the names of its hosts, those of the groups inside it included, in the order of the hosts.
pub fn members(raw: &Raw, found: &mut Diagnostics) -> Vec<Vec<String>> {
    let known = |name: &str| raw.hosts.iter().any(|host| host.key.name == name);
    for group in &raw.groups {
        if let Some(host) = raw.hosts.iter().find(|host| host.key.name == group.key.name) {
            found.push(
                Diagnostic::new(format!("`{}` is both a group and a host", group.key.name))
                    .at(&group.key.place)
                    .help(format!(
                        "the host is at {}; rename one of the two",
                        host.key.place
                    )),
            );
        }
        for (name, place) in group.hosts.iter().filter(|(name, _)| !known(name)) {
            let diagnostic = Diagnostic::new(format!(
                "the group `{}` lists the unknown host `{name}`",
                group.key.name
            ))
            .at(place);
            let hosts = raw.hosts.iter().map(|host| host.key.name.as_str());
            found.push(match did_you_mean(name, hosts) {
                Some(host) => diagnostic.help(format!("did you mean `{host}`?")),
                None => diagnostic.help("declare it under `hosts:` at the top of the inventory"),
            });
        }
    }
    (0..raw.groups.len())
        .map(|index| {
            raw.hosts
                .iter()
                .map(|host| &host.key.name)
                .filter(|host| {
                    raw.groups.iter().enumerate().any(|(i, group)| {
                        is_inside(&raw.groups, i, index) && group.hosts.iter().any(|(name, _)| name == *host)
                    })
                })
                .cloned()
                .collect()
        })
        .collect()
}

/// The groups of a host, outer before inner.
pub fn of_host(groups: &[RawGroup], members: &[Vec<String>], host: &str) -> Vec<usize> {
    (0..groups.len())
        .filter(|i| members[*i].iter().any(|name| name == host))
        .collect()
}

/// Whether the group `inner` is `outer` or stands inside it.
pub fn is_inside(groups: &[RawGroup], inner: usize, outer: usize) -> bool {
    std::iter::successors(Some(inner), |i| groups[*i].parent).any(|i| i == outer)
}
