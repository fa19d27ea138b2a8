//! Configurations that a program would refuse never reach it.

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
}
