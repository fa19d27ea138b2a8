//! `mailprov init`: a few questions, a first inventory, and the next command.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use super::common::{Failure, Global, exit_codes, print};
use crate::exit::Exit;
use crate::host::script::quote;
use crate::init::{self, Answers, InitError, Made};
use crate::role::declare::text;
use crate::secret::vault::identity;

/// Write a first inventory, with its key and its passwords
///
/// Asks for what the options don't say; with --hostname, --address and --domain it asks nothing. What it writes is
/// complete: `rehearse` and `apply` need no edit. Nothing is ever overwritten.
#[derive(Debug, clap::Args)]
#[command(after_long_help = format!("Examples:
  mailprov init
  mailprov init mail --hostname mx1.example.org --address 192.0.2.1 --domain example.org

{}", exit_codes(&[Exit::Done, Exit::Usage, Exit::Invalid, Exit::Secret, Exit::Interrupted])))]
pub struct Args {
    /// The folder to write to; made if need be
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    /// The server's full name, as its MX record says it
    #[arg(long, value_name = "NAME", value_parser = checked(text::hostname))]
    hostname: Option<String>,
    /// How SSH reaches the server: an address or a name
    #[arg(long, value_name = "ADDRESS", value_parser = checked(init::address))]
    address: Option<String>,
    /// A domain that the server receives mail for. May be repeated
    #[arg(long, value_name = "DOMAIN", value_parser = checked(text::domain))]
    domain: Vec<String>,
    /// A mailbox; the first one's owner gets the administrator's mail. May be repeated [default: postmaster@DOMAIN]
    #[arg(long, value_name = "ADDRESS", value_parser = checked(text::email))]
    mailbox: Vec<String>,
    /// Where certificates come from: a value of `mail_certificates`
    #[arg(long, value_name = "SOURCE")]
    certificates: Option<String>,
    /// What looks for spam: a value of `mail_filter`
    #[arg(long, value_name = "FILTER")]
    filter: Option<String>,
    /// Where domains and mailboxes are kept on the server: a value of `mail_database`
    #[arg(long, value_name = "DATABASE")]
    database: Option<String>,
    /// Encrypt the passwords for this age identity or SSH private key instead of a new one
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
}

type Check = fn(&str) -> Result<(), String>;

fn checked(check: Check) -> impl Fn(&str) -> Result<String, String> + Clone + Send + Sync + 'static {
    move |text| check(text).map(|()| text.to_owned())
}

pub async fn run(args: Args, _global: &Global) -> Result<Exit, Failure> {
    let given = args.identity.clone();
    let folder = args.folder.clone();
    let answers = answers(args)?;
    let made = init::init(&folder, &answers).map_err(|error| match error {
        InitError::There(_) | InitError::Io(_) => Failure::usage(error),
        InitError::Secret(error) => error.into(),
        InitError::Invalid(found) => found.into(),
    })?;
    print(&report(&folder, &made, given.as_deref()))?;
    Ok(Exit::Done)
}

fn answers(args: Args) -> Result<Answers, Failure> {
    let missing: Vec<&str> = [
        (args.hostname.is_none(), "--hostname"),
        (args.address.is_none(), "--address"),
        (args.domain.is_empty(), "--domain"),
    ]
    .into_iter()
    .filter_map(|(missing, option)| missing.then_some(option))
    .collect();
    if !missing.is_empty() && !std::io::stdin().is_terminal() {
        return Err(Failure::usage(format!(
            "{} not given, and there is no terminal to ask on\n  \
             help: mailprov init --hostname mx1.example.org --address 192.0.2.1 --domain example.org",
            missing.join(", ")
        )));
    }
    let hostname = match args.hostname {
        Some(hostname) => hostname,
        None => ask(
            "The server's full name, such as mx1.example.org",
            None,
            text::hostname,
        )?,
    };
    let address = match args.address {
        Some(address) => address,
        None => ask("Its address, for SSH", Some(&hostname), init::address)?,
    };
    let domains = if args.domain.is_empty() {
        let parent = hostname
            .split_once('.')
            .map(|(_, parent)| parent)
            .filter(|parent| parent.contains('.'));
        let answer = ask(
            "Domains that it receives mail for, with commas between",
            parent,
            |answer| {
                let domains = several(answer);
                if domains.is_empty() {
                    return text::domain(answer);
                }
                domains.iter().try_for_each(|domain| text::domain(domain))?;
                twice(&domains).map_or(Ok(()), |domain| Err(format!("{domain} is named twice")))
            },
        )?;
        several(&answer)
    } else {
        once("--domain", args.domain)?
    };
    let postmaster = format!("postmaster@{}", domains.first().map_or("", String::as_str));
    let mailboxes = match args.mailbox {
        mailboxes if !mailboxes.is_empty() => once("--mailbox", mailboxes)?,
        _ if missing.is_empty() => vec![postmaster],
        _ => vec![ask("The first mailbox", Some(&postmaster), |mailbox| {
            text::email(mailbox)?;
            stranger(mailbox, &domains).map_or(Ok(()), |_| {
                Err(format!("it is in none of the domains {}", domains.join(", ")))
            })
        })?],
    };
    if let Some((mailbox, domain)) = mailboxes
        .iter()
        .find_map(|mailbox| Some((mailbox, stranger(mailbox, &domains)?)))
    {
        return Err(Failure::usage(format!(
            "the mailbox {mailbox} is in none of the domains {}\n  help: add `--domain {domain}`",
            domains.join(", ")
        )));
    }
    let given = [
        ("certificates", args.certificates),
        ("filter", args.filter),
        ("database", args.database),
    ];
    let choices = choose(given, !missing.is_empty())?;
    let identity = match args.identity {
        None if !missing.is_empty() => ask_for_identity()?,
        given => given,
    };
    Ok(Answers {
        hostname,
        address,
        domains,
        mailboxes,
        choices,
        identity,
    })
}

/// What stands between commas and blanks.
fn several(text: &str) -> Vec<String> {
    let words = text.split([',', ' ', '\t']).filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

/// The domain of `mailbox`, if it is none of `domains`.
fn stranger<'a>(mailbox: &'a str, domains: &[String]) -> Option<&'a str> {
    let domain = mailbox.rsplit('@').next().unwrap_or_default();
    let known = domains.iter().any(|known| known.eq_ignore_ascii_case(domain));
    (!known).then_some(domain)
}

/// The first of `values` that stands among them before, in whatever case.
fn twice(values: &[String]) -> Option<&String> {
    let mut before = BTreeSet::new();
    values.iter().find(|value| !before.insert(value.to_lowercase()))
}

/// What an option that may be repeated was given, if no value is.
fn once(option: &str, values: Vec<String>) -> Result<Vec<String>, Failure> {
    match twice(&values) {
        Some(value) => Err(Failure::usage(format!("`{option} {value}` is given twice"))),
        None => Ok(values),
    }
}

/// The values of what can be chosen: given, asked for, or the default.
fn choose(
    mut given: [(&str, Option<String>); 3],
    interactive: bool,
) -> Result<BTreeMap<String, String>, Failure> {
    let mut chosen = BTreeMap::new();
    for choice in init::choices()? {
        let among = choice.values.join(", ");
        let wrong = |value: &str| format!("`{value}` is none of {among}");
        let given = given
            .iter_mut()
            .find(|(word, _)| *word == choice.word)
            .and_then(|(_, value)| value.take());
        let value = match given {
            Some(value) if choice.values.contains(&value) => value,
            Some(value) => {
                return Err(Failure::usage(format!("--{}: {}", choice.word, wrong(&value))));
            }
            None if interactive && choice.values.len() > 1 => {
                let check = |value: &str| {
                    if choice.values.iter().any(|known| known == value) {
                        Ok(())
                    } else {
                        Err(wrong(value))
                    }
                };
                ask(
                    &format!("{}:\n{among}", choice.question),
                    Some(&choice.suggested),
                    check,
                )?
            }
            None => choice.suggested,
        };
        chosen.insert(choice.variable, value);
    }
    if let Some((word, _)) = given.iter().find(|(_, value)| value.is_some()) {
        return Err(Failure::usage(format!("--{word}: no role offers that choice")));
    }
    Ok(chosen)
}

/// An SSH key that is there can read the secrets as well as a new one; `None`: a new one.
fn ask_for_identity() -> Result<Option<PathBuf>, Failure> {
    let Some(home) = std::env::home_dir() else {
        return Ok(None);
    };
    let usual = [".ssh/id_ed25519", ".ssh/id_rsa"];
    let Some(name) = usual.into_iter().find(|name| home.join(name).exists()) else {
        return Ok(None);
    };
    let question = format!("Encrypt for your SSH key ~/{name}, not for a new one (yes/no)");
    let yes_or_no = |answer: &str| match answer {
        "yes" | "y" | "no" | "n" => Ok(()),
        _ => Err("expected yes or no".to_owned()),
    };
    let answer = ask(&question, Some("no"), yes_or_no)?;
    Ok(answer.starts_with('y').then(|| home.join(name)))
}

/// Asks until the answer makes sense.
fn ask(
    question: &str,
    default: Option<&str>,
    check: impl Fn(&str) -> Result<(), String>,
) -> Result<String, Failure> {
    let failed = |error: std::io::Error| Failure::usage(format!("can't ask: {error}"));
    loop {
        match default {
            Some(default) => eprint!("{question} [{default}]: "),
            None => eprint!("{question}: "),
        }
        std::io::stderr().flush().map_err(failed)?;
        let mut line = String::new();
        if std::io::stdin().read_line(&mut line).map_err(failed)? == 0 {
            return Err(Failure::usage("no answer; nothing was written"));
        }
        let answer = match line.trim() {
            "" => default.unwrap_or_default(),
            answer => answer,
        };
        match check(answer) {
            Ok(()) => return Ok(answer.to_owned()),
            Err(reason) => eprintln!("{reason}"),
        }
    }
}

fn report(folder: &Path, made: &Made, given: Option<&Path>) -> String {
    let mut text = String::new();
    let here = folder == Path::new(".");
    let width = made
        .files
        .iter()
        .map(|path| path.as_os_str().len())
        .max()
        .unwrap_or(0);
    for path in &made.files {
        let what = match path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default()
        {
            init::INVENTORY => "what the server is to be: read it, extend it".to_owned(),
            init::IDENTITY => "reads the passwords: keep a copy, never publish it".to_owned(),
            init::SCHEMA => "lets an editor complete and check the inventory".to_owned(),
            ".gitignore" => "keeps the key out of version control".to_owned(),
            _ => format!("{} passwords, encrypted", made.passwords),
        };
        let shown = if here {
            path.strip_prefix(".").unwrap_or(path)
        } else {
            path
        };
        let _ = writeln!(text, "{:<width$}  {what}", shown.display().to_string());
    }
    let key = given.filter(|path| {
        let usual = identity::files(&folder.join("secrets.yaml"), &[]);
        let same = |other: &PathBuf| other.canonicalize().ok() == path.canonicalize().ok();
        !usual.iter().any(same)
    });
    let key = key.map(|path| path.canonicalize().unwrap_or_else(|_| path.to_owned()));
    let key = key
        .map(|path| format!(" --identity {}", quote(&path.to_string_lossy())))
        .unwrap_or_default();
    text += "\nNext, try it on a throwaway host on this machine, as root:\n";
    if !here {
        let _ = writeln!(text, "  cd {}", quote(&folder.to_string_lossy()));
    }
    let _ = writeln!(
        text,
        "  mailprov rehearse inventory.yaml\nMake a fresh server ready to log in to; then see what it lacks, and make it \
         so:\n  mailprov bootstrap inventory.yaml{key}\n  mailprov apply inventory.yaml --check --diff{key}\n  \
         mailprov apply inventory.yaml{key}"
    );
    text += "To log in to a mailbox:\n";
    for secret in &made.mailbox_secrets {
        let _ = writeln!(text, "  mailprov secrets get {secret}{key}");
    }
    text
}
