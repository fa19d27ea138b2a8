//! What a checker says of "line N", in terms of the line's text and the variables that made it.

use crate::role::BoundStep;

/// Where the line comes from that a complaint about the step's own file names: its text, and the variables in it.
pub(super) fn of(step: &BoundStep, said: &str) -> Option<String> {
    let rendered = step.step.rendered()?;
    let after = said.split(rendered.path).nth(1)?;
    let number = after
        .trim_start_matches([':', ',', ' '])
        .trim_start_matches("line ");
    let digits = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
    let number: usize = number.get(..digits)?.parse().ok()?;
    let content = std::str::from_utf8(rendered.content).ok()?;
    let line = content.lines().nth(number.checked_sub(1)?)?;
    let origin = step.origin.as_ref()?;
    let variables = origin.variables_of(line);
    let named = match variables.as_slice() {
        [] => String::new(),
        [one] => format!(", from the variable {one}"),
        many => format!(", from the variables {}", many.join(", ")),
    };
    Some(format!(
        "line {number} of {} is `{}`{named} ({})",
        rendered.path,
        line.trim(),
        origin.template.name
    ))
}
