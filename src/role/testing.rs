//! Roles and inventories in temporary folders, for tests.

use std::path::PathBuf;

use super::load::Roles;
use crate::diagnostic::Diagnostics;
use crate::inventory::Inventory;

/// A folder with an inventory and roles beside it.
pub struct World {
    folder: tempfile::TempDir,
}

impl World {
    /// Files by path: `roles/a/role.yaml`.
    pub fn new(files: &[(&str, &str)]) -> Self {
        let world = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        for (path, text) in files {
            world.write(path, text);
        }
        world
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn roles(&self, wanted: &[&str]) -> Result<Roles, Diagnostics> {
        let place = crate::diagnostic::Place {
            source: crate::diagnostic::Source::new("inventory.yaml", "roles: []"),
            line: 1,
            column: 1,
            length: 1,
        };
        let wanted: Vec<_> = wanted
            .iter()
            .map(|name| ((*name).to_owned(), place.clone()))
            .collect();
        Roles::load(&[self.folder.path().join("roles")], &wanted)
    }

    /// The inventory of `inventory.yaml`, and the roles that its hosts use.
    pub fn load(&self) -> Result<(Inventory, Roles), Diagnostics> {
        let inventory = crate::inventory::load::load(&self.folder.path().join("inventory.yaml"), &[])?;
        let wanted: Vec<_> = inventory
            .hosts
            .iter()
            .flat_map(|host| &host.roles)
            .map(|role| (role.name.clone(), role.place.clone()))
            .collect();
        let roles = Roles::load(&[self.folder.path().join("roles")], &wanted)?;
        Ok((inventory, roles))
    }

    pub fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }
}

/// Mistakes as `line: message | help`.
pub fn lines(wrong: &Diagnostics) -> Vec<String> {
    wrong
        .0
        .iter()
        .map(|mistake| {
            let line = mistake.place.as_ref().map_or(0, |place| place.line);
            match &mistake.help {
                Some(help) => format!("{line}: {} | {help}", mistake.message),
                None => format!("{line}: {}", mistake.message),
            }
        })
        .collect()
}
