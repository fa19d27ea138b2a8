//! Whether the key that a host shows is the host's.

use russh::keys::HashAlg;

use super::dial::Shown;
use super::{Prompt, Target};
use crate::host::HostError;
use crate::host::known_hosts::{self, KnownHosts, Verdict, Vouched};

/// Judges what the host shows. A fingerprint in the inventory decides alone; then a certificate; then the known
/// hosts; an unknown host is accepted
/// when the target says so or the operator does, and then recorded.
///
/// # Errors
/// The key is not trusted, with the way to trust it.
pub fn verify(
    target: &Target,
    known: &KnownHosts,
    shown: &Shown,
    prompt: &dyn Prompt,
) -> Result<(), HostError> {
    let Target {
        name, address, port, ..
    } = target;
    let key = &shown.key;
    let fingerprint = key.fingerprint(HashAlg::Sha256).to_string();
    let kind = key.algorithm();
    let kind = kind.as_str();
    let (known_name, known_port) = target.known_as();
    let host = known_hosts::host_name(known_name, known_port);
    let refuse = |text: String| Err(HostError::HostKey(format!("{name}: {text}")));

    let verdict = known.judge(key);
    if let Verdict::Revoked(place) = &verdict {
        return refuse(format!("the host key {fingerprint} is revoked by {place}"));
    }
    if let Some(rsa) = key.key_data().rsa()
        && rsa.key_size() < target.limits.rsa_size
    {
        return refuse(format!(
            "the host's RSA key {fingerprint} has {} bits, and `RequiredRSASize` of the SSH configuration wants {}; \
             give the host a key of another sort, or a longer one",
            rsa.key_size(),
            target.limits.rsa_size
        ));
    }
    if let Some(expected) = &target.host_key_fingerprint {
        if expected.trim().trim_end_matches('=') == fingerprint {
            if target.record_host_key && verdict == Verdict::Unknown {
                return record(target, key);
            }
            return Ok(());
        }
        return refuse(format!(
            "the host key is not the inventory's: expected {expected}, the host shows {fingerprint} ({kind}); if \
             the host was reinstalled, correct `host_key_fingerprint`, otherwise somebody may be in between"
        ));
    }
    if let Some(certificate) = &shown.certificate {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let now = now.map_or(0, |now| now.as_secs());
        match known.vouched(certificate, known_name, now) {
            Vouched::Yes => {
                let signed = certificate.signature().algorithm();
                return match &target.limits.authorities {
                    Some(list) if !list.allows(signed.as_str()) => refuse(format!(
                        "the host's certificate is signed with {}, which `CASignatureAlgorithms` at {} leaves out",
                        signed.as_str(),
                        list.place
                    )),
                    _ => Ok(()),
                };
            }
            Vouched::Revoked(place) => {
                return refuse(format!(
                    "the host's certificate or its authority is revoked by {place}"
                ));
            }
            Vouched::Invalid(place, why) => {
                return refuse(format!(
                    "the host shows a certificate of the @cert-authority at {place}, but {why}; renew it on the host \
                     (`ssh-keygen -s CA -h -n {known_name} …`), or check this machine's clock"
                ));
            }
            Vouched::Unsigned => {}
        }
    }
    match verdict {
        Verdict::Match => Ok(()),
        Verdict::Changed(place) => refuse(format!(
            "the host key has changed: {place} has another {kind} key, the host shows {fingerprint}; somebody may \
             be in between. If the host was reinstalled, remove the old key with `ssh-keygen -R '{host}'`"
        )),
        Verdict::OtherAlgorithm(place, algorithms) => refuse(format!(
            "the host is known by {} ({place}) but shows a {kind} key, {fingerprint}; somebody may be in between. \
             If that is right, remove the old key with `ssh-keygen -R '{host}'`",
            algorithms.join(", ")
        )),
        Verdict::Revoked(_) | Verdict::Unknown => {
            if target.strict_host_key && !target.accept_new_host_key {
                return refuse(format!(
                    "the host key is unknown, {fingerprint} ({kind}){}, and `StrictHostKeyChecking yes` of the SSH \
                     configuration forbids to ask; record it first, or give --accept-new-host-key",
                    known.note()
                ));
            }
            if !target.accept_new_host_key {
                match prompt.trust_host_key(&host, &format!("{fingerprint} ({kind})")) {
                    Some(true) => {}
                    Some(false) => return refuse(format!("the host key {fingerprint} was not accepted")),
                    None => {
                        return refuse(format!(
                            "the host key is unknown, {fingerprint} ({kind}){}; if that is the host's, connect once \
                             with `ssh -p {port} {}@{address}`, or give --accept-new-host-key, or set \
                             `host_key_fingerprint: {fingerprint}` in the host's `ssh:`",
                            known.note(),
                            target.user
                        ));
                    }
                }
            }
            record(target, key)
        }
    }
}

/// Writes an accepted key to the first of the known hosts' files.
fn record(target: &Target, key: &russh::keys::PublicKey) -> Result<(), HostError> {
    let (name, port) = target.known_as();
    let first = target.known_hosts.first().cloned();
    match first.or_else(|| known_hosts::default_files().into_iter().next()) {
        Some(file) => known_hosts::append(&file, name, port, key, target.limits.hash_known_hosts),
        None => Ok(()),
    }
}
