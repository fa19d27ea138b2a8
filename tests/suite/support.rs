//! What tests of real hosts share: a lab that cleans up after itself, and inventories made on the spot.
//!
//! ```ignore
//! let host = support::boot("motd");
//! let site = Site::new()
//!     .role("motd", "summary: A greeting.\nsteps:\n  - id: motd\n    file: {path: /etc/motd, content: hello}\n")
//!     .host(&host, &["motd"], "");
//! site.mailprov(&["apply", "--check"]).exits(4);
//! site.mailprov(&["apply"]).exits(0);
//! assert_eq!(host.sh("cat /etc/motd"), "hello");
//! ```

pub mod browser;
mod command;
pub mod direct;
mod hosts;
pub mod machine;
pub mod provider;
mod site;
pub mod terminal;
mod until;

#[allow(unused_imports)]
pub use command::Run;
#[allow(unused_imports)]
pub use hosts::{Shared, TestHost, boot, boot_all, lab, place};
#[allow(unused_imports)]
pub use site::Site;
#[allow(unused_imports)]
pub use until::until;
