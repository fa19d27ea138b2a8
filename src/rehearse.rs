//! A rehearsal: an inventory applied to throwaway hosts, and the server that comes of it put to the test.
//!
//! `site` makes the inventory that leads to the lab instead of the real hosts, `stage` runs this very program on
//! it and reads its events, `subject` reads from the variables what the server is said to serve.

mod site;
mod stage;
mod subject;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use crate::exit::Exit;
use crate::inventory::{Inventory, InventoryHost};
use crate::lab::{HostSpec, Lab, LabError, LabHost, Release};
use crate::role::load::Roles;
use crate::role::{bind, declare};
use crate::secret::vault::SecretError;
use crate::value::Value;
use crate::verify::{self, Finding};
use stage::Stage;

/// What is rehearsed.
pub struct Rehearsal<'a> {
    pub inventory: &'a Inventory,
    pub roles: &'a Roles,
    /// Identities that decrypt the real secrets; none: every secret is made up.
    pub identities: &'a [PathBuf],
    /// This program.
    pub program: &'a Path,
}

/// Why a rehearsal could not be held.
#[derive(Debug, thiserror::Error)]
pub enum RehearseError {
    #[error(transparent)]
    Lab(#[from] LabError),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("{0}")]
    Io(String),
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq)]
pub struct Act {
    pub name: &'static str,
    /// What happened, or what went wrong with all that is known of it.
    pub text: String,
    pub exit: Exit,
    pub seconds: f64,
}

/// How it went.
#[derive(Debug, Default)]
pub struct Outcome {
    pub acts: Vec<Act>,
    /// Host → what verification found.
    pub findings: Vec<(String, Vec<Finding>)>,
    /// Values that only a rehearsal has, in words.
    pub instead: Vec<String>,
    /// Host → what its journal warned of while verification found a fault.
    pub journals: BTreeMap<String, Vec<String>>,
}

impl Outcome {
    /// 0 when everything went as it should; the failed act's code; 5 when only verification found something.
    pub fn exit(&self) -> Exit {
        match self.acts.iter().find(|act| act.exit != Exit::Done) {
            Some(act) => act.exit,
            None if self.findings.iter().flat_map(|(_, found)| found).any(is_failed) => Exit::StepFailed,
            None => Exit::Done,
        }
    }
}

/// The hosts of a rehearsal.
pub struct Stand {
    pub lab: Lab,
    pub hosts: Vec<LabHost>,
}

impl Stand {
    /// Boots a lab host for every host of the inventory.
    ///
    /// # Errors
    /// The lab's; a host whose release no lab host can be.
    pub fn up(rehearsal: &Rehearsal<'_>, progress: &dyn Fn(&str)) -> Result<Self, RehearseError> {
        let lab = Lab::new(&format!("rehearsal-{}", std::process::id()))?;
        lab.guard(rehearsal.program)?;
        let mut hosts = Vec::new();
        for host in &rehearsal.inventory.hosts {
            let name = lab_name(&host.name, hosts.len());
            let spec = HostSpec::new(name).release(release(host)?);
            hosts.push(lab.up(&spec, progress)?);
        }
        Ok(Self { lab, hosts })
    }
}

/// Names of hosts have dots, those of lab hosts don't; the number keeps them apart after cutting.
fn lab_name(name: &str, index: usize) -> String {
    let name: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(30)
        .collect();
    format!("{}-{index}", name.trim_start_matches('-'))
}

fn release(host: &InventoryHost) -> Result<Release, RehearseError> {
    match host.release.as_deref() {
        None | Some("debian-13") => Ok(Release::Trixie),
        Some("debian-12") => Ok(Release::Bookworm),
        Some(other) => Err(RehearseError::Io(format!(
            "{} is said to be {other}: a lab host can be debian-12 or debian-13",
            host.name
        ))),
    }
}

/// Rehearses on `hosts`, one for each of the inventory's. Stops at the first act that goes wrong.
///
/// # Errors
/// What keeps it from being held at all; what goes wrong in an act is part of the outcome.
pub async fn hold(
    rehearsal: &Rehearsal<'_>,
    hosts: &[LabHost],
    progress: &dyn Fn(&str),
) -> Result<Outcome, RehearseError> {
    let site = site::Site::make(rehearsal, hosts)?;
    let mut outcome = Outcome::default();
    for host in &rehearsal.inventory.hosts {
        for (name, value) in other_values(rehearsal, host) {
            let instead = format!("{} had `{name}: {}` instead", host.name, site::flow(&value));
            outcome.instead.push(instead);
        }
    }
    let run = async |arguments: &[&str], what: &str| {
        progress(what);
        let begin = Instant::now();
        let told = |text: &str| progress(&format!("{what}: {text}"));
        let stage = Stage::play(rehearsal.program, &site, arguments, &told).await;
        (stage, begin)
    };

    let (check, begin) = run(&["--check"], "apply --check").await;
    let check = check?;
    let (exit, text) = judge_check(&check);
    outcome.act("check", exit, text, begin);
    if exit != Exit::Done {
        return Ok(outcome);
    }

    let (first, begin) = run(&[], "apply").await;
    let (exit, text) = judge_apply(&check, &first?);
    outcome.act("apply", exit, text, begin);
    if exit != Exit::Done {
        return Ok(outcome);
    }

    let (again, begin) = run(&[], "apply again").await;
    let (exit, text) = judge_again(&again?);
    outcome.act("again", exit, text, begin);

    for (host, lab, subject) in subjects(rehearsal, hosts, &site).await {
        let begin = SystemTime::now();
        let found = verify::run(&subject, &|claim| progress(&format!("verify: {claim}"))).await;
        if found.iter().any(is_failed) {
            outcome.journals.insert(host.clone(), journal(lab, begin));
        }
        outcome.findings.push((host, found));
    }
    Ok(outcome)
}

fn is_failed(finding: &Finding) -> bool {
    matches!(finding.verdict, verify::Verdict::Failed(_))
}

/// Warnings of the host's journal since `begin` and what it says of mail that is late, the last 20 lines; or why
/// there are none to be had.
fn journal(host: &LabHost, begin: SystemTime) -> Vec<String> {
    let since = begin
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |passed| passed.as_secs());
    let show = format!("journalctl --boot --no-pager --quiet --output short --since @{since}");
    let late = verify::LATE;
    // Sorted by the time that each line begins with; a warning may also be about late mail.
    let script = format!("{{ {show} --priority warning; {show} --grep '{late}'; }} | sort -u | tail -n 20");
    match host.run(&script) {
        Ok(output) => String::from_utf8_lossy(&output.stdout)
            .lines()
            .map(str::to_owned)
            .collect(),
        Err(error) => vec![format!("not to be had: {error}")],
    }
}

/// The hosts that serve mail. Variables may be shared with hosts that don't: those that listen are meant, or the
/// first when none does, so that its silence is found.
async fn subjects<'a>(
    rehearsal: &Rehearsal<'_>,
    hosts: &'a [LabHost],
    site: &site::Site,
) -> Vec<(String, &'a LabHost, verify::Subject)> {
    let mut listening = Vec::new();
    let mut silent = Vec::new();
    for (host, lab) in rehearsal.inventory.hosts.iter().zip(hosts) {
        let Ok(resolved) = declare::resolve(rehearsal.inventory, rehearsal.roles, host) else {
            continue;
        };
        if let Some(subject) = subject::of(&resolved.values, lab.address().into(), &site.vault) {
            let is_listening = tokio::net::TcpStream::connect((subject.address, 25))
                .await
                .is_ok();
            let list = if is_listening { &mut listening } else { &mut silent };
            list.push((host.name.clone(), lab, subject));
        }
    }
    if listening.is_empty() {
        silent.truncate(1);
        return silent;
    }
    listening
}

impl Outcome {
    fn act(&mut self, name: &'static str, exit: Exit, text: String, begin: Instant) {
        self.acts.push(Act {
            name,
            text,
            exit,
            seconds: begin.elapsed().as_secs_f64(),
        });
    }
}

/// A plan for fresh hosts announces every step and fails none.
fn judge_check(check: &Stage) -> (Exit, String) {
    let trouble = check.steps_in(&["failed", "skipped", "unknown"]);
    if !trouble.is_empty() {
        return (
            Exit::StepFailed,
            format!(
                "steps that could not be planned:{}\n{}",
                list(&trouble),
                check.said()
            ),
        );
    }
    match check.exit {
        Exit::Different | Exit::Done => (Exit::Done, format!("{} steps announced", check.changes().len())),
        other => (other, check.said()),
    }
}

/// What was announced is what is changed.
fn judge_apply(check: &Stage, apply: &Stage) -> (Exit, String) {
    if apply.exit != Exit::Done {
        return (apply.exit, apply.said());
    }
    let (announced, changed) = (check.changes(), apply.changes());
    let missed: BTreeSet<String> = announced.symmetric_difference(&changed).cloned().collect();
    if missed.is_empty() {
        return (
            Exit::Done,
            format!("{} steps changed, each of them announced", changed.len()),
        );
    }
    let unannounced = changed.difference(&announced).cloned().collect();
    let undone = announced.difference(&changed).cloned().collect();
    let mut text = String::from("what --check announced is not what apply changed");
    for (what, steps) in [
        ("changed, not announced", unannounced),
        ("announced, not changed", undone),
    ] {
        let steps: BTreeSet<String> = steps;
        if !steps.is_empty() {
            text += &format!("\n{what}:{}", list(&steps));
        }
    }
    (Exit::StepFailed, text)
}

fn judge_again(again: &Stage) -> (Exit, String) {
    if again.exit != Exit::Done {
        return (again.exit, again.said());
    }
    let changed = again.changes();
    if changed.is_empty() {
        return (
            Exit::Done,
            format!("nothing to do: {} steps converged", again.states.len()),
        );
    }
    (
        Exit::StepFailed,
        format!(
            "a second apply should change nothing, but changed:{}",
            list(&changed)
        ),
    )
}

fn list(steps: &BTreeSet<String>) -> String {
    steps.iter().map(|step| format!("\n  {step}")).collect()
}

/// Variables whose roles give them another value in rehearsals than the inventory does.
fn other_values<'r>(rehearsal: &Rehearsal<'r>, host: &InventoryHost) -> BTreeMap<&'r str, Value> {
    let resolved = declare::resolve(rehearsal.inventory, rehearsal.roles, host).unwrap_or_default();
    declare::declarations(rehearsal.roles, host)
        .into_iter()
        .filter_map(|(name, (_, declaration))| Some((name, declaration.rehearsal.as_ref()?.to_value())))
        .filter(|(name, value)| resolved.values.get(*name) != Some(value))
        .collect()
}

/// The names of all secrets that the inventory's hosts need.
fn secrets(inventory: &Inventory, roles: &Roles) -> BTreeSet<String> {
    inventory
        .hosts
        .iter()
        .filter_map(|host| bind::secrets(inventory, roles, host).ok())
        .flat_map(std::collections::BTreeMap::into_keys)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(exit: Exit, states: &[(&str, &str)]) -> Stage {
        Stage {
            exit,
            states: states
                .iter()
                .map(|(step, state)| ((*step).into(), (*state).into()))
                .collect(),
            messages: Vec::new(),
        }
    }

    #[test]
    fn a_step_that_was_not_announced_is_named() {
        let check = stage(
            Exit::Different,
            &[("h r/a", "created"), ("h r/b", "converged"), ("h r/c", "owed")],
        );
        let apply = stage(
            Exit::Done,
            &[("h r/a", "created"), ("h r/b", "changed"), ("h r/c", "converged")],
        );
        let (exit, text) = judge_apply(&check, &apply);
        assert_eq!(exit, Exit::StepFailed);
        assert!(text.contains("changed, not announced:\n  h r/b"), "{text}");
        assert!(text.contains("announced, not changed:\n  h r/c"), "{text}");
        assert_eq!(judge_apply(&check, &check).0, Exit::Different);
    }

    #[test]
    fn an_unknown_step_fails_the_check_and_a_change_fails_the_second_apply() {
        assert_eq!(
            judge_check(&stage(Exit::Different, &[("h r/a", "created")])).0,
            Exit::Done
        );
        assert_eq!(
            judge_check(&stage(Exit::Different, &[("h r/a", "unknown")])).0,
            Exit::StepFailed
        );
        assert_eq!(judge_check(&stage(Exit::Unreachable, &[])).0, Exit::Unreachable);
        assert_eq!(
            judge_again(&stage(Exit::Done, &[("h r/a", "converged")])).0,
            Exit::Done
        );
        assert_eq!(
            judge_again(&stage(Exit::Done, &[("h r/a", "changed")])).0,
            Exit::StepFailed
        );
    }

    #[test]
    fn lab_names_are_plain_and_distinct() {
        assert_eq!(lab_name("mx1.example.org", 0), "mx1-example-org-0");
        let long = "a".repeat(60);
        assert_ne!(lab_name(&long, 1), lab_name(&long, 2));
        assert!(lab_name(&long, 1).len() <= 40);
    }
}
