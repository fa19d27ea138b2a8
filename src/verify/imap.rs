//! Reading mailboxes over IMAP with TLS (993).

use std::collections::BTreeSet;
use std::time::Instant;

use async_imap::{Client, Session};
use futures::TryStreamExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use super::message::Message;
use super::{ANSWER, ARRIVAL, Mailbox, Subject, Trouble, While as _, tls};

/// A mailbox that is open to read.
pub(super) struct Reader {
    session: Session<TlsStream<TcpStream>>,
    address: String,
}

/// Connects under TLS, the certificate's name checked.
async fn connect(subject: &Subject) -> Result<Client<TlsStream<TcpStream>>, Trouble> {
    let stream = TcpStream::connect((subject.address, 993))
        .await
        .doing("connecting to port 993")?;
    let mut client = Client::new(tls::handshake(stream, &subject.hostname).await?);
    client.read_response().await.doing("IMAP's greeting")?;
    Ok(client)
}

/// Whether the server lets `user` in with `password`.
pub(super) async fn lets_in(subject: &Subject, user: &str, password: &str) -> Result<bool, Trouble> {
    let attempt = async {
        let client = connect(subject).await?;
        match client.login(user, password).await {
            Ok(mut session) => {
                let _ = session.logout().await;
                Ok(true)
            }
            Err((async_imap::error::Error::No(_), _)) => Ok(false),
            Err((error, _)) => Err(Trouble::Failed(format!("logging in over IMAP: {error}"))),
        }
    };
    timeout(ANSWER, attempt).await.doing("IMAP's answer")?
}

impl Reader {
    /// Logs in and opens INBOX.
    pub(super) async fn open(subject: &Subject, mailbox: &Mailbox) -> Result<Self, Trouble> {
        let attempt = async {
            let client = connect(subject).await?;
            let mut session = client
                .login(&mailbox.address, mailbox.password.expose())
                .await
                .map_err(|(error, _)| error)
                .doing(format!("logging in to {} over IMAP", mailbox.address))?;
            session.select("INBOX").await.doing("opening INBOX")?;
            Ok(Self {
                session,
                address: mailbox.address.clone(),
            })
        };
        timeout(ANSWER, attempt).await.doing("IMAP's answer")?
    }

    /// Waits until the message is in `folder` and returns its body.
    pub(super) async fn body(&mut self, message: &Message, folder: &str) -> Result<String, Trouble> {
        let end = Instant::now() + ARRIVAL;
        loop {
            let look = self.look(message, folder);
            if let Some(body) = timeout(ANSWER, look).await.doing("IMAP's answer")?? {
                return Ok(body);
            }
            if Instant::now() > end {
                return Err(Trouble::Failed(format!(
                    "the message to {} was accepted, but was not in {folder} of {} after {} s",
                    message.to,
                    self.address,
                    ARRIVAL.as_secs()
                )));
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }

    async fn look(&mut self, message: &Message, folder: &str) -> Result<Option<String>, Trouble> {
        // A folder that a filter makes comes with the first message in it.
        if self.session.select(folder).await.is_err() {
            return Ok(None);
        }
        let found = self.search(&message.token).await?;
        let Some(uid) = found.first() else {
            return Ok(None);
        };
        let fetched: Vec<_> = self
            .session
            .uid_fetch(uid.to_string(), "BODY.PEEK[TEXT]")
            .await
            .doing("fetching a message")?
            .try_collect()
            .await
            .doing("fetching a message")?;
        let text = fetched.iter().find_map(async_imap::types::Fetch::text);
        Ok(text.map(|bytes| String::from_utf8_lossy(bytes).into_owned()))
    }

    async fn search(&mut self, token: &str) -> Result<BTreeSet<u32>, Trouble> {
        let found = self.session.uid_search(format!("SUBJECT \"{token}\"")).await;
        Ok(found.doing("searching")?.into_iter().collect())
    }

    /// Deletes what earlier checks left in `folder`.
    pub(super) async fn clear(&mut self, folder: &str) -> Result<(), Trouble> {
        self.session
            .select(folder)
            .await
            .doing(format!("opening {folder}"))?;
        let found = self.search("mailprov verify").await?;
        if found.is_empty() {
            return Ok(());
        }
        let uids: Vec<String> = found.iter().map(u32::to_string).collect();
        let _: Vec<_> = self
            .session
            .uid_store(uids.join(","), "+FLAGS.SILENT (\\Deleted)")
            .await
            .doing("deleting messages")?
            .try_collect()
            .await
            .doing("deleting messages")?;
        let _: Vec<_> = self
            .session
            .expunge()
            .await
            .doing("deleting messages")?
            .try_collect()
            .await
            .doing("deleting messages")?;
        Ok(())
    }

    /// Removes a folder that a check made.
    pub(super) async fn remove(&mut self, folder: &str) -> Result<(), Trouble> {
        self.session.select("INBOX").await.doing("opening INBOX")?;
        self.session
            .delete(folder)
            .await
            .doing(format!("removing the folder {folder}"))
    }

    pub(super) async fn close(mut self) {
        // The answer changes nothing.
        let _ = timeout(ANSWER, self.session.logout()).await;
    }
}
