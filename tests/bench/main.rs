//! Speed, side by side: mailprov, ansible-core, pyinfra, and a hand-written script (the floor), in one run.
//!
//! Asked for by name only: `cargo test --release --test bench -- --yes`. See `book/src/speed.md`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod generate;
mod measure;
mod parts;
mod peers;
mod relay;
mod stand;
mod table;
mod work;

use std::path::PathBuf;

use clap::Parser as _;

/// Measure mailprov beside its peers and the floor, on lab hosts of this machine
#[derive(Debug, clap::Parser)]
#[command(name = "bench")]
pub struct Args {
    /// Yes: use this machine, install what a lab lacks, fetch the peers from PyPI
    #[arg(long)]
    yes: bool,
    /// Rounds of mailprov and the floor; the peers, which are slow, have fewer
    #[arg(long, default_value_t = 11)]
    rounds: usize,
    /// Rounds of `fresh`: a whole mail server each, twice
    #[arg(long, default_value_t = 1)]
    fresh_rounds: usize,
    /// Leave Ansible and pyinfra out
    #[arg(long)]
    no_peers: bool,
    /// How many hosts `fleet` has
    #[arg(long, default_value_t = 20)]
    hosts: usize,
    /// Another build of mailprov to measure
    #[arg(long, default_value = env!("CARGO_BIN_EXE_mailprov"))]
    program: PathBuf,
    /// Where the peers' virtual environment is kept
    #[arg(long, default_value = "/var/cache/mailprov/bench")]
    cache: PathBuf,
    /// All when none is named
    #[arg(value_enum)]
    parts: Vec<Part>,
    /// What `cargo test` hands to every target
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// 63 steps, converged
    Small,
    /// 400 steps, converged
    Large,
    /// 63 steps, all 40 files edited
    Drifted,
    /// 63 steps, converged, 50 ms away in each direction
    Far,
    /// Twenty hosts at once, converged
    Fleet,
    /// A bare host to a full mail server
    Fresh,
    /// No host at all: validate, render, start
    Offline,
}

impl Part {
    /// The cheap ones first, so that an interrupted run has said much.
    const ALL: [Self; 7] = [
        Self::Offline,
        Self::Small,
        Self::Far,
        Self::Drifted,
        Self::Large,
        Self::Fleet,
        Self::Fresh,
    ];
}

fn main() {
    let args = Args::parse();
    if !args.yes {
        println!(
            "This boots lab hosts, installs packages on them and, for the peers, fetches ansible-core and pyinfra \
             from PyPI. Say --yes, and read book/src/speed.md."
        );
        return;
    }
    if cfg!(debug_assertions) {
        println!("This is a debug build: its figures say nothing. Use `cargo test --release --test bench`.");
    }
    let wanted = |part: Part| args.parts.is_empty() || args.parts.contains(&part);
    let mut stand = stand::Stand::new(&args);
    println!("{}", table::heading());
    for part in Part::ALL.into_iter().filter(|part| wanted(*part)) {
        for row in parts::run(part, &args, &mut stand) {
            println!("{}", row.markdown());
        }
    }
    println!("\n{}", table::machine());
}
