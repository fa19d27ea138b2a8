//! What the passwords of mailboxes are called in the secrets file.

use std::collections::BTreeSet;

use crate::role::Type;
use crate::role::load::Roles;

/// The names that secrets of `roles` have when an inventory doesn't give them others.
pub fn declared(roles: &Roles) -> BTreeSet<String> {
    let variables = roles.0.values().flat_map(|role| &role.variables);
    variables
        .filter(|(_, declaration)| matches!(declaration.ty, Type::Secret))
        .map(|(name, _)| name.clone())
        .collect()
}

/// `alice@example.org` → `alice_password`; with its domain, and a number, where that would be said twice or is one of
/// `taken`.
pub fn of_mailboxes(mailboxes: &[String], mut taken: BTreeSet<String>) -> Vec<String> {
    let short = |address: &str| plain(address.split('@').next().unwrap_or(address));
    let mut names = Vec::new();
    for address in mailboxes {
        let alike = mailboxes.iter().filter(|other| short(other) == short(address));
        let long = plain(address);
        let first = (alike.count() == 1).then(|| format!("{}_password", short(address)));
        let numbered = (2..).map(|n| format!("{long}_password_{n}"));
        let mut candidates = first
            .into_iter()
            .chain([format!("{long}_password")])
            .chain(numbered);
        let name = candidates.find(|name| !taken.contains(name)).unwrap_or_default();
        taken.insert(name.clone());
        names.push(name);
    }
    names
}

fn plain(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '-' {
                c.to_ascii_lowercase()
            } else {
                '_'
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(addresses: &[&str]) -> Vec<String> {
        let addresses: Vec<_> = addresses.iter().map(|address| (*address).to_owned()).collect();
        of_mailboxes(&addresses, ["rspamd_password".to_owned()].into())
    }

    #[test]
    fn secrets_are_named_after_people() {
        assert_eq!(of(&["Alice+x@example.org"]), ["alice_x_password"]);
        assert_eq!(
            of(&["info@a.example", "info@b.example"]),
            ["info_a_example_password", "info_b_example_password"]
        );
    }

    #[test]
    fn no_two_of_them_share_a_name() {
        assert_eq!(
            of(&["a.b@example.org", "a_b@example.org", "rspamd@example.org"]),
            [
                "a_b_example_org_password",
                "a_b_example_org_password_2",
                "rspamd_example_org_password"
            ]
        );
    }
}
