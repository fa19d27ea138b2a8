//! SMTP dialogues. lettre's connection blocks, so every dialogue runs on a thread for such work.

use lettre::Address;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{SmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, MailParameter};

use super::message::Message;
use super::{ANSWER, Mailbox, Subject, Trouble, While as _};

/// Which door a client knocks on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    /// 25: other servers.
    Server,
    /// 587: mail programs, STARTTLS (RFC 6409).
    Submission,
    /// 465: mail programs, TLS at once (RFC 8314).
    Submissions,
}

impl Door {
    fn port(self) -> u16 {
        match self {
            Self::Server => 25,
            Self::Submission => 587,
            Self::Submissions => 465,
        }
    }
}

/// What the server said to a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    Accepted,
    /// At which command, and the whole refusal.
    Refused {
        at: &'static str,
        words: String,
    },
}

/// A connection that knows what it is about.
pub(super) struct Dialogue {
    connection: SmtpConnection,
    door: Door,
    tls: TlsParameters,
}

/// Holds a dialogue on a thread that may block.
pub(super) async fn hold<T: Send + 'static>(
    dialogue: impl FnOnce() -> Result<T, Trouble> + Send + 'static,
) -> Result<T, Trouble> {
    tokio::task::spawn_blocking(dialogue).await.doing("a dialogue")?
}

/// The name of a client that is no host: an address literal is all it can honestly say.
fn client() -> ClientId {
    ClientId::Ipv4(std::net::Ipv4Addr::LOCALHOST)
}

impl Dialogue {
    /// Connects, and hears the greeting and what the server can do. 465 is under TLS from the start.
    pub(super) fn open(subject: &Subject, door: Door) -> Result<Self, Trouble> {
        // Any issuer: a certificate's name is checked by its own check, in `tls`.
        let tls = TlsParameters::builder(subject.hostname.clone())
            .dangerous_accept_invalid_certs(true)
            .build_rustls()
            .doing("preparing TLS")?;
        let at_once = (door == Door::Submissions).then_some(&tls);
        let address = (subject.address, door.port());
        let connection = SmtpConnection::connect(address, Some(ANSWER), &client(), at_once, None)
            .doing(format!("connecting to port {}", door.port()))?;
        Ok(Self {
            connection,
            door,
            tls,
        })
    }

    /// [`Dialogue::open`], and STARTTLS where TLS has not begun.
    pub(super) fn secure(subject: &Subject, door: Door) -> Result<Self, Trouble> {
        let mut dialogue = Self::open(subject, door)?;
        if !dialogue.connection.is_encrypted() {
            if !dialogue.connection.can_starttls() {
                return Err(Trouble::Failed(format!(
                    "port {} does not offer STARTTLS",
                    door.port()
                )));
            }
            let tls = dialogue.tls.clone();
            dialogue
                .connection
                .starttls(&tls, &client())
                .doing(format!("STARTTLS on port {}", door.port()))?;
        }
        Ok(dialogue)
    }

    /// The server's certificate, in DER.
    pub(super) fn certificate(&self) -> Result<Vec<u8>, Trouble> {
        self.connection
            .peer_certificate()
            .doing("the server's certificate")
    }

    /// Whether the server offers passwords to be sent to it now.
    pub(super) fn offers_login(&self) -> bool {
        [Mechanism::Plain, Mechanism::Login]
            .iter()
            .any(|mechanism| self.connection.server_info().supports_auth_mechanism(*mechanism))
    }

    /// Logs in; a refusal is an answer, not an error.
    pub(super) fn login(&mut self, user: &str, password: &str) -> Result<Reply, Trouble> {
        let credentials = Credentials::new(user.to_owned(), password.to_owned());
        let answer = self.connection.auth(&[Mechanism::Plain], &credentials);
        reply("AUTH", answer).doing(format!("AUTH on port {}", self.door.port()))
    }

    pub(super) fn log_in(&mut self, mailbox: &Mailbox) -> Result<(), Trouble> {
        match self.login(&mailbox.address, mailbox.password.expose())? {
            Reply::Accepted => Ok(()),
            Reply::Refused { words, .. } => Err(Trouble::Failed(format!(
                "{} can't log in on port {}: {words}",
                mailbox.address,
                self.door.port()
            ))),
        }
    }

    /// Says who sends to whom, with the size that is to come where one is given.
    pub(super) fn envelope(&mut self, from: &str, to: &str, size: Option<usize>) -> Result<Reply, Trouble> {
        let sender: Address = from.parse().doing(from)?;
        let recipient: Address = to.parse().doing(to)?;
        let parameters = size.map(MailParameter::Size).into_iter().collect();
        let answer = self.connection.command(Mail::new(Some(sender), parameters));
        let answer = reply("MAIL", answer).doing("MAIL")?;
        if answer != Reply::Accepted {
            return Ok(answer);
        }
        reply("RCPT", self.connection.command(Rcpt::new(recipient, Vec::new()))).doing("RCPT")
    }

    /// Sends a whole message.
    pub(super) fn send(&mut self, message: &Message) -> Result<Reply, Trouble> {
        let answer = self.envelope(&message.from, &message.to, Some(message.bytes.len()))?;
        if answer != Reply::Accepted {
            return Ok(answer);
        }
        let answer = self.connection.command(lettre::transport::smtp::commands::Data);
        let answer = reply("DATA", answer).doing("DATA")?;
        if answer != Reply::Accepted {
            return Ok(answer);
        }
        let answer = reply("the end of the message", self.connection.message(&message.bytes));
        answer.doing("sending the message")
    }
}

/// A refusal in the server's words is an answer; anything else that goes wrong is an error.
fn reply<T>(
    at: &'static str,
    answer: Result<T, lettre::transport::smtp::Error>,
) -> Result<Reply, lettre::transport::smtp::Error> {
    match answer {
        Ok(_) => Ok(Reply::Accepted),
        Err(error) if error.is_permanent() || error.is_transient() => Ok(Reply::Refused {
            at,
            words: error.to_string(),
        }),
        Err(error) => Err(error),
    }
}

/// Fails unless the message was accepted.
pub(super) fn accepted(reply: Reply, message: &Message) -> Result<(), Trouble> {
    match reply {
        Reply::Accepted => Ok(()),
        Reply::Refused { at, words } => Err(Trouble::Failed(format!(
            "mail from {} to {} was refused at {at}: {words}",
            message.from, message.to
        ))),
    }
}
