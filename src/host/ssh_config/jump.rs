//! `ProxyJump`: hosts on the way, `[user@]host[:port]` or `ssh://…`, separated by commas.

/// A host on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jump {
    pub user: Option<String>,
    pub host: String,
    pub port: Option<u16>,
    /// `file:line` that asks for it.
    pub place: String,
}

/// The hosts in the order of the connection; none for `none`.
///
/// # Errors
/// What is wrong with the value.
pub fn parse(value: &str) -> Result<Vec<Jump>, String> {
    if value.eq_ignore_ascii_case("none") {
        return Ok(Vec::new());
    }
    value.split(',').map(hop).collect()
}

fn hop(text: &str) -> Result<Jump, String> {
    let wrong = |why: &str| format!("`{text}` is no host to jump over: {why}; expected [USER@]HOST[:PORT]");
    let rest = match text.split_at_checked(6) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("ssh://") => {
            let rest = rest.strip_suffix('/').unwrap_or(rest);
            if rest.contains('/') {
                return Err(wrong("a path"));
            }
            rest
        }
        _ => text,
    };
    let (user, rest) = match rest.rsplit_once('@') {
        Some(("", _)) => return Err(wrong("no user before the `@`")),
        Some((user, rest)) => (Some(user.to_owned()), rest),
        None => (None, rest),
    };
    let (host, port) = if let Some(rest) = rest.strip_prefix('[') {
        let (host, after) = rest.split_once(']').ok_or_else(|| wrong("`]` is missing"))?;
        match after.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if after.is_empty() => (host, None),
            None => return Err(wrong("something stands after the `]`")),
        }
    } else {
        match rest.split_once(':') {
            Some((host, port)) if !port.contains(':') => (host, Some(port)),
            Some(_) => return Err(wrong("an IPv6 address needs brackets")),
            None => (rest, None),
        }
    };
    if host.is_empty() {
        return Err(wrong("no name"));
    }
    // A leading dash could be taken for an option by whoever sees the name next.
    if host.starts_with('-') || user.as_ref().is_some_and(|user| user.starts_with('-')) {
        return Err(wrong("a name can't begin with `-`"));
    }
    if host
        .chars()
        .any(|c| c.is_whitespace() || c.is_control() || "'`\"$\\;&<>|(){},".contains(c))
    {
        return Err(wrong("a character that no name has"));
    }
    let port = match port {
        None => None,
        Some(port) => {
            let number = port.parse().ok().filter(|number| *number != 0);
            Some(number.ok_or_else(|| wrong("the port is no number from 1 to 65535"))?)
        }
    };
    Ok(Jump {
        user,
        host: host.to_owned(),
        port,
        place: String::new(),
    })
}
