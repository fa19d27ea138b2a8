//! Edits of a secrets file's text, line by line, so that comments, order and indentation stay.

use crate::diagnostic::{Diagnostic, Diagnostics, Source};
use crate::secret::vault::Entry;
use crate::yaml::{self, Key, Node, NodeValue};

/// The text in hand. Each edit reads it again: places move with every line.
pub struct Editor<'a> {
    pub text: String,
    /// The file's name, for messages.
    pub name: &'a str,
}

impl Editor<'_> {
    fn parsed(&self) -> Result<Node, Diagnostics> {
        yaml::parse(&Source::new(self.name, self.text.as_str()))
    }

    fn lines(&self) -> Vec<String> {
        self.text.lines().map(str::to_owned).collect()
    }

    fn keep(&mut self, lines: &[String]) {
        self.text = lines.iter().map(|line| format!("{line}\n")).collect();
    }

    /// The list `recipients:` becomes `after`. Items that stay keep their lines, and the comments in them.
    pub fn recipients(&mut self, before: &[String], after: &[String]) -> Result<(), Diagnostics> {
        let root = self.parsed()?;
        let mut lines = self.lines();
        let (key, items) = match top(&root, "recipients") {
            None => {
                let list = std::iter::once("recipients:".to_owned()).chain(after.iter().map(|r| item(r, 2)));
                lines.splice(0..0, list);
                self.keep(&lines);
                return Ok(());
            }
            Some((key, node)) => match &node.value {
                NodeValue::List(items) => (key, items.as_slice()),
                _ => (key, [].as_slice()),
            },
        };
        let first = key.place.line - 1;
        let own_lines = items
            .iter()
            .zip(std::iter::once(key.place.line).chain(items.iter().map(|item| item.place.line)))
            .all(|(item, line_before)| item.place.line > line_before);
        if items.is_empty() || !own_lines {
            let end = items
                .iter()
                .map(|item| item.place.line)
                .max()
                .unwrap_or(first + 1);
            let list = std::iter::once("recipients:".to_owned()).chain(after.iter().map(|r| item(r, 2)));
            lines.splice(first..end, list);
        } else {
            let last = items.last().map_or(first, |item| item.place.line - 1);
            // The dash and the space after it.
            let indent = items
                .first()
                .map_or(2, |item| item.place.column.saturating_sub(3));
            let added = after
                .iter()
                .filter(|r| !before.contains(r))
                .map(|r| item(r, indent));
            lines.splice(last + 1..last + 1, added);
            for (old, node) in before.iter().zip(items).rev() {
                if !after.contains(old) {
                    lines.remove(node.place.line - 1);
                }
            }
        }
        self.keep(&lines);
        Ok(())
    }

    /// The entry `name` replaced, or added after the last one.
    pub fn set(&mut self, name: &str, entry: &Entry) -> Result<(), Diagnostics> {
        let root = self.parsed()?;
        let mut lines = self.lines();
        let Some((key, entries)) = secrets(&root) else {
            lines.push("secrets:".to_owned());
            lines.extend(written(name, entry, 2));
            self.keep(&lines);
            return Ok(());
        };
        let Some((last, _)) = entries.last() else {
            // `secrets:` or `secrets: {}`
            if let Some(line) = lines.get_mut(key.place.line - 1) {
                "secrets:".clone_into(line);
            }
            // Behind an indented comment, which would otherwise become part of the value.
            let comments = lines.iter().skip(key.place.line);
            let comments = comments.take_while(|l| l.starts_with(' ') && l.trim_start().starts_with('#'));
            let at = key.place.line + comments.count();
            lines.splice(at..at, written(name, entry, 2));
            self.keep(&lines);
            return Ok(());
        };
        self.refuse_braces(key, last)?;
        let (from, to) = match entries.iter().find(|(key, _)| key.name == name) {
            Some((key, _)) => (key.place.line - 1, end_of_entry(&lines, key)),
            None => {
                let end = end_of_entry(&lines, last);
                (end, end)
            }
        };
        lines.splice(from..to, written(name, entry, last.place.column - 1));
        self.keep(&lines);
        Ok(())
    }

    /// Takes the entry `name` out, if there is one.
    pub fn remove(&mut self, name: &str) -> Result<(), Diagnostics> {
        let root = self.parsed()?;
        let mut lines = self.lines();
        let Some((key, entries)) = secrets(&root) else {
            return Ok(());
        };
        if let Some((entry, _)) = entries.iter().find(|(key, _)| key.name == name) {
            self.refuse_braces(key, entry)?;
            lines.drain(entry.place.line - 1..end_of_entry(&lines, entry));
            self.keep(&lines);
        }
        Ok(())
    }

    fn refuse_braces(&self, secrets: &Key, entry: &Key) -> Result<(), Diagnostics> {
        if entry.place.line > secrets.place.line {
            return Ok(());
        }
        Err(Diagnostic::new(format!(
            "can't edit `{}`: its `secrets:` is written in braces",
            self.name
        ))
        .at(&secrets.place)
        .help("write one entry per line")
        .into())
    }
}

fn top<'n>(root: &'n Node, name: &str) -> Option<&'n (Key, Node)> {
    match &root.value {
        NodeValue::Map(entries) => entries.iter().find(|(key, _)| key.name == name),
        _ => None,
    }
}

fn secrets(root: &Node) -> Option<(&Key, &[(Key, Node)])> {
    let (key, node) = top(root, "secrets")?;
    match &node.value {
        NodeValue::Map(entries) => Some((key, entries)),
        _ => Some((key, &[])),
    }
}

/// The index of the first line that is no part of the entry: comments and empty lines after it are not.
fn end_of_entry(lines: &[String], key: &Key) -> usize {
    let first = key.place.line - 1;
    let mut end = first + 1;
    for (i, line) in lines.iter().enumerate().skip(first + 1) {
        let indent = line.len() - line.trim_start_matches(' ').len();
        if line.trim().is_empty() {
            continue;
        }
        if indent < key.place.column {
            break;
        }
        end = i + 1;
    }
    end
}

/// An item of a list; a comment of an SSH key may hold anything.
fn item(text: &str, indent: usize) -> String {
    let margin = " ".repeat(indent);
    let plain = |c: char| c.is_ascii_alphanumeric() || " @._+/=-:".contains(c);
    if text.chars().all(plain) && !text.contains(": ") && !text.ends_with(':') {
        format!("{margin}- {text}")
    } else {
        // A string of JSON is one of YAML.
        format!("{margin}- {}", serde_json::Value::from(text))
    }
}

fn written(name: &str, entry: &Entry, indent: usize) -> Vec<String> {
    let margin = " ".repeat(indent);
    let mut lines = vec![format!("{margin}{name}:")];
    if let Some(readers) = &entry.readers {
        lines.push(format!("{margin}  for:"));
        lines.extend(readers.iter().map(|reader| item(reader, indent + 4)));
    }
    lines.push(format!("{margin}  value: |"));
    lines.extend(entry.armored.lines().map(|line| format!("{margin}    {line}")));
    lines
}
