//! Probes of database servers: one client process answers all queries of an engine.
//!
//! A query's columns must be `HEX(…)` of what they stand for: so any bytes survive the client's printing, and NULL
//! is told from the text `NULL`.

use super::{decode, nonsense};
use crate::host::HostError;
use crate::host::script::Script;
use crate::step::probe::{Engine, Observed, Probe, SqlState};

pub const SH: &str = include_str!("sql.sh");

/// Before the first query and after each: rows are hexadecimal and never begin like this.
const MARK: char = '~';

fn wanted(probes: &[Probe]) -> Vec<(Engine, &str, &str)> {
    probes
        .iter()
        .filter_map(|probe| match probe {
            Probe::Sql {
                engine,
                database,
                query,
            } => Some((*engine, database.as_str(), query.as_str())),
            _ => None,
        })
        .collect()
}

pub fn ask(script: Script, probes: &[Probe]) -> Script {
    let wanted = wanted(probes);
    if wanted.is_empty() {
        return script;
    }
    // A probe must not hang on somebody's lock.
    let mut statements = format!("SET max_statement_time = 20, lock_wait_timeout = 20;\nSELECT '{MARK}';\n");
    for (engine, database, query) in wanted {
        match engine {
            Engine::Mariadb => {
                if !database.is_empty() {
                    statements.push_str(&format!("USE `{}`;\n", database.replace('`', "``")));
                }
                statements.push_str(&format!("{query};\nSELECT '{MARK}';\n"));
            }
        }
    }
    script
        .code("echo @sql\n")
        .data(statements.as_bytes())
        .code(" | mailprov_sql_mariadb\n")
}

pub fn read(probes: &[Probe], lines: &[&str], observed: &mut Observed) -> Result<(), HostError> {
    let wanted = wanted(probes);
    if wanted.is_empty() {
        return Ok(());
    }
    let &[line] = lines else {
        return Err(nonsense("databases", "one line", &lines.join(" ")));
    };
    let mut insert = |(engine, database, query): (Engine, &str, &str), state: SqlState| {
        observed
            .sql
            .insert((engine, database.to_owned(), query.to_owned()), state);
    };
    if line == "-" {
        wanted
            .into_iter()
            .for_each(|query| insert(query, SqlState::NoClient));
        return Ok(());
    }
    let answer = decode("databases", line)?;
    let answer = String::from_utf8_lossy(&answer);
    // What stands before the first mark is about the connection; every answer ends in a mark of its own.
    let mut parts = parts(&answer);
    let last = parts.pop().unwrap_or_default();
    let mut parts = parts.into_iter();
    parts.next();
    for query in wanted {
        let state = match parts.next() {
            Some(part) => answered(&part),
            None => no_answer(&last),
        };
        insert(query, state);
    }
    Ok(())
}

/// The lines between marks; the last part is what follows the last mark.
fn parts(answer: &str) -> Vec<Vec<&str>> {
    let mut parts = vec![Vec::new()];
    for line in answer.lines() {
        if line.len() == MARK.len_utf8() && line.starts_with(MARK) {
            parts.push(Vec::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(line);
        }
    }
    parts
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
    if let Some((number, words)) = lines.iter().find_map(|line| error(line)) {
        return match number {
            // ER_BAD_DB_ERROR, ER_NO_SUCH_TABLE
            1049 | 1146 => SqlState::Missing(words.to_owned()),
            // CR_SERVER_GONE_ERROR, CR_SERVER_LOST
            2006 | 2013 => SqlState::NoServer(words.to_owned()),
            _ => SqlState::Error(words.to_owned()),
        };
    }
    let rows: Option<Vec<_>> = lines
        .iter()
        .map(|line| line.split('\t').map(column).collect::<Option<Vec<_>>>())
        .collect();
    match rows {
        Some(rows) => SqlState::Rows(rows),
        None => SqlState::Error(format!("unexpected answer: {}", lines.join(" "))),
    }
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

/// The client stopped before this query.
fn no_answer(lines: &[&str]) -> SqlState {
    match lines.iter().find_map(|line| error(line)) {
        // CR_CONNECTION_ERROR, CR_CONN_HOST_ERROR, CR_SERVER_GONE_ERROR, CR_SERVER_LOST
        Some((2002 | 2003 | 2006 | 2013, words)) => SqlState::NoServer(words.to_owned()),
        Some((_, words)) => SqlState::Error(words.to_owned()),
        None => SqlState::NoServer(match lines.join(" ") {
            nothing if nothing.is_empty() => "no answer within 60 seconds".to_owned(),
            words => words,
        }),
    }
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
