use super::*;
use crate::role::{BoundStep, NeedOn};
use crate::run::toy::{Needing as _, Toy, ToyHost, step};
use crate::step::Resource;

async fn plan(hosts: Vec<Vec<BoundStep>>, present: &[(&str, &str)]) -> (StepGraph, Plan) {
    let graph = StepGraph::build(hosts).unwrap();
    let mut seen = BTreeMap::new();
    for name in graph.hosts() {
        let mut host = ToyHost::default();
        for (key, value) in present {
            host.keys.insert((*key).into(), (*value).into());
        }
        let facts = host.facts(&[], None).await.unwrap();
        let observed = observe(&graph, &name, &|_| true, &mut host).await.unwrap();
        assert_eq!(host.round_trips, 2);
        seen.insert(name, Seen { facts, observed });
    }
    let plan = make(&graph, &seen, &|_| true);
    (graph, plan)
}

fn words(plan: &Plan) -> Vec<&'static str> {
    plan.steps
        .values()
        .map(|planned| match planned {
            Planned::Converged => "converged",
            Planned::Create(_) => "create",
            Planned::Change(_) => "change",
            Planned::Remove(_) => "remove",
            Planned::Owed(_) => "owed",
            Planned::Unknown(_) => "unknown",
            Planned::Refused(_) => "refused",
            Planned::Blocked(_) => "blocked",
        })
        .collect()
}

#[tokio::test]
async fn a_service_owes_a_restart_for_what_is_only_planned() {
    let steps = || {
        vec![vec![
            step("a", "r/conf", Toy::new("conf", "new")),
            step("a", "r/service", Toy::service("x.service", &["conf"], None)),
            step("a", "r/other", Toy::new("other", "same")),
        ]]
    };
    let (_, planned) = plan(
        steps(),
        &[("conf", "old"), ("x.service", "running+new"), ("other", "same")],
    )
    .await;
    assert_eq!(words(&planned), ["change", "owed", "converged"]);
    let (_, planned) = plan(
        steps(),
        &[("conf", "new"), ("x.service", "running+new"), ("other", "same")],
    )
    .await;
    assert!(planned.is_converged());
}

#[tokio::test]
async fn what_a_pending_step_will_bring_is_known_to_later_ones() {
    let server = Resource::DatabaseServer("mariadb".into());
    let mut row = Toy::new("row", "1").requires(server.clone());
    row.unknown_before = Some(server.clone());
    let steps = || {
        vec![vec![
            step("a", "r/row", row.clone()),
            step("a", "r/server", Toy::new("server", "up").provides(server.clone())),
        ]]
    };
    let (_, planned) = plan(steps(), &[]).await;
    assert_eq!(planned.of(0), Some(&Planned::Unknown("r/server".into())));
    let (_, planned) = plan(steps(), &[("server", "up")]).await;
    assert_eq!(words(&planned), ["create", "converged"]);
}

#[tokio::test]
async fn what_waits_for_a_refused_step_is_blocked_unless_it_is_converged() {
    let mut refused = Toy::new("odd", "x");
    refused.refused = true;
    let (_, planned) = plan(
        vec![
            vec![
                step("a", "r/odd", refused),
                step("a", "r/waits", Toy::new("w", "")).after("odd"),
                step("a", "r/done", Toy::new("d", "ok")).after("odd"),
            ],
            vec![step("b", "r/far", Toy::new("f", "")).needs(NeedOn::RoleOnHost {
                role: "r".into(),
                host: "a".into(),
            })],
        ],
        &[("d", "ok")],
    )
    .await;
    assert_eq!(words(&planned), ["refused", "blocked", "converged", "blocked"]);
}

#[tokio::test]
async fn hosts_that_were_not_seen_have_no_plan() {
    let graph = StepGraph::build(vec![vec![step("a", "r/one", Toy::new("1", ""))]]).unwrap();
    let planned = make(&graph, &BTreeMap::new(), &|_| true);
    assert_eq!(planned.of(0), None);
}

#[tokio::test]
async fn what_is_not_wanted_is_taken_to_be_as_it_should() {
    let graph = StepGraph::build(vec![vec![
        step("a", "r/conf", Toy::new("conf", "new")),
        step("a", "s/service", Toy::service("x.service", &["r/conf"], None)),
    ]])
    .unwrap();
    let mut host = ToyHost::default();
    host.keys.insert("x.service".into(), "running+new".into());
    let wanted = |id: &StepId| id.role.as_ref() == "s";
    let observed = observe(&graph, "a", &wanted, &mut host).await.unwrap();
    assert!(!observed.paths.contains_key("conf"));
    let facts = Facts::default();
    let seen = BTreeMap::from([(Arc::from("a"), Seen { facts, observed })]);
    let plan = make(&graph, &seen, &wanted);
    assert_eq!((plan.of(0), plan.of(1)), (None, Some(&Planned::Converged)));
}
