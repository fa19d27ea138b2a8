use super::*;
use crate::role::NeedOn;
use crate::run::toy::{Needing as _, Toy, step};

fn names(graph: &StepGraph) -> Vec<String> {
    graph
        .order()
        .iter()
        .map(|index| graph.step(*index).id.to_string())
        .collect()
}

fn path(path: &str) -> Resource {
    Resource::Path(path.into())
}

#[test]
fn the_order_is_the_order_of_declaration_where_nothing_else_is_said() {
    let graph = StepGraph::build(vec![vec![
        step("a", "r/three", Toy::new("3", "")),
        step("a", "r/one", Toy::new("1", "")).after("two"),
        step("a", "r/two", Toy::new("2", "")),
    ]])
    .unwrap();
    assert_eq!(names(&graph), ["r/three", "r/two", "r/one"]);
}

#[test]
fn a_file_waits_for_the_nearest_folder_that_a_step_provides() {
    let graph = StepGraph::build(vec![vec![
        step(
            "a",
            "r/file",
            Toy::new("f", "")
                .requires(path("/etc/x/deep/y/f"))
                .provides(path("/etc/x/deep/y/f")),
        ),
        step("a", "r/top", Toy::new("t", "").provides(path("/etc"))),
        step(
            "a",
            "r/folder",
            Toy::new("d", "")
                .requires(path("/etc/x"))
                .provides(path("/etc/x")),
        ),
        step("a", "r/package", Toy::package("x").provides(path("/etc/x"))),
    ]])
    .unwrap();
    let of = |index: usize| {
        graph
            .needs(index)
            .iter()
            .map(|(i, r)| (*i, r.to_string()))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        of(0),
        [
            (2, "its folder /etc/x".to_owned()),
            (3, "its folder /etc/x".to_owned())
        ]
    );
    assert_eq!(
        of(2),
        [
            (1, "its folder /etc".to_owned()),
            (3, "the package that brings /etc/x".to_owned())
        ]
    );
    assert_eq!(names(&graph), ["r/top", "r/package", "r/folder", "r/file"]);
}

#[test]
fn resources_of_another_host_are_not_ours() {
    let user = Resource::User("vmail".into());
    let graph = StepGraph::build(vec![
        vec![step("a", "r/file", Toy::new("f", "").requires(user.clone()))],
        vec![step("b", "r/user", Toy::new("u", "").provides(user))],
    ])
    .unwrap();
    assert_eq!(graph.needs(0), []);
}

#[test]
fn a_service_waits_for_what_it_watches_items_included() {
    let graph = StepGraph::build(vec![vec![
        step(
            "a",
            "r/service",
            Toy::service("x.service", &["conf", "other/map"], None),
        ),
        step("a", "r/conf[one]", Toy::new("1", "")),
        step("a", "r/conf[two]", Toy::new("2", "")),
        step("a", "other/map", Toy::new("3", "")),
        step("a", "other/conf", Toy::new("4", "")),
    ]])
    .unwrap();
    let needs: Vec<_> = graph.needs(0).iter().map(|(index, _)| *index).collect();
    assert_eq!(needs, [1, 2, 3]);
    assert_eq!(graph.watchers(1), [0]);
    assert_eq!(graph.watchers(4), [] as [usize; 0]);
}

#[test]
fn packages_do_not_wait_for_other_roles_but_for_steps() {
    let role = || NeedOn::Role { role: "base".into() };
    let graph = StepGraph::build(vec![vec![
        step("a", "base/hosts", Toy::new("h", "")),
        step("a", "r/package", Toy::package("x"))
            .needs(role())
            .after("repository"),
        step("a", "r/repository", Toy::new("p", "")).needs(role()),
    ]])
    .unwrap();
    let needs = |index| {
        graph
            .needs(index)
            .iter()
            .map(|(index, _)| *index)
            .collect::<Vec<_>>()
    };
    assert_eq!(needs(1), [2]);
    assert_eq!(needs(2), [0]);
}

#[test]
fn a_role_may_wait_for_another_host() {
    let on = |host: &str| NeedOn::RoleOnHost {
        role: "database".into(),
        host: host.into(),
    };
    let hosts = |on: NeedOn| {
        vec![
            vec![step("web", "r/one", Toy::new("1", "")).needs(on)],
            vec![step("db1", "database/server", Toy::new("2", ""))],
        ]
    };
    let graph = StepGraph::build(hosts(on("db1"))).unwrap();
    assert_eq!(graph.order(), [1, 0]);
    let mistakes = StepGraph::build(hosts(on("db2"))).unwrap_err();
    assert!(
        mistakes.to_string().contains("did you mean host `db1`?"),
        "{mistakes}"
    );
    assert!(StepGraph::build_part(hosts(on("db2")), |host| host == "db2").is_ok());
}

#[test]
fn a_cycle_is_shown_whole_with_the_reason_of_each_edge() {
    let mistakes = StepGraph::build(vec![vec![
        step("a", "r/one", Toy::new("1", "")).after("two"),
        step("a", "r/two", Toy::new("2", "").requires(path("/etc/x"))),
        step("a", "r/three", Toy::new("3", "").provides(path("/etc"))).after("one"),
        step("a", "r/bystander", Toy::new("4", "")).after("three"),
    ]])
    .unwrap_err();
    assert_eq!(mistakes.0.len(), 1);
    assert_eq!(
        mistakes.0[0].message,
        "steps wait for each other in a circle on host `a`
  r/one waits for r/two (declared in roles/r/role.yaml:10:1)
  r/two waits for r/three (its folder /etc)
  r/three waits for r/one (declared in roles/r/role.yaml:10:1)"
    );
    assert_eq!(mistakes.0[0].place.as_ref().unwrap().line, 10);
}

#[test]
fn two_steps_with_one_name_are_refused() {
    let mistakes = StepGraph::build(vec![vec![
        step("a", "r/one", Toy::new("1", "")),
        step("a", "r/one", Toy::new("2", "")),
    ]])
    .unwrap_err();
    assert!(
        mistakes.to_string().contains("two steps called `r/one`"),
        "{mistakes}"
    );
}

#[test]
fn drawings_leave_out_what_follows() {
    let graph = StepGraph::build(vec![vec![
        step("a", "r/one", Toy::new("1", "")),
        step("a", "r/two", Toy::new("2", "")).after("one"),
        step("a", "r/three", Toy::new("\"3\"", ""))
            .after("two")
            .after("one"),
    ]])
    .unwrap();
    assert_eq!(
        draw::text(&graph),
        "a
  r/one  toy 1
  r/two  toy 2
      after r/one: declared (roles/r/role.yaml:10)
  r/three  toy \"3\"
      after r/two: declared (roles/r/role.yaml:10)
"
    );
    let dot = draw::dot(&graph);
    assert!(
        dot.contains("s0 -> s1;") && dot.contains("s1 -> s2;") && !dot.contains("s0 -> s2"),
        "{dot}"
    );
    let mermaid = draw::mermaid(&graph);
    assert!(
        mermaid.contains("s1 --> s2") && mermaid.contains("subgraph h0[\"a\"]"),
        "{mermaid}"
    );
}

#[test]
fn a_service_comes_after_what_roles_that_need_its_own_add_to_it() {
    let role = || NeedOn::Role { role: "web".into() };
    let graph = StepGraph::build(vec![vec![
        step("a", "web/conf", Toy::new("c", "")),
        step("a", "web/service", Toy::service("x.service", &["app/site"], None)),
        step("a", "app/site", Toy::new("s", "")).needs(role()),
        step("a", "app/other", Toy::new("o", "")).needs(role()),
        step("a", "third/step", Toy::new("t", "")).needs(role()),
    ]])
    .unwrap();
    let needs = |index| {
        let needs = graph.needs(index).into_iter();
        needs.map(|(index, _)| index).collect::<Vec<_>>()
    };
    assert_eq!(needs(1), [2]);
    assert_eq!(needs(2), [0]);
    assert_eq!(needs(3), [0], "or the service would wait for itself");
    assert_eq!(needs(4), [0, 1]);
}
