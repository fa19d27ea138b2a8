//! Somebody who sends mail all the time and remembers what was accepted.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use lettre::address::Envelope;
use lettre::transport::smtp::extension::ClientId;
use lettre::{SmtpTransport, Transport as _};

/// Sends to one mailbox until it is stopped.
pub struct Sender {
    stop: Arc<AtomicBool>,
    log: Arc<Mutex<Log>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default, Clone)]
pub struct Log {
    /// Messages that got a 250.
    pub accepted: Vec<String>,
    /// Attempts that got none: refused, or nobody listened.
    pub unanswered: usize,
}

impl Sender {
    /// `name` tells its messages from those of other senders.
    pub fn start(server: Ipv4Addr, recipient: &str, name: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let log = Arc::new(Mutex::new(Log::default()));
        let envelope = Envelope::new(
            Some("visitor@[127.0.0.1]".parse().unwrap()),
            vec![recipient.parse().unwrap()],
        )
        .unwrap();
        let text = format!("From: visitor@outside.example\r\nTo: {recipient}\r\nSubject: fault-");
        let (stopped, shared, name) = (stop.clone(), log.clone(), name.to_owned());
        let thread = std::thread::spawn(move || {
            let mut number = 0;
            while !stopped.load(Ordering::SeqCst) {
                number += 1;
                let token = format!("{name}-{number}-end");
                let message = format!("{text}{token}\r\n\r\nA line.\r\n");
                let answer = SmtpTransport::builder_dangerous(server.to_string())
                    .port(25)
                    .hello_name(ClientId::Ipv4(Ipv4Addr::LOCALHOST))
                    .timeout(Some(Duration::from_secs(20)))
                    .build()
                    .send_raw(&envelope, message.as_bytes());
                let mut log = shared.lock().unwrap_or_else(PoisonError::into_inner);
                match answer {
                    Ok(_) => log.accepted.push(token),
                    Err(_) => log.unanswered += 1,
                }
                drop(log);
                std::thread::sleep(Duration::from_millis(150));
            }
        });
        Self {
            stop,
            log,
            thread: Some(thread),
        }
    }

    /// Stops after the message in hand.
    pub fn stop(mut self) -> Log {
        self.end();
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.end();
    }
}

/// How often each message of a sender lies in the mailboxes below `folder`, by its token.
pub fn delivered(folder: &Path, name: &str) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    let start = format!("Subject: fault-{name}-");
    collect(folder, &start, name, &mut found);
    found
}

fn collect(folder: &Path, start: &str, name: &str, found: &mut BTreeMap<String, usize>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            collect(&path, start, name, found);
        } else if path
            .parent()
            .is_some_and(|parent| parent.ends_with("cur") || parent.ends_with("new"))
            && let Ok(text) = std::fs::read(&path)
        {
            let text = String::from_utf8_lossy(&text);
            let token = text.lines().find_map(|line| line.strip_prefix(start));
            if let Some(rest) = token {
                *found.entry(format!("{name}-{}", rest.trim_end())).or_default() += 1;
            }
        }
    }
}

/// What the server says it takes at most: the SIZE of its answer to EHLO.
pub fn announced_size(server: IpAddr) -> Option<u64> {
    use std::io::{BufRead as _, BufReader, Write as _};
    let stream = std::net::TcpStream::connect_timeout(&(server, 25).into(), Duration::from_secs(10)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
    lines.next()?.ok()?;
    (&stream).write_all(b"EHLO [127.0.0.1]\r\n").ok()?;
    loop {
        let line = lines.next()?.ok()?;
        if let Some((_, size)) = line.split_once("SIZE ") {
            let _ = (&stream).write_all(b"QUIT\r\n");
            return size.trim().parse().ok();
        }
        if line.get(3..4) == Some(" ") {
            return None;
        }
    }
}
