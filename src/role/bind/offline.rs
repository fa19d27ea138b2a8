//! Everything that can be proven without a host and without an identity.

use std::collections::BTreeMap;

use super::{Binding, SecretUse, assumed_facts, conflicts, steps};
use crate::diagnostic::Diagnostics;
use crate::graph::StepGraph;
use crate::inventory::{Inventory, InventoryHost};
use crate::role::declare;
use crate::role::load::Roles;
use crate::secret::vault::Vault;
use crate::step::probe::{CheckState, Observed, Probe};

/// Everything that can be proven without a host: variables, templates, needs and the graph of every host.
///
/// Secrets that the secrets file lacks are no mistake here: whoever checks an inventory need not know them.
///
/// # Errors
/// Every mistake of every host.
pub fn validate(inventory: &Inventory, roles: &Roles) -> Result<(), Diagnostics> {
    graph(inventory, roles).map(|_| ())
}

/// The graph of all hosts as it is without asking them: facts are assumed, secrets are placeholders.
///
/// # Errors
/// Every mistake of every host.
pub fn graph(inventory: &Inventory, roles: &Roles) -> Result<StepGraph, Diagnostics> {
    let vault = offline_vault(inventory, roles);
    let mut wrong = Diagnostics::default();
    let mut hosts = Vec::new();
    for host in &inventory.hosts {
        let facts = assumed_facts(roles, host);
        let bound = steps(&Binding {
            inventory,
            roles,
            host,
            vault: &vault,
            facts: &facts,
        });
        let binding = Binding {
            inventory,
            roles,
            host,
            vault: &vault,
            facts: &facts,
        };
        if bound.is_ok() {
            // Its texts are tried as well, though nobody has seen the host.
            match super::advice_probes(&binding)
                .and_then(|probes| super::advice(&binding, &answered(&probes)))
            {
                Ok(_) => {}
                Err(mistakes) => wrong.extend(mistakes),
            }
        }
        match bound {
            Ok(steps) => {
                wrong.extend(conflicts::find(roles, &steps));
                hosts.push(steps);
            }
            Err(mistakes) => wrong.extend(mistakes),
        }
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    StepGraph::build(hosts)
}

/// A host that has nothing to say.
fn answered(probes: &[Probe]) -> Observed {
    let mut observed = Observed::default();
    for probe in probes {
        if let Probe::Check(script) = probe {
            let nothing = CheckState {
                status: 0,
                output: String::new(),
            };
            observed.checks.insert(script.clone(), nothing);
        }
    }
    observed
}

/// The secrets that the variables of `host` refer to, by name.
///
/// # Errors
/// Mistakes in the host's variables.
pub fn secrets(
    inventory: &Inventory,
    roles: &Roles,
    host: &InventoryHost,
) -> Result<BTreeMap<String, SecretUse>, Diagnostics> {
    declare::resolve(inventory, roles, host).map(|resolved| resolved.secrets)
}

/// What needs a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needed {
    /// The variable, or the login on a host, for people.
    pub by: String,
    /// Whether it may be made up when it is missing.
    pub generate: bool,
}

/// Every secret that the inventory needs, logins included: name → what needs it first. Hosts with mistakes in their
/// variables are left out.
pub fn needed_secrets(inventory: &Inventory, roles: &Roles) -> BTreeMap<String, Needed> {
    let mut needed: BTreeMap<String, Needed> = BTreeMap::new();
    let mut add = |name: String, by: String, generate: bool| {
        needed
            .entry(name)
            .and_modify(|needed| needed.generate &= generate)
            .or_insert(Needed { by, generate });
    };
    for host in &inventory.hosts {
        for (name, used) in secrets(inventory, roles, host).unwrap_or_default() {
            let variable = used.variable.split(['[', '.']).next().unwrap_or_default();
            let mut roles = roles.0.values();
            let by = match roles.find(|role| role.variables.contains_key(variable)) {
                Some(role) => format!("{} of the role {}", used.variable, role.name),
                None => used.variable,
            };
            add(name, by, used.generate);
        }
        let login = [&host.connection.password, &host.connection.sudo_password];
        for name in login.into_iter().flatten() {
            // The host has it already.
            add(name.clone(), format!("the login on {}", host.name), false);
        }
        if let Some(name) = host
            .connection
            .bootstrap
            .as_ref()
            .and_then(|first| first.password.as_ref())
        {
            let user = host
                .connection
                .bootstrap
                .as_ref()
                .and_then(|first| first.user.as_deref());
            add(
                name.clone(),
                format!("{} of {}, set by bootstrap", user.unwrap_or("root"), host.name),
                true,
            );
        }
    }
    needed
}

/// A vault with a placeholder for every secret of every host.
pub fn offline_vault(inventory: &Inventory, roles: &Roles) -> Vault {
    let names: Vec<String> = inventory
        .hosts
        .iter()
        .filter_map(|host| secrets(inventory, roles, host).ok())
        .flat_map(BTreeMap::into_keys)
        .collect();
    Vault::placeholders(names.iter().map(String::as_str))
}
