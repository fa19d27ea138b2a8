//! Probes of systemd units: one `systemctl show` for any number of them, and the digests that mailprov recorded.

use std::collections::HashMap;

use super::{decode, nonsense};
use crate::host::HostError;
use crate::host::script::Script;
use crate::step::probe::{Observed, Probe, UnitState};

pub const SH: &str = include_str!("units.sh");

fn wanted(probes: &[Probe]) -> impl Iterator<Item = &str> {
    probes.iter().filter_map(|probe| match probe {
        Probe::Unit(name) => Some(name.as_str()),
        _ => None,
    })
}

pub fn ask(script: Script, probes: &[Probe]) -> Script {
    if wanted(probes).next().is_none() {
        return script;
    }
    script
        .code("echo @units\nmailprov_units")
        .words(wanted(probes))
        .code("\n")
}

/// A unit that systemd says nothing of (it isn't process 1, or the name is none) keeps the default state.
pub fn read(probes: &[Probe], lines: &[&str], observed: &mut Observed) -> Result<(), HostError> {
    if wanted(probes).next().is_none() {
        return Ok(());
    }
    let Some((shown, digests)) = lines.split_first() else {
        return Err(nonsense("units", "systemd's words", ""));
    };
    let shown = decode("units", shown)?;
    let shown = String::from_utf8_lossy(&shown);
    let mut states = HashMap::new();
    for block in shown.split("\n\n") {
        let fields: HashMap<&str, &str> = block.lines().filter_map(|line| line.split_once('=')).collect();
        let get = |key: &str| (*fields.get(key).unwrap_or(&"")).to_owned();
        let state = UnitState {
            load: get("LoadState"),
            active: get("ActiveState"),
            sub: get("SubState"),
            file: get("UnitFileState"),
            needs_daemon_reload: get("NeedDaemonReload") == "yes",
            result: get("Result"),
            ..UnitState::default()
        };
        // A unit asked for by an alias is shown under all its names.
        for name in get("Names").split_whitespace() {
            states.insert(name.to_owned(), state.clone());
        }
    }
    let mut digests = digests.iter();
    for name in wanted(probes) {
        let line = digests
            .next()
            .ok_or_else(|| nonsense("units", "digests of every unit", ""))?;
        let (restart, reload) = line
            .split_once(' ')
            .ok_or_else(|| nonsense("units", "two digests", line))?;
        let digest = |word: &str| Some(word.to_owned()).filter(|word| word != "-");
        let mut state = states.get(name).cloned().unwrap_or_default();
        state.restart_digest = digest(restart);
        state.reload_digest = digest(reload);
        observed.units.insert(name.to_owned(), state);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;

    fn run(shown: &str, folder: &std::path::Path, units: &[&str]) -> Observed {
        let probes: Vec<Probe> = units.iter().map(|unit| Probe::Unit((*unit).to_owned())).collect();
        let script = format!(
            "systemctl() {{ printf %s {} | base64 -d; }}\nmailprov_state={}\n{SH}\n{}",
            base64::engine::general_purpose::STANDARD.encode(shown),
            folder.display(),
            ask(Script::new(), &probes).as_str()
        );
        let output = std::process::Command::new("sh")
            .args(["-c", &script])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        let text = String::from_utf8(output.stdout).unwrap();
        let lines: Vec<&str> = text.lines().skip(1).collect();
        let mut observed = Observed::default();
        read(&probes, &lines, &mut observed).unwrap();
        observed
    }

    const TWO: &str = "Result=success\nNames=mysql.service mariadb.service\nLoadState=loaded\nActiveState=active\n\
        SubState=running\nUnitFileState=enabled\nNeedDaemonReload=yes\n\nResult=success\nNames=none.service\n\
        LoadState=not-found\nActiveState=inactive\nSubState=dead\nUnitFileState=\nNeedDaemonReload=no\n";

    #[test]
    fn states_and_records_are_read() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("services")).unwrap();
        std::fs::write(folder.path().join("services/mariadb.service.restart"), "0af3\n").unwrap();
        std::fs::write(
            folder.path().join("services/none.service.reload"),
            "not a digest\n",
        )
        .unwrap();
        let seen = run(TWO, folder.path(), &["mariadb.service", "none.service"]).units;
        let mariadb = &seen["mariadb.service"];
        assert_eq!(
            (mariadb.load.as_str(), mariadb.active.as_str()),
            ("loaded", "active")
        );
        assert_eq!(mariadb.file, "enabled");
        assert!(mariadb.needs_daemon_reload);
        assert_eq!(mariadb.restart_digest.as_deref(), Some("0af3"));
        assert_eq!(mariadb.reload_digest, None);
        let none = &seen["none.service"];
        assert_eq!(none.load, "not-found");
        assert_eq!(none.reload_digest, None);
    }

    #[test]
    fn without_systemd_a_unit_has_no_state() {
        let folder = tempfile::tempdir().unwrap();
        let seen = run("", folder.path(), &["a.service"]);
        assert_eq!(seen.units["a.service"], UnitState::default());
    }
}
