//! Whether a `Host` or `Match` block applies.

use super::line::delimited;
use crate::host::known_hosts::pattern::{glob, listed};

/// What blocks are compared with.
pub struct Subject<'a> {
    /// As it was asked for.
    pub original: &'a str,
    /// With `HostName`, as far as it has been read.
    pub host: String,
    /// With `User`, as far as it has been read.
    pub user: &'a str,
    pub local_user: &'a str,
}

/// `Host`: any pattern, unless a negated one matches.
///
/// # Errors
/// An empty pattern.
pub fn host(words: &[String], original: &str) -> Result<bool, String> {
    if words.is_empty() || words.iter().any(String::is_empty) {
        return Err("`Host` has an empty pattern".to_owned());
    }
    let mut found = false;
    for word in words {
        match word.strip_prefix('!') {
            Some(negated) if glob(negated.as_bytes(), original.as_bytes()) => return Ok(false),
            Some(_) => {}
            None => found |= glob(word.as_bytes(), original.as_bytes()),
        }
    }
    Ok(found)
}

/// `Match`: every criterion. `live`: the block may apply at all, so that every criterion must be one that can be
/// judged.
///
/// # Errors
/// A criterion that is unknown, or that can't be judged and decides.
pub fn criteria(mut rest: &str, subject: &Subject<'_>, live: bool) -> Result<bool, String> {
    let mut result = live;
    let mut count = 0;
    while let Some(word) = delimited(&mut rest)?.filter(|word| !word.is_empty() && !word.starts_with('#')) {
        count += 1;
        let (negated, name) = match word.strip_prefix('!') {
            Some(name) => (true, name.to_ascii_lowercase()),
            None => (false, word.to_ascii_lowercase()),
        };
        match name.as_str() {
            "all" => {
                let alone = count == 1 && (rest.is_empty() || rest.starts_with('#'));
                if !alone {
                    return Err("`all` stands alone after `Match`".to_owned());
                }
                return Ok(live && !negated);
            }
            "canonical" | "final" => {
                if result {
                    return Err(format!("`Match {name}` is not supported: the file is read once"));
                }
                continue;
            }
            _ => {}
        }
        let value = delimited(&mut rest)?.filter(|value| !value.is_empty() && !value.starts_with('#'));
        let Some(value) = value else {
            return Err(format!("`Match {name}` has no value"));
        };
        let holds = match name.as_str() {
            "host" => listed(value.split(','), &subject.host.to_lowercase()),
            "originalhost" => listed(value.split(','), &subject.original.to_lowercase()),
            // Names of users are compared as they are.
            "user" => exactly(&value, subject.user),
            "localuser" => exactly(&value, subject.local_user),
            "exec" if result => {
                return Err("`Match exec` is not supported: commands of this file are never run; use `Match host` or \
                            `Match user`"
                    .to_owned());
            }
            "localnetwork" | "tagged" | "command" | "sessiontype" | "version" if result => {
                return Err(format!(
                    "`Match {name}` is not supported; use `Match host` or `Match user`"
                ));
            }
            "exec" | "localnetwork" | "tagged" | "command" | "sessiontype" | "version" => false,
            _ => {
                return Err(format!(
                    "`{name}` is no criterion of `Match`; expected host, originalhost, user, localuser or all"
                ));
            }
        };
        result &= holds != negated;
    }
    if count == 0 {
        return Err("`Match` has no criterion".to_owned());
    }
    Ok(result)
}

fn exactly(patterns: &str, text: &str) -> bool {
    let mut found = false;
    for pattern in patterns.split(',') {
        match pattern.strip_prefix('!') {
            Some(negated) if glob(negated.as_bytes(), text.as_bytes()) => return false,
            Some(_) => {}
            None => found |= glob(pattern.as_bytes(), text.as_bytes()),
        }
    }
    found
}
