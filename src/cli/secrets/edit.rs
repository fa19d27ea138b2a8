//! `mailprov secrets edit`: clear text in an editor, in memory, and gone afterwards whatever happens.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::ExitStatus;

use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};
use zeroize::Zeroizing;

use super::File;
use crate::ask::Heeding;
use crate::cli::common::{Failure, IdentityArgs, count, print};
use crate::diagnostic::Source;
use crate::exit::Exit;
use crate::secret::Secret;
use crate::secret::memory::{self, MemoryFolder};
use crate::secret::vault::{Changes, SecretError, SecretsFile};
use crate::yaml::{self, NodeValue};

#[derive(Debug, clap::Args)]
pub struct Edit {
    /// The secrets to edit; all when none is named
    names: Vec<String>,
    #[command(flatten)]
    file: File,
    #[command(flatten)]
    identity: IdentityArgs,
}

type Values = BTreeMap<String, Secret>;

impl Edit {
    pub async fn run(self) -> Result<Exit, Failure> {
        let mut file = self.file.load()?;
        if chosen_editor().is_none() && !(std::io::stdin().is_terminal() && std::io::stdout().is_terminal()) {
            return Err(Failure::usage(format!(
                "there is no terminal to edit on\n  help: {}",
                file.command("set NAME")
            )));
        }
        let names: Vec<&str> = match self.names.as_slice() {
            [] => file.entries.keys().map(String::as_str).collect(),
            names => names.iter().map(String::as_str).collect(),
        };
        let vault = file.open(&names, &self.identity.identity)?;
        let before: Values = names
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), vault.get(name)?.clone())))
            .collect();
        for device in memory::swap_devices() {
            eprintln!(
                "note: memory may be swapped out to {device}; clear text is safe there only if it is encrypted"
            );
        }
        // Before there is anything to lose, so that no signal finds the program unprepared.
        let mut signals = Signals::listen()?;
        let folder = MemoryFolder::make()?;
        let clear = folder.path().join("secrets.yaml");
        write(&clear, &before).map_err(io("writing the values for the editor"))?;
        let after = loop {
            match signals.edit(folder.path(), &clear).await? {
                Ended::Editor(status) if status.success() => {}
                Ended::Editor(_) if signals.interrupted => return Ok(Exit::Interrupted),
                Ended::Editor(status) => {
                    return Err(SecretError(format!(
                        "the editor ended with {status}; nothing was changed\n  \
                         help: set VISUAL or EDITOR to another one"
                    ))
                    .into());
                }
                Ended::Signal => return Ok(Exit::Interrupted),
            }
            match read(&clear) {
                Ok(values) => break values,
                Err(reason) if !again(&reason)? => {
                    return Err(SecretError("nothing was changed".to_owned()).into());
                }
                Err(_) => {}
            }
        };
        drop(folder);
        save(&mut file, &before, &after)?;
        Ok(Exit::Done)
    }
}

fn io(doing: &str) -> impl Fn(std::io::Error) -> Failure + '_ {
    move |error| SecretError(format!("{doing}: {}", yaml::io_reason(&error))).into()
}

fn save(file: &mut SecretsFile, before: &Values, after: &Values) -> Result<(), Failure> {
    let changes = Changes {
        set: after
            .iter()
            .filter(|(name, value)| before.get(*name) != Some(value))
            .map(|(name, value)| (name.as_str(), value))
            .collect(),
        remove: before
            .keys()
            .filter(|name| !after.contains_key(*name))
            .map(String::as_str)
            .collect(),
        recipients: None,
    };
    if changes.set.is_empty() && changes.remove.is_empty() {
        return print("nothing was changed\n");
    }
    file.change(&changes)?;
    let mut text = String::new();
    for name in changes.set.keys() {
        let verb = if before.contains_key(*name) {
            "replaced"
        } else {
            "added"
        };
        text += &format!("{verb} `{name}`\n");
    }
    for name in &changes.remove {
        text += &format!("removed `{name}`\n");
    }
    text += &format!(
        "{} in {}, readable by {}\n",
        count(file.entries.len(), "secret"),
        file.path.display(),
        count(file.recipients.len(), "recipient")
    );
    print(&text)
}

/// Shows what is wrong and asks whether to go back; `false` when nobody is there to ask.
fn again(reason: &str) -> Result<bool, Failure> {
    eprintln!("error: {reason}");
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    eprint!("Back to the editor? Otherwise the changes are lost. [Y/n] ");
    let mut answer = String::new();
    std::io::stdin()
        .read_line(&mut answer)
        .map_err(io("reading the answer"))?;
    Ok(!answer.is_empty() && !answer.trim().eq_ignore_ascii_case("n"))
}

fn write(path: &Path, values: &Values) -> std::io::Result<()> {
    let plain: BTreeMap<&str, &str> = values
        .iter()
        .map(|(name, value)| (name.as_str(), value.expose()))
        .collect();
    let body = if plain.is_empty() {
        String::new()
    } else {
        serde_yaml::to_string(&plain).map_err(std::io::Error::other)?
    };
    let text = Zeroizing::new(format!(
        "# One `name: value` for each secret; a line less removes it. Saved values are encrypted when the editor ends.\n{body}"
    ));
    std::fs::File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?
        .write_all(text.as_bytes())
}

/// What the editor left. Mistakes are told without the lines they are in.
fn read(path: &Path) -> Result<Values, String> {
    let text = std::fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(|e| yaml::io_reason(&e))?;
    let root = yaml::parse(&Source::new("secrets.yaml", text.as_str())).map_err(|found| {
        let all = found.0.iter().map(|mistake| match &mistake.place {
            Some(place) => format!("line {}: {}", place.line, mistake.message),
            None => mistake.message.clone(),
        });
        all.collect::<Vec<_>>().join("\n")
    })?;
    let entries = match &root.value {
        NodeValue::Null => return Ok(Values::new()),
        NodeValue::Map(entries) => entries,
        _ => return Err("the file is no list of `name: value`".to_owned()),
    };
    let mut values = Values::new();
    for (key, node) in entries {
        let value = match &node.value {
            NodeValue::Text { text, .. } if !text.is_empty() => text.clone(),
            NodeValue::Int(_) | NodeValue::Float(_) | NodeValue::Bool(_) => node.written(),
            NodeValue::Text { .. } | NodeValue::Null => {
                return Err(format!("line {}: `{}` has no value", key.place.line, key.name));
            }
            _ => {
                return Err(format!(
                    "line {}: the value of `{}` must be a text; put it in quotes",
                    key.place.line, key.name
                ));
            }
        };
        values.insert(key.name.clone(), Secret::new(value));
    }
    Ok(values)
}

enum Ended {
    Editor(ExitStatus),
    Signal,
}

/// The signals that would otherwise end the program with clear text behind it.
struct Signals {
    terminate: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
    quit: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    interrupted: bool,
    _heeding: Heeding,
}

impl Signals {
    fn listen() -> Result<Self, Failure> {
        let on = |kind| signal(kind).map_err(io("listening for signals"));
        Ok(Self {
            terminate: on(SignalKind::terminate())?,
            hang_up: on(SignalKind::hangup())?,
            quit: on(SignalKind::quit())?,
            interrupt: on(SignalKind::interrupt())?,
            interrupted: false,
            _heeding: Heeding::begin(),
        })
    }

    /// Runs the editor on `file` until it ends, or ends it when this program is told to end. Ctrl-C is the editor's:
    /// to many of them it is a key like others.
    async fn edit(&mut self, folder: &Path, file: &Path) -> Result<Ended, Failure> {
        let words = editor();
        let (program, arguments) = words.split_first().ok_or_else(|| {
            Failure::usage("VISUAL and EDITOR are empty\n  help: set EDITOR to your editor's command")
        })?;
        let mut child = Command::new(program)
            .args(arguments)
            .args(discreet(program))
            .arg(file)
            .env("TMPDIR", folder)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| {
                SecretError(format!(
                    "can't start the editor `{program}`: {}\n  help: set VISUAL or EDITOR to another one",
                    yaml::io_reason(&error)
                ))
            })?;
        loop {
            tokio::select! {
                status = child.wait() => return Ok(Ended::Editor(status.map_err(io("waiting for the editor"))?)),
                _ = self.interrupt.recv() => self.interrupted = true,
                _ = self.quit.recv() => self.interrupted = true,
                _ = self.terminate.recv() => break,
                _ = self.hang_up.recv() => break,
            }
        }
        // At once and for good: an editor that is asked to end saves what it has, elsewhere.
        child.kill().await.map_err(io("ending the editor"))?;
        Ok(Ended::Signal)
    }
}

/// The command that the operator's environment names.
fn chosen_editor() -> Option<String> {
    let set = |name| {
        std::env::var(name)
            .ok()
            .filter(|value: &String| !value.trim().is_empty())
    };
    set("VISUAL").or_else(|| set("EDITOR"))
}

/// The operator's editor, with its arguments.
fn editor() -> Vec<String> {
    let command = chosen_editor().unwrap_or_else(|| "vi".to_owned());
    command.split_whitespace().map(str::to_owned).collect()
}

/// What keeps an editor from writing the text elsewhere too: Vim has swap, undo and backup files and a memory of
/// registers, which its configuration may have put anywhere.
fn discreet(program: &str) -> &'static [&'static str] {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file());
    // `vi` may be Vim by another name.
    let real = found
        .and_then(|path| path.canonicalize().ok())
        .unwrap_or_else(|| program.into());
    let name = real
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    if name.starts_with("vim") || name.starts_with("nvim") {
        &["-n", "-i", "NONE", "-c", "set nobackup nowritebackup noundofile"]
    } else {
        &[]
    }
}
