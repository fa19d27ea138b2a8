//! From inventories in temporary folders to steps.

use std::collections::BTreeMap;

use super::{Binding, assumed_facts, offline_vault, packages, steps, validate};
use crate::host::PackageVersion;
use crate::role::testing::{World, lines};
use crate::role::{BoundStep, NeedOn};
use crate::secret::Secret;
use crate::secret::vault::Vault;
use crate::step::probe::{CheckState, Observed, Probe};

const INVENTORY: &str = "hosts:\n  mx1:\n    roles: [a]\n    variables:\n      a_domains: [x.org, y.org]\n";

const ROLE: &str = r#"
summary: A.
needs: [empty]
versions: {p: {debian-13: "2.4.1", debian-12: "2.3"}}
variables:
  a_domains: {type: list, of: domain, doc: Domains.}
  a_password: {type: secret, doc: The password.}
assert:
  - {that: "domain != 'bad.org'", message: "{{ domain }} is bad\nchange it", each: a_domains as domain}
steps:
  - id: domain
    each: a_domains as domain
    when: domain != 'y.org' or at_least('p', '2.4')
    note: {path: "/{{ domain }}", template: t, mode: "0600"}
  - id: last
    doc: The last one.
    needs: [domain, {role: b, host: "{{ host }}"}]
    note: {path: /last, content: "{{ host }}", number: "{{ a_domains | length }}"}
"#;

fn world(role: &str, inventory: &str) -> World {
    World::new(&[
        ("roles/a/role.yaml", role),
        ("roles/a/templates/t", "{{ domain }} {{ a_password }}\n"),
        ("roles/empty/role.yaml", "summary: E.\nneeds: [b]\n"),
        (
            "roles/b/role.yaml",
            "summary: B.\nsteps: [{id: one, note: {path: /b, content: b}}]\n",
        ),
        ("inventory.yaml", inventory),
    ])
}

fn bound(role: &str, inventory: &str, release: Option<&str>) -> Result<Vec<BoundStep>, Vec<String>> {
    let world = world(role, inventory);
    let (mut inventory, roles) = world.load().unwrap_or_else(|wrong| panic!("{wrong}"));
    inventory.hosts[0].release = release.map(str::to_owned);
    let host = &inventory.hosts[0];
    let vault = offline_vault(&inventory, &roles);
    let facts = assumed_facts(&roles, host);
    steps(&Binding {
        inventory: &inventory,
        roles: &roles,
        host,
        vault: &vault,
        facts: &facts,
    })
    .map_err(|wrong| lines(&wrong))
}

#[test]
fn steps_come_in_the_order_of_declaration_with_their_items() {
    let steps = bound(ROLE, INVENTORY, None).unwrap();
    let names: Vec<String> = steps.iter().map(|step| step.id.to_string()).collect();
    assert_eq!(names, ["b/one", "a/domain[x.org]", "a/domain[y.org]", "a/last"]);
    let rendered = steps[1].step.rendered().unwrap();
    assert_eq!(rendered.path, "/x.org");
    assert_eq!(
        String::from_utf8_lossy(rendered.content),
        "x.org <secret a_password>\n"
    );
    assert_eq!(steps[3].step.rendered().unwrap().content, b"mx1");
    assert_eq!(steps[3].doc.as_deref(), Some("The last one."));
}

#[test]
fn values_are_made_of_variables_and_of_values_before_them() {
    let role = ROLE
        .replace(
            "assert:",
            "values:\n  a_all: \"a_domains + ['z.org']\"\n  a_count: a_all | length\nassert:",
        )
        .replace(
            "number: \"{{ a_domains | length }}\"",
            "number: \"{{ a_count }}\"",
        )
        .replace("content: \"{{ host }}\"", "content: \"{{ a_all | last }}\"");
    let steps = bound(&role, INVENTORY, None).unwrap();
    assert_eq!(steps[3].step.rendered().unwrap().content, b"z.org");
    let unknown = role.replace("a_all | length", "a_al | length");
    let wrong = world(&unknown, INVENTORY)
        .load()
        .err()
        .map(|wrong| lines(&wrong))
        .unwrap_or_default();
    assert!(
        wrong[0].contains("`a_al` is not declared") && wrong[0].contains("did you mean `a_all`"),
        "{wrong:?}"
    );
}

#[test]
fn a_role_without_steps_hands_its_needs_on() {
    let steps = bound(ROLE, INVENTORY, None).unwrap();
    let roles: Vec<&str> = steps[1]
        .needs
        .iter()
        .filter_map(|need| match &need.on {
            NeedOn::Role { role } => Some(role.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(roles, ["b"]);
    // A need on the host itself is a need on its role.
    assert!(
        steps[3]
            .needs
            .iter()
            .all(|need| !matches!(need.on, NeedOn::RoleOnHost { .. }))
    );
}

#[test]
fn the_release_decides_through_versions() {
    let steps = bound(ROLE, INVENTORY, Some("debian-12")).unwrap();
    assert!(steps.iter().all(|step| step.id.name.as_ref() != "domain[y.org]"));
    let wrong = bound(ROLE, INVENTORY, Some("debian-11")).unwrap_err();
    assert!(
        wrong[0].contains("no version of the package `p` is known"),
        "{wrong:?}"
    );
}

#[test]
fn facts_of_the_host_win_over_stand_ins() {
    let world = world(ROLE, INVENTORY);
    let (inventory, roles) = world.load().unwrap();
    let host = &inventory.hosts[0];
    assert_eq!(packages(&roles, host), ["p"]);
    let mut facts = assumed_facts(&roles, host);
    assert_eq!(facts.packages["p"], PackageVersion::Release("2.4.1".into()));
    facts
        .packages
        .insert("p".into(), PackageVersion::Installed("9".into()));
    super::complete_facts(&roles, host, &mut facts);
    assert_eq!(facts.packages["p"], PackageVersion::Installed("9".into()));
}

#[test]
fn an_assertion_speaks_of_its_item() {
    let inventory = INVENTORY.replace("x.org", "bad.org");
    assert_eq!(
        bound(ROLE, &inventory, None).unwrap_err(),
        ["5: bad.org is bad | change it"]
    );
}

/// Of two roles that know nothing of each other but this.
#[test]
fn an_assertion_about_two_roles_waits_for_both_and_shows_both_places() {
    let shop = "summary: S.\nvariables: {shop_path: {type: path, default: /shop, doc: x}}\nassert:\n  - with: blog\n    \
                that: shop_path != blog_path\n    message: \"both at {{ shop_path }}\\nmove one\"\n";
    let blog = "summary: B.\nvariables: {blog_path: {type: path, default: /blog, doc: x}}\n";
    let said = |shop: &str, roles: &str, variables: &str| {
        let inventory =
            format!("variables: {{{variables}}}\nhosts:\n  mx1: {{roles: [{roles}]}}\n  mx2: {{}}\n");
        let world = World::new(&[
            ("roles/shop/role.yaml", shop),
            ("roles/blog/role.yaml", blog),
            ("inventory.yaml", &inventory),
        ]);
        let said = world
            .load()
            .and_then(|(inventory, roles)| validate(&inventory, &roles));
        said.err().map(|wrong| lines(&wrong)).unwrap_or_default()
    };
    assert_eq!(
        said(shop, "shop", "shop_path: /blog"),
        [""; 0],
        "there is no blog"
    );
    assert_eq!(said(shop, "shop, blog", "shop_path: /blog/shop"), [""; 0]);
    let one = said(shop, "shop, blog", "shop_path: /blog");
    assert!(
        one.len() == 1 && one[0].starts_with("1: both at /blog | move one") && one[0].ends_with("host `mx1`"),
        "{one:?}"
    );
    let both = said(shop, "blog, shop", "blog_path: /, shop_path: /");
    assert!(
        both[0].contains("`blog_path` is set at ") && both[0].contains("inventory.yaml:1:13"),
        "{both:?}"
    );
    let typo = said(
        &shop.replace("with: blog", "with: blok"),
        "shop, blog",
        "shop_path: /x",
    );
    assert!(
        typo[0].contains("there is no role `blok`") && typo[0].contains("did you mean `blog`"),
        "{typo:?}"
    );
}

#[test]
fn an_item_twice_is_refused() {
    let inventory = INVENTORY.replace("y.org", "x.org");
    let wrong = bound(ROLE, &inventory, None).unwrap_err();
    assert!(
        wrong[0].contains("gets the step `a/domain[x.org]` twice"),
        "{wrong:?}"
    );
}

#[test]
fn a_secret_that_everybody_may_read_is_refused() {
    let wrong = bound(&ROLE.replace("\"0600\"", "\"0644\""), INVENTORY, None).unwrap_err();
    assert!(wrong[0].contains("holds a secret"), "{wrong:?}");
}

#[test]
fn a_missing_secret_names_the_command_that_sets_it() {
    let world = world(ROLE, INVENTORY);
    let (inventory, roles) = world.load().unwrap();
    assert!(validate(&inventory, &roles).is_ok());
    let expected = format!(
        "2: the secrets file has no entry `a_password`, which `a_password` (The password) needs | run `mailprov \
         secrets set a_password --inventory {}`",
        inventory.path.display()
    );
    let host = &inventory.hosts[0];
    let facts = assumed_facts(&roles, host);
    let mut binding = Binding {
        inventory: &inventory,
        roles: &roles,
        host,
        vault: &Vault::default(),
        facts: &facts,
    };
    assert_eq!(lines(&steps(&binding).unwrap_err()), [expected]);
    let vault = Vault::new(BTreeMap::from([(
        "a_password".to_owned(),
        Secret::new("hunter2"),
    )]));
    binding.vault = &vault;
    let steps = steps(&binding).unwrap();
    assert_eq!(steps[1].step.rendered().unwrap().content, b"x.org hunter2\n");
}

#[test]
fn a_parameter_that_does_not_fit_points_into_the_role() {
    let wrong = bound(&ROLE.replace("a_domains | length", "host"), INVENTORY, None).unwrap_err();
    assert_eq!(wrong, ["18: `number`: expected a whole number, found a text"]);
}

/// The steps of a role that needs others under conditions, with the given lines of variables.
fn conditional(variables: &str) -> Result<Vec<String>, Vec<String>> {
    let file = |id: &str, path: &str| format!("steps: [{{id: {id}, note: {{path: {path}, content: x}}}}]\n");
    let filter = "variables: {filter_level: {type: int, default: 5, doc: Level.}, filter_key: {type: text, doc: Key.}}\n";
    let world = World::new(&[
        (
            "roles/words/role.yaml",
            "summary: W.\nvariables: {words_filter: {type: one_of, values: [none, filter], default: none, doc: F.}}\n",
        ),
        (
            "roles/filter/role.yaml",
            &format!("summary: F.\nneeds: [words]\n{filter}{}", file("one", "/filter")),
        ),
        (
            "roles/post/role.yaml",
            &format!(
                "summary: P.\nneeds: [words, {{role: filter, when: \"words_filter == 'filter'\"}}]\n{}",
                file(
                    "one",
                    "\"/post{{ filter_level if words_filter == 'filter' else '' }}\""
                )
            ),
        ),
        (
            "inventory.yaml",
            &format!("hosts:\n  mx1:\n    roles: [post]\n    variables: {{{variables}}}\n"),
        ),
    ]);
    let (inventory, roles) = world.load().unwrap_or_else(|wrong| panic!("{wrong}"));
    let graph = super::graph(&inventory, &roles).map_err(|wrong| lines(&wrong))?;
    Ok(graph
        .steps()
        .iter()
        .map(|step| format!("{}{}", step.id, step.step.rendered().unwrap().path))
        .collect())
}

#[test]
fn a_role_comes_where_its_condition_holds() {
    assert_eq!(conditional("words_filter: none").unwrap(), ["post/one/post"]);
    assert_eq!(conditional("").unwrap(), ["post/one/post"]);
    assert_eq!(
        conditional("words_filter: filter, filter_key: k, filter_level: 7").unwrap(),
        ["filter/one/filter", "post/one/post7"]
    );
    let missing = conditional("words_filter: filter").unwrap_err();
    assert!(
        missing[0].contains("no `filter_key`, which its role `filter` requires"),
        "{missing:?}"
    );
}

#[test]
fn variables_of_a_role_that_does_not_come_may_stay_and_must_fit() {
    assert_eq!(conditional("filter_level: 7").unwrap(), ["post/one/post"]);
    let wrong = conditional("filter_level: high").unwrap_err();
    assert!(wrong[0].contains("filter_level"), "{wrong:?}");
}

#[test]
fn advice_quotes_what_the_host_says() {
    let role = format!(
        "{ROLE}advice:\n  - topic: dns\n    title: Key of {{{{ domain }}}}\n    each: a_domains as domain\n    \
         probe: cat /key/{{{{ domain }}}}\n    text: \"{{{{ domain }}}}. TXT {{{{ seen | trim }}}}\"\n"
    );
    let world = world(&role, INVENTORY);
    let (inventory, roles) = world.load().unwrap_or_else(|wrong| panic!("{wrong}"));
    validate(&inventory, &roles).unwrap();
    let binding = Binding {
        inventory: &inventory,
        roles: &roles,
        host: &inventory.hosts[0],
        vault: &offline_vault(&inventory, &roles),
        facts: &assumed_facts(&roles, &inventory.hosts[0]),
    };
    let check = |output: &str, status| CheckState {
        status,
        output: output.into(),
    };
    assert_eq!(
        super::advice_probes(&binding).unwrap(),
        [
            Probe::Check("cat /key/x.org".into()),
            Probe::Check("cat /key/y.org".into())
        ]
    );
    let mut observed = Observed::default();
    observed.checks.insert("cat /key/x.org".into(), check("abc\n", 0));
    observed
        .checks
        .insert("cat /key/y.org".into(), check("no such file", 1));
    let found = super::advice(&binding, &observed).unwrap();
    let shown: Vec<_> = found
        .iter()
        .map(|one| (one.title.as_str(), one.text.as_str()))
        .collect();
    assert_eq!(shown, [("Key of x.org", "x.org. TXT abc\n")]);
}

#[test]
fn a_mistake_in_advice_is_found_without_a_host() {
    let role = format!("{ROLE}advice: [{{topic: DNS, title: T, text: '{{{{ sen }}}}'}}]\n");
    let wrong = world(&role, INVENTORY).load().err().map(|wrong| lines(&wrong));
    let wrong = wrong.unwrap().join("\n");
    assert!(
        wrong.contains("`DNS` is no topic") && wrong.contains("did you mean `seen`"),
        "{wrong}"
    );
}

mod absent;
