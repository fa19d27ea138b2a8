//! The documentation keeps its word: pages are listed, commands exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Pages of the book, by their path below `book/src`.
fn pages() -> BTreeSet<String> {
    fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    let source = root().join("book/src");
    let mut found = Vec::new();
    collect(&source, &mut found);
    found
        .iter()
        .map(|path| path.strip_prefix(&source).unwrap().to_str().unwrap().to_owned())
        .filter(|page| page != "SUMMARY.md")
        .collect()
}

/// Targets of the links in `text`.
fn links(text: &str) -> BTreeSet<String> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target.split('#').next().unwrap_or_default().to_owned())
        .filter(|target| !target.is_empty() && !target.contains("://"))
        .collect()
}

#[test]
fn every_page_of_the_book_is_in_its_summary() {
    let summary = fs::read_to_string(root().join("book/src/SUMMARY.md")).unwrap();
    let listed: BTreeSet<String> = links(&summary)
        .into_iter()
        .map(|link| link.trim_start_matches("./").to_owned())
        .collect();
    assert_eq!(listed, pages());
}

#[test]
fn links_between_pages_lead_somewhere() {
    let book = pages().into_iter().map(|page| format!("book/src/{page}"));
    for page in book.chain(["README.md".to_owned()]) {
        let path = root().join(&page);
        for link in links(&fs::read_to_string(&path).unwrap()) {
            let target = path.parent().unwrap().join(&link);
            assert!(target.exists(), "{page} links to {link}, which is not there");
        }
    }
}

/// The `$ …` lines of ```console blocks, continued lines joined.
fn commands(text: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let mut inside = false;
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim_start().starts_with("```") {
            inside = line.trim() == "```console";
        } else if let Some(command) = line.trim_start().strip_prefix("$ ").filter(|_| inside) {
            let mut command = command.to_owned();
            while let Some(part) = command.strip_suffix('\\') {
                command = format!("{part}{}", lines.next().unwrap_or_default().trim());
            }
            commands.push(command);
        }
    }
    commands
}

/// The words of mailprov's own part of a command line: up to a pipe or a redirection.
fn words(command: &str) -> Option<Vec<String>> {
    let mut own = command;
    for stop in [" | ", " > ", " # ", " < "] {
        own = own.split(stop).next().unwrap_or(own);
    }
    let own = own.replacen("cargo run -- ", "mailprov ", 1);
    let words: Vec<String> = own
        .split_whitespace()
        .map(|word| word.trim_matches(['\'', '"']).to_owned())
        .collect();
    let start = words.iter().position(|word| word == "mailprov")?;
    // `sudo` may stand before it, and variables; anything else is another program's argument.
    let before = &words[..start];
    before
        .iter()
        .all(|word| word == "sudo" || word.contains('='))
        .then(|| words[start..].to_vec())
}

#[test]
fn commands_of_the_documentation_are_understood() {
    let mut tried = 0;
    let book = pages().into_iter().map(|page| format!("book/src/{page}"));
    for page in book.chain(["README.md".to_owned()]) {
        for command in commands(&fs::read_to_string(root().join(&page)).unwrap()) {
            let Some(words) = words(&command) else {
                assert!(!command.starts_with("mailprov"), "{page}: `{command}`");
                continue;
            };
            tried += 1;
            if let Err(error) = mailprov::cli::command().try_get_matches_from(&words) {
                // `--help` and `--version` are errors to clap that don't go to standard error.
                assert!(!error.use_stderr(), "{page}: `{command}`: {error}");
            }
        }
    }
    assert!(tried >= 10, "only {tried} commands were found");
}

#[test]
fn examples_that_need_no_host_run() {
    let run = super::support::Run::new(root(), &["validate", "inventories/example/inventory.yaml"]);
    run.exits(0);
}
