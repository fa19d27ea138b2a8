//! `mailprov init`: complete from the first command on.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::{mailprov, text};

fn run(folder: &Path, arguments: &[&str]) -> (String, String, Option<i32>) {
    text(&mailprov(folder, folder).args(arguments).output().unwrap())
}

const THREE: [&str; 6] = [
    "--hostname",
    "mx1.example.org",
    "--address",
    "192.0.2.1",
    "--domain",
    "example.org",
];

#[test]
fn with_three_options_nothing_is_asked_and_nothing_is_left_to_do() {
    let home = tempfile::tempdir().unwrap();
    let (stdout, stderr, code) = run(home.path(), &[&["init", "mail"], &THREE[..]].concat());
    assert_eq!((stderr.as_str(), code), ("", Some(0)));
    assert_eq!(
        stdout,
        "mail/inventory.yaml        what the server is to be: read it, extend it
mail/mailprov.schema.json  lets an editor complete and check the inventory
mail/identity.txt          reads the passwords: keep a copy, never publish it
mail/secrets.yaml          5 passwords, encrypted
mail/.gitignore            keeps the key out of version control

Next, try it on a throwaway host on this machine, as root:
  cd mail
  mailprov rehearse inventory.yaml
Make a fresh server ready to log in to; then see what it lacks, and make it so:
  mailprov bootstrap inventory.yaml
  mailprov apply inventory.yaml --check --diff
  mailprov apply inventory.yaml
To log in to a mailbox:
  mailprov secrets get postmaster_password
"
    );
    let mail = home.path().join("mail");
    let (stdout, stderr, code) = run(&mail, &["validate", "inventory.yaml"]);
    assert_eq!((stderr.as_str(), code), ("", Some(0)));
    assert!(
        stdout.contains("is valid: 1 host") && !stdout.contains("must be set"),
        "{stdout}"
    );
    let (stdout, stderr, code) = run(&mail, &["secrets", "check"]);
    assert_eq!((stderr.as_str(), code), ("", Some(0)), "{stdout}");
    let (stdout, ..) = run(&mail, &["secrets", "get", "postmaster_password"]);
    assert_eq!(stdout.len(), 25, "{stdout}");

    let mode = std::fs::metadata(mail.join("identity.txt"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let read = |name: &str| std::fs::read_to_string(mail.join(name)).unwrap();
    assert_eq!(read(".gitignore"), "/identity.txt\n");
    assert!(read("inventory.yaml").starts_with("# yaml-language-server: $schema=mailprov.schema.json\n"));
    let (schema, ..) = run(&mail, &["schema"]);
    assert_eq!(read("mailprov.schema.json"), schema);
}

#[test]
fn nothing_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secrets.yaml"), "mine\n").unwrap();
    std::fs::write(folder.path().join(".gitignore"), "*.swp").unwrap();
    let arguments = [&["init"], &THREE[..]].concat();
    let (_, stderr, code) = run(folder.path(), &arguments);
    assert_eq!(code, Some(2), "{stderr}");
    assert!(stderr.contains("secrets.yaml` is there already"), "{stderr}");
    assert!(!folder.path().join("inventory.yaml").exists());
    std::fs::remove_file(folder.path().join("secrets.yaml")).unwrap();
    assert_eq!(run(folder.path(), &arguments).2, Some(0));
    let ignored = std::fs::read_to_string(folder.path().join(".gitignore")).unwrap();
    assert_eq!(ignored, "*.swp\n/identity.txt\n");
}

#[test]
fn further_domains_and_mailboxes_and_a_key_that_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    std::fs::write(&key, include_str!("../../src/secret/vault/testdata/ssh_key")).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let more = [
        "--domain",
        "example.net",
        "--mailbox",
        "a.b@example.org",
        "--mailbox",
        "{x}@example.net",
        "--identity",
        "key",
    ];
    let (stdout, stderr, code) = run(folder.path(), &[&["init"], &THREE[..], &more].concat());
    assert_eq!((stderr.as_str(), code), ("", Some(0)));
    assert!(!folder.path().join("identity.txt").exists());
    let get = format!(
        "secrets get a_b_password --identity {}",
        key.canonicalize().unwrap().display()
    );
    assert!(stdout.contains(&get), "{stdout}");
    let words: Vec<&str> = get.split(' ').collect();
    let (_, stderr, code) = run(folder.path(), &words);
    assert_eq!(code, Some(0), "{stderr}");
    let (_, stderr, code) = run(folder.path(), &["validate", "inventory.yaml"]);
    assert_eq!(code, Some(0), "{stderr}");
    let ignored = std::fs::read_to_string(folder.path().join(".gitignore")).unwrap();
    assert_eq!(ignored, "/identity.txt\n/key\n");
}

#[test]
fn what_is_chosen_stands_in_the_inventory() {
    let folder = tempfile::tempdir().unwrap();
    for choice in mailprov::init::choices().unwrap() {
        for value in &choice.values {
            let name = format!("{}-{value}", choice.word);
            let option = format!("--{}", choice.word);
            let (_, stderr, code) = run(
                folder.path(),
                &[
                    &["init", name.as_str()],
                    &THREE[..],
                    &[option.as_str(), value.as_str()],
                ]
                .concat(),
            );
            assert_eq!((stderr.as_str(), code), ("", Some(0)), "{option} {value}");
            let made = folder.path().join(&name);
            let inventory = std::fs::read_to_string(made.join("inventory.yaml")).unwrap();
            assert!(
                inventory.contains(&format!("\n      {}: {value}\n", choice.variable)),
                "{inventory}"
            );
            let (stdout, stderr, code) = run(&made, &["validate", "inventory.yaml"]);
            assert_eq!((stderr.as_str(), code), ("", Some(0)), "{option} {value}");
            assert!(!stdout.contains("must be set"), "{option} {value}: {stdout}");
        }
    }
}

#[test]
fn answers_that_make_no_sense_are_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, reason) in [
        (vec!["init", "--hostname", "mx1"], "it has no domain"),
        (
            vec!["init", "--hostname", "mx1.example.org"],
            "--address, --domain not given",
        ),
        (
            [&["init"], &THREE[..], &["--mailbox", "a@example.com"]].concat(),
            "add `--domain example.com`",
        ),
        (
            [&["init"], &THREE[..], &["--filter", "sieve"]].concat(),
            "--filter: `sieve` is none of none, amavis",
        ),
        (
            [&["init", "mail"], &THREE[..], &["--identity", "none"]].concat(),
            "no such file",
        ),
        (
            [&["init", "mail"], &THREE[..], &["--domain", "EXAMPLE.org"]].concat(),
            "`--domain EXAMPLE.org` is given twice",
        ),
        (
            [
                &["init", "mail"],
                &THREE[..],
                &["--mailbox", "a@example.org", "--mailbox", "A@example.org"],
            ]
            .concat(),
            "`--mailbox A@example.org` is given twice",
        ),
    ] {
        let (_, stderr, code) = run(folder.path(), &arguments);
        assert!(matches!(code, Some(2 | 8)), "{stderr}");
        assert!(stderr.contains(reason), "{stderr}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    std::fs::write(folder.path().join("file"), "").unwrap();
    let (_, stderr, code) = run(folder.path(), &[&["init", "file"], &THREE[..]].concat());
    assert_eq!(code, Some(2), "{stderr}");
    assert!(
        stderr.contains("`file` is a file\n  help: choose a folder"),
        "{stderr}"
    );
}

/// Neither with each other nor with a program.
#[test]
fn no_mailbox_shares_its_password() {
    let folder = tempfile::tempdir().unwrap();
    let mailboxes = ["a.b@example.org", "a_b@example.org", "rspamd@example.org"];
    let more: Vec<&str> = mailboxes
        .iter()
        .flat_map(|mailbox| ["--mailbox", mailbox])
        .collect();
    let (stdout, stderr, code) = run(folder.path(), &[&["init"], &THREE[..], &more].concat());
    assert_eq!((stderr.as_str(), code), ("", Some(0)));
    let names = stdout
        .lines()
        .filter_map(|line| line.strip_prefix("  mailprov secrets get "));
    let values: Vec<String> = names
        .chain(["rspamd_password"])
        .map(|name| run(folder.path(), &["secrets", "get", name]).0)
        .collect();
    assert_eq!(values.len(), 4, "{stdout}");
    let unlike: std::collections::BTreeSet<&String> =
        values.iter().filter(|value| value.len() == 25).collect();
    assert_eq!(unlike.len(), 4, "{values:?}");
}

#[test]
fn the_commands_that_come_next_can_be_copied() {
    let folder = tempfile::tempdir().unwrap();
    let (stdout, stderr, code) = run(folder.path(), &[&["init", "my mail"], &THREE[..]].concat());
    assert_eq!((stderr.as_str(), code), ("", Some(0)));
    assert!(stdout.contains("\n  cd 'my mail'\n"), "{stdout}");
}
