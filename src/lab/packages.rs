//! The machine's store of downloaded packages.
//!
//! apt locks its archive folder for a whole installation, so hosts can't share one: each gets hard links to the
//! store's packages in a folder of its own before it boots, and what it downloaded is linked back afterwards.

use std::fs;
use std::path::{Path, PathBuf};

use super::tool::{Context as _, name_of};
use super::{LabError, image};

const ARCHIVES: &str = "var/cache/apt/archives";

fn store() -> PathBuf {
    Path::new(image::CACHE).join("archives")
}

/// Gives the host whose files are at `root` every package of the store.
pub(super) fn provide(root: &Path) -> Result<(), LabError> {
    link_all(&store(), &root.join(ARCHIVES))
}

/// Takes what apt has downloaded below `root` into the store.
pub(super) fn harvest(root: &Path) -> Result<(), LabError> {
    link_all(&root.join(ARCHIVES), &store())
}

fn link_all(from: &Path, to: &Path) -> Result<(), LabError> {
    let Ok(entries) = fs::read_dir(from) else {
        return Ok(());
    };
    fs::create_dir_all(to).context(|| format!("creating {}", to.display()))?;
    for entry in entries.flatten() {
        let path = entry.path();
        let target = to.join(name_of(&path));
        if path.extension().is_none_or(|extension| extension != "deb") || target.exists() {
            continue;
        }
        if fs::hard_link(&path, &target).is_err() && !target.exists() {
            // Another file system. Copied beside and renamed: half a package must not be taken for a whole one.
            let partial = to.join(format!(".{}.{}", name_of(&path), std::process::id()));
            fs::copy(&path, &partial)
                .and_then(|_| fs::rename(&partial, &target))
                .context(|| format!("copying {}", path.display()))?;
        }
    }
    Ok(())
}
