//! What the operator's `~/.ssh/config` and `/etc/ssh/ssh_config` say of a host, as ssh_config(5) has it.
//!
//! Owns reading, matching and expansion; knows nothing of the inventory. Stricter than ssh(1): what can't be read,
//! understood or honoured is refused with its place, and nothing from these files is ever executed.

mod complete;
mod expand;
mod jump;
pub mod limits;
mod line;
mod matching;
mod operator;
mod read;
mod setting;

use std::path::PathBuf;

pub use complete::complete;
pub use jump::Jump;
pub use operator::Operator;
pub use setting::{Agent, Strict};

/// The files to read, the first value of an option wins.
#[derive(Debug, Clone)]
pub struct SshConfig {
    pub files: Vec<ConfigFile>,
    pub operator: Operator,
}

/// One file and how its content is taken.
#[derive(Debug, Clone)]
pub struct ConfigFile {
    pub path: PathBuf,
    /// Relative names in `Include` start here.
    pub folder: PathBuf,
    /// Must belong to the operator or root and be writable by nobody else; `~` is understood in `Include`.
    pub personal: bool,
    /// Must exist.
    pub required: bool,
}

/// What stands in place of ssh's command line: it wins over the files.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// What one would type after `ssh`.
    pub name: String,
    pub user: Option<String>,
    pub port: Option<u16>,
    /// The login when neither this nor a file names one.
    pub default_user: String,
}

/// The options of one host, tokens and `~` expanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    pub host_name: String,
    pub user: String,
    pub port: u16,
    /// Empty: the default files. `none` in the file gives none, and `no_identity_files`.
    pub identity_files: Vec<PathBuf>,
    pub no_identity_files: bool,
    pub identities_only: bool,
    pub agent: Agent,
    pub certificate_files: Vec<PathBuf>,
    /// The operator's own files, then those of the machine. `None`: the defaults.
    pub user_known_hosts: Option<Vec<PathBuf>>,
    pub global_known_hosts: Option<Vec<PathBuf>>,
    pub strict: Strict,
    pub host_key_alias: Option<String>,
    pub limits: limits::Limits,
    /// In the order of the connection.
    pub jumps: Vec<Jump>,
}

impl SshConfig {
    /// The files that ssh(1) reads by default.
    ///
    /// # Errors
    /// Nobody knows who the operator is.
    pub fn of_operator() -> Result<Self, String> {
        let operator = Operator::current()?;
        let personal = operator.home.join(".ssh");
        Ok(Self {
            files: vec![
                ConfigFile {
                    path: personal.join("config"),
                    folder: personal,
                    personal: true,
                    required: false,
                },
                ConfigFile {
                    path: "/etc/ssh/ssh_config".into(),
                    folder: "/etc/ssh".into(),
                    personal: false,
                    required: false,
                },
            ],
            operator,
        })
    }

    /// What the files say of a host.
    ///
    /// # Errors
    /// `file:line: what`: a file that can't be read, a line that makes no sense, an option that can't be honoured.
    pub fn options(&self, asked: &Asked) -> Result<Options, String> {
        let settings = read::read(self, asked)?;
        expand::options(settings, &self.operator, asked)
    }
}

#[cfg(test)]
mod tests;
