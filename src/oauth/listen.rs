//! Waits on this machine for a browser that comes back from the provider. RFC 8252 §7.3. Takes one sign-in, and then is gone.

use super::ask::{BadReturn, Browser};
use anyhow::Context;
use secrecy::SecretString;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// The longest line of a request that is read, in bytes; codes have some thousands.
const LONGEST: u64 = 16 * 1024;
/// A browser says what it wants at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// A place to come back to.
pub struct Listens {
    v4: TcpListener,
    /// A browser may look for `localhost` here first.
    v6: Option<TcpListener>,
    pub port: u16,
}

impl Listens {
    /// RFC 8252 §8.3: on the loopback interface alone. Port 0 takes a free one.
    pub async fn on(port: u16) -> anyhow::Result<Listens> {
        let v4 = TcpListener::bind(("127.0.0.1", port)).await.with_context(|| format!("127.0.0.1:{port}"))?;
        let port = v4.local_addr()?.port();
        let v6 = TcpListener::bind(("::1", port)).await.ok();
        Ok(Listens { v4, v6, port })
    }

    /// Waits for the browser that brings the code of this sign-in. Others are turned away, and end nothing.
    pub async fn code(&self, browser: &Browser) -> Result<SecretString, BadReturn> {
        loop {
            let Ok(stream) = self.accept().await else { continue };
            match tokio::time::timeout(PATIENCE, answered(stream, browser)).await {
                Ok(Ok(Some(ended))) => return ended,
                // Somebody else, or nobody who says anything.
                _ => continue,
            }
        }
    }

    async fn accept(&self) -> std::io::Result<TcpStream> {
        match &self.v6 {
            Some(v6) => tokio::select! { one = self.v4.accept() => one, one = v6.accept() => one },
            None => self.v4.accept().await,
        }
        .map(|(stream, _)| stream)
    }
}

/// Reads a request and answers it. None: it was none of ours.
async fn answered(mut stream: TcpStream, browser: &Browser) -> std::io::Result<Option<Result<SecretString, BadReturn>>> {
    let mut line = String::new();
    BufReader::new((&mut stream).take(LONGEST)).read_line(&mut line).await?;
    let path = line.strip_prefix("GET ").and_then(|rest| rest.split(' ').next()).unwrap_or_default();
    let (status, text, ended) = match browser.code(path) {
        Ok(code) => ("200 OK", "Signed in. You can close this window.", Some(Ok(code))),
        Err(BadReturn::Refused(code)) => {
            ("200 OK", "The provider refused. You can close this window.", Some(Err(BadReturn::Refused(code))))
        }
        Err(_) => ("404 Not Found", "Nothing is here.", None),
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
         Referrer-Policy: no-referrer\r\nConnection: close\r\n\r\n{text}",
        text.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    Ok(ended)
}
