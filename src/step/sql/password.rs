//! Hashes of passwords as mail programs store them in a table: made and verified here, never on the host.

use std::fmt;

use sha_crypt::{Sha256Params, Sha512Params, sha256_check, sha256_simple, sha512_check, sha512_simple};

use crate::secret::Secret;

/// Rounds of crypt(5)'s sha256crypt and sha512crypt: its own default.
const ROUNDS: usize = 5000;

/// Cost of bcrypt: what PHP's `password_hash` has used since 8.4.
const COST: u32 = 12;

/// How a password is stored: `SHA512-CRYPT` for the bare hash, `{SHA512-CRYPT}` with Dovecot's prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scheme {
    function: Function,
    prefixed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Function {
    Sha512Crypt,
    Sha256Crypt,
    Bcrypt,
}

impl Function {
    fn name(self) -> &'static str {
        match self {
            Self::Sha512Crypt => "SHA512-CRYPT",
            Self::Sha256Crypt => "SHA256-CRYPT",
            Self::Bcrypt => "BLF-CRYPT",
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.function.name();
        if self.prefixed {
            write!(f, "{{{name}}}")
        } else {
            f.write_str(name)
        }
    }
}

impl Scheme {
    pub const NAMES: &'static [&'static str] = &[
        "SHA512-CRYPT",
        "SHA256-CRYPT",
        "BLF-CRYPT",
        "{SHA512-CRYPT}",
        "{SHA256-CRYPT}",
        "{BLF-CRYPT}",
    ];

    /// The scheme that Dovecot calls `word`, with braces when the prefix is to be stored.
    pub fn find(word: &str) -> Option<Self> {
        let bare = word.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        [Function::Sha512Crypt, Function::Sha256Crypt, Function::Bcrypt]
            .into_iter()
            .find(|function| function.name() == bare.unwrap_or(word))
            .map(|function| Self {
                function,
                prefixed: bare.is_some(),
            })
    }

    /// A new hash of `password` with a random salt.
    ///
    /// # Errors
    /// In words: bcrypt can't hash more than 72 bytes.
    pub fn hash(self, password: &Secret) -> Result<String, String> {
        let password = password.expose();
        let name = self.function.name();
        let failed = |error: String| format!("{name} can't hash this password: {error}");
        let hash = match self.function {
            Function::Sha512Crypt => Sha512Params::new(ROUNDS)
                .and_then(|params| sha512_simple(password, &params))
                .map_err(|error| failed(format!("{error:?}")))?,
            Function::Sha256Crypt => Sha256Params::new(ROUNDS)
                .and_then(|params| sha256_simple(password, &params))
                .map_err(|error| failed(format!("{error:?}")))?,
            Function::Bcrypt => {
                bcrypt::non_truncating_hash(password, COST).map_err(|error| failed(error.to_string()))?
            }
        };
        Ok(if self.prefixed {
            format!("{{{name}}}{hash}")
        } else {
            hash
        })
    }
}

/// Whether `stored`, with or without a prefix, is a hash of `password` by any function known here.
pub fn verify(password: &Secret, stored: &str) -> bool {
    let hash = match stored.split_once('}') {
        Some((prefix, hash)) if prefix.starts_with('{') => hash,
        _ => stored,
    };
    let password = password.expose();
    match hash.get(..3) {
        Some("$6$") => sha512_check(password, hash).is_ok(),
        Some("$5$") => sha256_check(password, hash).is_ok(),
        Some("$2a" | "$2b" | "$2x" | "$2y") => bcrypt::verify(password, hash).unwrap_or(false),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scheme_verifies_what_it_made_and_nothing_else() {
        let (right, wrong) = (Secret::new("hunter2 ü"), Secret::new("hunter3"));
        for word in ["SHA512-CRYPT", "{SHA256-CRYPT}"] {
            let scheme = Scheme::find(word).unwrap();
            assert_eq!(scheme.to_string(), word);
            let hash = scheme.hash(&right).unwrap();
            assert_eq!(hash.starts_with('{'), word.starts_with('{'));
            assert!(verify(&right, &hash));
            assert!(!verify(&wrong, &hash));
            assert_ne!(hash, scheme.hash(&right).unwrap(), "the salt is random");
        }
        assert!(Scheme::NAMES.iter().all(|name| Scheme::find(name).is_some()));
        assert!(Scheme::find("PLAIN").is_none());
    }

    #[test]
    fn hashes_of_other_programs_verify() {
        // openssl passwd -6 -salt abcdefgh secret
        let secret = Secret::new("secret");
        let openssl = "$6$abcdefgh$ltjgWl6579NluT/Vi1nwEvcil.G5Nbc4NiXZaNGStk8PSwGfQv72N2CKPPrVACtLtip/cZ/1GM/O6IND4WQhG.";
        assert!(verify(&secret, openssl));
        assert!(verify(&secret, &format!("{{SHA512-CRYPT}}{openssl}")));
        assert!(verify(
            &secret,
            "$5$abcdefgh$gruCpC7VkOTspMQTTSAR8mtlO9Upms.fwqE5y16JVM."
        ));
        // A vector of bcrypt's own distribution, cost 5.
        let bcrypt = "{BLF-CRYPT}$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
        assert!(verify(&Secret::new("U*U"), bcrypt));
        assert!(!verify(&Secret::new("U*V"), bcrypt));
    }

    #[test]
    fn garbage_is_no_hash_of_anything() {
        for stored in [
            "", "{", "{}", "$6$", "$6$$", "$2y$", "plain", "{PLAIN}x", "ü", "$6", "$2b$99$x",
        ] {
            assert!(!verify(&Secret::new("x"), stored), "{stored}");
        }
    }
}
