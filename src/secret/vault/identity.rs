//! Private keys that decrypt secrets: where they are looked for, and how they are read. `ask` talks to the terminal.

mod ask;

use std::io::IsTerminal as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use age::armor::ArmoredReader;
use age::secrecy::ExposeSecret as _;
use zeroize::Zeroizing;

use super::{SecretError, crypt, recipient};
use crate::host::script::quote;
use crate::yaml::io_reason;
pub use ask::Ask;

/// Files to try, in order.
#[derive(Debug)]
pub struct Search {
    paths: Vec<PathBuf>,
    /// Who asked for them; a file that nobody asked for may be missing.
    pub asked: Option<&'static str>,
}

impl Search {
    pub fn iter(&self) -> std::slice::Iter<'_, PathBuf> {
        self.paths.iter()
    }
}

impl<'a> IntoIterator for &'a Search {
    type Item = &'a PathBuf;
    type IntoIter = std::slice::Iter<'a, PathBuf>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// The files `given`; else `$MAILPROV_IDENTITY`; else `identity.txt` beside the secrets file, mailprov's own in
/// the home folder, and the usual SSH keys.
pub fn files(secrets: &Path, given: &[PathBuf]) -> Search {
    if !given.is_empty() {
        return Search {
            paths: given.to_vec(),
            asked: Some("--identity"),
        };
    }
    if let Some(path) = std::env::var_os("MAILPROV_IDENTITY").filter(|path| !path.is_empty()) {
        return Search {
            paths: vec![path.into()],
            asked: Some("MAILPROV_IDENTITY"),
        };
    }
    let mut paths = vec![secrets.with_file_name("identity.txt")];
    if let Some(home) = std::env::home_dir() {
        paths.push(home.join(".config/mailprov/identity.txt"));
        paths.push(home.join(".ssh/id_ed25519"));
        paths.push(home.join(".ssh/id_rsa"));
    }
    Search { paths, asked: None }
}

/// Why the identity of a file can't be used, and what to do about it.
#[derive(Debug)]
pub struct Unusable {
    pub reason: String,
    pub help: String,
}

impl Unusable {
    fn new(reason: impl Into<String>, help: impl Into<String>) -> Self {
        let (reason, help) = (reason.into(), help.into());
        Self { reason, help }
    }
}

/// What helps when there is no identity that could be used.
pub const GIVE_ONE: &str =
    "give one with `--identity FILE` or in MAILPROV_IDENTITY, or ask somebody who can decrypt to add you";
const MAKE_ONE: &str = "`mailprov secrets identity FILE` makes one";

/// The keys of one file.
pub struct Identity {
    pub path: PathBuf,
    keys: Vec<Box<dyn age::Identity>>,
}

impl Identity {
    pub fn keys(&self) -> impl Iterator<Item = &dyn age::Identity> {
        self.keys.iter().map(AsRef::as_ref)
    }
}

/// Reads an identity file or an SSH private key; `None` when it isn't there and needn't be, or when it is an SSH key
/// locked by a passphrase and none of `readers`, the labels of those who can read the secrets, is it.
pub fn read(path: &Path, required: bool, readers: &[String]) -> Result<Option<Identity>, Unusable> {
    let shown = path.display();
    let unreadable = |error: &std::io::Error| {
        let reason = format!("can't read the identity file `{shown}`: {}", io_reason(error));
        Unusable::new(reason, GIVE_ONE)
    };
    let mode = match std::fs::metadata(path) {
        Ok(metadata) => metadata.permissions().mode(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !required => return Ok(None),
        Err(error) => return Err(unreadable(&error)),
    };
    if mode & 0o077 != 0 {
        return Err(Unusable::new(
            format!(
                "the identity file `{shown}` can be read by others (mode {:04o})",
                mode & 0o7777
            ),
            format!("chmod 600 {}", quote(&path.to_string_lossy())),
        ));
    }
    let text = Zeroizing::new(std::fs::read_to_string(path).map_err(|e| unreadable(&e))?);
    let keys = if text.contains("PRIVATE KEY-----") {
        ssh(path, &text, readers)?
    } else if text.trim_start().starts_with(crypt::ARMOR) {
        Some(locked(path, &text)?)
    } else {
        age_keys(path, &text)?
    };
    Ok(keys.map(|keys| Identity {
        path: path.to_owned(),
        keys,
    }))
}

type Keys = Vec<Box<dyn age::Identity>>;

fn age_keys(path: &Path, text: &str) -> Result<Option<Keys>, Unusable> {
    let shown = path.display();
    let keys = age::IdentityFile::from_buffer(text.as_bytes())
        .map_err(|error| error.to_string())
        .and_then(|file| {
            let keys = file.with_callbacks(Ask::default()).into_identities();
            keys.map_err(|error| match error {
                age::DecryptError::MissingPlugin { binary_name } => recipient::missing_plugin(&binary_name),
                error => error.to_string(),
            })
        })
        .map_err(|reason| {
            let reason =
                format!("`{shown}` is neither an age identity file nor an SSH private key: {reason}");
            Unusable::new(reason, MAKE_ONE)
        })?;
    if keys.is_empty() {
        let reason = format!("the identity file `{shown}` holds no key");
        return Err(Unusable::new(reason, MAKE_ONE));
    }
    Ok(Some(keys))
}

/// An identity file that is encrypted itself, with a passphrase.
fn locked(path: &Path, text: &str) -> Result<Keys, Unusable> {
    let shown = path.display();
    // Seconds of work double with each step; files of `age -p` need 18.
    const MOST_WORK: u8 = 22;
    let key = age::encrypted::Identity::from_buffer(
        ArmoredReader::new(std::io::Cursor::new(text.as_bytes().to_vec())),
        Some(shown.to_string()),
        Ask::default(),
        Some(MOST_WORK),
    )
    .map_err(|error| {
        Unusable::new(
            format!("can't read the identity file `{shown}`: {error}"),
            GIVE_ONE,
        )
    })?
    .ok_or_else(|| {
        Unusable::new(
            format!("the identity file `{shown}` is encrypted for a key, not with a passphrase"),
            "decrypt it with `age --decrypt`, or make one with `age --passphrase`",
        )
    })?;
    nobody_to_ask(&format!("the identity file `{shown}`"))?;
    Ok(vec![Box::new(key)])
}

fn nobody_to_ask(what: &str) -> Result<(), Unusable> {
    if std::io::stdin().is_terminal() {
        return Ok(());
    }
    Err(Unusable::new(
        format!("{what} is locked by a passphrase, and there is no terminal to ask for it on"),
        "use an identity without a passphrase: `--identity FILE` or MAILPROV_IDENTITY",
    ))
}

fn ssh(path: &Path, text: &str, readers: &[String]) -> Result<Option<Keys>, Unusable> {
    use age::ssh::Identity as Ssh;

    let shown = path.display();
    let key = Ssh::from_buffer(text.as_bytes(), Some(shown.to_string()))
        .map_err(|error| Unusable::new(format!("can't read the SSH key `{shown}`: {error}"), GIVE_ONE))?;
    match &key {
        Ssh::Unencrypted(_) => Ok(Some(vec![Box::new(key)])),
        // age would ask for the passphrase before it looks whether the key fits at all.
        Ssh::Encrypted(_) if !reads(&key, readers) => Ok(None),
        Ssh::Encrypted(_) => {
            nobody_to_ask(&format!("the SSH key `{shown}`"))?;
            Ok(Some(vec![Box::new(key.with_callbacks(Ask::default()))]))
        }
        Ssh::Unsupported(_) => Ok(None),
    }
}

/// Whether the key is one of `readers`; with nothing known of them it may be.
fn reads(key: &age::ssh::Identity, readers: &[String]) -> bool {
    let Ok(public) = age::ssh::Recipient::try_from(key.clone()) else {
        return false;
    };
    let label = recipient::label(&public.to_string());
    readers.is_empty() || readers.iter().any(|reader| recipient::same(reader, &label))
}

/// The recipients that the identity file or SSH private key at `path` belongs to, as a secrets file lists them.
///
/// # Errors
/// The file can't be read, or doesn't tell: it is encrypted, or a plugin's.
pub fn recipients(path: &Path) -> Result<Vec<String>, SecretError> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(|error| {
            SecretError(format!(
                "can't read the identity file `{shown}`: {}",
                io_reason(&error)
            ))
        })?;
    let silent = |reason: String| {
        SecretError(format!(
            "`{shown}` doesn't tell its recipient: {reason}\n  help: name an age identity file, or an SSH private key of the type Ed25519 or RSA"
        ))
    };
    if text.contains("PRIVATE KEY-----") {
        let key =
            age::ssh::Identity::from_buffer(text.as_bytes(), None).map_err(|e| silent(e.to_string()))?;
        return age::ssh::Recipient::try_from(key)
            .map(|public| vec![public.to_string()])
            .map_err(|_| silent("age can't use SSH keys of this type".to_owned()));
    }
    let mut found = Vec::new();
    age::IdentityFile::from_buffer(text.as_bytes())
        .map_err(|error| silent(error.to_string()))?
        .write_recipients_file(&mut found)
        .map_err(|error| silent(error.to_string()))?;
    Ok(String::from_utf8_lossy(&found)
        .lines()
        .map(str::to_owned)
        .collect())
}

/// Makes a new age identity in a new file that only its owner can read, and returns its recipient.
///
/// # Errors
/// The file exists already, or can't be written.
pub fn create(path: &Path) -> Result<String, SecretError> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;

    let shown = path.display();
    let key = age::x25519::Identity::generate();
    let recipient = key.to_public().to_string();
    let written = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| {
            writeln!(
                file,
                "# recipient: {recipient}\n{}",
                key.to_string().expose_secret()
            )?;
            file.sync_all()
        });
    match written {
        Ok(()) => Ok(recipient),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Err(SecretError(format!(
            "`{shown}` exists already\n  help: choose another file; what is encrypted for the old key is lost without it"
        ))),
        Err(error) => Err(SecretError(format!(
            "can't write `{shown}`: {}",
            io_reason(&error)
        ))),
    }
}
