//! Facts of a host: the request for them, with the lock, and the reading of the answer.
//!
//! The shell's side is `facts.sh` and, for the lock, `session/session.sh`.

use super::script::quote;
use super::session::wire::printable;
use super::{Facts, HostError, PackageVersion};

/// The request: the lock is taken by the shell itself, the facts are collected by a subshell.
pub fn script(packages: &[String], lock: Option<&str>) -> String {
    // What an earlier attempt at the lock said is old news.
    let mut script = "[ \"$mailprov_lock_state\" = held ] || mailprov_lock_state=none\n".to_owned();
    if let Some(holder) = lock {
        // One line of the lock file.
        script.push_str(&format!("mailprov_take_lock {}\n", quote(&printable(holder, 1))));
    }
    let words: String = packages.iter().map(|name| format!(" {}", quote(name))).collect();
    script.push_str(&format!(
        "mailprov_answer {}\n",
        quote(&format!("mailprov_facts{words}"))
    ));
    script
}

/// Who this run is, for whoever finds the lock taken: `user@machine, process 123`.
pub fn holder() -> String {
    let user = ["USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok())
        .unwrap_or_else(|| "somebody".to_owned());
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let machine = match machine.trim() {
        "" => "an unknown machine",
        name => name,
    };
    format!("{user}@{machine}, process {}", std::process::id())
}

/// Reads the answer of the host called `name`.
///
/// # Errors
/// `Locked` when somebody else holds the lock; `Protocol` when the answer is no list of facts.
pub fn parse(name: &str, answer: &[u8]) -> Result<Facts, HostError> {
    let text = String::from_utf8_lossy(answer);
    let mut facts = Facts::default();
    let mut lock = None;
    for line in text.lines() {
        let (key, value) = line.split_once(' ').unwrap_or((line, ""));
        let value = printable(value, 1);
        match key {
            "lock" => lock = Some(value),
            "distribution" => facts.distribution = value,
            "release" => facts.release = value,
            "codename" => facts.codename = value,
            "architecture" => facts.architecture = value,
            "init" => facts.init = value,
            "hostname" => facts.hostname = value,
            "fqdn" => facts.fqdn = value,
            "memory" => facts.memory = number(name, key, &value)?,
            "clock" => facts.clock = number(name, key, &value)?,
            "login" => facts.login = value,
            // sshd(8): client's address and port, ours and its port.
            "ssh" => {
                let words: Vec<&str> = value.split_whitespace().collect();
                if let [client, _, _, port] = words[..] {
                    let client = client.split('%').next().unwrap_or_default();
                    facts.ssh_client = client
                        .parse::<std::net::IpAddr>()
                        .map_or_else(|_| String::new(), |ip| ip.to_canonical().to_string());
                    facts.ssh_port = port.parse().unwrap_or_default();
                }
            }
            "installed" | "candidate" => {
                let Some((package, version)) = value.split_once(' ') else {
                    continue;
                };
                let version = version.to_owned();
                let version = if key == "installed" {
                    PackageVersion::Installed(version)
                } else {
                    PackageVersion::Candidate(version)
                };
                facts.packages.entry(package.to_owned()).or_insert(version);
            }
            _ => {}
        }
    }
    let Some(lock) = lock else {
        return Err(HostError::Protocol(format!(
            "{name}: the host's facts make no sense: {}",
            printable(&text, 3)
        )));
    };
    match lock.split_once(' ') {
        Some(("busy", held)) => Err(HostError::Locked(locked(name, held, facts.clock))),
        Some(("failed", why)) => Err(HostError::Protocol(format!(
            "{name}: the lock can't be taken: {why}"
        ))),
        _ => Ok(facts),
    }
}

fn number<T: std::str::FromStr>(name: &str, key: &str, value: &str) -> Result<T, HostError> {
    value.parse().map_err(|_| {
        HostError::Protocol(format!(
            "{name}: the host's {key} should be a number and is {value:?}"
        ))
    })
}

/// `held` is `SECONDS HOLDER`, both by the other run.
fn locked(name: &str, held: &str, clock: i64) -> String {
    let (since, holder) = held.split_once(' ').unwrap_or(("", held));
    let since = since.parse::<i64>().ok().and_then(|seconds| {
        let since = jiff::Timestamp::from_second(seconds).ok()?;
        let minutes = clock.saturating_sub(seconds) / 60;
        Some(format!(
            " since {} ({minutes} min)",
            since.strftime("%Y-%m-%d %H:%M:%S UTC")
        ))
    });
    let holder = match holder.trim() {
        "" => "somebody",
        holder => holder,
    };
    format!(
        "{name}: locked by another run: {holder}{}; the lock frees itself when that run ends or its connection \
         drops",
        since.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_read_from_lines() {
        let facts = parse(
            "mx1",
            b"lock held\ndistribution debian\nrelease 13\nmemory 2048\nclock 1790000000\n\
              ssh ::ffff:192.0.2.9 40000 192.0.2.1 2222\n\
              installed postfix 3.10.5-1\ncandidate dovecot-core 1:2.4.1\nunheard of\n",
        )
        .unwrap();
        assert_eq!((facts.distribution.as_str(), facts.memory), ("debian", 2048));
        assert_eq!((facts.ssh_client.as_str(), facts.ssh_port), ("192.0.2.9", 2222));
        assert_eq!(
            facts.packages["dovecot-core"],
            PackageVersion::Candidate("1:2.4.1".to_owned())
        );
    }

    #[test]
    fn a_taken_lock_names_its_holder() {
        let error = parse(
            "mx1",
            b"lock busy 1790000000 anna@desk, process 7\nclock 1790000300\n",
        )
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "mx1: locked by another run: anna@desk, process 7 since 2026-09-21 14:13:20 UTC (5 min); the lock \
             frees itself when that run ends or its connection drops"
        );
    }

    #[test]
    fn a_lock_file_of_nonsense_is_still_a_lock() {
        for held in [
            "lock busy ",
            "lock busy x",
            "lock busy 99999999999999999999 \u{1b}[2J",
        ] {
            let error = parse("mx1", held.as_bytes()).unwrap_err();
            assert!(matches!(error, HostError::Locked(_)), "{held}: {error:?}");
            assert!(!error.to_string().contains('\u{1b}'));
        }
    }

    #[test]
    fn an_answer_without_facts_is_an_error() {
        for answer in [&b""[..], b"\xff\xfe\n", b"lock held\nmemory lots\n"] {
            assert!(matches!(parse("mx1", answer), Err(HostError::Protocol(_))));
        }
    }
}
