//! Reading an inventory: the file, the files that it includes, the secrets file's names.
//!
//! Every mistake is collected; only unreadable YAML ends the reading early, because what it hides would make
//! everything else look wrong.

mod connection;
mod groups;
mod merge;
mod names;
mod raw;
mod role;
mod set;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Inventory, InventoryHost};
use crate::diagnostic::{Diagnostic, Diagnostics, Source};
use crate::secret::vault::SecretsFile;
use crate::yaml::{self, Node, NodeValue};
use raw::Raw;

/// Loads `path`; `set` holds the `NAME=VALUE` of the command line, each value being YAML.
///
/// # Errors
/// All mistakes in all files, in the order of the files.
pub fn load(path: &Path, set: &[(String, String)]) -> Result<Inventory, Diagnostics> {
    let documents = read_files(path)?;
    let mut found = Diagnostics::default();
    let mut raw = Raw::default();
    for (i, document) in documents.iter().enumerate() {
        raw.read(document, i == 0, &mut found);
    }
    if raw.hosts.is_empty() && found.is_empty() {
        found.push(no_hosts(path, &documents));
    }
    let set = set::read(set, &mut found);
    let order: Vec<Arc<Source>> = documents.iter().map(|d| Arc::clone(&d.source)).collect();

    let members = groups::members(&raw, &mut found);
    let hosts = raw
        .hosts
        .iter()
        .map(|host| {
            let groups = groups::of_host(&raw.groups, &members, &host.key.name);
            InventoryHost {
                name: host.key.name.clone(),
                place: host.key.place.clone(),
                connection: host.connection.clone(),
                release: host.release.clone(),
                roles: merge::roles(&raw, &groups, host),
                variables: merge::variables(&raw, &groups, host, &set, &mut found),
                groups: groups.iter().map(|g| raw.groups[*g].key.name.clone()).collect(),
            }
        })
        .collect();

    let folder = folder_of(path);
    let mut secrets = found.keep(load_secrets(&raw, &folder)).unwrap_or_default();
    secrets.inventory = path.to_owned();
    let role_folders = found.keep(role_folders(&raw, &folder)).unwrap_or_default();
    let inventory = Inventory {
        path: path.to_owned(),
        hosts,
        groups: raw
            .groups
            .iter()
            .zip(&members)
            .map(|(group, hosts)| (group.key.name.clone(), hosts.clone()))
            .collect(),
        role_folders,
        secrets,
    };
    if found.is_empty() {
        Ok(inventory)
    } else {
        sort(&mut found, &order);
        Err(found)
    }
}

/// Where the secrets file of the inventory `path` is, whether it exists or not.
///
/// # Errors
/// The inventory can't be read, or its `secrets:` is no path.
pub fn secrets_path(path: &Path) -> Result<PathBuf, Diagnostics> {
    let root = yaml::parse(&yaml::open(path)?)?;
    let name = match root.get("secrets") {
        Some(node) => node.expect_text("secrets")?,
        None => SecretsFile::DEFAULT_NAME,
    };
    Ok(names::path(name, &folder_of(path)))
}

/// One file of the inventory.
struct Document {
    folder: PathBuf,
    source: Arc<Source>,
    root: Node,
}

/// The inventory file and everything it includes, each file once.
fn read_files(path: &Path) -> Result<Vec<Document>, Diagnostics> {
    let mut found = Diagnostics::default();
    let mut documents: Vec<Document> = Vec::new();
    let mut seen: Vec<PathBuf> = vec![identity(path)];
    let mut waiting = vec![(path.to_owned(), None::<Node>)];
    while let Some((path, included)) = waiting.pop() {
        let source = match yaml::open(&path) {
            Ok(source) => source,
            Err(mut diagnostic) => {
                if let Some(node) = &included {
                    diagnostic = diagnostic
                        .at(&node.place)
                        .help("paths in `include:` are relative to the file's folder");
                } else if path.is_dir() {
                    diagnostic = diagnostic.help("name the inventory file in it, such as `inventory.yaml`");
                }
                found.push(diagnostic);
                continue;
            }
        };
        let Some(root) = found.keep(yaml::parse(&source)) else {
            continue;
        };
        let folder = folder_of(&path);
        // Taken from the end, so that files come in the order of the list.
        for (i, node) in includes(&root, &mut found).into_iter().enumerate().rev() {
            let Some(name) = found.keep(node.expect_text(&format!("include[{i}]"))) else {
                continue;
            };
            let file = names::path(name, &folder);
            if seen.contains(&identity(&file)) {
                found.push(
                    node.mistake(format!("`{name}` is already part of the inventory"))
                        .help("remove this include"),
                );
            } else {
                seen.push(identity(&file));
                waiting.push((file, Some(node.clone())));
            }
        }
        documents.push(Document { folder, source, root });
    }
    if found.is_empty() {
        Ok(documents)
    } else {
        Err(found)
    }
}

fn includes<'n>(root: &'n Node, found: &mut Diagnostics) -> Vec<&'n Node> {
    match root.get("include") {
        None => Vec::new(),
        Some(node) => match found.keep(node.expect_list("include")) {
            Some(list) => list.iter().collect(),
            None => Vec::new(),
        },
    }
}

/// Two paths of one file are one file.
fn identity(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

fn folder_of(path: &Path) -> PathBuf {
    path.parent().map(Path::to_owned).unwrap_or_default()
}

fn no_hosts(path: &Path, documents: &[Document]) -> Diagnostic {
    let diagnostic = Diagnostic::new(format!("the inventory `{}` has no hosts", path.display()));
    let root = documents.first().map(|document| &document.root);
    match root.map(|root| root.get("hosts").unwrap_or(root)) {
        Some(node) => diagnostic.at(&node.place),
        None => diagnostic,
    }
        .help("add one, for example:\n    hosts:\n      mx1:\n        ssh: {address: 192.0.2.1}\n        roles: [base]")
}

fn load_secrets(raw: &Raw, folder: &Path) -> Result<SecretsFile, Diagnostics> {
    let Some((path, node)) = &raw.secrets else {
        return SecretsFile::load(&folder.join(SecretsFile::DEFAULT_NAME));
    };
    if !path.exists() {
        return Err(node
            .mistake(format!("there is no secrets file `{}`", path.display()))
            .help("`mailprov secrets set NAME` makes it")
            .into());
    }
    SecretsFile::load(path)
}

fn role_folders(raw: &Raw, folder: &Path) -> Result<Vec<PathBuf>, Diagnostic> {
    match &raw.roles_path {
        Some((path, node)) if !path.is_dir() => Err(node
            .mistake(format!("there is no folder `{}`", path.display()))
            .help("paths are relative to the inventory's folder")),
        Some((path, _)) => Ok(vec![path.clone()]),
        None => Ok(Some(folder.join("roles"))
            .filter(|p| p.is_dir())
            .into_iter()
            .collect()),
    }
}

/// By file, line and column; what has no place comes first.
fn sort(found: &mut Diagnostics, order: &[Arc<Source>]) {
    found.0.sort_by_key(|diagnostic| {
        diagnostic.place.as_ref().map(|place| {
            let file = order.iter().position(|source| source.name == place.source.name);
            (file.unwrap_or(order.len()), place.line, place.column)
        })
    });
}

/// A value that is nothing at all.
fn is_nothing(node: &Node) -> bool {
    node.value == NodeValue::Null
}
