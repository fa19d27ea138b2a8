//! Ansible and pyinfra, from PyPI, as their documentation says to make them fast.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use mailprov::lab::LabHost;

use crate::measure;

/// The peers' programs.
pub struct Peers {
    folder: PathBuf,
}

impl Peers {
    /// In a virtual environment that is made once.
    pub fn install(cache: &Path) -> Self {
        let folder = cache.join("venv");
        if !folder.join("bin/pyinfra").exists() || !folder.join("bin/ansible-playbook").exists() {
            eprintln!("fetching ansible-core and pyinfra");
            fs::create_dir_all(cache).unwrap();
            measure::run(Command::new("python3").args(["-m", "venv"]).arg(&folder));
            let pip = folder.join("bin/pip");
            measure::run(Command::new(pip).args(["--quiet", "install", "ansible-core", "pyinfra"]));
        }
        Self { folder }
    }

    pub fn versions(&self) -> String {
        let first = |program: &str| {
            let (_, said) =
                measure::run(Command::new(self.folder.join("bin").join(program)).arg("--version"));
            said.lines().next().unwrap_or_default().to_owned()
        };
        format!("{}; {}", first("ansible"), first("pyinfra"))
    }

    /// Inventories of both for `host`.
    pub fn furnish(site: &Path, host: &LabHost) {
        let known = host.known_hosts().unwrap();
        fs::write(
            site.join("ansible.cfg"),
            format!(
                "[defaults]\ninventory = hosts.ini\nforks = 20\ninterpreter_python = /usr/bin/python3\n[ssh_connection]\n\
                 pipelining = True\ncontrol_path_dir = {}/cp\nssh_args = -F none -C -o ControlMaster=auto -o \
                 ControlPersist=60s -o IdentitiesOnly=yes -o UserKnownHostsFile={}\n",
                site.display(),
                known.display()
            ),
        )
        .unwrap();
        fs::write(
            site.join("hosts.ini"),
            format!(
                "{} ansible_user=root ansible_ssh_private_key_file={}\n",
                host.address(),
                host.key().display()
            ),
        )
        .unwrap();
        fs::write(
            site.join("inventory.py"),
            format!(
                "hosts = [(\"{}\", {{\"ssh_user\": \"root\", \"ssh_key\": \"{}\", \"ssh_known_hosts_file\": \"{}\", \
                 \"ssh_strict_host_key_checking\": \"yes\"}})]\n",
                host.address(),
                host.key().display(),
                known.display()
            ),
        )
        .unwrap();
    }

    pub fn ansible(&self, site: &Path, work: &str) -> Command {
        let mut command = self.program("ansible-playbook", site);
        command
            .env("ANSIBLE_CONFIG", site.join("ansible.cfg"))
            .arg(format!("{work}.yml"));
        command
    }

    pub fn pyinfra(&self, site: &Path, work: &str) -> Command {
        let mut command = self.program("pyinfra", site);
        command.args(["-y", "inventory.py"]).arg(format!("{work}.py"));
        command
    }

    fn program(&self, name: &str, site: &Path) -> Command {
        let mut command = Command::new(self.folder.join("bin").join(name));
        command
            .current_dir(site)
            .env("HOME", site)
            .env("LC_ALL", "C.UTF-8")
            .env_remove("SSH_AUTH_SOCK")
            .stdin(std::process::Stdio::null());
        command
    }
}
