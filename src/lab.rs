//! Throwaway Debian hosts on this machine (systemd-nspawn on an overlay), for rehearsals and for tests.
//!
//! A lab is a folder, a bridge with a subnet of its own, and hosts. It belongs to the process that made it and
//! is removed with it, whichever way that ends; `lab up` makes labs that stay. Knows nothing of inventories,
//! roles or mail.

mod guest;
mod host;
mod image;
mod leftovers;
mod machine;
mod network;
mod packages;
pub mod requirements;
mod tool;

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

pub use host::{LabHost, Layer};
pub use image::Release;
use serde::{Deserialize, Serialize};

use network::Network;
use tool::Context as _;

/// Where labs live while they exist.
const LABS: &str = "/var/lib/mailprov-lab";

/// Why a lab could not do what it was asked: what happened, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LabError(pub String);

/// What a lab host is to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostSpec {
    /// Unique in its lab: letters, digits and dashes.
    pub name: String,
    /// The name that `hostname --fqdn` prints; `NAME.lab.example` when not given.
    pub fqdn: Option<String>,
    pub release: Release,
    pub login: Login,
    /// Start from this layer instead of a bare Debian.
    pub layer: Option<Layer>,
}

impl HostSpec {
    /// A bare Debian 13 with root's login by key.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            fqdn: None,
            release: Release::Trixie,
            login: Login::RootKey,
            layer: None,
        }
    }

    #[must_use]
    pub fn fqdn(mut self, fqdn: impl Into<String>) -> Self {
        self.fqdn = Some(fqdn.into());
        self
    }

    #[must_use]
    pub fn release(mut self, release: Release) -> Self {
        self.release = release;
        self
    }

    #[must_use]
    pub fn login(mut self, login: Login) -> Self {
        self.login = login;
        self
    }

    /// Starts from what [`LabHost::snapshot`] kept.
    #[must_use]
    pub fn on(mut self, layer: &Layer) -> Self {
        self.layer = Some(layer.clone());
        self
    }
}

/// How one gets into a lab host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Login {
    /// root, with the lab's key.
    RootKey,
    /// root, with a password and no key.
    RootPassword(String),
    /// A user with the lab's key who may use sudo: with this password, or without any.
    Sudo { user: String, password: Option<String> },
}

impl Login {
    /// The name to log in with.
    pub fn user(&self) -> &str {
        match self {
            Self::RootKey | Self::RootPassword(_) => "root",
            Self::Sudo { user, .. } => user,
        }
    }
}

/// A lab: hosts that see each other, this machine, and what this machine sees.
#[derive(Debug)]
pub struct Lab {
    name: String,
    folder: PathBuf,
    network: Network,
    /// The lock that says that the lab's owner is alive; none for a lab that stays.
    owner: Option<File>,
    /// The number of the last address that was given out; one at a time.
    last: Mutex<u8>,
}

impl Lab {
    /// Makes a lab that ends with this process. Labs that were killed are removed first.
    ///
    /// # Errors
    /// A missing program or permission, in which case the text says what to do; no free subnet.
    pub fn new(name: &str) -> Result<Self, LabError> {
        check_name(name)?;
        requirements::check()?;
        let _all = lock_all()?;
        leftovers::sweep()?;
        let folder = Path::new(LABS).join(name);
        if folder.exists() {
            return Err(LabError(format!(
                "there is a lab {name} already: choose another name, or remove it with `mailprov lab down {name}`"
            )));
        }
        fs::create_dir_all(&folder).context(|| format!("creating {}", folder.display()))?;
        let owner = File::create(folder.join(OWNER)).context(|| "creating the lab's lock".into())?;
        owner
            .try_lock()
            .map_err(|error| LabError(format!("locking the lab {name}: {error}")))?;
        Self::furnish(name, folder, Some(owner))
    }

    /// Opens the lab `name` that stays when this process ends; makes it if there is none, and brings its network
    /// back after the machine was restarted.
    ///
    /// # Errors
    /// As [`Lab::new`]; also a lab of that name that belongs to a running process.
    pub fn persistent(name: &str) -> Result<Self, LabError> {
        check_name(name)?;
        requirements::check()?;
        let _all = lock_all()?;
        leftovers::sweep()?;
        let folder = Path::new(LABS).join(name);
        if folder.join(OWNER).exists() {
            return Err(LabError(format!(
                "the lab {name} belongs to a run that is still going on: choose another name"
            )));
        }
        if folder.join(NETWORK).exists() {
            let network = Network::load(&folder.join(NETWORK))?;
            network.up()?;
            return Ok(Self {
                name: name.to_owned(),
                folder,
                network,
                owner: None,
                last: Mutex::new(1),
            });
        }
        fs::create_dir_all(&folder).context(|| format!("creating {}", folder.display()))?;
        Self::furnish(name, folder, None)
    }

    fn furnish(name: &str, folder: PathBuf, owner: Option<File>) -> Result<Self, LabError> {
        let network = Network::create(&folder.join(NETWORK))?;
        // From here on the value's drop removes what was made.
        let lab = Self {
            name: name.to_owned(),
            folder,
            network,
            owner,
            last: Mutex::new(1),
        };
        guest::make_key(&lab.key())?;
        Ok(lab)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The private key that every host of this lab lets in.
    pub fn key(&self) -> PathBuf {
        self.folder.join("id_ed25519")
    }

    /// This machine's address in the lab, from where "outside" clients come.
    pub fn gateway(&self) -> Ipv4Addr {
        self.network.gateway()
    }

    /// Boots a host and waits until it answers on its SSH port. The first host of a release builds its image,
    /// which takes a minute; `progress` hears about it.
    ///
    /// # Errors
    /// The image can't be built, or the host doesn't come up: with the end of its console.
    pub fn up(&self, spec: &HostSpec, progress: &dyn Fn(&str)) -> Result<LabHost, LabError> {
        check_name(&spec.name)?;
        let below = match &spec.layer {
            Some(layer) => layer.clone(),
            None => Layer::bare(image::ensure(spec.release, progress)?),
        };
        let record = {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            let record = host::Record::create(&self.folder, &self.network, spec, below, *last)?;
            *last = record.address.octets()[3];
            record
        };
        progress(&format!("booting {} ({})", spec.name, record.address));
        let mut host = LabHost::new(self.folder.clone(), record, self.owner.is_some());
        host.start()?;
        Ok(host)
    }

    /// Hosts of this lab, by name.
    ///
    /// # Errors
    /// The lab's folder can't be read.
    pub fn hosts(&self) -> Result<Vec<LabHost>, LabError> {
        hosts_in(&self.folder)
    }

    /// Lets the lab and these hosts of it stay when this process ends.
    ///
    /// # Errors
    /// The lab's mark can't be removed.
    pub fn keep(mut self, hosts: Vec<LabHost>) -> Result<(), LabError> {
        let _all = lock_all()?;
        for host in hosts {
            host.keep();
        }
        let mark = self.folder.join(OWNER);
        fs::remove_file(&mark).context(|| format!("removing {}", mark.display()))?;
        self.owner = None;
        Ok(())
    }

    /// Removes the lab with all its hosts.
    ///
    /// # Errors
    /// Something could not be removed; the next lab tries again.
    pub fn remove(self) -> Result<(), LabError> {
        let _all = lock_all()?;
        leftovers::remove(&self.folder)
    }

    /// Starts a process of `program` (the `mailprov` binary) that waits for this process to end, in whatever
    /// way, and then removes the lab. For owners that can't rely on drop: statics, and processes that may be
    /// killed.
    ///
    /// # Errors
    /// The program can't be started.
    pub fn guard(&self, program: &Path) -> Result<(), LabError> {
        Command::new("setsid")
            .arg(program)
            .args(["lab", "down", "--when-abandoned", &self.name])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context(|| format!("starting {}", program.display()))?;
        Ok(())
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if self.owner.is_some() {
            // A failure here is made up for by the next lab's sweep.
            if let Ok(_all) = lock_all() {
                let _ = leftovers::remove(&self.folder);
            }
        }
    }
}

/// A lab that exists, as `lab list` shows it.
#[derive(Debug)]
pub struct Summary {
    pub name: String,
    /// Whether it outlives the process that made it.
    pub persistent: bool,
    pub hosts: Vec<LabHost>,
}

/// All labs of this machine, by name.
///
/// # Errors
/// The folder of labs can't be read.
pub fn list() -> Result<Vec<Summary>, LabError> {
    let mut labs = Vec::new();
    for folder in tool::folders_in(Path::new(LABS))? {
        labs.push(Summary {
            name: tool::name_of(&folder),
            persistent: !folder.join(OWNER).exists(),
            hosts: hosts_in(&folder)?,
        });
    }
    Ok(labs)
}

/// Removes the lab `name`, whoever made it.
///
/// # Errors
/// There is no such lab, or something could not be removed.
pub fn down(name: &str) -> Result<(), LabError> {
    let _all = lock_all()?;
    let folder = Path::new(LABS).join(name);
    if check_name(name).is_err() || !folder.exists() {
        return Err(LabError(format!(
            "there is no lab {name}: `mailprov lab list` shows what there is"
        )));
    }
    leftovers::remove(&folder)
}

/// Waits until the owner of the lab `name` is gone, then removes the lab if it is still there.
///
/// # Errors
/// Something could not be removed.
pub fn down_when_abandoned(name: &str) -> Result<(), LabError> {
    let folder = Path::new(LABS).join(name);
    if let Ok(owner) = File::open(folder.join(OWNER)) {
        owner.lock().context(|| format!("waiting for the lab {name}"))?;
        let _all = lock_all()?;
        // Gone already, or kept.
        if folder.join(OWNER).exists() {
            leftovers::remove(&folder)?;
        }
    }
    Ok(())
}

const OWNER: &str = "owner";
const NETWORK: &str = "network.json";

/// Everything that makes or removes labs holds this lock.
fn lock_all() -> Result<File, LabError> {
    fs::create_dir_all(LABS).context(|| format!("creating {LABS}"))?;
    let lock =
        File::create(Path::new(LABS).join(".lock")).context(|| "creating the lock of all labs".into())?;
    lock.lock().context(|| "locking the labs".into())?;
    Ok(lock)
}

fn hosts_in(lab: &Path) -> Result<Vec<LabHost>, LabError> {
    tool::folders_in(&lab.join("hosts"))?
        .iter()
        .filter(|folder| folder.join(host::RECORD).exists())
        .map(|folder| {
            let record = host::Record::load(folder)?;
            Ok(LabHost::new(lab.to_owned(), record, false))
        })
        .collect()
}

/// Names become folder, machine and interface names.
fn check_name(name: &str) -> Result<(), LabError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if name.is_empty() || name.len() > 40 || name.starts_with('-') || !name.chars().all(plain) {
        return Err(LabError(format!(
            "`{name}` can't name a lab or a lab host: letters, digits and dashes can, up to 40"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_could_leave_the_folder_is_refused() {
        for name in ["", "..", "a/b", "-rf", "a b", &"x".repeat(41)] {
            assert!(check_name(name).is_err(), "{name}");
        }
        assert!(check_name("mail-1").is_ok());
    }
}
