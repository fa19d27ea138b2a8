//! `mailprov secrets edit`: in memory, and nothing of it afterwards.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::Room;
use crate::{mailprov, text};

impl Room {
    /// An editor made of shell: `$1` is the file.
    fn editor(&self, script: &str) -> PathBuf {
        let path = self.path().join("editor");
        // Written under another name first: a file that is still open for writing can't be run.
        let new = self.path().join("editor.new");
        std::fs::write(&new, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::rename(new, &path).unwrap();
        path
    }

    fn edit(&self, script: &str, names: &[&str]) -> Command {
        // Through sh, so that no other test's fork holds the script open while it is run.
        self.editor(script);
        let mut command = mailprov(self.path(), self.path());
        command
            .args(["secrets", "edit"])
            .args(names)
            .env_remove("VISUAL")
            .env("EDITOR", format!("sh {}", self.path().join("editor").display()))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    #[track_caller]
    fn edited(&self, script: &str, names: &[&str]) -> (String, String, Option<i32>) {
        text(&self.edit(script, names).output().unwrap())
    }
}

fn room() -> Room {
    let room = Room::new();
    room.done(&["set", "one", "--recipient", &room.recipient], "first\n");
    room.done(&["set", "two"], "line a\nline b\n");
    room.done(&["set", "three"], "12345\n");
    room
}

/// What the editor, or somebody else, wrote into the test's folder, once it is there.
#[track_caller]
fn appears(path: &Path) -> String {
    let end = Instant::now() + Duration::from_secs(120);
    loop {
        match std::fs::read_to_string(path) {
            Ok(text) if text.ends_with('\n') => return text.trim_end().to_owned(),
            _ => assert!(Instant::now() < end, "{} never appeared", path.display()),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn values_are_changed_added_and_removed_and_the_rest_keeps_its_ciphertext() {
    let room = room();
    let before = room.read("secrets.yaml");
    let (stdout, stderr, code) = room.edited(
        "cp \"$1\" seen; dirname \"$1\" > where; stat -c %a \"$1\" > mode
         sed -i -e 's/first/changed: \"#\"/; s/^one: \\(.*\\)/one: '\"'\\1'/\" -e '/^three/d' \"$1\"
         echo 'four: new' >> \"$1\"",
        &[],
    );
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    assert_eq!(
        stdout,
        "added `four`\nreplaced `one`\nremoved `three`\n3 secrets in secrets.yaml, readable by 1 recipient\n"
    );
    let seen = room.read("seen");
    assert!(seen.contains("one: first\n"), "{seen}");
    assert!(seen.contains("two: |\n  line a\n  line b\n"), "{seen}");
    assert_eq!(room.read("mode"), "600\n");
    assert!(!Path::new(room.read("where").trim()).exists());

    assert_eq!(room.done(&["get", "one"], ""), "changed: \"#\"\n");
    assert_eq!(room.done(&["get", "two"], ""), "line a\nline b\n");
    assert_eq!(room.done(&["list"], ""), "four\none\ntwo\n");
    let two = before
        .split_once("  two:")
        .unwrap()
        .1
        .split("-----END")
        .next()
        .unwrap();
    assert!(room.read("secrets.yaml").contains(two));
}

#[test]
fn names_limit_what_the_editor_sees() {
    let room = room();
    let (stdout, stderr, code) = room.edited("cp \"$1\" seen", &["three"]);
    assert_eq!(
        (stdout.as_str(), code),
        ("nothing was changed\n", Some(0)),
        "{stderr}"
    );
    let seen = room.read("seen");
    assert!(
        seen.contains("three: '12345'\n") && !seen.contains("first"),
        "{seen}"
    );
}

#[test]
fn a_mistake_or_an_editor_that_fails_changes_nothing() {
    let room = room();
    let before = room.read("secrets.yaml");
    for (script, reason) in [
        ("echo 'x: [hunter2' > \"$1\"", "nothing was changed"),
        ("echo 'x: {y: hunter2}' > \"$1\"", "put it in quotes"),
        (
            "echo x: changed > \"$1\"; exit 3",
            "the editor ended with exit status: 3",
        ),
    ] {
        let (stdout, stderr, code) = room.edited(&format!("dirname \"$1\" > where; {script}"), &[]);
        assert_eq!(code, Some(8), "{stdout}{stderr}");
        assert!(stderr.contains(reason) && !stderr.contains("hunter2"), "{stderr}");
        assert_eq!(room.read("secrets.yaml"), before);
        assert!(!Path::new(room.read("where").trim()).exists());
    }
    let mut command = room.edit("", &[]);
    command.env("EDITOR", "/nonexistent/editor");
    let (_, stderr, code) = text(&command.output().unwrap());
    assert_eq!(code, Some(8));
    assert!(stderr.contains("can't start the editor"), "{stderr}");
}

/// Where nobody sees an editor, the one that there always is isn't started.
#[test]
fn without_a_terminal_and_an_editor_of_ones_own_nothing_is_started() {
    let room = room();
    let mut command = room.edit("", &[]);
    command.env_remove("VISUAL").env_remove("EDITOR");
    let (_, stderr, code) = text(&command.output().unwrap());
    assert_eq!(code, Some(2), "{stderr}");
    assert!(
        stderr.contains("there is no terminal to edit on\n  help: mailprov secrets set NAME"),
        "{stderr}"
    );
}

/// The editor in this story keeps a copy where programs keep such things, and never ends by itself. `read` waits without a process of its own that would outlive it.
const FOREVER: &str = "cp \"$1\" \"$(mktemp)\"; dirname \"$1\" > where.new; mkfifo wait; mv where.new where; read nothing < wait";

fn begun(room: &Room, script: &str) -> (Child, PathBuf) {
    let child = room.edit(script, &[]).spawn().unwrap();
    let folder = PathBuf::from(appears(&room.path().join("where")));
    assert!(folder.join("secrets.yaml").exists());
    (child, folder)
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .args(["-s", name, &child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
}

/// Files below `folder` that hold `value`.
fn holders(folder: &Path, value: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        // Pipes are not files: who reads them waits.
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(holders(&entry.path(), value)),
            Ok(kind) if kind.is_file() => {
                let bytes = std::fs::read(entry.path()).unwrap_or_default();
                if bytes.windows(value.len()).any(|part| part == value.as_bytes()) {
                    found.push(entry.path());
                }
            }
            _ => {}
        }
    }
    found
}

/// A value like no other on this machine.
fn unlike(room: &Room) -> String {
    let value = format!("unlike-{}", room.recipient.split_at(20).1);
    room.done(&["set", "one"], &format!("{value}\n"));
    value
}

/// The working and home folder, which hold the secrets file, and where programs leave what they had in hand.
#[track_caller]
fn is_on_no_disk(room: &Room, value: &str) {
    for folder in [room.path(), Path::new("/var/tmp")] {
        assert_eq!(holders(folder, value), Vec::<PathBuf>::new());
    }
}

#[test]
fn ended_by_a_signal_it_leaves_nothing_behind() {
    for name in ["TERM", "HUP"] {
        let room = room();
        let value = unlike(&room);
        let before = room.read("secrets.yaml");
        let (child, folder) = begun(&room, FOREVER);
        assert_eq!(
            holders(&folder, &value).len(),
            2,
            "the file, and what the editor made of it"
        );
        is_on_no_disk(&room, &value);
        signal(&child, name);
        let (_, stderr, code) = text(&child.wait_with_output().unwrap());
        assert_eq!(code, Some(130), "{name}: {stderr}");
        assert!(!folder.exists(), "{name}");
        is_on_no_disk(&room, &value);
        assert_eq!(room.read("secrets.yaml"), before);
    }
}

/// Nothing can be done at that moment; it stays in memory until the next `mailprov secrets` of any kind, which may be
/// another test's.
#[test]
fn after_a_kill_the_next_run_cleans_up() {
    let room = room();
    let value = unlike(&room);
    let (mut child, folder) = begun(&room, FOREVER);
    signal(&child, "KILL");
    child.wait().unwrap();
    is_on_no_disk(&room, &value);
    // The editor lives on without its parent and lets go now.
    std::fs::write(room.path().join("wait"), "\n").unwrap();
    room.done(&["list"], "");
    assert!(!folder.exists());
    is_on_no_disk(&room, &value);
}
