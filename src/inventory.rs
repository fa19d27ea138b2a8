//! The inventory: hosts, groups, variables, and which roles a host has.
//!
//! Loading finds every mistake at once and knows the place of every value. It knows roles only by name; what
//! variables they take is checked by `role`.

pub mod load;

use std::path::PathBuf;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::diagnostic::Place;
use crate::secret::vault::SecretsFile;
use crate::yaml::Node;

/// A loaded inventory.
#[derive(Debug, Clone)]
pub struct Inventory {
    pub path: PathBuf,
    /// In the order of declaration.
    pub hosts: Vec<InventoryHost>,
    /// Group name → names of the hosts in it, nested ones included.
    pub groups: IndexMap<String, Vec<String>>,
    /// Folders with roles of the user's own, searched before the built-in ones.
    pub role_folders: Vec<PathBuf>,
    pub secrets: SecretsFile,
}

/// A host of the inventory, with everything that its groups give it.
#[derive(Debug, Clone)]
pub struct InventoryHost {
    pub name: String,
    pub place: Place,
    pub connection: Connection,
    /// Distribution and release that offline commands assume, `debian-13`.
    pub release: Option<String>,
    /// From outer to inner group.
    pub groups: Vec<String>,
    pub roles: Vec<RoleUse>,
    pub variables: Variables,
}

impl InventoryHost {
    /// The roles that the host is to have.
    pub fn present_roles(&self) -> impl Iterator<Item = &RoleUse> {
        self.roles.iter().filter(|role| role.absent.is_none())
    }

    /// The roles that are to be taken away from the host.
    pub fn absent_roles(&self) -> impl Iterator<Item = (&RoleUse, Absent)> {
        self.roles
            .iter()
            .filter_map(|role| role.absent.map(|absent| (role, absent)))
    }
}

/// How a host is reached: the host's `ssh:` map.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Connection {
    /// Name or address; the host's name when not given.
    pub address: Option<String>,
    /// 22 when not given.
    pub port: Option<u16>,
    /// `root` when not given.
    pub user: Option<String>,
    /// Private key files, tried in order before the agent.
    pub identity_files: Vec<PathBuf>,
    /// Name of a secret.
    pub password: Option<String>,
    /// Name of a secret.
    pub sudo_password: Option<String>,
    /// `SHA256:…`: the host key is accepted if it has this fingerprint.
    pub host_key_fingerprint: Option<String>,
    pub known_hosts: Option<PathBuf>,
    /// Whether the operator's `~/.ssh/config` counts; it does when not given.
    pub ssh_config: Option<bool>,
    /// How the provider handed the host over, if the inventory says it.
    pub bootstrap: Option<Bootstrap>,
    /// The host is this machine: no SSH. The command line says so, never the inventory.
    pub local: bool,
}

/// How a host can be entered before `mailprov bootstrap` was there: the map `bootstrap:` in the host's `ssh:`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Bootstrap {
    /// `root` when not given.
    pub user: Option<String>,
    /// Name of the secret with this user's password: tried at the first login, and set when the host demands a new one.
    pub password: Option<String>,
    /// Public keys that may log in afterwards, instead of the operator's.
    pub authorized_keys: Vec<PathBuf>,
}

/// A role in a host's list.
#[derive(Debug, Clone, PartialEq)]
pub struct RoleUse {
    pub name: String,
    pub place: Place,
    /// `Some`: what the role made on the host is to be taken back.
    pub absent: Option<Absent>,
}

/// How a role is taken away: `{role: ROLE, state: absent}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Absent {
    /// Whether people's mail, keys and databases go too.
    pub purge: bool,
}

/// Variables of one host after merging, by name, in the order of their first mention.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Variables(pub IndexMap<String, Variable>);

/// A value that won, and what it won over.
#[derive(Debug, Clone, PartialEq)]
pub struct Variable {
    /// The value with its places inside.
    pub node: Arc<Node>,
    pub origin: Origin,
    /// Where the name itself stands, for "unknown variable".
    pub key: Place,
    /// The values that this one overrode, nearest first.
    pub overridden: Vec<(Origin, Arc<Node>)>,
}

/// The level that a value was set on: later ones win.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// `variables:` at the top of the inventory.
    Inventory,
    Group(String),
    Host(String),
    /// `--set` on the command line.
    CommandLine,
}

/// In the words of messages: `the group mail`.
impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Inventory => f.write_str("the inventory"),
            Self::Group(name) => write!(f, "the group `{name}`"),
            Self::Host(name) => write!(f, "the host `{name}`"),
            Self::CommandLine => f.write_str("the command line"),
        }
    }
}
