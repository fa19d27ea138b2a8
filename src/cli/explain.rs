//! `mailprov explain`: where a value came from; why a step is there and what it waits for.

use std::fmt::Write as _;

use super::common::{Failure, Global, InventoryArgs, columns, exit_codes, print, unknown_name};
use crate::diagnostic::Diagnostics;
use crate::exit::Exit;
use crate::graph::StepGraph;
use crate::inventory::{Inventory, InventoryHost};
use crate::role::bind;
use crate::role::declare::{declarations, fit};
use crate::role::load::Roles;
use crate::role::{Declaration, Type};
use crate::yaml::{Node, NodeValue};

/// Explain where a variable's value comes from, or why a step is there
///
/// For a variable: its value on a host, the place that set it, what it won over, and what the role says of it.
/// For a step: its kind, its place in the role, what it waits for and why, and what waits for it. No host is
/// contacted and no secret is shown.
#[derive(Debug, clap::Args)]
#[command(after_long_help = format!("Examples:
  mailprov explain inventory.yaml mx1 mail_hostname
  mailprov explain inventory.yaml mx1 postfix/main
  mailprov explain inventory.yaml mx1 main-cf

{}", exit_codes(&[Exit::Done, Exit::Usage, Exit::Invalid])))]
pub struct Args {
    #[command(flatten)]
    inventory: InventoryArgs,
    /// A host of the inventory
    #[arg(add = super::candidates::hosts())]
    host: String,
    /// A variable, or a step: STEP or ROLE/STEP, an item of a repeated step as STEP[ITEM]
    #[arg(value_name = "VARIABLE|STEP")]
    what: String,
}

pub async fn run(args: Args, _global: &Global) -> Result<Exit, Failure> {
    let (inventory, roles) = args.inventory.load()?;
    let names = || inventory.hosts.iter().map(|host| host.name.as_str());
    let Some(host) = inventory.hosts.iter().find(|host| host.name == args.host) else {
        return Err(unknown_name("host", &args.host, names().collect::<Vec<_>>()));
    };
    if let Some(text) = variable(&inventory, &roles, host, &args.what)? {
        print(&text)?;
        return Ok(Exit::Done);
    }
    let graph = bind::graph(&inventory, &roles)?;
    let steps: Vec<String> = graph
        .of_host(&host.name)
        .into_iter()
        .filter(|step| {
            let step = graph.step(*step);
            step.matches(&args.what, &step.id.role)
        })
        .map(|step| explain_step(&graph, step))
        .collect();
    if steps.is_empty() {
        let declared = declarations(&roles, host);
        let ids: Vec<String> = graph
            .of_host(&host.name)
            .into_iter()
            .map(|step| graph.step(step).id.to_string())
            .collect();
        let known: Vec<&str> = declared
            .keys()
            .copied()
            .chain(ids.iter().map(String::as_str))
            .collect();
        return Err(unknown_name("variable or step", &args.what, known));
    }
    print(&steps.join("\n"))?;
    Ok(Exit::Done)
}

/// `None` when there is no such variable on the host.
///
/// # Errors
/// The value is a mistake: it may be a secret that stands there in clear, so it isn't shown.
fn variable(
    inventory: &Inventory,
    roles: &Roles,
    host: &InventoryHost,
    name: &str,
) -> Result<Option<String>, Diagnostics> {
    let declared = declarations(roles, host).get(name).copied();
    let set = host.variables.0.get(name);
    if declared.is_none() && set.is_none() {
        return Ok(None);
    }
    let mistakes = |node: &Node| {
        let mut wrong = Diagnostics::default();
        if let Some((_, declaration)) = declared {
            fit::fit(&declaration.ty, node, name, &mut wrong);
        }
        wrong
    };
    let mut text = format!("{name} on {}\n\n", host.name);
    match set {
        Some(variable) => {
            let optional =
                declared.is_some_and(|(_, d)| d.optional) && variable.node.value == NodeValue::Null;
            let wrong = mistakes(&variable.node);
            if !wrong.is_empty() && !optional {
                return Err(wrong);
            }
            line(&mut text, "value", &value(&variable.node));
            line(
                &mut text,
                "from",
                &format!("{}, {}", variable.origin, variable.key),
            );
            for (origin, node) in &variable.overridden {
                line(
                    &mut text,
                    "over",
                    &format!("{origin}, {}: {}", node.place, value(node)),
                );
            }
        }
        None => {
            if let Some((_, declaration)) = declared {
                unset(&mut text, inventory, declaration);
            }
        }
    }
    match declared {
        Some((role, declaration)) => {
            line(&mut text, "role", &format!("{role}, {}", declaration.place));
            line(&mut text, "type", &fit::name(&declaration.ty));
            line(
                &mut text,
                "default",
                &match &declaration.default {
                    Some(default) => value(default),
                    None if declaration.optional => "none; it may be left out".to_owned(),
                    None => "none; it must be set".to_owned(),
                },
            );
            line(&mut text, "doc", declaration.doc.trim_end());
        }
        None => line(&mut text, "role", "no role of this host declares it"),
    }
    Ok(Some(text))
}

/// What a variable is that the inventory doesn't set.
fn unset(text: &mut String, inventory: &Inventory, declaration: &Declaration) {
    let name = &declaration.name;
    let in_file = inventory.secrets.entries.get(name);
    match (&declaration.default, in_file) {
        (Some(default), _) => {
            line(text, "value", &value(default));
            line(text, "from", &format!("the role's default, {}", default.place));
        }
        (None, Some(entry)) if declaration.ty == Type::Secret => {
            line(text, "value", &format!("!secret {name}"));
            line(
                text,
                "from",
                &format!("the secret of the same name, {}", entry.place),
            );
        }
        (None, _) => {
            line(text, "value", "none");
            let nothing = "nothing sets it".to_owned();
            let from = match declaration.ty {
                Type::Secret if !declaration.optional => {
                    let set = inventory.secrets.command(&format!("set {name}"));
                    format!("{nothing}; add it with `{set}`")
                }
                _ => nothing,
            };
            line(text, "from", &from);
        }
    }
}

fn explain_step(graph: &StepGraph, index: usize) -> String {
    let step = graph.step(index);
    let mut text = format!("{} on {}\n\n", step.id, step.id.host);
    line(&mut text, "kind", step.kind.name);
    line(&mut text, "promise", &step.step.summary());
    if let Some(doc) = &step.doc {
        line(&mut text, "doc", doc.trim_end());
    }
    line(&mut text, "place", &step.place.to_string());
    let name = |other: usize| {
        let other = graph.step(other);
        if other.id.host == step.id.host {
            other.id.to_string()
        } else {
            format!("{} on {}", other.id, other.id.host)
        }
    };
    section(
        &mut text,
        "waits for",
        graph
            .needs(index)
            .into_iter()
            .map(|(other, reason)| (name(other), reason.to_string())),
    );
    section(
        &mut text,
        "waited for by",
        graph.needed_by(index).into_iter().map(|other| {
            let reason = graph.needs(other).into_iter().find(|(need, _)| *need == index);
            (
                name(other),
                reason.map(|(_, reason)| reason.to_string()).unwrap_or_default(),
            )
        }),
    );
    text
}

/// `value` as YAML. What isn't a word or `[]` begins on a line of its own.
fn value(node: &Node) -> String {
    let yaml = serde_yaml::to_string(&node.to_value()).unwrap_or_default();
    let yaml = yaml.trim_end();
    if yaml.contains('\n') || yaml.starts_with("- ") {
        format!("\n{yaml}")
    } else {
        yaml.to_owned()
    }
}

fn line(text: &mut String, label: &str, value: &str) {
    let mut lines = value.lines();
    let _ = writeln!(
        text,
        "{}",
        format!("{label:<8} {}", lines.next().unwrap_or_default()).trim_end()
    );
    for line in lines {
        let _ = writeln!(text, "{}", format!("         {line}").trim_end());
    }
}

fn section(text: &mut String, title: &str, entries: impl Iterator<Item = (String, String)>) {
    let entries: Vec<(String, String)> = entries.collect();
    if entries.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{title}");
    columns(text, &entries, "  ");
}
