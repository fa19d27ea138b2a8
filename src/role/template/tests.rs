//! Rendering, and errors that say where and never what.

use std::collections::BTreeMap;

use minijinja::Value;

use super::Engine;
use crate::diagnostic::Diagnostic;
use crate::host::PackageVersion;
use crate::role::testing::World;
use crate::secret::{Redactor, Secret};

const MANIFEST: &str =
    "summary: A.\nversions: {p: {}}\nsteps:\n  - {id: one, note: {path: /a, template: t}}\n";

fn engine(template: &str) -> Engine {
    let world = World::new(&[("roles/a/role.yaml", MANIFEST), ("roles/a/templates/t", "x")]);
    let mut role = world.roles(&["a"]).unwrap().0["a"].clone();
    let source = crate::diagnostic::Source::new("t", template);
    role.files
        .insert("templates/t".into(), crate::role::RoleFile::Text(source));
    let packages = BTreeMap::from([(
        "p".to_owned(),
        PackageVersion::Installed("1:2.4.1+dfsg1-6".into()),
    )]);
    let secret = Secret::new("hunter2");
    Engine::new(&role, &packages, Redactor::new([("db", &secret)])).unwrap()
}

fn scope() -> Value {
    [
        ("name", Value::from("example")),
        ("secret", Value::from("hunter2")),
        ("none_at_all", Value::from(())),
        ("list", Value::from(vec!["a", "b"])),
        ("number", Value::from(5)),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
    .collect::<BTreeMap<String, Value>>()
    .into()
}

fn render(template: &str) -> Result<String, Diagnostic> {
    let place = crate::diagnostic::Place {
        source: crate::diagnostic::Source::new("role.yaml", MANIFEST),
        line: 4,
        column: 1,
        length: 1,
    };
    engine(template).file("t", &scope(), &place)
}

fn mistake(template: &str) -> String {
    let wrong = render(template).unwrap_err();
    let place = wrong.place.clone().unwrap();
    assert!(
        !wrong.to_string().replace(template, "").contains("hunter2"),
        "{wrong}"
    );
    format!(
        "{}:{}:{} {}",
        place.line, place.column, place.length, wrong.message
    )
}

#[test]
fn blocks_leave_no_empty_lines_and_the_last_newline_stays() {
    assert_eq!(
        render("a\n  {% if true %}\nb {{ name }}\n  {% endif %}\nc\n").unwrap(),
        "a\nb example\nc\n"
    );
    assert_eq!(render("<{{ '&' }}>\n").unwrap(), "<&>\n");
}

#[test]
fn versions_and_quoting_are_there() {
    assert_eq!(
        render("{{ version('p') }} {{ at_least('p', '2.4') }} {{ at_least('p', '2.5') }}").unwrap(),
        "2.4.1 true false"
    );
    assert_eq!(
        render("{{ \"it's\" | sh_quote }} {{ \"it's\" | sql_quote }}").unwrap(),
        "'it'\\''s' 'it''s'"
    );
    assert!(mistake("{{ version('q') }}").contains("does not name the package `q`"));
}

#[test]
fn what_a_configuration_cannot_mean_is_refused() {
    assert!(
        mistake("a\n{{ none_at_all }}").starts_with("2:4:11 the value is none"),
        "{}",
        mistake("a\n{{ none_at_all }}")
    );
    assert!(mistake("{{ list }}").contains("is a list"));
    assert_eq!(render("{{ list | join(' ') }}").unwrap(), "a b");
}

#[test]
fn an_undefined_variable_is_named_with_its_place() {
    let wrong = mistake("one\ntwo {{ nmae }}\n");
    assert!(wrong.starts_with("2:"), "{wrong}");
    assert!(wrong.contains("nmae"), "{wrong}");
}

#[test]
fn errors_never_quote_values() {
    assert!(mistake("{{ secret + 5 }}").starts_with("1:"));
    assert!(mistake("{{ secret | int }}").starts_with("1:"));
    assert!(mistake("{{ secret.x.y }}").starts_with("1:"));
    assert!(mistake("{{ secret | batch('x') }}").starts_with("1:"));
}

#[test]
fn a_loop_without_end_is_stopped() {
    let wrong = mistake("{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}");
    assert!(wrong.contains("takes too long"), "{wrong}");
}

#[test]
fn one_expression_alone_keeps_its_type() {
    let engine = engine("x");
    let place = crate::diagnostic::Place {
        source: crate::diagnostic::Source::new("role.yaml", MANIFEST),
        line: 1,
        column: 1,
        length: 1,
    };
    let text = |text: &str| engine.text(text, &scope(), &place).unwrap();
    assert_eq!(text("{{ number }}"), Value::from(5));
    assert_eq!(text("{{ number }}!"), Value::from("5!"));
    assert_eq!(text("{{ number }}\n"), Value::from("5\n"));
    assert_eq!(text("{{ list }}"), Value::from(vec!["a", "b"]));
    assert!(text("{{ none_at_all }}").is_none());
}
