//! Commands as values: words are quoted when rendered, and data travels on the shell's standard input.
//!
//! A script is sent to the root shell, which reads it from its standard input; a word handed to a builtin
//! (`printf`) therefore never stands in any process's arguments. Words handed to programs do: secrets go only
//! through [`Script::data`].

use base64::Engine as _;

/// Longer texts are sent in base64: a shell reads a quoted word byte by byte.
const LONGEST_PLAIN: usize = 64 << 10;

/// A fragment of POSIX `sh`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Script(String);

impl std::fmt::Debug for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A script may carry a secret.
        write!(f, "Script({} bytes)", self.0.len())
    }
}

impl Script {
    pub fn new() -> Self {
        Self::default()
    }

    /// Shell code of ours: a constant, so that no value can be pasted into it.
    #[must_use]
    pub fn code(mut self, code: &'static str) -> Self {
        self.0.push_str(code);
        self
    }

    /// Shell code that a role's author wrote (`unless`, `validate`): run as it stands.
    #[must_use]
    pub fn authored(mut self, code: &str) -> Self {
        self.0.push_str(code);
        self
    }

    /// One quoted word, after a space.
    #[must_use]
    pub fn word(mut self, word: &str) -> Self {
        self.0.push(' ');
        self.0.push_str(&quote(word));
        self
    }

    /// Quoted words, each after a space.
    #[must_use]
    pub fn words<S: AsRef<str>>(self, words: impl IntoIterator<Item = S>) -> Self {
        words
            .into_iter()
            .fold(self, |script, word| script.word(word.as_ref()))
    }

    /// A command of quoted words on a line of its own. No secrets here: words are arguments.
    #[must_use]
    pub fn command<S: AsRef<str>>(mut self, words: impl IntoIterator<Item = S>) -> Self {
        for (i, word) in words.into_iter().enumerate() {
            if i > 0 {
                self.0.push(' ');
            }
            self.0.push_str(&quote(word.as_ref()));
        }
        self.0.push('\n');
        self
    }

    /// `printf` of `bytes`, to be piped or redirected: `.data(b).code(" > \"$tmp\"\n")`. The builtin keeps them
    /// out of every process's arguments. Plain text costs no process, all else goes through base64.
    #[must_use]
    pub fn data(mut self, bytes: &[u8]) -> Self {
        let plain = |byte: &u8| matches!(byte, b' '..=b'~' | b'\n' | b'\t');
        if let Ok(text) = std::str::from_utf8(bytes)
            && bytes.len() <= LONGEST_PLAIN
            && bytes.iter().all(plain)
        {
            self.0.push_str("printf %s");
            return self.word(text);
        }
        self.0.push_str("printf %s '");
        base64::engine::general_purpose::STANDARD.encode_string(bytes, &mut self.0);
        self.0.push_str("' | base64 -d");
        self
    }

    #[must_use]
    pub fn then(mut self, other: &Script) -> Self {
        if !self.0.is_empty() && !self.0.ends_with('\n') {
            self.0.push('\n');
        }
        self.0.push_str(&other.0);
        self
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// `word` as one word of `sh`, whatever is in it. A NUL can't be said in a shell and is refused where values
/// enter (see `yaml`).
pub fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_the_shell() {
        for word in [
            "", "a b", "it's", "$(id)", "`id`", "-n", "a\nb", "\\", "*", "ü", "\"", "~", "a=b",
        ] {
            let script = Script::new().code("printf %s").word(word);
            let output = std::process::Command::new("sh")
                .arg("-c")
                .arg(script.as_str())
                .output()
                .unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), word);
        }
    }

    #[test]
    fn data_arrives_byte_for_byte() {
        let all: Vec<u8> = (0..=255).collect();
        let plain = b"-n it's \\n \"$(id)\" %s `id`\n\n\tEND\n\n".to_vec();
        let long = vec![b'a'; LONGEST_PLAIN + 1];
        for bytes in [all, plain, Vec::new(), b"\n".to_vec(), long] {
            let script = Script::new().data(&bytes);
            let output = std::process::Command::new("sh")
                .stdin(std::process::Stdio::null())
                .arg("-c")
                .arg(script.as_str())
                .output()
                .unwrap();
            assert_eq!(output.stdout, bytes);
        }
    }
}
