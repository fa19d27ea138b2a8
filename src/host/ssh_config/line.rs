//! One line of the file: a keyword, then words with quotes and escapes as OpenSSH splits them.

/// The keyword in lower case and the rest of the line; `None` for an empty line or a comment.
///
/// # Errors
/// A quote that is not closed, or nothing after the keyword.
pub fn split(line: &str) -> Result<Option<(String, &str)>, String> {
    let mut rest = line.trim_end_matches([' ', '\t', '\r', '\n', '\u{c}']);
    let mut keyword = delimited(&mut rest)?;
    if keyword.as_deref() == Some("") {
        keyword = delimited(&mut rest)?;
    }
    let Some(keyword) = keyword.filter(|word| !word.is_empty() && !word.starts_with('#')) else {
        return Ok(None);
    };
    let rest = rest.trim_start_matches([' ', '\t', '\r']);
    if rest.is_empty() {
        return Err(format!("`{keyword}` has no value"));
    }
    Ok(Some((keyword.to_ascii_lowercase(), rest)))
}

/// The next word, ended by white space or one `=`; double quotes keep both inside.
///
/// # Errors
/// A quote that is not closed.
pub fn delimited(rest: &mut &str) -> Result<Option<String>, String> {
    const SPACE: [char; 4] = [' ', '\t', '\r', '\n'];
    if rest.is_empty() {
        return Ok(None);
    }
    let Some(at) = rest.find([' ', '\t', '\r', '\n', '"', '=']) else {
        let word = std::mem::take(rest);
        return Ok(Some(word.to_owned()));
    };
    if rest[at..].starts_with('"') {
        // A quote inside a word: what stands before it is kept, as strdelim(3) does.
        let before = &rest[..at];
        let quoted = &rest[at + 1..];
        let Some(end) = quoted.find('"') else {
            return Err("a double quote is not closed".to_owned());
        };
        let word = format!("{before}{}", &quoted[..end]);
        *rest = quoted[end + 1..].trim_start_matches(SPACE);
        return Ok(Some(word));
    }
    let word = rest[..at].to_owned();
    let equals = rest[at..].starts_with('=');
    *rest = rest[at + 1..].trim_start_matches(SPACE);
    if !equals && let Some(after) = rest.strip_prefix('=') {
        *rest = after.trim_start_matches(SPACE);
    }
    Ok(Some(word))
}

/// The words of a value: single and double quotes, `\` before a quote, a backslash or (outside quotes) a space; a
/// word that begins with `#` ends the line.
///
/// # Errors
/// A quote that is not closed.
pub fn words(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut chars = text.chars().peekable();
    loop {
        while chars.next_if(|c| matches!(c, ' ' | '\t')).is_some() {}
        match chars.peek() {
            None | Some('#') => return Ok(words),
            Some(_) => {}
        }
        let mut word = String::new();
        let mut quote = None;
        while let Some(c) = chars.next() {
            match (c, quote) {
                ('\\', _) => {
                    let escaped = chars.next_if(|next| {
                        matches!(next, '\'' | '"' | '\\') || (quote.is_none() && *next == ' ')
                    });
                    word.push(escaped.unwrap_or('\\'));
                }
                (' ' | '\t', None) => break,
                ('"' | '\'', None) => quote = Some(c),
                (_, Some(open)) if open == c => quote = None,
                _ => word.push(c),
            }
        }
        if quote.is_some() {
            return Err("a quote is not closed".to_owned());
        }
        words.push(word);
    }
}
