//! Accepts connections of either kind and hands them to sessions.

use super::gate::Gate;
use super::phase::Dialect;
use super::reply::{self, Reply};
use super::session::{self, Directory, Io, Shared};
use crate::config::lmtp::Listen;
use crate::model::arrival::Accept;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, UnixListener};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

/// What peers connect to.
pub enum Listener {
    Tcp(TcpListener),
    /// With its path.
    Unix(UnixListener, PathBuf),
}

/// How a connection begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    InPlainText,
    /// RFC 8314 §3: the handshake comes before the greeting.
    WithTls,
}

/// A place where a door listens, as operators are told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listening {
    pub language: &'static str,
    pub place: Listen,
}

impl Listener {
    /// None if the system does not say.
    pub(super) fn listening(&self, dialect: Dialect, begin: Begin) -> Option<Listening> {
        let language = match (dialect, begin) {
            (Dialect::Smtp, Begin::InPlainText) => "SMTP",
            (Dialect::Smtp, Begin::WithTls) => "SMTP over TLS",
            (Dialect::Lmtp, _) => "LMTP",
        };
        let place = match self {
            Listener::Tcp(listener) => Listen::Tcp(listener.local_addr().ok()?),
            Listener::Unix(_, path) => Listen::Unix(path.clone()),
        };
        Some(Listening { language, place })
    }

    async fn accept(&self) -> std::io::Result<(Box<dyn Io>, Option<IpAddr>)> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                let _ = stream.set_nodelay(true);
                Ok((Box::new(stream), Some(peer.ip().to_canonical())))
            }
            Listener::Unix(listener, _) => Ok((Box::new(listener.accept().await?.0), None)),
        }
    }
}

/// Accepts connections. While the service stops, new ones are still answered, with 421.
pub(super) async fn listen<A: Accept, D: Directory>(
    listener: Listener,
    begin: Begin,
    gate: Arc<dyn Gate>,
    shared: Arc<Shared<A, D>>,
    sessions: TaskTracker,
    stop: CancellationToken,
) {
    loop {
        let (stream, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Too many open files, most likely: waiting costs less than spinning.
                warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            }
        };
        if stop.is_cancelled() {
            tokio::spawn(turn_away(stream, begin, reply::stopping()));
            continue;
        }
        let (peer, place) = match gate.admit(address) {
            Ok(admitted) => admitted,
            Err(reply) => {
                tokio::spawn(turn_away(stream, begin, reply));
                continue;
            }
        };
        let shared = shared.clone();
        sessions.spawn(async move {
            debug!(peer = ?peer.address, "connected");
            match begin {
                Begin::InPlainText => session::serve(stream, peer, shared).await,
                Begin::WithTls => session::serve_over_tls(stream, peer, shared).await,
            }
            drop(place);
        });
    }
}

/// A handshake costs more than it is worth here: whoever waits for one sees the connection end.
async fn turn_away(mut stream: Box<dyn Io>, begin: Begin, reply: Reply) {
    let say = async {
        if begin == Begin::InPlainText {
            stream.write_all(reply.to_string().as_bytes()).await?;
        }
        stream.shutdown().await
    };
    let _ = tokio::time::timeout(Duration::from_secs(5), say).await;
}
