//! What goes wrong between an IMAP server and us, at every point: one history entry, one copy of the mail, nothing lost (G1 to G4).

use crate::dovecot::*;
use crate::harness::*;
use crate::imap::{door, filed, mail, plain, with_mailboxes};
use rohrpost::config::imap::SignsIn;
use rohrpost::intake::accept::{self, Acceptor};
use rohrpost::intake::facts::checks::Checks;
use rohrpost::intake::imap::connect::Credential;
use rohrpost::intake::imap::{Door, Room};
use rohrpost::model::installation::Place;
use rohrpost::store::{Missing, Store};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Waits until all mails lie where accepted ones do, once each.
fn all_moved(client: &mut Client, count: usize) {
    eventually("moved mails", || (client.mails("INBOX").is_empty() && client.mails("Rohrpost.Accepted").len() >= count).then_some(()));
    assert_eq!(client.mails("Rohrpost.Accepted").len(), count);
}

/// A flag that a proxy sets when it did what it was told.
fn flag() -> (Arc<AtomicBool>, impl Fn(&str)) {
    let flag = Arc::new(AtomicBool::new(false));
    let waits = {
        let flag = flag.clone();
        move |what: &str| eventually(what, || flag.load(Ordering::SeqCst).then_some(()))
    };
    (flag, waits)
}

/// Holds everything from the first line on that fits, once.
pub fn hold_at(proxy: &Proxy, fits: impl Fn(From, &str) -> bool + Send + 'static) -> impl Fn(&str) {
    let (flag, waits) = flag();
    proxy.rule(move |from, line| {
        if !flag.load(Ordering::SeqCst) && fits(from, line) {
            flag.store(true, Ordering::SeqCst);
            return Act::Hold;
        }
        Act::Pass
    });
    waits
}

/// The server gives a mail.
pub fn is_body(from: From, line: &str) -> bool {
    from == From::Server && line.contains(" FETCH (") && line.contains("BODY[]")
}

/// Acceptance: S1.E15; G2, G3. kill -9 while a mail is fetched, before it is committed, before it is moved, and after.
#[test]
fn killed_at_every_point() {
    let dovecot = Dovecot::start();
    let proxy = Proxy::before(dovecot.port);
    let mut acme = with_mailboxes(&plain("hr", proxy.port, ""));
    let mut client = dovecot.client();
    let is_move = |from: From, line: &str| from == From::Client && line.contains(" UID MOVE ");
    let mut count = 0;
    let mut next = |acme: &Installation, client: &mut Client| {
        count += 1;
        client.append("INBOX", "()", &mail(count));
        assert_eq!(acme.entries("4711").len(), count - 1);
        count
    };

    let daemon = acme.serve();
    let held = hold_at(&proxy, is_body);
    next(&acme, &mut client);
    held("a mail under way");
    daemon.kill();
    assert_eq!(acme.mails().len(), 0);

    // Before the commit: somebody else writes, so that the daemon's transaction cannot begin.
    let (fetched, waits) = flag();
    proxy.rule(move |from, line| {
        fetched.fetch_or(is_body(from, line), Ordering::SeqCst);
        Act::Pass
    });
    let daemon = acme.serve();
    filed(&acme, 1);
    all_moved(&mut client, 1);
    let (seen, _) = flag();
    let lock = Lock::take(&acme);
    {
        let seen = seen.clone();
        proxy.rule(move |from, line| {
            seen.fetch_or(is_body(from, line), Ordering::SeqCst);
            Act::Pass
        });
    }
    waits("the first fetch");
    next(&acme, &mut client);
    eventually("the second fetch", || seen.load(Ordering::SeqCst).then_some(()));
    daemon.kill();
    drop(lock);
    assert_eq!(acme.mails().len(), 1);

    // Committed, and the server does not know it yet.
    let held = hold_at(&proxy, is_move);
    let daemon = acme.serve();
    held("a mail that is to be moved");
    daemon.kill();
    assert_eq!((acme.mails().len(), client.mails("INBOX").len()), (2, 1));

    // Moved, and we do not know it yet.
    let ended = Arc::new(std::sync::Mutex::new(String::new()));
    let held = hold_at(&proxy, move |from, line| {
        if is_move(from, line) {
            *ended.lock().unwrap() = format!("{} OK", line.split(' ').next().unwrap());
        }
        let ended = ended.lock().unwrap();
        from == From::Server && !ended.is_empty() && line.starts_with(&*ended)
    });
    let daemon = acme.serve();
    held("a mail that was moved");
    daemon.kill();
    assert_eq!((client.mails("INBOX").len(), client.mails("Rohrpost.Accepted").len()), (0, 2));

    proxy.rule(|_, _| Act::Pass);
    let daemon = acme.serve();
    filed(&acme, 2);
    next(&acme, &mut client);
    filed(&acme, 3);
    all_moved(&mut client, 3);
    assert_eq!((acme.mails().len(), acme.entries("4711").len()), (3, 3));
    eventually("nothing that has to leave", || (acme.count("mailbox_mail") == 0).then_some(()));
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// The database's write lock in other hands.
pub struct Lock(tokio::runtime::Runtime, Option<sqlx::SqliteConnection>);

impl Lock {
    pub fn take(acme: &Installation) -> Lock {
        use sqlx::{Connection, Executor};
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let path = acme.path("state/rohrpost.db");
        let connection = runtime.block_on(async {
            let mut connection = sqlx::SqliteConnection::connect(path.to_str().unwrap()).await.unwrap();
            connection.execute("pragma busy_timeout = 10000").await.unwrap();
            connection.execute("begin immediate").await.unwrap();
            connection
        });
        Lock(runtime, Some(connection))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        use sqlx::{Connection, Executor};
        if let Some(mut connection) = self.1.take() {
            self.0.block_on(async {
                let _ = connection.execute("rollback").await;
                let _ = connection.close().await;
            });
        }
    }
}

/// Acceptance: G1, G4. kill -9 of the server's own process; a database that is locked; mail stays in the mailbox, and is taken later.
#[test]
fn the_server_dies_and_the_database_is_away() {
    let dovecot = Dovecot::start();
    let mut acme = with_mailboxes(&plain("hr", dovecot.port, ""));
    let daemon = acme.serve();
    eventually("an open mailbox", || (door(&acme, "hr")["state"] == "listening").then_some(()));
    assert!(dovecot.kill_sessions() > 0);
    let mut client = dovecot.client();
    client.append("INBOX", "()", &mail(1));
    filed(&acme, 1);
    all_moved(&mut client, 1);
    assert!(door(&acme, "hr")["last_error"].as_str().unwrap().contains("the server closed the connection"));
    // No transaction for longer than a statement waits: not now, and the mail stays.
    let lock = Lock::take(&acme);
    client.append("INBOX", "()", &mail(2));
    eventually("a mail that is not accepted", || acme.logs().contains("not committed").then_some(()));
    assert_eq!((client.mails("INBOX").len(), acme.mails().len()), (1, 1));
    drop(lock);
    filed(&acme, 2);
    all_moved(&mut client, 2);
    assert_eq!(acme.entries("4711").len(), 2);
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: G3, G4. MOVE is answered with NO; then without MOVE, STORE with NO behind a copy: nothing is filed or copied twice, and the
/// mails behind are taken.
#[test]
fn mails_that_may_not_leave() {
    let dovecot = Dovecot::start();
    let proxy = Proxy::before(dovecot.port);
    let mut acme = with_mailboxes(&plain("hr", proxy.port, "poll_seconds = 1\n"));
    let mut client = dovecot.client();
    let refuses = |what: &'static str| {
        move |from: From, line: &str| match line.split_once(' ') {
            Some((tag, rest)) if from == From::Client && rest.starts_with(what) => Act::Answer(format!("{tag} NO [NOPERM] not allowed")),
            _ => Act::Pass,
        }
    };
    proxy.rule(refuses("UID MOVE"));
    client.append("INBOX", "()", &mail(1));
    let daemon = acme.serve();
    filed(&acme, 1);
    client.append("INBOX", "()", &mail(2));
    filed(&acme, 2);
    eventually("mails that wait to leave", || (door(&acme, "hr")["waiting"] == 2).then_some(()));
    assert_eq!((client.mails("INBOX").len(), acme.mails().len(), client.mails("Rohrpost.Accepted").len()), (2, 2, 0));
    daemon.stop();
    // A server that cannot MOVE copies; the copy stands, the original may not go.
    let no_store = refuses("UID STORE");
    proxy.rule(move |from, line| match from {
        From::Server if line.contains("CAPABILITY") => Act::Change(line.replace(" MOVE", "")),
        _ => no_store(from, line),
    });
    let daemon = acme.serve();
    eventually("two copies", || (client.mails("Rohrpost.Accepted").len() == 2).then_some(()));
    eventually("a refused STORE", || (proxy.heard("UID STORE") > 0).then_some(()));
    daemon.stop();
    // IDLE is offered and not given: the mailbox is looked at by itself.
    let no_idle = refuses("IDLE");
    proxy.rule(move |from, line| match from {
        From::Server if line.contains("CAPABILITY") => Act::Change(line.replace(" MOVE", "")),
        _ => no_idle(from, line),
    });
    let daemon = acme.serve();
    all_moved(&mut client, 2);
    // Each was copied once, together or one after the other.
    assert!((1..=2).contains(&proxy.heard("UID COPY")));
    assert_eq!((acme.mails().len(), acme.entries("4711").len()), (2, 2));
    client.append("INBOX", "()", &mail(3));
    filed(&acme, 3);
    assert!(proxy.heard("NOOP") > 0);
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: G4. A server that announces more than it may, or answers with something that is no IMAP, whenever one mail is fetched: the
/// mail is put aside after three tries, and the next one is taken. What a server asks for in time it gets.
#[test]
fn lies_and_pleas() {
    let dovecot = Dovecot::start();
    let proxy = Proxy::before(dovecot.port);
    let mut acme = with_mailboxes(&plain("hr", proxy.port, ""));
    let mut client = dovecot.client();
    (1..=3).for_each(|number| client.append("INBOX", "()", &mail(number)));
    proxy.rule(|from, line| {
        let is_body = from == From::Server && line.contains(" FETCH (") && line.contains("BODY[]");
        match line {
            line if is_body && line.contains("UID 1 ") => Act::Change("* 1 FETCH (UID 1 BODY[] {400000000}".into()),
            line if is_body && line.contains("UID 2 ") => Act::Change("kanarienvogel-text: this is no answer".into()),
            _ => Act::Pass,
        }
    });
    let daemon = acme.serve();
    filed(&acme, 1);
    eventually("two refused mails", || (client.mails("Rohrpost.Refused").len() == 2).then_some(()));
    all_moved(&mut client, 1);
    let connections = proxy.connections();
    assert!((7..=8).contains(&connections), "{connections} connections");
    // Told to keep away, it does, and no longer than that.
    let told = Arc::new(std::sync::Mutex::new(None::<Instant>));
    let back = Arc::new(std::sync::Mutex::new(None::<Duration>));
    {
        let (told, back) = (told.clone(), back.clone());
        proxy.rule(move |from, line| {
            let mut told = told.lock().unwrap();
            match (from, *told) {
                (From::Client, None) if line.contains("UID FETCH") => {
                    *told = Some(Instant::now());
                    Act::Answer("* BYE Session invalidated. Suggested Backoff Time: 4000 milliseconds".into())
                }
                (From::Client, Some(at)) if line.contains("CAPABILITY") => {
                    back.lock().unwrap().get_or_insert(at.elapsed());
                    Act::Pass
                }
                _ => Act::Pass,
            }
        });
    }
    client.append("INBOX", "()", &mail(4));
    filed(&acme, 2);
    let back = back.lock().unwrap().unwrap();
    assert!((3_900..9_000).contains(&back.as_millis()), "{back:?}");
    all_moved(&mut client, 2);
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// Slow: about 80 seconds. Acceptance: G4. A server that says nothing any more, while a mail is fetched and while it is waited for:
/// both recover within two minutes, and another mailbox never notices.
#[test]
fn silence() {
    let dovecot = Dovecot::start();
    let (fetching, waiting) = (Proxy::before(dovecot.port), Proxy::before(dovecot.port));
    let other = |name: &str, port: u16, user: &str| plain(name, port, "").replace(&format!("user = {USER:?}"), &format!("user = {user:?}"));
    let mut acme = with_mailboxes(
        &(plain("fetching", fetching.port, "")
            + &other("waiting", waiting.port, "b@acme.example")
            + &other("well", dovecot.port, "c@acme.example")),
    );
    let held_fetching = hold_at(&fetching, |from, line| from == From::Server && line.contains("BODY[]"));
    let held_waiting = hold_at(&waiting, |from, line| from == From::Server && line.starts_with("+ idling"));
    let daemon = acme.serve();
    held_waiting("a held IDLE");
    dovecot.client().append("INBOX", "()", &mail(1));
    held_fetching("a held FETCH");
    let start = Instant::now();
    dovecot.client_of("b@acme.example").append("INBOX", "()", &mail(2));
    dovecot.client_of("c@acme.example").append("INBOX", "()", &mail(3));
    filed(&acme, 1);
    assert!(start.elapsed() < Duration::from_secs(10), "the third mailbox waited for {:?}", start.elapsed());
    filed(&acme, 2);
    assert!(start.elapsed() < Duration::from_secs(50), "a held FETCH took {:?}", start.elapsed());
    while acme.entries("4711").len() < 3 {
        assert!(start.elapsed() < Duration::from_secs(120), "a held IDLE took {:?}", start.elapsed());
        std::thread::sleep(Duration::from_millis(200));
    }
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// A door as a second instance would have it, on the same database.
async fn second_instance(acme: &Installation) -> (Door, Store) {
    let state = acme.path("state");
    let place = Place { database: state.join("rohrpost.db"), blobs: state.join("blobs") };
    let store = Store::open(&place, Missing::IsAnError).await.unwrap();
    let mut config = rohrpost::config::load(&acme.path("rohrpost.toml")).unwrap();
    let room = accept::Room { folders: Vec::new(), min_free_bytes: 0, held: config.held_unauthenticated };
    let checks = Checks::new(&config.dns, config.smtp.hostname.clone());
    let accept = Acceptor::new(store.clone(), room, checks, config.smtp.clone(), None);
    let config = config.imap.remove(0);
    let SignsIn::Secret(secret) = &config.signs_in else { panic!("no password") };
    let credential = Credential::of(config.mechanism, secret);
    (Door::new(config.clone(), credential, accept, store.clone(), Room::default()), store)
}

/// Acceptance: G2, G3. Two instances, one mailbox: one of them works, the other waits; when the first is stopped dead in its tracks, the
/// second takes over at the end of the lease, and what the first still writes when it wakes up counts nothing.
#[test]
fn two_instances() {
    let dovecot = Dovecot::start();
    let proxy = Proxy::before(dovecot.port);
    let mut acme = with_mailboxes(&plain("hr", proxy.port, ""));
    let mut client = dovecot.client();
    let daemon = acme.serve();
    eventually("an open mailbox", || (door(&acme, "hr")["state"] == "listening").then_some(()));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (second, store) = runtime.block_on(second_instance(&acme));
    let stop = tokio_util::sync::CancellationToken::new();
    let running = runtime.spawn(second.run(stop.clone()));
    eventually("an instance that waits", || (door(&acme, "hr")["state"] == "elsewhere").then_some(()));
    client.append("INBOX", "()", &mail(1));
    filed(&acme, 1);
    assert_eq!(proxy.connections(), 1);
    all_moved(&mut client, 1);
    // Stopped in the midst of a mail.
    let held = hold_at(&proxy, |from, line| from == From::Client && line.contains("BODY.PEEK"));
    client.append("INBOX", "()", &mail(2));
    held("a mail under way");
    daemon.signal("-STOP");
    let start = Instant::now();
    eventually("the second instance", || (acme.mails().len() == 2).then_some(()));
    assert!((15..50).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    daemon.signal("-CONT");
    client.append("INBOX", "()", &mail(3));
    filed(&acme, 3);
    all_moved(&mut client, 3);
    assert_eq!((acme.mails().len(), acme.entries("4711").len()), (3, 3));
    stop.cancel();
    runtime.block_on(async {
        running.await.unwrap();
        store.close().await;
    });
    client.append("INBOX", "()", &mail(4));
    filed(&acme, 4);
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}
