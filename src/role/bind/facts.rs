//! What stands in for what a host doesn't tell.

use crate::host::{Facts, PackageVersion};
use crate::inventory::InventoryHost;
use crate::role::declare::in_scope;
use crate::role::load::Roles;

/// The release that offline commands assume.
const RELEASE: &str = "debian-13";

/// Packages whose versions the host's templates ask for.
pub fn packages(roles: &Roles, host: &InventoryHost) -> Vec<String> {
    let mut found = indexmap::IndexSet::new();
    for role in in_scope(roles, host) {
        found.extend(role.versions.keys().cloned());
    }
    found.into_iter().collect()
}

/// Facts to stand in for those of a host that is not asked: Debian 13 unless the host's `release` says otherwise,
/// with the roles' known versions.
pub fn assumed_facts(roles: &Roles, host: &InventoryHost) -> Facts {
    let release = host.release.as_deref().unwrap_or(RELEASE);
    let (distribution, release) = release.split_once('-').unwrap_or((release, ""));
    // https://wiki.debian.org/DebianReleases
    let codename = match (distribution, release) {
        ("debian", "12") => "bookworm",
        ("debian", "13") => "trixie",
        _ => "",
    };
    let architecture = match distribution {
        "arch" => "x86_64",
        _ => "amd64",
    };
    let mut facts = Facts {
        distribution: distribution.to_owned(),
        release: release.to_owned(),
        codename: codename.to_owned(),
        architecture: architecture.to_owned(),
        init: "systemd".to_owned(),
        hostname: host.name.split('.').next().unwrap_or_default().to_owned(),
        fqdn: host.name.clone(),
        memory: 4096,
        clock: 0,
        login: "root".to_owned(),
        ssh_port: 22,
        ssh_client: String::new(),
        packages: Default::default(),
    };
    complete_facts(roles, host, &mut facts);
    facts
}

/// Fills in the roles' known versions for packages that the host knows no version of.
pub fn complete_facts(roles: &Roles, host: &InventoryHost, facts: &mut Facts) {
    let release = if facts.release.is_empty() {
        facts.distribution.clone()
    } else {
        format!("{}-{}", facts.distribution, facts.release)
    };
    for role in in_scope(roles, host) {
        for (package, releases) in &role.versions {
            if let Some(version) = releases.get(&release) {
                facts
                    .packages
                    .entry(package.clone())
                    .or_insert_with(|| PackageVersion::Release(version.clone()));
            }
        }
    }
}
