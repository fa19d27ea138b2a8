//! The documentation keeps its word: pages are listed and lead somewhere, commands do what they are said to do.

mod book;
mod commands;
mod harnesses;
mod tutorial;
mod walk;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::boot;

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

#[test]
fn examples_that_need_no_host_run() {
    let run = super::support::Run::new(root(), &["validate", "inventories/example/inventory.yaml"]);
    run.exits(0);
}

/// One host for what needs one: Debian's mdBook builds the book, and the commands of the pages are done.
#[test]
fn the_book_is_built_and_its_commands_are_done() {
    let host = boot("documentation");
    host.sh(
        "apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get install -qqy --no-install-recommends \
         mdbook age yq >/dev/null",
    );
    book::is_built(&host, &root().join("book"));
    book::is_refused_with_mistakes(&host);
    walk::does_all(host);
}
