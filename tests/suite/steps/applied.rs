//! All of these kinds in one role, through the program itself: check tells what apply does.

use std::collections::BTreeSet;

use crate::support::{Site, TestHost, boot};

const ROLE: &str = r#"
summary: One step of each kind that needs no package.
steps:
  - id: file
    file: {path: /srv/all/file, content: "text\n", owner: all, mode: "0640"}
  - id: folder
    directory: {path: /srv/all, owner: all, group: all}
  - id: link
    symlink: {path: /srv/all/link, target: file}
  - id: lines
    block: {path: /etc/hosts, content: "10.9.8.7 all"}
  - id: user
    user: {name: all, uid: 5001, group: all, system: true, groups: [mail]}
  - id: group
    group: {name: all, gid: 5001}
  - id: map
    map: {path: /srv/all/map, content: "a\n", compile: "cp /srv/all/map /srv/all/map.out", output: /srv/all/map.out}
  - id: job
    timer: {name: all, on_calendar: daily, command: "true", user: all}
  - id: setting
    sysctl: {key: net.ipv4.conf.lo.arp_announce, value: 1}
  - id: command
    command: {run: "id -un >/srv/all/made", creates: /srv/all/made}
    needs: [folder]
  - id: gone
    file: {path: /etc/motd, state: absent}
  - id: former
    file: {path: /srv/all/former, state: absent}
    needs: [folder]
  - id: people
    password_file: {path: /srv/all/people, template: people, rounds: 1000}
"#;

const PEOPLE: &str = r#"{"name": "anne", "password": "first", "initial": true}"#;

#[test]
fn check_tells_what_apply_does_fresh_converged_and_drifted() {
    let host = boot("steps-applied");

    let site = Site::new()
        .role("all", ROLE)
        .template("all", "people", PEOPLE)
        .host(&host, &["all"], "");
    let announced = |code: i32| -> BTreeSet<String> {
        let check = site
            .mailprov(&["apply", "--check", "--output", "json"])
            .exits(code);
        check.steps_not(&["converged"]).into_iter().collect()
    };
    let applied = || -> BTreeSet<String> {
        let apply = site.mailprov(&["apply", "--output", "json"]).exits(0);
        apply.steps_not(&["converged"]).into_iter().collect()
    };
    let fresh = announced(4);
    assert_eq!(fresh.len(), 12, "{fresh:?}");
    assert!(!host.succeeds("getent passwd all"), "a dry run changes nothing");
    assert_eq!(applied(), fresh);
    assert_eq!(announced(0), BTreeSet::new());
    assert_eq!(applied(), BTreeSet::new());
    host.sh(
        "echo more >>/srv/all/file; chmod 700 /srv/all; gpasswd -d all mail >/dev/null; rm /srv/all/map.out; \
         systemctl stop all.timer; sed -i s/10.9.8.7/10.9.8.6/ /etc/hosts",
    );
    let drifted = announced(4);
    assert_eq!(drifted.len(), 6, "{drifted:?}");
    assert_eq!(applied(), drifted);
    assert_eq!(announced(0), BTreeSet::new());
    private_files(&host, &site);
}

/// What only root and a group may read may hold secrets of long ago, and passwords that are nobody's but their owners'.
fn private_files(host: &TestHost, site: &Site) {
    host.sh(
        "echo 'password = longago' >>/srv/all/file; umask 077; echo longago >/srv/all/former\n\
         sed -i 's/^anne:.*/anne:hers/' /srv/all/people; yes someone:longago | head -c 2000000 >>/srv/all/people",
    );
    for output in ["text", "json"] {
        site.mailprov(&["apply", "--check", "--diff", "--output", output])
            .exits(4)
            .says("<hidden: may be a former secret>")
            .says("its content is not shown: it may hold former secrets")
            .says("someone: (a password) → unset")
            .says_nothing_of("longago");
    }
    site.mailprov(&["drift"]).exits(4).says_nothing_of("longago");
    site.mailprov(&["apply", "--diff"])
        .exits(0)
        .says_nothing_of("longago");
    // Over 1 MiB, and a password that Anne has given herself stays.
    assert!(host.sh("cat /srv/all/people").ends_with("\nanne:hers"));
    host.sh("printf 'j\\374rgen:hers\\n' >>/srv/all/people");
    site.mailprov(&["apply"])
        .says("/srv/all/people:3: a byte there is no UTF-8");
    assert!(host.succeeds("grep -q '^anne:hers$' /srv/all/people"));
}
