//! The SMTP door: listens, counts connections, hands each to a session, stops in order.
//! Why this is our own session on smtp-proto's parsers is told in docs/decisions.md.

pub mod command;
pub mod data;
pub mod line;
pub mod phase;
pub mod reply;
pub mod session;
pub mod tls;

use super::accept::Acceptor;
use super::brakes::{self, Brakes};
use super::login::SignIn;
use crate::config::Smtp;
use crate::model::arrival::{Accept, Recipient};
use crate::model::facts::{Login, Origin};
use crate::store::Store;
use phase::Rules;
use secrecy::SecretString;
use session::{Directory, Peer, Shared};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

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

/// The door with its listeners bound.
pub struct SmtpDoor {
    config: Arc<Smtp>,
    listeners: Vec<TcpListener>,
    shared: Arc<Shared<Acceptor, StoreDirectory>>,
    connections: Connections,
    sessions: TaskTracker,
    stop: CancellationToken,
}

impl SmtpDoor {
    /// Binds every address; an error names the one that is taken.
    pub async fn bind(config: Smtp, tls: Option<TlsAcceptor>, accept: Acceptor, directory: StoreDirectory) -> anyhow::Result<SmtpDoor> {
        use anyhow::Context;
        let mut listeners = Vec::new();
        for address in &config.listen {
            listeners.push(TcpListener::bind(address).await.with_context(|| format!("smtp.listen: {address}"))?);
        }
        let stop = CancellationToken::new();
        let rules = Rules {
            hostname: config.hostname.clone(),
            message_bytes: config.limits.message_bytes,
            recipients: config.limits.recipients,
            errors: config.limits.errors,
            has_tls: tls.is_some(),
        };
        let shared = Shared {
            accept,
            blobs: directory.store.blobs().clone(),
            directory,
            rules,
            limits: config.limits.clone(),
            tls,
            brakes: Brakes::new(config.limits.brakes),
            stop: stop.clone(),
        };
        let connections = Connections::new(config.limits.connections, config.limits.connections_per_address);
        Ok(SmtpDoor { config: Arc::new(config), listeners, shared: Arc::new(shared), connections, sessions: TaskTracker::new(), stop })
    }

    /// Where it listens, with the ports that were free.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }

    /// Serves until `stop`; then new and idle peers hear 421, and mail in hand is finished within the time that is set.
    pub async fn run(self, stop: CancellationToken) {
        let listening = TaskTracker::new();
        for listener in self.listeners {
            let (config, shared, connections, sessions, stop) =
                (self.config.clone(), self.shared.clone(), self.connections.clone(), self.sessions.clone(), self.stop.clone());
            listening.spawn(listen(listener, config, shared, connections, sessions, stop));
        }
        listening.close();
        let mut tidy = tokio::time::interval(brakes::TIDY);
        loop {
            tokio::select! { () = stop.cancelled() => break, _ = tidy.tick() => self.shared.brakes.tidy() }
        }
        self.stop.cancel();
        self.sessions.close();
        if tokio::time::timeout(self.config.limits.stop_timeout, self.sessions.wait()).await.is_err() {
            warn!(sessions = self.sessions.len(), "some sessions did not end in time; their peers will try again");
        }
    }
}

/// Accepts connections. While the service stops, new ones are still answered, with 421.
async fn listen<A: Accept, D: Directory>(
    listener: TcpListener,
    config: Arc<Smtp>,
    shared: Arc<Shared<A, D>>,
    connections: Connections,
    sessions: TaskTracker,
    stop: CancellationToken,
) {
    loop {
        let (stream, address) = match listener.accept().await {
            Ok((stream, peer)) => (stream, peer.ip().to_canonical()),
            Err(error) => {
                // Too many open files, most likely: waiting costs less than spinning.
                warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            }
        };
        if stop.is_cancelled() {
            tokio::spawn(turn_away(stream, reply::stopping()));
            continue;
        }
        let (origin, authserv_id) = config.origin(address);
        // A mail host that we trust brings everybody's mail.
        if origin == Origin::Direct && !shared.brakes.may_connect(address) {
            tokio::spawn(turn_away(stream, reply::too_often()));
            continue;
        }
        let Some(place) = connections.enter(address, origin) else {
            tokio::spawn(turn_away(stream, reply::too_many_connections()));
            continue;
        };
        let peer = Peer { address, origin, authserv_id: authserv_id.map(str::to_owned) };
        let shared = shared.clone();
        sessions.spawn(async move {
            debug!(peer = %peer.address, "connected");
            let _ = stream.set_nodelay(true);
            session::serve(stream, peer, shared).await;
            drop(place);
        });
    }
}

async fn turn_away(mut stream: TcpStream, reply: reply::Reply) {
    let say = async {
        stream.write_all(reply.to_string().as_bytes()).await?;
        stream.shutdown().await
    };
    let _ = tokio::time::timeout(Duration::from_secs(5), say).await;
}

/// Counts connections, in all and per address. A fifth of all is kept for the mail hosts that we trust: strangers cannot shut them out.
#[derive(Clone)]
struct Connections {
    counts: Arc<Mutex<Counts>>,
    most: usize,
    most_per_address: usize,
}

#[derive(Default)]
struct Counts {
    all: usize,
    per_address: HashMap<IpAddr, usize>,
}

/// A connection's place; given back when dropped.
struct Place {
    connections: Connections,
    address: IpAddr,
}

impl Connections {
    fn new(most: usize, most_per_address: usize) -> Connections {
        Connections { counts: Arc::default(), most, most_per_address }
    }

    fn enter(&self, address: IpAddr, origin: Origin) -> Option<Place> {
        let address = brakes::address_of(address);
        let most = if origin == Origin::Direct { self.most - self.most / 5 } else { self.most };
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let here = counts.per_address.get(&address).copied().unwrap_or(0);
        if counts.all >= most || here >= self.most_per_address {
            return None;
        }
        counts.all += 1;
        counts.per_address.insert(address, here + 1);
        Some(Place { connections: self.clone(), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.connections.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.all = counts.all.saturating_sub(1);
        match counts.per_address.get_mut(&self.address) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(counts.per_address.remove(&self.address)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_and_given_back() {
        let connections = Connections::new(3, 2);
        let (one, two) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let first = connections.enter(one, Origin::Direct);
        let second = connections.enter(one, Origin::Direct);
        assert!(first.is_some() && second.is_some() && connections.enter(one, Origin::Direct).is_none());
        let third = connections.enter(two, Origin::Direct);
        assert!(third.is_some() && connections.enter(two, Origin::Direct).is_none());
        drop(first);
        assert!(connections.enter(two, Origin::Direct).is_some());
    }

    #[test]
    fn strangers_leave_room_for_trusted_hosts() {
        let connections = Connections::new(10, 100);
        let (stranger, host) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let strangers: Vec<_> = std::iter::from_fn(|| connections.enter(stranger, Origin::Direct)).collect();
        let hosts: Vec<_> = std::iter::from_fn(|| connections.enter(host, Origin::Relay)).collect();
        assert_eq!((strangers.len(), hosts.len()), (8, 2));
    }

    #[test]
    fn a_network_of_ipv6_is_one_peer() {
        let connections = Connections::new(10, 1);
        let enter = |address: &str| connections.enter(address.parse().unwrap(), Origin::Direct);
        let first = enter("2001:db8:0:1::1");
        assert!(first.is_some() && enter("2001:db8:0:1:ffff::2").is_none() && enter("2001:db8:0:2::1").is_some());
    }
}
