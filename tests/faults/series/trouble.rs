//! What else goes wrong: disks, locks, mirrors, services, clocks, other people.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::time::{Duration, Instant};

use crate::Wanted;
use crate::kit::attempt::{Attempt, Moment};
use crate::kit::reader::Reader;
use crate::kit::relay::Relay;
use crate::kit::server::Server;
use crate::kit::trouble::{Act, Trouble, one, refuses_to_start, run, start};
use crate::report;

const ALL: [(&str, Act); 15] = [
    ("etc-full", etc_full),
    ("var-full", var_full),
    ("archives-full", archives_full),
    ("read-only", read_only),
    ("silent-mirror", silent_mirror),
    ("dpkg-interrupted", dpkg_interrupted),
    ("apt-locked", apt_locked),
    ("refuses-to-start", refuses_to_start),
    ("silent-connection", silent_connection),
    ("vanished", vanished),
    ("reboot", reboot),
    ("sudo-starts-refusing", sudo_starts_refusing),
    ("clock-ahead", clock_ahead),
    ("clock-behind", clock_behind),
    ("two-at-once", two_at_once),
];

pub fn trouble(wanted: &Wanted) -> bool {
    let began = Instant::now();
    let mut server = Server::build("trouble");
    let mut rows = Vec::new();
    for (number, (name, act)) in ALL.into_iter().enumerate() {
        if !wanted.has(number, Some(name)) {
            continue;
        }
        if number > 0 {
            server.reset();
        }
        let (row, ended) = one(&mut server, name, act);
        report::line(number, &row);
        println!("       it said: {}", ended.said().replace('\n', "\n       "));
        rows.push(row);
    }
    report::summary("trouble", &rows, began.elapsed().as_secs_f64())
}

/// A file system of its own in the place of `folder`, and no room in it.
fn fill(server: &Server, folder: &str) {
    server.host.sh(&format!(
        "mkdir -p /mnt/small && mount -t tmpfs -o size=16m,mode=0755 tmpfs /mnt/small && cp -a {folder}/. /mnt/small/ &&
         mount --bind /mnt/small {folder} && umount /mnt/small && dd if=/dev/zero of={folder}/filler bs=4k 2>/dev/null; [ -e {folder}/filler ]"
    ));
}

fn etc_full(server: &mut Server) -> Trouble {
    fill(server, "/etc");
    let root = server.host.inner_root().unwrap();
    let known = server.known.clone();
    // What is mounted over the host's own file system is seen only from within.
    let reader = Reader::start(&root, known, true);
    let ended = run(server, &[]);
    let mut trouble = Trouble::new(ended, 5, &["no space is left on /etc"]);
    trouble.problems.extend(reader.seen().1);
    drop(reader);
    server.host.sh("rm /etc/filler");
    trouble
}

fn var_full(server: &mut Server) -> Trouble {
    fill(server, "/var/lib/mailprov");
    let ended = run(server, &[]);
    server.host.sh("rm /var/lib/mailprov/filler");
    Trouble::new(ended, 5, &["no space is left on /var/lib/mailprov"])
}

/// A step that needs a package which is not there.
const PACKAGE: &[&str] = &["--set", "dovecot_pop3=true"];

fn archives_full(server: &mut Server) -> Trouble {
    let archives = "/var/cache/apt/archives";
    server.host.sh(&format!("rm -f {archives}/*.deb"));
    fill(server, archives);
    let ended = run(server, PACKAGE);
    server.host.sh(&format!("rm {archives}/filler"));
    let mut trouble = Trouble::new(ended, 5, &["No space left", "enough free space"]);
    (trouble.arguments, trouble.third) = (PACKAGE, true);
    trouble
}

/// Mounts of their own: the root itself can't be made read-only while somebody writes there.
fn read_only(server: &mut Server) -> Trouble {
    let folders = "/etc /usr /var/lib/mailprov";
    server.host.sh(&format!(
        "for folder in {folders}; do mount --bind $folder $folder && mount -o remount,bind,ro $folder || exit 1; done"
    ));
    let ended = run(server, &[]);
    server.host.sh(&format!(
        "for folder in {folders}; do mount -o remount,bind,rw $folder || exit 1; done"
    ));
    Trouble::new(ended, 5, &["is mounted read-only"])
}

fn silent_mirror(server: &mut Server) -> Trouble {
    let mirror = "deb.debian.org:80".to_socket_addrs().unwrap();
    let mirror: SocketAddr = mirror.into_iter().find(SocketAddr::is_ipv4).unwrap();
    let relay = Relay::start(([0, 0, 0, 0], 0).into(), mirror);
    let gateway = server.host.sh("ip route show default | cut -d ' ' -f 3");
    server.host.sh(&format!(
        "rm -f /var/cache/apt/archives/*.deb; echo 'Acquire::http::Proxy \"http://{gateway}:{}\";' >/etc/apt/apt.conf.d/99silent",
        relay.address().port()
    ));
    relay.fall_silent_after(8 * 1024);
    let ended = run(server, PACKAGE);
    server.host.sh("rm /etc/apt/apt.conf.d/99silent");
    let mut trouble = Trouble::new(ended, 5, &["nothing has come from the package mirror for 90 s"]);
    (trouble.arguments, trouble.third) = (PACKAGE, true);
    trouble
}

/// As after a power cut in an installation: a journal of dpkg's, and a package that is not configured.
fn dpkg_interrupted(server: &mut Server) -> Trouble {
    server.host.sh(
        "apt-get update -q >/dev/null 2>&1; cd /tmp && apt-get download -q dovecot-pop3d >/dev/null 2>&1 &&
         dpkg --unpack dovecot-pop3d_*.deb >/dev/null && dpkg -s dovecot-pop3d >/var/lib/dpkg/updates/0001 && rm dovecot-pop3d_*.deb",
    );
    let ended = run(server, PACKAGE);
    let mut trouble = Trouble::new(ended, 0, &[]);
    (trouble.arguments, trouble.third) = (PACKAGE, true);
    trouble
}

/// F_SETLK with F_WRLCK, as apt does it (fcntl(2)), until the run says that it waits. The time is no part of the lock: perl wants a value
/// that it may write to.
fn apt_locked(server: &mut Server) -> Trouble {
    server.host.sh(
        "systemd-run -q --unit=holder perl -e 'open(F, \"+>>\", \"/var/lib/dpkg/lock-frontend\") or die; \
         fcntl(F, 6, pack(\"s s x4 q q i x4\", 1, 0, 0, 0, time)) or die; sleep 900';
         for i in $(seq 100); do systemctl -q is-active holder || exit 1; grep -q POSIX /proc/locks && exit; sleep 0.1; done; exit 1",
    );
    let waits = "waiting for process";
    let attempt = start(server, PACKAGE);
    attempt.until(|events| events.iter().any(|event| event.to_string().contains(waits)));
    server.host.sh("systemctl stop holder");
    let ended = attempt.end();
    let mut trouble = Trouble::new(ended, 0, &[waits]);
    (trouble.arguments, trouble.third) = (PACKAGE, true);
    trouble
}

fn busy(server: &Server) -> Attempt {
    let attempt = start(server, &[]);
    attempt.reach(Moment::Event(server.reference.events.len() / 2, Duration::ZERO));
    attempt
}

fn silent_connection(server: &mut Server) -> Trouble {
    let attempt = busy(server);
    server.relay.fall_silent();
    let ended = attempt.end();
    server.relay.speak();
    Trouble::new(ended, 6, &["no sign of life"])
}

/// The control machine loses its power: the host's side of the connection stays open, and nobody says anything.
fn vanished(server: &mut Server) -> Trouble {
    let mut attempt = busy(server);
    server.relay.fall_silent();
    attempt.kill();
    let ended = attempt.end();
    let free = server.lock_is_free();
    // Only now does the host hear that nobody is there.
    server.relay.speak();
    let mut trouble = Trouble {
        ended,
        arguments: &[],
        problems: Vec::new(),
        third: false,
    };
    match free {
        Some(time) => println!("       the lock was free after {:.0} s", time.as_secs_f64()),
        None => trouble.problems.push("the lock stays".into()),
    }
    trouble
}

fn reboot(server: &mut Server) -> Trouble {
    let attempt = busy(server);
    server.host.sh("systemctl reboot");
    let ended = attempt.end();
    server.boot_again();
    server.settle();
    Trouble::new(ended, 6, &["again"])
}

/// The login's rule is taken out of sudoers while a run works, and the connection is lost. The root shell that the run
/// had is none of sudo's business any more; the next one gets none.
fn sudo_starts_refusing(server: &mut Server) -> Trouble {
    server.host.sh(
        "useradd -m -s /bin/sh admin && cp -r /root/.ssh /home/admin/ && chown -R admin: /home/admin/.ssh &&
         echo 'admin ALL=(ALL) NOPASSWD: ALL' >/root/rule && install -m 0440 /root/rule /etc/sudoers.d/admin",
    );
    let site = &server.editions[1 - server.current].site;
    let inventory = std::fs::read_to_string(site.path().join("inventory.yaml")).unwrap();
    assert!(inventory.contains("user: root"));
    std::fs::write(
        site.path().join("sudo.yaml"),
        inventory.replace("user: root", "user: admin"),
    )
    .unwrap();
    let start = || Attempt::with(site, "sudo.yaml", &[]);

    let broken = start();
    broken.reach(Moment::Event(server.reference.events.len() / 2, Duration::ZERO));
    server.host.sh("rm /etc/sudoers.d/admin");
    // A while, to see that it goes on.
    broken.reach(Moment::Event(
        server.reference.events.len() * 2 / 3,
        Duration::ZERO,
    ));
    server.relay.cut();
    let broken = broken.end();
    server.lock_is_free();
    let refused = start().end();
    server.host.sh("install -m 0440 /root/rule /etc/sudoers.d/admin");
    let again = start().end();
    let mut trouble = Trouble::new(refused, 6, &["sudoers"]);
    for (ended, code, what) in [
        (broken, 6, "the broken run"),
        (again, 0, "the run with sudo given back"),
    ] {
        if ended.code != Some(code) {
            let said = ended.said();
            trouble
                .problems
                .push(format!("{what} ends with {:?}: {said}", ended.code));
        }
    }
    trouble
}

/// The lab's hosts share this machine's clock: what a wrong one leaves behind is made instead.
fn clock(server: &mut Server, when: &str) -> Trouble {
    server.host.sh(&format!(
        "find /etc/postfix /etc/dovecot /etc/aliases* /etc/hosts /var/lib/mailprov /var/lib/apt/lists \
         -exec touch -h -d '{when}' {{}} +"
    ));
    let ended = run(server, &[]);
    Trouble::new(ended, 0, &[])
}

fn clock_ahead(server: &mut Server) -> Trouble {
    clock(server, "now + 10 years")
}

fn clock_behind(server: &mut Server) -> Trouble {
    clock(server, "1975-01-01")
}

fn two_at_once(server: &mut Server) -> Trouble {
    let site = &server.editions[1 - server.current].site;
    let both = [Attempt::start(site, &[]), Attempt::start(site, &[])].map(Attempt::end);
    let [one, other] = both;
    let (first, second) = if one.code == Some(0) {
        (one, other)
    } else {
        (other, one)
    };
    let mut trouble = Trouble::new(second, 7, &["locked by another run"]);
    if first.code != Some(0) {
        trouble
            .problems
            .push(format!("the other one ends with {:?}", first.code));
    }
    trouble
}
