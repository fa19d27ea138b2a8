//! The steps of a role, as role.yaml writes them. Parameters stay templates here.

use std::collections::BTreeMap;

use super::{keys, types};
use crate::diagnostic::{Diagnostic, Diagnostics, Place};
use crate::role::{Each, Need, NeedOn, StepDeclaration};
use crate::step::gone::Holds;
use crate::step::kind::{self, Kind};
use crate::yaml::{Key, Node, NodeValue};

const KEYS: [&str; 6] = ["id", "doc", "when", "each", "needs", "holds"];

/// The steps of the role `role`.
pub fn read(node: &Node, role: &str, wrong: &mut Diagnostics) -> Vec<StepDeclaration> {
    let mut ids: BTreeMap<String, Place> = BTreeMap::new();
    let mut found = Vec::new();
    for item in keys::list(node, "a list of steps", wrong) {
        let Some(step) = step(item, role, wrong) else {
            continue;
        };
        if let Some(first) = ids.get(&step.id) {
            wrong.push(
                Diagnostic::new(format!("there are two steps `{}`", step.id))
                    .at(&step.place)
                    .help(format!("the first one is at line {}", first.line)),
            );
        } else {
            ids.insert(step.id.clone(), step.place.clone());
        }
        found.push(step);
    }
    found
}

fn step(node: &Node, role: &str, wrong: &mut Diagnostics) -> Option<StepDeclaration> {
    let entries = keys::map(node, "a step: a map with `id` and a kind", wrong);
    if entries.is_empty() {
        return None;
    }
    let kind = kind_of(node, entries, wrong);
    let id = match node.get("id") {
        Some(id) => keys::text(id, "a name", wrong).map(|text| (text.to_owned(), id.place.clone())),
        None => {
            wrong.push(
                Diagnostic::new("the step has no `id`")
                    .at(&node.place)
                    .help("give it a name that is unique in its role: the plan and `needs` use it"),
            );
            None
        }
    };
    if let Some((id, place)) = &id
        && !keys::is_name(id, "_-.")
    {
        wrong.push(
            Diagnostic::new(format!("`{id}` is no name for a step"))
                .at(place)
                .help("a name has lower-case letters, digits, `-`, `_` and `.`, and begins with a letter"),
        );
    }
    let when = node.get("when").and_then(|node| match &node.value {
        NodeValue::Bool(value) => Some((value.to_string(), node.place.clone())),
        _ => keys::text(node, "a condition", wrong).map(|text| (text.to_owned(), node.place.clone())),
    });
    let doc = node
        .get("doc")
        .and_then(|node| keys::text(node, "a sentence", wrong))
        .map(|doc| doc.trim().to_owned());
    let each = node.get("each").and_then(|node| each(node, wrong));
    let needs = node
        .get("needs")
        .map(|node| needs(node, role, wrong))
        .unwrap_or_default();
    let ((id, place), (kind, params)) = (id?, kind?);
    let holds = node.get("holds").and_then(|node| holds(node, kind, wrong));
    Some(StepDeclaration {
        id,
        place,
        doc,
        kind,
        params,
        when,
        each,
        needs,
        holds,
    })
}

/// `data` or `scratch`.
fn holds(node: &Node, kind: &Kind, wrong: &mut Diagnostics) -> Option<Holds> {
    match keys::text(node, "`data` or `scratch`", wrong)? {
        "data" => Some(Holds::Data),
        "scratch" if kind.name == "directory" => Some(Holds::Scratch),
        "scratch" => {
            wrong.push(
                Diagnostic::new(format!("a {} holds nothing that could be scratch", kind.name))
                    .at(&node.place)
                    .help("only a directory goes together with what is in it"),
            );
            None
        }
        other => {
            wrong.push(
                Diagnostic::new(format!("expected `data` or `scratch`, found `{other}`"))
                    .at(&node.place)
                    .help("`data` is people's and stays when the role is taken away; `scratch` is worth nothing"),
            );
            None
        }
    }
}

/// The one key of a step that names its kind, and its parameters.
fn kind_of(node: &Node, entries: &[(Key, Node)], wrong: &mut Diagnostics) -> Option<(&'static Kind, Node)> {
    let known: Vec<&str> = KEYS
        .into_iter()
        .chain(kind::ALL.iter().map(|kind| kind.name))
        .collect();
    let mut found: Option<(&'static Kind, Node)> = None;
    let mut unknown = false;
    for (key, params) in entries {
        if KEYS.contains(&key.name.as_str()) {
            continue;
        }
        let Some(kind) = kind::find(&key.name) else {
            unknown = true;
            wrong.push(keys::unknown(key, &known));
            continue;
        };
        if let Some((first, _)) = &found {
            wrong.push(
                Diagnostic::new(format!(
                    "a step is of one kind, this one is `{}` and `{}`",
                    first.name, kind.name
                ))
                .at(&key.place),
            );
            continue;
        }
        // A missing parameter is shown at the kind's name rather than at its first parameter.
        let mut params = params.clone();
        keys::map(&params, "a map of parameters", wrong);
        params.place = key.place.clone();
        found = Some((kind, params));
    }
    if found.is_none() && !unknown {
        let kinds: Vec<&str> = kind::ALL.iter().map(|kind| kind.name).collect();
        wrong.push(
            Diagnostic::new("the step has no kind")
                .at(&node.place)
                .help(format!("add one of {}", kinds.join(", "))),
        );
    }
    found
}

/// `EXPRESSION as NAME`.
pub fn each(node: &Node, wrong: &mut Diagnostics) -> Option<Each> {
    let text = keys::text(node, "`EXPRESSION as NAME`", wrong)?;
    let parts = text
        .rsplit_once(" as ")
        .map(|(expression, name)| (expression.trim(), name.trim()));
    match parts {
        Some((expression, name))
            if !expression.is_empty() && keys::is_name(name, "_") && !types::is_reserved(name) =>
        {
            Some(Each {
                expression: expression.to_owned(),
                name: name.to_owned(),
                place: node.place.clone(),
            })
        }
        _ => {
            wrong.push(
                Diagnostic::new(format!("expected `EXPRESSION as NAME`, found `{text}`"))
                    .at(&node.place)
                    .help("for example `mail_domains as domain`"),
            );
            None
        }
    }
}

fn needs(node: &Node, role: &str, wrong: &mut Diagnostics) -> Vec<Need> {
    let mut found = Vec::new();
    for item in keys::list(node, "a list of steps", wrong) {
        let on = match &item.value {
            NodeValue::Text { text, .. } => {
                let (role, step) = text.split_once('/').unwrap_or((role, text));
                Some(NeedOn::Step {
                    role: role.to_owned(),
                    step: step.to_owned(),
                })
            }
            NodeValue::Map(_) => need_on_role(item, wrong),
            _ => {
                wrong.push(keys::expected(
                    item,
                    "`step`, `role/step`, `{role: ROLE}` or `{role: ROLE, host: HOST}`",
                ));
                None
            }
        };
        found.extend(on.map(|on| Need {
            on,
            place: item.place.clone(),
        }));
    }
    found
}

fn need_on_role(node: &Node, wrong: &mut Diagnostics) -> Option<NeedOn> {
    keys::keys(node, "a map", &["role", "host"], wrong);
    let Some(role) = node.get("role") else {
        wrong.push(Diagnostic::new("the need names no `role`").at(&node.place));
        return None;
    };
    let role = keys::text(role, "the name of a role", wrong)?.to_owned();
    match node.get("host") {
        None => Some(NeedOn::Role { role }),
        Some(host) => Some(NeedOn::RoleOnHost {
            role,
            host: keys::text(host, "the name of a host", wrong)?.to_owned(),
        }),
    }
}
