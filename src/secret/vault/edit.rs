//! Changing a secrets file without touching the rest of its text; `lines` does it, this module believes nothing.

mod lines;

use std::io::Write as _;
use std::path::Path;

use super::{Changes, Entry, SecretError, SecretsFile, crypt, load, recipient};
use crate::diagnostic::{Diagnostics, Source};
use crate::yaml::io_reason;

pub fn change(file: &mut SecretsFile, changes: &Changes<'_>) -> Result<(), SecretError> {
    changes.set.keys().try_for_each(|name| check_name(name))?;
    let shown = file.path.display().to_string();
    // From the disk, not from memory: somebody may have added an entry since.
    let text = match std::fs::read_to_string(&file.path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => {
            return Err(SecretError(format!(
                "can't read `{shown}`: {}",
                io_reason(&error)
            )));
        }
    };
    let broken = |d: Diagnostics| SecretError(format!("the secrets file is invalid\n{d}"));
    let mut wanted = load::read(&file.path, &Source::new(shown.as_str(), text.as_str())).map_err(broken)?;
    let recipients = match &changes.recipients {
        Some(recipients) => Some(recipients),
        None if wanted.recipients.is_empty() => Some(&file.recipients),
        None => None,
    };
    let mut editor = lines::Editor { text, name: &shown };
    if let Some(recipients) = recipients {
        editor
            .recipients(&wanted.recipients, recipients)
            .map_err(broken)?;
        wanted.recipients.clone_from(recipients);
    }
    if wanted.recipients.is_empty() {
        return Err(SecretError(format!(
            "`{shown}` names no recipients, so nobody could decrypt the secret\n  \
             help: `mailprov secrets identity FILE` makes a key and prints its recipient; give it with `--recipient`"
        )));
    }
    for name in &changes.remove {
        editor.remove(name).map_err(broken)?;
        wanted.entries.remove(*name);
    }
    let readers: Vec<String> = wanted.recipients.iter().map(|r| recipient::label(r)).collect();
    for (name, value) in &changes.set {
        let entry = Entry {
            armored: crypt::encrypt(&wanted.recipients, value)?,
            place: yaml_start(&shown),
            readers: Some(readers.clone()),
        };
        editor.set(name, &entry).map_err(broken)?;
        wanted.entries.insert((*name).to_owned(), entry);
    }

    // The edit is believed only when reading it back shows exactly what was meant.
    let after = load::read(&file.path, &Source::new(shown.as_str(), editor.text.as_str())).map_err(broken)?;
    if !equal(&after, &wanted) {
        return Err(SecretError(format!(
            "can't edit `{shown}` without damaging it\n  \
             help: write `recipients:` and `secrets:` with one entry per line, as `mailprov secrets` does"
        )));
    }
    replace(&file.path, &editor.text)
        .map_err(|error| SecretError(format!("can't write `{shown}`: {}", io_reason(&error))))?;
    (file.recipients, file.entries) = (after.recipients, after.entries);
    Ok(())
}

/// Refuses a name that no secret can have.
///
/// # Errors
/// It is one.
pub fn check_name(name: &str) -> Result<(), SecretError> {
    if load::is_name(name) {
        return Ok(());
    }
    Err(SecretError(format!(
        "`{name}` is not a valid name of a secret\n  help: names are letters, digits, `_`, `-` and `.`"
    )))
}

fn yaml_start(name: &str) -> crate::diagnostic::Place {
    crate::diagnostic::Place {
        source: Source::new(name, ""),
        line: 1,
        column: 1,
        length: 1,
    }
}

/// Whether two secrets files say the same, wherever they say it.
fn equal(one: &SecretsFile, other: &SecretsFile) -> bool {
    one.recipients == other.recipients
        && one.entries.len() == other.entries.len()
        && one.entries.iter().all(|(name, entry)| {
            other
                .entries
                .get(name)
                .is_some_and(|meant| meant.armored == entry.armored && meant.readers == entry.readers)
        })
}

/// Replaces the file at once: readers see the old text or the new one. Only the owner can read it.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    // A link stays a link; the file that it names is replaced.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::Builder::new().prefix(".secrets-").tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(&path).map_err(|error| error.error)?;
    std::fs::File::open(folder)?.sync_all()
}
