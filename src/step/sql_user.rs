//! Users of a database server and their passwords.

use schemars::JsonSchema;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::gone::Terms;
use super::gone::sql::GoneSql;
use super::kind::{Kind, Params, read};
use super::probe::{Engine, Probe};
use super::sql::{Query, State, check_names, check_users, dialect, localhost, rows, user_resource};
use super::sql_former::FormerPasswords;
use super::world::World;
use super::{Assessment, Diff, Fix, Resource, Step};
use crate::diagnostic::Diagnostics;
use crate::secret::Secret;

pub const KIND: Kind = Kind {
    name: "sql_user",
    page: include_str!("../../book/src/steps/sql_user.md"),
    schema: || schemars::schema_for!(UserParams),
    parse,
};

/// A user of a database server on the host.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct UserParams {
    engine: Engine,
    name: String,
    /// Where the user may come from; `%` is anywhere. Only of MariaDB: elsewhere the server's configuration says it.
    #[serde(default = "localhost")]
    host: String,
    /// A secret. Without one, the system's user of the same name logs in over the socket.
    password: Option<String>,
    #[serde(default)]
    state: State,
}

#[derive(Debug)]
pub struct User {
    engine: Engine,
    name: String,
    host: String,
    password: Option<Secret>,
    state: State,
}

fn parse(params: &Params<'_>) -> Result<Box<dyn Step>, Diagnostics> {
    let user: UserParams = read(params)?;
    check_names(
        params,
        user.engine,
        [("name", user.name.as_str()), ("host", user.host.as_str())],
    )?;
    check_users(params, user.engine, &user.host)?;
    Ok(Box::new(User {
        engine: user.engine,
        name: user.name,
        host: user.host.to_lowercase(),
        password: user.password.map(Secret::new),
        state: user.state,
    }))
}

impl User {
    fn query(&self) -> Query {
        let text = dialect(self.engine).user(&self.name, &self.host);
        Query::of_server(self.engine, text)
    }

    fn login(&self) -> &'static str {
        if self.password.is_some() {
            "the password of the inventory"
        } else {
            "the system's user over the socket"
        }
    }
}

impl Step for User {
    fn summary(&self) -> String {
        match self.state {
            State::Present => format!("database user {}@{}", self.name, self.host),
            State::Absent => format!("no database user {}@{}", self.name, self.host),
        }
    }

    fn probes(&self) -> Vec<Probe> {
        vec![self.query().probe()]
    }

    fn assess(&self, world: &World<'_>) -> Assessment {
        let row = match rows(world, &self.query(), &[]) {
            Ok(rows) => rows.first(),
            Err(assessment) => return assessment,
        };
        let diff = Diff::default();
        match (self.state, row) {
            (State::Present, None) => {
                Assessment::Create(diff.attribute("logs in with", None, Some(self.login())))
            }
            (State::Present, Some(row)) => {
                if dialect(self.engine).user_has(row, self.password.as_ref()) {
                    return Assessment::Converged;
                }
                Assessment::Change(diff.attribute("logs in with", Some("something else"), Some(self.login())))
            }
            (State::Absent, None) => Assessment::Converged,
            (State::Absent, Some(_)) => Assessment::Remove(diff.attribute(
                "user",
                Some(&format!("{}@{}", self.name, self.host)),
                None,
            )),
        }
    }

    fn fix(&self, world: &World<'_>) -> Fix {
        let dialect = dialect(self.engine);
        let row = rows(world, &self.query(), &[]).unwrap_or_default().first();
        let password = self.password.as_ref();
        let statements = match (self.state, row) {
            (State::Absent, _) => dialect.drop_user(&self.name, &self.host),
            (State::Present, None) => dialect.create_user(&self.name, &self.host, password),
            (State::Present, Some(row)) => password
                .and_then(|password| dialect.add_password(&self.name, &self.host, row, password))
                .unwrap_or_else(|| dialect.alter_user(&self.name, &self.host, password)),
        };
        let run = dialect.run(None, statements.as_bytes());
        let disown = match self.state {
            State::Absent => dialect.disown(&self.name),
            State::Present => None,
        };
        Fix::Script(disown.map_or(run.clone(), |disown| disown.then(&run)))
    }

    fn provides(&self) -> Vec<Resource> {
        match self.state {
            State::Present => vec![user_resource(self.engine, &self.name, &self.host)],
            State::Absent => Vec::new(),
        }
    }

    fn requires(&self) -> Vec<Resource> {
        vec![Resource::DatabaseServer(self.engine.to_string())]
    }

    fn afterwards(&self) -> Option<Box<dyn Step>> {
        let password = self.password.clone().filter(|_| self.state == State::Present)?;
        FormerPasswords::of(self.engine, &self.name, &self.host, password)
    }

    fn taken_back(&self, terms: &Terms<'_>) -> Option<Box<dyn Step>> {
        let user = user_resource(self.engine, &self.name, &self.host);
        if self.state == State::Absent || terms.kept.has(&user) {
            return None;
        }
        let absent = Self {
            engine: self.engine,
            name: self.name.clone(),
            host: self.host.clone(),
            password: None,
            state: State::Absent,
        };
        Some(GoneSql::boxed(self.engine, absent, terms))
    }

    fn digest(&self) -> String {
        format!("{:x}", Sha256::digest(self.summary()))
    }
}
