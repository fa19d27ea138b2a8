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

use std::process::ExitCode;

/// What the command line asks for.
pub struct Wanted {
    /// Points of each series; its own number when not given.
    pub points: Option<usize>,
    /// Only this point, or the trouble of this name.
    pub only: Option<String>,
    /// Only points or troubles with these numbers: a series can be taken up again, or shared by two processes.
    pub ranges: Option<Vec<(usize, usize)>>,
}

impl Wanted {
    /// The point of this number, which may have a name too.
    fn has(&self, index: usize, name: Option<&str>) -> bool {
        let only = self.only.as_ref();
        let ranges = self.ranges.as_ref();
        only.is_none_or(|only| Some(only.as_str()) == name || *only == index.to_string())
            && ranges.is_none_or(|ranges| {
                ranges
                    .iter()
                    .any(|(first, last)| (first..=last).contains(&&index))
            })
    }
}

/// `20-39` or `4-8,12-14`.
fn ranges(text: &str) -> Option<Vec<(usize, usize)>> {
    let ends = |range: &str| {
        let (first, last) = range.split_once('-')?;
        Some((first.parse().ok()?, last.parse().ok()?))
    };
    text.split(',').map(ends).collect()
}

const USAGE: &str = "usage: cargo test --test faults -- [SERIES]... [--points N] [--only POINT] \
     [--range FIRST-LAST[,FIRST-LAST]...]";

fn main() -> ExitCode {
    let mut wanted = Wanted {
        points: None,
        only: None,
        ranges: None,
    };
    let mut names = Vec::new();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--points" => wanted.points = words.next().and_then(|number| number.parse().ok()),
            "--only" => wanted.only = words.next(),
            "--range" => {
                let range = words.next().unwrap_or_default();
                wanted.ranges = ranges(&range);
                if wanted.ranges.is_none() {
                    eprintln!("{USAGE}\n`{range}` is no range: 20-39 is one");
                    return ExitCode::from(2);
                }
            }
            name if series::ALL.iter().any(|(known, _)| *known == name) => names.push(word),
            _ => {
                let known: Vec<&str> = series::ALL.iter().map(|(name, _)| *name).collect();
                eprintln!("{USAGE}\nseries: {}", known.join(", "));
                return ExitCode::from(2);
            }
        }
    }
    let mut well = true;
    for (name, series) in series::ALL {
        if names.is_empty() || names.iter().any(|wanted| wanted == name) {
            well &= series(&wanted);
        }
    }
    if well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
