//! The host as it is: what listens, who may read what, and that no program complains of its configuration.

use crate::server::example::{ALICE, BOB};
use crate::support::TestHost;

pub fn is_as_declared(host: &TestHost) {
    listens_where_it_says(host);
    secrets_are_for_few(host);
    programs_are_content(host);
    updates_come_from_security(host);
}

/// Ports of other addresses than loopback are those that roles noted, and SSH.
fn listens_where_it_says(host: &TestHost) {
    let open = host.sh(
        "ss -Hltnp | grep -v dnsmasq | awk '{print $4}' | grep -v -e '^127\\.' -e '^\\[::1\\]' | sed 's/.*://' | sort -nu | paste -sd ' '",
    );
    let noted = host
        .sh("{ echo 22; grep -oh '[0-9]\\{2,\\}' /etc/mailprov/ports.d/*.nft; } | sort -nu | paste -sd ' '");
    assert_eq!(open, noted);
    let udp = host
        .sh("ss -Hlunp | grep -v dnsmasq | awk '{print $4}' | grep -v -e '^127\\.' -e '^\\[::1\\]' || true");
    assert_eq!(udp, "");
    let allowed = host.sh("nft list set inet mailprov tcp_ports");
    for port in noted.split(' ').filter(|port| *port != "22") {
        assert!(allowed.contains(port), "{port}: {allowed}");
    }
    assert!(host.succeeds("nft list chain inet mailprov input | grep -q 'policy drop'"));
}

fn secrets_are_for_few(host: &TestHost) {
    let secrets = [ALICE, BOB, "p'o\"s\\t#fix", "d'o\"ve\\#c$ot"];
    for secret in secrets {
        let word = mailprov::host::script::quote(secret);
        let open = host.sh(&format!(
            "grep -rlsIF -e {word} /etc /var/lib/mailprov /var/lib/dovecot /var/log /run/mailprov /usr/local /tmp /root 2>/dev/null \
             | while read -r file; do find \"$file\" -perm /007; done"
        ));
        assert_eq!(open, "", "everybody may read a secret");
    }
    let open = host.sh(
        "find /etc/ssl/mailprov -name key.pem -perm /077; find /etc/postfix/relay-passwords* -perm /077
         find /var/vmail -perm /007 -not -name 'dovecot-uidvalidity.*'",
    );
    assert_eq!(open, "");
}

fn programs_are_content(host: &TestHost) {
    for command in [
        "postconf -n",
        "postconf -M",
        "postfix check",
        "doveconf -n",
        "fail2ban-client -t",
        "nft -c -f /etc/mailprov/firewall.nft",
    ] {
        let said = host.sh(&format!("{command} 2>&1 >/dev/null"));
        assert_eq!(said, "", "{command}");
    }
    assert_eq!(host.sh("systemctl --failed --no-legend"), "");
}

fn updates_come_from_security(host: &TestHost) {
    let said = host.sh("unattended-upgrade --dry-run --debug 2>&1");
    let origins: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("Allowed origins are"))
        .collect();
    assert!(
        origins.len() == 1
            && origins[0].ends_with("origin=Debian,codename=trixie-security,label=Debian-Security"),
        "{said}"
    );
    assert_eq!(
        host.sh("systemctl is-enabled apt-daily-upgrade.timer apt-daily.timer | sort -u"),
        "enabled"
    );
    assert!(host.succeeds("perl -c /etc/needrestart/conf.d/mailprov.conf"));
}
