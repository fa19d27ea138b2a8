//! The book as mdBook makes it: it builds, and whatever its pages lead to or show is there.
//!
//! mdBook itself says nothing of a link that leads nowhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::support::TestHost;

/// A page that mdBook makes, as it stands in the built folder.
struct Page {
    /// What can be jumped to.
    anchors: BTreeSet<String>,
    /// Links and pictures.
    targets: BTreeSet<String>,
}

impl Page {
    fn read(path: &Path) -> Self {
        let html = fs::read_to_string(path).unwrap();
        // Around it stand mdBook's own menus and scripts, some of which Debian keeps elsewhere.
        let main = html.split_once("<main>").map_or("", |(_, rest)| rest);
        let html = main.split("</main>").next().unwrap_or_default();
        let values = |name: &str| -> BTreeSet<String> {
            html.split(&format!(" {name}=\""))
                .skip(1)
                .filter_map(|rest| rest.split('"').next())
                .map(str::to_owned)
                .collect()
        };
        let mut targets = values("href");
        targets.extend(values("src"));
        Self {
            anchors: values("id"),
            targets,
        }
    }
}

/// Every page below `folder`, but for two: all pages on one, whose links are theirs, and the one that a server shows
/// for what it does not have.
fn pages(folder: &Path, found: &mut BTreeMap<PathBuf, Page>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if path.is_dir() {
            pages(&path, found);
        } else if name.ends_with(".html") && !["print.html", "404.html"].contains(&name) {
            let page = Page::read(&path);
            found.insert(path, page);
        }
    }
}

/// `folder/../x` → `x`
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            part => plain.push(part),
        }
    }
    plain
}

/// What pages of a built book lead to and is not there: `PAGE: TARGET`.
fn dangling(built: &Path) -> Vec<String> {
    let mut all = BTreeMap::new();
    pages(built, &mut all);
    let mut wrong = Vec::new();
    for (path, page) in &all {
        for target in &page.targets {
            if target.contains("://") || target.starts_with("mailto:") || target.starts_with("data:") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = match file {
                "" => path.clone(),
                file => plain(&path.with_file_name("").join(file)),
            };
            let there = match all.get(&file) {
                Some(page) => anchor.is_empty() || page.anchors.contains(anchor),
                None => file.is_file(),
            };
            if !there {
                let page = path.strip_prefix(built).unwrap_or(path);
                wrong.push(format!("{}: {target}", page.display()));
            }
        }
    }
    wrong
}

/// Copies a book's folder to the host's `to`.
fn bring(host: &TestHost, from: &Path, to: &str) {
    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            let target = to.join(path.file_name().unwrap());
            match path.is_dir() {
                true => copy(&path, &target),
                false => drop(fs::copy(&path, &target).unwrap()),
            }
        }
    }
    copy(from, &host.root().join(to));
}

/// What mdBook says when it builds the book in the host's folder, and whether it did.
fn build(host: &TestHost, book: &str) -> (String, bool) {
    let script = format!("mdbook build --dest-dir /{book}/built /{book} 2>&1");
    let output = host.run(&script).unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    (said, output.status.success())
}

/// The book is built without a word of warning, and nothing in it leads nowhere.
pub fn is_built(host: &TestHost, source: &Path) {
    bring(host, source, "root/book");
    let (said, built) = build(host, "root/book");
    assert!(
        built && !said.contains("WARN") && !said.contains("ERROR"),
        "{said}"
    );
    let built = host.root().join("root/book/built");
    assert_eq!(dangling(&built), [""; 0], "these lead nowhere");
    let mut all = BTreeMap::new();
    pages(&built, &mut all);
    assert!(all.len() > 50, "only {} pages", all.len());
}

/// A book with these mistakes does not pass.
pub fn is_refused_with_mistakes(host: &TestHost) {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("src");
    fs::create_dir(&source).unwrap();
    fs::write(
        folder.path().join("book.toml"),
        "[book]\ntitle = \"Wrong\"\n[build]\ncreate-missing = false\n",
    )
    .unwrap();
    fs::write(source.join("SUMMARY.md"), "# Summary\n\n- [One](one.md)\n").unwrap();
    fs::write(
        source.join("one.md"),
        "# One\n\n[no page](gone.md) [not in the summary](two.md) [no part](#two) [a part](#one) ![no picture](gone.svg)\n",
    )
    .unwrap();
    fs::write(source.join("two.md"), "# Two\n").unwrap();
    bring(host, folder.path(), "root/wrong");
    assert!(build(host, "root/wrong").1);
    let found = dangling(&host.root().join("root/wrong/built"));
    let found: BTreeSet<&str> = found.iter().map(String::as_str).collect();
    for wrong in ["#two", "gone.html", "gone.svg", "two.html"] {
        assert!(
            found.contains(format!("one.html: {wrong}").as_str()),
            "{wrong}: {found:?}"
        );
    }
    assert!(!found.contains("one.html: #one"), "{found:?}");

    fs::write(
        source.join("SUMMARY.md"),
        "# Summary\n\n- [One](one.md)\n- [Gone](gone.md)\n",
    )
    .unwrap();
    bring(host, folder.path(), "root/wrong");
    assert!(
        !build(host, "root/wrong").1,
        "a page of the summary that is not there"
    );
}
