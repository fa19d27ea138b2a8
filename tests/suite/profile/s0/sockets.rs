//! What Dovecot offers to Postfix and to people's filters.

use super::super::Profile;
use super::super::client::{arrives, doveconf, imap_done, log_in, mode, post};
use super::super::secret;
use crate::support::TestHost;

pub fn modes(profile: &Profile) {
    let host = &profile.host;
    for (socket, wanted) in [
        ("/var/spool/postfix/private/auth_dovecot", "660 postfix:postfix"),
        ("/var/spool/postfix/private/dovecot-lmtp", "600 postfix:postfix"),
        ("/run/dovecot/auth-master", "600 vmail:root"),
        ("/run/dovecot/auth-userdb", "600 vmail:dovecot"),
        ("/run/dovecot/anvil", "660 root:dovecot"),
        ("/run/dovecot/dict", "600 vmail:dovecot"),
    ] {
        assert_eq!(mode(host, socket), wanted, "{socket}");
    }
    assert_eq!(host.sh("postconf -h smtpd_sasl_path"), "private/auth_dovecot");
    assert_eq!(host.sh("doveconf -h service/lmtp/user"), "vmail");
    assert_eq!(
        doveconf(host, "protocol=lmtp", "postmaster_address"),
        "postmaster@example.org"
    );
}

/// What the policy says to a message of `size` bytes.
pub fn ask(host: &TestHost, recipient: &str, size: u64) -> String {
    host.sh(&format!(
        "bash -c 'exec 3<>/dev/tcp/127.0.0.1/12340
         printf \"request=smtpd_access_policy\\nrecipient={recipient}\\nsize={size}\\n\\n\" >&3
         head -n 1 <&3' || true"
    ))
}

/// The policy's port: loopback only, never an empty answer, which Postfix would take for a permission.
pub fn quota_policy(profile: &Profile) {
    let host = &profile.host;
    let open = host.sh("ss -Hltn 'sport = :12340' | awk '{print $4}'");
    assert_eq!(open, "127.0.0.1:12340");
    assert_eq!(ask(host, "anna@example.org", 1000), "action=DUNNO");
    assert_eq!(ask(host, "nobody@example.org", 1000), "action=DUNNO");
    let full = ask(host, "voll@example.net", 30_000);
    assert!(full.starts_with("action=552 5.2."), "{full}");
    assert_eq!(host.sh("doveconf -h service/quota-status/client_limit"), "1");
}

pub fn managesieve(profile: &Profile) {
    let host = &profile.host;
    for (setting, value) in [
        ("service/managesieve-login/restart_request_count", "1"),
        ("service/managesieve-login/process_min_avail", "2"),
        ("service/managesieve/process_limit", "256"),
    ] {
        assert_eq!(host.sh(&format!("doveconf -h {setting}")), value, "{setting}");
    }
    let memory = host.sh("doveconf -h service/managesieve-login/vsz_limit");
    assert_eq!(memory, "134217728B");
    assert_eq!(
        doveconf(host, "protocol=sieve", "managesieve_logout_format"),
        "bytes=%{input}/%{output}"
    );
    let greeting = host
        .sh("(sleep 1; echo LOGOUT) | timeout 10 bash -c 'exec 3<>/dev/tcp/127.0.0.1/4190; head -n 1 <&3'");
    assert!(greeting.contains("IMPLEMENTATION"), "{greeting}");
}

/// Scripts of the server's and of a person's, over LMTP and by the LDA.
pub fn sieve(profile: &Profile) {
    let host = &profile.host;
    assert_eq!(mode(host, "/var/vmail/sieve_pipe_bin"), "755 root:root");
    let settings = host.sh("doveconf -n sieve_plugins sieve_global_extensions sieve_pipe_bin_dir");
    for word in [
        "sieve_imapsieve",
        "sieve_extprograms",
        "vnd.dovecot.pipe",
        "vnd.dovecot.environment",
        "/var/vmail/sieve_pipe_bin",
    ] {
        assert!(settings.contains(word), "{word}: {settings}");
    }
    post(host, "anna@example.org", "X-Spam-Flag: YES\\n", "by-lmtp-token");
    arrives(host, "anna@example.org", "Junk", "by-lmtp-token");
    host.sh(
        "printf 'From: a@example.org\\nSubject: by-lda-token\\nX-Spam-Flag: YES\\n\\nx\\n' | /usr/lib/dovecot/dovecot-lda -d bernd@example.org",
    );
    arrives(host, "bernd@example.org", "Junk", "by-lda-token");
    // A person's own script, and the link to the active one.
    host.sh(
        "printf 'require \"fileinto\";\\nif header :contains \"subject\" \"own-script\" { fileinto \"Archive\"; }\\n' \
         | doveadm sieve put -u bernd@example.org -a mine",
    );
    let home = "/var/vmail/example.org/bernd";
    let active = host.sh(&format!("readlink {home}/sieve/dovecot.sieve"));
    assert!(active.ends_with("mine.sieve"), "{active}");
    post(host, "bernd@example.org", "", "own-script-token");
    arrives(host, "bernd@example.org", "Archive", "own-script-token");
    host.sh("doveadm sieve deactivate -u bernd@example.org");
    // What is in the log of deliveries: nobody tried to compile a script that root compiled.
    let log = host.sh("journalctl -b -u dovecot --no-pager -o cat | grep -i 'permission to save' || true");
    assert_eq!(log, "");
    let said = imap_done(host, "bernd@example.org", &["SELECT Archive"]);
    assert!(said.contains("EXISTS"), "{said}");
    let password = secret("bernd_password");
    assert!(
        log_in(
            host,
            993,
            &[&format!("a LOGIN bernd@example.org {password}"), "b LOGOUT"]
        )
        .contains("a OK")
    );
}
