//! Removing labs: one's own at its end, and those whose owner was killed.

use std::fs::File;
use std::path::Path;

use super::network::{self, Network};
use super::{LABS, LabError, NETWORK, OWNER, host, tool};

/// Removes every lab whose owner is gone. The caller holds the lock of all labs.
pub(super) fn sweep() -> Result<(), LabError> {
    for folder in tool::folders_in(Path::new(LABS))? {
        let abandoned = match File::open(folder.join(OWNER)) {
            Ok(owner) => owner.try_lock().is_ok(),
            // Killed before it was anything, or a lab that stays.
            Err(_) => !folder.join(NETWORK).exists(),
        };
        if abandoned {
            remove(&folder)?;
        }
    }
    Ok(())
}

/// Removes the lab in `folder`, however much of it there is. The caller holds the lock of all labs.
pub(super) fn remove(folder: &Path) -> Result<(), LabError> {
    for host in tool::folders_in(&folder.join("hosts"))? {
        host::discard(&host)?;
    }
    if folder.join(NETWORK).exists() {
        // A record that was cut off was written before there was a network.
        if let Ok(network) = Network::load(&folder.join(NETWORK)) {
            network.down()?;
        }
    }
    tool::remove_folder(folder)?;
    if tool::folders_in(Path::new(LABS))?.is_empty() {
        network::restore_forwarding()?;
    }
    Ok(())
}
