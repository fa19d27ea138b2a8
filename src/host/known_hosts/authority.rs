//! Host certificates: `@cert-authority` lines, and whether one of them vouches for what a host shows.

use russh::keys::ssh_key::certificate::CertType;
use russh::keys::{Algorithm, Certificate, HashAlg, PublicKey};

use super::KnownHosts;

/// What the files say of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Vouched {
    Yes,
    /// No authority of this host has signed it: the key alone counts.
    Unsigned,
    /// The authority at this `file:line` has signed it, but it is not valid: why.
    Invalid(String, String),
    /// The authority's key, or the host's, is revoked at this `file:line`.
    Revoked(String),
}

/// A certificate authority for the host.
#[derive(Debug)]
pub struct Authority {
    pub place: String,
    /// `None`: of a type that can't be read.
    pub key: Option<PublicKey>,
}

impl KnownHosts {
    /// Whether an authority of the host vouches for `certificate` being that of `host`, a name without a port, at
    /// `now` (seconds since 1970). As OpenSSH has it (PROTOCOL.certkeys), and stricter: a certificate for any host
    /// whatever (without principals) is none.
    pub fn vouched(&self, certificate: &Certificate, host: &str, now: u64) -> Vouched {
        let signer = certificate.signature_key();
        for key in [signer, certificate.public_key()] {
            if let Some(place) = self.revoked(key) {
                return Vouched::Revoked(place);
            }
        }
        let authority = self
            .authorities
            .iter()
            .find(|authority| authority.key.as_ref().is_some_and(|key| key.key_data() == signer));
        let Some(authority) = authority else {
            return Vouched::Unsigned;
        };
        let invalid = |why: &str| Vouched::Invalid(authority.place.clone(), why.to_owned());
        if certificate.cert_type() != CertType::Host {
            return invalid("it is the certificate of a user, not of a host");
        }
        if matches!(
            certificate.signature().algorithm(),
            Algorithm::Rsa { hash: None } | Algorithm::Dsa
        ) {
            return invalid("it is signed with SHA-1");
        }
        if certificate.valid_after() > now {
            return invalid("it is not valid yet");
        }
        if certificate.valid_before() <= now {
            return invalid("it has expired");
        }
        if certificate
            .validate_at(now, [&signer.fingerprint(HashAlg::Sha256)])
            .is_err()
        {
            return invalid("its signature is wrong");
        }
        if certificate.critical_options().iter().next().is_some() {
            return invalid("it has critical options, which no host certificate has");
        }
        let names = certificate.valid_principals();
        // Names, not patterns: as OpenSSH compares them.
        if !names.iter().any(|name| name.eq_ignore_ascii_case(host)) {
            return Vouched::Invalid(
                authority.place.clone(),
                format!(
                    "it is for {}, not for {host}",
                    if names.is_empty() {
                        "no host".to_owned()
                    } else {
                        names.join(", ")
                    }
                ),
            );
        }
        Vouched::Yes
    }

    /// Whether anybody may vouch for the host.
    pub fn has_authority(&self) -> bool {
        self.authorities.iter().any(|authority| authority.key.is_some())
    }

    /// A remark for messages on a key that nobody knows.
    pub fn note(&self) -> String {
        match self.authorities.first() {
            Some(authority) => format!(
                " (no certificate of the @cert-authority at {} came with it)",
                authority.place
            ),
            None => String::new(),
        }
    }
}
