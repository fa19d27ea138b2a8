//! The commands of the harnesses that run for hours are read by the harnesses' own readers: `cargo test` runs a few
//! inputs of the fuzzer and, in `faults`, a few points, but not these.

use std::fs;

use clap::Parser as _;

use super::{commands, root};

#[allow(dead_code)]
#[path = "../../bench/arguments.rs"]
mod bench;
#[allow(dead_code)]
#[path = "../../faults/wanted.rs"]
mod faults;
#[allow(dead_code)]
#[path = "../../fuzz/wanted.rs"]
mod fuzz;

#[test]
fn their_commands_are_understood() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let mut read = 0;
    for (command, page) in commands::shown() {
        let Some((cargo, arguments)) = command.split_once(" --test ") else {
            continue;
        };
        assert!(
            ["cargo test", "cargo test --release", "sudo cargo test --release"].contains(&cargo),
            "{page}: {command}"
        );
        let mut words = arguments.split_whitespace().map(str::to_owned);
        let harness = words.next().unwrap_or_default();
        assert!(
            manifest.contains(&format!("name = \"{harness}\"")),
            "{page}: {command}"
        );
        let words: Vec<String> = words.skip_while(|word| word == "--").collect();
        let understood = match harness.as_str() {
            "bench" => bench::Args::try_parse_from([vec![harness], words].concat()).is_ok(),
            "faults" => faults::Wanted::read(words).is_ok(),
            "fuzz" => fuzz::Wanted::read(words).is_some(),
            _ => false,
        };
        assert!(understood, "{page}: {command}");
        read += 1;
    }
    assert!(read >= 7, "only {read} were found");
    // The command of all tests is what runs this one.
    let run = fs::read_to_string(root().join(".ci/run")).unwrap();
    assert!(run.contains("cargo test") && commands::shown().contains_key("cargo test"));
}
