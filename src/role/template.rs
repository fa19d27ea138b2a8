//! Jinja templates and expressions (minijinja), undefined being an error.
//!
//! One engine renders for one role of one host. Errors point into the template and never quote a value: values
//! may be secrets. Knows nothing of steps.

mod error;
mod functions;
pub mod proof;
pub(super) mod read;
pub mod version;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::ValueKind;
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, Value};

use super::{Role, RoleFile};
use crate::diagnostic::{Diagnostic, Diagnostics, Place, Source};
use crate::host::PackageVersion;
use crate::secret::Redactor;

/// How many instructions a template may take: far more than any configuration needs, and over in a moment.
const FUEL: u64 = 5_000_000;

/// Renders the templates and expressions of a role.
#[derive(Debug)]
pub struct Engine {
    environment: Environment<'static>,
    /// By name inside `templates/`.
    sources: BTreeMap<String, Arc<Source>>,
    redactor: Redactor,
}

impl Engine {
    /// Compiles the templates of `role`. `packages` are the versions that `version()` tells.
    ///
    /// # Errors
    /// Every template that has a mistake in its syntax.
    pub fn new(
        role: &Role,
        packages: &BTreeMap<String, PackageVersion>,
        redactor: Redactor,
    ) -> Result<Self, Diagnostics> {
        let (engine, wrong) = Self::compile(role, packages, redactor);
        if wrong.is_empty() { Ok(engine) } else { Err(wrong) }
    }

    /// The engine without the templates that have a mistake in their syntax, and those mistakes.
    fn compile(
        role: &Role,
        packages: &BTreeMap<String, PackageVersion>,
        redactor: Redactor,
    ) -> (Self, Diagnostics) {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        let mut syntax = SyntaxConfig::builder();
        syntax
            .trim_blocks(true)
            .lstrip_blocks(true)
            .keep_trailing_newline(true);
        // The delimiters are the usual ones, so that nothing can be wrong with them.
        environment.set_syntax(syntax.build().unwrap_or_default());
        environment.set_fuel(Some(FUEL));
        environment.set_debug(true);
        environment.set_formatter(format);
        let known = role.versions.keys().cloned().collect::<BTreeSet<_>>();
        functions::add(&mut environment, packages.clone(), known);
        let mut engine = Self {
            environment,
            sources: BTreeMap::new(),
            redactor,
        };
        let mut wrong = Diagnostics::default();
        for (path, file) in &role.files {
            let (Some(name), RoleFile::Text(source)) = (path.strip_prefix("templates/"), file) else {
                continue;
            };
            engine.sources.insert(name.to_owned(), source.clone());
            let added = read::check(&source.text).and_then(|()| {
                engine
                    .environment
                    .add_template_owned(name.to_owned(), source.text.clone())
            });
            if let Err(error) = added {
                wrong.push(engine.explain(&error, None));
            }
        }
        (engine, wrong)
    }

    /// The template `name` with the variables `scope`.
    ///
    /// # Errors
    /// What is wrong, in the template; `place` is where the template is named.
    pub fn file(&self, name: &str, scope: &Value, place: &Place) -> Result<String, Diagnostic> {
        self.environment
            .get_template(name)
            .and_then(|template| template.render(scope))
            .map_err(|error| self.explain(&error, Some(place)))
    }

    /// A text that stands at `place` and may hold expressions. A text that is one expression and nothing else
    /// keeps the type of its value.
    ///
    /// # Errors
    /// What is wrong in it.
    pub fn text(&self, text: &str, scope: &Value, place: &Place) -> Result<Value, Diagnostic> {
        if !text.contains("{{") && !text.contains("{%") && !text.contains("{#") {
            return Ok(Value::from(text));
        }
        if let Some(expression) = sole_expression(text) {
            return self.expression(expression, scope, place);
        }
        read::template(&self.environment, text)
            .and_then(|template| template.render(scope))
            .map(Value::from)
            .map_err(|error| self.explain(&error, Some(place)))
    }

    /// The value of an expression that stands at `place`.
    ///
    /// # Errors
    /// What is wrong in it.
    pub fn expression(&self, expression: &str, scope: &Value, place: &Place) -> Result<Value, Diagnostic> {
        let value = read::expression(&self.environment, expression)
            .and_then(|compiled| compiled.eval(scope))
            .map_err(|error| self.explain(&error, Some(place)))?;
        if value.is_undefined() {
            let unknown = format!("`{}` is undefined", self.redactor.redact(expression.trim()));
            return Err(Diagnostic::new(unknown).at(place));
        }
        Ok(value)
    }

    /// `text` without any secret.
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.redactor.redact(text)
    }

    /// Whether a rendered text holds a secret.
    pub fn finds_secret(&self, text: &str) -> bool {
        self.redactor.finds(text)
    }
}

/// What is between the braces, when `text` is `{{ … }}` and nothing else.
fn sole_expression(text: &str) -> Option<&str> {
    let inner = text.strip_prefix("{{")?.strip_suffix("}}")?;
    let inner = inner.strip_prefix('-').unwrap_or(inner);
    let inner = inner.strip_suffix('-').unwrap_or(inner);
    (!inner.contains("{{") && !inner.contains("}}")).then_some(inner)
}

/// Refuses values that a configuration file can't mean: the word `none`, and lists in the engine's own notation.
fn format(
    output: &mut minijinja::Output<'_>,
    state: &mut minijinja::State<'_, '_>,
    value: &Value,
) -> Result<(), minijinja::Error> {
    let refused = match value.kind() {
        ValueKind::None => "the value is none: ask for it with `is not none` before it is printed",
        ValueKind::Seq | ValueKind::Iterable => "the value is a list: print its items, or `join` them",
        ValueKind::Map => "the value is a map: print its fields",
        ValueKind::Bytes => "the value is not text",
        // minijinja writes them as Python does.
        ValueKind::Bool => {
            let word = if value.is_true() { "true" } else { "false" };
            return output.write_str(word).map_err(|_| ErrorKind::WriteFailure.into());
        }
        _ => return minijinja::escape_formatter(output, state, value),
    };
    Err(minijinja::Error::new(ErrorKind::InvalidOperation, refused))
}

#[cfg(test)]
mod tests;
