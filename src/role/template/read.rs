//! Texts to templates and expressions.

use minijinja::{Environment, Error, ErrorKind, Expression, Template};

/// How many words, strings and signs one expression may have: three times as many as the longest of the built-in roles.
/// minijinja goes through what it has read recursively, and a chain like `a*a*a` nests by one level every other sign.
const MOST: usize = 500;

/// Reads a template that has no name.
///
/// # Errors
/// A mistake in its syntax; an expression that is too long.
pub(in crate::role) fn template<'e>(
    environment: &'e Environment<'_>,
    text: &'e str,
) -> Result<Template<'e, 'e>, Error> {
    check(text)?;
    environment.template_from_str(text)
}

/// Reads an expression.
///
/// # Errors
/// A mistake in its syntax; its length.
pub(in crate::role) fn expression<'e>(
    environment: &'e Environment<'_>,
    text: &'e str,
) -> Result<Expression<'e, 'e>, Error> {
    let (_, parts) = measure(text, None);
    fits(parts)?;
    environment.compile_expression(text)
}

/// # Errors
/// An expression of the template that is too long.
pub(super) fn check(text: &str) -> Result<(), Error> {
    let mut rest = text;
    while let Some(start) = ["{{", "{%", "{#"].iter().filter_map(|open| rest.find(open)).min() {
        let tag = &rest[start..];
        if tag.starts_with("{#") {
            rest = tag.split_once("#}").map_or("", |(_, after)| after);
            continue;
        }
        let (length, parts) = measure(tag, Some(if tag.starts_with("{{") { "}}" } else { "%}" }));
        fits(parts)?;
        rest = &tag[length..];
    }
    Ok(())
}

fn fits(parts: usize) -> Result<(), Error> {
    if parts <= MOST {
        return Ok(());
    }
    let said = format!("an expression of {parts} words and signs is too long; {MOST} are allowed");
    Err(Error::new(ErrorKind::SyntaxError, said))
}

/// Up to where an expression goes that ends with `closing` or with the text, and of how many words, strings and signs
/// it is. A string may have anything in it.
fn measure(text: &str, closing: Option<&str>) -> (usize, usize) {
    let bytes = text.as_bytes();
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii();
    let (mut at, mut parts, mut depth) = (0, 0, 0_usize);
    // Past the tag's own opening.
    if closing.is_some() {
        at = 2;
    }
    while let Some(&byte) = bytes.get(at) {
        match byte {
            // Two maps may end at once.
            _ if depth == 0 && closing.is_some_and(|closing| bytes[at..].starts_with(closing.as_bytes())) => {
                return (at + 2, parts);
            }
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        let begun = at;
        at += 1;
        if matches!(byte, b'"' | b'\'') {
            while bytes.get(at).is_some_and(|next| *next != byte) {
                at += if bytes[at] == b'\\' { 2 } else { 1 };
            }
            at += 1;
        } else if is_word(byte) {
            while bytes.get(at).is_some_and(|next| is_word(*next)) {
                at += 1;
            }
        }
        parts += usize::from(!bytes[begun].is_ascii_whitespace());
    }
    (bytes.len(), parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_does_not_nest_too_deep() {
        let environment = Environment::new();
        for (before, part) in [
            ("a", "*a"),
            ("a", "|e"),
            ("a", ".a"),
            ("", "-"),
            ("", "not "),
            ("a", " and a"),
        ] {
            let chain = |parts: usize| {
                let (_, each) = measure(part, None);
                format!("{before}{}a", part.repeat(parts / each))
            };
            let longest = chain(MOST - 2);
            if let Ok(read) = expression(&environment, &longest) {
                read.undeclared_variables(true);
            }
            let text = format!("{{{{ {} }}}}", chain(MOST - 4));
            if let Ok(read) = template(&environment, &text) {
                read.undeclared_variables(true);
            }
            let said = expression(&environment, &chain(MOST + 2))
                .err()
                .map(|error| error.to_string());
            assert!(said.unwrap().contains("too long"));
        }
    }

    #[test]
    fn braces_in_a_string_hide_nothing() {
        let long = "*a".repeat(MOST);
        for text in [
            format!("x {{{{ '}}}}'{long} }}}} y"),
            format!("{{% if \"%}}\\\" %}}\"{long} %}}{{% endif %}}"),
            format!("{{{{ a }}}} {{{{ a{long}"),
            format!("{{{{ {{'a': {{'b': 1}}}}{long} }}}}"),
        ] {
            assert!(check(&text).is_err(), "{text}");
        }
        let comment = format!("{{# it's {{{{ never #}}{}", "a ".repeat(2 * MOST));
        assert!(check(&comment).is_ok());
        let many = "{{ a }} {% if b %}c{% endif %}".repeat(MOST);
        assert!(check(&many).is_ok());
    }
}
