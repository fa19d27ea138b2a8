//! A machine's mount and process: overlayfs below, systemd-nspawn above.

use std::fs::{self, File};
use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::LabError;
use super::tool::{self, Context as _};

/// A busy machine may take its time; a healthy one needs two seconds.
const BOOT: Duration = Duration::from_secs(120);
const DEATH: Duration = Duration::from_secs(60);

/// Mounts `folder/root`: `folder/upper` over `layers`, topmost first.
pub(super) fn mount(folder: &Path, layers: &[PathBuf]) -> Result<(), LabError> {
    // A volatile overlay refuses a work folder that another mount has used.
    tool::remove_folder(&folder.join("work"))?;
    for part in ["upper", "work", "root"] {
        let path = folder.join(part);
        fs::create_dir_all(&path).context(|| format!("creating {}", path.display()))?;
    }
    let lower: Vec<String> = layers.iter().map(|layer| layer.display().to_string()).collect();
    let options = format!(
        "lowerdir={},upperdir={},workdir={}",
        lower.join(":"),
        folder.join("upper").display(),
        folder.join("work").display()
    );
    let root = folder.join("root").display().to_string();
    let attempt =
        |options: &str| tool::run("mount", &["-t", "overlay", "-o", options, "mailprov-lab", &root]);
    // Volatile: a throwaway host need not wait for the disk (Linux 5.10).
    attempt(&format!("{options},volatile")).or_else(|_| attempt(&options))?;
    Ok(())
}

/// Unmounts `folder/root`; it may not be mounted.
pub(super) fn unmount(folder: &Path) -> Result<(), LabError> {
    let root = folder.join("root");
    let end = Instant::now() + DEATH;
    while is_mounted(&root)? {
        if tool::run("umount", &[&root]).is_err() {
            if Instant::now() > end {
                // What still holds it has lost its machine; the mount goes with it.
                tool::run("umount", &[Path::new("-l"), &root])?;
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    Ok(())
}

fn is_mounted(root: &Path) -> Result<bool, LabError> {
    let mounts = fs::read_to_string("/proc/self/mounts").context(|| "reading the mounts".into())?;
    let root = root.display().to_string();
    Ok(mounts
        .lines()
        .any(|line| line.split(' ').nth(1) == Some(root.as_str())))
}

/// Boots the machine that is mounted at `folder/root`.
pub(super) fn boot(folder: &Path, name: &str, bridge: &str) -> Result<Child, LabError> {
    let console = File::create(folder.join("console.log")).context(|| "creating the console's log".into())?;
    let errors = console
        .try_clone()
        .context(|| "creating the console's log".into())?;
    // Its own session, so that Ctrl-C reaches us and not the host; setsid becomes the program it starts.
    let mut nspawn = tool::command("setsid");
    nspawn
        .args(["sh", "-c", include_str!("own_group.sh"), "sh", name])
        .arg(tool::find("systemd-nspawn").unwrap_or_else(|| "systemd-nspawn".into()))
        .arg("--quiet")
        .arg("--directory")
        .arg(folder.join("root"))
        .args([
            "--boot",
            "--register=no",
            "--keep-unit",
            "--resolv-conf=off",
            "--timezone=off",
        ])
        .arg(format!("--machine={name}"))
        .arg(format!("--network-bridge={bridge}"))
        .env("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY", "1")
        .stdin(Stdio::null())
        .stdout(console)
        .stderr(errors);
    nspawn.spawn().context(|| format!("starting the machine {name}"))
}

/// Waits until the SSH server greets and lets everybody in, or the machine has `ended`.
pub(super) fn wait_for_ssh(
    folder: &Path,
    address: Ipv4Addr,
    mut ended: impl FnMut() -> bool,
) -> Result<(), LabError> {
    let end = Instant::now() + BOOT;
    let socket = SocketAddr::from((address, 22));
    loop {
        if let Ok(mut stream) = TcpStream::connect_timeout(&socket, Duration::from_millis(500)) {
            let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
            let mut greeting = [0; 4];
            let greets = stream.read_exact(&mut greeting).is_ok() && &greeting == b"SSH-";
            if greets && !is_for_root_alone(&folder.join("root")) {
                return Ok(());
            }
        }
        let ended = ended();
        if ended || Instant::now() > end {
            let console = fs::read_to_string(folder.join("console.log")).unwrap_or_default();
            let what = if ended {
                "ended while it booted"
            } else {
                "does not answer on its SSH port"
            };
            return Err(LabError(format!(
                "the lab host at {address} {what}; its console says:\n{}",
                tool::tail(&console, 15)
            )));
        }
        std::thread::sleep(Duration::from_millis(30));
    }
}

/// Whether the machine still boots: its SSH server may be there before people may log in (pam_nologin(8)).
fn is_for_root_alone(root: &Path) -> bool {
    let leader = pid(root).and_then(leader);
    leader.is_some_and(|leader| Path::new(&format!("/proc/{leader}/root/run/nologin")).exists())
}

/// The nspawn process of the machine whose files are at `root`, or what is going to become it: see [`boot`].
pub(super) fn pid(root: &Path) -> Option<u32> {
    let root = root.as_os_str().as_encoded_bytes();
    fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        let mut words = line.split(|byte| *byte == 0);
        (words.any(|word| word.ends_with(b"systemd-nspawn")) && words.any(|word| word == root)).then_some(pid)
    })
}

/// Process 1 of the machine, by its number out here.
pub(super) fn leader(nspawn: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{nspawn}/task/{nspawn}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}

/// Ends the machine whose files are at `root`: `orderly` lets it shut down first.
pub(super) fn end(root: &Path, orderly: bool) -> Result<(), LabError> {
    if orderly && let Some(nspawn) = pid(root) {
        signal(nspawn, "TERM");
        gone_in_time(&[nspawn], Duration::from_secs(60));
    }
    // nspawn first: it would report its machine's end. The machine survives it, and is found by its files, so
    // that one whose nspawn was killed by somebody else goes too.
    let end: Vec<u32> = pid(root).into_iter().chain(inhabitants(root)).collect();
    let groups = pid(root).map(own_groups).unwrap_or_default();
    for pid in &end {
        signal(*pid, "KILL");
    }
    if gone_in_time(&end, DEATH) {
        for group in &groups {
            remove_group(group);
        }
        return Ok(());
    }
    Err(LabError(format!(
        "processes of the lab host in {} can't be ended: {end:?}",
        root.display()
    )))
}

/// The control groups that `own_group.sh` made for an nspawn process.
fn own_groups(nspawn: u32) -> Vec<PathBuf> {
    let groups = fs::read_to_string(format!("/proc/{nspawn}/cgroup")).unwrap_or_default();
    groups
        .lines()
        .filter_map(|line| line.splitn(3, ':').nth(2)?.split_once("/mailprov-"))
        .flat_map(|(above, rest)| {
            let name = rest.split('/').next().unwrap_or(rest);
            ["unified", "systemd", ""].map(|hierarchy| {
                let root = Path::new("/sys/fs/cgroup").join(hierarchy);
                root.join(above.trim_start_matches('/'))
                    .join(format!("mailprov-{name}"))
            })
        })
        .filter(|group| group.is_dir())
        .collect()
}

/// Removes an empty control group; one that is left over does no harm.
fn remove_group(group: &Path) {
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_group(&entry.path());
        }
    }
    let _ = fs::remove_dir(group);
}

/// Processes whose root is the overlay that is mounted at `root`; process 1 takes all others with it.
fn inhabitants(root: &Path) -> Vec<u32> {
    let Some(upper) = root
        .parent()
        .map(|folder| format!("upperdir={}/upper,", folder.display()))
    else {
        return Vec::new();
    };
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    processes
        .flatten()
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let mounts = fs::read_to_string(entry.path().join("mountinfo")).ok()?;
            mounts
                .lines()
                .any(|line| line.split(' ').nth(4) == Some("/") && line.contains(&upper))
                .then_some(pid)
        })
        .collect()
}

fn signal(pid: u32, name: &str) {
    // It may be gone already.
    let _ = tool::run(
        "sh",
        &["-c", "kill -s \"$1\" \"$2\"", "sh", name, &pid.to_string()],
    );
}

fn gone_in_time(pids: &[u32], time: Duration) -> bool {
    let end = Instant::now() + time;
    while pids.iter().any(|pid| is_alive(*pid)) {
        if Instant::now() > end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    true
}

/// A zombie is dead: whoever started it has not asked yet.
fn is_alive(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        stat.rsplit_once(')')
            .is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On a busy machine that takes a second: whoever ended the host meanwhile would wait for it for ever.
    #[test]
    fn a_machine_is_known_before_it_runs() {
        let root = tempfile::tempdir().unwrap();
        let mut becoming = tool::command("sh");
        becoming
            .args(["-c", "read line", "/usr/bin/systemd-nspawn", "--directory"])
            .arg(root.path())
            .stdin(Stdio::piped());
        let mut child = becoming.spawn().unwrap();
        // At the moment of its start a process has no words yet.
        let latest = Instant::now() + Duration::from_secs(60);
        while pid(root.path()) != Some(child.id()) {
            assert!(Instant::now() < latest, "it is not found");
        }
        end(root.path(), false).unwrap();
        child.wait().unwrap();
        assert_eq!(pid(root.path()), None);
    }
}
