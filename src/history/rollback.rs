//! Bringing back the files that a run replaced: as steps, so that they are checked, put in place and noticed by their
//! services as in any other run.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{BACKUPS, contents, list, text};
use crate::diagnostic::Place;
use crate::host::script::Script;
use crate::host::{HostError, ReadHost};
use crate::role::{BoundStep, StepId};
use crate::step::gone::fingerprint;
use crate::step::kind::Kind;
use crate::step::probe::{PathState, Probe};
use crate::step::promised::{HIDDEN, differences, remove};
use crate::step::world::World;
use crate::step::{Assessment, Diff, Fix, Replacement, Resource, Step, file};

/// A file that a run wrote or removed.
#[derive(Debug, Clone)]
pub struct Replaced {
    pub path: String,
    /// What was there before the run.
    before: PathState,
    /// What mailprov left there last, this run or a later one: a digest, `>TARGET` of a link, or `-` for nothing.
    left: String,
}

/// The names of the runs whose files a host still has, the oldest first.
///
/// # Errors
/// Whatever ends the connection.
pub async fn runs(host: &mut impl ReadHost) -> Result<Vec<String>, HostError> {
    list(host, BACKUPS, ".wrote").await
}

/// The files that `run`, one of `runs`, replaced.
///
/// # Errors
/// Whatever ends the connection.
pub async fn replaced(
    host: &mut impl ReadHost,
    run: &str,
    runs: &[String],
) -> Result<Vec<Replaced>, HostError> {
    let at = runs.iter().position(|known| known == run).unwrap_or(0);
    let lists: Vec<String> = runs[at..]
        .iter()
        .map(|run| format!("{BACKUPS}/{run}.wrote"))
        .collect();
    let made = format!("{BACKUPS}/{run}.made");
    let seen = contents(host, &[lists.clone(), vec![made.clone()]].concat()).await?;
    let wrote = |list: &String| -> Vec<(String, String)> {
        let text = text(&seen, list).unwrap_or_default();
        let lines = text.lines().filter_map(|line| line.split_once('\t'));
        lines
            .map(|(path, left)| (path.to_owned(), left.to_owned()))
            .collect()
    };
    let made = text(&seen, &made).unwrap_or_default();
    let made: BTreeSet<&str> = made.lines().collect();
    let all: Vec<(String, String)> = lists.iter().flat_map(wrote).collect();
    let mut paths: Vec<String> = Vec::new();
    for (path, _) in lists.first().map(wrote).unwrap_or_default() {
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    let copy = |path: &String| format!("{BACKUPS}/{run}{path}");
    let copies: Vec<String> = paths.iter().map(copy).collect();
    let seen = contents(host, &copies).await?;
    Ok(paths
        .into_iter()
        .filter_map(|path| {
            let before = seen.paths.get(&copy(&path)).cloned();
            let before = match before.unwrap_or(PathState::Absent) {
                _ if made.contains(path.as_str()) => PathState::Absent,
                // No copy was kept.
                PathState::Absent => return None,
                before => before,
            };
            let left = all.iter().rev().find(|(known, _)| *known == path)?.1.clone();
            Some(Replaced { path, before, left })
        })
        .collect())
}

/// `bound` with every step about one of `files` turned into one that brings it back. `discard`: even where somebody
/// changed it since.
pub fn steps(host: &Arc<str>, bound: Vec<BoundStep>, files: &[Replaced], discard: bool) -> Vec<BoundStep> {
    let paths: Vec<String> = files.iter().map(|file| file.path.clone()).collect();
    let mut left: Vec<&Replaced> = files.iter().collect();
    let mut found = Vec::new();
    let mut places: Option<Place> = None;
    for step in bound {
        places.get_or_insert_with(|| step.place.clone());
        let writes = step.promise().writes();
        if step.is_absent() || !writes.iter().any(|path| paths.contains(path)) {
            found.push(step);
            continue;
        }
        let after = step.promise().after_writing();
        let validate = step.promise().validates().map(str::to_owned);
        let mut many = 0;
        left.retain(|file| {
            if !writes.contains(&file.path) {
                return true;
            }
            let name = match many {
                0 if step.promise().without(&paths).is_none() => step.id.name.to_string(),
                _ => format!("{}[{}]", bare(&step.id.name), file.path),
            };
            many += 1;
            let id = StepId {
                name: name.into(),
                ..step.id.clone()
            };
            found.push(restore(
                id,
                &step.place,
                Restore {
                    file: (*file).clone(),
                    after: after.clone(),
                    validate: validate.clone(),
                    discard,
                },
            ));
            false
        });
        if let Some(rest) = step.promise().without(&paths) {
            found.push(BoundStep { step: rest, ..step });
        }
    }
    // What no step is about any more.
    if let Some(place) = places {
        for file in left {
            let id = StepId {
                host: host.clone(),
                role: "files".into(),
                name: file.path.trim_start_matches('/').into(),
            };
            found.push(restore(
                id,
                &place,
                Restore {
                    file: file.clone(),
                    after: None,
                    validate: None,
                    discard,
                },
            ));
        }
    }
    found
}

fn bare(name: &str) -> &str {
    name.split_once('[').map_or(name, |(bare, _)| bare)
}

fn restore(id: StepId, place: &Place, step: Restore) -> BoundStep {
    static KIND: &Kind = &file::KIND;
    BoundStep {
        id,
        kind: KIND,
        place: place.clone(),
        doc: None,
        needs: Vec::new(),
        origin: None,
        step: Box::new(step),
        taken_back: None,
    }
}

/// Whether the step brings a file back.
pub fn is_restore(step: &BoundStep) -> bool {
    step.step.digest().starts_with("restored ")
}

/// What was at a path before a run.
#[derive(Debug)]
struct Restore {
    file: Replaced,
    after: Option<Script>,
    /// The command that must accept it.
    validate: Option<String>,
    discard: bool,
}

impl Restore {
    /// What systemd needs to be told: of the unit's own file or a drop-in.
    fn notice(&self) -> Option<Script> {
        let rest = self.file.path.strip_prefix("/etc/systemd/system/")?;
        let unit = rest.split('/').next()?;
        let unit = unit.strip_suffix(".d").unwrap_or(unit);
        Some(
            Script::new()
                .code("systemctl daemon-reload || exit 1\nsystemctl try-restart --")
                .word(unit)
                .code(" 2>/dev/null || :\n"),
        )
    }
}

fn same(now: &PathState, before: &PathState) -> bool {
    match (now, before) {
        (
            PathState::File {
                mode,
                owner,
                group,
                sha256,
                ..
            },
            PathState::File {
                mode: mode_before,
                owner: owner_before,
                group: group_before,
                sha256: sha256_before,
                ..
            },
        ) => (mode, owner, group, sha256) == (mode_before, owner_before, group_before, sha256_before),
        _ => fingerprint(now) == fingerprint(before),
    }
}

impl Step for Restore {
    fn summary(&self) -> String {
        match self.file.before {
            PathState::Absent => format!("no {}, as before", self.file.path),
            _ => format!("{} as before", self.file.path),
        }
    }

    fn probes(&self) -> Vec<Probe> {
        vec![Probe::Path {
            path: self.file.path.clone(),
            unless: Some(String::new()),
        }]
    }

    fn assess(&self, world: &World<'_>) -> Assessment {
        let Replaced { path, before, left } = &self.file;
        let now = world.path(path);
        if same(now, before) {
            return Assessment::Converged;
        }
        match (now, before) {
            (PathState::Directory { .. } | PathState::Other(_), _) => {
                return Assessment::Refused(format!("{path} is no file any more: move it away by hand"));
            }
            (_, PathState::File { content: None, .. }) => {
                return Assessment::Refused(format!(
                    "the copy of {path} is over 1 MiB: bring it back by hand from {BACKUPS}"
                ));
            }
            _ => {}
        }
        if fingerprint(now) != *left && !self.discard {
            return Assessment::Refused(format!(
                "somebody changed {path} since mailprov last wrote it: --discard-edits gives that up (a copy is kept)"
            ));
        }
        let content = |state: &PathState| match state {
            PathState::File { content, .. } => content.clone(),
            _ => None,
        };
        let public = |state: &PathState| state.is_public() || *state == PathState::Absent;
        let diff = match (content(now), content(before)) {
            (now_content, Some(then)) if public(now) && public(before) => Diff(differences(
                path,
                Some(now_content.unwrap_or_default().as_slice()),
                &then,
                false,
            )),
            _ => Diff::default().note(HIDDEN),
        };
        match (now, before) {
            (PathState::Absent, _) => Assessment::Create(diff),
            (_, PathState::Absent) => Assessment::Remove(Diff::default().note("the run made it")),
            _ => Assessment::Change(diff),
        }
    }

    fn fix(&self, _world: &World<'_>) -> Fix {
        let path = &self.file.path;
        let notice = self.notice();
        match &self.file.before {
            PathState::File {
                content: Some(content),
                mode,
                owner,
                group,
                ..
            } => Fix::Replace(Replacement {
                path: path.clone(),
                content: content.clone(),
                mode: mode.clone(),
                owner: owner.clone(),
                group: group.clone(),
                validate: self.validate.clone(),
                backup: true,
                before: None,
                after: self.after.clone().or(notice),
            }),
            PathState::Symlink { target, .. } => Fix::Script(
                Script::new()
                    .code("mailprov_symlink")
                    .words([path, target])
                    .code("\n"),
            ),
            _ => {
                let script = remove([path.as_str()]);
                Fix::Script(match notice {
                    Some(notice) => script.then(&notice),
                    None => script,
                })
            }
        }
    }

    fn provides(&self) -> Vec<Resource> {
        match self.file.before {
            PathState::Absent => Vec::new(),
            _ => vec![Resource::Path(self.file.path.clone())],
        }
    }

    fn digest(&self) -> String {
        format!("restored {}", fingerprint(&self.file.before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::step::promised::testing::{Host, file as state};

    fn back(before: PathState, left: &PathState, discard: bool) -> Restore {
        Restore {
            file: Replaced {
                path: "/etc/a".into(),
                before,
                left: fingerprint(left),
            },
            after: None,
            validate: Some("visudo -cf %".into()),
            discard,
        }
    }

    #[test]
    fn what_comes_back_is_checked_as_what_went() {
        let (old, ours) = (state("old\n", "0440"), state("new\n", "0440"));
        let host = Host::default().path("/etc/a", ours.clone());
        match back(old, &ours, false).fix(&host.world()) {
            Fix::Replace(replacement) => assert_eq!(replacement.validate.as_deref(), Some("visudo -cf %")),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_a_person_wrote_since_is_given_up_only_when_said() {
        let (old, ours, theirs) = (
            state("old\n", "0644"),
            state("new\n", "0644"),
            state("edited\n", "0644"),
        );
        let host = Host::default().path("/etc/a", ours.clone());
        assert!(matches!(
            host.assess(&back(old.clone(), &ours, false)),
            Assessment::Change(_)
        ));
        let host = Host::default().path("/etc/a", theirs);
        assert!(matches!(
            host.assess(&back(old.clone(), &ours, false)),
            Assessment::Refused(_)
        ));
        assert!(matches!(
            host.assess(&back(old.clone(), &ours, true)),
            Assessment::Change(_)
        ));
        let host = Host::default().path("/etc/a", old.clone());
        assert_eq!(host.assess(&back(old, &ours, false)), Assessment::Converged);
    }

    #[test]
    fn a_file_that_the_run_made_goes_and_one_that_it_removed_comes_back() {
        let ours = state("new\n", "0644");
        let host = Host::default().path("/etc/a", ours.clone());
        assert!(matches!(
            host.assess(&back(PathState::Absent, &ours, false)),
            Assessment::Remove(_)
        ));
        assert!(matches!(
            Host::default().assess(&back(ours, &PathState::Absent, false)),
            Assessment::Create(_)
        ));
    }

    #[test]
    fn former_secrets_are_not_shown() {
        let shown = |mode| {
            let ours = state("new\n", mode);
            let host = Host::default().path("/etc/a", ours.clone());
            format!("{:?}", host.assess(&back(state("hunter3\n", mode), &ours, false)))
        };
        assert!(shown("0644").contains("hunter3"));
        assert!(!shown("0640").contains("hunter3"));
    }
}
