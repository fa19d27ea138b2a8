//! Which keys decrypt, where they are looked for, and what is said when none does.

use std::process::Command;

use super::Room;

fn ssh_keygen(room: &Room, arguments: &[&str]) {
    let status = Command::new("ssh-keygen")
        .arg("-q")
        .args(arguments)
        .current_dir(room.path())
        .status();
    assert!(status.unwrap().success());
}

#[test]
fn ssh_keys_of_both_kinds_and_an_age_key_read_one_secret() {
    let room = Room::new();
    ssh_keygen(&room, &["-t", "ed25519", "-N", "", "-C", "a", "-f", "ed25519"]);
    ssh_keygen(
        &room,
        &["-t", "rsa", "-b", "2048", "-N", "", "-C", "b", "-f", "rsa"],
    );
    room.done(&["set", "db", "--recipient", &room.recipient], "hunter2\n");
    room.done(&["recipients", "add", "ed25519.pub", "rsa.pub"], "");
    room.done(&["rekey"], "");
    for identity in ["identity.txt", "ed25519", "rsa"] {
        let read = room.done(&["get", "db", "--identity", identity], "");
        assert_eq!(read, "hunter2\n", "{identity}");
    }
    room.write("inventory.yaml", "hosts: {mx1: {ssh: {password: !secret db}}}\n");
    let said = room.done(&["check"], "");
    for key in ["ssh-ed25519 SHA256:", "ssh-rsa SHA256:"] {
        assert!(said.contains(key), "{said}");
    }
    assert_eq!(said.matches("reads all").count(), 3, "{said}");
}

#[test]
fn without_an_identity_one_is_told_where_they_are_looked_for() {
    let room = Room::new();
    room.done(&["set", "db", "--recipient", &room.recipient], "hunter2\n");
    std::fs::remove_file(room.path().join("identity.txt")).unwrap();
    let said = room.fails(8, &["get", "db"]);
    for part in [
        "can't decrypt the secret `db`: there is no identity",
        &format!("encrypted for: {}", room.recipient),
        "looked for:    identity.txt (not there)",
        ".config/mailprov/identity.txt (not there)",
        ".ssh/id_ed25519 (not there)",
        ".ssh/id_rsa (not there)",
        "--identity FILE",
        "MAILPROV_IDENTITY",
    ] {
        assert!(said.contains(part), "{part} in\n{said}");
    }
    let said = room.fails(8, &["get", "other"]);
    assert!(
        said.contains("the secret `other` is not in `secrets.yaml`"),
        "{said}"
    );
}

/// Whatever is wrong with an identity that one names: what is encrypted, for whom, and who named it.
#[test]
fn an_identity_that_is_named_and_no_good_is_told_of_with_the_secret() {
    let room = Room::new();
    room.done(&["set", "db", "--recipient", &room.recipient], "hunter2\n");
    ssh_keygen(
        &room,
        &["-t", "ed25519", "-N", "sesame", "-C", "a", "-f", "locked"],
    );
    ssh_keygen(&room, &["-t", "ed25519", "-N", "", "-C", "b", "-f", "other"]);
    room.done(&["recipients", "add", "locked.pub"], "");
    room.done(&["rekey"], "");
    room.write("open", &room.read("identity.txt"));
    room.write("empty", "");
    room.private("empty");
    for (name, reason, state, help) in [
        (
            "nope",
            "can't read the identity file `nope`: no such file",
            "can't be used",
            "--identity FILE",
        ),
        (
            "open",
            "the identity file `open` can be read by others",
            "can't be used",
            "chmod 600 open",
        ),
        (
            "empty",
            "the identity file `empty` holds no key",
            "can't be used",
            "secrets identity FILE",
        ),
        (
            "locked",
            "the SSH key `locked` is locked by a passphrase",
            "can't be used",
            "without a passphrase",
        ),
        ("other", "no identity fits", "does not fit", "add you"),
    ] {
        let by_flag = room.fails(8, &["get", "db", "--identity", name]);
        let mut by_variable = crate::mailprov(room.path(), room.path());
        by_variable
            .args(["secrets", "get", "db"])
            .env("MAILPROV_IDENTITY", name);
        let (_, by_variable, code) = crate::text(&by_variable.output().unwrap());
        assert_eq!(code, Some(8), "{by_variable}");
        for (said, source) in [(by_flag, "--identity"), (by_variable, "MAILPROV_IDENTITY")] {
            for part in [
                format!("error: can't decrypt the secret `db`: {reason}"),
                format!(
                    "\n  encrypted for: {}\n                 ssh-ed25519 SHA256:",
                    room.recipient
                ),
                format!("\n  looked for:    {name} ({state}; from {source})\n  help: "),
                help.to_owned(),
            ] {
                assert!(said.contains(&part), "{part} in\n{said}");
            }
        }
    }
}

/// A plugin that locks nothing: the key lies in its drawer, the stanza (<https://c2sp.org/age-plugin>).
const PLUGIN: &str = r#"#!/usr/bin/perl
$| = 1;
sub stanza {
    my ($head, $body) = (scalar <STDIN>, '');
    exit unless defined $head;
    chomp $head;
    while (defined(my $line = <STDIN>)) { chomp $line; $body .= $line; last if length $line < 64 }
    return ($head, $body);
}
my ($key, $head, $body);
do {
    ($head, $body) = stanza();
    $key = $body if $head eq '-> wrap-file-key' or $head eq '-> recipient-stanza 0 drawer';
} until $head eq '-> done';
if (defined $key) {
    my $answer = $ARGV[0] eq '--age-plugin=recipient-v1' ? 'recipient-stanza 0 drawer' : 'file-key 0';
    print "-> $answer\n$key\n";
    stanza();
}
print "-> done\n\n";
"#;
const PLUGIN_RECIPIENT: &str = "age1drawer1vysxgunpwajhyneefaa";
const PLUGIN_IDENTITY: &str = "AGE-PLUGIN-DRAWER-1D968XGRTV4USDJUJ4Z";

#[test]
fn plugins_encrypt_and_decrypt() {
    let room = Room::new();
    room.write("plugin", PLUGIN);
    // By another process: a file that this one has had open for writing may not be run while other tests fork.
    let install = "mkdir bin && install -m 755 plugin bin/age-plugin-drawer";
    let mut sh = Command::new("sh");
    sh.args(["-c", install]).current_dir(room.path());
    assert!(sh.status().unwrap().success());
    let path = format!(
        "{}:{}",
        room.path().join("bin").display(),
        std::env::var("PATH").unwrap()
    );
    let run = |arguments: &[&str]| {
        let mut command = crate::mailprov(room.path(), room.path());
        let output = command.arg("secrets").args(arguments).env("PATH", &path).output();
        crate::text(&output.unwrap())
    };

    room.done(&["set", "db", "--recipient", &room.recipient], "hunter2\n");
    room.done(&["recipients", "add", PLUGIN_RECIPIENT], "");
    let said = room.fails(8, &["rekey"]);
    assert!(
        said.contains("the program `age-plugin-drawer` is not installed"),
        "{said}"
    );
    let (_, wrong, code) = run(&["rekey"]);
    assert_eq!(code, Some(0), "{wrong}");
    room.write("drawer.txt", &format!("{PLUGIN_IDENTITY}\n"));
    room.private("drawer.txt");
    let read = run(&["get", "db", "--identity", "drawer.txt"]);
    assert_eq!(read, ("hunter2\n".to_owned(), String::new(), Some(0)));
    let said = room.fails(8, &["get", "db", "--identity", "drawer.txt"]);
    assert!(
        said.contains("the program `age-plugin-drawer` is not installed"),
        "{said}"
    );
}
