//! A first inventory, with everything beside it that makes it complete: key, secrets, schema, `.gitignore`.
//!
//! Writes new files only, and all of them or none. Asking is the command line's business; `names` names the secrets.

mod names;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::role::Type;
use crate::role::bind::needed_secrets;
use crate::role::declare::text;
use crate::role::load::Roles;
use crate::role::schema;
use crate::secret::random;
use crate::secret::vault::{Changes, SecretError, SecretsFile, identity};
use crate::yaml::io_reason;

pub const INVENTORY: &str = "inventory.yaml";
pub const IDENTITY: &str = "identity.txt";
pub const SCHEMA: &str = "mailprov.schema.json";

/// What the inventory is to say.
#[derive(Debug, Clone)]
pub struct Answers {
    pub hostname: String,
    /// How SSH reaches the host: an address or a name.
    pub address: String,
    pub domains: Vec<String>,
    /// At least one; the first one's owner is the administrator.
    pub mailboxes: Vec<String>,
    /// What is chosen of [`choices`], by the variable's name.
    pub choices: BTreeMap<String, String>,
    /// A key that is there, instead of a new one.
    pub identity: Option<PathBuf>,
}

/// What can be chosen.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// Its word, as in the option's name.
    pub word: String,
    /// The variable whose declaration says among what.
    pub variable: String,
    pub question: String,
    /// The value for who doesn't choose.
    pub suggested: String,
    #[serde(skip)]
    pub values: Vec<String>,
}

/// The choices that the roles have.
///
/// # Errors
/// The roles can't be read.
pub fn choices() -> Result<Vec<Choice>, Diagnostics> {
    let roles = Roles::all(&[])?;
    let declared = |name: &str| roles.0.values().find_map(|role| role.variables.get(name));
    let choices: Vec<Choice> = serde_yaml::from_str(include_str!("init/choices.yaml"))
        .map_err(|error| Diagnostic::new(error.to_string()))?;
    let offered = choices.into_iter().filter_map(|choice| {
        let Type::OneOf(values) = &declared(&choice.variable)?.ty else {
            return None;
        };
        values.contains(&choice.suggested).then(|| Choice {
            values: values.clone(),
            ..choice
        })
    });
    Ok(offered.collect())
}

/// What was written.
#[derive(Debug)]
pub struct Made {
    /// New files, in the order of their making.
    pub files: Vec<PathBuf>,
    pub recipients: Vec<String>,
    pub passwords: usize,
    /// Names of the secrets that hold the mailboxes' passwords.
    pub mailbox_secrets: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// Nothing is ever overwritten.
    #[error("{} there already\n  help: choose another folder; nothing was written", listed(.0))]
    There(Vec<PathBuf>),
    #[error("{0}")]
    Io(String),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("{0}")]
    Invalid(Diagnostics),
}

impl From<Diagnostics> for InitError {
    fn from(found: Diagnostics) -> Self {
        Self::Invalid(found)
    }
}

fn listed(paths: &[PathBuf]) -> String {
    let shown: Vec<String> = paths.iter().map(|path| format!("`{}`", path.display())).collect();
    format!(
        "{} {}",
        shown.join(", "),
        if shown.len() == 1 { "is" } else { "are" }
    )
}

/// Whether SSH could reach a host by this: an address or a name.
///
/// # Errors
/// Why not.
pub fn address(text: &str) -> Result<(), String> {
    match text.parse::<std::net::IpAddr>() {
        Ok(_) => Ok(()),
        Err(_) => text::domain(text).map_err(|_| {
            format!("expected an address or a name that SSH can reach, like 192.0.2.1, found `{text}`")
        }),
    }
}

/// Writes everything into `folder`, which is made if need be.
///
/// # Errors
/// A file is there already, or can't be written; then no new file stays.
pub fn init(folder: &Path, answers: &Answers) -> Result<Made, InitError> {
    let mut wanted = vec![INVENTORY, SecretsFile::DEFAULT_NAME, SCHEMA];
    wanted.extend(answers.identity.is_none().then_some(IDENTITY));
    let there: Vec<PathBuf> = wanted
        .iter()
        .map(|name| folder.join(name))
        .filter(|path| path.symlink_metadata().is_ok())
        .collect();
    if !there.is_empty() {
        return Err(InitError::There(there));
    }
    if folder.exists() && !folder.is_dir() {
        return Err(InitError::Io(format!(
            "`{}` is a file\n  help: choose a folder; nothing was written",
            folder.display()
        )));
    }
    let is_new = !folder.exists();
    let mut files = Vec::new();
    write(folder, answers, &mut files).inspect_err(|_| {
        // The first error is the one to tell.
        for path in &files {
            let _ = fs::remove_file(path);
        }
        if is_new {
            let _ = fs::remove_dir(folder);
        }
    })
}

fn write(folder: &Path, answers: &Answers, files: &mut Vec<PathBuf>) -> Result<Made, InitError> {
    // Asked before anything is written: it may be no identity at all.
    let known = answers
        .identity
        .as_deref()
        .map(identity::recipients)
        .transpose()?;
    let roles = Roles::all(&[])?;
    let secrets = names::of_mailboxes(&answers.mailboxes, names::declared(&roles));
    fs::create_dir_all(folder).map_err(|error| {
        InitError::Io(format!(
            "can't make `{}`: {}",
            folder.display(),
            io_reason(&error)
        ))
    })?;
    let path = folder.join(INVENTORY);
    create(&path, &inventory(answers, &secrets)?, files)?;
    create(
        &folder.join(SCHEMA),
        &format!("{:#}\n", schema::inventory(&roles)),
        files,
    )?;
    let recipients = match known {
        Some(recipients) => recipients,
        None => {
            let path = folder.join(IDENTITY);
            let recipient = identity::create(&path)?;
            files.push(path);
            vec![recipient]
        }
    };

    let mut loaded = crate::inventory::load::load(&path, &[])?;
    crate::role::bind::validate(&loaded, &roles)?;
    let mut values = Vec::new();
    for (name, needed) in needed_secrets(&loaded, &roles) {
        if needed.generate {
            values.push((name, random::password()?));
        }
    }
    loaded.secrets.recipients.clone_from(&recipients);
    files.push(loaded.secrets.path.clone());
    loaded.secrets.change(&Changes {
        set: values
            .iter()
            .map(|(name, value)| (name.as_str(), value))
            .collect(),
        ..Changes::default()
    })?;
    ignore(folder, answers, files)?;
    Ok(Made {
        files: std::mem::take(files),
        recipients,
        passwords: values.len(),
        mailbox_secrets: secrets,
    })
}

fn create(path: &Path, text: &str, files: &mut Vec<PathBuf>) -> Result<(), InitError> {
    let failed = |error: std::io::Error| {
        InitError::Io(format!("can't write `{}`: {}", path.display(), io_reason(&error)))
    };
    let mut file = fs::File::create_new(path).map_err(failed)?;
    files.push(path.to_owned());
    file.write_all(text.as_bytes()).map_err(failed)
}

/// Keeps the key out of version control. A `.gitignore` that is there gets a line more.
fn ignore(folder: &Path, answers: &Answers, files: &mut Vec<PathBuf>) -> Result<(), InitError> {
    let path = folder.join(".gitignore");
    let failed = |error: std::io::Error| {
        InitError::Io(format!("can't write `{}`: {}", path.display(), io_reason(&error)))
    };
    let mut lines = vec![format!("/{IDENTITY}")];
    let key = answers.identity.as_ref().and_then(|key| key.canonicalize().ok());
    let folder = folder.canonicalize().map_err(failed)?;
    if let Some(inside) = key.as_ref().and_then(|key| key.strip_prefix(folder).ok()) {
        lines.push(format!("/{}", inside.display()));
    }
    let before = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            files.push(path.clone());
            String::new()
        }
        Err(error) => return Err(failed(error)),
    };
    lines.retain(|line| !before.lines().any(|other| other == line));
    let gap = if before.is_empty() || before.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    fs::File::options()
        .append(true)
        .create(true)
        .open(&path)
        .and_then(|mut file| file.write_all(format!("{gap}{text}").as_bytes()))
        .map_err(failed)
}

fn inventory(answers: &Answers, secrets: &[String]) -> Result<String, InitError> {
    let mailboxes: Vec<_> = answers
        .mailboxes
        .iter()
        .zip(secrets)
        .map(|(address, secret)| minijinja::context! { address => scalar(address), secret })
        .collect();
    let domains: Vec<String> = answers.domains.iter().map(|domain| scalar(domain)).collect();
    minijinja::Environment::new()
        .render_str(
            include_str!("init/inventory.yaml"),
            minijinja::context! {
                hostname => scalar(&answers.hostname),
                address => scalar(&answers.address),
                domains,
                plain_domain => answers.domains.first(),
                mailboxes,
                chosen => &answers.choices,
            },
        )
        .map(|text| format!("{}\n", text.trim_end()))
        .map_err(|error| InitError::Io(format!("can't write the inventory: {error}")))
}

/// A text that YAML reads as this text: in quotes where it could be read as something else.
fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@.+_-".contains(c);
    let name = text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.contains('.');
    if name && text.chars().all(plain) {
        text.to_owned()
    } else {
        // A string of JSON is one of YAML.
        serde_json::Value::from(text).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_yaml_would_misread_is_quoted() {
        assert_eq!(scalar("mx1.example.org"), "mx1.example.org");
        assert_eq!(scalar("2001:db8::1"), "\"2001:db8::1\"");
        assert_eq!(scalar("12.5"), "\"12.5\"");
        assert_eq!(scalar("{a}@example.org"), "\"{a}@example.org\"");
    }

    #[test]
    fn addresses_and_names_reach_a_host() {
        assert!(address("192.0.2.1").is_ok() && address("2001:db8::1").is_ok() && address("mx1").is_ok());
        assert!(address("mx 1").is_err() && address("").is_err());
    }
}
