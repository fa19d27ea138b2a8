//! Plain scalars by the core schema of YAML 1.2.2, §10.3.2.

use super::NodeValue;

/// A number that the schema calls a number and that doesn't fit.
#[derive(Debug, PartialEq, Eq)]
pub struct TooLarge;

/// What an unquoted scalar means.
pub fn resolve(text: &str) -> Result<NodeValue, TooLarge> {
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => NodeValue::Null,
        "true" | "True" | "TRUE" => NodeValue::Bool(true),
        "false" | "False" | "FALSE" => NodeValue::Bool(false),
        _ => match number(text)? {
            Some(number) => number,
            None => NodeValue::Text {
                text: text.to_owned(),
                quoted: false,
            },
        },
    })
}

fn number(text: &str) -> Result<Option<NodeValue>, TooLarge> {
    let radix = |digits: &str, radix: u32| {
        if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
            return Ok(None);
        }
        i64::from_str_radix(digits, radix)
            .map(|n| Some(NodeValue::Int(n)))
            .map_err(|_| TooLarge)
    };
    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return radix(digits, 8);
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !unsigned.is_empty() && unsigned.bytes().all(|b| b.is_ascii_digit()) {
        return text
            .parse()
            .map(|n| Some(NodeValue::Int(n)))
            .map_err(|_| TooLarge);
    }
    // `f64::from_str` also knows words such as `infinity`, which are texts here.
    let looks_like_one = unsigned.bytes().any(|b| b.is_ascii_digit())
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
    match text.parse::<f64>() {
        Ok(value) if looks_like_one => {
            if value.is_finite() {
                Ok(Some(NodeValue::Float(value)))
            } else {
                Err(TooLarge)
            }
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> NodeValue {
        NodeValue::Text {
            text: text.to_owned(),
            quoted: false,
        }
    }

    #[test]
    fn core_schema() {
        for (written, value) in [
            ("", NodeValue::Null),
            ("~", NodeValue::Null),
            ("true", NodeValue::Bool(true)),
            ("yes", text("yes")),
            ("off", text("off")),
            ("12", NodeValue::Int(12)),
            ("-12", NodeValue::Int(-12)),
            ("0644", NodeValue::Int(644)),
            ("0o644", NodeValue::Int(0o644)),
            ("0x1F", NodeValue::Int(31)),
            ("0x", text("0x")),
            ("1.50", NodeValue::Float(1.5)),
            (".5", NodeValue::Float(0.5)),
            ("1e3", NodeValue::Float(1000.0)),
            ("192.0.2.1", text("192.0.2.1")),
            ("infinity", text("infinity")),
            ("nan", text("nan")),
            ("-", text("-")),
            ("12:30:45", text("12:30:45")),
            ("1_000", text("1_000")),
            ("25M", text("25M")),
        ] {
            assert_eq!(resolve(written), Ok(value), "{written}");
        }
        assert_eq!(resolve("9223372036854775808"), Err(TooLarge));
        assert_eq!(resolve("0x10000000000000000"), Err(TooLarge));
        assert_eq!(resolve("1e999"), Err(TooLarge));
    }
}
