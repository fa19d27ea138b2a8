//! Names that a shell can complete: hosts, groups and roles of the inventory on the command line.
//!
//! Completing must never print or fail: an inventory that can't be read has no names.

use std::path::{Path, PathBuf};

use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};

use crate::inventory::Inventory;
use crate::role::load::Roles;

/// Hosts and groups, for `--limit`.
pub fn hosts_and_groups() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let Some(inventory) = inventory() else {
            return Vec::new();
        };
        let groups = inventory.groups.keys();
        let groups = groups.map(|name| CompletionCandidate::new(name).help(Some("a group".into())));
        host_names(&inventory).into_iter().chain(groups).collect()
    })
}

/// Hosts.
pub fn hosts() -> ArgValueCandidates {
    ArgValueCandidates::new(|| inventory().map_or_else(Vec::new, |inventory| host_names(&inventory)))
}

/// Roles that the inventory's hosts have; all that there are without an inventory.
pub fn roles() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let inventory = inventory();
        let folders = inventory
            .as_ref()
            .map_or(&[][..], |inventory| inventory.role_folders.as_slice());
        let Ok(roles) = Roles::all(folders) else {
            return Vec::new();
        };
        let listed = inventory.iter().flat_map(|inventory| &inventory.hosts);
        let mut names: Vec<&str> = listed
            .flat_map(|host| &host.roles)
            .flat_map(|role| roles.with_needs(&role.name))
            .collect();
        names.sort_unstable();
        names.dedup();
        let wanted = |name: &str| names.is_empty() || names.contains(&name);
        roles
            .0
            .values()
            .filter(|role| wanted(&role.name))
            .map(|role| CompletionCandidate::new(&role.name).help(Some(role.summary.clone().into())))
            .collect()
    })
}

fn host_names(inventory: &Inventory) -> Vec<CompletionCandidate> {
    let hosts = inventory.hosts.iter();
    hosts.map(|host| CompletionCandidate::new(&host.name)).collect()
}

/// The first word of the command line that is an inventory's file, or else the one of this folder.
fn inventory() -> Option<Inventory> {
    let yaml = |path: &Path| path.extension().is_some_and(|end| end == "yaml" || end == "yml");
    let named = std::env::args_os()
        .map(PathBuf::from)
        .find(|path| yaml(path) && path.is_file());
    let path = named.unwrap_or_else(|| PathBuf::from("inventory.yaml"));
    crate::inventory::load::load(&path, &[]).ok()
}
