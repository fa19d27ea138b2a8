//! Schemas: the tables that a script makes are there.

use schemars::JsonSchema;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::kind::params::Content;
use super::kind::{Kind, Params, read, refuse};
use super::probe::{Engine, Probe};
use super::sql::{Query, check_names, database_resource, dialect, rows, table_resource, text};
use super::world::World;
use super::{Assessment, Diff, Fix, Resource, Step};
use crate::diagnostic::Diagnostics;

pub const KIND: Kind = Kind {
    name: "sql_schema",
    page: include_str!("../../book/src/steps/sql_schema.md"),
    schema: || schemars::schema_for!(SchemaParams),
    parse,
};

/// Tables that a script makes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SchemaParams {
    engine: Engine,
    database: String,
    /// The tables that the script makes: it runs when one of them is missing.
    tables: Vec<String>,
    /// A file of the role. It must be repeatable (`CREATE TABLE IF NOT EXISTS`).
    source: Option<String>,
    /// A template of the role, likewise.
    template: Option<String>,
}

#[derive(Debug)]
pub struct Schema {
    engine: Engine,
    database: String,
    tables: Vec<String>,
    script: Vec<u8>,
}

fn parse(params: &Params<'_>) -> Result<Box<dyn Step>, Diagnostics> {
    let schema: SchemaParams = read(params)?;
    let tables = schema.tables.iter().map(|table| ("tables", table.as_str()));
    check_names(
        params,
        schema.engine,
        tables.chain([("database", schema.database.as_str())]),
    )?;
    if schema.tables.is_empty() {
        return Err(refuse(params, &["tables"], "the list of tables is empty")
            .help("name the tables that the script makes: they tell whether it has to run")
            .into());
    }
    let script = Content {
        content: None,
        template: schema.template.as_deref(),
        source: schema.source.as_deref(),
    }
    .resolve(params)?;
    Ok(Box::new(Schema {
        engine: schema.engine,
        database: schema.database,
        tables: schema.tables,
        script,
    }))
}

impl Schema {
    fn query(&self) -> Query {
        let text = dialect(self.engine).tables(&self.database);
        Query::within(self.engine, &self.database, text)
    }
}

impl Step for Schema {
    fn summary(&self) -> String {
        format!("tables of {}", self.database)
    }

    fn probes(&self) -> Vec<Probe> {
        vec![self.query().probe()]
    }

    fn assess(&self, world: &World<'_>) -> Assessment {
        let within = [database_resource(self.engine, &self.database)];
        let present: Vec<String> = match rows(world, &self.query(), &within) {
            Ok(rows) => rows.iter().filter_map(|row| text(row, 0)).collect(),
            Err(assessment) => return assessment,
        };
        let missing: Vec<&String> = self
            .tables
            .iter()
            .filter(|table| !present.contains(table))
            .collect();
        let diff = missing.iter().fold(Diff::default(), |diff, table| {
            diff.attribute("table", None, Some(table.as_str()))
        });
        match missing.len() {
            0 => Assessment::Converged,
            all if all == self.tables.len() => Assessment::Create(diff),
            _ => Assessment::Change(diff),
        }
    }

    fn fix(&self, _world: &World<'_>) -> Fix {
        Fix::Script(dialect(self.engine).run(Some(&self.database), &self.script))
    }

    fn provides(&self) -> Vec<Resource> {
        self.tables
            .iter()
            .map(|table| table_resource(self.engine, &self.database, table))
            .collect()
    }

    fn requires(&self) -> Vec<Resource> {
        vec![
            Resource::DatabaseServer(self.engine.to_string()),
            database_resource(self.engine, &self.database),
        ]
    }

    fn digest(&self) -> String {
        let mut hash = Sha256::new_with_prefix(self.database.as_bytes());
        hash.update(&self.script);
        format!("{:x}", hash.finalize())
    }
}
