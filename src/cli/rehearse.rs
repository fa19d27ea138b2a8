//! `mailprov rehearse`: an inventory on throwaway hosts, from nothing to mail, and a short report.

use std::fmt::Write as _;

use indicatif::{ProgressBar, ProgressStyle};

use super::common::{Failure, Global, IdentityArgs, InventoryArgs, Talk, animates, exit_codes, print};
use crate::exit::Exit;
use crate::lab::requirements::{self, Consent};
use crate::rehearse::{self, Outcome, Rehearsal, RehearseError, Stand};
use crate::verify::{Finding, Verdict};

/// Try an inventory on throwaway hosts, down to real mail
///
/// Boots a host for every host of the inventory on this machine, runs `apply --check`, `apply` and `apply` again,
/// sends and fetches mail as mail programs would, prints a short report and removes the hosts. The real hosts are
/// not touched, and passwords are made up unless --identity opens the real ones. Needs root.
#[derive(Debug, clap::Args)]
#[command(after_long_help = format!("Examples:
  mailprov rehearse inventory.yaml
  mailprov rehearse inventory.yaml --keep      look around afterwards: mailprov lab list

{}", exit_codes(&[Exit::Done, Exit::Usage, Exit::Invalid, Exit::StepFailed, Exit::Unreachable, Exit::Secret])))]
pub struct Args {
    #[command(flatten)]
    inventory: InventoryArgs,
    #[command(flatten)]
    identity: IdentityArgs,
    /// Install what this machine lacks without asking
    #[arg(long)]
    yes: bool,
    /// Leave the hosts running; `mailprov lab down` removes them
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    talk: Talk,
}

impl From<RehearseError> for Failure {
    fn from(error: RehearseError) -> Self {
        match error {
            RehearseError::Lab(error) => error.into(),
            RehearseError::Secret(error) => error.into(),
            RehearseError::Io(error) => Self::new(Exit::Unreachable, error),
        }
    }
}

pub async fn run(args: Args, _global: &Global) -> Result<Exit, Failure> {
    let (inventory, roles) = args.inventory.load()?;
    crate::role::bind::validate(&inventory, &roles)?;
    requirements::ensure(if args.yes { Consent::Given } else { Consent::Ask })?;
    let program =
        std::env::current_exe().map_err(|error| Failure::bug(format!("finding this program: {error}")))?;
    let rehearsal = Rehearsal {
        inventory: &inventory,
        roles: &roles,
        identities: &args.identity.identity,
        program: &program,
    };

    let bar = progress_bar();
    let progress = |text: &str| match bar.is_hidden() {
        // In a log only what begins is worth a line, not every word of the hosts.
        true if args.talk.verbose || !text.contains(": ") => eprintln!("{text}"),
        true => {}
        false => bar.set_message(text.to_owned()),
    };
    let stand = Stand::up(&rehearsal, &progress)?;
    let held = rehearse::hold(&rehearsal, &stand.hosts, &progress).await;
    bar.finish_and_clear();
    let name = stand.lab.name().to_owned();
    if args.keep {
        stand.lab.keep(stand.hosts)?;
    } else {
        drop(stand);
    }
    let outcome = held?;
    print(&report(&outcome))?;
    if args.keep {
        print(&format!(
            "\nThe hosts stay: `mailprov lab list` shows them, `mailprov lab down {name}` removes them.\n"
        ))?;
    }
    Ok(outcome.exit())
}

fn progress_bar() -> ProgressBar {
    if !animates(&std::io::stderr()) {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{elapsed:>4} {wide_msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(std::time::Duration::from_millis(250));
    bar
}

/// A line for each act and each claim: mark, what, seconds.
fn report(outcome: &Outcome) -> String {
    let mut text = String::new();
    for act in &outcome.acts {
        let mark = if act.exit == Exit::Done { "ok" } else { "FAIL" };
        line(
            &mut text,
            mark,
            &format!("{:<6} {}", act.name, act.text),
            act.seconds,
        );
    }
    for instead in &outcome.instead {
        let _ = writeln!(text, "-     {instead}");
    }
    for (host, findings) in &outcome.findings {
        let _ = writeln!(text, "\n{host}");
        for Finding {
            claim,
            verdict,
            seconds,
        } in findings
        {
            match verdict {
                Verdict::Passed => line(&mut text, "ok", claim, *seconds),
                Verdict::Failed(why) => line(&mut text, "FAIL", &format!("{claim}\n{why}"), *seconds),
                Verdict::Skipped(why) => {
                    line(&mut text, "-", &format!("{claim}\nnot tried: {why}"), *seconds)
                }
            }
        }
        for (index, logged) in outcome.journals.get(host).into_iter().flatten().enumerate() {
            let label = if index == 0 {
                "its journal meanwhile:\n      "
            } else {
                ""
            };
            let _ = writeln!(text, "      {label}{logged}");
        }
    }
    text
}

fn line(report: &mut String, mark: &str, what: &str, seconds: f64) {
    let mut lines = what.lines();
    let first = lines.next().unwrap_or_default();
    let _ = writeln!(report, "{mark:<4}  {first:<64} {seconds:>6.1} s");
    for more in lines {
        let _ = writeln!(report, "      {more}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_is_aligned_and_says_why() {
        let outcome = Outcome {
            acts: vec![rehearse::Act {
                name: "check",
                text: "3 steps announced".into(),
                exit: Exit::Done,
                seconds: 1.25,
            }],
            findings: vec![(
                "mx1".into(),
                vec![Finding {
                    claim: "mail arrives",
                    verdict: Verdict::Failed("it did not".into()),
                    seconds: 12.0,
                }],
            )],
            instead: Vec::new(),
            journals: [("mx1".to_owned(), vec!["lmtp: Panic".to_owned()])].into(),
        };
        let report = report(&outcome);
        let lines: Vec<&str> = report.lines().collect();
        assert_eq!(
            lines[0].find("1.2 s").map(|at| at + 5),
            lines[3].find("12.0 s").map(|at| at + 6)
        );
        assert!(lines[3].starts_with("FAIL  mail arrives"), "{report}");
        assert_eq!(lines[4], "      it did not");
        assert_eq!(lines[5..], ["      its journal meanwhile:", "      lmtp: Panic"]);
        assert_eq!(outcome.exit(), Exit::StepFailed);
    }
}
