//! Mailboxes: POP3, folders that are shared, words that are found, warnings before a mailbox is full.

use super::smtp::deliver;
use crate::server::example::ALICE;
use crate::support::{TestHost, until};

/// Lines of IMAP, said as `user` in a session on the host.
fn imap(host: &TestHost, user: &str, lines: &[&str]) -> String {
    let lines: String = lines.iter().map(|line| format!("{line}\\r\\n")).collect();
    host.sh(&format!(
        "printf '{lines}z LOGOUT\\r\\n' | doveadm exec imap -u {user} 2>&1"
    ))
}

pub fn hold(host: &TestHost) {
    deliver(host, "alice@example.org", "xylophone-token");
    until("mail for alice", || {
        host.succeeds("doveadm search -u alice@example.org mailbox INBOX subject xylophone-token | grep -q .")
    });
    pop3_fetches(host);
    words_are_found(host);
    folders_are_shared(host);
    a_mailbox_that_fills_up_warns(host);
}

fn pop3_fetches(host: &TestHost) {
    let said = host.sh(&format!(
        "{{ printf 'USER alice@example.org\\r\\nPASS {ALICE}\\r\\nSTAT\\r\\nQUIT\\r\\n'; sleep 2; }} \
         | timeout 60 openssl s_client -quiet -connect 127.0.0.1:995 2>/dev/null"
    ));
    assert!(
        said.contains("+OK Logged in") && said.matches("+OK").count() >= 5,
        "{said}"
    );
}

fn words_are_found(host: &TestHost) {
    until("the index", || {
        host.succeeds("find /var/vmail/example.org/alice -type d -name 'fts-flatcurve' | grep -q .")
    });
    let found = imap(
        host,
        "alice@example.org",
        &[
            "a SELECT INBOX",
            "b SEARCH BODY xylophone-token",
            "c SEARCH BODY nonsense-word",
        ],
    );
    let hits: Vec<&str> = found
        .lines()
        .filter(|line| line.starts_with("* SEARCH"))
        .collect();
    assert!(
        hits.len() == 2 && hits[0].trim() != "* SEARCH" && hits[1].trim() == "* SEARCH",
        "{found}"
    );
}

fn folders_are_shared(host: &TestHost) {
    let said = imap(
        host,
        "alice@example.org",
        &[
            "a CREATE Team",
            "b SETACL Team bob@example.org lr",
            "c SELECT INBOX",
            "d COPY 1 Team",
        ],
    );
    assert!(said.contains("b OK") && said.contains("d OK"), "{said}");
    let shared = "Geteilt/alice@example.org/Team";
    let list = "a LIST \"\" \"Geteilt/%%/%%\"";
    let seen = imap(
        host,
        "bob@example.org",
        &[
            list,
            &format!("b SELECT \"{shared}\""),
            "c FETCH 1 BODY.PEEK[HEADER]",
        ],
    );
    assert!(
        seen.contains(shared) && seen.contains("b OK") && seen.contains("c OK"),
        "{seen}"
    );
    let hidden = imap(
        host,
        "archive@example.net",
        &[list, &format!("b SELECT \"{shared}\"")],
    );
    assert!(
        !hidden.contains("b OK")
            && !hidden
                .lines()
                .any(|line| line.starts_with("* LIST") && line.contains("Team")),
        "{hidden}"
    );
}

fn a_mailbox_that_fills_up_warns(host: &TestHost) {
    let archive = "archive@example.net";
    host.sh(&format!(
        "doveadm expunge -u {archive} mailbox '*' all; doveadm quota recalc -u {archive}"
    ));
    let warned = |percent: u32| {
        host.succeeds(&format!(
            "grep -rqs '^Subject: Your mailbox is {percent} % full' /var/vmail/example.net/archive/Maildir/new"
        ))
    };
    // Each has arrived before the next one is sent: Dovecot compares with what was there when a delivery began, so that two
    // at a time may both stay below. Of 20 KB.
    let mut sent = 0;
    let mut fill = |bytes: usize| {
        let text = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abc\r\n".repeat(bytes / 63);
        deliver(host, archive, &format!("filling\r\n\r\n{text}"));
        sent += 1;
        until("mail for the archive", || {
            host.sh(&format!(
                "doveadm search -u {archive} mailbox INBOX subject filling"
            ))
            .lines()
            .count()
                == sent
        });
    };
    fill(7_800);
    assert!(!warned(80));
    fill(400);
    until("a warning at 80 %", || warned(80));
    assert!(!warned(95));
    fill(1_100);
    until("a warning at 95 %", || warned(95));
}
