use super::*;
use crate::inventory::Origin;
use crate::value::Value;

struct Room(tempfile::TempDir);

impl Room {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        Self(folder)
    }

    fn load(&self, set: &[(&str, &str)]) -> Result<Inventory, Diagnostics> {
        let set: Vec<(String, String)> = set.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
        load(&self.0.path().join("inventory.yaml"), &set)
    }

    /// All mistakes, the folder's own name left out.
    fn mistakes(&self) -> String {
        let found = self.load(&[]).map(|_| ()).expect_err("no mistake was found");
        found
            .to_string()
            .replace(&format!("{}/", self.0.path().display()), "")
    }
}

fn loaded(text: &str) -> Inventory {
    Room::new(&[("inventory.yaml", text)])
        .load(&[])
        .unwrap_or_else(|d| panic!("{d}"))
}

fn mistakes(text: &str) -> String {
    Room::new(&[("inventory.yaml", text)]).mistakes()
}

fn value(inventory: &Inventory, name: &str) -> Value {
    inventory.hosts[0].variables.0[name].node.to_value()
}

const NESTED: &str = "
variables: {a: inventory, b: inventory, c: inventory, d: inventory}
groups:
  outer:
    variables: {b: outer, c: outer, d: outer}
    roles: [base]
    groups:
      inner: {hosts: [mx1], variables: {c: inner, d: inner}, roles: [postfix, base]}
  other: {hosts: [mx2]}
hosts:
  mx1:
    variables: {d: host}
    roles: [dovecot]
  mx2:
";

/// Or many hosts times a long value would fill the memory.
#[test]
fn hosts_share_a_value_that_they_all_have() {
    let inventory = loaded(NESTED);
    let [one, other] = [0, 1].map(|host| &inventory.hosts[host].variables.0["a"].node);
    assert!(Arc::ptr_eq(one, other));
}

#[test]
fn inner_wins_over_outer() {
    let inventory = loaded(NESTED);
    for (name, expected) in [("a", "inventory"), ("b", "outer"), ("c", "inner"), ("d", "host")] {
        assert_eq!(value(&inventory, name), Value::Text(expected.into()), "{name}");
    }
    let d = &inventory.hosts[0].variables.0["d"];
    assert_eq!(d.origin, Origin::Host("mx1".into()));
    let overridden: Vec<String> = d
        .overridden
        .iter()
        .map(|(origin, _)| origin.to_string())
        .collect();
    assert_eq!(
        overridden,
        ["the group `inner`", "the group `outer`", "the inventory"]
    );
    assert_eq!(inventory.hosts[0].groups, ["outer", "inner"]);
    let roles: Vec<&str> = inventory.hosts[0].roles.iter().map(|r| r.name.as_str()).collect();
    assert_eq!(roles, ["base", "postfix", "dovecot"]);
    assert_eq!(inventory.groups["outer"], ["mx1"]);
    assert_eq!(inventory.groups["other"], ["mx2"]);
}

#[test]
fn the_command_line_wins_over_everything() {
    let room = Room::new(&[("inventory.yaml", NESTED)]);
    let inventory = room.load(&[("d", "[1, x]"), ("e", "!secret s")]).unwrap();
    assert_eq!(
        value(&inventory, "d"),
        Value::List(vec![Value::Int(1), Value::Text("x".into())])
    );
    assert_eq!(value(&inventory, "e"), Value::Secret("s".into()));
    let d = &inventory.hosts[0].variables.0["d"];
    assert_eq!(d.origin, Origin::CommandLine);
    assert_eq!(d.node.place.to_string(), "--set:1:3");
    assert_eq!(d.node.written(), "[1, x]");

    let found = room
        .load(&[("d", "[1"), ("1x", "y"), ("f", "1"), ("f", "2")])
        .unwrap_err();
    let found = found.to_string();
    for part in ["--set:1:", "d=[1", "`1x` is not a valid name", "`f` is set twice"] {
        assert!(found.contains(part), "{part} in\n{found}");
    }
}

#[test]
fn maps_are_replaced_not_merged() {
    let inventory = loaded("variables: {m: {a: 1, b: 2}}\nhosts: {h: {variables: {m: {a: 3}}}}\n");
    assert_eq!(value(&inventory, "m").get("b"), None);
}

#[test]
fn unrelated_groups_must_agree() {
    let two = |extra: &str, y: &str| {
        format!(
            "groups:\n  x: {{hosts: [h], variables: {{v: 1}}}}\n  y: {{hosts: [h], variables: {{v: {y}}}}}\n\
             hosts: {{h: {{{extra}}}}}\n"
        )
    };
    let found = mistakes(&two("", "2"));
    assert!(
        found.contains("`v` is ambiguous on the host `h`: the group `x` and the group `y`"),
        "{found}"
    );
    assert!(
        found.contains("inventory.yaml:3:31") && found.contains("inventory.yaml:2:31"),
        "{found}"
    );
    loaded(&two("", "1"));
    assert_eq!(value(&loaded(&two("variables: {v: 3}", "2")), "v"), Value::Int(3));
    // The group inside settles it for its own outer group only.
    let found = mistakes(
        "groups:\n  x: {variables: {v: 1}, groups: {xx: {hosts: [h], variables: {v: 2}}}}\n  \
         y: {hosts: [h], variables: {v: 3}}\nhosts: {h: {}}\n",
    );
    assert!(found.contains("the group `xx` and the group `y`"), "{found}");
}

#[test]
fn how_a_host_is_reached() {
    let inventory = loaded(
        "hosts:\n  mx1:\n    release: debian-13\n    ssh:\n      address: \"2001:db8::1\"\n      port: 2222\n      user: admin\n      \
         identity_files: [keys/a, /etc/b]\n      password: !secret login\n      sudo_password: !secret sudo\n      \
         host_key_fingerprint: SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n      known_hosts: kh\n",
    );
    let host = &inventory.hosts[0];
    let folder = inventory.path.parent().unwrap();
    assert_eq!(host.connection.address.as_deref(), Some("2001:db8::1"));
    assert_eq!(host.connection.port, Some(2222));
    assert_eq!(
        host.connection.identity_files,
        [folder.join("keys/a"), PathBuf::from("/etc/b")]
    );
    assert_eq!(host.connection.sudo_password.as_deref(), Some("sudo"));
    assert_eq!(host.connection.known_hosts, Some(folder.join("kh")));
    assert_eq!(host.release.as_deref(), Some("debian-13"));
}

#[test]
fn every_mistake_is_found_at_once_in_the_order_of_the_file() {
    let found = mistakes(
        "hosts:
  mx1:
    ssh: {port: 70000, adress: x, password: hunter2, user: a b}
    roles: base
  -bad: {}
groups:
  g: {hosts: [mx2, mx1, mx1]}
  g: {}
varables: {}
",
    );
    assert!(found.contains("duplicate key `g`"), "{found}");
    let found = mistakes(
        "hosts:
  mx1:
    ssh: {port: 70000, adress: x, user: a b, password: hunter2}
    roles: base
  -bad: {}
groups:
  g: {hosts: [mx2, mx1, mx1]}
varables: {}
",
    );
    let mut last = 0;
    for part in [
        "a whole number from 1 to 65535, found the whole number `70000`",
        "did you mean `address`?",
        "can't be the name of a user",
        "`password` stands here in clear",
        "`roles` must be a list, found the text `base`",
        "`-bad` is not a valid host name",
        "unknown host `mx2`",
        "`mx1` is listed twice",
        "did you mean `variables`?",
    ] {
        let at = found.find(part).unwrap_or_else(|| panic!("{part} in\n{found}"));
        assert!(at > last, "{part} comes too early in\n{found}");
        last = at;
    }
    assert!(!found.contains("hunter2"), "{found}");
}

#[test]
fn groups_do_not_contain_themselves() {
    let found = mistakes("groups: {a: {groups: {b: {groups: {a: {}}}}}}\nhosts: {h: {}}\n");
    assert!(found.contains("the group `a` contains itself"), "{found}");
    let found = mistakes("groups: {a: {groups: {b: }}, b: {}}\nhosts: {h: {}, a: {}}\n");
    assert!(found.contains("the group `b` is defined twice"), "{found}");
    assert!(found.contains("`a` is both a group and a host"), "{found}");
}

#[test]
fn files_are_merged_and_nothing_is_defined_twice() {
    let room = Room::new(&[
        (
            "inventory.yaml",
            "include: [one.yaml, two.yaml]\nvariables: {a: 1}\nhosts: {h: }\n",
        ),
        ("one.yaml", "variables: {b: 2}\ngroups: {g: {hosts: [h, i]}}\n"),
        ("two.yaml", "hosts: {i: }\n"),
    ]);
    let inventory = room.load(&[]).unwrap();
    assert_eq!(inventory.groups["g"], ["h", "i"]);
    assert_eq!(value(&inventory, "b"), Value::Int(2));

    let room = Room::new(&[
        (
            "inventory.yaml",
            "include: [one.yaml, none.yaml, one.yaml]\nvariables: {a: 1}\nhosts: {h: }\n",
        ),
        ("one.yaml", "x: y"),
    ]);
    let found = room.mistakes();
    assert!(
        found.contains("none.yaml`: no such file") && found.contains("already part"),
        "{found}"
    );

    let room = Room::new(&[
        (
            "inventory.yaml",
            "include: [one.yaml]\nvariables: {a: 1}\nhosts: {h: }\ngroups: {g: }\n",
        ),
        ("one.yaml", "include: [inventory.yaml]\n"),
    ]);
    assert!(room.mistakes().contains("already part"), "{}", room.mistakes());

    let room = Room::new(&[
        (
            "inventory.yaml",
            "include: [one.yaml]\nvariables: {a: 1}\nhosts: {h: }\ngroups: {g: }\n",
        ),
        (
            "one.yaml",
            "variables: {a: 1}\nhosts: {h: }\ngroups: {g: }\nsecrets: x\n",
        ),
    ]);
    let found = room.mistakes();
    for part in [
        "variable `a` is defined twice",
        "host `h` is defined twice",
        "group `g` is defined twice",
        "`secrets` can't stand in an included file",
        "one.yaml:2:9",
        "already defined at inventory.yaml:3:9",
    ] {
        assert!(found.contains(part), "{part} in\n{found}");
    }
}

#[test]
fn an_inventory_without_hosts_says_how_to_begin() {
    for text in ["", "hosts:\n", "hosts: {}\n", "variables: {a: 1}\n"] {
        let found = mistakes(text);
        assert!(
            found.contains("has no hosts") && found.contains("roles: [base]"),
            "{found}"
        );
    }
    let found = mistakes("- a\n");
    assert!(
        found.contains("`the inventory` must be a map") || found.contains("must be a map"),
        "{found}"
    );
    assert!(
        load(Path::new("/nowhere/inventory.yaml"), &[])
            .unwrap_err()
            .to_string()
            .contains("no such file")
    );
    assert!(
        load(Path::new("/"), &[])
            .unwrap_err()
            .to_string()
            .contains("it is a folder")
    );
}

#[test]
fn folders_and_files_beside_the_inventory() {
    let room = Room::new(&[("inventory.yaml", "hosts: {h: }\n")]);
    assert!(room.load(&[]).unwrap().role_folders.is_empty());
    std::fs::create_dir(room.0.path().join("roles")).unwrap();
    let inventory = room.load(&[]).unwrap();
    assert_eq!(inventory.role_folders, [room.0.path().join("roles")]);
    assert_eq!(inventory.secrets.path, room.0.path().join("secrets.yaml"));
    let found = mistakes("hosts: {h: }\nroles_path: nope\nsecrets: nope.yaml\n");
    assert!(
        found.contains("there is no folder") && found.contains("there is no secrets file"),
        "{found}"
    );
}
