//! `mailprov secrets`: each test is a story, from an empty folder on.

mod edit;
mod identities;
mod recipients;

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use crate::{mailprov, text};

fn run(folder: &Path, arguments: &[&str], input: &str) -> (String, String, Option<i32>) {
    let mut child = mailprov(folder, folder)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that fails early doesn't read its input.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    text(&child.wait_with_output().unwrap())
}

/// A folder with an inventory, and an identity where it is looked for.
struct Room {
    folder: tempfile::TempDir,
    recipient: String,
}

impl Room {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("inventory.yaml"), "hosts: {mx1: }\n").unwrap();
        let mut room = Self {
            folder,
            recipient: String::new(),
        };
        room.recipient = room.identity("identity.txt");
        room
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Makes another key and gives back its recipient.
    fn identity(&self, name: &str) -> String {
        self.done(&["identity", name], "").trim().to_owned()
    }

    fn secrets(&self, arguments: &[&str], input: &str) -> (String, String, Option<i32>) {
        run(self.path(), &[&["secrets"], arguments].concat(), input)
    }

    /// A command that succeeds; what it printed.
    #[track_caller]
    fn done(&self, arguments: &[&str], input: &str) -> String {
        let (stdout, stderr, code) = self.secrets(arguments, input);
        assert_eq!((stderr.as_str(), code), ("", Some(0)), "{arguments:?}");
        stdout
    }

    /// A command that fails with `code`; what it said.
    #[track_caller]
    fn fails(&self, code: i32, arguments: &[&str]) -> String {
        let (stdout, stderr, found) = self.secrets(arguments, "");
        assert_eq!(found, Some(code), "{stdout}{stderr}");
        format!("{stdout}{stderr}")
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap()
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// As an identity has to be.
    fn private(&self, name: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(self.path().join(name), mode).unwrap();
    }
}

#[test]
fn from_nothing_to_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("inventory.yaml"), "hosts: {mx1: }\n").unwrap();

    let (stdout, stderr, code) = run(folder, &["secrets", "set", "db"], "hunter2\n");
    assert_eq!((stdout.as_str(), code), ("", Some(8)), "{stderr}");
    assert!(
        stderr.contains("names no recipients") && stderr.contains("help:"),
        "{stderr}"
    );
    assert!(!folder.join("secrets.yaml").exists());

    let (recipient, stderr, code) = run(folder, &["secrets", "identity", "identity.txt"], "");
    assert_eq!(code, Some(0), "{stderr}");
    let recipient = recipient.trim();
    assert!(recipient.starts_with("age1"), "{recipient}");

    let set = ["secrets", "set", "db", "--recipient", recipient];
    let (stdout, stderr, code) = run(folder, &set, "hunter2\n");
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(stdout, "added `db` in secrets.yaml, readable by 1 recipient\n");
    let (stdout, ..) = run(folder, &["secrets", "set", "db"], "hunter3\n");
    assert_eq!(stdout, "replaced `db` in secrets.yaml, readable by 1 recipient\n");
    let (_, stderr, code) = run(folder, &set, "x\n");
    assert_eq!(code, Some(2), "{stderr}");
    let (_, stderr, code) = run(folder, &["secrets", "set", "empty"], "\n");
    assert_eq!(code, Some(8), "{stderr}");

    let (stdout, _, code) = run(folder, &["secrets", "list"], "");
    assert_eq!((stdout.as_str(), code), ("db\n", Some(0)));
    let text = std::fs::read_to_string(folder.join("secrets.yaml")).unwrap();
    assert!(!text.contains("hunter"), "{text}");
    let (stdout, _, code) = run(folder, &["secrets", "get", "db"], "");
    assert_eq!((stdout.as_str(), code), ("hunter3\n", Some(0)));
}

#[test]
fn a_broken_secrets_file_is_exit_3() {
    let room = Room::new();
    room.write("secrets.yaml", "secrets: {db: hunter2}\n");
    let said = room.fails(3, &["list"]);
    assert!(
        said.contains("not encrypted") && !said.contains("hunter2"),
        "{said}"
    );
    room.write("secrets.yaml", "secrets:\n  db: {for: [], vlaue: hunter2}\n");
    let said = room.fails(3, &["list"]);
    assert!(
        said.contains("did you mean `value`") && !said.contains("hunter2"),
        "{said}"
    );
}

#[test]
fn generate_fills_in_what_is_missing_and_may_be_made_up() {
    let room = Room::new();
    room.write(
        "roles/shop/role.yaml",
        "summary: A shop.
variables:
  shop_database_password: {type: secret, doc: Chosen by nobody.}
  shop_key: {type: secret, generate: false, doc: What the bank handed out.}
  shop_users:
    type: list
    of:
      type: record
      fields:
        name: {type: text, doc: Who.}
        password: {type: secret, doc: Theirs.}
    doc: Who may log in.
",
    );
    room.write(
        "inventory.yaml",
        "hosts:
  shop1:
    ssh: {password: !secret shop1_login}
    roles: [shop]
    variables:
      shop_users: [{name: alice, password: !secret alice_password}]
",
    );
    let made = room.done(&["generate", "--recipient", &room.recipient], "");
    assert_eq!(
        made,
        "2 secrets generated in secrets.yaml, readable by 1 recipient:
  alice_password  # shop_users[0].password of the role shop
  shop_database_password  # shop_database_password of the role shop
not to be made up, so still to be set:
  mailprov secrets set shop1_login  # the login on shop1
  mailprov secrets set shop_key  # shop_key of the role shop
"
    );
    // Letters and digits alone: no quoting in SQL, a shell or a configuration file.
    let password = room.done(&["get", "alice_password"], "");
    assert_eq!(password.len(), 25, "{password}");
    assert!(
        password.trim_end().chars().all(|c| c.is_ascii_alphanumeric()),
        "{password}"
    );
    let checked = room.fails(8, &["check"]);
    assert!(
        checked.contains(
            "shop_key: missing; shop_key of the role shop needs it\n  \
             help: `mailprov secrets set shop1_login`: it is not for mailprov to make up\n  \
             help: `mailprov secrets set shop_key`: it is not"
        ) && !checked.contains("secrets generate"),
        "{checked}"
    );

    room.done(&["set", "shop_key"], "k\n");
    room.done(&["set", "shop1_login"], "l\n");
    room.done(&["set", "left_over"], "o\n");
    assert_eq!(room.done(&["generate"], ""), "nothing to generate\n");
    assert_eq!(room.done(&["get", "alice_password"], ""), password);
    // From elsewhere, with commands that work from there.
    let (other, away) = (room.path().join("a site"), room.path().join("away"));
    std::fs::create_dir_all(&away).unwrap();
    std::fs::create_dir_all(&other).unwrap();
    for name in ["inventory.yaml", "roles/shop/role.yaml"] {
        room.write(&format!("a site/{name}"), &room.read(name));
    }
    let inventory = "--inventory '../a site/inventory.yaml'";
    let (said, ..) = run(&away, &["validate", "../a site/inventory.yaml"], "");
    assert!(
        said.ends_with(&format!(
            "4 secrets must be set:
  mailprov secrets generate {inventory}         # makes up 2 of them
  mailprov secrets set shop1_login {inventory}  # the login on shop1
  mailprov secrets set shop_key {inventory}     # shop_key of the role shop\n"
        )),
        "{said}"
    );
    let (said, ..) = run(
        &away,
        &["secrets", "check", "--inventory", "../a site/inventory.yaml"],
        "",
    );
    for command in [
        format!("`mailprov secrets generate {inventory}` makes up what can be"),
        format!("`mailprov secrets set shop_key {inventory}`"),
    ] {
        assert!(said.contains(&command), "{said}");
    }
    assert_eq!(
        room.done(&["check"], ""),
        format!(
            "secrets.yaml: 5 secrets, 1 recipient\n  {}  reads all\nleft_over: nothing uses it\n",
            room.recipient
        )
    );
}
