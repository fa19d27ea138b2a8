//! Probes of databases: one client process answers all queries to a server, or to a database where a server
//! answers for one at a time.
//!
//! A query's columns must be in hexadecimal: so any bytes survive the client's printing, and NULL is told from the
//! text `NULL`. How each client is fed and what it prints is in `sql/`.

mod mariadb;
mod postgresql;
mod sqlite;

use std::collections::BTreeMap;

use super::{decode, nonsense};
use crate::host::HostError;
use crate::host::script::Script;
use crate::step::probe::{Engine, Observed, Probe, SqlState};

pub const SH: &str = include_str!("sql.sh");

/// Before the first answer and after each: rows are hexadecimal and never begin like this.
const MARK: char = '~';

/// Queries by where they are asked.
type Asked<'a> = BTreeMap<(Engine, &'a str), Vec<&'a str>>;

fn wanted(probes: &[Probe]) -> Asked<'_> {
    let mut asked = Asked::new();
    for probe in probes {
        if let Probe::Sql {
            engine,
            database,
            query,
        } = probe
        {
            asked
                .entry((*engine, database.as_str()))
                .or_default()
                .push(query.as_str());
        }
    }
    asked
}

/// Each client's answer is one line: what it printed in base64, `-` without a client, `!` without the database.
pub fn ask(script: Script, probes: &[Probe]) -> Script {
    let wanted = wanted(probes);
    if wanted.is_empty() {
        return script;
    }
    wanted.iter().fold(
        script.code("echo @sql\n"),
        |script, ((engine, database), queries)| match engine {
            Engine::Mariadb => script
                .data(mariadb::statements(database, queries).as_bytes())
                .code(" | mailprov_sql_mariadb\n"),
            Engine::Postgresql => script
                .data(postgresql::statements(queries).as_bytes())
                .code(" | mailprov_sql_postgresql")
                .word(database)
                .code("\n"),
            Engine::Sqlite => script
                .data(sqlite::statements(queries).as_bytes())
                .code(" | mailprov_sql_sqlite")
                .word(database)
                .code("\n"),
        },
    )
}

pub fn read(probes: &[Probe], lines: &[&str], observed: &mut Observed) -> Result<(), HostError> {
    let wanted = wanted(probes);
    if wanted.len() != lines.len() {
        return Err(nonsense(
            "databases",
            &format!("{} lines", wanted.len()),
            &lines.join(" "),
        ));
    }
    for (((engine, database), queries), line) in wanted.into_iter().zip(lines) {
        let states = match *line {
            "-" => vec![SqlState::NoClient; queries.len()],
            "!" => vec![SqlState::Missing(format!("there is no database {database}")); queries.len()],
            line => {
                let answer = decode("databases", line)?;
                let answer = String::from_utf8_lossy(&answer);
                match engine {
                    Engine::Mariadb => mariadb::read(&answer, queries.len()),
                    Engine::Postgresql => postgresql::read(&answer, queries.len()),
                    Engine::Sqlite => sqlite::read(&answer, queries.len()),
                }
            }
        };
        for (query, state) in queries.into_iter().zip(states) {
            observed
                .sql
                .insert((engine, database.to_owned(), query.to_owned()), state);
        }
    }
    Ok(())
}

/// The lines between marks, each with the words of the mark that ends it; then what follows the last mark. What
/// stands before the first mark is about the connection.
struct Parts<'a> {
    answers: Vec<(Vec<&'a str>, &'a str)>,
    rest: Vec<&'a str>,
}

fn parts(answer: &str) -> Parts<'_> {
    let mut answers = Vec::new();
    let mut rest = Vec::new();
    let mut begun = false;
    for line in answer.lines() {
        let Some(words) = line.strip_prefix(MARK) else {
            rest.push(line);
            continue;
        };
        let lines = std::mem::take(&mut rest);
        if begun {
            answers.push((lines, words.trim()));
        }
        begun = true;
    }
    Parts { answers, rest }
}

/// Columns in hexadecimal between tabs; `None` is a line that is no row.
fn row(line: &str) -> Option<Vec<Option<Vec<u8>>>> {
    line.split('\t').map(column).collect()
}

/// A column in hexadecimal; the outer `None` is nonsense, the inner one NULL.
fn column(text: &str) -> Option<Option<Vec<u8>>> {
    if text == "NULL" {
        return Some(None);
    }
    let bytes = text.as_bytes();
    if !bytes.len().is_multiple_of(2) {
        return None;
    }
    bytes
        .chunks_exact(2)
        .map(|pair| {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok()
        })
        .collect::<Option<Vec<u8>>>()
        .map(Some)
}

/// All lines as rows.
fn rows(lines: &[&str]) -> SqlState {
    match lines.iter().map(|line| row(line)).collect() {
        Some(rows) => SqlState::Rows(rows),
        None => SqlState::Error(format!("unexpected answer: {}", lines.join(" "))),
    }
}

/// A client that said nothing of use.
fn silent(lines: &[&str]) -> SqlState {
    SqlState::NoServer(match lines.join(" ") {
        nothing if nothing.trim().is_empty() => "no answer within 60 seconds".to_owned(),
        words => words,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;

    fn probe(query: &str) -> Probe {
        Probe::Sql {
            engine: Engine::Mariadb,
            database: String::new(),
            query: query.to_owned(),
        }
    }

    fn states(answer: &str, queries: usize) -> Vec<SqlState> {
        let probes: Vec<Probe> = (0..queries).map(|i| probe(&format!("q{i}"))).collect();
        let line = base64::engine::general_purpose::STANDARD.encode(answer);
        let mut observed = Observed::default();
        read(&probes, &[&line], &mut observed).unwrap();
        (0..queries)
            .map(|i| observed.sql[&(Engine::Mariadb, String::new(), format!("q{i}"))].clone())
            .collect()
    }

    #[test]
    fn rows_errors_and_missing_things_are_told_apart() {
        let seen = states(
            "~\n61\tNULL\n\t0AFF\n~\n~\nERROR 1146 (42S02) at line 5: Table 'a.b' doesn't exist\n~\n\
             ERROR 1054 (42S22) at line 7: Unknown column 'x' in 'SELECT'\n~\n",
            4,
        );
        assert_eq!(
            seen[0],
            SqlState::Rows(vec![
                vec![Some(b"a".to_vec()), None],
                vec![Some(vec![]), Some(vec![10, 255])]
            ])
        );
        assert_eq!(seen[1], SqlState::Rows(vec![]));
        assert_eq!(seen[2], SqlState::Missing("Table 'a.b' doesn't exist".into()));
        assert_eq!(seen[3], SqlState::Error("Unknown column 'x' in 'SELECT'".into()));
    }

    #[test]
    fn a_server_that_is_down_or_goes_down() {
        let down = "ERROR 2002 (HY000): Can't connect to local server through socket '/run/mysqld/mysqld.sock' (2)\n";
        assert!(
            states(down, 2)
                .iter()
                .all(|state| matches!(state, SqlState::NoServer(words) if words.contains("socket")))
        );
        let denied = "ERROR 1045 (28000): Access denied for user 'root'@'localhost'\n";
        assert!(matches!(&states(denied, 1)[0], SqlState::Error(words) if words.contains("denied")));
        let midway = "~\n61\n~\nERROR 2013 (HY000) at line 4: Lost connection to server during query\n";
        let seen = states(midway, 2);
        assert!(matches!(seen[0], SqlState::Rows(_)));
        assert!(matches!(seen[1], SqlState::NoServer(_)));
        assert!(matches!(&states("~\n", 1)[0], SqlState::NoServer(words) if words.contains("60")));
    }

    #[test]
    fn no_client_is_said() {
        let probes = [probe("SELECT 1")];
        let script = format!("PATH=/nonexistent\n{SH}\nmailprov_sql_mariadb");
        let output = std::process::Command::new("sh")
            .args(["-c", &script])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let mut observed = Observed::default();
        read(&probes, &text.lines().collect::<Vec<_>>(), &mut observed).unwrap();
        assert!(observed.sql.values().all(|state| *state == SqlState::NoClient));
    }
}
