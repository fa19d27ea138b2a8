//! Kinds that write files.

use mailprov::step::replace::{REFUSED, Record, script};
use mailprov::step::{Fix, Replacement};
use proptest::prelude::*;
use serde_json::json;

use super::{Bench, step};
use crate::support::boot;

#[test]
fn kinds_that_write_files_keep_their_promises() {
    let host = boot("steps-files");
    let mut bench = Bench::new(&host);
    files(&host, &mut bench);
    directories(&host, &mut bench);
    symlinks(&host, &mut bench);
    blocks(&host, &mut bench);
    maps(&host, &mut bench);
    checked_sets(&host, &mut bench);
    sets_that_fail_half_way(&host, &mut bench);
    leftovers(&host, &mut bench);
    any_file(&host, &mut bench);
    super::gone::what_steps_made_goes_and_nothing_else(&host, &mut bench);
}

type Host = crate::support::TestHost;

fn files(host: &Host, bench: &mut Bench) {
    let file = json!({"path": "/etc/a b'c", "content": "ü\n", "mode": "0640", "group": "mail"});
    bench.makes("file", file.clone());
    assert_eq!(
        host.sh("stat -c '%a %U %G' \"/etc/a b'c\"; cat \"/etc/a b'c\""),
        "640 root mail\nü"
    );
    for drift in [
        "echo more >>\"/etc/a b'c\"",
        "chmod 600 \"/etc/a b'c\"",
        "chown mail \"/etc/a b'c\"",
        "rm \"/etc/a b'c\"",
    ] {
        host.sh(drift);
        bench.makes("file", file.clone());
    }
    host.sh("rm \"/etc/a b'c\"; mkdir \"/etc/a b'c\"");
    bench.refuses("file", file, "is a directory");
    assert!(host.succeeds("test -e \"/var/lib/mailprov/backups/test/etc/a b'c\""));
    let motd = json!({"path": "/etc/motd", "state": "absent"});
    bench.makes("file", motd.clone());
    bench.is_kept("file", motd);
    assert!(host.succeeds("ls /var/lib/mailprov/backups/*-removed/etc/motd"));
    let sudoers = step(
        "file",
        json!({"path": "/etc/sudoers.d/bad", "content": "what?\n", "mode": "0440", "validate": "visudo -cf %"}),
    );
    let answer = bench.fix(&*sudoers);
    assert_eq!(answer.status, REFUSED);
    assert!(
        answer.errors.contains("/etc/sudoers.d/bad:1"),
        "{}",
        answer.errors
    );
    assert!(!host.succeeds("ls -A /etc/sudoers.d | grep -e bad -e mailprov"));
}

fn directories(host: &Host, bench: &mut Bench) {
    let store = json!({"path": "/srv/deep/store", "mode": "2770", "owner": "mail", "group": "mail", "recursive": true});
    bench.makes("directory", store.clone());
    assert_eq!(
        host.sh("stat -c '%a %U %G' /srv/deep/store /srv/deep"),
        "2770 mail mail\n755 root root"
    );
    host.sh("touch /srv/deep/store/x; ln -s /etc/passwd /srv/deep/store/link; chmod 700 /srv/deep/store");
    bench.makes("directory", store);
    assert_eq!(host.sh("stat -c %U /srv/deep/store/x /etc/passwd"), "mail\nroot");
    let gone = json!({"path": "/srv/deep/store", "state": "absent"});
    bench.refuses("directory", gone.clone(), "not empty");
    host.sh("rm /srv/deep/store/*");
    bench.makes("directory", gone);
}

fn symlinks(host: &Host, bench: &mut Bench) {
    let link = json!({"path": "/etc/link", "target": "no where"});
    bench.makes("symlink", link.clone());
    host.sh("ln -sfn elsewhere /etc/link");
    bench.makes("symlink", link.clone());
    assert_eq!(host.sh("readlink /etc/link"), "no where");
    // A link to a folder is turned itself; nothing appears in the folder.
    host.sh("ln -sfn /srv /etc/link");
    bench.makes("symlink", link);
    assert_eq!(host.sh("ls -A /srv"), "deep");
    bench.makes(
        "symlink",
        json!({"path": "/etc/link", "target": "no where", "state": "absent"}),
    );
}

fn blocks(host: &Host, bench: &mut Bench) {
    let block = json!({"path": "/etc/hosts", "name": "names", "content": "10.0.0.9 mx"});
    let before = host.sh("chmod 604 /etc/hosts; cat /etc/hosts");
    bench.makes("block", block.clone());
    host.sh("sed -i s/10.0.0.9/10.0.0.8/ /etc/hosts");
    bench.makes("block", block);
    assert_eq!(
        host.sh("stat -c %a /etc/hosts; cat /etc/hosts"),
        format!("604\n{before}\n# BEGIN mailprov names\n10.0.0.9 mx\n# END mailprov names")
    );
    bench.makes(
        "block",
        json!({"path": "/etc/hosts", "name": "names", "state": "absent"}),
    );
    assert_eq!(host.sh("cat /etc/hosts"), before);
}

fn maps(host: &Host, bench: &mut Bench) {
    let map = json!({"path": "/etc/map", "content": "a\n", "compile": "tr a b </etc/map >/etc/map.out",
        "output": "/etc/map.out", "mode": "0640", "group": "mail"});
    bench.makes("map", map.clone());
    assert_eq!(
        host.sh("cat /etc/map.out; stat -c '%a %G' /etc/map.out"),
        "b\n640 mail"
    );
    for drift in [
        "rm /etc/map.out",
        "touch -d yesterday /etc/map.out",
        "chmod 644 /etc/map.out",
        "echo c >/etc/map",
    ] {
        host.sh(drift);
        bench.makes("map", map.clone());
        assert_eq!(host.sh("cat /etc/map.out"), "b");
    }
}

fn replacements(bench: &mut Bench, files: &[(&str, &str)]) -> Vec<Replacement> {
    let replacement = |(path, content): &(&str, &str)| {
        let file = step("file", json!({"path": path, "content": content}));
        match bench.look(&*file, |world| file.fix(world)) {
            Fix::Replace(file) => file,
            other => panic!("{other:?}"),
        }
    };
    files.iter().map(replacement).collect()
}

/// The host's root is an overlay itself, so this is as deep as overlays go.
fn checked_sets(host: &Host, bench: &mut Bench) {
    host.sh("mkdir -p /etc/app/conf.d; echo old >/etc/app/main; echo kept >/etc/app/conf.d/kept");
    host.sh("mkdir -p /var/lib/mailprov/services; echo x >/var/lib/mailprov/services/app.service.reload");
    let set = replacements(
        bench,
        &[("/etc/app/main", "new\n"), ("/etc/app/conf.d/added", "added\n")],
    );
    // Somebody else sees them in their place, and nowhere else.
    let check = "runuser -u nobody -- sh -c 'cat /etc/app/main /etc/app/conf.d/*; ! cat /run/mailprov-check.*/new-1/main 2>/dev/null' &&
                 test -e /tmp/ok";
    let fragment = script(&set, Some(check), &[("app.service", Record::Reload)], "run");
    let run = |bench: &mut Bench| {
        bench.run(&fragment, &mut |line| {
            panic!("no fallback is needed here: {line}")
        })
    };
    let refused = run(bench);
    assert_eq!(
        (refused.status, refused.errors.trim_end()),
        (REFUSED, "new\nadded\nkept")
    );
    assert_eq!(host.sh("cat /etc/app/main; ls -A /etc/app/conf.d"), "old\nkept");
    assert!(host.succeeds("test -e /var/lib/mailprov/services/app.service.reload"));
    host.sh("touch /tmp/ok");
    assert_eq!(run(bench).status, 0);
    assert_eq!(
        host.sh("cat /etc/app/main; ls -A /etc/app/conf.d"),
        "new\nadded\nkept"
    );
    assert!(!host.succeeds("test -e /var/lib/mailprov/services/app.service.reload"));
    assert!(!host.succeeds("grep -q mailprov-check /proc/mounts || ls -d /run/mailprov-check.* 2>/dev/null"));
}

/// Nothing can be renamed to a file that something is mounted on. The set's last folder is done by then.
fn sets_that_fail_half_way(host: &Host, bench: &mut Bench) {
    host.sh(
        "mkdir -p /etc/half/sub; cd /etc/half; echo old | tee one two sub/three >/dev/null; mount --bind two two",
    );
    let names = ["one", "two", "sub/three", "sub/four"];
    let paths = names.map(|name| format!("/etc/half/{name}"));
    let files: Vec<(&str, &str)> = paths.iter().map(|path| (path.as_str(), "new\n")).collect();
    let set = replacements(bench, &files);
    let fragment = script(&set, Some("true"), &[("half.service", Record::Restart)], "half");
    let look = "cd /etc/half && cat one two sub/three; ls -A . sub";
    let before = host.sh(look);
    let answer = bench.run(&fragment, &mut |_| {});
    assert_eq!(answer.status, 1, "{}", answer.errors);
    for words in ["'/etc/half/two': Device or resource busy", "as they were before"] {
        assert!(answer.errors.contains(words), "{words}: {}", answer.errors);
    }
    assert_eq!(host.sh(look), before);
    host.sh("umount /etc/half/two");
    let answer = bench.run(&fragment, &mut |_| {});
    assert_eq!(answer.status, 0, "{}", answer.errors);
    assert_eq!(
        host.sh("cd /etc/half && cat one two sub/*; ls -A . sub"),
        "new\nnew\nnew\nnew\n.:\none\nsub\ntwo\n\nsub:\nfour\nthree"
    );
}

/// Of a run that was killed: they go when something is written beside them. What a person called alike stays.
fn leftovers(host: &Host, bench: &mut Bench) {
    host.sh(
        "mkdir -p /srv/left && cd /srv/left && mkdir -m 700 .mailprov-set.0123456789 .mailprov-set.notours890 &&
         touch .mailprov-set.0123456789/main .mailprov-backup2024 && chown nobody .mailprov-set.notours890",
    );
    bench.makes("file", json!({"path": "/srv/left/main", "content": "new\n"}));
    host.sh("mkdir -m 700 /srv/left/.mailprov-set.0123456789");
    bench.makes("symlink", json!({"path": "/srv/left/link", "target": "main"}));
    assert_eq!(
        host.sh("ls -A /srv/left"),
        ".mailprov-backup2024\n.mailprov-set.notours890\nlink\nmain"
    );
}

/// Byte for byte, whatever the name and the content.
fn any_file(host: &Host, bench: &mut Bench) {
    let bench = std::cell::RefCell::new(bench);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 40,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    host.sh("mkdir /srv/any");
    let name =
        "[^/\\p{Cc}]{1,40}".prop_filter("a name", |name| name != "." && name != ".." && name.len() < 250);
    let cases = (
        name,
        "\\PC{0,80}(\r?\n\\PC{0,20}){0,3}",
        "0[0-7]{3}",
        prop_oneof!["root", "mail", "nobody"],
    );
    runner
        .run(&cases, |(name, content, mode, owner)| {
            let path = format!("/srv/any/{name}");
            let file = json!({"path": path, "content": content, "mode": mode, "owner": owner});
            bench.borrow_mut().makes("file", file);
            let there = host.root().join("srv/any").join(&name);
            prop_assert_eq!(std::fs::read(&there).unwrap(), content.as_bytes());
            std::fs::remove_file(there).unwrap();
            Ok(())
        })
        .unwrap();
}
