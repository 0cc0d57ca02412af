//! What holds at every door: one set of tests, and for each door the little that is its own: what stands in front of it.

use crate::dovecot::Dovecot;
use crate::harness::*;
use crate::imap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Stdio;

/// What stands in front of a door: a mail host with a queue, a mailbox, a folder.
trait Front {
    /// As `mail list` names the door.
    fn door(&self) -> &'static str;
    /// As the configuration and `doors list` name it.
    fn name(&self) -> &'static str {
        self.door()
    }
    /// The door's lines of the configuration.
    fn section(&self) -> String;
    /// Somebody's mail comes to the front.
    fn give(&mut self, mail: &str);
    /// Where the front brings the mail itself, it tries again with everything that waits there.
    fn turn(&mut self, acme: &Installation, daemon: &Daemon);
    /// Mails that wait: the door has not taken them.
    fn waiting(&mut self) -> usize;
    /// Mails that the door will not have; the front has them still, or has told its user.
    fn refused(&mut self) -> usize;
    /// What the front heard of the door, where that is not in its log.
    fn said(&self) -> &str {
        ""
    }
}

/// One transaction as a mail host makes it that keeps what is not taken. None: the connection broke, or was never made.
fn transaction(stream: Option<impl Read + Write>, hello: &str, mail: &str) -> Option<u16> {
    let mut stream = BufReader::new(stream?);
    let reply = |stream: &mut BufReader<_>| loop {
        let mut line = String::new();
        if stream.read_line(&mut line).unwrap_or(0) == 0 {
            return None;
        }
        if line.as_bytes().get(3) != Some(&b'-') {
            return line.get(..3)?.parse::<u16>().ok();
        }
    };
    let commands = [format!("{hello} mx.acme.example"), format!("MAIL FROM:<{PETRA}>"), format!("RCPT TO:<{IMPORT}>"), "DATA".to_owned()];
    reply(&mut stream)?;
    for command in commands {
        write!(stream.get_mut(), "{command}\r\n").ok()?;
        let code = reply(&mut stream)?;
        if code >= 400 {
            return Some(code);
        }
    }
    write!(stream.get_mut(), "{}\r\n.\r\n", mail.trim_end().replace('\n', "\r\n")).ok()?;
    reply(&mut stream)
}

/// A mail host's queue: what waits, and what came back.
#[derive(Default)]
struct Queue {
    waiting: Vec<String>,
    refused: usize,
}

impl Queue {
    fn turn(&mut self, mut send: impl FnMut(&str) -> Option<u16>) {
        for mail in std::mem::take(&mut self.waiting) {
            match send(&mail) {
                Some(200..=299) => (),
                Some(500..=599) => self.refused += 1,
                _ => self.waiting.push(mail),
            }
        }
    }
}

#[derive(Default)]
struct Host(Queue);

impl Front for Host {
    fn door(&self) -> &'static str {
        "smtp"
    }

    fn section(&self) -> String {
        String::new()
    }

    fn give(&mut self, mail: &str) {
        self.0.waiting.push(mail.to_owned());
    }

    fn turn(&mut self, _: &Installation, daemon: &Daemon) {
        self.0.turn(|mail| transaction(TcpStream::connect(daemon.address).ok(), "EHLO", mail));
    }

    fn waiting(&mut self) -> usize {
        self.0.waiting.len()
    }

    fn refused(&mut self) -> usize {
        self.0.refused
    }
}

struct Mailbox(Dovecot);

impl Front for Mailbox {
    fn door(&self) -> &'static str {
        "imap"
    }

    fn name(&self) -> &'static str {
        "hr"
    }

    fn section(&self) -> String {
        imap::plain("hr", self.0.port, "moved_to = \"Taken\"\nrefused_to = \"Refused\"\n")
    }

    fn give(&mut self, mail: &str) {
        self.0.client().append("INBOX", "()", mail);
    }

    fn turn(&mut self, _: &Installation, _: &Daemon) {}

    fn waiting(&mut self) -> usize {
        self.0.client().mails("INBOX").len()
    }

    fn refused(&mut self) -> usize {
        self.0.client().mails("Refused").len()
    }
}

struct LmtpHost {
    folder: tempfile::TempDir,
    queue: Queue,
}

impl LmtpHost {
    fn new() -> LmtpHost {
        LmtpHost { folder: tempfile::tempdir().unwrap(), queue: Queue::default() }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("lmtp.sock")
    }
}

impl Front for LmtpHost {
    fn door(&self) -> &'static str {
        "lmtp"
    }

    fn section(&self) -> String {
        format!("[lmtp]\nlisten = [\"unix:{}\"]\nauthserv_id = \"mx.acme.example\"\n", self.socket().display())
    }

    fn give(&mut self, mail: &str) {
        self.queue.waiting.push(mail.to_owned());
    }

    fn turn(&mut self, _: &Installation, _: &Daemon) {
        let socket = self.socket();
        self.queue.turn(|mail| transaction(UnixStream::connect(&socket).ok(), "LHLO", mail));
    }

    fn waiting(&mut self) -> usize {
        self.queue.waiting.len()
    }

    fn refused(&mut self) -> usize {
        self.queue.refused
    }
}

/// A program that delivers into a Maildir.
struct Folder {
    folder: tempfile::TempDir,
    number: usize,
}

impl Folder {
    fn new() -> Folder {
        let folder = tempfile::tempdir().unwrap();
        for part in ["new", "cur", "tmp"] {
            std::fs::create_dir(folder.path().join(part)).unwrap();
        }
        Folder { folder, number: 0 }
    }

    fn files(&self, part: &str) -> usize {
        std::fs::read_dir(self.folder.path().join(part)).map_or(0, Iterator::count)
    }
}

impl Front for Folder {
    fn door(&self) -> &'static str {
        "maildir"
    }

    fn name(&self) -> &'static str {
        "spool"
    }

    fn section(&self) -> String {
        format!(
            "[[maildir]]\nname = \"spool\"\npath = {:?}\nimport_address = {IMPORT:?}\nfirst = \"everything\"\nrefused_to = \"Refused\"\n\
             authserv_id = \"mx.acme.example\"\n",
            self.folder.path()
        )
    }

    fn give(&mut self, mail: &str) {
        self.number += 1;
        let name = format!("{:010}.M1P1.host", self.number);
        let tmp = self.folder.path().join("tmp").join(&name);
        std::fs::write(&tmp, mail).unwrap();
        std::fs::rename(tmp, self.folder.path().join("new").join(name)).unwrap();
    }

    fn turn(&mut self, _: &Installation, _: &Daemon) {}

    fn waiting(&mut self) -> usize {
        self.files("new") + self.files("cur")
    }

    fn refused(&mut self) -> usize {
        self.files(".Refused/new") + self.files(".Refused/cur")
    }
}

/// A mail host that calls `deliver` for each mail.
#[derive(Default)]
struct Caller {
    queue: Queue,
    said: String,
}

impl Front for Caller {
    fn door(&self) -> &'static str {
        "pipe"
    }

    fn section(&self) -> String {
        "[deliver]\nauthserv_id = \"mx.acme.example\"\n".into()
    }

    fn give(&mut self, mail: &str) {
        self.queue.waiting.push(mail.to_owned());
    }

    fn turn(&mut self, acme: &Installation, _: &Daemon) {
        let said = &mut self.said;
        self.queue.turn(|mail| {
            let mut command = acme.command(&["deliver", "--to", IMPORT, "--from", PETRA]);
            let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
            // It may have ended before it has read everything.
            let _ = child.stdin.take().unwrap().write_all(mail.as_bytes());
            let output = child.wait_with_output().unwrap();
            said.push_str(&String::from_utf8_lossy(&output.stderr));
            match output.status.code() {
                Some(0) => Some(250),
                Some(75) => Some(451),
                _ => Some(550),
            }
        });
    }

    fn waiting(&mut self) -> usize {
        self.queue.waiting.len()
    }

    fn refused(&mut self) -> usize {
        self.queue.refused
    }

    fn said(&self) -> &str {
        &self.said
    }
}

fn mail(number: usize) -> String {
    Forward { id: &format!("{number}@every.example"), text: &format!("Nummer {number}."), ..Forward::default() }.mail()
}

fn installed(front: &dyn Front, smtp: &str, rest: &str) -> Installation {
    let acme = Installation::new();
    configured(&acme, front, smtp, rest);
    acme
}

fn configured(acme: &Installation, front: &dyn Front, smtp: &str, first: &str) {
    acme.configure(smtp, &(acme.relay_section() + &front.section()));
    let path = acme.path("rohrpost.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(path, text.replacen("min_free_bytes = 0\n", if first.is_empty() { "min_free_bytes = 0\n" } else { first }, 1)).unwrap();
}

/// Until nothing waits in front of the door, and everything behind it has its end.
fn through(front: &mut dyn Front, acme: &Installation, daemon: &Daemon, accepted: usize) -> Vec<serde_json::Value> {
    eventually(&format!("{accepted} mails behind the {} door", front.door()), || {
        front.turn(acme, daemon);
        let mails = acme.mails();
        let ended = mails.iter().filter(|mail| !mail["disposition"].is_null()).count();
        (front.waiting() == 0 && ended >= accepted && ended == mails.len()).then_some(mails)
    })
}

/// Every kind of end is the same at every door, and bears its door's name. Nobody outside hears anything (G7).
fn ends(front: &mut dyn Front) {
    let mut acme = installed(front, "max_message_bytes = 70000", "");
    let daemon = acme.serve();
    let unproved = |mail: String| mail.split_once('\n').unwrap().1.to_owned();
    let by = |sender, subject, id| Forward { sender, subject, id, ..Forward::default() }.mail();
    front.give(&mail(1));
    through(front, &acme, &daemon, 1);
    // By another way: what is the same byte for byte the pipe knows as another try.
    front.give(&format!("Received: from there by here; Mon, 23 Nov 2026 09:31:00 +0100\n{}", mail(1)));
    front.give(&by(PETRA, "9999 WG: x", "unknown@every.example"));
    front.give(&by("stranger@evil.example", "4711 WG: x", "stranger@every.example"));
    front.give(&unproved(mail(2)));
    front.give(&mail(3).replace("header.from=acme.example", "header.from=evil.example"));
    front.give(&mail(4).replacen("Authentication-Results: mx.acme", "Authentication-Results: mx.evil", 1));
    front.give(&by("stranger@evil.example", "Abwesend", "away@every.example").replacen(
        "MIME-Version",
        "Auto-Submitted: auto-replied\nMIME-Version",
        1,
    ));
    // Too large: not taken, and in nobody's way.
    front.give(&(mail(5) + &"Kanarie-Datei\n".repeat(10_000)));
    front.give(&mail(6));
    let mails = through(front, &acme, &daemon, 9);
    let mut seen: Vec<String> = mails
        .iter()
        .map(|mail| {
            format!(
                "{} {} {}",
                mail["door"].as_str().unwrap(),
                mail["disposition"].as_str().unwrap(),
                mail["reason"].as_str().unwrap_or("-")
            )
        })
        .collect();
    seen.sort();
    let mut wanted: Vec<String> = [
        "duplicate -",
        "filed -",
        "filed -",
        "held sender_not_authenticated",
        "held sender_not_authenticated",
        "held sender_not_authenticated",
        "held sender_unknown",
        "held unknown_number",
        "ignored auto_reply",
    ]
    .iter()
    .map(|end| format!("{} {end}", front.door()))
    .collect();
    wanted.sort();
    assert_eq!(seen, wanted);
    assert_eq!((front.refused(), acme.entries("4711").len()), (1, 2));
    let told = acme.all_sent();
    let outside = told.iter().find(|message| !message["to"].as_str().unwrap().ends_with("@acme.example"));
    assert!(outside.is_none(), "{outside:?}");
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: G1. Without room nothing is taken and nothing is lost; nor while nobody listens.
fn room(front: &mut dyn Front) {
    let mut acme = installed(front, "", "min_free_bytes = 1000000000000000\n");
    front.give(&mail(1));
    let daemon = acme.serve();
    front.give(&mail(2));
    front.turn(&acme, &daemon);
    eventually("the words of a door without room", || {
        front.turn(&acme, &daemon);
        (acme.logs() + front.said()).contains("too little free space").then_some(())
    });
    assert_eq!((front.waiting(), acme.mails().len(), front.refused()), (2, 0, 0));
    daemon.stop();
    front.give(&mail(3));
    configured(&acme, front, "", "");
    let daemon = acme.serve();
    let mails = through(front, &acme, &daemon, 3);
    assert!(mails.len() == 3 && mails.iter().all(|mail| mail["disposition"] == "filed"), "{mails:?}");
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: G2. Killed again and again while mail comes in: each mail has one entry, and none is left.
fn killed(front: &mut dyn Front) {
    const MAILS: usize = 24;
    let mut acme = installed(front, "", "");
    for number in 0..MAILS {
        front.give(&mail(number));
    }
    for already in [1, 9, 17] {
        let daemon = acme.serve();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                eventually("some mails", || (acme.mails().len() >= already).then_some(()));
                daemon.signal("-KILL");
            });
            front.turn(&acme, &daemon);
        });
        drop(daemon);
    }
    let daemon = acme.serve();
    through(front, &acme, &daemon, MAILS);
    // A mail that was alone in hand at two kills is held, which is a right end; somebody looks at it.
    for held in acme.held() {
        assert_eq!(held["reason"], "crashed_twice");
        acme.succeeds(&["mail", "retry", held["id"].as_str().unwrap(), "--tenant", "acme"]);
    }
    through(front, &acme, &daemon, MAILS);
    let numbers: std::collections::BTreeSet<String> = acme.entries("4711").iter().map(|entry| entry["text"].to_string()).collect();
    assert_eq!((acme.entries("4711").len(), numbers.len(), front.refused()), (MAILS, MAILS, 0));
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// A mail of ours to ourselves is known at every door, and ends no silence of it; nor does a mail that comes to the pipe again.
fn silence(front: &mut dyn Front) {
    let mut acme = Installation::new();
    let canary = format!("[[canary]]\ndoor = {:?}\nto = {IMPORT:?}\nevery_minutes = 1440\n", front.name());
    acme.configure("", &(acme.relay_section() + &front.section() + &canary));
    let daemon = acme.serve();
    let catcher = acme.catcher.as_ref().unwrap();
    front.give(&eventually("a mail to ourselves", || catcher.caught().first().map(|caught| text_of(&caught.data))));
    let name = front.name();
    let door = || imap::door(&acme, name);
    eventually("its arrival", || {
        front.turn(&acme, &daemon);
        (front.waiting() == 0 && door()["canary"]["state"] == "arrived").then_some(())
    });
    let own = eventually("its end", || {
        let own = acme.json(&["mail", "list", "--json", "--tenant", "-"]);
        (own[0]["reason"] == "canary").then_some(own)
    });
    assert_eq!(own[0]["door"], front.door());
    let moment = |value: &serde_json::Value| value.as_str().map(|text| text.parse::<jiff::Timestamp>().unwrap());
    if ["imap", "maildir"].contains(&front.door()) {
        eventually("a word behind it", || (moment(&door()["last_contact_at"]) >= moment(&own[0]["at"])).then_some(()));
    }
    assert!(door()["last_mail_at"].is_null(), "{}", door());
    front.give(&mail(1));
    through(front, &acme, &daemon, 1);
    let last = eventually("people's mail", || door()["last_mail_at"].as_str().map(str::to_owned));
    if front.door() == "pipe" {
        front.give(&mail(1));
        through(front, &acme, &daemon, 1);
        let after = door();
        assert!(after["last_mail_at"] == last.as_str() && after["last_contact_at"] != last.as_str(), "{after} {last}");
        assert_eq!(acme.mails().len(), 1);
    }
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

fn every_door(front: &mut dyn FnMut() -> Box<dyn Front>) {
    ends(front().as_mut());
    room(front().as_mut());
    killed(front().as_mut());
    silence(front().as_mut());
}

#[test]
fn smtp() {
    every_door(&mut || Box::<Host>::default());
}

#[test]
fn imap_mailbox() {
    every_door(&mut || Box::new(Mailbox(Dovecot::start())));
}

#[test]
fn lmtp_socket() {
    every_door(&mut || Box::new(LmtpHost::new()));
}

#[test]
fn maildir() {
    every_door(&mut || Box::new(Folder::new()));
}

#[test]
fn pipe() {
    every_door(&mut || Box::<Caller>::default());
}
