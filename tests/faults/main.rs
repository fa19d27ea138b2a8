//! Breaks runs on real lab hosts, then applies again:
//! `cargo test --test faults -- [SERIES]… [--points N] [--only POINT] [--range FIRST-LAST[,FIRST-LAST]…]`.
//!
//! Not a part of `cargo test`: a series takes minutes to hours. `tests/suite/faults.rs` has a few of the points.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[allow(dead_code)]
mod kit {
    pub mod after;
    pub mod attempt;
    pub mod fresh;
    pub mod point;
    pub mod reader;
    pub mod relay;
    pub mod sender;
    pub mod server;
    pub mod trouble;
}
mod report;
mod series;
/// The example, and what must work of it.
#[allow(dead_code)]
#[path = "../suite/server"]
mod server {
    pub mod example;
    pub mod mail;
}
/// The suite's own tools, without those that this has no use for.
#[allow(dead_code)]
#[path = "../suite/support"]
mod support {
    mod command;
    mod hosts;
    mod site;
    mod until;

    pub use command::Run;
    pub use hosts::{TestHost, boot_all};
    pub use site::Site;
    pub use until::until;
}
mod wanted;

use std::process::ExitCode;

pub use wanted::Wanted;

fn main() -> ExitCode {
    let wanted = match Wanted::read(std::env::args().skip(1)) {
        Ok(wanted) => wanted,
        Err(usage) => {
            eprintln!("{usage}");
            return ExitCode::from(2);
        }
    };
    let mut well = true;
    for (name, series) in series::all() {
        if wanted.series.is_empty() || wanted.series.iter().any(|wanted| wanted == name) {
            well &= series(&wanted);
        }
    }
    if well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
