//! The inventory of a rehearsal: the operator's, with lab hosts in the place of the real ones.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use super::{Rehearsal, RehearseError};
use crate::lab::LabHost;
use crate::secret::vault::Vault;
use crate::secret::{Secret, random};
use crate::value::Value;

/// A folder that nobody else can read, gone when dropped.
pub(super) struct Site {
    folder: tempfile::TempDir,
    /// The secrets that the rehearsed hosts get.
    pub(super) vault: Vault,
}

impl Site {
    /// Writes inventory, secrets and the identity that opens them. Without identities of the operator's every
    /// secret is made up: a rehearsal needs nothing but the machine.
    pub(super) fn make(rehearsal: &Rehearsal<'_>, hosts: &[LabHost]) -> Result<Self, RehearseError> {
        let folder = tempfile::tempdir().map_err(io("making a folder for the rehearsal"))?;
        let names = super::secrets(rehearsal.inventory, rehearsal.roles);
        let values = if rehearsal.identities.is_empty() {
            names
                .iter()
                .map(|name| random::password().map(|secret| (name.clone(), secret)))
                .collect::<Result<_, _>>()?
        } else {
            let wanted: Vec<&str> = names.iter().map(String::as_str).collect();
            let vault = rehearsal.inventory.secrets.open(&wanted, rehearsal.identities)?;
            names
                .iter()
                .filter_map(|name| Some((name.clone(), vault.get(name)?.clone())))
                .collect::<BTreeMap<_, _>>()
        };
        let site = Self {
            folder,
            vault: Vault::new(values.clone()),
        };
        fs::write(site.inventory(), inventory(rehearsal, hosts)?).map_err(io("writing the inventory"))?;
        site.write_secrets(&values)?;
        Ok(site)
    }

    pub(super) fn inventory(&self) -> PathBuf {
        self.folder.path().join("inventory.yaml")
    }

    pub(super) fn identity(&self) -> PathBuf {
        self.folder.path().join("identity")
    }

    fn write_secrets(&self, values: &BTreeMap<String, Secret>) -> Result<(), RehearseError> {
        use age::secrecy::ExposeSecret as _;
        let identity = age::x25519::Identity::generate();
        fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(self.identity())
            .and_then(|mut file| file.write_all(identity.to_string().expose_secret().as_bytes()))
            .map_err(io("writing an identity"))?;
        let mut text = format!("recipients: [{}]\nsecrets:\n", identity.to_public());
        if values.is_empty() {
            text = text.replace("secrets:\n", "secrets: {}\n");
        }
        for (name, value) in values {
            let armored = age::encrypt_and_armor(&identity.to_public(), value.expose().as_bytes())
                .map_err(|error| RehearseError::Io(format!("encrypting {name}: {error}")))?;
            let _ = writeln!(text, "  {}: |", quoted(name));
            for line in armored.lines() {
                let _ = writeln!(text, "    {line}");
            }
        }
        fs::write(self.folder.path().join("secrets.yaml"), text).map_err(io("writing the secrets"))
    }
}

fn io(doing: &str) -> impl Fn(std::io::Error) -> RehearseError + '_ {
    move |error| RehearseError::Io(format!("{doing}: {error}"))
}

/// Groups are merged into their hosts already; what is left of them is who is in them.
fn inventory(rehearsal: &Rehearsal<'_>, hosts: &[LabHost]) -> Result<String, RehearseError> {
    let mut text = String::new();
    if let Some(folder) = rehearsal.inventory.role_folders.first() {
        let folder = fs::canonicalize(folder).map_err(io("finding the folder of roles"))?;
        let _ = writeln!(text, "roles_path: {}", quoted(&folder.to_string_lossy()));
    }
    text.push_str("hosts:\n");
    for (host, lab) in rehearsal.inventory.hosts.iter().zip(hosts) {
        let item = |role: &crate::inventory::RoleUse| match role.absent {
            None => quoted(&role.name),
            Some(absent) => format!(
                "{{role: {}, state: absent, purge: {}}}",
                quoted(&role.name),
                absent.purge
            ),
        };
        let roles: Vec<String> = host.roles.iter().map(item).collect();
        let _ = write!(
            text,
            "  {}:\n    ssh:\n      address: {}\n      user: {}\n      identity_files: [{}]\n      \
             host_key_fingerprint: {}\n    roles: [{}]\n",
            quoted(&host.name),
            lab.address(),
            lab.login().user(),
            quoted(&lab.key().to_string_lossy()),
            quoted(&lab.host_key_fingerprint()?),
            roles.join(", ")
        );
        if let Some(release) = &host.release {
            let _ = writeln!(text, "    release: {}", quoted(release));
        }
        let others = super::other_values(rehearsal, host);
        if !host.variables.0.is_empty() || !others.is_empty() {
            text.push_str("    variables:\n");
        }
        let own = host.variables.0.iter();
        let own = own
            .filter(|(name, _)| !others.contains_key(name.as_str()))
            .map(|(name, variable)| (name.as_str(), variable.node.to_value()));
        for (name, value) in own.chain(others.clone()) {
            let _ = writeln!(text, "      {}: {}", quoted(name), flow(&value));
        }
    }
    Ok(text)
}

/// A YAML string: JSON's are.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A value in YAML's flow style, on one line: JSON, and the tag that JSON has no word for.
pub(super) fn flow(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => serde_json::Value::from(*value).to_string(),
        Value::Text(text) => quoted(text),
        Value::Secret(name) => format!("!secret {}", quoted(name)),
        Value::List(list) => {
            let items: Vec<String> = list.iter().map(flow).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Map(map) => {
            let entries: Vec<String> = map
                .iter()
                .map(|(key, value)| format!("{}: {}", quoted(key), flow(value)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Source;

    #[test]
    fn every_value_survives_being_written_and_read() {
        let text = "a: [1, 2.5, true, null, \"0644\", 'yes']\nb: {c: !secret db, \"d: e\": \"x # y\\n: ü\"}\n\
                    f: []\ng: {}\n";
        let value = |text: &str| crate::yaml::parse(&Source::new("t", text)).unwrap().to_value();
        let before = value(text);
        assert_eq!(value(&flow(&before)), before);
    }
}
