//! Databases: there, with the character set that new tables get; of SQLite, the file.

mod file;

use schemars::JsonSchema;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::gone::Terms;
use super::gone::sql::GoneSql;
use super::kind::params::Mode;
use super::kind::{Kind, Params, read, refuse};
use super::probe::{Engine, Probe};
use super::sql::{
    Query, Row, Seen, State, Wanted, check_names, database_resource, dialect, look, rows, text,
};
use super::world::World;
use super::{Assessment, Diff, Fix, Resource, Step};
use crate::diagnostic::Diagnostics;

pub const KIND: Kind = Kind {
    name: "sql_database",
    page: include_str!("../../book/src/steps/sql_database.md"),
    schema: || schemars::schema_for!(Database),
    parse,
};

/// A database of a server on the host, or a file of SQLite's.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Database {
    engine: Engine,
    /// Of SQLite the file's path.
    name: String,
    /// Character set that new tables get; `utf8mb4` of MariaDB and `UTF8` of PostgreSQL when left out.
    charset: Option<String>,
    /// Collation that new tables get; the character set's own when left out.
    collation: Option<String>,
    /// The user that it belongs to: of PostgreSQL a user of the server, of SQLite one of the host (`root`).
    owner: Option<String>,
    /// The file's group, of SQLite only; `root` when left out.
    group: Option<String>,
    /// The file's mode, of SQLite only; `0640` when left out.
    mode: Option<Mode>,
    #[serde(default)]
    state: State,
    /// Whether it goes with the tables that are in it.
    #[serde(skip)]
    purge: bool,
}

fn parse(params: &Params<'_>) -> Result<Box<dyn Step>, Diagnostics> {
    let database: Database = read(params)?;
    if database.engine == Engine::Sqlite {
        return file::parse(params, database);
    }
    for (parameter, given) in [
        (
            "owner",
            database.owner.is_some() && database.engine == Engine::Mariadb,
        ),
        ("group", database.group.is_some()),
        ("mode", database.mode.is_some()),
    ] {
        if given {
            let words = format!("databases of {} have no {parameter}", database.engine);
            return Err(refuse(params, &[parameter], words).into());
        }
    }
    let optional = [
        ("charset", &database.charset),
        ("collation", &database.collation),
        ("owner", &database.owner),
    ];
    let names = optional
        .iter()
        .filter_map(|(parameter, name)| Some((*parameter, name.as_deref()?)));
    check_names(
        params,
        database.engine,
        names.chain([("name", database.name.as_str())]),
    )?;
    Ok(Box::new(database))
}

impl Database {
    fn query(&self) -> Query {
        Query::of_server(self.engine, dialect(self.engine).database(&self.name))
    }

    /// The tables in it, where the engine says that of the database that one is connected to alone.
    fn tables(&self) -> Option<Query> {
        let query = Query::within(self.engine, &self.name, dialect(self.engine).tables(&self.name));
        (self.state == State::Absent && !query.database.is_empty()).then_some(query)
    }

    fn wanted(&self) -> Wanted<'_> {
        Wanted {
            name: &self.name,
            charset: self
                .charset
                .as_deref()
                .unwrap_or(dialect(self.engine).default_charset()),
            collation: self.collation.as_deref(),
            owner: self.owner.as_deref(),
        }
    }

    fn created(&self) -> Diff {
        let wanted = self.wanted();
        let diff = Diff::default().attribute("character set", None, Some(wanted.charset));
        match wanted.owner {
            Some(owner) => diff.attribute("owner", None, Some(owner)),
            None => diff,
        }
    }

    /// What differs of the character set, and of the owner.
    fn differences(&self, row: &Row) -> (Diff, Diff) {
        let wanted = self.wanted();
        let (charset, collation, owner) = (text(row, 0), text(row, 1), text(row, 3));
        let mut of_charset = Diff::default();
        if !dialect(self.engine).same_charset(charset.as_deref().unwrap_or_default(), wanted.charset) {
            of_charset = of_charset.attribute("character set", charset.as_deref(), Some(wanted.charset));
        }
        if wanted.collation.is_some() && collation.as_deref() != wanted.collation {
            of_charset = of_charset.attribute("collation", collation.as_deref(), wanted.collation);
        }
        let mut of_owner = Diff::default();
        if wanted.owner.is_some() && owner.as_deref() != wanted.owner {
            of_owner = of_owner.attribute("owner", owner.as_deref(), wanted.owner);
        }
        (of_charset, of_owner)
    }

    fn present(&self, row: &Row) -> Assessment {
        let (of_charset, of_owner) = self.differences(row);
        if of_charset.is_empty() && of_owner.is_empty() {
            return Assessment::Converged;
        }
        if of_charset.is_empty() {
            return Assessment::Change(of_owner);
        }
        if dialect(self.engine).alter_charset(&self.wanted()).is_none() {
            return Assessment::Refused(format!(
                "database `{}` has another character set or collation, which {} can't change: dump it, drop it and \
                 load it again by hand",
                self.name, self.engine
            ));
        }
        let mut diff = of_charset.note("tables that exist keep what they have");
        diff.0.extend(of_owner.0);
        Assessment::Change(diff)
    }

    /// Dropping takes everything with it, so only an empty one goes.
    fn absent(&self, world: &World<'_>, row: &Row) -> Assessment {
        let tables = match self.tables().map(|query| look(world, &query, &[])) {
            None => text(row, 2),
            Some(Seen::Rows(rows)) => Some(rows.len().to_string()),
            Some(_) => None,
        };
        match tables.as_deref() {
            tables if tables == Some("0") || self.purge => {
                Assessment::Remove(Diff::default().attribute("database", Some(&self.name), None))
            }
            tables => Assessment::Refused(format!(
                "database `{}` is to go, but holds {} tables: mailprov drops no data. Drop it by hand",
                self.name,
                tables.unwrap_or("some")
            )),
        }
    }
}

impl Step for Database {
    fn summary(&self) -> String {
        match self.state {
            State::Present => format!("database {}", self.name),
            State::Absent => format!("no database {}", self.name),
        }
    }

    fn probes(&self) -> Vec<Probe> {
        let queries = std::iter::once(self.query()).chain(self.tables());
        queries.map(|query| query.probe()).collect()
    }

    fn assess(&self, world: &World<'_>) -> Assessment {
        let row = match rows(world, &self.query(), &[]) {
            Ok(rows) => rows.first(),
            Err(assessment) => return assessment,
        };
        match (self.state, row) {
            (State::Present, Some(row)) => self.present(row),
            (State::Present, None) => Assessment::Create(self.created()),
            (State::Absent, Some(row)) => self.absent(world, row),
            (State::Absent, None) => Assessment::Converged,
        }
    }

    fn fix(&self, world: &World<'_>) -> Fix {
        let dialect = dialect(self.engine);
        let wanted = self.wanted();
        let row = rows(world, &self.query(), &[]).unwrap_or_default().first();
        let statements = match (self.state, row) {
            (State::Absent, _) => dialect.drop_database(&self.name),
            (State::Present, None) => dialect.create_database(&wanted),
            (State::Present, Some(row)) => {
                let (of_charset, of_owner) = self.differences(row);
                let charset = dialect.alter_charset(&wanted).filter(|_| !of_charset.is_empty());
                let owner = wanted
                    .owner
                    .filter(|_| !of_owner.is_empty())
                    .and_then(|owner| dialect.alter_owner(&self.name, owner));
                charset.into_iter().chain(owner).collect()
            }
        };
        Fix::Script(dialect.run(None, statements.as_bytes()))
    }

    fn provides(&self) -> Vec<Resource> {
        match self.state {
            State::Present => vec![database_resource(self.engine, &self.name)],
            State::Absent => Vec::new(),
        }
    }

    fn requires(&self) -> Vec<Resource> {
        let owner = self.owner.iter();
        owner
            .map(|owner| super::sql::user_resource(self.engine, owner, &super::sql::localhost()))
            .chain([Resource::DatabaseServer(self.engine.to_string())])
            .collect()
    }

    /// Only with everything in it, so only when data go too.
    fn taken_back(&self, terms: &Terms<'_>) -> Option<Box<dyn Step>> {
        let kept = terms.kept.has(&database_resource(self.engine, &self.name));
        if self.state == State::Absent || !terms.purge || kept {
            return None;
        }
        let absent = Self {
            state: State::Absent,
            purge: true,
            ..self.clone()
        };
        Some(GoneSql::boxed(self.engine, absent, terms))
    }

    fn digest(&self) -> String {
        let wanted = self.wanted();
        format!("{:x}", Sha256::digest(format!("{} {wanted:?}", self.summary())))
    }
}
