//! `mailprov apply`: what it says before, and without, a connection.

use std::path::Path;

use crate::{mailprov, text};

/// An inventory with one role of its own, on a port of this machine where nobody listens.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let role = folder.path().join("roles/greeting");
    std::fs::create_dir_all(&role).unwrap();
    std::fs::write(
        role.join("role.yaml"),
        "summary: A greeting.
variables:
  greeting_name: {type: text, doc: Whom to greet., default: world}
  greeting_password: {type: secret, doc: A password., optional: true}
steps:
  - id: hello
    file: {path: /etc/hello, content: \"hello {{ greeting_name }}\\n\"}
",
    )
    .unwrap();
    std::fs::write(
        folder.path().join("inventory.yaml"),
        "groups:
  mailservers: {hosts: [mx1]}
hosts:
  mx1:
    ssh: {address: 127.0.0.1, port: 1, user: root}
    roles: [greeting]
",
    )
    .unwrap();
    folder
}

fn apply(folder: &Path, arguments: &[&str]) -> (String, String, Option<i32>) {
    let mut command = mailprov(folder, folder);
    command.args(["apply", "inventory.yaml"]).args(arguments);
    text(&command.output().unwrap())
}

#[test]
fn unknown_hosts_and_roles_are_refused_with_a_suggestion() {
    let folder = folder();
    let (_, stderr, code) = apply(folder.path(), &["--limit", "mailserver"]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("did you mean `mailservers`?"), "{stderr}");
    let (_, stderr, code) = apply(folder.path(), &["--role", "greting"]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("did you mean `greeting`?"), "{stderr}");
}

#[test]
fn nobody_can_confirm_without_a_terminal() {
    let folder = folder();
    let (_, stderr, code) = apply(folder.path(), &["--confirm"]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("nobody is there to answer"), "{stderr}");
}

#[test]
fn a_mistake_is_reported_before_any_connection() {
    let folder = folder();
    let (stdout, stderr, code) = apply(folder.path(), &["--set", "greeting_nme=x"]);
    assert_eq!((stdout.as_str(), code), ("", Some(3)), "{stderr}");
    assert!(stderr.contains("greeting_name"), "{stderr}");
}

#[test]
fn a_secret_that_is_missing_stops_before_any_connection() {
    let folder = folder();
    let (stdout, stderr, code) = apply(folder.path(), &["--set", "greeting_password=!secret absent"]);
    assert_eq!((stdout.as_str(), code), ("", Some(8)), "{stderr}");
    assert!(stderr.contains("absent"), "{stderr}");
}

#[test]
fn a_host_that_is_not_there_is_reported_as_such() {
    let folder = folder();
    let (stdout, stderr, code) = apply(folder.path(), &["--check"]);
    assert_eq!(code, Some(6), "{stdout}{stderr}");
    assert!(stdout.contains("mx1  failed"), "{stdout}");
    assert!(stdout.contains("mx1  not done, see above"), "{stdout}");

    let (stdout, stderr, code) = apply(folder.path(), &["--check", "--output", "json"]);
    assert_eq!(code, Some(6), "{stdout}{stderr}");
    let last: serde_json::Value = serde_json::from_str(stdout.lines().last().unwrap()).unwrap();
    assert_eq!(last["type"], "summary");
    assert_eq!(last["exit"], 6);
    assert_eq!(last["hosts"]["mx1"]["failed"], 0);
}
