//! Putting a set of files in place: staged beside their destinations, checked together, swapped in by rename.
//!
//! The set is all changed files of a service, or one file that no service watches. The functions that do the work
//! are in `replace.sh` and `replace/back.sh`; this module only says in which order they are called.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};

use super::Replacement;
use crate::host::script::Script;

/// Shell functions for the session's prelude.
pub const SH: &str = concat!(include_str!("replace.sh"), include_str!("replace/back.sh"));

/// The status of a fragment whose files a checker refused: nothing on the host was changed, and standard error has
/// the checker's words. Any other failure has another status. (`EX_DATAERR` of sysexits.h.)
pub const REFUSED: i32 = 65;

/// A record of a service's that a swap makes untrue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Record {
    Restart,
    Reload,
}

impl Record {
    /// The shell's word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Restart => "restart",
            Self::Reload => "reload",
        }
    }
}

/// The fragment that puts `set` in place, or fails with [`REFUSED`] and changes nothing.
///
/// `check` sees the whole set in place before anything is: it runs in a mount namespace of its own, where the staged
/// files lie over the real folders. `forget` names the units that watch the set: their records are removed before the
/// first rename, so that a killed run still owes the restart, and what was there is noted in
/// `/var/lib/mailprov/services/UNIT.previous` (`PATH TAB BACKUP` per line, `-` for a new file; a third column says
/// `compiled` of what a compiler makes of a file) for `mailprov_put_back UNIT`. `run` names the folder of backups.
pub fn script(set: &[Replacement], check: Option<&str>, forget: &[(&str, Record)], run: &str) -> Script {
    let folders: BTreeSet<&str> = set.iter().map(|one| folder(&one.path)).collect();
    let mut script = Script::new()
        .code("mailprov_check_after=\nmailprov_set_begin")
        .word(run)
        .words(&folders)
        .code("\n");
    for one in set {
        script = stage(script, one);
    }
    let mut owned: BTreeMap<_, Vec<String>> = BTreeMap::new();
    let mut whole = Sha256::new();
    for (number, one) in numbered(set) {
        let owner = [&one.mode, &one.owner, &one.group];
        owned.entry(owner).or_default().push(number);
        whole.update(&one.content);
    }
    for (owner, numbers) in &owned {
        script = script
            .code("mailprov_set_owned")
            .words(owner)
            .words(numbers)
            .code("\n");
    }
    if !set.is_empty() {
        script = script
            .code("mailprov_set_whole")
            .word(&format!("{:x}", whole.finalize()))
            .words(numbered(set).map(|(number, _)| number))
            .code("\n");
    }
    for (number, one) in numbered(set) {
        if let Some(command) = &one.validate {
            script = script
                .code("mailprov_set_validate")
                .words([number, fill(command)])
                .code("\n");
        }
    }
    if let Some(check) = check.filter(|_| !set.is_empty()) {
        script = script.code("mailprov_set_check").word(check);
        for (folder, number, name) in below(&folders, set) {
            script = script.words([folder, &number.to_string(), name]);
        }
        script = script.code("\n");
    }
    script = script.then(&forgetting(forget));
    for before in set.iter().filter_map(|one| one.before.as_ref()) {
        script = script.code("(\n").then(before).code("\n) || exit 1\n");
    }
    let units: BTreeSet<&str> = forget.iter().map(|(unit, _)| *unit).collect();
    script = script.code("mailprov_set_swap").words(units).code("\n");
    for after in set.iter().filter_map(|one| one.after.as_ref()) {
        script = script.code("(\n").then(after).code("\n) || exit 1\n");
    }
    // Not the status of the last test in a function.
    script.code("exit 0\n")
}

/// Removes records of services: from here on their restart or reload is owed, even if the run is killed.
pub fn forgetting(records: &[(&str, Record)]) -> Script {
    records.iter().fold(Script::new(), |script, (unit, record)| {
        script
            .code("mailprov_forget")
            .words([unit, record.word()])
            .code("\n")
    })
}

/// The files with the numbers that the shell's functions know them by.
fn numbered(set: &[Replacement]) -> impl Iterator<Item = (String, &Replacement)> {
    (1..).map(|number: usize| number.to_string()).zip(set)
}

fn stage(script: Script, one: &Replacement) -> Script {
    let sha256 = format!("{:x}", Sha256::digest(&one.content));
    script
        .code("mailprov_set_stage")
        .words([one.path.as_str(), if one.backup { "yes" } else { "no" }, &sha256])
        .code("\n")
        .data(&one.content)
        .code(" >\"$mailprov_staged\" || exit 1\n")
}

/// `%` becomes the staged file, `%%` a percent sign.
fn fill(command: &str) -> String {
    command
        .split("%%")
        .map(|part| part.replace('%', "\"$staged\""))
        .collect::<Vec<_>>()
        .join("%")
}

fn folder(path: &str) -> &str {
    match path.rfind('/') {
        Some(0) | None => "/",
        Some(end) => &path[..end],
    }
}

/// For each file: the highest folder of the set that it is below, its number from 1, and its path below that folder;
/// files of one folder together. One overlay per such folder, because overlays can't be stacked deep.
fn below<'a>(folders: &BTreeSet<&'a str>, set: &'a [Replacement]) -> Vec<(&'a str, usize, &'a str)> {
    let mut files: Vec<(&str, usize, &str)> = set
        .iter()
        .enumerate()
        .filter_map(|(i, one)| {
            folders.iter().find_map(|top| {
                let rest = one.path.strip_prefix(top.trim_end_matches('/'))?;
                Some((*top, i + 1, rest.strip_prefix('/')?))
            })
        })
        .collect();
    files.sort();
    files
}

#[cfg(test)]
mod tests;
