//! What the configuration narrows of a connection: algorithms, methods of login, addresses.

use std::net::IpAddr;

use crate::host::known_hosts::pattern::glob;

/// A list of algorithms as ssh_config(5) has them: instead of ours, or with a `+`, `-` or `^` before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Algorithms {
    how: How,
    patterns: Vec<String>,
    /// `file:line`, for messages.
    pub place: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Only,
    /// Ours are all that this program knows and has no doubts about: nothing is added.
    Add,
    Without,
    First,
}

impl Algorithms {
    /// # Errors
    /// The list names nothing.
    pub fn parse(value: &str, place: &str) -> Result<Self, String> {
        let (how, list) = match value.split_at_checked(1) {
            Some(("+", rest)) => (How::Add, rest),
            Some(("-", rest)) => (How::Without, rest),
            Some(("^", rest)) => (How::First, rest),
            _ => (How::Only, value),
        };
        let patterns: Vec<String> = list.split(',').map(str::to_owned).collect();
        if patterns.iter().any(String::is_empty) {
            return Err(format!("`{value}` names an empty algorithm"));
        }
        Ok(Self {
            how,
            patterns,
            place: place.to_owned(),
        })
    }

    fn names(&self, name: &str) -> bool {
        self.patterns
            .iter()
            .any(|pattern| glob(pattern.as_bytes(), name.as_bytes()))
    }

    /// Whether an algorithm of ours stays.
    pub fn allows(&self, name: &str) -> bool {
        match self.how {
            How::Only => self.names(name),
            How::Add | How::First => true,
            How::Without => !self.names(name),
        }
    }

    /// Those of `ours` that stay, in the order of the list where it gives one.
    pub fn choose<T: Clone>(&self, ours: &[T], name: impl Fn(&T) -> String) -> Vec<T> {
        let mut chosen: Vec<T> = Vec::new();
        if matches!(self.how, How::Only | How::First) {
            for pattern in &self.patterns {
                let fits = |one: &&T| glob(pattern.as_bytes(), name(one).as_bytes());
                for one in ours.iter().filter(fits) {
                    if !chosen.iter().any(|known| name(known) == name(one)) {
                        chosen.push(one.clone());
                    }
                }
            }
        }
        if self.how != How::Only {
            for one in ours {
                let is_there = chosen.iter().any(|known| name(known) == name(one));
                if self.allows(&name(one)) && !is_there {
                    chosen.push(one.clone());
                }
            }
        }
        chosen
    }
}

/// Which addresses a name may lead to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Family {
    #[default]
    Any,
    V4,
    V6,
}

impl Family {
    pub fn has(self, address: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
        }
    }
}

/// Everything of the sort. The default narrows nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    pub publickey: bool,
    pub password: bool,
    pub keyboard_interactive: bool,
    /// Nobody is asked anything.
    pub batch_mode: bool,
    /// Names of hosts are recorded hashed.
    pub hash_known_hosts: bool,
    pub host_keys: Option<Algorithms>,
    /// What authorities may sign host certificates with.
    pub authorities: Option<Algorithms>,
    pub public_keys: Option<Algorithms>,
    pub kex: Option<Algorithms>,
    pub ciphers: Option<Algorithms>,
    pub macs: Option<Algorithms>,
    /// Bits that an RSA key of a host must have.
    pub rsa_size: u32,
    pub family: Family,
    /// Where connections come from.
    pub bind_address: Option<IpAddr>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            publickey: true,
            password: true,
            keyboard_interactive: true,
            batch_mode: false,
            hash_known_hosts: false,
            host_keys: None,
            authorities: None,
            public_keys: None,
            kex: None,
            ciphers: None,
            macs: None,
            rsa_size: 0,
            family: Family::Any,
            bind_address: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_replace_reorder_and_take_away() {
        let ours = ["a-1", "a-2", "b-1"];
        let of = |value: &str| {
            let list = Algorithms::parse(value, "config:1").unwrap();
            list.choose(&ours, |name| (*name).to_owned())
        };
        assert_eq!(of("b-1,a-1,z"), ["b-1", "a-1"]);
        assert_eq!(of("a-*"), ["a-1", "a-2"]);
        assert_eq!(of("-a-*"), ["b-1"]);
        assert_eq!(of("^b-1"), ["b-1", "a-1", "a-2"]);
        assert_eq!(of("+z"), ours);
        assert!(of("z").is_empty());
        assert!(Algorithms::parse("a,,b", "").is_err() && Algorithms::parse("-", "").is_err());
    }
}
