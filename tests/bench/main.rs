//! Speed, side by side: mailprov, ansible-core, pyinfra, and a hand-written script (the floor), in one run.
//!
//! Asked for by name only: `cargo test --release --test bench -- --yes`. See `book/src/speed.md`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod arguments;
mod generate;
mod measure;
mod parts;
mod peers;
mod relay;
mod stand;
mod table;
mod work;

use arguments::{Args, Part};
use clap::Parser as _;

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
