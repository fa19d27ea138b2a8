//! Writing one entry into a secrets file without touching the rest of its text.

use std::io::Write as _;
use std::path::Path;

use super::{SecretError, SecretsFile, crypt, load};
use crate::diagnostic::Source;
use crate::secret::Secret;
use crate::yaml::{self, Key, Node, NodeValue, io_reason};

pub fn set(file: &mut SecretsFile, name: &str, value: &Secret) -> Result<(), SecretError> {
    if !load::is_name(name) {
        return Err(SecretError(format!(
            "`{name}` is not a valid name of a secret\n  help: names are letters, digits, `_`, `-` and `.`"
        )));
    }
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
    let source = Source::new(shown.as_str(), text);
    let broken = |d: crate::diagnostic::Diagnostics| SecretError(format!("the secrets file is invalid\n{d}"));
    let mut before = load::read(&file.path, &source).map_err(broken)?;
    let mut text = source.text.clone();
    if before.recipients.is_empty() {
        before.recipients.clone_from(&file.recipients);
        text = with_recipients(&text, &before.recipients);
    }
    if before.recipients.is_empty() {
        return Err(SecretError(format!(
            "`{shown}` names no recipients, so nobody could decrypt the secret\n  \
             help: `mailprov secrets identity FILE` makes a key and prints its recipient; give it with `--recipient`"
        )));
    }
    let armored = crypt::encrypt(&before.recipients, value)?;
    let source = Source::new(shown.as_str(), text);
    let root = yaml::parse(&source).map_err(broken)?;
    let text = with_entry(&source.text, &root, name, &armored).ok_or_else(|| {
        SecretError(format!(
            "can't edit `{shown}`: its `secrets:` is written in braces\n  help: write one entry per line"
        ))
    })?;

    // The edit is believed only when reading it back shows exactly what was meant.
    let after = load::read(&file.path, &Source::new(shown.as_str(), text.as_str())).map_err(broken)?;
    let kept = before.entries.iter().all(|(other, (value, _))| {
        other == name || after.entries.get(other).is_some_and(|(kept, _)| kept == value)
    });
    let added = after
        .entries
        .get(name)
        .is_some_and(|(value, _)| *value == armored);
    if !kept || !added || after.recipients != before.recipients {
        return Err(SecretError(format!(
            "can't edit `{shown}` without damaging it\n  help: add the entry by hand:\n{}",
            entry(name, &armored, 2)
        )));
    }
    replace(&file.path, &text)
        .map_err(|error| SecretError(format!("can't write `{shown}`: {}", io_reason(&error))))?;
    *file = after;
    Ok(())
}

/// `text` with a list of recipients, for a file that has none.
fn with_recipients(text: &str, recipients: &[String]) -> String {
    if recipients.is_empty() {
        return text.to_owned();
    }
    let list: String = recipients.iter().map(|r| format!("  - {r}\n")).collect();
    let rest: String = text
        .split_inclusive('\n')
        .filter(|line| !line.starts_with("recipients:"))
        .collect();
    format!("recipients:\n{list}{rest}")
}

/// `text` with the entry `name` replaced, or added after the last one.
fn with_entry(text: &str, root: &Node, name: &str, armored: &str) -> Option<String> {
    let mut lines: Vec<&str> = text.lines().collect();
    let secrets = match &root.value {
        NodeValue::Map(entries) => entries.iter().find(|(key, _)| key.name == "secrets"),
        _ => None,
    };
    let added;
    match secrets {
        None => {
            added = entry(name, armored, 2);
            lines.push("secrets:");
            lines.extend(added.lines());
        }
        Some((key, node)) => {
            let entries: &[(Key, Node)] = match &node.value {
                NodeValue::Map(entries) => entries,
                _ => &[],
            };
            let Some((last, _)) = entries.last() else {
                // `secrets:` or `secrets: {}`
                let line = lines.get_mut(key.place.line - 1)?;
                *line = "secrets:";
                added = entry(name, armored, 2);
                // Behind an indented comment, which would otherwise become part of the value.
                let comments = lines.iter().skip(key.place.line);
                let comments = comments.take_while(|l| l.starts_with(' ') && l.trim_start().starts_with('#'));
                let at = key.place.line + comments.count();
                lines.splice(at..at, added.lines());
                return Some(joined(&lines));
            };
            if last.place.line == key.place.line {
                return None;
            }
            let indent = last.place.column - 1;
            added = entry(name, armored, indent);
            let old = entries.iter().find(|(key, _)| key.name == name);
            let (from, to) = match old {
                Some((key, _)) => (key.place.line - 1, end_of_entry(&lines, key)),
                None => {
                    let end = end_of_entry(&lines, last);
                    (end, end)
                }
            };
            lines.splice(from..to, added.lines());
        }
    }
    Some(joined(&lines))
}

/// The index of the first line that is no part of the entry: comments and empty lines after it are not.
fn end_of_entry(lines: &[&str], key: &Key) -> usize {
    let first = key.place.line - 1;
    let mut end = first + 1;
    for (i, line) in lines.iter().enumerate().skip(first + 1) {
        let indent = line.len() - line.trim_start_matches(' ').len();
        if line.trim().is_empty() {
            continue;
        }
        if indent < key.place.column {
            break;
        }
        end = i + 1;
    }
    end
}

fn entry(name: &str, armored: &str, indent: usize) -> String {
    let margin = " ".repeat(indent);
    let lines: String = armored
        .lines()
        .map(|line| format!("{margin}  {line}\n"))
        .collect();
    format!("{margin}{name}: |\n{lines}")
}

fn joined(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
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
