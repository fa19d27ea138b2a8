//! Frames: what the host's shell prints, told apart.
//!
//! ```text
//! NONCE o                                  an answer begins; its lines follow, up to
//! NONCE d STATUS                           its end
//! NONCE p INDEX TEXT                       a fragment's progress, for people
//! NONCE f INDEX STATUS FROM TO OUT ERR     a fragment is done; OUT and ERR bytes follow
//! NONCE x TEXT                             the batch can't be done
//! NONCE r KIND TEXT                        the login can't become root, see connection/sudo.rs
//! NONCE h KIND                             the same before a session: `root`, or `password` is needed
//! ```
//! Other lines are noise of login scripts and are skipped. Nothing that a host sends is trusted: every answer has
//! a limit, and numbers are checked before anything is allocated.

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};

/// Bytes that the answers to one request may have together.
const ANSWER_LIMIT: usize = 64 << 20;
/// Bytes of a line that is not part of an answer.
const LINE_LIMIT: usize = 64 << 10;

/// One frame.
#[derive(Debug, PartialEq)]
pub enum Frame {
    Answer {
        lines: Vec<u8>,
        status: i32,
    },
    Progress {
        index: usize,
        text: String,
    },
    Fragment {
        index: usize,
        status: i32,
        seconds: f64,
        output: Vec<u8>,
        errors: Vec<u8>,
    },
    Refused(String),
    NoRoot {
        kind: String,
        text: String,
    },
    Hello(String),
}

/// Why no frame came.
#[derive(Debug, PartialEq)]
pub enum Fault {
    /// The stream ended, or could not be read: the words of the error, if there are any.
    Ended(String),
    /// What was wrong with the answer.
    Nonsense(String),
}

/// Reads frames from a shell's standard output.
pub struct Frames<R> {
    reader: BufReader<R>,
    marker: Vec<u8>,
    /// The marker before, which a refusal to become root may still bear; until a frame with the present one came.
    former: Option<Vec<u8>>,
    /// Bytes left of the present request's limit.
    left: usize,
    /// The end of what was skipped, for messages.
    noise: Vec<u8>,
}

impl<R: tokio::io::AsyncRead + Unpin> Frames<R> {
    pub fn new(reader: R, nonce: &str) -> Self {
        Self {
            reader: BufReader::with_capacity(64 << 10, reader),
            marker: format!("{nonce} ").into_bytes(),
            former: None,
            left: ANSWER_LIMIT,
            noise: Vec::new(),
        }
    }

    /// From here on frames bear another nonce, all but a refusal that was on its way.
    pub fn expect(&mut self, nonce: &str) {
        let marker = format!("{nonce} ").into_bytes();
        self.former = Some(std::mem::replace(&mut self.marker, marker));
    }

    /// A new request: its answers may use the whole limit again.
    pub fn begin(&mut self) {
        self.left = ANSWER_LIMIT;
    }

    /// What came that was not a frame.
    pub fn noise(&self) -> String {
        String::from_utf8_lossy(&self.noise).into_owned()
    }

    /// The next frame.
    ///
    /// # Errors
    /// The stream's end, and whatever does not follow the grammar.
    pub async fn next(&mut self) -> Result<Frame, Fault> {
        loop {
            let line = self.line(LINE_LIMIT).await?;
            let refusal = |former: &Vec<u8>| {
                line.strip_prefix(former.as_slice())
                    .filter(|rest| rest.starts_with(b"r "))
            };
            let rest = if let Some(rest) = line.strip_prefix(self.marker.as_slice()) {
                self.former = None;
                rest
            } else if let Some(rest) = self.former.as_ref().and_then(refusal) {
                rest
            } else {
                self.noise.extend_from_slice(&line);
                let surplus = self.noise.len().saturating_sub(4 << 10);
                self.noise.drain(..surplus);
                continue;
            };
            let rest = String::from_utf8_lossy(rest).trim_end().to_owned();
            let (kind, rest) = rest.split_once(' ').unwrap_or((&rest, ""));
            return match kind {
                "o" => self.answer().await,
                "p" => progress(rest),
                "f" => self.fragment(rest).await,
                "x" => Ok(Frame::Refused(rest.to_owned())),
                "r" => {
                    let (kind, text) = rest.split_once(' ').unwrap_or((rest, ""));
                    Ok(Frame::NoRoot {
                        kind: kind.to_owned(),
                        text: text.to_owned(),
                    })
                }
                "h" => Ok(Frame::Hello(rest.to_owned())),
                _ => Err(Fault::Nonsense("a frame of an unknown kind".to_owned())),
            };
        }
    }

    /// Reads up to the end of the stream, however much comes.
    pub async fn drain(&mut self) {
        while let Ok(bytes) = self.reader.fill_buf().await {
            let length = bytes.len();
            if length == 0 {
                return;
            }
            self.reader.consume(length);
        }
    }

    async fn answer(&mut self) -> Result<Frame, Fault> {
        let mut lines = Vec::new();
        loop {
            let line = self.line(ANSWER_LIMIT).await?;
            if let Some(rest) = line.strip_prefix(self.marker.as_slice()) {
                let rest = String::from_utf8_lossy(rest);
                let status = rest.trim_end().strip_prefix("d ").map(str::parse);
                let Some(Ok(status)) = status else {
                    return Err(Fault::Nonsense("an answer inside an answer".to_owned()));
                };
                // The newline that the shell prints before the end's marker is not part of the answer.
                lines.pop();
                return Ok(Frame::Answer { lines, status });
            }
            lines.extend_from_slice(&line);
        }
    }

    async fn fragment(&mut self, rest: &str) -> Result<Frame, Fault> {
        let words: Vec<&str> = rest.split(' ').collect();
        let parsed = (|| {
            let [index, status, from, to, output, errors] = words.as_slice() else {
                return None;
            };
            let seconds: f64 = to.parse::<f64>().ok()? - from.parse::<f64>().ok()?;
            Some((
                index.parse::<usize>().ok()?,
                status.parse::<i32>().ok()?,
                if seconds.is_finite() {
                    seconds.max(0.0)
                } else {
                    0.0
                },
                output.parse::<usize>().ok()?,
                errors.parse::<usize>().ok()?,
            ))
        })();
        let Some((index, status, seconds, output, errors)) = parsed else {
            return Err(Fault::Nonsense(
                "a fragment's answer without its numbers".to_owned(),
            ));
        };
        Ok(Frame::Fragment {
            index,
            status,
            seconds,
            output: self.bytes(output).await?,
            errors: self.bytes(errors).await?,
        })
    }

    async fn bytes(&mut self, length: usize) -> Result<Vec<u8>, Fault> {
        self.left = self.left.checked_sub(length).ok_or_else(too_long)?;
        let mut bytes = Vec::new();
        // `take` instead of a buffer of the announced length: only what really comes is allocated.
        (&mut self.reader)
            .take(length as u64)
            .read_to_end(&mut bytes)
            .await
            .map_err(|error| Fault::Ended(error.to_string()))?;
        if bytes.len() < length {
            return Err(Fault::Ended(String::new()));
        }
        Ok(bytes)
    }

    /// A line with its newline.
    async fn line(&mut self, limit: usize) -> Result<Vec<u8>, Fault> {
        let limit = limit.min(self.left);
        let mut line = Vec::new();
        (&mut self.reader)
            .take(limit as u64)
            .read_until(b'\n', &mut line)
            .await
            .map_err(|error| Fault::Ended(error.to_string()))?;
        self.left -= line.len();
        match line.last() {
            Some(b'\n') => Ok(line),
            _ if line.len() == limit => Err(too_long()),
            _ => {
                self.noise.extend_from_slice(&line);
                Err(Fault::Ended(String::new()))
            }
        }
    }
}

fn progress(rest: &str) -> Result<Frame, Fault> {
    let (index, text) = rest.split_once(' ').unwrap_or((rest, ""));
    let index = index
        .parse()
        .map_err(|_| Fault::Nonsense("progress of no fragment".to_owned()))?;
    Ok(Frame::Progress {
        index,
        text: super::wire::printable(text, 1),
    })
}

fn too_long() -> Fault {
    Fault::Nonsense(format!("more than {} MiB", ANSWER_LIMIT >> 20))
}

#[cfg(test)]
mod tests;
