//! MariaDB's client: errors are lines among the rows.

use super::{MARK, parts, rows, silent};
use crate::step::probe::SqlState;

pub(super) fn statements(database: &str, queries: &[&str]) -> String {
    // A probe must not hang on somebody's lock.
    let mut text = format!("SET max_statement_time = 20, lock_wait_timeout = 20;\nSELECT '{MARK}';\n");
    if !database.is_empty() {
        text.push_str(&format!("USE `{}`;\n", database.replace('`', "``")));
    }
    for query in queries {
        text.push_str(&format!("{query};\nSELECT '{MARK}';\n"));
    }
    text
}

pub(super) fn read(answer: &str, queries: usize) -> Vec<SqlState> {
    let parts = parts(answer);
    let answered = parts.answers.iter().map(|(lines, _)| answered(lines));
    let mut states: Vec<SqlState> = answered.take(queries).collect();
    let none = no_answer(&parts.rest);
    states.resize(queries, none);
    states
}

/// `ERROR 1146 (42S02) at line 7: words` → the number and the words.
fn error(line: &str) -> Option<(u32, &str)> {
    let rest = line.strip_prefix("ERROR ")?;
    let (number, rest) = rest.split_once(' ')?;
    let (_, words) = rest.split_once(": ")?;
    Some((number.parse().ok()?, words))
}

/// Numbers of MariaDB's errors: <https://mariadb.com/kb/en/mariadb-error-codes/>.
fn answered(lines: &[&str]) -> SqlState {
    let Some((number, words)) = lines.iter().find_map(|line| error(line)) else {
        return rows(lines);
    };
    match number {
        // ER_BAD_DB_ERROR, ER_NO_SUCH_TABLE
        1049 | 1146 => SqlState::Missing(words.to_owned()),
        // CR_SERVER_GONE_ERROR, CR_SERVER_LOST
        2006 | 2013 => SqlState::NoServer(words.to_owned()),
        _ => SqlState::Error(words.to_owned()),
    }
}

/// The client stopped before this query.
fn no_answer(lines: &[&str]) -> SqlState {
    match lines.iter().find_map(|line| error(line)) {
        // CR_CONNECTION_ERROR, CR_CONN_HOST_ERROR, CR_SERVER_GONE_ERROR, CR_SERVER_LOST
        Some((2002 | 2003 | 2006 | 2013, words)) => SqlState::NoServer(words.to_owned()),
        Some((_, words)) => SqlState::Error(words.to_owned()),
        None => silent(lines),
    }
}
