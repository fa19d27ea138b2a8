//! Taking back a file, a compiled map or a link.

use super::{FORGOTTEN, Terms, before, fingerprint, is_noted, made_path, unmade_path};
use crate::host::script::Script;
use crate::step::probe::{PathState, Probe};
use crate::step::promised::{HIDDEN, differences, removed};
use crate::step::world::World;
use crate::step::{Assessment, Diff, Fix, Step};

/// A file or link that a role made.
#[derive(Debug)]
pub struct GoneFile {
    path: String,
    made: Made,
    /// What a compiler made of it.
    output: Option<String>,
    watchers: Vec<String>,
}

/// What says that it is still the role's.
#[derive(Debug)]
enum Made {
    /// A file's head or name, or the note that mailprov made it, where it is still as mailprov wrote it. That it is as
    /// promised says nothing: it may have been so before.
    Written,
    /// Nothing need say it: people's data, which go only when they are purged.
    Data,
}

impl GoneFile {
    /// Takes back the file or link at `path`, and what a compiler made of it. `None` when it stays.
    pub fn written(path: &str, output: Option<&str>, terms: &Terms<'_>) -> Option<Box<dyn Step>> {
        Self::of(path, Made::Written, output, terms)
    }

    /// Deletes the file at `path`, and what a database keeps beside it. No copy is made.
    pub fn data(path: &str, terms: &Terms<'_>) -> Option<Box<dyn Step>> {
        Self::of(path, Made::Data, None, terms)
    }

    fn of(path: &str, made: Made, output: Option<&str>, terms: &Terms<'_>) -> Option<Box<dyn Step>> {
        (!terms.kept.has_path(path)).then(|| {
            Box::new(Self {
                path: path.to_owned(),
                made,
                output: output.map(str::to_owned),
                watchers: terms.watchers.to_vec(),
            }) as Box<dyn Step>
        })
    }

    /// Whether what is there is what the role made; a person's own stays.
    fn is_ours(&self, state: &PathState, world: &World<'_>) -> bool {
        match (&self.made, state) {
            (Made::Written, PathState::File { content, .. }) => {
                let name = self.path.rsplit('/').next().unwrap_or_default();
                name.contains("mailprov")
                    || content.as_deref().is_some_and(names_mailprov)
                    || self.is_noted_as(state, world)
            }
            (Made::Written, PathState::Symlink { .. }) => self.is_noted_as(state, world),
            (Made::Data, PathState::File { .. }) => true,
            _ => false,
        }
    }

    /// Whether mailprov made it and noted that it wrote what is there.
    fn is_noted_as(&self, state: &PathState, world: &World<'_>) -> bool {
        match world.path(&made_path(&self.path)) {
            PathState::File {
                content: Some(note), ..
            } => {
                let now = fingerprint(state);
                note.split(|byte| *byte == b'\n')
                    .any(|line| line == now.as_bytes())
            }
            _ => false,
        }
    }
}

/// Whether a file says in its head that mailprov wrote it: `mailprov_is_ours` in gone.sh asks the same.
fn names_mailprov(content: &[u8]) -> bool {
    String::from_utf8_lossy(&content[..content.len().min(4096)])
        .lines()
        .take(8)
        .any(|line| line.contains("anaged by mailprov") || line.contains("ritten by mailprov"))
}

impl Step for GoneFile {
    fn summary(&self) -> String {
        format!("no {}", self.path)
    }

    fn probes(&self) -> Vec<Probe> {
        let whole = |path: String| Probe::Path {
            path,
            unless: Some(String::new()),
        };
        let paths = [self.path.clone(), before(&self.path), made_path(&self.path)];
        paths.map(whole).to_vec()
    }

    fn assess(&self, world: &World<'_>) -> Assessment {
        let state = world.path(&self.path);
        let back = "what was there before mailprov comes back";
        match (state, world.path(&before(&self.path))) {
            (PathState::Absent, _) if is_noted(world, &made_path(&self.path)) => {
                Assessment::Remove(Diff::default().note(FORGOTTEN))
            }
            (PathState::Absent | PathState::Directory { .. } | PathState::Other(_), _) => {
                Assessment::Converged
            }
            (state, PathState::Absent) if self.is_ours(state, world) => Assessment::Remove(match state {
                PathState::File { .. } if matches!(self.made, Made::Data) => {
                    Diff::default().note("with everything in it; no copy is kept")
                }
                PathState::File { content, .. } => {
                    removed(&self.path, content.as_deref(), !state.is_public())
                }
                _ => Diff::default(),
            }),
            (_, PathState::Absent) => Assessment::Converged,
            (
                PathState::File {
                    content: Some(now), ..
                },
                before @ PathState::File {
                    content: Some(then), ..
                },
            ) if state.is_public() && before.is_public() => {
                Assessment::Change(Diff(differences(&self.path, Some(now), then, false)).note(back))
            }
            (PathState::File { .. }, PathState::File { .. }) => {
                Assessment::Change(Diff::default().note(HIDDEN).note(back))
            }
            _ => Assessment::Change(Diff::default().note(back)),
        }
    }

    fn fix(&self, world: &World<'_>) -> Fix {
        if *world.path(&self.path) == PathState::Absent {
            return Fix::Script(unmade_path(&self.path));
        }
        if let Made::Data = self.made {
            let beside = ["", "-wal", "-shm", "-journal"].map(|end| format!("{}{end}", self.path));
            return Fix::Script(Script::new().code("rm -f --").words(beside).code("\n"));
        }
        let mut script = Script::new()
            .code("umask 077\nmailprov_take_back")
            .word(&self.path)
            .code(" || exit 1\n");
        if let Some(output) = &self.output {
            script = script.command(["rm", "-f", "--", output]);
        }
        if !self.watchers.is_empty() {
            script = script
                .code("mailprov_notice")
                .words(&self.watchers)
                .code(" || exit 1\n");
        }
        Fix::Script(script)
    }

    fn digest(&self) -> String {
        "absent".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Kept;
    use super::*;
    use crate::step::Resource;
    use crate::step::promised::testing::{Host, directory, file as state};

    fn gone() -> Box<dyn Step> {
        gone_at("/etc/a.conf")
    }

    fn gone_at(path: &str) -> Box<dyn Step> {
        let kept = Kept::default();
        let terms = Terms::plain(&kept);
        GoneFile::written(path, None, &terms).unwrap()
    }

    /// A host that knows of having made `/etc/a.conf` with each of these contents.
    fn noted(contents: &[&str]) -> Host {
        let lines = contents
            .iter()
            .map(|content| fingerprint(&state(content, "0644")) + "\n");
        let note = state(&lines.collect::<String>(), "0600");
        Host::default().path("/var/lib/mailprov/made/paths/etc/a.conf.noted", note)
    }

    #[test]
    fn what_says_nothing_is_known_by_the_note_of_what_was_written() {
        let host = noted(&["first\n", "second\n"]).path("/etc/a.conf", state("second\n", "0644"));
        assert!(matches!(host.assess(&*gone()), Assessment::Remove(_)));
        let theirs = noted(&["first\n"]).path("/etc/a.conf", state("mine\n", "0644"));
        assert_eq!(theirs.assess(&*gone()), Assessment::Converged);
        // As a run that was killed before it wrote anything leaves it.
        let empty = noted(&[]).path("/etc/a.conf", state("mine\n", "0644"));
        assert_eq!(empty.assess(&*gone()), Assessment::Converged);
        let link = |target: &str| PathState::Symlink {
            target: target.into(),
            owner: "root".into(),
            group: "root".into(),
        };
        let note = state(">there\n", "0600");
        let host = || Host::default().path("/var/lib/mailprov/made/paths/etc/a.conf.noted", note.clone());
        let at = |target| host().path("/etc/a.conf", link(target)).assess(&*gone());
        assert!(matches!(at("there"), Assessment::Remove(_)));
        assert_eq!(at("elsewhere"), Assessment::Converged);
        let unnoted = Host::default().path("/etc/a.conf", link("there"));
        assert_eq!(unnoted.assess(&*gone()), Assessment::Converged);
    }

    #[test]
    fn a_note_of_what_is_gone_already_is_struck_off() {
        let host = noted(&["first\n"]);
        assert!(matches!(host.assess(&*gone()), Assessment::Remove(_)));
        assert_eq!(
            host.script(&*gone()),
            "rm -rf -- /var/lib/mailprov/made/paths/etc/a.conf.noted /var/lib/mailprov/made/paths/etc/a.conf\n"
        );
    }

    #[test]
    fn what_the_role_wrote_goes_and_what_a_person_wrote_stays() {
        let host = Host::default().path("/etc/a.conf", state("; Managed by mailprov.\nx\n", "0644"));
        assert!(matches!(host.assess(&*gone()), Assessment::Remove(_)));
        let host = Host::default().path("/etc/a.conf", state("mine\n", "0644"));
        assert_eq!(host.assess(&*gone()), Assessment::Converged);
        let host = Host::default().path("/etc/a.conf", directory("0755"));
        assert_eq!(host.assess(&*gone()), Assessment::Converged);
        assert_eq!(Host::default().assess(&*gone()), Assessment::Converged);
    }

    #[test]
    fn a_name_says_whose_a_file_is_where_its_content_can_not() {
        let secret = state("{\"key\": \"hunter3\"}\n", "0600");
        let host = Host::default()
            .path("/etc/x/mailprov-key.json", secret.clone())
            .path("/etc/mailprov/key.json", secret);
        assert!(matches!(
            host.assess(&*gone_at("/etc/x/mailprov-key.json")),
            Assessment::Remove(_)
        ));
        assert_eq!(
            host.assess(&*gone_at("/etc/mailprov/key.json")),
            Assessment::Converged
        );
    }

    #[test]
    fn a_file_that_may_hold_secrets_is_not_shown() {
        let shown = |mode| {
            let host = Host::default().path("/etc/a.conf", state("# Managed by mailprov.\nhunter3\n", mode));
            format!("{:?}", host.assess(&*gone())).contains("hunter3")
        };
        assert!(shown("0644"));
        assert!(!shown("0640"));
    }

    #[test]
    fn what_was_there_before_comes_back() {
        let host = Host::default()
            .path("/etc/a.conf", state("edited since\n", "0644"))
            .path(
                "/var/lib/mailprov/before/files/etc/a.conf",
                state("the package's\n", "0644"),
            );
        assert!(matches!(host.assess(&*gone()), Assessment::Change(_)));
    }

    #[test]
    fn what_a_present_role_provides_stays() {
        let mut kept = Kept::default();
        kept.add([Resource::Path("/etc/a.conf".into())]);
        let terms = Terms {
            purge: true,
            ..Terms::plain(&kept)
        };
        assert!(GoneFile::written("/etc/a.conf", None, &terms).is_none());
    }
}
