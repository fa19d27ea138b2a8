//! TCP connection and key exchange.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use russh::client::{self, DisconnectReason, Handle};
use russh::keys::{Certificate, PublicKey, PublicKeyOrCertificate};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};

use super::{Prompt, Target, trust};
use crate::host::HostError;
use crate::host::known_hosts::{KnownHosts, default_files};
use crate::host::session::wire::{Notes, printable};

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
    // Asked for only where an authority could vouch: a host without one shows a plain key then.
    let certificates = if known.has_authority() && target.host_key_fingerprint.is_none() {
        russh::Preferred::DEFAULT.key.to_vec()
    } else {
        Vec::new()
    };

    let preferred = russh::Preferred {
        key: Cow::Owned(known.order(&russh::Preferred::DEFAULT.key)),
        host_key_certificates: Cow::Owned(certificates),
        ..russh::Preferred::DEFAULT
    };
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
    for address in addresses {
        match tokio::time::timeout(PATIENCE, tokio::net::TcpStream::connect(address)).await {
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

/// `advice` is the next thing to do.
pub fn unreachable(target: &Target, what: &str, advice: &str) -> HostError {
    HostError::Unreachable(format!(
        "{}: can't be reached at {} port {}: {what}; {advice}",
        target.name, target.address, target.port
    ))
}
