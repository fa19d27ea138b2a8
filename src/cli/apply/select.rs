//! `--limit` and `--role`: which hosts and which roles an apply is about.

use std::collections::BTreeSet;

use crate::cli::common::{Failure, unknown_name};
use crate::inventory::{Inventory, InventoryHost};
use crate::role::load::Roles;

/// The hosts that any of `limit` names, in the order of the inventory; all without a limit.
///
/// # Errors
/// A name that is neither a host nor a group.
pub fn hosts<'a>(inventory: &'a Inventory, limit: &[String]) -> Result<Vec<&'a InventoryHost>, Failure> {
    let mut wanted: BTreeSet<&str> = BTreeSet::new();
    for name in limit {
        if let Some(host) = inventory.hosts.iter().find(|host| host.name == *name) {
            wanted.insert(&host.name);
        } else if let Some(members) = inventory.groups.get(name) {
            wanted.extend(members.iter().map(String::as_str));
        } else {
            let hosts = inventory.hosts.iter().map(|host| host.name.as_str());
            let groups = inventory.groups.keys().map(String::as_str);
            return Err(unknown_name("host or group", name, hosts.chain(groups)));
        }
    }
    let hosts = inventory.hosts.iter();
    Ok(hosts
        .filter(|host| limit.is_empty() || wanted.contains(host.name.as_str()))
        .collect())
}

/// The roles that are wanted; `None` means all.
///
/// # Errors
/// A role that none of the hosts has.
pub fn roles(
    roles: &Roles,
    hosts: &[&InventoryHost],
    wanted: &[String],
) -> Result<Option<BTreeSet<String>>, Failure> {
    if wanted.is_empty() {
        return Ok(None);
    }
    // Those that the hosts name, and whatever these need.
    let mut known: Vec<&str> = hosts
        .iter()
        .flat_map(|host| &host.roles)
        .map(|role| role.name.as_str())
        .collect();
    let mut at = 0;
    while let Some(name) = known.get(at).copied() {
        at += 1;
        for need in roles.0.get(name).into_iter().flat_map(|role| &role.needs) {
            if !known.contains(&need.role.as_str()) {
                known.push(&need.role);
            }
        }
    }
    known.dedup();
    for name in wanted {
        if !known.contains(&name.as_str()) {
            return Err(unknown_name("role on these hosts", name, known));
        }
    }
    Ok(Some(wanted.iter().cloned().collect()))
}
