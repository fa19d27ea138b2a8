use std::os::unix::fs::PermissionsExt as _;

use super::*;

struct Room {
    folder: tempfile::TempDir,
    recipient: String,
}

impl Room {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let recipient = identity::create(&folder.path().join("identity.txt")).unwrap();
        Self { folder, recipient }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self, text: &str) -> SecretsFile {
        std::fs::write(self.path("secrets.yaml"), text).unwrap();
        self.load().unwrap_or_else(|d| panic!("{d}"))
    }

    fn load(&self) -> Result<SecretsFile, Diagnostics> {
        SecretsFile::load(&self.path("secrets.yaml"))
    }

    fn open(&self, names: &[&str]) -> Result<Vault, SecretError> {
        self.load().unwrap().open(names, &[self.path("identity.txt")])
    }
}

#[test]
fn a_secret_goes_in_and_comes_out() {
    let room = Room::new();
    let mut file = room.file(&format!("recipients:\n  - {}\n", room.recipient));
    file.set("db", &Secret::new("päss\nwort")).unwrap();
    let text = std::fs::read_to_string(&file.path).unwrap();
    assert!(!text.contains("wort"), "{text}");
    assert_eq!(
        std::fs::metadata(&file.path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(
        room.open(&["db"]).unwrap().get("db").unwrap().expose(),
        "päss\nwort"
    );
}

#[test]
fn the_rest_of_the_file_keeps_its_text() {
    let room = Room::new();
    let mut file = room.file(&format!(
        "# who may read\nrecipients:\n  - {}  # me\n\nsecrets:\n    # databases\n",
        room.recipient
    ));
    file.set("a", &Secret::new("one")).unwrap();
    file.set("b", &Secret::new("two")).unwrap();
    let with_comment = std::fs::read_to_string(&file.path)
        .unwrap()
        .replace("  b:", "\n  # the second\n  b:")
        + "# the end\n";
    let mut file = room.file(&with_comment);
    let b = file.entries["b"].armored.clone();
    file.set("a", &Secret::new("three")).unwrap();
    let text = std::fs::read_to_string(&file.path).unwrap();
    for part in [
        "# who may read\n",
        "  # me\n",
        "\n\n  # the second\n  b:",
        "# the end\n",
        "# databases",
    ] {
        assert!(text.contains(part), "{part:?} in\n{text}");
    }
    assert_eq!(room.load().unwrap().entries["b"].armored, b);
    let vault = room.open(&["a", "b"]).unwrap();
    assert_eq!(vault.get("a").unwrap().expose(), "three");
    assert_eq!(vault.get("b").unwrap().expose(), "two");
}

#[test]
fn a_new_file_needs_a_recipient() {
    let room = Room::new();
    let mut file = room.load().unwrap();
    let error = file.set("x", &Secret::new("y")).unwrap_err().to_string();
    assert!(error.contains("names no recipients"), "{error}");
    file.recipients.push(room.recipient.clone());
    file.set("x", &Secret::new("y")).unwrap();
    assert_eq!(room.open(&["x"]).unwrap().get("x").unwrap().expose(), "y");
}

#[test]
fn braces_and_empty_maps() {
    let room = Room::new();
    let mut file = room.file(&format!("recipients: [{}]\nsecrets: {{}}\n", room.recipient));
    file.set("x", &Secret::new("y")).unwrap();
    assert_eq!(room.open(&["x"]).unwrap().get("x").unwrap().expose(), "y");
}

#[test]
fn clear_text_and_private_keys_are_refused_without_repeating_them() {
    let room = Room::new();
    std::fs::write(
        room.path("secrets.yaml"),
        "recipients:\n  - AGE-SECRET-KEY-1XYZ\n  - age1nonsense\nsecrets:\n  db: hunter2\nother: 1\n",
    )
    .unwrap();
    let found = room.load().unwrap_err().to_string();
    for part in [
        "private key",
        "no recipient",
        "`db` is not encrypted",
        "unknown key `other`",
    ] {
        assert!(found.contains(part), "{part} in\n{found}");
    }
    assert!(!found.contains("hunter2") && !found.contains("1XYZ"), "{found}");
}

#[test]
fn a_missing_secret_is_named() {
    let room = Room::new();
    let mut file = room.file(&format!("recipients: [{}]\n", room.recipient));
    file.set("db_password", &Secret::new("y")).unwrap();
    let error = room.open(&["db_pasword"]).unwrap_err().to_string();
    assert!(error.contains("did you mean `db_password`?"), "{error}");
    let error = room.open(&["aaa", "zzz"]).unwrap_err().to_string();
    assert!(
        error.contains("the secrets `aaa` and `zzz` are not in"),
        "{error}"
    );
    assert!(error.contains("mailprov secrets set aaa"), "{error}");
}

#[test]
fn a_foreign_identity_is_told_who_can_read() {
    let room = Room::new();
    let mut file = room.file(&format!("recipients: [{}]\n", room.recipient));
    file.set("db", &Secret::new("y")).unwrap();
    identity::create(&room.path("other.txt")).unwrap();
    let error = file
        .open(&["db"], &[room.path("other.txt")])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("can't decrypt the secret `db`: no identity fits"),
        "{error}"
    );
    assert!(
        error.contains(&room.recipient) && error.contains("other.txt (does not fit; from --identity)"),
        "{error}"
    );
    let error = file
        .open(&["db"], &[room.path("none.txt")])
        .unwrap_err()
        .to_string();
    assert!(error.contains("no such file"), "{error}");
}

#[test]
fn an_identity_that_others_can_read_is_refused() {
    let room = Room::new();
    let mut file = room.file(&format!("recipients: [{}]\n", room.recipient));
    file.set("db", &Secret::new("y")).unwrap();
    let path = room.path("identity.txt");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let error = room.open(&["db"]).unwrap_err().to_string();
    assert!(
        error.contains(&format!("chmod 600 {}", path.display())),
        "{error}"
    );
}

#[test]
fn no_secret_needs_no_identity() {
    let room = Room::new();
    room.file(&format!("recipients: [{}]\n", room.recipient));
    assert!(room.load().unwrap().open(&[], &[room.path("none.txt")]).is_ok());
}

#[test]
fn an_identity_is_never_overwritten() {
    let room = Room::new();
    let error = identity::create(&room.path("identity.txt"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("exists already"), "{error}");
}

/// A key made for this test alone with `ssh-keygen -t ed25519 -N ''`.
#[test]
fn ssh_keys_are_recipients_and_identities() {
    let room = Room::new();
    let mut file = room.file(&format!(
        "recipients: [\"{}\"]\n",
        include_str!("testdata/ssh_key.pub").trim()
    ));
    file.set("db", &Secret::new("y")).unwrap();
    let key = room.path("id");
    std::fs::write(&key, include_str!("testdata/ssh_key")).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(
        file.open(&["db"], &[key]).unwrap().get("db").unwrap().expose(),
        "y"
    );
}

#[test]
fn a_locked_ssh_key_that_does_not_fit_is_not_asked_for() {
    let room = Room::new();
    let mut file = room.file(&format!("recipients: [{}]\n", room.recipient));
    file.set("db", &Secret::new("y")).unwrap();
    let key = room.path("id");
    std::fs::write(&key, include_str!("testdata/locked_key")).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let error = file.open(&["db"], &[key]).unwrap_err().to_string();
    assert!(error.contains("can't decrypt the secret `db`"), "{error}");
}
