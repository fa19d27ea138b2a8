//! Who runs this and where: what tokens of the file stand for on this machine.

use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

/// The operator and their machine.
#[derive(Debug, Clone)]
pub struct Operator {
    pub home: PathBuf,
    pub name: String,
    pub uid: u32,
    /// This machine's own name.
    pub machine: String,
}

impl Operator {
    /// From this process.
    ///
    /// # Errors
    /// No home folder, no name of the user.
    pub fn current() -> Result<Self, String> {
        let unknown = |error: std::io::Error| format!("this process's user is unknown: {error}");
        let uid = std::fs::metadata("/proc/self").map_err(unknown)?.uid();
        let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let listed = accounts.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
        });
        let name = listed
            .or_else(|| std::env::var("USER").ok())
            .ok_or_else(|| format!("the user with the id {uid} has no name; set USER"))?;
        let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        Ok(Self {
            home: std::env::home_dir().ok_or("there is no home folder; set HOME")?,
            name,
            uid,
            machine: machine.trim().to_owned(),
        })
    }
}
