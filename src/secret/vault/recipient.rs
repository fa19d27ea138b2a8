//! Recipients: the public halves of keys, and the short form of them that entries are labelled with.

use age::ssh::ParseRecipientKeyError;
use base64::Engine as _;
use sha2::Digest as _;

use super::identity::Ask;

/// A recipient that age can encrypt for.
pub enum Recipient {
    X25519(age::x25519::Recipient),
    Ssh(age::ssh::Recipient),
    /// Needs the program `age-plugin-NAME`, but only to encrypt.
    Plugin(age::plugin::Recipient),
}

/// Reads a recipient; the error says what is wrong with it.
pub fn parse(text: &str) -> Result<Recipient, String> {
    let text = text.trim();
    if is_ssh(text) {
        return match text.parse::<age::ssh::Recipient>() {
            Ok(recipient) => Ok(Recipient::Ssh(recipient)),
            Err(ParseRecipientKeyError::RsaModulusTooSmall) => {
                Err("this RSA key is shorter than 2048 bits".to_owned())
            }
            Err(ParseRecipientKeyError::RsaModulusTooLarge) => {
                Err("this RSA key is longer than age supports".to_owned())
            }
            Err(ParseRecipientKeyError::Unsupported(kind)) => {
                Err(format!("age can't encrypt for SSH keys of the type {kind}"))
            }
            Err(_) => Err("this is no valid SSH public key".to_owned()),
        };
    }
    if let Ok(recipient) = text.parse() {
        return Ok(Recipient::X25519(recipient));
    }
    text.parse()
        .map(Recipient::Plugin)
        .map_err(|_| format!("`{text}` is no recipient that age knows"))
}

impl Recipient {
    /// Ready to encrypt.
    ///
    /// # Errors
    /// The plugin that the recipient belongs to is not installed.
    pub fn into_age(self) -> Result<Box<dyn age::Recipient>, String> {
        Ok(match self {
            Self::X25519(recipient) => Box::new(recipient),
            Self::Ssh(recipient) => Box::new(recipient),
            Self::Plugin(recipient) => {
                let name = recipient.plugin().to_owned();
                let plugin = age::plugin::RecipientPluginV1::new(&name, &[recipient], &[], Ask::default());
                Box::new(plugin.map_err(|_| missing_plugin(&format!("age-plugin-{name}")))?)
            }
        })
    }
}

/// What to say of a plugin that is not there.
pub fn missing_plugin(binary: &str) -> String {
    format!("the program `{binary}` is not installed\n  help: install it, and have it in the PATH")
}

fn is_ssh(text: &str) -> bool {
    ["ssh-", "ecdsa-", "sk-"]
        .iter()
        .any(|prefix| text.starts_with(prefix))
}

/// The bytes of an SSH public key, which its fingerprint and age's tag are made from.
fn ssh_bytes(text: &str) -> Option<Vec<u8>> {
    let key = text.split_whitespace().nth(1)?;
    base64::engine::general_purpose::STANDARD.decode(key).ok()
}

/// The recipient as an entry's `for:` has it: an age recipient itself; of an SSH key the type, the fingerprint as
/// `ssh-keygen -l` prints it, and the comment.
pub fn label(text: &str) -> String {
    let text = text.trim();
    match ssh_bytes(text).filter(|_| is_ssh(text)) {
        None => text.to_owned(),
        Some(bytes) => {
            let digest = base64::engine::general_purpose::STANDARD_NO_PAD.encode(sha2::Sha256::digest(bytes));
            let kind = text.split_whitespace().next().unwrap_or_default();
            let comment = text.split_whitespace().skip(2).collect::<Vec<_>>().join(" ");
            format!("{kind} SHA256:{digest} {comment}").trim_end().to_owned()
        }
    }
}

/// How age marks what it encrypted for the SSH key of a label: the first four bytes of the key's SHA-256, which its
/// fingerprint begins with, in base64.
pub fn tag(label: &str) -> Option<String> {
    let fingerprint = label.split_whitespace().nth(1)?.strip_prefix("SHA256:")?;
    let bytes = base64::engine::general_purpose::STANDARD_NO_PAD
        .decode(fingerprint)
        .ok()?;
    Some(base64::engine::general_purpose::STANDARD_NO_PAD.encode(bytes.get(..4)?))
}

/// Whether two labels are of one key, whatever their comments.
pub fn same(one: &str, other: &str) -> bool {
    let words = if is_ssh(one) { 2 } else { 1 };
    one.split_whitespace()
        .take(words)
        .eq(other.split_whitespace().take(words))
}

/// How a key is called in a message: by its comment when it has one, and never at full length.
pub fn name(text: &str) -> String {
    let label = label(text);
    let words: Vec<&str> = label.split_whitespace().collect();
    match words.as_slice() {
        [kind, fingerprint, comment @ ..] if is_ssh(kind) => match comment {
            [] => format!("{kind} {fingerprint}"),
            _ => format!("{kind} {}", comment.join(" ")),
        },
        _ => label,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = include_str!("testdata/ssh_key.pub");

    #[test]
    fn an_ssh_key_is_labelled_as_ssh_keygen_does() {
        let label = label(KEY);
        assert!(label.starts_with("ssh-ed25519 SHA256:"), "{label}");
        assert_eq!(
            label.split_whitespace().nth(1).unwrap().len(),
            "SHA256:".len() + 43
        );
        let bare: Vec<&str> = label.split_whitespace().take(2).collect();
        assert!(same(&label, &bare.join(" ")));
        assert!(!same(&label, "ssh-ed25519 SHA256:other"));
    }

    #[test]
    fn an_age_recipient_is_its_own_label() {
        let recipient = age::x25519::Identity::generate().to_public().to_string();
        assert_eq!(label(&format!(" {recipient}\n")), recipient);
        assert_eq!(name(&recipient), recipient);
    }
}
