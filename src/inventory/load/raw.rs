//! The inventory as its files say it, before groups give anything to hosts.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Document, connection, is_nothing, names, role};
use crate::diagnostic::{Diagnostic, Diagnostics, Place, did_you_mean};
use crate::inventory::{Connection, RoleUse};
use crate::yaml::{Key, Node, NodeValue, unknown_key};

/// A value is shared by all hosts that have it, however many they are.
pub type Variables = Vec<(Key, Arc<Node>)>;

#[derive(Default)]
pub struct Raw {
    pub variables: Variables,
    /// Outer groups before the groups inside them.
    pub groups: Vec<RawGroup>,
    pub hosts: Vec<RawHost>,
    pub secrets: Option<(PathBuf, Node)>,
    pub roles_path: Option<(PathBuf, Node)>,
}

pub struct RawGroup {
    pub key: Key,
    /// Index of the group that it stands in.
    pub parent: Option<usize>,
    pub hosts: Vec<(String, Place)>,
    pub roles: Vec<RoleUse>,
    pub variables: Variables,
}

pub struct RawHost {
    pub key: Key,
    pub connection: Connection,
    pub release: Option<String>,
    pub roles: Vec<RoleUse>,
    pub variables: Variables,
}

impl Raw {
    /// Adds what a file says. `secrets:` and `roles_path:` belong in the `first` file.
    pub fn read(&mut self, document: &Document, first: bool, found: &mut Diagnostics) {
        const KEYS: [&str; 6] = ["include", "secrets", "roles_path", "variables", "groups", "hosts"];
        let Some(entries) = found.keep(document.root.expect_map("the inventory")) else {
            return;
        };
        for (key, node) in entries {
            match key.name.as_str() {
                "include" => {}
                "secrets" | "roles_path" if !first => found.push(
                    Diagnostic::new(format!("`{}` can't stand in an included file", key.name))
                        .at(&key.place)
                        .help("move it to the inventory file itself"),
                ),
                "secrets" | "roles_path" => {
                    if let Some(name) = found.keep(node.expect_text(&key.name)) {
                        let setting = Some((names::path(name, &document.folder), node.clone()));
                        if key.name == "secrets" {
                            self.secrets = setting;
                        } else {
                            self.roles_path = setting;
                        }
                    }
                }
                "variables" => {
                    for (key, node) in read_variables(node, found) {
                        if let Some((first, _)) = self.variables.iter().find(|(k, _)| k.name == key.name) {
                            found.push(twice("variable", &key, &first.place));
                        } else {
                            self.variables.push((key, node));
                        }
                    }
                }
                "groups" => self.read_groups(node, None, found),
                "hosts" => self.read_hosts(node, &document.folder, found),
                _ => found.push(unknown_key(key, "the inventory", &KEYS)),
            }
        }
    }

    fn read_groups(&mut self, node: &Node, parent: Option<usize>, found: &mut Diagnostics) {
        const KEYS: [&str; 4] = ["hosts", "groups", "roles", "variables"];
        for (key, node) in found.keep(node.expect_map("groups")).unwrap_or_default() {
            let of = format!("the group `{}`", key.name);
            found.keep(names::simple("group", &key.name, &key.place));
            if let Some(first) = self.groups.iter().find(|group| group.key.name == key.name) {
                let inside = std::iter::successors(parent, |p| self.groups[*p].parent)
                    .any(|ancestor| self.groups[ancestor].key.name == key.name);
                found.push(if inside {
                    Diagnostic::new(format!("the group `{}` contains itself", key.name))
                        .at(&key.place)
                        .help(format!("it began at {}", first.key.place))
                } else {
                    twice("group", key, &first.key.place)
                });
                continue;
            }
            let Some(entries) = found.keep(node.expect_map(&key.name)) else {
                continue;
            };
            let index = self.groups.len();
            self.groups.push(RawGroup {
                key: key.clone(),
                parent,
                hosts: Vec::new(),
                roles: Vec::new(),
                variables: Vec::new(),
            });
            let mut nested = None;
            for (key, node) in entries {
                match key.name.as_str() {
                    "hosts" => self.groups[index].hosts = read_names("hosts", node, found),
                    "roles" => self.groups[index].roles = read_roles(node, found),
                    "variables" => self.groups[index].variables = read_variables(node, found),
                    "groups" => nested = Some(node),
                    _ => found.push(unknown_key(key, &of, &KEYS)),
                }
            }
            // After the group's own entries: the order of the groups is from outer to inner.
            if let Some(nested) = nested {
                self.read_groups(nested, Some(index), found);
            }
        }
    }

    fn read_hosts(&mut self, node: &Node, folder: &std::path::Path, found: &mut Diagnostics) {
        const KEYS: [&str; 4] = ["ssh", "release", "roles", "variables"];
        let entries = match (&node.value, node.expect_map("hosts")) {
            (NodeValue::List(_), Err(diagnostic)) => {
                found.push(diagnostic.help("write each host as a key: `mx1: {roles: [base]}`"));
                return;
            }
            (_, result) => found.keep(result).unwrap_or_default(),
        };
        for (key, node) in entries {
            let of = format!("the host `{}`", key.name);
            found.keep(names::host(key));
            if let Some(first) = self.hosts.iter().find(|host| host.key.name == key.name) {
                found.push(twice("host", key, &first.key.place));
                continue;
            }
            let entries = match (&node.value, node.expect_map(&key.name)) {
                (NodeValue::Text { text, .. }, Err(diagnostic)) => {
                    found
                        .push(diagnostic.help(format!("write `{}: {{ssh: {{address: {text}}}}}`", key.name)));
                    continue;
                }
                (_, result) => found.keep(result).unwrap_or_default(),
            };
            let mut host = RawHost {
                key: key.clone(),
                connection: Connection::default(),
                release: None,
                roles: Vec::new(),
                variables: Vec::new(),
            };
            for (key, node) in entries {
                match key.name.as_str() {
                    "ssh" => host.connection = connection::read(node, folder, found),
                    "release" => host.release = found.keep(read_release(node)),
                    "roles" => host.roles = read_roles(node, found),
                    "variables" => host.variables = read_variables(node, found),
                    name => {
                        let diagnostic = unknown_key(key, &of, &KEYS);
                        let here = did_you_mean(name, KEYS);
                        found.push(match did_you_mean(name, connection::KEYS) {
                            Some(near) if here.is_none() => {
                                diagnostic.help(format!("`{near}:` belongs inside `ssh:`"))
                            }
                            _ => diagnostic,
                        });
                    }
                }
            }
            self.hosts.push(host);
        }
    }
}

fn read_variables(node: &Node, found: &mut Diagnostics) -> Variables {
    let entries = found.keep(node.expect_map("variables")).unwrap_or_default();
    for (key, _) in entries {
        found.keep(names::variable(&key.name, &key.place));
    }
    let shared = |(key, node): &(Key, Node)| (key.clone(), Arc::new(node.clone()));
    entries.iter().map(shared).collect()
}

/// A list of `ROLE` and `{role: ROLE, state: absent}`, no role twice.
fn read_roles(node: &Node, found: &mut Diagnostics) -> Vec<RoleUse> {
    let mut roles: Vec<RoleUse> = Vec::new();
    if is_nothing(node) {
        return roles;
    }
    let items = found.keep(node.expect_list("roles")).unwrap_or_default();
    for (i, item) in items.iter().enumerate() {
        let Some(role) = role::read(item, i, found) else {
            continue;
        };
        found.keep(names::simple("role", &role.name, &role.place));
        if roles.iter().any(|known| known.name == role.name) {
            found.push(
                Diagnostic::new(format!("`{}` is listed twice", role.name))
                    .at(&role.place)
                    .help("remove one of the two"),
            );
        } else {
            roles.push(role);
        }
    }
    roles
}

/// A list of names, none of them twice.
fn read_names(what: &str, node: &Node, found: &mut Diagnostics) -> Vec<(String, Place)> {
    let mut names: Vec<(String, Place)> = Vec::new();
    if is_nothing(node) {
        return names;
    }
    let items = found.keep(node.expect_list(what)).unwrap_or_default();
    for (i, item) in items.iter().enumerate() {
        let Some(name) = found.keep(item.expect_text(&format!("{what}[{i}]"))) else {
            continue;
        };
        if names.iter().any(|(known, _)| known == name) {
            found.push(
                item.mistake(format!("`{name}` is listed twice"))
                    .help("remove one of the two"),
            );
        } else {
            names.push((name.to_owned(), item.place.clone()));
        }
    }
    names
}

/// `debian-13`: `ID` of os-release, and `VERSION_ID` where the distribution has one.
fn read_release(node: &Node) -> Result<String, Diagnostic> {
    const HELP: &str = "write the distribution and its release: debian-13";
    let text = match node.expect_text("release") {
        Ok(text) => text,
        Err(diagnostic) => return Err(diagnostic.help(HELP)),
    };
    let (id, version) = text.split_once('-').unwrap_or((text, "0"));
    let valid = id.starts_with(|c: char| c.is_ascii_lowercase())
        && id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        && version.starts_with(|c: char| c.is_ascii_digit())
        && version.chars().all(|c| c.is_ascii_digit() || c == '.');
    if valid {
        Ok(text.to_owned())
    } else {
        Err(node.mistake(format!("`{text}` is no release")).help(HELP))
    }
}

fn twice(what: &str, key: &Key, first: &Place) -> Diagnostic {
    Diagnostic::new(format!("the {what} `{}` is defined twice", key.name))
        .at(&key.place)
        .help(format!(
            "it is already defined at {first}; remove or rename one of the two"
        ))
}
