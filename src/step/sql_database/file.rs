//! A database of SQLite: a file, whose mode, owner and group are its only locks.

use super::Database;
use crate::diagnostic::Diagnostics;
use crate::host::script::Script;
use crate::step::gone::Terms;
use crate::step::gone::file::GoneFile;
use crate::step::kind::params::{AbsolutePath, Mode};
use crate::step::kind::{Params, refuse};
use crate::step::probe::{Engine, PathState, Probe};
use crate::step::promised::{attributes, digest, obstacle};
use crate::step::sql::{Query, State, database_resource, dialect, rows, text};
use crate::step::world::World;
use crate::step::{Assessment, Diff, Fix, Resource, Step};

#[derive(Debug)]
struct DatabaseFile {
    path: AbsolutePath,
    mode: String,
    owner: String,
    group: String,
    state: State,
}

pub(super) fn parse(params: &Params<'_>, database: Database) -> Result<Box<dyn Step>, Diagnostics> {
    let given = [
        ("charset", database.charset.is_some()),
        ("collation", database.collation.is_some()),
    ];
    for (parameter, given) in given {
        if given {
            let words = format!("a database of SQLite has no {parameter}: its texts are UTF-8");
            return Err(refuse(params, &[parameter], words).into());
        }
    }
    let path = AbsolutePath::new(&database.name).map_err(|words| refuse(params, &["name"], words))?;
    let mode = database.mode.unwrap_or_else(|| Mode::bits(0o640));
    if mode.world_readable() {
        let words = "everybody on the host could read the database: its mode is its only lock";
        return Err(refuse(params, &["mode"], words).into());
    }
    let root = || "root".to_owned();
    Ok(Box::new(DatabaseFile {
        path,
        mode: mode.as_str().to_owned(),
        owner: database.owner.unwrap_or_else(root),
        group: database.group.unwrap_or_else(root),
        state: database.state,
    }))
}

impl DatabaseFile {
    fn query(&self) -> Query {
        let text = dialect(Engine::Sqlite).database(self.path.as_str());
        Query::within(Engine::Sqlite, self.path.as_str(), text)
    }

    fn present(&self, world: &World<'_>) -> Assessment {
        let path = self.path.as_str();
        match world.path(path) {
            PathState::Absent => Assessment::Create(
                Diff::default()
                    .attribute("mode", None, Some(&self.mode))
                    .attribute("owner", None, Some(&self.owner))
                    .attribute("group", None, Some(&self.group)),
            ),
            PathState::File {
                mode, owner, group, ..
            } => {
                let pairs = [
                    ("mode", mode, &self.mode),
                    ("owner", owner, &self.owner),
                    ("group", group, &self.group),
                ];
                let diff = attributes(Diff::default(), pairs);
                if diff.is_empty() {
                    Assessment::Converged
                } else {
                    Assessment::Change(diff)
                }
            }
            other => Assessment::Refused(obstacle(path, other, "a database")),
        }
    }

    /// Removing takes everything with it, so only an empty one goes.
    fn absent(&self, world: &World<'_>) -> Assessment {
        let path = self.path.as_str();
        if *world.path(path) == PathState::Absent {
            return Assessment::Converged;
        }
        let tables = match rows(world, &self.query(), &[]) {
            Ok(rows) => rows.first().and_then(|row| text(row, 2)),
            Err(assessment) => return assessment,
        };
        match tables.as_deref() {
            Some("0") => Assessment::Remove(Diff::default().attribute("database", Some(path), None)),
            tables => Assessment::Refused(format!(
                "database {path} is to go, but holds {} tables: mailprov drops no data. Remove it by hand",
                tables.unwrap_or("some")
            )),
        }
    }
}

impl Step for DatabaseFile {
    fn summary(&self) -> String {
        match self.state {
            State::Present => format!("database {}", self.path),
            State::Absent => format!("no database {}", self.path),
        }
    }

    fn probes(&self) -> Vec<Probe> {
        let path = Probe::Path {
            path: self.path.to_string(),
            unless: None,
        };
        match self.state {
            State::Present => vec![path],
            State::Absent => vec![path, self.query().probe()],
        }
    }

    /// Only with everything in it, so only when data go too.
    fn taken_back(&self, terms: &Terms<'_>) -> Option<Box<dyn Step>> {
        let goes = self.state == State::Present && terms.purge;
        goes.then(|| GoneFile::data(self.path.as_str(), terms)).flatten()
    }

    fn assess(&self, world: &World<'_>) -> Assessment {
        match self.state {
            State::Present => self.present(world),
            State::Absent => self.absent(world),
        }
    }

    fn fix(&self, _world: &World<'_>) -> Fix {
        let script = match self.state {
            State::Present => Script::new().code("mailprov_sqlite_file").words([
                self.mode.as_str(),
                self.owner.as_str(),
                self.group.as_str(),
                self.path.as_str(),
            ]),
            State::Absent => Script::new().code("rm -f --").word(self.path.as_str()),
        };
        Fix::Script(script.code("\n"))
    }

    fn provides(&self) -> Vec<Resource> {
        match self.state {
            State::Present => vec![
                database_resource(Engine::Sqlite, self.path.as_str()),
                Resource::Path(self.path.to_string()),
            ],
            State::Absent => Vec::new(),
        }
    }

    fn requires(&self) -> Vec<Resource> {
        vec![
            Resource::Path(self.path.parent().to_owned()),
            Resource::User(self.owner.clone()),
            Resource::Group(self.group.clone()),
        ]
    }

    fn digest(&self) -> String {
        let parts = [self.path.as_str(), &self.mode, &self.owner, &self.group];
        digest(parts.iter().map(|part| part.as_bytes()))
    }
}
