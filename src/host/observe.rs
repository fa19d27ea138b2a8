//! Asking probes: one script for any number of them, and the reading of its answer.
//!
//! Each family of probes has a file in `observe/`: `ask` appends its section to the script, `read` reads that
//! section of the answer. A section begins with a line `@name`; its lines hold plain tokens and base64, never raw
//! data, so that nothing on a host can pretend to be another section.

pub mod accounts;
pub mod check;
pub mod packages;
pub mod paths;
pub mod sql;
pub mod sysctl;
pub mod units;

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::HostError;
use super::script::Script;
use crate::step::probe::{Observed, Probe};

/// The shell functions that the sections call, for the session's prelude.
pub const PRELUDE: &[&str] = &[
    paths::SH,
    accounts::SH,
    packages::SH,
    units::SH,
    sysctl::SH,
    sql::SH,
    check::SH,
];

type Ask = fn(Script, &[Probe]) -> Script;
type Read = fn(&[Probe], &[&str], &mut Observed) -> Result<(), HostError>;

/// Every family: the name of its section, and its two halves. `read` gets the section's lines, none if the
/// section is missing, and must answer each of its probes or fail.
const SECTIONS: &[(&str, Ask, Read)] = &[
    ("paths", paths::ask, paths::read),
    ("accounts", accounts::ask, accounts::read),
    ("packages", packages::ask, packages::read),
    ("units", units::ask, units::read),
    ("sysctl", sysctl::ask, sysctl::read),
    ("sql", sql::ask, sql::read),
    ("check", check::ask, check::read),
];

/// Sections that wait for a server or read a large database: each runs beside the others.
const SLOW: [&str; 3] = ["sql", "units", "packages"];

/// One script that answers all `probes`; equal ones are asked once.
pub fn script(probes: &[Probe]) -> Script {
    let probes = distinct(probes);
    let section = |ask: Ask| ask(Script::new(), &probes);
    let quick = SECTIONS
        .iter()
        .filter(|(name, ..)| !SLOW.contains(name))
        .fold(Script::new(), |script, (_, ask, _)| script.then(&section(*ask)));
    SECTIONS
        .iter()
        .filter(|(name, ..)| SLOW.contains(name))
        .map(|(_, ask, _)| section(*ask))
        .filter(|slow| !slow.is_empty())
        .zip(["3", "4", "5"])
        .fold(quick, |others, (slow, descriptor)| {
            beside(&slow, &others, descriptor)
        })
}

/// Runs `slow` at the same time as `others`: it prints into a pipe, which is read after the others have ended.
fn beside(slow: &Script, others: &Script, descriptor: &'static str) -> Script {
    Script::new()
        .code("{\n")
        .then(slow)
        .code("\n} </dev/null | {\nexec ")
        .code(descriptor)
        .code("<&0 </dev/null\n")
        .then(others)
        .code("\ncat <&")
        .code(descriptor)
        .code("\n}\n")
}

/// Reads what [`script`] of the same probes printed. The host may be hostile: nothing in `answer` is trusted.
///
/// # Errors
/// An answer that doesn't fit the probes.
pub fn parse(probes: &[Probe], answer: &[u8]) -> Result<Observed, HostError> {
    let probes = distinct(probes);
    let text = String::from_utf8_lossy(answer);
    let lines: Vec<&str> = text.lines().collect();
    let mut observed = Observed::default();
    for (name, _, read) in SECTIONS {
        let start = lines
            .iter()
            .position(|line| line.strip_prefix('@') == Some(*name));
        let section = start.map_or(&[][..], |start| {
            let body = &lines[start + 1..];
            let end = body.iter().position(|line| line.starts_with('@'));
            &body[..end.unwrap_or(body.len())]
        });
        read(&probes, section, &mut observed)?;
    }
    Ok(observed)
}

/// Sorted, so that equal sets of probes make equal scripts.
fn distinct(probes: &[Probe]) -> Vec<Probe> {
    let set: BTreeSet<&Probe> = probes.iter().collect();
    set.into_iter().cloned().collect()
}

/// The error of a section whose answer makes no sense.
pub(crate) fn nonsense(section: &str, expected: &str, found: &str) -> HostError {
    let found: String = found.chars().take(80).collect();
    HostError::Protocol(format!(
        "the host's answer about {section} makes no sense: expected {expected}, found {found:?}. \
         Run again; if it stays, report it as a bug"
    ))
}

/// Decodes a base64 token of a section.
pub(crate) fn decode(section: &str, token: &str) -> Result<Vec<u8>, HostError> {
    STANDARD
        .decode(token)
        .map_err(|_| nonsense(section, "base64", token))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Runs the script of `probes` with the local `sh`, and reads the answer.
    pub(crate) fn look(probes: &[Probe]) -> Observed {
        let mut text = PRELUDE.concat();
        text.push_str(script(probes).as_str());
        let mut file = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
        let output = std::process::Command::new("sh")
            .arg(file.path())
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        parse(probes, &output.stdout).unwrap()
    }

    fn one_of_each() -> Vec<Probe> {
        vec![
            Probe::Path {
                path: "/etc/hosts".into(),
                unless: Some(String::new()),
            },
            Probe::Path {
                path: "/nonexistent".into(),
                unless: None,
            },
            Probe::User("root".into()),
            Probe::Group("root".into()),
            Probe::Sysctl("kernel.ostype".into()),
            Probe::Check("echo hello".into()),
        ]
    }

    #[test]
    fn nothing_to_ask_is_an_empty_script() {
        assert!(script(&[]).is_empty());
        assert!(parse(&[], b"").unwrap().paths.is_empty());
    }

    #[test]
    fn equal_probes_are_asked_once() {
        let probe = Probe::Check("true".into());
        assert_eq!(script(&[probe.clone(), probe.clone()]), script(&[probe]));
    }

    #[test]
    fn one_of_each_is_answered() {
        let observed = look(&one_of_each());
        assert_eq!(observed.paths.len(), 2);
        assert_eq!(observed.users["root"].as_ref().unwrap().uid, 0);
        assert_eq!(observed.groups["root"].as_ref().unwrap().gid, 0);
        assert_eq!(observed.sysctls["kernel.ostype"].as_deref(), Some("Linux"));
        assert_eq!(observed.checks["echo hello"].output, "hello\n");
    }

    #[test]
    fn a_missing_section_is_an_error() {
        assert!(parse(&one_of_each(), b"").is_err());
    }

    proptest! {
        #[test]
        fn garbage_never_panics(answer in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&one_of_each(), &answer);
        }

        #[test]
        fn garbage_in_sections_never_panics(
            parts in proptest::collection::vec(
                prop_oneof![
                    Just("@paths"), Just("@accounts"), Just("@sysctl"), Just("@check"), Just("@units"),
                    Just("@packages"), Just("@sql"), Just("="), Just("ZgA2NDQA"), Just("AAAAAAAA"), Just("0"),
                    Just("-1"), Just("99999999999999999999"), Just(" "), Just("\n"), Just("0 00 YQ=="), Just("ü")
                ], 0..40)
        ) {
            let _ = parse(&one_of_each(), parts.join("\n").as_bytes());
            let _ = parse(&one_of_each(), parts.concat().as_bytes());
        }
    }
}
