//! The built-in roles and the example inventory, proven without a host.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};

use mailprov::diagnostic::Diagnostics;
use mailprov::inventory::load::load;
use mailprov::role::bind::{self, validate};
use mailprov::role::load::Roles;

/// Every mistake, as a person would see it.
fn mistakes(inventory: &Path) -> Result<(), Diagnostics> {
    mistakes_with(inventory, &[])
}

/// The same, with variables as `--set` takes them.
fn mistakes_with(inventory: &Path, sets: &[(&str, &str)]) -> Result<(), Diagnostics> {
    let sets: Vec<(String, String)> = sets
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let inventory = load(inventory, &sets)?;
    let roles = Roles::of(&inventory)?;
    validate(&inventory, &roles)
}

#[test]
fn the_example_is_valid() {
    let example = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("inventories/example/inventory.yaml");
    if let Err(wrong) = mistakes(&example) {
        panic!("{wrong}");
    }
}

#[test]
fn the_profiles_are_valid() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("inventories");
    for profile in std::fs::read_dir(folder).unwrap() {
        let inventory = profile.unwrap().path().join("inventory.yaml");
        if let Err(wrong) = mistakes(&inventory) {
            panic!("{}: {wrong}", inventory.display());
        }
    }
}

/// The server that the example makes, by one line more.
#[test]
fn the_example_is_valid_with_every_database() {
    let example = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("inventories/example/inventory.yaml");
    for database in ["mariadb", "postgresql", "sqlite", "none"] {
        if let Err(wrong) = mistakes_with(&example, &[("mail_database", database)]) {
            panic!("{database}: {wrong}");
        }
    }
    let refused = |sets: &[(&str, &str)]| mistakes_with(&example, sets).unwrap_err().to_string();
    let shared = refused(&[("accounts_shared", "true")]);
    assert!(shared.contains("alias domains"), "{shared}");
    let plain = refused(&[("accounts_password_scheme", "PLAIN")]);
    assert!(plain.contains("readable passwords"), "{plain}");
    let rounds = refused(&[
        ("accounts_password_scheme", "BLF-CRYPT"),
        ("accounts_password_rounds", "32"),
    ]);
    assert!(rounds.contains("4 to 31"), "{rounds}");
}

/// Mail that is taken has somebody to go to: what would come back, or go nowhere, is said before there is any.
#[test]
fn mail_leads_to_somebody() {
    let inventories = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("inventories");
    let example = inventories.join("example/inventory.yaml");
    let refused = |path: &Path, sets: &[(&str, &str)], words: &str| {
        let said = mistakes_with(path, sets).map_err(|wrong| wrong.to_string());
        let said = said.expect_err(words);
        assert!(said.contains(words), "{words}: {said}");
    };
    let catch_all = |to: &str| format!("[{{domain: example.org, to: {to}}}]");
    for database in ["mariadb", "none"] {
        let with = |name: &str, value: &str, words: &str| {
            refused(&example, &[("mail_database", database), (name, value)], words);
        };
        with(
            "mail_admin",
            "alcie@example.org",
            "mail_admin alcie@example.org is neither",
        );
        with(
            "mail_catch_all",
            &catch_all("nobody@example.org"),
            "nobody@example.org is neither",
        );
        with(
            "mail_catch_all",
            &catch_all("nobody@example.net"),
            "nobody@example.net is neither",
        );
    }
    let locked = "[{address: alice@example.org, password: !secret alice_password},
        {address: bob@example.org, password: !secret bob_password, active: false}]";
    refused(
        &example,
        &[("mail_mailboxes", locked), ("mail_catch_all", "[]")],
        "neither an active mailbox nor an alias",
    );
    refused(&example, &[("mail_message_size", "0")], "mail_message_size 0");
    refused(
        &inventories.join("s1-rspamd/inventory.yaml"),
        &[("postfix_inet_protocols", "ipv6")],
        "can't reach filters and signers",
    );
    for fine in [
        ("mail_admin", "root@elsewhere.example"),
        ("mail_admin", "whoever@example.net"),
        ("mail_admin", "info@example.org"),
        ("mail_catch_all", &catch_all("info@example.org")),
        ("postfix_inet_protocols", "ipv6"),
    ] {
        if let Err(wrong) = mistakes_with(&example, &[fine]) {
            panic!("{fine:?}: {wrong}");
        }
    }
    // All domains share the person; and a domain whose mailboxes are none of the inventory's has them elsewhere.
    let shared = inventories.join("s4-single-user/inventory.yaml");
    let sets = [("mail_admin", "thomas@example.net"), ("mail_catch_all", "[]")];
    assert_eq!(
        mistakes_with(&shared, &sets).map_err(|wrong| wrong.to_string()),
        Ok(())
    );
    let kept_elsewhere = [
        ("mail_mailboxes", "[]"),
        ("mail_aliases", "[]"),
        ("mail_catch_all", "[]"),
    ];
    assert_eq!(
        mistakes_with(&example, &kept_elsewhere).map_err(|wrong| wrong.to_string()),
        Ok(())
    );
    refused(
        &example,
        &[&kept_elsewhere[..], &[("mail_database", "none")]].concat(),
        "mail_admin alice@example.org is neither",
    );
}

/// What would come up and not work.
#[test]
fn settings_that_exclude_each_other_are_refused() {
    let inventories = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("inventories");
    let refused = |profile: &str, sets: &[(&str, &str)]| {
        let inventory = inventories.join(profile).join("inventory.yaml");
        mistakes_with(&inventory, sets)
            .err()
            .map(|wrong| wrong.to_string())
    };
    for (profile, sets, words) in [
        (
            "s0-debian13-mysql",
            &[("dovecot_listen", "[127.0.0.1, 192.0.2.1]")][..],
            "add 127.0.1.1 to dovecot_listen",
        ),
        (
            "s2-postgresql",
            &[("mail_dkim_next_selector", "mail")],
            "the key that signs already has this name",
        ),
        (
            "s2-postgresql",
            &[("mail_dkim_socket", "/run/opendkim/opendkim.sock")],
            "or set postfix_chroot: false",
        ),
        (
            "s2-postgresql",
            &[("mail_dkim_socket", "/var/spool/postfix/opendkim.sock")],
            "no other folder is OpenDKIM's alone",
        ),
    ] {
        let said = refused(profile, sets).unwrap_or_else(|| panic!("{sets:?} is taken"));
        assert!(said.contains(words), "{said}");
    }
    let fine = refused(
        "s0-debian13-mysql",
        &[("dovecot_listen", "[127.0.1.1, 192.0.2.1]")],
    );
    assert_eq!(fine, None);
}

/// What holds a secret is found again when its role goes, though the secret itself need not be known any more then.
#[test]
fn private_files_say_whose_they_are() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("inventories");
    let mut private = 0;
    for profile in std::fs::read_dir(folder).unwrap() {
        let path = profile.unwrap().path().join("inventory.yaml");
        for database in ["mariadb", "postgresql", "sqlite", "none"] {
            let sets = [("mail_database".to_owned(), database.to_owned())];
            let inventory = load(&path, &sets).unwrap_or_else(|wrong| panic!("{wrong}"));
            let roles = Roles::of(&inventory).unwrap_or_else(|wrong| panic!("{wrong}"));
            // Not every profile is one with every database.
            let Ok(graph) = bind::graph(&inventory, &roles) else {
                continue;
            };
            for step in graph.steps() {
                let Some(file) = step.step.rendered().filter(|file| file.mode.ends_with('0')) else {
                    continue;
                };
                private += 1;
                let name = file.path.rsplit('/').next().unwrap();
                let content = String::from_utf8_lossy(file.content);
                let head = content
                    .lines()
                    .take(8)
                    .any(|line| line.contains("anaged by mailprov"));
                assert!(head || name.contains("mailprov"), "{}", file.path);
            }
        }
    }
    assert!(private > 50, "{private}");
}

/// Neither hides the other: nginx would refuse some of it late, and serve the rest without a word.
#[test]
fn web_applications_keep_out_of_each_others_way() {
    let folder = tempfile::tempdir().unwrap();
    let inventory = folder.path().join("inventory.yaml");
    let said = |variables: &str| {
        let text = format!(
            "variables:\n  mail_hostname: mx1.example.org\n  mail_domains: [example.org]\n  mail_admin: root@example.org\n\
             {variables}hosts:\n  mx1: {{roles: [mailserver, roundcube, postfixadmin]}}\n"
        );
        std::fs::write(&inventory, text).unwrap();
        mistakes(&inventory).err().map(|wrong| wrong.to_string())
    };
    let both = said("  roundcube_path: /\n  postfixadmin_path: /\n").unwrap();
    for words in [
        "error: Roundcube and PostfixAdmin are both at https://mx1.example.org/\n",
        "inventory.yaml:5:3\n",
        "5 |   roundcube_path: /\n",
        "give one of them another path (roundcube_path, postfixadmin_path), or a name of its own",
        "`postfixadmin_path` is set at ",
        "inventory.yaml:6:3",
    ] {
        assert!(both.contains(words), "{words}: {both}");
    }
    let refused = |variables: &str, words: &str| {
        let said = said(variables).unwrap_or_else(|| panic!("{variables} is taken"));
        assert!(
            said.contains(words) && said.contains("inventory.yaml:5:3"),
            "{said}"
        );
    };
    refused(
        "  postfixadmin_path: /webmail\n",
        "are both at https://mx1.example.org/webmail",
    );
    refused("  postfixadmin_path: /\n", "set roundcube_from_root: false");
    refused(
        "  postfixadmin_path: /webmail/skins\n",
        "lies within Roundcube's own files",
    );
    refused(
        "  postfixadmin_path: /program/x\n  roundcube_path: /\n",
        "lies within Roundcube's own files",
    );
    refused(
        "  roundcube_path: /postfixadmin/static\n",
        "lies within PostfixAdmin's own files",
    );
    for fine in [
        "  postfixadmin_path: /\n  roundcube_from_root: false\n",
        "  roundcube_path: /\n",
        "  roundcube_path: /\n  postfixadmin_path: /programs\n",
        "  roundcube_path: /\n  postfixadmin_path: /\n  certs_further: [{name: admin.example.org}]\n  postfixadmin_hostname: admin.example.org\n",
    ] {
        assert_eq!(said(fine), None, "{fine}");
    }
}

/// The book's page of every role, made from its declarations. `UPDATE=1` writes them anew.
#[test]
fn the_book_has_the_page_of_every_role() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("book/src/roles");
    let update = std::env::var_os("UPDATE").is_some();
    if update {
        std::fs::create_dir_all(&folder).unwrap();
    }
    for role in Roles::built_in().unwrap().0.values() {
        let path = folder.join(format!("{}.md", role.name));
        let page = mailprov::role::doc::page(role);
        if update {
            std::fs::write(&path, &page).unwrap();
        }
        assert_eq!(
            std::fs::read_to_string(&path).unwrap_or_default(),
            page,
            "{}: run this test with UPDATE=1",
            path.display()
        );
    }
}

/// The picture of what the example does, and in which order. `UPDATE=1` draws it anew, with Graphviz.
#[test]
fn the_book_has_the_graph_of_the_example() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let inventory =
        load(&root.join("inventories/example/inventory.yaml"), &[]).unwrap_or_else(|wrong| panic!("{wrong}"));
    let roles = Roles::of(&inventory).unwrap_or_else(|wrong| panic!("{wrong}"));
    let graph = mailprov::role::bind::graph(&inventory, &roles).unwrap_or_else(|wrong| panic!("{wrong}"));
    let dot = mailprov::graph::draw::dot(&graph);
    let picture = root.join("book/src/graph.svg");
    if std::env::var_os("UPDATE").is_some() {
        let source = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(source.path(), &dot).unwrap();
        let drawn = std::process::Command::new("dot")
            .args(["-Tsvg", "-o"])
            .args([&picture, source.path()])
            .status();
        assert!(
            drawn
                .unwrap_or_else(|error| panic!("dot (package graphviz): {error}"))
                .success()
        );
    }
    let svg = std::fs::read_to_string(&picture).unwrap().replace("&#45;", "-");
    let steps: Vec<&str> = dot
        .lines()
        .filter_map(|line| line.split_once("[label=\"")?.1.split("\\n").next())
        .collect();
    let missing: Vec<&&str> = steps
        .iter()
        .filter(|step| !svg.contains(&format!(">{step}</text>")))
        .collect();
    // A picture to look at: a step more or less is no reason to draw it again.
    assert!(
        steps.len() > 50 && missing.len() * 5 < steps.len(),
        "the picture lacks {missing:?}: run this test with UPDATE=1"
    );
}

/// ClamAV would be killed on a small host, or the database would: said before anything is installed.
#[test]
fn clamav_is_refused_where_memory_is_too_small_for_it() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("inventories/s1-rspamd/inventory.yaml");
    let bound = |memory: u64, setting: &[(&str, &str)]| {
        let settings: Vec<_> = setting
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let inventory = load(&path, &settings).unwrap_or_else(|wrong| panic!("{wrong}"));
        let roles = Roles::of(&inventory).unwrap_or_else(|wrong| panic!("{wrong}"));
        let host = &inventory.hosts[0];
        let vault = bind::offline_vault(&inventory, &roles);
        let mut facts = bind::assumed_facts(&roles, host);
        facts.memory = memory;
        let binding = bind::Binding {
            inventory: &inventory,
            roles: &roles,
            host,
            vault: &vault,
            facts: &facts,
        };
        bind::steps(&binding)
            .map(|_| ())
            .map_err(|wrong| wrong.to_string())
    };
    let refused = bound(980, &[]).unwrap_err();
    assert!(refused.contains("the host has 980 MiB of memory"), "{refused}");
    assert!(refused.contains("mail_virus: false"), "{refused}");
    assert_eq!(bound(980, &[("mail_virus", "false")]), Ok(()));
    assert_eq!(bound(980, &[("clamav_low_memory", "true")]), Ok(()));
    assert_eq!(bound(3900, &[]), Ok(()));
}
