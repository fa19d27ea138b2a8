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
    let domains = "receives mail for, with commas between [example.org]: ";
    terminal.exp_string(domains).unwrap();
    terminal.send_line("example.org, Example.ORG").unwrap();
    terminal.exp_string("Example.ORG is named twice").unwrap();
    terminal.exp_string(domains).unwrap();
    terminal.send_line("example.org, example.net").unwrap();
    let mailbox = "first mailbox [postmaster@example.org]: ";
    terminal.exp_string(mailbox).unwrap();
    terminal.send_line("alice@example.com").unwrap();
    terminal
        .exp_string("it is in none of the domains example.org, example.net")
        .unwrap();
    terminal.exp_string(mailbox).unwrap();
    terminal.send_line("alice@example.org").unwrap();
    for choice in mailprov::init::choices().unwrap() {
        let question = format!("{} [{}]: ", choice.values.join(", "), choice.suggested);
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
        "mail_domains: [example.org, example.net]",
        "password: !secret alice_password",
    ] {
        assert!(inventory.contains(part), "{inventory}");
    }
    assert!(run(&mail, &["validate", "inventory.yaml"]).contains("is valid"));
}

/// Every command, as the words that name it.
fn every(command: &clap::Command, words: &[String], found: &mut Vec<Vec<String>>) {
    found.push(words.to_vec());
    for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
        every(inner, &[words, &[inner.get_name().to_owned()]].concat(), found);
    }
}

/// What a terminal of 80 columns shows.
fn shown(arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let program = env!("CARGO_BIN_EXE_mailprov");
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "stty cols 80 rows 24 && exec \"$0\" \"$@\"", program])
        .args(arguments)
        .env_remove("NO_COLOR")
        .env_remove("CI")
        .env("TERM", "xterm")
        .envs(environment.iter().copied());
    spawn(shell).exp_eof().unwrap()
}

#[test]
fn help_keeps_within_80_columns() {
    let mut commands = Vec::new();
    every(&mailprov::cli::command(), &[], &mut commands);
    assert!(commands.len() > 25, "{commands:?}");
    let mut wide = Vec::new();
    for words in commands {
        let words: Vec<&str> = words.iter().map(String::as_str).chain(["--help"]).collect();
        let text = shown(&words, &[("NO_COLOR", "1")]);
        let lines = text.lines().filter(|line| line.trim_end().chars().count() > 80);
        wide.extend(lines.map(|line| format!("{}: {line}", words.join(" "))));
    }
    assert_eq!(wide, [""; 0]);
}

#[test]
fn mistakes_have_colours_only_where_they_are_wanted() {
    for arguments in [&["aply"][..], &["validate", "nothing.yaml"]] {
        for environment in [
            &[("NO_COLOR", "1")][..],
            &[("TERM", "dumb")],
            &[("TERM", "dumb"), ("CI", "1")],
        ] {
            let text = shown(arguments, environment);
            assert!(text.contains("error: ") && !text.contains('\u{1b}'), "{text:?}");
        }
    }
    for arguments in [
        &["--color", "never", "aply"][..],
        &["aply", "--color=never"],
        &["doc", "--help", "--color=never"],
    ] {
        let text = shown(arguments, &[]);
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }
    let text = shown(&["aply"], &[]);
    assert!(text.contains('\u{1b}'), "{text:?}");
    let text = shown(&["--color=always", "aply"], &[("NO_COLOR", "1")]);
    assert!(text.contains('\u{1b}'), "{text:?}");
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
        .exp_string("Encrypt for your SSH key ~/.ssh/id_ed25519, not for a new one (yes/no) [no]: ")
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
    is_unlocked(folder.path(), "key");
}

/// As `age --passphrase --armor` makes it.
#[test]
fn a_locked_age_identity_asks_for_its_passphrase() {
    let folder = tempfile::tempdir().unwrap();
    let recipient = run(folder.path(), &["secrets", "identity", "identity.txt"]);
    secret(folder.path(), recipient.trim());
    let plain = folder.path().join("identity.txt");
    let mut lock = age::scrypt::Recipient::new("open sesame".to_owned().into());
    lock.set_work_factor(10);
    let locked = age::encrypt_and_armor(&lock, &std::fs::read(&plain).unwrap()).unwrap();
    std::fs::write(&plain, locked).unwrap();
    std::fs::rename(plain, folder.path().join("locked.age")).unwrap();
    is_unlocked(folder.path(), "locked.age");
}

/// By its passphrase alone, and on a terminal alone.
fn is_unlocked(folder: &Path, identity: &str) {
    let get = ["secrets", "get", "db", "--identity", identity];

    let mut terminal = spawn(program(folder, &get));
    terminal.exp_regex("(?i)passphrase.*: ").unwrap();
    terminal.send_line("open sesame").unwrap();
    terminal.exp_string("hunter2").unwrap();
    terminal.exp_eof().unwrap();

    let mut terminal = spawn(program(folder, &get));
    terminal.exp_regex("(?i)passphrase.*: ").unwrap();
    terminal.send_line("close sesame").unwrap();
    let wrong = format!("can't decrypt the secret `db`: wrong passphrase for `{identity}`");
    terminal.exp_string(&wrong).unwrap();
    let named = format!("looked for:    {identity} (can't be used; from --identity)");
    terminal.exp_string(&named).unwrap();
    terminal.exp_eof().unwrap();

    // Where nobody can be asked, it is said at once.
    let (_, stderr, code) = crate::text(&mailprov(folder, folder).args(get).output().unwrap());
    assert_eq!(code, Some(8));
    assert!(stderr.contains("no terminal to ask"), "{stderr}");
}

/// On a terminal of a shell: how a question that waits is ended, and what the terminal is like afterwards.
fn is_left(folder: &Path, arguments: &str, end: impl FnOnce(&mut PtySession, &Path)) {
    let line = format!(
        "stty echo; tty >tty; exec 3<&0; \"$0\" {arguments} <&3 & echo $! >pid.new; mv pid.new pid; wait $!; \
         echo \"ended with $?\"; stty -a; echo that is all"
    );
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &line, env!("CARGO_BIN_EXE_mailprov")])
        .current_dir(folder)
        .env("HOME", folder)
        .env_remove("MAILPROV_IDENTITY");
    let mut terminal = spawn(shell);
    terminal.exp_regex("(Value of db|(?i)passphrase.*): ").unwrap();
    // What comes before the question reads by itself is the whole terminal's.
    let tty = std::fs::read_to_string(folder.join("tty")).unwrap();
    let hides = || {
        let state = Command::new("stty").args(["-a", "-F", tty.trim()]).output();
        crate::text(&state.unwrap()).0.contains(" -echo ")
    };
    let patience = std::time::Duration::from_millis(PATIENCE);
    let deadline = std::time::Instant::now() + patience;
    while !hides() {
        assert!(
            std::time::Instant::now() < deadline,
            "{arguments}: what is typed is shown"
        );
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    terminal.send("half").unwrap();
    end(&mut terminal, &folder.join("pid"));
    terminal.exp_string("ended with 130").unwrap();
    let state = terminal.exp_string("that is all").unwrap();
    let words: Vec<&str> = state.split_whitespace().collect();
    for word in ["echo", "icanon", "isig"] {
        assert!(words.contains(&word), "{arguments}: no {word} in {state}");
    }
}

#[test]
fn a_question_that_is_ended_leaves_the_terminal_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    ssh_keygen(folder, "open sesame");
    secret(
        folder,
        std::fs::read_to_string(folder.join("key.pub")).unwrap().trim(),
    );
    std::fs::write(
        folder.join("login.yaml"),
        "hosts: {mx1: {ssh: {address: 192.0.2.1, password: !secret db}}}\n",
    )
    .unwrap();
    for arguments in [
        "secrets set db",
        "secrets get db --identity key",
        "secrets edit --identity key",
        "apply login.yaml --check --identity key",
        "facts login.yaml --identity key",
    ] {
        is_left(folder, arguments, |terminal, _| {
            terminal.send_control('c').unwrap();
        });
        is_left(folder, arguments, |_, pid| {
            let pid = std::fs::read_to_string(pid).unwrap();
            let sent = Command::new("kill").arg(pid.trim()).status();
            assert!(sent.unwrap().success());
        });
    }
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
