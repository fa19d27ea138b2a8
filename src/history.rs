//! What a host remembers of runs: their records, and the files that they replaced.
//!
//! Everything here is read by probes; bringing files back is `rollback`'s.

pub mod rollback;

use crate::host::{HostError, ReadHost};
use crate::report::record::Record;
use crate::step::probe::{Observed, PathState, Probe};

/// Records of runs, on a host.
const RUNS: &str = "/var/lib/mailprov/runs";
/// Files as they were before a run, on a host.
const BACKUPS: &str = "/var/lib/mailprov/backups";

/// The records of a host, the oldest first. What can't be read as one is passed over: another version wrote it.
///
/// # Errors
/// Whatever ends the connection.
pub async fn records(host: &mut impl ReadHost) -> Result<Vec<Record>, HostError> {
    let names = list(host, RUNS, ".json").await?;
    let paths: Vec<String> = names.iter().map(|name| format!("{RUNS}/{name}.json")).collect();
    let seen = contents(host, &paths).await?;
    Ok(paths
        .iter()
        .filter_map(|path| serde_json::from_str(&text(&seen, path)?).ok())
        .collect())
}

/// The names in `folder` that end in `suffix`, without it, sorted.
async fn list(host: &mut impl ReadHost, folder: &str, suffix: &str) -> Result<Vec<String>, HostError> {
    let script = format!("cd {folder} 2>/dev/null && printf '%s\\n' [0-9]*{suffix} | tail -n 200");
    let seen = host.probe(&[Probe::Check(script.clone())]).await?;
    let output = seen.checks.get(&script).map_or("", |seen| seen.output.as_str());
    // A pattern that matches nothing stands for itself.
    let names = output.lines().filter(|name| !name.contains('*'));
    Ok(names
        .filter_map(|name| name.strip_suffix(suffix))
        .map(str::to_owned)
        .collect())
}

/// Looks at `paths`, with their contents.
async fn contents(host: &mut impl ReadHost, paths: &[String]) -> Result<Observed, HostError> {
    let probes: Vec<Probe> = paths
        .iter()
        .map(|path| Probe::Path {
            path: path.clone(),
            unless: Some(String::new()),
        })
        .collect();
    if probes.is_empty() {
        return Ok(Observed::default());
    }
    host.probe(&probes).await
}

/// The text of a file that was looked at.
fn text(seen: &Observed, path: &str) -> Option<String> {
    match seen.paths.get(path)? {
        PathState::File {
            content: Some(content),
            ..
        } => Some(String::from_utf8_lossy(content).into_owned()),
        _ => None,
    }
}
