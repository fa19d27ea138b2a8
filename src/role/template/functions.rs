//! What templates can call beside minijinja's own: versions of packages, and quoting.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::{Environment, Error, ErrorKind};

use super::version;
use crate::diagnostic::did_you_mean;
use crate::host::PackageVersion;
use crate::host::script::quote;

/// Adds the functions and filters of the reference. `known` are the packages that the role says it asks about.
pub fn add(
    environment: &mut Environment<'static>,
    packages: BTreeMap<String, PackageVersion>,
    known: BTreeSet<String>,
) {
    let look = move |package: &str| -> Result<String, Error> {
        if !known.contains(package) {
            let mut text = format!("the role's `versions` does not name the package `{package}`");
            if let Some(near) = did_you_mean(package, known.iter().map(String::as_str)) {
                text.push_str(&format!(", only `{near}`"));
            }
            return Err(Error::new(ErrorKind::InvalidOperation, text));
        }
        match packages.get(package) {
            Some(version) => Ok(version.version().to_owned()),
            None => Err(Error::new(
                ErrorKind::InvalidOperation,
                format!(
                    "no version of the package `{package}` is known for this host's release: add it to the role's \
                     `versions`"
                ),
            )),
        }
    };
    let found = look.clone();
    environment.add_function("version", move |package: &str| {
        found(package).map(|full| version::upstream(&full).to_owned())
    });
    environment.add_function("at_least", move |package: &str, wanted: &str| {
        look(package).map(|found| version::at_least(&found, wanted))
    });
    environment.add_filter("sh_quote", |text: &str| quote(text));
    environment.add_filter("sql_quote", sql_quote);
}

/// A text as a literal of MariaDB, whatever is in it.
fn sql_quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('\'');
    for c in text.chars() {
        match c {
            '\'' => quoted.push_str("''"),
            '\\' => quoted.push_str("\\\\"),
            '\0' => quoted.push_str("\\0"),
            _ => quoted.push(c),
        }
    }
    quoted.push('\'');
    quoted
}
