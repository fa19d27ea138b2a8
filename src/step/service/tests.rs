use std::collections::BTreeMap;

use super::KIND;
use crate::host::Facts;
use crate::role::StepId;
use crate::step::kind::params::testing::step;
use crate::step::probe::{Observed, UnitState};
use crate::step::world::{Pending, World};
use crate::step::{Assessment, Resource};

fn id(name: &str) -> StepId {
    StepId {
        host: "h".into(),
        role: "r".into(),
        name: name.into(),
    }
}

/// How `unit` is judged by a service that watches `conf`; `digest` is what `conf` promises.
fn judge(unit: Option<UnitState>, init: &str, digest: &str, pending: &Pending) -> Assessment {
    let service = step(
        &KIND,
        serde_json::json!({"unit": "a.service", "watches": {"restart": ["conf"]}}),
    )
    .unwrap();
    let facts = Facts {
        init: init.into(),
        ..Facts::default()
    };
    let mut observed = Observed::default();
    observed
        .units
        .extend(unit.map(|unit| ("a.service".to_owned(), unit)));
    let digests = BTreeMap::from([(id("conf"), digest.to_owned())]);
    service.assess(&World {
        facts: &facts,
        observed: &observed,
        pending,
        id: &id("service"),
        digests: &digests,
    })
}

fn running(restart_digest: Option<String>) -> Option<UnitState> {
    Some(UnitState {
        load: "loaded".into(),
        active: "active".into(),
        sub: "running".into(),
        file: "enabled".into(),
        restart_digest,
        ..UnitState::default()
    })
}

fn recorded(digest: &str) -> Option<String> {
    Some(super::sha256(format!("r/conf {digest}\n").as_bytes()))
}

#[test]
fn a_record_that_differs_or_is_missing_owes_a_restart() {
    let none = Pending::default();
    let judge = |unit| judge(unit, "systemd", "one", &none);
    assert_eq!(judge(running(recorded("one"))), Assessment::Converged);
    assert!(matches!(judge(running(recorded("two"))), Assessment::Owed(_)));
    assert!(matches!(judge(running(None)), Assessment::Owed(_)));
}

#[test]
fn a_change_to_come_owes_a_restart_and_is_named() {
    let mut pending = Pending::default();
    pending.steps.insert(id("conf"));
    let judged = judge(running(recorded("one")), "systemd", "one", &pending);
    assert_eq!(judged, Assessment::Owed("restart: r/conf changes".into()));
}

#[test]
fn a_unit_to_come_is_created_and_one_that_nobody_brings_is_refused() {
    let mut pending = Pending::default();
    assert!(matches!(
        judge(None, "systemd", "one", &pending),
        Assessment::Refused(_)
    ));
    pending
        .resources
        .insert(Resource::Unit("a.service".into()), id("packages"));
    assert!(matches!(
        judge(None, "systemd", "one", &pending),
        Assessment::Create(_)
    ));
    assert!(matches!(
        judge(None, "sh", "one", &pending),
        Assessment::Refused(_)
    ));
}

#[test]
fn a_static_unit_is_as_enabled_as_it_can_be() {
    let unit = running(recorded("one")).map(|unit| UnitState {
        file: "static".into(),
        ..unit
    });
    assert_eq!(
        judge(unit, "systemd", "one", &Pending::default()),
        Assessment::Converged
    );
}
