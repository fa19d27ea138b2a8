//! Who can read: added, removed, checked, and encrypted again.

use super::Room;

#[test]
fn somebody_comes_and_somebody_leaves() {
    let room = Room::new();
    let bob = room.identity("bob.txt");
    room.done(&["set", "db", "--recipient", &room.recipient], "hunter2\n");
    room.write("inventory.yaml", "hosts: {mx1: {ssh: {password: !secret db}}}\n");

    assert_eq!(
        room.done(&["recipients", "add", &bob], ""),
        format!(
            "{bob} can read what is set from now on\n\
             next: `mailprov secrets rekey`, by somebody who can read the secrets, for those that are there\n"
        )
    );
    let said = room.fails(8, &["get", "db", "--identity", "bob.txt"]);
    assert!(
        said.contains("can't decrypt the secret `db`: no identity fits")
            && said.contains(&format!("encrypted for: {}", room.recipient))
            && said.contains("looked for:    bob.txt (does not fit; from --identity)"),
        "{said}"
    );
    let said = room.fails(8, &["check"]);
    assert!(
        said.contains(&format!("db: can't be read by {bob} yet")),
        "{said}"
    );

    assert_eq!(
        room.done(&["rekey"], ""),
        "1 secret encrypted again, for 2 recipients\n"
    );
    assert_eq!(
        room.done(&["get", "db", "--identity", "bob.txt"], ""),
        "hunter2\n"
    );
    room.done(&["check"], "");

    room.done(&["recipients", "remove", &bob], "");
    let said = room.fails(8, &["check"]);
    assert!(
        said.contains(&format!("db: can still be read by {bob}, no recipient any more")),
        "{said}"
    );
    let said = room.done(&["rekey"], "");
    assert!(
        said.contains(&format!("{bob} could read them until now"))
            && said.contains("`mailprov secrets set NAME` for each of\n  db\n"),
        "{said}"
    );
    room.fails(8, &["get", "db", "--identity", "bob.txt"]);
    assert!(room.done(&["rekey"], "").starts_with("nothing to do"));

    let said = room.fails(2, &["recipients", "remove", &room.recipient]);
    assert!(said.contains("nobody would be left"), "{said}");
    assert_eq!(
        room.done(&["recipients", "list"], ""),
        format!("{}\n", room.recipient)
    );
}

#[test]
fn ssh_keys_come_from_files_and_go_by_their_comment() {
    let room = Room::new();
    room.done(&["set", "db", "--recipient", &room.recipient], "x\n");
    let key = include_str!("../../../src/secret/vault/testdata/ssh_key.pub");
    let mut words = key.split_whitespace();
    let bare = format!("{} {}", words.next().unwrap(), words.next().unwrap());
    room.write("alice.pub", &format!("{bare} alice: her laptop\n"));
    assert!(
        room.done(&["recipients", "add", "alice.pub"], "")
            .starts_with("ssh-ed25519 alice: her laptop can read")
    );
    room.done(&["rekey"], "");
    let text = room.read("secrets.yaml");
    assert!(
        text.contains(&format!("  - \"{bare} alice: her laptop\"\n")),
        "{text}"
    );
    // As `ssh-keygen -l` prints it.
    assert!(text.contains("- \"ssh-ed25519 SHA256:"), "{text}");

    let said = room.done(&["recipients", "add", &bare], "");
    assert!(said.contains("is a recipient already"), "{said}");
    room.done(&["recipients", "remove", "alice: her laptop"], "");
    assert!(!room.read("secrets.yaml").contains(&bare));
    let said = room.fails(2, &["recipients", "remove", "carol"]);
    assert!(said.contains("there is no recipient `carol`"), "{said}");
    let said = room.fails(2, &["recipients", "add", "identity.txt"]);
    assert!(said.contains("is a private key"), "{said}");
}

#[test]
fn what_people_wrote_into_the_file_stays() {
    let room = Room::new();
    let bob = room.identity("bob.txt");
    room.write(
        "secrets.yaml",
        &format!(
            "# who may read\nrecipients:\n  - {}  # Alice\n  - {bob}  # Bob, until May\n\n# what\nsecrets:\n",
            room.recipient
        ),
    );
    room.done(&["set", "db"], "x\n");
    let carol = room.identity("carol.txt");
    room.done(&["recipients", "add", &carol], "");
    room.done(&["recipients", "remove", &bob], "");
    room.done(&["rekey"], "");
    let text = room.read("secrets.yaml");
    assert!(
        text.starts_with(&format!(
            "# who may read\nrecipients:\n  - {}  # Alice\n  - {carol}\n\n# what\nsecrets:\n  db:\n    for:\n      - ",
            room.recipient
        )),
        "{text}"
    );
    assert!(!text.contains(&bob), "{text}");
}

/// Whoever edits `for:` by hand deceives `check` in nothing that age's own header gives away.
#[test]
fn a_for_that_is_not_true_is_found_out() {
    let room = Room::new();
    let bob = room.identity("bob.txt");
    room.write(
        "secrets.yaml",
        &format!("recipients:\n  - {}\n  - {bob}\n", room.recipient),
    );
    room.write("inventory.yaml", "hosts: {mx1: {ssh: {password: !secret db}}}\n");
    room.done(&["set", "db"], "x\n");
    room.done(&["check"], "");
    let text = room.read("secrets.yaml");
    let lie = text
        .replace(&format!("\n      - {bob}"), "")
        .replace(&format!("  - {bob}\n"), "");
    room.write("secrets.yaml", &lie);
    let said = room.fails(8, &["check"]);
    assert!(
        said.contains("its `for:` is not true: `for:` names 1 age recipients, and it is encrypted for 2"),
        "{said}"
    );
    room.done(&["rekey"], "");
    room.done(&["check"], "");
}

/// The shape of older files, and of those that were written with age itself.
#[test]
fn a_value_without_for_can_be_read_and_is_said_to_be_unknown() {
    let room = Room::new();
    room.write("inventory.yaml", "hosts: {mx1: {ssh: {password: !secret db}}}\n");
    room.done(&["set", "db", "--recipient", &room.recipient], "x\n");
    let text = room.read("secrets.yaml");
    let armored = text.split_once("value: |\n").unwrap().1;
    room.write(
        "secrets.yaml",
        &format!("recipients: [{}]\nsecrets:\n  db: |\n{armored}", room.recipient),
    );
    assert_eq!(room.done(&["get", "db"], ""), "x\n");
    let said = room.fails(8, &["check"]);
    assert!(said.contains("db: nobody wrote down who can read it"), "{said}");
    room.done(&["rekey"], "");
    room.done(&["check"], "");
}
