//! From a host's roles and variables to its steps.

use super::BoundStep;
use super::load::Roles;
use crate::diagnostic::Diagnostics;
use crate::host::Facts;
use crate::inventory::{Inventory, InventoryHost};
use crate::secret::vault::Vault;

/// What the steps of a host are made from.
#[derive(Debug, Clone, Copy)]
pub struct Binding<'a> {
    pub inventory: &'a Inventory,
    pub roles: &'a Roles,
    pub host: &'a InventoryHost,
    pub vault: &'a Vault,
    pub facts: &'a Facts,
}

/// The host's steps in the order of declaration: its roles (what they need first), each role's steps.
pub fn steps(_binding: &Binding<'_>) -> Result<Vec<BoundStep>, Diagnostics> {
    todo!("role helper")
}

/// Packages whose versions the host's templates ask for.
pub fn packages(_roles: &Roles, _host: &InventoryHost) -> Vec<String> {
    todo!("role helper")
}

/// Facts to stand in for those of a host that is not asked: Debian 13 unless the host's `release` says otherwise,
/// with the roles' known versions.
pub fn assumed_facts(_roles: &Roles, _host: &InventoryHost) -> Facts {
    todo!("role helper")
}

/// Fills in the roles' known versions for packages that the host knows no version of.
pub fn complete_facts(_roles: &Roles, _host: &InventoryHost, _facts: &mut Facts) {
    todo!("role helper")
}

/// Everything that can be proven without a host: variables, templates, needs and the graph of every host.
pub fn validate(_inventory: &Inventory, _roles: &Roles) -> Result<(), Diagnostics> {
    todo!("role helper")
}
