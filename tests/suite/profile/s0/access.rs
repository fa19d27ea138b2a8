//! Who gets in, and how: TLS, names, ports, logins, connections.

use super::super::Profile;
use super::super::client::{arrives, doveconf, log_in, post, rcpt, switched_on};
use super::super::secret;
use crate::support::TestHost;

/// Whether a client that knows only this version of TLS gets through.
pub fn speaks(host: &TestHost, port: u16, version: &str) -> bool {
    host.succeeds(&format!(
        "openssl s_client -connect 127.0.0.1:{port} -{version} </dev/null 2>&1 | grep -q 'Cipher is [A-Z]'"
    ))
}

/// IMAP wants 1.3; who hands mail in may still speak 1.2.
pub fn tls(profile: &Profile) {
    let host = &profile.host;
    assert!(speaks(host, 993, "tls1_3"));
    assert!(!speaks(host, 993, "tls1_2"));
    assert!(speaks(host, 465, "tls1_2"));
    assert!(!speaks(host, 465, "tls1_1"));
    for (setting, value) in [("ssl", "required"), ("ssl_min_protocol", "TLSv1.3")] {
        assert_eq!(doveconf(host, "", setting), value, "{setting}");
    }
    host.sh("doveconf -n ssl_server | grep -q 'prefer_ciphers = server'");
}

pub fn names(profile: &Profile) {
    for (port, asked, name) in [
        (993, "mx1.example.org", "mx1.example.org"),
        (993, "mail.example.net", "mail.example.net"),
        (993, "somebody.else.example", "mx1.example.org"),
        (465, "mail.example.net", "mail.example.net"),
        (443, "mail.example.net", "mail.example.net"),
    ] {
        let subject = profile.host.sh(&format!(
            "openssl s_client -connect 127.0.0.1:{port} -servername {asked} </dev/null 2>/dev/null | openssl x509 -noout -subject"
        ));
        assert!(subject.ends_with(name), "{port} {asked}: {subject}");
    }
}

/// Everything from everywhere, but nothing in clear, and no POP3.
pub fn listening(profile: &Profile) {
    let host = &profile.host;
    let open = host.sh("ss -Hltn | awk '{print $4}'");
    let is_open = |address: &str| open.lines().any(|line| line == address);
    for port in [993, 4190] {
        assert!(
            is_open(&format!("0.0.0.0:{port}")) && is_open(&format!("[::]:{port}")),
            "{port}: {open}"
        );
    }
    for port in [110, 143, 995] {
        assert!(
            !open.lines().any(|line| line.ends_with(&format!(":{port}"))),
            "{port}: {open}"
        );
    }
    assert_eq!(switched_on(host, "", "protocols"), "imap lmtp sieve");
}

pub fn logins(profile: &Profile) {
    let host = &profile.host;
    assert_eq!(doveconf(host, "", "auth_mechanisms"), "plain login");
    assert_eq!(doveconf(host, "", "auth_username_format"), "%{user}");
    let chars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ01234567890.-_@";
    assert_eq!(doveconf(host, "", "auth_username_chars"), chars);
    let cache = host.sh("doveconf -h auth_cache_size auth_cache_ttl");
    assert_eq!(cache, "1048576B\n10 secs");
    let greeting = log_in(host, 993, &["a CAPABILITY", "b LOGOUT"]);
    assert!(
        greeting.contains("AUTH=PLAIN") && greeting.contains("AUTH=LOGIN"),
        "{greeting}"
    );
    let password = secret("anna_password");
    assert!(host.succeeds(&format!("doveadm auth test anna@example.org {password}")));
    let strange = host.sh(&format!(
        "doveadm auth test \"anna'@example.org\" {password} 2>&1; true"
    ));
    assert!(strange.contains("auth failed"), "{strange}");
}

/// Mailbox and domain must be active; who is let in gets home, numbers and quota with the same lookup.
pub fn accounts(profile: &Profile) {
    let host = &profile.host;
    let password = secret("voll_password");
    let is_let_in = || {
        host.succeeds(&format!(
            "doveadm auth cache flush >/dev/null; doveadm auth test voll@example.net {password}"
        ))
    };
    assert!(is_let_in());
    for table in ["domain", "mailbox"] {
        let set = |active: u8| {
            host.sh(&format!(
                "mariadb postfixadmin -e \"UPDATE {table} SET active = {active} WHERE domain = 'example.net'\""
            ));
        };
        set(0);
        let refused = !is_let_in();
        set(1);
        assert!(refused, "{table} is not active");
    }
    assert!(is_let_in());
    let hash = host.sh(
        "mariadb -N postfixadmin -e \"SELECT password FROM mailbox WHERE username = 'voll@example.net'\"",
    );
    assert!(hash.starts_with("$6$"), "{hash}");
    let fields = host.sh(&format!("doveadm auth login voll@example.net {password}"));
    for field in [
        "home=/var/vmail/example.net/voll",
        "uid=150",
        "gid=5000",
        "quota_storage_size=20480B",
    ] {
        assert!(fields.contains(field), "{field}: {fields}");
    }
}

/// Who logs in is looked up once: password, home, numbers and quota come together.
pub fn one_lookup(profile: &Profile) {
    let host = &profile.host;
    host.sh(
        "mariadb -e \"SET GLOBAL log_output = 'TABLE'; TRUNCATE mysql.general_log; SET GLOBAL general_log = 1\"
         doveadm auth cache flush",
    );
    let login = format!("a LOGIN voll@example.net {}", secret("voll_password"));
    let said = log_in(host, 993, &[&login, "b SELECT INBOX", "c LOGOUT"]);
    let queries = host.sh(
        "mariadb -N -e \"SET GLOBAL general_log = 0; SELECT argument FROM mysql.general_log WHERE user_host LIKE 'dovecot[%' \
         AND argument LIKE '%voll@example.net%'\"",
    );
    assert!(said.contains("b OK"), "{said}");
    assert_eq!(queries.lines().count(), 1, "{queries}");
}

/// Postfix and Dovecot have accounts of their own, which see what they need.
pub fn readers_can_not_write(profile: &Profile) {
    let as_user = |user: &str, statement: &str| {
        profile.host.succeeds(&format!(
            "MYSQL_PWD={} mariadb -u {user} postfixadmin -e {}",
            secret(&format!("accounts_{user}_password")),
            mailprov::host::script::quote(statement)
        ))
    };
    for user in ["postfix", "dovecot"] {
        assert!(as_user(user, "SELECT username FROM mailbox"), "{user}");
        for statement in [
            "UPDATE mailbox SET active = 1",
            "INSERT INTO domain (domain, transport) VALUES ('x', '')",
            "SELECT password FROM admin",
            "CREATE TABLE t (id int)",
        ] {
            assert!(!as_user(user, statement), "{user}: {statement}");
        }
    }
    assert!(as_user("postfix", "SELECT goto FROM alias"));
    assert!(!as_user("dovecot", "SELECT goto FROM alias"));
    let without = "MYSQL_PWD=wrong mariadb -u postfix postfixadmin -e 'SELECT 1'";
    assert!(!profile.host.succeeds(without));
}

pub fn connections(profile: &Profile) {
    let host = &profile.host;
    assert_eq!(
        doveconf(host, "protocol=lmtp", "mail_max_userip_connections"),
        "50"
    );
    assert_eq!(
        doveconf(host, "protocol=imap", "mail_max_userip_connections"),
        "20"
    );
}

/// A mailbox that a person makes with SQL and `doveadm pw`, with a scheme and rounds of her choice. Until then an alias
/// takes mail for the address, and nobody can log in; nothing of that is remembered.
pub fn by_hand(profile: &Profile) {
    let host = &profile.host;
    let sql = |statement: &str| {
        let statement = mailprov::host::script::quote(statement);
        host.sh(&format!("mariadb postfixadmin -e {statement}"))
    };
    let logs_in = || host.succeeds("doveadm auth test hand@example.org by-hand-password");
    sql(
        "INSERT INTO alias (address, goto, domain) VALUES ('hand@example.org', 'anna@example.org', 'example.org')",
    );
    let taken = rcpt(host, &host.address().to_string(), "hand@example.org");
    assert!(taken.starts_with("250"), "{taken}");
    assert!(!logs_in());
    let hash = host.sh("doveadm pw -s BLF-CRYPT -r 5 -p by-hand-password");
    sql(&format!(
        "DELETE FROM alias WHERE address = 'hand@example.org';
         INSERT INTO mailbox (username, password, name, maildir, local_part, domain, quota, active) VALUES \
         ('hand@example.org', '{hash}', '', 'example.org/hand/', 'hand', 'example.org', 0, 1)"
    ));
    assert!(logs_in());
    post(host, "hand@example.org", "", "by-hand-token");
    arrives(host, "hand@example.org", "INBOX", "by-hand-token");
}
