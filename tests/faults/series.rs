//! The series, in the order in which they run.

mod change;
mod trouble;

use super::Wanted;

/// Name → the series; whether nothing was found.
pub const ALL: [(&str, fn(&Wanted) -> bool); 4] = [
    ("change", change::change),
    ("signals", change::signals),
    ("power", change::power),
    ("trouble", trouble::trouble),
];
