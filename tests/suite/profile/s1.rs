//! Dovecot with large mailboxes, and rspamd, whose proofs are those that every filter has to make. The same host then
//! changes to Amavis and OpenDKIM, which make theirs.

mod accounts;

use super::{Profile, Proof, secret};
use crate::filters::client::{other_server, submission, submitted};
use crate::filters::{absent, amavis, dns, proofs, switch};
use crate::support::until;

pub const PROOFS: &[Proof] = &[
    ("signatures-verify", signatures_verify),
    ("viruses-are-refused", |profile| {
        proofs::viruses_are_refused(&profile.host);
    }),
    ("spam-goes-to-junk", |profile| {
        proofs::spam_goes_to_junk(&profile.host, "rspamd");
    }),
    ("forged-mail-is-refused", |profile| {
        proofs::forged_mail_is_refused(&profile.host);
    }),
    ("moves-teach", |profile| {
        proofs::moves_teach(&profile.host, "rspamd")
    }),
    ("controller-wants-its-password", controller),
    ("nothing-new-listens", nothing_new_listens),
    ("packages", packages),
    ("own-certificate", own_certificate),
    ("protocols-and-logins", protocols_and_logins),
    ("users-table", accounts::users_table),
    ("same-user-data", accounts::same_user_data),
    ("sockets", sockets),
    ("folders", folders),
    ("virtual-folders", virtual_folders),
    ("default-script", default_script),
    ("quota", quota),
    ("domain-quota", domain_quota),
    ("quota-warning", quota_warning),
    ("stops-with-its-database", accounts::stops_with_its_database),
    ("single-addresses", single_addresses),
    ("own-mail-is-filtered", own_mail_is_filtered),
    // From here on with another filter and signer, and at last with none.
    ("amavis-instead", amavis::is_there),
    ("opendkim-signs-and-checks", amavis::signatures_verify),
    ("spf-and-dmarc-by-their-own-programs", |profile| {
        proofs::forged_mail_is_refused(&profile.host);
    }),
    ("amavis-keeps-viruses", amavis::viruses_are_kept),
    ("amavis-marks-spam", |profile| {
        proofs::spam_goes_to_junk(&profile.host, "amavis");
    }),
    ("moves-teach-spamassassin", |profile| {
        proofs::moves_teach(&profile.host, "amavis");
    }),
    ("every-domain-is-filtered", |profile| {
        proofs::of_another_domain(&profile.host, "amavis");
    }),
    ("filters-change-under-way", switch::loses_nothing),
    ("filters-go", absent::filters_go),
];

/// ClamAV's own signatures can't be had in a lab: the test file's stands in. A lab has no names in DNS, which rspamd
/// holds against everybody who calls.
const LAB: &str = "\
clamav_official: false
clamav_signatures: ['44d88612fea8a8f36de82e1278abb02f:68:Eicar-Test-Signature']
rspamd_remote: false
rspamd_spam_level: '20'
rspamd_autolearn: false
";

#[test]
fn rspamd_and_large_mailboxes_are_as_in_the_seed() {
    let profile = Profile::rehearsed("s1-rspamd", LAB);
    dns::serve(&profile.host);
    profile.host.sh(
        "DEBIAN_FRONTEND=noninteractive apt-get install -qqy --no-install-recommends python3-dkim python3-dnspython >/dev/null
         systemctl restart postfix rspamd",
    );
    profile.prove("s1");
}

fn signatures_verify(profile: &Profile) {
    let host = &profile.host;
    dns::publish(host, "example.org");
    submission(
        host,
        "alice@example.org",
        &secret("alice_password"),
        "bob@example.org",
        "signed-token",
    );
    let sent = proofs::arrives(host, "", "signed-token");
    assert!(sent.contains("d=example.org; s=mail;"), "{sent}");
    let file = proofs::file(host, "", "signed-token").unwrap();
    until("dkimverify finds the signature good", || {
        host.succeeds(&format!("dkimverify <'{file}'"))
    });
    assert!(
        !host.succeeds(&format!(
            "sed 's/what people write/what nobody wrote/' '{file}' | dkimverify"
        )),
        "another text has no good signature"
    );
    assert!(!sent.contains("X-Spam"), "what people send is not judged: {sent}");
    // Somebody else's mail in our name gets no signature of ours.
    let forged =
        "From: alice@example.org\r\nTo: bob@example.org\r\nSubject: unsigned-token\r\n\r\nnot alice\r\n";
    other_server(host, "carol@fine.example", "bob@example.org", forged).unwrap();
    let mut found = None;
    until("the forged message is filed", || {
        found =
            proofs::file(host, "", "unsigned-token").or_else(|| proofs::file(host, "Junk", "unsigned-token"));
        found.is_some()
    });
    let forged = host.sh(&format!("cat '{}'", found.unwrap()));
    assert!(!forged.contains("DKIM-Signature"), "{forged}");
}

fn controller(profile: &Profile) {
    let host = &profile.host;
    let file = "/etc/rspamd/mailprov/password.inc";
    assert_eq!(host.sh(&format!("stat -c '%a %U:%G' {file}")), "640 root:_rspamd");
    let password = secret("rspamd_password");
    assert_eq!(
        host.sh(&format!("grep -rlF '{password}' /etc/rspamd || true")),
        ""
    );
    let status = |password: &str| {
        host.sh(&format!(
            "python3 -c 'import http.client as h
c = h.HTTPConnection(\"127.0.0.1\", 11334)
c.request(\"GET\", \"/stat\", headers={{\"Password\": \"{password}\"}})
print(c.getresponse().status)'"
        ))
    };
    assert_eq!(status(&password), "200");
    assert_eq!(status("q1"), "401", "the distribution's password");
    assert_eq!(status(""), "401", "no password, on the host itself");
    assert_eq!(
        host.sh("stat -c '%a %U' /run/rspamd/controller.sock"),
        "600 _rspamd"
    );
}

fn nothing_new_listens(profile: &Profile) {
    let outside = profile.host.sh(
        "ss -Hltn | awk '{print $4}' | grep -vE '^(127\\.|\\[::1\\])' | sed 's/.*://' | sort -nu | paste -sd ' '",
    );
    assert_eq!(outside, "22 25 465 587 993 4190");
    let store = profile.host.sh(
        "redis-cli -s /run/redis/redis-server.sock CONFIG GET maxmemory | tail -n 1; stat -c '%a %U:%G' /run/redis/redis-server.sock",
    );
    assert_eq!(store, format!("{}\n770 redis:redis", 256 << 20));
}

fn packages(profile: &Profile) {
    profile
        .host
        .sh("dpkg -s dovecot-mysql dovecot-imapd dovecot-managesieved rspamd redis-server clamav-daemon >/dev/null");
    let users = profile
        .host
        .sh("getent passwd dovecot dovenull | cut -d: -f1 | paste -sd ' '");
    assert_eq!(users, "dovecot dovenull");
}

fn own_certificate(profile: &Profile) {
    let shown = profile.host.sh("doveconf -n | grep -E '^ +(cert|key)_file ='");
    assert!(
        shown.contains("/etc/ssl/mailprov/mx1.example.org/") && !shown.contains("snakeoil"),
        "{shown}"
    );
    assert!(!shown.contains("/etc/dovecot/private"), "{shown}");
}

fn protocols_and_logins(profile: &Profile) {
    let shown = profile.host.sh("doveconf -n");
    for line in [
        "ssl = required",
        "auth_mechanisms = plain",
        "mail_max_userip_connections = 20",
    ] {
        assert!(shown.lines().any(|found| found == line), "{line}: {shown}");
    }
    assert!(!shown.contains("pop3 = yes"), "{shown}");
    assert!(!shown.contains("passdb pam"), "{shown}");
    let home = profile.host.sh("doveadm user -f home bob@example.org");
    assert_eq!(home.trim_end_matches('/'), "/var/vmail/example.org/bob");
}

fn sockets(profile: &Profile) {
    let modes = profile.host.sh(
        "stat -c '%a %U:%G' /var/spool/postfix/private/auth /var/spool/postfix/private/dovecot-lmtp /run/dovecot/auth-chat /run/dovecot/lmtp-web",
    );
    assert_eq!(
        modes,
        "660 postfix:postfix\n600 postfix:postfix\n660 root:mail\n660 root:www-data"
    );
    let host = &profile.host;
    // A chat server in the group of its socket may ask for passwords, and nobody beside it.
    let chat = |group: &str, password: &str| {
        host.succeeds(&format!(
            "setpriv --reuid nobody --regid {group} --clear-groups \
             doveadm auth test -a /run/dovecot/auth-chat alice@example.org {password}"
        ))
    };
    let password = secret("alice_password");
    assert!(chat("mail", &password));
    assert!(!chat("mail", "wrong"));
    assert!(!chat("nogroup", &password));
    // A program of the web server delivers.
    let web = |user: &str| {
        host.succeeds(&format!(
            "runuser -u {user} -- python3 -c 'import smtplib
smtplib.LMTP(\"/run/dovecot/lmtp-web\").sendmail(\"shop@fine.example\", [\"bob@example.org\"], \"Subject: from-the-web-token\\r\\n\\r\\nx\\r\\n\")'"
        ))
    };
    assert!(!web("nobody"));
    assert!(web("www-data"));
    proofs::arrives(host, "", "from-the-web-token");
}

fn folders(profile: &Profile) {
    let host = &profile.host;
    let list = host.sh("doveadm mailbox list -u alice@example.org -s | sort | paste -sd ' '");
    for folder in ["Archives", "Drafts", "Junk", "Sent", "Trash"] {
        assert!(list.split(' ').any(|found| found == folder), "{folder}: {list}");
    }
    let shown = host.sh("doveconf -n");
    assert!(shown.contains("autoexpunge = 90"), "{shown}");
}

/// After mail has arrived: all of it is in one folder, and stays where it was.
fn virtual_folders(profile: &Profile) {
    let host = &profile.host;
    let count = |folder: &str, query: &str| {
        host.sh(&format!(
            "doveadm search -u bob@example.org mailbox {folder} {query} | wc -l"
        ))
    };
    assert_eq!(
        count("virtual/All", "subject signed-token"),
        count("INBOX", "subject signed-token")
    );
    assert_ne!(count("INBOX", "subject signed-token"), "0");
    assert_eq!(
        count("virtual/All", "subject spam-rspamd"),
        "0",
        "Junk is left out"
    );
    assert_eq!(count("virtual/Flagged", "all"), "0");
    host.sh("doveadm flags add -u bob@example.org '\\Flagged' mailbox INBOX subject signed-token");
    assert_eq!(count("virtual/Flagged", "all"), count("INBOX", "flagged"));
    assert_ne!(count("virtual/Flagged", "all"), "0");
    let uses = host.sh(
        "printf 'a LIST (SPECIAL-USE) \"\" \"*\"\\r\\nb LOGOUT\\r\\n' | doveadm exec imap -u bob@example.org 2>/dev/null",
    );
    for used in ["\\All", "\\Flagged"] {
        assert!(uses.contains(used), "{used}: {uses}");
    }
}

fn default_script(profile: &Profile) {
    let message = "From: carol@fine.example\r\nTo: bob@example.org\r\nList-Id: <news.fine.example>\r\nSubject: list-token\r\n\r\nnews\r\n";
    other_server(&profile.host, "carol@fine.example", "bob@example.org", message).unwrap();
    proofs::arrives(&profile.host, "Lists", "list-token");
}

fn quota(profile: &Profile) {
    let host = &profile.host;
    let limit = host.sh("doveadm -f tab quota get -u bob@example.org | grep STORAGE | cut -f 4");
    assert_eq!(limit, (15 * 1024 * 1024).to_string(), "in kilobytes");
    let shown = host.sh("doveconf -n");
    assert_eq!(
        shown.matches("quota_storage_extra = 524288000B").count(),
        2,
        "{shown}"
    );
    assert_eq!(host.sh("postconf -h message_size_limit"), (25 << 20).to_string());
}

/// Where PostfixAdmin finds it, in MiB; and the inventory itself can't give away more.
fn domain_quota(profile: &Profile) {
    let limits = profile
        .host
        .sh("mariadb -N postfixadmin -e 'SELECT domain, quota FROM domain WHERE domain <> \"ALL\" ORDER BY domain' | paste -sd ' '");
    assert_eq!(limits.replace('\t', " "), "example.net 0 example.org 40960");
    profile
        .site
        .mailprov(&["validate", "--set", "mail_quota=21G"])
        .exits(3)
        .says("the quotas of the mailboxes of example.org are more than 40960 MiB together");
    profile
        .site
        .mailprov(&["validate", "--set", "mail_quota=0"])
        .exits(3)
        .says("example.org can't have a limit while a mailbox of it has none");
}

/// A mailbox of 20K grows by 3K at a time, until nothing fits in.
fn quota_warning(profile: &Profile) {
    let host = &profile.host;
    host.sh(
        "body=$(head -c 3000 /dev/zero | tr '\\0' x | fold -w 70)
         for number in 1 2 3 4 5 6 7; do
           printf 'Subject: filler\\n\\n%s\\n' \"$body\" | doveadm save -u full@example.net 2>/dev/null || break
         done",
    );
    until("the owner of the full mailbox is told", || {
        host.succeeds("grep -rqs '^Subject: Your mailbox is' /var/vmail/example.net/full")
    });
}

fn single_addresses(profile: &Profile) {
    let address = profile.host.address();
    let line = format!("dovecot_listen=[127.0.0.1, {address}, '::1']");
    profile
        .site
        .mailprov(&[
            "apply",
            "--set",
            &line,
            "--set",
            "dovecot_quota_grace=1G",
            "--set",
            "mail_filter_submission=true",
        ])
        .exits(0);
    let grace = profile.host.sh("doveconf quota_storage_grace");
    assert_eq!(grace, "quota_storage_grace = 1073741824B");
    let listens = profile
        .host
        .sh("ss -Hltn | awk '{print $4}' | grep ':993$' | sort | paste -sd ' '");
    let mut expected = [
        "127.0.0.1:993".to_owned(),
        format!("{address}:993"),
        "[::1]:993".to_owned(),
    ];
    expected.sort();
    assert_eq!(listens, expected.join(" "));
}

/// After the apply of [`single_addresses`], which wants it.
fn own_mail_is_filtered(profile: &Profile) {
    let host = &profile.host;
    submitted(
        host,
        "alice@example.org",
        &secret("alice_password"),
        "bob@example.org",
        "own-spam-token",
        proofs::GTUBE,
    )
    .unwrap();
    let spam = proofs::arrives(host, "Junk", "own-spam-token");
    assert!(
        spam.contains("X-Spam: Yes") && spam.contains("d=example.org; s=mail;"),
        "{spam}"
    );
}
