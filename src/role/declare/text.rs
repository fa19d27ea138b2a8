//! The forms of names, addresses and sizes. An error's second line is what to do.

/// Bytes of `25M`, `1G`, `512`: powers of 1024.
pub fn size(text: &str) -> Result<i64, String> {
    let wrong =
        || format!("expected a size, like 25M, found `{text}`\nunits are K, M, G, T (powers of 1024)");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text[digits.len()..].to_ascii_uppercase();
    let shift = match unit.as_str() {
        "" | "B" => 0,
        "K" | "KB" | "KIB" => 10,
        "M" | "MB" | "MIB" => 20,
        "G" | "GB" | "GIB" => 30,
        "T" | "TB" | "TIB" => 40,
        _ => return Err(wrong()),
    };
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(wrong());
    }
    let number: i64 = digits.parse().map_err(|_| wrong())?;
    number
        .checked_mul(1 << shift)
        .ok_or_else(|| format!("`{text}` is more than a size can be"))
}

/// RFC 1123: labels of letters, digits and hyphens.
pub fn domain(text: &str) -> Result<(), String> {
    let found = |why: &str| format!("expected a domain, like example.org, found `{text}`: {why}");
    if !text.is_ascii() {
        return Err(match idna::domain_to_ascii(text) {
            Ok(ascii) => {
                format!("the domain `{text}` is not ASCII\nmail programs know it as `{ascii}`: write that")
            }
            Err(_) => found("it is no name that DNS could hold"),
        });
    }
    if text.is_empty() || text.len() > 253 {
        return Err(found("a name has 1 to 253 characters"));
    }
    if text.ends_with('.') {
        return Err(found("leave the dot at the end away"));
    }
    for label in text.split('.') {
        if label.is_empty() || label.len() > 63 {
            return Err(found("between two dots stand 1 to 63 characters"));
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Err(found("a part must not begin or end with a hyphen"));
        }
        if !label.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-') {
            return Err(found("it has letters, digits, hyphens and dots only"));
        }
    }
    if text.parse::<std::net::Ipv4Addr>().is_ok() {
        return Err(found("that is an address"));
    }
    Ok(())
}

/// A full host name: a domain with a dot in it.
pub fn hostname(text: &str) -> Result<(), String> {
    domain(text).map_err(|why| {
        why.replace(
            "expected a domain, like example.org",
            "expected a full host name, like mx.example.org",
        )
    })?;
    if text.contains('.') {
        Ok(())
    } else {
        Err(format!(
            "expected a full host name, like mx.example.org, found `{text}`: it has no domain"
        ))
    }
}

/// `local@domain` with a dot-atom as its local part (RFC 5321, without quoted ones).
pub fn email(text: &str) -> Result<(), String> {
    let found = |why: &str| format!("expected an address, like post@example.org, found `{text}`: {why}");
    let Some((local, host)) = text.rsplit_once('@') else {
        return Err(found("it has no `@`"));
    };
    if local.is_empty() || local.len() > 64 {
        return Err(found("before the `@` stand 1 to 64 characters"));
    }
    let atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+/=?^_`{|}~-.".contains(c);
    if !local.chars().all(atom) || local.starts_with('.') || local.ends_with('.') || local.contains("..") {
        return Err(found(
            "the part before the `@` has a character that it can't have there",
        ));
    }
    domain(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_powers_of_1024() {
        assert_eq!(size("0"), Ok(0));
        assert_eq!(size("25M"), Ok(25 * 1024 * 1024));
        assert_eq!(size("1g"), Ok(1 << 30));
        assert_eq!(size("2KiB"), Ok(2048));
        for text in ["", "M", "25 M", "-1M", "1.5G", "25X", "99999999999999T"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn domains_are_what_dns_can_hold() {
        for text in [
            "example.org",
            "localhost",
            "xn--mnchen-3ya.de",
            "1and1.com",
            "A.Example",
        ] {
            assert_eq!(domain(text), Ok(()), "{text}");
        }
        let long = "a".repeat(64);
        for text in [
            "",
            ".",
            "a..b",
            "-a.de",
            "a-.de",
            "a_b.de",
            "a b.de",
            "example.org.",
            "1.2.3.4",
            &long,
        ] {
            assert!(domain(text).is_err(), "{text}");
        }
        assert!(domain("münchen.de").unwrap_err().contains("xn--mnchen-3ya.de"));
    }

    #[test]
    fn host_names_are_full() {
        assert!(hostname("mx.example.org").is_ok());
        assert!(hostname("mx").is_err());
        assert!(hostname("mx_1.example.org").unwrap_err().contains("host name"));
    }

    #[test]
    fn addresses_have_one_plain_local_part() {
        for text in ["post@example.org", "a.b+c@example.org", "o'neil@x.org"] {
            assert_eq!(email(text), Ok(()), "{text}");
        }
        for text in [
            "post",
            "@x.org",
            "a@",
            "a..b@x.org",
            ".a@x.org",
            "a b@x.org",
            "ä@x.org",
            "a@b@c.org",
        ] {
            assert!(email(text).is_err(), "{text}");
        }
    }
}
