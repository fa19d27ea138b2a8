//! role.yaml as a whole.

use indexmap::IndexMap;

use super::folder::{self, Files};
use super::{advice, files, keys, steps, types};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::role::{Assertion, Role, RoleNeed, RoleValue};
use crate::yaml::{self, Node, NodeValue};

const KEYS: [&str; 9] = [
    "summary",
    "description",
    "needs",
    "versions",
    "variables",
    "values",
    "assert",
    "steps",
    "advice",
];

/// Reads a role; `None` when nothing of it makes sense. Mistakes go to `wrong`.
pub fn read(name: &str, mut files: Files, wrong: &mut Diagnostics) -> Option<Role> {
    if !keys::is_name(name, "_-") {
        wrong.push(
            Diagnostic::new(format!("`{name}` is no name for a role"))
                .help("a name has lower-case letters, digits, `_` and `-`, and begins with a letter"),
        );
    }
    let source = match folder::manifest(name, &mut files) {
        Ok(source) => source,
        Err(mistake) => {
            wrong.push(mistake);
            return None;
        }
    };
    let node = match yaml::parse(&source) {
        Ok(node) => node,
        Err(mistakes) => {
            wrong.extend(mistakes);
            return None;
        }
    };
    keys::keys(&node, "a map with `summary`, `steps` …", &KEYS, wrong);
    let summary = match node.get("summary") {
        Some(summary) => keys::text(summary, "a sentence", wrong)
            .unwrap_or_default()
            .trim()
            .to_owned(),
        None => {
            wrong.push(Diagnostic::new(format!("the role `{name}` has no `summary`")).at(&node.place));
            String::new()
        }
    };
    let description = node
        .get("description")
        .and_then(|node| keys::text(node, "a text", wrong))
        .unwrap_or_default()
        .trim()
        .to_owned();
    let role = Role {
        name: name.to_owned(),
        summary,
        description,
        needs: node
            .get("needs")
            .map(|node| needs(node, wrong))
            .unwrap_or_default(),
        versions: node
            .get("versions")
            .map(|node| versions(node, wrong))
            .unwrap_or_default(),
        variables: node
            .get("variables")
            .map(|node| types::declarations(node, "variable", wrong))
            .unwrap_or_default(),
        values: node
            .get("values")
            .map(|node| values(node, wrong))
            .unwrap_or_default(),
        assertions: node
            .get("assert")
            .map(|node| assertions(node, wrong))
            .unwrap_or_default(),
        steps: node
            .get("steps")
            .map(|node| steps::read(node, name, wrong))
            .unwrap_or_default(),
        advice: node
            .get("advice")
            .map(|node| advice::read(node, wrong))
            .unwrap_or_default(),
        files,
        source,
    };
    let declared = node.get("steps").map_or(0, |steps| match &steps.value {
        NodeValue::List(items) => items.len(),
        _ => 0,
    });
    files::check(&role, role.steps.len() == declared, wrong);
    Some(role)
}

fn needs(node: &Node, wrong: &mut Diagnostics) -> Vec<RoleNeed> {
    let mut found: Vec<RoleNeed> = Vec::new();
    for item in keys::list(node, "a list of roles", wrong) {
        let Some(need) = need(item, wrong) else { continue };
        if found.iter().any(|known| known.role == need.role) {
            wrong.push(Diagnostic::new(format!("`{}` stands here twice", need.role)).at(&need.place));
        } else {
            found.push(need);
        }
    }
    found
}

/// `ROLE`, or `{role: ROLE, when: EXPRESSION}`.
fn need(item: &Node, wrong: &mut Diagnostics) -> Option<RoleNeed> {
    let what = "the name of a role, or a map with `role` and `when`";
    if !matches!(item.value, NodeValue::Map(_)) {
        let role = keys::text(item, what, wrong)?;
        return Some(RoleNeed {
            role: role.to_owned(),
            place: item.place.clone(),
            when: None,
        });
    }
    keys::keys(item, what, &["role", "when"], wrong);
    let mut required = |key: &str, what: &str| {
        let Some(node) = item.get(key) else {
            wrong.push(Diagnostic::new(format!("the need has no `{key}`")).at(&item.place));
            return None;
        };
        let text = keys::text(node, what, wrong)?;
        Some((text.to_owned(), node.place.clone()))
    };
    let role = required("role", "the name of a role");
    let when = required("when", "an expression");
    let ((role, place), when) = (role?, when?);
    Some(RoleNeed {
        role,
        place,
        when: Some(when),
    })
}

fn versions(node: &Node, wrong: &mut Diagnostics) -> IndexMap<String, IndexMap<String, String>> {
    let mut found = IndexMap::new();
    for (package, releases) in keys::map(node, "a map of packages", wrong) {
        let mut known = IndexMap::new();
        for (release, version) in keys::map(releases, "a map of releases, `debian-13: \"2.4.1\"`", wrong) {
            let what = "a version in quotes: YAML would read 2.10 as 2.1";
            if let Some(version) = keys::text(version, what, wrong) {
                known.insert(release.name.clone(), version.to_owned());
            }
        }
        found.insert(package.name.clone(), known);
    }
    found
}

fn values(node: &Node, wrong: &mut Diagnostics) -> IndexMap<String, RoleValue> {
    let mut found = IndexMap::new();
    for (key, node) in keys::map(node, "a map of expressions by name", wrong) {
        if !keys::is_name(&key.name, "_") || types::is_reserved(&key.name) {
            wrong.push(Diagnostic::new(format!("`{}` is no name for a value", key.name)).at(&key.place));
        }
        if let Some(expression) = keys::text(node, "an expression", wrong) {
            let value = RoleValue {
                expression: expression.trim().to_owned(),
                place: node.place.clone(),
            };
            found.insert(key.name.clone(), value);
        }
    }
    found
}

fn assertions(node: &Node, wrong: &mut Diagnostics) -> Vec<Assertion> {
    let mut found = Vec::new();
    for item in keys::list(node, "a list of assertions", wrong) {
        let entries = keys::keys(
            item,
            "a map with `that` and `message`",
            &["that", "message", "each", "with"],
            wrong,
        );
        if entries.is_empty() {
            continue;
        }
        let mut required = |key: &str| {
            let value = item
                .get(key)
                .and_then(|node| keys::text(node, "a text", wrong))
                .map(str::to_owned);
            if item.get(key).is_none() {
                wrong.push(Diagnostic::new(format!("the assertion has no `{key}`")).at(&item.place));
            }
            value
        };
        let (that, message) = (required("that"), required("message"));
        let each = item.get("each").and_then(|node| steps::each(node, wrong));
        let with = item
            .get("with")
            .and_then(|node| keys::text(node, "the name of a role", wrong));
        if let (Some(that), Some(message)) = (that, message) {
            found.push(Assertion {
                place: item.get("that").map_or(&item.place, |node| &node.place).clone(),
                that,
                message,
                with: with.map(str::to_owned),
                each,
            });
        }
    }
    found
}
