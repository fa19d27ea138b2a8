//! PostgreSQL's client: it says after each query whether it went wrong; what else it prints is for people.

use super::{MARK, parts, row, silent};
use crate::step::probe::SqlState;

pub(super) fn statements(queries: &[&str]) -> String {
    // A probe must not hang on somebody's lock, and changes nothing.
    let mut text = format!(
        "SET statement_timeout = '20s';\nSET lock_timeout = '20s';\nSET default_transaction_read_only = on;\n\
         \\echo {MARK}\n"
    );
    for query in queries {
        text.push_str(&format!(
            "{query};\n\\echo {MARK} :SQLSTATE :LAST_ERROR_MESSAGE\n"
        ));
    }
    text
}

pub(super) fn read(answer: &str, queries: usize) -> Vec<SqlState> {
    let parts = parts(answer);
    let answered = parts.answers.iter().map(|(lines, mark)| answered(lines, mark));
    let mut states: Vec<SqlState> = answered.take(queries).collect();
    states.resize(queries, no_answer(&parts.rest));
    states
}

/// `mark` is the SQLSTATE and the last error's words:
/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
fn answered(lines: &[&str], mark: &str) -> SqlState {
    let (state, words) = mark.split_once(' ').unwrap_or((mark, ""));
    let words = words.to_owned();
    match state {
        // Lines that are no rows are notices and warnings.
        "00000" => SqlState::Rows(lines.iter().filter_map(|line| row(line)).collect()),
        // undefined_table, invalid_schema_name
        "42P01" | "3F000" => SqlState::Missing(words),
        // Connection exceptions, and a server that shuts down or is not up yet.
        state if state.starts_with("08") || state.starts_with("57P") => SqlState::NoServer(words),
        _ => SqlState::Error(words),
    }
}

/// The client stopped before this query.
fn no_answer(lines: &[&str]) -> SqlState {
    let fatal = lines.iter().find_map(|line| line.split_once("FATAL:"));
    match fatal.map(|(_, words)| words.trim().to_owned()) {
        // English, whatever the server's own language: the client's session asks for it.
        Some(words) if words.contains("does not exist") && words.starts_with("database") => {
            SqlState::Missing(words)
        }
        Some(words) if words.contains("the database system is") => SqlState::NoServer(words),
        Some(words) => SqlState::Error(words),
        None => silent(lines),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_errors_and_missing_things_are_told_apart() {
        let seen = read(
            "~\n61\tNULL\n\t0aff\n~ 00000 \nWARNING:  collation version\n~ 00000 \nERROR:  relation \"t\" does not \
             exist\n~ 42P01 relation \"t\" does not exist\n~ 42703 column \"x\" does not exist\n~ 00000 column \"x\" \
             does not exist\n",
            5,
        );
        let first = vec![
            vec![Some(b"a".to_vec()), None],
            vec![Some(vec![]), Some(vec![10, 255])],
        ];
        assert_eq!(
            seen,
            [
                SqlState::Rows(first),
                SqlState::Rows(vec![]),
                SqlState::Missing("relation \"t\" does not exist".into()),
                SqlState::Error("column \"x\" does not exist".into()),
                SqlState::Rows(vec![]),
            ]
        );
    }

    #[test]
    fn a_server_that_is_down_or_has_no_such_database() {
        let down = "psql: error: connection to server on socket \"/var/run/postgresql/.s.PGSQL.5432\" failed: No such \
                    file or directory\n\tIs the server running locally and accepting connections on that socket?\n";
        assert!(
            matches!(&read(down, 2)[..], [SqlState::NoServer(words), SqlState::NoServer(_)] if words.contains("socket"))
        );
        let missing = "psql: error: connection to server on socket \"x\" failed: FATAL:  database \"mail\" does not exist\n";
        assert_eq!(
            read(missing, 1),
            [SqlState::Missing("database \"mail\" does not exist".into())]
        );
        let starting = "psql: error: connection to server on socket \"x\" failed: FATAL:  the database system is starting up\n";
        assert!(matches!(&read(starting, 1)[..], [SqlState::NoServer(_)]));
        let denied = "psql: error: connection to server on socket \"x\" failed: FATAL:  Peer authentication failed for user \"postgres\"\n";
        assert!(matches!(&read(denied, 1)[..], [SqlState::Error(_)]));
        assert!(matches!(
            &read("~\n61\n~ 00000\n", 2)[..],
            [SqlState::Rows(_), SqlState::NoServer(_)]
        ));
    }
}
