//! Debian 13 with Dovecot 2.4, MariaDB, Amavis, PostfixAdmin and Roundcube.

mod access;
mod defects;
mod folders;
mod options;
mod sockets;

use super::client::{doveconf, imap_done, log_in, mode, switched_on};
use super::{Profile, Proof};

pub const PROOFS: &[Proof] = &[
    ("stack", stack),
    ("one-file", one_file),
    ("mail-user", mail_user),
    ("mail-user-taken", mail_user_taken),
    ("tls", access::tls),
    ("names", access::names),
    ("listening", access::listening),
    ("logins", access::logins),
    ("accounts", access::accounts),
    ("one-lookup", access::one_lookup),
    ("readers-can-not-write", access::readers_can_not_write),
    ("by-hand", access::by_hand),
    ("connections", access::connections),
    ("log-time", log_time),
    ("storage", folders::storage),
    ("special-folders", folders::special),
    ("folder-quota", folders::quota),
    ("namespace", folders::namespace),
    ("metadata", folders::metadata),
    ("audit", folders::audit),
    ("sharing", folders::sharing),
    ("quota-roots", folders::quota_roots),
    ("plugins", plugins),
    ("sockets", sockets::modes),
    ("quota-policy", sockets::quota_policy),
    ("managesieve", sockets::managesieve),
    ("sieve", sockets::sieve),
    ("defect-open-policy", defects::open_policy),
    ("defect-empty-answer", defects::empty_answer),
    ("defect-second-root", defects::second_root),
    ("defect-crypt-column", defects::crypt_column),
    ("defect-no-user-list", defects::no_user_list),
    ("defect-quota-minus-one", defects::quota_minus_one),
    ("defect-uncompiled-script", defects::uncompiled_script),
    ("defect-no-metadata", defects::no_metadata),
    ("defect-one-trash", defects::one_trash),
    ("defect-old-dovecot-names", defects::old_dovecot_names),
    ("defect-refused-warning", defects::refused_warning),
    ("defect-no-value", defects::no_value),
    ("defect-old-postfix-names", defects::old_postfix_names),
    ("defect-broken-php", defects::broken_php),
    ("defect-inactive-mailbox", defects::inactive_mailbox),
    ("defect-remembered-absence", defects::remembered_absence),
    ("defect-any-sender", defects::any_sender),
    ("alias-domain", defects::alias_domain),
    ("defect-open-login-socket", defects::open_login_socket),
    ("defect-tls13-only", defects::tls13_only),
    // From here on with other seeds' values.
    ("logs", options::logs),
    ("own-mail", options::own_mail),
    ("pop3", options::pop3),
    ("ciphers", options::ciphers),
    ("login-socket", options::login_socket),
    ("identity", options::identity),
    ("relaying", options::relaying),
    ("networks", options::networks),
    ("kept-files", options::kept_files),
    ("local-aliases", options::local_aliases),
    ("lda", options::lda),
    ("own-delivery", options::own_delivery),
    ("mail-crypt", options::mail_crypt),
];

/// ClamAV's own signatures can't be had in a lab: the test file's stands in.
const LAB: &str = "\
clamav_official: false
clamav_signatures: ['44d88612fea8a8f36de82e1278abb02f:68:Eicar-Test-Signature']
";

#[test]
fn debian_with_mysql_is_as_in_the_seed() {
    Profile::rehearsed("s0-debian13-mysql", LAB).prove("s0");
}

fn stack(profile: &Profile) {
    // Of several at once, one that runs would do.
    for unit in [
        "postfix",
        "dovecot",
        "mariadb",
        "amavis",
        "clamav-daemon",
        "nginx",
        "php8.4-fpm",
    ] {
        profile.host.sh(&format!("systemctl is-active {unit}"));
    }
    let found = profile
        .host
        .sh("ls -d /etc/postfixadmin/config.local.php /etc/roundcube/config.inc.php");
    assert_eq!(found.lines().count(), 2, "{found}");
    assert!(profile.host.sh("spamassassin --version").contains("SpamAssassin"));
}

/// A file that would break Dovecot, if it read it.
fn one_file(profile: &Profile) {
    let host = &profile.host;
    assert_eq!(
        host.sh("head -n 2 /etc/dovecot/dovecot.conf"),
        "dovecot_config_version = 2.4.1\ndovecot_storage_version = 2.4.1"
    );
    host.sh("mkdir -p /etc/dovecot/conf.d && echo nonsense >/etc/dovecot/conf.d/00-proof.conf");
    host.sh("doveconf -n >/dev/null; status=$?; rm /etc/dovecot/conf.d/00-proof.conf; exit $status");
}

fn mail_user(profile: &Profile) {
    let host = &profile.host;
    assert_eq!(host.sh("id -u vmail; id -g vmail"), "150\n5000");
    assert_eq!(doveconf(host, "", "first_valid_uid"), "150");
    assert_eq!(doveconf(host, "", "last_valid_uid"), "150");
    assert_eq!(mode(host, "/var/vmail"), "770 vmail:vmail");
    assert_eq!(
        host.sh("getent passwd vmail | cut -d: -f6,7"),
        "/var/vmail:/usr/sbin/nologin"
    );
}

fn mail_user_taken(profile: &Profile) {
    let taken = profile.host.sh("id -u amavis");
    let number = format!("vmail_uid={taken}");
    let words = ["apply", "--check", "--set", "vmail_user=other", "--set", &number];
    let refused = profile.site.mailprov(&words);
    assert_ne!(refused.status.code(), Some(4));
    refused.says(&format!("uid {taken} for other belongs to the user amavis"));
    assert!(!profile.host.succeeds("id other"));
}

fn log_time(profile: &Profile) {
    assert_eq!(
        profile
            .host
            .sh("doveconf -h log_timestamp")
            .trim_matches('"')
            .trim_end(),
        "%Y-%m-%d %H:%M:%S"
    );
}

fn plugins(profile: &Profile) {
    let host = &profile.host;
    for (filter, wanted) in [
        ("", "acl mail_log notify quota"),
        (
            "protocol=imap",
            "imap_acl imap_filter_sieve imap_quota imap_sieve",
        ),
        ("protocol=lmtp", "sieve"),
        ("protocol=lda", "sieve"),
    ] {
        assert_eq!(switched_on(host, filter, "mail_plugins"), wanted, "{filter}");
    }
    let interval = doveconf(host, "protocol=imap", "imap_idle_notify_interval");
    assert!(interval.starts_with("29 min"), "{interval}");
    // What the plugins do, in one session.
    let said = imap_done(
        host,
        "anna@example.org",
        &["CAPABILITY", "GETQUOTAROOT INBOX", "MYRIGHTS INBOX"],
    );
    for word in [" ACL", " QUOTA", " METADATA", "FILTER=SIEVE", "* MYRIGHTS"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert!(
        log_in(
            host,
            993,
            &["a LOGIN anna@example.org made-up-for-anna_password", "b LOGOUT"]
        )
        .contains("a OK")
    );
}
