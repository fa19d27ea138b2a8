//! The filters and the signatures are taken away again: mail flows on without them, and the keys stay until purged.

use super::amavis;
use super::client::{other_server, submission};
use super::proofs::arrives;
use crate::profile::{Profile, secret};
use crate::server::applied;
use crate::support::TestHost;

/// Over the variables of the profile.
const WITHOUT: &str = "{mail_filter: none, mail_dkim: none, mail_dmarc: false}";

/// The inventory without its filters.
const NAME: &str = "without.yaml";

/// Roles that the server had, one after the other; those that they brought go with them.
fn gone(purge: bool) -> String {
    let gone = ["amavis", "rspamd", "opendkim", "opendmarc"];
    let gone = gone.map(|role| format!("{{role: {role}, state: absent, purge: {purge}}}"));
    format!("[{}]", gone.join(", "))
}

/// On a host that had both filters and both signers.
pub fn filters_go(profile: &Profile) {
    let host = &profile.host;
    // A role that another one still needs can't go.
    profile.variant(NAME, amavis::VARIABLES, "[{role: amavis, state: absent}]");
    profile
        .on(NAME, &["apply"])
        .exits(3)
        .says("is to lose the role `amavis`, which its role `")
        .says("because mail_filter == 'amavis'");

    profile.variant(NAME, WITHOUT, &gone(false));
    applied(|words| profile.on(NAME, words));
    for gone in [
        "/etc/amavis/conf.d/60-mailprov",
        "/etc/rspamd/mailprov",
        "/etc/rspamd/override.d/options.inc",
        "/etc/sudoers.d/mailprov-learn",
        "/usr/local/lib/mailprov/sieve-pipe/learn-spam",
        "/etc/opendkim",
        "/etc/systemd/system/rspamd.service.d",
        "/usr/sbin/amavisd",
        "/usr/sbin/clamd",
        "/usr/bin/rspamd",
        "/usr/bin/redis-server",
        "/usr/sbin/opendkim",
        "/usr/sbin/opendmarc",
    ] {
        assert!(!host.succeeds(&format!("test -e {gone}")), "{gone} is gone");
    }
    assert!(
        host.succeeds("test -s /etc/dkimkeys/example.org/mail.private"),
        "the key stays"
    );
    assert!(
        host.succeeds("test -n \"$(ls /var/lib/amavis/virusmails)\""),
        "people's mail in quarantine stays"
    );
    let milters = host.sh("postconf -h smtpd_milters non_smtpd_milters content_filter | paste -sd ' '");
    assert_eq!(milters.trim(), "");
    mail_flows(host, "without-filters-token");

    profile.variant(NAME, WITHOUT, &gone(true));
    applied(|words| profile.on(NAME, words));
    assert!(
        !host.succeeds("test -e /etc/dkimkeys/example.org"),
        "the key is purged"
    );
    assert!(
        host.succeeds("test -e /var/vmail/example.org/bob"),
        "and nobody's mail"
    );
    mail_flows(host, "without-keys-token");
}

fn mail_flows(host: &TestHost, token: &str) {
    assert_eq!(host.sh("systemctl --failed --no-legend"), "");
    submission(
        host,
        "alice@example.org",
        &secret("alice_password"),
        "bob@example.org",
        token,
    );
    let sent = arrives(host, "", token);
    assert!(!sent.contains("DKIM-Signature:"), "{sent}");
    let token = format!("elsewhere-{token}");
    let message =
        format!("From: carol@fine.example\r\nTo: bob@example.org\r\nSubject: {token}\r\n\r\nhello\r\n");
    other_server(host, "carol@fine.example", "bob@example.org", &message).unwrap();
    arrives(host, "", &token);
}
