//! Probes of kernel settings: one `grep` over their files in /proc/sys, because a minimal Debian has no `sysctl`.

use std::collections::BTreeMap;

use super::{decode, nonsense};
use crate::host::HostError;
use crate::host::script::Script;
use crate::step::probe::{Observed, Probe};

pub const SH: &str = include_str!("sysctl.sh");

/// The file of a setting. As sysctl(8) has it: when the first separator is a slash, dots stand for themselves
/// (`net/ipv4/conf/eth0.1/forwarding`); otherwise dots separate, and a slash is a dot.
pub fn file(key: &str) -> String {
    let swapped = key
        .find(['.', '/'])
        .is_some_and(|at| key.as_bytes().get(at) == Some(&b'.'));
    let path: String = key
        .chars()
        .map(|c| match c {
            '.' if swapped => '/',
            '/' if swapped => '.',
            c => c,
        })
        .collect();
    format!("/proc/sys/{path}")
}

/// Files, and the keys that were asked about by them.
fn wanted(probes: &[Probe]) -> BTreeMap<String, Vec<&str>> {
    let mut wanted: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for probe in probes {
        if let Probe::Sysctl(key) = probe {
            wanted.entry(file(key)).or_default().push(key);
        }
    }
    wanted
}

pub fn ask(script: Script, probes: &[Probe]) -> Script {
    let wanted = wanted(probes);
    if wanted.is_empty() {
        return script;
    }
    script
        .code("echo @sysctl\nmailprov_sysctls")
        .words(wanted.keys())
        .code("\n")
}

pub fn read(probes: &[Probe], lines: &[&str], observed: &mut Observed) -> Result<(), HostError> {
    let wanted = wanted(probes);
    if wanted.is_empty() {
        return Ok(());
    }
    let [line] = lines else {
        return Err(nonsense("kernel settings", "one line", &lines.join(" ")));
    };
    let answer = decode("kernel settings", line)?;
    let answer = String::from_utf8_lossy(&answer);
    let mut values: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for record in answer.lines() {
        if let Some((file, value)) = record.split_once('\0') {
            values.entry(file).or_default().push(value);
        }
    }
    for (file, keys) in &wanted {
        for key in keys {
            let value = values.get(file.as_str()).map(|lines| lines.join("\n"));
            observed.sysctls.insert((*key).to_owned(), value);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::look;
    use super::*;

    #[test]
    fn settings_are_read_and_absent_ones_told() {
        let keys = [
            "kernel.ostype",
            "kernel/ostype",
            "kernel.no_such_setting",
            "net.ipv4.ip_local_port_range",
        ];
        let probes: Vec<Probe> = keys.iter().map(|key| Probe::Sysctl((*key).into())).collect();
        let seen = look(&probes).sysctls;
        assert_eq!(seen["kernel.ostype"].as_deref(), Some("Linux"));
        assert_eq!(seen["kernel/ostype"].as_deref(), Some("Linux"));
        assert_eq!(seen["kernel.no_such_setting"], None);
        let range = seen["net.ipv4.ip_local_port_range"].as_deref().unwrap();
        assert_eq!(range.split_whitespace().count(), 2);
    }

    #[test]
    fn dots_and_slashes_as_sysctl_has_them() {
        assert_eq!(file("net.ipv4.ip_forward"), "/proc/sys/net/ipv4/ip_forward");
        assert_eq!(
            file("net.ipv4.conf.eth0/1.forwarding"),
            "/proc/sys/net/ipv4/conf/eth0.1/forwarding"
        );
        assert_eq!(
            file("net/ipv4/conf/eth0.1/forwarding"),
            "/proc/sys/net/ipv4/conf/eth0.1/forwarding"
        );
    }
}
