//! Roundcube and PostfixAdmin in a real browser: what people see there, type and click.

use std::time::{Duration, Instant};

use crate::support::browser::Browser;
use crate::support::{TestHost, until};

const WEBMAIL: &str = "https://mx1.example.org/webmail/";
const ADMIN: &str = "https://mx1.example.org/postfixadmin/";

fn browser(host: &TestHost) -> Browser {
    Browser::open("mx1.example.org", host)
}

/// Logged in to Roundcube, with the list of messages before one.
#[track_caller]
fn reader(host: &TestHost, address: &str, password: &str) -> Browser {
    let browser = browser(host);
    browser.go(WEBMAIL);
    browser.picture("webmail-login");
    browser.fill("#rcmloginuser", address);
    browser.fill("#rcmloginpwd", password);
    browser.click("#rcmloginsubmit");
    browser.wait("#messagelist");
    browser
}

/// Writes a message and sends it; `file` goes with it.
#[track_caller]
fn send(browser: &Browser, to: &str, subject: &str, text: &str, file: Option<&std::path::Path>) {
    // Of two requests at once the last keeps its session: a list that is still coming would drop the new message's.
    browser.settles();
    browser.go(&format!("{WEBMAIL}?_task=mail&_action=compose"));
    // The comma ends the address.
    browser.fill("#compose_to .recipient-input input", &format!("{to},"));
    browser.fill("#compose-subject", subject);
    browser.fill("#composebody", text);
    if let Some(file) = file {
        browser.fill("#uploadformInput", file.to_str().unwrap());
        browser.wait("#attachment-list li:not(.uploading)");
    }
    browser.picture("webmail-compose");
    browser.click("button.send");
    browser.wait("#messagelist");
}

/// Waits for the message in the list, which comes after its page: whoever loads that again too soon never sees it.
#[track_caller]
fn sees(browser: &Browser, subject: &str) {
    let mut patience = Duration::from_secs(1);
    until(&format!("`{subject}` is listed"), || {
        let end = Instant::now() + patience;
        while Instant::now() < end {
            if browser.text().contains(subject) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        patience *= 2;
        browser.go(WEBMAIL);
        false
    });
}

/// A message with an attachment goes from one person to another, who reads both, and makes a filter that then works.
pub fn write_read_and_filter(host: &TestHost, alice: &str, bob: &str) {
    let folder = tempfile::tempdir().unwrap();
    let note = folder.path().join("minutes.txt");
    std::fs::write(&note, "What was said and done.\n").unwrap();
    let writer = reader(host, "alice@example.org", alice);
    send(
        &writer,
        "bob@example.org",
        "The minutes",
        "They are in the attachment.",
        Some(&note),
    );

    let bob = reader(host, "bob@example.org", bob);
    let row = "#messagelist tr.message";
    sees(&bob, "The minutes");
    bob.picture("webmail-inbox");
    // A list that comes anew forgets which message was chosen.
    until("the message is shown", || {
        bob.leave();
        bob.click(row);
        bob.enters("#messagecontframe", "#messagebody", Duration::from_secs(5))
    });
    bob.reads("They are in the attachment.");
    bob.reads("minutes.txt");
    let attached = bob.run(
        "const ask = new XMLHttpRequest();
         ask.open('GET', document.querySelector('#attachment-list a.filename').href + '&_download=1', false);
         ask.send();
         return ask.responseText",
    );
    assert_eq!(attached, "What was said and done.\n");
    bob.leave();
    bob.picture("webmail-message");
    bob.click("#toolbar-menu a.junk:not(.disabled)");
    let junk = "doveadm search -u bob@example.org mailbox Junk header subject 'The minutes' | grep -q .";
    until("what is marked as junk is in Junk", || host.succeeds(junk));

    bob.go(&format!("{WEBMAIL}?_task=settings&_action=plugin.managesieve"));
    // A click before the page is ready does nothing.
    until("the form of a new filter", || {
        bob.leave();
        bob.click("[onclick*='plugin.managesieve-add']");
        bob.enters("#filter-box", "[name=_name]", Duration::from_secs(10))
    });
    bob.fill("[name=_name]", "Invoices");
    bob.fill("[name='_rule_target[0][]']", "invoice");
    bob.click("[name='_action_mailbox[0]'] option[value=Archive]");
    bob.click("button.submit");
    bob.leave();
    bob.wait("#filterslist td.name");
    bob.picture("webmail-filter");

    send(
        &writer,
        "bob@example.org",
        "Your invoice of May",
        "It is due.",
        None,
    );
    let filed =
        "doveadm search -u bob@example.org mailbox Archive header subject 'Your invoice of May' | grep -q .";
    until("the filter files the message", || host.succeeds(filed));
    bob.go(&format!("{WEBMAIL}?_task=mail&_mbox=Archive"));
    bob.reads("Your invoice of May");
    bob.picture("webmail-filed");
}

/// An administrator makes a domain and a mailbox in it, which is there for mail and for its owner at once.
pub fn make_a_domain_and_a_mailbox(host: &TestHost, password: &str) {
    const OWNER: &str = "erin-and-her-secret";
    let admin = browser(host);
    admin.go(ADMIN);
    admin.picture("admin-login");
    admin.fill("[name=fUsername]", "alice@example.org");
    admin.fill("[name=fPassword]", password);
    admin.click("[type=submit]");
    admin.reads("Logged in as alice@example.org");
    admin.picture("admin-main");
    let links =
        admin.run("return [...document.links].filter(link => link.offsetParent).map(link => link.pathname)");
    assert!(
        !links.to_string().contains("setup.php"),
        "the set-up is not offered: {links}"
    );

    admin.go(&format!("{ADMIN}edit.php?table=domain"));
    admin.fill("[name='value[domain]']", "example.com");
    admin.picture("admin-domain");
    admin.click("[type=submit]");
    admin.reads("The domain example.com has been added.");
    admin.go(&format!("{ADMIN}edit.php?table=mailbox&domain=example.com"));
    admin.fill("[name='value[local_part]']", "erin");
    admin.fill("[name='value[password]']", OWNER);
    admin.fill("[name='value[password2]']", OWNER);
    admin.fill("[name='value[name]']", "Erin");
    admin.picture("admin-mailbox");
    admin.click("[type=submit]");
    admin.reads("The mailbox erin@example.com has been added");
    // The first try is taken.
    let sent = host.sh(
        "curl --silent --show-error --url smtp://127.0.0.1:25/localhost --mail-from somebody@example.net \
             --mail-rcpt erin@example.com --upload-file - 2>&1 <<END
From: somebody@example.net
To: erin@example.com
Subject: To a mailbox that is new
Date: $(date -R)

Welcome.
END",
    );
    assert_eq!(sent, "");
    admin.go(&format!("{ADMIN}list-virtual.php?domain=example.com"));
    admin.reads("erin@example.com");
    admin.picture("admin-virtual");

    let erin = reader(host, "erin@example.com", OWNER);
    sees(&erin, "To a mailbox that is new");
    erin.picture("webmail-new");
}
