//! Recording a host key that was accepted.

use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use russh::keys::PublicKey;
use sha1::Sha1;

use super::{KnownHosts, Verdict, host_name};
use crate::host::HostError;

/// Appends the key of a host, under its name or the `hashed` one, unless another run has done so meanwhile. The file
/// is made for the user alone.
///
/// # Errors
/// The file can't be written, or another key was recorded meanwhile.
pub fn append(file: &Path, address: &str, port: u16, key: &PublicKey, hashed: bool) -> Result<(), HostError> {
    let failed = |error: std::io::Error| {
        HostError::HostKey(format!(
            "{address}: the host key can't be recorded in {}: {error}",
            file.display()
        ))
    };
    if let Some(folder) = file.parent() {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(failed)?;
    }
    let mut opened = std::fs::OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(file)
        .map_err(failed)?;
    // Two hosts may be recorded at the same time: looking and writing are one step.
    opened.lock().map_err(failed)?;
    match KnownHosts::read(&[file.to_owned()], address, port)?.judge(key) {
        Verdict::Match => return Ok(()),
        Verdict::Unknown => {}
        _ => {
            return Err(HostError::HostKey(format!(
                "{address}: another key of this host was recorded in {} just now; run the command again",
                file.display()
            )));
        }
    }
    let mut line = String::new();
    if opened.seek(std::io::SeekFrom::End(-1)).is_ok() {
        let mut last = [0];
        opened.read_exact(&mut last).map_err(failed)?;
        if last != *b"\n" {
            line.push('\n');
        }
    }
    let mut bare = key.clone();
    bare.set_comment("");
    let text = bare
        .to_openssh()
        .map_err(|error| failed(std::io::Error::other(error)))?;
    let mut name = host_name(address, port);
    if hashed {
        name = hash(&name).map_err(failed)?;
    }
    line.push_str(&format!("{name} {}\n", text.trim_end()));
    opened.write_all(line.as_bytes()).map_err(failed)
}

/// `|1|SALT|HASH`: a name as `ssh-keygen -H` writes it.
fn hash(name: &str) -> std::io::Result<String> {
    let mut salt = [0; 20];
    getrandom::fill(&mut salt).map_err(std::io::Error::other)?;
    let mac = Hmac::<Sha1>::new_from_slice(&salt).map_err(std::io::Error::other)?;
    let digest = mac.chain_update(name).finalize().into_bytes();
    Ok(format!(
        "|1|{}|{}",
        STANDARD.encode(salt),
        STANDARD.encode(digest)
    ))
}
