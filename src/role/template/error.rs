//! From minijinja's errors to diagnostics with a place.

use std::error::Error as _;
use std::ops::Range;
use std::sync::Arc;

use minijinja::{Error, ErrorKind};

use super::Engine;
use crate::diagnostic::{Diagnostic, Place, Source, did_you_mean};

impl Engine {
    /// The innermost error of a chain of includes, where it happened. `fallback` is where the text stands that
    /// is not a template of its own.
    pub(super) fn explain(&self, error: &Error, fallback: Option<&Place>) -> Diagnostic {
        let mut error = error;
        while let Some(inner) = error.source().and_then(|inner| inner.downcast_ref::<Error>()) {
            error = inner;
        }
        let detail = self.redactor.redact(error.detail().unwrap_or_default());
        let message = match error.kind() {
            ErrorKind::SyntaxError => format!("mistake in the template: {detail}"),
            ErrorKind::UndefinedError if detail.is_empty() => "something in here is undefined".to_owned(),
            ErrorKind::UndefinedError | ErrorKind::TemplateNotFound => detail.to_string(),
            ErrorKind::InvalidOperation if !detail.is_empty() => detail.to_string(),
            ErrorKind::OutOfFuel => "the template takes too long: does a loop in it never end?".to_owned(),
            kind if detail.is_empty() => kind.to_string(),
            kind => format!("{kind}: {detail}"),
        };
        let diagnostic = Diagnostic::new(message);
        let diagnostic = match self.place(error, fallback) {
            Some(place) => diagnostic.at(&place),
            None => diagnostic,
        };
        let not_found = matches!(error.kind(), ErrorKind::TemplateNotFound | ErrorKind::BadInclude)
            || detail.contains("non-existing template");
        if !not_found {
            return diagnostic;
        }
        let name = detail.split(['"', '\'']).nth(1).unwrap_or_default();
        match did_you_mean(name, self.sources.keys().map(String::as_str)) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None => diagnostic.help("templates are named by their path inside the role's `templates/`"),
        }
    }

    fn place(&self, error: &Error, fallback: Option<&Place>) -> Option<Place> {
        match error.name().and_then(|name| self.sources.get(name)) {
            Some(source) => {
                let range = error.range().filter(|range| range.end <= source.text.len());
                Some(match range {
                    Some(range) => at(source, &range),
                    None => line(source, error.line().unwrap_or(1)),
                })
            }
            None => {
                let place = fallback?;
                let text = error.template_source().unwrap_or_default();
                let wanted = text
                    .lines()
                    .nth(error.line().unwrap_or(1).saturating_sub(1))
                    .unwrap_or_default();
                Some(within(place, wanted))
            }
        }
    }
}

/// The place of a range of bytes; of its first line when it has several.
pub(super) fn at(source: &Arc<Source>, range: &Range<usize>) -> Place {
    let before = source.text.get(..range.start).unwrap_or_default();
    let within = source.text.get(range.clone()).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    Place {
        source: source.clone(),
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
        length: within.lines().next().unwrap_or_default().chars().count().max(1),
    }
}

fn line(source: &Arc<Source>, line: usize) -> Place {
    let text = source
        .text
        .lines()
        .nth(line.saturating_sub(1))
        .unwrap_or_default();
    let indent = text.chars().take_while(|c| c.is_whitespace()).count();
    Place {
        source: source.clone(),
        line: line.max(1),
        column: indent + 1,
        length: text.trim().chars().count().max(1),
    }
}

/// The line `wanted` of a text of several lines that begins at `place`: YAML's block texts are indented, so the
/// line is looked for.
pub(super) fn within(place: &Place, wanted: &str) -> Place {
    let wanted = wanted.trim();
    if wanted.is_empty() {
        return place.clone();
    }
    let mut lines = place.source.text.lines().enumerate().skip(place.line - 1);
    match lines.find(|(_, text)| text.contains(wanted)) {
        Some((index, _)) if index + 1 > place.line => line(&place.source, index + 1),
        _ => place.clone(),
    }
}
