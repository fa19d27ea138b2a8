//! Another filter, by one changed line, while mail comes in: nothing of the old one is left in the mail's way, and every
//! message that was accepted is there, once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::client::hand_in;
use super::{amavis, proofs};
use crate::profile::{Profile, VARIANT};
use crate::support::{TestHost, until};

/// Ports and units of each filter.
const AMAVIS: (&str, &[&str]) = ("1002[45]", &["amavis.service"]);
const RSPAMD: (&str, &[&str]) = ("1133[0-9]", &["rspamd.service", "redis-server.service"]);
const CLAMAV: (&str, &[&str]) = ("3310", &["clamav-daemon.socket", "clamav-daemon.service"]);

/// From Amavis to rspamd, back, and to none.
pub fn loses_nothing(profile: &Profile) {
    let host = &profile.host;
    profile.with(amavis::VARIABLES);
    let mut sender = Sender::start(host);
    change(profile, "rspamd", &sender);
    nothing_of(host, AMAVIS);
    proofs::viruses_are_refused(host);
    let refused = proofs::large_mail(host, "rspamd").unwrap_err();
    assert!(refused.contains("Virus found"), "{refused}");
    proofs::of_another_domain(host, "rspamd");
    proofs::spam_goes_to_junk(host, "rspamd");
    change(profile, "amavis", &sender);
    nothing_of(host, RSPAMD);
    proofs::spam_goes_to_junk(host, "amavis");
    change(profile, "none", &sender);
    for filter in [AMAVIS, RSPAMD, CLAMAV] {
        nothing_of(host, filter);
    }
    assert!(
        !host.sh("sudo -l -U vmail || true").contains("NOPASSWD"),
        "nobody to be taught"
    );
    let accepted = sender.stop();
    until("the queue is empty", || {
        host.sh("postqueue -j | wc -l") == "0" || {
            host.sh("postqueue -f");
            false
        }
    });
    let found = delivered(host);
    let wrong: Vec<_> = accepted
        .iter()
        .filter(|token| found.get(*token) != Some(&1))
        .map(|token| format!("{token}: {} times", found.get(token).unwrap_or(&0)))
        .collect();
    assert!(
        wrong.is_empty(),
        "of {} accepted messages {wrong:?}\n{}",
        accepted.len(),
        host.sh("journalctl -b -u postfix -u amavis -u rspamd -o cat --no-pager -n 200")
    );
}

/// One changed line, under way; mail went in before, meanwhile and after.
fn change(profile: &Profile, filter: &str, sender: &Sender) {
    let line = format!("mail_filter={filter}");
    let before = sender.accepted();
    until("mail goes in before the change", || sender.accepted() > before);
    profile.on(VARIANT, &["apply", "--set", &line]).exits(0);
    let after = sender.accepted();
    until("mail goes in after the change", || sender.accepted() > after);
    let again = profile
        .on(VARIANT, &["apply", "--set", &line, "--check", "--output", "json"])
        .exits(0);
    assert_eq!(again.steps_not(&["converged"]), [""; 0], "after {line}");
}

fn nothing_of(host: &TestHost, (ports, units): (&str, &[&str])) {
    for unit in units {
        let state = host.sh(&format!(
            "systemctl is-active {unit}; systemctl is-enabled {unit}; true"
        ));
        assert!(
            matches!(
                state.as_str(),
                "inactive\ndisabled" | "failed\ndisabled" | "inactive\nmasked"
            ),
            "{unit}: {state}"
        );
    }
    let left = host.sh(&format!(
        "ss -Hltn | grep -E '[:.]{ports} ' || true
         postconf -n | grep -E '{ports}' || true
         postconf -Mf | grep -E '{ports}' || true
         grep -rlE '127.0.0.1.?:{ports}' /var/spool/postfix/incoming /var/spool/postfix/active /var/spool/postfix/deferred || true"
    ));
    assert_eq!(left, "", "left of {units:?}");
}

/// Hands in one message after the other, each over a connection of its own.
struct Sender {
    stop: Arc<AtomicBool>,
    accepted: Arc<std::sync::Mutex<Vec<String>>>,
    thread: Option<JoinHandle<()>>,
}

impl Sender {
    fn start(host: &TestHost) -> Self {
        let (stop, accepted) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let thread = std::thread::spawn({
            let (stop, accepted, address) = (stop.clone(), Arc::clone(&accepted), host.address());
            move || {
                for number in 0.. {
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                    let token = format!("switch-{number}-token");
                    let message = format!(
                        "From: carol@fine.example\r\nTo: alice@example.org\r\nSubject: {token}\r\n\r\nhello\r\n"
                    );
                    let answer = hand_in(
                        address.into(),
                        "carol@fine.example",
                        "alice@example.org",
                        &message,
                    );
                    if let Ok(Ok(())) = answer {
                        let accepted: &std::sync::Mutex<Vec<String>> = &accepted;
                        accepted.lock().unwrap().push(token);
                    }
                    std::thread::sleep(Duration::from_secs(1));
                }
            }
        });
        Self {
            stop,
            accepted,
            thread: Some(thread),
        }
    }

    fn accepted(&self) -> usize {
        self.accepted.lock().unwrap().len()
    }

    /// Ends after the message in hand; what was accepted.
    fn stop(&mut self) -> Vec<String> {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
        self.accepted.lock().unwrap().clone()
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
    }
}

/// How often each message lies in a mailbox, by its token.
fn delivered(host: &TestHost) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    let subjects = host.sh(
        "find /var/vmail -type f \\( -path '*/new/*' -o -path '*/cur/*' \\) -exec grep -hm1 '^Subject: switch-' {} + || true",
    );
    for token in subjects.lines().filter_map(|line| line.strip_prefix("Subject: ")) {
        *found.entry(token.trim_end().to_owned()).or_default() += 1;
    }
    found
}
