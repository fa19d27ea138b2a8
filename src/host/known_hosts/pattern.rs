//! Matching a host's name against the first field of a known_hosts line.

use hmac::{Hmac, KeyInit as _, Mac as _};
use russh::keys::ssh_key::known_hosts::HostPatterns;
use sha1::Sha1;

/// Whether `host` (lower case, `[name]:port` for ports other than 22) is meant. A negated pattern that matches
/// overrules all others.
pub fn matches(patterns: &HostPatterns, host: &str) -> bool {
    match patterns {
        HostPatterns::HashedName { salt, hash } => Hmac::<Sha1>::new_from_slice(salt)
            .is_ok_and(|mac| mac.chain_update(host).verify_slice(hash).is_ok()),
        HostPatterns::Patterns(patterns) => listed(patterns.iter().map(String::as_str), host),
    }
}

/// Whether a pattern of the list matches `text`, which is in lower case. A negated pattern that matches overrules
/// all others.
pub fn listed<'a>(patterns: impl Iterator<Item = &'a str>, text: &str) -> bool {
    let mut found = false;
    for pattern in patterns {
        let pattern = pattern.to_lowercase();
        match pattern.strip_prefix('!') {
            Some(negated) if glob(negated.as_bytes(), text.as_bytes()) => return false,
            Some(_) => {}
            None => found |= glob(pattern.as_bytes(), text.as_bytes()),
        }
    }
    found
}

/// `*` and `?` as in ssh_config(5); nothing else is special. Linear: goes back to the last star only.
pub fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == b'?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, text, expected) in [
            ("*", "mx1", true),
            ("*.example.org", "mx1.example.org", true),
            ("*.example.org", "example.org", false),
            ("mx?.example.org", "mx1.example.org", true),
            ("mx?.example.org", "mx.example.org", false),
            ("[mx1]:*", "[mx1]:2222", true),
            ("m*x*1", "mxxax1", true),
            ("", "mx1", false),
            ("a*a*a*a*a*a*a*b", &"a".repeat(200), false),
        ] {
            assert_eq!(
                glob(pattern.as_bytes(), text.as_bytes()),
                expected,
                "{pattern} {text}"
            );
        }
    }
}
