//! Values of the other seeds, on the same host: what is a matter of one variable, and what Postfix and Dovecot are told
//! in their own words.

use super::super::Profile;
use super::super::client::{arrives, doveconf, imap_done, log_in, mode, post, postconf, rcpt};
use super::super::secret;
use super::access::speaks;
use crate::support::until;

/// S1's and S4's: one person's server that keeps logs in files, serves POP3 and delivers by the LDA.
pub const OTHER: &str = r#"
mail_message_size: 128M
base_packages: [mailutils]
amavis_pyzor: true
dovecot_pop3: true
dovecot_tls_min: TLSv1.2
dovecot_tls_prefer: client
dovecot_cipher_list: "ECDH+AESGCM:DH+AESGCM:ECDH+AES256:DH+AES256:ECDH+AES128:DH+AES:RSA+AESGCM:RSA+AES:!aNULL:!MD5:!DSS"
dovecot_dh_bits: 4096
dovecot_auth_mechanisms: [plain]
dovecot_auth_socket: /run/dovecot/auth-client
dovecot_auth_socket_mode: "0666"
dovecot_log_path: /var/log/dovecot.log
dovecot_info_log_path: /var/log/dovecot-info.log
dovecot_debug: category=auth
dovecot_postmaster: postmaster@example.net
dovecot_settings:
  auth_verbose: "yes"
  auth_verbose_passwords: sha1
  hostname: imap.example.org
  mail_privileged_group: mail
  mailbox_list_index: "no"
  sieve_trace_dir: ~/sieve-trace
  sieve_trace_debug: "yes"
  sieve_trace_level: matching
postfix_chroot: false
postfix_delivery: lda
postfix_inet_protocols: ipv4
postfix_local_domains: [mx1.example.org, localhost, localhost.localdomain]
postfix_networks: [192.0.2.64/28]
postfix_local_aliases: {root: anna, anna: anna@example.org, www: root}
postfix_relay_domains: [backup.example]
postfix_relay_recipients: [known@backup.example]
postfix_transports: {backup.example: "discard:"}
postfix_parameters:
  broken_sasl_auth_clients: "yes"
  local_recipient_maps: ""
  mailbox_transport: lmtp:unix:private/dovecot-lmtp
  readme_directory: "no"
  smtpd_sasl_local_domain: $myorigin
  smtpd_tls_mandatory_ciphers: high
postfix_service_parameters:
  submissions: {smtpd_sender_restrictions: ""}
postfix_master: |
  spamassassin unix - n n - - pipe
    flags=R user=nobody argv=/usr/bin/spamc -f -e /usr/sbin/sendmail -oi -f ${sender} ${recipient}
"#;

/// S2's: Postfix delivers into mailboxes itself, and mail is in the home.
const OWN_DELIVERY: &str = r#"
mail_admin: bernd@example.org
mail_domains: [example.org, example.net, example.com]
mail_mailboxes:
  - {address: bernd@example.org, password: !secret bernd_password}
  - {address: carla@example.com, password: !secret anna_password}
  - {address: voll@example.net, password: !secret voll_password, active: false}
mail_aliases: []
vmail_mode: "2770"
dovecot_mail_folder: "~"
dovecot_layout: maildir++
dovecot_active_script: ~/.dovecot.sieve
dovecot_junk_folder: Spam
dovecot_folders:
  - {name: Trash, use: Trash}
  - {name: Drafts, use: Drafts}
  - {name: Sent, use: Sent, auto: subscribe}
  - {name: Sent Messages, use: Sent}
  - {name: Spam, use: Junk, auto: create}
postfix_delivery: virtual
postfix_local_domains: []
postfix_parameters:
  local_transport: virtual
  local_recipient_maps: $virtual_mailbox_maps
  relay_domains: $mydestination
"#;

/// Files of its own, with the time in front, rotated; what is debugged stands there.
pub fn logs(profile: &Profile) {
    profile.with(OTHER);
    let host = &profile.host;
    let password = secret("anna_password");
    log_in(host, 993, &["a LOGIN anna@example.org wrong", "b LOGOUT"]);
    log_in(
        host,
        993,
        &[&format!("a LOGIN anna@example.org {password}"), "b LOGOUT"],
    );
    until("a login in the file", || {
        host.succeeds("grep -Eq '^20[0-9-]+ [0-9:]+ .*imap-login' /var/log/dovecot-info.log")
    });
    until("what is debugged", || {
        host.succeeds("grep -q 'Debug: ' /var/log/dovecot*.log")
    });
    until("a refused login and its password's digest", || {
        host.succeeds("grep -hiE 'password mismatch.*(sha1|given password)' /var/log/dovecot*.log")
    });
    host.sh("logrotate --debug /etc/logrotate.d/mailprov-dovecot 2>&1 && test -e /var/log/dovecot.log");
    for (setting, value) in [
        ("auth_verbose", "yes"),
        ("auth_verbose_passwords", "sha1"),
        ("mail_privileged_group", "mail"),
        ("sieve_trace_level", "matching"),
        ("mailbox_list_index", "no"),
    ] {
        assert_eq!(doveconf(host, "", setting), value, "{setting}");
    }
}

/// What Dovecot writes itself, a refusal by a person's script for one, is postmaster's, and from a host of this name.
pub fn own_mail(profile: &Profile) {
    profile.with(OTHER);
    let host = &profile.host;
    host.sh(
        "printf 'require \"reject\";\\nreject \"not today\";\\n' | doveadm sieve put -u bernd@example.org -a refusing
         printf 'From: anna@example.org\\nTo: bernd@example.org\\nSubject: x\\n\\nx\\n' | sendmail -f anna@example.org bernd@example.org",
    );
    let refusal = "mailbox INBOX from postmaster@example.net body 'not today'";
    until("the refusal", || {
        !host
            .sh(&format!("doveadm search -u anna@example.org {refusal}"))
            .is_empty()
    });
    host.sh("doveadm sieve deactivate -u bernd@example.org");
    let said = host.sh(&format!(
        "doveadm fetch -u anna@example.org hdr.message-id {refusal}"
    ));
    assert!(said.trim_end().ends_with("@imap.example.org>"), "{said}");
}

pub fn pop3(profile: &Profile) {
    profile.with(OTHER);
    let password = secret("anna_password");
    let said = log_in(
        &profile.host,
        995,
        &[
            "USER anna@example.org",
            &format!("PASS {password}"),
            "STAT",
            "QUIT",
        ],
    );
    assert!(said.matches("+OK").count() >= 4, "{said}");
    let open = profile.host.sh("ss -Hltn 'sport = :110'");
    assert_eq!(open, "", "nothing in clear");
}

/// The group for old ciphers is used, and the client's order counts.
pub fn ciphers(profile: &Profile) {
    profile.with(OTHER);
    let host = &profile.host;
    let said = host.sh(
        "openssl s_client -connect 127.0.0.1:993 -tls1_2 -cipher DHE-RSA-AES256-GCM-SHA384 </dev/null 2>&1; true",
    );
    assert!(said.contains("DH, 4096 bits"), "{said}");
    assert!(!host.succeeds("doveconf -n ssl_server | grep -q 'prefer_ciphers = server'"));
    assert!(!speaks(host, 993, "tls1_1"));
}

/// Outside of Postfix' folder, for whoever else wants to check logins; one mechanism.
pub fn login_socket(profile: &Profile) {
    profile.with(OTHER);
    let host = &profile.host;
    assert_eq!(mode(host, "/run/dovecot/auth-client"), "666 postfix:postfix");
    assert_eq!(postconf(host, "smtpd_sasl_path"), "/run/dovecot/auth-client");
    let greeting = log_in(host, 993, &["a CAPABILITY", "b LOGOUT"]);
    assert!(
        greeting.contains("AUTH=PLAIN") && !greeting.contains("AUTH=LOGIN"),
        "{greeting}"
    );
    super::defects::sent_as(host, "bernd@example.org", "bernd@example.org").unwrap();
    let offered = host.sh(
        "(printf 'EHLO client.example\\r\\n'; sleep 5; printf 'QUIT\\r\\n') \
         | timeout 60 openssl s_client -quiet -verify_quiet -connect 127.0.0.1:465 2>&1",
    );
    assert!(offered.contains("AUTH=PLAIN"), "for old clients: {offered}");
}

pub fn identity(profile: &Profile) {
    profile.with(OTHER);
    let host = &profile.host;
    for (parameter, value) in [
        (
            "mydestination",
            "mx1.example.org, localhost, localhost.localdomain",
        ),
        ("inet_protocols", "ipv4"),
        ("mynetworks", "127.0.0.0/8, 192.0.2.64/28"),
        ("message_size_limit", "134217728"),
        ("mailbox_size_limit", "0"),
        ("recipient_delimiter", "+"),
        ("biff", "no"),
        ("append_dot_mydomain", "no"),
        ("readme_directory", "no"),
        ("smtpd_sasl_local_domain", "$myorigin"),
        ("mailbox_transport", "lmtp:unix:private/dovecot-lmtp"),
        ("smtpd_tls_auth_only", "yes"),
        ("smtpd_tls_security_level", "may"),
        ("smtp_tls_security_level", "may"),
        ("smtpd_tls_mandatory_ciphers", "high"),
        ("smtpd_tls_received_header", "yes"),
        ("smtpd_tls_loglevel", "1"),
        ("smtpd_helo_required", "yes"),
        ("disable_vrfy_command", "yes"),
    ] {
        assert_eq!(postconf(host, parameter), value, "{parameter}");
    }
    assert!(postconf(host, "smtpd_tls_session_cache_database").starts_with("lmdb:"));
    let open = host.sh("ss -Hltn 'sport = :25' | awk '{print $4}'");
    assert_eq!(open, "0.0.0.0:25", "IPv4 alone");
    assert!(host.sh("postconf -M spamassassin/unix").contains("user=nobody"));
    assert_eq!(
        host.sh("postconf -hP submissions/inet/smtpd_sender_restrictions"),
        ""
    );
    assert!(host.sh("getent services submission/tcp").contains("587/tcp"));
    host.sh("command -v mail && command -v pyzor && grep -qx 'use_pyzor 1' /etc/spamassassin/mailprov.cf");
}

/// The server is a backup of another: what is known there is taken, and nothing else.
pub fn relaying(profile: &Profile) {
    profile.with(OTHER);
    let host = &profile.host;
    let from_outside = host.address().to_string();
    let known = rcpt(host, &from_outside, "known@backup.example");
    assert!(known.starts_with("250 2.1.5"), "{known}");
    let unknown = rcpt(host, &from_outside, "unknown@backup.example");
    assert!(unknown.starts_with("550 5.1.1"), "{unknown}");
    assert_eq!(postconf(host, "transport_maps"), "lmdb:/etc/postfix/transports");
}

/// Networks of one's own may send to everywhere, and nobody beside them; what does not exist here is refused there too.
pub fn networks(profile: &Profile) {
    profile.with(OTHER);
    let host = &profile.host;
    host.sh("ip address add 192.0.2.70/32 dev lo && ip address add 192.0.2.90/32 dev lo");
    let elsewhere = "someone@foreign.example";
    for client in ["192.0.2.70", "127.0.0.1"] {
        let taken = rcpt(host, client, elsewhere);
        assert!(taken.starts_with("250 2.1.5"), "{client}: {taken}");
        let unknown = rcpt(host, client, "nobody-at-all@example.org");
        assert!(unknown.starts_with("550 5.1.1"), "{client}: {unknown}");
    }
    for client in ["192.0.2.90".to_owned(), host.address().to_string()] {
        let refused = rcpt(host, &client, elsewhere);
        assert!(refused.starts_with("554 5.7.1"), "{client}: {refused}");
    }
    host.sh("ip address del 192.0.2.70/32 dev lo; ip address del 192.0.2.90/32 dev lo");
}

/// What was replaced is kept, and tables are compiled.
pub fn kept_files(profile: &Profile) {
    profile.with(OTHER);
    let host = &profile.host;
    host.sh("grep -qx 'inet_protocols = all' /var/lib/mailprov/backups/*/etc/postfix/main.cf");
    host.sh("ls /var/lib/mailprov/backups/*/etc/postfix/master.cf");
    let known = "postmap -q known@backup.example lmdb:/etc/postfix/relay-recipients";
    assert_eq!(host.sh(known), "ok");
    assert_eq!(host.sh("postalias -q www lmdb:/etc/aliases"), "root");
}

/// root's mail goes to a person of the host, and hers to a mailbox.
pub fn local_aliases(profile: &Profile) {
    profile.with(OTHER);
    post(&profile.host, "www@localhost", "", "for-the-host-token");
    arrives(&profile.host, "anna@example.org", "INBOX", "for-the-host-token");
}

pub fn lda(profile: &Profile) {
    profile.with(OTHER);
    let host = &profile.host;
    assert_eq!(postconf(host, "virtual_transport"), "dovecot");
    post(
        host,
        "anna+shop@example.org",
        "X-Spam-Flag: YES\\n",
        "lda-spam-token",
    );
    arrives(host, "anna@example.org", "Junk", "lda-spam-token");
    post(host, "info@example.org", "", "lda-alias-token");
    arrives(host, "bernd@example.org", "INBOX", "lda-alias-token");
    let log = host.sh("journalctl -b -u postfix --no-pager -o cat | grep -c 'relay=dovecot.*status=sent'");
    assert!(log.parse::<u32>().unwrap() >= 3, "{log}");
}

pub fn own_delivery(profile: &Profile) {
    profile.with(OWN_DELIVERY);
    let host = &profile.host;
    post(host, "carla@example.com", "", "own-delivery-token");
    let home = "/var/vmail/example.com/carla";
    until("the message is in the home itself", || {
        host.succeeds(&format!("grep -rqs own-delivery-token {home}/new {home}/cur"))
    });
    assert_eq!(
        host.sh(&format!(
            "stat -c '%u:%g' {home}/new/* {home}/cur/* 2>/dev/null | sort -u"
        )),
        "150:5000"
    );
    assert_eq!(mode(host, "/var/vmail"), "2770 vmail:vmail");
    assert_eq!(mode(host, "/var/vmail/example.com"), "2700 vmail:vmail");
    let said = imap_done(
        host,
        "carla@example.com",
        &[
            "SELECT INBOX",
            "FETCH 1 BODY[HEADER.FIELDS (SUBJECT)]",
            "CREATE Work/2026",
            "LIST \"\" *",
            "LSUB \"\" *",
        ],
    );
    for word in ["own-delivery-token", "Work/2026", "\\Junk) \"/\" Spam"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert!(!said.contains(" Trash\n"), "Trash is only known: {said}");
    let subscribed: Vec<&str> = said.lines().filter(|line| line.starts_with("* LSUB")).collect();
    assert!(
        subscribed.len() == 1 && subscribed[0].ends_with(" Sent"),
        "{subscribed:?}"
    );
    host.sh(&format!("test -d {home}/.Work.2026/cur"));
    // Postfix knows no user of the host here, and root's mail has somebody to read it all the same.
    host.sh("printf 'Subject: root-token\\n\\nx\\n' | sendmail root");
    let inbox = "/var/vmail/example.org/bernd";
    until("root's mail", || {
        host.succeeds(&format!("grep -rqs root-token {inbox}/new {inbox}/cur"))
    });
    // A mailbox that the inventory switches off takes nothing, though it has an address.
    let refused = rcpt(host, &host.address().to_string(), "voll@example.net");
    assert!(refused.starts_with("550 5.1.1"), "{refused}");
    let active =
        host.sh("mariadb -N postfixadmin -e \"SELECT active FROM alias WHERE address = 'voll@example.net'\"");
    assert_eq!(active, "0");
    for (parameter, value) in [
        ("mydestination", ""),
        ("virtual_transport", "virtual"),
        ("virtual_uid_maps", "static:150"),
        ("virtual_gid_maps", "static:5000"),
        ("virtual_mailbox_base", "/var/vmail"),
        ("local_transport", "virtual"),
        ("local_recipient_maps", "$virtual_mailbox_maps"),
        ("relay_domains", "$mydestination"),
    ] {
        assert_eq!(postconf(host, parameter), value, "{parameter}");
    }
}

/// Mail is on disk in a form that only its owner's password opens.
pub fn mail_crypt(profile: &Profile) {
    profile.with("dovecot_mail_crypt: true\ndovecot_mail_crypt_curve: brainpoolP160r1\n");
    let host = &profile.host;
    let login = format!("a LOGIN bernd@example.org {}", secret("bernd_password"));
    let append = ["b APPEND Sent {14+}", "Subject: x", "", "", "c LOGOUT"];
    let said = log_in(host, 993, &[&[login.as_str()], append.as_slice()].concat());
    assert!(said.contains("b OK"), "{said}");
    post(host, "bernd@example.org", "", "for-bernds-eyes-token");
    let inbox = "/var/vmail/example.org/bernd/Maildir";
    until("a message of Bernd's that can't be read from disk", || {
        host.succeeds(&format!("grep -lqs '^CRYPTED' {inbox}/new/* {inbox}/cur/*"))
    });
    // The subject, which is this word, stands in Dovecot's index.
    assert!(!host.succeeds(&format!(
        "grep -qs for-bernds-eyes-token {inbox}/new/* {inbox}/cur/*"
    )));
    let said = log_in(
        host,
        993,
        &[&login, "b SELECT INBOX", "c FETCH * BODY[TEXT]", "d LOGOUT"],
    );
    assert!(said.contains("for-bernds-eyes-token"), "{said}");
    assert_eq!(doveconf(host, "", "crypt_user_key_curve"), "brainpoolP160r1");
}
