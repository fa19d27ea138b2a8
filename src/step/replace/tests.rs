//! The fragment run with the local `sh`, in temporary folders only.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use proptest::prelude::*;

use super::*;

mod back;
mod whose;

/// A folder with the state of a host in it.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("etc")).unwrap();
        Self { folder }
    }

    fn at(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn file(&self, name: &str, content: &str) -> Replacement {
        let id = |flag| {
            let output = Command::new("id").arg(flag).output().unwrap().stdout;
            String::from_utf8(output).unwrap().trim().to_owned()
        };
        Replacement {
            path: self.at(name),
            content: content.as_bytes().to_vec(),
            mode: "0640".into(),
            owner: id("-un"),
            group: id("-gn"),
            validate: None,
            backup: true,
            before: None,
            after: None,
        }
    }

    fn text(&self, script: &Script) -> String {
        format!(
            "mailprov_state={}\nmailprov_checks={}\n{SH}\n{}\n(\n{}\n)\n",
            crate::host::script::quote(&self.at("state")),
            crate::host::script::quote(&self.at("check")),
            crate::step::gone::SH,
            script.as_str()
        )
    }

    fn run(&self, script: &Script) -> Output {
        let text = self.text(script);
        std::fs::write(self.at("script"), text).unwrap();
        Command::new("setsid")
            .args(["sh", &self.at("script")])
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.at(name)).unwrap()
    }

    fn write(&self, name: &str, content: &str) {
        std::fs::create_dir_all(Path::new(&self.at(name)).parent().unwrap()).unwrap();
        std::fs::write(self.at(name), content).unwrap();
    }

    /// The note that mailprov made the file.
    fn noted(&self, name: &str) -> String {
        format!("state/made/paths{}.noted", self.at(name))
    }

    /// Nothing of ours lies about.
    fn clean(&self) {
        let left = Command::new("find")
            .args([&self.at("etc"), "-name", ".mailprov-*"])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&left.stdout), "");
    }
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_file_gets_content_mode_and_a_backup() {
    let place = Place::new();
    place.write("etc/a", "old");
    let output = place.run(&script(&[place.file("etc/a", "new\0\n")], None, &[], "run1"));
    assert_eq!((output.status.code(), errors(&output)), (Some(0), String::new()));
    assert_eq!(place.read("etc/a"), "new\0\n");
    let mode = std::fs::metadata(place.at("etc/a")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o640);
    let backup = format!("state/backups/run1{}", place.at("etc/a"));
    assert_eq!(place.read(&backup), "old");
    let mode = std::fs::metadata(place.at("state/backups"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o700);
    place.clean();
}

#[test]
fn the_first_backup_of_a_run_stays() {
    let place = Place::new();
    place.write("etc/a", "one");
    for content in ["two", "three"] {
        place.run(&script(&[place.file("etc/a", content)], None, &[], "run1"));
    }
    assert_eq!(
        place.read(&format!("state/backups/run1{}", place.at("etc/a"))),
        "one"
    );
}

#[test]
fn a_refused_file_leaves_everything_and_is_called_by_its_name() {
    let place = Place::new();
    place.write("etc/a", "old");
    let mut bad = place.file("etc/b", "bad");
    bad.validate = Some("grep -q good % || { echo \"100%% wrong: $(ls %)\"; exit 3; }".into());
    let set = [place.file("etc/a", "new"), bad];
    let output = place.run(&script(&set, None, &[("x.service", Record::Restart)], "run1"));
    assert_eq!(output.status.code(), Some(REFUSED));
    assert_eq!(errors(&output), format!("100% wrong: {}\n", place.at("etc/b")));
    assert_eq!(place.read("etc/a"), "old");
    assert!(!Path::new(&place.at("etc/b")).exists());
    assert!(!Path::new(&place.at("state")).exists());
    place.clean();
}

/// Whether mount namespaces can be had here: root and a kernel that lets it.
fn private_mounts() -> bool {
    let status = Command::new("unshare")
        .args(["-m", "true"])
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

#[test]
fn the_check_sees_the_whole_set_in_place_and_nobody_else_does() {
    let place = Place::new();
    place.write("etc/a", "old a");
    place.write("etc/kept", "kept");
    place.write("etc/sub/b", "old b");
    let set = [
        place.file("etc/sub/b", "new b"),
        place.file("etc/a", "new a"),
        place.file("etc/c", "new c"),
    ];
    let etc = place.at("etc");
    let checks = place.at("check");
    let check = format!("cd '{etc}' && cat a sub/b c kept; ls; stat -c %a '{checks}'.*; exit 1");
    let output = place.run(&script(
        &set,
        Some(&check),
        &[("x.service", Record::Restart)],
        "run1",
    ));
    assert_eq!(output.status.code(), Some(REFUSED), "{}", errors(&output));
    let words = errors(&output);
    assert!(words.contains("new anew bnew ckept"), "{words}");
    assert_eq!(words.contains("mailprov: "), !private_mounts(), "{words}");
    assert!(
        words.trim_end().ends_with("\n700"),
        "nobody else gets at the copies: {words}"
    );
    assert_eq!(place.read("etc/a"), "old a");
    assert_eq!(place.read("etc/sub/b"), "old b");
    assert!(!Path::new(&place.at("etc/c")).exists());
    place.clean();
    let good = format!("grep -q 'new c' '{etc}/c' && test -e '{etc}/kept'");
    let output = place.run(&script(&set, Some(&good), &[], "run2"));
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    assert_eq!(place.read("etc/c"), "new c");
    place.clean();
}

#[test]
fn where_mounts_are_refused_the_files_are_put_back() {
    let place = Place::new();
    place.write("etc/a", "old");
    let set = [place.file("etc/a", "new"), place.file("etc/b", "new")];
    let no_mounts = Script::new().code("unshare() { return 1; }\n");
    for (check, status) in [("exit 7", REFUSED), ("true", 0)] {
        let fragment = no_mounts.clone().then(&script(&set, Some(check), &[], "run1"));
        let output = place.run(&fragment);
        assert_eq!(output.status.code(), Some(status));
        assert!(errors(&output).starts_with("mailprov: no private mounts"));
        assert_eq!(place.read("etc/a"), if status == 0 { "new" } else { "old" });
        assert_eq!(Path::new(&place.at("etc/b")).exists(), status == 0);
        place.clean();
    }
}

#[test]
fn without_overlays_staged_files_are_bound_over_real_ones() {
    if !private_mounts() {
        return;
    }
    let place = Place::new();
    place.write("etc/a", "old");
    let no_overlay = Script::new().code(
        "mailprov_in_private='mount() { case \"$*\" in *overlay*) return 1 ;; *) command mount \"$@\" ;; esac; }\n'\
         $mailprov_in_private\n",
    );
    let check = format!("cat '{}'; exit 1", place.at("etc/a"));
    let fragment = no_overlay.then(&script(&[place.file("etc/a", "new")], Some(&check), &[], "run1"));
    let output = place.run(&fragment);
    assert_eq!(
        (output.status.code(), errors(&output).as_str()),
        (Some(REFUSED), "new\n")
    );
    assert_eq!(place.read("etc/a"), "old");
}

#[test]
fn records_go_and_what_was_there_is_noted_and_can_be_put_back() {
    let place = Place::new();
    place.write("etc/a", "good");
    place.write("state/services/x.service.restart", "digest");
    place.write("state/services/x.service.reload", "digest");
    let units = [("x.service", Record::Restart)];
    for (run, content) in [("run1", "bad"), ("run2", "worse")] {
        let set = [place.file("etc/a", content), place.file("etc/new", content)];
        let output = place.run(&script(&set, None, &units, run));
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    }
    assert!(!Path::new(&place.at("state/services/x.service.restart")).exists());
    assert!(Path::new(&place.at("state/services/x.service.reload")).exists());
    let backup = place.at(&format!("state/backups/run1{}", place.at("etc/a")));
    assert_eq!(
        place.read("state/services/x.service.previous"),
        format!("{}\t{backup}\n{}\t-\n", place.at("etc/a"), place.at("etc/new"))
    );
    let back = Script::new().code("mailprov_put_back x.service && ! mailprov_put_back x.service");
    assert_eq!(place.run(&back).status.code(), Some(0));
    assert_eq!(place.read("etc/a"), "good");
    assert!(!Path::new(&place.at("etc/new")).exists());
    assert!(!Path::new(&place.at(&place.noted("etc/new"))).exists());
    place.clean();
}

#[test]
fn what_comes_after_runs_last_and_its_failure_counts() {
    let place = Place::new();
    let mut file = place.file("etc/a", "new");
    file.after = Some(
        Script::new()
            .code("cp")
            .words([place.at("etc/a"), place.at("etc/compiled")]),
    );
    assert_eq!(
        place
            .run(&script(&[file.clone()], None, &[], "run1"))
            .status
            .code(),
        Some(0)
    );
    assert_eq!(place.read("etc/compiled"), "new");
    file.after = Some(Script::new().code("exit 9"));
    assert_eq!(
        place.run(&script(&[file], None, &[], "run1")).status.code(),
        Some(1)
    );
}

#[test]
fn leftovers_of_a_killed_run_are_removed_and_nothing_of_a_persons() {
    let place = Place::new();
    let own = [
        ".mailprov-backup2024",
        ".mailprov-set.old",
        ".mailprov-set.file567890",
    ];
    for name in own {
        place.write(&format!("etc/{name}"), "mine");
    }
    place.write("etc/.mailprov-set.myfolder24/mine", "mine");
    for (name, mode) in [
        ("abcdefghij", 0o700),
        ("ABCDEFGHIJ", 0o2700),
        ("myfolder24", 0o755),
    ] {
        let folder = place.at(&format!("etc/.mailprov-set.{name}"));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(format!("{folder}/a"), "secret half").unwrap();
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    place.run(&script(&[place.file("etc/a", "new")], None, &[], "run1"));
    let left: std::collections::BTreeSet<String> = std::fs::read_dir(place.at("etc"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let meant = own.iter().chain(&[".mailprov-set.myfolder24", "a"]);
    assert_eq!(left, meant.map(|name| (*name).to_owned()).collect());
}

#[test]
fn a_directory_no_folder_or_an_unknown_owner_stops_it() {
    let place = Place::new();
    std::fs::create_dir(place.at("etc/a")).unwrap();
    let output = place.run(&script(&[place.file("etc/a", "new")], None, &[], "run1"));
    assert_eq!(output.status.code(), Some(1));
    assert!(errors(&output).contains("is a directory"));
    let output = place.run(&script(&[place.file("none/b", "new")], None, &[], "run1"));
    assert_eq!(output.status.code(), Some(1));
    assert!(errors(&output).contains("/none does not exist"));
    let mut file = place.file("etc/b", "new");
    file.owner = "no-such-user".into();
    let output = place.run(&script(&[file], None, &[], "run1"));
    assert_eq!(output.status.code(), Some(1));
    assert!(errors(&output).contains("no-such-user"));
    assert!(!Path::new(&place.at("etc/b")).exists());
    place.clean();
}

/// Every program that the functions call first counts down to the end. The script has a process group of its own, all
/// of which dies.
fn bomb(after: usize) -> Script {
    let mut bomb = format!("n={after}\ntick() {{ n=$((n - 1)); [ $n -ge 0 ] || kill -KILL 0; }}\n");
    for program in [
        "mktemp",
        "sha256sum",
        "chown",
        "chmod",
        "sync",
        "rm",
        "mkdir",
        "rmdir",
        "cp",
        "mv",
        "touch",
        "tr",
    ] {
        bomb.push_str(&format!("{program}() {{ tick; command {program} \"$@\"; }}\n"));
    }
    Script::new().authored(&bomb)
}

/// Killed after any number of its commands, a set's files are each old or new, never between, the record is gone before
/// the first new one, and one that was not there before is noted before it is.
#[test]
fn killed_at_any_instant_no_file_is_half_written() {
    let (old, new) = ("old ".repeat(5000), "new ".repeat(5000));
    for after in 0.. {
        let place = Place::new();
        place.write("etc/a", &old);
        place.write("etc/b", &old);
        place.write("state/services/x.service.restart", "digest");
        let set = ["etc/a", "etc/b", "etc/c"].map(|name| place.file(name, &new));
        let units = [("x.service", Record::Restart)];
        let fragment = bomb(after).then(&script(&set, None, &units, "run1"));
        let killed = place.run(&fragment).status.code().is_none();
        let contents = [place.read("etc/a"), place.read("etc/b")];
        for content in &contents {
            assert!(*content == old || *content == new, "half-written after {after}");
        }
        let record = Path::new(&place.at("state/services/x.service.restart")).exists();
        assert!(
            !record || contents.iter().all(|content| *content == old),
            "after {after}"
        );
        let made = Path::new(&place.at("etc/c")).exists();
        assert!(
            !made || place.read(&place.noted("etc/c")).lines().count() == 1,
            "after {after}"
        );
        let output = place.run(&script(&set, None, &[("x.service", Record::Restart)], "run2"));
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(place.read("etc/a"), new);
        place.clean();
        if !killed {
            assert!(after > 8, "it was killed {after} times only");
            break;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_content_under_any_name(
        name in "[^/\0\n\t]{1,20}".prop_filter("a name", |name| name != "." && name != ".."),
        content in proptest::collection::vec(any::<u8>(), 0..200)
    ) {
        let place = Place::new();
        let mut file = place.file(&format!("etc/{name}"), "");
        file.content = content.clone();
        let check = format!("test -f {}", crate::host::script::quote(&file.path));
        let output = place.run(&script(&[file], Some(&check), &[("x.service", Record::Reload)], "run1"));
        prop_assert_eq!(errors(&output), "");
        prop_assert_eq!(std::fs::read(place.at(&format!("etc/{name}"))).unwrap(), content);
    }
}
