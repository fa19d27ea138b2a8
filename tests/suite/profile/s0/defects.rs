//! What the seeds got wrong: each is put into the server by hand, shown to fail, taken away, and shown to work.
//!
//! What must hold is asked again and again: a service needs a moment to come up with what it was told.

use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{SmtpTransport, Transport as _};

use super::super::Profile;
use super::super::client::{arrives, imap, post, rcpt};
use super::super::secret;
use super::access::speaks;
use super::options::OTHER;
use super::sockets::ask;
use crate::support::{TestHost, until};

const CONF: &str = "/etc/dovecot/dovecot.conf";
/// However often: systemd refuses the sixth start in ten seconds (systemd.unit(5), StartLimitBurst).
const RESTART: &str = "systemctl reset-failed dovecot && systemctl restart dovecot";

/// Puts everything back, however the proof ends.
struct Kept<'a>(&'a TestHost);

impl<'a> Kept<'a> {
    fn new(host: &'a TestHost) -> Self {
        host.sh("rm -rf /root/kept && mkdir /root/kept && cp -a /etc/dovecot /etc/postfix /etc/postfixadmin /usr/local/lib/mailprov /root/kept");
        Self(host)
    }
}

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        // Dovecot leaves a socket behind that it is no longer told of.
        let back = self.0.succeeds(&format!(
            "cp -a /root/kept/dovecot /root/kept/postfix /root/kept/postfixadmin /etc && cp -a /root/kept/mailprov /usr/local/lib \
             && {RESTART} && rm -f /run/dovecot/auth-seed && postfix reload"
        ));
        assert!(back || std::thread::panicking(), "what was kept is not back");
    }
}

/// `seed` makes it the seed's way; then it doesn't hold what holds with ours.
#[track_caller]
fn defect(profile: &Profile, seed: &str, holds: impl Fn(&TestHost) -> bool) {
    profile.with("");
    let host = &profile.host;
    {
        let _kept = Kept::new(host);
        host.sh(seed);
        until("the seed's way fails", || !holds(host));
    }
    until("ours works", || holds(host));
}

/// Lines at the end of dovecot.conf.
fn dovecot(lines: &str) -> String {
    format!("printf '%s\\n' '{lines}' >>{CONF} && {RESTART}")
}

fn login(host: &TestHost, address: &str, password: &str) -> bool {
    let password = secret(password);
    host.succeeds(&format!(
        "doveadm auth cache flush >/dev/null && doveadm auth test {address} {password}"
    ))
}

/// S0: the policy's port answers everybody.
pub fn open_policy(profile: &Profile) {
    defect(
        profile,
        &dovecot("service quota-status {\n  inet_listener seed {\n    port = 12341\n  }\n}"),
        |host| {
            host.sh("ss -Hltn | awk '{print $4}' | grep 1234 | grep -v '^127.0.0.1:' || true")
                .is_empty()
        },
    );
}

/// S0: no words for a message that is larger than the quota, and Postfix takes no words for a permission.
pub fn empty_answer(profile: &Profile) {
    defect(
        profile,
        &format!("sed -i '/^quota_status_toolarge/d' {CONF} && {RESTART}"),
        |host| ask(host, "voll@example.net", 30_000).starts_with("action=552"),
    );
}

/// S0: a second root that counts the same mailbox once more.
pub fn second_root(profile: &Profile) {
    defect(profile, &dovecot("quota \"Domain quota\" {\n}"), |host| {
        host.sh("doveadm quota get -u anna@example.org | grep -c STORAGE || true") == "1"
    });
}

/// S0: the query wants a column that PostfixAdmin's schema has not.
pub fn crypt_column(profile: &Profile) {
    defect(
        profile,
        &format!(
            "sed -i 's/SELECT username AS user, password,/& crypt AS userdb_crypt,/' /etc/dovecot/*.conf \
             && grep -q userdb_crypt, /etc/dovecot/*.conf && {RESTART}"
        ),
        |host| login(host, "anna@example.org", "anna_password"),
    );
}

/// S0: nothing says which users there are.
pub fn no_user_list(profile: &Profile) {
    defect(
        profile,
        &format!("sed -i '/iterate_query/d' /etc/dovecot/*.conf && {RESTART}"),
        |host| host.succeeds("doveadm user '*' | grep -qx bernd@example.org"),
    );
}

/// S0: PostfixAdmin's -1, no quota, is no size.
pub fn quota_minus_one(profile: &Profile) {
    let set = |quota: i64| {
        profile.host.sh(&format!(
            "mariadb postfixadmin -e \"UPDATE mailbox SET quota = {quota} WHERE username = 'bernd@example.org'\""
        ))
    };
    set(-1);
    let seed = format!(
        "perl -pi -e \"s/CASE WHEN .*? END/CONCAT(CAST(mailbox.quota AS CHAR), 'B')/\" /etc/dovecot/*.conf && {RESTART}"
    );
    defect(profile, &seed, |host| {
        host.succeeds("doveadm auth cache flush >/dev/null && doveadm mailbox list -u bernd@example.org")
    });
    set(1_073_741_824);
}

/// S0: who files mail can't write beside a script of root's, and says so for every message.
pub fn uncompiled_script(profile: &Profile) {
    let seed = format!("rm /etc/dovecot/sieve/spam-to-junk.svbin && {RESTART}");
    defect(profile, &seed, |host| {
        let complaints =
            || host.sh("journalctl -b -u dovecot --no-pager -o cat | grep -c 'svbin: save: failed' || true");
        let before = complaints();
        let token = format!("compiled-{}", host.sh("date +%N"));
        post(host, "bernd@example.org", "", &token);
        arrives(host, "bernd@example.org", "INBOX", &token);
        host.sh("journalctl --sync");
        complaints() == before
    });
}

/// S0: a place for METADATA, but not the word that switches it on.
pub fn no_metadata(profile: &Profile) {
    defect(
        profile,
        &format!("sed -i '/imap_metadata/d' {CONF} && {RESTART}"),
        |host| {
            let said = imap(
                host,
                "bernd@example.org",
                &["SETMETADATA INBOX (/private/comment \"x\")"],
            );
            said.contains("a OK")
        },
    );
}

/// S0: throwing spam away teaches that it was none, in every trash but one.
pub fn one_trash(profile: &Profile) {
    let script = "/etc/dovecot/sieve/report-ham.sieve";
    let seed = format!(
        "perl -0pi -e 's/if string :is \"\\$\\{{mailbox\\}}\" \\[.*?\\]/if string :is \"\\${{mailbox}}\" \"Trash\"/s' {script} \
         && grep -q '\"Trash\" {{' {script} && sievec {script}"
    );
    imap(&profile.host, "bernd@example.org", &["CREATE Papierkorb"]);
    defect(profile, &seed, |host| {
        let learned = || {
            host.sh("sudo -u amavis sa-learn --dump magic 2>/dev/null | awk '/nham/ {print $3}'")
                .parse()
                .unwrap_or(0u32)
        };
        let before = learned();
        let token = format!("thrown-away-{}", host.sh("date +%N"));
        host.sh(&format!(
            "doveadm expunge -u bernd@example.org mailbox Junk all
             printf 'From: {token}@example.com\\nSubject: {token}\\n\\nBuy the finest watches and pills of the whole town today {token}\\n' | doveadm save -u bernd@example.org -m Junk"
        ));
        imap(host, "bernd@example.org", &["SELECT Junk", "MOVE 1 Papierkorb"]);
        learned() == before
    });
}

/// S0: clients that know TLS 1.2 alone are locked out.
pub fn tls13_only(profile: &Profile) {
    profile.with("");
    assert!(!speaks(&profile.host, 993, "tls1_2"), "as in the seed");
    profile.with(OTHER);
    assert!(speaks(&profile.host, 993, "tls1_2"), "as it is by default");
}

/// S1: names of settings that are no more.
pub fn old_dovecot_names(profile: &Profile) {
    defect(
        profile,
        &format!("echo 'ssl_protocols = !SSLv3' >>{CONF}; echo 'ssl_dh_parameters_length = 4096' >>{CONF}"),
        |host| host.succeeds("doveconf -n"),
    );
}

/// S1: the warning is refused for the very quota that it warns of.
pub fn refused_warning(profile: &Profile) {
    let program = "/usr/local/lib/mailprov/quota-warning";
    profile.with("");
    profile.host.sh(
        "doveadm expunge -u voll@example.net mailbox '*' all; doveadm quota recalc -u voll@example.net
         (printf 'Subject: full\\n\\n'; head -c 19900 /dev/zero | tr '\\0' x) | doveadm save -u voll@example.net -m INBOX",
    );
    let seed =
        format!("sed -i 's|quota_enforce=no|\"plugin/quota=maildir:User quota:noenforcing\"|' {program}");
    defect(profile, &seed, |host| {
        let messages = || -> u32 {
            let found = host.sh("doveadm search -u voll@example.net mailbox INBOX all | wc -l");
            found.parse().unwrap()
        };
        let before = messages();
        host.succeeds(&format!("runuser -u vmail -- {program} 95 voll@example.net"));
        messages() > before
    });
    profile
        .host
        .sh("doveadm expunge -u voll@example.net mailbox '*' all");
}

/// S2: a line without a value.
pub fn no_value(profile: &Profile) {
    defect(
        profile,
        "echo '!!smtpd_tls_dh1024_param_file!!' >>/etc/postfix/main.cf",
        |host| host.succeeds("postfix check"),
    );
}

/// S2: parameters that Postfix is about to forget.
pub fn old_postfix_names(profile: &Profile) {
    defect(
        profile,
        "printf 'smtpd_use_tls = yes\\nsmtpd_tls_eecdh_grade = ultra\\n' >>/etc/postfix/main.cf",
        |host| host.sh("postconf -n 2>&1 >/dev/null").is_empty(),
    );
}

/// S2: PHP that can't be read.
pub fn broken_php(profile: &Profile) {
    let file = "/etc/postfixadmin/config.local.php";
    defect(
        profile,
        &format!("echo \"\\$['vacation_domain'] = 'autoreply.example.org';\" >>{file}"),
        |host| host.succeeds(&format!("php -l {file}")),
    );
}

/// S2: a mailbox that was switched off still takes mail.
pub fn inactive_mailbox(profile: &Profile) {
    let set = |active: u8| {
        profile.host.sh(&format!(
            "mariadb postfixadmin -e \"UPDATE mailbox SET active = {active} WHERE username = 'bernd@example.org'\""
        ))
    };
    set(0);
    defect(
        profile,
        "sed -i \"s/ AND active = '1'//\" /etc/postfix/sql/mailboxes.cf && postfix reload",
        |host| {
            let mut said = String::new();
            until("an answer to the recipient", || {
                said = rcpt(host, &host.address().to_string(), "bernd@example.org");
                said.starts_with("250") || said.starts_with("550 5.1.1")
            });
            said.starts_with("550")
        },
    );
    set(1);
}

/// S0: who had no mailbox when somebody asked has none for an hour.
pub fn remembered_absence(profile: &Profile) {
    let seed = format!("sed -i '/^auth_cache_negative_ttl/d' {CONF} && {RESTART}");
    defect(profile, &seed, |host| {
        let name = format!("late-{}", host.sh("date +%s%N"));
        let address = format!("{name}@example.org");
        until("an answer of the policy", || {
            ask(host, &address, 1000) == "action=DUNNO"
        });
        host.sh(&format!(
            "mariadb postfixadmin -e \"INSERT INTO mailbox (username, password, name, maildir, local_part, domain) \
             VALUES ('{address}', 'x', '', 'example.org/{name}/', '{name}', 'example.org')\""
        ));
        let found = host.succeeds(&format!("doveadm user {address}"));
        host.sh(&format!(
            "mariadb postfixadmin -e \"DELETE FROM mailbox WHERE username = '{address}'\""
        ));
        found
    });
}

/// A message that `user` sends with another's address, over 465.
pub fn sent_as(host: &TestHost, user: &str, sender: &str) -> Result<(), String> {
    let tls = TlsParameters::builder("mx1.example.org".to_owned())
        .dangerous_accept_invalid_certs(true)
        .build_rustls()
        .unwrap();
    let password = secret(&format!("{}_password", user.split('@').next().unwrap()));
    let message = lettre::Message::builder()
        .from(sender.parse().unwrap())
        .to("anna@example.org".parse().unwrap())
        .subject("sent-as")
        .body("x\r\n".to_owned())
        .unwrap();
    SmtpTransport::builder_dangerous(host.address().to_string())
        .port(465)
        .tls(Tls::Wrapper(tls))
        .credentials(Credentials::new(user.to_owned(), password))
        .timeout(Some(std::time::Duration::from_secs(120)))
        .build()
        .send(&message)
        .map(drop)
        .map_err(|error| error.to_string())
}

/// S2 and S4: whoever logs in sends with anybody's address.
pub fn any_sender(profile: &Profile) {
    defect(
        profile,
        "postconf -P submissions/inet/smtpd_sender_restrictions= && postfix reload 2>/dev/null",
        |host| {
            sent_as(host, "bernd@example.org", "anna@example.org").is_err_and(|why| why.contains("not owned"))
        },
    );
}

/// Whoever has an address has it in an alias domain too, to get mail and to send with; a catch-all is asked last.
pub fn alias_domain(profile: &Profile) {
    let host = &profile.host;
    let sql = |statement: &str| host.sh(&format!("mariadb postfixadmin -e \"{statement}\""));
    sql("INSERT INTO domain (domain, description, transport) VALUES ('other.example', '', 'virtual');
         INSERT INTO alias_domain (alias_domain, target_domain) VALUES ('other.example', 'example.org');
         INSERT INTO alias (address, goto, domain) VALUES ('@example.org', 'anna@example.org', 'example.org')");
    let (anna, bernd) = ("anna@example.org", "bernd@example.org");
    for (user, sender, theirs) in [
        (bernd, "bernd@other.example", true),
        (bernd, "bernd+shop@other.example", true),
        (bernd, "info@other.example", true),
        (bernd, "anna@other.example", false),
        (bernd, "whoever@other.example", false),
        (anna, "whoever@other.example", true),
    ] {
        let sent = sent_as(host, user, sender);
        assert_eq!(sent.is_ok(), theirs, "{user} as {sender}: {sent:?}");
        assert!(
            theirs || sent.unwrap_err().contains("not owned"),
            "{user} as {sender}"
        );
    }
    post(host, "bernd+shop@other.example", "", "alias-domain-token");
    arrives(host, bernd, "INBOX", "alias-domain-token");
    post(host, "whoever@other.example", "", "alias-catch-all-token");
    arrives(host, anna, "INBOX", "alias-catch-all-token");
    sql(
        "DELETE FROM alias WHERE address = '@example.org'; DELETE FROM alias_domain;
         DELETE FROM domain WHERE domain = 'other.example'",
    );
}

/// S4: every program of the host can try passwords.
pub fn open_login_socket(profile: &Profile) {
    let seed = format!(
        "sed -i 's|unix_listener /var/spool/postfix/private/auth_dovecot|unix_listener auth-seed|' {CONF}
         perl -0pi -e 's/(auth-seed \\{{\\s+mode = )0660/${{1}}0666/' {CONF} && {RESTART}"
    );
    defect(profile, &seed, |host| {
        !host.succeeds("runuser -u nobody -- test -w /run/dovecot/auth-seed")
            && !host.succeeds("runuser -u nobody -- test -w /var/spool/postfix/private/auth_dovecot")
    });
}
