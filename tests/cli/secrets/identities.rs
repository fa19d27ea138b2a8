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
