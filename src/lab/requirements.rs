//! What a lab needs of the machine, and the installation of what is missing.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;

use super::{LabError, tool};

/// What must be there, and the Debian package that brings it.
const NEEDED: [(&str, &str); 6] = [
    ("systemd-nspawn", "systemd-container"),
    ("debootstrap", "debootstrap"),
    ("nft", "nftables"),
    ("ip", "iproute2"),
    ("ssh-keygen", "openssh-client"),
    (
        "/usr/share/keyrings/debian-archive-keyring.gpg",
        "debian-archive-keyring",
    ),
];

/// Whether packages may be installed on the operator's machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// `--yes`
    Given,
    /// Ask on the terminal, or refuse where there is none.
    Ask,
}

/// The packages that are missing.
fn missing() -> Vec<&'static str> {
    NEEDED
        .iter()
        .filter(|(what, _)| match what.starts_with('/') {
            true => !Path::new(what).exists(),
            false => tool::find(what).is_none(),
        })
        .map(|(_, package)| *package)
        .collect()
}

/// # Errors
/// Whatever keeps this machine from having a lab, and what to do about it.
pub(super) fn check() -> Result<(), LabError> {
    check_machine()?;
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    Err(LabError(format!(
        "a lab needs packages that this machine lacks; install them with\n  apt-get install {}",
        missing.join(" ")
    )))
}

fn check_machine() -> Result<(), LabError> {
    if !cfg!(target_os = "linux") {
        return Err(LabError(
            "a lab needs Linux (it boots Debian with systemd-nspawn): run this in a Debian virtual machine"
                .into(),
        ));
    }
    if !is_root() {
        return Err(LabError(
            "a lab needs root (it mounts, boots and makes a network): run the same command with sudo".into(),
        ));
    }
    Ok(())
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    // /proc/self belongs to the effective user.
    std::fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

/// Installs what is missing, if the operator agrees.
///
/// # Errors
/// No root, no Linux, no apt-get, no consent, or the installation failed.
pub fn ensure(consent: Consent) -> Result<(), LabError> {
    check_machine()?;
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    if tool::find("apt-get").is_none() {
        return Err(LabError(format!(
            "a lab needs what Debian calls {}: install it with your distribution's package manager",
            missing.join(", ")
        )));
    }
    let words = format!("apt-get install {}", missing.join(" "));
    if consent == Consent::Ask && !asked(&words) {
        return Err(LabError(format!(
            "a lab needs packages that this machine lacks; install them with\n  {words}\nor let mailprov do it with --yes"
        )));
    }
    eprintln!("installing for the lab: {}", missing.join(" "));
    let mut install = tool::command("apt-get");
    install
        .args(["-y", "--no-install-recommends", "install"])
        .args(&missing)
        .env("DEBIAN_FRONTEND", "noninteractive");
    if tool::finish(install, None).is_err() {
        // A machine that was never updated has no list of packages.
        tool::run("apt-get", &["update"])?;
        let mut again = tool::command("apt-get");
        again
            .args(["-y", "--no-install-recommends", "install"])
            .args(&missing)
            .env("DEBIAN_FRONTEND", "noninteractive");
        tool::finish(again, None)?;
    }
    check()
}

fn asked(words: &str) -> bool {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return false;
    }
    eprint!("A lab needs `{words}` on this machine. Do it now? [y/N] ");
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}
