//! Taking back what is in a database server: nothing is left to do where the server itself is gone.

use crate::step::probe::{Engine, Probe, SqlState};
use crate::step::sql::dialect;
use crate::step::world::World;
use crate::step::{Assessment, Fix, Step};

/// A step with `state: absent` about a database server that may be gone already.
#[derive(Debug)]
pub struct GoneSql {
    engine: Engine,
    step: Box<dyn Step>,
}

impl GoneSql {
    pub fn boxed(engine: Engine, step: impl Step + 'static) -> Box<dyn Step> {
        Box::new(Self {
            engine,
            step: Box::new(step),
        })
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
                Some(SqlState::NoServer(_)) => !server,
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
        self.step.probes().into_iter().chain(packages).collect()
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
