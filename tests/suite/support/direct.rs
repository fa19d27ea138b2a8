//! Single steps, looked at and fixed over a session, without an inventory or a run.

use std::collections::BTreeMap;

use mailprov::diagnostic::{Diagnostic, Diagnostics, Source};
use mailprov::host::connection::{NoPrompt, Target, connect};
use mailprov::host::script::Script;
use mailprov::host::session::Session;
use mailprov::host::{Answer, Facts, ReadHost as _, WriteHost as _};
use mailprov::lab::LabHost;
use mailprov::role::StepId;
use mailprov::step::kind::{Files, Params, find};
use mailprov::step::probe::Observed;
use mailprov::step::world::{Pending, World};
use mailprov::step::{Assessment, Fix, Replacement, Step, packages};

/// A session with a host, and what it answered last.
pub struct Direct {
    runtime: tokio::runtime::Runtime,
    session: Session,
    pub facts: Facts,
    /// What steps of the imagined role promise, for services that watch them.
    pub digests: BTreeMap<StepId, String>,
    /// What fragments said for people.
    pub said: Vec<String>,
}

struct NoFiles;

impl Files for NoFiles {
    fn template(&self, name: &str) -> Result<String, Diagnostics> {
        Err(Diagnostic::new(format!("no template {name}")).into())
    }

    /// The name is the content.
    fn file(&self, name: &str) -> Result<Vec<u8>, Diagnostics> {
        Ok(name.as_bytes().to_vec())
    }

    fn holds_secret(&self, _: &str) -> bool {
        false
    }
}

/// A step of `kind` with the parameters of `yaml`.
#[track_caller]
pub fn step(kind: &str, yaml: &str) -> Box<dyn Step> {
    let node = mailprov::yaml::parse(&Source::new("role.yaml", yaml)).unwrap();
    let value = serde_json::to_value(node.to_value()).unwrap();
    (find(kind).unwrap().parse)(&Params {
        node: &node,
        value,
        files: &NoFiles,
    })
    .unwrap()
}

pub fn id(name: &str) -> StepId {
    StepId {
        host: "host".into(),
        role: "role".into(),
        name: name.into(),
    }
}

impl Direct {
    #[track_caller]
    pub fn to(host: &LabHost) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let target = Target {
            name: host.name().to_owned(),
            address: host.address().to_string(),
            identity_files: vec![host.key()],
            host_key_fingerprint: Some(host.host_key_fingerprint().unwrap()),
            ..Target::default()
        };
        let mut session = runtime.block_on(connect(&target, &NoPrompt)).unwrap();
        let facts = runtime.block_on(session.facts(&[], None)).unwrap();
        Self {
            runtime,
            session,
            facts,
            digests: BTreeMap::new(),
            said: Vec::new(),
        }
    }

    fn look(&mut self, step: &dyn Step) -> Observed {
        self.runtime.block_on(self.session.probe(&step.probes())).unwrap()
    }

    fn with<T>(&self, observed: &Observed, ask: impl FnOnce(&World<'_>) -> T) -> T {
        ask(&World {
            facts: &self.facts,
            observed,
            pending: &Pending::default(),
            id: &id("step"),
            digests: &self.digests,
        })
    }

    pub fn assess(&mut self, step: &dyn Step) -> Assessment {
        let observed = self.look(step);
        self.with(&observed, |world| step.assess(world))
    }

    pub fn fix(&mut self, step: &dyn Step) -> Answer {
        let observed = self.look(step);
        let script = match self.with(&observed, |world| step.fix(world)) {
            Fix::Script(script) => script,
            Fix::Packages(request) => packages::transaction(&[request], &self.facts),
            Fix::Replace(_) => panic!("a file is put in place by a run"),
        };
        self.run(&script)
    }

    /// What a run would put in place for the step.
    #[track_caller]
    pub fn replacement(&mut self, step: &dyn Step) -> Replacement {
        let observed = self.look(step);
        match self.with(&observed, |world| step.fix(world)) {
            Fix::Replace(replacement) => replacement,
            other => panic!("{other:?}"),
        }
    }

    pub fn run(&mut self, script: &Script) -> Answer {
        let Self {
            runtime,
            session,
            said,
            ..
        } = self;
        said.clear();
        let mut progress = |_: usize, words: &str| said.push(words.to_owned());
        let fragments = [script.clone()];
        let (mut answers, _) = runtime
            .block_on(session.batch(&fragments, &[], &mut progress))
            .unwrap();
        answers.remove(0)
    }

    /// The step differs, is fixed, and is as promised then; what it was judged before.
    #[track_caller]
    pub fn converge(&mut self, step: &dyn Step) -> Assessment {
        let before = self.assess(step);
        assert_ne!(before, Assessment::Converged, "{}", step.summary());
        let answer = self.fix(step);
        assert_eq!(
            answer.status,
            0,
            "{}: {}{}",
            step.summary(),
            String::from_utf8_lossy(&answer.output),
            answer.errors
        );
        assert_eq!(self.assess(step), Assessment::Converged, "{}", step.summary());
        before
    }
}
