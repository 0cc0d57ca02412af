//! The bytes of a server, watched: nothing may come for so long, and no answer may be longer than is allowed. Where an answer ends is
//! found here, before anything is decoded.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// A stream of either kind: plain, or TLS over it.
pub trait Io: AsyncRead + AsyncWrite + Unpin + Send + Sync {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + Sync> Io for T {}

/// A stream that is an error when it is silent for too long while something is awaited.
pub struct Watched {
    inner: Box<dyn Io>,
    silence: Duration,
    deadline: Pin<Box<Sleep>>,
}

impl Watched {
    pub fn new(inner: Box<dyn Io>, silence: Duration) -> Watched {
        Watched { inner, silence, deadline: Box::pin(tokio::time::sleep(silence)) }
    }

    pub fn may_be_silent_for(&mut self, silence: Duration) {
        self.silence = silence;
        self.rearm();
    }

    pub fn into_inner(self) -> Box<dyn Io> {
        self.inner
    }

    fn rearm(&mut self) {
        self.deadline.as_mut().reset(Instant::now() + self.silence);
    }
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.inner).poll_read(cx, buf) {
            Poll::Ready(result) => {
                self.rearm();
                Poll::Ready(result)
            }
            Poll::Pending => {
                ready!(self.deadline.as_mut().poll(cx));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.inner).poll_write(cx, bytes))?;
        // The time of the answer begins with the question.
        self.rearm();
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// Longest line outside of literals: lists of flags and capabilities grow, but not so far.
const LONGEST_LINE: u64 = 256 * 1024;

/// More bytes at once than are taken.
#[derive(Debug, PartialEq, Eq)]
pub struct TooLong(pub u64);

/// Follows lines and literals through the bytes. RFC 3501 §4.3: `{n}`, CRLF, n bytes, and the line goes on.
#[derive(Debug)]
pub struct Scan {
    /// Longest literal, in bytes.
    most: u64,
    /// Bytes of a literal that are still to come.
    literal: u64,
    line: u64,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Text,
    Number(u64),
    Closed(u64),
    Cr(u64),
}

impl Scan {
    pub fn new(most: u64) -> Scan {
        Scan { most, literal: 0, line: 0, state: State::Text }
    }

    pub fn allow(&mut self, most: u64) {
        self.most = most;
    }

    /// Bytes that are sure to come.
    pub fn expected(&self) -> u64 {
        self.literal
    }

    /// Goes on with these bytes; returns how many of them are the rest of the answer, if it ends in them.
    pub fn end(&mut self, bytes: &[u8]) -> Result<Option<usize>, TooLong> {
        let mut at = 0;
        while at < bytes.len() {
            if self.literal > 0 {
                let taken = (bytes.len() - at).min(usize::try_from(self.literal).unwrap_or(usize::MAX));
                self.literal -= taken as u64;
                at += taken;
                continue;
            }
            let byte = bytes[at];
            at += 1;
            self.line += 1;
            if self.line > LONGEST_LINE {
                return Err(TooLong(self.line));
            }
            self.state = match (self.state, byte) {
                (_, b'{') => State::Number(0),
                (State::Number(n), b'0'..=b'9') => State::Number(n.saturating_mul(10).saturating_add(u64::from(byte - b'0'))),
                (State::Number(n), b'+') => State::Number(n),
                (State::Number(n), b'}') => State::Closed(n),
                (State::Closed(n), b'\r') => State::Cr(n),
                (State::Cr(n), b'\n') if n > self.most => return Err(TooLong(n)),
                (State::Cr(n), b'\n') => {
                    self.literal = n;
                    State::Text
                }
                (_, b'\n') => {
                    *self = Scan::new(self.most);
                    return Ok(Some(at));
                }
                _ => State::Text,
            };
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;

    #[test]
    fn answers_are_found_however_they_are_cut() {
        let answers = ["* 1 FETCH (BODY[] {12}\r\n{99999999}\r\n UID 3)\r\n", "* OK {x}\r\n", "* 2 FETCH (BODY[] {0}\r\n FLAGS ({}))\r\n"];
        let bytes = answers.concat().into_bytes();
        for size in 1..bytes.len() {
            let (mut scan, mut found, mut answer) = (Scan::new(100), Vec::new(), Vec::new());
            for chunk in bytes.chunks(size) {
                let mut rest = chunk;
                while let Some(end) = scan.end(rest).unwrap() {
                    answer.extend_from_slice(&rest[..end]);
                    found.push(String::from_utf8(std::mem::take(&mut answer)).unwrap());
                    rest = &rest[end..];
                }
                answer.extend_from_slice(rest);
            }
            assert_eq!(found, answers, "{size}");
        }
    }

    #[test]
    fn lies_and_endless_lines() {
        let said = |most: u64, text: &[u8]| Scan::new(most).end(text);
        assert_eq!(said(100, b"* 1 FETCH (BODY[] {100}\r\n"), Ok(None));
        assert_eq!(said(100, b"* 1 FETCH (BODY[] {400000000}\r\n"), Err(TooLong(400_000_000)));
        assert_eq!(said(100, b"{99999999999999999999999999}\r\n"), Err(TooLong(u64::MAX)));
        let line = "x".repeat(LONGEST_LINE as usize);
        assert_eq!(said(100, line.as_bytes()), Ok(None));
        assert_eq!(said(100, (line + "x").as_bytes()), Err(TooLong(LONGEST_LINE + 1)));
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_an_error() {
        let (here, mut there) = tokio::io::duplex(64);
        let mut watched = Watched::new(Box::new(here), Duration::from_secs(20));
        tokio::io::AsyncWriteExt::write_all(&mut there, b"x").await.unwrap();
        let mut buffer = [0; 8];
        assert_eq!(watched.read(&mut buffer).await.unwrap(), 1);
        let start = Instant::now();
        let error = watched.read(&mut buffer).await.unwrap_err();
        assert_eq!((error.kind(), start.elapsed().as_secs()), (io::ErrorKind::TimedOut, 20));
    }
}
