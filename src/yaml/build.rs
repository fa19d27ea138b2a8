//! From the parser's events to the tree. Not recursive: the depth of a document is the user's choice.

use std::collections::HashMap;
use std::sync::Arc;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, Tag};

use super::size::{Count, Size};
use super::text::{Text, forbidden_character};
use super::{DEEPEST, Key, Node, NodeValue, key, scalar, syntax};
use crate::diagnostic::{Diagnostic, Diagnostics, Place, Source};

pub fn build(source: &Arc<Source>) -> Result<Node, Diagnostics> {
    if let Some(diagnostic) = forbidden_character(source) {
        return Err(diagnostic.into());
    }
    // A byte order mark is no part of the text; without it columns count right.
    let text = source.text.strip_prefix('\u{feff}').unwrap_or(&source.text);
    let mut builder = Builder {
        source: Arc::clone(source),
        shift: usize::from(text.len() != source.text.len()),
        text: Text::new(&source.text),
        open: Vec::new(),
        root: None,
        anchors: HashMap::new(),
        count: Count::default(),
        found: Diagnostics::default(),
    };
    for event in Parser::new_from_str(text) {
        let step = match event {
            Ok((event, span)) => builder.event(event, span),
            Err(error) => Err(builder.syntax(&error)),
        };
        if let Err(diagnostic) = step {
            let line = diagnostic.place.as_ref().map(|place| place.line);
            // What is already known to be wrong in the line is what confused the parser.
            let known = |d: &Diagnostic| d.place.as_ref().map(|place| place.line) == line;
            if !builder.found.0.iter().any(known) {
                builder.found.push(diagnostic);
            }
            return Err(builder.found);
        }
    }
    if !builder.found.is_empty() {
        return Err(builder.found);
    }
    Ok(builder.root.take().unwrap_or(Node {
        place: builder.place(Span::default()),
        value: NodeValue::Null,
    }))
}

/// A list or map whose end has not come yet.
struct Open {
    place: Place,
    start: Marker,
    anchor: usize,
    kind: OpenKind,
}

enum OpenKind {
    List(Vec<Node>),
    Map {
        entries: Vec<(Key, Node)>,
        seen: HashMap<String, Place>,
        key: Pending,
    },
}

/// What a map waits for.
enum Pending {
    Key,
    Value(Key),
    /// The value of a key that is itself a mistake.
    Dropped(Place),
}

/// What `&name` stands for; `None` while the value itself is being read.
type Anchor = Option<(Node, Size)>;

struct Builder {
    source: Arc<Source>,
    /// Characters that the parser didn't see at the start of the first line.
    shift: usize,
    text: Text,
    open: Vec<Open>,
    root: Option<Node>,
    anchors: HashMap<usize, Anchor>,
    count: Count,
    found: Diagnostics,
}

impl Builder {
    /// Takes one event; an error ends the reading.
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Diagnostic> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) if self.root.is_some() => {
                Err(Diagnostic::new("a second document begins here")
                    .at(&self.place(span))
                    .help("a file holds one document; put the other in a file of its own and use `include:`"))
            }
            Event::DocumentStart(_) => Ok(()),
            Event::Alias(id) => self.alias(id, span),
            Event::Scalar(text, style, anchor, tag) => {
                self.scalar(&text, style, anchor, tag.as_deref(), span)
            }
            Event::SequenceStart(anchor, tag) => {
                self.begin(OpenKind::List(Vec::new()), anchor, tag.as_deref(), span)
            }
            Event::MappingStart(anchor, tag) => {
                let kind = OpenKind::Map {
                    entries: Vec::new(),
                    seen: HashMap::new(),
                    key: Pending::Key,
                };
                self.begin(kind, anchor, tag.as_deref(), span)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(span),
        }
    }

    fn begin(
        &mut self,
        kind: OpenKind,
        anchor: usize,
        tag: Option<&Tag>,
        span: Span,
    ) -> Result<(), Diagnostic> {
        let place = self.place(span);
        if let Some(tag) = tag {
            self.refuse_tag(tag, &place);
        }
        if self.open.len() >= DEEPEST {
            return Err(
                Diagnostic::new(format!("lists and maps are nested more than {DEEPEST} deep")).at(&place),
            );
        }
        if anchor > 0 {
            self.anchors.insert(anchor, None);
        }
        self.open.push(Open {
            place,
            start: span.start,
            anchor,
            kind,
        });
        Ok(())
    }

    fn end(&mut self, span: Span) -> Result<(), Diagnostic> {
        let Some(Open {
            mut place,
            start,
            anchor,
            kind,
        }) = self.open.pop()
        else {
            return Ok(());
        };
        let begins = self.character(start);
        if matches!(begins, Some('[' | '{')) && span.end.line() == start.line() {
            place.length = span.end.col().saturating_sub(start.col()).max(1);
        }
        let value = match kind {
            OpenKind::List(items) => {
                // The parser's mark of a list at its key's own indentation is behind the first `-`.
                let line = self.text.line(place.line);
                while place.column > 1 && !matches!(line.get(place.column - 1), Some('[' | '-')) {
                    place.column -= 1;
                }
                NodeValue::List(items)
            }
            OpenKind::Map { entries, .. } => {
                if let (Some((first, _)), false) = (entries.first(), matches!(begins, Some('{'))) {
                    place = first.place.clone();
                }
                NodeValue::Map(entries)
            }
        };
        self.complete(Node { place, value }, anchor)
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
        span: Span,
    ) -> Result<(), Diagnostic> {
        let plain = style == ScalarStyle::Plain;
        // The parser gives a value that isn't there the place of whatever comes next.
        let absent = plain && (text.is_empty() || text == "~" && self.character(span.start) != Some('~'));
        let place = match self.open.last().map(|open| &open.kind) {
            Some(OpenKind::Map {
                key: Pending::Value(key),
                ..
            }) if absent => key.place.clone(),
            Some(OpenKind::Map {
                key: Pending::Dropped(place),
                ..
            }) if absent => place.clone(),
            _ => self.place(span),
        };
        if text.contains('\0') {
            self.found.push(
                Diagnostic::new("a text holds the character NUL")
                    .at(&place)
                    .help("remove `\\0`: no file name, command or setting can hold it"),
            );
        }
        let value = match tag {
            Some(tag) if tag.handle == "!" && tag.suffix == "secret" => {
                let named = !text.is_empty() && text.chars().all(is_name);
                if !named {
                    self.found.push(
                        Diagnostic::new("`!secret` needs the name of a secret")
                            .at(&place)
                            .help("write `!secret NAME`; names are letters, digits, `_`, `-` and `.`"),
                    );
                }
                NodeValue::Secret(text.to_owned())
            }
            Some(tag) => {
                self.refuse_tag(tag, &place);
                NodeValue::Null
            }
            None if plain => scalar::resolve(text).unwrap_or_else(|_| {
                self.found.push(
                    Diagnostic::new(format!("the number `{text}` is too large"))
                        .at(&place)
                        .help("put it in quotes if it is not meant as a number"),
                );
                NodeValue::Null
            }),
            None => NodeValue::Text {
                text: text.to_owned(),
                quoted: true,
            },
        };
        // A key keeps the text that was written, whatever type it would have as a value.
        if let Some(Open {
            kind: OpenKind::Map {
                key: Pending::Key, ..
            },
            ..
        }) = self.open.last()
            && tag.is_none()
            && !absent
        {
            let node = Node {
                place,
                value: NodeValue::Text {
                    text: text.to_owned(),
                    quoted: !plain,
                },
            };
            return self.complete(node, anchor);
        }
        self.complete(Node { place, value }, anchor)
    }

    fn alias(&mut self, id: usize, span: Span) -> Result<(), Diagnostic> {
        let place = self.place(span);
        let Some(Some((node, size))) = self.anchors.get(&id) else {
            return Err(Diagnostic::new("the alias stands inside the value that it repeats").at(&place));
        };
        if self.open.len() + size.depth > DEEPEST {
            return Err(Diagnostic::new(format!(
                "with what this alias repeats, lists and maps are nested more than {DEEPEST} deep"
            ))
            .at(&place));
        }
        self.count.copy(*size, &place)?;
        let mut node = node.clone();
        if !matches!(node.value, NodeValue::List(_) | NodeValue::Map(_)) && self.waits_for_key() {
            node.place = place;
        }
        self.complete(node, 0)
    }

    fn waits_for_key(&self) -> bool {
        matches!(
            self.open.last(),
            Some(Open {
                kind: OpenKind::Map {
                    key: Pending::Key,
                    ..
                },
                ..
            })
        )
    }

    /// Puts a finished value where it belongs.
    fn complete(&mut self, node: Node, anchor: usize) -> Result<(), Diagnostic> {
        self.count.node(&node.place)?;
        if anchor > 0 {
            let size = Size::of(&node);
            self.count.copy(size, &node.place)?;
            self.anchors.insert(anchor, Some((node.clone(), size)));
        }
        match self.open.last_mut().map(|open| &mut open.kind) {
            None => self.root = Some(node),
            Some(OpenKind::List(items)) => items.push(node),
            Some(OpenKind::Map { entries, seen, key }) => match std::mem::replace(key, Pending::Key) {
                Pending::Value(name) => entries.push((name, node)),
                Pending::Dropped(_) => {}
                Pending::Key => match key::read(node, seen) {
                    Ok(name) => *key = Pending::Value(name),
                    Err((place, diagnostic)) => {
                        *key = Pending::Dropped(place);
                        self.found.push(*diagnostic);
                    }
                },
            },
        }
        Ok(())
    }

    fn refuse_tag(&mut self, tag: &Tag, place: &Place) {
        let written = if tag.is_yaml_core_schema() {
            format!("!!{}", tag.suffix)
        } else {
            format!("{}{}", tag.handle, tag.suffix)
        };
        // The parser doesn't say where the tag stood: it is before the value, mostly on the same line.
        let mut place = place.clone();
        let line = self.text.line(place.line);
        let before: String = line.iter().take(place.column.saturating_sub(1)).collect();
        if let Some(at) = before.rfind(&written) {
            place.column = before.get(..at).unwrap_or_default().chars().count() + 1;
            place.length = written.chars().count();
        }
        let help = match written.as_str() {
            "!!str" => "put the value in quotes instead",
            "!vault" => {
                "this is Ansible's; encrypt the value with `mailprov secrets set NAME` and write `!secret NAME`"
            }
            _ => "only `!secret NAME` is known",
        };
        self.found.push(
            Diagnostic::new(format!("unknown tag `{written}`"))
                .at(&place)
                .help(help),
        );
    }

    fn syntax(&self, error: &saphyr_parser::ScanError) -> Diagnostic {
        let marker = *error.marker();
        // The parser points at where it noticed; the bracket that nobody closed is above.
        if let Some(open) = self.open.last()
            && open.start.line() < marker.line()
            && let Some(bracket @ ('[' | '{')) = self.character(open.start)
        {
            let closing = if bracket == '[' { ']' } else { '}' };
            return Diagnostic::new(format!("the `{bracket}` that begins here is not closed"))
                .at(&open.place)
                .help(format!(
                    "close it with `{closing}`; lines inside it must be indented"
                ));
        }
        let mut place = self.place(Span::new(marker, marker));
        if error.info().contains("tab")
            && let Some((line, column)) = self.text.tab_in_indentation(place.line)
        {
            (place.line, place.column) = (line, column);
        }
        let line: String = self.text.line(place.line).iter().collect();
        let (message, help) = syntax::explain(error.info(), &line);
        let diagnostic = Diagnostic::new(message).at(&place);
        match help {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        }
    }

    fn character(&self, marker: Marker) -> Option<char> {
        let shift = if marker.line() <= 1 { self.shift } else { 0 };
        self.text.line(marker.line()).get(marker.col() + shift).copied()
    }

    /// The part of `span` on its first line, kept inside the source.
    fn place(&self, span: Span) -> Place {
        let last = self.text.lines.len();
        let number = span.start.line().clamp(1, last);
        let line = self.text.line(number);
        let shift = if number == 1 { self.shift } else { 0 };
        let column = if span.start.line() > last {
            line.len()
        } else {
            (span.start.col() + shift).min(line.len())
        };
        let length = if span.end.line() == span.start.line() {
            span.end.col().saturating_sub(span.start.col())
        } else if matches!(line.get(column), Some('|' | '>')) {
            1
        } else {
            line.len().saturating_sub(column)
        };
        Place {
            source: Arc::clone(&self.source),
            line: number,
            column: column + 1,
            length: length.clamp(1, line.len().saturating_sub(column).max(1)),
        }
    }
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}
