//! Services: systemd units that run, or don't, with the configuration that is on disk.
//!
//! What a service was last started with is a digest of the steps that it watches, recorded on the host after it came
//! up. A digest that differs, or is missing, is a restart that is owed, whoever changed the file and whenever.

mod assess;
mod fix;
mod guard;
mod params;

use sha2::{Digest as _, Sha256};

use super::gone::Terms;
use super::gone::service::GoneService;
use super::kind::Kind;
use super::probe::Probe;
use super::world::World;
use super::{Assessment, Fix, Guard, Resource, Step, Watches};
use params::{Service, State};

pub const KIND: Kind = Kind {
    name: "service",
    page: include_str!("../../book/src/steps/service.md"),
    schema: || schemars::schema_for!(Service),
    parse: params::parse,
};

impl Step for Service {
    fn summary(&self) -> String {
        let unit = &self.unit;
        match self.state {
            _ if self.masked => format!("{unit} is masked"),
            State::Running => format!("{unit} runs"),
            State::Stopped => format!("{unit} does not run"),
        }
    }

    fn probes(&self) -> Vec<Probe> {
        let drop_ins = self.drop_ins.iter().map(|(name, content)| Probe::Path {
            path: self.drop_in_path(name),
            unless: Some(sha256(content.as_bytes())),
        });
        std::iter::once(Probe::Unit(self.unit.clone()))
            .chain(drop_ins)
            .collect()
    }

    fn assess(&self, world: &World<'_>) -> Assessment {
        assess::assess(self, world)
    }

    fn fix(&self, world: &World<'_>) -> Fix {
        Fix::Script(fix::script(self, world))
    }

    fn provides(&self) -> Vec<Resource> {
        self.database
            .iter()
            .filter(|_| self.state == State::Running)
            .map(|engine| Resource::DatabaseServer(engine.to_string()))
            .collect()
    }

    fn requires(&self) -> Vec<Resource> {
        vec![Resource::Unit(self.unit.clone())]
    }

    fn taken_back(&self, terms: &Terms<'_>) -> Option<Box<dyn Step>> {
        GoneService::of(&self.unit, self.masked, self.drop_ins.keys(), terms)
    }

    fn writes(&self) -> Vec<String> {
        self.drop_ins.keys().map(|name| self.drop_in_path(name)).collect()
    }

    fn without(&self, paths: &[String]) -> Option<Box<dyn Step>> {
        let mut service = self.clone();
        service
            .drop_ins
            .retain(|name, _| !paths.contains(&self.drop_in_path(name)));
        Some(Box::new(service))
    }

    fn digest(&self) -> String {
        let mut text = format!("{} {} {}\n", self.summary(), self.enabled, self.masked);
        for (name, content) in &self.drop_ins {
            text.push_str(&format!("{name}\n{content}\n"));
        }
        sha256(text.as_bytes())
    }

    fn watches(&self) -> Option<&Watches> {
        Some(&self.watches)
    }

    fn guard(&self) -> Option<Guard> {
        guard::of(self)
    }
}

fn sha256(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

/// One digest over all steps that `patterns` name; `None` when nothing is watched.
fn watched_digest(patterns: &[String], world: &World<'_>) -> Option<String> {
    if patterns.is_empty() {
        return None;
    }
    let mut matched: Vec<(String, &str)> = patterns
        .iter()
        .flat_map(|pattern| world.matching(pattern))
        .map(|(id, digest)| (id.to_string(), digest))
        .collect();
    matched.sort();
    matched.dedup();
    let text: String = matched
        .iter()
        .map(|(id, digest)| format!("{id} {digest}\n"))
        .collect();
    Some(sha256(text.as_bytes()))
}

#[cfg(test)]
mod tests;
