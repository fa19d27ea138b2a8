//! `mailprov lab`: throwaway hosts by hand.

use std::fmt::Write as _;
use std::os::unix::process::CommandExt as _;

use super::common::{Failure, Global, exit_codes, print};
use crate::exit::Exit;
use crate::lab::requirements::{self, Consent};
use crate::lab::{self, HostSpec, Lab, LabError, LabHost, Login, Release};

/// Boot throwaway Debian hosts on this machine
///
/// A lab host is a Debian with systemd as process 1, its own address and SSH, ready in seconds. It stays until
/// `lab down`, or until this machine restarts. Needs root.
#[derive(Debug, clap::Args)]
#[command(after_long_help = format!("Examples:
  mailprov lab up mail
  mailprov lab ssh mail
  mailprov lab ssh mail -- systemctl --failed
  mailprov lab down

{}", exit_codes(&[Exit::Done, Exit::Usage, Exit::Unreachable])))]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Boot a host, and say how to reach it; one that exists is started again
    #[command(after_long_help = exit_codes(&[Exit::Done, Exit::Usage, Exit::Unreachable]))]
    Up(Up),
    /// Remove a lab with all its hosts
    #[command(after_long_help = exit_codes(&[Exit::Done, Exit::Usage, Exit::Unreachable]))]
    Down(Down),
    /// Show all labs and their hosts
    #[command(after_long_help = exit_codes(&[Exit::Done, Exit::Usage, Exit::Unreachable]))]
    List,
    /// Log in to a host, or run a command on it
    #[command(after_long_help = exit_codes(&[Exit::Done, Exit::Usage, Exit::Unreachable]))]
    Ssh(Ssh),
}

#[derive(Debug, clap::Args)]
struct Up {
    /// The host's name in the lab
    #[arg(default_value = "mail")]
    host: String,
    /// The lab; hosts of one lab see each other
    #[arg(long, default_value = "default")]
    lab: String,
    /// The fully qualified name that the host gives itself; HOST.lab.example when not given
    #[arg(long, value_name = "NAME")]
    fqdn: Option<String>,
    /// The Debian release
    #[arg(long, value_enum, default_value_t = Release::Trixie)]
    release: Release,
    /// Log in as this user, who may use sudo without a password, instead of root
    #[arg(long)]
    user: Option<String>,
    /// Install what this machine lacks without asking
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, clap::Args)]
struct Down {
    /// The lab
    #[arg(default_value = "default")]
    lab: String,
    /// Wait until the process that owns the lab is gone
    #[arg(long, hide = true)]
    when_abandoned: bool,
}

#[derive(Debug, clap::Args)]
struct Ssh {
    /// The host's name in the lab
    host: String,
    /// The lab
    #[arg(long, default_value = "default")]
    lab: String,
    /// What to run there; a login shell when nothing is given
    #[arg(last = true)]
    command: Vec<String>,
}

impl From<LabError> for Failure {
    fn from(error: LabError) -> Self {
        Self::new(Exit::Unreachable, error)
    }
}

pub async fn run(args: Args, _global: &Global) -> Result<Exit, Failure> {
    match args.action {
        Action::Up(args) => up(args)?,
        Action::Down(args) if args.when_abandoned => lab::down_when_abandoned(&args.lab)?,
        Action::Down(args) => lab::down(&args.lab)?,
        Action::List => list()?,
        Action::Ssh(args) => ssh(&args)?,
    }
    Ok(Exit::Done)
}

fn up(args: Up) -> Result<(), Failure> {
    requirements::ensure(if args.yes { Consent::Given } else { Consent::Ask })?;
    let lab = Lab::persistent(&args.lab)?;
    let known = lab.hosts()?.into_iter().find(|host| host.name() == args.host);
    let host = match known {
        Some(mut host) => {
            host.start()?;
            host
        }
        None => {
            let login = match args.user {
                Some(user) => Login::Sudo { user, password: None },
                None => Login::RootKey,
            };
            let spec = HostSpec {
                fqdn: args.fqdn,
                ..HostSpec::new(args.host)
            };
            lab.up(&spec.release(args.release).login(login), &|line| {
                eprintln!("{line}")
            })?
        }
    };
    print(&in_an_inventory(&host)?)
}

/// The host as an inventory would have it: to be copied.
fn in_an_inventory(host: &LabHost) -> Result<String, Failure> {
    Ok(format!(
        "ssh:\n  address: {}\n  user: {}\n  identity_files: [{}]\n  host_key_fingerprint: {}\n",
        host.address(),
        host.login().user(),
        host.key().display(),
        host.host_key_fingerprint()?
    ))
}

fn list() -> Result<(), Failure> {
    let mut text = String::new();
    for lab in lab::list()? {
        let kind = if lab.persistent {
            ""
        } else {
            "  (of a running command)"
        };
        let _ = writeln!(text, "{}{kind}", lab.name);
        for host in &lab.hosts {
            let state = if host.is_running() { "running" } else { "stopped" };
            let _ = writeln!(
                text,
                "  {:<16} {:<15} {state}  {}",
                host.name(),
                host.address(),
                host.fqdn()
            );
        }
    }
    print(&text)
}

fn ssh(args: &Ssh) -> Result<(), Failure> {
    let labs = lab::list()?;
    let hosts = labs
        .iter()
        .filter(|lab| lab.name == args.lab)
        .flat_map(|lab| &lab.hosts);
    let Some(host) = hosts.clone().find(|host| host.name() == args.host) else {
        return Err(super::common::unknown_name(
            &format!("host in the lab `{}`", args.lab),
            &args.host,
            hosts.map(LabHost::name),
        ));
    };
    // On success this process becomes ssh and does not come back.
    let error = host.ssh_command()?.args(&args.command).exec();
    Err(Failure::new(
        Exit::Unreachable,
        format!("cannot start ssh: {error}"),
    ))
}
