//! An operator's folder made on the spot: inventory, roles, secrets.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use mailprov::lab::{LabHost, Login};

use super::command::Run;

/// A folder with an inventory. Gone when dropped.
pub struct Site {
    folder: tempfile::TempDir,
    hosts: String,
    top: String,
    whole: Option<String>,
    secrets: Vec<(String, String)>,
}

#[allow(dead_code)]
impl Site {
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            hosts: String::new(),
            top: String::new(),
            whole: None,
            secrets: Vec::new(),
        }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A file in the folder; its folders are made.
    pub fn file(self, path: &str, text: &str) -> Self {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    /// `roles/NAME/role.yaml`
    pub fn role(self, name: &str, yaml: &str) -> Self {
        self.file(&format!("roles/{name}/role.yaml"), yaml)
    }

    /// `roles/ROLE/templates/NAME`
    pub fn template(self, role: &str, name: &str, text: &str) -> Self {
        self.file(&format!("roles/{role}/templates/{name}"), text)
    }

    /// A lab host under its own name, with these roles; `variables` is the YAML of its `variables:` map.
    pub fn host(self, host: &LabHost, roles: &[&str], variables: &str) -> Self {
        let address = (host.address(), 22).into();
        self.host_at(host, address, roles, variables)
    }

    /// [`Site::host`], reached at `address`: through a relay, for one.
    pub fn host_at(mut self, host: &LabHost, address: SocketAddr, roles: &[&str], variables: &str) -> Self {
        let _ = write!(
            self.hosts,
            "  {}:\n    ssh:\n      address: {}\n      port: {}\n      user: {}\n      host_key_fingerprint: {}\n",
            host.name(),
            address.ip(),
            address.port(),
            host.login().user(),
            host.host_key_fingerprint().unwrap()
        );
        match host.login() {
            Login::RootKey => self.hosts += &key(host),
            Login::RootPassword(password) => {
                self.hosts += "      password: !secret ssh_password\n";
                self = self.secret("ssh_password", password);
            }
            Login::Sudo { password, .. } => {
                self.hosts += &key(host);
                if let Some(password) = password {
                    self.hosts += "      sudo_password: !secret sudo_password\n";
                    self = self.secret("sudo_password", password);
                }
            }
        }
        let _ = writeln!(self.hosts, "    roles: [{}]", roles.join(", "));
        if !variables.trim().is_empty() {
            self.hosts += "    variables:\n";
            self.hosts += &indented(variables, 6);
        }
        self
    }

    /// Lines for the top of the inventory: `variables:`, `groups:`.
    pub fn top(mut self, yaml: &str) -> Self {
        self.top += yaml;
        self.top.push('\n');
        self
    }

    /// A whole inventory, instead of one made of hosts and the top.
    pub fn whole(mut self, yaml: String) -> Self {
        self.whole = Some(yaml);
        self
    }

    /// An entry of the secrets file, encrypted for an identity that every command is given.
    pub fn secret(mut self, name: &str, value: &str) -> Self {
        self.secrets.retain(|(known, _)| known != name);
        self.secrets.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Writes what was declared and returns the inventory's path.
    pub fn inventory(&self) -> PathBuf {
        let path = self.path().join("inventory.yaml");
        let made = || format!("{}hosts:\n{}", self.top, self.hosts);
        fs::write(&path, self.whole.clone().unwrap_or_else(made)).unwrap();
        if !self.secrets.is_empty() {
            self.write_secrets();
        }
        path
    }

    fn write_secrets(&self) {
        use age::secrecy::ExposeSecret as _;
        let identity = age::x25519::Identity::generate();
        fs::write(self.identity(), identity.to_string().expose_secret()).unwrap();
        fs::set_permissions(self.identity(), fs::Permissions::from_mode(0o600)).unwrap();
        let recipient = identity.to_public();
        let mut text = format!("recipients: [{recipient}]\nsecrets:\n");
        for (name, value) in &self.secrets {
            let armored = age::encrypt_and_armor(&recipient, value.as_bytes()).unwrap();
            let _ = write!(text, "  {name}: |\n{}", indented(&armored, 4));
        }
        fs::write(self.path().join("secrets.yaml"), text).unwrap();
    }

    /// The file that opens the secrets.
    pub fn identity(&self) -> PathBuf {
        self.path().join("identity.txt")
    }

    /// Runs `mailprov` on the inventory, which goes after the first word of `arguments`.
    pub fn mailprov(&self, arguments: &[&str]) -> Run {
        let (command, rest) = arguments.split_first().unwrap();
        let inventory = self.inventory();
        let identity = self.identity();
        let mut words = vec![*command, inventory.to_str().unwrap()];
        words.extend(rest);
        if !self.secrets.is_empty()
            && ["advice", "apply", "drift", "facts", "history", "rollback"].contains(command)
        {
            words.extend(["--identity", identity.to_str().unwrap()]);
        }
        Run::new(self.path(), &words)
    }
}

fn key(host: &LabHost) -> String {
    format!("      identity_files: [{}]\n", host.key().display())
}

fn indented(text: &str, by: usize) -> String {
    let margin = " ".repeat(by);
    text.lines().map(|line| format!("{margin}{line}\n")).collect()
}
