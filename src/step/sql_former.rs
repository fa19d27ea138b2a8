//! Former passwords of a database's user: they work until everything on the host uses the new one.

use sha2::{Digest as _, Sha256};

use super::probe::{Engine, Probe};
use super::sql::{Query, dialect, rows, user_resource};
use super::world::World;
use super::{Assessment, Diff, Fix, Resource, Step};
use crate::host::script::Script;
use crate::secret::Secret;

/// That a user of a database server logs in with one password alone.
#[derive(Debug)]
pub struct FormerPasswords {
    engine: Engine,
    name: String,
    host: String,
    password: Secret,
}

impl FormerPasswords {
    /// `None` where a user has one password in any case.
    pub fn of(engine: Engine, name: &str, host: &str, password: Secret) -> Option<Box<dyn Step>> {
        dialect(engine).add_password(name, host, &Vec::new(), &password)?;
        Some(Box::new(Self {
            engine,
            name: name.to_owned(),
            host: host.to_owned(),
            password,
        }))
    }

    fn query(&self) -> Query {
        Query::of_server(self.engine, dialect(self.engine).user(&self.name, &self.host))
    }
}

impl Step for FormerPasswords {
    fn summary(&self) -> String {
        format!("no former password of {}@{}", self.name, self.host)
    }

    fn probes(&self) -> Vec<Probe> {
        vec![self.query().probe()]
    }

    fn assess(&self, world: &World<'_>) -> Assessment {
        let row = match rows(world, &self.query(), &[]) {
            Ok(rows) => rows.first(),
            Err(assessment) => return assessment,
        };
        match row {
            Some(row) if dialect(self.engine).has_others(row, &self.password) => Assessment::Change(
                Diff::default().note("works until everything that logs in with it has the new one"),
            ),
            _ => Assessment::Converged,
        }
    }

    fn fix(&self, _world: &World<'_>) -> Fix {
        let dialect = dialect(self.engine);
        let statement = dialect.alter_user(&self.name, &self.host, Some(&self.password));
        // For programs that look at their configuration every few seconds only.
        let wait = Script::new().code("sleep 5\n");
        Fix::Script(wait.then(&dialect.run(None, statement.as_bytes())))
    }

    fn requires(&self) -> Vec<Resource> {
        vec![
            Resource::DatabaseServer(self.engine.to_string()),
            user_resource(self.engine, &self.name, &self.host),
        ]
    }

    fn digest(&self) -> String {
        format!("{:x}", Sha256::digest(self.summary()))
    }
}
