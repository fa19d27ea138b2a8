//! The list of kinds of steps: the one place that knows them all.
//!
//! How a kind reads its parameters is in `read`, types that several kinds share are in `params`.

pub mod params;
mod read;

use crate::diagnostic::Diagnostics;
use crate::step::{
    Step, block, command, cron, directory, file, group, map, package, password_file, service, sql_database,
    sql_grant, sql_row, sql_schema, sql_user, symlink, sysctl, timer, user,
};
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
pub static ALL: &[Kind] = &[
    file::KIND,
    directory::KIND,
    symlink::KIND,
    block::KIND,
    user::KIND,
    group::KIND,
    map::KIND,
    cron::KIND,
    timer::KIND,
    sysctl::KIND,
    command::KIND,
    package::KIND,
    service::KIND,
    sql_database::KIND,
    sql_user::KIND,
    sql_grant::KIND,
    sql_schema::KIND,
    sql_row::KIND,
    password_file::KIND,
];

/// The kind called `name`.
pub fn find(name: &str) -> Option<&'static Kind> {
    #[cfg(test)]
    if name == params::testing::NOTE.name {
        return Some(&params::testing::NOTE);
    }
    ALL.iter().find(|kind| kind.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::host::{observe, session};

    #[test]
    fn every_kind_has_its_own_name_its_page_and_a_schema() {
        let names: BTreeSet<&str> = ALL.iter().map(|kind| kind.name).collect();
        assert_eq!(names.len(), ALL.len());
        for kind in ALL {
            assert!(kind.page.starts_with(&format!("# {}\n", kind.name)), "{kind:?}");
            let schema = serde_json::to_value((kind.schema)()).unwrap();
            let properties = schema["properties"].as_object().unwrap();
            for name in properties.keys() {
                assert!(
                    kind.page.contains(&format!("`{name}`")),
                    "the page of {kind:?} says nothing of {name}"
                );
            }
        }
    }

    /// The shell would take the later one without a word.
    #[test]
    fn no_two_functions_of_the_prelude_have_one_name() {
        let mut names = BTreeSet::new();
        for library in session::PRELUDE.iter().chain(observe::PRELUDE) {
            let functions = library.lines().filter_map(|line| line.split_once("() {"));
            for (name, _) in functions {
                assert!(name.starts_with("mailprov_"), "{name}");
                assert!(names.insert(name.to_owned()), "{name} twice");
            }
        }
        assert!(names.len() > 10);
    }
}
