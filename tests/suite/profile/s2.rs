//! PostgreSQL and PostfixAdmin, Amavis with ClamAV and SpamAssassin, OpenDKIM.

use super::client::{arrives, imap_done, mode, post};
use super::{Profile, Proof, VARIANT, secret};
use crate::filters::client::{other_server, submitted};
use crate::filters::proofs::GTUBE;
use crate::server::applied;
use crate::server::around::smtp::smuggling_is_none;
use crate::server::gone::nothing_is_left;
use crate::support::until;

pub const PROOFS: &[Proof] = &[
    ("lookups", lookups),
    ("readers-can-not-write", readers_can_not_write),
    ("bcrypt", bcrypt),
    ("mailbox-by-hand", mailbox_by_hand),
    ("postfixadmin", postfixadmin),
    ("folders", folders),
    ("signed", signed),
    ("fresh-signatures", fresh_signatures),
    ("keys-change", keys_change),
    ("filtered-submission", filtered_submission),
    ("broken-milter", broken_milter),
    ("no-smuggling", no_smuggling),
    ("stopped-server", stopped_server),
    // From here on without PostfixAdmin.
    ("tables-alone", tables_alone),
    // And from here on without anything.
    ("taken-away", taken_away),
];

/// ClamAV's own signatures can't be had in a lab: the test file's stands in. Hashes that take their time would take
/// a lab's too.
const LAB: &str = "\
clamav_official: false
clamav_signatures: ['44d88612fea8a8f36de82e1278abb02f:68:Eicar-Test-Signature']
accounts_password_rounds: 5
";

#[test]
fn postgresql_keeps_the_accounts() {
    Profile::rehearsed("s2-postgresql", LAB).prove("s2");
}

/// What the server's administrator gets for `statement`.
#[track_caller]
fn psql(profile: &Profile, statement: &str) -> String {
    let statement = mailprov::host::script::quote(statement);
    profile.host.sh(&format!(
        "cd / && runuser -u postgres -- psql -XAtqv ON_ERROR_STOP=1 -d postfixadmin -c {statement}"
    ))
}

fn looked_up(profile: &Profile, map: &str, key: &str) -> String {
    let command = format!("postmap -q {key} pgsql:/etc/postfix/sql/{map}.cf || true");
    profile.host.sh(&command)
}

fn lookups(profile: &Profile) {
    let found = |map: &str, key: &str| looked_up(profile, map, key);
    assert_eq!(found("domains", "example.org"), "example.org");
    assert_eq!(found("domains", "example.com"), "");
    assert_eq!(found("mailboxes", "anna@example.org"), "example.org/anna/");
    assert_eq!(
        found("aliases", "info@example.org"),
        "anna@example.org,postmaster@example.org"
    );
    assert_eq!(found("senders", "anna@example.org"), "anna@example.org");
    // A name that looks like SQL is a name.
    assert_eq!(found("mailboxes", "\"x' OR '1'='1\""), "");
    psql(
        profile,
        "INSERT INTO domain (domain, description, transport) VALUES ('other.example', '', 'virtual'); INSERT INTO alias_domain \
         (alias_domain, target_domain) VALUES ('other.example', 'example.org'); INSERT INTO alias (address, goto, domain) VALUES \
         ('@example.org', 'anna@example.org', 'example.org')",
    );
    assert_eq!(
        found("mailboxes-of-alias-domains", "anna@other.example"),
        "example.org/anna/"
    );
    assert_eq!(
        found("aliases-of-alias-domains", "info@other.example"),
        "anna@example.org,postmaster@example.org"
    );
    assert_eq!(
        found("senders-of-alias-domains", "info@other.example"),
        "anna@example.org,postmaster@example.org"
    );
    // Postfix asks so when the address itself is nowhere.
    assert_eq!(
        found("catch-all-of-alias-domains", "@other.example"),
        "anna@example.org"
    );
    psql(
        profile,
        "DELETE FROM alias WHERE address = '@example.org'; DELETE FROM alias_domain; DELETE FROM domain WHERE domain = \
         'other.example'; UPDATE mailbox SET active = false WHERE local_part = 'anna'",
    );
    assert_eq!(found("mailboxes", "anna@example.org"), "", "inactive");
    psql(profile, "UPDATE mailbox SET active = true");
}

fn readers_can_not_write(profile: &Profile) {
    let as_user = |user: &str, statement: &str| {
        profile.host.succeeds(&format!(
            "PGPASSWORD={} psql -Xqh /run/postgresql -U {user} -d postfixadmin -c {}",
            secret(&format!("accounts_{user}_password")),
            mailprov::host::script::quote(statement)
        ))
    };
    for user in ["postfix", "dovecot"] {
        assert!(as_user(user, "SELECT username FROM mailbox"), "{user}");
        for statement in [
            "UPDATE mailbox SET active = true",
            "INSERT INTO domain (domain, transport) VALUES ('x', '')",
            "SELECT password FROM admin",
            "CREATE TABLE t (id int)",
        ] {
            assert!(!as_user(user, statement), "{user}: {statement}");
        }
    }
    assert!(!as_user("dovecot", "SELECT goto FROM alias"));
    let without = "PGPASSWORD=wrong psql -Xqh /run/postgresql -U postfix -d postfixadmin -c 'SELECT 1'";
    assert!(!profile.host.succeeds(without));
}

fn bcrypt(profile: &Profile) {
    let hash = psql(
        profile,
        "SELECT password FROM mailbox WHERE local_part = 'postmaster'",
    );
    assert!(hash.starts_with("$2y$05$"), "{hash}");
    let test = format!(
        "doveadm auth test postmaster@example.org {}",
        secret("postmaster_password")
    );
    profile.host.sh(&test);
}

/// As somebody does who has no PostfixAdmin: a row, with a hash of Dovecot's.
fn mailbox_by_hand(profile: &Profile) {
    let hash = profile.host.sh("doveadm pw -r 5 -s BLF-CRYPT -p made-by-hand");
    psql(
        profile,
        &format!(
            "INSERT INTO mailbox (username, password, maildir, local_part, domain) VALUES ('hand@example.org', '{hash}', \
             'example.org/hand/', 'hand', 'example.org')"
        ),
    );
    profile.host.sh("doveadm auth test hand@example.org made-by-hand");
    assert!(profile.host.sh("doveadm user '*'").contains("hand@example.org"));
    psql(profile, "DELETE FROM mailbox WHERE local_part = 'hand'");
}

fn postfixadmin(profile: &Profile) {
    let host = &profile.host;
    let cli = "cd / && runuser -u postfixadmin -- postfixadmin-cli";
    host.sh(&format!(
        "{cli} mailbox add carol@example.org --password carol-and-2-secrets --password2 carol-and-2-secrets --name Carol --quota 10"
    ));
    host.sh("doveadm auth test carol@example.org carol-and-2-secrets");
    assert_eq!(
        looked_up(profile, "mailboxes", "carol@example.org"),
        "example.org/carol/"
    );
    let hash = psql(profile, "SELECT password FROM mailbox WHERE local_part = 'carol'");
    assert!(hash.starts_with("{BLF-CRYPT}$2y$05$"), "{hash}");
    host.sh(&format!("{cli} mailbox delete carol@example.org"));
    assert_eq!(
        psql(profile, "SELECT count(*) FROM domain_admins WHERE domain = 'ALL'"),
        "1"
    );
}

fn folders(profile: &Profile) {
    let names = |words: &str| {
        let list = profile.host.sh(&format!(
            "doveadm mailbox list -u anna@example.org {words} | sort"
        ));
        list.lines()
            .filter(|name| *name != "INBOX")
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(names("-s"), "Sent");
    assert_eq!(names(""), "Sent Spam");
    let uses = imap_done(
        &profile.host,
        "anna@example.org",
        &["CREATE Trash", "LIST (SPECIAL-USE) \"\" *", "DELETE Trash"],
    );
    for (name, used) in [("Trash", "\\Trash"), ("Sent", "\\Sent"), ("Spam", "\\Junk")] {
        let line = uses.lines().find(|line| line.ends_with(&format!("\"/\" {name}")));
        assert!(line.is_some_and(|line| line.contains(used)), "{name}: {uses}");
    }
}

/// The `DKIM-Signature` of the message that anna gets with `token`, when it has one.
#[track_caller]
fn signature(profile: &Profile, token: &str) -> Option<String> {
    let host = &profile.host;
    post(host, "anna@example.org", "", token);
    arrives(host, "anna@example.org", "INBOX", token);
    let mail = host.sh(&format!(
        "doveadm fetch -u anna@example.org hdr mailbox INBOX subject {token}"
    ));
    let (_, signature) = mail.split_once("DKIM-Signature:")?;
    Some(signature.to_owned())
}

/// By a key that only OpenDKIM reads, over a socket that only Postfix reaches; nobody can add another `From` to what it
/// signed.
fn signed(profile: &Profile) {
    let host = &profile.host;
    assert_eq!(
        mode(host, "/etc/dkimkeys/example.org/Mail.private"),
        "600 opendkim:opendkim"
    );
    let folder = "/var/spool/postfix/opendkim";
    assert_eq!(mode(host, folder), "750 opendkim:opendkim");
    assert_eq!(
        mode(host, &format!("{folder}/opendkim.sock")),
        "770 opendkim:opendkim"
    );
    assert!(host.succeeds("id -nG postfix | tr ' ' '\n' | grep -qx opendkim"));
    assert_eq!(host.sh("ss -Hltn 'sport = 8891'"), "");
    let signature = signature(profile, "signed-token").unwrap();
    let (_, headers) = signature.split_once("\th=").unwrap();
    let (headers, _) = headers.split_once(';').unwrap();
    let names = headers.split(':').map(str::trim);
    let count = names.filter(|name| name.eq_ignore_ascii_case("from")).count();
    assert!(signature.contains("d=example.org; s=Mail;"), "{signature}");
    assert_eq!(count, 2, "{signature}");
}

/// Beside the profile's own; the next key is made for [`keys_change`].
const FURTHER: &str = "\
clamav_databases: ['file:///srv/extra.hsb']
mail_dkim_next_selector: next
";

/// freshclam fetches what is lost, or was never there.
fn fresh_signatures(profile: &Profile) {
    let host = &profile.host;
    let sum = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f";
    host.sh(&format!("echo {sum}:68:Extra.Eicar >/srv/extra.hsb"));
    profile.with(FURTHER);
    let fetched = || host.succeeds("grep -qs Extra.Eicar /var/lib/clamav/extra.hsb");
    until("further signatures", fetched);
    host.sh("rm /var/lib/clamav/extra.hsb; systemctl restart clamav-freshclam.service");
    until("what was lost", fetched);
}

/// The next key is made and told before it signs; the former one stays.
fn keys_change(profile: &Profile) {
    let host = &profile.host;
    profile.with(FURTHER);
    let key = "/etc/dkimkeys/example.org/next.private";
    assert_eq!(mode(host, key), "600 opendkim:opendkim");
    let records = profile.on(VARIANT, &["advice", "dns"]).exits(0);
    records
        .says("Mail._domainkey.example.org.")
        .says("next._domainkey.example.org.");
    let before = signature(profile, "before-change-token").unwrap();
    assert!(before.contains("s=Mail;"), "{before}");
    let made = host.sh(&format!("sha256sum {key}"));
    profile.with(CHANGED);
    assert_eq!(
        host.sh(&format!("sha256sum {key}")),
        made,
        "the key that was told"
    );
    let after = signature(profile, "after-change-token").unwrap();
    assert!(after.contains("s=next;"), "{after}");
    assert!(host.succeeds("test -s /etc/dkimkeys/example.org/Mail.private"));
}

/// Another key, and a filter for what people send.
const CHANGED: &str = "\
mail_dkim_selector: next
mail_filter_submission: true
";

fn filtered_submission(profile: &Profile) {
    profile.with(CHANGED);
    let host = &profile.host;
    submitted(
        host,
        "anna@example.org",
        &secret("anna_password"),
        "postmaster@example.org",
        "own-spam-token",
        GTUBE,
    )
    .unwrap();
    arrives(host, "postmaster@example.org", "Spam", "own-spam-token");
}

/// Who only signs stops nothing when it is down, neither for the host's own mail nor for others'.
fn broken_milter(profile: &Profile) {
    let host = &profile.host;
    host.sh("systemctl stop opendkim.service");
    assert_eq!(signature(profile, "own-unsigned-token"), None);
    let message = "From: carol@example.com\r\nTo: anna@example.org\r\nSubject: elsewhere-unsigned-token\r\n\r\nhello\r\n";
    other_server(host, "", "anna@example.org", message).unwrap();
    arrives(host, "anna@example.org", "INBOX", "elsewhere-unsigned-token");
    host.sh("systemctl start opendkim.service");
    assert_ne!(signature(profile, "signed-again-token"), None);
    profile.with("");
}

/// Nor on the way through the filter and back.
fn no_smuggling(profile: &Profile) {
    let maildir = "/var/mail/vmail/example.org/anna/Maildir";
    smuggling_is_none(&profile.host, "anna@example.org", maildir);
}

/// A stopped server says nothing of its rows: they wait for the step that starts it.
fn stopped_server(profile: &Profile) {
    profile.host.sh("systemctl stop postgresql@17-main.service");
    let check = profile
        .site
        .mailprov(&["apply", "--check", "--output", "json"])
        .exits(4);
    let states = check.states();
    let of = |step: &str| states.get(&format!("mail.example.org {step}")).cloned();
    assert_eq!(of("postgresql/service").as_deref(), Some("changed"));
    assert_eq!(of("accounts/domain[example.org]").as_deref(), Some("unknown"));
    check.says("postgresql/service");
    profile.site.mailprov(&["apply"]).exits(0);
    let again = profile
        .site
        .mailprov(&["apply", "--check", "--output", "json"])
        .exits(0);
    assert_eq!(again.steps_not(&["converged"]), [""; 0]);
}

/// PostfixAdmin goes, its tables stay: nothing else needs it.
fn tables_alone(profile: &Profile) {
    profile.having(
        "without.yaml",
        "[mailserver, {role: postfixadmin, state: absent}]",
    );
    profile.on("without.yaml", &["apply"]).exits(0);
    profile.on("without.yaml", &["apply", "--check"]).exits(0);
    let host = &profile.host;
    assert!(!host.succeeds("test -e /usr/share/postfixadmin"));
    assert!(!host.succeeds("getent passwd postfixadmin"));
    lookups(profile);
    readers_can_not_write(profile);
    post(host, "info@example.org", "", "tables-alone-token");
    arrives(host, "anna@example.org", "INBOX", "tables-alone-token");
}

fn taken_away(profile: &Profile) {
    // What the last two hold is their packages', and those are never purged.
    let gone = "[{role: mailserver, state: absent}, {role: postfixadmin, state: absent},
        {role: postgresql, state: absent, purge: true}, {role: postfix, state: absent, purge: true}]";
    profile.having("gone.yaml", gone);
    let host = &profile.host;
    host.sh("printf 'Subject: it-waits-token\\n\\nhello\\n' | sendmail 'somebody@[192.0.2.99]' && postsuper -h ALL");
    applied(|words| profile.on("gone.yaml", words));
    nothing_is_left(host);
    assert!(
        host.succeeds("grep -rq it-waits-token /var/spool/postfix"),
        "mail stays in the queue"
    );
    for kept in [
        "/var/mail/vmail/example.org/anna",
        "/etc/dkimkeys/example.org",
        "/etc/ssl/mailprov/mail.example.org/key.pem",
        "/var/lib/postgresql/*/main/base",
    ] {
        assert!(host.succeeds(&format!("test -e {kept}")), "{kept} stays");
    }
}
