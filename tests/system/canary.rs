//! Mails to ourselves: by the real doors, by real hosts, lost, late, copied and forged.

use crate::alarms::{open, sql};
use crate::dovecot::Dovecot;
use crate::harness::*;
use crate::imap::{door, plain};
use crate::postfix::Postfix;
use serde_json::Value;

fn canary(name: &str, relay: Option<u16>) -> String {
    let relay = relay.map(|port| format!("relay = {{ host = \"127.0.0.1\", port = {port} }}\n")).unwrap_or_default();
    format!("[[canary]]\ndoor = {name:?}\nto = {IMPORT:?}\nevery_minutes = 1440\n{relay}")
}

/// The machine's own mails.
fn own(acme: &Installation) -> Vec<Value> {
    acme.json(&["mail", "list", "--json", "--tenant", "-"]).as_array().unwrap().clone()
}

fn listen_on(acme: &Installation, port: u16) {
    let text = std::fs::read_to_string(acme.path("rohrpost.toml")).unwrap();
    std::fs::write(acme.path("rohrpost.toml"), text.replace("127.0.0.1:0", &format!("127.0.0.1:{port}"))).unwrap();
}

fn state(acme: &Installation, name: &str) -> String {
    door(acme, name)["canary"]["state"].as_str().unwrap_or("-").to_owned()
}

/// What people are told of the newest alarm.
fn alarmed(acme: &Installation) -> String {
    acme.json(&["alarms", "list", "--json"])[0]["text"].as_str().unwrap().to_owned()
}

/// What the catcher got last.
fn caught(acme: &Installation, at: usize) -> String {
    let catcher = acme.catcher.as_ref().unwrap();
    eventually("a mail to ourselves", || catcher.caught().get(at).map(|caught| text_of(&caught.data)))
}

/// Acceptance: G7. Through the mail host in front and back by its rules, at its time and by hand. It ends as what it is, is nobody's, and
/// nobody hears of it; a copy of it, and people's mail that bears its mark, are judged like any mail.
#[test]
fn by_a_real_mail_host() {
    let mut acme = Installation::new();
    let port = free_port();
    let results = "/^petra@acme\\.example$/ PREPEND Authentication-Results: mx.acme.example; dmarc=pass header.from=acme.example\n";
    let postfix = Postfix::start_with(port, "", results);
    acme.configure("", &format!("[outgoing]\nhost = \"127.0.0.1\"\nport = {}\n{}", postfix.port, canary("smtp", None)));
    listen_on(&acme, port);
    let (code, said) = acme.fails(&["canary"]);
    assert!(code == 1 && said.contains("no `rohrpost serve` works here"), "{said}");
    let daemon = acme.serve();
    eventually("the first by itself", || (state(&acme, "smtp") == "arrived").then_some(()));
    let said = acme.succeeds(&["canary", "smtp", "--wait"]);
    assert!(said.starts_with("smtp: arrived after "), "{said}");
    let ended =
        eventually("two ends", || Some(own(&acme)).filter(|mails| mails.iter().filter(|mail| mail["reason"] == "canary").count() == 2));
    assert!(ended.iter().all(|mail| mail["disposition"] == "ignored"), "{ended:?}");
    let listed = door(&acme, "smtp");
    assert!(listed["canary"]["took_ms"].is_u64() && listed["last_mail_at"].is_null(), "a mail of ours ends no silence: {listed}");
    let raw = acme.succeeds(&["mail", "show", ended[0]["id"].as_str().unwrap(), "--raw", "--tenant", "-"]);
    // A copy: a stranger's own server is refused, from behind the host it is automatic mail of nobody.
    let refused = Smtp::connect_from("127.0.0.2", daemon.address).sends("x@evil.example", IMPORT, &raw);
    assert!(refused.starts_with("550 5.7.1 "), "{refused}");
    let id = daemon.delivers(&raw);
    assert_eq!(acme.ended(&id)["disposition"], "ignored");
    assert_ne!(acme.ended(&id)["reason"], "canary");
    // A user's mail under its mark, used and made up, is filed.
    let mark = raw.lines().find(|line| line.starts_with("X-Rohrpost-Canary: ")).unwrap();
    for (number, mark) in [mark, "X-Rohrpost-Canary: aaaaaaaaaaaaaaaa", "X-Rohrpost-Canary: ' or 1=1"].into_iter().enumerate() {
        let mail = Forward { id: &format!("mark-{number}@x"), ..Forward::default() }
            .mail()
            .replace("MIME-Version", &format!("{mark}\nMIME-Version"));
        assert_eq!(acme.ended(&daemon.delivers(&mail))["disposition"], "filed", "{mark}");
    }
    assert_eq!(acme.entries("4711").len(), 3);
    acme.all_sent();
    assert_eq!(acme.messages().len(), 6, "notices of the three, and of nothing else");
    // Rows of yesterday go with their bytes, and nothing misses them.
    sql(&acme, "update canary set asked_at = asked_at - 2 * 86400000, sent_at = sent_at - 2 * 86400000");
    eventually("forgotten ones", || (own(&acme).len() > 2 && acme.count("canary") == 1).then_some(()));
    daemon.stop();
    acme.is_sound();
}

/// Lost ones raise an alarm, which no copy ends; one that arrives does, however late, and through its own door alone.
#[test]
fn lost_and_found() {
    let dovecot = Dovecot::start();
    let mut acme = Installation::new();
    // The relay takes the mail, and what becomes of it is the test's business.
    let mailbox = plain("hr", dovecot.port, "after = \"delete\"\n");
    let relay = acme.relay_section();
    acme.configure("", &format!("{relay}{mailbox}{}{}", canary("smtp", None), canary("hr", None)));
    let mut client = dovecot.client();
    let daemon = acme.serve();
    let (first, second) = (caught(&acme, 0), caught(&acme, 1));
    let (to_smtp, to_hr) = (first, second);
    assert!(to_smtp.contains("To: import@acme.example") && to_smtp.contains("X-Rohrpost-Canary: "), "{to_smtp}");
    // The mailbox's, at the other door: no canary, but a stranger's automatic mail.
    let id = daemon.delivers(&to_hr);
    assert_eq!(acme.ended(&id)["disposition"], "ignored");
    assert_eq!((state(&acme, "hr").as_str(), own(&acme).len()), ("under way", 0));
    client.append("INBOX", "()", &to_hr);
    eventually("the mailbox's", || (state(&acme, "hr") == "arrived").then_some(()));
    eventually("an empty mailbox", || client.mails("INBOX").is_empty().then_some(()));
    let ended = eventually("its end", || own(&acme).into_iter().find(|mail| mail["reason"] == "canary"));
    assert_eq!(ended["door"], "imap");
    assert!(open(&acme).is_empty() && door(&acme, "hr")["last_mail_at"].is_null());
    // The other one is late.
    sql(&acme, "update canary set sent_at = sent_at - 660000 where door_kind = 'smtp'");
    eventually("an alarm", || (open(&acme) == ["canary_lost smtp"]).then_some(()));
    assert_eq!(state(&acme, "smtp"), "lost");
    let text = alarmed(&acme);
    assert!(text.contains("the newest was handed over to be sent and did not arrive") && !text.contains("relay"), "{text}");
    // A copy of one that arrived, at any door, is not it.
    client.append("INBOX", "()", &to_hr);
    daemon.delivers(&to_hr);
    eventually("the copies' end", || (acme.mails().iter().filter(|mail| mail["disposition"] == "ignored").count() == 3).then_some(()));
    assert_eq!(own(&acme).len(), 1);
    assert_eq!(open(&acme), ["canary_lost smtp"]);
    daemon.delivers(&to_smtp);
    eventually("no alarm", || open(&acme).is_empty().then_some(()));
    // Its own copy counts no more: the next that is lost is lost.
    acme.succeeds(&["canary", "smtp"]);
    caught(&acme, 2);
    sql(&acme, "update canary set sent_at = sent_at - 660000 where arrived_at is null");
    eventually("an alarm", || (open(&acme) == ["canary_lost smtp"]).then_some(()));
    daemon.delivers(&to_smtp);
    eventually("its end", || (acme.mails().len() == 4).then_some(()));
    assert_eq!((open(&acme), own(&acme).len()), (vec!["canary_lost smtp".to_owned()], 2));
    daemon.stop();
    acme.is_sound();
}

/// By hand, where nothing comes: it says so, and exits 1.
#[test]
fn what_the_command_says() {
    let mut acme = Installation::new();
    let (code, said) = acme.fails(&["canary"]);
    assert!(code == 2 && said.contains("there is no [[canary]]"), "{said}");
    let relay = acme.relay_section();
    acme.configure("", &format!("{relay}{}", canary("smtp", Some(9))));
    let (code, said) = acme.fails(&["canary", "hr"]);
    assert!(code == 2 && said.contains("door = \"hr\""), "{said}");
    let (code, said) = acme.fails(&["check", "--connect"]);
    assert!(code == 2 && said.contains("canary[0]: the relay of [canary[0].relay]"), "{said}");
    let daemon = acme.serve();
    let output = acme.runs(&["canary", "--wait"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.code() == Some(1) && said.contains("smtp: it could not be handed over to be sent"), "{said}");
    assert_eq!(state(&acme, "smtp"), "not sent");
    sql(&acme, "update canary set sent_at = sent_at - 660000");
    eventually("an alarm", || (open(&acme) == ["canary_lost smtp"]).then_some(()));
    let text = alarmed(&acme);
    assert!(text.contains("the newest could not be handed over to be sent: ") && text.contains("The relay is at fault"), "{text}");
    daemon.stop();
    acme.is_sound();
}
