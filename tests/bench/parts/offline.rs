//! What needs no host.

use std::path::Path;

use crate::measure::{median, processor_ms, run as run_once};
use crate::stand::Stand;
use crate::table::{Row, Target};

const RUNS: u32 = 30;

pub fn run(stand: &Stand) -> Vec<Row> {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("inventories/example/inventory.yaml");
    let example = example.to_str().unwrap();
    let cpu = |words: &[&str]| {
        let ms = processor_ms(RUNS, || stand.mailprov(words));
        Row::of(
            "no host, the full example",
            &format!("mailprov {}", words[0]),
            format!("{ms:.0} ms of CPU"),
            RUNS as usize,
            Target::at_most(ms.round(), 50.0, "ms"),
        )
    };
    let starts: Vec<f64> = (0..RUNS)
        .map(|_| run_once(&mut stand.mailprov(&["--version"])).0)
        .collect();
    let ms = median(&starts) * 1000.0;
    vec![
        cpu(&["validate", example]),
        cpu(&["render", example, "--out", "rendered"]),
        Row::of(
            "no host",
            "mailprov --version",
            format!("{ms:.1} ms"),
            RUNS as usize,
            Target::at_most((ms * 10.0).round() / 10.0, 10.0, "ms"),
        ),
    ]
}
