//! PostgreSQL's password verifier, SCRAM-SHA-256 (RFC 5802, RFC 7677): made and checked here, so that the password
//! itself never reaches the host.

use std::fmt;
use std::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac, pbkdf2};

use crate::secret::Secret;

/// The server's own default; RFC 7677's least.
const ITERATIONS: u32 = 4096;

/// `SCRAM-SHA-256$ITERATIONS:SALT$STORED-KEY:SERVER-KEY`
pub struct Verifier {
    iterations: NonZeroU32,
    salt: Vec<u8>,
    stored_key: Vec<u8>,
    server_key: Vec<u8>,
}

impl Verifier {
    /// Of `password`, with a random salt. Without randomness, which a Linux always has, the salt is not random but
    /// the verifier is still right.
    pub fn new(password: &Secret) -> Self {
        let mut salt = [0; 16];
        // A salt that is not random only makes equal passwords look equal.
        let _ = getrandom::fill(&mut salt);
        Self::of(
            password,
            &salt,
            NonZeroU32::new(ITERATIONS).unwrap_or(NonZeroU32::MIN),
        )
    }

    fn of(password: &Secret, salt: &[u8], iterations: NonZeroU32) -> Self {
        // As clients do: what can't be normalised is taken as it is.
        let password = stringprep::saslprep(password.expose())
            .map_or_else(|_| password.expose().to_owned(), std::borrow::Cow::into_owned);
        let mut salted = [0; digest::SHA256_OUTPUT_LEN];
        pbkdf2::derive(
            pbkdf2::PBKDF2_HMAC_SHA256,
            iterations,
            salt,
            password.as_bytes(),
            &mut salted,
        );
        let key = hmac::Key::new(hmac::HMAC_SHA256, &salted);
        let client_key = hmac::sign(&key, b"Client Key");
        Self {
            iterations,
            salt: salt.to_vec(),
            stored_key: digest::digest(&digest::SHA256, client_key.as_ref())
                .as_ref()
                .to_vec(),
            server_key: hmac::sign(&key, b"Server Key").as_ref().to_vec(),
        }
    }

    /// `None`: some other kind of verifier.
    pub fn read(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("SCRAM-SHA-256$")?;
        let (parameters, keys) = rest.split_once('$')?;
        let (iterations, salt) = parameters.split_once(':')?;
        let (stored_key, server_key) = keys.split_once(':')?;
        Some(Self {
            iterations: iterations.parse().ok()?,
            salt: STANDARD.decode(salt).ok()?,
            stored_key: STANDARD.decode(stored_key).ok()?,
            server_key: STANDARD.decode(server_key).ok()?,
        })
    }

    pub fn is_of(&self, password: &Secret) -> bool {
        // The host may be hostile: a number of its choice is no reason to count for hours.
        if self.iterations.get() > 1_000_000 {
            return false;
        }
        let right = Self::of(password, &self.salt, self.iterations);
        right.stored_key == self.stored_key && right.server_key == self.server_key
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "SCRAM-SHA-256${}:{}${}:{}",
            self.iterations,
            STANDARD.encode(&self.salt),
            STANDARD.encode(&self.stored_key),
            STANDARD.encode(&self.server_key)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verifier_of_the_rfc_s_own_example() {
        // RFC 7677, section 3: user `user`, password `pencil`; keys as PostgreSQL derives them from it.
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let made = Verifier::of(&Secret::new("pencil"), &salt, NonZeroU32::new(4096).unwrap());
        assert_eq!(
            made.to_string(),
            "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:\
             wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
        );
    }

    #[test]
    fn a_verifier_is_of_its_password_and_of_no_other() {
        for password in ["hunter2", "ü \" ' \\", "", "\u{a0}non-breaking", "\u{7}bell"] {
            let secret = Secret::new(password);
            let text = Verifier::new(&secret).to_string();
            let read = Verifier::read(&text).unwrap();
            assert!(read.is_of(&secret), "{password:?}");
            assert!(!read.is_of(&Secret::new("another")), "{password:?}");
            assert_ne!(text, Verifier::new(&secret).to_string(), "the salt is random");
        }
    }

    #[test]
    fn garbage_is_no_verifier() {
        for text in [
            "",
            "md5abc",
            "SCRAM-SHA-256$",
            "SCRAM-SHA-256$0:AA==$AA==:AA==",
            "SCRAM-SHA-256$x:?$?:?",
        ] {
            assert!(Verifier::read(text).is_none(), "{text}");
        }
    }
}
