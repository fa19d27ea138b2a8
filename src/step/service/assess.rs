//! Judging a service.

use super::params::{Service, State};
use super::watched_digest;
use crate::step::probe::{PathState, UnitState};
use crate::step::world::World;
use crate::step::{Assessment, Diff, Difference, Resource};

pub fn assess(service: &Service, world: &World<'_>) -> Assessment {
    if world.facts.init != "systemd" {
        return Assessment::Refused(format!(
            "services need systemd as process 1, found `{}`; a container without it can't be provisioned",
            world.facts.init
        ));
    }
    let unit = world.unit(&service.unit);
    let found = !matches!(unit.load.as_str(), "" | "not-found");
    if !found && !comes(service, world) {
        return absent(service);
    }
    let diff = difference(service, world, &unit);
    match (found, diff.is_empty()) {
        (false, _) => Assessment::Create(diff),
        (true, false) => Assessment::Change(diff),
        (true, true) => owed(service, world, &unit).map_or(Assessment::Converged, Assessment::Owed),
    }
}

/// Whether an earlier step of the plan brings the unit. A package's step need not name its units, so any package
/// that is to come may.
fn comes(service: &Service, world: &World<'_>) -> bool {
    let unit = &service.unit;
    let file = Resource::Path(format!("/etc/systemd/system/{unit}"));
    world.will_provide(&Resource::Unit(unit.clone())).is_some()
        || world.will_provide(&file).is_some()
        || world
            .pending
            .resources
            .keys()
            .any(|resource| matches!(resource, Resource::Package(_)))
}

/// No such unit, and none to come.
fn absent(service: &Service) -> Assessment {
    let unit = &service.unit;
    if service.state == State::Stopped && !service.masked && service.drop_ins.is_empty() {
        return Assessment::Converged;
    }
    Assessment::Refused(format!(
        "the host has no unit {unit}, and no step brings one: is a package missing, or is the name another one \
         here? (systemctl list-unit-files)"
    ))
}

fn difference(service: &Service, world: &World<'_>, unit: &UnitState) -> Diff {
    let mut diff = Diff::default();
    for (name, content) in &service.drop_ins {
        let path = service.drop_in_path(name);
        let present = world.path(&path);
        let before = match present {
            PathState::Absent => None,
            PathState::File { sha256, .. } if *sha256 == super::sha256(content.as_bytes()) => continue,
            PathState::File { content, .. } => {
                Some(String::from_utf8_lossy(content.as_deref().unwrap_or_default()).into_owned())
            }
            _ => Some("(not a regular file)".to_owned()),
        };
        diff.0.push(Difference::Content {
            path,
            before,
            after: Some(content.clone()),
            private: matches!(present, PathState::File { .. }) && !present.is_public(),
        });
    }
    let masked = unit.load == "masked" || unit.file.starts_with("masked");
    if masked != service.masked {
        let words = |masked: bool| Some(if masked { "yes" } else { "no" });
        diff = diff.attribute("masked", words(masked), words(service.masked));
    }
    let boot_differs = match unit.file.as_str() {
        // Of a unit that is to come systemd says nothing, of a masked one nothing of use.
        "" => service.enabled && unit.load != "loaded",
        file if file.starts_with("masked") => service.enabled,
        file => enabled(file).is_some_and(|enabled| enabled != service.enabled),
    };
    if !service.masked && boot_differs {
        let before = Some(unit.file.as_str()).filter(|file| !file.is_empty());
        let after = if service.enabled { "enabled" } else { "disabled" };
        diff = diff.attribute("start at boot", before, Some(after));
    }
    let active = Some(unit.active.as_str()).filter(|active| !active.is_empty());
    match service.state {
        State::Running if !runs(unit) => diff = diff.attribute("state", active, Some("running")),
        State::Stopped if runs(unit) || unit.active == "activating" => {
            diff = diff.attribute("state", active, Some("stopped"));
        }
        _ => {}
    }
    diff
}

pub fn runs(unit: &UnitState) -> bool {
    matches!(unit.active.as_str(), "active" | "reloading" | "refreshing")
}

/// What `UnitFileState` says of enablement; a unit without an `[Install]` section is as enabled as it can be, so
/// either promise is kept.
fn enabled(file: &str) -> Option<bool> {
    match file {
        "enabled" => Some(true),
        "disabled" | "enabled-runtime" | "linked" | "linked-runtime" | "bad" => Some(false),
        _ => None,
    }
}

/// The words for a restart or reload that is owed.
fn owed(service: &Service, world: &World<'_>, unit: &UnitState) -> Option<String> {
    if unit.needs_daemon_reload {
        return Some("daemon-reload: a unit file changed since systemd read it".to_owned());
    }
    if service.state != State::Running {
        return None;
    }
    let watches = &service.watches;
    [
        ("restart", &watches.restart, &unit.restart_digest),
        ("reload", &watches.reload, &unit.reload_digest),
    ]
    .into_iter()
    .find_map(|(word, patterns, recorded)| {
        let present = watched_digest(patterns, world)?;
        if let Some(changing) = changing(patterns, world) {
            return Some(format!("{word}: {changing}"));
        }
        match recorded {
            Some(recorded) if *recorded == present => None,
            Some(_) => Some(format!("{word}: its configuration changed since its last {word}")),
            None => Some(format!(
                "{word}: nothing says that it runs with the present configuration"
            )),
        }
    })
}

/// `postfix/main-cf changes`, when earlier steps of the plan change what is watched.
fn changing(patterns: &[String], world: &World<'_>) -> Option<String> {
    let mut ids: Vec<String> = patterns
        .iter()
        .flat_map(|pattern| world.matching(pattern))
        .filter(|(id, _)| world.pending.steps.contains(*id))
        .map(|(id, _)| id.to_string())
        .collect();
    ids.sort();
    ids.dedup();
    match ids.as_slice() {
        [] => None,
        [id] => Some(format!("{id} changes")),
        [first, rest @ ..] => Some(format!("{first} and {} more change", rest.len())),
    }
}
