//! Which of the ready steps go out together, and as what fragments.
//!
//! Packages and services go last, each for a reason: all packages are one transaction, and a service is started
//! once, with its whole configuration.

use std::collections::BTreeMap;

use super::Composer;
use crate::graph::{is_package, is_service};
use crate::host::Facts;
use crate::host::script::{Script, quote};
use crate::plan::Planned;
use crate::role::BoundStep;
use crate::step::Fix;
use crate::step::replace::{Record, forgetting};

/// A step that is ready and differs.
pub(super) struct Ready<'a> {
    pub index: usize,
    pub step: &'a BoundStep,
    pub differs: Planned,
    /// The services that watch it.
    pub watchers: Vec<&'a BoundStep>,
    /// Another step whose check goes over both is still to come.
    pub incomplete: bool,
    /// It failed with others whose check is not its own.
    pub alone: bool,
}

/// A fragment of a wave and the steps that it fixes.
pub(super) struct Fragment {
    pub script: Script,
    pub steps: Vec<usize>,
    /// Its steps are together only because that is quicker: if it fails, each is tried alone.
    pub separable: bool,
}

/// The steps of the next wave: positions in `ready`. Empty only if nothing is ready.
pub(super) fn choose(ready: &[Ready<'_>]) -> Vec<usize> {
    let pick = |wanted: &dyn Fn(&Ready<'_>) -> bool| -> Vec<usize> {
        (0..ready.len()).filter(|at| wanted(&ready[*at])).collect()
    };
    let plain = |ready: &Ready<'_>| !is_package(ready.step) && !is_service(ready.step);
    let guarded = |ready: &Ready<'_>| ready.step.step.guard().is_some();
    let choices: [&dyn Fn(&Ready<'_>) -> bool; 5] = [
        &|ready| plain(ready) && !ready.incomplete,
        &|ready| is_package(ready.step),
        &|ready| is_service(ready.step) && !guarded(ready),
        // Steps that are checked together wait for each other only as long as something else can be done.
        &|ready| plain(ready) && !guarded(ready),
        &guarded,
    ];
    let mut wave = choices
        .iter()
        .map(|choice| pick(*choice))
        .find(|wave| !wave.is_empty())
        .unwrap_or_default();
    // While the host waits for a new connection nothing else may take its time.
    if wave.first().is_some_and(|at| guarded(&ready[*at])) {
        wave.truncate(1);
    }
    wave
}

/// The fragments of a wave, in order.
pub(super) fn compose(
    wave: Vec<(&Ready<'_>, Fix)>,
    composer: &Composer,
    facts: &Facts,
    run: &str,
) -> Vec<Fragment> {
    let mut fragments = Vec::new();
    let mut packages = (Vec::new(), Vec::new());
    // Files that the same services watch go in one set, which is quicker; with a check, only as a whole. The place of
    // a set is that of its first file.
    let mut groups = BTreeMap::<_, usize>::new();
    let mut sets: Vec<(usize, Vec<&Ready<'_>>, Vec<crate::step::Replacement>)> = Vec::new();
    for (ready, fix) in wave {
        match fix {
            Fix::Packages(request) => {
                packages.0.push(ready.index);
                packages.1.push(request);
            }
            Fix::Script(script) => fragments.push(Fragment {
                script: Script::new()
                    .code("mailprov_run=")
                    .authored(&quote(run))
                    .code("\n")
                    .then(&forgetting(&records(&[ready])))
                    .then(&script),
                steps: vec![ready.index],
                separable: false,
            }),
            Fix::Replace(file) => {
                let checks = checks(ready);
                let records = if checks.is_empty() {
                    records(&[ready])
                } else {
                    Vec::new()
                };
                let group = (checks, records, ready.alone.then_some(ready.index));
                if let Some(set) = groups.get(&group).copied() {
                    sets[set].1.push(ready);
                    sets[set].2.push(file);
                    continue;
                }
                groups.insert(group, sets.len());
                sets.push((fragments.len(), vec![ready], vec![file]));
                // Filled in once the set is complete.
                fragments.push(Fragment {
                    script: Script::new(),
                    steps: Vec::new(),
                    separable: false,
                });
            }
        }
    }
    for (place, members, files) in sets {
        let check = checks(members[0]).join(" && ");
        let check = (!check.is_empty()).then_some(check.as_str());
        fragments[place] = Fragment {
            script: (composer.replace)(&files, check, &records(&members), run),
            steps: members.iter().map(|ready| ready.index).collect(),
            separable: check.is_none() && members.len() > 1,
        };
    }
    if !packages.0.is_empty() {
        fragments.push(Fragment {
            script: (composer.packages)(&packages.1, facts),
            steps: packages.0,
            separable: false,
        });
    }
    fragments
}

/// The checks that a step's change has to pass.
fn checks<'a>(ready: &Ready<'a>) -> Vec<&'a str> {
    let mut checks: Vec<&str> = ready
        .watchers
        .iter()
        .filter(|service| is_checked_by(ready.step, service))
        .filter_map(|service| service.step.watches()?.check.as_deref())
        .collect();
    checks.sort_unstable();
    checks.dedup();
    checks
}

/// Whether the check of `service` goes over `step`, which it watches. A step of another role is there before the
/// service's own configuration is: a check could only fail then.
pub(super) fn is_checked_by(step: &BoundStep, service: &BoundStep) -> bool {
    step.id.role == service.id.role
        && service
            .step
            .watches()
            .is_some_and(|watches| watches.check.is_some())
}

/// What the host remembers of the services that watch these steps: gone before the change, so that a run that
/// is killed right after it still owes the restart.
fn records<'a>(members: &[&Ready<'a>]) -> Vec<(&'a str, Record)> {
    let mut records = Vec::new();
    for ready in members {
        for service in &ready.watchers {
            let Some(watches) = service.step.watches() else {
                continue;
            };
            let named = |patterns: &[String]| {
                patterns
                    .iter()
                    .any(|pattern| ready.step.matches(pattern, &service.id.role))
            };
            if named(&watches.restart) {
                records.push((watches.unit.as_str(), Record::Restart));
            }
            if named(&watches.reload) {
                records.push((watches.unit.as_str(), Record::Reload));
            }
        }
    }
    records.sort_unstable();
    records.dedup();
    records
}
