//! Probes of packages: one `dpkg-query` for any number of them. Another package manager gets another branch in
//! `packages.sh` that prints the same lines.

use super::nonsense;
use crate::host::HostError;
use crate::host::script::Script;
use crate::step::probe::{Observed, PackageState, Probe};

pub const SH: &str = include_str!("packages.sh");

fn wanted(probes: &[Probe]) -> impl Iterator<Item = &str> {
    probes.iter().filter_map(|probe| match probe {
        Probe::Package(name) => Some(name.as_str()),
        _ => None,
    })
}

pub fn ask(script: Script, probes: &[Probe]) -> Script {
    if wanted(probes).next().is_none() {
        return script;
    }
    script
        .code("echo @packages\nmailprov_packages")
        .words(wanted(probes))
        .code("\necho .\n")
}

pub fn read(probes: &[Probe], lines: &[&str], observed: &mut Observed) -> Result<(), HostError> {
    if wanted(probes).next().is_none() {
        return Ok(());
    }
    let Some((&".", lines)) = lines.split_last() else {
        return Err(nonsense("packages", "a list that ends", &lines.join(" ")));
    };
    for name in wanted(probes) {
        observed.packages.insert(name.to_owned(), PackageState::default());
    }
    for line in lines {
        let fields: Vec<&str> = line.split('|').collect();
        let &[name, version, want, status, flag] = fields.as_slice() else {
            return Err(nonsense("packages", "five fields", line));
        };
        // dpkg-query takes a name as a pattern, and knows a package once per architecture.
        if let Some(known) = observed.packages.get_mut(name) {
            let state = state(version, want, status, flag);
            if known.installed.is_none() && known.broken.is_none() {
                *known = state;
            }
        }
    }
    Ok(())
}

/// The states of dpkg(1), "Information about packages".
fn state(version: &str, want: &str, status: &str, flag: &str) -> PackageState {
    let (installed, broken) = match status {
        "installed" if flag != "reinstreq" => (Some(version.to_owned()), None),
        "installed" => (None, Some("to be installed again".to_owned())),
        "not-installed" | "config-files" => (None, None),
        other => (None, Some(other.to_owned())),
    };
    PackageState {
        installed,
        broken,
        held: want == "hold",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_lines(names: &[&str], lines: &[&str]) -> Result<Observed, HostError> {
        let probes: Vec<Probe> = names
            .iter()
            .map(|name| Probe::Package((*name).to_owned()))
            .collect();
        let mut observed = Observed::default();
        read(&probes, lines, &mut observed).map(|()| observed)
    }

    #[test]
    fn states_of_dpkg_are_told_apart() {
        let seen = read_lines(
            &["a", "b", "c", "d", "e", "f"],
            &[
                "a|1:2.4-1|install|installed|ok",
                "b|1.0|hold|installed|ok",
                "c|1.0|deinstall|config-files|ok",
                "d|1.0|install|half-configured|ok",
                "e|1.0|install|installed|reinstreq",
                ".",
            ],
        )
        .unwrap()
        .packages;
        assert_eq!(seen["a"].installed.as_deref(), Some("1:2.4-1"));
        assert!(seen["b"].held && seen["b"].installed.is_some());
        assert_eq!(seen["c"], PackageState::default());
        assert_eq!(seen["d"].broken.as_deref(), Some("half-configured"));
        assert!(seen["e"].installed.is_none() && seen["e"].broken.is_some());
        assert_eq!(seen["f"], PackageState::default());
    }

    #[test]
    fn the_architecture_that_is_installed_counts() {
        let seen = read_lines(
            &["libc6"],
            &[
                "libc6||unknown|not-installed|ok",
                "libc6|2.41|install|installed|ok",
                ".",
            ],
        )
        .unwrap();
        assert_eq!(seen.packages["libc6"].installed.as_deref(), Some("2.41"));
    }

    #[test]
    fn a_list_that_was_cut_off_is_no_answer() {
        assert!(read_lines(&["a"], &[]).is_err());
        assert!(read_lines(&["a"], &["a|1|install|installed|ok"]).is_err());
        assert!(read_lines(&["a"], &["a|1", "."]).is_err());
    }
}
