//! Machines that answer each other: two installations, and mailboxes of people who are away. Everything stops after one message each.

use crate::harness::*;
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A mail on its way.
#[derive(Clone, Debug)]
struct Mail {
    from: String,
    to: String,
    data: String,
}

impl Mail {
    fn field(&self, name: &str) -> Option<&str> {
        let head = self.data.lines().take_while(|line| !line.is_empty());
        head.into_iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// How a mailbox answers, if its owner is away.
type Away = fn(&Mail) -> Mail;

/// The one mail host of this small world: takes everything, carries it to the door of the domain, and puts the rest into mailboxes.
/// It vouches for every From, so that nothing is stopped for want of proof.
#[derive(Clone, Default)]
struct Host {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    doors: HashMap<String, SocketAddr>,
    away: Option<Away>,
    /// Everything that was carried, and what the door said; mailboxes say nothing.
    carried: Vec<(Mail, Option<String>)>,
    /// Taken, and not carried yet.
    on_the_way: usize,
}

impl Host {
    fn start() -> (Host, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (host, port) = (Host::default(), listener.local_addr().unwrap().port());
        let taking = host.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let host = taking.clone();
                std::thread::spawn(move || host.session(stream.unwrap()));
            }
        });
        (host, port)
    }

    fn session(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut lines = BufReader::new(stream.try_clone()?).lines();
        write!(stream, "220 host.example\r\n")?;
        let mut mail = Mail { from: String::new(), to: String::new(), data: String::new() };
        while let Some(line) = lines.next() {
            let line = line?;
            let path = || line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
            match line.split(' ').next() {
                Some("MAIL") => mail = Mail { from: path(), to: String::new(), data: String::new() },
                Some("RCPT") => mail.to = path(),
                Some("DATA") => {
                    write!(stream, "354 go on\r\n")?;
                    for line in lines.by_ref() {
                        let line = line?;
                        if line == "." {
                            break;
                        }
                        mail.data.push_str(line.strip_prefix('.').unwrap_or(&line));
                        mail.data.push('\n');
                    }
                    self.takes(mail.clone());
                }
                Some("QUIT") => return write!(stream, "221 bye\r\n"),
                _ => (),
            }
            write!(stream, "250 ok\r\n")?;
        }
        Ok(())
    }

    /// Counted before it is acknowledged: nothing is on the way that nobody knows of.
    fn takes(&self, mail: Mail) {
        self.state.lock().unwrap().on_the_way += 1;
        let host = self.clone();
        std::thread::spawn(move || host.carries(mail));
    }

    fn carries(&self, mail: Mail) {
        let domain = mail.to.rsplit('@').next().unwrap_or_default().to_lowercase();
        let (door, away) = {
            let state = self.state.lock().unwrap();
            (state.doors.get(&domain).copied().filter(|_| !mail.to.starts_with("petra@")), state.away)
        };
        let said = door.map(|door| {
            let from = mail.field("From").and_then(|from| from.rsplit('@').next()).unwrap_or_default().trim_end_matches('>').to_owned();
            let data = format!(
                "Authentication-Results: mx.acme.example; spf=pass smtp.mailfrom={from}; dmarc=pass header.from={from}\n{}",
                mail.data
            );
            let mut peer = Smtp::connect(door);
            peer.says("EHLO host.example");
            peer.says(&format!("MAIL FROM:<{}>", mail.from));
            match peer.says(&format!("RCPT TO:<{}>", mail.to)) {
                reply if reply.starts_with("250") => {
                    peer.says("RSET");
                    peer.sends(&mail.from, &mail.to, &data)
                }
                refused => refused,
            }
        });
        let answer = away.filter(|_| mail.to.starts_with("petra@")).map(|away| away(&mail));
        if let Some(answer) = answer {
            self.takes(answer);
        }
        let mut state = self.state.lock().unwrap();
        state.carried.push((mail, said));
        state.on_the_way -= 1;
    }

    fn carried(&self) -> Vec<(Mail, Option<String>)> {
        self.state.lock().unwrap().carried.clone()
    }

    /// Waits until nothing is on the way anywhere: no mail without an end, no message unsent, nothing here; and nothing came in between.
    fn until_quiet(&self, all: &[&Installation]) {
        eventually("an end of it", || {
            let counts = || (self.carried().len(), all.iter().map(|one| (one.mails().len(), one.messages().len())).collect::<Vec<_>>());
            let before = counts();
            let is_quiet = self.state.lock().unwrap().on_the_way == 0
                && all.iter().all(|one| {
                    one.mails().iter().all(|mail| !mail["disposition"].is_null())
                        && one.messages().iter().all(|message| message["state"] == "sent" || message["state"] == "failed")
                });
            (is_quiet && before == counts() && self.state.lock().unwrap().on_the_way == 0).then_some(())
        });
    }
}

/// An installation at `here`, whose people, responsible users and fallback address are import addresses of the other, and whose users
/// include the other's own sender.
fn facing(here: &str, there: &str, port: u16) -> Installation {
    let installation = Installation::empty("");
    installation.replace_relay(port);
    installation.import(&format!(
        r#"{{"tenant": {{"id": "acme", "name": "A", "import_addresses": ["import@{here}", "jobs@{here}"], "fallback_address": "jobs@{there}", "locale": "de"}},
          "users": [{{"email": "import@{there}", "name": "Loop", "role": "hr_manager", "receipts": true, "aliases": ["noreply@{there}"]}},
                    {{"email": "import+more@{there}", "name": "Loop too", "role": "hr_manager"}}],
          "jobs": [{{"id": "J1", "title": "Job", "responsible": ["import@{there}", "import+more@{there}"]}}],
          "applications": [{{"id": "A1", "reference": "4711", "job": "J1", "candidate": {{"id": "C1", "name": "Maria Kanarie", "emails": ["{MARIA}"]}}}}]}}"#
    ));
    installation
}

/// Acceptance: S1.E8, S1.E20; G7. Two installations whose notices, receipts and fallback addresses point at each other.
#[test]
fn two_installations_face_each_other() {
    let (host, port) = Host::start();
    let mut one = facing("one.example", "two.example", port);
    let mut two = facing("two.example", "one.example", port);
    let (first, second) = (one.serve(), two.serve());
    host.state.lock().unwrap().doors.extend([("one.example".to_owned(), first.address), ("two.example".to_owned(), second.address)]);
    // Filed: two notices. Held: a receipt, and the fallback address hears of it.
    for (subject, id) in [("4711 WG: x", "a"), ("9999 WG: x", "b")] {
        host.takes(Mail {
            from: "import@two.example".into(),
            to: "import@one.example".into(),
            data: Forward { subject, id, sender: "import@two.example", ..Forward::default() }.mail(),
        });
    }
    host.until_quiet(&[&one, &two]);
    let purposes = |one: &Installation| -> Vec<String> {
        let mut all: Vec<String> = one.messages().iter().map(|message| message["purpose"].as_str().unwrap().to_owned()).collect();
        all.sort();
        all
    };
    assert_eq!(purposes(&one), ["mail_held", "receipt", "reply_imported", "reply_imported"]);
    assert!(purposes(&two).is_empty(), "{:?}", two.messages());
    let mails = two.mails();
    assert_eq!(mails.len(), 4, "{mails:?}");
    // They come from a known user, so they are held at worst; nobody answers them.
    assert!(mails.iter().all(|mail| mail["reason"] == "automatic"), "{mails:?}");
    assert_eq!(host.carried().len(), 6);
    first.stop();
    second.stop();
    one.is_sound();
    two.is_sound();
}

/// A mailbox that answers every mail.
fn away(mail: &Mail, from: &str, to: Option<&str>, subject: &str, fields: &str) -> Mail {
    let old = mail.field("Subject").unwrap_or_default();
    let id = mail.field("Message-ID").unwrap_or_default().trim_matches(['<', '>']).replace('@', ".");
    Mail {
        from: from.to_owned(),
        to: to.unwrap_or_default().trim_matches(['<', '>']).to_owned(),
        data: format!(
            "From: Petra Huber <{PETRA}>\nSubject: {subject}{old}\nMessage-ID: <away.{id}@acme.example>\n{fields}\nIch bin bis zum 3. Januar im Urlaub.\n"
        ),
    }
}

/// Sends one mail that is held while Petra is away; returns how many messages she got, and how her mailbox's answers ended.
fn while_away(answers: Away) -> (usize, Vec<String>) {
    let (host, port) = Host::start();
    let mut acme = Installation::new();
    acme.replace_relay(port);
    let daemon = acme.serve();
    {
        let mut state = host.state.lock().unwrap();
        state.doors.insert("acme.example".into(), daemon.address);
        state.away = Some(answers);
    }
    host.takes(Mail { from: PETRA.into(), to: IMPORT.into(), data: Forward { subject: "9999 WG: x", ..Forward::default() }.mail() });
    host.until_quiet(&[&acme]);
    let to_petra = host.carried().iter().filter(|(mail, _)| mail.to == PETRA).count();
    let mut ends: Vec<String> = acme.mails().iter().filter_map(|mail| mail["reason"].as_str().map(str::to_owned)).collect();
    ends.sort();
    // The fallback's mail is taken by nobody here: its address is no import address.
    let refused = host.carried().into_iter().filter_map(|(_, said)| said).filter(|said| said.starts_with('5')).count();
    assert_eq!(refused, 1, "{:?}", host.carried());
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
    (to_petra, ends)
}

/// Acceptance: S1.E8, S1.E20; G7. Mailboxes of somebody who is away: one message, one answer, and no more.
#[test]
fn vacation_responders() {
    let check = |answers: Away, to_petra: usize, ends: &[&str]| {
        let (got, ended) = while_away(answers);
        assert_eq!((got, ended.iter().map(String::as_str).collect::<Vec<_>>()), (to_petra, ends.to_vec()));
    };
    // RFC 3834 §4: from nobody, to the envelope sender, marked.
    check(|mail| away(mail, "", Some(&mail.from), "Auto: ", "Auto-Submitted: auto-replied\n"), 1, &["auto_reply", "unknown_number"]);
    // From nobody, to Reply-To, not marked.
    check(|mail| away(mail, "", mail.field("Reply-To"), "Re: ", ""), 1, &["auto_reply", "unknown_number"]);
    // From Petra, to Reply-To, marked.
    check(|mail| away(mail, PETRA, mail.field("Reply-To"), "Re: ", "Auto-Submitted: auto-replied\n"), 1, &["auto_reply", "unknown_number"]);
    // From Petra, to Reply-To; its subject alone says what it is.
    check(|mail| away(mail, PETRA, mail.field("Reply-To"), "Automatische Antwort: ", ""), 1, &["auto_reply", "unknown_number"]);
    // Nothing says what it is: its first answer could be Petra's, and is told that it says nothing; the second is answered by nobody.
    check(|mail| away(mail, PETRA, mail.field("Reply-To"), "Re: ", ""), 2, &["answer_to_receipt", "answer_to_receipt", "unknown_number"]);
}

/// Acceptance: G7. Twenty receipts an hour to one address, whatever they are for.
#[test]
fn the_brake_holds_for_answers() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    let id = daemon.delivers(&Forward { subject: "9999 WG: x", ..Forward::default() }.mail());
    acme.ended(&id);
    // Each answer leads nowhere, and is sent to the address that the newest receipt names.
    for number in 1..25 {
        acme.all_sent();
        let caught = acme.catcher.as_ref().unwrap().caught();
        let receipts: Vec<_> = caught.iter().filter(|message| message.to[0].contains(PETRA)).collect();
        assert_eq!(receipts.len(), number.min(20));
        let newest = text_of(&receipts.last().unwrap().data);
        let to = newest.lines().find_map(|line| line.strip_prefix("Reply-To: ")).unwrap();
        let mail = format!(
            "Authentication-Results: mx.acme.example; spf=pass smtp.mailfrom=acme.example; dmarc=pass header.from=acme.example\nFrom: {PETRA}\nSubject: AW: x\nMessage-ID: <{number}@x>\n\n99\n"
        );
        let reply = daemon.connect().sends(PETRA, to, &mail);
        let id = reply.strip_prefix("250 2.0.0 kept as ").unwrap_or_else(|| panic!("{reply}"));
        assert_eq!(acme.ended(id)["reason"], "answer_to_receipt");
    }
    assert_eq!(acme.messages().iter().filter(|message| message["purpose"] == "receipt").count(), 20);
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}
