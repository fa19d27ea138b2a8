//! SQLite's client: errors are lines among the rows.

use super::{MARK, parts, rows, silent};
use crate::step::probe::SqlState;

pub(super) fn statements(queries: &[&str]) -> String {
    let mut text = format!(".timeout 20000\n.print {MARK}\n");
    for query in queries {
        text.push_str(&format!("{query};\n.print {MARK}\n"));
    }
    text
}

pub(super) fn read(answer: &str, queries: usize) -> Vec<SqlState> {
    let parts = parts(answer);
    let answered = parts.answers.iter().map(|(lines, _)| answered(lines));
    let mut states: Vec<SqlState> = answered.take(queries).collect();
    let none = match error(&parts.rest) {
        Some(words) => SqlState::Error(words.to_owned()),
        None => silent(&parts.rest),
    };
    states.resize(queries, none);
    states
}

/// `Parse error near line 3: no such table: t`, and the words of a run that failed; more lines follow.
fn error<'a>(lines: &[&'a str]) -> Option<&'a str> {
    let line = lines.iter().find(|line| {
        line.starts_with("Error") || line.starts_with("Parse error") || line.starts_with("Runtime error")
    })?;
    Some(line.split_once(": ").map_or(line, |(_, words)| words))
}

fn answered(lines: &[&str]) -> SqlState {
    match error(lines) {
        Some(words) if words.contains("no such table") => SqlState::Missing(words.to_owned()),
        Some(words) => SqlState::Error(words.to_owned()),
        None => rows(lines),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_errors_and_missing_things_are_told_apart() {
        let seen = read(
            "~\n61\tNULL\n~\n~\nParse error near line 5: no such table: t\n~\nParse error near line 7: no such column: \
             x\n  SELECT x FROM u\n         ^--- error here\n~\n",
            5,
        );
        assert_eq!(seen[0], SqlState::Rows(vec![vec![Some(b"a".to_vec()), None]]));
        assert_eq!(seen[1], SqlState::Rows(vec![]));
        assert_eq!(seen[2], SqlState::Missing("no such table: t".into()));
        assert_eq!(seen[3], SqlState::Error("no such column: x".into()));
        assert!(matches!(seen[4], SqlState::NoServer(_)));
        let broken = "Error: in prepare, file is not a database (26)\n";
        assert!(matches!(&read(broken, 1)[..], [SqlState::Error(words)] if words.contains("not a database")));
    }
}
