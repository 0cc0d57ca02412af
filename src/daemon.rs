//! Starts the parts, stops them in order: doors first, then what is in hand, the store last.

pub mod sign_ins;

use crate::alarms;
use crate::config::Config;
use crate::config::lmtp::Listen;
use crate::dead_letter;
use crate::intake::accept::Acceptor;
use crate::intake::imap;
use crate::intake::login::SignIn;
use crate::intake::maildir;
use crate::intake::smtp::listener::Listening;
use crate::intake::smtp::tls::Certificate;
use crate::intake::smtp::{self, StoreDirectory};
use crate::intake::voice;
use crate::model::arrival::HeldLimits;
use crate::notify::transport::Transport;
use crate::notify::{daily, outbox};
use crate::oauth::keeper::Keeper;
use crate::pipeline::{Pipeline, Settings};
use crate::scan::Scanner;
use crate::store::{DaemonLock, Store};
use crate::watch;
use anyhow::Context;
use futures_util::future::BoxFuture;
use sign_ins::SignIns;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

/// A running daemon.
pub struct Daemon {
    store: Store,
    listening: Vec<Listening>,
    doors: Vec<Part>,
    pipeline: Part,
    outbox: Part,
    folder: Part,
    upkeep: Part,
    sign_ins: Part,
    fallen: UnboundedReceiver<&'static str>,
    certificate: Option<Certificate>,
    /// How long each part may take to stop.
    patience: Duration,
    _lock: DaemonLock,
}

/// A task and the word that stops it.
struct Part {
    name: &'static str,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// Tells of a part that ends although nobody stopped it: by itself, or by a panic.
struct Alarm {
    name: &'static str,
    stop: CancellationToken,
    fallen: UnboundedSender<&'static str>,
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if !self.stop.is_cancelled() {
            // Nobody listens only once the daemon itself is gone.
            let _ = self.fallen.send(self.name);
        }
    }
}

impl Part {
    fn start<F: Future<Output = ()> + Send + 'static>(
        name: &'static str,
        fallen: &UnboundedSender<&'static str>,
        run: impl FnOnce(CancellationToken) -> F,
    ) -> Part {
        let stop = CancellationToken::new();
        let alarm = Alarm { name, stop: stop.clone(), fallen: fallen.clone() };
        let work = run(stop.clone());
        let task = tokio::spawn(async move {
            let _alarm = alarm;
            work.await;
        });
        Part { name, stop, task }
    }

    /// What does not end in time is cut off; the store knows what was in hand.
    async fn end(mut self, within: Duration) {
        self.stop.cancel();
        match tokio::time::timeout(within, &mut self.task).await {
            Ok(Ok(())) => (),
            Ok(Err(error)) => warn!(%error, "{} ended badly", self.name),
            Err(_) => {
                warn!("{} did not stop in time; what it had in hand goes on at the next start", self.name);
                self.task.abort();
            }
        }
    }
}

impl Daemon {
    /// Opens the store, takes up what a crash left, binds the doors, and works.
    pub async fn start(config: Config) -> anyhow::Result<Daemon> {
        let lock = DaemonLock::take(&config.place)?;
        let store = taken_up(&config, &lock).await?;
        let certificate = certificate(&config)?;
        let transport = Transport::new(&config.outgoing)?;
        let scanner = config.scan.as_ref().map(Scanner::new);
        let held = config.held_unauthenticated;
        let accept = Acceptor::of(&config, &store, scanner.clone());
        let patience = config.smtp.limits.stop_timeout;
        let (watching, speaker) = (config.clone(), accept.clone());
        let (mailboxes, keepers) = mailboxes(&config, &accept, &store, &lock).await?;
        let maildirs = maildirs(&config, &accept, &store);
        let mail_doors = mail_doors(&config, certificate.as_ref(), &accept, &store).await?;
        let listening: Vec<Listening> = mail_doors.iter().flat_map(|(_, door)| door.listening()).collect();
        for Listening { language, place } in &listening {
            info!(address = %place, "listening for {language} on {place}");
        }
        let settings = Settings { portal_url: config.portal_url, postmaster: config.postmaster };
        let (pipeline, outgoing, dead_letters) =
            (Pipeline::new(store.clone(), settings, scanner.clone()).with_schedule(config.healing), config.outgoing, config.dead_letters);
        let parts = (store.clone(), store.clone(), store.clone());
        let (falls, fallen) = tokio::sync::mpsc::unbounded_channel();
        let mut doors: Vec<Part> = mail_doors.into_iter().map(|(name, door)| Part::start(name, &falls, |stop| door.run(stop))).collect();
        doors.extend(certificate.clone().map(|certificate| Part::start("certificate", &falls, |stop| certificate.watch(stop))));
        doors.extend(
            mailboxes
                .into_iter()
                .map(|mailbox| Part::start("IMAP door", &falls, |stop| again_and_again("a mailbox's door", mailbox, stop))),
        );
        doors.extend(
            maildirs
                .into_iter()
                .map(|maildir| Part::start("Maildir door", &falls, |stop| again_and_again("a Maildir's door", maildir, stop))),
        );
        let (spoken, heard, speaks_for) = (store.clone(), store.clone(), watching.listeners());
        doors.push(Part::start("doors' voice", &falls, |stop| voice::speak(speaks_for, speaker, spoken, stop)));
        let certified = certified(certificate.clone());
        doors.push(Part::start("alarms", &falls, |stop| alarms::run(heard, watching, certified, stop)));
        doors.extend(
            aside(&store, held, scanner, pipeline.clone())
                .into_iter()
                .map(|(name, make)| Part::start(name, &falls, |stop| again_and_again(name, make, stop))),
        );
        Ok(Daemon {
            listening,
            upkeep: Part::start("upkeep", &falls, |stop| async move { parts.0.upkeep(stop).await }),
            sign_ins: Part::start("sign-ins", &falls, |stop| sign_ins::keep(keepers, stop)),
            pipeline: Part::start("pipeline", &falls, |stop| async move { pipeline.run(stop).await }),
            outbox: Part::start("outbox", &falls, |stop| outbox::run(parts.1, outgoing, transport, stop)),
            folder: Part::start("dead-letter folder", &falls, |stop| dead_letter::run(parts.2, dead_letters, stop)),
            doors,
            fallen,
            store,
            certificate,
            patience,
            _lock: lock,
        })
    }

    /// Where the doors listen, with the ports that were free.
    pub fn listening(&self) -> &[Listening] {
        &self.listening
    }

    /// Where SMTP is spoken, with the ports that were free.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let address = |one: &Listening| match one {
            Listening { language: "SMTP", place: Listen::Tcp(address) } => Some(*address),
            _ => None,
        };
        self.listening.iter().filter_map(address).collect()
    }

    /// Waits until a part ends that nobody stopped, and returns its name. What is left does not do the work of the whole: end it.
    pub async fn fallen(&mut self) -> &'static str {
        // The door and the others hold the sender; without any of them all have fallen, each with a word.
        match self.fallen.recv().await {
            Some(name) => name,
            None => std::future::pending().await,
        }
    }

    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Reads the certificate again, changed or not; after an error the old one stays in use.
    pub fn reload(&self) {
        if let Some(certificate) = &self.certificate {
            certificate.reload();
        }
    }

    /// Stops in order: no new work, what is in hand ends, the store closes last.
    pub async fn stop(self) {
        // The doors themselves wait that long for what they have in hand; all of them at once.
        futures_util::future::join_all(self.doors.into_iter().map(|door| door.end(self.patience + Duration::from_secs(5)))).await;
        // What a provider is answering has to be written down; mail in hand does not wait for it.
        tokio::join!(self.sign_ins.end(self.patience), self.pipeline.end(self.patience));
        for part in [self.outbox, self.folder, self.upkeep] {
            part.end(self.patience).await;
        }
        // Everything is committed; a connection that does not come back must not keep the service from ending.
        if tokio::time::timeout(self.patience, self.store.close()).await.is_err() {
            warn!("the database did not close in time");
        }
    }
}

/// The store as the last run left it, with what was in hand then taken up again.
async fn taken_up(config: &Config, lock: &DaemonLock) -> anyhow::Result<Store> {
    let store = Store::open_as_daemon(lock, &config.place).await?;
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
    store.doors_start().await?;
    Ok(store)
}

/// The doors at which others knock, bound; the first is the one that may find its socket in use.
async fn mail_doors(
    config: &Config,
    certificate: Option<&Certificate>,
    accept: &Acceptor,
    store: &Store,
) -> anyhow::Result<Vec<(&'static str, smtp::Door)>> {
    let directory = StoreDirectory { store: store.clone(), sign_in: SignIn::new(store.clone()) };
    let mut doors = Vec::new();
    if !config.lmtp.listen.is_empty() {
        let door = smtp::Door::lmtp(config.lmtp.clone(), &config.smtp, accept.clone(), directory.clone()).await?;
        doors.push(("LMTP door", door));
    }
    let door = smtp::Door::smtp(config.smtp.clone(), certificate.map(Certificate::acceptor), accept.clone(), directory).await?;
    doors.push(("SMTP door", door));
    Ok(doors)
}

/// Makes a mailbox's or a Maildir's door anew, or other work, and runs it.
type Make = Box<dyn Fn(CancellationToken) -> BoxFuture<'static, ()> + Send + Sync>;

/// A door for each mailbox, and who keeps the tokens of those that need them. What a run before this one held is free: the lock says
/// that nobody else works here.
async fn mailboxes(config: &Config, accept: &Acceptor, store: &Store, _lock: &DaemonLock) -> anyhow::Result<(Vec<Make>, Vec<Keeper>)> {
    store.free_all_mailboxes().await?;
    let room = imap::Room::default();
    let sign_ins = SignIns::new(config, store)?;
    let (mut doors, mut keepers): (Vec<Make>, Vec<Keeper>) = (Vec::new(), Vec::new());
    for config in &config.imap {
        let (credential, keeper) = sign_ins.credential(config)?;
        keepers.extend(keeper);
        let (config, accept, store, room) = (config.clone(), accept.clone(), store.clone(), room.clone());
        doors.push(Box::new(move |stop| {
            Box::pin(imap::Door::new(config.clone(), credential.clone(), accept.clone(), store.clone(), room.clone()).run(stop))
        }));
    }
    Ok((doors, keepers))
}

/// A door for each Maildir.
fn maildirs(config: &Config, accept: &Acceptor, store: &Store) -> Vec<Make> {
    let door = |config: &crate::config::maildir::Maildir| -> Make {
        let (config, accept, store) = (config.clone(), accept.clone(), store.clone());
        Box::new(move |stop| Box::pin(maildir::Door::new(config.clone(), accept.clone(), store.clone()).run(stop)))
    };
    config.maildir.iter().map(door).collect()
}

/// Work beside the way of mail, each for itself.
fn aside(store: &Store, held: HeldLimits, scanner: Option<Scanner>, pipeline: Pipeline) -> Vec<(&'static str, Make)> {
    let (discards, tells) = (store.clone(), store.clone());
    let mut all: Vec<(&'static str, Make)> = vec![
        (
            "discarding",
            Box::new(move |stop| {
                let store = discards.clone();
                Box::pin(async move { store.discard_what_is_too_old(held, stop).await })
            }),
        ),
        ("the digest", Box::new(move |stop| Box::pin(daily::run(tells.clone(), stop)))),
        (
            "healing",
            Box::new(move |stop| {
                let pipeline = pipeline.clone();
                Box::pin(async move { pipeline.heal(stop).await })
            }),
        ),
    ];
    if let Some(scanner) = scanner {
        all.push((
            "the watch over the scanner",
            Box::new(move |stop| {
                let scanner = scanner.clone();
                Box::pin(async move { scanner.watch(stop).await })
            }),
        ));
    }
    all
}

/// What the alarms ask of the certificate.
fn certified(certificate: Option<Certificate>) -> alarms::Certified {
    Arc::new(move || certificate.as_ref().map(|one| watch::Certificate { fault: one.fault(), ends: one.ends() }))
}

/// The trouble of one is not the service's (G4): what falls is begun anew after a while, and all others go on.
async fn again_and_again(name: &'static str, make: Make, stop: CancellationToken) {
    const LATER: Duration = Duration::from_secs(60);
    while !stop.is_cancelled() {
        if let Err(fallen) = tokio::spawn(make(stop.clone())).await {
            error!(%fallen, "{name} fell; it begins anew in a minute");
        }
        tokio::select! { () = stop.cancelled() => break, () = tokio::time::sleep(LATER) => () }
    }
}

fn certificate(config: &Config) -> anyhow::Result<Option<Certificate>> {
    let Some(files) = &config.smtp.tls else {
        warn!("smtp.tls is not set: there is no STARTTLS, and nobody can sign in");
        return Ok(None);
    };
    let certificate = Certificate::read(files).context("smtp.tls")?;
    certificate.warn_if_expired();
    Ok(Some(certificate))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A dead part is noticed, whether it panicked or came to an end; one that was stopped is not.
    #[tokio::test]
    async fn a_part_that_falls() {
        let (falls, mut fallen) = tokio::sync::mpsc::unbounded_channel();
        let stopped = Part::start("stopped", &falls, |stop| async move { stop.cancelled().await });
        stopped.end(Duration::from_secs(60)).await;
        let panics = Part::start("panics", &falls, |_| async { panic!("planted") });
        assert_eq!(fallen.recv().await, Some("panics"));
        let ends = Part::start("ends", &falls, |_| async {});
        assert_eq!(fallen.recv().await, Some("ends"));
        // Their end is no trouble.
        panics.end(Duration::from_secs(60)).await;
        ends.end(Duration::from_secs(60)).await;
        drop(falls);
        assert_eq!(fallen.recv().await, None);
    }
}
