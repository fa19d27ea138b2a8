//! What is put back: by `mailprov_put_back`, and by a set that can't be put in place whole.

use serde_json::json;

use super::super::super::promised::testing::{Host, step};
use super::super::super::{Fix, map};
use super::*;

const UNITS: [(&str, Record); 1] = [("x.service", Record::Reload)];

/// A map whose compiler writes capitals.
fn table(place: &Place, content: &str) -> Replacement {
    let (path, output) = (place.at("etc/table"), place.at("etc/table.db"));
    let owner = place.file("etc/table", "");
    let map = step(
        &map::KIND,
        json!({"path": path, "content": content, "output": output, "owner": owner.owner, "group": owner.group,
            "compile": format!("tr a-z A-Z <'{path}' >'{output}'")}),
    );
    match map.fix(&Host::default().world()) {
        Fix::Replace(replacement) => replacement,
        other => panic!("{other:?}"),
    }
}

fn put_back(place: &Place) -> bool {
    let back = Script::new().code("mailprov_run=run2\nmailprov_put_back x.service\n");
    place.run(&back).status.success()
}

#[test]
fn what_was_compiled_goes_back_with_its_source() {
    let place = Place::new();
    let output = place.run(&script(&[table(&place, "one")], None, &[], "run0"));
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    for (run, content) in [("run1", "two"), ("run2", "three")] {
        let set = [place.file("etc/conf", content), table(&place, content)];
        let output = place.run(&script(&set, None, &UNITS, run));
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    }
    assert_eq!(place.read("etc/table.db"), "THREE");
    assert!(put_back(&place));
    assert_eq!(place.read("etc/table"), "one");
    assert_eq!(place.read("etc/table.db"), "ONE");
    assert!(!Path::new(&place.at("etc/conf")).exists());
    let age = |name| std::fs::metadata(place.at(name)).unwrap().modified().unwrap();
    assert!(
        age("etc/table.db") >= age("etc/table"),
        "it is no older than its source"
    );
    // What a rollback brings back is the source.
    let wrote = place.read("state/backups/run2.wrote");
    assert!(!wrote.contains("table.db"), "{wrote}");
    place.clean();
}

#[test]
fn what_was_compiled_of_a_new_source_goes() {
    let place = Place::new();
    place.run(&script(&[table(&place, "one")], None, &UNITS, "run1"));
    assert_eq!(place.read("etc/table.db"), "ONE");
    assert!(put_back(&place));
    for name in ["etc/table", "etc/table.db"] {
        assert!(!Path::new(&place.at(name)).exists(), "{name}");
    }
}

/// Killed after any number of its commands, what can be put back is what was there, source and compiled form alike; and
/// the next run finishes.
#[test]
fn killed_at_any_instant_what_was_there_can_be_put_back() {
    for after in 0.. {
        let place = Place::new();
        place.run(&script(&[table(&place, "one")], None, &[], "run0"));
        place.write("etc/conf", "one");
        let set = [place.file("etc/conf", "two"), table(&place, "two")];
        let fragment = bomb(after).then(&script(&set, None, &UNITS, "run1"));
        let killed = place.run(&fragment).status.code().is_none();
        if after % 2 == 0 {
            let noted = Path::new(&place.at("state/services/x.service.previous")).exists();
            assert_eq!(put_back(&place), noted, "after {after}");
            for (name, old) in [("etc/conf", "one"), ("etc/table", "one"), ("etc/table.db", "ONE")] {
                assert_eq!(place.read(name), old, "{name} after {after}");
            }
        }
        let output = place.run(&script(&set, None, &UNITS, "run2"));
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
        assert_eq!(place.read("etc/table.db"), "TWO");
        place.clean();
        if !killed {
            assert!(after > 8, "it was killed {after} times only");
            break;
        }
    }
}

/// A name in the way of the last rename. The ones before it, in this folder and in others, are made by then.
#[test]
fn a_set_that_fails_half_way_is_put_back() {
    let place = Place::new();
    for name in ["etc/a", "etc/sub/c"] {
        place.write(name, "old");
    }
    place.run(&script(&[table(&place, "one")], None, &[], "run0"));
    let mut set = vec![table(&place, "two")];
    for name in ["etc/a", "etc/b", "etc/sub/c", "etc/sub/new"] {
        set.push(place.file(name, "new"));
    }
    set[2].before = Some(Script::new().code("mkdir").word(&place.at("etc/b/")));
    let output = place.run(&script(&set, None, &UNITS, "run1"));
    assert_eq!(output.status.code(), Some(1));
    let words = errors(&output);
    assert!(words.contains("cannot overwrite directory"), "{words}");
    assert!(words.contains("are as they were before"), "{words}");
    for (name, old) in [
        ("etc/a", "old"),
        ("etc/sub/c", "old"),
        ("etc/table", "one"),
        ("etc/table.db", "ONE"),
    ] {
        assert_eq!(place.read(name), old, "{name}");
    }
    assert!(!Path::new(&place.at("etc/sub/new")).exists());
    place.clean();
    // What stands there now is what a rollback is told of.
    let wrote = place.read("state/backups/run1.wrote");
    let last = |name: &str| {
        let path = place.at(name);
        let lines = wrote.lines().filter_map(|line| line.split_once('\t'));
        lines
            .rev()
            .find(|(known, _)| *known == path)
            .unwrap()
            .1
            .to_owned()
    };
    assert_eq!(last("etc/sub/new"), "-");
    assert_eq!(last("etc/a"), format!("{:x}", Sha256::digest("old")));
    std::fs::remove_dir(place.at("etc/b")).unwrap();
    set[2].before = None;
    let output = place.run(&script(&set, None, &UNITS, "run2"));
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    assert_eq!(place.read("etc/table.db"), "TWO");
}

/// A copy that nobody wanted is not made for this, and a file that has its promised content keeps it.
#[test]
fn files_without_copies_that_nobody_watches_stay_where_they_are() {
    let place = Place::new();
    place.write("etc/sub/c", "old");
    let mut set = ["etc/b", "etc/sub/c"].map(|name| place.file(name, "new"));
    for file in &mut set {
        file.backup = false;
    }
    set[0].before = Some(Script::new().code("mkdir").word(&place.at("etc/b/")));
    let output = place.run(&script(&set, None, &[], "run1"));
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(place.read("etc/sub/c"), "new");
    place.clean();
}

/// Whoever undoes a service's change by a timer has no run.
#[test]
fn a_timer_puts_all_of_it_back() {
    let place = Place::new();
    let set = [place.file("etc/a", "new"), place.file("etc/b", "new")];
    for name in ["etc/a", "etc/b"] {
        place.write(name, "old");
    }
    place.run(&script(&set, None, &UNITS, "run1"));
    let back = Script::new().code("mailprov_run=/run/mailprov\nmailprov_put_back x.service\n");
    let output = place.run(&back);
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    for name in ["etc/a", "etc/b"] {
        assert_eq!(place.read(name), "old");
    }
}
