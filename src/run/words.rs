//! What a step that was not done is reported with.

use crate::host::Answer;
use crate::step::{Assessment, Difference};

/// What still differs, in words.
pub(super) fn still(after: &Assessment) -> String {
    match after {
        Assessment::Converged => "nothing differs".to_owned(),
        Assessment::Create(diff) | Assessment::Change(diff) | Assessment::Remove(diff) => {
            let parts: Vec<String> = diff.0.iter().map(difference).collect();
            if parts.is_empty() {
                "it still differs".to_owned()
            } else {
                format!("it still differs: {}", parts.join("; "))
            }
        }
        Assessment::Owed(why) => format!("it is still owed: {why}"),
        Assessment::Unknown(until) => format!("its state can't be known before {until}"),
        Assessment::Refused(why) => why.clone(),
    }
}

fn difference(difference: &Difference) -> String {
    match difference {
        Difference::Content { path, .. } => format!("the content of {path}"),
        Difference::Attribute { name, before, after } => format!(
            "{name} is {}, not {}",
            before.as_deref().unwrap_or("unset"),
            after.as_deref().unwrap_or("unset")
        ),
        Difference::Note(note) => note.clone(),
    }
}

/// The last lines of what was said.
pub(super) fn last(said: &str) -> String {
    const LINES: usize = 30;
    let lines: Vec<&str> = said.trim_end().lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

/// The last lines of what a fragment complained.
pub(super) fn complaint(answer: &Answer) -> String {
    let said = last(&answer.errors);
    if said.is_empty() {
        format!("its fix ended with exit status {}, without a word", answer.status)
    } else {
        format!("exit status {}: {said}", answer.status)
    }
}
