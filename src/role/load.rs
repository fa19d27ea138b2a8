//! Reading role folders: the built-in ones and the user's own.
//!
//! Every mistake of every role is found at once. What a role says of the engine's steps is read here; what the
//! steps mean is their kinds' business.

mod advice;
mod check;
mod files;
mod folder;
mod keys;
mod manifest;
mod steps;
mod types;

use std::path::PathBuf;

use indexmap::{IndexMap, IndexSet};

use super::{Declaration, Role, RoleNeed, RoleValue};
use crate::diagnostic::{Diagnostic, Diagnostics, Place, did_you_mean};
use crate::inventory::Inventory;
use folder::Folders;

/// The roles that an inventory needs, each after the roles that it needs itself.
#[derive(Debug, Clone, Default)]
pub struct Roles(pub IndexMap<String, Role>);

impl Roles {
    /// Loads the roles `wanted` and everything that they need. A folder of the user's wins over a built-in role
    /// of the same name, file by file.
    ///
    /// # Errors
    /// Every mistake in every role.
    pub fn load(folders: &[PathBuf], wanted: &[(String, Place)]) -> Result<Self, Diagnostics> {
        let folders = Folders::new(folders)?;
        let mut loading = Loading::new(&folders);
        for (name, place) in wanted {
            loading.visit(name, Some(place));
        }
        loading.finish()
    }

    /// Loads the roles that the hosts of `inventory` name, from its folders and the built-in ones.
    ///
    /// # Errors
    /// Every mistake in every role.
    pub fn of(inventory: &Inventory) -> Result<Self, Diagnostics> {
        let mut wanted: Vec<(String, Place)> = Vec::new();
        for role in inventory.hosts.iter().flat_map(|host| &host.roles) {
            if !wanted.iter().any(|(name, _)| *name == role.name) {
                wanted.push((role.name.clone(), role.place.clone()));
            }
        }
        Self::load(&inventory.role_folders, &wanted)
    }

    /// Every built-in role, for the reference.
    ///
    /// # Errors
    /// Mistakes in them, which are mistakes of mailprov's own.
    pub fn built_in() -> Result<Self, Diagnostics> {
        Self::all(&[])
    }

    /// Every built-in role and every role in `folders`.
    ///
    /// # Errors
    /// Every mistake in every role.
    pub fn all(folders: &[PathBuf]) -> Result<Self, Diagnostics> {
        let folders = Folders::new(folders)?;
        let mut loading = Loading::new(&folders);
        for name in folders.names() {
            loading.visit(&name, None);
        }
        loading.finish()
    }

    /// The names of all built-in roles and of those in `folders`, sorted.
    ///
    /// # Errors
    /// A folder that can't be read.
    pub fn names(folders: &[PathBuf]) -> Result<Vec<String>, Diagnostics> {
        Folders::new(folders).map(|folders| folders.names())
    }

    /// The role `name` and the roles that it may need, directly or not, each after what it needs itself.
    pub fn with_needs(&self, name: &str) -> IndexSet<&str> {
        self.with_needs_where(name, &mut |_, _| true)
    }

    /// The role `name` and the roles that it needs where `wanted` says which of a role's needs count.
    pub fn with_needs_where(
        &self,
        name: &str,
        wanted: &mut impl FnMut(&Role, &RoleNeed) -> bool,
    ) -> IndexSet<&str> {
        let mut found = IndexSet::new();
        self.collect(name, wanted, &mut IndexSet::new(), &mut found);
        found
    }

    /// `visited` ends the walk when roles need each other in a circle, which is a mistake of its own.
    fn collect<'a>(
        &'a self,
        name: &str,
        wanted: &mut impl FnMut(&Role, &RoleNeed) -> bool,
        visited: &mut IndexSet<&'a str>,
        found: &mut IndexSet<&'a str>,
    ) {
        let Some((name, role)) = self.0.get_key_value(name) else {
            return;
        };
        if !visited.insert(name) {
            return;
        }
        for need in &role.needs {
            if wanted(role, need) {
                self.collect(&need.role, wanted, visited, found);
            }
        }
        found.insert(name);
    }

    /// The variables that templates of `role` know: its own and those of the roles that it needs. Those of a role
    /// that is needed under a condition are known where the condition holds.
    pub fn scope(&self, role: &str) -> impl Iterator<Item = &Declaration> {
        self.variables(self.with_needs(role))
    }

    /// The variables that the conditions of `role`'s needs know: those that it has in any case.
    pub fn certain_scope(&self, role: &str) -> impl Iterator<Item = &Declaration> {
        self.variables(self.with_needs_where(role, &mut |_, need| need.when.is_none()))
    }

    /// The values that templates of `role` know beside variables: those of the roles that it needs, then its own.
    pub fn values(&self, role: &str) -> impl Iterator<Item = (&Role, &str, &RoleValue)> {
        self.with_needs(role)
            .into_iter()
            .filter_map(|name| self.0.get(name))
            .flat_map(|role| {
                role.values
                    .iter()
                    .map(move |(name, value)| (role, name.as_str(), value))
            })
    }

    fn variables<'a>(&'a self, roles: IndexSet<&'a str>) -> impl Iterator<Item = &'a Declaration> {
        roles
            .into_iter()
            .filter_map(|name| self.0.get(name))
            .flat_map(|role| role.variables.values())
    }
}

struct Loading<'a> {
    folders: &'a Folders,
    roles: IndexMap<String, Role>,
    /// The roles on the way to the one that is being visited.
    path: Vec<String>,
    wrong: Diagnostics,
}

impl<'a> Loading<'a> {
    fn new(folders: &'a Folders) -> Self {
        Self {
            folders,
            roles: IndexMap::new(),
            path: Vec::new(),
            wrong: Diagnostics::default(),
        }
    }

    fn visit(&mut self, name: &str, place: Option<&Place>) {
        let at = |diagnostic: Diagnostic| match place {
            Some(place) => diagnostic.at(place),
            None => diagnostic,
        };
        if let Some(start) = self.path.iter().position(|visited| visited == name) {
            let mut circle: Vec<&str> = self.path[start..].iter().map(String::as_str).collect();
            circle.push(name);
            let message = if circle.len() == 2 {
                format!("the role `{name}` needs itself")
            } else {
                format!("roles need each other in a circle: {}", circle.join(" → "))
            };
            self.wrong.push(at(Diagnostic::new(message)));
            return;
        }
        if self.roles.contains_key(name) {
            return;
        }
        let folder = match self.folders.open(name) {
            Ok(Some(folder)) => folder,
            Ok(None) => {
                self.wrong.push(at(self.unknown(name)));
                return;
            }
            Err(wrong) => return self.wrong.extend(wrong),
        };
        let Some(role) = manifest::read(name, folder, &mut self.wrong) else {
            return;
        };
        self.path.push(name.to_owned());
        for need in &role.needs {
            self.visit(&need.role, Some(&need.place));
        }
        self.path.pop();
        self.roles.insert(name.to_owned(), role);
    }

    fn unknown(&self, name: &str) -> Diagnostic {
        let names = self.folders.names();
        let help = match did_you_mean(name, names.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None if names.is_empty() => "there is none at all".to_owned(),
            None => format!("known roles: {}", names.join(", ")),
        };
        Diagnostic::new(format!("there is no role `{name}`")).help(help)
    }

    fn finish(mut self) -> Result<Roles, Diagnostics> {
        let assertions = self.roles.values().flat_map(|role| &role.assertions);
        let beside: Vec<(&str, &Place)> = assertions
            .filter_map(|assertion| Some((assertion.with.as_deref()?, &assertion.place)))
            .collect();
        let mut unknown = Diagnostics::default();
        if !beside.is_empty() {
            let names = self.folders.names();
            for (name, place) in beside {
                if !names.iter().any(|known| known == name) {
                    unknown.push(self.unknown(name).at(place));
                }
            }
        }
        self.wrong.extend(unknown);
        let roles = Roles(self.roles);
        check::all(&roles, &mut self.wrong);
        if self.wrong.is_empty() {
            Ok(roles)
        } else {
            Err(self.wrong)
        }
    }
}

#[cfg(test)]
mod tests;
