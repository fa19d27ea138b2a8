//! A TCP relay that makes a host far away: the kernel's own means of that are not everywhere.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

/// Delays what goes through it, in each direction, and counts turns.
pub struct Relay {
    pub port: u16,
    turns: Arc<AtomicUsize>,
}

impl Relay {
    pub fn to(host: Ipv4Addr, delay: Duration) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let turns = Arc::new(AtomicUsize::new(0));
        let counted = turns.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let counted = counted.clone();
                std::thread::spawn(move || carry(client, SocketAddr::from((host, 22)), delay, &counted));
            }
        });
        Self { port, turns }
    }

    /// How often, since the last call, a client spoke after it had heard something new: round trips, and one more
    /// for the TCP connection itself.
    pub fn turns(&self) -> usize {
        self.turns.swap(0, Ordering::SeqCst)
    }
}

fn carry(client: TcpStream, host: SocketAddr, delay: Duration, turns: &Arc<AtomicUsize>) {
    let Ok(server) = TcpStream::connect(host) else {
        return;
    };
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    // The connection's own handshake, which the relay has answered too early.
    turns.fetch_add(1, Ordering::SeqCst);
    std::thread::sleep(delay * 2);
    // Whether the client has heard something since it last spoke; the first thing it says is a turn.
    let heard = Arc::new(AtomicBool::new(true));
    let (up, down) = (turns.clone(), heard.clone());
    let said = move || {
        if heard.swap(false, Ordering::SeqCst) {
            up.fetch_add(1, Ordering::SeqCst);
        }
    };
    let (c, s) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    std::thread::spawn(move || pump(c, s, delay, said, || {}));
    pump(
        server,
        client,
        delay,
        || {},
        move || down.store(true, Ordering::SeqCst),
    );
}

/// Carries one direction: read at once, written `delay` later.
fn pump(
    mut from: TcpStream,
    mut to: TcpStream,
    delay: Duration,
    read: impl Fn(),
    written: impl Fn() + Send + 'static,
) {
    let (sender, receiver) = mpsc::channel::<(Instant, Vec<u8>)>();
    std::thread::spawn(move || {
        for (at, bytes) in receiver {
            std::thread::sleep(at.saturating_duration_since(Instant::now()));
            if bytes.is_empty() || to.write_all(&bytes).is_err() {
                break;
            }
            written();
        }
        let _ = to.shutdown(Shutdown::Write);
    });
    let mut buffer = vec![0; 1 << 16];
    loop {
        // An end is carried as no bytes, after the same delay.
        let size = from.read(&mut buffer).unwrap_or(0);
        if size > 0 {
            read();
        }
        if sender
            .send((Instant::now() + delay, buffer[..size].to_vec()))
            .is_err()
            || size == 0
        {
            break;
        }
    }
}
