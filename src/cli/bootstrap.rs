//! `mailprov bootstrap`: the first contact with hosts as a provider hands them over.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use indicatif::{ProgressBar, ProgressStyle};
use russh::keys::PublicKey;
use zeroize::Zeroizing;

use super::common::{Ending, Failure, Global, IdentityArgs, InventoryArgs, animates, exit_codes, print};
use super::{apply::select, reach};
use crate::bootstrap::{self, Order, Witness};
use crate::exit::Exit;
use crate::host::HostError;
use crate::host::connection::{Prompt, Terminal};
use crate::inventory::{Inventory, InventoryHost};
use crate::secret::Secret;
use crate::secret::vault::Vault;

/// Make hosts ready that a provider has just handed over
///
/// Logs in as the provider says (a root password or a key), changes a password that has expired, waits for
/// cloud-init and apt, makes the user that the inventory names, with your key and with sudo, and closes sshd to
/// passwords once a login with the key has succeeded. If none succeeds afterwards, the host undoes that by itself.
/// What is ready already stays as it is.
#[derive(Debug, clap::Args)]
#[command(after_long_help = format!("Examples:
  mailprov bootstrap inventory.yaml
  mailprov bootstrap inventory.yaml --fingerprint SHA256:… --password-file - <password

{}", exit_codes(&[Exit::Done, Exit::Usage, Exit::Invalid, Exit::StepFailed, Exit::Unreachable, Exit::Locked, Exit::Secret, Exit::Interrupted])))]
pub struct Args {
    #[command(flatten)]
    inventory: InventoryArgs,
    #[command(flatten)]
    identity: IdentityArgs,
    /// Only this host, or the hosts of this group. May be repeated
    #[arg(long, value_name = "HOST|GROUP", add = super::candidates::hosts_and_groups())]
    limit: Vec<String>,
    /// The fingerprint of the host's key as the provider shows it; it is asked about when not given
    #[arg(long, value_name = "SHA256:…", value_parser = fingerprint)]
    fingerprint: Option<String>,
    /// A file with the provider's password in its first line: `-` is standard input, `/dev/fd/3` a descriptor. It is
    /// asked for when not given and needed
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Seconds after which the host undoes the hardening of its sshd, unless a fresh login confirms it
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u32).range(5..=3600))]
    undo_after: u32,
}

fn fingerprint(text: &str) -> Result<String, String> {
    match text.strip_prefix("SHA256:") {
        Some(digest) if !digest.is_empty() => Ok(text.to_owned()),
        _ => Err("expected what `ssh-keygen -l` prints: SHA256: and 43 characters".to_owned()),
    }
}

pub async fn run(args: Args, _global: &Global) -> Result<Exit, Failure> {
    let (inventory, _) = args.inventory.load()?;
    let hosts = select::hosts(&inventory, &args.limit)?;
    if hosts.len() > 1 && (args.fingerprint.is_some() || args.password_file.is_some()) {
        return Err(Failure::usage(
            "--fingerprint and --password-file are about one host\n  help: say which one: --limit HOST",
        ));
    }
    let password = args.password_file.as_deref().map(first_line).transpose()?;
    let vault = vault(&inventory, &hosts, &args.identity.identity)?;
    let mut ending = Ending::default();
    for host in hosts {
        ending.of(one(&args, host, &vault, password.clone()).await);
    }
    Ok(ending.exit())
}

async fn one(
    args: &Args,
    host: &InventoryHost,
    vault: &Vault,
    password: Option<Secret>,
) -> Result<(), Failure> {
    print(&format!("{}\n", host.name))?;
    let mut target = reach::target(host, vault, false)?;
    if target.user.is_empty() {
        "root".clone_into(&mut target.user);
    }
    target.host_key_fingerprint = args.fingerprint.clone().or(target.host_key_fingerprint);
    let first = host.connection.bootstrap.clone().unwrap_or_default();
    let order = Order {
        target,
        first_user: first.user.unwrap_or_else(|| "root".to_owned()),
        first_password: password,
        new_password: first.password.and_then(|name| vault.get(&name).cloned()),
        authorized_keys: authorized(&first.authorized_keys)?,
        undo_after: args.undo_after,
    };
    let screen = Screen::new();
    let result = bootstrap::bootstrap(&order, &screen, &screen).await;
    screen.bar.finish_and_clear();
    result?;
    let changed = *screen
        .changed
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    if changed {
        print(&format!(
            "  ready; next: mailprov apply {} --check\n",
            args.inventory.inventory.display()
        ))?;
    } else {
        print("  nothing to do: the host is ready\n")?;
    }
    Ok(())
}

/// The secrets of the logins, and of the passwords to come as far as they are there.
fn vault(inventory: &Inventory, hosts: &[&InventoryHost], identities: &[PathBuf]) -> Result<Vault, Failure> {
    let mut names: Vec<&str> = Vec::new();
    for host in hosts {
        let connection = &host.connection;
        names.extend(connection.password.as_deref());
        names.extend(connection.sudo_password.as_deref());
        let new = connection
            .bootstrap
            .as_ref()
            .and_then(|first| first.password.as_deref());
        names.extend(new.filter(|name| inventory.secrets.entries.contains_key(*name)));
    }
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return Ok(Vault::default());
    }
    Ok(inventory.secrets.open(&names, identities)?)
}

/// The first line of a file, which may be a pipe.
fn first_line(path: &Path) -> Result<Secret, Failure> {
    let failed = |error: std::io::Error| {
        Failure::usage(format!(
            "the password can't be read from `{}`: {error}",
            path.display()
        ))
    };
    let mut text = Zeroizing::new(String::new());
    if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).map_err(failed)?;
    } else {
        std::fs::File::open(path)
            .and_then(|mut file| file.read_to_string(&mut text))
            .map_err(failed)?;
    }
    match text.lines().next().filter(|line| !line.is_empty()) {
        Some(line) => Ok(Secret::new(line)),
        None => Err(Failure::usage(format!(
            "there is no password in the first line of `{}`",
            path.display()
        ))),
    }
}

/// The public keys in files like `authorized_keys`, without options.
fn authorized(files: &[PathBuf]) -> Result<Vec<(PublicKey, String)>, Failure> {
    let mut keys = Vec::new();
    for path in files {
        let shown = path.display();
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::usage(format!("the public key `{shown}` can't be read: {error}")))?;
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let key = PublicKey::from_openssh(line).map_err(|error| {
                Failure::usage(format!(
                    "{shown}:{}: is no public key: {error}; expected a line like `ssh-ed25519 AAAA… comment`",
                    index + 1
                ))
            })?;
            keys.push((key, shown.to_string()));
        }
    }
    Ok(keys)
}

/// Lines on standard output, what goes on at the bottom of the terminal, and questions between.
struct Screen {
    bar: ProgressBar,
    terminal: Terminal,
    changed: Mutex<bool>,
    /// What was said last, where every word is a line of its own.
    last: Mutex<String>,
}

impl Screen {
    fn new() -> Self {
        let bar = if animates(&std::io::stderr()) {
            ProgressBar::new_spinner()
        } else {
            ProgressBar::hidden()
        };
        if let Ok(style) = ProgressStyle::with_template("  {elapsed:>4} {wide_msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(std::time::Duration::from_millis(250));
        Self {
            bar,
            terminal: Terminal::default(),
            changed: Mutex::default(),
            last: Mutex::default(),
        }
    }
}

impl Witness for Screen {
    fn is(&self, what: &str, how: &str, changed: bool) {
        let mark = if changed { "+" } else { " " };
        // A reader that went away is no reason to leave a host half-way.
        let _ = self.bar.suspend(|| print(&format!("{mark} {what:<12}  {how}\n")));
        *self
            .changed
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) |= changed;
    }

    fn doing(&self, text: &str) {
        if !self.bar.is_hidden() {
            self.bar.set_message(text.to_owned());
            return;
        }
        // In a log only waiting is worth a line, and not how long it has been.
        let text = text.split(',').next().unwrap_or_default();
        let mut last = self
            .last
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if text.starts_with("waiting for") && *last != text {
            eprintln!("  {text}");
            text.clone_into(&mut last);
        }
    }
}

impl Prompt for Screen {
    fn trust_host_key(&self, host: &str, fingerprint: &str) -> Option<bool> {
        self.bar
            .suspend(|| self.terminal.trust_host_key(host, fingerprint))
    }

    fn password(&self, question: &str) -> Option<Secret> {
        self.bar.suspend(|| self.terminal.password(question))
    }

    fn new_password(&self, login: &str) -> Result<Option<Secret>, HostError> {
        self.bar.suspend(|| {
            for _ in 0..3 {
                let first = format!("The host demands a new password. New password of {login}: ");
                let Some(new) = self.terminal.password(&first) else {
                    return Ok(None);
                };
                if self.terminal.password("Once more: ").as_ref() == Some(&new) {
                    return Ok(Some(new));
                }
                eprintln!("The two are not the same.");
            }
            Ok(None)
        })
    }
}
