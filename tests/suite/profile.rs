//! The servers of `inventories/`: each is rehearsed on one host, and put to named proofs then.
//!
//! All proofs of a profile run, whatever became of the others, and the test names every one that failed. The book's
//! page on the seeds calls them `profile::s0/NAME`. A new profile is a file here, and a line in `ALL`.

mod client;
mod s0;
mod s1;
mod s2;
mod s4;

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use mailprov::exit::Exit;
use mailprov::inventory::load::load;
use mailprov::rehearse::{Rehearsal, hold};
use mailprov::role::bind;
use mailprov::role::load::Roles;
use mailprov::verify::Verdict;
use serde_yaml::{Mapping, Value};

use crate::support::{Run, Site, TestHost, boot};

/// A name, and what must not panic.
pub type Proof = (&'static str, fn(&Profile));

/// The proofs of every profile, in the order in which they run.
pub const ALL: &[(&str, &[Proof])] = &[
    ("s0", s0::PROOFS),
    ("s1", s1::PROOFS),
    ("s2", s2::PROOFS),
    ("s4", s4::PROOFS),
];

/// The inventory that [`Profile::with`] applies.
pub const VARIANT: &str = "variant.yaml";

/// A server made from a profile.
pub struct Profile {
    pub host: TestHost,
    /// The profile's inventory, leading to `host`: for further runs.
    pub site: Site,
    /// What [`Profile::with`] last applied.
    with: RefCell<String>,
}

impl Profile {
    /// Boots a host and rehearses `inventories/FOLDER` on it. `lab` is YAML of variables: what no lab can have stands
    /// in there, ClamAV's own signatures for one.
    #[track_caller]
    pub fn rehearsed(folder: &str, lab: &str) -> Self {
        let host = boot(&format!("profile-{}", folder.split('-').next().unwrap_or(folder)));
        let site = site(folder, lab, &host);
        let inventory = load(&site.inventory(), &[]).unwrap_or_else(|wrong| panic!("{wrong}"));
        let roles = roles_of(&inventory);
        let rehearsal = Rehearsal {
            inventory: &inventory,
            roles: &roles,
            identities: &[site.identity()],
            program: Path::new(env!("CARGO_BIN_EXE_mailprov")),
        };
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let hosts = std::slice::from_ref(&*host);
        let outcome = runtime.block_on(hold(&rehearsal, hosts, &|text| eprintln!("{text}")));
        let outcome = outcome.unwrap_or_else(|error| panic!("{folder}: {error}"));
        let mut wrong = Vec::new();
        for act in &outcome.acts {
            eprintln!("{folder}: {}: {} ({:.0} s)", act.name, act.text, act.seconds);
            if act.exit != Exit::Done {
                wrong.push(format!("{}: {}", act.name, act.text));
            }
        }
        for finding in outcome.findings.iter().flat_map(|(_, findings)| findings) {
            eprintln!("{folder}: {}: {:?}", finding.claim, finding.verdict);
            if let Verdict::Failed(why) = &finding.verdict {
                wrong.push(format!("{}: {why}", finding.claim));
            }
        }
        let journal = "journalctl -b --no-pager -p notice -n 80";
        assert!(
            wrong.is_empty(),
            "{folder}: {}\n{}",
            wrong.join("\n"),
            host.sh(journal)
        );
        assert_eq!(outcome.findings.len(), 1, "{folder} serves mail");
        assert_eq!(host.sh("systemctl --failed --no-legend"), "");
        let with = RefCell::default();
        Self { host, site, with }
    }

    /// Applies the profile as [`VARIANT`], with these variables over its own, unless it has them already; `""`: the profile itself.
    #[track_caller]
    pub fn with(&self, variables: &str) {
        if *self.with.borrow() == variables {
            return;
        }
        // Whatever becomes of it, the host is no longer what it was.
        variables.clone_into(&mut self.with.borrow_mut());
        self.variant(VARIANT, variables, "[]");
        self.on(VARIANT, &["apply"]).exits(0);
    }

    /// Writes the profile with these variables over its own, and these roles after its own, beside it as `name`.
    pub fn variant(&self, name: &str, variables: &str, roles: &str) {
        let inventory = std::fs::read_to_string(self.site.inventory()).unwrap();
        std::fs::write(
            self.site.path().join(name),
            over(&inventory, variables, roles, None),
        )
        .unwrap();
    }

    /// Writes the profile with these roles instead of its own, beside it as `name`.
    pub fn having(&self, name: &str, roles: &str) {
        let inventory = std::fs::read_to_string(self.site.inventory()).unwrap();
        let mut whole: Value = serde_yaml::from_str(&inventory).unwrap();
        entry(&mut whole).insert("roles".into(), serde_yaml::from_str(roles).unwrap());
        let text = serde_yaml::to_string(&whole).unwrap();
        std::fs::write(self.site.path().join(name), text).unwrap();
    }

    /// Runs `mailprov` on the inventory `name` beside the profile's.
    pub fn on(&self, name: &str, arguments: &[&str]) -> Run {
        let (command, rest) = arguments.split_first().unwrap();
        let identity = self.site.identity();
        let words = [&[*command, name, "--identity", identity.to_str().unwrap()], rest];
        Run::new(self.site.path(), &words.concat())
    }

    /// Makes every proof, and fails with all that failed.
    #[track_caller]
    pub fn prove(&self, profile: &str) {
        let (_, proofs) = ALL.iter().find(|(name, _)| *name == profile).unwrap();
        let mut failed = Vec::new();
        for (name, proof) in *proofs {
            eprintln!("proof profile::{profile}/{name}");
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| proof(self))) {
                let said = panic.downcast_ref::<String>().map(String::as_str);
                let said = said.or_else(|| panic.downcast_ref::<&str>().copied());
                failed.push(format!("{name}: {}", said.unwrap_or("panicked")));
            }
        }
        assert!(
            failed.is_empty(),
            "{} of {} proofs failed:\n\n{}",
            failed.len(),
            proofs.len(),
            failed.join("\n\n")
        );
    }
}

/// The secret `name` of every profile: nothing that a shell would have to be told to leave alone.
pub fn secret(name: &str) -> String {
    format!("made-up-for-{name}")
}

/// The profile's folder as an operator's, whose one host is `host`; the secrets are made up.
fn site(folder: &str, lab: &str, host: &TestHost) -> Site {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("inventories")
        .join(folder)
        .join("inventory.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let site = Site::new().whole(over(&text, lab, "[]", Some(ssh(host))));
    let inventory = load(&site.inventory(), &[]).unwrap_or_else(|wrong| panic!("{wrong}"));
    let roles = roles_of(&inventory);
    let names =
        bind::secrets(&inventory, &roles, &inventory.hosts[0]).unwrap_or_else(|wrong| panic!("{wrong}"));
    names
        .keys()
        .fold(site, |site, name| site.secret(name, &secret(name)))
}

/// What an inventory of one host says of it.
fn entry(whole: &mut Value) -> &mut Mapping {
    let hosts = whole.get_mut("hosts").and_then(Value::as_mapping_mut).unwrap();
    assert_eq!(hosts.len(), 1, "a profile is one host");
    hosts.values_mut().next().and_then(Value::as_mapping_mut).unwrap()
}

/// The inventory of one host with further variables and roles, and another way to reach it.
fn over(inventory: &str, variables: &str, roles: &str, ssh: Option<Mapping>) -> String {
    let mut whole: Value = serde_yaml::from_str(inventory).unwrap();
    let entry = entry(&mut whole);
    if let Some(ssh) = ssh {
        entry.insert("ssh".into(), Value::Mapping(ssh));
    }
    if let Value::Mapping(further) = serde_yaml::from_str(variables).unwrap() {
        let own = entry.get_mut("variables").and_then(Value::as_mapping_mut);
        own.unwrap().extend(further);
    }
    if let Value::Sequence(further) = serde_yaml::from_str(roles).unwrap() {
        let own = entry.get_mut("roles").and_then(Value::as_sequence_mut);
        own.unwrap().extend(further);
    }
    serde_yaml::to_string(&whole).unwrap()
}

fn ssh(host: &TestHost) -> Mapping {
    let mut ssh = Mapping::new();
    ssh.insert("address".into(), host.address().to_string().into());
    ssh.insert("user".into(), host.login().user().into());
    ssh.insert(
        "host_key_fingerprint".into(),
        host.host_key_fingerprint().unwrap().into(),
    );
    let key = host.key().display().to_string();
    ssh.insert("identity_files".into(), vec![Value::from(key)].into());
    ssh
}

fn roles_of(inventory: &mailprov::inventory::Inventory) -> Roles {
    Roles::of(inventory).unwrap_or_else(|wrong| panic!("{wrong}"))
}
