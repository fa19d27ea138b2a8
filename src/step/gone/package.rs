//! Taking back packages: those that mailprov installed and that no present role names. They are removed and never purged,
//! whatever the inventory purges: `apt purge` of PostgreSQL drops all its databases, of Postfix the mail in its queue, of
//! certbot every key (their packages' postrm).

use super::{Terms, is_noted, made};
use crate::step::probe::Probe;
use crate::step::world::World;
use crate::step::{Assessment, Diff, Fix, PackageRequest, Resource, Step};

/// What people reach the host through: whoever brought it, they would be locked out without it.
const WAYS_IN: [&str; 2] = ["openssh-server", "sudo"];

/// Packages that a role brought.
#[derive(Debug)]
pub struct GonePackages {
    names: Vec<String>,
    keep: Vec<String>,
}

impl GonePackages {
    /// `None` when all of them stay: for present roles, or for whoever logs in.
    pub fn of(names: &[String], terms: &Terms<'_>) -> Option<Box<dyn Step>> {
        let names: Vec<String> = names
            .iter()
            .filter(|name| {
                !terms.kept.has(&Resource::Package((*name).clone())) && !WAYS_IN.contains(&name.as_str())
            })
            .cloned()
            .collect();
        if names.is_empty() {
            return None;
        }
        Some(Box::new(Self {
            names,
            keep: terms.kept.packages().chain(WAYS_IN).map(str::to_owned).collect(),
        }))
    }

    /// Those that are there because mailprov installed them, with their versions.
    fn ours<'a>(&'a self, world: &World<'_>) -> Vec<(&'a String, String)> {
        let there = self.names.iter().filter_map(|name| {
            let state = world.package(name);
            Some((name, state.installed.or(state.broken)?))
        });
        there
            .filter(|(name, _)| is_noted(world, &made("packages", name)))
            .collect()
    }
}

impl Step for GonePackages {
    fn summary(&self) -> String {
        format!("{} not installed", self.names.join(", "))
    }

    fn probes(&self) -> Vec<Probe> {
        let notes = self.names.iter().map(|name| Probe::Path {
            path: made("packages", name),
            unless: None,
        });
        self.names
            .iter()
            .cloned()
            .map(Probe::Package)
            .chain(notes)
            .collect()
    }

    fn assess(&self, world: &World<'_>) -> Assessment {
        let ours = self.ours(world);
        if ours.is_empty() {
            return Assessment::Converged;
        }
        let diff = ours.iter().fold(Diff::default(), |diff, (name, version)| {
            diff.attribute(name, Some(version), None)
        });
        Assessment::Remove(diff.note("and what came along with them and nothing needs any more"))
    }

    fn fix(&self, world: &World<'_>) -> Fix {
        let names: Vec<String> = self
            .ours(world)
            .into_iter()
            .map(|(name, _)| name.clone())
            .collect();
        Fix::Packages(PackageRequest {
            take_back: names,
            keep: self.keep.clone(),
            ..PackageRequest::default()
        })
    }

    fn digest(&self) -> String {
        "absent".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Kept;
    use super::*;

    #[test]
    fn the_way_in_stays() {
        let kept = Kept::default();
        let terms = Terms {
            purge: true,
            ..Terms::plain(&kept)
        };
        let names = |names: [&str; 2]| GonePackages::of(&names.map(str::to_owned), &terms);
        assert!(names(["sudo", "openssh-server"]).is_none());
        let gone = names(["sudo", "postfix"]).unwrap();
        assert_eq!(gone.summary(), "postfix not installed");
        let world = crate::step::promised::testing::Host::default();
        match gone.fix(&world.world()) {
            Fix::Packages(request) => assert_eq!(request.keep, ["openssh-server", "sudo"]),
            other => panic!("{other:?}"),
        }
    }
}
