//! Taking back a service: stopped, unless it ran before mailprov first had to do with it.

use super::{Terms, unit_before};
use crate::host::script::Script;
use crate::step::probe::{PathState, Probe};
use crate::step::world::World;
use crate::step::{Assessment, Diff, Fix, Resource, Step};

/// A unit that a role ran, stopped or masked.
#[derive(Debug)]
pub struct GoneService {
    unit: String,
    masked: bool,
    /// Names of the role's drop-ins.
    drop_ins: Vec<String>,
}

impl GoneService {
    /// `None` when a present role has to do with the unit.
    pub fn of<'n>(
        unit: &str,
        masked: bool,
        drop_ins: impl Iterator<Item = &'n String>,
        terms: &Terms<'_>,
    ) -> Option<Box<dyn Step>> {
        (!terms.kept.has(&Resource::Unit(unit.to_owned()))).then(|| {
            Box::new(Self {
                unit: unit.to_owned(),
                masked,
                drop_ins: drop_ins.cloned().collect(),
            }) as Box<dyn Step>
        })
    }

    /// The note that `mailprov_service_begin` made.
    fn note(&self) -> String {
        unit_before(&self.unit)
    }
}

impl Step for GoneService {
    fn summary(&self) -> String {
        format!("{} as it was before", self.unit)
    }

    fn probes(&self) -> Vec<Probe> {
        vec![
            Probe::Unit(self.unit.clone()),
            Probe::Path {
                path: self.note(),
                unless: Some(String::new()),
            },
        ]
    }

    fn assess(&self, world: &World<'_>) -> Assessment {
        let PathState::File { content, .. } = world.path(&self.note()) else {
            return Assessment::Converged;
        };
        let before = String::from_utf8_lossy(content.as_deref().unwrap_or_default()).into_owned();
        let ran = before.starts_with("active");
        let now = world.unit(&self.unit);
        let there = !matches!(now.load.as_str(), "" | "not-found");
        let mut diff = Diff::default();
        if there && !ran {
            diff = diff.attribute("state", Some(&now.active), Some("stopped"));
        } else if there {
            diff = diff.note("it ran before mailprov had to do with it, and runs on");
        }
        for name in &self.drop_ins {
            diff = diff.attribute(&format!("drop-in {name}"), Some("there"), None);
        }
        Assessment::Remove(diff)
    }

    fn fix(&self, _world: &World<'_>) -> Fix {
        let masked = if self.masked { "masked" } else { "-" };
        Fix::Script(
            Script::new()
                .code("umask 077\nmailprov_service_take_back")
                .words([self.unit.as_str(), masked])
                .words(&self.drop_ins)
                .code("\n"),
        )
    }

    fn digest(&self) -> String {
        "absent".to_owned()
    }
}
