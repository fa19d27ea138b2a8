//! SQLite's dialect. A database is a file, and the file's mode, owner and group say who may do what.
//!
//! Values are hexadecimal literals; names stand in double quotes, in which only the double quote is special.

use super::{Dialect, Grant, Row, Table, Value, Wanted};
use crate::host::script::Script;
use crate::secret::Secret;
use crate::step::kind::params::AbsolutePath;

/// SQLite 3, through its own command-line client.
pub struct Sqlite;

fn name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn digits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

fn literal(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Text(text) => format!("CAST(X'{}' AS TEXT)", digits(text.as_bytes())),
        other => other.text().unwrap_or_default(),
    }
}

/// An expression's text in hexadecimal; NULL stays NULL, of which `hex` would make an empty text.
fn hex(expression: &str) -> String {
    format!("CASE WHEN {expression} IS NULL THEN NULL ELSE hex(CAST({expression} AS TEXT)) END")
}

impl Dialect for Sqlite {
    fn server_packages(&self) -> &'static [&'static str] {
        &["sqlite3"]
    }

    fn refuse_name(&self, name: &str) -> Option<String> {
        let bad = name.is_empty() || name.chars().any(char::is_control);
        bad.then(|| "expected a name without control characters".to_owned())
    }

    fn refuse_database(&self, name: &str) -> Option<String> {
        AbsolutePath::new(name).err()
    }

    fn asks_in<'a>(&self, database: &'a str) -> &'a str {
        database
    }

    fn refuse_users(&self) -> Option<&'static str> {
        Some("SQLite has no users: who may read or write a database is its file's owner, group and mode")
    }

    fn default_charset(&self) -> &'static str {
        "UTF-8"
    }

    fn run(&self, database: Option<&str>, statements: &[u8]) -> Script {
        Script::new()
            .data(statements)
            .code(" | mailprov_sqlite")
            .word(database.unwrap_or_default())
            .code("\n")
    }

    fn database(&self, _database: &str) -> String {
        "SELECT hex('UTF-8'), NULL, hex(count(*)) FROM sqlite_master WHERE type = 'table'".to_owned()
    }

    /// Files are made by the kind itself.
    fn create_database(&self, _wanted: &Wanted<'_>) -> String {
        String::new()
    }

    fn alter_charset(&self, _wanted: &Wanted<'_>) -> Option<String> {
        None
    }

    fn drop_database(&self, _database: &str) -> String {
        String::new()
    }

    fn same_charset(&self, _one: &str, _other: &str) -> bool {
        true
    }

    fn user(&self, _name: &str, _host: &str) -> String {
        String::new()
    }

    fn user_has(&self, _row: &Row, _password: Option<&Secret>) -> bool {
        false
    }

    fn create_user(&self, _name: &str, _host: &str, _password: Option<&Secret>) -> String {
        String::new()
    }

    fn alter_user(&self, _name: &str, _host: &str, _password: Option<&Secret>) -> String {
        String::new()
    }

    fn drop_user(&self, _name: &str, _host: &str) -> String {
        String::new()
    }

    fn grants(&self, _grant: &Grant<'_>) -> String {
        String::new()
    }

    fn privileges(&self, _words: &[String], _on_database: bool) -> Vec<String> {
        Vec::new()
    }

    fn grant(&self, _grant: &Grant<'_>, _privileges: &[String]) -> String {
        String::new()
    }

    fn revoke(&self, _grant: &Grant<'_>, _object: &str, _privileges: &[String]) -> String {
        String::new()
    }

    fn tables(&self, _database: &str) -> String {
        "SELECT hex(name) FROM sqlite_master WHERE type = 'table'".to_owned()
    }

    fn quoted(&self, plain: &str) -> String {
        name(plain)
    }

    fn literal(&self, value: &Value) -> String {
        literal(value)
    }

    fn table(&self, of: &Table<'_>) -> String {
        name(of.name)
    }

    fn equal(&self, column: &str, value: &Value) -> String {
        format!("{} IS {}", name(column), literal(value))
    }

    /// Numbers are compared as numbers, whatever wrote them; texts byte for byte, whatever the column's collation.
    fn compared(&self, _of: &Table<'_>, column: &str, value: &Value) -> String {
        let (column, literal) = (name(column), literal(value));
        format!(
            "{}, hex(CASE WHEN typeof({column}) IN ('integer', 'real') THEN {column} IS {literal} ELSE \
             CAST({column} AS BLOB) IS CAST({literal} AS BLOB) END)",
            hex(&column)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_ends_a_name_or_value_early() {
        assert_eq!(name("a\"; DROP"), "\"a\"\"; DROP\"");
        assert_eq!(literal(&Value::Text("'\\\n".into())), "CAST(X'275C0A' AS TEXT)");
        assert_eq!(literal(&Value::Bool(true)), "1");
        assert_eq!(literal(&Value::Null), "NULL");
    }

    proptest! {
        /// What SQLite reads between the quotes is the value, byte for byte.
        #[test]
        fn any_value_is_one_literal(text in any::<String>()) {
            let literal = literal(&Value::Text(text.clone()));
            let inner = literal.strip_prefix("CAST(X'").and_then(|rest| rest.strip_suffix("' AS TEXT)")).unwrap();
            let bytes: Vec<u8> = (0..inner.len() / 2)
                .map(|at| u8::from_str_radix(&inner[2 * at..2 * at + 2], 16).unwrap())
                .collect();
            prop_assert_eq!(bytes, text.as_bytes());
        }
    }
}
