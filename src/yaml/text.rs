//! The characters of a source: which line and column is what, and which may not be there at all.

use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Place, Source};

/// The source by lines and characters: a document of a single long line must not cost its length per value.
pub struct Text {
    characters: Vec<char>,
    /// Start and end of each line; never empty.
    pub lines: Vec<(usize, usize)>,
}

impl Text {
    pub fn new(text: &str) -> Self {
        let mut characters = Vec::with_capacity(text.len());
        let mut lines = Vec::new();
        for line in text.lines() {
            let start = characters.len();
            characters.extend(line.chars());
            lines.push((start, characters.len()));
        }
        if lines.is_empty() {
            lines.push((0, 0));
        }
        Self { characters, lines }
    }

    /// The first tab, from line `first` on, that stands where only spaces may: line and column.
    pub fn tab_in_indentation(&self, first: usize) -> Option<(usize, usize)> {
        (first..=self.lines.len()).find_map(|number| {
            let line = self.line(number);
            let indentation = line.iter().take_while(|c| matches!(c, ' ' | '\t'));
            let tab = indentation.enumerate().find(|(_, c)| **c == '\t')?.0;
            Some((number, tab + 1))
        })
    }

    /// Line `number`, counted from 1; empty beyond the end.
    pub fn line(&self, number: usize) -> &[char] {
        number
            .checked_sub(1)
            .and_then(|i| self.lines.get(i))
            .and_then(|(start, end)| self.characters.get(*start..*end))
            .unwrap_or_default()
    }
}

/// YAML's printable characters (§5.1); the parser would take a NUL for the end of the file.
pub fn forbidden_character(source: &Arc<Source>) -> Option<Diagnostic> {
    for (number, line) in source.text.split('\n').enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        for (column, c) in line.chars().enumerate() {
            let allowed =
                c == '\t' || !(c.is_control() && c != '\u{85}' || matches!(c, '\u{fffe}' | '\u{ffff}'));
            if !allowed {
                let place = Place {
                    source: Arc::clone(source),
                    line: number + 1,
                    column: column + 1,
                    length: 1,
                };
                return Some(
                    Diagnostic::new(format!(
                        "the control character U+{:04X} can't stand in YAML",
                        u32::from(c)
                    ))
                    .at(&place)
                    .help("remove it; is the file damaged, or not a text?"),
                );
            }
        }
    }
    None
}
