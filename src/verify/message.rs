//! A message that can be told from all others.

use std::sync::atomic::{AtomicU32, Ordering};

use super::{Trouble, While as _};

/// A message with a body whose every byte should arrive.
#[derive(Debug, Clone)]
pub(super) struct Message {
    /// In its subject, and nowhere else in the world.
    pub(super) token: String,
    pub(super) body: String,
    pub(super) from: String,
    pub(super) to: String,
    /// What is sent after DATA, before transparency.
    pub(super) bytes: Vec<u8>,
}

impl Message {
    pub(super) fn new(from: &str, to: &str) -> Result<Self, Trouble> {
        // Lines that begin with dots must survive SMTP's transparency.
        Self::with_body(
            from,
            to,
            "a line\r\n.a dot\r\n..two dots\r\n \r\nthe last line\r\n".to_owned(),
        )
    }

    /// A message of about `size` bytes.
    pub(super) fn sized(from: &str, to: &str, size: u64) -> Result<Self, Trouble> {
        let line = "0123456789 0123456789 0123456789 0123456789 0123456789 0123456789\r\n";
        let lines = usize::try_from(size).doing("a message's size")? / line.len();
        Self::with_body(from, to, line.repeat(lines))
    }

    fn with_body(from: &str, to: &str, body: String) -> Result<Self, Trouble> {
        let token = token();
        // The header's sender needs a domain also where the envelope's is an address literal.
        let author = if from.contains('[') {
            "visitor@outside.example"
        } else {
            from
        };
        let message = lettre::Message::builder()
            .from(author.parse().doing(author)?)
            .to(to.parse().doing(to)?)
            .subject(format!("mailprov verify {token}"))
            .message_id(Some(format!("<{token}@verify.example>")))
            .body(body.clone())
            .doing("composing a message")?;
        Ok(Self {
            token,
            body,
            from: from.to_owned(),
            to: to.to_owned(),
            bytes: message.formatted(),
        })
    }
}

/// A word that no other run and no other message has.
pub(super) fn token() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let now = jiff::Timestamp::now().as_microsecond();
    format!("t{now:x}p{:x}n{count:x}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_messages_share_a_token_and_the_body_is_sent_as_it_is() {
        let a = Message::new("a@example.org", "b@example.org").unwrap();
        let b = Message::new("a@example.org", "b@example.org").unwrap();
        assert_ne!(a.token, b.token);
        let text = String::from_utf8(a.bytes).unwrap();
        assert!(text.ends_with(&a.body), "{text}");
        assert!(!text.contains(&b.token));
    }
}
