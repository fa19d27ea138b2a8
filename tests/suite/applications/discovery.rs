//! What mail programs and other servers ask for before they send anything: settings, policies, records in DNS.

use crate::support::{Site, TestHost};

/// What switches all of it off.
pub const NONE: [&str; 4] = ["--set", "mail_autoconfig=false", "--set", "mail_mta_sts=none"];

/// A file from the web server, under any of its names, with a certificate that holds.
#[track_caller]
fn get(host: &TestHost, words: &str, name: &str, path: &str) -> String {
    host.sh(&format!(
        "curl --silent --show-error --fail --max-time 60 --resolve {name}:443:127.0.0.1 {words} https://{name}{path}"
    ))
}

pub fn settings_are_found(host: &TestHost) {
    for (name, path) in [
        ("autoconfig.example.net", "/mail/config-v1.1.xml"),
        ("mx1.example.org", "/.well-known/autoconfig/mail/config-v1.1.xml"),
    ] {
        let config = get(host, "", name, path);
        for part in [
            "<domain>example.org</domain>",
            "<domain>example.net</domain>",
            "<hostname>mx1.example.org</hostname>",
            "<username>%EMAILADDRESS%</username>",
        ] {
            assert!(config.contains(part), "{part} in {config}");
        }
    }
    let asked = "--header 'Content-Type: text/xml' --data '<Autodiscover><Request><EMailAddress>bob@example.org</EMailAddress></Request></Autodiscover>'";
    let found = get(
        host,
        asked,
        "autodiscover.example.org",
        "/autodiscover/autodiscover.xml",
    );
    assert!(
        found.contains("<Type>IMAP</Type><Server>mx1.example.org</Server><Port>993</Port>"),
        "{found}"
    );
    for file in [
        "/mail/config-v1.1.xml",
        "/mail.mobileconfig",
        "/autodiscover/autodiscover.xml",
    ] {
        let wrong = host.sh(&format!(
            "curl --silent --resolve mx1.example.org:443:127.0.0.1 https://mx1.example.org{file} | xmllint --nonet --noout - 2>&1 || true"
        ));
        assert_eq!(wrong, "", "{file}");
    }
    let policy = get(host, "", "mta-sts.example.net", "/.well-known/mta-sts.txt");
    assert_eq!(
        policy,
        "version: STSv1\r\nmode: testing\r\nmx: mx1.example.org\r\nmax_age: 604800\r"
    );
}

/// Not under the server's own name either, which has other pages still.
pub fn nothing_is_found(host: &TestHost) {
    let status = |page: &str| {
        host.sh(&format!(
            "curl --insecure --silent -o /dev/null -w '%{{http_code}}' --connect-to ::127.0.0.1: https://{page} || true"
        ))
    };
    for page in [
        "/mail/config-v1.1.xml",
        "/.well-known/autoconfig/mail/config-v1.1.xml",
        "/mail.mobileconfig",
        "/autodiscover/autodiscover.xml",
    ] {
        assert_eq!(status(&format!("mx1.example.org{page}")), "404", "{page}");
    }
    for name in ["autoconfig", "autodiscover", "mta-sts"] {
        assert_eq!(
            status(&format!("{name}.example.org/")),
            "000",
            "{name}: not our name"
        );
    }
}

/// What is still to be set is told at the end, and whenever it is asked for, in a form that name servers take.
pub fn records_make_zones(host: &TestHost, site: &Site) {
    let all = site.mailprov(&["advice"]).exits(0);
    for told in [
        "web: The server's own name",
        "web: Mail in the browser",
        "https://mx1.example.org/webmail/",
    ] {
        assert!(all.stdout.contains(told), "{told} in {}", all.stdout);
    }
    let records = site.mailprov(&["advice", "dns"]).exits(0).stdout;
    for record in [
        &format!("mx1.example.org. IN A {}", host.address()),
        "example.net. IN MX 10 mx1.example.org.",
        "mail._domainkey.example.org.",
        "_dmarc.example.net. IN TXT \"v=DMARC1; p=quarantine;",
        "_mta-sts.example.org. IN TXT \"v=STSv1; id=",
        "_autodiscover._tcp.example.org. IN SRV 0 0 443 mx1.example.org.",
    ] {
        assert!(records.contains(record), "{record} in {records}");
    }
    for zone in ["example.org", "example.net"] {
        let file = format!(
            "$TTL 3600\n{zone}. IN SOA ns.{zone}. root.{zone}. 1 3600 600 86400 3600\n{zone}. IN NS ns.{zone}.\n\
             ns.{zone}. IN A 192.0.2.53\n{records}"
        );
        host.sh(&format!("cat >/root/{zone}.zone <<'END'\n{file}\nEND"));
        let said = host.sh(&format!(
            "named-checkzone -i local {zone} /root/{zone}.zone 2>&1 || true"
        ));
        assert!(said.ends_with("OK"), "{said}\n{file}");
        let wrong = said.lines().filter(|line| !line.contains("out-of-zone"));
        assert_eq!(wrong.count(), 2, "loaded, and OK: {said}");
    }
}
