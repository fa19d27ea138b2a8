//! What makes a copy of the image a host of its own: names, network, keys and logins.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::host::Record;
use super::tool::{self, Context as _};
use super::{LabError, Login};

/// Makes a key pair at `path` without a passphrase.
pub(super) fn make_key(path: &Path) -> Result<(), LabError> {
    let mut keygen = tool::command("ssh-keygen");
    keygen
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "mailprov-lab", "-f"])
        .arg(path);
    tool::finish(keygen, None)?;
    Ok(())
}

/// The public half of the key at `path`.
fn public(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    name.into()
}

/// Writes the host's identity into its mounted files. Repeatable: a reset host gets the same one again.
pub(super) fn furnish(lab: &Path, host: &Path, record: &Record) -> Result<(), LabError> {
    let host_key = host.join("ssh_host_ed25519_key");
    if !host_key.exists() {
        make_key(&host_key)?;
    }
    write_files(lab, host, record).context(|| format!("preparing the lab host {}", record.name))?;
    let root = host.join("root");
    match &record.login {
        Login::RootKey => {}
        Login::RootPassword(password) => set_password(&root, "root", password)?,
        Login::Sudo { user, password } => {
            if !root.join("home").join(user).exists() {
                chroot(
                    &root,
                    &[
                        "useradd",
                        "--create-home",
                        "--shell",
                        "/bin/sh",
                        "--groups",
                        "sudo",
                        user,
                    ],
                )?;
            }
            if let Some(password) = password {
                set_password(&root, user, password)?;
            }
            authorize(lab, &root.join("home").join(user))
                .context(|| format!("authorizing the key of {user}"))?;
            chroot(
                &root,
                &["chown", "-R", &format!("{user}:{user}"), &format!("/home/{user}")],
            )?;
        }
    }
    Ok(())
}

fn write_files(lab: &Path, host: &Path, record: &Record) -> std::io::Result<()> {
    let root = host.join("root");
    let etc = root.join("etc");
    let short = record.fqdn.split('.').next().unwrap_or(&record.fqdn);
    fs::write(etc.join("hostname"), format!("{short}\n"))?;
    fs::write(etc.join("hosts"), hosts(lab, record)?)?;
    replace(&etc.join("resolv.conf"), &resolver()?)?;
    // A login that meets the end of the user's manager waits for it, and in a container that may take a minute.
    fs::create_dir_all(etc.join("systemd/logind.conf.d"))?;
    fs::write(
        etc.join("systemd/logind.conf.d/10-lab.conf"),
        "[Login]\nUserStopDelaySec=infinity\n",
    )?;
    fs::create_dir_all(etc.join("systemd/network"))?;
    // In a container the end of a user's manager can hang for minutes, and every login meanwhile with it: here it
    // stays (logind.conf(5), UserStopDelaySec).
    fs::create_dir_all(etc.join("systemd/logind.conf.d"))?;
    fs::write(
        etc.join("systemd/logind.conf.d/10-lab.conf"),
        "[Login]\nUserStopDelaySec=infinity\n",
    )?;
    // systemd's own `80-container-host0.network` would come first under a later name.
    fs::write(
        etc.join("systemd/network/10-lab.network"),
        format!(
            "[Match]\nName=host0\n\n[Network]\nAddress={}/24\nGateway={}\nLinkLocalAddressing=no\n",
            record.address, record.gateway
        ),
    )?;
    if let Some(proxy) = apt_proxy() {
        fs::write(
            etc.join("apt/apt.conf.d/90lab-proxy"),
            format!("Acquire::http::Proxy \"{proxy}\";\n"),
        )?;
    }
    // apt would take minutes to time out on an address family that the lab has no way out of.
    fs::write(
        etc.join("apt/apt.conf.d/90lab-ipv4"),
        "Acquire::ForceIPv4 \"true\";\n",
    )?;
    for name in ["ssh_host_ed25519_key", "ssh_host_ed25519_key.pub"] {
        fs::copy(host.join(name), etc.join("ssh").join(name))?;
    }
    let password_login = matches!(record.login, Login::RootPassword(_));
    if password_login {
        fs::write(etc.join("ssh/sshd_config.d/10-lab.conf"), "PermitRootLogin yes\n")?;
    }
    if record.login == Login::RootKey {
        authorize(lab, &root.join("root"))?;
    }
    if let Login::Sudo { user, password: None } = &record.login {
        let path = etc.join("sudoers.d/lab");
        fs::write(&path, format!("{user} ALL=(ALL) NOPASSWD: ALL\n"))?;
        fs::set_permissions(&path, Permissions::from_mode(0o440))?;
    }
    Ok(())
}

/// This host's names, and those of the lab's hosts that are there already.
fn hosts(lab: &Path, record: &Record) -> std::io::Result<String> {
    let mut text = String::from("127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n");
    let mut line = |record: &Record| {
        let short = record.fqdn.split('.').next().unwrap_or_default();
        text.push_str(&format!("{} {} {short}\n", record.address, record.fqdn));
    };
    line(record);
    for folder in tool::folders_in(&lab.join("hosts")).unwrap_or_default() {
        match Record::load(&folder) {
            Ok(other) if other.name != record.name => line(&other),
            _ => {}
        }
    }
    Ok(text)
}

/// The machine's name servers, as the lab reaches them.
fn resolver() -> std::io::Result<String> {
    let text = fs::read_to_string("/etc/resolv.conf")?;
    let local = text.lines().any(|line| {
        line.strip_prefix("nameserver")
            .is_some_and(|address| address.trim().starts_with("127."))
    });
    // systemd-resolved listens on the machine's loopback only; this file has the servers behind it.
    match fs::read_to_string("/run/systemd/resolve/resolv.conf") {
        Ok(behind) if local => Ok(behind),
        _ => Ok(text),
    }
}

/// The proxy that the machine's own apt goes through.
fn apt_proxy() -> Option<String> {
    let text = tool::run("apt-config", &["shell", "PROXY", "Acquire::http::Proxy"]).ok()?;
    let proxy = text.trim().strip_prefix("PROXY='")?.strip_suffix('\'')?;
    (!proxy.is_empty() && !proxy.contains('"')).then(|| proxy.to_owned())
}

/// Writes a file in the place of whatever stands there, be it a link.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::write(path, text)
}

fn authorize(lab: &Path, home: &Path) -> std::io::Result<()> {
    let folder = home.join(".ssh");
    fs::create_dir_all(&folder)?;
    fs::set_permissions(&folder, Permissions::from_mode(0o700))?;
    fs::copy(public(&lab.join("id_ed25519")), folder.join("authorized_keys"))?;
    Ok(())
}

fn set_password(root: &Path, user: &str, password: &str) -> Result<(), LabError> {
    let mut chpasswd = tool::command("chroot");
    chpasswd.arg(root).arg("/usr/sbin/chpasswd");
    tool::finish(chpasswd, Some(format!("{user}:{password}\n").as_bytes()))?;
    Ok(())
}

fn chroot(root: &Path, words: &[&str]) -> Result<(), LabError> {
    let mut command = tool::command("chroot");
    command.arg(root).args(words);
    tool::finish(command, None)?;
    Ok(())
}
