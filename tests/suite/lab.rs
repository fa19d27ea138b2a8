//! The lab itself: hosts are real, separate, resettable, and gone afterwards.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use mailprov::lab::{HostSpec, Lab, Login};

use crate::support::{self, boot_all, lab};

const LABS: &str = "/var/lib/mailprov-lab";

/// The lock without which no lab is made or removed.
fn hold_all() -> File {
    let lock = File::create(Path::new(LABS).join(".lock")).unwrap();
    lock.lock().unwrap();
    lock
}

fn ssh(host: &support::TestHost, command: &str) -> String {
    let output = host.ssh(command).unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_host_is_a_debian_with_systemd_and_a_name() {
    let hosts = boot_all(vec![HostSpec::new("real").fqdn("mx.example.org")]);
    let host = &hosts[0];
    assert_eq!(
        ssh(host, "id -un; hostname --fqdn; cat /proc/1/comm"),
        "root\nmx.example.org\nsystemd"
    );
    assert_eq!(ssh(host, ". /etc/os-release; echo $VERSION_ID"), "13");
    assert!(!host.succeeds("command -v python3"), "a fresh host has no Python");
    assert_eq!(host.sh("ls /var/lib/apt/lists | grep -c Packages || true"), "0");
    // What an installation needs from outside.
    assert!(host.succeeds("getent hosts deb.debian.org"));
    let fingerprint = host.host_key_fingerprint().unwrap();
    let printed = host.sh("ssh-keygen -l -f /etc/ssh/ssh_host_ed25519_key.pub");
    assert!(printed.contains(&fingerprint), "{printed} {fingerprint}");
}

#[test]
fn logins_are_what_was_asked_for() {
    let sudo = |password: Option<&str>| Login::Sudo {
        user: "admin".into(),
        password: password.map(str::to_owned),
    };
    let hosts = boot_all(vec![
        HostSpec::new("sudo-free").login(sudo(None)),
        HostSpec::new("sudo-asks").login(sudo(Some("open sesame"))),
    ]);
    assert_eq!(ssh(&hosts[0], "id -un; sudo -n id -un"), "admin\nroot");
    assert!(!hosts[1].ssh("sudo -n true").unwrap().status.success());
    assert_eq!(ssh(&hosts[1], "echo open sesame | sudo -S -p '' id -un"), "root");
}

#[test]
fn a_host_goes_back_to_its_snapshot_and_others_start_from_it() {
    let mut hosts = boot_all(vec![HostSpec::new("origin")]);
    let mut origin = hosts.remove(0);
    origin.sh("echo kept >/etc/kept; rm /etc/motd");
    let layer = origin.snapshot("with-kept").unwrap();
    origin.sh("echo lost >/etc/lost");
    origin.crash().unwrap();
    assert_eq!(
        origin.sh("cat /etc/kept /etc/lost"),
        "kept\nlost",
        "a crash loses nothing that was written"
    );
    origin.reset().unwrap();
    assert_eq!(
        origin.sh("cat /etc/kept; ls /etc/lost /etc/motd 2>/dev/null || true"),
        "kept"
    );
    drop(origin);
    let copy = boot_all(vec![HostSpec::new("copy").on(&layer)]).remove(0);
    assert_eq!(copy.sh("cat /etc/kept; hostname"), "kept\ncopy");
}

#[test]
fn nothing_is_left_of_a_lab() {
    let name = format!("gone-{}", std::process::id());
    // Takes its own place in the queue for hosts.
    let _place = support::boot("beside");
    let other = Lab::new(&name).unwrap();
    assert_ne!(other.gateway(), lab().gateway(), "labs have subnets of their own");
    let host = other.up(&HostSpec::new("h"), &|_| {}).unwrap();
    let (number, root) = (host.address().octets()[2], host.root());
    assert!(
        Path::new("/sys/class/net")
            .join(format!("mplab{number}"))
            .exists()
    );
    drop(other);
    drop(host);
    assert!(!root.exists());
    // Nobody makes a lab while this looks; one that was made since may have taken the subnet over.
    let _all = hold_all();
    let reused = mailprov::lab::list().unwrap().iter().any(|lab| {
        let record = Path::new(LABS).join(&lab.name).join("network.json");
        std::fs::read_to_string(record).is_ok_and(|text| text.contains(&format!(":{number}}}")))
    });
    let rules = Command::new("nft").args(["list", "tables"]).output().unwrap();
    let rules = String::from_utf8_lossy(&rules.stdout).into_owned();
    if !reused {
        assert!(
            !Path::new("/sys/class/net")
                .join(format!("mplab{number}"))
                .exists()
        );
        assert!(
            !rules
                .lines()
                .any(|line| line.ends_with(&format!("mailprov_lab{number}"))),
            "{rules}"
        );
    }
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    assert!(!mounts.contains(&name), "{mounts}");
}

#[test]
fn a_lab_goes_when_its_owner_is_killed() {
    // The owner is a shell that holds the lab's lock as a test process would.
    let name = format!("orphan-{}", std::process::id());
    let folder = Path::new(LABS).join(&name);
    lab();
    // Until the lab has its owner, it would be taken for one that was killed.
    let all = hold_all();
    std::fs::create_dir_all(&folder).unwrap();
    let owner_file = folder.join("owner");
    let mut owner = Command::new("flock")
        .arg(&owner_file)
        .args(["sleep", "600"])
        .spawn()
        .unwrap();
    support::until("the owner holds the lock", || {
        File::open(&owner_file).is_ok_and(|file| file.try_lock().is_err())
    });
    drop(all);
    let mut guard = Command::new(env!("CARGO_BIN_EXE_mailprov"))
        .args(["lab", "down", "--when-abandoned", &name])
        .spawn()
        .unwrap();
    assert!(guard.try_wait().unwrap().is_none());
    assert!(folder.exists());
    // `sleep` inherits the lock: it goes with its parent's death only when it is told to.
    let children = format!("/proc/{0}/task/{0}/children", owner.id());
    let mut sleep = String::new();
    support::until("the owner has begun to sleep", || {
        sleep = std::fs::read_to_string(&children).unwrap();
        !sleep.is_empty()
    });
    owner.kill().unwrap();
    owner.wait().unwrap();
    assert!(
        Command::new("sh")
            .args(["-c", &format!("kill {sleep}")])
            .status()
            .unwrap()
            .success()
    );
    assert!(guard.wait().unwrap().success());
    assert!(!folder.exists());
}
