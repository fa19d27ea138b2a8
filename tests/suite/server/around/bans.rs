//! Who guesses passwords is shut out, from IPv4 and IPv6; who runs mailprov is not.

use crate::support::{TestHost, until};

/// A place of its own behind a cable to the host, with the addresses 192.0.2.66, 192.0.2.3 and 2001:db8::66.
const CABLE: &str = "\
    ip netns add elsewhere && ip link add in type veth peer name out netns elsewhere
    ip addr add 192.0.2.1/24 dev in; ip addr add 2001:db8::1/64 dev in nodad; ip link set in up
    nsenter --net=/run/netns/elsewhere sh -c 'ip addr add 192.0.2.66/24 dev out; ip addr add 192.0.2.3/24 dev out
        ip addr add 2001:db8::66/64 dev out nodad; ip link set out up; ip link set lo up'";

/// Failed logins.
const GUESSES: [(&str, &str, &str); 4] = [
    (
        "mailprov-imap",
        "192.0.2.1",
        "printf 'a LOGIN alice@example.org wrong\\r\\nb LOGOUT\\r\\n' | timeout 60 openssl s_client -quiet -connect SERVER:993",
    ),
    (
        "mailprov-imap",
        "192.0.2.1",
        "{ sleep 1; printf 'AUTHENTICATE \"PLAIN\" \"AGFsaWNlQGV4YW1wbGUub3JnAHdyb25n\"\\r\\n'; sleep 3; printf 'LOGOUT\\r\\n'; sleep 1; } | timeout 60 openssl s_client -quiet -starttls sieve -connect SERVER:4190",
    ),
    (
        "mailprov-smtp",
        "192.0.2.1",
        "{ printf 'EHLO x.example\\r\\n'; sleep 1; printf 'AUTH PLAIN AGFsaWNlQGV4YW1wbGUub3JnAHdyb25n\\r\\n'; sleep 4; printf 'QUIT\\r\\n'; sleep 1; } | timeout 60 openssl s_client -quiet -connect SERVER:465",
    ),
    (
        "mailprov-smtp",
        "[2001:db8::1]",
        "{ printf 'EHLO x.example\\r\\n'; sleep 1; printf 'AUTH PLAIN AGFsaWNlQGV4YW1wbGUub3JnAHdyb25n\\r\\n'; sleep 4; printf 'QUIT\\r\\n'; sleep 1; } | timeout 60 openssl s_client -quiet -connect SERVER:465",
    ),
];

/// `script` as run by bash elsewhere, from `address` where there are several.
pub fn elsewhere(address: &str, script: &str) -> String {
    format!(
        "nsenter --net=/run/netns/elsewhere ip route replace 192.0.2.0/24 dev out src {address}
         nsenter --net=/run/netns/elsewhere bash <<'END'\n{script}\nEND"
    )
}

fn reaches(host: &TestHost, server: &str, port: u16) -> bool {
    let server = server.trim_matches(['[', ']']);
    host.succeeds(&elsewhere(
        "192.0.2.66",
        &format!("timeout 5 bash -c 'exec 3<>/dev/tcp/{server}/{port}'"),
    ))
}

/// Lays the cable.
pub fn open_elsewhere(host: &TestHost) {
    host.sh(CABLE);
}

/// Three times each: a jail, the server's address, and a failed login there.
pub fn who_guesses_is_shut_out(host: &TestHost, guesses: &[(&str, &str, &str)]) {
    for (jail, server, guess) in guesses {
        assert!(reaches(host, server, 993), "{jail}: {server}");
        let guess = guess.replace("SERVER", server);
        let try_one = || {
            let script = format!("{{ {guess}; }} >/dev/null 2>&1; true");
            host.sh(&elsewhere("192.0.2.66", &script));
        };
        (0..3).for_each(|_| try_one());
        let (who, unban) = if server.starts_with('[') {
            ("2001:db8::66", "fail2ban-client unban 2001:db8::66")
        } else {
            ("192.0.2.66", "fail2ban-client unban 192.0.2.66")
        };
        let end = std::time::Instant::now() + std::time::Duration::from_secs(180);
        let mut tried = std::time::Instant::now();
        while !host
            .sh(&format!("fail2ban-client get {jail} banip"))
            .contains(who)
        {
            assert!(
                std::time::Instant::now() < end,
                "{jail} does not ban {who} after `{guess}`\n{}",
                host.sh("journalctl -b --no-pager -n 40; tail -n 40 /var/log/fail2ban.log")
            );
            // A guess that came before the greeting, because the host was slow, is no guess to the server.
            if tried.elapsed() > std::time::Duration::from_secs(15) {
                try_one();
                tried = std::time::Instant::now();
            }
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
        // fail2ban lists a ban before the firewall has it.
        until(&format!("{jail}: {who} is shut out"), || {
            !reaches(host, server, 993) && !reaches(host, server, 25)
        });
        host.sh(unban);
        until(&format!("{jail}: {who} is let in again"), || {
            reaches(host, server, 993)
        });
    }
}

pub fn shut_out(host: &TestHost) {
    open_elsewhere(host);
    let relayed = super::smtp::SIX.replace("SERVER", "2001:db8::1");
    let relayed = host.sh(&elsewhere("192.0.2.66", &relayed));
    assert!(relayed.contains("Relay access denied"), "over IPv6: {relayed}");
    who_guesses_is_shut_out(host, &GUESSES);
    who_runs_mailprov_is_not(host);
}

fn who_runs_mailprov_is_not(host: &TestHost) {
    let operator = host.sh("cat /etc/fail2ban/mailprov/operators");
    for _ in 0..4 {
        let mut wrong = super::smtp::logged_out(host);
        let said = super::smtp::say(&mut wrong, "AUTH PLAIN AGFsaWNlQGV4YW1wbGUub3JnAHdyb25n");
        assert!(said.contains("authentication failed"), "{said}");
    }
    until("the guesses in the log of fail2ban", || {
        host.succeeds(&format!(
            "grep -q 'mailprov-smtp. Ignore {operator}' /var/log/fail2ban.log"
        ))
    });
    assert!(!host.sh("fail2ban-client banned").contains(&operator));
}
