//! The built-in roles and the example inventory, proven without a host.

use std::path::{Path, PathBuf};

use mailprov::diagnostic::Diagnostics;
use mailprov::inventory::load::load;
use mailprov::role::bind::validate;
use mailprov::role::load::Roles;

/// Every mistake, as a person would see it.
fn mistakes(inventory: &Path) -> Result<(), Diagnostics> {
    let inventory = load(inventory, &[])?;
    let wanted: Vec<_> = inventory
        .hosts
        .iter()
        .flat_map(|host| &host.roles)
        .map(|role| (role.name.clone(), role.place.clone()))
        .collect();
    let roles = Roles::load(&inventory.role_folders, &wanted)?;
    validate(&inventory, &roles)
}

#[test]
fn the_example_is_valid() {
    let example = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("inventories/example/inventory.yaml");
    if let Err(wrong) = mistakes(&example) {
        panic!("{wrong}");
    }
}
