//! Hashes of passwords as programs store them in a table or a file: made and verified here, never on the host.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, OnceLock, PoisonError};

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
    rounds: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Function {
    Sha512Crypt,
    Sha256Crypt,
    Bcrypt,
    /// No hash: the password as it is.
    Plain,
}

impl Function {
    fn name(self) -> &'static str {
        match self {
            Self::Sha512Crypt => "SHA512-CRYPT",
            Self::Sha256Crypt => "SHA256-CRYPT",
            Self::Bcrypt => "BLF-CRYPT",
            Self::Plain => "PLAIN",
        }
    }

    /// What may be asked for as rounds.
    fn rounds(self) -> Option<std::ops::RangeInclusive<u32>> {
        match self {
            Self::Sha512Crypt | Self::Sha256Crypt => Some(1000..=999_999_999),
            Self::Bcrypt => Some(4..=31),
            Self::Plain => None,
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
        [
            Function::Sha512Crypt,
            Function::Sha256Crypt,
            Function::Bcrypt,
            Function::Plain,
        ]
        .into_iter()
        .find(|function| function.name() == bare.unwrap_or(word))
        .map(|function| Self {
            function,
            prefixed: bare.is_some(),
            rounds: None,
        })
    }

    /// The scheme with as much work as `rounds`: rounds of crypt(5), or the exponent of bcrypt.
    ///
    /// # Errors
    /// In words: what the function takes.
    pub fn with_rounds(self, rounds: Option<u32>) -> Result<Self, String> {
        let name = self.function.name();
        match (rounds, self.function.rounds()) {
            (Some(rounds), None) => Err(format!("{name} has no rounds, found {rounds}")),
            (Some(rounds), Some(range)) if !range.contains(&rounds) => Err(format!(
                "{name} takes {} to {} rounds, found {rounds}",
                range.start(),
                range.end()
            )),
            (rounds, _) => Ok(Self { rounds, ..self }),
        }
    }

    /// Whether the password is stored as it is.
    pub fn is_plain(self) -> bool {
        self.function == Function::Plain
    }

    /// With the prefix, which tells a file's reader the scheme.
    #[must_use]
    pub fn prefixed(self) -> Self {
        Self {
            prefixed: true,
            ..self
        }
    }

    /// Why the function can't take this password, in words, if it can't.
    pub fn refuses(self, password: &Secret) -> Option<&'static str> {
        let password = password.expose();
        if password.contains('\0') {
            return Some("the password holds a NUL");
        }
        match self.function {
            // bcrypt counts the NUL at the end.
            Function::Bcrypt if password.len() > 71 => Some("BLF-CRYPT takes 71 bytes at most"),
            Function::Plain if password.contains([':', '\n', '\r']) => {
                Some("a password with a colon or a line's end can't be stored as PLAIN")
            }
            _ => None,
        }
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
            Function::Sha512Crypt => Sha512Params::new(self.rounds_or(ROUNDS))
                .and_then(|params| sha512_simple(password, &params))
                .map_err(|error| failed(format!("{error:?}")))?,
            Function::Sha256Crypt => Sha256Params::new(self.rounds_or(ROUNDS))
                .and_then(|params| sha256_simple(password, &params))
                .map_err(|error| failed(format!("{error:?}")))?,
            Function::Bcrypt => {
                let cost = self.rounds.unwrap_or(COST);
                // The mark that every reader knows: Dovecot writes it, and PHP's crypt() reads no other of today.
                bcrypt::non_truncating_hash_with_result(password, cost)
                    .map_err(|error| failed(error.to_string()))?
                    .format_for_version(bcrypt::Version::TwoY)
            }
            Function::Plain => password.to_owned(),
        };
        Ok(if self.prefixed {
            format!("{{{name}}}{hash}")
        } else {
            hash
        })
    }

    fn rounds_or(self, default: usize) -> usize {
        self.rounds
            .and_then(|rounds| usize::try_from(rounds).ok())
            .unwrap_or(default)
    }
}

/// A password that is to be stored. Hashes take their time by design, so each is made and verified once.
#[derive(Debug)]
pub struct Password {
    pub secret: Secret,
    pub scheme: Scheme,
    verified: Mutex<BTreeMap<String, bool>>,
    made: OnceLock<Option<String>>,
}

impl Password {
    pub fn new(secret: Secret, scheme: Scheme) -> Self {
        Self {
            secret,
            scheme,
            verified: Mutex::default(),
            made: OnceLock::new(),
        }
    }

    /// Whether `stored` is a hash of it, and as secret as the scheme wants it.
    pub fn is_stored_as(&self, stored: &str) -> bool {
        if self.scheme.is_plain() != stored.starts_with(PLAIN) {
            return false;
        }
        let mut verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        *verified
            .entry(stored.to_owned())
            .or_insert_with(|| verify(&self.secret, stored))
    }

    /// A hash of it. That one can be made was seen when the step was read.
    pub fn hash(&self) -> Option<String> {
        self.made
            .get_or_init(|| self.scheme.hash(&self.secret).ok())
            .clone()
    }
}

/// In front of a password that is stored as it is.
const PLAIN: &str = "{PLAIN}";

/// Whether `stored`, with or without a prefix, is a hash of `password` by any function known here.
pub fn verify(password: &Secret, stored: &str) -> bool {
    if let Some(plain) = stored.strip_prefix(PLAIN) {
        return plain == password.expose();
    }
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
        assert!(Scheme::find("CLEARTEXT").is_none());
        assert!(!Scheme::NAMES.contains(&"PLAIN"), "only on request");
    }

    #[test]
    fn rounds_are_what_the_function_takes() {
        let of = |word: &str, rounds| Scheme::find(word).unwrap().with_rounds(Some(rounds));
        let secret = Secret::new("secret");
        let sha = of("SHA512-CRYPT", 1000).unwrap().hash(&secret).unwrap();
        assert!(sha.starts_with("$6$rounds=1000$"), "{sha}");
        assert!(verify(&secret, &sha));
        let blf = of("{BLF-CRYPT}", 4).unwrap().hash(&secret).unwrap();
        assert!(blf.starts_with("{BLF-CRYPT}$2y$04$"), "{blf}");
        assert!(verify(&secret, &blf));
        assert!(!verify(&Secret::new("other"), &blf));
        for (word, rounds) in [("SHA512-CRYPT", 12), ("BLF-CRYPT", 32), ("PLAIN", 4)] {
            assert!(of(word, rounds).is_err(), "{word} {rounds}");
        }
    }

    #[test]
    fn bcrypt_takes_what_it_says_it_takes() {
        let scheme = Scheme::find("BLF-CRYPT").unwrap().with_rounds(Some(4)).unwrap();
        for length in [0, 70, 71, 72, 73, 100] {
            let secret = Secret::new("x".repeat(length));
            assert_eq!(
                scheme.refuses(&secret).is_none(),
                scheme.hash(&secret).is_ok(),
                "{length}"
            );
        }
    }

    #[test]
    fn a_plain_password_is_none_that_should_be_hashed() {
        let plain = Password::new(Secret::new("secret"), Scheme::find("{PLAIN}").unwrap());
        assert_eq!(plain.hash().unwrap(), "{PLAIN}secret");
        assert!(plain.is_stored_as("{PLAIN}secret"));
        assert!(!plain.is_stored_as("{PLAIN}other"));
        assert!(plain.scheme.refuses(&Secret::new("a:b")).is_some());
        let hashed = Password::new(
            Secret::new("secret"),
            Scheme::find("{SHA512-CRYPT}")
                .unwrap()
                .with_rounds(Some(1000))
                .unwrap(),
        );
        assert!(!hashed.is_stored_as("{PLAIN}secret"));
        let hash = hashed.hash().unwrap();
        assert!(hashed.is_stored_as(&hash) && hashed.is_stored_as(&hash));
        assert!(!plain.is_stored_as(&hash));
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
            "", "{", "{}", "$6$", "$6$$", "$2y$", "plain", "{PLAIN}y", "ü", "$6", "$2b$99$x",
        ] {
            assert!(!verify(&Secret::new("x"), stored), "{stored}");
        }
    }
}
