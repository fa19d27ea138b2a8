//! An authority of our own on the host (pebble, which Let's Encrypt tests clients with), and the certificates that
//! the server gets from it: obtained over HTTP and in DNS, refused, renewed. Nobody else is asked.

use std::collections::BTreeSet;

use crate::support::{Site, TestHost, until};

/// What leads certbot to it; for the top of an inventory.
pub const VARIABLES: &str = "\
variables:
  mail_certificates: letsencrypt
  certbot_directory: https://localhost:14000/dir
  certbot_ca_file: /srv/acme/ca.pem
  mail_autoconfig: true
  mail_mta_sts: testing
  mail_dkim: opendkim
";

const CONFIG: &str = r#"{"pebble": {"listenAddress": "127.0.0.1:14000", "managementListenAddress": "127.0.0.1:15000",
  "certificate": "/srv/acme/cert.pem", "privateKey": "/srv/acme/key.pem", "httpPort": 80, "tlsPort": 443,
  "ocspResponderURL": "http://localhost/ocsp", "certificateValidityPeriod": 7776000, "externalAccountBindingRequired": false}}"#;

/// Starts the authority, which finds every name on this host, and makes it one that the host trusts.
pub fn serve(host: &TestHost) {
    host.sh(&format!(
        "apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get install -qqy --no-install-recommends pebble openssl curl >/dev/null 2>&1
         mkdir -p /srv/acme && cd /srv/acme || exit 1
         openssl req -x509 -newkey rsa:2048 -noenc -days 30 -subj /CN=acme -keyout ca.key -out ca.pem 2>/dev/null
         openssl req -x509 -newkey rsa:2048 -noenc -days 30 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
             -addext basicConstraints=CA:FALSE -CA ca.pem -CAkey ca.key -keyout key.pem -out cert.pem 2>/dev/null
         printf %s '{CONFIG}' >pebble.json
         systemd-run --quiet --unit=challtestsrv pebble-challtestsrv -defaultIPv4 127.0.0.1 -defaultIPv6 '' -http01 '' -https01 '' -tlsalpn01 '' -doh ''
         systemd-run --quiet --unit=pebble --setenv=PEBBLE_VA_NOSLEEP=1 --setenv=PEBBLE_WFE_NONCEREJECT=0 \
             pebble -config /srv/acme/pebble.json -dnsserver 127.0.0.1:8053"
    ));
    until("the authority answers", || {
        host.succeeds(
            "curl --fail --silent --cacert /srv/acme/ca.pem https://localhost:15000/roots/0 >/usr/local/share/ca-certificates/acme-root.crt",
        )
    });
    host.sh("update-ca-certificates >/dev/null 2>&1");
}

/// What every service shows under `name`: the issuer and the serial number of its certificate.
#[track_caller]
fn served(host: &TestHost, name: &str) -> BTreeSet<String> {
    let shown = host.sh(&format!(
        "for port in '25 -starttls smtp' '465' '587 -starttls smtp' 993 '4190 -starttls sieve' 443; do
             openssl s_client -connect 127.0.0.1:$port -servername {name} </dev/null 2>/dev/null |
                 openssl x509 -noout -issuer -serial -ext subjectAltName 2>&1 | paste -sd' ' || exit 1
         done"
    ));
    let all: Vec<&str> = shown.lines().collect();
    assert_eq!(all.len(), 6, "{shown}");
    assert!(
        all.iter().all(|one| one.contains(&format!("DNS:{name}"))),
        "{shown}"
    );
    // OpenSSL's releases disagree on spaces.
    all.into_iter().map(|one| one.replace("CN = ", "CN=")).collect()
}

/// The one certificate that every service shows; waits for those that still show another.
#[track_caller]
fn everywhere(host: &TestHost, name: &str, issuer: &str, but: &str) -> String {
    let mut last = BTreeSet::new();
    let wanted = |shown: &BTreeSet<String>| {
        shown.len() == 1 && shown.iter().all(|one| one.contains(issuer) && one != but)
    };
    for _ in 0..60 {
        last = served(host, name);
        if wanted(&last) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
    assert!(wanted(&last), "of {issuer}, and not {but}: {last:#?}");
    last.into_iter().next().unwrap()
}

/// The host has its certificates from the authority.
pub fn is_the_issuer(host: &TestHost) {
    everywhere(host, "mx1.example.org", "Pebble Intermediate", "");
    assert!(host.succeeds("systemctl is-active mailprov-certificates.timer"));
}

/// A name that the authority can't find is waited for, and stops nothing; later it is obtained.
pub fn a_refusal_is_waited_for(host: &TestHost, site: &Site) {
    const NAME: &str = "imap.example.org";
    host.sh(&format!(
        "curl --silent --fail -d '{{\"host\": \"{NAME}\"}}' http://localhost:8055/set-servfail"
    ));
    let further = format!("certs_further=[{{name: mail.example.net}}, {{name: {NAME}}}]");
    let refused = site
        .mailprov(&["apply", "--set", &further])
        .exits(0)
        .says("waiting  certbot/obtain: imap.example.org has no certificate yet")
        .says("let imap.example.org lead to this host in DNS");
    assert!(
        !refused.stdout.contains("failed") && !refused.stdout.contains("skipped"),
        "{}",
        refused.stdout
    );
    everywhere(host, NAME, &format!("issuer=CN={NAME} "), "");
    everywhere(host, "mx1.example.org", "Pebble Intermediate", "");

    host.sh(&format!(
        "curl --silent --fail -d '{{\"host\": \"{NAME}\"}}' http://localhost:8055/clear-servfail"
    ));
    let obtained = site
        .mailprov(&["apply", "--set", &further, "--output", "json"])
        .exits(0);
    assert_eq!(obtained.steps_not(&["converged"]), ["web certbot/obtain"]);
    everywhere(host, NAME, "Pebble Intermediate", "");
}

/// What soon expires is renewed by the host's own timer, without mailprov, and every service takes it.
pub fn renewed_certificates_are_served(host: &TestHost, site: &Site) {
    let before = everywhere(host, "mx1.example.org", "Pebble Intermediate", "");
    let other = everywhere(host, "mail.example.net", "Pebble Intermediate", "");
    let running = "systemctl show --property=ActiveEnterTimestampMonotonic postfix.service dovecot.service nginx.service";
    let since = host.sh(running);
    assert!(host.succeeds("systemctl is-active mailprov-certificates.timer"));
    // The authority's certificates are good for 90 days: now all of that is soon.
    host.sh(
        "sed -i '1i renew_before_expiry = 365 days' /etc/letsencrypt/renewal/mx1.example.org.conf
         systemctl start mailprov-certificates.service",
    );
    everywhere(host, "mx1.example.org", "Pebble Intermediate", &before);
    assert_eq!(
        everywhere(host, "mail.example.net", "Pebble Intermediate", ""),
        other,
        "what is good for long is left alone"
    );
    assert_eq!(host.sh(running), since, "reloaded, not restarted");
    let mode = host.sh("stat -c '%a %U' /etc/ssl/mailprov/mx1.example.org/key.pem");
    assert_eq!(mode, "600 root");
    let again = site.mailprov(&["apply", "--output", "json"]).exits(0);
    assert_eq!(
        again.steps_not(&["converged", "changed", "removed"]),
        [""; 0],
        "nothing is owed for it"
    );
}

/// The name of [`a_refusal_is_waited_for`], which the inventory has no longer: nothing of it stands in the way of the
/// others, and nothing of it is lost. Later it is back.
fn what_is_gone_is_not_renewed(host: &TestHost, site: &Site, further: &str) {
    const CONF: &str = "/etc/letsencrypt/renewal/imap.example.org.conf";
    let shown = "openssl s_client -connect 127.0.0.1:443 -servername imap.example.org </dev/null";
    assert!(!host.succeeds(shown), "nginx serves it");
    let kept =
        "sha256sum /etc/letsencrypt/live/imap.example.org/*.pem /etc/ssl/mailprov/imap.example.org/*.pem";
    let before = host.sh(kept);
    // It would be renewed now, and the authority would refuse.
    host.sh(&format!(
        "curl --silent --fail -d '{{\"host\": \"imap.example.org\"}}' http://localhost:8055/set-servfail
         sed -i '1i renew_before_expiry = 365 days' {CONF}
         systemctl start mailprov-certificates.service"
    ));
    assert_eq!(host.sh(kept), before);
    host.sh(
        "curl --silent --fail -d '{\"host\": \"imap.example.org\"}' http://localhost:8055/clear-servfail",
    );
    let further = further.replacen('[', "[{name: imap.example.org},", 1);
    site.mailprov(&[&["apply", "--set", &further], &super::discovery::NONE[..]].concat())
        .exits(0);
    everywhere(host, "imap.example.org", "Pebble Intermediate", "");
    assert!(!host.succeeds(&format!("grep autorenew {CONF}")));
    super::discovery::nothing_is_found(host);
}

/// Names that are proven in DNS by a hook, beside certificates that people bring along, in the inventory or on the host.
pub fn other_sources_stand_beside_it(host: &TestHost, site: Site) -> (Site, String) {
    host.sh(
        "cd /srv/acme && for name in given kept; do
             openssl req -x509 -newkey rsa:2048 -noenc -days 30 -subj /CN=$name -addext subjectAltName=DNS:$name.example.org \
                 -addext basicConstraints=CA:FALSE -CA ca.pem -CAkey ca.key -keyout $name.key -out $name.pem 2>/dev/null || exit 1
         done",
    );
    let chain = serde_json::json!(host.sh("cat /srv/acme/given.pem"));
    let further = format!(
        "certs_further=[{{name: mail.example.net}}, {{name: dns.example.org}},
         {{name: given.example.org, chain: {chain}, key: !secret given_key}},
         {{name: kept.example.org, chain_path: /srv/acme/kept.pem, key_path: /srv/acme/kept.key}}]"
    );
    let site = site
        .secret("given_key", &host.sh("cat /srv/acme/given.key"))
        .secret("dns_credentials", "what the provider knows")
        .top(HOOK);
    site.mailprov(&["apply", "--check", "--diff", "--set", &further])
        .exits(4)
        .says("# No renewal for names that the inventory has no longer")
        .says("-    include /etc/nginx/mailprov/imap.example.org.conf;");
    let applied = site
        .mailprov(&["apply", "--set", &further, "--output", "json"])
        .exits(0);
    for step in ["obtain", "retire"] {
        let state = &applied.states()[&format!("web certbot/{step}")];
        assert!(
            matches!(state.as_str(), "changed" | "created"),
            "{step}: {}",
            applied.stdout
        );
    }
    everywhere(host, "dns.example.org", "Pebble Intermediate", "");
    assert_eq!(
        host.sh("grep -F ' dns.example.org ' /srv/acme/hook.log"),
        "add dns.example.org what the provider knows\nremove dns.example.org what the provider knows"
    );
    for name in ["mx1.example.org", "mail.example.net"] {
        assert!(
            host.succeeds(&format!(
                "grep -qx 'authenticator = manual' /etc/letsencrypt/renewal/{name}.conf"
            )),
            "{name} was obtained over HTTP, and will be renewed in DNS, too"
        );
    }
    for name in ["given", "kept"] {
        everywhere(host, &format!("{name}.example.org"), "issuer=CN=acme ", "");
    }
    let again = site
        .mailprov(&["apply", "--set", &further, "--output", "json"])
        .exits(0);
    assert_eq!(again.steps_not(&["converged"]), [""; 0]);
    what_is_gone_is_not_renewed(host, &site, &further);
    (site, further)
}

/// Sets and takes away records of the authority's DNS; to be appended to [`VARIABLES`].
const HOOK: &str = r#"  certbot_challenge: dns
  certbot_dns_credentials: !secret dns_credentials
  certbot_dns_hook: |
    echo "$1 $CERTBOT_DOMAIN $(cat "$CREDENTIALS")" >>/srv/acme/hook.log
    record="{\"host\": \"_acme-challenge.$CERTBOT_DOMAIN.\", \"value\": \"$CERTBOT_VALIDATION\"}"
    case $1 in
    add) curl --silent --fail --data "$record" http://localhost:8055/set-txt ;;
    remove) curl --silent --fail --data "$record" http://localhost:8055/clear-txt ;;
    esac
"#;
