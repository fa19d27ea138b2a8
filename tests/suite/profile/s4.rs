//! One person's server: no database, no web, no filter.

use super::{Profile, Proof, secret};
use crate::server::applied;
use crate::support::until;

pub const PROOFS: &[Proof] = &[
    ("passwords-in-a-file", passwords_in_a_file),
    ("plain-on-request", plain_on_request),
    ("domains-share-accounts", domains_share_accounts),
    ("catch-all", catch_all),
    ("root-s-mail", root_s_mail),
    ("nothing-else", nothing_else),
    ("pop3", pop3),
    ("settings", settings),
    ("vmail", vmail),
    // From here on with other values.
    ("mail-in-the-home", mail_in_the_home),
    ("root-of-a-domain", root_of_a_domain),
    ("sqlite-instead", sqlite_instead),
];

#[test]
fn one_person_has_a_server_without_a_database() {
    Profile::rehearsed("s4-single-user", "{}").prove("s4");
}

/// Sends a mail from the host itself, and waits for it in the mailbox of `user`.
fn arrives(profile: &Profile, to: &str, user: &str) {
    let subject = format!("proof for {to}");
    profile.host.sh(&format!(
        "printf 'From: someone@example.com\\nSubject: {subject}\\n\\ntext\\n' | sendmail -f someone@example.com {to}"
    ));
    until(&format!("mail to {to} arrives"), || {
        let search = format!("[ -n \"$(doveadm search -u {user} mailbox INBOX subject '{subject}')\" ]");
        profile.host.succeeds(&search)
    });
}

fn may_log_in(profile: &Profile, user: &str) -> bool {
    let password = secret("thomas_password");
    profile
        .host
        .succeeds(&format!("doveadm auth test {user} {password}"))
}

fn passwords_in_a_file(profile: &Profile) {
    let host = &profile.host;
    assert_eq!(
        host.sh("stat -c '%a %U %G' /etc/dovecot/users"),
        "640 root dovecot"
    );
    let users = host.sh("cat /etc/dovecot/users");
    let names: Vec<&str> = users
        .lines()
        .filter_map(|line| Some(line.split_once(':')?.0))
        .collect();
    assert_eq!(names, ["thomas", "lists"], "{users}");
    assert!(users.contains("thomas:{SHA512-CRYPT}$6$"), "{users}");
    assert!(!users.contains(&secret("thomas_password")), "{users}");
    assert!(!host.succeeds("getent passwd thomas"), "no user of the system");
    assert!(may_log_in(profile, "thomas"));
    assert!(!host.succeeds("doveadm auth test thomas another"));
    assert_eq!(host.sh("doveadm user '*'"), "thomas\nlists");
}

fn plain_on_request(profile: &Profile) {
    let hashed = profile.host.sh("cat /etc/dovecot/users");
    let plain = ["apply", "--set", "accounts_password_scheme=PLAIN"];
    profile.site.mailprov(&plain).exits(0);
    let users = profile.host.sh("cat /etc/dovecot/users");
    let line = format!("thomas:{{PLAIN}}{}:5000:5000:", secret("thomas_password"));
    assert!(users.contains(&line), "{users}");
    assert!(may_log_in(profile, "thomas"));
    // What is readable does not stay so.
    profile.site.mailprov(&["apply"]).exits(0);
    let users = profile.host.sh("cat /etc/dovecot/users");
    assert!(!users.contains("PLAIN") && users != hashed, "{users}");
    assert!(may_log_in(profile, "thomas"));
}

fn domains_share_accounts(profile: &Profile) {
    for name in ["thomas", "thomas@example.org", "Thomas@example.net"] {
        assert!(may_log_in(profile, name), "{name}");
    }
    arrives(profile, "lists@example.org", "lists");
    arrives(profile, "lists@example.net", "lists");
    assert_eq!(
        profile
            .host
            .sh("postmap -q thomas@example.net lmdb:/etc/postfix/lists/senders"),
        "thomas"
    );
}

fn catch_all(profile: &Profile) {
    arrives(profile, "whoever@example.net", "thomas");
    arrives(profile, "whoever+tag@example.org", "thomas");
    arrives(profile, "postmaster@example.net", "thomas");
}

fn root_s_mail(profile: &Profile) {
    arrives(profile, "root", "thomas");
}

fn nothing_else(profile: &Profile) {
    let host = &profile.host;
    let found = host.sh("dpkg-query -W -f '${Package} ${db:Status-Abbrev}\\n' | sed -nE 's/^((mariadb|postgresql|sqlite3|nginx|php|amavis|rspamd|opendkim).*) ii.*/\\1/p'");
    assert_eq!(found, "");
    let ports = host.sh("ss -Hltn | sed -nE 's/^.*[^0-9]([0-9]+) +[^ ]+ *$/\\1/p' | sort -nu | grep -vx 22");
    assert_eq!(
        ports.lines().collect::<Vec<_>>(),
        ["25", "465", "587", "993", "995", "4190"]
    );
}

fn pop3(profile: &Profile) {
    let said = profile.host.sh(&format!(
        "printf 'USER thomas@example.org\\r\\nPASS {}\\r\\nSTAT\\r\\nQUIT\\r\\n' | \
         timeout 60 openssl s_client -quiet -connect 127.0.0.1:995 2>/dev/null",
        secret("thomas_password")
    ));
    assert!(said.contains("+OK Logged in") && !said.contains("-ERR"), "{said}");
}

fn settings(profile: &Profile) {
    let said = profile
        .host
        .sh("postconf -h message_size_limit recipient_delimiter biff append_dot_mydomain virtual_transport virtual_mailbox_maps");
    assert_eq!(
        said.lines().collect::<Vec<_>>(),
        [
            "134217728",
            "+",
            "no",
            "no",
            "lmtp:unix:private/dovecot-lmtp",
            "lmdb:/etc/postfix/lists/mailboxes"
        ]
    );
}

fn vmail(profile: &Profile) {
    assert_eq!(
        profile.host.sh("getent passwd vmail | cut -d: -f3,4,6,7"),
        "5000:5000:/var/vmail:/usr/sbin/nologin"
    );
}

const IN_THE_HOME: &str = "\
mail_domains: [example.org, example.net, mail.example.org]
dovecot_mail_folder: '~'
dovecot_layout: maildir++
";

/// Which is the person's, whatever the domain.
fn mail_in_the_home(profile: &Profile) {
    profile.with(IN_THE_HOME);
    arrives(profile, "thomas@example.net", "thomas");
    let found =
        "grep -rqs '^Subject: proof for thomas@example.net' /var/vmail/thomas/new /var/vmail/thomas/cur";
    assert!(profile.host.succeeds(found));
}

/// Where the host's own name is a domain of mailboxes, root is no mailbox of it, and has a person all the same.
fn root_of_a_domain(profile: &Profile) {
    profile.with(IN_THE_HOME);
    assert_eq!(profile.host.sh("postconf -h mydestination"), "localhost");
    profile
        .host
        .sh("printf 'Subject: from cron\\n\\ntext\\n' | sendmail root");
    until("root's mail arrives", || {
        profile
            .host
            .succeeds("grep -rqs '^Subject: from cron' /var/vmail/thomas/new /var/vmail/thomas/cur")
    });
}

/// One changed variable, and one that has no meaning with a database: everything else stays.
fn sqlite_instead(profile: &Profile) {
    let sets = ["--set", "mail_database=sqlite", "--set", "accounts_shared=false"];
    applied(|words| profile.site.mailprov(&[words, &sets[..]].concat()));
    let host = &profile.host;
    let file = "/var/lib/mailaccounts/accounts.sqlite";
    assert!(may_log_in(profile, "thomas@example.org"));
    arrives(profile, "lists@example.org", "lists@example.org");
    arrives(profile, "whoever@example.net", "thomas@example.org");
    assert_eq!(
        host.sh("doveadm user '*' | sort"),
        "lists@example.org\nthomas@example.org"
    );
    // Both may read, and neither may write.
    for command in ["SELECT count(*) FROM mailbox", "UPDATE mailbox SET active = 0"] {
        for user in [
            "runuser -u postfix --",
            "setpriv --reuid dovecot --regid mailaccounts --clear-groups",
        ] {
            let works = host.succeeds(&format!("{user} sqlite3 {file} '{command}'"));
            assert_eq!(works, command.starts_with("SELECT"), "{user} {command}");
        }
    }
    assert!(!host.succeeds(&format!("runuser -u nobody -- sqlite3 {file} .schema")));
}
