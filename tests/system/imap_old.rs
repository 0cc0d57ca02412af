//! The IMAP door where servers can do less, and where addresses say more.

use crate::dovecot::*;
use crate::harness::*;
use crate::imap::{door, filed, mail, plain, with_mailboxes};

/// All that a server of before 2013 says it can.
const OLD: &str = "imap_capability = IMAP4rev1 LITERAL+ IDLE\n";

/// Without MOVE and UIDPLUS a mail is copied once and marked as deleted; it is never expunged, since people's marked mails would go with it. That
/// is its end: it is not asked for again, and a new start neither files nor copies it again.
#[test]
fn a_server_without_move_and_uidplus() {
    let dovecot = Dovecot::start_with(OLD);
    let mut acme = with_mailboxes(&plain("old", dovecot.port, ""));
    let found = acme.runs(&["check", "--connect"]);
    let found = String::from_utf8_lossy(&found.stdout).into_owned() + &String::from_utf8_lossy(&found.stderr);
    assert!(found.contains("MOVE no, UIDPLUS no"), "{found}");
    let mut client = dovecot.client();
    client.append("INBOX", "(\\Deleted)", "From: x@else.example\nSubject: somebody marked it\n\nx\n");
    client.append("INBOX", "()", &mail(1));
    client.append("INBOX", "()", &mail(2));
    let daemon = acme.serve();
    filed(&acme, 2);
    let copied = |client: &mut Client| client.mails("Rohrpost.Accepted").len();
    eventually("copies", || (copied(&mut client) == 3).then_some(()));
    eventually("rest", || (door(&acme, "old")["state"] == "listening" && door(&acme, "old")["waiting"] == 0).then_some(()));
    let lying = client.mails("INBOX");
    daemon.stop();
    assert!(!acme.logs().contains("cannot leave their folder"));
    let daemon = acme.serve();
    client.append("INBOX", "()", &mail(3));
    filed(&acme, 3);
    eventually("one copy more", || (copied(&mut client) == 4).then_some(()));
    assert_eq!(acme.entries("4711").len(), 3);
    // Marked as deleted, or gone; never taken for new again.
    assert!(lying.iter().all(|mail| mail.contains("\\Deleted")), "{lying:?}");
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// A mail host that delivers every detail to one mailbox writes down the address it was meant for: a candidate's answer to a reply address
/// finds its application without a number.
#[test]
fn a_reply_address_comes_through_a_mailbox() {
    let dovecot = Dovecot::start();
    let mut acme = with_mailboxes(&plain("hr", dovecot.port, ""));
    let address = acme.succeeds(&["token", "create", "4711", "--tenant", "acme"]);
    let address = address.split_whitespace().find(|word| word.starts_with("import+")).unwrap().to_owned();
    let body = format!(
        "Delivered-To: {address}\nAuthentication-Results: mx.acme.example; dmarc=pass header.from=example.net\nFrom: <{MARIA}>\n\
         To: {address}\nMessage-ID: <direct-1@example.net>\nSubject: Meine Unterlagen\n\nAnbei.\n"
    );
    dovecot.client().append("INBOX", "()", &body);
    let daemon = acme.serve();
    let mails = filed(&acme, 1);
    let shown = acme.json(&["mail", "show", mails[0]["id"].as_str().unwrap(), "--json", "--tenant", "acme"]);
    assert_eq!(shown["envelope"]["to"][0], address.as_str(), "{shown}");
    assert_eq!(acme.entries("4711").len(), 1);
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}
