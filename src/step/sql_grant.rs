//! Privileges of a database's user: exactly the ones that are named, on one database or table.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::gone::Terms;
use super::gone::sql::GoneSql;
use super::kind::{Kind, Params, read, refuse};
use super::probe::{Engine, Probe};
use super::sql::{
    Grant, Query, Row, State, check_names, check_users, database_resource, dialect, localhost, rows,
    table_resource, text, user_resource,
};
use super::world::World;
use super::{Assessment, Diff, Fix, Resource, Step};
use crate::diagnostic::Diagnostics;

pub const KIND: Kind = Kind {
    name: "sql_grant",
    page: include_str!("../../book/src/steps/sql_grant.md"),
    schema: || schemars::schema_for!(SqlGrant),
    parse,
};

/// What a user of a database server may do.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SqlGrant {
    engine: Engine,
    user: String,
    #[serde(default = "localhost")]
    host: String,
    database: String,
    /// `*`: every table.
    #[serde(default = "every")]
    table: String,
    /// `SELECT`, `INSERT` …, or `ALL`. Others that the user has on the same object are revoked.
    #[serde(default)]
    privileges: Vec<String>,
    /// `absent` revokes everything on the object.
    #[serde(default)]
    state: State,
}

fn every() -> String {
    "*".to_owned()
}

fn parse(params: &Params<'_>) -> Result<Box<dyn Step>, Diagnostics> {
    let mut grant: SqlGrant = read(params)?;
    let mut names = vec![
        ("user", grant.user.as_str()),
        ("host", grant.host.as_str()),
        ("database", grant.database.as_str()),
    ];
    if grant.table != "*" {
        names.push(("table", grant.table.as_str()));
    }
    check_names(params, grant.engine, names)?;
    check_users(params, grant.engine, &grant.host)?;
    for privilege in &grant.privileges {
        let plain = privilege.chars().all(|c| c.is_ascii_alphabetic() || c == ' ');
        if !plain || privilege.trim().is_empty() {
            return Err(refuse(
                params,
                &["privileges"],
                format!("expected a privilege, like `SELECT`, found `{privilege}`"),
            )
            .into());
        }
    }
    if grant.privileges.is_empty() == (grant.state == State::Present) {
        return Err(
            refuse(params, &["privileges"], "the privileges don't go with the state")
                .help("name at least one privilege, or none with `state: absent`")
                .into(),
        );
    }
    grant.host = grant.host.to_lowercase();
    Ok(Box::new(grant))
}

/// What a user has: object's spelling → privileges.
type Granted = BTreeMap<String, Vec<String>>;

fn granted(rows: &[Row]) -> Granted {
    let mut granted = Granted::new();
    for row in rows {
        let (Some(object), Some(privilege)) = (text(row, 0), text(row, 1)) else {
            continue;
        };
        let privileges = granted.entry(object).or_default();
        // USAGE is the word for none.
        if privilege != "USAGE" {
            privileges.push(privilege);
        }
        if text(row, 2).as_deref() == Some("YES") && !privileges.iter().any(|one| one == "GRANT OPTION") {
            privileges.push("GRANT OPTION".to_owned());
        }
    }
    granted
}

impl SqlGrant {
    fn as_grant(&self) -> Grant<'_> {
        Grant {
            user: &self.user,
            host: &self.host,
            database: &self.database,
            table: Some(self.table.as_str()).filter(|table| *table != "*"),
        }
    }

    fn query(&self) -> Query {
        let text = dialect(self.engine).grants(&self.as_grant());
        Query::within(self.engine, &self.database, text)
    }

    fn wanted(&self) -> Vec<String> {
        let on_database = self.table == "*";
        match self.state {
            State::Present => dialect(self.engine).privileges(&self.privileges, on_database),
            State::Absent => Vec::new(),
        }
    }

    fn object(&self) -> String {
        format!("{}.{}", self.database, self.table)
    }

    fn within(&self) -> Vec<Resource> {
        vec![
            database_resource(self.engine, &self.database),
            user_resource(self.engine, &self.user, &self.host),
        ]
    }
}

impl Step for SqlGrant {
    fn summary(&self) -> String {
        let (user, host, object) = (&self.user, &self.host, self.object());
        match self.state {
            State::Present => format!("{user}@{host} may {} on {object}", self.privileges.join(", ")),
            State::Absent => format!("{user}@{host} may nothing on {object}"),
        }
    }

    fn probes(&self) -> Vec<Probe> {
        vec![self.query().probe()]
    }

    fn assess(&self, world: &World<'_>) -> Assessment {
        let granted = match rows(world, &self.query(), &self.within()) {
            Ok(rows) => granted(rows),
            Err(assessment) => return assessment,
        };
        let mut present: Vec<&str> = granted.values().flatten().map(String::as_str).collect();
        present.sort_unstable();
        present.dedup();
        let wanted = self.wanted();
        if present == wanted {
            return Assessment::Converged;
        }
        let words = |list: String| Some(list).filter(|list| !list.is_empty());
        let diff = Diff::default().attribute(
            "privileges",
            words(present.join(", ")).as_deref(),
            words(wanted.join(", ")).as_deref(),
        );
        match (present.is_empty(), wanted.is_empty()) {
            (true, _) => Assessment::Create(diff),
            (false, true) => Assessment::Remove(diff),
            (false, false) => Assessment::Change(diff),
        }
    }

    fn fix(&self, world: &World<'_>) -> Fix {
        let dialect = dialect(self.engine);
        let granted = granted(rows(world, &self.query(), &self.within()).unwrap_or_default());
        let wanted = self.wanted();
        let grant = self.as_grant();
        let missing: Vec<String> = wanted
            .iter()
            .filter(|privilege| !granted.values().any(|has| has.contains(privilege)))
            .cloned()
            .collect();
        let mut statements = String::new();
        // First the new ones: the user is never without what it needs.
        if !missing.is_empty() {
            statements.push_str(&dialect.grant(&grant, &missing));
        }
        for (object, has) in &granted {
            let extra: Vec<String> = has
                .iter()
                .filter(|privilege| !wanted.contains(privilege))
                .cloned()
                .collect();
            if !extra.is_empty() {
                statements.push_str(&dialect.revoke(&grant, object, &extra));
            }
        }
        Fix::Script(dialect.run(Some(&self.database), statements.as_bytes()))
    }

    fn requires(&self) -> Vec<Resource> {
        let mut needed = self.within();
        needed.push(Resource::DatabaseServer(self.engine.to_string()));
        if self.table != "*" {
            needed.push(table_resource(self.engine, &self.database, &self.table));
        }
        needed
    }

    /// A user that goes takes its privileges along.
    fn taken_back(&self, terms: &Terms<'_>) -> Option<Box<dyn Step>> {
        let user = user_resource(self.engine, &self.user, &self.host);
        if self.state == State::Absent || !terms.kept.has(&user) {
            return None;
        }
        let absent = Self {
            privileges: Vec::new(),
            state: State::Absent,
            ..self.clone()
        };
        Some(GoneSql::boxed(self.engine, absent, terms))
    }

    fn digest(&self) -> String {
        format!("{:x}", Sha256::digest(self.summary()))
    }
}
