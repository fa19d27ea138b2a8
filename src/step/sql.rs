//! What the kinds of steps about databases share: the seam for an engine's dialect, and the judging of answers.
//!
//! An engine is one file in `sql/`. Statements travel on its client's standard input, never in arguments.

pub mod mariadb;
pub mod password;
pub mod postgresql;
mod scram;
pub mod sqlite;

use schemars::JsonSchema;
use serde::Deserialize;

use super::kind::{Params, refuse};
use super::probe::{Engine, Probe, SqlState};
use super::world::World;
use super::{Assessment, Resource};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::host::script::Script;
use crate::secret::Secret;

/// A row of an answer; `None` is NULL.
pub type Row = Vec<Option<Vec<u8>>>;

/// How an engine is asked and told. Every query returns its columns in hexadecimal (see `host::observe::sql`).
pub trait Dialect: Sync {
    /// Packages that bring the server, to tell a server to come from one that is down.
    fn server_packages(&self) -> &'static [&'static str];
    /// What a name may be, in words, if `name` isn't one.
    fn refuse_name(&self, name: &str) -> Option<String>;
    /// The same of a database's name.
    fn refuse_database(&self, name: &str) -> Option<String> {
        self.refuse_name(name)
    }
    /// The database in which questions about `database` are asked; empty where the server answers for all.
    fn asks_in<'a>(&self, database: &'a str) -> &'a str;
    /// Why the engine has no users and privileges, in words, if it has none.
    fn refuse_users(&self) -> Option<&'static str> {
        None
    }
    /// The character set of a database that names none.
    fn default_charset(&self) -> &'static str;
    /// Statements as the server's administrator, stopping at the first that fails.
    fn run(&self, database: Option<&str>, statements: &[u8]) -> Script;

    /// Character set, collation, number of tables, and owner; no row without the database.
    fn database(&self, name: &str) -> String;
    fn create_database(&self, wanted: &Wanted<'_>) -> String;
    /// `None` where the character set of a database can't be changed.
    fn alter_charset(&self, wanted: &Wanted<'_>) -> Option<String>;
    /// `None` where databases have no owner.
    fn alter_owner(&self, _database: &str, _owner: &str) -> Option<String> {
        None
    }
    fn drop_database(&self, name: &str) -> String;
    /// Whether two names of a character set mean the same.
    fn same_charset(&self, one: &str, other: &str) -> bool;

    /// What [`Dialect::user_has`] needs; no row without the user.
    fn user(&self, name: &str, host: &str) -> String;
    /// Whether the user logs in with `password`, or by its system account when there is none.
    fn user_has(&self, row: &Row, password: Option<&Secret>) -> bool;
    fn create_user(&self, name: &str, host: &str, password: Option<&Secret>) -> String;
    fn alter_user(&self, name: &str, host: &str, password: Option<&Secret>) -> String;
    fn drop_user(&self, name: &str, host: &str) -> String;
    /// What comes before that, where nobody can go who owns something: it is the administrator's then.
    fn disown(&self, _name: &str) -> Option<Script> {
        None
    }
    /// Lets the user of `row` log in with `password` as well as with those that it has; `None` where a user has one
    /// password alone.
    fn add_password(&self, _name: &str, _host: &str, _row: &Row, _password: &Secret) -> Option<String> {
        None
    }
    /// Whether the user logs in with anything else, too.
    fn has_others(&self, _row: &Row, _password: &Secret) -> bool {
        false
    }

    /// The object's spelling, privilege, and `YES` when it may be passed on: a row for each privilege.
    fn grants(&self, grant: &Grant<'_>) -> String;
    /// The privileges that a role's author means, `ALL` spelled out.
    fn privileges(&self, words: &[String], on_database: bool) -> Vec<String>;
    fn grant(&self, grant: &Grant<'_>, privileges: &[String]) -> String;
    /// `object` is a spelling that [`Dialect::grants`] found.
    fn revoke(&self, grant: &Grant<'_>, object: &str, privileges: &[String]) -> String;

    /// The names of a database's tables.
    fn tables(&self, database: &str) -> String;

    /// A name as it stands in a statement.
    fn quoted(&self, name: &str) -> String;
    /// A value as it stands in a statement.
    fn literal(&self, value: &Value) -> String;
    /// A table as it stands in a statement.
    fn table(&self, table: &Table<'_>) -> String;
    /// The condition that `column` is `value`, NULL being equal to NULL.
    fn equal(&self, column: &str, value: &Value) -> String;
    /// Two columns of an answer: the text of `column`, and `1` if it is `value`.
    fn compared(&self, table: &Table<'_>, column: &str, value: &Value) -> String;

    /// The condition that tells a row by its `key`.
    fn condition(&self, key: &[(String, Value)]) -> String {
        let equal: Vec<String> = key
            .iter()
            .map(|(column, value)| self.equal(column, value))
            .collect();
        equal.join(" AND ")
    }

    /// At most two rows with `key`: each of `columns` as [`Dialect::compared`] has it, or one empty text.
    fn row(&self, table: &Table<'_>, key: &[(String, Value)], columns: &[(String, Value)]) -> String {
        let compared: Vec<String> = columns
            .iter()
            .map(|(column, value)| self.compared(table, column, value))
            .collect();
        let columns = if compared.is_empty() {
            "''".to_owned()
        } else {
            compared.join(", ")
        };
        format!(
            "SELECT {columns} FROM {} WHERE {} LIMIT 2",
            self.table(table),
            self.condition(key)
        )
    }

    fn insert(&self, table: &Table<'_>, values: &[(String, Value)]) -> String {
        let (columns, literals): (Vec<String>, Vec<String>) = values
            .iter()
            .map(|(column, value)| (self.quoted(column), self.literal(value)))
            .unzip();
        format!(
            "INSERT INTO {} ({}) VALUES ({});\n",
            self.table(table),
            columns.join(", "),
            literals.join(", ")
        )
    }

    fn update(&self, table: &Table<'_>, key: &[(String, Value)], values: &[(String, Value)]) -> String {
        let set: Vec<String> = values
            .iter()
            .map(|(column, value)| format!("{} = {}", self.quoted(column), self.literal(value)))
            .collect();
        format!(
            "UPDATE {} SET {} WHERE {};\n",
            self.table(table),
            set.join(", "),
            self.condition(key)
        )
    }

    fn delete(&self, table: &Table<'_>, key: &[(String, Value)]) -> String {
        format!(
            "DELETE FROM {} WHERE {};\n",
            self.table(table),
            self.condition(key)
        )
    }
}

pub fn dialect(engine: Engine) -> &'static dyn Dialect {
    match engine {
        Engine::Mariadb => &mariadb::Mariadb,
        Engine::Postgresql => &postgresql::Postgresql,
        Engine::Sqlite => &sqlite::Sqlite,
    }
}

/// A database as it is to be.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    pub name: &'a str,
    pub charset: &'a str,
    pub collation: Option<&'a str>,
    pub owner: Option<&'a str>,
}

/// Whose privileges on what.
#[derive(Debug, Clone, Copy)]
pub struct Grant<'a> {
    pub user: &'a str,
    pub host: &'a str,
    pub database: &'a str,
    /// `None`: every table of the database.
    pub table: Option<&'a str>,
}

#[derive(Debug, Clone, Copy)]
pub struct Table<'a> {
    pub database: &'a str,
    pub name: &'a str,
}

/// A value of a column.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
}

impl Value {
    /// As the engine prints it; `None` is NULL.
    pub fn text(&self) -> Option<String> {
        match self {
            Value::Null => None,
            Value::Bool(value) => Some(u8::from(*value).to_string()),
            Value::Int(value) => Some(value.to_string()),
            Value::Float(value) => Some(value.to_string()),
            Value::Text(text) => Some(text.clone()),
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    #[default]
    Present,
    Absent,
}

pub fn localhost() -> String {
    "localhost".to_owned()
}

/// A question to an engine, and where it is asked.
#[derive(Debug, Clone)]
pub struct Query {
    pub engine: Engine,
    pub database: String,
    pub text: String,
}

impl Query {
    /// A question about what is in `database`.
    pub fn within(engine: Engine, database: &str, text: String) -> Self {
        Self {
            engine,
            database: dialect(engine).asks_in(database).to_owned(),
            text,
        }
    }

    /// A question that no single database answers.
    pub fn of_server(engine: Engine, text: String) -> Self {
        Self {
            engine,
            database: String::new(),
            text,
        }
    }

    pub fn probe(&self) -> Probe {
        Probe::Sql {
            engine: self.engine,
            database: self.database.clone(),
            query: self.text.clone(),
        }
    }
}

/// What an answer says.
pub enum Seen<'a> {
    Rows(&'a [Row]),
    /// The server, database or table comes with an earlier step.
    ToCome,
    /// The database or table is not there, and no step brings it: the server's words.
    Missing(&'a str),
    /// Nothing can be said but this.
    Judged(Assessment),
}

/// Judges the answer to `query`; `within` is what must exist for the question to make sense.
pub fn look<'a>(world: &World<'a>, query: &Query, within: &[Resource]) -> Seen<'a> {
    let engine = query.engine;
    let server = Resource::DatabaseServer(engine.to_string());
    let package_to_come = dialect(engine).server_packages().iter().any(|name| {
        world
            .will_provide(&Resource::Package((*name).to_owned()))
            .is_some()
    });
    match world.sql(engine, &query.database, &query.text) {
        Some(SqlState::Rows(rows)) => Seen::Rows(rows),
        Some(SqlState::NoClient | SqlState::NoServer(_)) if package_to_come => Seen::ToCome,
        Some(SqlState::NoClient) if world.will_provide(&server).is_some() => Seen::ToCome,
        Some(SqlState::NoClient) => Seen::Judged(Assessment::Refused(format!(
            "the host has no {engine} client, and no step before this one installs a server"
        ))),
        Some(SqlState::NoServer(words)) => Seen::Judged(match world.will_provide(&server) {
            Some(step) => Assessment::Unknown(step.to_string()),
            None => Assessment::Refused(format!("the {engine} server does not answer: {words}; start it")),
        }),
        Some(SqlState::Missing(_))
            if within
                .iter()
                .any(|resource| world.will_provide(resource).is_some()) =>
        {
            Seen::ToCome
        }
        Some(SqlState::Missing(words)) => Seen::Missing(words),
        Some(SqlState::Error(words)) => {
            Seen::Judged(Assessment::Refused(format!("the {engine} server says: {words}")))
        }
        None => Seen::Judged(Assessment::Unknown(format!("the {engine} server's answer"))),
    }
}

/// The rows of the answer to `query`, none when what it asks about is to come.
///
/// # Errors
/// What a step says that can't go on from the answer.
pub fn rows<'a>(world: &World<'a>, query: &Query, within: &[Resource]) -> Result<&'a [Row], Assessment> {
    match look(world, query, within) {
        Seen::Rows(rows) => Ok(rows),
        Seen::ToCome => Ok(&[]),
        Seen::Missing(words) => Err(Assessment::Refused(words.to_owned())),
        Seen::Judged(assessment) => Err(assessment),
    }
}

/// The text in a column, for people.
pub fn text(row: &Row, column: usize) -> Option<String> {
    row.get(column)?
        .as_ref()
        .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
}

/// Resources of a database and what is in it.
pub fn database_resource(engine: Engine, database: &str) -> Resource {
    Resource::Database(format!("{engine}/{database}"))
}

pub fn user_resource(engine: Engine, user: &str, host: &str) -> Resource {
    Resource::DatabaseUser(format!("{engine}/{user}@{host}"))
}

pub fn table_resource(engine: Engine, database: &str, table: &str) -> Resource {
    Resource::Table(format!("{engine}/{database}.{table}"))
}

/// Refuses a user where the engine has none, and a `host` where it doesn't know where users come from.
///
/// # Errors
/// The mistake.
pub fn check_users(params: &Params<'_>, engine: Engine, host: &str) -> Result<(), Diagnostics> {
    if let Some(words) = dialect(engine).refuse_users() {
        return Err(refuse(params, &["engine"], words).into());
    }
    if engine != Engine::Mariadb && host != localhost() {
        return Err(refuse(
            params,
            &["host"],
            format!(
                "users of {engine} belong to no host; its own configuration says where they may come from"
            ),
        )
        .into());
    }
    Ok(())
}

/// Refuses names that the engine can't have.
///
/// # Errors
/// One mistake for each.
pub fn check_names<'a>(
    params: &Params<'_>,
    engine: Engine,
    names: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<(), Diagnostics> {
    let mut wrong = Diagnostics::default();
    for (parameter, name) in names {
        let dialect = dialect(engine);
        let words = match parameter {
            "database" => dialect.refuse_database(name),
            _ => dialect.refuse_name(name),
        };
        if let Some(words) = words {
            let diagnostic: Diagnostic = refuse(params, &[parameter], format!("{words}, found `{name}`"));
            wrong.push(diagnostic);
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}
