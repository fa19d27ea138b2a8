//! A whole mail server from the example inventory, by the command that the README begins with.

use std::path::Path;

use crate::support::{Run, lab, place};

#[test]
fn the_example_becomes_a_mail_server_that_works() {
    works(&[]);
}

/// One line more, and a server of the other kind keeps the accounts.
#[test]
fn the_example_works_with_postgresql() {
    works(&["--set", "mail_database=postgresql"]);
}

#[track_caller]
fn works(more: &[&str]) {
    // Installs what the machine lacks, and holds a place among the hosts that run at a time.
    lab();
    let _place = place();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let words = ["rehearse", "inventories/example/inventory.yaml"];
    let run = Run::new(root, &[&words[..], more].concat()).exits(0);
    let run = run
        .says("each of them announced")
        .says("nothing to do")
        .says_nothing_of("FAIL");
    // The example has everything that the checks look for.
    run.says_nothing_of("not tried");
}

#[test]
fn a_mistake_is_found_before_anything_is_booted() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let wrong = [
        "rehearse",
        "inventories/example/inventory.yaml",
        "--set",
        "mail_hostname=nonsense",
    ];
    Run::new(root, &wrong).exits(3).says_nothing_of("booting");
}
