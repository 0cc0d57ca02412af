//! One SMTP session, whatever the peer sends. Store, directory and clock are fakes; `serve` is the program's own.
//!
//! The first byte of an input is the setting (see `Setting`), the rest is what the peer sends, byte for byte, but for five bytes
//! that no UTF-8 text has: they say how it is sent. A sixth stands for whole lines.
#![no_main]

mod fake;
mod model;

use fake::{Book, Door, ERRORS, LIMITS, MESSAGE_BYTES, RECIPIENTS, TLS};
use libfuzzer_sys::fuzz_target;
use rohrpost::intake::brakes::Brakes;
use rohrpost::intake::smtp::phase::{Dialect, Rules};
use rohrpost::intake::smtp::session::{Io, Peer, Shared, serve};
use rohrpost::intake::told::Told;
use rohrpost::model::arrival::{Arrival, Purpose, Raw};
use rohrpost::model::facts::Origin;
use rohrpost::model::id::ArrivalId;
use rohrpost::model::stop::{NoRoom, Refusal, Stop};
use rohrpost::store::blobs::Blobs;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_util::sync::CancellationToken;

/// What comes before it is sent in one piece, and the peer waits until the session has nothing more to do or to say.
const CUT: u8 = 0xff;
/// CUT, and the piece is sent up to 4096 times: long lines, large mail, floods. The next byte is the power of two, modulo 13.
const AGAIN: u8 = 0xfe;
/// CUT, and then the peer is silent for longer than any time-out.
const SILENCE: u8 = 0xfd;
/// CUT, and then the service is asked to stop.
const STOP: u8 = 0xfc;
/// CUT, and then the peer is gone, without reading what it was told.
const GONE: u8 = 0xfb;

/// The next byte is the number of one of these lines, modulo their count: one changed byte is then another command, not a misspelt one.
const LINE: u8 = 0xfa;
const LINES: [&[u8]; 25] = [
    b"EHLO a.example\r\n",
    b"HELO a.example\r\n",
    b"MAIL FROM:<a@a.example>\r\n",
    b"MAIL FROM:<>\r\n",
    b"MAIL FROM:<a@a.example> SIZE=1000 BODY=8BITMIME\r\n",
    b"MAIL FROM:<a@a.example> SIZE=999999\r\n",
    b"RCPT TO:<import@acme.example>\r\n",
    b"RCPT TO:<import+x@acme.example>\r\n",
    b"RCPT TO:<import@beta.example>\r\n",
    b"RCPT TO:<postmaster>\r\n",
    b"RCPT TO:<bounces+01ARZ3NDEKTSV4RRFFQ69G5FAV@acme.example>\r\n",
    b"RCPT TO:<nobody@acme.example>\r\n",
    b"DATA\r\n",
    b".\r\n",
    b"..\r\n",
    b"Subject: 4711 WG: x\r\n",
    b"\r\n",
    b"RSET\r\n",
    b"NOOP\r\n",
    b"QUIT\r\n",
    b"STARTTLS\r\n",
    b"AUTH PLAIN AHBldHJhQGFjbWUuZXhhbXBsZQBnZWhlaW0=\r\n",
    b"AUTH PLAIN\r\n",
    b"AHBldHJhQGFjbWUuZXhhbXBsZQBnZWhlaW0=\r\n",
    b"VRFY petra\r\n",
];

/// Enough for a session to lose its patience with a mail that is too big.
const MOST_SENT: usize = 1_500_000;
/// Far beyond the sum of all time-outs of a session; the clock is a fake, so it costs nothing.
const FOR_EVER: Duration = Duration::from_secs(24 * 60 * 60);
const GO_AHEAD: &[u8] = b"220 2.0.0 go ahead\r\n";

/// The bits of the first byte.
#[derive(Clone, Copy)]
struct Setting(u8);

impl Setting {
    fn has(self, bit: u8) -> bool {
        self.0 & 1 << bit != 0
    }
    /// What the store says to a mail.
    fn answer(self, id: ArrivalId) -> Result<ArrivalId, Stop> {
        match self.0 & 7 {
            1 => Err(Stop::Refused(Refusal::NotAuthenticated)),
            2 => Err(Stop::Refused(Refusal::Loop)),
            3 => Err(Stop::NotNow(anyhow::anyhow!("database is locked"))),
            4 => Err(Stop::NotNow(NoRoom.into())),
            _ => Ok(id),
        }
    }
    /// The store takes its time.
    fn is_slow(self) -> bool {
        self.0 & 7 == 5
    }
    /// RFC 2033 is spoken.
    fn dialect(self) -> Dialect {
        if self.0 & 7 == 6 { Dialect::Lmtp } else { Dialect::Smtp }
    }
    fn has_tls(self) -> bool {
        self.has(3)
    }
    /// The peer makes a true TLS handshake when it is told to go ahead; else it sends on in plain text.
    fn shakes_hands(self) -> bool {
        self.has(4)
    }
    /// The peer reads nothing before the end, and little fits into the pipe.
    fn is_deaf(self) -> bool {
        self.has(5)
    }
    /// Nothing can be written to the blob store.
    fn has_no_blobs(self) -> bool {
        self.has(6)
    }
    fn is_relay(self) -> bool {
        self.has(7)
    }
}

/// The other end of a session.
struct Remote {
    /// None once the peer is gone.
    stream: Option<Box<dyn Io>>,
    is_deaf: bool,
    is_tls: bool,
    /// Without TLS records.
    sent: Vec<u8>,
    heard: Vec<u8>,
}

impl Remote {
    async fn send(&mut self, piece: &[u8]) {
        let Some(stream) = &mut self.stream else { return };
        self.sent.extend_from_slice(piece);
        // A session may have closed already.
        let _ = stream.write_all(piece).await;
        let _ = stream.flush().await;
        if self.is_deaf {
            tokio::time::sleep(Duration::from_millis(1)).await;
        } else {
            self.listen(Duration::from_millis(1)).await;
        }
    }

    /// Reads until nothing comes. The fake clock moves on when nobody has anything to do, and not before.
    async fn listen(&mut self, patience: Duration) {
        let Some(stream) = &mut self.stream else { return };
        while let Ok(Ok(1..)) = timeout(patience, stream.read_buf(&mut self.heard)).await {}
    }

    async fn shake_hands(&mut self) {
        let Some(stream) = self.stream.take() else { return };
        let name = ServerName::try_from("mx.acme.example").unwrap();
        // What is under way in plain text still spoils it.
        if let Ok(stream) = TLS.1.connect(name, stream).await {
            self.stream = Some(Box::new(stream));
            self.is_tls = true;
        }
    }
}

/// The piece with the lines that its bytes stand for. Whoever speaks LMTP says LHLO.
fn spelt_out(piece: &[u8], dialect: Dialect) -> Vec<u8> {
    let (mut out, mut bytes) = (Vec::new(), piece.iter());
    while let Some(&byte) = bytes.next() {
        match bytes.as_slice().first() {
            Some(&number) if byte == LINE => {
                let line = match (dialect, LINES[usize::from(number) % LINES.len()]) {
                    (Dialect::Lmtp, b"EHLO a.example\r\n") => b"LHLO a.example\r\n",
                    (_, line) => line,
                };
                out.extend_from_slice(line);
                bytes.next();
            }
            _ => out.push(byte),
        }
    }
    out
}

async fn run(setting: Setting, input: &[u8]) {
    let (stop, kept) = (CancellationToken::new(), Arc::default());
    let hostname = "mx.acme.example".to_owned();
    let has_tls = setting.has_tls();
    let dialect = setting.dialect();
    let rules = Rules { dialect, hostname, message_bytes: MESSAGE_BYTES, recipients: RECIPIENTS, errors: ERRORS, has_tls };
    // No file can be made there, whoever asks.
    let blobs = if setting.has_no_blobs() { Blobs::local(Path::new("/proc/self")).unwrap() } else { Blobs::in_memory() };
    let shared = Shared {
        accept: Door { setting, kept: Arc::clone(&kept) },
        directory: Book,
        blobs: blobs.clone(),
        rules,
        limits: LIMITS.clone(),
        tls: has_tls.then(|| TLS.0.clone()),
        brakes: Brakes::new(LIMITS.brakes),
        told: Told::default(),
        stop: stop.clone(),
    };
    let origin = if setting.is_relay() { Origin::Relay } else { Origin::Direct };
    let peer = Peer { address: Some([192, 0, 2, 1].into()), origin, authserv_id: Some("mx.acme.example".into()) };
    let (near, far) = tokio::io::duplex(if setting.is_deaf() { 64 } else { 2 * MOST_SENT });
    let session = tokio::spawn(serve(far, peer, Arc::new(shared)));
    let mut remote =
        Remote { stream: Some(Box::new(near)), is_deaf: setting.is_deaf(), is_tls: false, sent: Vec::new(), heard: Vec::new() };

    let mut rest = input;
    while !rest.is_empty() {
        let end = rest.iter().position(|&byte| byte >= GONE).unwrap_or(rest.len());
        let (mut piece, mark) = (spelt_out(&rest[..end], setting.dialect()), rest.get(end).copied().unwrap_or(CUT));
        rest = rest.get(end + 1..).unwrap_or_default();
        if mark == AGAIN {
            let times = rest.split_off_first().map_or(1, |&byte| 1 << (byte % 13));
            piece = piece.repeat(times);
        }
        piece.truncate(MOST_SENT - remote.sent.len());
        remote.send(&piece).await;
        match mark {
            SILENCE => tokio::time::sleep(LIMITS.command_timeout + LIMITS.data_timeout).await,
            STOP => stop.cancel(),
            GONE => remote.stream = None,
            _ => (),
        }
        if setting.shakes_hands() && !remote.is_tls && remote.heard.ends_with(GO_AHEAD) {
            remote.shake_hands().await;
        }
    }
    if let Some(stream) = &mut remote.stream {
        let _ = stream.shutdown().await;
    }
    assert!(matches!(timeout(FOR_EVER, session).await, Ok(Ok(()))), "the session does not end");
    let was_gone = remote.stream.is_none();
    remote.listen(FOR_EVER).await;

    let kept = std::mem::take(&mut *kept.lock().unwrap());
    let mut mails = Vec::new();
    for arrival in &kept {
        mails.push(check(arrival, remote.is_tls, &blobs).await);
    }
    let truncated = remote.is_deaf || was_gone;
    let replies = model::replies(&remote.heard, remote.is_tls, truncated);
    // Each recipient is told the same, and each mail has its own id.
    let promised: BTreeSet<&String> = replies.iter().filter(|reply| reply.starts_with("250 2.0.0 kept as ")).collect();
    assert!(promised.len() <= mails.len(), "a mail was promised to be kept, and is not");
    if !truncated {
        model::explain(&remote.sent, &replies, &mails, dialect == Dialect::Lmtp);
    }
}

/// A kept mail is what its size and checksum say, and came from somebody who may. Gives its bytes.
async fn check(arrival: &Arrival, is_tls: bool, blobs: &Blobs) -> Vec<u8> {
    let bytes = match &arrival.raw {
        Raw::Bytes(bytes) => bytes.to_vec(),
        Raw::Object => blobs.raw(&arrival.tenant, arrival.id).await.expect("the raw mail is not in the blob store").to_vec(),
    };
    assert_eq!(arrival.size, bytes.len() as u64);
    assert!(arrival.size <= MESSAGE_BYTES);
    assert_eq!(arrival.sha256, Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    assert!((1..=RECIPIENTS).contains(&arrival.envelope.to.len()));
    assert!(is_tls || !arrival.facts.tls);
    if let Some(login) = &arrival.facts.login {
        assert!(arrival.facts.tls, "a login without TLS");
        assert!(arrival.tenant == login.tenant || arrival.envelope.purpose == Purpose::Postmaster, "mail for somebody else's tenant");
    }
    bytes
}

fuzz_target!(|data: &[u8]| {
    let Some((&setting, input)) = data.split_first() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(run(Setting(setting), input));
});
