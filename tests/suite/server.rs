//! The whole mail server of the example inventory, on a fresh host: what check announces is what apply does,
//! drift is found and mended, mail flows, and a mistake leaves the running server alone.
//!
//! One host, one test: the server takes a minute to install, and each part starts from what the one before left.

pub mod around;
mod drift;
pub mod example;
pub mod gone;
mod mail;
mod mistakes;

use std::collections::BTreeSet;

use mailprov::lab::{HostSpec, Login};

use crate::observer::Observer;
use crate::support::{Run, Site, TestHost, boot, boot_all};

/// What the operator types for sudo.
const SUDO: &str = "let m'in $lowly";
/// Makes the example's secrets this host's own: other tests have theirs in arguments, and the observer sees those too.
const OBSERVED: &str = " observed";
/// Where a secret of the example may stand on the host.
const MEANT: [&str; 3] = [
    "/etc/postfix/sql/",
    "/etc/dovecot/sql-password",
    "/var/lib/mailprov/backups/",
];

#[test]
fn a_fresh_host_becomes_a_mail_server_and_stays_one() {
    let login = Login::Sudo {
        user: "admin".into(),
        password: Some(SUDO.into()),
    };
    let host = boot_all(vec![HostSpec::new("server").login(login)]).remove(0);
    let secrets = example::SECRETS.map(|(name, value)| (name, format!("{value}{OBSERVED}")));
    let site = secrets.iter().fold(example::site(&host), |site, (name, value)| {
        site.secret(name, value)
    });
    becomes_what_was_announced(&host, &site, &secrets);
    stays_as_it_is(&site);
    mail::flows_with(&host, OBSERVED);
    drift::is_found_and_mended(&host, &site);
    mistakes::leave_the_server_alone(&host, &site);
    mail::flows_with(&host, OBSERVED);
}

#[test]
fn what_stands_around_the_mail_holds() {
    let mut host = boot("around");
    example::site(&host).mailprov(&["apply"]).exits(0);
    around::holds(&mut host);
}

fn becomes_what_was_announced(host: &TestHost, site: &Site, secrets: &[(&str, String)]) {
    let secrets: Vec<(&str, &str)> = secrets
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .chain([("sudo_password", SUDO)])
        .collect();
    let observer = Observer::start(host, &secrets);
    let check = site.mailprov(&["apply", "--check", "--output", "json"]).exits(4);
    let listed: BTreeSet<String> = check.states().into_keys().collect();
    assert_eq!(
        listed,
        example::steps(site, host),
        "check lists every step, and no other"
    );
    assert!(!host.succeeds("command -v postfix"), "check installs nothing");
    let shown = site.mailprov(&["apply", "--check", "--diff"]).exits(4);
    let apply = site.mailprov(&["apply", "--output", "json"]).exits(0);
    let said = [&check, &shown, &apply].map(|run| format!("{}{}", run.stdout, run.stderr));
    let found = observer.found(host, &MEANT, &said);
    assert!(found.is_empty(), "{}", found.join("\n"));
    announced_is_changed(&check, &apply);
    assert_eq!(host.sh("systemctl --failed --no-legend"), "");
    assert_eq!(host.sh("hostname --fqdn"), "mx1.example.org");
}

fn stays_as_it_is(site: &Site) {
    let again = site.mailprov(&["apply", "--output", "json"]).exits(0);
    assert_eq!(again.steps_not(&["converged"]), [""; 0]);
    let timed = site.mailprov(&["apply", "--timings"]).exits(0);
    let said = format!("{}{}", timed.stdout, timed.stderr);
    let trips = said.lines().find_map(|line| {
        line.split_once(" round trips")?
            .0
            .rsplit(' ')
            .next()?
            .parse::<u32>()
            .ok()
    });
    assert!(
        trips.is_some_and(|trips| trips <= 3),
        "at most three round trips: {said}"
    );
}

/// Applies what there is to apply: what is done is what was announced, and a second time there is nothing to do. `run` gets
/// the words of the command.
#[track_caller]
pub fn applied(run: impl Fn(&[&str]) -> Run) -> Run {
    let check = run(&["apply", "--output", "json", "--check"]).exits(4);
    let apply = run(&["apply", "--output", "json"]).exits(0);
    announced_is_changed(&check, &apply);
    let again = run(&["apply", "--output", "json"]).exits(0);
    assert_eq!(again.steps_not(&["converged"]), [""; 0]);
    apply
}

/// A step that is announced as unknown, or failed, counts as a miss.
#[track_caller]
pub fn announced_is_changed(check: &Run, apply: &Run) {
    let certain = ["converged", "created", "changed", "removed", "owed"];
    assert_eq!(check.steps_not(&certain), [""; 0], "announced without a doubt");
    assert_eq!(
        check.steps_not(&["converged"]),
        apply.steps_not(&["converged"]),
        "announced by check, and done by apply"
    );
    let done = ["converged", "created", "changed", "removed"];
    assert_eq!(apply.steps_not(&done), [""; 0], "nothing is left to do");
}
