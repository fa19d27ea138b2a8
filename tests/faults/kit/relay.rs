//! A TCP relay that can fall silent, or hang up on both sides.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Passes bytes between whoever connects and one address.
pub struct Relay {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    silent: AtomicBool,
    /// Bytes towards the client after which it falls silent; 0 is no limit.
    limit: AtomicU64,
    passed: AtomicU64,
    open: Mutex<Vec<TcpStream>>,
}

impl Relay {
    /// Listens on `at` (port 0 is any) and passes to `to`.
    pub fn start(at: SocketAddr, to: SocketAddr) -> Self {
        let listener = TcpListener::bind(at).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State::default());
        let shared = state.clone();
        // Ends with the process: accept has no other end.
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect_timeout(&to, Duration::from_secs(10)) else {
                    continue;
                };
                let _ = (client.set_nodelay(true), server.set_nodelay(true));
                shared.connect(client, server);
            }
        });
        Self { address, state }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Hangs up on everybody.
    pub fn cut(&self) {
        for stream in self.state.lock().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// From now on nothing passes, and nobody is told.
    pub fn fall_silent(&self) {
        self.state.silent.store(true, Ordering::SeqCst);
    }

    /// Falls silent once this many more bytes went towards the client.
    pub fn fall_silent_after(&self, bytes: u64) {
        let passed = self.state.passed.load(Ordering::SeqCst);
        self.state.limit.store(passed + bytes, Ordering::SeqCst);
    }

    /// What was held back arrives.
    pub fn speak(&self) {
        self.state.limit.store(0, Ordering::SeqCst);
        self.state.silent.store(false, Ordering::SeqCst);
    }
}

impl State {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<TcpStream>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connect(self: &Arc<Self>, client: TcpStream, server: TcpStream) {
        let clones = [&client, &server].map(|stream| stream.try_clone().unwrap());
        self.lock().extend(clones);
        let (to_server, to_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
        let state = self.clone();
        std::thread::spawn(move || state.pump(client, to_server, false));
        let state = self.clone();
        std::thread::spawn(move || state.pump(server, to_client, true));
    }

    fn pump(&self, mut from: TcpStream, mut to: TcpStream, counted: bool) {
        let mut buffer = [0; 16 * 1024];
        loop {
            let read = from.read(&mut buffer).unwrap_or(0);
            while self.silent.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(20));
            }
            if read == 0 || to.write_all(&buffer[..read]).is_err() {
                break;
            }
            if counted {
                let passed = self.passed.fetch_add(read as u64, Ordering::SeqCst) + read as u64;
                let limit = self.limit.load(Ordering::SeqCst);
                if limit > 0 && passed >= limit {
                    self.silent.store(true, Ordering::SeqCst);
                }
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    }
}
