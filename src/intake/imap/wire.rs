//! Commands and answers, one at a time. Every end of a command is one of three: OK, the server's no, or a connection that is given up.

use super::stream::{Scan, TooLong, Watched};
use super::trouble::{Trouble, clean};
use bytes::{Bytes, BytesMut};
use imap_proto::{Capability, MailboxDatum, Outcome, Response, ResponseCode, Status};
use std::collections::HashSet;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A server that says nothing for so long while it is asked is gone.
pub const SILENCE: Duration = Duration::from_secs(20);
/// Literals of anything but mails: names of folders, at most.
const SMALL: u64 = 64 * 1024;
/// A command takes so long at most, however often the server says something.
const COMMAND: Duration = Duration::from_secs(120);
/// Bytes that are read at once, at least.
const READ: usize = 8 * 1024;

/// The connection.
pub struct Wire {
    stream: Watched,
    buffer: BytesMut,
    /// Bytes of the buffer that were looked at.
    scanned: usize,
    scan: Scan,
    number: u32,
    /// Mails in the selected folder. RFC 3501 §7.3.1.
    pub exists: u32,
    /// The server spoke of a new mail.
    pub news: bool,
    /// The end of the last command said READ-ONLY.
    pub read_only: bool,
}

/// An answer that belongs to a command but is not its end.
#[derive(Debug)]
pub struct Data(Bytes);

impl Data {
    pub fn parsed(&self) -> Result<Response<'_>, Trouble> {
        // What the decoder says of an answer that it cannot read may quote it, so nobody hears it.
        match Response::parse(&self.0) {
            Ok(([], response)) => Ok(response),
            _ => Err(Trouble::Unreadable),
        }
    }
}

/// What ended a command, or came before its end.
pub enum Heard {
    Data(Data),
    /// `+`: the server waits for more.
    GoOn,
    /// Tagged OK.
    Done,
}

impl Wire {
    /// Over a stream on which nothing was said yet, or whose greeting was read.
    pub fn new(mut stream: Watched) -> Wire {
        stream.may_be_silent_for(SILENCE);
        Wire { stream, buffer: BytesMut::new(), scanned: 0, scan: Scan::new(SMALL), number: 0, exists: 0, news: false, read_only: false }
    }

    /// What was read ahead is dropped: nothing that came before a handshake may count behind it.
    pub fn into_inner(self) -> Watched {
        self.stream
    }

    pub fn may_be_silent_for(&mut self, silence: Duration) {
        self.stream.may_be_silent_for(silence);
    }

    /// Takes literals as large as mails may be, in bytes.
    pub fn allow(&mut self, most: u64) {
        self.scan.allow(most.max(SMALL));
    }

    /// Takes no more literals as large as mails.
    pub fn allow_small(&mut self) {
        self.scan.allow(SMALL);
    }

    /// RFC 3501 §7.1.5: BYE instead of a greeting turns us away.
    pub async fn greeting(&mut self) -> Result<(), Trouble> {
        let data = self.read().await?;
        match data.parsed()? {
            Response::Data { status: Status::Ok | Status::PreAuth, .. } => Ok(()),
            Response::Data { outcome, .. } => Err(Trouble::Said("BYE", words(&outcome))),
            _ => Err(Trouble::Unreadable),
        }
    }

    /// Sends a command; its answers are heard with the tag that comes back.
    pub async fn say(&mut self, command: &str) -> Result<String, Trouble> {
        self.number += 1;
        let tag = format!("R{}", self.number);
        self.write(&format!("{tag} {command}")).await?;
        Ok(tag)
    }

    /// Sends a line without a tag.
    pub async fn write(&mut self, line: &str) -> Result<(), Trouble> {
        let sent = async {
            self.stream.write_all(format!("{line}\r\n").as_bytes()).await?;
            self.stream.flush().await
        };
        tokio::time::timeout(SILENCE, sent).await.map_err(|_| Trouble::Lost("the server takes nothing".into()))??;
        Ok(())
    }

    /// The next answer to a command.
    pub async fn hear(&mut self, tag: &str) -> Result<Heard, Trouble> {
        loop {
            let data = self.read().await?;
            match data.parsed()? {
                Response::Done { tag: of, status, outcome } if of.0 == tag => return self.end(&status, &outcome),
                // An answer to nothing that was asked.
                Response::Done { .. } => continue,
                Response::Data { status: Status::Bye, outcome } => return Err(Trouble::Said("BYE", words(&outcome))),
                Response::Continue(_) => return Ok(Heard::GoOn),
                Response::MailboxData(MailboxDatum::Exists(count)) => {
                    self.news |= count > self.exists;
                    self.exists = count;
                }
                Response::Expunge(_) => self.exists = self.exists.saturating_sub(1),
                _ => (),
            }
            return Ok(Heard::Data(data));
        }
    }

    fn end(&mut self, status: &Status, outcome: &Outcome<'_>) -> Result<Heard, Trouble> {
        match status {
            Status::Ok => {
                self.read_only = matches!(outcome.code, Some(ResponseCode::ReadOnly));
                Ok(Heard::Done)
            }
            Status::No => Err(Trouble::Said("NO", words(outcome))),
            _ => Err(Trouble::Said("BAD", words(outcome))),
        }
    }

    /// Runs a command to its end and shows each of its answers.
    pub async fn command(&mut self, command: &str, mut each: impl FnMut(&Response<'_>)) -> Result<(), Trouble> {
        let tag = self.say(command).await?;
        let all = async {
            loop {
                match self.hear(&tag).await? {
                    Heard::Data(data) => each(&data.parsed()?),
                    Heard::GoOn => return Err(Trouble::Unreadable),
                    Heard::Done => return Ok(()),
                }
            }
        };
        tokio::time::timeout(COMMAND, all).await.unwrap_or_else(|_| Err(Trouble::Lost("the server comes to no end".into())))
    }

    /// RFC 3501 §6.1.1.
    pub async fn capabilities(&mut self) -> Result<Capabilities, Trouble> {
        let mut found = HashSet::new();
        self.command("CAPABILITY", |answer| {
            if let Response::Capabilities(list) = answer {
                found.extend(list.iter().map(|one| match one {
                    Capability::Imap4rev1 => "IMAP4REV1".to_owned(),
                    Capability::Auth(name) => format!("AUTH={}", name.to_ascii_uppercase()),
                    Capability::Atom(name) => name.to_ascii_uppercase(),
                }));
            }
        })
        .await?;
        Ok(Capabilities(found))
    }

    /// The next answer, whole. May be given up and begun again.
    async fn read(&mut self) -> Result<Data, Trouble> {
        loop {
            let found = self.scan.end(&self.buffer[self.scanned..]).map_err(|TooLong(bytes)| Trouble::TooLong(bytes))?;
            if let Some(end) = found {
                let answer = self.buffer.split_to(self.scanned + end).freeze();
                self.scanned = 0;
                return Ok(Data(answer));
            }
            self.scanned = self.buffer.len();
            // A literal that was announced may be that long: room for it is made once.
            self.buffer.reserve(usize::try_from(self.scan.expected()).unwrap_or(0).max(READ));
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(Trouble::Lost("the server closed the connection".into()));
            }
        }
    }
}

/// What the server can do, in capitals.
#[derive(Clone, Debug, Default)]
pub struct Capabilities(HashSet<String>);

impl Capabilities {
    pub fn has(&self, name: &str) -> bool {
        self.0.contains(name)
    }
}

/// The server's words; codes that mean something to people are kept.
fn words(outcome: &Outcome<'_>) -> String {
    clean(outcome.information.as_deref().unwrap_or("no reason given"))
}

/// A string as commands take it. RFC 3501 §4.3: what cannot stand between quotes cannot be said.
pub fn quoted(text: &str) -> Option<String> {
    let fits = text.chars().all(|c| c.is_ascii() && !c.is_ascii_control());
    fits.then(|| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncBufReadExt, BufReader};

    /// A server that says these lines one after the other, each group when a line was read.
    fn server(greeting: &'static str, answers: Vec<&'static str>) -> Wire {
        let (here, there) = tokio::io::duplex(64 * 1024);
        tokio::spawn(async move {
            let (read, mut write) = tokio::io::split(there);
            write.write_all(greeting.as_bytes()).await.unwrap();
            let mut lines = BufReader::new(read).lines();
            for answer in answers {
                lines.next_line().await.unwrap();
                write.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        Wire::new(Watched::new(Box::new(here), SILENCE))
    }

    #[tokio::test]
    async fn greetings() {
        assert!(server("* OK hello\r\n", vec![]).greeting().await.is_ok());
        let turned_away = server("* BYE too busy, ask user@host.example\r\n", vec![]).greeting().await.unwrap_err();
        assert_eq!(turned_away.to_string(), "the server says BYE: too busy, ask …");
        assert!(matches!(server("220 mx ESMTP\r\n", vec![]).greeting().await, Err(Trouble::Unreadable)));
        assert!(matches!(server("", vec![]).greeting().await, Err(Trouble::Lost(_))));
    }

    /// A no is never the end of an empty list, nor is a connection that ends; an answer to another tag ends nothing.
    #[tokio::test]
    async fn how_commands_end() {
        async fn ends(answer: &'static str) -> (u32, Result<(), Trouble>) {
            let mut count = 0;
            let mut wire = server("", vec![answer]);
            let ended = wire.command("UID FETCH 1:* (UID)", |answer| count += u32::from(matches!(answer, Response::Fetch(..)))).await;
            (count, ended)
        }
        let two = "* 1 FETCH (UID 7)\r\n* 9 EXISTS\r\nR77 OK of another\r\n* 2 FETCH (UID 8)\r\nR1 OK done\r\n";
        assert!(matches!(ends(two).await, (2, Ok(()))));
        assert!(matches!(ends("* 1 FETCH (UID 7)\r\nR1 NO [LIMIT] later\r\n").await, (1, Err(Trouble::Said("NO", _)))));
        assert!(matches!(ends("R1 BAD what\r\n").await, (0, Err(Trouble::Said("BAD", _)))));
        assert!(matches!(ends("* BYE\r\n").await, (0, Err(Trouble::Said("BYE", _)))));
        assert!(matches!(ends("* 1 FETCH (UID 7)\r\n").await, (1, Err(Trouble::Lost(_)))));
        assert!(matches!(ends("* 1 FETCH (UID 7\r\nR1 OK\r\n").await, (0, Err(Trouble::Unreadable))));
        assert!(matches!(ends("* 1 FETCH (BODY[] {70000}\r\n").await, (0, Err(Trouble::TooLong(70_000)))));
    }

    #[tokio::test]
    async fn new_mail_is_heard_whatever_is_asked() {
        let mut wire = server("", vec!["* 3 EXISTS\r\n* CAPABILITY IMAP4rev1 idle AUTH=plain\r\nR1 OK\r\n", "* 1 EXPUNGE\r\nR2 OK\r\n"]);
        let can = wire.capabilities().await.unwrap();
        assert!(can.has("IDLE") && can.has("AUTH=PLAIN") && !can.has("MOVE"));
        assert_eq!((wire.exists, std::mem::take(&mut wire.news)), (3, true));
        wire.command("NOOP", |_| ()).await.unwrap();
        assert_eq!((wire.exists, wire.news), (2, false));
    }
}
