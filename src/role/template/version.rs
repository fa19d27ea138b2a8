//! Versions as dpkg compares them (deb-version(7)).

use std::cmp::Ordering;

/// Compares two versions, `[epoch:]upstream[-revision]`.
pub fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (Parts::of(a), Parts::of(b));
    a.epoch
        .cmp(&b.epoch)
        .then_with(|| part(a.upstream, b.upstream))
        .then_with(|| part(a.revision, b.revision))
}

/// Whether `found` is `wanted` or newer. The epoch counts only when `wanted` has one: people write `2.4` for
/// Debian's `1:2.4.1`.
pub fn at_least(found: &str, wanted: &str) -> bool {
    let found = if wanted.contains(':') {
        found
    } else {
        found.split_once(':').map_or(found, |(_, rest)| rest)
    };
    compare(found, wanted) != Ordering::Less
}

/// The program's own version: without epoch, revision, and what Debian adds when it repacks (`+dfsg1`).
pub fn upstream(version: &str) -> &str {
    let upstream = Parts::of(version).upstream;
    let end = ["+dfsg", "+ds", "+repack", "+really"]
        .iter()
        .filter_map(|suffix| upstream.find(suffix))
        .min();
    end.map_or(upstream, |end| &upstream[..end])
}

struct Parts<'a> {
    epoch: u64,
    upstream: &'a str,
    revision: &'a str,
}

impl<'a> Parts<'a> {
    fn of(version: &'a str) -> Self {
        let (epoch, rest) = match version.split_once(':') {
            Some((epoch, rest)) => (epoch.parse().unwrap_or(0), rest),
            None => (0, version),
        };
        let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
        Self {
            epoch,
            upstream,
            revision,
        }
    }
}

/// dpkg's order of characters: `~` before the end, the end before letters, letters before everything else.
fn weight(c: Option<char>) -> i64 {
    match c {
        Some('~') => -1,
        None => 0,
        Some(c) if c.is_ascii_digit() => 0,
        Some(c) if c.is_ascii_alphabetic() => i64::from(u32::from(c)),
        Some(c) => i64::from(u32::from(c)) + 256,
    }
}

/// Parts without digits by [`weight`], then numbers by value, in turns.
fn part(mut a: &str, mut b: &str) -> Ordering {
    while !a.is_empty() || !b.is_empty() {
        let text = |s: &str| s.find(|c: char| c.is_ascii_digit()).unwrap_or(s.len());
        let ((ta, ra), (tb, rb)) = (a.split_at(text(a)), b.split_at(text(b)));
        let (mut ca, mut cb) = (ta.chars(), tb.chars());
        loop {
            let (x, y) = (ca.next(), cb.next());
            if x.is_none() && y.is_none() {
                break;
            }
            match weight(x).cmp(&weight(y)) {
                Ordering::Equal => {}
                unequal => return unequal,
            }
        }
        let number = |s: &str| s.find(|c: char| !c.is_ascii_digit()).unwrap_or(s.len());
        let ((na, rest_a), (nb, rest_b)) = (ra.split_at(number(ra)), rb.split_at(number(rb)));
        let (na, nb) = (na.trim_start_matches('0'), nb.trim_start_matches('0'));
        match na.len().cmp(&nb.len()).then_with(|| na.cmp(nb)) {
            Ordering::Equal => {}
            unequal => return unequal,
        }
        (a, b) = (rest_a, rest_b);
    }
    Ordering::Equal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_dpkg_compares_them() {
        let ascending = [
            ["1.0~rc1", "1.0"],
            ["1.0~~", "1.0~"],
            ["1.0", "1.0-1"],
            ["1.0-1", "1.0-1+b1"],
            ["1.0-1~deb12u1", "1.0-1"],
            ["1.9", "1.10"],
            ["2.3.21.1+dfsg1-1", "2.4.1+dfsg1-6"],
            ["9.9", "1:0.1"],
            ["1.0", "1.0+dfsg"],
            ["1.0a", "1.0+"],
            ["3.7.11-0+deb12u1", "3.10.1-1"],
        ];
        for [older, newer] in ascending {
            assert_eq!(compare(older, newer), Ordering::Less, "{older} {newer}");
            assert_eq!(compare(newer, older), Ordering::Greater, "{newer} {older}");
        }
        assert_eq!(compare("1.01", "1.1"), Ordering::Equal);
    }

    #[test]
    fn an_epoch_counts_when_it_is_asked_for() {
        assert!(at_least("1:2.4.1+dfsg1-6+deb13u2", "2.4"));
        assert!(at_least("1:2.4.1+dfsg1-6", "2.4.1"));
        assert!(!at_least("1:2.3.19.1+dfsg1-2.1", "2.4"));
        assert!(!at_least("1:2.4.1-1", "2:1"));
        assert!(!at_least("2.4~beta1-1", "2.4"));
    }

    #[test]
    fn the_programs_own_version_is_bare() {
        assert_eq!(upstream("1:2.4.1+dfsg1-6+deb13u2"), "2.4.1");
        assert_eq!(upstream("3.10.4-1"), "3.10.4");
        assert_eq!(upstream("2.4.1"), "2.4.1");
    }
}
