//! Toy steps and a host in memory, so that graph, plan and run are tested without any real kind.
//!
//! A toy host is a map of keys to values; a toy step promises one of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::diagnostic::{Place, Source};
use crate::host::script::Script;
use crate::host::{Answer, Facts, HostError, ReadHost, WriteHost};
use crate::role::{BoundStep, Need, NeedOn, StepId};
use crate::step::kind::Kind;
use crate::step::probe::{Observed, PathState, Probe};
use crate::step::replace::Record;
use crate::step::world::World;
use crate::step::{Assessment, Diff, Fix, Guard, PackageRequest, Replacement, Resource, Step, Watches};

/// A promise that `key` has `value`.
#[derive(Debug, Clone, Default)]
pub struct Toy {
    pub key: String,
    pub value: String,
    pub package: bool,
    pub replace: bool,
    pub provides: Vec<Resource>,
    pub requires: Vec<Resource>,
    pub watches: Option<Watches>,
    /// Can't be judged while an earlier step is going to provide this.
    pub unknown_before: Option<Resource>,
    pub refused: bool,
    /// Its fix is guarded: kept by setting the key `kept`, undone by giving its own key this value.
    pub guarded: Option<String>,
    pub may_wait: bool,
}

impl Toy {
    pub fn new(key: &str, value: &str) -> Self {
        Self {
            key: key.into(),
            value: value.into(),
            ..Self::default()
        }
    }

    pub fn package(name: &str) -> Self {
        Self {
            package: true,
            provides: vec![Resource::Package(name.into())],
            ..Self::new(name, "installed")
        }
    }

    /// A service whose restart is owed when one of `watched` changed.
    pub fn service(unit: &str, watched: &[&str], check: Option<&str>) -> Self {
        Self {
            watches: Some(Watches {
                restart: watched.iter().map(|s| (*s).to_owned()).collect(),
                reload: Vec::new(),
                check: check.map(str::to_owned),
                unit: unit.into(),
            }),
            ..Self::new(unit, "")
        }
    }

    pub fn provides(mut self, resource: Resource) -> Self {
        self.provides.push(resource);
        self
    }

    pub fn requires(mut self, resource: Resource) -> Self {
        self.requires.push(resource);
        self
    }

    /// What the key should be: for a service, what it runs with.
    fn wanted(&self, world: &World<'_>) -> String {
        match &self.watches {
            Some(watches) => {
                let mut text = format!("running{}", self.value);
                for pattern in &watches.restart {
                    for (_, digest) in world.matching(pattern) {
                        text.push('+');
                        text.push_str(digest);
                    }
                }
                text
            }
            None => self.value.clone(),
        }
    }
}

impl Step for Toy {
    fn summary(&self) -> String {
        self.key.clone()
    }

    fn probes(&self) -> Vec<Probe> {
        vec![Probe::Path {
            path: self.key.clone(),
            unless: Some(String::new()),
        }]
    }

    fn assess(&self, world: &World<'_>) -> Assessment {
        if self.refused {
            return Assessment::Refused("a person is at it".into());
        }
        if let Some(resource) = &self.unknown_before
            && let Some(step) = world.will_provide(resource)
        {
            return Assessment::Unknown(step.to_string());
        }
        let present = match world.path(&self.key) {
            PathState::File {
                content: Some(content),
                ..
            } => Some(String::from_utf8(content.clone()).unwrap()),
            _ => None,
        };
        let wanted = self.wanted(world);
        let diff = |before: Option<&str>| Diff::default().attribute(&self.key, before, Some(&wanted));
        match present {
            None => Assessment::Create(diff(None)),
            Some(present) if present != wanted && self.watches.is_some() => {
                Assessment::Owed("restart: its configuration changed".into())
            }
            Some(present) if present != wanted => Assessment::Change(diff(Some(&present))),
            Some(_) => {
                if let Some(watches) = &self.watches {
                    for pattern in &watches.restart {
                        if world
                            .matching(pattern)
                            .any(|(id, _)| world.pending.steps.contains(id))
                        {
                            return Assessment::Owed("restart: its configuration changes".into());
                        }
                    }
                }
                Assessment::Converged
            }
        }
    }

    fn fix(&self, world: &World<'_>) -> Fix {
        if self.package {
            return Fix::Packages(PackageRequest {
                install: vec![self.key.clone()],
                ..PackageRequest::default()
            });
        }
        if self.replace {
            return Fix::Replace(Replacement {
                path: self.key.clone(),
                content: self.value.clone().into_bytes(),
                mode: "0644".into(),
                owner: "root".into(),
                group: "root".into(),
                validate: None,
                backup: false,
                before: None,
                after: None,
            });
        }
        Fix::Script(Script::new().command(["set", &self.key, &self.wanted(world)]))
    }

    fn provides(&self) -> Vec<Resource> {
        self.provides.clone()
    }

    fn requires(&self) -> Vec<Resource> {
        self.requires.clone()
    }

    fn digest(&self) -> String {
        self.value.clone()
    }

    fn watches(&self) -> Option<&Watches> {
        self.watches.as_ref()
    }

    fn guard(&self) -> Option<Guard> {
        let before = self.guarded.as_ref()?;
        Some(Guard {
            seconds: 60,
            keep: Script::new().command(["set", "kept", "yes"]),
            undo: Script::new().command(["set", &self.key, before]),
        })
    }

    fn may_wait(&self) -> bool {
        self.may_wait
    }
}

pub fn transaction(requests: &[PackageRequest], _facts: &Facts) -> Script {
    requests
        .iter()
        .flat_map(|request| &request.install)
        .fold(Script::new(), |script, name| {
            script.command(["set", name, "installed"])
        })
}

pub fn replace(set: &[Replacement], check: Option<&str>, forget: &[(&str, Record)], _run: &str) -> Script {
    let mut script = Script::new();
    for (unit, record) in forget {
        script = script.command(["forget", unit, record.word()]);
    }
    if let Some(check) = check {
        script = script.command(["check", check]);
    }
    set.iter().fold(script, |script, file| {
        script.command(["set", &file.path, &String::from_utf8_lossy(&file.content)])
    })
}

static KIND: Kind = Kind {
    name: "toy",
    page: "",
    schema: || schemars::json_schema!({}),
    parse: |_| Err(crate::diagnostic::Diagnostic::new("toys are not parsed").into()),
};

pub fn place(line: usize) -> Place {
    Place {
        source: Source::new("roles/r/role.yaml", "\n".repeat(40)),
        line,
        column: 1,
        length: 1,
    }
}

/// A step called `role/name` of `host`.
pub fn step(host: &str, name: &str, toy: Toy) -> BoundStep {
    let (role, name) = name.split_once('/').unwrap();
    BoundStep {
        taken_back: None,
        id: StepId {
            host: host.into(),
            role: role.into(),
            name: name.into(),
        },
        kind: &KIND,
        place: place(1),
        doc: None,
        needs: Vec::new(),
        origin: None,
        step: Box::new(toy),
    }
}

pub trait Needing {
    fn needs(self, on: NeedOn) -> Self;
    fn after(self, step: &str) -> Self;
}

impl Needing for BoundStep {
    fn needs(mut self, on: NeedOn) -> Self {
        let line = 10 + self.needs.len();
        self.needs.push(Need {
            on,
            place: place(line),
        });
        self
    }

    fn after(self, step: &str) -> Self {
        let role = self.id.role.to_string();
        let (role, step) = step.split_once('/').unwrap_or((&role, step));
        let (role, step) = (role.to_owned(), step.to_owned());
        self.needs(NeedOn::Step { role, step })
    }
}

/// A host in memory.
#[derive(Default)]
pub struct ToyHost {
    pub keys: BTreeMap<String, String>,
    /// Commands of each batch, one text per fragment.
    pub batches: Vec<Vec<String>>,
    pub round_trips: usize,
    /// Fixes of these keys exit with 1.
    pub failing: BTreeSet<String>,
    /// Fixes of these keys do nothing, successfully.
    pub stuck: BTreeSet<String>,
    /// The connection breaks in this batch, counted from 0.
    pub breaks_in: Option<usize>,
    /// Called with each batch's number before it is answered.
    pub on_batch: Option<Arc<dyn Fn(usize) + Send + Sync>>,
    /// What the host says of itself after the first batch.
    pub later_facts: Option<Facts>,
    pub facts: Facts,
    pub record: Option<String>,
    /// New connections are not let in.
    pub closed: bool,
}

impl ToyHost {
    fn observe(&self, probes: &[Probe]) -> Observed {
        let mut observed = Observed::default();
        for probe in probes {
            let Probe::Path { path, .. } = probe else {
                panic!("a toy asks for paths")
            };
            let state = self
                .keys
                .get(path)
                .map_or(PathState::Absent, |value| PathState::File {
                    mode: "0644".into(),
                    owner: "root".into(),
                    group: "root".into(),
                    size: 0,
                    sha256: String::new(),
                    content: Some(value.clone().into_bytes()),
                });
            observed.paths.insert(path.clone(), state);
        }
        observed
    }

    fn run(&mut self, script: &Script) -> Answer {
        let mut answer = Answer {
            status: 0,
            output: Vec::new(),
            errors: String::new(),
            seconds: 0.5,
        };
        for line in script.as_str().lines() {
            let words: Vec<&str> = line.splitn(3, ' ').collect();
            let ["set", key, value] = words[..] else { continue };
            if self.failing.contains(key) {
                answer.status = 1;
                answer.errors = format!("cannot set {key}\n");
                return answer;
            }
            if !self.stuck.contains(key) {
                self.keys
                    .insert(key.to_owned(), value.trim_matches('\'').to_owned());
            }
        }
        answer
    }
}

impl ReadHost for ToyHost {
    async fn facts(&mut self, _packages: &[String], _lock: Option<&str>) -> Result<Facts, HostError> {
        self.round_trips += 1;
        match &self.later_facts {
            Some(facts) if !self.batches.is_empty() => Ok(facts.clone()),
            _ => Ok(self.facts.clone()),
        }
    }

    async fn probe(&mut self, probes: &[Probe]) -> Result<Observed, HostError> {
        self.round_trips += 1;
        Ok(self.observe(probes))
    }
}

impl WriteHost for ToyHost {
    async fn batch(
        &mut self,
        fragments: &[Script],
        probes: &[Probe],
        progress: &mut (dyn FnMut(usize, &str) + Send),
    ) -> Result<(Vec<Answer>, Observed), HostError> {
        self.round_trips += 1;
        let number = self.batches.len();
        self.batches.push(
            fragments
                .iter()
                // Every fragment is told the run's name.
                .map(|script| script.as_str().trim_end())
                .map(|script| match script.split_once('\n') {
                    Some((first, rest)) if first.starts_with("mailprov_run=") => rest.to_owned(),
                    _ => script.to_owned(),
                })
                .collect(),
        );
        if let Some(hook) = &self.on_batch {
            hook(number);
        }
        if self.breaks_in == Some(number) {
            return Err(HostError::Unreachable("the connection broke".into()));
        }
        progress(0, "working");
        let answers = fragments.iter().map(|script| self.run(script)).collect();
        Ok((answers, self.observe(probes)))
    }

    async fn afresh(&mut self, script: &Script) -> Result<Answer, HostError> {
        match &self.closed {
            true => Err(HostError::Unreachable("nobody lets us in".into())),
            false => Ok(self.run(script)),
        }
    }

    async fn finish(&mut self, record: Option<&str>) -> Result<(), HostError> {
        self.record = record.map(str::to_owned);
        Ok(())
    }
}
