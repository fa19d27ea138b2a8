//! What proofs say to a server, from the host itself.

use crate::support::{TestHost, until};

/// An IMAP session of `user`, without a login; the answers. Each command gets the tag of its place: `a`, `b` …
pub fn imap(host: &TestHost, user: &str, commands: &[&str]) -> String {
    let lines: String = ('a'..='y')
        .zip(commands)
        .map(|(tag, command)| format!("{tag} {command}\r\n"))
        .collect();
    let file = "/root/imap-commands";
    host.sh(&format!(
        "cat >{file} <<'END_OF_COMMANDS'\n{lines}z LOGOUT\r\nEND_OF_COMMANDS\n"
    ));
    host.sh(&format!("cat {file} | doveadm exec imap -u {user} 2>&1; true"))
        .replace('\r', "")
}

/// [`imap`], where every command is done.
#[track_caller]
pub fn imap_done(host: &TestHost, user: &str, commands: &[&str]) -> String {
    let said = imap(host, user, commands);
    for (tag, command) in ('a'..='y').zip(commands) {
        assert!(
            said.contains(&format!("{tag} OK")),
            "`{command}` of {user}: {said}"
        );
    }
    said
}

/// What Dovecot makes of its configuration; `filter` like `protocol=imap`, or nothing.
#[track_caller]
pub fn doveconf(host: &TestHost, filter: &str, setting: &str) -> String {
    let filter = if filter.is_empty() {
        String::new()
    } else {
        format!("-f {filter}")
    };
    host.sh(&format!("doveconf -h {filter} {setting}"))
}

/// What is on in a list of Dovecot's, in the order of the alphabet; `filter` adds to what is on for all.
#[track_caller]
pub fn switched_on(host: &TestHost, filter: &str, list: &str) -> String {
    let mut names: Vec<String> = doveconf(host, filter, list)
        .lines()
        .filter_map(|line| line.strip_suffix(" = yes").map(str::to_owned))
        .collect();
    names.sort();
    names.join(" ")
}

/// What Postfix makes of its configuration.
#[track_caller]
pub fn postconf(host: &TestHost, parameter: &str) -> String {
    host.sh(&format!("postconf -h {parameter}"))
}

/// Mode and owner of a file.
#[track_caller]
pub fn mode(host: &TestHost, path: &str) -> String {
    host.sh(&format!("stat -c '%a %U:%G' {path}"))
}

/// A login over TLS, as a person's program makes it; the server's answers.
pub fn log_in(host: &TestHost, port: u16, lines: &[&str]) -> String {
    let lines = lines.join("\\n");
    host.sh(&format!(
        "(sleep 0.2; printf '{lines}\\n'; sleep 1) | timeout 60 openssl s_client -quiet -verify_quiet -crlf \
         -connect 127.0.0.1:{port} 2>&1; true"
    ))
}

/// Puts a message into Postfix' queue, for `to`; `head` is further lines of its head.
#[track_caller]
pub fn post(host: &TestHost, to: &str, head: &str, token: &str) {
    host.sh(&format!(
        "printf 'From: test@example.org\\nTo: {to}\\nSubject: {token}\\n{head}\\n{token}\\n' | sendmail -f test@example.org {to}"
    ));
}

/// Waits for the message with `token` in `folder` of `user`.
#[track_caller]
pub fn arrives(host: &TestHost, user: &str, folder: &str, token: &str) {
    until(&format!("{token} in {folder} of {user}"), || {
        let found = host.sh(&format!(
            "doveadm search -u {user} mailbox '{folder}' subject {token} 2>/dev/null; true"
        ));
        !found.is_empty()
    });
}

/// What Postfix says to a recipient on 25. The client is the host itself, with the address that it calls.
#[track_caller]
pub fn rcpt(host: &TestHost, server: &str, to: &str) -> String {
    let said = host.sh(&format!(
        r#"bash -s <<'END'
exec 3<>/dev/tcp/{server}/25
hear() {{ while read -t 60 -r line <&3; do case $line in [0-9][0-9][0-9]\ *) break ;; esac; done; }}
hear
for word in 'EHLO client.example' 'MAIL FROM:<a@[127.0.0.1]>' 'RCPT TO:<{to}>'; do printf '%s\r\n' "$word" >&3; hear; done
printf '%s\n' "$line"
printf 'QUIT\r\n' >&3
END"#
    ));
    said.trim_end().to_owned()
}
