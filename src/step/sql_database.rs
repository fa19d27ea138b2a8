//! Databases: there, with the character set that new tables get.

use schemars::JsonSchema;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::kind::{Kind, Params, read};
use super::probe::{Engine, Probe};
use super::sql::{Row, Seen, State, check_names, database_resource, dialect, look, probe, text};
use super::world::World;
use super::{Assessment, Diff, Fix, Resource, Step};
use crate::diagnostic::Diagnostics;

pub const KIND: Kind = Kind {
    name: "sql_database",
    page: include_str!("../../book/src/steps/sql_database.md"),
    schema: || schemars::schema_for!(Database),
    parse,
};

/// A database of a server on the host.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Database {
    engine: Engine,
    name: String,
    /// Character set that new tables get.
    #[serde(default = "utf8mb4")]
    charset: String,
    /// Collation that new tables get; the character set's own when left out.
    collation: Option<String>,
    #[serde(default)]
    state: State,
}

fn utf8mb4() -> String {
    "utf8mb4".to_owned()
}

fn parse(params: &Params<'_>) -> Result<Box<dyn Step>, Diagnostics> {
    let database: Database = read(params)?;
    let collation = database.collation.iter().map(|name| ("collation", name.as_str()));
    let names = [
        ("name", database.name.as_str()),
        ("charset", database.charset.as_str()),
    ];
    check_names(params, database.engine, names.into_iter().chain(collation))?;
    Ok(Box::new(database))
}

impl Database {
    fn query(&self) -> String {
        dialect(self.engine).database(&self.name)
    }

    fn wanted(&self, diff: Diff) -> Diff {
        diff.attribute("character set", None, Some(&self.charset))
    }

    fn present(&self, row: &Row) -> Assessment {
        let (charset, collation) = (text(row, 0), text(row, 1));
        let mut diff = Diff::default();
        if !dialect(self.engine).same_charset(charset.as_deref().unwrap_or_default(), &self.charset) {
            diff = diff.attribute("character set", charset.as_deref(), Some(&self.charset));
        }
        if let Some(wanted) = &self.collation
            && collation.as_ref() != Some(wanted)
        {
            diff = diff.attribute("collation", collation.as_deref(), Some(wanted));
        }
        if diff.is_empty() {
            return Assessment::Converged;
        }
        Assessment::Change(diff.note("tables that exist keep what they have"))
    }

    /// Dropping takes everything with it, so only an empty one goes.
    fn absent(&self, row: &Row) -> Assessment {
        match text(row, 2).as_deref() {
            Some("0") => Assessment::Remove(Diff::default().attribute("database", Some(&self.name), None)),
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
        vec![probe(self.engine, self.query())]
    }

    fn assess(&self, world: &World<'_>) -> Assessment {
        let row = match look(world, self.engine, &self.query(), &[]) {
            Seen::Rows(rows) => rows.first(),
            Seen::ToCome => None,
            Seen::Missing(words) => return Assessment::Refused(words.to_owned()),
            Seen::Judged(assessment) => return assessment,
        };
        match (self.state, row) {
            (State::Present, Some(row)) => self.present(row),
            (State::Present, None) => Assessment::Create(self.wanted(Diff::default())),
            (State::Absent, Some(row)) => self.absent(row),
            (State::Absent, None) => Assessment::Converged,
        }
    }

    fn fix(&self, world: &World<'_>) -> Fix {
        let dialect = dialect(self.engine);
        let there =
            matches!(look(world, self.engine, &self.query(), &[]), Seen::Rows(rows) if !rows.is_empty());
        let collation = self.collation.as_deref();
        let statements = match (self.state, there) {
            (State::Absent, _) => dialect.drop_database(&self.name),
            (State::Present, true) => dialect.alter_database(&self.name, &self.charset, collation),
            (State::Present, false) => dialect.create_database(&self.name, &self.charset, collation),
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
        vec![Resource::DatabaseServer(self.engine.to_string())]
    }

    fn digest(&self) -> String {
        format!(
            "{:x}",
            Sha256::digest(format!(
                "{} {} {:?}",
                self.summary(),
                self.charset,
                self.collation
            ))
        )
    }
}
