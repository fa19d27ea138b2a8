//! Configurations that a program would refuse never reach it; what it refuses only when it runs is put back.

use crate::support::{Site, TestHost};

pub fn leave_the_server_alone(host: &TestHost, site: &Site) {
    let state = "systemctl show -p MainPID,ActiveState dovecot.service postfix.service \
                 && sha256sum /etc/dovecot/dovecot.conf /etc/postfix/main.cf";
    let before = host.sh(state);
    site.mailprov(&[
        "apply",
        "--set",
        "dovecot_settings={imap_idle_notify_interval: soon}",
    ])
    .exits(5)
    .says("/etc/dovecot/dovecot.conf line ")
    .says("imap_idle_notify_interval: Invalid time interval: soon")
    .says("dovecot_settings");
    site.mailprov(&["apply", "--set", "postfix_parameters={line_length_limit: lots}"])
        .exits(5)
        .says("line_length_limit = lots");
    assert_eq!(
        host.sh(state),
        before,
        "nothing was swapped in, nothing was restarted"
    );
    let again = site.mailprov(&["apply", "--output", "json"]).exits(0);
    assert_eq!(again.steps_not(&["converged"]), [""; 0]);
    assert_eq!(host.sh(state), before, "and nothing is owed");
    are_put_back_with_what_was_compiled(host, site);
}

/// No checker knows that the host has no such address. Postfix looks up what was compiled.
fn are_put_back_with_what_was_compiled(host: &TestHost, site: &Site) {
    let state = "cat /etc/postfix/master.cf /etc/aliases; postalias -q webmaster lmdb:/etc/aliases";
    let before = host.sh(state);
    site.mailprov(&[
        "apply",
        "--set",
        "postfix_master=192.0.2.77:2525 inet n - y - - smtpd",
        "--set",
        "postfix_local_aliases={webmaster: nobody}",
    ])
    .exits(5)
    .says("postfix.service did not reload")
    .says("put the previous configuration back; the service runs with it");
    assert_eq!(host.sh(state), before);
    let again = site.mailprov(&["apply", "--output", "json"]).exits(0);
    let owed = [format!("{} postfix/service", host.name())];
    assert_eq!(again.steps_not(&["converged"]), owed, "the rest is there already");
    assert_eq!(host.sh(state), before);
}
