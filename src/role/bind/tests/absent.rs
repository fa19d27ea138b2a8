//! Roles that are to be absent, from an inventory to an ordered graph.

use super::super::graph;
use crate::graph::StepGraph;
use crate::role::testing::{World, lines};

const WEB: &str = "summary: A web server.
steps:
  - {id: packages, package: {names: [web], folders: [/etc/web], users: [www], units: [web.service]}}
  - {id: config, file: {path: /etc/web/web.conf, content: c}}
  - {id: service, needs: [config], service: {unit: web.service, watches: {reload: [config, app/site]}}}
";

const APP: &str = "summary: An application.
needs: [web]
variables:
  app_password: {type: secret, doc: The password.}
assert:
  - {that: app_password != '', message: it is empty}
steps:
  - {id: packages, package: {names: [app, web], folders: [/etc/app]}}
  - {id: user, user: {name: app, system: true}}
  - id: sessions
    holds: scratch
    directory: {path: /var/lib/app, owner: app, group: app}
  - {id: config, file: {path: /etc/app/app.conf, content: '{{ app_password }}', mode: '0600', owner: app}}
  - {id: site, needs: [config], file: {path: /etc/web/app.conf, content: s}}
  - {id: database, sql_database: {engine: mariadb, name: app}}
  - id: uploads
    holds: data
    directory: {path: /srv/uploads, owner: app, group: app}
";

fn world(roles: &str, app: &str) -> World {
    World::new(&[
        ("roles/web/role.yaml", WEB),
        ("roles/app/role.yaml", app),
        ("roles/all/role.yaml", "summary: All.\nneeds: [app]\n"),
        (
            "inventory.yaml",
            &format!("hosts:\n  h:\n    roles: [{roles}]\n    variables: {{}}\n"),
        ),
    ])
}

fn of(roles: &str) -> StepGraph {
    let (inventory, roles) = world(roles, APP).load().unwrap_or_else(|wrong| panic!("{wrong}"));
    graph(&inventory, &roles).unwrap_or_else(|wrong| panic!("{wrong}"))
}

fn wrong(roles: &str) -> Vec<String> {
    let refused = match world(roles, APP).load() {
        Ok((inventory, roles)) => graph(&inventory, &roles).map(|_| ()),
        Err(wrong) => Err(wrong),
    };
    lines(&refused.expect_err("refused"))
}

/// The steps in the order in which they are done, with their promises.
fn order(graph: &StepGraph) -> Vec<String> {
    let steps = graph.order().iter().map(|index| graph.step(*index));
    steps
        .map(|step| format!("{}: {}", step.id, step.step.summary()))
        .collect()
}

#[test]
fn steps_are_taken_back_in_the_other_order_around_the_services_that_stay() {
    let graph = of("web, {role: app, state: absent}");
    let order = order(&graph);
    assert_eq!(
        order,
        [
            "web/packages: web",
            "web/config: /etc/web/web.conf",
            "app/site: no /etc/web/app.conf",
            "web/service: web.service runs",
            "app/config: no /etc/app/app.conf",
            "app/sessions: no /var/lib/app/",
            "app/packages: app not installed",
        ],
        "the user and the uploads stay, the shared package too"
    );
}

#[test]
fn what_came_along_with_a_role_and_nothing_needs_any_more_goes_with_it() {
    for roles in [
        "{role: all, state: absent}",
        "{role: app, state: absent, purge: true}",
    ] {
        let order = order(&of(roles));
        let at = |step: &str| order.iter().position(|known| known == step);
        let stopped = at("web/service: web.service as it was before");
        assert!(
            stopped.is_some() && stopped < at("web/config: no /etc/web/web.conf"),
            "{order:?}"
        );
        assert!(
            at("web/config: no /etc/web/web.conf") < at("web/packages: web not installed"),
            "{order:?}"
        );
    }
    // What is purged is only what is named.
    let order = order(&of("{role: all, state: absent}"));
    assert!(!order.iter().any(|step| step.contains("uploads")), "{order:?}");
}

#[test]
fn with_purge_data_and_their_owner_go() {
    let order = order(&of("web, {role: app, state: absent, purge: true}"));
    for gone in [
        "app/uploads: no /srv/uploads/",
        "app/user: no app",
        "app/database: no database app",
    ] {
        assert!(order.iter().any(|step| step == gone), "{gone} in {order:?}");
    }
    let at = |step: &str| order.iter().position(|known| known.starts_with(step)).unwrap();
    assert!(at("app/uploads") < at("app/user"), "{order:?}");
    assert!(at("web/service") < at("app/user"), "{order:?}");
}

#[test]
fn an_absent_role_needs_no_secrets_and_keeps_its_variables() {
    let (inventory, roles) = world("web, {role: app, state: absent}", APP).load().unwrap();
    assert_eq!(super::super::needed_secrets(&inventory, &roles).len(), 0);
    let (inventory, roles) = world("web, app", APP).load().unwrap();
    assert_eq!(super::super::needed_secrets(&inventory, &roles).len(), 1);
}

#[test]
fn a_role_that_a_present_one_needs_is_refused_with_both_places() {
    let wrong = wrong("app, {role: web, state: absent}");
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert!(
        wrong[0].contains("the host `h` is to lose the role `web`, which its role `app` (")
            && wrong[0].contains("inventory.yaml:3:13")
            && wrong[0].contains("roles/app/role.yaml:2:9"),
        "{wrong:?}"
    );
}

#[test]
fn what_is_said_of_absent_roles_must_make_sense() {
    for (roles, expected) in [
        (
            "{role: app, state: gone}",
            "a role is `present` or `absent`, not `gone`",
        ),
        ("{role: app, purge: true}", "`purge` goes with `state: absent`"),
        (
            "{role: app, state: absent, purge: maybe}",
            "`purge` is true or false",
        ),
        ("{rol: app}", "unknown key `rol`"),
        ("{state: absent}", "this item names no role"),
        ("app, {role: app, state: absent}", "`app` is listed twice"),
        (
            "web, {role: all, state: absent, purge: true}",
            "the role `all` makes nothing itself, so there is nothing to purge",
        ),
    ] {
        let wrong = wrong(roles);
        assert!(
            wrong.iter().any(|line| line.contains(expected)),
            "{roles}: {wrong:?}"
        );
    }
}

#[test]
fn only_a_directory_holds_scratch() {
    let app = APP.replace("  - {id: user, user", "  - {id: user, holds: scratch, user");
    let wrong = lines(&world("app", &app).load().expect_err("refused"));
    assert!(
        wrong[0].contains("a user holds nothing that could be scratch"),
        "{wrong:?}"
    );
}
