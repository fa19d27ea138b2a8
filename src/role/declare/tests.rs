//! Variables of a host against the declarations of its roles.

use crate::role::declare::{Resolved, resolve};
use crate::role::testing::{World, lines};

const ROLE: &str = r#"
summary: A.
variables:
  a_name: {type: hostname, doc: The host's name.}
  a_boxes:
    type: list
    default: []
    doc: Boxes.
    of:
      type: record
      fields:
        address: {type: email, doc: Its address.}
        password: {type: secret, optional: true, doc: Its password.}
        quota: {type: size, default: 1G, doc: Its quota.}
  a_mode: {type: mode, default: "640", doc: M.}
  a_choice: {type: one_of, values: [maria, postgres], default: maria, doc: C.}
  a_count: {type: int, min: 1, max: 9, optional: true, doc: N.}
  a_free: {type: map, of: int, default: {}, doc: F.}
  a_flag: {type: bool, default: false, doc: B.}
"#;

fn check(variables: &str) -> Result<Resolved, Vec<String>> {
    let indented: String = variables.lines().map(|line| format!("      {line}\n")).collect();
    let world = World::new(&[
        ("roles/a/role.yaml", ROLE),
        (
            "inventory.yaml",
            &format!("hosts:\n  mx1:\n    roles: [a]\n    variables:\n{indented}"),
        ),
    ]);
    let (inventory, roles) = world.load().unwrap_or_else(|wrong| panic!("{wrong}"));
    resolve(&inventory, &roles, &inventory.hosts[0]).map_err(|wrong| lines(&wrong))
}

#[test]
fn values_are_normalised_and_defaults_fill_in() {
    let resolved =
        check("a_name: mx.example.org\na_boxes: [{address: a@b.org, password: !secret pw}]").unwrap();
    let json = serde_json::to_value(&resolved.values).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "a_name": "mx.example.org",
            "a_boxes": [{"address": "a@b.org", "password": "!secret pw", "quota": 1 << 30}],
            "a_mode": "0640",
            "a_choice": "maria",
            "a_count": null,
            "a_free": {},
            "a_flag": false,
        })
    );
    assert_eq!(resolved.secrets["pw"].variable, "a_boxes[0].password");
}

#[test]
fn what_is_required_is_asked_for_in_the_words_of_the_role() {
    assert_eq!(
        check("a_flag: true").unwrap_err(),
        [
            "2: the host `mx1` has no `a_name`, which its role `a` requires | set `a_name` to a full host name, like \
             mx.example.org: The host's name."
        ]
    );
}

#[test]
fn every_mistake_points_at_its_place() {
    let wrong = check(
        "a_name: mx\na_nmae: x\na_boxes:\n  - address: nobody\n    pasword: x\n  - {quota: 5X}\na_mode: 0640\n\
         a_choice: mari\na_count: 10\na_free: {x: \"1\"}\na_flag: \"yes\"",
    )
    .unwrap_err();
    let expected = [
        "6: unknown variable `a_nmae` | did you mean `a_name` of the role `a`?",
        "5: `a_name`: expected a full host name, like mx.example.org, found `mx`: it has no domain",
        "9: `a_boxes[0]` has no field `pasword` | did you mean `password`?",
        "8: `a_boxes[0].address`: expected an address, like post@example.org, found `nobody`: it has no `@`",
        "10: `a_boxes[1]` has no `address` | add `address`, an address, like post@example.org: Its address.",
        "10: `a_boxes[1].quota`: expected a size, like 25M, found `5X`",
        "11: `a_mode`: a file mode is a text, found the number 640",
        "12: `a_choice`: expected one of maria, postgres, found `mari` | did you mean `maria`?",
        "13: `a_count`: expected a whole number from 1 to 9, found 10",
        "14: `a_free.x`: expected a whole number, found a text | leave the quotes away: 1",
        "15: `a_flag`: expected true or false, found the text `yes`",
    ];
    assert_eq!(wrong.len(), expected.len(), "{wrong:#?}");
    for (found, expected) in wrong.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}\nis not\n{expected}");
    }
}

#[test]
fn a_secret_in_clear_is_refused_and_not_shown() {
    let wrong =
        check("a_name: mx.example.org\na_boxes: [{address: a@b.org, password: hunter2}]").unwrap_err();
    assert!(wrong[0].contains("must not stand here in clear"), "{wrong:?}");
    assert!(
        wrong[0].contains("mailprov secrets set a_boxes_0_password"),
        "{wrong:?}"
    );
    assert!(!wrong[0].contains("hunter2"), "{wrong:?}");
    let wrong = check("a_name: !secret x").unwrap_err();
    assert!(wrong[0].contains("is not a secret"), "{wrong:?}");
}

#[test]
fn a_variable_of_a_group_may_be_for_another_host() {
    let world = World::new(&[
        ("roles/a/role.yaml", ROLE),
        ("roles/b/role.yaml", "summary: B.\n"),
        (
            "inventory.yaml",
            "variables: {a_name: mx.example.org}\nhosts:\n  mx1: {roles: [a]}\n  db1: {roles: [b]}\n  db2: {roles: [b], \
             variables: {a_flag: true}}\n",
        ),
    ]);
    let (inventory, roles) = world.load().unwrap_or_else(|wrong| panic!("{wrong}"));
    assert!(resolve(&inventory, &roles, &inventory.hosts[1]).is_ok());
    let wrong = resolve(&inventory, &roles, &inventory.hosts[2]).unwrap_err();
    assert!(
        wrong.0[0]
            .message
            .contains("`a_flag` is a variable of the role `a`, which the host `db2` does not have"),
        "{wrong}"
    );
}
