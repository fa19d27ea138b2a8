//! Differences as a person reads them: a unified diff of files, `name: before → after` of everything else.

use std::fmt::Write as _;

use similar::{DiffTag, TextDiff};

use super::event::Text;
use crate::secret::Redactor;
use crate::step::{Diff, Difference};

/// What stands for a text that a secret replaces: the old value is a secret too, of which we have no name.
const HIDDEN: &str = "<hidden: a secret replaces it>";

/// `diff` without secrets.
pub fn text(diff: &Diff, redactor: &Redactor) -> Text {
    let mut text = String::new();
    for difference in &diff.0 {
        match difference {
            Difference::Content { path, before, after } => {
                content(&mut text, path, before.as_deref(), after.as_deref(), redactor);
            }
            Difference::Attribute { name, before, after } => {
                let secret = after.as_deref().is_some_and(|after| redactor.finds(after));
                let before = match before.as_deref() {
                    Some(_) if secret => HIDDEN,
                    Some(before) => before,
                    None => "unset",
                };
                let after = after.as_deref().unwrap_or("unset");
                let _ = writeln!(text, "{name}: {before} → {after}");
            }
            Difference::Note(note) => {
                let _ = writeln!(text, "{note}");
            }
        }
    }
    Text::new(redactor, text.trim_end_matches('\n'))
}

fn content(text: &mut String, path: &str, before: Option<&str>, after: Option<&str>, redactor: &Redactor) {
    // Secrets go first: the lines of a diff must not be what remains of one.
    let old = redactor.redact(before.unwrap_or_default());
    let new = redactor.redact(after.unwrap_or_default());
    let old = hide(&old, &new, after.unwrap_or_default() != new);
    let name = |side: Option<&str>| if side.is_some() { path } else { "/dev/null" };
    let diff = TextDiff::from_lines(old.as_str(), new.as_ref());
    let _ = write!(
        text,
        "{}",
        diff.unified_diff()
            .context_radius(3)
            .header(name(before), name(after))
    );
    if !text.ends_with('\n') && !text.is_empty() {
        text.push('\n');
    }
}

/// `old` with every line hidden that a line with a secret replaces.
fn hide(old: &str, new: &str, has_secrets: bool) -> String {
    if !has_secrets {
        return old.to_owned();
    }
    let diff = TextDiff::from_lines(old, new);
    let (old_lines, new_lines) = (diff.old_slices(), diff.new_slices());
    let mut hidden = vec![false; old_lines.len()];
    // Neighbouring deletions and insertions are one change, however they were found.
    for change in diff
        .ops()
        .chunk_by(|a, b| (a.tag() == DiffTag::Equal) == (b.tag() == DiffTag::Equal))
    {
        let secret = change.iter().filter(|op| op.tag() != DiffTag::Equal).any(|op| {
            new_lines[op.new_range()]
                .iter()
                .any(|line| line.contains("<secret "))
        });
        if secret {
            for op in change {
                hidden[op.old_range()].fill(true);
            }
        }
    }
    let lines = old_lines.iter().zip(hidden);
    lines
        .map(|(line, hidden)| match hidden {
            true if line.ends_with('\n') => format!("{HIDDEN}\n"),
            true => HIDDEN.to_owned(),
            false => (*line).to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn of(before: Option<&str>, after: Option<&str>, redactor: &Redactor) -> String {
        let difference = Difference::Content {
            path: "/etc/x".into(),
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
        };
        text(&Diff(vec![difference]), redactor).as_str().to_owned()
    }

    #[test]
    fn three_lines_of_context() {
        let before: String = (1..=9).map(|n| format!("{n}\n")).collect();
        let after = before.replace("5\n", "five\n");
        assert_eq!(
            of(Some(&before), Some(&after), &Redactor::default()),
            "--- /etc/x\n+++ /etc/x\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8"
        );
    }

    #[test]
    fn a_new_file_and_one_that_goes() {
        let none = Redactor::default();
        assert_eq!(
            of(None, Some("a\n"), &none),
            "--- /dev/null\n+++ /etc/x\n@@ -0,0 +1 @@\n+a"
        );
        assert_eq!(
            of(Some("a\n"), None, &none),
            "--- /etc/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-a"
        );
    }

    #[test]
    fn neither_the_new_secret_nor_the_old_one_is_shown() {
        let secret = Secret::new("newsecret");
        let redactor = Redactor::new([("db", &secret)]);
        let shown = of(
            Some("user = a\npassword = oldsecret\nhost = b\n"),
            Some("user = a\npassword = newsecret\nhost = c\n"),
            &redactor,
        );
        assert!(
            !shown.contains("oldsecret") && !shown.contains("newsecret"),
            "{shown}"
        );
        assert!(
            shown.contains("+password = <secret db>") && shown.contains(" user = a"),
            "{shown}"
        );
    }

    #[test]
    fn attributes_say_before_and_after() {
        let secret = Secret::new("newsecret");
        let redactor = Redactor::new([("db", &secret)]);
        let diff = Diff::default()
            .attribute("mode", Some("0644"), Some("0640"))
            .attribute("owner", None, Some("root"))
            .attribute("password", Some("oldsecret"), Some("newsecret"))
            .note("it is created");
        assert_eq!(
            text(&diff, &redactor).as_str(),
            "mode: 0644 → 0640\nowner: unset → root\npassword: <hidden: a secret replaces it> → <secret db>\nit is created"
        );
    }
}
