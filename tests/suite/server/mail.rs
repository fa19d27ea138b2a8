//! Mail, as programs of people and other servers send and read it.

use mailprov::secret::Secret;
use mailprov::verify::{Mailbox, Subject, Verdict};

use super::example::{ALICE, ARCHIVE, BOB};
use crate::support::TestHost;

pub fn flows(host: &TestHost) {
    flows_with(host, "");
}

/// The same, with passwords of the example's that end with `ending`.
pub fn flows_with(host: &TestHost, ending: &str) {
    let wrong = wrong(host, ending);
    assert!(
        wrong.is_empty(),
        "{}\n{}",
        wrong.join("\n"),
        host.sh("journalctl -b -u postfix -u dovecot --no-pager -n 60")
    );
}

/// What does not work, of all that the example promises.
pub fn wrong(host: &TestHost, ending: &str) -> Vec<String> {
    let mailbox = |address: &str, password: &str, quota| Mailbox {
        address: address.to_owned(),
        password: Secret::new(format!("{password}{ending}")),
        quota,
    };
    let subject = Subject {
        address: host.address().into(),
        hostname: "mx1.example.org".to_owned(),
        mailboxes: vec![
            mailbox("alice@example.org", ALICE, None),
            mailbox("bob@example.org", BOB, None),
            mailbox("archive@example.net", ARCHIVE, Some(20 * 1024)),
        ],
        aliases: vec![(
            "info@example.org".to_owned(),
            vec!["alice@example.org".to_owned(), "bob@example.org".to_owned()],
        )],
        catch_all: vec!["example.net".to_owned()],
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let findings = runtime.block_on(mailprov::verify::run(&subject, &|claim| eprintln!("{claim}")));
    assert!(!findings.is_empty());
    findings
        .iter()
        .filter(|finding| finding.verdict != Verdict::Passed)
        .map(|finding| format!("{}: {:?}", finding.claim, finding.verdict))
        .collect()
}
