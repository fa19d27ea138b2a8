//! Rows: one row of a table, by its key. Columns that the step doesn't name are left alone.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::gone::Terms;
use super::gone::sql::GoneSql;
use super::kind::{Kind, Params, read, refuse};
use super::probe::{Engine, Probe};
use super::sql::password::{Password, Scheme};
use super::sql::{
    Query, Row, Seen, State, Table, Value, check_names, database_resource, dialect, look, table_resource,
    text,
};
use super::world::World;
use super::{Assessment, Diff, Fix, Resource, Step};
use crate::diagnostic::Diagnostics;
use crate::secret::Secret;

pub const KIND: Kind = Kind {
    name: "sql_row",
    page: include_str!("../../book/src/steps/sql_row.md"),
    schema: || schemars::schema_for!(RowParams),
    parse,
};

/// A row of a table.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RowParams {
    engine: Engine,
    database: String,
    table: String,
    /// Columns that name the row.
    key: IndexMap<String, Value>,
    /// Columns and the values that they must have.
    #[serde(default)]
    set: IndexMap<String, Value>,
    /// Columns that get a value only when the row is made.
    #[serde(default)]
    initial: IndexMap<String, Value>,
    password: Option<PasswordParams>,
    #[serde(default)]
    state: State,
}

/// A column with the hash of a password.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PasswordParams {
    column: String,
    /// The password itself.
    secret: String,
    /// `SHA512-CRYPT`, `SHA256-CRYPT` or `BLF-CRYPT`; in braces to store Dovecot's prefix too.
    #[serde(default = "sha512")]
    scheme: String,
    /// How much work a hash is: rounds of the two SHAs (5000), or the exponent of `BLF-CRYPT` (12).
    rounds: Option<u32>,
    /// Only when the row is made: afterwards the password is its owner's.
    #[serde(default)]
    initial: bool,
}

fn sha512() -> String {
    "SHA512-CRYPT".to_owned()
}

type Columns = Vec<(String, Value)>;

#[derive(Debug)]
pub struct SqlRow {
    engine: Engine,
    database: String,
    table: String,
    key: Columns,
    set: Columns,
    initial: Columns,
    password: Option<Hashed>,
    state: State,
}

#[derive(Debug)]
struct Hashed {
    column: String,
    password: Password,
    initial: bool,
}

fn parse(params: &Params<'_>) -> Result<Box<dyn Step>, Diagnostics> {
    let row: RowParams = read(params)?;
    let columns = |parameter, map: &IndexMap<String, Value>| {
        map.keys()
            .map(|column| (parameter, column.clone()))
            .collect::<Vec<_>>()
    };
    let mut names = vec![("database", row.database.clone()), ("table", row.table.clone())];
    names.extend(columns("key", &row.key));
    names.extend(columns("set", &row.set));
    names.extend(columns("initial", &row.initial));
    names.extend(
        row.password
            .iter()
            .map(|password| ("password", password.column.clone())),
    );
    check_names(
        params,
        row.engine,
        names.iter().map(|(parameter, name)| (*parameter, name.as_str())),
    )?;
    if row.key.is_empty() {
        return Err(refuse(params, &["key"], "the key is empty: it would name every row").into());
    }
    let mut seen: Vec<&str> = Vec::new();
    for (parameter, column) in names.iter().skip(2) {
        if seen.contains(&column.as_str()) {
            return Err(refuse(
                params,
                &[parameter, column],
                format!("column `{column}` has two values"),
            )
            .into());
        }
        seen.push(column);
    }
    let password = row
        .password
        .map(|password| read_password(params, password))
        .transpose()?;
    Ok(Box::new(SqlRow {
        engine: row.engine,
        database: row.database,
        table: row.table,
        key: row.key.into_iter().collect(),
        set: row.set.into_iter().collect(),
        initial: row.initial.into_iter().collect(),
        password,
        state: row.state,
    }))
}

fn read_password(params: &Params<'_>, password: PasswordParams) -> Result<Hashed, Diagnostics> {
    let Some(scheme) = Scheme::find(&password.scheme).filter(|scheme| !scheme.is_plain()) else {
        return Err(refuse(
            params,
            &["password", "scheme"],
            format!(
                "expected one of {}, found `{}`",
                Scheme::NAMES.join(", "),
                password.scheme
            ),
        )
        .into());
    };
    let scheme = scheme
        .with_rounds(password.rounds)
        .map_err(|words| refuse(params, &["password", "rounds"], words))?;
    let secret = Secret::new(password.secret);
    if let Some(words) = scheme.refuses(&secret) {
        return Err(refuse(params, &["password", "secret"], words).into());
    }
    Ok(Hashed {
        column: password.column,
        password: Password::new(secret, scheme),
        initial: password.initial,
    })
}

impl SqlRow {
    fn as_table(&self) -> Table<'_> {
        Table {
            database: &self.database,
            name: &self.table,
        }
    }

    /// The columns that are looked at: those of `set`, then the password's.
    fn query(&self) -> Query {
        let mut columns = self.set.clone();
        if let Some(password) = &self.password {
            columns.push((password.column.clone(), Value::Null));
        }
        let text = dialect(self.engine).row(&self.as_table(), &self.key, &columns);
        Query::within(self.engine, &self.database, text)
    }

    fn within(&self) -> [Resource; 1] {
        [table_resource(self.engine, &self.database, &self.table)]
    }

    /// Indices into `set` of the columns whose value differs.
    fn differing(&self, row: &Row) -> Vec<usize> {
        (0..self.set.len())
            .filter(|i| text(row, 2 * i + 1).as_deref() != Some("1"))
            .collect()
    }

    /// The password, if the row's doesn't verify and is ours to set.
    fn wrong_password(&self, row: &Row) -> Option<&Hashed> {
        self.password.as_ref().filter(|hashed| {
            let stored = text(row, 2 * self.set.len()).unwrap_or_default();
            !hashed.initial && !hashed.password.is_stored_as(&stored)
        })
    }

    fn created(&self) -> Diff {
        let columns = self.key.iter().chain(&self.set).chain(&self.initial);
        let diff = columns.fold(Diff::default(), |diff, (column, value)| {
            diff.attribute(column, None, value.text().as_deref())
        });
        match &self.password {
            Some(password) => diff.attribute(&password.column, None, Some("(hash of the password)")),
            None => diff,
        }
    }

    fn changed(&self, row: &Row) -> Assessment {
        let diff = self.differing(row).into_iter().fold(Diff::default(), |diff, i| {
            let (column, value) = &self.set[i];
            diff.attribute(column, text(row, 2 * i).as_deref(), value.text().as_deref())
        });
        let diff = match self.wrong_password(row) {
            Some(password) => diff.attribute(
                &password.column,
                Some("(hash of another password)"),
                Some("(hash of the password)"),
            ),
            None => diff,
        };
        if diff.is_empty() {
            Assessment::Converged
        } else {
            Assessment::Change(diff)
        }
    }

    /// The password's column with a new hash.
    fn hashed(hashed: &Hashed) -> Option<(String, Value)> {
        Some((hashed.column.clone(), Value::Text(hashed.password.hash()?)))
    }
}

impl Step for SqlRow {
    fn summary(&self) -> String {
        let key: Vec<String> = self
            .key
            .iter()
            .map(|(column, value)| format!("{column}={}", value.text().unwrap_or_else(|| "NULL".to_owned())))
            .collect();
        let not = if self.state == State::Absent { "no " } else { "" };
        format!(
            "{not}row of {}.{} with {}",
            self.database,
            self.table,
            key.join(", ")
        )
    }

    fn probes(&self) -> Vec<Probe> {
        vec![self.query().probe()]
    }

    fn assess(&self, world: &World<'_>) -> Assessment {
        let rows = match look(world, &self.query(), &self.within()) {
            Seen::Rows(rows) => rows,
            Seen::ToCome => &[],
            Seen::Missing(_) if self.state == State::Absent => return Assessment::Converged,
            Seen::Missing(words) => {
                return Assessment::Refused(format!("{words}, and no step before this one makes it"));
            }
            Seen::Judged(assessment) => return assessment,
        };
        match (self.state, rows) {
            (State::Present, []) => Assessment::Create(self.created()),
            (State::Present, [row]) => self.changed(row),
            (State::Absent, []) => Assessment::Converged,
            (State::Absent, [_]) => {
                Assessment::Remove(self.key.iter().fold(Diff::default(), |diff, (column, value)| {
                    diff.attribute(column, value.text().as_deref(), None)
                }))
            }
            (_, _) => Assessment::Refused(format!(
                "more than one row of {}.{} has this key: name more columns in `key`",
                self.database, self.table
            )),
        }
    }

    fn fix(&self, world: &World<'_>) -> Fix {
        let dialect = dialect(self.engine);
        let table = self.as_table();
        let row = match look(world, &self.query(), &self.within()) {
            Seen::Rows([row, ..]) => Some(row),
            _ => None,
        };
        let statements = match (self.state, row) {
            (State::Absent, _) => dialect.delete(&table, &self.key),
            (State::Present, Some(row)) => {
                let mut values: Columns = self
                    .differing(row)
                    .into_iter()
                    .map(|i| self.set[i].clone())
                    .collect();
                values.extend(self.wrong_password(row).and_then(Self::hashed));
                dialect.update(&table, &self.key, &values)
            }
            (State::Present, None) => {
                let mut values: Columns = [&self.key, &self.set, &self.initial]
                    .into_iter()
                    .flatten()
                    .cloned()
                    .collect();
                values.extend(self.password.as_ref().and_then(Self::hashed));
                dialect.insert(&table, &values)
            }
        };
        Fix::Script(dialect.run(Some(&self.database), statements.as_bytes()))
    }

    fn requires(&self) -> Vec<Resource> {
        vec![
            Resource::DatabaseServer(self.engine.to_string()),
            table_resource(self.engine, &self.database, &self.table),
        ]
    }

    /// Rows are data. A database that goes takes them along.
    fn taken_back(&self, terms: &Terms<'_>) -> Option<Box<dyn Step>> {
        let stays = terms.kept.has(&database_resource(self.engine, &self.database));
        if self.state == State::Absent || !terms.purge || !stays {
            return None;
        }
        let absent = Self {
            engine: self.engine,
            database: self.database.clone(),
            table: self.table.clone(),
            key: self.key.clone(),
            set: Vec::new(),
            initial: Vec::new(),
            password: None,
            state: State::Absent,
        };
        Some(GoneSql::boxed(self.engine, absent, terms))
    }

    /// Without the password: no two hashes of one are equal, and its digest alone could be guessed from.
    fn digest(&self) -> String {
        let columns = format!("{:?} {:?} {:?}", self.key, self.set, self.state);
        format!("{:x}", Sha256::digest(format!("{} {columns}", self.summary())))
    }
}
