//! ClamAV's clamd: shows it a file, and reads its answer strictly. One connection a file, every step with its time.
//! The protocol is that of clamd(8): INSTREAM, and PING.

use crate::config::scan::{Clamd, Scan, WhenDown};
use crate::model::scan::Looked;
use anyhow::{Context, anyhow, bail};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Bytes of one chunk of INSTREAM.
const CHUNK: usize = 64 * 1024;
/// Longest answer that is read: a stream's name and a signature's.
const LONGEST_ANSWER: usize = 4 * 1024;
/// Longest signature name that is kept, in characters.
const LONGEST_NAME: usize = 200;
/// How long the door believes what it heard of the scanner.
const BELIEVED: Duration = Duration::from_secs(5);
/// How often it is asked without any mail.
const WATCHED: Duration = Duration::from_secs(10);
/// A scanner that takes longer to say PONG is down: peers wait for that at the door.
const PONG: Duration = Duration::from_secs(5);

/// Why a file was not looked into, and yet may be later.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// It cannot be reached at all.
    #[error("the virus scanner does not answer: {0:#}")]
    Away(anyhow::Error),
    /// It was reached, and failed at this file.
    #[error("the virus scanner failed: {0:#}")]
    Failed(anyhow::Error),
}

/// The scanner. Clones share what they heard of it.
#[derive(Clone, Debug)]
pub struct Scanner {
    clamd: Clamd,
    when_down: WhenDown,
    timeout: Duration,
    heard: Arc<Mutex<Option<(Instant, bool)>>>,
}

/// A stream of either kind.
trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

impl Scanner {
    pub fn new(config: &Scan) -> Scanner {
        Scanner { clamd: config.clamd.clone(), when_down: config.when_down, timeout: config.timeout, heard: Arc::default() }
    }

    /// Whether mail is taken and held while the scanner is down.
    pub fn holds_when_down(&self) -> bool {
        self.when_down == WhenDown::Hold
    }

    /// Whether it answers, as of the last seconds: many mails may ask at once, and cost one PING.
    pub async fn answers(&self) -> bool {
        let mut heard = self.heard.lock().await;
        if let Some((at, answers)) = *heard
            && at.elapsed() < BELIEVED
        {
            return answers;
        }
        let answer = self.ping().await;
        let answers = answer.is_ok();
        match (&answer, heard.map(|(_, answered)| answered)) {
            (Err(trouble), Some(true) | None) => {
                warn!(clamd = %self.clamd, error = %trouble, "{trouble}; until it does, [scan] when_down says what becomes of mail")
            }
            (Ok(()), Some(false)) => info!(clamd = %self.clamd, "the virus scanner answers again"),
            _ => (),
        }
        *heard = Some((Instant::now(), answers));
        answers
    }

    /// Asks now and then until stopped, so that the log says when it goes and when it is back, whether or not mail comes.
    pub async fn watch(&self, stop: CancellationToken) {
        loop {
            self.answers().await;
            tokio::select! { () = stop.cancelled() => break, () = tokio::time::sleep(WATCHED) => () }
        }
    }

    /// Asks whether it is there.
    pub async fn ping(&self) -> Result<(), Trouble> {
        let limit = self.timeout.min(PONG);
        let mut stream = self.connect(limit).await.map_err(Trouble::Away)?;
        let ask = async {
            step(limit, stream.write_all(b"zPING\0")).await?;
            in_time(limit, answer(&mut stream)).await
        };
        match ask.await.map_err(Trouble::Away)?.as_str() {
            "PONG" => Ok(()),
            _ => Err(Trouble::Away(anyhow!("this is no clamd: PING is not answered with PONG"))),
        }
    }

    /// Shows it a file.
    pub async fn look(&self, bytes: &[u8]) -> Result<Looked, Trouble> {
        let stream = self.connect(self.timeout).await.map_err(Trouble::Away)?;
        let (mut reads, mut writes) = tokio::io::split(stream);
        let answer = answer(&mut reads);
        tokio::pin!(answer);
        // It may answer before it has everything, and then reads no more: a file that is too large.
        let early = tokio::select! {
            biased;
            sent = send(&mut writes, bytes, self.timeout) => match sent {
                Ok(()) => None,
                // The answer says more than a pipe that broke.
                Err(error) => Some(in_time(Duration::from_secs(1), answer.as_mut()).await.map_err(|_| error)),
            },
            early = answer.as_mut() => Some(early),
        };
        let answer = match early {
            Some(early) => early,
            None => in_time(self.timeout, answer).await,
        };
        answer.and_then(|text| read(&text)).map_err(Trouble::Failed)
    }

    async fn connect(&self, limit: Duration) -> anyhow::Result<Box<dyn Io>> {
        let stream: anyhow::Result<Box<dyn Io>> = match &self.clamd {
            Clamd::Unix(path) => step(limit, UnixStream::connect(path)).await.map(|stream| Box::new(stream) as Box<dyn Io>),
            Clamd::Tcp(host) => step(limit, TcpStream::connect(host)).await.map(|stream| Box::new(stream) as Box<dyn Io>),
        };
        stream.with_context(|| self.clamd.to_string())
    }
}

async fn step<T>(limit: Duration, work: impl Future<Output = std::io::Result<T>>) -> anyhow::Result<T> {
    in_time(limit, async { Ok(work.await?) }).await
}

async fn in_time<T>(limit: Duration, work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    timeout(limit, work).await.unwrap_or_else(|_| Err(anyhow!("no answer within {} s", limit.as_secs())))
}

/// Chunks of a length in four bytes and so many bytes; one of none ends the file.
async fn send(writes: &mut (impl AsyncWrite + Unpin), bytes: &[u8], limit: Duration) -> anyhow::Result<()> {
    step(limit, writes.write_all(b"zINSTREAM\0")).await?;
    for chunk in bytes.chunks(CHUNK) {
        let length = u32::try_from(chunk.len())?.to_be_bytes();
        step(limit, writes.write_all(&length)).await?;
        step(limit, writes.write_all(chunk)).await?;
    }
    step(limit, writes.write_all(&0u32.to_be_bytes())).await?;
    step(limit, writes.flush()).await
}

/// One answer: text up to a zero byte.
async fn answer(reads: &mut (impl AsyncRead + Unpin)) -> anyhow::Result<String> {
    let mut heard = Vec::new();
    let mut piece = [0; 512];
    loop {
        let read = reads.read(&mut piece).await?;
        if read == 0 {
            bail!("the connection ended before the answer did");
        }
        heard.extend_from_slice(&piece[..read]);
        if let Some(end) = memchr::memchr(0, &heard) {
            heard.truncate(end);
            return String::from_utf8(heard).context("the answer is no text");
        }
        if heard.len() > LONGEST_ANSWER {
            bail!("the answer does not end");
        }
    }
}

/// What an answer to INSTREAM means. Anything that clamd does not say is an error: a wrong guess would file a virus.
fn read(answer: &str) -> anyhow::Result<Looked> {
    if answer == "stream: OK" {
        return Ok(Looked::Clean);
    }
    if answer == "INSTREAM size limit exceeded. ERROR" {
        return Ok(Looked::NotLooked);
    }
    let found = answer.strip_prefix("stream: ").and_then(|rest| rest.strip_suffix(" FOUND")).filter(|name| !name.trim().is_empty());
    match found {
        // With AlertExceedsMax it says so of files that it did not look through.
        Some(name) if name.starts_with("Heuristics.Limits.Exceeded") => Ok(Looked::NotLooked),
        Some(name) => Ok(Looked::Infected(legible(name))),
        None if answer.ends_with(" ERROR") => bail!("it reports an error: {}", legible(answer)),
        None => bail!("an answer that cannot be read"),
    }
}

/// Names of signatures are ASCII without blanks; whatever else comes is not shown.
fn legible(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(LONGEST_NAME).collect()
}

#[cfg(test)]
mod tests;
