//! Taking back a directory: when it is empty, or with everything in it where the role says so.

use super::{FORGOTTEN, Holds, Terms, is_noted, made_path, unmade_path};
use crate::host::script::{Script, quote};
use crate::step::probe::{PathState, Probe};
use crate::step::world::World;
use crate::step::{Assessment, Diff, Fix, Resource, Step};

/// A directory that a role made.
#[derive(Debug)]
pub struct GoneDirectory {
    path: String,
    /// Whether what is in it goes too.
    whole: bool,
}

impl GoneDirectory {
    /// Takes back the directory at `path`. `None` when something in it stays.
    pub fn of(path: &str, terms: &Terms<'_>) -> Option<Box<dyn Step>> {
        let step = Self {
            path: path.to_owned(),
            // Data come here only to be purged.
            whole: matches!(terms.holds, Some(Holds::Data | Holds::Scratch)),
        };
        (!terms.kept.is_within(path)).then(|| Box::new(step) as Box<dyn Step>)
    }

    fn list(&self) -> String {
        format!("find {} -mindepth 1 -maxdepth 1 | head -n 500", quote(&self.path))
    }
}

impl Step for GoneDirectory {
    fn summary(&self) -> String {
        format!("no {}/", self.path)
    }

    fn probes(&self) -> Vec<Probe> {
        vec![
            Probe::Path {
                path: self.path.clone(),
                unless: None,
            },
            Probe::Path {
                path: made_path(&self.path),
                unless: None,
            },
            Probe::Check(self.list()),
        ]
    }

    fn assess(&self, world: &World<'_>) -> Assessment {
        let noted = is_noted(world, &made_path(&self.path));
        match world.path(&self.path) {
            PathState::Directory { .. } if noted || self.whole => {}
            PathState::Absent if noted => return Assessment::Remove(Diff::default().note(FORGOTTEN)),
            _ => return Assessment::Converged,
        }
        let entries = world.check(&self.list()).map_or("", |seen| seen.output.as_str());
        let left = entries.lines().filter(|entry| !entry.is_empty());
        let left = left
            .filter(|entry| !world.will_remove(&Resource::Path((*entry).to_owned())))
            .count();
        match (left, self.whole) {
            (0, _) => Assessment::Remove(Diff::default()),
            (_, true) => Assessment::Remove(Diff::default().note("with everything in it")),
            (_, false) => Assessment::Converged,
        }
    }

    fn fix(&self, world: &World<'_>) -> Fix {
        let script = Script::new();
        let script = match world.path(&self.path) {
            PathState::Absent => script,
            _ if self.whole => script
                .code("rm -rf --one-file-system --")
                .word(&self.path)
                .code(" || exit 1\n"),
            _ => script.code("rmdir --").word(&self.path).code(" || exit 1\n"),
        };
        Fix::Script(script.then(&unmade_path(&self.path)))
    }

    fn digest(&self) -> String {
        "absent".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Kept;
    use super::*;
    use crate::step::probe::CheckState;
    use crate::step::promised::testing::{Host, directory};

    fn gone(holds: Option<Holds>) -> Option<Box<dyn Step>> {
        let mut kept = Kept::default();
        kept.add([Resource::Path("/srv/other/file".into())]);
        let terms = Terms {
            purge: true,
            holds,
            ..Terms::plain(&kept)
        };
        GoneDirectory::of("/srv/a", &terms).and(GoneDirectory::of("/srv/a", &terms))
    }

    fn host(entries: &str) -> Host {
        noted(theirs(entries))
    }

    fn noted(host: Host) -> Host {
        host.file("/var/lib/mailprov/made/paths/srv/a.noted", "", "0600")
    }

    /// A folder that mailprov found.
    fn theirs(entries: &str) -> Host {
        let mut host = Host::default().path("/srv/a", directory("0755"));
        let list = "find /srv/a -mindepth 1 -maxdepth 1 | head -n 500".to_owned();
        let output = entries.to_owned();
        host.observed
            .checks
            .insert(list, CheckState { status: 0, output });
        host
    }

    #[test]
    fn only_what_is_empty_goes_unless_the_role_says_otherwise() {
        let plain = gone(None).unwrap();
        assert!(matches!(host("").assess(&*plain), Assessment::Remove(_)));
        assert_eq!(host("/srv/a/mine\n").assess(&*plain), Assessment::Converged);
        let whole = gone(Some(Holds::Scratch)).unwrap();
        assert!(matches!(
            host("/srv/a/mine\n").assess(&*whole),
            Assessment::Remove(_)
        ));
        assert_eq!(Host::default().assess(&*whole), Assessment::Converged);
    }

    #[test]
    fn an_empty_folder_that_mailprov_found_stays() {
        let plain = gone(None).unwrap();
        assert_eq!(theirs("").assess(&*plain), Assessment::Converged);
        let forgotten = noted(Host::default());
        assert!(matches!(forgotten.assess(&*plain), Assessment::Remove(_)));
        assert!(!forgotten.script(&*plain).contains("rmdir"));
    }

    #[test]
    fn what_goes_before_it_counts_as_gone() {
        let mut host = host("/srv/a/config\n");
        host.pending
            .removed
            .insert(Resource::Path("/srv/a/config".into()));
        assert!(matches!(
            host.assess(&*gone(None).unwrap()),
            Assessment::Remove(_)
        ));
    }

    #[test]
    fn a_folder_of_what_stays_stays() {
        let mut kept = Kept::default();
        kept.add([Resource::Path("/srv/a/b/file".into())]);
        let terms = Terms {
            purge: true,
            holds: Some(Holds::Data),
            ..Terms::plain(&kept)
        };
        assert!(GoneDirectory::of("/srv/a", &terms).is_none());
        assert!(GoneDirectory::of("/srv/ab", &terms).is_some());
    }
}
