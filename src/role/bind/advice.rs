//! What is left for people to do once a host is as promised: texts of its roles, with what the host itself says.

use std::collections::BTreeSet;

use minijinja::Value;

use super::{Binder, Binding, context, declare};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::role::{AdviceDeclaration, Role};
use crate::step::probe::{Observed, Probe};

/// Something for a person to do or to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    pub topic: String,
    /// One line.
    pub title: String,
    /// Lines, the last one with its end.
    pub text: String,
}

/// What has to be looked at on the host.
///
/// # Errors
/// Mistakes in variables and templates.
pub fn probes(binding: &Binding<'_>) -> Result<Vec<Probe>, Diagnostics> {
    let mut scripts = BTreeSet::new();
    each(binding, &mut |binder, advice, scope| {
        scripts.extend(probe(binder, advice, scope)?);
        Ok(())
    })?;
    Ok(scripts.into_iter().map(Probe::Check).collect())
}

/// The advice of the host's roles, in their order. Without an answer of its probe an advice is left out; a probe
/// that fails has nothing to say.
///
/// # Errors
/// Mistakes in variables and templates.
pub fn advice(binding: &Binding<'_>, observed: &Observed) -> Result<Vec<Advice>, Diagnostics> {
    let mut found = Vec::new();
    each(binding, &mut |binder, advice, scope| {
        let seen = match probe(binder, advice, scope)? {
            None => String::new(),
            Some(script) => match observed.checks.get(&script) {
                Some(check) if check.status == 0 => check.output.clone(),
                _ => return Ok(()),
            },
        };
        let scope = context::with(scope, "seen", Value::from(seen));
        let text = |template: &str| -> Result<String, Diagnostic> {
            let value = binder.engine.text(template, &scope, &advice.place)?;
            let text = value.as_str().unwrap_or_default().trim_end();
            Ok(binder.engine.redact(text).into_owned())
        };
        let body = text(&advice.text)?;
        if !body.is_empty() {
            found.push(Advice {
                topic: advice.topic.clone(),
                title: text(&advice.title)?,
                text: format!("{body}\n"),
            });
        }
        Ok(())
    })?;
    Ok(found)
}

fn probe(
    binder: &Binder<'_>,
    advice: &AdviceDeclaration,
    scope: &Value,
) -> Result<Option<String>, Diagnostic> {
    let Some(template) = &advice.probe else {
        return Ok(None);
    };
    let script = binder.engine.text(template, scope, &advice.place)?;
    Ok(Some(script.as_str().unwrap_or_default().to_owned()))
}

type Visit<'v> = dyn FnMut(&Binder<'_>, &AdviceDeclaration, &Value) -> Result<(), Diagnostic> + 'v;

/// Every advice that applies, with what its templates know.
fn each(binding: &Binding<'_>, visit: &mut Visit<'_>) -> Result<(), Diagnostics> {
    let resolved = declare::resolve(binding.inventory, binding.roles, binding.host)?;
    let mut wrong = Diagnostics::default();
    let roles = declare::roles_of(binding.roles, binding.host);
    for role in roles.into_iter().filter(|role: &&Role| !role.advice.is_empty()) {
        let binder = Binder::new(binding, role, &resolved, binding.host.name.as_str().into())?;
        for advice in &role.advice {
            let mut one = || -> Result<(), Diagnostic> {
                for (_, scope) in binder.items(advice.each.as_ref(), &binder.scope)? {
                    let holds = match &advice.when {
                        Some((when, place)) => binder.engine.expression(when, &scope, place)?.is_true(),
                        None => true,
                    };
                    if holds {
                        visit(&binder, advice, &scope)?;
                    }
                }
                Ok(())
            };
            if let Err(mistake) = one() {
                wrong.push(mistake);
            }
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}
