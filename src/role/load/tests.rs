//! Roles in temporary folders, right and wrong.

use crate::role::testing::{World, lines};
use crate::role::{NeedOn, Type};

const MINIMAL: &str = "summary: Nothing.\n";

fn mistakes(files: &[(&str, &str)], wanted: &[&str]) -> Vec<String> {
    lines(&World::new(files).roles(wanted).unwrap_err())
}

/// Mistakes of one role `a` with this role.yaml.
fn of(manifest: &str) -> Vec<String> {
    mistakes(&[("roles/a/role.yaml", manifest)], &["a"])
}

#[test]
fn a_role_is_read_whole() {
    let world = World::new(&[
        (
            "roles/a/role.yaml",
            r#"
summary: A role.
needs: [b]
versions: {p: {debian-13: "1.0"}}
variables:
  a_hosts:
    type: list
    of: {type: record, fields: {name: {type: hostname, doc: Its name.}}}
    default: []
    doc: Hosts.
assert:
  - {that: "a_hosts | length < 9", message: Too many.}
steps:
  - id: one
    each: a_hosts as item
    when: item.name != b_name
    needs: [b/first, {role: b}, {role: b, host: other}]
    note: {path: /a, template: "x.{{ facts.distribution }}.conf"}
"#,
        ),
        ("roles/a/templates/x.debian.conf", "{% include 'inc.conf' %}\n"),
        ("roles/a/templates/inc.conf", "{{ item.name }} {{ b_name }}\n"),
        (
            "roles/b/role.yaml",
            "summary: B.\nvariables: {b_name: {type: text, doc: Name., default: x}}\nsteps: [{id: first, note: {path: /b, source: s}}]\n",
        ),
        ("roles/b/files/s", "bytes"),
        ("roles/b/files/.s.swp", "an editor's"),
    ]);
    let roles = world.roles(&["a"]).unwrap();
    assert_eq!(roles.0.keys().collect::<Vec<_>>(), ["b", "a"]);
    let role = &roles.0["a"];
    assert!(matches!(role.variables["a_hosts"].ty, Type::List(_)));
    assert_eq!(role.steps[0].needs.len(), 3);
    assert!(matches!(role.steps[0].needs[2].on, NeedOn::RoleOnHost { .. }));
    let scope: Vec<_> = roles.scope("a").map(|d| d.name.as_str()).collect();
    assert_eq!(scope, ["b_name", "a_hosts"]);
}

#[test]
fn all_mistakes_of_a_role_are_found_at_once() {
    let wrong = of(r#"
sumary: A role.
variables:
  a_x: {type: txt, doc: X.}
  a_y: {type: int, default: five, doc: Y.}
  a_z: {type: bool}
  a_l: {type: list, doc: L.}
  host: {type: text, doc: H.}
steps:
  - {id: one, nothing: {}}
  - {id: one, note: {path: /a, content: x}, needs: [twoo]}
  - {id: two, note: {path: /b, template: gone}, each: everything}
  - {note: {path: /c}}
"#);
    let expected = [
        "2: unknown key `sumary` | did you mean `summary`?",
        "4: there is no type `txt` | did you mean `text`?",
        "5: `a_y`: expected a whole number, found a text",
        "6: the variable `a_z` is not documented | say in `doc:` what it is for: the reference and error messages show it",
        "7: the type `list` needs `of:`",
        "8: `host` means something else in templates, so no variable can be called that",
        "10: unknown key `nothing`",
        "12: expected `EXPRESSION as NAME`, found `everything` | for example `mail_domains as domain`",
        "12: the role `a` has no `templates/gone` | the role has no files in `templates/`",
        "13: the step has no `id` | give it a name that is unique in its role: the plan and `needs` use it",
        "11: the role `a` has no step `twoo` | did you mean `two`?",
    ];
    for expected in expected {
        assert!(
            wrong.iter().any(|found| found.starts_with(expected)),
            "{expected}\nnot in\n{}",
            wrong.join("\n")
        );
    }
}

#[test]
fn two_steps_with_one_id_are_refused() {
    let wrong = of("summary: A.\nsteps:\n  - {id: one, note: {path: /a}}\n  - {id: one, note: {path: /b}}\n");
    assert_eq!(
        wrong,
        ["4: there are two steps `one` | the first one is at line 3"]
    );
}

#[test]
fn a_circle_of_roles_is_shown_whole() {
    let wrong = mistakes(
        &[
            ("roles/a/role.yaml", "summary: A.\nneeds: [b]\n"),
            ("roles/b/role.yaml", "summary: B.\nneeds: [c]\n"),
            ("roles/c/role.yaml", "summary: C.\nneeds: [b]\n"),
        ],
        &["a"],
    );
    assert_eq!(wrong, ["2: roles need each other in a circle: b → c → b"]);
    assert_eq!(of("summary: A.\nneeds: [a]\n"), ["2: the role `a` needs itself"]);
}

#[test]
fn an_unknown_role_gets_a_suggestion() {
    let wrong = mistakes(&[("roles/certs/role.yaml", MINIMAL)], &["cetrs"]);
    assert_eq!(wrong, ["1: there is no role `cetrs` | did you mean `certs`?"]);
}

#[test]
fn a_file_that_no_step_uses_is_a_mistake() {
    let wrong = mistakes(
        &[
            ("roles/a/role.yaml", MINIMAL),
            ("roles/a/templates/old.conf", "x"),
        ],
        &["a"],
    );
    assert!(
        wrong[0].contains("no step of the role `a` uses its file `templates/old.conf`"),
        "{wrong:?}"
    );
}

#[test]
fn undeclared_variables_are_found_without_any_host() {
    let wrong = mistakes(
        &[
            (
                "roles/a/role.yaml",
                "summary: A.\nvariables: {a_name: {type: text, doc: N.}}\nsteps:\n  - id: one\n    when: a_nmae == 'x'\n    note: {path: \"/{{ other }}\", template: t}\n",
            ),
            (
                "roles/a/templates/t",
                "# name\n{% set mine = 1 %}\n{% include 'inc' %}\n{% for x in a_name %}{{ x }}{% endfor %}\n",
            ),
            ("roles/a/templates/inc", "{{ mine }}\nname = {{ a_namee }}\n"),
        ],
        &["a"],
    );
    let declared = "is not declared by the role `a` or a role that it needs";
    assert_eq!(
        wrong,
        [
            format!("5: `a_nmae` {declared} | did you mean `a_name`?"),
            format!("6: `other` {declared} | declare it in `variables:` of role.yaml"),
            format!("2: `a_namee` {declared} | did you mean `a_name`?"),
        ]
    );
}

#[test]
fn a_variable_has_one_declaration() {
    let wrong = mistakes(
        &[
            (
                "roles/a/role.yaml",
                "summary: A.\nneeds: [b]\nvariables: {x: {type: text, doc: X.}}\n",
            ),
            (
                "roles/b/role.yaml",
                "summary: B.\nvariables: {x: {type: int, doc: X.}}\n",
            ),
        ],
        &["a"],
    );
    assert!(
        wrong[0].starts_with("3: the role `a` declares `x` otherwise than the role `b` does"),
        "{wrong:?}"
    );
}

#[test]
fn an_earlier_folder_wins_file_by_file() {
    let world = World::new(&[
        (
            "roles/a/role.yaml",
            "summary: A.\nsteps: [{id: one, note: {path: /a, template: t}}]\n",
        ),
        ("roles/a/templates/t", "outer"),
        ("mine/a/templates/t", "inner"),
    ]);
    let folders = [world.folder().join("mine"), world.folder().join("roles")];
    let place = world.roles(&["a"]).unwrap().0["a"].steps[0].place.clone();
    let roles = super::Roles::load(&folders, &[("a".into(), place)]).unwrap();
    let Some(crate::role::RoleFile::Text(source)) = roles.0["a"].files.get("templates/t") else {
        panic!("no text");
    };
    assert_eq!(source.text, "inner");
}

#[test]
fn the_built_in_roles_are_right() {
    if let Err(wrong) = super::Roles::built_in() {
        panic!("{wrong}");
    }
}

#[test]
fn the_example_of_the_book_is_a_role() {
    let page = include_str!("../../../book/src/roles.md");
    let example = page
        .split("```yaml\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    let world = World::new(&[
        ("roles/web/role.yaml", example.unwrap()),
        ("roles/web/templates/site.conf", "server_name {{ page.name }};\n"),
    ]);
    if let Err(wrong) = world.roles(&["web"]) {
        panic!("{wrong}");
    }
}

#[test]
fn a_condition_of_a_need_knows_certain_variables_alone() {
    let with = |when: &str| {
        mistakes(
            &[
                (
                    "roles/a/role.yaml",
                    &format!(
                        "summary: A.\nneeds: [{{role: b, when: \"{when}\"}}]\nvariables: {{a_name: {{type: text, doc: N.}}}}\n"
                    ),
                ),
                (
                    "roles/b/role.yaml",
                    "summary: B.\nvariables: {b_name: {type: text, doc: N.}}\n",
                ),
            ],
            &["a"],
        )
    };
    assert_eq!(
        with("a_nmae == 'x'"),
        ["2: `a_nmae` is no variable that the role `a` has in any case | did you mean `a_name`?"]
    );
    for other in ["b_name == 'x'", "facts.memory > 1"] {
        assert_eq!(with(other).len(), 1, "{other}");
    }
    assert!(with("a_name ==")[0].contains("the condition can't be read"));
    assert_eq!(
        of("summary: A.\nneeds: [{role: b}, {when: x}]\n"),
        ["2: the need has no `when`", "2: the need has no `role`"]
    );
}
