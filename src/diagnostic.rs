//! The one type for a user's mistake: what is wrong, where, and what to do about it.
//!
//! Diagnostics are collected, not thrown: a command shows all of them at once and then stops.

use std::fmt;
use std::sync::Arc;

/// A text that mistakes can be found in: an inventory, a role, a template.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Source {
    /// The path as the user would write it, or `(built in) roles/…` for an embedded role.
    pub name: String,
    pub text: String,
}

impl Source {
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self {
            name: name.into(),
            text: text.into(),
        })
    }
}

/// A stretch of a line in a source. Lines and columns count from 1; columns count characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    pub source: Arc<Source>,
    pub line: usize,
    pub column: usize,
    /// Characters to underline; at least 1.
    pub length: usize,
}

impl Place {
    /// The whole line that the place is in.
    pub fn text(&self) -> &str {
        let line = self.source.text.lines().nth(self.line.saturating_sub(1));
        line.unwrap_or_default()
    }

    /// The same place in a source where the characters at it are unreadable: for mistakes in what should have
    /// been a secret. Other mistakes of the same [`Diagnostics`] don't show them either.
    #[must_use]
    pub fn masked(&self) -> Place {
        let mut text = String::with_capacity(self.source.text.len());
        for (number, line) in self.source.text.split_inclusive('\n').enumerate() {
            if number + 1 == self.line {
                let hidden = self.column.saturating_sub(1)..(self.column + self.length).saturating_sub(1);
                text.extend(
                    line.chars()
                        .enumerate()
                        .map(|(i, c)| if hidden.contains(&i) { '*' } else { c }),
                );
            } else {
                text.push_str(line);
            }
        }
        Place {
            source: Source::new(self.source.name.clone(), text),
            ..self.clone()
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.source.name, self.line, self.column)
    }
}

/// One mistake of the user's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// What is wrong, with what was expected and what was found.
    pub message: String,
    pub place: Option<Place>,
    /// The next thing to do.
    pub help: Option<String>,
}

impl Diagnostic {
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            place: None,
            help: None,
        }
    }

    #[must_use]
    pub fn at(mut self, place: &Place) -> Self {
        self.place = Some(place.clone());
        self
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, self.place.as_ref().map(Place::text).unwrap_or_default())
    }
}

impl Diagnostic {
    /// `line` is the place's line as it may be shown.
    fn write(&self, f: &mut fmt::Formatter<'_>, line: &str) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        if let Some(place) = &self.place {
            let margin = " ".repeat(place.line.to_string().len());
            // A tab keeps its width in the line below, so that the carets stand under the text.
            let lead: String = line
                .chars()
                .take(place.column.saturating_sub(1))
                .map(|c| if c == '\t' { '\t' } else { ' ' })
                .collect();
            let rest = line.chars().count().saturating_sub(lead.chars().count()).max(1);
            write!(f, "\n{margin}--> {place}")?;
            write!(f, "\n{margin} |\n{} | {line}", place.line)?;
            write!(
                f,
                "\n{margin} | {lead}{}",
                "^".repeat(place.length.clamp(1, rest))
            )?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n  help: {help}")?;
        }
        Ok(())
    }
}

/// All mistakes that were found, in the order of the files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    pub fn push(&mut self, diagnostic: Diagnostic) {
        // The same value read by two hosts is one mistake.
        if !self.0.contains(&diagnostic) {
            self.0.push(diagnostic);
        }
    }

    pub fn extend(&mut self, others: Diagnostics) {
        for diagnostic in others.0 {
            self.push(diagnostic);
        }
    }

    /// The value of `result`; what is wrong with it is kept here, so that reading can go on.
    pub fn keep<T>(&mut self, result: Result<T, impl Into<Diagnostics>>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(diagnostics) => {
                self.extend(diagnostics.into());
                None
            }
        }
    }

    /// In the order in which a person would mend them: by file (as first mentioned), line and column.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        let mut files: Vec<String> = Vec::new();
        for place in self.0.iter().filter_map(|diagnostic| diagnostic.place.as_ref()) {
            if !files.contains(&place.source.name) {
                files.push(place.source.name.clone());
            }
        }
        self.0.sort_by_key(|diagnostic| {
            diagnostic.place.as_ref().map(|place| {
                let file = files.iter().position(|name| *name == place.source.name);
                (file, place.line, place.column)
            })
        });
        self
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `value` if nothing was found wrong.
    ///
    /// # Errors
    /// Everything that was found.
    pub fn or(self, value: impl FnOnce() -> Result<(), Diagnostics>) -> Result<(), Diagnostics> {
        if self.is_empty() { value() } else { Err(self) }
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, diagnostic) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n\n")?;
            }
            match &diagnostic.place {
                Some(place) => diagnostic.write(f, &self.showable(place))?,
                None => write!(f, "{diagnostic}")?,
            }
        }
        Ok(())
    }
}

impl Diagnostics {
    /// The place's line, with everything unreadable that any of the mistakes masked in it.
    fn showable(&self, place: &Place) -> String {
        let mut line: Vec<char> = place.text().chars().collect();
        for other in self.0.iter().filter_map(|diagnostic| diagnostic.place.as_ref()) {
            let same = other.line == place.line && other.source.name == place.source.name;
            if same && !Arc::ptr_eq(&other.source, &place.source) {
                for (shown, masked) in line.iter_mut().zip(other.text().chars()) {
                    if masked == '*' {
                        *shown = '*';
                    }
                }
            }
        }
        line.into_iter().collect()
    }
}

/// The candidate that `word` is probably a misspelling of.
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(score, _)| *score > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_mistake_masks_no_other_shows() {
        let source = Source::new("a.yaml", "x: {k: v, password: hunter2, port: y}\n");
        let place = |column, length| Place {
            source: Arc::clone(&source),
            line: 1,
            column,
            length,
        };
        let mut found = Diagnostics::default();
        found.push(Diagnostic::new("before").at(&place(5, 1)));
        found.push(Diagnostic::new("in clear").at(&place(21, 7).masked()));
        found.push(Diagnostic::new("after").at(&place(36, 1)));
        let text = found.to_string();
        assert!(!text.contains("hunter2"), "{text}");
        assert_eq!(
            text.matches("x: {k: v, password: *******, port: y}").count(),
            3,
            "{text}"
        );
    }

    #[test]
    fn carets_stand_under_the_text() {
        let source = Source::new("a.yaml", "ab\n\tkäse: ü\n");
        let place = Place {
            source,
            line: 2,
            column: 8,
            length: 9,
        };
        let text = Diagnostic::new("m").at(&place).help("h").to_string();
        assert_eq!(
            text,
            "error: m\n --> a.yaml:2:8\n  |\n2 | \tkäse: ü\n  | \t      ^\n  help: h"
        );
    }
}
