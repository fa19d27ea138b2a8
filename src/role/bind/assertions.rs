//! Conditions on variables that no type expresses: whether they hold, and where what breaks them is set.

use indexmap::IndexSet;
use minijinja::Value;

use super::{Binder, known};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::inventory::{Origin, Variable};
use crate::role::Assertion;
use crate::role::origin::words;

impl Binder<'_> {
    /// Checks the role's assertions; `present` are the roles of the host.
    pub(super) fn assertions(&self, present: &IndexSet<&str>, wrong: &mut Diagnostics) {
        for assertion in &self.role.assertions {
            if assertion
                .with
                .as_deref()
                .is_some_and(|other| !present.contains(other))
            {
                continue;
            }
            if let Err(mistake) = self.assertion(assertion, wrong) {
                wrong.push(mistake);
            }
        }
    }

    fn assertion(&self, assertion: &Assertion, wrong: &mut Diagnostics) -> Result<(), Diagnostic> {
        let scope = match &assertion.with {
            Some(other) => known(
                self.binding,
                &self.engine,
                self.resolved,
                &[&self.role.name, other],
            )?,
            None => self.scope.clone(),
        };
        for (_, scope) in self.items(assertion.each.as_ref(), &scope)? {
            if let Err(mistake) = self.holds(assertion, &scope) {
                wrong.push(mistake);
            }
        }
        Ok(())
    }

    fn holds(&self, assertion: &Assertion, scope: &Value) -> Result<(), Diagnostic> {
        let holds = self.engine.expression(&assertion.that, scope, &assertion.place)?;
        if holds.is_true() {
            return Ok(());
        }
        let message = self.engine.text(&assertion.message, scope, &assertion.place)?;
        let message = self
            .engine
            .redact(message.as_str().unwrap_or_default())
            .into_owned();
        let (message, mut help) = match message.trim().split_once('\n') {
            Some((message, help)) => (message.to_owned(), help.trim().to_owned()),
            None => (
                message.trim().to_owned(),
                format!("the role `{}` asks for `{}`", self.role.name, assertion.that),
            ),
        };
        let mut set = self.set(assertion).into_iter();
        let first = set.next();
        for (name, variable) in set {
            help.push_str(&format!("\n        `{name}` is set at {}", variable.key));
        }
        let place = match first {
            Some((_, variable)) => {
                // What is said for many hosts may be wrong for one of them.
                if self.binding.inventory.hosts.len() > 1 && !matches!(variable.origin, Origin::Host(_)) {
                    help.push_str(&format!("\n        this is about the host `{}`", self.host));
                }
                &variable.key
            }
            None => &self.binding.host.place,
        };
        Err(Diagnostic::new(message).at(place).help(help))
    }

    /// The variables that an assertion asks about and that the inventory sets, in the assertion's order.
    fn set<'a>(&'a self, assertion: &'a Assertion) -> Vec<(&'a str, &'a Variable)> {
        let each = assertion.each.iter().map(|each| each.expression.as_str());
        let names: IndexSet<&str> = each.chain([assertion.that.as_str()]).flat_map(words).collect();
        names
            .into_iter()
            .filter_map(|name| Some((name, self.binding.host.variables.0.get(name)?)))
            .collect()
    }
}
