//! `mailprov facts`: what is known of hosts before any step; also the way to try a connection.

use std::sync::Arc;

use futures::StreamExt as _;

use super::common::{
    ConnectionArgs, Ending, Failure, Global, IdentityArgs, InventoryArgs, exit_codes, print,
};
use super::{apply::select, reach};
use crate::exit::Exit;
use crate::host::connection::Terminal;
use crate::host::session::Session;
use crate::host::{Facts, HostError, PackageVersion, ReadHost as _, WriteHost as _};
use crate::inventory::InventoryHost;
use crate::role::bind;

/// How many hosts are asked at the same time.
const JOBS: usize = 8;

/// Show what is known of hosts before any step
///
/// Connects to every host as an apply would, changes nothing, takes no lock, and prints distribution, names, and
/// the versions of the packages that its roles' templates ask for: installed ones, or the candidates of the package
/// manager, or what the role assumes for the release. A good first test of how a host is reached.
#[derive(Debug, clap::Args)]
#[command(after_long_help = format!("Examples:
  mailprov facts inventory.yaml
  mailprov facts inventory.yaml --limit mx1 --output json

{}", exit_codes(&[Exit::Done, Exit::Usage, Exit::Invalid, Exit::Unreachable, Exit::Secret, Exit::Interrupted])))]
pub struct Args {
    #[command(flatten)]
    inventory: InventoryArgs,
    #[command(flatten)]
    identity: IdentityArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
    /// Only this host, or the hosts of this group. May be repeated
    #[arg(long, value_name = "HOST|GROUP", add = super::candidates::hosts_and_groups())]
    limit: Vec<String>,
    /// Text for people, or JSON: one object per line
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    output: Output,
    /// Trust the keys of hosts that are not known yet, and remember them
    #[arg(long)]
    accept_new_host_key: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    #[default]
    Text,
    Json,
}

pub async fn run(args: Args, _global: &Global) -> Result<Exit, Failure> {
    let (mut inventory, roles) = args.inventory.load()?;
    args.connection.choose(&mut inventory, &args.limit)?;
    let hosts = select::hosts(&inventory, &args.limit)?;
    let vault = reach::vault(&inventory, &hosts, &args.identity.identity)?;
    let prompt = Arc::new(Terminal::default());
    let results: Vec<(&InventoryHost, Result<Facts, HostError>)> = futures::stream::iter(hosts)
        .map(|host| {
            let packages = bind::packages(&roles, host);
            let (vault, prompt, accept) = (&vault, prompt.clone(), args.accept_new_host_key);
            let path = inventory.path.as_path();
            async move {
                let asked = async {
                    let session = reach::open(host, vault, accept, prompt, Some(path)).await?;
                    ask(session, &packages).await
                };
                (host, asked.await)
            }
        })
        .buffered(JOBS)
        .collect()
        .await;

    let mut ending = Ending::default();
    for (host, result) in results {
        let Some(mut facts) = ending.of(result) else {
            continue;
        };
        bind::complete_facts(&roles, host, &mut facts);
        match args.output {
            Output::Text => print(&text(&host.name, &facts))?,
            Output::Json => print(&format!("{}\n", json(&host.name, &facts)))?,
        }
    }
    Ok(ending.exit())
}

async fn ask(mut session: Session, packages: &[String]) -> Result<Facts, HostError> {
    let facts = session.facts(packages, None).await?;
    session.finish(None).await?;
    Ok(facts)
}

fn text(name: &str, facts: &Facts) -> String {
    let mut lines = vec![
        (
            "distribution",
            format!("{} {} ({})", facts.distribution, facts.release, facts.codename),
        ),
        ("architecture", facts.architecture.clone()),
        ("init", facts.init.clone()),
        ("hostname", facts.hostname.clone()),
        ("fqdn", facts.fqdn.clone()),
        ("memory", format!("{} MiB", facts.memory)),
        ("clock", clock(facts.clock)),
        ("login", login(facts)),
    ];
    for (package, version) in &facts.packages {
        let from = match version {
            PackageVersion::Installed(_) => "installed",
            PackageVersion::Candidate(_) => "candidate",
            PackageVersion::Release(_) => "assumed for the release",
        };
        lines.push((package, format!("{} ({from})", version.version())));
    }
    let width = lines.iter().map(|(key, _)| key.len()).max().unwrap_or_default();
    let mut text = format!("{name}\n");
    for (key, value) in lines {
        text.push_str(&format!("  {key:width$}  {value}\n"));
    }
    text
}

fn login(facts: &Facts) -> String {
    if facts.ssh_client.is_empty() {
        return facts.login.clone();
    }
    format!(
        "{} from {} on port {}",
        facts.login, facts.ssh_client, facts.ssh_port
    )
}

fn clock(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(
        |_| seconds.to_string(),
        |time| time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
    )
}

fn json(name: &str, facts: &Facts) -> serde_json::Value {
    let mut object = serde_json::json!({ "type": "facts", "host": name });
    if let (Some(object), Ok(serde_json::Value::Object(facts))) =
        (object.as_object_mut(), serde_json::to_value(facts))
    {
        object.extend(facts);
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_shown_with_the_source_of_versions() {
        let mut facts = Facts {
            distribution: "debian".into(),
            release: "13".into(),
            ..Facts::default()
        };
        let version = PackageVersion::Candidate("3.10.5".into());
        facts.packages.insert("postfix".into(), version);
        facts.login = "root".into();
        facts.ssh_client = "192.0.2.9".into();
        facts.ssh_port = 22;
        assert!(text("mx1", &facts).contains("3.10.5 (candidate)"));
        assert!(text("mx1", &facts).contains("root from 192.0.2.9 on port 22"));
        let json = json("mx1", &facts);
        assert_eq!(json["packages"]["postfix"]["from"], "candidate");
        assert_eq!((&json["host"], &json["release"]), (&"mx1".into(), &"13".into()));
    }
}
