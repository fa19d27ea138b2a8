//! Secrets and their forms in bytes, and in everything that is left behind.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::Seen;
use crate::support::TestHost;

/// What to look for.
pub struct Patterns {
    names: Vec<String>,
    forms: Vec<Vec<u8>>,
    /// For all forms at once: an installation writes hundreds of megabytes.
    search: AhoCorasick,
}

impl Patterns {
    /// Each value as it is, and in base64 wherever in a longer text it stood.
    pub fn new(secrets: &[(&str, &str)]) -> Self {
        let (mut names, mut forms) = (Vec::new(), Vec::new());
        for (name, value) in secrets {
            assert!(value.len() >= 8, "{name} could stand somewhere by chance");
            let mut add = |what: &str, bytes: &[u8]| {
                names.push(format!("{name}{what}"));
                forms.push(bytes.to_vec());
            };
            add("", value.as_bytes());
            for before in 0..3 {
                let text = [&vec![b' '; before], value.as_bytes()].concat();
                for encoded in [STANDARD_NO_PAD.encode(&text), URL_SAFE_NO_PAD.encode(&text)] {
                    // Digits that are made of what stands before or after it as well are left out.
                    let first = (before * 8).div_ceil(6);
                    let last = text.len() * 8 / 6;
                    add(" in base64", &encoded.as_bytes()[first..last]);
                }
            }
        }
        let search = AhoCorasick::new(&forms).unwrap();
        Self { names, forms, search }
    }

    /// Names of those that stand in `bytes`.
    pub fn within(&self, bytes: &[u8]) -> BTreeSet<&str> {
        let found = self.search.find_overlapping_iter(bytes);
        found.map(|at| self.names[at.pattern()].as_str()).collect()
    }
}

/// Everything on the host's disk and in its memory-backed folders, and its journal.
pub fn host(host: &TestHost, patterns: &Patterns, meant: &[&str], seen: &Seen) {
    let journal = host.sh("journalctl --no-pager --all --output export");
    for name in patterns.within(journal.as_bytes()) {
        seen.problem(format!("the host's journal has {name}"));
    }
    let root = host.inner_root().unwrap();
    let folders = [
        "etc",
        "home",
        "opt",
        "root",
        "run",
        "srv",
        "tmp",
        "usr/local",
        "var",
        "dev/shm",
    ];
    let folders: Vec<_> = folders.iter().map(|folder| root.join(folder)).collect();
    let folders: Vec<&Path> = folders.iter().map(std::path::PathBuf::as_path).collect();
    for path in grep(patterns, &folders, None) {
        let inside = path.strip_prefix(root.to_str().unwrap()).unwrap_or(&path);
        if !meant.iter().any(|meant| inside.starts_with(meant)) {
            seen.problem(format!("a secret is left in {inside} on the host"));
        }
    }
}

/// What was written on this machine since `marker` was: only folders where anybody writes.
pub fn here(patterns: &Patterns, marker: &Path, seen: &Seen) {
    let folders = ["/tmp", "/var/tmp", "/dev/shm", "/run/user"].map(Path::new);
    for path in grep(patterns, &folders, Some(marker)) {
        seen.problem(format!("a secret is left in {path} on this machine"));
    }
}

/// Files below `folders` with one of the patterns in them.
fn grep(patterns: &Patterns, folders: &[&Path], newer: Option<&Path>) -> Vec<String> {
    // In memory, and in nobody's way: what is looked for must not be found here.
    let folder = tempfile::tempdir_in("/run").unwrap();
    let list = folder.path().join("patterns");
    std::fs::write(&list, patterns.forms.join(&b'\n')).unwrap();
    let mut find = Command::new("find");
    // Programs are left out: the tests themselves have the secrets of the tests in them.
    find.args(folders)
        .args(["-xdev", "-type", "f", "-size", "-64M", "-not", "-perm", "/111"]);
    if let Some(marker) = newer {
        find.arg("-newer").arg(marker);
    }
    // Packages that were fetched, and the names of all packages there are.
    find.args(["-not", "-name", "*.deb", "-not", "-path", "*/var/lib/apt/lists/*"]);
    find.args(["-exec", "grep", "-laF", "-f"])
        .arg(&list)
        .args(["--", "{}", "+"]);
    let output = find.stderr(Stdio::null()).output().unwrap();
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_secret_is_known_in_every_dress() {
    let patterns = Patterns::new(&[("word", "geheim-\u{e4}\u{f6}\u{fc}-9")]);
    for before in ["", "a", "ab", "abc"] {
        let text = format!("{before}geheim-\u{e4}\u{f6}\u{fc}-9 and more");
        assert_eq!(patterns.within(text.as_bytes()), ["word"].into());
        for encoded in [STANDARD_NO_PAD.encode(&text), URL_SAFE_NO_PAD.encode(&text)] {
            assert!(
                patterns.within(encoded.as_bytes()).contains(&"word in base64"),
                "{before}"
            );
        }
    }
    assert_eq!(patterns.within(b"geheim-"), BTreeSet::new());
}
