//! A host whose mail server was taken away whole.

use crate::support::TestHost;

/// What there must be nothing of, and a script that prints what there is.
const NOTHING: [(&str, &str); 6] = [
    (
        "packages",
        "dpkg-query -W -f '${db:Status-Abbrev} ${Package}\\n' | sed -n 's/^ii *//p' | grep -xE \
         'postfix|dovecot-core|mariadb-server|postgresql|redis-server|rspamd|amavisd-new|spamassassin|clamav-daemon|opendkim|certbot|nginx|php-fpm|postfixadmin|fail2ban|nftables|unattended-upgrades'",
    ),
    (
        "files",
        "grep -rlIE '([Mm]anaged|written) by mailprov' /etc /usr/local /var/lib | grep -v ^/var/lib/mailprov/",
    ),
    ("secrets", "ls /etc/dovecot/sql-password"),
    (
        "units",
        "systemctl list-unit-files --no-legend --plain '*mailprov*'; systemctl --failed --no-legend",
    ),
    (
        "ports",
        "ss -Hltn | awk '{print $4}' | sed 's/.*://' | \
         grep -xE '25|80|443|465|587|993|995|4190|3306|5432|6379|8891|8893|10024|10025|11332|11334'",
    ),
    ("rules", "nft list tables | grep mailprov"),
];

#[track_caller]
pub fn nothing_is_left(host: &TestHost) {
    for (what, script) in NOTHING {
        assert_eq!(
            host.sh(&format!("{{ {script}; }} 2>/dev/null || true")),
            "",
            "{what}"
        );
    }
}
