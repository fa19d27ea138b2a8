//! What is asked on a terminal, and what happens to Ctrl-C there.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use rexpect::session::PtySession;

use crate::mailprov;

/// Milliseconds; a machine may be busy.
const PATIENCE: u64 = 120_000;

fn spawn(command: Command) -> PtySession {
    rexpect::session::spawn_command(command, Some(PATIENCE)).unwrap()
}

fn program(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = mailprov(folder, folder);
    // The terminal that the session makes, instead of nothing.
    command.stdin(std::process::Stdio::inherit()).args(arguments);
    command
}

fn run(folder: &Path, arguments: &[&str]) -> String {
    let output = mailprov(folder, folder).args(arguments).output().unwrap();
    let (stdout, stderr, code) = crate::text(&output);
    assert_eq!(code, Some(0), "{stderr}");
    stdout
}

#[test]
fn init_asks_and_asks_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = spawn(program(folder.path(), &["init", "mail"]));
    terminal
        .exp_string("full name, such as mx1.example.org: ")
        .unwrap();
    terminal.send_line("mx1").unwrap();
    terminal.exp_string("it has no domain").unwrap();
    terminal
        .exp_string("full name, such as mx1.example.org: ")
        .unwrap();
    terminal.send_line("mx1.example.org").unwrap();
    terminal.exp_string("for SSH [mx1.example.org]: ").unwrap();
    terminal.send_line("192.0.2.1").unwrap();
    terminal.exp_string("receives mail for [example.org]: ").unwrap();
    terminal.send_line("").unwrap();
    terminal
        .exp_string("first mailbox [postmaster@example.org]: ")
        .unwrap();
    terminal.send_line("alice@example.org").unwrap();
    for choice in mailprov::init::choices().unwrap() {
        let question = format!("{} [{}]: ", choice.values.join(", "), choice.default);
        terminal.exp_string(&question).unwrap();
        terminal.send_line("moonlight").unwrap();
        terminal.exp_string("`moonlight` is none of").unwrap();
        terminal.exp_string(&question).unwrap();
        terminal.send_line("").unwrap();
    }
    terminal
        .exp_string("mailprov secrets get alice_password")
        .unwrap();
    terminal.exp_eof().unwrap();
    let mail = folder.path().join("mail");
    let inventory = std::fs::read_to_string(mail.join("inventory.yaml")).unwrap();
    for part in [
        "address: \"192.0.2.1\"",
        "mail_domains: [example.org]",
        "password: !secret alice_password",
    ] {
        assert!(inventory.contains(part), "{inventory}");
    }
    assert!(run(&mail, &["validate", "inventory.yaml"]).contains("is valid"));
}

#[test]
fn init_offers_an_ssh_key_that_is_there() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join(".ssh")).unwrap();
    ssh_keygen(folder.path(), "");
    std::fs::rename(folder.path().join("key"), folder.path().join(".ssh/id_ed25519")).unwrap();
    let options = [
        "init",
        "mail",
        "--hostname",
        "mx1.example.org",
        "--domain",
        "example.org",
    ];
    let mut terminal = spawn(program(folder.path(), &options));
    terminal.exp_string("for SSH [mx1.example.org]: ").unwrap();
    terminal.send_line("").unwrap();
    terminal.exp_string("first mailbox").unwrap();
    terminal.send_line("").unwrap();
    for _ in mailprov::init::choices().unwrap() {
        terminal.exp_string("]: ").unwrap();
        terminal.send_line("").unwrap();
    }
    terminal
        .exp_string(".ssh/id_ed25519 instead of a new key (yes/no) [no]: ")
        .unwrap();
    terminal.send_line("yes").unwrap();
    terminal
        .exp_string("mailprov secrets get postmaster_password")
        .unwrap();
    terminal.exp_eof().unwrap();
    let mail = folder.path().join("mail");
    assert!(!mail.join("identity.txt").exists());
    // Found where it is without being named.
    let mut get = mailprov(&mail, folder.path());
    let output = get
        .args(["secrets", "get", "postmaster_password"])
        .output()
        .unwrap();
    assert_eq!(crate::text(&output).2, Some(0));
}

fn ssh_keygen(folder: &Path, passphrase: &str) {
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-t", "ed25519", "-C", "test", "-f", "key", "-N", passphrase]);
    assert!(command.current_dir(folder).status().unwrap().success());
}

fn secret(folder: &Path, recipient: &str) {
    std::fs::write(folder.join("inventory.yaml"), "hosts: {mx1: }\n").unwrap();
    std::fs::write(
        folder.join("secrets.yaml"),
        format!("recipients:\n  - {recipient}\n"),
    )
    .unwrap();
    let mut set = mailprov(folder, folder);
    let value = folder.join("value");
    std::fs::write(&value, "hunter2\n").unwrap();
    set.args(["secrets", "set", "db"])
        .stdin(std::fs::File::open(value).unwrap());
    assert!(set.output().unwrap().status.success());
}

#[test]
fn a_locked_ssh_key_asks_for_its_passphrase() {
    let folder = tempfile::tempdir().unwrap();
    ssh_keygen(folder.path(), "open sesame");
    secret(
        folder.path(),
        std::fs::read_to_string(folder.path().join("key.pub"))
            .unwrap()
            .trim(),
    );
    let get = ["secrets", "get", "db", "--identity", "key"];

    let mut terminal = spawn(program(folder.path(), &get));
    terminal.exp_regex("(?i)passphrase.*: ").unwrap();
    terminal.send_line("open sesame").unwrap();
    terminal.exp_string("hunter2").unwrap();
    terminal.exp_eof().unwrap();

    let mut terminal = spawn(program(folder.path(), &get));
    terminal.exp_regex("(?i)passphrase.*: ").unwrap();
    terminal.send_line("close sesame").unwrap();
    terminal.exp_string("wrong passphrase for `key`").unwrap();
    terminal.exp_eof().unwrap();

    // Where nobody can be asked, it is said at once.
    let (_, stderr, code) = crate::text(&mailprov(folder.path(), folder.path()).args(get).output().unwrap());
    assert_eq!(code, Some(8));
    assert!(stderr.contains("no terminal to ask"), "{stderr}");
}

#[test]
fn ctrl_c_while_editing_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let recipient = run(folder.path(), &["secrets", "identity", "identity.txt"]);
    secret(folder.path(), recipient.trim());
    let before = std::fs::read_to_string(folder.path().join("secrets.yaml")).unwrap();
    let editor = folder.path().join("editor");
    std::fs::write(&editor, "dirname \"$1\" > where\necho editing\nread answer\n").unwrap();
    std::fs::set_permissions(&editor, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = program(folder.path(), &["secrets", "edit"]);
    command
        .env_remove("VISUAL")
        .env("EDITOR", format!("sh {}", editor.display()));

    let mut terminal = spawn(command);
    terminal.exp_string("editing").unwrap();
    terminal.send_control('c').unwrap();
    terminal.exp_eof().unwrap();
    let place = PathBuf::from(
        std::fs::read_to_string(folder.path().join("where"))
            .unwrap()
            .trim(),
    );
    assert!(
        place.starts_with("/dev/shm") || place.starts_with("/run"),
        "{}",
        place.display()
    );
    assert!(!place.exists());
    assert_eq!(
        std::fs::read_to_string(folder.path().join("secrets.yaml")).unwrap(),
        before
    );
}
