//! Passwords that no person chose.

use super::{Secret, vault::SecretError};

/// Letters and digits alone, so that a value needs no quoting in SQL, shells and configuration files; without
/// those that look alike (`0O`, `1lI`), because some are typed from a screen.
const ALPHABET: &[u8] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// Characters: 57 possible ones each make 24 worth 139 bits.
const LENGTH: usize = 24;

/// A new password from the kernel's random numbers.
///
/// # Errors
/// The kernel has none to give.
pub fn password() -> Result<Secret, SecretError> {
    // Above the largest multiple of the alphabet's length the remainder would favour its beginning.
    let limit = 256 - 256 % ALPHABET.len();
    let mut value = zeroize::Zeroizing::new(String::with_capacity(LENGTH));
    let mut bytes = zeroize::Zeroizing::new([0_u8; 64]);
    while value.len() < LENGTH {
        getrandom::fill(bytes.as_mut_slice())
            .map_err(|error| SecretError(format!("can't make up a password: {error}")))?;
        let fair = bytes
            .iter()
            .map(|byte| usize::from(*byte))
            .filter(|byte| *byte < limit);
        for byte in fair.take(LENGTH - value.len()) {
            value.push(char::from(ALPHABET[byte % ALPHABET.len()]));
        }
    }
    Ok(Secret::new(value.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_long_plain_and_differ() {
        let (one, other) = (password().unwrap(), password().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.expose().len(), LENGTH);
        assert!(one.expose().bytes().all(|byte| ALPHABET.contains(&byte)));
    }

    #[test]
    fn every_character_occurs() {
        let many: String = (0..200)
            .map(|_| password().unwrap().expose().to_owned())
            .collect();
        assert!(ALPHABET.iter().all(|byte| many.as_bytes().contains(byte)));
    }
}
