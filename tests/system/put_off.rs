//! Mails of a mailbox whose sender cannot be checked, because the DNS does not answer: each waits alone, and not for ever.

use crate::dns::Answer;
use crate::dovecot::{Act, Client, Dovecot, From, Proxy};
use crate::harness::*;
use crate::imap::{door, filed, mail, plain, with_mailboxes};
use crate::imap_faults::{hold_at, is_body};
use crate::proofs::{forward, publish};
use crate::signer::Signer;
use serde_json::Value;

const KEY: &str = "ed._domainkey.acme.example";

/// Petra's signed mail as her own server hands it over: with LFs, and nobody's results in it.
fn signed(signer: &Signer, id: &str) -> String {
    signer.signs(&forward(PETRA, id)).replace("\r\n", "\n")
}

/// Waits until one mail is put off and the door says so.
fn one_waits(acme: &Installation) -> Value {
    eventually("a mail that waits", || {
        let door = door(acme, "hr");
        let says = door["last_error"].as_str().is_some_and(|error| error.contains("waits because the DNS did not answer"));
        (says && door["waiting"] == 1 && door["state"] == "listening").then_some(door)
    })
}

/// Nothing is left to be done in the folder.
fn is_empty(acme: &Installation, client: &mut Client) {
    eventually("an empty folder", || (client.mails("INBOX").is_empty() && acme.count("mailbox_mail") == 0).then_some(()));
}

fn change(acme: &Installation, sql: &'static str) {
    let path = acme.path("state/rohrpost.db");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        use sqlx::Connection;
        let mut connection = sqlx::SqliteConnection::connect(path.to_str().unwrap()).await.unwrap();
        assert_eq!(sqlx::query(sql).execute(&mut connection).await.unwrap().rows_affected(), 1);
    });
}

/// Acceptance: G4. A stranger forges a user's address and signs with a subdomain of his domain that nobody serves: the mails behind it are
/// filed at once, no visit ends, and when the DNS answers, his mail is held.
#[test]
fn a_lame_zone_stops_one_mail() {
    let dovecot = Dovecot::start();
    let mut acme = with_mailboxes(&plain("hr", dovecot.port, ""));
    let mut client = dovecot.client();
    publish(&acme);
    let elsewhere = crate::dns::Dns::start();
    acme.dns.put("s._domainkey.old.acme.example", Answer::ServFail);
    let evil = signed(&Signer::new(&elsewhere, "old.acme.example", "s", ""), "evil@x");
    client.append("INBOX", "()", &evil);
    (1..=3).for_each(|number| client.append("INBOX", "()", &mail(number)));
    let daemon = acme.serve();
    filed(&acme, 3);
    one_waits(&acme);
    assert_eq!((acme.mails().len(), client.mails("INBOX").len()), (3, 1));
    // Tried once more, still in vain; what comes then goes on as well.
    eventually("another try", || (acme.logs().matches("waits, because the DNS did not answer").count() >= 2).then_some(()));
    client.append("INBOX", "()", &mail(4));
    filed(&acme, 4);
    assert!(!acme.logs().contains("mailbox hr is left alone"), "a visit ended");
    acme.dns.forget("s._domainkey.old.acme.example");
    let held = eventually("a held mail", || acme.held().into_iter().next());
    assert_eq!(acme.ended(held["id"].as_str().unwrap())["reason"], "sender_not_authenticated");
    is_empty(&acme, &mut client);
    assert_eq!((acme.mails().len(), acme.entries("4711").len()), (5, 4));
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: G1. An honest user's domain does not answer for a while: the mail is filed by its proof afterwards, and nobody has to do anything.
/// What somebody takes out of the folder meanwhile is forgotten.
#[test]
fn a_users_dns_comes_back() {
    let dovecot = Dovecot::start();
    let mut acme = with_mailboxes(&plain("hr", dovecot.port, ""));
    let mut client = dovecot.client();
    publish(&acme);
    let signer = Signer::new(&acme.dns, "acme.example", "ed", "");
    acme.dns.put(KEY, Answer::Silence);
    client.append("INBOX", "()", &signed(&signer, "honest@x"));
    let daemon = acme.serve();
    one_waits(&acme);
    client.append("INBOX", "()", &signed(&signer, "taken-out@x"));
    eventually("two that wait", || (door(&acme, "hr")["waiting"] == 2).then_some(()));
    client.does("SELECT INBOX");
    client.does("UID STORE 2 +FLAGS (\\Deleted)");
    client.does("UID EXPUNGE 2");
    acme.dns.mend(KEY);
    filed(&acme, 1);
    is_empty(&acme, &mut client);
    let mails = acme.mails();
    let shown = acme.ended(mails[0]["id"].as_str().unwrap());
    assert!(shown["facts"]["checked"]["results"].as_str().unwrap().contains("dkim=pass header.d=acme.example"), "{shown}");
    assert_eq!((mails.len(), acme.entries("4711").len()), (1, 1));
    assert!(!acme.logs().contains("mailbox hr is left alone"), "a visit ended");
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: S1.E15; G2, G3. kill -9 while a mail is put off, while it is fetched again, and before it is moved: filed once.
#[test]
fn killed_while_put_off() {
    let dovecot = Dovecot::start();
    let proxy = Proxy::before(dovecot.port);
    let mut acme = with_mailboxes(&plain("hr", proxy.port, ""));
    let mut client = dovecot.client();
    publish(&acme);
    let signer = Signer::new(&acme.dns, "acme.example", "ed", "");
    acme.dns.put(KEY, Answer::ServFail);
    client.append("INBOX", "()", &signed(&signer, "put-off@x"));
    client.append("INBOX", "()", &mail(1));
    let daemon = acme.serve();
    filed(&acme, 1);
    one_waits(&acme);
    daemon.kill();
    assert_eq!((acme.mails().len(), acme.count("mailbox_mail")), (1, 1));
    let held = hold_at(&proxy, is_body);
    let daemon = acme.serve();
    held("a mail that is fetched again");
    daemon.kill();
    assert_eq!((acme.mails().len(), acme.count("mailbox_mail where fate = 'put_off'")), (1, 1));
    acme.dns.mend(KEY);
    // The try that was broken off counts; the next one need not be waited for.
    change(&acme, "update mailbox_mail set due_at = 0");
    let held = hold_at(&proxy, |from, line| from == From::Client && line.contains(" UID MOVE "));
    let daemon = acme.serve();
    held("a mail that is to be moved");
    daemon.kill();
    assert_eq!((acme.mails().len(), acme.count("mailbox_mail where fate = 'accepted'")), (2, 1));
    proxy.rule(|_, _| Act::Pass);
    let daemon = acme.serve();
    filed(&acme, 2);
    is_empty(&acme, &mut client);
    assert_eq!((acme.mails().len(), acme.entries("4711").len()), (2, 2));
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: G1. What nobody can check for hours is held at the last try, and what was found is in its facts.
#[test]
fn not_for_ever() {
    let dovecot = Dovecot::start();
    let mut acme = with_mailboxes(&plain("hr", dovecot.port, ""));
    let mut client = dovecot.client();
    publish(&acme);
    let signer = Signer::new(&acme.dns, "acme.example", "ed", "");
    acme.dns.put(KEY, Answer::ServFail);
    client.append("INBOX", "()", &signed(&signer, "never@x"));
    let daemon = acme.serve();
    one_waits(&acme);
    daemon.stop();
    // The last try but one.
    change(&acme, "update mailbox_mail set attempts = 10, due_at = 0 where fate = 'put_off'");
    let daemon = acme.serve();
    eventually("another try", || (acme.count("mailbox_mail where fate = 'put_off' and attempts = 11") == 1).then_some(()));
    one_waits(&acme);
    assert!(acme.mails().is_empty());
    daemon.stop();
    change(&acme, "update mailbox_mail set due_at = 0");
    let daemon = acme.serve();
    let held = eventually("a held mail", || acme.held().into_iter().next());
    let shown = acme.ended(held["id"].as_str().unwrap());
    assert_eq!(
        (&shown["reason"], &shown["facts"]["checked"]["dns_trouble"]),
        (&"sender_not_authenticated".into(), &true.into()),
        "{shown}"
    );
    is_empty(&acme, &mut client);
    assert_eq!(acme.mails().len(), 1);
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}
