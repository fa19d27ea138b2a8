//! Every command that README and book show, and who runs it.
//!
//! Each stands in a ```console block behind `$ `. Most are run by [`super::walk`], some by a test of their own, those of
//! the tutorial by the tutorial's.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::{pages, root};

/// A command, and the first page that shows it.
pub type Commands = BTreeMap<String, String>;

const HOWTO: &str = "tests/suite/docs/tutorial/howto.rs";

/// Commands that a test of their own runs: command, file of the test, test.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    (
        "cargo run -- rehearse inventories/example/inventory.yaml --yes",
        "tests/suite/rehearse.rs",
        "the_example_becomes_a_mail_server_that_works",
    ),
    (
        "fail2ban-client banned",
        "tests/suite/server/around/bans.rs",
        "who_runs_mailprov_is_not",
    ),
    (
        "fail2ban-client unban 192.0.2.66",
        "tests/suite/server/around/bans.rs",
        "who_guesses_is_shut_out",
    ),
    (
        "sudo mailprov apply inventory.yaml --connection local",
        "tests/suite/docs/tutorial.rs",
        "is_also_applied_from_within",
    ),
    ("systemctl stop postfix dovecot", HOWTO, "is_restored"),
    ("mariadb postfixadmin < postfixadmin.sql", HOWTO, "is_restored"),
    ("tar -C / -xpf vmail.tar", HOWTO, "is_restored"),
    ("tar -C / -xpf dkimkeys.tar", HOWTO, "is_restored"),
    ("chown -R vmail:vmail /var/vmail", HOWTO, "is_restored"),
    (
        "tar -C /tmp -xpf vmail.tar var/vmail/example.org/alice",
        HOWTO,
        "somebody_gets_their_mail",
    ),
    (
        "doveadm import -u alice@example.org maildir:/tmp/var/vmail/example.org/alice/Maildir restored all",
        HOWTO,
        "somebody_gets_their_mail",
    ),
    (
        "ssh admin@mx1.example.org sudo systemctl reload postfix dovecot",
        HOWTO,
        "certificate_is_made_anew",
    ),
    (
        "ssh admin@mx1.example.org sudo rm /etc/ssl/mailprov/mx1.example.org/fullchain.pem",
        HOWTO,
        "certificate_is_made_anew",
    ),
    (
        "umask 077; cat /etc/dovecot/dovecot.conf old.conf >copy.conf",
        HOWTO,
        "is_copied",
    ),
    (
        "doveadm -c copy.conf sync -1 -R -u alice@example.org imapc:",
        HOWTO,
        "is_copied",
    ),
    // By the page itself, with what it shows of the answers.
    (
        "mailprov validate inventory.yaml",
        "tests/cli/explain.rs",
        "the_page_of_the_book_shows_what_is_printed",
    ),
    (
        "mailprov explain inventory.yaml mx2 motd_lines",
        "tests/cli/explain.rs",
        "the_page_of_the_book_shows_what_is_printed",
    ),
];

/// Done from top to bottom by `docs::tutorial::the_tutorial_is_true`. The rehearsal is walked as well, for the other pages.
const TUTORIAL: &str = "tutorial.md";

/// All that are shown.
pub fn shown() -> Commands {
    let mut all = Commands::new();
    for (page, text) in texts() {
        for command in of(&page, &text) {
            all.entry(command).or_insert_with(|| page.clone());
        }
    }
    all
}

/// Those that are left for the walk.
pub fn for_the_walk() -> Commands {
    let mut left = shown();
    for (command, ..) in ELSEWHERE {
        left.remove(*command);
    }
    for (page, text) in texts() {
        if page.ends_with(TUTORIAL) {
            for command in of(&page, &text) {
                left.remove(&command);
            }
        }
    }
    // This suite is what they run, or would with more time than there is: `harnesses` reads them.
    left.retain(|command, _| !command.contains("cargo test"));
    left
}

fn texts() -> Vec<(String, String)> {
    let book = pages().into_iter().map(|page| format!("book/src/{page}"));
    book.chain(["README.md".to_owned()])
        .map(|page| {
            let text = fs::read_to_string(root().join(&page)).unwrap();
            (page, text)
        })
        .collect()
}

/// The `$ …` lines of ```console blocks, continued lines joined, without comments.
fn of(page: &str, text: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(language) = line.trim_start().strip_prefix("```") else {
            continue;
        };
        assert!(
            !["sh", "bash", "shell"].contains(&language.trim()),
            "{page}: commands stand in ```console blocks"
        );
        let block: Vec<&str> = lines
            .by_ref()
            .map(str::trim_start)
            .take_while(|line| !line.starts_with("```"))
            .collect();
        let starts = block.first().is_some_and(|line| line.starts_with("$ "));
        assert_eq!(language.trim() == "console", starts, "{page}: {block:?}");
        let mut block = block.into_iter();
        while let Some(line) = block.next().filter(|_| starts) {
            if let Some(command) = line.strip_prefix("$ ") {
                let mut command = command.to_owned();
                while let Some(part) = command.strip_suffix('\\') {
                    command = format!("{part}{}", block.next().unwrap_or_default().trim());
                }
                let command = command.split(" # ").next().unwrap_or_default();
                commands.push(command.trim_end().to_owned());
            }
        }
    }
    commands
}

#[test]
fn tests_that_run_a_command_of_their_own_have_it() {
    let shown = shown();
    for (command, file, test) in ELSEWHERE {
        assert!(shown.contains_key(*command), "`{command}` is on no page");
        let source = fs::read_to_string(root().join(file)).unwrap();
        let (_, body) = source.split_once(&format!("fn {test}(")).expect(test);
        let by_the_page = body.contains("book/src/");
        assert!(
            source.contains(command) || by_the_page,
            "{file} does not run `{command}`"
        );
    }
    let tutorial = fs::read_to_string(root().join("tests/suite/docs/tutorial.rs")).unwrap();
    assert!(tutorial.contains("book/src/tutorial.md"));
}

/// The words of mailprov's own part of a command line: up to a pipe or a redirection.
fn words(command: &str) -> Option<Vec<String>> {
    let mut own = command;
    for stop in [" | ", " > ", " < "] {
        own = own.split(stop).next().unwrap_or(own);
    }
    let own = own.replacen("cargo run -- ", "mailprov ", 1);
    let words: Vec<String> = own
        .split_whitespace()
        .map(|word| word.trim_matches(['\'', '"']).to_owned())
        .collect();
    let start = words.iter().position(|word| word == "mailprov")?;
    // `sudo` may stand before it, and variables; anything else is another program's argument.
    let before = &words[..start];
    before
        .iter()
        .all(|word| word == "sudo" || word.contains('='))
        .then(|| words[start..].to_vec())
}

#[test]
fn commands_of_the_documentation_are_understood() {
    let mut tried = BTreeSet::new();
    let blocks = shown().into_iter().map(|(command, page)| (page, command));
    for (page, command) in blocks {
        let Some(words) = words(&command) else {
            assert!(!command.starts_with("mailprov"), "{page}: `{command}`");
            continue;
        };
        if let Err(error) = mailprov::cli::command().try_get_matches_from(&words) {
            // `--help` and `--version` are errors to clap that don't go to standard error.
            assert!(!error.use_stderr(), "{page}: `{command}`: {error}");
        }
        tried.insert(command);
    }
    assert!(tried.len() >= 30, "only {} commands were found", tried.len());
}

/// In running text a command need not be complete, but what stands there is one: `mailprov secrets rekey`.
#[test]
fn commands_in_running_text_exist() {
    for (page, text) in texts() {
        let text = text.split("```").step_by(2).collect::<Vec<_>>().join("\n");
        for span in text.split('`').skip(1).step_by(2) {
            let Some(line) = span.strip_prefix("mailprov ") else {
                continue;
            };
            let mut command = mailprov::cli::command();
            for word in line.split_whitespace() {
                if let Some(option) = word.strip_prefix("--") {
                    let option = option.split('=').next();
                    let known = command
                        .get_arguments()
                        .any(|argument| argument.get_long() == option);
                    assert!(known || option == Some("help"), "{page}: `{span}`: {word}");
                } else if command.has_subcommands() {
                    let next = command.find_subcommand(word).cloned();
                    command = next.unwrap_or_else(|| panic!("{page}: `{span}`: {word}"));
                }
            }
        }
    }
}
