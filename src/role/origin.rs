//! From a line of a rendered file back to the variables that made it, for a program's "error in line N".
//!
//! A line is recognised by the fixed words around the expressions of the template's lines; that is a good guess,
//! not a proof, and it is worded as one.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::diagnostic::Source;

/// The template of a file, and the names that it may use.
#[derive(Debug, Clone)]
pub struct Origin {
    pub template: Arc<Source>,
    pub variables: Arc<BTreeSet<String>>,
}

impl Origin {
    /// The variables that the template's line for `rendered` prints, in alphabetical order. Names that a loop
    /// gives stand for what the loop goes over.
    pub fn variables_of(&self, rendered: &str) -> Vec<&str> {
        if self.template.text.lines().any(|line| line == rendered) {
            return Vec::new();
        }
        let mut loops: Vec<(Vec<&str>, &str)> = Vec::new();
        let mut best: Option<(usize, BTreeSet<&str>)> = None;
        for line in self.template.text.lines() {
            let tag = line
                .trim()
                .strip_prefix("{%")
                .and_then(|tag| tag.strip_suffix("%}"))
                .map(str::trim);
            if let Some((names, over)) = tag
                .and_then(|tag| tag.strip_prefix("for "))
                .and_then(|tag| tag.split_once(" in "))
            {
                loops.push((names.split(',').map(str::trim).collect(), over));
            } else if tag == Some("endfor") {
                loops.pop();
            }
            let Some((fixed, expressions)) = parts(line) else {
                continue;
            };
            let weight = fixed.iter().map(|part| part.len()).sum();
            if best.as_ref().is_some_and(|(heaviest, _)| *heaviest >= weight) || !fits(&fixed, rendered) {
                continue;
            }
            best = Some((weight, self.named(&expressions, &loops)));
        }
        best.map(|(_, names)| names.into_iter().collect())
            .unwrap_or_default()
    }

    fn named<'a>(&'a self, expressions: &[&'a str], loops: &[(Vec<&'a str>, &'a str)]) -> BTreeSet<&'a str> {
        let mut names = BTreeSet::new();
        for word in expressions.iter().flat_map(|expression| words(expression)) {
            let looped = loops.iter().rev().find(|(given, _)| given.contains(&word));
            match looped {
                Some((_, over)) => names.extend(words(over).filter(|word| self.variables.contains(*word))),
                None if self.variables.contains(word) => {
                    names.insert(word);
                }
                None => {}
            }
        }
        names
    }
}

/// The fixed parts of a template's line and the expressions between them; `None` if it prints none.
fn parts(line: &str) -> Option<(Vec<&str>, Vec<&str>)> {
    let mut fixed = Vec::new();
    let mut expressions = Vec::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("{{") {
        let (expression, after) = after.split_once("}}")?;
        fixed.push(before);
        expressions.push(expression);
        rest = after;
    }
    fixed.push(rest);
    (!expressions.is_empty() && !line.contains("{%")).then_some((fixed, expressions))
}

/// Whether `line` consists of the fixed parts with anything between them.
fn fits(fixed: &[&str], line: &str) -> bool {
    let [first, middle @ .., last] = fixed else {
        return false;
    };
    let Some(mut rest) = line.strip_prefix(first).and_then(|rest| rest.strip_suffix(last)) else {
        return false;
    };
    for part in middle {
        let Some((_, after)) = rest.split_once(part) else {
            return false;
        };
        rest = after;
    }
    true
}

/// The names in an expression, without those that follow a dot.
pub fn words(expression: &str) -> impl Iterator<Item = &str> {
    expression
        .split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.'))
        .filter_map(|word| word.split('.').next())
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_line(line: &str) -> Vec<String> {
        let template = "# {{ x_title }}\nlisten = {{ x_listen | join(', ') }}\n{% for name, value in x_settings \
                        | items %}\n{{ name }} = {{ value }}\n{% endfor %}\n{{ value }}\nfixed = yes\n";
        let names = ["x_title", "x_listen", "x_settings"];
        let origin = Origin {
            template: Source::new("x.conf", template),
            variables: Arc::new(names.map(str::to_owned).into()),
        };
        origin.variables_of(line).into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn a_line_leads_to_the_variable_that_it_prints() {
        assert_eq!(of_line("listen = *, ::"), ["x_listen"]);
        assert_eq!(of_line("# anything"), ["x_title"]);
    }

    #[test]
    fn a_loops_name_stands_for_what_it_goes_over() {
        assert_eq!(of_line("interval = soon"), ["x_settings"]);
    }

    #[test]
    fn a_line_that_no_expression_made_leads_nowhere() {
        assert_eq!(of_line("}"), [""; 0]);
        assert_eq!(of_line("fixed = yes"), [""; 0]);
    }
}
