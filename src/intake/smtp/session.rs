//! One session over any stream, in either dialect: reads, asks, writes. What may follow what is `phase`'s; what is answered is `reply`'s.

use super::command::{self, Command};
use super::data::Receiver;
use super::line::{Input, ReadData, ReadLine};
use super::phase::{Dialect, Next, Rules, Session, Transaction};
use super::reply::{self, Reply};
use crate::config::Limits;
use crate::intake::brakes::Brakes;
use crate::intake::facts::{self, Connection};
use crate::intake::spool::{NotSpooled, Spool, Spooled};
use crate::intake::told::Told;
use crate::model::arrival::{Accept, Arrival, Envelope, Recipient};
use crate::model::facts::{Login, Origin};
use crate::model::id::ArrivalId;
use crate::model::stop::{DnsTrouble, ScannerDown, Stop, TooMuchHeld};
use crate::store::blobs::Blobs;
use jiff::Timestamp;
use secrecy::SecretString;
use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

/// What a session asks: whose address, whose password. An error is ours and temporary.
pub trait Directory: Send + Sync + 'static {
    fn recipient(&self, path: &str) -> impl Future<Output = anyhow::Result<Option<Recipient>>> + Send;
    fn sign_in(&self, name: &str, password: SecretString) -> impl Future<Output = anyhow::Result<Option<Login>>> + Send;
}

/// The parts of a door that its sessions share.
pub struct Shared<A, D> {
    pub accept: A,
    pub directory: D,
    pub blobs: Blobs,
    pub rules: Rules,
    pub limits: Limits,
    pub tls: Option<TlsAcceptor>,
    pub brakes: Brakes,
    pub told: Told,
    pub stop: CancellationToken,
}

impl<A, D> Shared<A, D> {
    /// A limit held somebody up: says so once a minute for an address, and what to do if it is an honest one. Login tries always log.
    pub fn tell(&self, peer: IpAddr, key: &str) {
        if self.told.first(&format!("{key} {peer}")) {
            warn!(%peer, "{peer} is held up by {key}: raise it, or name the host in [[smtp.trusted]] if it is a mail host of yours");
        }
    }
}

/// Where the peer stands.
#[derive(Clone, Debug)]
pub struct Peer {
    /// None behind a socket of this machine.
    pub address: Option<IpAddr>,
    pub origin: Origin,
    pub authserv_id: Option<String>,
}

/// A stream of either kind: plain, or TLS over it.
pub trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// A handshake takes so long at most.
const HANDSHAKE: Duration = Duration::from_secs(30);
/// Replies waiting to be sent while the peer pipelines.
const MOST_UNSENT: usize = 16 * 1024;
/// RFC 2034 and RFC 5321 §4.2: three digits and a text.
const GO_AHEAD: &str = "354 end with a line that holds a dot alone\r\n";

/// Serves one connection until it ends.
pub async fn serve<A: Accept, D: Directory>(stream: impl Io + 'static, peer: Peer, shared: Arc<Shared<A, D>>) {
    converse(Box::new(stream), false, peer, shared).await;
}

/// Serves a connection that begins with the handshake. RFC 8314 §3.
pub async fn serve_over_tls<A: Accept, D: Directory>(stream: impl Io + 'static, peer: Peer, shared: Arc<Shared<A, D>>) {
    if let Some(stream) = shake_hands(Box::new(stream), &shared).await {
        converse(stream, true, peer, shared).await;
    }
}

async fn converse<A: Accept, D: Directory>(stream: Box<dyn Io>, tls: bool, peer: Peer, shared: Arc<Shared<A, D>>) {
    let language = match shared.rules.dialect {
        Dialect::Smtp => "ESMTP",
        Dialect::Lmtp => "LMTP",
    };
    let greeting = Reply::plain(220, vec![format!("{} {language} Rohrpost", shared.rules.hostname).into()]);
    let mut talk = Talk::new(stream, peer, Session::new(tls), shared);
    talk.say(&greeting);
    // RFC 3207 §4.2: behind the handshake everything starts again, with nothing remembered.
    while let Ended::StartTls = talk.run().await {
        let Talk { stream, peer, shared, .. } = talk;
        let Some(stream) = shake_hands(stream, &shared).await else { return };
        talk = Talk::new(stream, peer, Session::new(true), shared);
    }
}

async fn shake_hands<A, D>(stream: Box<dyn Io>, shared: &Shared<A, D>) -> Option<Box<dyn Io>> {
    let acceptor = shared.tls.as_ref()?;
    match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => return Some(Box::new(stream)),
        Ok(Err(error)) => debug!(%error, "no TLS handshake"),
        Err(_) => debug!("no TLS handshake in time"),
    }
    None
}

enum Ended {
    Closed,
    StartTls,
}

/// What the loop does after a reply.
enum Go {
    On,
    End(Ended),
}

struct Talk<A, D> {
    stream: Box<dyn Io>,
    input: Input,
    /// Replies that are not sent yet.
    unsent: Vec<u8>,
    peer: Peer,
    session: Session,
    /// Name and password that were wrong last.
    wrong: Option<(String, SecretString)>,
    shared: Arc<Shared<A, D>>,
}

impl<A: Accept, D: Directory> Talk<A, D> {
    fn new(stream: Box<dyn Io>, peer: Peer, session: Session, shared: Arc<Shared<A, D>>) -> Talk<A, D> {
        Talk { stream, input: Input::default(), unsent: Vec::new(), peer, session, wrong: None, shared }
    }

    fn say(&mut self, reply: &Reply) {
        self.unsent.extend_from_slice(reply.to_string().as_bytes());
    }

    /// Sends what is waiting; false if the peer is gone or takes nothing.
    async fn flush(&mut self) -> bool {
        let unsent = std::mem::take(&mut self.unsent);
        let timeout = self.shared.limits.command_timeout;
        let sent = tokio::time::timeout(timeout, async {
            self.stream.write_all(&unsent).await?;
            self.stream.flush().await
        });
        matches!(sent.await, Ok(Ok(())))
    }

    async fn run(&mut self) -> Ended {
        loop {
            // RFC 2920 §3.2: replies to pipelined commands may be sent together.
            if (!self.input.has_more() || self.unsent.len() > MOST_UNSENT) && !self.flush().await {
                return Ended::Closed;
            }
            let line = self.input.line(&mut self.stream, self.shared.limits.command_timeout, &self.shared.stop).await;
            let reply = match line {
                ReadLine::Line(line) => match self.command(&line).await {
                    Go::On => continue,
                    Go::End(ended) => {
                        self.flush().await;
                        return ended;
                    }
                },
                ReadLine::BareLf => self.session.bare_lf(&self.shared.rules),
                // The rest of a long line must not be taken for commands.
                ReadLine::TooLong => reply::line_too_long(),
                ReadLine::TimedOut => reply::timed_out(),
                ReadLine::Stopping => reply::stopping(),
                ReadLine::Closed => return Ended::Closed,
            };
            self.say(&reply);
            if reply.closes() {
                self.flush().await;
                return Ended::Closed;
            }
        }
    }

    async fn command(&mut self, line: &[u8]) -> Go {
        let shared = self.shared.clone();
        let command = command::parse(line);
        if matches!(command, Command::Mail { .. }) && !self.may_send() {
            self.say(&reply::too_many_mails());
            return Go::On;
        }
        let reply = match self.session.step(&shared.rules, command) {
            Next::Say(reply) => reply,
            Next::Resolve(path) => match shared.directory.recipient(&path).await {
                Ok(found) => self.session.recipient(&shared.rules, path, found),
                Err(error) => {
                    warn!(error = format!("{error:#}"), "a recipient could not be looked up");
                    Reply::new(451, (3, 0), "not possible at the moment; try again later")
                }
            },
            Next::SignIn { mechanism, response } => match self.sign_in(mechanism, response).await {
                Ok(reply) => reply,
                Err(ended) => return Go::End(ended),
            },
            Next::StartTls => return self.start_tls(),
            Next::Data => return self.data().await,
        };
        self.say(&reply);
        if reply.closes() { Go::End(Ended::Closed) } else { Go::On }
    }

    /// Whether a mail may begin here. A mail host that we trust brings everybody's.
    fn may_send(&self) -> bool {
        let Some(address) = self.peer.address.filter(|_| self.peer.origin == Origin::Direct) else { return true };
        if !self.session.may_begin() || self.shared.brakes.may_send(address) {
            return true;
        }
        self.shared.tell(address, "smtp.max_mails_per_hour");
        false
    }

    /// What was sent behind STARTTLS in plain text must not be taken as sent in TLS (CVE-2011-0411).
    fn start_tls(&mut self) -> Go {
        if self.input.has_more() {
            self.say(&Reply::new(501, (5, 1), "nothing may follow STARTTLS in the same packet").and_close());
            return Go::End(Ended::Closed);
        }
        self.say(&Reply::new(220, (0, 0), "go ahead"));
        Go::End(Ended::StartTls)
    }

    /// Reads the mail, has it accepted, and answers: RFC 2033 §4.2 asks for an answer to each recipient that was accepted, also if it
    /// is the same one twice. All of them are true together, because one transaction is one arrival.
    async fn data(&mut self) -> Go {
        let Some(transaction) = self.session.take_transaction() else { return Go::End(Ended::Closed) };
        let answers = match self.shared.rules.dialect {
            Dialect::Smtp => 1,
            Dialect::Lmtp => transaction.to.len(),
        };
        let Some(reply) = self.mail(transaction).await else { return Go::End(Ended::Closed) };
        for _ in 0..answers {
            self.say(&reply);
        }
        if reply.closes() { Go::End(Ended::Closed) } else { Go::On }
    }

    /// Reads the mail and has it accepted; none if the connection ended before the last dot.
    async fn mail(&mut self, transaction: Transaction) -> Option<Reply> {
        let Transaction { from, to, .. } = transaction;
        self.unsent.extend_from_slice(GO_AHEAD.as_bytes());
        if !self.flush().await {
            return None;
        }
        let id = ArrivalId::generate();
        let (_, first) = to.first()?;
        let tenant = first.tenant.clone();
        let spool = Spool::new(self.shared.blobs.clone(), tenant.clone(), id, self.shared.limits.message_bytes);
        let spooled = match self.receive(spool).await? {
            Ok(spooled) => spooled,
            Err(NotSpooled::TooBig) => return Some(reply::too_big(self.shared.limits.message_bytes)),
            Err(NotSpooled::NotNow(error)) => {
                warn!(error = format!("{error:#}"), "a mail could not be written down");
                return Some(reply::to_outcome(id, Err(Stop::NotNow(error))));
            }
        };
        let envelope = Envelope {
            from,
            mailbox: first.mailbox.clone(),
            purpose: first.purpose.clone(),
            to: to.iter().map(|(path, _)| path.clone()).collect(),
        };
        let connection = Connection {
            peer: self.peer.address,
            origin: self.peer.origin,
            authserv_id: self.peer.authserv_id.clone(),
            helo: self.session.helo().to_owned(),
            tls: self.session.tls,
            login: self.session.login.clone(),
        };
        let facts = facts::gather(&connection, &spooled.head);
        let Spooled { raw, sha256, size, .. } = spooled;
        let door = self.shared.rules.dialect.door();
        let arrival = Arrival { id, tenant, door, at: Timestamp::now(), envelope, facts, raw, sha256, size };
        // Once the last dot is read the work runs to its end, even if the peer hangs up.
        let shared = self.shared.clone();
        let outcome = tokio::spawn(async move { shared.accept.accept(arrival).await }).await;
        let outcome = outcome.unwrap_or_else(|error| Err(Stop::not_now(error)));
        if let Err(Stop::NotNow(error)) = &outcome {
            // Of these the log has one warning a minute that says more.
            if error.is::<DnsTrouble>() || error.is::<ScannerDown>() || error.is::<TooMuchHeld>() {
                info!(arrival.id = %id, error = format!("{error:#}"), "a mail was put off at the door");
            } else {
                warn!(arrival.id = %id, error = format!("{error:#}"), "a mail could not be accepted");
            }
        }
        Some(reply::to_outcome(id, outcome))
    }

    /// Reads up to the line with the dot. RFC 5321 §4.1.1.4: only CRLF . CRLF ends it; lone CRs and LFs are kept as they are.
    async fn receive(&mut self, mut spool: Spool) -> Option<Result<Spooled, NotSpooled>> {
        let mut receiver = Receiver::default();
        let mut out = Vec::with_capacity(16 * 1024);
        // A mail that is too big is read to its end, but not for ever.
        let patience = self.shared.limits.message_bytes.saturating_mul(2).saturating_add(1 << 20);
        loop {
            match self.input.data(&mut self.stream, self.shared.limits.data_timeout).await {
                ReadData::Some => (),
                ReadData::Closed => return None,
                ReadData::TimedOut => {
                    self.say(&reply::timed_out());
                    self.flush().await;
                    return None;
                }
            }
            let available = self.input.available();
            let end = receiver.take(available, &mut out);
            let taken = end.unwrap_or(available.len());
            self.input.consume(taken);
            spool.write(&out).await;
            out.clear();
            if end.is_some() {
                return Some(spool.finish().await);
            }
            if spool.size() > patience {
                self.say(&reply::too_big(self.shared.limits.message_bytes).and_close());
                self.flush().await;
                return None;
            }
        }
    }
}

mod sign_in;

#[cfg(test)]
mod tests;
