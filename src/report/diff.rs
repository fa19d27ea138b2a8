//! Differences as a person reads them: a unified diff of files, `name: before → after` of everything else.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use similar::{DiffTag, TextDiff};

use super::event::Text;
use crate::secret::{Redactor, SHORTEST_REDACTED};
use crate::step::{Diff, Difference};

/// What stands for a text that a secret replaces: the old value is a secret too, of which we have no name.
const HIDDEN: &str = "<hidden: a secret replaces it>";

/// What stands for a text that is not promised in a file that not everybody may read.
const FORMER: &str = "<hidden: may be a former secret>";

/// `diff` without secrets.
pub fn text(diff: &Diff, redactor: &Redactor) -> Text {
    let mut text = String::new();
    for difference in &diff.0 {
        match difference {
            Difference::Content {
                path,
                before,
                after,
                private,
            } => {
                let sides = (before.as_deref(), after.as_deref());
                content(&mut text, path, sides, *private, redactor);
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

fn content(
    text: &mut String,
    path: &str,
    (before, after): (Option<&str>, Option<&str>),
    private: bool,
    redactor: &Redactor,
) {
    // Secrets go first: the lines of a diff must not be what remains of one.
    let old = redactor.redact(before.unwrap_or_default());
    let new = redactor.redact(after.unwrap_or_default());
    let old = if private {
        only_promised(&old, &new)
    } else {
        hide(&old, &new, after.unwrap_or_default() != new)
    };
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

/// `old` with nothing in it that `new` does not say too: of a line that goes there remains the beginning that it shares
/// with a promised line, up to the end of a word. A rest too short to be a secret stays.
fn only_promised(old: &str, new: &str) -> String {
    let promised: BTreeSet<&str> = new.lines().collect();
    let line = |line: &str| {
        let end = if line.ends_with('\n') { "\n" } else { "" };
        let text = line.strip_suffix(end).unwrap_or(line);
        let text = text.strip_suffix('\r').unwrap_or(text);
        // What a text has most in common with stands next to it in the order.
        let before = promised.range(..=text).next_back();
        let after = promised.range(text..).next();
        let shared = before
            .into_iter()
            .chain(after)
            .map(|other| shared(text, other))
            .max()
            .unwrap_or_default();
        let (shown, rest) = text.split_at(shared);
        let word = rest.trim_matches(|c: char| c.is_whitespace() || "{}[]();,\"'".contains(c));
        if word.len() < SHORTEST_REDACTED {
            line.to_owned()
        } else {
            format!("{shown}{FORMER}{end}")
        }
    };
    old.split_inclusive('\n').map(line).collect()
}

/// How many bytes of `text` are the beginning of `other` too: all, or up to where a word ends.
fn shared(text: &str, other: &str) -> usize {
    if text == other {
        return text.len();
    }
    let mut end = 0;
    for ((at, c), other) in text.char_indices().zip(other.chars()) {
        if c != other {
            break;
        }
        if c.is_whitespace() || matches!(c, '=' | ':') {
            end = at + c.len_utf8();
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn of(before: Option<&str>, after: Option<&str>, redactor: &Redactor) -> String {
        with(before, after, false, redactor)
    }

    fn with(before: Option<&str>, after: Option<&str>, private: bool, redactor: &Redactor) -> String {
        let difference = Difference::Content {
            path: "/etc/x".into(),
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
            private,
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
    fn of_a_private_file_only_what_is_promised_is_shown() {
        let secret = Secret::new("newsecret");
        let redactor = Redactor::new([("relay", &secret)]);
        let shown = with(
            Some(
                "[a]:587 user:oldsecret\n[b]:587 other:formersecret\n\nlevel = may;\nmode = strict\nsame\n# moved\nrest",
            ),
            Some("# moved\n[a]:587 user:newsecret\n\nlevel = encrypt;\nmode = none\nsame\n"),
            true,
            &redactor,
        );
        assert_eq!(
            shown,
            "--- /etc/x\n+++ /etc/x\n@@ -1,8 +1,6 @@\n\
             -[a]:587 user:<hidden: may be a former secret>\n\
             -<hidden: may be a former secret>\n\
             +# moved\n\
             +[a]:587 user:<secret relay>\n \n\
             -level = may;\n\
             -mode = <hidden: may be a former secret>\n\
             +level = encrypt;\n\
             +mode = none\n same\n\
             -# moved\n\
             -<hidden: may be a former secret>\n\\ No newline at end of file"
        );
    }

    #[test]
    fn a_former_secret_that_begins_as_the_present_one_is_not_shown() {
        let (one, two) = (Secret::new("mail:abcdef"), Secret::new("mail:uvwxyz"));
        let redactor = Redactor::new([("one", &one), ("two", &two)]);
        let shown = with(
            Some("password=mail:ghijkl\n"),
            Some("password=mail:abcdef\n"),
            true,
            &redactor,
        );
        assert!(
            shown.contains("-password=<hidden: may be a former secret>"),
            "{shown}"
        );
    }

    proptest::proptest! {
        #[test]
        fn what_a_private_file_alone_says_is_never_shown(
            lines in proptest::collection::vec("[a-c:= ]{0,6}", 0..6),
            at in 0usize..6,
            promised in proptest::collection::vec("[a-c:= ]{0,6}", 0..6),
        ) {
            let mut lines = lines;
            lines.insert(at.min(lines.len()), format!("{}FORMER", promised.first().map_or("", String::as_str)));
            let shown = with(
                Some(&lines.join("\n")),
                Some(&promised.join("\n")),
                true,
                &Redactor::default(),
            );
            proptest::prop_assert!(!shown.contains("FORMER"), "{}", shown);
        }
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
