//! `mailprov validate` and `mailprov explain` on an inventory without mistakes.

use std::path::Path;

use crate::{mailprov, text};

const INVENTORY: &str = "\
variables: {one_name: all}
groups:
  web: {hosts: [mx1], variables: {one_name: group}}
hosts:
  mx1:
    ssh: {password: !secret login}
    roles: [one]
    variables:
      one_list: [a.example, b.example]
";

const ROLE: &str = "\
summary: One.
variables:
  one_name: {type: text, default: nobody, doc: Who it is.}
  one_list: {type: list, of: domain, default: [], doc: Which ones.}
  one_secret: {type: secret, doc: The password.}
steps:
  - id: folder
    directory: {path: /etc/one}
  - id: config
    doc: Everything the program reads.
    file: {path: /etc/one/one.conf, content: \"{{ one_name }}\\n\"}
  - id: link
    each: one_list as domain
    needs: [config]
    symlink: {path: \"/etc/{{ domain }}\", target: /etc/one/one.conf}
";

fn run(folder: &Path, arguments: &[&str]) -> (String, String, Option<i32>) {
    text(&mailprov(folder, folder).args(arguments).output().unwrap())
}

fn room() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("roles/one")).unwrap();
    std::fs::write(folder.path().join("inventory.yaml"), INVENTORY).unwrap();
    std::fs::write(folder.path().join("roles/one/role.yaml"), ROLE).unwrap();
    folder
}

fn explained(arguments: &[&str]) -> String {
    let folder = room();
    let all = [&["explain", "inventory.yaml", "mx1"], arguments].concat();
    let (stdout, stderr, code) = run(folder.path(), &all);
    assert_eq!((stderr.as_str(), code), ("", Some(0)));
    stdout
}

#[test]
fn a_valid_inventory_is_counted_and_its_missing_secrets_listed() {
    let folder = room();
    let (stdout, stderr, code) = run(folder.path(), &["validate", "inventory.yaml"]);
    assert_eq!((stderr.as_str(), code), ("", Some(0)));
    assert_eq!(
        stdout,
        "inventory.yaml is valid: 1 host, 1 role, 4 steps.\n\
         Before it can be applied, 2 secrets must be set:\n  \
         mailprov secrets generate   # makes up 1 of them\n  \
         mailprov secrets set login  # the login on mx1\n"
    );
}

#[test]
fn a_variable_says_where_it_came_from_and_what_it_won_over() {
    assert_eq!(
        explained(&["one_name"]),
        "\
one_name on mx1

value    group
from     the group `web`, inventory.yaml:3:35
over     the inventory, inventory.yaml:1:23: all
role     one, roles/one/role.yaml:3:3
type     a text
default  nobody
doc      Who it is.
"
    );
    let text = explained(&["one_name", "--set", "one_name=other"]);
    assert!(
        text.contains("value    other\nfrom     the command line, --set:1:1\nover     the group"),
        "{text}"
    );
    let text = explained(&["one_list"]);
    assert!(
        text.contains("- a.example\n") && text.contains("the host `mx1`, inventory.yaml:9:7"),
        "{text}"
    );
    let text = explained(&["one_secret"]);
    assert!(text.contains("mailprov secrets set one_secret"), "{text}");
}

#[test]
fn a_step_says_what_it_waits_for_and_why() {
    let text = explained(&["config"]);
    for part in [
        "one/config on mx1\n",
        "kind     file\n",
        "doc      Everything the program reads.\n",
        "place    roles/one/role.yaml:9:9\n",
        "waits for\n  one/folder  ",
        "waited for by\n  one/link[a.example]  declared in roles/one/role.yaml:14:13\n  one/link[b.example]",
    ] {
        assert!(text.contains(part), "{part:?} in\n{text}");
    }
    assert_eq!(explained(&["one/link"]).matches(" on mx1\n").count(), 2);
    assert_eq!(
        explained(&["one/link[b.example]"]).matches(" on mx1\n").count(),
        1
    );
}

#[test]
fn a_secret_in_clear_is_not_shown() {
    let folder = room();
    let (stdout, stderr, code) = run(
        folder.path(),
        &[
            "explain",
            "inventory.yaml",
            "mx1",
            "one_secret",
            "--set",
            "one_secret=hunter2",
        ],
    );
    assert_eq!((stdout.as_str(), code), ("", Some(3)));
    assert!(
        stderr.contains("in clear") && !stderr.contains("hunter2"),
        "{stderr}"
    );
}

#[test]
fn unknown_names_are_usage_mistakes() {
    let folder = room();
    for (arguments, near) in [
        (["explain", "inventory.yaml", "mx2", "one_name"], "`mx1`"),
        (["explain", "inventory.yaml", "mx1", "one_nam"], "`one_name`"),
        (["explain", "inventory.yaml", "mx1", "one/confg"], "`one/config`"),
    ] {
        let (stdout, stderr, code) = run(folder.path(), &arguments);
        assert_eq!((stdout.as_str(), code), ("", Some(2)), "{stderr}");
        assert!(
            stderr.contains("did you mean") && stderr.contains(near),
            "{stderr}"
        );
    }
}

/// The role of the example in `book/src/inventory.md`.
const MOTD: &str = "\
summary: What a login says.
variables:
  motd_lines: {type: list, of: text, default: [], doc: What to say at login.}
  site_name: {type: text, default: here, doc: Where this is.}
steps:
  - id: file
    file: {path: /etc/motd, content: \"{{ site_name }}: {{ motd_lines | join(' ') }}\\n\"}
";

#[test]
fn the_page_of_the_book_shows_what_is_printed() {
    let page =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("book/src/inventory.md")).unwrap();
    let blocks = |language: &str| -> Vec<String> {
        page.split(&format!("```{language}\n"))
            .skip(1)
            .map(|rest| rest.split("```").next().unwrap().to_owned())
            .collect()
    };
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("roles/motd")).unwrap();
    std::fs::write(folder.path().join("roles/motd/role.yaml"), MOTD).unwrap();
    std::fs::write(folder.path().join("inventory.yaml"), &blocks("yaml")[0]).unwrap();
    let consoles = blocks("console");
    assert_eq!(consoles.len(), 2);
    for console in consoles {
        let (command, expected) = console.split_once('\n').unwrap();
        let arguments: Vec<&str> = command.strip_prefix("$ mailprov ").unwrap().split(' ').collect();
        let (stdout, stderr, code) = run(folder.path(), &arguments);
        assert_eq!((stderr.as_str(), code), ("", Some(0)));
        assert_eq!(stdout, expected, "{command}");
    }
}
