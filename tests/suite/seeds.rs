//! The book's table of what the seeds have: rows, variables and tests are what they say they are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use mailprov::role::load::Roles;

use crate::profile;
use crate::support::Site;

/// Rows of each seed.
const ROWS: [(&str, usize); 4] = [("S0", 45), ("S1", 26), ("S2", 34), ("S4", 20)];

struct Row {
    id: String,
    variables: Vec<String>,
    tests: Vec<String>,
}

fn rows() -> Vec<Row> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("book/src/seeds.md");
    let text = std::fs::read_to_string(page).unwrap();
    let spans =
        |cell: &str| -> Vec<String> { cell.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
    text.lines()
        .filter(|line| {
            ROWS.iter()
                .any(|(seed, _)| line.starts_with(&format!("| {seed}-")))
        })
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            assert_eq!(cells.len(), 4, "four columns: {line}");
            Row {
                id: cells[0].to_owned(),
                variables: spans(cells[2]),
                tests: spans(cells[3]),
            }
        })
        .collect()
}

/// Tests of this binary and proofs of the profiles.
fn tests() -> BTreeSet<String> {
    let listed = Command::new(std::env::current_exe().unwrap())
        .args(["--list", "--format", "terse"])
        .output()
        .unwrap();
    let tests = String::from_utf8(listed.stdout).unwrap();
    let tests = tests
        .lines()
        .filter_map(|line| line.strip_suffix(": test").map(str::to_owned));
    let proofs = profile::ALL.iter().flat_map(|(profile, proofs)| {
        proofs
            .iter()
            .map(move |(name, _)| format!("profile::{profile}/{name}"))
    });
    tests.chain(proofs).collect()
}

#[test]
fn every_row_is_there_once() {
    let found: Vec<String> = rows().into_iter().map(|row| row.id).collect();
    let wanted: Vec<String> = ROWS
        .iter()
        .flat_map(|(seed, count)| (1..=*count).map(move |number| format!("{seed}-{number}")))
        .collect();
    assert_eq!(found, wanted);
}

#[test]
fn rows_name_tests_that_exist() {
    let known = tests();
    let wrong: Vec<String> = rows()
        .iter()
        .flat_map(|row| {
            let unknown = row.tests.iter().filter(|test| !known.contains(*test));
            unknown.map(|test| format!("{}: {test}", row.id))
        })
        .collect();
    assert_eq!(wrong, [""; 0], "no test of the suite, nor a profile's proof");
}

#[test]
fn every_row_names_a_test() {
    let empty: Vec<String> = rows()
        .into_iter()
        .filter(|row| row.tests.is_empty())
        .map(|row| row.id)
        .collect();
    assert_eq!(empty, [""; 0], "rows without a test");
}

#[test]
fn rows_name_variables_that_roles_declare() {
    let roles = Roles::built_in().unwrap();
    let declared: BTreeSet<&str> = roles
        .0
        .values()
        .flat_map(|role| role.variables.keys().map(String::as_str))
        .collect();
    let wrong: Vec<String> = rows()
        .iter()
        .flat_map(|row| {
            let unknown = row.variables.iter().filter(|name| {
                // `name: value` shows how the variable is set.
                let name = name.split(':').next().unwrap_or_default();
                !declared.contains(name)
            });
            unknown.map(|name| format!("{}: {name}", row.id))
        })
        .collect();
    assert_eq!(wrong, [""; 0], "declared by no role");
}

/// A proof that is named by no row is fine, but two of one name would hide each other.
#[test]
fn proofs_have_names_of_their_own() {
    let mut seen = BTreeMap::new();
    for (profile, proofs) in profile::ALL {
        for (name, _) in *proofs {
            *seen.entry((profile, name)).or_insert(0) += 1;
        }
    }
    seen.retain(|_, count| *count > 1);
    assert!(seen.is_empty(), "{seen:?}");
}

/// Which of the two an installed Dovecot reads is its version's matter; the roles speak both.
#[test]
fn both_dialects_come_from_the_same_variables() {
    let profile = Path::new(env!("CARGO_MANIFEST_DIR")).join("inventories/s0-debian13-mysql/inventory.yaml");
    let text = std::fs::read_to_string(profile).unwrap();
    let rendered = |release: &str| {
        let site =
            Site::new().whole(text.replace("    roles:", &format!("    release: {release}\n    roles:")));
        let folder = site.path().join("out");
        site.mailprov(&["render", "--out", folder.to_str().unwrap()])
            .exits(0);
        std::fs::read_to_string(folder.join("mx1.example.org/etc/dovecot/dovecot.conf")).unwrap()
    };
    let (old, new) = (rendered("debian-12"), rendered("debian-13"));
    for line in [
        "mail_location = maildir:~/Maildir:LAYOUT=fs",
        "ssl_key = </etc/ssl/mailprov/mx1.example.org/key.pem",
        "  service_count = 1",
        "  prefix = Geteilt/%%u/",
        "  quota_status_toolarge =",
    ] {
        assert!(old.contains(line) && !new.contains(line), "{line}");
    }
    for line in [
        "dovecot_config_version = 2.4.1",
        "mail_path = ~/Maildir",
        "ssl_server_key_file = /etc/ssl/mailprov/mx1.example.org/key.pem",
        "  restart_request_count = 1",
        "  prefix = Geteilt/$user/",
    ] {
        assert!(new.contains(line) && !old.contains(line), "{line}");
    }
    for line in [
        "ssl_min_protocol = TLSv1.3",
        "last_valid_uid = 150",
        "  mailbox \"Gelöschte Objekte\" {",
        "  managesieve_logout_format = bytes=%{input}/%{output}",
    ] {
        assert!(new.contains(line) && old.contains(line), "{line}");
    }
}
