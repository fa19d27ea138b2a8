//! From a host's roles and variables to its steps.
//!
//! `context` turns values into what templates see and back, `params` renders a step's parameters, `facts` knows
//! what stands in for a host that isn't asked, `offline` proves without a host. No kind of step is known here.

mod absent;
mod advice;
mod assertions;
mod conflicts;
mod context;
mod facts;
mod offline;
mod params;

use std::sync::Arc;

use indexmap::IndexSet;
use minijinja::Value;

use super::declare::{self, Resolved};
use super::load::Roles;
use super::origin::Origin;
use super::template::Engine;
use super::{BoundStep, Each, Need, NeedOn, Role, RoleFile, RoleNeed, StepDeclaration, StepId};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::host::Facts;
use crate::inventory::{Inventory, InventoryHost};
use crate::secret::vault::Vault;
use crate::step::kind::Params;
use crate::yaml::Node;

pub use advice::{Advice, advice, probes as advice_probes};
pub use declare::SecretUse;
pub use facts::{assumed_facts, complete_facts, packages};
pub use offline::{Needed, graph, needed_secrets, offline_vault, secrets, validate};

/// What the steps of a host are made from.
#[derive(Debug, Clone, Copy)]
pub struct Binding<'a> {
    pub inventory: &'a Inventory,
    pub roles: &'a Roles,
    pub host: &'a InventoryHost,
    pub vault: &'a Vault,
    pub facts: &'a Facts,
}

/// The host's steps in the order of declaration: its roles (what they need first), each role's steps.
///
/// # Errors
/// Every mistake in variables, assertions, templates and parameters.
pub fn steps(binding: &Binding<'_>) -> Result<Vec<BoundStep>, Diagnostics> {
    let resolved = declare::resolve(binding.inventory, binding.roles, binding.host)?;
    let mut wrong = Diagnostics::default();
    for (name, used) in &resolved.secrets {
        if binding.vault.get(name).is_none() {
            wrong.push(missing_secret(binding.inventory, name, used));
        }
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let host: Arc<str> = binding.host.name.as_str().into();
    let roles = declare::roles_of(binding.roles, binding.host);
    let present: IndexSet<&str> = roles.iter().map(|role| role.name.as_str()).collect();
    let mut found: Vec<BoundStep> = Vec::new();
    let mut empty: IndexSet<&str> = IndexSet::new();
    for role in roles {
        let before = found.len();
        match Binder::new(binding, role, &resolved, host.clone()) {
            Ok(binder) => {
                binder.assertions(&present, &mut wrong);
                binder.steps(&mut found, &mut wrong);
            }
            Err(mistakes) => wrong.extend(mistakes),
        }
        if found.len() == before {
            empty.insert(&role.name);
        }
        let waits = waits_for(binding.roles, role, &present, &empty);
        for step in &mut found[before..] {
            step.needs.extend(waits.iter().cloned());
        }
    }
    afterwards(&mut found);
    let absent = absent::steps(binding, &resolved, &host, &found, &mut wrong);
    found.extend(absent);
    if wrong.is_empty() { Ok(found) } else { Err(wrong) }
}

/// Adds, after each step that has one, the promise that comes last: `STEP.afterwards`.
fn afterwards(steps: &mut Vec<BoundStep>) {
    let mut all = Vec::with_capacity(steps.len());
    for step in steps.drain(..) {
        let last = step.step.afterwards().map(|last| {
            let name = match step.id.name.split_once('[') {
                Some((bare, item)) => format!("{bare}{}[{item}", StepId::LAST),
                None => format!("{}{}", step.id.name, StepId::LAST),
            };
            BoundStep {
                id: StepId {
                    name: name.into(),
                    ..step.id.clone()
                },
                kind: step.kind,
                place: step.place.clone(),
                doc: None,
                needs: Vec::new(),
                origin: None,
                step: last,
                taken_back: None,
            }
        });
        all.push(step);
        all.extend(last);
    }
    *steps = all;
}

/// The roles that every step of `role` waits for. A role without steps on this host is stood in for by those that
/// it needs.
fn waits_for(roles: &Roles, role: &Role, present: &IndexSet<&str>, empty: &IndexSet<&str>) -> Vec<Need> {
    let mut waits: Vec<Need> = Vec::new();
    let mut open: Vec<_> = role.needs.iter().rev().collect();
    let mut seen: IndexSet<&str> = IndexSet::new();
    while let Some(RoleNeed {
        role: name, place, ..
    }) = open.pop()
    {
        if !present.contains(name.as_str()) || !seen.insert(name) {
            continue;
        }
        if empty.contains(name.as_str()) {
            open.extend(roles.0.get(name).into_iter().flat_map(|role| &role.needs).rev());
        } else {
            waits.push(Need {
                on: NeedOn::Role { role: name.clone() },
                place: place.clone(),
            });
        }
    }
    waits
}

/// The mistake of a secret that nobody has set.
fn missing_secret(inventory: &Inventory, name: &str, used: &SecretUse) -> Diagnostic {
    let what = if used.doc.is_empty() {
        String::new()
    } else {
        format!(" ({})", used.doc.trim_end_matches('.'))
    };
    Diagnostic::new(format!(
        "the secrets file has no entry `{name}`, which `{}`{what} needs",
        used.variable
    ))
    .at(&used.place)
    .help(format!(
        "run `{}`",
        inventory.secrets.command(&format!("set {name}"))
    ))
}

/// Binds the steps of one role.
struct Binder<'a> {
    binding: &'a Binding<'a>,
    role: &'a Role,
    resolved: &'a Resolved,
    engine: Engine,
    /// What templates of the role see.
    scope: Value,
    host: Arc<str>,
}

/// What templates of `roles` know: variables and values of theirs, and of the roles that they need.
fn known(
    binding: &Binding<'_>,
    engine: &Engine,
    resolved: &Resolved,
    roles: &[&str],
) -> Result<Value, Diagnostic> {
    let declarations = roles.iter().flat_map(|role| binding.roles.scope(role));
    let variables = declarations.filter_map(|declaration| {
        let value = resolved.values.get(&declaration.name)?;
        Some((declaration.name.clone(), context::value(value, binding.vault)))
    });
    let mut scope = context::scope(variables, &binding.host.name, binding.facts);
    let present = declare::in_scope(binding.roles, binding.host);
    for (owner, name, value) in roles.iter().flat_map(|role| binding.roles.values(role)) {
        // A role that doesn't come has no variables to make a value of.
        if present.iter().any(|role| role.name == owner.name) {
            let made = engine.expression(&value.expression, &scope, &value.place)?;
            scope = context::with(&scope, name, made);
        }
    }
    Ok(scope)
}

impl<'a> Binder<'a> {
    fn new(
        binding: &'a Binding<'a>,
        role: &'a Role,
        resolved: &'a Resolved,
        host: Arc<str>,
    ) -> Result<Self, Diagnostics> {
        let engine = Engine::new(role, &binding.facts.packages, binding.vault.redactor())?;
        let scope = known(binding, &engine, resolved, &[&role.name])?;
        Ok(Self {
            binding,
            role,
            resolved,
            engine,
            scope,
            host,
        })
    }

    fn steps(&self, found: &mut Vec<BoundStep>, wrong: &mut Diagnostics) {
        for declaration in &self.role.steps {
            match self.items(declaration.each.as_ref(), &self.scope) {
                Ok(items) => {
                    let mut names: IndexSet<String> = IndexSet::new();
                    for (item, scope) in items {
                        match self.step(declaration, item.as_deref(), &scope) {
                            Ok(Some(step)) => {
                                if !names.insert(step.id.name.to_string()) {
                                    wrong.push(self.twice(declaration, &step));
                                }
                                found.push(step);
                            }
                            Ok(None) => {}
                            Err(mistakes) => wrong.extend(mistakes),
                        }
                    }
                }
                Err(mistake) => wrong.push(mistake),
            }
        }
    }

    fn twice(&self, declaration: &StepDeclaration, step: &BoundStep) -> Diagnostic {
        Diagnostic::new(format!(
            "the host `{}` gets the step `{}` twice",
            self.host, step.id
        ))
        .at(declaration
            .each
            .as_ref()
            .map_or(&declaration.place, |each| &each.place))
        .help("two items have the same name: remove one from the inventory")
    }

    /// The items of `each` with what templates see then; one without a name when there is no `each`.
    fn items(&self, each: Option<&Each>, scope: &Value) -> Result<Vec<(Option<String>, Value)>, Diagnostic> {
        let Some(each) = each else {
            return Ok(vec![(None, scope.clone())]);
        };
        let value = self.engine.expression(&each.expression, scope, &each.place)?;
        let items = context::items(&value).ok_or_else(|| {
            Diagnostic::new(format!("`each` takes a list or a map, found {}", value.kind())).at(&each.place)
        })?;
        Ok(items
            .into_iter()
            .enumerate()
            .map(|(index, item)| {
                let name = context::item_name(&item).unwrap_or_else(|| (index + 1).to_string());
                let name = self.engine.redact(&name).into_owned();
                (Some(name), context::with(scope, &each.name, item))
            })
            .collect())
    }

    fn step(
        &self,
        declaration: &StepDeclaration,
        item: Option<&str>,
        scope: &Value,
    ) -> Result<Option<BoundStep>, Diagnostics> {
        if let Some((when, place)) = &declaration.when
            && !self.engine.expression(when, scope, place)?.is_true()
        {
            return Ok(None);
        }
        let mut wrong = Diagnostics::default();
        let needs = self.needs(declaration, scope, &mut wrong);
        let node = params::render(&self.engine, &declaration.params, scope, &mut wrong);
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let files = params::RoleFiles {
            role: self.role,
            engine: &self.engine,
            scope,
            place: &declaration.params.place,
        };
        let step = (declaration.kind.parse)(&Params {
            node: &node,
            value: context::json(&node),
            files: &files,
        })?;
        let name = match item {
            Some(item) => format!("{}[{item}]", declaration.id),
            None => declaration.id.clone(),
        };
        Ok(Some(BoundStep {
            id: StepId {
                host: self.host.clone(),
                role: self.role.name.as_str().into(),
                name: name.into(),
            },
            kind: declaration.kind,
            place: declaration.place.clone(),
            doc: declaration.doc.clone(),
            needs,
            origin: self.origin(&node, scope),
            step,
            taken_back: None,
        }))
    }

    /// Where the content of a file comes from that `params` render with a template.
    fn origin(&self, params: &Node, scope: &Value) -> Option<Origin> {
        let name = params.get("template")?.expect_text("template").ok()?;
        let RoleFile::Text(template) = self.role.files.get(&format!("templates/{name}"))? else {
            return None;
        };
        let names = scope.try_iter().ok()?.map(|name| name.to_string());
        Some(Origin {
            template: template.clone(),
            variables: Arc::new(names.filter(|name| name != "host" && name != "facts").collect()),
        })
    }

    /// The step's needs: the name of a host may be an expression, and an empty one means no need.
    fn needs(&self, declaration: &StepDeclaration, scope: &Value, wrong: &mut Diagnostics) -> Vec<Need> {
        let mut needs = Vec::new();
        for need in &declaration.needs {
            let mut text = |text: &str| match self.engine.text(text, scope, &need.place) {
                Ok(value) if value.is_none() => String::new(),
                Ok(value) => value.to_string(),
                Err(mistake) => {
                    wrong.push(mistake);
                    String::new()
                }
            };
            let on = match &need.on {
                NeedOn::RoleOnHost { role, host } => {
                    let host = text(host);
                    if host.is_empty() {
                        continue;
                    } else if host == *self.host {
                        NeedOn::Role { role: role.clone() }
                    } else {
                        NeedOn::RoleOnHost {
                            role: role.clone(),
                            host,
                        }
                    }
                }
                NeedOn::Step { role, step } => NeedOn::Step {
                    role: role.clone(),
                    step: text(step),
                },
                NeedOn::Role { role } => NeedOn::Role { role: role.clone() },
            };
            needs.push(Need {
                on,
                place: need.place.clone(),
            });
        }
        needs
    }
}

#[cfg(test)]
mod tests;
