//! A lab's network: a bridge, a subnet that nothing else on the machine uses, and the way out.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::tool::{self, Context as _};
use super::{LABS, LabError};

const FORWARDING: &str = "/proc/sys/net/ipv4/ip_forward";

/// The bridge `mplabN` with the subnet 10.201.N.0/24.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Network {
    number: u8,
}

impl Network {
    /// Takes the first free number and brings its network up. Its record goes to `path` before anything is made,
    /// so that a killed lab can be cleaned up.
    pub(super) fn create(path: &Path) -> Result<Self, LabError> {
        let routes = tool::run("ip", &["-4", "route", "show", "table", "all"])?;
        let taken = |number: u8| {
            routes
                .split_whitespace()
                .any(|word| word.starts_with(&format!("10.201.{number}.")))
        };
        for number in 0..=254 {
            let network = Self { number };
            if taken(number) || Path::new("/sys/class/net").join(network.bridge()).exists() {
                continue;
            }
            let record = serde_json::to_vec(&network).context(|| "writing the network's record".into())?;
            fs::write(path, record).context(|| format!("writing {}", path.display()))?;
            network.up()?;
            return Ok(network);
        }
        Err(LabError(
            "no free subnet for a lab: all of 10.201.0.0/16 is in use; `mailprov lab list` shows labs that could go"
                .into(),
        ))
    }

    pub(super) fn load(path: &Path) -> Result<Self, LabError> {
        let text = fs::read(path).context(|| format!("reading {}", path.display()))?;
        serde_json::from_slice(&text).context(|| format!("reading {}", path.display()))
    }

    pub(super) fn bridge(&self) -> String {
        format!("mplab{}", self.number)
    }

    fn table(&self) -> String {
        format!("mailprov_lab{}", self.number)
    }

    pub(super) fn gateway(&self) -> Ipv4Addr {
        self.address(1)
    }

    /// The address of the host with this number in the subnet.
    pub(super) fn address(&self, host: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 201, self.number, host)
    }

    /// Makes what is missing of the network.
    pub(super) fn up(&self) -> Result<(), LabError> {
        let bridge = self.bridge();
        if !Path::new("/sys/class/net").join(&bridge).exists() {
            tool::run("ip", &["link", "add", &bridge, "type", "bridge"])?;
            let address = format!("{}/24", self.gateway());
            tool::run("ip", &["address", "add", &address, "dev", &bridge])?;
            tool::run("ip", &["link", "set", &bridge, "up"])?;
        }
        let (table, subnet) = (self.table(), format!("10.201.{}.0/24", self.number));
        // Declared, deleted, defined: the same rules however often this runs.
        let rules = format!(
            "table ip {table} {{}}\n\
             delete table ip {table}\n\
             table ip {table} {{\n\
               chain postrouting {{\n\
                 type nat hook postrouting priority srcnat; policy accept;\n\
                 ip saddr {subnet} ip daddr != {subnet} masquerade\n\
               }}\n\
             }}\n"
        );
        let mut nft = tool::command("nft");
        nft.args(["-f", "-"]);
        tool::finish(nft, Some(rules.as_bytes()))?;
        enable_forwarding()
    }

    /// Removes the network; parts of it may be gone.
    pub(super) fn down(&self) -> Result<(), LabError> {
        let _ = tool::run("nft", &["delete", "table", "ip", &self.table()]);
        let bridge = self.bridge();
        if Path::new("/sys/class/net").join(&bridge).exists() {
            tool::run("ip", &["link", "delete", &bridge])?;
        }
        Ok(())
    }
}

fn marker() -> std::path::PathBuf {
    Path::new(LABS).join(".forwarding-was-off")
}

fn enable_forwarding() -> Result<(), LabError> {
    let state = fs::read_to_string(FORWARDING).context(|| format!("reading {FORWARDING}"))?;
    if state.trim() == "0" {
        fs::write(marker(), "").context(|| "noting that forwarding was off".into())?;
        fs::write(FORWARDING, "1").context(|| format!("writing {FORWARDING}"))?;
    }
    Ok(())
}

/// Puts forwarding back when the last lab is gone. Somebody else's bridge is a sign that it is needed by now.
pub(super) fn restore_forwarding() -> Result<(), LabError> {
    if !marker().exists() {
        return Ok(());
    }
    let bridges = tool::run("ip", &["-o", "link", "show", "type", "bridge"])?;
    if bridges.trim().is_empty() {
        fs::write(FORWARDING, "0").context(|| format!("writing {FORWARDING}"))?;
    }
    fs::remove_file(marker()).context(|| "removing the note on forwarding".into())
}
