//! PostgreSQL's dialect.
//!
//! Values are escape strings in which every byte stands in hexadecimal, so that nothing in them can end early
//! whatever `standard_conforming_strings` says; they have no type, so that they take on that of the column. Names
//! stand in double quotes, in which only the double quote is special. Tables are those of the schema `public`.

use super::scram::Verifier;
use super::{Dialect, Grant, Row, Table, Value, Wanted, text};
use crate::host::script::Script;
use crate::secret::Secret;

/// PostgreSQL 12 and later.
pub struct Postgresql;

/// <https://www.postgresql.org/docs/current/ddl-priv.html>. A later release's own additions (`MAINTAIN` of 17) are
/// neither asked for nor taken away.
const ALL_ON_TABLE: &[&str] = &[
    "DELETE",
    "INSERT",
    "REFERENCES",
    "SELECT",
    "TRIGGER",
    "TRUNCATE",
    "UPDATE",
];

const ALL_ON_DATABASE: &[&str] = &["CONNECT", "CREATE", "TEMPORARY"];

fn name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal_text(text: &str) -> String {
    let bytes: String = text.bytes().map(|byte| format!("\\x{byte:02X}")).collect();
    format!("E'{bytes}'")
}

fn literal(value: &Value) -> String {
    value
        .text()
        .map_or_else(|| "NULL".to_owned(), |text| literal_text(&text))
}

/// An expression's text in hexadecimal; NULL stays NULL.
fn hex(expression: &str) -> String {
    format!("encode(convert_to(({expression})::text, 'UTF8'), 'hex')")
}

fn login(password: Option<&Secret>) -> String {
    match password.map(Verifier::new) {
        // A user without a password logs in as the system's user of that name, where pg_hba.conf says `peer`.
        None => "LOGIN PASSWORD NULL".to_owned(),
        Some(verifier) => format!("LOGIN PASSWORD {}", literal_text(&verifier.to_string())),
    }
}

impl Dialect for Postgresql {
    fn server_packages(&self) -> &'static [&'static str] {
        &["postgresql", "postgresql-15", "postgresql-17"]
    }

    /// <https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS>
    fn refuse_name(&self, name: &str) -> Option<String> {
        let bad = name.is_empty() || name.len() > 63 || name.chars().any(char::is_control);
        bad.then(|| "expected a name of 1 to 63 bytes without control characters".to_owned())
    }

    fn asks_in<'a>(&self, database: &'a str) -> &'a str {
        database
    }

    fn default_charset(&self) -> &'static str {
        "UTF8"
    }

    fn run(&self, database: Option<&str>, statements: &[u8]) -> Script {
        let script = Script::new().data(statements).code(" | mailprov_postgresql");
        match database {
            Some(database) => script.word(database),
            None => script,
        }
        .code("\n")
    }

    /// The tables of another database can't be counted.
    fn database(&self, database: &str) -> String {
        format!(
            "SELECT {}, {}, NULL, {} FROM pg_database WHERE datname = {}",
            hex("pg_encoding_to_char(encoding)"),
            hex("datcollate"),
            hex("pg_get_userbyid(datdba)"),
            literal_text(database)
        )
    }

    fn create_database(&self, wanted: &Wanted<'_>) -> String {
        let owner = wanted
            .owner
            .map_or_else(String::new, |owner| format!(" OWNER {}", name(owner)));
        let locale = wanted
            .collation
            .map_or_else(String::new, |locale| format!(" LOCALE {}", literal_text(locale)));
        format!(
            "CREATE DATABASE {}{owner} TEMPLATE template0 ENCODING {}{locale};\n",
            name(wanted.name),
            literal_text(wanted.charset)
        )
    }

    fn alter_charset(&self, _wanted: &Wanted<'_>) -> Option<String> {
        None
    }

    fn alter_owner(&self, database: &str, owner: &str) -> Option<String> {
        Some(format!(
            "ALTER DATABASE {} OWNER TO {};\n",
            name(database),
            name(owner)
        ))
    }

    fn drop_database(&self, database: &str) -> String {
        format!("DROP DATABASE IF EXISTS {};\n", name(database))
    }

    fn same_charset(&self, one: &str, other: &str) -> bool {
        let plain = |set: &str| set.replace(['-', '_'], "").to_ascii_uppercase();
        plain(one) == plain(other)
    }

    fn user(&self, user: &str, _host: &str) -> String {
        format!(
            "SELECT {}, {} FROM pg_authid WHERE rolname = {}",
            hex("rolcanlogin"),
            hex("rolpassword"),
            literal_text(user)
        )
    }

    fn user_has(&self, row: &Row, password: Option<&Secret>) -> bool {
        let may_log_in = text(row, 0).as_deref() == Some("true");
        may_log_in
            && match (password, text(row, 1)) {
                (None, stored) => stored.is_none(),
                (Some(password), Some(stored)) => {
                    Verifier::read(&stored).is_some_and(|it| it.is_of(password))
                }
                (Some(_), None) => false,
            }
    }

    fn create_user(&self, user: &str, _host: &str, password: Option<&Secret>) -> String {
        format!("CREATE ROLE {} {};\n", name(user), login(password))
    }

    fn alter_user(&self, user: &str, _host: &str, password: Option<&Secret>) -> String {
        format!("ALTER ROLE {} {};\n", name(user), login(password))
    }

    fn drop_user(&self, user: &str, _host: &str) -> String {
        format!("DROP ROLE IF EXISTS {};\n", name(user))
    }

    /// What stands in a database can only be given away in there; `DROP OWNED` takes back what is left, privileges.
    fn disown(&self, user: &str) -> Option<Script> {
        let statements = format!(
            "REASSIGN OWNED BY {0} TO CURRENT_USER;\nDROP OWNED BY {0};\n",
            name(user)
        );
        let script = Script::new().data(statements.as_bytes());
        Some(script.code(" | mailprov_postgresql_everywhere || exit 1\n"))
    }

    fn grants(&self, grant: &Grant<'_>) -> String {
        let (object, acl, from) = match grant.table {
            None => (
                "o.datname",
                "o.datacl",
                format!("pg_database o WHERE o.datname = {}", literal_text(grant.database)),
            ),
            Some(table) => (
                "o.relname",
                "o.relacl",
                format!(
                    "pg_class o WHERE o.relnamespace = 'public'::regnamespace AND o.relkind IN ('r', 'p', 'v') AND \
                     o.relname = {}",
                    literal_text(table)
                ),
            ),
        };
        format!(
            "SELECT {}, {}, {} FROM (SELECT o.*, {acl} AS acl FROM {from}) o CROSS JOIN LATERAL aclexplode(o.acl) a \
             WHERE pg_get_userbyid(a.grantee) = {}",
            hex(object),
            hex("a.privilege_type"),
            hex("CASE WHEN a.is_grantable THEN 'YES' ELSE 'NO' END"),
            literal_text(grant.user)
        )
    }

    fn privileges(&self, words: &[String], on_database: bool) -> Vec<String> {
        let all = if on_database {
            ALL_ON_DATABASE
        } else {
            ALL_ON_TABLE
        };
        let mut privileges: Vec<String> = words
            .iter()
            .flat_map(|word| match word.to_ascii_uppercase().as_str() {
                "ALL" | "ALL PRIVILEGES" => all.iter().map(|word| (*word).to_owned()).collect(),
                "TEMP" => vec!["TEMPORARY".to_owned()],
                word => vec![word.to_owned()],
            })
            .collect();
        privileges.sort();
        privileges.dedup();
        privileges
    }

    fn grant(&self, grant: &Grant<'_>, privileges: &[String]) -> String {
        format!(
            "GRANT {} ON {} TO {};\n",
            privileges.join(", "),
            object(grant, grant.table.unwrap_or(grant.database)),
            name(grant.user)
        )
    }

    fn revoke(&self, grant: &Grant<'_>, spelling: &str, privileges: &[String]) -> String {
        let object = object(grant, spelling);
        let user = name(grant.user);
        // The right to pass privileges on is no privilege of its own.
        let (options, plain): (Vec<&String>, Vec<&String>) = privileges
            .iter()
            .partition(|privilege| *privilege == "GRANT OPTION");
        let plain: Vec<&str> = plain.into_iter().map(String::as_str).collect();
        let mut statements = String::new();
        if !options.is_empty() {
            statements += &format!("REVOKE GRANT OPTION FOR ALL ON {object} FROM {user};\n");
        }
        if !plain.is_empty() {
            statements += &format!("REVOKE {} ON {object} FROM {user};\n", plain.join(", "));
        }
        statements
    }

    fn tables(&self, _database: &str) -> String {
        format!(
            "SELECT {} FROM pg_tables WHERE schemaname = 'public'",
            hex("tablename")
        )
    }

    fn quoted(&self, plain: &str) -> String {
        name(plain)
    }

    fn literal(&self, value: &Value) -> String {
        literal(value)
    }

    fn table(&self, of: &Table<'_>) -> String {
        format!("public.{}", name(of.name))
    }

    fn equal(&self, column: &str, value: &Value) -> String {
        match value {
            Value::Null => format!("{} IS NULL", name(column)),
            value => format!("{} = {}", name(column), literal(value)),
        }
    }

    fn compared(&self, _of: &Table<'_>, column: &str, value: &Value) -> String {
        let column = name(column);
        let equal = format!(
            "CASE WHEN {column} IS NOT DISTINCT FROM {} THEN 1 ELSE 0 END",
            literal(value)
        );
        format!("{}, {}", hex(&column), hex(&equal))
    }
}

fn object(grant: &Grant<'_>, spelling: &str) -> String {
    match grant.table {
        None => format!("DATABASE {}", name(spelling)),
        Some(_) => format!("TABLE public.{}", name(spelling)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_ends_a_name_or_value_early() {
        assert_eq!(name("a\"; DROP"), "\"a\"\"; DROP\"");
        assert_eq!(literal(&Value::Text("'\\\n".into())), "E'\\x27\\x5C\\x0A'");
        assert_eq!(literal(&Value::Bool(true)), "E'\\x31'");
        assert_eq!(literal(&Value::Null), "NULL");
    }

    #[test]
    fn statements_hold_no_password() {
        let statement = Postgresql.create_user("u", "localhost", Some(&Secret::new("hunter2")));
        assert!(!statement.contains("hunter2"), "{statement}");
        assert!(!statement.contains(&literal_text("hunter2")), "{statement}");
    }

    proptest! {
        /// What the server reads between the quotes is the value, byte for byte.
        #[test]
        fn any_value_is_one_literal(text in any::<String>()) {
            let literal = literal_text(&text);
            let inner = literal.strip_prefix("E'").and_then(|rest| rest.strip_suffix('\'')).unwrap();
            let bytes: Vec<u8> = inner
                .split("\\x")
                .skip(1)
                .map(|digits| u8::from_str_radix(digits, 16).unwrap())
                .collect();
            prop_assert_eq!(bytes, text.as_bytes());
        }

        #[test]
        fn any_name_is_one_name(text in "[^\\x00]{1,20}") {
            let quoted = name(&text);
            let inner = &quoted[1..quoted.len() - 1];
            prop_assert_eq!(inner.replace("\"\"", ""), text.replace('"', ""));
            prop_assert_eq!(inner.matches('"').count(), 2 * text.matches('"').count());
        }
    }
}
