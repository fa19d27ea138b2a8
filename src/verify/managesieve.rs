//! The part of ManageSieve (RFC 5804) that uploads a script and makes it the active one.

use base64::Engine as _;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use super::{ANSWER, Mailbox, Subject, Trouble, While as _, tls};

/// A connection that is logged in.
pub(super) struct Scripts {
    stream: BufReader<TlsStream<TcpStream>>,
}

impl Scripts {
    pub(super) async fn open(subject: &Subject, mailbox: &Mailbox) -> Result<Self, Trouble> {
        let stream = TcpStream::connect((subject.address, 4190))
            .await
            .doing("connecting to port 4190")?;
        let mut plain = BufReader::new(stream);
        let greeting = answer(&mut plain, "greeting").await?;
        if let Some(line) = greeting
            .iter()
            .find(|line| line.to_ascii_uppercase().starts_with("\"SASL\""))
            && line.to_ascii_uppercase().contains("PLAIN")
        {
            return Err(Trouble::Failed(
                "port 4190 offers passwords to be sent without TLS".into(),
            ));
        }
        command(&mut plain, b"STARTTLS\r\n", "STARTTLS").await?;
        let mut stream = BufReader::new(tls::handshake(plain.into_inner(), &subject.hostname).await?);
        // The capabilities come again, since those before were not protected.
        answer(&mut stream, "greeting under TLS").await?;
        let credentials = format!("\0{}\0{}", mailbox.address, mailbox.password.expose());
        let credentials = base64::engine::general_purpose::STANDARD.encode(credentials);
        let line = format!("AUTHENTICATE \"PLAIN\" \"{credentials}\"\r\n");
        command(&mut stream, line.as_bytes(), "AUTHENTICATE").await?;
        Ok(Self { stream })
    }

    /// The name of the active script, if there is one.
    pub(super) async fn active(&mut self) -> Result<Option<String>, Trouble> {
        let lines = command(&mut self.stream, b"LISTSCRIPTS\r\n", "LISTSCRIPTS").await?;
        Ok(lines.iter().find_map(|line| {
            let name = line
                .strip_suffix(" ACTIVE")
                .or_else(|| line.strip_suffix(" active"))?;
            Some(name.trim_matches('"').to_owned())
        }))
    }

    /// Uploads a script; the server compiles it first.
    pub(super) async fn put(&mut self, name: &str, script: &str) -> Result<(), Trouble> {
        let text = format!("PUTSCRIPT \"{name}\" {{{}+}}\r\n{script}\r\n", script.len());
        command(&mut self.stream, text.as_bytes(), "PUTSCRIPT")
            .await
            .map(drop)
    }

    /// Makes a script the active one; the empty name: none.
    pub(super) async fn activate(&mut self, name: &str) -> Result<(), Trouble> {
        let text = format!("SETACTIVE \"{name}\"\r\n");
        command(&mut self.stream, text.as_bytes(), "SETACTIVE")
            .await
            .map(drop)
    }

    pub(super) async fn delete(&mut self, name: &str) -> Result<(), Trouble> {
        let text = format!("DELETESCRIPT \"{name}\"\r\n");
        command(&mut self.stream, text.as_bytes(), "DELETESCRIPT")
            .await
            .map(drop)
    }
}

/// Sends a command; `what` names it in errors, where its arguments would give a password away.
async fn command<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut BufReader<S>,
    text: &[u8],
    what: &str,
) -> Result<Vec<String>, Trouble> {
    let send = async {
        stream.get_mut().write_all(text).await?;
        stream.get_mut().flush().await
    };
    send.await.doing(format!("ManageSieve {what}"))?;
    answer(stream, what).await
}

/// The lines before `OK`. `NO` and `BYE` are errors with their words.
async fn answer<S: AsyncRead + Unpin>(stream: &mut BufReader<S>, what: &str) -> Result<Vec<String>, Trouble> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        let read = timeout(ANSWER, stream.read_line(&mut line));
        let count = read
            .await
            .doing(format!("ManageSieve's answer to {what}"))?
            .doing(format!("ManageSieve's answer to {what}"))?;
        let line = line.trim_end().to_owned();
        let word = line
            .split([' ', '('])
            .next()
            .unwrap_or_default()
            .to_ascii_uppercase();
        match word.as_str() {
            "OK" => return Ok(lines),
            _ if count == 0 => {
                return Err(Trouble::Failed(format!(
                    "ManageSieve ended the connection at {what}"
                )));
            }
            "NO" | "BYE" => {
                // A long reason comes as a literal on the lines that follow.
                let mut reason = line;
                if reason.ends_with('}') {
                    let mut more = String::new();
                    let _ = timeout(ANSWER, stream.read_line(&mut more)).await;
                    reason = format!("{reason} {}", more.trim_end());
                }
                return Err(Trouble::Failed(format!("ManageSieve refused {what}: {reason}")));
            }
            _ => lines.push(line),
        }
    }
}
