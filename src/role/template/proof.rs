//! The proof, without any host, that templates and expressions of a role use declared variables alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use minijinja::Environment;

use super::error::{at, within};
use super::{Engine, read, sole_expression};
use crate::diagnostic::{Diagnostic, Diagnostics, Place, Source, did_you_mean};
use crate::role::{Each, NeedOn, Role, RoleFile};
use crate::secret::Redactor;
use crate::yaml::{Node, NodeValue};

/// Names that every template knows.
const ALWAYS: [&str; 7] = [
    "host",
    "facts",
    "version",
    "at_least",
    "range",
    "namespace",
    "dict",
];

/// Checks everything in `role` that can name a variable; `scope` are the variables that the role of a name knows, or
/// nothing where no host has that role.
pub fn role<'a>(role: &'a Role, scope: &dyn Fn(&str) -> Option<BTreeSet<&'a str>>, wrong: &mut Diagnostics) {
    // A template that doesn't parse has one mistake already; what it uses can't be told.
    let (engine, mistakes) = Engine::compile(role, &BTreeMap::new(), Redactor::default());
    wrong.extend(mistakes);
    let mut proof = Proof {
        role,
        scope: scope(&role.name).unwrap_or_default(),
        environment: &engine.environment,
        engine: &engine,
        items: BTreeSet::new(),
        wrong,
    };
    for value in role.values.values() {
        proof.expression(&value.expression, &value.place);
    }
    for assertion in &role.assertions {
        let own = proof.scope.clone();
        match assertion.with.as_deref().map(scope) {
            Some(Some(others)) => proof.scope.extend(others),
            // It is checked nowhere.
            Some(None) => continue,
            None => {}
        }
        proof.each(assertion.each.as_ref());
        proof.expression(&assertion.that, &assertion.place);
        proof.text(&assertion.message, &assertion.place);
        proof.scope = own;
    }
    // A template that several steps use knows the items of each of them.
    let mut templates: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for step in &role.steps {
        proof.each(step.each.as_ref());
        if let Some((when, place)) = &step.when {
            proof.expression(when, place);
        }
        for need in &step.needs {
            if let NeedOn::RoleOnHost { role, host } = &need.on {
                proof.text(role, &need.place);
                proof.text(host, &need.place);
            }
        }
        proof.node(&step.params);
        if let Some(NodeValue::Text { text, .. }) = step.params.get("template").map(|node| &node.value) {
            let items = templates.entry(text.clone()).or_default();
            items.extend(proof.items.iter().copied());
        }
    }
    for advice in &role.advice {
        proof.each(advice.each.as_ref());
        if let Some((when, place)) = &advice.when {
            proof.expression(when, place);
        }
        proof.text(&advice.title, &advice.place);
        if let Some(probe) = &advice.probe {
            proof.text(probe, &advice.place);
        }
        proof.items.insert("seen");
        proof.text(&advice.text, &advice.place);
    }
    for (name, items) in templates {
        if let Some(source) = engine.sources.get(&name) {
            proof.items = items;
            proof.template(source);
        }
    }
}

/// Checks the conditions under which `role` needs others. They know variables alone: facts come later.
pub fn conditions(role: &Role, scope: &BTreeSet<&str>, wrong: &mut Diagnostics) {
    let environment = Environment::new();
    for (when, place) in role.needs.iter().filter_map(|need| need.when.as_ref()) {
        let names: BTreeSet<String> = match read::expression(&environment, when) {
            Ok(compiled) => compiled.undeclared_variables(false).into_iter().collect(),
            Err(error) => {
                let said = error.detail().unwrap_or("not an expression").to_owned();
                wrong.push(Diagnostic::new(format!("the condition can't be read: {said}")).at(place));
                continue;
            }
        };
        for name in names.iter().filter(|name| !scope.contains(name.as_str())) {
            let unknown = Diagnostic::new(format!(
                "`{name}` is no variable that the role `{}` has in any case",
                role.name
            ))
            .at(place);
            wrong.push(match did_you_mean(name, scope.iter().copied()) {
                Some(near) => unknown.help(format!("did you mean `{near}`?")),
                None => unknown.help(
                    "a condition knows the variables of the role and of the roles that it needs without one",
                ),
            });
        }
    }
}

struct Proof<'a> {
    role: &'a Role,
    scope: BTreeSet<&'a str>,
    environment: &'a Environment<'static>,
    engine: &'a Engine,
    /// The names that `each` gives.
    items: BTreeSet<&'a str>,
    wrong: &'a mut Diagnostics,
}

impl<'a> Proof<'a> {
    fn each(&mut self, each: Option<&'a Each>) {
        self.items.clear();
        if let Some(each) = each {
            self.expression(&each.expression, &each.place);
            if self.scope.contains(each.name.as_str()) {
                self.wrong.push(
                    Diagnostic::new(format!("`{}` hides the variable of that name", each.name))
                        .at(&each.place)
                        .help("call the item something else"),
                );
            }
            self.items.insert(&each.name);
        }
    }

    fn node(&mut self, node: &Node) {
        match &node.value {
            NodeValue::Text { text, .. } => self.text(text, &node.place),
            NodeValue::List(items) => items.iter().for_each(|item| self.node(item)),
            NodeValue::Map(entries) => entries.iter().for_each(|(_, value)| self.node(value)),
            _ => {}
        }
    }

    fn text(&mut self, text: &str, place: &Place) {
        if !text.contains("{{") && !text.contains("{%") {
            return;
        }
        if let Some(expression) = sole_expression(text) {
            return self.expression(expression, place);
        }
        match read::template(self.environment, text) {
            Ok(template) => {
                let names = template.undeclared_variables(false);
                self.names(names, |name| {
                    let line = text.lines().find(|line| find(line, name).is_some());
                    within(place, line.unwrap_or_default())
                });
            }
            Err(error) => self.wrong.push(self.engine.explain(&error, Some(place))),
        }
    }

    fn expression(&mut self, expression: &str, place: &Place) {
        match read::expression(self.environment, expression) {
            Ok(compiled) => self.names(compiled.undeclared_variables(false), |_| place.clone()),
            Err(error) => self.wrong.push(self.engine.explain(&error, Some(place))),
        }
    }

    /// A template with everything that it includes, so that what it sets is known where it includes.
    fn template(&mut self, source: &Arc<Source>) {
        let mut parts = Vec::new();
        let whole = self.inlined(source, &mut parts);
        if let Ok(template) = read::template(self.environment, &whole) {
            let names = template.undeclared_variables(false);
            self.names(names, |name| {
                let found = parts
                    .iter()
                    .find_map(|part| find(&part.text, name).map(|range| at(part, &range)));
                found.unwrap_or_else(|| at(source, &(0..0)))
            });
        }
    }

    fn inlined(&self, source: &Arc<Source>, parts: &mut Vec<Arc<Source>>) -> String {
        if parts.iter().any(|part| Arc::ptr_eq(part, source)) {
            return String::new();
        }
        parts.push(source.clone());
        let mut whole = String::new();
        let mut rest = source.text.as_str();
        while let Some((before, tag)) = rest.split_once("{%") {
            let (tag, after) = tag.split_once("%}").unwrap_or((tag, ""));
            whole.push_str(before);
            let words = tag.trim_matches(|c: char| c == '-' || c == '+' || c.is_whitespace());
            let named = words
                .strip_prefix("include ")
                .map(|name| name.trim().trim_matches(['"', '\'']));
            match named.and_then(|name| self.role.files.get(&format!("templates/{name}"))) {
                Some(RoleFile::Text(included)) => whole.push_str(&self.inlined(included, parts)),
                _ => {
                    whole.push_str("{%");
                    whole.push_str(tag);
                    whole.push_str("%}");
                }
            }
            rest = after;
        }
        whole.push_str(rest);
        whole
    }

    fn names(&mut self, names: impl IntoIterator<Item = String>, place: impl Fn(&str) -> Place) {
        // minijinja's set has no order of its own.
        let names: BTreeSet<String> = names.into_iter().collect();
        for name in names {
            let known = |name: &str| {
                self.scope.contains(name)
                    || self.items.contains(name)
                    || ALWAYS.contains(&name)
                    || self.environment.globals().any(|(global, _)| global == name)
            };
            if known(&name) {
                continue;
            }
            let undeclared = Diagnostic::new(format!(
                "`{name}` is not declared by the role `{}` or a role that it needs",
                self.role.name
            ))
            .at(&place(&name));
            let candidates = self.scope.iter().chain(&self.items).copied().chain(ALWAYS);
            self.wrong.push(match did_you_mean(&name, candidates) {
                Some(near) => undeclared.help(format!("did you mean `{near}`?")),
                None => undeclared.help("declare it in `variables:` of role.yaml"),
            });
        }
    }
}

/// Where `name` stands as a name of its own inside an expression or tag.
fn find(text: &str, name: &str) -> Option<std::ops::Range<usize>> {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(name)
        .find(|(start, _)| {
            let (before, after) = (&text[..*start], &text[start + name.len()..]);
            let open = before.rfind("{{").max(before.rfind("{%"));
            let closed = before.rfind("}}").max(before.rfind("%}"));
            open.is_some()
                && open > closed
                && !before.ends_with(|c: char| word(c) || c == '.')
                && !after.starts_with(word)
        })
        .map(|(start, _)| start..start + name.len())
}
