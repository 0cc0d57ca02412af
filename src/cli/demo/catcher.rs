//! Takes the mail that Rohrpost sends, and keeps it to be looked at: mailin-embedded, in threads of its own.
//! It refuses the null reverse-path, which is fine here: notices and receipts have a bounce address.

use anyhow::Context;
use mailin_embedded::{Handler, Response, Server, SslConfig, response};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};

/// A message that was caught.
#[derive(Clone, Debug, Default)]
pub struct Caught {
    pub from: String,
    pub to: Vec<String>,
    pub data: Vec<u8>,
}

/// Sessions at once: each keeps a thread until its peer hangs up.
const THREADS: u32 = 16;

/// What was caught so far.
#[derive(Clone)]
pub struct Catcher {
    pub address: SocketAddr,
    caught: Arc<Mutex<Vec<Caught>>>,
}

impl Catcher {
    /// Listens on a free port of this machine, for the rest of the program's life.
    pub fn start() -> anyhow::Result<Catcher> {
        let listener = TcpListener::bind("127.0.0.1:0").context("the catcher's port")?;
        let catcher = Catcher { address: listener.local_addr()?, caught: Arc::default() };
        let session = Session { caught: catcher.caught.clone(), current: Caught::default() };
        // Its error cannot leave the thread it was made in, so the server is built there.
        std::thread::spawn(move || {
            let mut server = Server::new(session);
            server.with_name("catcher.example").with_num_threads(THREADS).with_tcp_listener(listener);
            if server.with_ssl(SslConfig::None).is_ok() {
                let _ = server.serve();
            }
        });
        Ok(catcher)
    }

    pub fn caught(&self) -> Vec<Caught> {
        self.caught.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[derive(Clone)]
struct Session {
    caught: Arc<Mutex<Vec<Caught>>>,
    current: Caught,
}

impl Handler for Session {
    fn mail(&mut self, _ip: IpAddr, _domain: &str, from: &str) -> Response {
        self.current = Caught { from: from.to_owned(), ..Caught::default() };
        response::OK
    }

    fn rcpt(&mut self, to: &str) -> Response {
        self.current.to.push(to.to_owned());
        response::OK
    }

    fn data(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.current.data.extend_from_slice(bytes);
        Ok(())
    }

    fn data_end(&mut self) -> Response {
        let message = std::mem::take(&mut self.current);
        self.caught.lock().unwrap_or_else(PoisonError::into_inner).push(message);
        response::OK
    }
}
