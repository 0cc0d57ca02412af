//! Reads command lines and hands out data in chunks. Memory is bounded by one buffer; every end of a read has a name.

use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio_util::sync::CancellationToken;

/// Longest command line, with its end. RFC 5321 §4.5.3.1.4 asks for 512, extensions add to it.
pub const LONGEST_LINE: usize = 4096;
const BUFFER: usize = 16 * 1024;

/// How reading a line ended.
#[derive(Debug, PartialEq, Eq)]
pub enum ReadLine {
    /// Without its CRLF.
    Line(Vec<u8>),
    /// A line that ended in LF alone. RFC 5321 §2.3.8: CR and LF only together.
    BareLf,
    TooLong,
    TimedOut,
    Closed,
    Stopping,
}

/// How reading data ended.
#[derive(Debug, PartialEq, Eq)]
pub enum ReadData {
    /// So many bytes are in the buffer.
    Some,
    TimedOut,
    Closed,
}

/// What was read from the peer and not looked at yet.
pub struct Input {
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Default for Input {
    fn default() -> Input {
        Input { buffer: vec![0; BUFFER].into_boxed_slice(), start: 0, end: 0 }
    }
}

impl Input {
    /// Whether the peer has said more already.
    pub fn has_more(&self) -> bool {
        self.start < self.end
    }

    /// What is there.
    pub fn available(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    pub fn consume(&mut self, bytes: usize) {
        self.start += bytes.min(self.end - self.start);
    }

    /// The next command line. Ends at once if the service stops while the peer is silent.
    pub async fn line(&mut self, stream: &mut (impl AsyncRead + Unpin), timeout: Duration, stop: &CancellationToken) -> ReadLine {
        let deadline = tokio::time::Instant::now() + timeout;
        loop {
            if let Some(length) = memchr::memchr(b'\n', self.available()) {
                let line = &self.available()[..length];
                let whole = line.strip_suffix(b"\r").map(<[u8]>::to_vec);
                self.consume(length + 1);
                return match whole {
                    Some(line) if line.len() + 2 > LONGEST_LINE => ReadLine::TooLong,
                    Some(line) => ReadLine::Line(line),
                    None => ReadLine::BareLf,
                };
            }
            if self.available().len() >= LONGEST_LINE {
                return ReadLine::TooLong;
            }
            let read = tokio::select! {
                biased;
                read = tokio::time::timeout_at(deadline, self.fill(stream)) => read,
                () = stop.cancelled() => return ReadLine::Stopping,
            };
            match read {
                Err(_) => return ReadLine::TimedOut,
                Ok(0) => return ReadLine::Closed,
                Ok(_) => (),
            }
        }
    }

    /// Waits until something is there.
    pub async fn data(&mut self, stream: &mut (impl AsyncRead + Unpin), timeout: Duration) -> ReadData {
        if self.has_more() {
            return ReadData::Some;
        }
        match tokio::time::timeout(timeout, self.fill(stream)).await {
            Err(_) => ReadData::TimedOut,
            Ok(0) => ReadData::Closed,
            Ok(_) => ReadData::Some,
        }
    }

    /// Reads more behind what is there; 0 is the end, or an error that ends the connection as well.
    async fn fill(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> usize {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let read = stream.read(&mut self.buffer[self.end..]).await.unwrap_or(0);
        self.end += read;
        read
    }
}
