use proptest::prelude::*;

use super::*;

fn parsed(text: &str) -> Node {
    parse(&Source::new("t.yaml", text)).unwrap_or_else(|d| panic!("{d}"))
}

fn mistakes(text: &str) -> String {
    match parse(&Source::new("t.yaml", text)) {
        Ok(node) => panic!("no mistake found: {node:?}"),
        Err(diagnostics) => diagnostics.to_string(),
    }
}

fn at(node: &Node) -> (usize, usize, usize) {
    (node.place.line, node.place.column, node.place.length)
}

#[test]
fn places_cover_the_value() {
    let node = parsed(
        "a: hello world # c\nlist:\n- 1\n- [x, yy]\nmap:\n  käse: \"ü\"\nblock: |\n  text\nempty:\nflow: {p: 0644}\n",
    );
    assert_eq!(at(node.get("a").unwrap()), (1, 4, 11));
    let list = node.get("list").unwrap();
    assert_eq!(at(list), (3, 1, 1));
    let NodeValue::List(items) = &list.value else {
        panic!()
    };
    assert_eq!(at(&items[0]), (3, 3, 1));
    assert_eq!(at(&items[1]), (4, 3, 7));
    let map = node.get("map").unwrap();
    assert_eq!(at(map), (6, 3, 4));
    assert_eq!(at(map.get("käse").unwrap()), (6, 9, 3));
    assert_eq!(at(node.get("block").unwrap()), (8, 3, 4));
    assert_eq!(at(node.get("empty").unwrap()), (9, 1, 5));
    let flow = node.get("flow").unwrap();
    assert_eq!(at(flow), (10, 7, 9));
    let mode = flow.get("p").unwrap();
    assert_eq!(mode.value, NodeValue::Int(644));
    assert_eq!(mode.written(), "0644");
}

#[test]
fn a_byte_order_mark_shifts_nothing() {
    let node = parsed("\u{feff}a: b\nc: d\n");
    assert_eq!(node.get("a").unwrap().written(), "b");
    assert_eq!(at(node.get("c").unwrap()), (2, 4, 1));
}

#[test]
fn windows_line_ends() {
    let node = parsed("a: b\r\nc: d\r\n");
    assert_eq!(node.get("a").unwrap().to_value(), Value::Text("b".into()));
    assert_eq!(node.get("c").unwrap().written(), "d");
}

#[test]
fn both_places_of_a_duplicate_are_named() {
    assert_eq!(
        mistakes("a: 1\nb: 2\na: 3\n"),
        "error: duplicate key `a`\n --> t.yaml:3:1\n  |\n3 | a: 3\n  | ^\n  help: it is already defined at t.yaml:1:1; remove or rename one of the two",
    );
    assert!(mistakes("{1: a, \"1\": b}").contains("duplicate key `1`"));
}

#[test]
fn all_mistakes_of_a_document_are_found() {
    let text = mistakes("a: !foo x\na: 1\nb: !!str 5\n? [x]\n: y\nc: 99999999999999999999\n<<: z\n");
    for part in [
        "unknown tag `!foo`",
        "duplicate key `a`",
        "unknown tag `!!str`",
        "can't be a key",
        "too large",
        "merge keys",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn secrets() {
    let node = parsed("p: !secret db_password\nq: !secret 'x'\n");
    assert_eq!(
        node.get("p").unwrap().value,
        NodeValue::Secret("db_password".into())
    );
    assert_eq!(node.get("q").unwrap().value, NodeValue::Secret("x".into()));
    assert!(mistakes("p: !secret\nq: 1\n").contains("t.yaml:1:1"));
    assert!(mistakes("p: !secret {a: b}\n").contains("unknown tag"));
    assert!(mistakes("p: !secret a b\n").contains("needs the name"));
}

#[test]
fn aliases_repeat_values_and_bombs_are_refused() {
    let node = parsed("a: &x [1, 2]\nb: *x\n");
    assert_eq!(
        node.get("a").unwrap().to_value(),
        node.get("b").unwrap().to_value()
    );
    assert!(mistakes("a: &x [*x]\n").contains("inside the value"));
    assert!(mistakes("a: *nope\n").contains("anchor that doesn't exist"));
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for i in 1..30 {
        let items = vec![format!("*a{}", i - 1); 10].join(", ");
        bomb.push_str(&format!("a{i}: &a{i} [{items}]\n"));
    }
    assert!(mistakes(&bomb).contains("more than 1000000 values"));
    let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), "*a, ".repeat(20));
    assert!(mistakes(&long).contains("aliases repeat more than 16 MiB of text"));
    let long = format!(
        "a: &a {{{}: 1}}\nb: [{}]\n",
        "x".repeat(900),
        "*a, ".repeat(20_000)
    );
    assert!(mistakes(&long).contains("aliases repeat more than 16 MiB of text"));
    let mut tower = "a0: &a0 [x]\n".to_owned();
    for i in 1..100 {
        tower.push_str(&format!("a{i}: &a{i} [*a{}]\n", i - 1));
    }
    assert!(mistakes(&tower).contains("nested more than 64"));
}

#[test]
fn deep_nesting_is_refused() {
    assert!(mistakes(&"- ".repeat(100_000)).contains("nested more than 64"));
    assert!(mistakes(&"[".repeat(200)).contains("nested more than 64"));
    assert!(mistakes(&"{a: ".repeat(200)).contains("nested more than 64"));
}

#[test]
fn a_long_line_costs_no_more_than_many_short_ones() {
    let NodeValue::List(items) = parsed(&format!("[{}]", "1,".repeat(400_000))).value else {
        panic!()
    };
    assert_eq!(items.len(), 400_000);
}

#[test]
fn keys_keep_their_text() {
    let node = parsed("25: a\ntrue: b\n0644: c\nnull: d\n");
    let NodeValue::Map(entries) = &node.value else {
        panic!()
    };
    let names: Vec<&str> = entries.iter().map(|(key, _)| key.name.as_str()).collect();
    assert_eq!(names, ["25", "true", "0644", "null"]);
    assert!(mistakes(": x\n").contains("key is missing"));
}

#[test]
fn nul_and_control_characters_are_refused() {
    assert!(mistakes("a: b\0c\nd: e\n").contains("U+0000"));
    assert!(mistakes("a: \"b\\0c\"\n").contains("NUL"));
    assert!(mistakes("a: b\rc: d\n").contains("U+000D"));
}

#[test]
fn syntax_errors_have_place_and_help() {
    for (text, place, part) in [
        ("a:\n\tb: c\n", "t.yaml:2:", "a tab"),
        ("a: b: c\n", "t.yaml:1:5", "`:` stands where no key can be"),
        ("a: \"b\nc: d\n", "t.yaml:", "not closed"),
        ("a: [1, 2\nb: 3\n", "t.yaml:", "`[`"),
        ("a: {b: 1\nc: 2\n", "t.yaml:", "`{`"),
        ("a: {{ b }}\n", "t.yaml:1:", "in quotes"),
        ("a: {{ b }}/x\n", "t.yaml:1:", "in quotes"),
        ("a: @b\n", "t.yaml:1:4", "in quotes"),
        ("a: \"\\d\"\n", "t.yaml:1:", "escape"),
        ("a: 1\n  b: 2\n", "t.yaml:2:", "`:`"),
        ("---\na: 1\n---\nb: 2\n", "t.yaml:3:1", "second document"),
    ] {
        let found = mistakes(text);
        assert!(found.contains(place), "{place} in\n{found}");
        assert!(found.contains(part), "{part} in\n{found}");
        assert!(found.contains("help:"), "{found}");
    }
}

#[test]
fn booleans_say_what_yes_is() {
    let node = parsed("a: yes\nb: off\nc: 3\n");
    assert_eq!(
        node.get("a")
            .unwrap()
            .expect_bool("a")
            .unwrap_err()
            .help
            .as_deref(),
        Some("write true, without quotes")
    );
    assert!(
        node.get("b")
            .unwrap()
            .expect_bool("b")
            .unwrap_err()
            .help
            .unwrap()
            .contains("false")
    );
    assert!(
        node.get("c")
            .unwrap()
            .expect_text("c")
            .unwrap_err()
            .message
            .contains("the whole number `3`")
    );
}

#[test]
fn an_empty_document_is_nothing() {
    for text in ["", "\n", "# c\n", "---\n", "\u{feff}"] {
        assert_eq!(parsed(text).value, NodeValue::Null, "{text:?}");
    }
}

fn check(text: &str) -> Result<(), TestCaseError> {
    let source = Source::new("p.yaml", text);
    let lines = source.text.lines().count().max(1);
    match parse(&source) {
        Ok(node) => walk(&node, lines),
        Err(diagnostics) => {
            prop_assert!(!diagnostics.is_empty());
            for diagnostic in &diagnostics.0 {
                let place = diagnostic.place.as_ref().expect("every mistake has a place");
                prop_assert!(
                    place.line >= 1 && place.line <= lines && place.column >= 1 && place.length >= 1
                );
                let _ = diagnostic.to_string();
            }
            Ok(())
        }
    }
}

fn walk(node: &Node, lines: usize) -> Result<(), TestCaseError> {
    prop_assert!(node.place.line >= 1 && node.place.line <= lines && node.place.length >= 1);
    let _ = (node.written(), node.found(), node.to_value());
    match &node.value {
        NodeValue::List(items) => items.iter().try_for_each(|n| walk(n, lines)),
        NodeValue::Map(entries) => entries.iter().try_for_each(|(_, n)| walk(n, lines)),
        _ => Ok(()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        check(&text)?;
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        check(&String::from_utf8_lossy(&bytes))?;
    }

    #[test]
    fn anything_made_of_yaml_is_read_or_refused(
        text in "([ \t\n]|[-:?,#&*!|>'\"%@`{}]|[\\[\\]]|\n  |- |: |a|b|1|\\\\|!secret |&a |\\*a|\\| |>-|---|\\.\\.\\.|%YAML |%TAG |<<|\r\n|ü|\u{feff}|\\\\x|%F|!<){0,60}"
    ) {
        check(&text)?;
    }
}
