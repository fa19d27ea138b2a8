//! The root shell that stays: one outstanding request, framed answers, counted round trips.
//!
//! What the host's side does stands in `session/*.sh`. The session neither knows how the shell was reached
//! (`connection`) nor what scripts mean (`facts`, `observe`, steps).

pub mod frame;
pub mod wire;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;

use super::connection::sudo;
use super::script::{Script, quote};
use super::{Answer, Facts, HostError, ReadHost, WriteHost, facts, observe};
use crate::step::probe::{Observed, Probe};
use frame::{Fault, Frame, Frames};
use wire::{Ended, Wire, printable};

/// Libraries of functions for the host's shell, sent once. A module that needs functions on the host keeps them
/// in a `.sh` file beside it and adds a line here; their names begin with `mailprov_`.
pub const PRELUDE: &[&str] = &[
    include_str!("session/session.sh"),
    include_str!("facts.sh"),
    include_str!("../step/promised.sh"),
    include_str!("../step/replace.sh"),
    include_str!("../step/replace/back.sh"),
    include_str!("../step/gone/gone.sh"),
    include_str!("../step/packages/apt.sh"),
    include_str!("../step/packages/apt-ours.sh"),
    include_str!("../step/service/service.sh"),
    include_str!("../step/service/guard.sh"),
    include_str!("../step/sql/mariadb.sh"),
    include_str!("../step/sql/postgresql.sh"),
    include_str!("../step/sql/sqlite.sh"),
];

/// The shell's main loop, run as root with the first nonce as its argument; what follows has one of its own.
pub const LOADER: &str = include_str!("session/loader.sh");

/// How often the host hears of us, whether there is work for it or not: see `mailprov_watch`.
const SIGN_OF_LIFE: Duration = Duration::from_secs(30);

/// How long the end of a run may take on the host.
const END: Duration = Duration::from_secs(15);

/// Where mailprov keeps things on a host.
#[derive(Debug, Clone)]
pub struct Places {
    /// A folder for what lives as long as a session.
    pub run: String,
    pub lock: String,
    /// Records, backups, and what services were last started with.
    pub state: String,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            run: "/run/mailprov".to_owned(),
            lock: "/run/mailprov.lock".to_owned(),
            state: "/var/lib/mailprov".to_owned(),
        }
    }
}

/// A root shell on a host.
pub struct Session {
    /// The host's name, for messages.
    name: String,
    nonce: String,
    frames: Frames<Box<dyn tokio::io::AsyncRead + Send + Unpin>>,
    wire: WireEnd,
    round_trips: u64,
    /// A request was sent whose answer was not read to its end.
    outstanding: bool,
    again: Option<Again>,
}

type Writer = Arc<tokio::sync::Mutex<Box<dyn tokio::io::AsyncWrite + Send + Unpin>>>;

/// Opens one more session with the same host.
pub type Again =
    Box<dyn Fn() -> futures::future::BoxFuture<'static, Result<Session, HostError>> + Send + Sync>;

/// What is left of a wire when its reader is the frames'.
struct WireEnd {
    /// Locked for a whole request: a sign of life must not stand in the middle of one.
    writer: Writer,
    ended: Ended,
    signs_of_life: Option<tokio::task::AbortHandle>,
    notes: wire::Notes,
    close: Box<dyn FnOnce() -> futures::future::BoxFuture<'static, ()> + Send>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("name", &self.name)
            .field("round_trips", &self.round_trips)
            .finish_non_exhaustive()
    }
}

/// A word that no program prints by chance.
///
/// # Errors
/// The machine has no source of randomness.
pub fn nonce() -> std::io::Result<String> {
    use std::io::Read as _;
    let mut bytes = [0; 16];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// What a machine without a source of randomness is told.
pub(super) fn no_random_numbers(name: &str, error: &std::io::Error) -> HostError {
    HostError::Unreachable(format!("{name}: this machine has no random numbers: {error}"))
}

impl Session {
    /// Takes over a shell that runs [`LOADER`] with `nonce` and sends it the prelude; no answer is waited for.
    ///
    /// # Errors
    /// The shell is gone already, or this machine has no random numbers.
    pub async fn start(name: &str, wire: Wire, nonce: String, places: &Places) -> Result<Self, HostError> {
        let mut session = Self::over(name, wire, nonce);
        session.begin(places).await?;
        Ok(session)
    }

    /// A session over a shell that is not yet the loader: see [`Session::begin`].
    pub(super) fn over(name: &str, wire: Wire, nonce: String) -> Self {
        Self {
            name: name.to_owned(),
            frames: Frames::new(wire.reader, &nonce),
            wire: WireEnd {
                writer: Arc::new(tokio::sync::Mutex::new(wire.writer)),
                ended: wire.ended,
                signs_of_life: None,
                notes: wire.notes,
                close: wire.close,
            },
            nonce,
            round_trips: 0,
            outstanding: false,
            again: None,
        }
    }

    /// Sends the line that the loader waits for, the nonce of the frames to come, and the prelude. The first nonce
    /// stands in arguments, where anybody on the host can read it; frames must not be forged with it.
    pub(super) async fn begin(&mut self, places: &Places) -> Result<(), HostError> {
        let mut prelude = format!(
            "mailprov_run={}\nmailprov_lock={}\nmailprov_state={}\n",
            quote(&places.run),
            quote(&places.lock),
            quote(&places.state)
        );
        for library in PRELUDE.iter().chain(observe::PRELUDE) {
            prelude.push_str(library);
            prelude.push('\n');
        }
        let secret = nonce().map_err(|error| no_random_numbers(&self.name, &error))?;
        let first = std::mem::replace(&mut self.nonce, secret);
        self.frames.expect(&self.nonce);
        let framed = format!("{first}\n{}\n{}", self.nonce, self.framed(&prelude));
        self.send(&framed).await?;
        let signs = signs_of_life(self.wire.writer.clone(), self.wire.ended.clone(), SIGN_OF_LIFE);
        self.wire.signs_of_life = Some(tokio::spawn(signs).abort_handle());
        Ok(())
    }

    /// Waits for the word of a shell that is about to become root.
    pub(super) async fn hello(&mut self) -> Result<String, HostError> {
        self.round_trips += 1;
        match self.frame().await? {
            Frame::Hello(word) => Ok(word),
            _ => Err(self.nonsense("an answer before any request")),
        }
    }

    /// How a new login is tried: see [`WriteHost::afresh`]. Without, the session itself stands for one.
    pub fn again_by(&mut self, again: Again) {
        self.again = Some(again);
    }

    /// Requests sent after authentication whose answer was waited for.
    pub fn round_trips(&self) -> u64 {
        self.round_trips
    }

    /// A script as the loader reads it: its length, and an end that shows that it is whole.
    fn framed(&self, script: &str) -> String {
        let nonce = &self.nonce;
        format!("{}\n{script}\n#{nonce}", script.len() + nonce.len() + 2)
    }

    pub(super) async fn send(&mut self, text: &str) -> Result<(), HostError> {
        match write(&self.wire.writer, &self.wire.ended, text.as_bytes()).await {
            Ok(()) => Ok(()),
            Err(error) => {
                // What the shell said before it went away explains more than a broken pipe.
                let last = async {
                    loop {
                        if let Err(said) = self.frame().await {
                            return said;
                        }
                    }
                };
                match tokio::time::timeout(Duration::from_secs(2), last).await {
                    Ok(said) => Err(said),
                    Err(_) => Err(self.fault(Fault::Ended(error.to_string()))),
                }
            }
        }
    }

    /// Sends a request. The next one is refused until its answer was read whole.
    async fn request(&mut self, script: &str) -> Result<(), HostError> {
        if self.outstanding {
            return Err(HostError::Protocol(format!(
                "{}: the session was left in the middle of an answer; connect anew",
                self.name
            )));
        }
        self.outstanding = true;
        self.round_trips += 1;
        self.frames.begin();
        let framed = self.framed(script);
        self.send(&framed).await
    }

    async fn frame(&mut self) -> Result<Frame, HostError> {
        match self.frames.next().await {
            Ok(Frame::Refused(text)) => Err(HostError::Protocol(format!(
                "{}: {}{}",
                self.name,
                printable(&text, 1),
                said(&self.wire.notes.errors())
            ))),
            Ok(Frame::NoRoot { kind, text }) => Err(sudo::refusal(&self.name, &kind, &text)),
            Ok(frame) => Ok(frame),
            Err(fault) => Err(self.fault(fault)),
        }
    }

    /// The answer of one script that changes nothing.
    async fn answer(&mut self) -> Result<Vec<u8>, HostError> {
        loop {
            match self.frame().await? {
                Frame::Answer { lines, .. } => return Ok(lines),
                // A process that a fragment left behind may still report progress.
                Frame::Progress { .. } => {}
                _ => return Err(self.nonsense("an answer to another request")),
            }
        }
    }

    fn nonsense(&self, what: &str) -> HostError {
        HostError::Protocol(format!(
            "{}: the host's answer makes no sense ({what}); run the command again, and if it stays, look at what \
             the host's shell prints: ssh HOST sh -c true{}",
            self.name,
            said(&self.wire.notes.errors())
        ))
    }

    fn fault(&self, fault: Fault) -> HostError {
        match fault {
            Fault::Nonsense(what) => self.nonsense(&what),
            Fault::Ended(error) => {
                let noise = self.frames.noise();
                // sshd's own words, on the standard error of a session without a terminal (session.c).
                if self.wire.notes.errors().contains("Password change required") {
                    return super::connection::expired(&self.name);
                }
                let reason = self.wire.notes.reason().unwrap_or(if error.is_empty() {
                    "the root shell ended".to_owned()
                } else {
                    error
                });
                let heard = [self.wire.notes.errors(), printable(&noise, 3)]
                    .into_iter()
                    .filter(|text| !text.is_empty())
                    .collect::<Vec<_>>()
                    .join("; ");
                HostError::Unreachable(format!(
                    "{}: the connection was lost: {reason}{}; what was begun on the host is finished there, run \
                     the command again",
                    self.name,
                    said(&heard)
                ))
            }
        }
    }
}

/// Writes all of `bytes`, as long as the connection is there. A channel of SSH waits until the other side has room for
/// more, and would wait for ever for a side that has gone.
async fn write(writer: &Writer, ended: &Ended, bytes: &[u8]) -> std::io::Result<()> {
    use tokio::io::AsyncWriteExt as _;
    let written = async {
        let mut writer = writer.lock().await;
        writer.write_all(bytes).await?;
        writer.flush().await
    };
    tokio::select! {
        biased;
        written = written => written,
        () = ended.wait() => Err(std::io::ErrorKind::BrokenPipe.into()),
    }
}

/// Empty lines, until the shell's input is closed.
async fn signs_of_life(writer: Writer, ended: Ended, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        if write(&writer, &ended, b"\n").await.is_err() {
            return;
        }
    }
}

impl Drop for WireEnd {
    fn drop(&mut self) {
        self.silence();
    }
}

impl WireEnd {
    /// No more signs of life.
    fn silence(&self) {
        if let Some(task) = &self.signs_of_life {
            task.abort();
        }
    }
}

fn said(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!("; the host said: {text}")
    }
}

/// `mailprov_answer` of `script`.
fn asking(script: &Script) -> String {
    format!("mailprov_answer {}\n", quote(script.as_str()))
}

impl ReadHost for Session {
    async fn facts(&mut self, packages: &[String], lock: Option<&str>) -> Result<Facts, HostError> {
        self.request(&facts::script(packages, lock)).await?;
        let answer = self.answer().await?;
        self.outstanding = false;
        facts::parse(&self.name, &answer)
    }

    async fn probe(&mut self, probes: &[Probe]) -> Result<Observed, HostError> {
        if probes.is_empty() {
            return Ok(Observed::default());
        }
        self.request(&asking(&observe::script(probes))).await?;
        let answer = self.answer().await?;
        self.outstanding = false;
        observe::parse(probes, &answer)
    }
}

impl WriteHost for Session {
    async fn batch(
        &mut self,
        fragments: &[Script],
        probes: &[Probe],
        progress: &mut (dyn FnMut(usize, &str) + Send),
    ) -> Result<(Vec<Answer>, Observed), HostError> {
        if fragments.is_empty() {
            return Ok((Vec::new(), self.probe(probes).await?));
        }
        let mut request = "mailprov_begin\n".to_owned();
        for (index, fragment) in fragments.iter().enumerate() {
            request.push_str(&format!(
                "mailprov_fragment {index} {}\n",
                quote(fragment.as_str())
            ));
        }
        request.push_str("mailprov_end\n");
        if !probes.is_empty() {
            request.push_str(&asking(&observe::script(probes)));
        }
        self.request(&request).await?;

        let mut answers = Vec::with_capacity(fragments.len());
        while answers.len() < fragments.len() {
            match self.frame().await? {
                Frame::Progress { index, text } => {
                    if index < fragments.len() {
                        progress(index, &text);
                    }
                }
                Frame::Fragment {
                    index,
                    status,
                    seconds,
                    output,
                    errors,
                } if index == answers.len() => answers.push(Answer {
                    status,
                    output,
                    errors: String::from_utf8_lossy(&errors).trim_end().to_owned(),
                    seconds,
                }),
                _ => return Err(self.nonsense("answers in a wrong order")),
            }
        }
        let observed = if probes.is_empty() {
            Observed::default()
        } else {
            let answer = self.answer().await?;
            observe::parse(probes, &answer)?
        };
        self.outstanding = false;
        Ok((answers, observed))
    }

    async fn afresh(&mut self, script: &Script) -> Result<Answer, HostError> {
        let fragments = std::slice::from_ref(script);
        let (answers, _) = match &self.again {
            None => self.batch(fragments, &[], &mut |_, _| {}).await?,
            Some(again) => {
                let mut fresh = again().await?;
                let answered = fresh.batch(fragments, &[], &mut |_, _| {}).await?;
                // What it was asked is answered: how it ends doesn't matter.
                let _ = fresh.finish(None).await;
                answered
            }
        };
        answers
            .into_iter()
            .next()
            .ok_or_else(|| self.nonsense("no answer to a fragment"))
    }

    async fn finish(&mut self, record: Option<&str>) -> Result<(), HostError> {
        use tokio::io::AsyncWriteExt as _;
        self.wire.silence();
        let mut result = Ok(());
        if let Some(record) = record {
            // The name sorts by time, also for two runs of one second. Its end keeps those of two people apart.
            let name = format!(
                "{}-{}.json",
                jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S%.6fZ"),
                &self.nonce[..8]
            );
            let encoded = base64::engine::general_purpose::STANDARD.encode(record);
            result = self.request(&format!("mailprov_finish {name} {encoded}\n")).await;
            if result.is_ok() {
                let _ = self.wire.writer.lock().await.shutdown().await;
                // The record has arrived when the shell is gone; a connection closed earlier could cut it off.
                if tokio::time::timeout(END, self.frames.drain()).await.is_err() {
                    result = Err(HostError::Unreachable(format!(
                        "{}: the host did not confirm the run's record within {} s; everything else was done",
                        self.name,
                        END.as_secs()
                    )));
                }
            }
        }
        self.outstanding = true;
        let close = std::mem::replace(&mut self.wire.close, Box::new(|| Box::pin(async {})));
        close().await;
        result
    }
}

#[cfg(test)]
mod tests;
