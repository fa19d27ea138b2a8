//! Kinds of steps on a real host: created, kept, brought back after drift, removed.
//!
//! Steps are driven through the library, one at a time, so that a kind's promise is looked at without roles, plans
//! and runs around it.

mod accounts;
mod applied;
mod files;
mod gone;
mod system;

use std::collections::BTreeMap;

use mailprov::diagnostic::{Diagnostic, Diagnostics, Source};
use mailprov::host::connection::{NoPrompt, Target, connect};
use mailprov::host::script::Script;
use mailprov::host::session::Session;
use mailprov::host::{Answer, Facts, ReadHost as _, WriteHost as _};
use mailprov::role::StepId;
use mailprov::step::kind::{self, Files, Params};
use mailprov::step::world::{Pending, World};
use mailprov::step::{Assessment, Fix, Step, replace};
use serde_json::Value;

use crate::support::TestHost;

/// A connection to a host, and steps to try on it.
pub struct Bench {
    runtime: tokio::runtime::Runtime,
    session: Session,
}

struct NoFiles;

impl Files for NoFiles {
    fn template(&self, name: &str) -> Result<String, Diagnostics> {
        Err(Diagnostic::new(format!("no template {name}")).into())
    }

    fn file(&self, name: &str) -> Result<Vec<u8>, Diagnostics> {
        Err(Diagnostic::new(format!("no file {name}")).into())
    }

    fn holds_secret(&self, _: &str) -> bool {
        false
    }
}

/// A step of `kind` with these parameters.
pub fn step(kind: &str, value: Value) -> Box<dyn Step> {
    let source = Source::new("role.yaml", value.to_string());
    let node = mailprov::yaml::parse(&source).unwrap();
    let params = Params {
        node: &node,
        value,
        files: &NoFiles,
    };
    (kind::find(kind).unwrap().parse)(&params).unwrap_or_else(|wrong| panic!("{wrong}"))
}

impl Bench {
    pub fn new(host: &TestHost) -> Self {
        let target = Target {
            name: host.name().to_owned(),
            address: host.address().to_string(),
            port: 22,
            user: "root".to_owned(),
            identity_files: vec![host.key()],
            host_key_fingerprint: Some(host.host_key_fingerprint().unwrap()),
            ..Target::default()
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let session = runtime.block_on(connect(&target, &NoPrompt)).unwrap();
        Self { runtime, session }
    }

    /// Asks what the step asks, and hands the answers to `judge`.
    fn look<T>(&mut self, step: &dyn Step, judge: impl FnOnce(&World<'_>) -> T) -> T {
        let observed = self.runtime.block_on(self.session.probe(&step.probes())).unwrap();
        let id = StepId {
            host: "host".into(),
            role: "role".into(),
            name: "step".into(),
        };
        judge(&World {
            facts: &Facts::default(),
            observed: &observed,
            pending: &Pending::default(),
            id: &id,
            digests: &BTreeMap::new(),
        })
    }

    pub fn assess(&mut self, step: &dyn Step) -> Assessment {
        self.look(step, |world| step.assess(world))
    }

    /// Fixes the step, whatever its state, and returns what the host answered.
    pub fn fix(&mut self, step: &dyn Step) -> Answer {
        let script = match self.look(step, |world| step.fix(world)) {
            Fix::Script(script) => script,
            Fix::Replace(file) => replace::script(&[file], None, &[], "test"),
            Fix::Packages(_) => panic!("no package steps here"),
        };
        self.run(&script, &mut |_| {})
    }

    /// Runs a fragment; `progress` gets its lines for people.
    pub fn run(&mut self, script: &Script, progress: &mut (dyn FnMut(&str) + Send)) -> Answer {
        let mut lines = |_: usize, line: &str| progress(line);
        let batch = self.session.batch(std::slice::from_ref(script), &[], &mut lines);
        let (mut answers, _) = self.runtime.block_on(batch).unwrap();
        answers.remove(0)
    }

    /// The step is not converged, then fixed, then converged.
    #[track_caller]
    pub fn makes(&mut self, kind: &str, value: Value) {
        let step = step(kind, value);
        let before = self.assess(&*step);
        assert!(
            !matches!(before, Assessment::Converged | Assessment::Refused(_)),
            "{step:?}: {before:?}"
        );
        let answer = self.fix(&*step);
        assert_eq!(answer.status, 0, "{step:?}: {}", answer.errors);
        assert_eq!(
            self.assess(&*step),
            Assessment::Converged,
            "{step:?} {}",
            answer.errors
        );
    }

    #[track_caller]
    pub fn is_kept(&mut self, kind: &str, value: Value) {
        let step = step(kind, value);
        assert_eq!(self.assess(&*step), Assessment::Converged, "{step:?}");
    }

    /// The step is refused, with `word` in the reason.
    #[track_caller]
    pub fn refuses(&mut self, kind: &str, value: Value, word: &str) {
        let step = step(kind, value);
        match self.assess(&*step) {
            Assessment::Refused(words) => assert!(words.contains(word), "{words}"),
            other => panic!("{step:?}: {other:?}"),
        }
    }
}
