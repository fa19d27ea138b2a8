//! The reference of a role, made from its declarations: Markdown, for the terminal and the book alike.

use std::fmt::Write as _;

use super::declare::fit;
use super::{Declaration, Role, Type};
use crate::yaml::{Node, NodeValue};

/// Summary, variables and steps of a role.
pub fn page(role: &Role) -> String {
    let mut text = format!("# {}\n\n{}\n", role.name, role.summary);
    if !role.description.is_empty() {
        let _ = write!(text, "\n{}\n", role.description);
    }
    if !role.needs.is_empty() {
        let needs: Vec<String> = role
            .needs
            .iter()
            .map(|need| match &need.when {
                Some((when, _)) => format!("`{}` (when `{when}`)", need.role),
                None => format!("`{}`", need.role),
            })
            .collect();
        let _ = write!(text, "\nNeeds {}.\n", needs.join(", "));
    }
    if !role.variables.is_empty() {
        text.push_str("\n## Variables\n");
        for declaration in role.variables.values() {
            variable(declaration, 0, &mut text);
        }
    }
    if !role.values.is_empty() {
        text.push_str("\n## Values\n\n");
        for (name, value) in &role.values {
            let _ = writeln!(text, "- `{name}`: `{}`", value.expression);
        }
    }
    if !role.steps.is_empty() {
        text.push_str("\n## Steps\n\n");
        for step in &role.steps {
            let _ = write!(text, "- `{}` ({})", step.id, step.kind.name);
            if let Some(each) = &step.each {
                let _ = write!(text, ", for each {} of `{}`", each.name, each.expression);
            }
            if let Some((when, _)) = &step.when {
                let _ = write!(text, ", when `{when}`");
            }
            if let Some(doc) = &step.doc {
                let _ = write!(text, ": {doc}");
            }
            text.push('\n');
        }
    }
    if !role.advice.is_empty() {
        text.push_str("\n## Advice\n\n");
        for advice in &role.advice {
            let _ = write!(text, "- `{}`: {}", advice.topic, advice.title);
            if let Some(each) = &advice.each {
                let _ = write!(text, ", for each {} of `{}`", each.name, each.expression);
            }
            if let Some((when, _)) = &advice.when {
                let _ = write!(text, ", when `{when}`");
            }
            text.push('\n');
        }
    }
    text
}

fn variable(declaration: &Declaration, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    if depth == 0 {
        text.push('\n');
    }
    let _ = write!(
        text,
        "{indent}- `{}`: {}",
        declaration.name,
        kind(&declaration.ty)
    );
    match &declaration.default {
        Some(default) => {
            let _ = write!(text, ", default `{}`", flow(default));
        }
        None if declaration.optional => text.push_str(", optional"),
        None => text.push_str(", required"),
    }
    if let Some(value) = &declaration.rehearsal {
        let _ = write!(text, ", in rehearsals `{}`", flow(value));
    }
    let _ = writeln!(text, ". {}", declaration.doc);
    if let Some(fields) = fields(&declaration.ty) {
        for field in fields {
            variable(field, depth + 1, text);
        }
    }
}

/// The type in words; the fields of a record are shown below it.
fn kind(ty: &Type) -> String {
    match ty {
        Type::Record(_) => "a map with the fields below".to_owned(),
        Type::List(of) => format!("a list, each {}", kind(of)),
        Type::Map(of) => format!("a map, each value {}", kind(of)),
        other => fit::name(other),
    }
}

fn fields(ty: &Type) -> Option<impl Iterator<Item = &Declaration>> {
    match ty {
        Type::Record(fields) => Some(fields.values()),
        Type::List(of) | Type::Map(of) => match of.as_ref() {
            Type::Record(fields) => Some(fields.values()),
            _ => None,
        },
        _ => None,
    }
}

/// A value on one line, as it can be written in an inventory.
pub fn flow(node: &Node) -> String {
    match &node.value {
        NodeValue::List(items) => {
            let items: Vec<String> = items.iter().map(flow).collect();
            format!("[{}]", items.join(", "))
        }
        NodeValue::Map(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|(key, value)| format!("{}: {}", key.name, flow(value)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
        NodeValue::Text { text, .. } if text.is_empty() => "\"\"".to_owned(),
        NodeValue::Text { text, .. } => text.clone(),
        _ => serde_json::to_string(&node.to_value()).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::role::testing::World;

    #[test]
    fn the_page_shows_variables_with_their_fields_and_steps() {
        let world = World::new(&[(
            "roles/a/role.yaml",
            r#"
summary: A role.
variables:
  a_list:
    type: list
    of: {type: record, fields: {name: {type: domain, doc: Its name.}}}
    default: [{name: x.org}]
    doc: A list.
  a_text: {type: text, doc: A text.}
steps:
  - {id: one, doc: Why., when: a_text, each: a_list as item, note: {path: /a}}
"#,
        )]);
        let roles = world.roles(&["a"]).unwrap();
        assert_eq!(
            page(&roles.0["a"]),
            "# a\n\nA role.\n\n## Variables\n\n- `a_list`: a list, each a map with the fields below, default `[{name: \
             x.org}]`. A list.\n  - `name`: a domain, like example.org, required. Its name.\n\n- `a_text`: a text, \
             required. A text.\n\n## Steps\n\n- `one` (note), for each item of `a_list`, when `a_text`: Why.\n"
        );
    }
}
