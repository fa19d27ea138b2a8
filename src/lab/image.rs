//! Base images: a Debian made once by debootstrap, the lowest layer of every host.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::tool::{self, Context as _};
use super::{LabError, packages};

/// Where images stay between labs.
pub(super) const CACHE: &str = "/var/cache/mailprov/lab";
/// Goes up when the recipe below changes, so that old images are not taken for new ones.
const VERSION: u32 = 1;
const MIRROR: &str = "http://deb.debian.org/debian";
/// What a provider's image has; no Python, since a fresh host may have none.
const PACKAGES: &str =
    "systemd,systemd-sysv,dbus,openssh-server,iproute2,ca-certificates,sudo,libpam-systemd";

/// A release of Debian that a lab host can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Release {
    /// Debian 12
    Bookworm,
    /// Debian 13
    Trixie,
}

impl Release {
    pub fn codename(self) -> &'static str {
        match self {
            Self::Bookworm => "bookworm",
            Self::Trixie => "trixie",
        }
    }

    fn number(self) -> u32 {
        match self {
            Self::Bookworm => 12,
            Self::Trixie => 13,
        }
    }
}

/// The folder of the release's image, built if need be. Whoever comes second waits for the first.
pub(super) fn ensure(release: Release, progress: &dyn Fn(&str)) -> Result<PathBuf, LabError> {
    let name = format!("debian-{}-{VERSION}", release.number());
    let image = Path::new(CACHE).join(&name);
    if image.exists() {
        return Ok(image);
    }
    fs::create_dir_all(CACHE).context(|| format!("creating {CACHE}"))?;
    let lock = File::create(Path::new(CACHE).join(format!(".{name}.lock")))
        .context(|| format!("creating the lock of {name}"))?;
    lock.lock().context(|| format!("waiting for the image {name}"))?;
    if image.exists() {
        return Ok(image);
    }
    progress(&format!(
        "building the image {name}: once per machine, a minute or two"
    ));
    // A build that was killed leaves this folder, never one that has an image's name.
    let building = Path::new(CACHE).join(format!(".{name}.building"));
    tool::remove_folder(&building)?;
    build(release, &building)?;
    fs::rename(&building, &image).context(|| format!("naming {}", image.display()))?;
    Ok(image)
}

fn build(release: Release, folder: &Path) -> Result<(), LabError> {
    let target = folder.to_string_lossy();
    tool::run(
        "debootstrap",
        &[
            "--variant=minbase",
            &format!("--include={PACKAGES}"),
            release.codename(),
            &target,
            MIRROR,
        ],
    )
    .map_err(|error| {
        let log = fs::read_to_string(folder.join("debootstrap/debootstrap.log")).unwrap_or_default();
        LabError(format!("{error}\n{}", tool::tail(&log, 5)))
    })?;
    packages::harvest(folder)?;
    furnish(folder).context(|| format!("preparing {}", folder.display()))
}

/// What is the same for all hosts of the image: no identity, no lists, and a network that comes up by itself.
fn furnish(folder: &Path) -> std::io::Result<()> {
    let etc = folder.join("etc");
    for entry in fs::read_dir(etc.join("ssh"))? {
        let path = entry?.path();
        if tool::name_of(&path).starts_with("ssh_host_") {
            fs::remove_file(path)?;
        }
    }
    // Empty, not absent: absent would make it a first boot that enables every preset unit.
    fs::write(etc.join("machine-id"), "")?;
    for emptied in ["var/lib/apt/lists", "var/cache/apt/archives"] {
        for entry in fs::read_dir(folder.join(emptied))? {
            let path = entry?.path();
            if path.is_file() {
                fs::remove_file(path)?;
            }
        }
    }
    let wants = etc.join("systemd/system/multi-user.target.wants");
    fs::create_dir_all(&wants)?;
    symlink(
        "/usr/lib/systemd/system/systemd-networkd.service",
        wants.join("systemd-networkd.service"),
    )
    .or_else(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Ok(()),
        _ => Err(error),
    })
}
