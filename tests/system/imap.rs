//! The IMAP door against a real Dovecot: what comes in, what becomes of it in the mailbox, and who may sign in.

use crate::dovecot::*;
use crate::harness::*;
use serde_json::Value;

/// A mailbox in plain text on this machine; later lines of `more` are its own.
pub fn section(name: &str, port: u16, more: &str) -> String {
    format!(
        "[[imap]]\nname = {name:?}\nhost = \"127.0.0.1\"\nport = {port}\nuser = {USER:?}\nimport_address = \"import@acme.example\"\n\
         authserv_id = \"mx.acme.example\"\n{more}\n"
    )
}

/// With a password and without TLS, from the start.
pub fn plain(name: &str, port: u16, more: &str) -> String {
    section(name, port, &format!("tls = \"none\"\npassword = {{ value = {SECRET:?} }}\nfirst = \"everything\"\n{more}"))
}

pub fn with_mailboxes(sections: &str) -> Installation {
    let acme = Installation::new();
    acme.configure("", &(acme.relay_section() + sections));
    acme
}

pub fn mail(number: usize) -> String {
    Forward { id: &format!("imap-{number}@acme.example"), text: &format!("Nummer {number}."), ..Forward::default() }.mail()
}

/// Waits for the one mail with this Message-ID to have an end.
pub fn door(acme: &Installation, name: &str) -> Value {
    let doors = acme.json(&["doors", "list", "--json"]);
    doors.as_array().unwrap().iter().find(|door| door["name"] == name).cloned().unwrap()
}

pub fn filed(acme: &Installation, count: usize) -> Vec<Value> {
    eventually(&format!("{count} filed mails"), || {
        let mails = acme.mails();
        let filed = mails.iter().filter(|mail| mail["disposition"] == "filed").count();
        (filed >= count).then_some(mails)
    })
}

/// Acceptance: S1.01, S1.18; G1. Over TLS with a CA of one's own; what people have read is taken too, and nothing is marked as read.
#[test]
fn a_mailbox_is_emptied() {
    let dovecot = Dovecot::start();
    let more = format!(
        "ca = {:?}\npassword = {{ value = {SECRET:?} }}\nfirst = \"everything\"\nmoved_to = \"Rohrpost/Geprüft & abgelegt\"\n",
        dovecot.ca()
    );
    let mut acme = with_mailboxes(&section("hr", dovecot.tls_port, &more));
    let mut client = dovecot.client();
    client.append("INBOX", "(\\Seen \\Flagged)", &mail(1));
    client.append("INBOX", "()", &format!("Return-Path: <petra@acme.example>\n{}", mail(2)));
    let daemon = acme.serve();
    filed(&acme, 2);
    client.append("INBOX", "()", &mail(3));
    let mails = filed(&acme, 3);
    assert!(mails.iter().all(|mail| mail["door"] == "imap"), "{mails:?}");
    let shown = acme.json(&["mail", "show", mails[0]["id"].as_str().unwrap(), "--json", "--tenant", "acme"]);
    assert_eq!((shown["facts"]["origin"].as_str(), shown["facts"]["pinned"]["dmarc"]["result"].as_str()), (Some("relay"), Some("pass")));
    let folder = "\"Rohrpost/Gepr&APw-ft &- abgelegt\"".replace('/', ".");
    let moved = eventually("three moved mails", || Some(client.mails(&folder)).filter(|mails| mails.len() == 3));
    assert_eq!(moved.iter().filter(|mail| mail.contains("\\Seen")).count(), 1, "{moved:?}");
    assert!(client.mails("INBOX").is_empty());
    let state =
        eventually("a door that listens", || Some(door(&acme, "hr")).filter(|door| door["state"] == "listening" && door["waiting"] == 0));
    assert!(state["last_mail_at"].is_string() && state["last_error"].is_null(), "{state}");
    assert_eq!(acme.entries("4711").len(), 3);
    acme.all_sent();
    daemon.stop();
    assert_eq!((door(&acme, "hr")["state"].as_str(), acme.count("mailbox_mail")), (Some("stopped"), 0));
    acme.is_sound();
}

/// What was there before stays; mails that are marked or deleted; an address with a detail keeps its purpose.
#[test]
fn from_now_on_marked_deleted() {
    let dovecot = Dovecot::start();
    let login = "tls = \"none\"\nmechanism = \"login\"\n";
    let marks =
        format!("{login}password = {{ value = {SECRET:?} }}\nfirst = \"from_now_on\"\nafter = \"flag\"\nmax_message_bytes = 70000\n");
    let deletes = format!(
        "tls = \"starttls\"\nca = {:?}\npassword = {{ value = {SECRET:?} }}\nfirst = \"from_now_on\"\nafter = \"delete\"\n",
        dovecot.ca()
    );
    let two = section("marks", dovecot.port, &marks)
        + &section("deletes", dovecot.port, &deletes).replace(&format!("user = {USER:?}"), "user = \"second@acme.example\"");
    let mut acme = with_mailboxes(&two);
    let (mut first, mut second) = (dovecot.client(), dovecot.client_of("second@acme.example"));
    first.append("INBOX", "()", &mail(1));
    second.append("INBOX", "()", &mail(2));
    let daemon = acme.serve();
    for name in ["marks", "deletes"] {
        eventually("an open mailbox", || (door(&acme, name)["state"] == "listening").then_some(()));
    }
    first.append("INBOX", "()", &mail(3));
    // Larger than allowed: never fetched, marked, and said.
    first.append("INBOX", "()", &(mail(4) + &"Kanarie-Datei\n".repeat(10_000)));
    second.append(
        "INBOX",
        "()",
        &format!("Delivered-To: somebody@else.example\nX-Original-To: bounces+01ARZ3NDEKTSV4RRFFQ69G5FAV@acme.example\n{}", mail(5)),
    );
    filed(&acme, 2);
    eventually("marks", || {
        let mails = first.mails("INBOX");
        let marked = |uid: &str, mark: &str| mails.iter().any(|mail| mail.contains(&format!("UID {uid} ")) && mail.contains(mark));
        (mails.len() == 3 && marked("2", "$Rohrpost)") && marked("3", "$RohrpostRefused") && !marked("1", "$")).then_some(())
    });
    eventually("only the old mail", || (second.mails("INBOX").len() == 1).then_some(()));
    assert!(door(&acme, "marks")["last_error"].as_str().unwrap().contains("max_message_bytes"));
    assert_eq!(acme.mails().len(), 2);
    acme.all_sent();
    daemon.stop();
    // Another start: marked mails are not taken again.
    let daemon = acme.serve();
    first.append("INBOX", "()", &mail(6));
    filed(&acme, 3);
    assert_eq!(acme.mails().len(), 3);
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: G4. Tokens of both mechanisms let in, a wrong one and a wrong password do not; whoever is not let in touches nothing,
/// keeps away, and stops nobody else. A token that becomes good needs no new start.
#[test]
fn who_is_let_in() {
    let dovecot = Dovecot::start();
    let proxy = Proxy::before(dovecot.port);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "not-good\n").unwrap();
    let token = |name: &str, port: u16, mechanism: &str, secret: &str, folder: &str| {
        let more =
            format!("tls = \"none\"\nmechanism = \"{mechanism}\"\nbearer = {secret}\nfirst = \"everything\"\nfolder = \"{folder}\"\n");
        section(name, port, &more)
    };
    let wrong = plain("wrong", proxy.port, "").replace(SECRET, "kanarie-passwort-falsch");
    let good = format!("{{ value = {TOKEN:?} }}");
    let all = wrong
        + &token("bearer", dovecot.port, "oauthbearer", &good, "Eins")
        + &token("renewed", dovecot.port, "xoauth2", &format!("{{ file = {:?} }}", file.path()), "Zwei");
    let mut acme = with_mailboxes(&all);
    let mut client = dovecot.client();
    for (folder, number) in [("INBOX", 1), ("Eins", 2), ("Zwei", 3)] {
        client.says(&format!("CREATE {folder}"));
        client.append(folder, "()", &mail(number));
    }
    let daemon = acme.serve();
    filed(&acme, 1);
    for name in ["wrong", "renewed"] {
        eventually("a door that is not let in", || (door(&acme, name)["state"] == "failing").then_some(()));
        assert!(door(&acme, name)["last_error"].as_str().unwrap().contains("does not let us in"));
    }
    std::fs::write(file.path(), format!("{TOKEN}\n")).unwrap();
    filed(&acme, 2);
    assert_eq!(client.mails("INBOX").len(), 1);
    // Ten seconds at least lie between two logins, twenty before the third.
    assert!(proxy.connections() <= 4, "{} connections", proxy.connections());
    assert_eq!(proxy.heard("STORE") + proxy.heard("EXPUNGE") + proxy.heard("SELECT"), 0);
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: G3. Five hundred mails that waited, oldest first, one entry each.
#[test]
fn after_an_outage_oldest_first() {
    let dovecot = Dovecot::start();
    let mut acme = with_mailboxes(&plain("hr", dovecot.port, ""));
    let mut client = dovecot.client();
    for number in 0..500 {
        client.append("INBOX", if number % 3 == 0 { "(\\Seen)" } else { "()" }, &mail(number));
    }
    // A gap among the UIDs, as years of mail leave behind.
    client.does("SELECT INBOX");
    client.does("UID STORE 100:299 +FLAGS (\\Deleted)");
    client.does("EXPUNGE");
    let daemon = acme.serve();
    filed(&acme, 300);
    let mut mails = acme.mails();
    mails.sort_by_key(|mail| mail["id"].as_str().unwrap().to_owned());
    let numbers: Vec<usize> = acme
        .entries("4711")
        .iter()
        .map(|entry| {
            entry["original"]["body"].as_str().unwrap().trim().trim_start_matches("Nummer ").trim_end_matches('.').parse().unwrap()
        })
        .collect();
    let mut distinct = numbers.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!((mails.len(), distinct.len()), (300, 300));
    // Accepted in the order in which they lay there.
    let shown = |id: &Value| acme.json(&["mail", "show", id.as_str().unwrap(), "--json", "--tenant", "acme"]);
    for (at, number) in [(0, 0), (98, 98), (99, 299), (299, 499)] {
        let raw = acme.succeeds(&["mail", "show", mails[at]["id"].as_str().unwrap(), "--raw", "--tenant", "acme"]);
        assert!(raw.contains(&format!("<imap-{number}@acme.example>")), "{at}: {}", shown(&mails[at]["id"]));
    }
    eventually("an empty mailbox", || (client.mails("INBOX").is_empty() && client.mails("Rohrpost.Accepted").len() == 300).then_some(()));
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: G3. A folder that was made anew has other UIDs for the same mails: all are read again, none is filed again, and what
/// came meanwhile is not lost.
#[test]
fn the_folder_is_made_anew() {
    let dovecot = Dovecot::start();
    let mut acme = with_mailboxes(&plain("hr", dovecot.port, "after = \"flag\"\nflag = \"$Eins\"\n"));
    let mut client = dovecot.client();
    (1..=3).for_each(|number| client.append("INBOX", "()", &mail(number)));
    // One that is held: a repeat of it would be judged anew.
    client.append("INBOX", "()", &Forward { subject: "9999 WG: x", id: "held@x", ..Forward::default() }.mail());
    let daemon = acme.serve();
    filed(&acme, 3);
    eventually("four marked mails", || (client.mails("INBOX").iter().filter(|mail| mail.contains("$Eins")).count() == 4).then_some(()));
    acme.all_sent();
    daemon.stop();
    let before = client.uid_validity("INBOX");
    // The marks are lost with the rest of what the server knew.
    let text = std::fs::read_to_string(acme.path("rohrpost.toml")).unwrap();
    std::fs::write(acme.path("rohrpost.toml"), text.replace("$Eins", "$Zwei")).unwrap();
    drop(client);
    let maildir = dovecot.maildir(USER);
    let list = std::fs::read_to_string(maildir.join("dovecot-uidlist")).unwrap();
    let (head, rest) = list.split_once('\n').unwrap();
    let head: Vec<String> = head.split(' ').map(|word| if word.starts_with('V') { "V4711".to_owned() } else { word.to_owned() }).collect();
    std::fs::write(maildir.join("dovecot-uidlist"), format!("{}\n{rest}", head.join(" "))).unwrap();
    for file in ["dovecot.index", "dovecot.index.log", "dovecot.index.cache"] {
        let _ = std::fs::remove_file(maildir.join(file));
    }
    let mut client = dovecot.client();
    assert_ne!(client.uid_validity("INBOX"), before);
    client.append("INBOX", "()", &mail(4));
    let daemon = acme.serve();
    filed(&acme, 4);
    eventually("five marked mails", || (client.mails("INBOX").iter().filter(|mail| mail.contains("$Zwei")).count() == 5).then_some(()));
    assert_eq!((acme.mails().len(), acme.entries("4711").len(), acme.held().len()), (5, 4, 1));
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// `check` names what cannot be read, `--connect` says what is there; an address that nobody has keeps the mail where it is.
#[test]
fn what_check_says() {
    let dovecot = Dovecot::start();
    let mut acme = with_mailboxes(&plain("hr", dovecot.port, "").replace("import@acme.example\"\nauth", "nobody-yet@acme.example\"\nauth"));
    let mut client = dovecot.client();
    client.append("INBOX", "()", &mail(1));
    let said = acme.succeeds(&["check"]);
    assert!(said.contains("imap[0].import_address: no tenant has"), "{said}");
    assert_eq!(door(&acme, "hr")["state"], "never started");
    let said = acme.succeeds(&["check", "--connect"]);
    assert!(said.contains("mailbox hr: 1 mails, UIDVALIDITY") && said.contains("IDLE yes, MOVE yes"), "{said}");
    let daemon = acme.serve();
    eventually("a door without a tenant", || {
        let door = door(&acme, "hr");
        (door["state"] == "failing" && door["last_error"].as_str().unwrap().contains("no tenant")).then_some(())
    });
    assert_eq!(client.mails("INBOX").len(), 1);
    acme.import(&ACME.replace("[\"import@acme.example\"]", "[\"import@acme.example\", \"nobody-yet@acme.example\"]"));
    filed(&acme, 1);
    acme.all_sent();
    daemon.stop();
    let text = std::fs::read_to_string(acme.path("rohrpost.toml")).unwrap();
    std::fs::write(acme.path("rohrpost.toml"), text.replace(SECRET, "kanarie-passwort-falsch") + "ca = \"/nowhere/ca.pem\"\n").unwrap();
    let (code, said) = acme.fails(&["check", "--connect"]);
    assert!(code == 2 && said.contains("imap[0].ca: /nowhere/ca.pem"), "{said}");
    std::fs::write(acme.path("rohrpost.toml"), text.replace(SECRET, "kanarie-passwort-falsch")).unwrap();
    let (code, said) = acme.fails(&["check", "--connect"]);
    assert!(code == 2 && said.contains("mailbox hr: the server does not let us in"), "{said}");
    acme.is_sound();
}
