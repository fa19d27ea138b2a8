//! Taking back what is in a database server: nothing is left to do where the server itself is gone.

use super::{Terms, is_noted, unit_before};
use crate::step::probe::{Engine, Probe, SqlState};
use crate::step::sql::dialect;
use crate::step::world::World;
use crate::step::{Assessment, Fix, Resource, Step};

/// A step with `state: absent` about a database server that may be gone already.
#[derive(Debug)]
pub struct GoneSql {
    engine: Engine,
    /// The server's unit, if its service is taken back too.
    unit: Option<String>,
    step: Box<dyn Step>,
}

impl GoneSql {
    pub fn boxed(engine: Engine, step: impl Step + 'static, terms: &Terms<'_>) -> Box<dyn Step> {
        let server = Resource::DatabaseServer(engine.to_string());
        let unit = terms.servers.iter().find(|(gone, _)| *gone == server);
        Box::new(Self {
            engine,
            unit: unit.map(|(_, unit)| unit.clone()),
            step: Box::new(step),
        })
    }

    /// Whether an earlier run stopped the server for good: what is in it went before it.
    fn is_stopped(&self, world: &World<'_>) -> bool {
        self.unit
            .as_ref()
            .is_some_and(|unit| !is_noted(world, &unit_before(unit)))
    }

    fn is_gone(&self, world: &World<'_>) -> bool {
        let installed = |name: &&str| {
            let state = world.package(name);
            state.installed.is_some() || state.broken.is_some()
        };
        let server = dialect(self.engine).server_packages().iter().any(installed);
        self.step.probes().iter().any(|probe| match probe {
            Probe::Sql {
                engine,
                database,
                query,
            } => match world.sql(*engine, database, query) {
                Some(SqlState::NoClient | SqlState::Missing(_)) => true,
                Some(SqlState::NoServer(_)) => !server || self.is_stopped(world),
                _ => false,
            },
            _ => false,
        })
    }
}

impl Step for GoneSql {
    fn summary(&self) -> String {
        self.step.summary()
    }

    fn probes(&self) -> Vec<Probe> {
        let packages = dialect(self.engine).server_packages().iter();
        let packages = packages.map(|name| Probe::Package((*name).to_owned()));
        let note = self.unit.iter().map(|unit| Probe::Path {
            path: unit_before(unit),
            unless: Some(String::new()),
        });
        self.step
            .probes()
            .into_iter()
            .chain(packages)
            .chain(note)
            .collect()
    }

    fn assess(&self, world: &World<'_>) -> Assessment {
        if self.is_gone(world) {
            Assessment::Converged
        } else {
            self.step.assess(world)
        }
    }

    fn fix(&self, world: &World<'_>) -> Fix {
        self.step.fix(world)
    }

    fn digest(&self) -> String {
        "absent".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Kept;
    use super::*;
    use crate::step::probe::PackageState;
    use crate::step::promised::testing::{Host, file, step};
    use crate::step::sql_user;

    fn gone(servers: &[(Resource, String)]) -> Box<dyn Step> {
        let user = step(
            &sql_user::KIND,
            serde_json::json!({"engine": "mariadb", "name": "postfix"}),
        );
        let kept = Kept::default();
        let terms = Terms {
            servers,
            ..Terms::plain(&kept)
        };
        user.taken_back(&terms).unwrap()
    }

    /// MariaDB is installed and does not answer.
    fn stopped(step: &dyn Step) -> Host {
        let mut host = Host::default();
        for probe in step.probes() {
            match probe {
                Probe::Sql {
                    engine,
                    database,
                    query,
                } => {
                    let state = SqlState::NoServer("no socket".to_owned());
                    host.observed.sql.insert((engine, database, query), state);
                }
                Probe::Package(name) => {
                    let installed = PackageState {
                        installed: Some("11".to_owned()),
                        ..PackageState::default()
                    };
                    host.observed.packages.insert(name, installed);
                }
                _ => {}
            }
        }
        host
    }

    #[test]
    fn a_server_that_an_earlier_run_stopped_has_nothing_of_ours() {
        let server = Resource::DatabaseServer(Engine::Mariadb.to_string());
        let gone = gone(&[(server, "mariadb.service".to_owned())]);
        let host = stopped(&*gone);
        assert_eq!(host.assess(&*gone), Assessment::Converged);
        // The note is struck off only when the service is taken back: this server has a trouble of its own.
        let host = host.path(
            "/var/lib/mailprov/before/units/mariadb.service",
            file("inactive disabled\n", "0600"),
        );
        assert!(matches!(host.assess(&*gone), Assessment::Refused(words) if words.contains("start it")));
    }

    #[test]
    fn a_server_that_stays_has_to_answer() {
        let gone = gone(&[]);
        let host = stopped(&*gone);
        assert!(matches!(host.assess(&*gone), Assessment::Refused(_)));
    }
}
