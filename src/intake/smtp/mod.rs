//! The SMTP and the LMTP door: listens, asks the gate, hands each connection to a session, stops in order.
//! Why this is our own session on smtp-proto's parsers is told in docs/decisions.md.

pub mod command;
pub mod data;
pub mod gate;
pub mod line;
pub mod listener;
pub mod phase;
pub mod reply;
pub mod session;
pub mod socket;
pub mod tls;

use super::accept::Acceptor;
use super::brakes::{self, Brakes};
use super::login::SignIn;
use super::told::Told;
use crate::config::lmtp::{Listen, Lmtp};
use crate::config::{Limits, Smtp};
use crate::model::arrival::Recipient;
use crate::model::facts::Login;
use crate::store::Store;
use anyhow::Context;
use gate::{Everybody, Gate, Hosts};
use listener::{Begin, Listener, Listening};
use phase::{Dialect, Rules};
use secrecy::SecretString;
use session::{Directory, Shared};
use socket::SocketFile;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, warn};

/// The directory that stands on the store.
#[derive(Clone)]
pub struct StoreDirectory {
    pub store: Store,
    pub sign_in: SignIn,
}

impl Directory for StoreDirectory {
    async fn recipient(&self, path: &str) -> anyhow::Result<Option<Recipient>> {
        self.store.recipient(path).await
    }

    async fn sign_in(&self, name: &str, password: SecretString) -> anyhow::Result<Option<Login>> {
        self.sign_in.check(name, password).await
    }
}

/// A door in one of the two dialects, with its listeners bound.
pub struct Door {
    gate: Arc<dyn Gate>,
    listeners: Vec<(Listener, Begin)>,
    /// Sockets that are files; they go when the door does.
    files: Vec<SocketFile>,
    shared: Arc<Shared<Acceptor, StoreDirectory>>,
    stop_timeout: Duration,
}

impl Door {
    /// The SMTP door. Binds every address; an error names the one that is taken.
    pub async fn smtp(config: Smtp, tls: Option<TlsAcceptor>, accept: Acceptor, directory: StoreDirectory) -> anyhow::Result<Door> {
        let mut listeners = Vec::new();
        for (key, addresses, begin) in
            [("smtp.listen", &config.listen, Begin::InPlainText), ("smtp.listen_tls", &config.listen_tls, Begin::WithTls)]
        {
            for address in addresses {
                let listener = TcpListener::bind(address).await.with_context(|| format!("{key}: {address}"))?;
                listeners.push((Listener::Tcp(listener), begin));
            }
        }
        let shared = Arc::new(shared(Dialect::Smtp, &config.hostname, config.limits.clone(), tls, accept, directory));
        let stop_timeout = config.limits.stop_timeout;
        Ok(Door { gate: Arc::new(Everybody::new(config, shared.clone())), listeners, files: Vec::new(), shared, stop_timeout })
    }

    /// The LMTP door. What a session may cost is said in `[smtp]`; the brakes are for those who are not trusted.
    pub async fn lmtp(config: Lmtp, smtp: &Smtp, accept: Acceptor, directory: StoreDirectory) -> anyhow::Result<Door> {
        let (mut listeners, mut files) = (Vec::new(), Vec::new());
        for listen in &config.listen {
            let listener = match listen {
                Listen::Tcp(address) => TcpListener::bind(address).await.map(Listener::Tcp).map_err(anyhow::Error::from),
                Listen::Unix(path) => SocketFile::bind(path, config.socket_mode, config.socket_group.as_deref()).await.map(|bound| {
                    files.push(bound.1);
                    Listener::Unix(bound.0, path.clone())
                }),
            };
            listeners.push((listener.with_context(|| format!("lmtp.listen: {listen}"))?, Begin::InPlainText));
        }
        let shared = Arc::new(shared(Dialect::Lmtp, &smtp.hostname, smtp.limits.clone(), None, accept, directory));
        Ok(Door { gate: Arc::new(Hosts::new(config)), listeners, files, shared, stop_timeout: smtp.limits.stop_timeout })
    }

    /// Where it listens, with the ports that were free.
    pub fn listening(&self) -> Vec<Listening> {
        self.listeners.iter().filter_map(|(listener, begin)| listener.listening(self.shared.rules.dialect, *begin)).collect()
    }

    /// Serves until `stop`; then new and idle peers hear 421, and mail in hand is finished within the time that is set.
    pub async fn run(self, stop: CancellationToken) {
        let sessions = TaskTracker::new();
        let mut listening = JoinSet::new();
        for (listener, begin) in self.listeners {
            let (gate, shared, sessions, stop) = (self.gate.clone(), self.shared.clone(), sessions.clone(), stop.clone());
            listening.spawn(listener::listen(listener, begin, gate, shared, sessions, stop));
        }
        let mut tidy = tokio::time::interval(brakes::TIDY);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = tidy.tick() => self.shared.brakes.tidy(),
                // It listens for ever; a door that does not is none, and whoever started it must know.
                Some(_) = listening.join_next() => {
                    error!("a listener ended by itself");
                    break;
                }
            }
        }
        // They go on to answer 421.
        listening.detach_all();
        self.shared.stop.cancel();
        sessions.close();
        if tokio::time::timeout(self.stop_timeout, sessions.wait()).await.is_err() {
            warn!(sessions = sessions.len(), "some sessions did not end in time; their peers will try again");
        }
        // Until here a socket's peers heard 421.
        drop(self.files);
    }
}

/// What all sessions of a door share.
fn shared(
    dialect: Dialect,
    hostname: &str,
    limits: Limits,
    tls: Option<TlsAcceptor>,
    accept: Acceptor,
    directory: StoreDirectory,
) -> Shared<Acceptor, StoreDirectory> {
    let rules = Rules {
        dialect,
        hostname: hostname.to_owned(),
        message_bytes: limits.message_bytes,
        recipients: limits.recipients,
        errors: limits.errors,
        has_tls: tls.is_some(),
    };
    let (blobs, brakes) = (directory.store.blobs().clone(), Brakes::new(limits.brakes));
    Shared { accept, directory, blobs, rules, limits, tls, brakes, told: Told::default(), stop: CancellationToken::new() }
}
