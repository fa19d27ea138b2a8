//! The list of kinds of steps: the one place that knows them all.
//!
//! How a kind reads its parameters is in `read`, types that several kinds share are in `params`.

pub mod params;
mod read;

use crate::diagnostic::Diagnostics;
use crate::step::Step;
use crate::yaml::Node;

pub use read::{read, refuse};

/// A kind of step, as role.yaml names it.
pub struct Kind {
    pub name: &'static str,
    /// Its page of the book, `book/src/steps/<name>.md`.
    pub page: &'static str,
    /// JSON Schema of its parameters.
    pub schema: fn() -> schemars::Schema,
    /// Reads rendered parameters.
    pub parse: fn(&Params<'_>) -> Result<Box<dyn Step>, Diagnostics>,
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// Parameters of a step: templates in them are rendered, places kept.
pub struct Params<'a> {
    pub node: &'a Node,
    /// The same as a plain value, secrets filled in.
    pub value: serde_json::Value,
    /// Files and templates of the role.
    pub files: &'a dyn Files,
}

/// A role's files, as a kind may ask for them.
pub trait Files {
    /// `templates/NAME`, rendered for the host and step.
    fn template(&self, name: &str) -> Result<String, Diagnostics>;
    /// `files/NAME`, as it is.
    fn file(&self, name: &str) -> Result<Vec<u8>, Diagnostics>;
    /// Whether a rendered text holds the value of a secret.
    fn holds_secret(&self, text: &str) -> bool;
}

/// Every kind, in the order of the reference.
pub static ALL: &[Kind] = &[];

/// The kind called `name`.
pub fn find(name: &str) -> Option<&'static Kind> {
    #[cfg(test)]
    if name == params::testing::NOTE.name {
        return Some(&params::testing::NOTE);
    }
    ALL.iter().find(|kind| kind.name == name)
}
