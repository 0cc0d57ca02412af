//! Starts the parts, stops them in order: doors first, then what is in hand, the store last.

use crate::config::Config;
use crate::dead_letter;
use crate::intake::accept::Acceptor;
use crate::intake::login::SignIn;
use crate::intake::smtp::{SmtpDoor, StoreDirectory, tls};
use crate::notify::outbox;
use crate::pipeline::{Pipeline, Settings};
use crate::store::{DaemonLock, Store};
use anyhow::Context;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// How long everything behind the doors may take to stop.
const STOP: Duration = Duration::from_secs(60);

/// A running daemon.
pub struct Daemon {
    store: Store,
    addresses: Vec<SocketAddr>,
    door: Part,
    pipeline: Part,
    outbox: Part,
    folder: Part,
    upkeep: Part,
    _lock: DaemonLock,
}

/// A task and the word that stops it.
struct Part {
    name: &'static str,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Part {
    fn start<F: Future<Output = ()> + Send + 'static>(name: &'static str, run: impl FnOnce(CancellationToken) -> F) -> Part {
        let stop = CancellationToken::new();
        let task = tokio::spawn(run(stop.clone()));
        Part { name, stop, task }
    }

    async fn end(self, within: Duration) {
        self.stop.cancel();
        match tokio::time::timeout(within, self.task).await {
            Ok(Ok(())) => (),
            Ok(Err(error)) => warn!(%error, "{} ended badly", self.name),
            Err(_) => warn!("{} did not stop in time", self.name),
        }
    }
}

impl Daemon {
    /// Opens the store, takes up what a crash left, binds the doors, and works.
    pub async fn start(config: Config) -> anyhow::Result<Daemon> {
        let lock = DaemonLock::take(&config.place)?;
        let store = Store::open_as_daemon(&lock, &config.place).await?;
        lock.mark()?;
        dead_letter::folder::Folder::new(config.dead_letters.clone()).prepare().context("dead_letters")?;
        let swept = store.blobs().sweep()?;
        if swept > 0 {
            info!(uploads = swept, "took away what {swept} interrupted uploads had left");
        }
        let in_hand = store.recover().await?;
        store.recover_messages().await?;
        if in_hand > 0 {
            warn!(arrivals = in_hand, "the last run ended uncleanly; what was in hand is tried alone first");
        }
        let acceptor = tls_acceptor(&config)?;
        let folders = vec![parent(&config.place.database), config.place.blobs.clone()];
        let accept = Acceptor::new(store.clone(), folders, config.min_free_bytes);
        let directory = StoreDirectory { store: store.clone(), sign_in: SignIn::new(store.clone()) };
        let door = SmtpDoor::bind(config.smtp, acceptor, accept, directory).await?;
        let addresses = door.addresses();
        for address in &addresses {
            info!(%address, "listening for SMTP on {address}");
        }
        let settings = Settings { portal_url: config.portal_url, postmaster: config.postmaster };
        let (pipeline, outgoing, dead_letters) = (Pipeline::new(store.clone(), settings), config.outgoing, config.dead_letters);
        let parts = (store.clone(), store.clone(), store.clone());
        Ok(Daemon {
            addresses,
            upkeep: Part::start("upkeep", |stop| async move { parts.0.upkeep(stop).await }),
            pipeline: Part::start("pipeline", |stop| async move { pipeline.run(stop).await }),
            outbox: Part::start("outbox", |stop| async move {
                if let Err(error) = outbox::run(parts.1, outgoing, stop).await {
                    warn!(error = format!("{error:#}"), "nothing can be sent");
                }
            }),
            folder: Part::start("dead-letter folder", |stop| dead_letter::run(parts.2, dead_letters, stop)),
            door: Part::start("SMTP door", |stop| door.run(stop)),
            store,
            _lock: lock,
        })
    }

    /// Where the SMTP door listens, with the ports that were free.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Stops in order: no new work, what is in hand ends, the store closes last.
    pub async fn stop(self) {
        self.door.end(STOP).await;
        self.pipeline.end(STOP).await;
        self.outbox.end(STOP).await;
        self.folder.end(STOP).await;
        self.upkeep.end(STOP).await;
        self.store.close().await;
    }
}

fn parent(path: &std::path::Path) -> std::path::PathBuf {
    path.parent().map_or_else(|| ".".into(), Into::into)
}

fn tls_acceptor(config: &Config) -> anyhow::Result<Option<tokio_rustls::TlsAcceptor>> {
    match &config.smtp.tls {
        Some(files) => Ok(Some(tls::acceptor(files).context("smtp.tls")?)),
        None => {
            warn!("smtp.tls is not set: there is no STARTTLS, and nobody can sign in");
            Ok(None)
        }
    }
}
