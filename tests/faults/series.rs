//! The series, in the order in which they run.

mod change;
mod fresh;
mod trouble;

use super::wanted::{SERIES, Wanted};

/// Runs a series; whether nothing was found.
type Series = fn(&Wanted) -> bool;

/// In the order of their names.
const ALL: [Series; SERIES.len()] = [
    change::change,
    change::signals,
    change::power,
    fresh::fresh,
    trouble::trouble,
];

/// Name and series.
pub fn all() -> impl Iterator<Item = (&'static str, Series)> {
    SERIES.into_iter().zip(ALL)
}
