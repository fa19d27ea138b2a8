//! TCP connection and key exchange.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use russh::client::{self, DisconnectReason, Handle};
use russh::keys::{Algorithm, Certificate, PublicKey, PublicKeyOrCertificate};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};

use super::{Prompt, Target, trust};
use crate::host::HostError;
use crate::host::known_hosts::{KnownHosts, default_files};
use crate::host::session::wire::{Notes, printable};
use crate::host::ssh_config::limits::Algorithms;

/// How long a TCP connection, and each part of the key exchange, may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// A silent host is asked for a sign of life this often, and given up after four intervals.
const KEEPALIVE: Duration = Duration::from_secs(15);
const KEEPALIVES_MISSED: usize = 3;

type Question = (Shown, oneshot::Sender<bool>);

/// What the host proved that it has.
pub struct Shown {
    pub key: PublicKey,
    pub certificate: Option<Certificate>,
}

/// The client's side of russh's callbacks. The key is judged where the operator can be asked.
pub struct Client {
    ask: mpsc::Sender<Question>,
    /// A later key exchange of the same connection shows the same key.
    accepted: Option<PublicKey>,
    notes: Notes,
}

impl client::Handler for Client {
    type Error = russh::Error;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        let key = shown.public_key();
        if let Some(accepted) = &self.accepted {
            return Ok(accepted.key_data() == key.key_data());
        }
        let (reply, answer) = oneshot::channel();
        let certificate = match shown {
            PublicKeyOrCertificate::Certificate(certificate) => Some(certificate.clone()),
            PublicKeyOrCertificate::PublicKey { .. } => None,
        };
        let question = Shown {
            key: key.clone(),
            certificate,
        };
        if self.ask.send((question, reply)).await.is_err() {
            return Ok(false);
        }
        let accepted = answer.await.unwrap_or(false);
        self.accepted = accepted.then_some(key);
        Ok(accepted)
    }

    async fn disconnected(&mut self, reason: DisconnectReason<russh::Error>) -> Result<(), russh::Error> {
        match reason {
            DisconnectReason::ReceivedDisconnect(info) => {
                self.notes
                    .ended(format!("the host hung up: {}", printable(&info.message, 1)));
                Ok(())
            }
            DisconnectReason::Error(error) => {
                self.notes.ended(words(&error));
                Err(error)
            }
        }
    }
}

/// An error of the connection in the operator's words.
pub fn words(error: &russh::Error) -> String {
    match error {
        russh::Error::KeepaliveTimeout => format!(
            "the host gave no sign of life for {} s",
            KEEPALIVE.as_secs() * (KEEPALIVES_MISSED as u64 + 1)
        ),
        russh::Error::HUP | russh::Error::Disconnect => "the host closed the connection".to_owned(),
        russh::Error::Version => "no SSH server answers there".to_owned(),
        russh::Error::NoCommonAlgo { kind, theirs, .. } => {
            format!(
                "no common {kind:?} algorithm, the host offers {}",
                printable(&theirs.join(", "), 1)
            )
        }
        other => printable(&other.to_string(), 1),
    }
}

/// What an SSH connection runs over.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Connects, over a connection to a host on the way if there is one, and verifies the host's key.
///
/// # Errors
/// `Unreachable`, and `HostKey` when the key is refused.
pub async fn connect(
    target: &Target,
    way: Option<&Handle<Client>>,
    prompt: &dyn Prompt,
) -> Result<(Handle<Client>, Notes), HostError> {
    let files = if target.known_hosts.is_empty() {
        default_files()
    } else {
        target.known_hosts.clone()
    };
    let (host, port) = target.known_as();
    let known = KnownHosts::read(&files, host, port)?;
    let stream: Box<dyn Stream> = match way {
        None => Box::new(tcp(target).await?),
        Some(hop) => Box::new(through(hop, target).await?),
    };
    let preferred = preferred(target, &known)?;
    let config = Arc::new(client::Config {
        preferred,
        nodelay: true,
        keepalive_interval: Some(KEEPALIVE),
        keepalive_max: KEEPALIVES_MISSED,
        inactivity_timeout: None,
        ..client::Config::default()
    });
    let notes = Notes::default();
    let (ask, mut questions) = mpsc::channel(1);
    let handler = Client {
        ask,
        accepted: None,
        notes: notes.clone(),
    };
    let connecting = client::connect_stream(config, stream, handler);
    tokio::pin!(connecting);
    loop {
        tokio::select! {
            // The verdict on the key first: the connection's own error only says that the key was refused.
            biased;
            Some((shown, reply)) = questions.recv() => {
                let verdict = trust::verify(target, &known, &shown, prompt);
                let _ = reply.send(verdict.is_ok());
                verdict?;
            }
            connected = &mut connecting => {
                return match connected {
                    Ok(handle) => Ok((handle, notes)),
                    Err(error) => Err(unreachable(target, &words(&error), "is that an SSH server?")),
                };
            }
            () = tokio::time::sleep(PATIENCE) => {
                let what = format!("the host does not answer the key exchange within {} s", PATIENCE.as_secs());
                return Err(unreachable(target, &what, "is that an SSH server?"));
            }
        }
    }
}

/// The algorithms to offer: russh's own, without those that sign with SHA-1, narrowed by the SSH configuration.
fn preferred(target: &Target, known: &KnownHosts) -> Result<russh::Preferred, HostError> {
    fn narrowed<T: Clone>(
        target: &Target,
        what: &str,
        list: Option<&Algorithms>,
        ours: &[T],
        name: impl Fn(&T) -> String,
    ) -> Result<Vec<T>, HostError> {
        let Some(list) = list else {
            return Ok(ours.to_vec());
        };
        let chosen = list.choose(ours, &name);
        if chosen.is_empty() {
            let known: Vec<String> = ours.iter().map(name).collect();
            return Err(HostError::Unreachable(format!(
                "{}: {}: `{what}` leaves no algorithm that mailprov knows; it knows {}",
                target.name,
                list.place,
                known.join(", ")
            )));
        }
        Ok(chosen)
    }
    let ours = russh::Preferred::DEFAULT;
    let limits = &target.limits;
    let keys: Vec<Algorithm> = ours
        .key
        .iter()
        .filter(|key| !matches!(key, Algorithm::Rsa { hash: None }))
        .cloned()
        .collect();
    let plain = |key: &Algorithm| key.as_str().to_owned();
    let certified = |key: &Algorithm| format!("{}-cert-v01@openssh.com", key.as_str());
    let list = limits.host_keys.as_ref();
    // Asked for only where an authority could vouch: a host without one shows a plain key then.
    let certificates = if known.has_authority() && target.host_key_fingerprint.is_none() {
        list.map_or_else(|| keys.clone(), |list| list.choose(&keys, certified))
    } else {
        Vec::new()
    };
    let key = match list {
        Some(list) if !certificates.is_empty() => list.choose(&keys, plain),
        _ => narrowed(target, "HostKeyAlgorithms", list, &keys, plain)?,
    };
    // What is no exchange but says what this side understands stays.
    let (signs, exchanges): (Vec<_>, Vec<_>) = ours.kex.iter().copied().partition(|name| {
        let name = name.as_ref();
        name.starts_with("ext-info-") || name.starts_with("kex-strict-")
    });
    let mut kex = narrowed(target, "KexAlgorithms", limits.kex.as_ref(), &exchanges, |name| {
        name.as_ref().to_owned()
    })?;
    kex.extend(signs);
    let cipher = narrowed(target, "Ciphers", limits.ciphers.as_ref(), &ours.cipher, |name| {
        name.as_ref().to_owned()
    })?;
    let mac = narrowed(target, "MACs", limits.macs.as_ref(), &ours.mac, |name| {
        name.as_ref().to_owned()
    })?;
    Ok(russh::Preferred {
        // An order that the configuration gives is for strangers: a known key is what can be compared.
        key: Cow::Owned(known.order(&key)),
        host_key_certificates: Cow::Owned(certificates),
        kex: Cow::Owned(kex),
        cipher: Cow::Owned(cipher),
        mac: Cow::Owned(mac),
        ..ours
    })
}

async fn through(
    hop: &Handle<Client>,
    target: &Target,
) -> Result<russh::ChannelStream<russh::client::Msg>, HostError> {
    let advice = "does the host on the way reach it, and allow forwarding (`AllowTcpForwarding`)?";
    let opening = hop.channel_open_direct_tcpip(&target.address, u32::from(target.port), "127.0.0.1", 0);
    match tokio::time::timeout(PATIENCE, opening).await {
        Ok(Ok(channel)) => Ok(channel.into_stream()),
        Ok(Err(error)) => Err(unreachable(target, &words(&error), advice)),
        Err(_) => {
            let what = format!(
                "no answer from the host on the way within {} s",
                PATIENCE.as_secs()
            );
            Err(unreachable(target, &what, advice))
        }
    }
}

async fn tcp(target: &Target) -> Result<tokio::net::TcpStream, HostError> {
    let advice = "check `address` and `port` in the host's `ssh:`";
    let addresses: Vec<_> = match tokio::net::lookup_host((target.address.as_str(), target.port)).await {
        Ok(addresses) => addresses.collect(),
        Err(error) => return Err(unreachable(target, &format!("unknown name: {error}"), advice)),
    };
    let mut last = "the name has no address".to_owned();
    let family = target.limits.family;
    for address in addresses.into_iter().filter(|address| family.has(address.ip())) {
        match tokio::time::timeout(PATIENCE, open(address, target.limits.bind_address)).await {
            Ok(Ok(stream)) => {
                // Requests are single writes that wait for an answer: Nagle's algorithm would only delay them.
                return match stream.set_nodelay(true) {
                    Ok(()) => Ok(stream),
                    Err(error) => Err(unreachable(target, &error.to_string(), advice)),
                };
            }
            Ok(Err(error)) => last = format!("{address}: {error}"),
            Err(_) => last = format!("{address} does not answer within {} s", PATIENCE.as_secs()),
        }
    }
    Err(unreachable(target, &last, advice))
}

/// Connects, from the address that the configuration names.
async fn open(
    to: std::net::SocketAddr,
    from: Option<std::net::IpAddr>,
) -> std::io::Result<tokio::net::TcpStream> {
    let Some(from) = from else {
        return tokio::net::TcpStream::connect(to).await;
    };
    let socket = if to.is_ipv4() {
        tokio::net::TcpSocket::new_v4()?
    } else {
        tokio::net::TcpSocket::new_v6()?
    };
    socket.bind((from, 0).into())?;
    socket.connect(to).await
}

/// `advice` is the next thing to do.
pub fn unreachable(target: &Target, what: &str, advice: &str) -> HostError {
    HostError::Unreachable(format!(
        "{}: can't be reached at {} port {}: {what}; {advice}",
        target.name, target.address, target.port
    ))
}
