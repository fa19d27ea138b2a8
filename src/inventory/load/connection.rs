//! The `ssh:` map of a host.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::names;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::inventory::{Bootstrap, Connection};
use crate::yaml::{Node, NodeValue, unknown_key};

pub const KEYS: [&str; 10] = [
    "address",
    "port",
    "user",
    "identity_files",
    "password",
    "sudo_password",
    "host_key_fingerprint",
    "known_hosts",
    "ssh_config",
    "bootstrap",
];

/// Reads the map; relative paths are relative to `folder`.
pub fn read(node: &Node, folder: &Path, found: &mut Diagnostics) -> Connection {
    let mut connection = Connection::default();
    for (key, node) in found.keep(node.expect_map("ssh")).unwrap_or_default() {
        match key.name.as_str() {
            "address" => connection.address = found.keep(address(node)),
            "port" => {
                connection.port = found
                    .keep(node.expect_int("port", 1, i64::from(u16::MAX)))
                    .and_then(|port| u16::try_from(port).ok());
            }
            "user" => connection.user = found.keep(user(node)),
            "identity_files" => connection.identity_files = paths("identity_files", node, folder, found),
            "password" | "sudo_password" => {
                let name = found.keep(secret(&key.name, node));
                if key.name == "password" {
                    connection.password = name;
                } else {
                    connection.sudo_password = name;
                }
            }
            "host_key_fingerprint" => connection.host_key_fingerprint = found.keep(fingerprint(node)),
            "known_hosts" => {
                connection.known_hosts = found
                    .keep(node.expect_text("known_hosts"))
                    .map(|name| names::path(name, folder));
            }
            "ssh_config" => connection.ssh_config = found.keep(node.expect_bool("ssh_config")),
            "bootstrap" => connection.bootstrap = Some(bootstrap(node, folder, found)),
            _ => found.push(unknown_key(key, "`ssh`", &KEYS)),
        }
    }
    connection
}

fn bootstrap(node: &Node, folder: &Path, found: &mut Diagnostics) -> Bootstrap {
    const KEYS: [&str; 3] = ["user", "password", "authorized_keys"];
    let mut bootstrap = Bootstrap::default();
    for (key, node) in found.keep(node.expect_map("bootstrap")).unwrap_or_default() {
        match key.name.as_str() {
            "user" => bootstrap.user = found.keep(user(node)),
            "password" => bootstrap.password = found.keep(secret("password", node)),
            "authorized_keys" => bootstrap.authorized_keys = paths("authorized_keys", node, folder, found),
            _ => found.push(unknown_key(key, "`bootstrap`", &KEYS)),
        }
    }
    bootstrap
}

fn paths(what: &str, node: &Node, folder: &Path, found: &mut Diagnostics) -> Vec<PathBuf> {
    let items = found.keep(node.expect_list(what)).unwrap_or_default();
    let mut paths = Vec::with_capacity(items.len());
    for (i, item) in items.iter().enumerate() {
        if let Some(name) = found.keep(item.expect_text(&format!("{what}[{i}]"))) {
            paths.push(names::path(name, folder));
        }
    }
    paths
}

fn address(node: &Node) -> Result<String, Diagnostic> {
    let text = node.expect_text("address")?;
    if text.parse::<IpAddr>().is_ok() || names::is_host_name(text) {
        return Ok(text.to_owned());
    }
    let diagnostic = node.mistake(format!("`{text}` is neither a host name nor an IP address"));
    Err(if text.contains('@') {
        diagnostic.help("put what is before the `@` in `user:`")
    } else if text.starts_with('[') {
        diagnostic.help("write an IPv6 address without brackets, in quotes")
    } else if text.contains(':') {
        diagnostic.help("put what is after the `:` in `port:`")
    } else {
        diagnostic.help("for example 192.0.2.1, \"2001:db8::1\" or mx1.example.org")
    })
}

fn user(node: &Node) -> Result<String, Diagnostic> {
    let text = node.expect_text("user")?;
    let valid = !text.is_empty()
        && !text.starts_with('-')
        && text
            .chars()
            .all(|c| c.is_ascii_graphic() && !matches!(c, ':' | '@' | '/'));
    if valid {
        Ok(text.to_owned())
    } else {
        Err(node
            .mistake(format!("`{text}` can't be the name of a user"))
            .help("write the login name alone, such as root or admin"))
    }
}

fn secret(what: &str, node: &Node) -> Result<String, Diagnostic> {
    match &node.value {
        NodeValue::Secret(name) => Ok(name.clone()),
        // The value itself is not repeated: it may well be the real password.
        NodeValue::Text { .. } | NodeValue::Int(_) | NodeValue::Float(_) => {
            Err(Diagnostic::new(format!("`{what}` stands here in clear"))
                .at(&node.masked_place())
                .help("encrypt it with `mailprov secrets set NAME` and write `!secret NAME` here"))
        }
        _ => Err(node.mistake(format!("`{what}` must be `!secret NAME`, found {}", node.found()))),
    }
}

/// As `ssh-keygen -l` prints it: base64 of a SHA-256 without padding is 43 characters long.
fn fingerprint(node: &Node) -> Result<String, Diagnostic> {
    let text = node.expect_text("host_key_fingerprint")?;
    let valid = text.strip_prefix("SHA256:").is_some_and(|digest| {
        digest.len() == 43
            && digest
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '/'))
    });
    if valid {
        return Ok(text.to_owned());
    }
    Err(node.mistake(format!("`{text}` is no SHA-256 fingerprint")).help(
        "on the host, `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` prints `SHA256:` and 43 characters",
    ))
}
