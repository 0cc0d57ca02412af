//! Sessions over a duplex stream: no port, no store, a fake behind the door.

mod lmtp;
mod sign_in;
mod utf8;

use super::*;
use crate::config;
use crate::model::arrival::{Purpose, Raw};
use crate::model::id::{TenantId, UserId};
use crate::model::stop::Refusal;
use std::sync::Mutex;
use tokio::io::{AsyncReadExt, DuplexStream};

/// What the fake behind the door does with a mail.
#[derive(Clone, Copy)]
enum Answer {
    Keep,
    Refuse,
    NotNow,
}

struct Fake {
    answer: Answer,
    kept: Arc<Mutex<Vec<Arrival>>>,
}

impl Accept for Fake {
    async fn accept(&self, arrival: Arrival) -> Result<ArrivalId, Stop> {
        let id = arrival.id;
        self.kept.lock().unwrap().push(arrival);
        match self.answer {
            Answer::Keep => Ok(id),
            Answer::Refuse => Err(Stop::Refused(Refusal::NotAuthenticated)),
            Answer::NotNow => Err(Stop::NotNow(anyhow::anyhow!("database is locked"))),
        }
    }
}

/// Knows import@acme.example, import@beta.example, bounces+…, and petra's password.
struct Book;

impl Directory for Book {
    async fn recipient(&self, path: &str) -> anyhow::Result<Option<Recipient>> {
        let (mailbox, detail) = crate::model::address::without_detail(path);
        let recipient = |tenant: &str, purpose| Some(Recipient { tenant: TenantId::new(tenant), mailbox: mailbox.clone(), purpose });
        Ok(match mailbox.as_str() {
            "import@acme.example" => recipient("acme", Purpose::Import),
            "bewerbung@acme.example" => recipient("acme", Purpose::Import),
            "import@beta.example" => recipient("beta", Purpose::Import),
            "bewerbungen@müller.example" => recipient("acme", Purpose::Import),
            "postmaster" => recipient(TenantId::MACHINE, Purpose::Postmaster),
            "bounces@acme.example" => recipient("acme", Purpose::Bounces { message: detail.unwrap_or_default().parse()? }),
            "broken@acme.example" => anyhow::bail!("database is locked"),
            _ => None,
        })
    }

    async fn sign_in(&self, name: &str, password: SecretString) -> anyhow::Result<Option<Login>> {
        use secrecy::ExposeSecret;
        let right = name == "petra@acme.example" && password.expose_secret() == "geheim";
        Ok(right.then(|| Login { tenant: TenantId::new("acme"), user: UserId::generate() }))
    }
}

/// The other end of a session.
struct Remote {
    stream: DuplexStream,
    heard: Vec<u8>,
    kept: Arc<Mutex<Vec<Arrival>>>,
    stop: CancellationToken,
}

struct Setup {
    dialect: Dialect,
    answer: Answer,
    tls: bool,
    change: fn(&mut config::Smtp),
}

impl Default for Setup {
    fn default() -> Setup {
        Setup { dialect: Dialect::Smtp, answer: Answer::Keep, tls: false, change: |_| () }
    }
}

/// A session that has said its greeting. With `tls` it starts as if behind STARTTLS.
async fn session(setup: Setup) -> Remote {
    let mut config = config::read("", Vec::new()).unwrap().smtp;
    config.limits.message_bytes = 200_000;
    (setup.change)(&mut config);
    let kept: Arc<Mutex<Vec<Arrival>>> = Arc::default();
    let stop = CancellationToken::new();
    let rules = Rules {
        dialect: setup.dialect,
        hostname: "mx.acme.example".into(),
        message_bytes: config.limits.message_bytes,
        recipients: config.limits.recipients,
        errors: config.limits.errors,
        has_tls: false,
    };
    let shared = Shared {
        accept: Fake { answer: setup.answer, kept: kept.clone() },
        directory: Book,
        blobs: Blobs::in_memory(),
        rules,
        limits: config.limits.clone(),
        tls: None,
        brakes: Brakes::new(config.limits.brakes),
        told: Default::default(),
        stop: stop.clone(),
    };
    let (near, far) = tokio::io::duplex(64 * 1024);
    let peer = match setup.dialect {
        Dialect::Smtp => Peer { address: "192.0.2.1".parse().ok(), origin: Origin::Direct, authserv_id: None },
        Dialect::Lmtp => Peer { address: None, origin: Origin::Relay, authserv_id: Some("mx.acme.example".into()) },
    };
    let tls = setup.tls;
    tokio::spawn(async move {
        if tls {
            let mut talk = Talk::new(Box::new(far), peer, Session::new(true), Arc::new(shared));
            talk.say(&Reply::plain(220, vec!["mx.acme.example".into()]));
            talk.run().await;
        } else {
            serve(far, peer, Arc::new(shared)).await;
        }
    });
    let mut remote = Remote { stream: near, heard: Vec::new(), kept, stop };
    remote.hears("220 mx.acme.example*").await;
    remote
}

impl Remote {
    async fn sends(&mut self, bytes: &[u8]) -> &mut Remote {
        // A session may close while we speak; what it said before is what counts.
        let _ = self.stream.write_all(bytes).await;
        self
    }

    async fn says(&mut self, line: &str) -> &mut Remote {
        self.sends(format!("{line}\r\n").as_bytes()).await
    }

    /// The next whole reply, its lines joined by `|`; empty at the end of the connection.
    async fn reply(&mut self) -> String {
        let mut lines = Vec::new();
        loop {
            while let Some(end) = self.heard.windows(2).position(|two| two == b"\r\n") {
                let line = String::from_utf8(self.heard.drain(..end + 2).collect()).unwrap().trim_end().to_owned();
                let is_last = line.as_bytes().get(3) != Some(&b'-');
                lines.push(line);
                if is_last {
                    return lines.join("|");
                }
            }
            let mut buffer = [0; 4096];
            match tokio::time::timeout(Duration::from_secs(20), self.stream.read(&mut buffer)).await {
                Ok(Ok(read)) if read > 0 => self.heard.extend_from_slice(&buffer[..read]),
                _ => return lines.join("|"),
            }
        }
    }

    /// `*` at the end stands for any rest.
    #[track_caller]
    fn check(reply: &str, want: &str) {
        let fits = want.strip_suffix('*').map_or(reply == want, |start| reply.starts_with(start));
        assert!(fits, "heard {reply:?} instead of {want:?}");
    }

    async fn hears(&mut self, want: &str) -> &mut Remote {
        let reply = self.reply().await;
        Remote::check(&reply, want);
        self
    }

    /// Lines and the replies to them, one after the other.
    async fn talks(&mut self, lines: &[(&str, &str)]) -> &mut Remote {
        for (line, reply) in lines {
            self.says(line).await.hears(reply).await;
        }
        self
    }

    async fn begins(&mut self) -> &mut Remote {
        self.talks(&[
            ("EHLO client.example", "250-*"),
            ("MAIL FROM:<p@acme.example>", "250 2.1.0 *"),
            ("RCPT TO:<import@acme.example>", "250 2.1.5 *"),
            ("DATA", "354 *"),
        ])
        .await
    }

    fn kept(&self) -> Vec<Vec<u8>> {
        let bytes = |arrival: &Arrival| match &arrival.raw {
            Raw::Bytes(bytes) => bytes.to_vec(),
            Raw::Object => panic!("a small mail lies in memory"),
        };
        self.kept.lock().unwrap().iter().map(bytes).collect()
    }

    async fn is_closed(&mut self) {
        assert_eq!(self.reply().await, "", "the connection is still open");
    }
}

/// Acceptance: S1.13, S1.17. RFC 5321 §4.1.
#[tokio::test]
async fn a_mail_is_taken() {
    let mut remote = session(Setup::default()).await;
    remote.begins().await.sends(b"Subject: 4711 WG: x\r\n\r\nHallo\r\n.\r\n").await.hears("250 2.0.0 kept as *").await;
    remote.talks(&[("QUIT", "221 2.0.0 *")]).await.is_closed().await;
    assert_eq!(remote.kept(), [b"Subject: 4711 WG: x\r\n\r\nHallo\r\n"]);
    let kept = remote.kept.lock().unwrap();
    assert_eq!(kept[0].envelope.from.as_deref(), Some("p@acme.example"));
    assert_eq!(
        (kept[0].envelope.to.as_slice(), kept[0].envelope.mailbox.as_str()),
        (&["import@acme.example".to_owned()][..], "import@acme.example")
    );
    assert_eq!((kept[0].tenant.as_str(), kept[0].facts.helo.as_deref()), ("acme", Some("client.example")));
}

#[tokio::test]
async fn what_is_offered() {
    let mut remote = session(Setup::default()).await;
    remote
        .says("EHLO client.example")
        .await
        .hears("250-mx.acme.example|250-PIPELINING|250-SIZE 200000|250-8BITMIME|250-ENHANCEDSTATUSCODES|250-SMTPUTF8|250 HELP")
        .await;
    remote.says("HELO client.example").await.hears("250 mx.acme.example").await;
    let mut over_tls = session(Setup { tls: true, ..Setup::default() }).await;
    let offered = over_tls.says("EHLO client.example").await.reply().await;
    assert!(offered.contains("AUTH PLAIN LOGIN") && !offered.contains("STARTTLS"), "{offered}");
}

/// The order of commands, and every command that is known.
#[tokio::test]
async fn commands_in_and_out_of_order() {
    let mut remote = session(Setup { change: |smtp| smtp.limits.errors = 100, ..Setup::default() }).await;
    remote
        .talks(&[
            ("MAIL FROM:<a@b.example>", "503 5.5.1 *"),
            ("NOOP", "250 2.0.0 *"),
            ("EHLO client.example", "250-*"),
            ("RCPT TO:<import@acme.example>", "503 5.5.1 *"),
            ("DATA", "503 5.5.1 *"),
            ("MAIL FROM:<> SIZE=100 BODY=8BITMIME", "250 2.1.0 *"),
            ("MAIL FROM:<a@b.example>", "503 5.5.1 *"),
            ("DATA", "554 5.5.1 *"),
            ("RCPT TO:<somebody@else.example>", "550 5.1.1 *"),
            ("RCPT TO:<import+4711@acme.example>", "250 2.1.5 *"),
            ("RCPT TO:<bewerbung@acme.example>", "250 2.1.5 *"),
            ("RCPT TO:<broken@acme.example>", "451 4.3.0 *"),
            ("RSET", "250 2.0.0 *"),
            ("DATA", "503 5.5.1 *"),
            ("VRFY petra", "252 2.5.0 *"),
            ("HELP", "214 2.0.0 *"),
            ("EXPN all", "502 5.5.1 *"),
            ("ETRN x", "502 5.5.1 *"),
            ("XYZZY", "500 5.5.1 *"),
            ("MAIL FROM:<a@b.example> SIZE=200001", "552 5.3.4 *"),
            ("MAIL FROM:<a@b.example> FOO=bar", "555 5.5.4 *"),
            ("LHLO client.example", "500 5.5.1 *"),
            ("MAIL FROM:<root>", "553 5.1.7 *"),
            ("MAIL FROM:<postmaster>", "553 5.1.7 *"),
            ("MAIL", "501 5.5.4 *"),
            ("MAIL FROM:<a@b.example>", "250 2.1.0 *"),
            ("RCPT TO:<>", "553 5.1.3 *"),
            ("RCPT TO:<Postmaster>", "250 2.1.5 *"),
            ("STARTTLS", "502 5.5.1 *"),
            ("AUTH PLAIN AGEAYg==", "538 5.7.11 *"),
            ("QUIT", "221 2.0.0 *"),
        ])
        .await;
}

/// G10: one transaction is one tenant's, and of one kind.
#[tokio::test]
async fn recipients_that_do_not_go_together() {
    let mut remote = session(Setup::default()).await;
    remote
        .talks(&[
            ("EHLO client.example", "250-*"),
            ("MAIL FROM:<a@b.example>", "250 *"),
            ("RCPT TO:<import@acme.example>", "250 *"),
            ("RCPT TO:<import@beta.example>", "452 4.5.3 *"),
            ("RCPT TO:<postmaster>", "452 4.5.3 *"),
            ("RCPT TO:<bounces+01JDF7Q3000000000000000000@acme.example>", "452 4.5.3 *"),
            ("RCPT TO:<import+x@acme.example>", "250 *"),
        ])
        .await;
}

#[tokio::test]
async fn recipients_are_limited() {
    let mut remote = session(Setup { change: |smtp| smtp.limits.recipients = 2, ..Setup::default() }).await;
    remote.talks(&[("EHLO c", "250-*"), ("MAIL FROM:<>", "250 *")]).await;
    for reply in ["250 *", "250 *", "452 4.5.3 *"] {
        remote.says("RCPT TO:<import@acme.example>").await.hears(reply).await;
    }
}

#[tokio::test]
async fn errors_are_counted() {
    let mut remote = session(Setup { change: |smtp| smtp.limits.errors = 3, ..Setup::default() }).await;
    remote.talks(&[("X", "500 *"), ("X", "500 *"), ("X", "500 *"), ("X", "421 4.7.0 *")]).await.is_closed().await;
}

/// RFC 5321 §4.5.2.
#[tokio::test]
async fn dots_are_unstuffed_on_every_line_the_first_too() {
    let check = async |data: &[u8], want: &[u8]| {
        let mut remote = session(Setup::default()).await;
        remote.begins().await.sends(data).await.hears("250 *").await;
        assert_eq!(remote.kept(), [want.to_vec()], "{}", String::from_utf8_lossy(data));
    };
    check(b"..x\r\n.\r\n", b".x\r\n").await;
    check(b".\r\n", b"").await;
    check(b"a\r\n..\r\n...b\r\n.\r\n", b"a\r\n.\r\n..b\r\n").await;
    check(b"a\r\n.b\r\n.\r\n", b"a\r\nb\r\n").await;
}

/// Only CRLF . CRLF ends a mail; lone CRs and LFs stay as they are (docs/decisions.md).
#[tokio::test]
async fn nothing_is_smuggled_in() {
    for hidden in [&b"\n.\n"[..], b"\n.\r\n", b"\r.\r", b"\r\n.\n", b"\r\n.\r", b"\r.\r\n", b"\n.\r", b"\r\n\x00.\r\n", b"\r\n.\r\r\n"] {
        let mut remote = session(Setup::default()).await;
        let data =
            [b"Subject: 1\r\n\r\na", hidden, b"MAIL FROM:<evil@b.example>\r\nRCPT TO:<import@acme.example>\r\nDATA\r\n\r\nb\r\n.\r\n"]
                .concat();
        remote.begins().await.sends(&data).await.hears("250 *").await;
        remote.says("NOOP").await.hears("250 2.0.0 ok").await;
        assert_eq!(remote.kept().len(), 1, "{hidden:?}");
        let kept = remote.kept().remove(0);
        assert!(kept.ends_with(b"b\r\n") && memchr::memmem::find(&kept, b"MAIL FROM").is_some());
    }
}

/// The end of a mail may arrive in any pieces.
#[tokio::test]
async fn the_last_dot_in_pieces() {
    let data = b"a\r\n..b\r\r\n.\r\n";
    for cut in 1..data.len() {
        let mut remote = session(Setup::default()).await;
        remote.begins().await.sends(&data[..cut]).await;
        tokio::task::yield_now().await;
        tokio::time::sleep(Duration::from_millis(2)).await;
        remote.sends(&data[cut..]).await.hears("250 *").await;
        assert_eq!(remote.kept(), [b"a\r\n.b\r\r\n".to_vec()], "cut at {cut}");
    }
}

/// RFC 2920: everything in one packet, the next transaction behind the dot too.
#[tokio::test]
async fn pipelining() {
    let mut remote = session(Setup::default()).await;
    let one = "MAIL FROM:<a@b.example>\r\nRCPT TO:<import@acme.example>\r\nRCPT TO:<no@acme.example>\r\nDATA\r\n";
    remote.sends(format!("EHLO c\r\n{one}").as_bytes()).await;
    for reply in ["250-*", "250 2.1.0 *", "250 2.1.5 *", "550 5.1.1 *", "354 *"] {
        remote.hears(reply).await;
    }
    remote.sends(format!("one\r\n.\r\n{one}").as_bytes()).await;
    for reply in ["250 2.0.0 kept as *", "250 2.1.0 *", "250 2.1.5 *", "550 5.1.1 *", "354 *"] {
        remote.hears(reply).await;
    }
    remote.sends(b"two\r\n.\r\nQUIT\r\n").await.hears("250 2.0.0 kept as *").await.hears("221 *").await;
    assert_eq!(remote.kept(), [b"one\r\n".to_vec(), b"two\r\n".to_vec()]);
}

/// Acceptance: S1.E14. RFC 1870 §6.3: too big is said behind the last dot, and the session goes on.
#[tokio::test]
async fn a_mail_that_is_too_big() {
    let mut remote = session(Setup::default()).await;
    let line = [vec![b'x'; 998], b"\r\n".to_vec()].concat();
    remote.begins().await.sends(&line.repeat(201)).await.sends(b".\r\n").await.hears("552 5.3.4 *").await;
    remote.talks(&[("NOOP", "250 *")]).await;
    assert!(remote.kept().is_empty());
    // Whoever never ends is cut off.
    remote.talks(&[("MAIL FROM:<>", "250 *"), ("RCPT TO:<import@acme.example>", "250 *"), ("DATA", "354 *")]).await;
    for _ in 0..2_000 {
        remote.sends(&line).await;
    }
    remote.hears("552 5.3.4 *").await.is_closed().await;
}

#[tokio::test]
async fn lines_that_are_too_long_end_the_session() {
    for line in [
        vec![b'x'; 5_000],
        [b"MAIL FROM:<".to_vec(), vec![b'a'; 4_090], b"@b.example>\r\nRCPT TO:<import@acme.example>\r\n".to_vec()].concat(),
    ] {
        let mut remote = session(Setup::default()).await;
        remote.sends(&line).await.hears("500 5.5.6 *").await.is_closed().await;
    }
}

#[tokio::test]
async fn lines_of_other_protocols() {
    let mut remote = session(Setup::default()).await;
    remote.sends(b"NOOP\n").await.hears("500 5.5.2 *").await;
    remote.says("BDAT 10 LAST").await.hears("502 5.5.1 *").await.is_closed().await;
    let mut remote = session(Setup::default()).await;
    remote.says("GET / HTTP/1.1").await.hears("421 4.7.0 *").await.is_closed().await;
    let mut remote = session(Setup::default()).await;
    remote.sends(b"EHLO a\0b\r\n").await.hears("501 *").await;
}

/// The answers of the house behind the door.
#[tokio::test]
async fn refused_and_not_now() {
    for (answer, reply) in [(Answer::Refuse, "550 5.7.1 *"), (Answer::NotNow, "451 4.3.0 *")] {
        let mut remote = session(Setup { answer, ..Setup::default() }).await;
        remote.begins().await.sends(b"x\r\n.\r\n").await.hears(reply).await;
        // The session goes on: what follows is commands again.
        remote.talks(&[("NOOP", "250 2.0.0 ok"), ("QUIT", "221 *")]).await;
    }
}

/// RFC 5321 §4.5.3.2.
#[tokio::test(start_paused = true)]
async fn silence_ends_the_session() {
    let mut remote = session(Setup { change: |smtp| smtp.limits.command_timeout = Duration::from_secs(3), ..Setup::default() }).await;
    remote.hears("421 4.4.2 *").await.is_closed().await;
    let mut remote = session(Setup { change: |smtp| smtp.limits.data_timeout = Duration::from_secs(3), ..Setup::default() }).await;
    remote.begins().await.sends(b"half a mail\r\n").await.hears("421 4.4.2 *").await.is_closed().await;
    assert!(remote.kept().is_empty());
}

/// A peer that hangs up before the last dot has sent nothing; behind it, its mail is taken all the same.
#[tokio::test]
async fn hanging_up() {
    let mut remote = session(Setup::default()).await;
    remote.begins().await.sends(b"half a mail\r\n.\r").await;
    let kept = remote.kept.clone();
    drop(remote);
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(kept.lock().unwrap().is_empty());
    let mut remote = session(Setup::default()).await;
    remote.begins().await.sends(b"a mail\r\n.\r\n").await;
    let kept = remote.kept.clone();
    drop(remote);
    for _ in 0..200 {
        if !kept.lock().unwrap().is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the mail was not taken");
}

/// New and idle sessions hear 421; a mail that is begun is taken.
#[tokio::test]
async fn stopping() {
    let mut idle = session(Setup::default()).await;
    idle.talks(&[("EHLO c", "250-*")]).await;
    idle.stop.cancel();
    idle.hears("421 4.3.2 *").await.is_closed().await;
    let mut busy = session(Setup::default()).await;
    busy.begins().await.sends(b"half\r\n").await;
    busy.stop.cancel();
    tokio::time::sleep(Duration::from_millis(10)).await;
    busy.sends(b"rest\r\n.\r\n").await.hears("250 2.0.0 kept as *").await.hears("421 4.3.2 *").await;
    assert_eq!(busy.kept(), [b"half\r\nrest\r\n".to_vec()]);
}
