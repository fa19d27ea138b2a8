//! `mailprov secrets`: from an empty folder to a secret that can be listed but not read.

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
}

#[test]
fn a_broken_secrets_file_is_exit_3() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("inventory.yaml"), "hosts: {mx1: }\n").unwrap();
    std::fs::write(folder.join("secrets.yaml"), "secrets: {db: hunter2}\n").unwrap();
    let (_, stderr, code) = run(folder, &["secrets", "list"], "");
    assert_eq!(code, Some(3), "{stderr}");
    assert!(
        stderr.contains("not encrypted") && !stderr.contains("hunter2"),
        "{stderr}"
    );
}
