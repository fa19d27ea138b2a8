//! Reading role folders: the built-in ones and the user's own.

use std::path::PathBuf;

use indexmap::IndexMap;

use super::Role;
use crate::diagnostic::{Diagnostics, Place};

/// The roles that an inventory needs, each after the roles that it needs itself.
#[derive(Debug, Clone, Default)]
pub struct Roles(pub IndexMap<String, Role>);

impl Roles {
    /// Loads the roles `wanted` and everything that they need. A folder of the user's wins over a built-in role
    /// of the same name, file by file.
    ///
    /// # Errors
    /// Every mistake in every role.
    pub fn load(_folders: &[PathBuf], _wanted: &[(String, Place)]) -> Result<Self, Diagnostics> {
        todo!("role helper")
    }

    /// Every built-in role, for the reference.
    pub fn built_in() -> Result<Self, Diagnostics> {
        todo!("role helper")
    }
}
