//! What a host is said to serve, read from the shared `mail_*` variables.

use std::net::IpAddr;

use indexmap::IndexMap;

use crate::secret::vault::Vault;
use crate::value::Value;
use crate::verify::{Mailbox, Subject};

/// The mail server that the variables describe; `None` for a host that is none.
pub(super) fn of(variables: &IndexMap<String, Value>, address: IpAddr, vault: &Vault) -> Option<Subject> {
    let hostname = variables.get("mail_hostname")?.as_str()?.to_owned();
    let list = |name: &str| variables.get(name).and_then(Value::as_list).unwrap_or_default();
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let mailboxes: Vec<Mailbox> = list("mail_mailboxes")
        .iter()
        .filter(|mailbox| mailbox.get("active") != Some(&Value::Bool(false)))
        .filter_map(|mailbox| {
            let password = ["password", "initial_password"]
                .iter()
                .find_map(|key| match mailbox.get(key) {
                    Some(Value::Secret(name)) => vault.get(name),
                    _ => None,
                });
            Some(Mailbox {
                address: text(mailbox, "address")?,
                password: password?.clone(),
                quota: match mailbox.get("quota") {
                    Some(Value::Int(bytes)) => u64::try_from(*bytes).ok(),
                    _ => None,
                },
            })
        })
        .collect();
    // Nobody could read what is sent.
    if mailboxes.is_empty() {
        return None;
    }
    let aliases = list("mail_aliases")
        .iter()
        .filter_map(|alias| {
            let targets = alias.get("to")?.as_list()?;
            let targets = targets
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect();
            Some((text(alias, "address")?, targets))
        })
        .collect();
    Some(Subject {
        address,
        hostname,
        mailboxes,
        aliases,
        catch_all: list("mail_catch_all")
            .iter()
            .filter_map(|entry| text(entry, "domain"))
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn mailboxes_come_with_their_passwords_and_quotas() {
        let source = crate::diagnostic::Source::new(
            "t",
            "mail_hostname: mx.example.org\n\
             mail_mailboxes:\n\
             - {address: a@example.org, password: !secret a, quota: 20480}\n\
             - {address: b@example.org, initial_password: !secret b}\n\
             - {address: c@example.org, password: !secret a, active: false}\n\
             mail_aliases:\n\
             - {address: i@example.org, to: [a@example.org]}\n",
        );
        let Value::Map(variables) = crate::yaml::parse(&source).unwrap().to_value() else {
            panic!("a map");
        };
        let vault = Vault::new([("a".into(), Secret::new("pa")), ("b".into(), Secret::new("pb"))].into());
        let subject = of(&variables, [10, 0, 0, 1].into(), &vault).unwrap();
        let shown: Vec<_> = subject
            .mailboxes
            .iter()
            .map(|mailbox| (mailbox.address.as_str(), mailbox.password.expose(), mailbox.quota))
            .collect();
        assert_eq!(
            shown,
            [
                ("a@example.org", "pa", Some(20480)),
                ("b@example.org", "pb", None)
            ]
        );
        assert_eq!(
            subject.aliases,
            [("i@example.org".into(), vec!["a@example.org".into()])]
        );
        assert!(of(&IndexMap::new(), [10, 0, 0, 1].into(), &vault).is_none());
    }
}
