//! A whole mail server from the example inventory, by the command that the README begins with.

use std::path::Path;

use crate::support::{Run, lab, place};

/// As README has it; what is run is built already.
const COMMAND: &str = "cargo run -- rehearse inventories/example/inventory.yaml --yes";

#[test]
fn the_example_becomes_a_mail_server_that_works() {
    works(COMMAND);
}

/// One line more, and a server of the other kind keeps the accounts.
#[test]
fn the_example_works_with_postgresql() {
    works(&format!("{COMMAND} --set mail_database=postgresql"));
}

#[track_caller]
fn works(command: &str) {
    // Installs what the machine lacks, and holds a place among the hosts that run at a time.
    lab();
    let _place = place();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let words: Vec<&str> = command
        .split(' ')
        .skip_while(|word| *word != "rehearse")
        .collect();
    let run = Run::new(root, &words).exits(0);
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
