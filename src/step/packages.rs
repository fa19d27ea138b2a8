//! The package manager's seam: requests of package steps become one transaction.
//!
//! A package manager is one file in `packages/` with the functions it needs on the host beside it. Nothing else
//! knows which one a host has, except the probe in `host::observe::packages`.

mod apt;

use super::PackageRequest;
use crate::host::Facts;
use crate::host::script::Script;

/// What makes a transaction out of requests.
type Transaction = fn(&PackageRequest) -> Script;

/// The package manager of a host, if mailprov knows it.
fn manager(facts: &Facts) -> Option<Transaction> {
    match facts.distribution.as_str() {
        "debian" | "ubuntu" | "raspbian" | "devuan" => Some(apt::transaction),
        _ => None,
    }
}

/// Whether package steps can be kept on this host.
pub fn supported(facts: &Facts) -> bool {
    manager(facts).is_some()
}

/// One transaction for all `requests`: services don't start meanwhile, an interrupted transaction is finished
/// first, and nothing is removed that no request named.
pub fn transaction(requests: &[PackageRequest], facts: &Facts) -> Script {
    match manager(facts) {
        Some(transaction) => transaction(&merge(requests)),
        None => Script::new()
            .code("printf '%s\\n'")
            .word(&format!(
                "mailprov knows no package manager for the distribution `{}`",
                facts.distribution
            ))
            .code(" >&2\nexit 1\n"),
    }
}

/// Every name once, in the order of the first mention.
fn merge(requests: &[PackageRequest]) -> PackageRequest {
    let mut all = PackageRequest::default();
    for request in requests {
        for (into, from) in [
            (&mut all.install, &request.install),
            (&mut all.remove, &request.remove),
            (&mut all.replaces, &request.replaces),
            (&mut all.debconf, &request.debconf),
            (&mut all.hold, &request.hold),
            (&mut all.unhold, &request.unhold),
            (&mut all.take_back, &request.take_back),
            (&mut all.keep, &request.keep),
        ] {
            for one in from {
                if !into.contains(one) {
                    into.push(one.clone());
                }
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_merged_without_repetition() {
        let request = |names: &[&str]| PackageRequest {
            install: names.iter().map(|name| (*name).to_owned()).collect(),
            ..PackageRequest::default()
        };
        let all = merge(&[request(&["b", "a"]), request(&["a", "c"])]);
        assert_eq!(all.install, ["b", "a", "c"]);
    }

    #[test]
    fn an_unknown_distribution_fails_with_words() {
        let facts = Facts {
            distribution: "plan9".into(),
            ..Facts::default()
        };
        let script = transaction(&[PackageRequest::default()], &facts);
        let output = std::process::Command::new("sh")
            .args(["-c", script.as_str()])
            .output()
            .unwrap();
        assert!(!output.status.success());
        assert!(String::from_utf8_lossy(&output.stderr).contains("`plan9`"));
    }
}
