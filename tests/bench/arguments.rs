//! The command line of the bench. The suite reads with it the command that the book shows.

use std::path::PathBuf;

/// Measure mailprov beside its peers and the floor, on lab hosts of this machine
#[derive(Debug, clap::Parser)]
#[command(name = "bench")]
pub struct Args {
    /// Yes: use this machine, install what a lab lacks, fetch the peers from PyPI
    #[arg(long)]
    pub yes: bool,
    /// Rounds of mailprov and the floor; the peers, which are slow, have fewer
    #[arg(long, default_value_t = 11)]
    pub rounds: usize,
    /// Rounds of `fresh`: a whole mail server each, twice
    #[arg(long, default_value_t = 1)]
    pub fresh_rounds: usize,
    /// Leave Ansible and pyinfra out
    #[arg(long)]
    pub no_peers: bool,
    /// How many hosts `fleet` has
    #[arg(long, default_value_t = 20)]
    pub hosts: usize,
    /// Another build of mailprov to measure
    #[arg(long, default_value = env!("CARGO_BIN_EXE_mailprov"))]
    pub program: PathBuf,
    /// Where the peers' virtual environment is kept
    #[arg(long, default_value = "/var/cache/mailprov/bench")]
    pub cache: PathBuf,
    /// All when none is named
    #[arg(value_enum)]
    pub parts: Vec<Part>,
    /// What `cargo test` hands to every target
    #[arg(long, hide = true)]
    pub bench: bool,
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
    pub const ALL: [Self; 7] = [
        Self::Offline,
        Self::Small,
        Self::Far,
        Self::Drifted,
        Self::Large,
        Self::Fleet,
        Self::Fresh,
    ];
}
