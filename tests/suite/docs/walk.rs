//! The commands of README and book, done by an operator at a terminal: one folder that `init` makes, one made by hand,
//! one whose host is a lab host.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::commands::{self, Commands};
use crate::support::terminal::{code, spawn_for};
use crate::support::{Run, Site, TestHost, machine, place, until};

/// Seconds that a command may take: a rehearsal boots a host on a machine that may be busy.
const PATIENCE: u64 = 600;
/// The labs of this machine.
const LABS: &str = "/var/lib/mailprov-lab";

struct Walk {
    home: tempfile::TempDir,
    folder: PathBuf,
    shown: Commands,
    done: BTreeSet<String>,
    /// What pages say → what it is here.
    here: Vec<(String, String)>,
}

impl Walk {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        Self {
            folder: home.path().to_owned(),
            home,
            shown: commands::shown(),
            done: BTreeSet::new(),
            here: Vec::new(),
        }
    }

    /// A new folder, where what follows is done.
    fn begins(&mut self, name: &str) {
        self.folder = self.home.path().join(name);
        fs::create_dir_all(&self.folder).unwrap();
    }

    fn writes(&self, name: &str, text: &str) {
        let path = self.folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn knows(&mut self, shown: &str, is: &str) {
        self.here.push((shown.to_owned(), is.to_owned()));
    }

    /// What a command of the pages is here. It is one that a page shows.
    #[track_caller]
    fn own(&mut self, command: &str) -> String {
        assert!(self.shown.contains_key(command), "`{command}` is on no page");
        self.done.insert(command.to_owned());
        self.here
            .iter()
            .fold(command.to_owned(), |line, (shown, is)| line.replace(shown, is))
    }

    /// Does a command that ends in one of these ways; what it said.
    #[track_caller]
    fn does(&mut self, command: &str, codes: &[i32]) -> String {
        self.answers(command, &[], codes)
    }

    /// The same, with answers to what it asks.
    #[track_caller]
    fn answers(&mut self, command: &str, answers: &[(&str, &str)], codes: &[i32]) -> String {
        let line = self.own(command);
        let mut typed = Run::typed(self.home.path(), &self.folder, &line);
        typed
            .env("TERM", "dumb")
            .env("EDITOR", "true")
            .env_remove("VISUAL");
        let mut screen = spawn_for(typed, PATIENCE);
        let mut said = String::new();
        for (question, answer) in answers {
            said += &screen.exp_string(question).unwrap();
            screen.send_line(answer).unwrap();
        }
        said += &screen.exp_eof().unwrap();
        let ended = code(screen);
        assert!(codes.contains(&ended), "$ {line}\n{said}\n({ended})");
        said.replace('\r', "")
    }

    /// Something that no page shows.
    #[track_caller]
    fn quietly(&self, line: &str) -> String {
        let output = Run::typed(self.home.path(), &self.folder, line).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let wrong = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "$ {line}\n{said}{wrong}");
        said.trim_end().to_owned()
    }
}

/// Every command that is this walk's, once.
pub fn does_all(host: TestHost) {
    let mut walk = Walk::new();
    makes_an_inventory(&mut walk);
    keeps_secrets(&mut walk, &host);
    runs_a_host(&mut walk, &host);
    // Its place is free for those that come and go by commands.
    drop(host);
    let _place = place();
    rehearses(&mut walk);
    has_a_lab(&mut walk);
    let left: Vec<String> = commands::for_the_walk()
        .iter()
        .filter(|(command, _)| !walk.done.contains(*command))
        .map(|(command, page)| format!("{page}: {command}"))
        .collect();
    assert_eq!(left, [""; 0], "nobody runs these");
}

fn makes_an_inventory(walk: &mut Walk) {
    let init = "mailprov init mail --hostname mx1.example.org --address 192.0.2.1 --domain example.org";
    assert!(walk.does(init, &[0]).contains("cd mail"));
    walk.own("cd mail");
    walk.begins("mail");
    assert!(
        walk.does("mailprov secrets generate", &[0])
            .contains("nothing to generate")
    );
    walk.does("mailprov schema > mailprov.schema.json", &[0]);
    let file = fs::read_to_string(walk.folder.join("mailprov.schema.json")).unwrap();
    assert!(file.contains("mail_hostname"));
    let old = walk.quietly("mailprov secrets get accounts_dovecot_password");
    walk.does("mailprov secrets set accounts_dovecot_password --rotate", &[0]);
    assert_ne!(
        old,
        walk.quietly("mailprov secrets get accounts_dovecot_password")
    );
    walk.writes("privkey.pem", "of the certificate\n");
    walk.does("mailprov secrets set certs_key < privkey.pem", &[0]);
    assert_eq!(
        walk.quietly("mailprov secrets get certs_key"),
        "of the certificate"
    );
}

fn keeps_secrets(walk: &mut Walk, host: &TestHost) {
    walk.begins("by-hand");
    walk.writes("inventory.yaml", "hosts: {mx1: }\n");
    let recipient = walk.does("mailprov secrets identity identity.txt", &[0]);
    walk.knows("age1…", recipient.trim());
    let asked = [
        ("Value of db_password: ", "correct horse battery staple"),
        ("Again: ", "correct horse battery staple"),
    ];
    let set = walk.answers("mailprov secrets set db_password --recipient age1…", &asked, &[0]);
    assert!(set.contains("added `db_password` in secrets.yaml, readable by 1 recipient"));
    assert_eq!(walk.does("mailprov secrets list", &[0]), "db_password\n");
    let get = walk.does("mailprov secrets get db_password", &[0]);
    assert_eq!(get, "correct horse battery staple\n");
    is_read_without_mailprov(walk, host);
    machine::ensure(&["openssl"], &["openssl"]);
    walk.does("openssl rand -base64 24 | mailprov secrets set db_password", &[0]);
    assert_eq!(walk.quietly("mailprov secrets get db_password").len(), 32);

    walk.quietly("echo hunter2 | mailprov secrets set alice_password");
    walk.does("mailprov secrets edit", &[0]);
    walk.does("mailprov secrets edit db_password alice_password", &[0]);
    walk.quietly("ssh-keygen -q -t ed25519 -N '' -C alice@laptop -f alice");
    walk.quietly("ssh-keygen -q -t ed25519 -N '' -C bob@desk -f bob");
    walk.quietly("mailprov secrets recipients add alice.pub");
    walk.does("mailprov secrets recipients add bob.pub", &[0]);
    walk.does("mailprov secrets recipients remove alice@laptop", &[0]);
    let list = walk.does("mailprov secrets recipients list", &[0]);
    assert!(
        list.contains("bob@desk") && !list.contains("alice@laptop"),
        "{list}"
    );
    walk.does("mailprov secrets check", &[8]);
    walk.does("mailprov secrets rekey", &[0]);
    walk.does("mailprov secrets check", &[0]);
}

/// `age` and its friends come from Debian's packages, on the host.
fn is_read_without_mailprov(walk: &mut Walk, host: &TestHost) {
    for name in ["secrets.yaml", "identity.txt"] {
        fs::copy(walk.folder.join(name), host.root().join("root").join(name)).unwrap();
    }
    for command in [
        "yq -r '.secrets.db_password.value' secrets.yaml | age --decrypt --identity identity.txt",
        "sed -n '/^  db_password:/,/-----END/p' secrets.yaml | sed -n 's/^ *//; /-----BEGIN/,$p' | \
         age --decrypt --identity identity.txt",
    ] {
        let line = walk.own(command);
        assert_eq!(
            host.sh(&format!("cd /root && {line}")),
            "correct horse battery staple"
        );
    }
}

const ROLE: &str = "summary: A greeting.
variables:
  greeting_text: {type: text, doc: What it says.}
steps:
  - {id: file, file: {path: /etc/greeting, content: \"{{ greeting_text }}\\n\"}}
";

fn runs_a_host(walk: &mut Walk, host: &TestHost) {
    let site = |text: &str| {
        let site = Site::new().role("greeting", ROLE);
        site.host(host, &["greeting"], &format!("greeting_text: {text}"))
    };
    let inventory = |text: &str| {
        let inventory = fs::read_to_string(site(text).inventory()).unwrap();
        inventory.replace(&format!("  {}:\n", host.name()), "  mx1.example.org:\n")
    };
    walk.begins("site");
    walk.writes("roles/greeting/role.yaml", ROLE);
    walk.writes("inventory.yaml", &inventory("one"));
    let check = walk.does("mailprov apply inventory.yaml --check --diff", &[4]);
    assert!(check.contains("+one"), "{check}");
    walk.does("mailprov apply inventory.yaml", &[0]);
    walk.writes("inventory.yaml", &inventory("two"));
    walk.does("mailprov apply inventory.yaml --check", &[4]);
    walk.does("mailprov apply inventory.yaml", &[0]);

    let history = walk.does("mailprov history inventory.yaml", &[0]);
    let last = history
        .lines()
        .last()
        .and_then(|line| line.split_whitespace().next());
    walk.knows("20261121T14", last.unwrap());
    let told = walk.does("mailprov history inventory.yaml 20261121T14", &[0]);
    assert!(told.contains("changed  greeting/file"), "{told}");
    let rollback = walk.does(
        "mailprov rollback inventory.yaml mx1.example.org --check --diff",
        &[4],
    );
    assert!(rollback.contains("+one"), "{rollback}");
    walk.does("mailprov rollback inventory.yaml mx1.example.org --check", &[4]);
    walk.does("mailprov rollback inventory.yaml mx1.example.org", &[0]);
    assert_eq!(host.sh("cat /etc/greeting"), "one");
    let drift = walk.does("mailprov drift inventory.yaml", &[4]);
    assert!(
        drift.starts_with("mx1.example.org change greeting/file: "),
        "{drift}"
    );
}

/// An inventory that takes seconds; the example's has a test of its own.
fn rehearses(walk: &mut Walk) {
    walk.writes(
        "inventories/example/inventory.yaml",
        "hosts: {mx1.example.org: {roles: [greeting], variables: {greeting_text: three}}}\n",
    );
    walk.writes("inventories/example/roles/greeting/role.yaml", ROLE);
    walk.does("mailprov rehearse inventories/example/inventory.yaml", &[0]);
    let said = walk.does(
        "mailprov rehearse inventories/example/inventory.yaml --keep",
        &[0],
    );
    let kept = said
        .split("`mailprov lab down ")
        .nth(1)
        .and_then(|rest| rest.split('`').next());
    let kept = kept.unwrap();
    let list = walk.does("mailprov lab list", &[0]);
    walk.quietly(&format!("mailprov lab down {kept}"));
    assert!(list.contains(kept), "{list}");
}

fn has_a_lab(walk: &mut Walk) {
    // Somebody's own, perhaps: not ours to remove.
    until(
        "no lab is called `default`: `mailprov lab down` removes it",
        || !Path::new(LABS).join("default").exists(),
    );
    let up = walk.does("mailprov lab up mail", &[0]);
    let failed = walk.does("mailprov lab ssh mail -- systemctl --failed", &[0]);
    let list = walk.quietly("mailprov lab list");
    walk.does("mailprov lab down", &[0]);
    assert!(up.contains("host_key_fingerprint: SHA256:"), "{up}");
    assert!(failed.contains("0 loaded units listed"), "{failed}");
    assert!(list.contains("default"), "{list}");
    assert!(!Path::new(LABS).join("default").exists());
}
