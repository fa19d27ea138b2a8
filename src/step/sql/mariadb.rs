//! MariaDB's dialect.
//!
//! Values are hexadecimal literals, which mean the same in every `sql_mode` (`NO_BACKSLASH_ESCAPES`, `ANSI_QUOTES`)
//! and can't end early; names stand in back quotes, in which only the back quote is special.

use sha1::{Digest as _, Sha1};

use super::{Dialect, Grant, Row, Table, Value, Wanted, text};
use crate::host::script::Script;
use crate::secret::Secret;

/// MariaDB 10.4 and later.
pub struct Mariadb;

/// All that `ALL` means on a database:
/// <https://mariadb.com/kb/en/grant/#database-privileges>. `DELETE HISTORY` since 10.3; a later release's own
/// additions are neither asked for nor taken away.
const ALL_ON_DATABASE: &[&str] = &[
    "ALTER",
    "ALTER ROUTINE",
    "CREATE",
    "CREATE ROUTINE",
    "CREATE TEMPORARY TABLES",
    "CREATE VIEW",
    "DELETE",
    "DELETE HISTORY",
    "DROP",
    "EVENT",
    "EXECUTE",
    "INDEX",
    "INSERT",
    "LOCK TABLES",
    "REFERENCES",
    "SELECT",
    "SHOW VIEW",
    "TRIGGER",
    "UPDATE",
];

/// <https://mariadb.com/kb/en/grant/#table-privileges>
const ALL_ON_TABLE: &[&str] = &[
    "ALTER",
    "CREATE",
    "CREATE VIEW",
    "DELETE",
    "DELETE HISTORY",
    "DROP",
    "INDEX",
    "INSERT",
    "REFERENCES",
    "SELECT",
    "SHOW VIEW",
    "TRIGGER",
    "UPDATE",
];

fn name(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// The introducer makes it a text of the weakest kind, so that it takes on the character set and collation of the
/// column that it is compared with.
fn literal_text(text: &str) -> String {
    format!("_utf8mb4 X'{}'", hex(text.as_bytes()))
}

fn literal(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Text(text) => literal_text(text),
        other => other.text().unwrap_or_default(),
    }
}

fn table(of: &Table<'_>) -> String {
    format!("{}.{}", name(of.database), name(of.name))
}

fn user(user: &str, host: &str) -> String {
    format!("{}@{}", name(user), name(host))
}

/// In a grant on a whole database its name is a pattern.
fn pattern(database: &str) -> String {
    database
        .replace('\\', "\\\\")
        .replace('_', "\\_")
        .replace('%', "\\%")
}

fn charset(charset: &str, collation: Option<&str>) -> String {
    let collation = collation.map_or_else(String::new, |collation| format!(" COLLATE {}", name(collation)));
    format!("CHARACTER SET {}{collation}", name(charset))
}

/// `mysql_native_password`: `*` and SHA1(SHA1(password)) in upper-case hexadecimal.
fn native_password(password: &Secret) -> String {
    format!(
        "*{}",
        hex(&Sha1::digest(Sha1::digest(password.expose().as_bytes())))
    )
}

fn identified(password: Option<&Secret>) -> String {
    match password {
        Some(password) => format!(
            "IDENTIFIED VIA mysql_native_password USING '{}'",
            native_password(password)
        ),
        None => "IDENTIFIED VIA unix_socket".to_owned(),
    }
}

/// One of the ways in which a user may log in.
#[derive(Debug, Default, serde::Deserialize)]
struct Way {
    #[serde(default)]
    plugin: String,
    #[serde(default, rename = "authentication_string")]
    verifier: String,
    /// The ways, when there are several; an empty one stands for the outermost.
    #[serde(default)]
    auth_or: Vec<Way>,
}

impl Way {
    fn is_native(&self) -> bool {
        self.plugin.is_empty() || self.plugin == "mysql_native_password"
    }

    /// Whether it is one that nobody could have written to end a statement.
    fn is_verifier(&self) -> bool {
        let digits = self.verifier.strip_prefix('*');
        digits.is_some_and(|digits| digits.len() == 40 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
    }

    fn is_password(&self, password: &Secret) -> bool {
        self.is_native() && self.verifier.eq_ignore_ascii_case(&native_password(password))
    }
}

/// How a user may log in, from its row of `mysql.global_priv`
/// (<https://mariadb.com/kb/en/mysqlglobal_priv-table/>).
fn ways(row: &Row) -> Vec<Way> {
    let Some(outer) = text(row, 0).and_then(|json| serde_json::from_str::<Way>(&json).ok()) else {
        return Vec::new();
    };
    if outer.auth_or.is_empty() {
        return vec![outer];
    }
    let (plugin, verifier) = (outer.plugin, outer.verifier);
    let or = outer.auth_or.into_iter();
    or.map(|way| {
        if way.plugin.is_empty() && way.verifier.is_empty() {
            Way {
                plugin: plugin.clone(),
                verifier: verifier.clone(),
                auth_or: Vec::new(),
            }
        } else {
            way
        }
    })
    .collect()
}

impl Dialect for Mariadb {
    fn server_packages(&self) -> &'static [&'static str] {
        &["mariadb-server", "default-mysql-server", "mariadb"]
    }

    /// <https://mariadb.com/kb/en/identifier-names/>
    fn refuse_name(&self, name: &str) -> Option<String> {
        let bad = name.is_empty()
            || name.chars().count() > 64
            || name.ends_with(' ')
            || name.chars().any(|c| c.is_control() || u32::from(c) > 0xffff);
        bad.then(|| "expected a name of 1 to 64 characters without control characters".to_owned())
    }

    fn asks_in<'a>(&self, _database: &'a str) -> &'a str {
        ""
    }

    fn default_charset(&self) -> &'static str {
        "utf8mb4"
    }

    fn run(&self, database: Option<&str>, statements: &[u8]) -> Script {
        let script = Script::new().data(statements).code(" | mailprov_mariadb");
        match database {
            Some(database) => script.word(database),
            None => script,
        }
        .code("\n")
    }

    fn database(&self, database: &str) -> String {
        let literal = literal_text(database);
        format!(
            "SELECT HEX(DEFAULT_CHARACTER_SET_NAME), HEX(DEFAULT_COLLATION_NAME), HEX(CONVERT((SELECT COUNT(*) FROM \
             information_schema.TABLES WHERE TABLE_SCHEMA = {literal}) USING utf8mb4)) \
             FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {literal}"
        )
    }

    fn create_database(&self, wanted: &Wanted<'_>) -> String {
        format!(
            "CREATE DATABASE IF NOT EXISTS {} {};\n",
            name(wanted.name),
            charset(wanted.charset, wanted.collation)
        )
    }

    fn alter_charset(&self, wanted: &Wanted<'_>) -> Option<String> {
        Some(format!(
            "ALTER DATABASE {} {};\n",
            name(wanted.name),
            charset(wanted.charset, wanted.collation)
        ))
    }

    fn drop_database(&self, database: &str) -> String {
        format!("DROP DATABASE IF EXISTS {};\n", name(database))
    }

    fn same_charset(&self, one: &str, other: &str) -> bool {
        // `utf8` is an alias of `utf8mb3` unless old_mode says otherwise.
        let plain = |set: &str| {
            let set = set.to_ascii_lowercase();
            if set == "utf8" { "utf8mb3".to_owned() } else { set }
        };
        plain(one) == plain(other)
    }

    fn user(&self, user: &str, host: &str) -> String {
        format!(
            "SELECT HEX(Priv) FROM mysql.global_priv WHERE User = {} AND Host = {}",
            literal_text(user),
            literal_text(host)
        )
    }

    fn user_has(&self, row: &Row, password: Option<&Secret>) -> bool {
        let ways = ways(row);
        match password {
            Some(password) => ways.iter().any(|way| way.is_password(password)),
            None => matches!(ways.as_slice(), [way] if way.plugin == "unix_socket"),
        }
    }

    fn add_password(&self, name: &str, host: &str, row: &Row, password: &Secret) -> Option<String> {
        // One that changed twice before anybody noticed still has the first; no more are kept.
        let others: Vec<String> = ways(row)
            .into_iter()
            .filter(|way| way.is_native() && !way.is_password(password) && way.is_verifier())
            .take(2)
            .map(|way| format!(" OR mysql_native_password USING '{}'", way.verifier))
            .collect();
        let identified = identified(Some(password));
        Some(format!(
            "ALTER USER {} {identified}{};\n",
            user(name, host),
            others.concat()
        ))
    }

    fn has_others(&self, row: &Row, password: &Secret) -> bool {
        ways(row).iter().any(|way| !way.is_password(password))
    }

    fn create_user(&self, name: &str, host: &str, password: Option<&Secret>) -> String {
        format!(
            "CREATE USER IF NOT EXISTS {} {};\n",
            user(name, host),
            identified(password)
        )
    }

    fn alter_user(&self, name: &str, host: &str, password: Option<&Secret>) -> String {
        format!("ALTER USER {} {};\n", user(name, host), identified(password))
    }

    fn drop_user(&self, name: &str, host: &str) -> String {
        format!("DROP USER IF EXISTS {};\n", user(name, host))
    }

    fn grants(&self, grant: &Grant<'_>) -> String {
        let grantee = literal_text(&format!("'{}'@'{}'", grant.user, grant.host));
        let database = literal_text(grant.database);
        match grant.table {
            // Both the spelling that we use and the one without care, which often means the same.
            None => format!(
                "SELECT HEX(TABLE_SCHEMA), HEX(PRIVILEGE_TYPE), HEX(IS_GRANTABLE) FROM \
                 information_schema.SCHEMA_PRIVILEGES WHERE GRANTEE = {grantee} AND TABLE_SCHEMA IN ({database}, {})",
                literal_text(&pattern(grant.database))
            ),
            Some(table) => format!(
                "SELECT HEX(TABLE_NAME), HEX(PRIVILEGE_TYPE), HEX(IS_GRANTABLE) FROM \
                 information_schema.TABLE_PRIVILEGES WHERE GRANTEE = {grantee} AND TABLE_SCHEMA = {database} AND \
                 TABLE_NAME = {}",
                literal_text(table)
            ),
        }
    }

    fn privileges(&self, words: &[String], on_database: bool) -> Vec<String> {
        let mut privileges: Vec<String> = words
            .iter()
            .flat_map(|word| match word.to_ascii_uppercase().as_str() {
                "ALL" | "ALL PRIVILEGES" if on_database => {
                    ALL_ON_DATABASE.iter().map(|word| (*word).to_owned()).collect()
                }
                "ALL" | "ALL PRIVILEGES" => ALL_ON_TABLE.iter().map(|word| (*word).to_owned()).collect(),
                word => vec![word.to_owned()],
            })
            .collect();
        privileges.sort();
        privileges.dedup();
        privileges
    }

    fn grant(&self, grant: &Grant<'_>, privileges: &[String]) -> String {
        let object = match grant.table {
            None => format!("{}.*", name(&pattern(grant.database))),
            Some(of) => table(&Table {
                database: grant.database,
                name: of,
            }),
        };
        format!(
            "GRANT {} ON {object} TO {};\n",
            privileges.join(", "),
            user(grant.user, grant.host)
        )
    }

    fn revoke(&self, grant: &Grant<'_>, object: &str, privileges: &[String]) -> String {
        let object = match grant.table {
            None => format!("{}.*", name(object)),
            Some(_) => table(&Table {
                database: grant.database,
                name: object,
            }),
        };
        format!(
            "REVOKE {} ON {object} FROM {};\n",
            privileges.join(", "),
            user(grant.user, grant.host)
        )
    }

    fn tables(&self, database: &str) -> String {
        format!(
            "SELECT HEX(TABLE_NAME) FROM information_schema.TABLES WHERE TABLE_SCHEMA = {}",
            literal_text(database)
        )
    }

    fn quoted(&self, plain: &str) -> String {
        name(plain)
    }

    fn literal(&self, value: &Value) -> String {
        literal(value)
    }

    fn table(&self, of: &Table<'_>) -> String {
        table(of)
    }

    fn equal(&self, column: &str, value: &Value) -> String {
        format!("{} <=> {}", name(column), literal(value))
    }

    /// Texts are the same byte for byte. Numbers (coercibility 5) and dates are compared by the server, which knows
    /// that 2026-01-01 is 2026-01-01 00:00:00; a type is looked up only when the bytes differ.
    fn compared(&self, of: &Table<'_>, column: &str, value: &Value) -> String {
        let quoted = name(column);
        let as_text = value
            .text()
            .map_or_else(|| "NULL".to_owned(), |text| literal_text(&text));
        let is_date = format!(
            "(SELECT DATA_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {} AND \
             COLUMN_NAME = {}) IN ('date', 'datetime', 'timestamp', 'time', 'year')",
            literal_text(of.database),
            literal_text(of.name),
            literal_text(column)
        );
        format!(
            "HEX(CONVERT({quoted} USING utf8mb4)), HEX(IF(CAST(CONVERT({quoted} USING utf8mb4) AS BINARY) <=> \
             CAST({as_text} AS BINARY), '1', IF(COERCIBILITY({quoted}) = 5 OR {is_date}, \
             IF({quoted} <=> {}, '1', '0'), '0')))",
            literal(value)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_a_name_or_value_early() {
        assert_eq!(name("a`; DROP"), "`a``; DROP`");
        assert_eq!(literal(&Value::Text("'\\\n\"".into())), "_utf8mb4 X'275C0A22'");
        assert_eq!(literal(&Value::Bool(true)), "1");
        assert_eq!(literal(&Value::Null), "NULL");
        assert_eq!(pattern("a_b%c\\"), "a\\_b\\%c\\\\");
    }

    #[test]
    fn the_native_hash_of_a_password() {
        // SELECT PASSWORD('mypass')
        assert_eq!(
            native_password(&Secret::new("mypass")),
            "*6C8989366EAF75BB670AD8EA7A7FC1176A95CEF4"
        );
    }

    #[test]
    fn a_user_has_the_password_only_with_the_plugin_that_checks_it() {
        let row = |plugin: &str, verifier: &str| {
            let way = serde_json::json!({"access": 0, "plugin": plugin, "authentication_string": verifier});
            vec![Some(way.to_string().into_bytes())]
        };
        let secret = Secret::new("mypass");
        let hash = native_password(&secret);
        assert!(Mariadb.user_has(&row("mysql_native_password", &hash), Some(&secret)));
        assert!(!Mariadb.user_has(&row("ed25519", &hash), Some(&secret)));
        assert!(!Mariadb.user_has(&row("mysql_native_password", &hash), Some(&Secret::new("other"))));
        assert!(!Mariadb.user_has(&row("mysql_native_password", ""), Some(&Secret::new(""))));
        assert!(Mariadb.user_has(&row("unix_socket", ""), None));
    }

    #[test]
    fn a_new_password_comes_beside_the_old_one_and_replaces_it_later() {
        let (old, new) = (Secret::new("old"), Secret::new("new"));
        let way = |secret| serde_json::json!({"plugin": "mysql_native_password", "authentication_string": native_password(secret)});
        let row = |json: serde_json::Value| vec![Some(json.to_string().into_bytes())];
        let alone = row(way(&old));
        assert!(!Mariadb.has_others(&alone, &old));
        let (old_hash, new_hash) = (native_password(&old), native_password(&new));
        assert_eq!(
            Mariadb.add_password("u", "localhost", &alone, &new).unwrap(),
            format!(
                "ALTER USER `u`@`localhost` IDENTIFIED VIA mysql_native_password USING '{new_hash}' OR \
                 mysql_native_password USING '{old_hash}';\n"
            )
        );
        // The outermost one stands for the empty one among several.
        let mut both = way(&new);
        both["auth_or"] = serde_json::json!([{}, way(&old)]);
        let both = row(both);
        assert!(Mariadb.user_has(&both, Some(&new)) && Mariadb.user_has(&both, Some(&old)));
        assert!(Mariadb.has_others(&both, &new));
    }

    #[test]
    fn statements_hold_no_password() {
        let secret = Secret::new("hunter2");
        assert!(!Mariadb.create_user("u", "h", Some(&secret)).contains("hunter2"));
    }
}
