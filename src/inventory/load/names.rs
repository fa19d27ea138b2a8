//! What names and paths of an inventory may look like.

use std::path::{Path, PathBuf};

use crate::diagnostic::{Diagnostic, Place};
use crate::yaml::Key;

/// Names that templates know without any role declaring them.
const TEMPLATE_NAMES: [&str; 4] = ["host", "facts", "version", "at_least"];

/// A host's name by RFC 1123, §2.1: labels of letters, digits and `-`, at most 63 characters each, 253 in all.
pub fn host(key: &Key) -> Result<(), Diagnostic> {
    let name = &key.name;
    if is_host_name(name) {
        return Ok(());
    }
    let diagnostic = Diagnostic::new(format!("`{name}` is not a valid host name")).at(&key.place);
    Err(if name.contains(':') || name.contains('@') {
        diagnostic.help("give the host a name here, and put its address, user and port under `ssh:`")
    } else {
        diagnostic.help("names are letters, digits, `-` and `.`, and begin and end with a letter or digit")
    })
}

pub fn is_host_name(name: &str) -> bool {
    name.len() <= 253
        && name.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
}

/// The name of a group or role.
pub fn simple(what: &str, name: &str, place: &Place) -> Result<(), Diagnostic> {
    let valid = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if valid {
        return Ok(());
    }
    Err(
        Diagnostic::new(format!("`{name}` is not a valid name of a {what}"))
            .at(place)
            .help("names are letters, digits, `-` and `_`, and begin with a letter"),
    )
}

/// A variable's name must be one that an expression of a template can say.
pub fn variable(name: &str, place: &Place) -> Result<(), Diagnostic> {
    let valid = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !valid {
        return Err(
            Diagnostic::new(format!("`{name}` is not a valid name of a variable"))
                .at(place)
                .help("names are letters, digits and `_`, and don't begin with a digit"),
        );
    }
    if TEMPLATE_NAMES.contains(&name) {
        return Err(Diagnostic::new(format!(
            "`{name}` can't be a variable: every template knows it already"
        ))
        .at(place)
        .help("choose another name"));
    }
    Ok(())
}

/// `name` as a path: `~/` is the home folder, everything else is relative to `folder`.
pub fn path(name: &str, folder: &Path) -> PathBuf {
    match (name.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => folder.join(name),
    }
}
