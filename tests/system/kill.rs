//! kill -9 at random moments under load (G2): every mail that got a 250 has one disposition and, if filed, one history entry;
//! every notice is handed over, and what is handed over twice bears the same Message-ID.

use crate::harness::*;
use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

const MAILS: usize = 1_000;
const KILLS: usize = 50;
/// Kills after which something accepted was unfinished; others prove nothing.
const KILLS_THAT_COUNT: usize = 40;
const SENDERS: usize = 6;

/// How sending one mail ended.
#[derive(Clone, Debug)]
enum Sent {
    Kept(String),
    /// The connection broke: it may have been kept or not.
    Unknown,
}

fn mail(number: usize) -> String {
    Forward { id: &format!("kill-{number}@acme.example"), attachments: &[("Anschreiben.pdf", "%PDF-1.4 brief")], ..Forward::default() }
        .mail()
}

/// Sends one mail; a broken connection is no failure here.
fn send(address: std::net::SocketAddr, mail: &str) -> Sent {
    let attempt = std::panic::catch_unwind(|| Smtp::connect(address).sends(PETRA, IMPORT, mail));
    match attempt {
        Ok(reply) => match reply.strip_prefix("250 2.0.0 kept as ") {
            Some(id) => Sent::Kept(id.to_owned()),
            None => Sent::Unknown,
        },
        Err(_) => Sent::Unknown,
    }
}

/// A small generator of its own: the moments must differ, not be secret.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// Acceptance: S1.E15; G1, G2, G3.
#[test]
fn fifty_kills_under_a_thousand_mails() {
    // Broken connections panic inside the senders, on purpose; their messages would hide the others'. Senders have no name.
    std::panic::set_hook(Box::new(|panic| {
        if std::thread::current().name().is_some() {
            eprintln!("{panic}");
        }
    }));
    let mut acme = Installation::new();
    let burst = Burst { sent: Mutex::default(), next: AtomicUsize::new(0) };
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut counted = 0;
    for life in 1..=KILLS {
        // Each life gets its share of the mails, in a burst.
        burst.until_killed(acme.serve(), MAILS * life / KILLS, Duration::from_millis(3 + dice.roll(90)));
        counted += usize::from(acme.mails().iter().any(|mail| mail["disposition"].is_null()));
    }
    let daemon = acme.serve();
    let outcomes = burst.sent.into_inner().unwrap();
    let again = send_again(&daemon, &outcomes);
    eventually("the end of every mail", || acme.mails().iter().all(|mail| !mail["disposition"].is_null()).then_some(()));
    let messages = acme.all_sent();
    check(&acme, &outcomes, &again, &messages);
    println!("{KILLS} kills, {counted} of them with mail in hand; {} mails kept, {} sent again", MAILS - again.len(), again.len());
    assert!(counted >= KILLS_THAT_COUNT, "only {counted} of {KILLS} kills found anything unfinished");
    daemon.stop();
    acme.is_sound();
    let _ = std::panic::take_hook();
}

/// Mails on their way from several senders at once.
struct Burst {
    sent: Mutex<HashMap<usize, Sent>>,
    next: AtomicUsize,
}

impl Burst {
    /// Sends up to that number, and kills the daemon in the midst of it.
    fn until_killed(&self, daemon: Daemon, until: usize, after: Duration) {
        let address = daemon.address;
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..SENDERS {
                scope.spawn(|| {
                    while !over.load(Ordering::SeqCst) {
                        let number = self.next.fetch_add(1, Ordering::SeqCst);
                        if number >= until {
                            self.next.fetch_sub(1, Ordering::SeqCst);
                            return;
                        }
                        let ended = send(address, &mail(number));
                        self.sent.lock().unwrap().insert(number, ended);
                    }
                });
            }
            std::thread::sleep(after);
            daemon.kill();
            over.store(true, Ordering::SeqCst);
        });
    }
}

/// What is not known to be kept is sent again, as a relay does: with one more Received line.
fn send_again(daemon: &Daemon, outcomes: &HashMap<usize, Sent>) -> Vec<String> {
    let unknown = (0..MAILS).filter(|number| !matches!(outcomes.get(number), Some(Sent::Kept(_))));
    let send = |number| {
        let mail = mail(number).replacen("Received:", "Received: from relay by mx; Mon, 23 Nov 2026 09:31:00 +0100\nReceived:", 1);
        match send(daemon.address, &mail) {
            Sent::Kept(id) => id,
            Sent::Unknown => panic!("mail {number} was not taken although nobody killed anything"),
        }
    };
    unknown.map(send).collect()
}

fn check(acme: &Installation, outcomes: &HashMap<usize, Sent>, again: &[String], messages: &[serde_json::Value]) {
    let mails: HashMap<String, serde_json::Value> =
        acme.mails().into_iter().map(|mail| (mail["id"].as_str().unwrap().to_owned(), mail)).collect();
    let entries = acme.entries("4711");
    let by_arrival: HashSet<&str> = entries.iter().map(|entry| entry["id"].as_str().unwrap()).collect();
    assert_eq!(by_arrival.len(), entries.len());
    for sent in outcomes.values() {
        let Sent::Kept(id) = sent else { continue };
        let mail = mails.get(id).unwrap_or_else(|| panic!("{id} got a 250 and is lost"));
        let end = mail["disposition"].as_str().unwrap();
        // A mail that was alone at two kills is held, and that is a right end.
        assert!(end == "filed" || mail["reason"] == "crashed_twice", "{id}: {mail}");
    }
    for id in again {
        let end = mails[id]["disposition"].as_str().unwrap();
        assert!(end == "filed" || end == "duplicate", "{id}: {}", mails[id]);
    }
    // One entry for each filed arrival, and each mail filed at most once.
    let filed = mails.values().filter(|mail| mail["disposition"] == "filed").count();
    assert_eq!(filed, entries.len());
    // All thousand are there: filed once, or held because they were alone at two kills.
    let held = mails.values().filter(|mail| mail["disposition"] == "held").count();
    assert!(entries.len() <= MAILS && entries.len() + held >= MAILS, "{} entries and {held} held", entries.len());
    // Two people are told of each; the catcher has exactly the outbox's messages, some perhaps twice, never under another id.
    let notices = messages.iter().filter(|message| message["purpose"] == "reply_imported").count();
    assert_eq!(notices, 2 * entries.len());
    // And the fallback address of what is held, once an hour.
    assert_eq!(messages.len() - notices, held.min(1));
    let wanted: HashSet<String> = messages.iter().map(|message| message["id"].as_str().unwrap().to_owned()).collect();
    let caught: Vec<String> = acme.catcher.as_ref().unwrap().caught().iter().map(|caught| message_id(&text_of(&caught.data))).collect();
    let distinct: HashSet<String> = caught.iter().cloned().collect();
    assert_eq!(distinct, wanted);
    println!("{} messages, {} of them handed over twice", wanted.len(), caught.len() - distinct.len());
}

fn message_id(mail: &str) -> String {
    let line = mail.lines().find_map(|line| line.strip_prefix("Message-ID: <")).unwrap();
    line.split('@').next().unwrap().to_owned()
}
