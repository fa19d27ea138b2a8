//! Private keys that decrypt secrets: where they are looked for, and how they are read.

use std::io::IsTerminal as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use age::secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::SecretError;
use crate::yaml::io_reason;

/// Files to try, in order.
#[derive(Debug)]
pub struct Search {
    paths: Vec<PathBuf>,
    /// Whether a missing file is simply not there, because nobody asked for it.
    pub optional: bool,
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
            optional: false,
        };
    }
    if let Some(path) = std::env::var_os("MAILPROV_IDENTITY").filter(|path| !path.is_empty()) {
        return Search {
            paths: vec![path.into()],
            optional: false,
        };
    }
    let mut paths = vec![secrets.with_file_name("identity.txt")];
    if let Some(home) = std::env::home_dir() {
        paths.push(home.join(".config/mailprov/identity.txt"));
        paths.push(home.join(".ssh/id_ed25519"));
        paths.push(home.join(".ssh/id_rsa"));
    }
    Search {
        paths,
        optional: true,
    }
}

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

/// Reads an identity file or an SSH private key; `None` when it isn't there and needn't be, or when it is
/// locked by a passphrase and no secret is encrypted for it.
pub fn read(path: &Path, required: bool, recipients: &[String]) -> Result<Option<Identity>, SecretError> {
    let shown = path.display();
    let unreadable = |error: &std::io::Error| {
        SecretError(format!(
            "can't read the identity file `{shown}`: {}",
            io_reason(error)
        ))
    };
    let mode = match std::fs::metadata(path) {
        Ok(metadata) => metadata.permissions().mode(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !required => return Ok(None),
        Err(error) => return Err(unreadable(&error)),
    };
    if mode & 0o077 != 0 {
        return Err(SecretError(format!(
            "the identity file `{shown}` can be read by others (mode {:04o})\n  help: chmod 600 {shown}",
            mode & 0o7777
        )));
    }
    let text = Zeroizing::new(std::fs::read_to_string(path).map_err(|e| unreadable(&e))?);
    let keys = if text.contains("PRIVATE KEY-----") {
        ssh(path, &text, recipients)?
    } else {
        age_keys(path, &text)?
    };
    Ok(keys.map(|keys| Identity {
        path: path.to_owned(),
        keys,
    }))
}

type Keys = Vec<Box<dyn age::Identity>>;

fn age_keys(path: &Path, text: &str) -> Result<Option<Keys>, SecretError> {
    let shown = path.display();
    let keys = age::IdentityFile::from_buffer(text.as_bytes())
        .map_err(|error| error.to_string())
        .and_then(|file| file.into_identities().map_err(|error| error.to_string()))
        .map_err(|reason| {
            SecretError(format!(
                "`{shown}` is neither an age identity file nor an SSH private key: {reason}\n  \
                 help: `mailprov secrets identity FILE` makes one"
            ))
        })?;
    if keys.is_empty() {
        return Err(SecretError(format!(
            "the identity file `{shown}` holds no key\n  help: `mailprov secrets identity FILE` makes one"
        )));
    }
    Ok(Some(keys))
}

fn ssh(path: &Path, text: &str, recipients: &[String]) -> Result<Option<Keys>, SecretError> {
    use age::ssh::Identity as Ssh;

    let shown = path.display();
    let key = Ssh::from_buffer(text.as_bytes(), Some(shown.to_string()))
        .map_err(|error| SecretError(format!("can't read the SSH key `{shown}`: {error}")))?;
    match &key {
        Ssh::Unencrypted(_) => Ok(Some(vec![Box::new(key)])),
        // age would ask for the passphrase before it looks whether the key fits at all.
        Ssh::Encrypted(_) if !is_recipient(&key, recipients) => Ok(None),
        Ssh::Encrypted(_) if !std::io::stdin().is_terminal() => Err(SecretError(format!(
            "the SSH key `{shown}` is locked by a passphrase, and there is no terminal to ask for it on\n  \
             help: use an identity without a passphrase: `--identity FILE` or MAILPROV_IDENTITY"
        ))),
        Ssh::Encrypted(_) => Ok(Some(vec![Box::new(key.with_callbacks(Ask::default()))])),
        Ssh::Unsupported(_) => Ok(None),
    }
}

fn is_recipient(key: &age::ssh::Identity, recipients: &[String]) -> bool {
    let Ok(public) = age::ssh::Recipient::try_from(key.clone()) else {
        return false;
    };
    let public = public.to_string();
    recipients.is_empty() || recipients.iter().any(|recipient| recipient.starts_with(&public))
}

/// Asks for a passphrase once, however many secrets need the key.
#[derive(Default)]
struct Ask {
    answer: std::sync::Arc<Mutex<Option<SecretString>>>,
}

impl Clone for Ask {
    fn clone(&self) -> Self {
        Self {
            answer: std::sync::Arc::clone(&self.answer),
        }
    }
}

impl age::Callbacks for Ask {
    fn display_message(&self, _: &str) {}

    fn confirm(&self, _: &str, _: &str, _: Option<&str>) -> Option<bool> {
        None
    }

    fn request_public_string(&self, _: &str) -> Option<String> {
        None
    }

    fn request_passphrase(&self, description: &str) -> Option<SecretString> {
        let mut answer = self.answer.lock().ok()?;
        if answer.is_none() {
            let typed = rpassword::prompt_password(format!("{description}: ")).ok()?;
            *answer = Some(SecretString::from(typed));
        }
        answer.clone()
    }
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
