//! A host on the day after: what changed is told, brought back, looked after, and a role is taken away again.
//!
//! One host and a small role that has a step of most kinds; servers lose theirs in `applications`, `filters`,
//! `docs::tutorial` and the profile `s2`.

use crate::support::{Run, Site, TestHost, boot};

/// `memcached` is small, has a service, a user of its own, and a configuration file that dpkg knows.
const ROLE: &str = "summary: A relay.
variables:
  relay_to: {type: text, default: one.example, doc: Where to.}
  relay_password: {type: secret, doc: The password.}
steps:
  - id: packages
    package:
      names: [memcached, whois]
      users: [memcache]
      groups: [memcache]
      units: [memcached.service]
  - {id: group, group: {name: relay, system: true}}
  - {id: user, user: {name: relay, group: relay, system: true, home: /srv/relay}}
  - {id: data, holds: data, directory: {path: /srv/relay, owner: relay, group: relay}}
  - {id: scratch, holds: scratch, directory: {path: /var/cache/relay, owner: relay}}
  - {id: folder, directory: {path: /etc/relay}}
  - id: conf
    needs: [packages]
    file:
      path: /etc/memcached.conf
      mode: '0640'
      group: memcache
      content: \"# Managed by mailprov.\\n-m 32\\n-p 11211\\n-u memcache\\n-l 127.0.0.1\\n# {{ relay_to }} {{ relay_password }}\\n\"
  - id: settings
    file:
      path: /etc/relay/settings
      content: \"# Managed by mailprov.\\nto={{ relay_to }}\\n\"
      validate: grep -q to= % && test ! -e /run/refused
  - {id: login, file: {path: /etc/login.defs, content: \"# Managed by mailprov.\\nMAIL_DIR /var/mail\\nUSERGROUPS_ENAB yes\\n\"}}
  - {id: link, symlink: {path: /etc/relay/link, target: settings}}
  - {id: motd, block: {path: /etc/motd, content: \"relay\\n\"}}
  - {id: timer, timer: {name: relay-tidy, on_calendar: daily, command: 'true', user: relay}}
  - id: service
    needs: [conf]
    service:
      unit: memcached.service
      watches: {restart: [conf, settings]}
      drop_ins: {mailprov.conf: \"[Service]\\nNice=5\\n\"}
      check: \"! grep -q broken /etc/relay/settings || { echo broken settings; exit 1; }\"
";

fn site(host: &TestHost, roles: &[&str], to: &str) -> Site {
    Site::new()
        .role("relay", ROLE)
        .host(host, roles, &format!("relay_to: {to}"))
        .secret("relay_password", "a-former-secret")
}

#[track_caller]
fn applied(site: &Site) -> Run {
    crate::server::applied(|words| site.mailprov(words))
}

#[test]
fn a_host_is_looked_after_and_loses_a_role_again() {
    let host = boot("dayafter");
    let before = host.sh("sha256sum /etc/login.defs /etc/motd; stat -c '%a %U' /etc/login.defs");
    let one = site(&host, &["relay"], "one.example");
    applied(&one);
    one.mailprov(&["drift"]).exits(0).says_exactly("");

    let two = site(&host, &["relay"], "two.example");
    applied(&two);
    told(&host, &two);
    brought_back(&host, &two);
    looked_after(&host, &two);
    taken_away(&host, &before);
}

/// Two runs are in the history, the second with what it changed.
fn told(host: &TestHost, site: &Site) {
    let overview = site.mailprov(&["history"]).exits(0);
    let lines: Vec<&str> = overview.stdout.lines().collect();
    assert_eq!(lines[0], host.name());
    assert_eq!(lines.len(), 3, "{}", overview.stdout);
    assert!(
        lines[1].contains("9 created (relay/") && lines[1].contains("4 changed (relay/"),
        "{}",
        lines[1]
    );
    assert!(
        lines[2].ends_with("3 changed (relay/conf, relay/settings, relay/service)"),
        "{}",
        lines[2]
    );
    let run = lines[2].split_whitespace().next().unwrap();
    site.mailprov(&["history", run])
        .exits(0)
        .says(&format!("{run} on {}", host.name()))
        .says("changed  relay/settings")
        .says_nothing_of("two.example");
    site.mailprov(&["history", "--last", "1", "--json"])
        .exits(0)
        .says("\"step\":\"settings\"");
    site.mailprov(&["history", "19700101"]).exits(2);
}

/// The files of the last run are brought back, checked and noticed, and not over a person's head.
fn brought_back(host: &TestHost, site: &Site) {
    let name = host.name().to_owned();
    let started = || host.sh("systemctl show -p ActiveEnterTimestampMonotonic memcached.service");
    let was = started();
    let check = site.mailprov(&["rollback", &name, "--check", "--diff"]).exits(4);
    let check = check.says("-to=two.example").says("+to=one.example");
    check.says_nothing_of("a-former-secret");
    assert_eq!(host.sh("tail -n 1 /etc/relay/settings"), "to=two.example");

    host.sh("echo '# by hand' >>/etc/relay/settings");
    site.mailprov(&["rollback", &name])
        .exits(5)
        .says("somebody changed /etc/relay/settings")
        .says("nothing was changed");
    assert!(
        host.succeeds("grep -q two.example /etc/memcached.conf"),
        "all or nothing"
    );

    site.mailprov(&["rollback", &name, "--discard-edits"]).exits(0);
    assert_eq!(host.sh("tail -n 1 /etc/relay/settings"), "to=one.example");
    assert!(host.succeeds("grep -q one.example /etc/memcached.conf"));
    assert_ne!(started(), was, "the service runs with what was brought back");
    site.mailprov(&["history", "--last", "1"])
        .exits(0)
        .says("rollback of ");

    // The inventory still says the other; then back to what a rollback replaced, the edit included.
    site.mailprov(&["apply", "--check"])
        .exits(4)
        .says("relay/settings");
    site.mailprov(&["rollback", &name]).exits(0);
    assert_eq!(host.sh("tail -n 1 /etc/relay/settings"), "# by hand");
    applied(site);

    // What the step's own check refuses does not come back either.
    host.sh("touch /run/refused");
    site.mailprov(&["rollback", &name]).exits(5);
    host.sh("rm /run/refused");
    assert_eq!(host.sh("tail -n 1 /etc/relay/settings"), "to=two.example");
}

/// A difference is a line, and silence is well.
fn looked_after(host: &TestHost, site: &Site) {
    site.mailprov(&["drift"]).exits(0).says_exactly("");
    host.sh("chmod 0644 /etc/memcached.conf");
    let drift = site.mailprov(&["drift"]).exits(4);
    let name = host.name();
    assert_eq!(
        drift.stdout.lines().collect::<Vec<_>>(),
        [
            format!("{name} change relay/conf: /etc/memcached.conf"),
            format!("{name} owed relay/service: memcached.service runs (restart: relay/conf changes)"),
        ]
    );
    let json = site.mailprov(&["drift", "--json"]).exits(4);
    assert_eq!(json.steps_not(&["changed", "owed"]), [""; 0]);
    assert_eq!(json.states().len(), 2);
    applied(site);
}

/// What the role made goes, what was there before comes back, what a person owns stays until it is purged.
fn taken_away(host: &TestHost, before: &str) {
    host.sh("echo precious >/srv/relay/mail; echo rubbish >/var/cache/relay/x; echo mine >/etc/relay/mine");
    let absent = site(host, &["{role: relay, state: absent}"], "two.example");
    applied(&absent);
    assert_eq!(
        host.sh("sha256sum /etc/login.defs /etc/motd; stat -c '%a %U' /etc/login.defs"),
        before
    );
    for gone in [
        "/etc/relay/settings",
        "/etc/relay/link",
        "/etc/systemd/system/relay-tidy.timer",
        "/etc/systemd/system/memcached.service.d",
        "/var/cache/relay",
        "/usr/bin/memcached",
        "/usr/bin/whois",
    ] {
        assert!(!host.succeeds(&format!("test -e {gone}")), "{gone} is gone");
    }
    assert!(
        host.succeeds("grep -q '^# memcached default config file' /etc/memcached.conf"),
        "the package's own is back"
    );
    assert_eq!(host.sh("cat /srv/relay/mail /etc/relay/mine"), "precious\nmine");
    assert_eq!(
        host.sh("stat -c %U:%G /srv/relay"),
        "relay:relay",
        "the owner of what stays stays"
    );
    assert_eq!(
        host.sh("systemctl is-active memcached.service || true"),
        "inactive"
    );

    // From now on it is a person's.
    host.sh("apt-get install -q -y --no-install-recommends whois >/dev/null 2>&1 && echo mine >/etc/memcached.conf");
    absent.mailprov(&["drift"]).exits(0);

    applied(&site(
        host,
        &["{role: relay, state: absent, purge: true}"],
        "two.example",
    ));
    assert!(!host.succeeds("test -e /srv/relay"), "people's things are purged");
    assert_eq!(host.sh("getent passwd relay; getent group relay; true"), "");
    assert!(host.succeeds("test -e /usr/bin/whois && test -e /etc/relay/mine"));
}
