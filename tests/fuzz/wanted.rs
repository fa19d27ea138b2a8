//! What the command line of the fuzzer asks for. The suite reads with it the command that the book shows.

/// Of a target, when nothing is asked for.
const FEW: u64 = 300;

pub struct Wanted {
    /// All when none is named.
    pub target: Option<String>,
    /// Of each.
    pub count: u64,
    pub seed: u64,
}

impl Wanted {
    /// `None` when the words are not for it: cargo passes the filters and flags of other tests along.
    pub fn read(words: impl IntoIterator<Item = String>) -> Option<Self> {
        let mut words = words.into_iter();
        let target = words.next().unwrap_or_default();
        if target.starts_with('-') {
            return None;
        }
        Some(Self {
            target: Some(target).filter(|name| !["", "all"].contains(&name.as_str())),
            count: words
                .next()
                .map_or(FEW, |count| count.parse().expect("COUNT is a number")),
            seed: words
                .next()
                .map_or(1, |seed| seed.parse().expect("SEED is a number")),
        })
    }
}
