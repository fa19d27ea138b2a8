//! The series, in the order in which they run.

mod change;
mod fresh;
mod trouble;

use super::Wanted;

/// Name → the series; whether nothing was found.
pub const ALL: [(&str, fn(&Wanted) -> bool); 5] = [
    ("change", change::change),
    ("signals", change::signals),
    ("power", change::power),
    ("fresh", fresh::fresh),
    ("trouble", trouble::trouble),
];
