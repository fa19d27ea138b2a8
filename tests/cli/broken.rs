//! Every mistake in `tests/broken` is reported as the text beside it says, with exit code 3, before any connection.
//!
//! A case is a file `NAME.yaml` or a folder `NAME` with `inventory.yaml`; the report is `NAME.txt`. A first line
//! `# args: …` adds arguments. `UPDATE=1 cargo test --test cli broken` writes the reports anew; read the diff.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::{mailprov, text};

#[test]
fn every_mistake_is_reported_with_its_place() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken");
    let home = tempfile::tempdir().unwrap();
    let update = std::env::var_os("UPDATE").is_some();
    let (cases, reports) = cases(&folder);
    assert!(cases.len() >= 50, "only {} cases were found", cases.len());
    let mut wrong = Vec::new();
    for name in &cases {
        let (cwd, inventory) = if folder.join(name).is_dir() {
            (folder.join(name), "inventory.yaml".to_owned())
        } else {
            (folder.clone(), format!("{name}.yaml"))
        };
        let run = |command: &[&str]| {
            let mut program = mailprov(&cwd, home.path());
            let program = program.args(command).arg(&inventory);
            text(&program.args(arguments(&cwd.join(&inventory))).output().unwrap())
        };
        let (stdout, stderr, code) = run(&["validate"]);
        if code != Some(3) || !stdout.is_empty() || stderr.contains("panicked") {
            wrong.push(format!("== {name}: exit {code:?}\n{stdout}{stderr}"));
            continue;
        }
        // With a connection it would be exit 6: no host of these inventories can be reached.
        let applied = run(&["apply", "--check"]);
        if applied != (stdout, stderr.clone(), code) {
            wrong.push(format!("== {name}: apply says something else: {applied:#?}"));
        }
        let report = folder.join(format!("{name}.txt"));
        if update {
            std::fs::write(&report, &stderr).unwrap();
        } else {
            let expected = std::fs::read_to_string(&report).unwrap_or_default();
            if expected != stderr {
                let diff = similar::TextDiff::from_lines(&expected, &stderr);
                wrong.push(format!(
                    "== {name}\n{}",
                    diff.unified_diff().header("expected", "printed")
                ));
            }
        }
    }
    let orphans: Vec<&String> = reports.difference(&cases).collect();
    assert!(orphans.is_empty(), "reports without a case: {orphans:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The names of all cases and of all reports.
fn cases(folder: &Path) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut cases, mut reports) = (BTreeSet::new(), BTreeSet::new());
    for entry in std::fs::read_dir(folder).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("yaml") | None => cases.insert(name),
            Some("txt") => reports.insert(name),
            Some(other) => panic!("what is a .{other} file doing among the broken inventories?"),
        };
    }
    (cases, reports)
}

fn arguments(inventory: &Path) -> Vec<String> {
    let bytes = std::fs::read(inventory).unwrap_or_default();
    String::from_utf8_lossy(&bytes)
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("# args: "))
        .map(|arguments| arguments.split('|').map(str::to_owned).collect())
        .unwrap_or_default()
}
