//! A role's files against the steps that use them: no missing file, and no file that nobody uses.

use std::collections::BTreeSet;

use crate::diagnostic::{Diagnostic, Diagnostics, Place, did_you_mean};
use crate::role::{Role, RoleFile};
use crate::yaml::{Node, NodeValue};

/// Files at the top of a role's folder that belong to nobody and disturb nobody.
const FREE: [&str; 2] = ["README.md", "LICENSE"];

/// Checks the files of `role`. When steps are missing because of mistakes in them (`complete` is false), files may
/// be unused because of that.
pub fn check(role: &Role, complete: bool, wrong: &mut Diagnostics) {
    let mut used: BTreeSet<String> = BTreeSet::new();
    for step in &role.steps {
        for (parameter, folder) in [("template", "templates"), ("source", "files")] {
            if let Some(node) = step.params.get(parameter)
                && let NodeValue::Text { text, .. } = &node.value
            {
                reference(role, folder, text, node, &mut used, wrong);
            }
        }
    }
    includes(role, &mut used);
    for (path, file) in &role.files {
        if path.starts_with("templates/") && matches!(file, RoleFile::Bytes(_)) {
            wrong.push(
                Diagnostic::new(format!("`{path}` of the role `{}` is not UTF-8 text", role.name))
                    .help("put it into `files/` and name it with `source:`"),
            );
        } else if complete && !used.contains(path) && !FREE.contains(&path.as_str()) {
            let mistake = Diagnostic::new(format!(
                "no step of the role `{}` uses its file `{path}`",
                role.name
            ))
            .help("remove it, or name it in a step with `template:` (for `templates/`) or `source:` (for `files/`)");
            wrong.push(match file {
                RoleFile::Text(source) => mistake.at(&Place {
                    source: source.clone(),
                    line: 1,
                    column: 1,
                    length: 1,
                }),
                RoleFile::Bytes(_) => mistake,
            });
        }
    }
}

/// Marks the files that `name`, which may hold expressions, can mean.
fn reference(
    role: &Role,
    folder: &str,
    name: &str,
    node: &Node,
    used: &mut BTreeSet<String>,
    wrong: &mut Diagnostics,
) {
    let pattern = format!("{folder}/{name}");
    let before = used.len();
    if !name.contains("{{") {
        if role.files.contains_key(&pattern) {
            used.insert(pattern);
            return;
        }
    } else {
        let parts = literals(&pattern);
        used.extend(role.files.keys().filter(|path| fits(path, &parts)).cloned());
        if used.len() > before || role.files.keys().any(|path| fits(path, &parts)) {
            return;
        }
    }
    let prefix = format!("{folder}/");
    let names: Vec<&str> = role
        .files
        .keys()
        .filter_map(|path| path.strip_prefix(&prefix))
        .collect();
    let missing = Diagnostic::new(format!("the role `{}` has no `{pattern}`", role.name)).at(&node.place);
    wrong.push(match did_you_mean(name, names.iter().copied()) {
        Some(near) => missing.help(format!("did you mean `{near}`?")),
        None if names.is_empty() => missing.help(format!("the role has no files in `{folder}/`")),
        None => missing.help(format!("there are {}", names.join(", "))),
    });
}

/// What stands between the expressions of a text.
fn literals(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((literal, tail)) = rest.split_once("{{") {
        parts.push(literal);
        rest = tail.split_once("}}").map_or("", |(_, tail)| tail);
    }
    parts.push(rest);
    parts
}

/// Whether `path` begins and ends like `parts`, and has the others in order between.
fn fits(path: &str, parts: &[&str]) -> bool {
    let (Some((first, more)), Some(last)) = (parts.split_first(), parts.last()) else {
        return false;
    };
    let Some(mut rest) = path.strip_prefix(first) else {
        return false;
    };
    for part in more {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    path.ends_with(last)
}

/// Marks the templates that parameters and used templates include, import or extend.
fn includes(role: &Role, used: &mut BTreeSet<String>) {
    let mut open: Vec<&str> = Vec::new();
    for step in &role.steps {
        texts(&step.params, &mut open);
    }
    open.retain(|text| text.contains("{%"));
    open.extend(used.iter().filter_map(|path| match role.files.get(path)? {
        RoleFile::Text(source) if path.starts_with("templates/") => Some(source.text.as_str()),
        _ => None,
    }));
    while let Some(text) = open.pop() {
        for (path, file) in &role.files {
            let (Some(name), RoleFile::Text(source)) = (path.strip_prefix("templates/"), file) else {
                continue;
            };
            let named = [format!("\"{name}\""), format!("'{name}'")];
            if named.iter().any(|named| text.contains(named)) && used.insert(path.clone()) {
                open.push(&source.text);
            }
        }
    }
}

fn texts<'a>(node: &'a Node, found: &mut Vec<&'a str>) {
    match &node.value {
        NodeValue::Text { text, .. } => found.push(text),
        NodeValue::List(items) => items.iter().for_each(|item| texts(item, found)),
        NodeValue::Map(entries) => entries.iter().for_each(|(_, value)| texts(value, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_an_expression_means_every_file_that_fits() {
        let parts = literals("templates/{{ a }}.{{ b }}.conf");
        assert_eq!(parts, ["templates/", ".", ".conf"]);
        assert!(fits("templates/x.y.conf", &parts));
        assert!(!fits("templates/x.y.cf", &parts));
        assert!(!fits("files/x.y.conf", &parts));
    }
}
