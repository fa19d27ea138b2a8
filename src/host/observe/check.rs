//! Probes that are a fragment of shell: what a role's author or a kind of step asks in its own words.

use super::{decode, nonsense};
use crate::host::HostError;
use crate::host::script::Script;
use crate::step::probe::{CheckState, Observed, Probe};

pub const SH: &str = include_str!("check.sh");

fn wanted(probes: &[Probe]) -> impl Iterator<Item = &str> {
    probes.iter().filter_map(|probe| match probe {
        Probe::Check(script) => Some(script.as_str()),
        _ => None,
    })
}

pub fn ask(script: Script, probes: &[Probe]) -> Script {
    if wanted(probes).next().is_none() {
        return script;
    }
    wanted(probes).fold(script.code("echo @check\n"), |script, check| {
        script.code("mailprov_check").word(check).code("\n")
    })
}

pub fn read(probes: &[Probe], lines: &[&str], observed: &mut Observed) -> Result<(), HostError> {
    let mut lines = lines.iter();
    for check in wanted(probes) {
        let line = lines.next().ok_or_else(|| nonsense("checks", "more lines", ""))?;
        let Some((output, status)) = line.split_once(':') else {
            return Err(nonsense("checks", "output and status", line));
        };
        let status = status
            .trim()
            .parse()
            .map_err(|_| nonsense("checks", "an exit status", status))?;
        let output = String::from_utf8_lossy(&decode("checks", output)?).into_owned();
        observed
            .checks
            .insert(check.to_owned(), CheckState { status, output });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::look;
    use super::*;

    fn check(script: &str) -> CheckState {
        look(&[Probe::Check(script.into())]).checks[script].clone()
    }

    #[test]
    fn a_check_that_hangs_is_ended() {
        let quick = super::super::PRELUDE
            .concat()
            .replace("timeout -k 5 300", "timeout -k 5 0.2");
        let output = std::process::Command::new("sh")
            .args([
                "-c",
                &format!("{quick}\nmailprov_check 'sleep 600'\nmailprov_check 'it='\\''s'\\''; exit 3'"),
            ])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), ":124\n:3\n");
    }

    #[test]
    fn status_and_output_of_both_streams() {
        let seen = check("echo out; echo err >&2; exit 3");
        assert_eq!(
            seen,
            CheckState {
                status: 3,
                output: "out\nerr\n".into()
            }
        );
        assert_eq!(check("printf ':@check\\n'").output, ":@check\n");
        assert_eq!(check("exec >&- 2>&-; exit 4").status, 4);
        assert_eq!(check("if then").status, 2, "a mistake in its syntax is its own");
    }

    #[test]
    fn standard_input_is_empty_and_quotes_survive() {
        assert_eq!(check("cat; echo \"it's\" 'a  b'").output, "it's a  b\n");
    }

    #[test]
    fn long_output_is_cut_without_harm() {
        let seen = check("head -c 300000 /dev/zero | tr '\\0' a; exit 5");
        assert_eq!(seen.status, 5);
        assert_eq!(seen.output.len(), 65536);
    }
}
