//! The example inventory on a lab host.

use std::collections::BTreeSet;

use mailprov::inventory::load::load;
use mailprov::role::bind;
use mailprov::role::load::Roles;

use crate::support::{Site, TestHost};

const INVENTORY: &str = include_str!("../../../inventories/example/inventory.yaml");

pub const ALICE: &str = "what alice knows";
pub const BOB: &str = "only bob \"knows\" \\ this";
pub const ARCHIVE: &str = "nobody reads it";

/// All secrets, by name.
pub const SECRETS: [(&str, &str); 5] = [
    ("alice_password", ALICE),
    ("bob_password", BOB),
    ("archive_password", ARCHIVE),
    ("accounts_postfix_password", "p'o\"s\\t#fix"),
    ("accounts_dovecot_password", "d'o\"ve\\#c$ot"),
];

/// The variables of the example, with a secret for each that it names.
pub fn site(host: &TestHost) -> Site {
    site_with(host, &["mailserver"])
}

/// The same, with these roles.
pub fn site_with(host: &TestHost, roles: &[&str]) -> Site {
    site_beside(host, roles, "")
}

/// The same, with these variables beside the example's.
pub fn site_beside(host: &TestHost, roles: &[&str], more: &str) -> Site {
    secrets(Site::new().host(host, roles, &format!("{}{more}", variables())))
}

/// The YAML of the example's variables.
pub fn variables() -> String {
    let (_, variables) = INVENTORY.split_once("    variables:\n").unwrap();
    variables
        .lines()
        .map(|line| format!("{}\n", line.get(6..).unwrap_or_default()))
        .collect()
}

/// The secrets that the example names.
pub fn secrets(site: Site) -> Site {
    SECRETS
        .into_iter()
        .fold(site, |site, (name, value)| site.secret(name, value))
}

/// Every step of the host, `HOST ROLE/STEP`, as the inventory and the roles have it.
pub fn steps(site: &Site, host: &TestHost) -> BTreeSet<String> {
    let inventory = load(&site.inventory(), &[]).unwrap_or_else(|wrong| panic!("{wrong}"));
    let roles = Roles::of(&inventory).unwrap_or_else(|wrong| panic!("{wrong}"));
    let vault = bind::offline_vault(&inventory, &roles);
    let facts = bind::assumed_facts(&roles, &inventory.hosts[0]);
    let binding = bind::Binding {
        inventory: &inventory,
        roles: &roles,
        host: &inventory.hosts[0],
        vault: &vault,
        facts: &facts,
    };
    let steps = bind::steps(&binding).unwrap_or_else(|wrong| panic!("{wrong}"));
    steps
        .iter()
        .map(|step| format!("{} {}", host.name(), step.id))
        .collect()
}
