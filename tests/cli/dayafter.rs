//! `explain`, `doc`, `drift`, `history`, `rollback`, `man` and completions, as far as they go without a host; what they
//! say of a host is in the suite.

use std::path::Path;

use crate::{mailprov, text};

const INVENTORY: &str = "\
groups:
  web: {hosts: [mx1]}
hosts:
  mx1: {roles: [two, {role: one, state: absent}]}
  mx2: {roles: [two]}
";

const ONE: &str = "\
summary: One.
needs: [two]
variables:
  one_secret: {type: secret, doc: The password.}
steps:
  - id: folder
    directory: {path: /etc/one}
  - id: config
    doc: Everything the program reads.
    file: {path: /etc/one/one.conf, mode: '0600', content: \"{{ one_secret }}\\n\"}
  - id: mail
    holds: data
    directory: {path: /srv/mail}
";

const TWO: &str = "\
summary: Two.
steps:
  - id: service
    service: {unit: two.service, watches: {reload: [settings, one/config]}}
  - id: settings
    file: {path: /etc/two.conf, content: \"\"}
";

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, content) in [
        ("inventory.yaml", INVENTORY),
        ("roles/one/role.yaml", ONE),
        ("roles/two/role.yaml", TWO),
    ] {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    folder
}

fn run(folder: &Path, arguments: &[&str]) -> (String, String, Option<i32>) {
    text(&mailprov(folder, folder).args(arguments).output().unwrap())
}

#[test]
fn explain_says_what_is_taken_back_and_before_what() {
    let folder = folder();
    let (said, wrong, code) = run(folder.path(), &["explain", "inventory.yaml", "mx1", "one/config"]);
    assert_eq!((wrong.as_str(), code), ("", Some(0)));
    assert_eq!(
        said,
        "\
one/config on mx1

kind     file
promise  no /etc/one/one.conf
doc      Everything the program reads.
place    roles/one/role.yaml:8:9

waited for by
  two/service  it watches it
  one/folder   which needs its path /etc/one
"
    );
    // What holds people's data stays, so that there is nothing to explain.
    let (_, wrong, code) = run(folder.path(), &["explain", "inventory.yaml", "mx1", "one/mail"]);
    assert_eq!(code, Some(2));
    assert!(
        wrong.contains("there is no variable or step `one/mail`"),
        "{wrong}"
    );
}

#[test]
fn doc_tells_of_a_role_and_of_a_kind_of_step() {
    let folder = folder();
    let (said, _, code) = run(folder.path(), &["doc", "roundcube"]);
    assert_eq!(code, Some(0));
    assert!(said.contains("roundcube_path"), "{said}");
    let (said, _, code) = run(folder.path(), &["doc", "directory"]);
    assert_eq!(code, Some(0));
    assert!(said.starts_with("# directory"), "{said}");
}

#[test]
fn drift_says_nothing_on_standard_output_when_it_can_not_look() {
    let folder = folder();
    let (said, wrong, code) = run(folder.path(), &["drift", "inventory.yaml", "--limit", "mx22"]);
    assert_eq!((said.as_str(), code), ("", Some(2)));
    assert_eq!(
        wrong,
        "error: there is no host or group `mx22`\n  help: did you mean `mx2`?\n"
    );
    std::fs::write(
        folder.path().join("inventory.yaml"),
        "hosts: {mx1: {rolls: []}}\n",
    )
    .unwrap();
    let (said, wrong, code) = run(folder.path(), &["drift", "inventory.yaml"]);
    assert_eq!((said.as_str(), code), ("", Some(3)));
    assert!(wrong.contains("unknown key `rolls`"), "{wrong}");
}

#[test]
fn history_and_rollback_name_what_they_do_not_know() {
    let folder = folder();
    let (_, wrong, code) = run(folder.path(), &["history", "nothing.yaml"]);
    assert_eq!(code, Some(3));
    assert!(wrong.contains("nothing.yaml"), "{wrong}");
    let (_, wrong, code) = run(folder.path(), &["rollback", "inventory.yaml", "mx"]);
    assert_eq!(code, Some(2));
    assert!(wrong.starts_with("error: there is no host `mx`\n"), "{wrong}");
}

#[test]
fn every_command_has_a_manual_page() {
    let folder = folder();
    let (said, wrong, code) = run(folder.path(), &["man", "pages/man1"]);
    assert_eq!((said.as_str(), wrong.as_str(), code), ("", "", Some(0)));
    for (page, words) in [
        ("mailprov.1", "mailprov\\-rollback(1)"),
        ("mailprov-apply.1", "Change nothing: say what an apply would do"),
        ("mailprov-secrets-recipients-add.1", "recipients"),
    ] {
        let text = std::fs::read_to_string(folder.path().join("pages/man1").join(page)).unwrap();
        assert!(text.contains(words), "{page}: {text}");
    }
    let (said, _, _) = run(folder.path(), &["man"]);
    assert!(said.contains(".TH mailprov 1"), "{said}");
}

/// What bash offers at the end of `words`.
fn offered(folder: &Path, words: &[&str]) -> Vec<String> {
    let output = mailprov(folder, folder)
        .args(["--", "mailprov"])
        .args(words)
        .env("MAILPROV_COMPLETE", "bash")
        .env("_CLAP_COMPLETE_INDEX", words.len().to_string())
        .env("_CLAP_COMPLETE_COMP_TYPE", "9")
        .env("_CLAP_COMPLETE_SPACE", "true")
        .env("_CLAP_IFS", "\n")
        .output()
        .unwrap();
    let (said, wrong, code) = text(&output);
    assert_eq!((wrong.as_str(), code), ("", Some(0)));
    said.lines().map(str::to_owned).collect()
}

#[test]
fn shells_complete_hosts_groups_and_roles_of_the_inventory() {
    let folder = folder();
    let at = folder.path();
    for command in mailprov::cli::command().get_subcommands() {
        if command
            .get_arguments()
            .any(|argument| argument.get_long() == Some("limit"))
        {
            let words = [command.get_name(), "inventory.yaml", "--limit", ""];
            assert_eq!(
                offered(at, &words),
                ["mx1", "mx2", "web"],
                "{}",
                command.get_name()
            );
        }
    }
    assert_eq!(offered(at, &["drift", "inventory.yaml", "--role", "t"]), ["two"]);
    assert_eq!(offered(at, &["rollback", "inventory.yaml", "mx2"]), ["mx2"]);
    assert_eq!(offered(at, &["hist"]), ["history"]);
    // An inventory that makes no sense offers nothing, and says nothing.
    std::fs::write(at.join("inventory.yaml"), "hosts: [").unwrap();
    assert_eq!(offered(at, &["apply", "inventory.yaml", "--limit", "m"]), [""; 0]);
    let (said, _, code) = run(at, &["completions", "bash"]);
    assert_eq!(code, Some(0));
    assert!(said.contains("MAILPROV_COMPLETE"), "{said}");
}
