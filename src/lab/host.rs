//! A lab host: its record on disk, its life, and the ways into it.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Output};

use serde::{Deserialize, Serialize};

use super::network::Network;
use super::tool::{self, Context as _};
use super::{HostSpec, LabError, Login, NETWORK, guest, machine, packages};

pub(super) const RECORD: &str = "host.json";

/// Folders that lie below a host's own, topmost first. Nothing writes to them again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer(Vec<PathBuf>);

impl Layer {
    pub(super) fn bare(image: PathBuf) -> Self {
        Self(vec![image])
    }

    fn over(folder: PathBuf, below: &Self) -> Self {
        Self(std::iter::once(folder).chain(below.0.iter().cloned()).collect())
    }
}

/// What a host is, kept in its folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) name: String,
    pub(super) fqdn: String,
    pub(super) address: Ipv4Addr,
    pub(super) gateway: Ipv4Addr,
    pub(super) login: Login,
    below: Layer,
}

impl Record {
    /// Makes the folder of a new host and gives it the address after `last`. One at a time per lab.
    pub(super) fn create(
        lab: &Path,
        network: &Network,
        spec: &HostSpec,
        below: Layer,
        last: u8,
    ) -> Result<Self, LabError> {
        let folder = lab.join("hosts").join(&spec.name);
        if folder.exists() {
            return Err(LabError(format!("the lab has a host {} already", spec.name)));
        }
        let taken: Vec<Ipv4Addr> = tool::folders_in(&lab.join("hosts"))?
            .iter()
            .filter_map(|folder| Self::load(folder).ok())
            .map(|record| record.address)
            .collect();
        // Not that of a host which just ended: connections that it had keep its network alive for minutes, and that answers.
        let address = (last + 1..=254)
            .chain(2..=last)
            .map(|number| network.address(number))
            .find(|address| !taken.contains(address))
            .ok_or_else(|| LabError("the lab is full: 253 hosts".into()))?;
        let record = Self {
            name: spec.name.clone(),
            fqdn: spec
                .fqdn
                .clone()
                .unwrap_or_else(|| format!("{}.lab.example", spec.name)),
            address,
            gateway: network.gateway(),
            login: spec.login.clone(),
            below,
        };
        fs::create_dir_all(&folder).context(|| format!("creating {}", folder.display()))?;
        record.save(&folder)?;
        Ok(record)
    }

    pub(super) fn load(folder: &Path) -> Result<Self, LabError> {
        let path = folder.join(RECORD);
        let text = fs::read(&path).context(|| format!("reading {}", path.display()))?;
        serde_json::from_slice(&text).context(|| format!("reading {}", path.display()))
    }

    fn save(&self, folder: &Path) -> Result<(), LabError> {
        let text = serde_json::to_vec_pretty(self).context(|| "writing the host's record".into())?;
        // Whoever lists labs may read it at any time.
        let fresh = folder.join(RECORD).with_extension("new");
        fs::write(&fresh, text)
            .and_then(|()| fs::rename(&fresh, folder.join(RECORD)))
            .context(|| format!("writing to {}", folder.display()))
    }
}

/// A host of a lab. An owned one is removed when this is dropped.
#[derive(Debug)]
pub struct LabHost {
    lab: PathBuf,
    folder: PathBuf,
    record: Record,
    child: Option<Child>,
    owned: bool,
}

impl LabHost {
    pub(super) fn new(lab: PathBuf, record: Record, owned: bool) -> Self {
        let folder = lab.join("hosts").join(&record.name);
        Self {
            lab,
            folder,
            record,
            child: None,
            owned,
        }
    }

    pub fn name(&self) -> &str {
        &self.record.name
    }

    pub fn fqdn(&self) -> &str {
        &self.record.fqdn
    }

    pub fn address(&self) -> Ipv4Addr {
        self.record.address
    }

    pub fn login(&self) -> &Login {
        &self.record.login
    }

    /// The private key that the host lets in, unless its login is by password.
    pub fn key(&self) -> PathBuf {
        self.lab.join("id_ed25519")
    }

    /// The host's public key: `ssh-ed25519 AAAA…`.
    ///
    /// # Errors
    /// The host was never started.
    pub fn host_key(&self) -> Result<String, LabError> {
        let path = self.folder.join("ssh_host_ed25519_key.pub");
        let text = fs::read_to_string(&path).context(|| format!("reading {}", path.display()))?;
        Ok(text.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
    }

    /// `SHA256:…` of the host's key, as `ssh-keygen -l` prints it.
    ///
    /// # Errors
    /// The host was never started.
    pub fn host_key_fingerprint(&self) -> Result<String, LabError> {
        use base64::Engine as _;
        use sha2::Digest as _;
        let key = self.host_key()?;
        let blob = base64::engine::general_purpose::STANDARD
            .decode(key.split(' ').nth(1).unwrap_or_default())
            .context(|| "reading the host's key".into())?;
        let digest = sha2::Sha256::digest(&blob);
        Ok(format!(
            "SHA256:{}",
            base64::engine::general_purpose::STANDARD_NO_PAD.encode(digest)
        ))
    }

    /// A file with the host's key in the form of `known_hosts`.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn known_hosts(&self) -> Result<PathBuf, LabError> {
        let path = self.folder.join("known_hosts");
        let line = format!("{} {}\n", self.address(), self.host_key()?);
        fs::write(&path, line).context(|| format!("writing {}", path.display()))?;
        Ok(path)
    }

    pub fn is_running(&self) -> bool {
        machine::pid(&self.folder.join("root")).is_some()
    }

    /// Boots the host and waits until it answers on its SSH port. A running one is left alone.
    ///
    /// # Errors
    /// The host doesn't come up: with the end of its console.
    pub fn start(&mut self) -> Result<(), LabError> {
        if self.is_running() {
            return machine::wait_for_ssh(&self.folder, self.record.address, || !self.is_running());
        }
        let network = Network::load(&self.lab.join(NETWORK))?;
        machine::unmount(&self.folder)?;
        machine::mount(&self.folder, &self.record.below.0)?;
        guest::furnish(&self.lab, &self.folder, &self.record)?;
        packages::provide(&self.folder.join("root"))?;
        let name = self.machine(&network);
        let child = self
            .child
            .insert(machine::boot(&self.folder, &name, &network.bridge())?);
        machine::wait_for_ssh(&self.folder, self.record.address, || {
            matches!(child.try_wait(), Ok(Some(_)))
        })
    }

    /// Shuts the host down in order; its files stay.
    ///
    /// # Errors
    /// The host can't be ended.
    pub fn stop(&mut self) -> Result<(), LabError> {
        self.end(true)
    }

    /// Pulls the plug and boots again, as a power cut would.
    ///
    /// # Errors
    /// The host doesn't come up.
    pub fn crash(&mut self) -> Result<(), LabError> {
        self.end(false)?;
        self.start()
    }

    fn end(&mut self, orderly: bool) -> Result<(), LabError> {
        machine::end(&self.folder.join("root"), orderly)?;
        if let Some(mut child) = self.child.take() {
            // It has ended, or nobody would ever end it.
            let _ = child.kill();
            let _ = child.wait();
        }
        // Open connections keep a killed host's network alive for minutes, and what is left of it answers.
        if let Ok(network) = Network::load(&self.lab.join(NETWORK)) {
            let interface = format!("vb-{}", self.machine(&network));
            let _ = tool::run("ip", &["link", "delete", "dev", &interface]);
        }
        packages::harvest(&self.folder.join("upper"))?;
        machine::unmount(&self.folder)
    }

    /// What nspawn calls it, and its network interface out here, with `vb-` before it (systemd-nspawn(1)).
    fn machine(&self, network: &Network) -> String {
        format!("{}-{}", network.bridge(), self.record.name)
    }

    /// Keeps the host's present state as a layer, which other hosts of this lab can start from and to which
    /// [`LabHost::reset`] comes back. Costs a restart, no copy.
    ///
    /// # Errors
    /// The host can't be stopped or doesn't come up again.
    pub fn snapshot(&mut self, name: &str) -> Result<Layer, LabError> {
        super::check_name(name)?;
        self.end(true)?;
        let layers = self.lab.join("layers");
        fs::create_dir_all(&layers).context(|| format!("creating {}", layers.display()))?;
        let folder = layers.join(name);
        if folder.exists() {
            return Err(LabError(format!("the lab has a layer {name} already")));
        }
        fs::rename(self.folder.join("upper"), &folder).context(|| format!("keeping the layer {name}"))?;
        let layer = Layer::over(folder, &self.record.below);
        self.record.below = layer.clone();
        self.record.save(&self.folder)?;
        self.start()?;
        Ok(layer)
    }

    /// Throws away everything since the last snapshot, or since the host was made, and boots.
    ///
    /// # Errors
    /// The host doesn't come up.
    pub fn reset(&mut self) -> Result<(), LabError> {
        self.end(false)?;
        tool::remove_folder(&self.folder.join("upper"))?;
        self.start()
    }

    /// Runs `script` with `sh` as root on the host, past SSH: it works whatever was done to sshd.
    ///
    /// # Errors
    /// The host is not running.
    pub fn run(&self, script: &str) -> Result<Output, LabError> {
        let leader = machine::pid(&self.folder.join("root"))
            .and_then(machine::leader)
            .ok_or_else(|| LabError(format!("the lab host {} is not running", self.name())))?;
        tool::command("nsenter")
            .args([
                "--target",
                &leader.to_string(),
                "--all",
                "--",
                "/bin/sh",
                "-c",
                script,
            ])
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            )
            .env("HOME", "/root")
            .output()
            .context(|| format!("running a script on {}", self.name()))
    }

    /// The words of an `ssh` command that logs in to this host with the lab's key.
    ///
    /// # Errors
    /// The host was never started.
    pub fn ssh_command(&self) -> Result<std::process::Command, LabError> {
        let mut ssh = std::process::Command::new(tool::find("ssh").unwrap_or_else(|| "ssh".into()));
        ssh.args([
            "-F",
            "none",
            "-o",
            "IdentitiesOnly=yes",
            "-o",
            "StrictHostKeyChecking=yes",
            "-i",
        ])
        .arg(self.key())
        .arg("-o")
        .arg(format!("UserKnownHostsFile={}", self.known_hosts()?.display()))
        .arg(format!("{}@{}", self.login().user(), self.address()));
        Ok(ssh)
    }

    /// Runs `command` over SSH.
    ///
    /// # Errors
    /// `ssh` can't be started.
    pub fn ssh(&self, command: &str) -> Result<Output, LabError> {
        let mut ssh = self.ssh_command()?;
        ssh.stdin(std::process::Stdio::null())
            .arg(command)
            .output()
            .context(|| format!("running ssh to {}", self.name()))
    }

    /// Where the host's files can be read from this machine while it runs.
    pub fn root(&self) -> PathBuf {
        self.folder.join("root")
    }

    /// The host's files as its own processes see them, with what was mounted since it booted.
    ///
    /// # Errors
    /// The host is not running.
    pub fn inner_root(&self) -> Result<PathBuf, LabError> {
        let leader = machine::pid(&self.folder.join("root"))
            .and_then(machine::leader)
            .ok_or_else(|| LabError(format!("the lab host {} is not running", self.name())))?;
        Ok(PathBuf::from(format!("/proc/{leader}/root")))
    }

    pub(super) fn keep(mut self) {
        self.owned = false;
    }

    /// Removes the host.
    ///
    /// # Errors
    /// It can't be ended or unmounted.
    pub fn remove(mut self) -> Result<(), LabError> {
        self.owned = false;
        self.end(false)?;
        discard(&self.folder)
    }
}

impl Drop for LabHost {
    fn drop(&mut self) {
        if self.owned {
            // A failure here is made up for by the lab's own end.
            let _ = self.end(false);
            let _ = discard(&self.folder);
        }
    }
}

/// Ends and removes the host in `folder`, however much of it there is.
pub(super) fn discard(folder: &Path) -> Result<(), LabError> {
    machine::end(&folder.join("root"), false)?;
    packages::harvest(&folder.join("upper"))?;
    machine::unmount(folder)?;
    tool::remove_folder(folder)
}
