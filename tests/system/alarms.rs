//! Alarms as operators meet them: raised, told by ways that do not depend on each other, and over.

use crate::dovecot::Dovecot;
use crate::harness::*;
use crate::hook::{Hook, SILENT};
use crate::imap::{door, plain};
use rohrpost::cli::demo::catcher::Catcher;
use sqlx::Connection;
use std::net::{TcpListener, TcpStream};

/// Changes rows behind the service's back, all at once, as time or another part of the program would.
pub fn sql(acme: &Installation, sql: &str) {
    let path = acme.path("state/rohrpost.db");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut connection = sqlx::SqliteConnection::connect(path.to_str().unwrap()).await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("begin immediate; {sql}; commit"))).execute(&mut connection).await.unwrap();
    });
}

/// Alarms that go on, as `kind about`.
pub fn open(acme: &Installation) -> Vec<String> {
    let all = acme.json(&["alarms", "list", "--json"]);
    let open = all.as_array().unwrap().iter().filter(|alarm| alarm["cleared_at"].is_null());
    open.map(|alarm| format!("{} {}", alarm["kind"].as_str().unwrap(), alarm["about"].as_str().unwrap())).collect()
}

/// Subjects of the mails that a relay caught.
fn subjects(catcher: &Catcher) -> Vec<String> {
    let subject = |mail: &str| mail.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap_or_default().to_owned();
    catcher.caught().iter().map(|caught| subject(&text_of(&caught.data))).collect()
}

fn relay(catcher: &Catcher) -> String {
    format!("[alarms.relay]\nhost = \"127.0.0.1\"\nport = {}\n", catcher.address.port())
}

/// Nobody listens there.
const DEAD: &str = "[outgoing]\nhost = \"127.0.0.1\"\nport = 9\n";
const MAIL_TO: &str = "[alarms]\nmail_to = [\"operator@other.example\"]\nfailing_minutes = 0\n";

/// Takes the place of a server that is gone.
fn forward(port: u16, to: u16) {
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(server) = TcpStream::connect(("127.0.0.1", to)) else { continue };
            for (mut from, mut to) in [(client.try_clone().unwrap(), server.try_clone().unwrap()), (server, client)] {
                std::thread::spawn(move || std::io::copy(&mut from, &mut to));
            }
        }
    });
}

/// A mailbox's server dies while our own relay is dead too: people hear it by the second relay and by the webhook, once, also
/// over a restart and a kill; and once that it is over.
#[test]
fn a_door_that_fails_while_the_relay_is_dead() {
    let (dovecot, hook, second) = (Dovecot::start(), Hook::start(), Catcher::start().unwrap());
    let port = dovecot.port;
    let mut acme = Installation::new();
    acme.configure("", &format!("{DEAD}{}{MAIL_TO}{}{}", plain("hr", port, ""), relay(&second), hook.section()));
    let daemon = acme.serve();
    eventually("an open mailbox", || (door(&acme, "hr")["state"] == "listening").then_some(()));
    assert_eq!(door(&acme, "smtp")["kind"], "smtp");
    assert!(open(&acme).is_empty() && acme.succeeds(&["alarms", "list", "--open"]).contains("no alarm is open"));
    drop(dovecot);
    eventually("an alarm", || (open(&acme) == ["door_failing hr"]).then_some(()));
    eventually("two who were told", || (hook.told().len() == 1 && second.caught().len() == 1).then_some(()));
    let (code, said) = acme.fails(&["alarms", "list", "--open"]);
    assert!(code == 1 && said.contains("1 alarm is open"), "{said}");
    daemon.stop();
    let daemon = acme.serve();
    eventually("a door that fails again", || (door(&acme, "hr")["state"] == "failing").then_some(()));
    daemon.kill();
    // Nobody was left to say so.
    assert!(["hr", "smtp"].iter().all(|name| door(&acme, name)["state"] == "not running"));
    let daemon = acme.serve();
    eventually("a door that fails again", || (door(&acme, "hr")["state"] == "failing").then_some(()));
    let again = Dovecot::start();
    forward(port, again.port);
    eventually("no alarm", || open(&acme).is_empty().then_some(()));
    eventually("two who heard the end", || (hook.told().len() >= 2 && second.caught().len() >= 2).then_some(()));
    assert_eq!(hook.told(), ["raised door_failing hr", "over door_failing hr"]);
    assert_eq!(
        subjects(&second),
        ["[rohrpost mx.acme.example] alarm: door_failing hr", "[rohrpost mx.acme.example] over: door_failing hr"]
    );
    let post = hook.posts().remove(0);
    assert!(post.is_signed && post.body["host"] == "mx.acme.example" && post.body["cleared_at"].is_null(), "{post:?}");
    assert!(post.body["text"].as_str().unwrap().starts_with("Door hr has not worked for"), "{post:?}");
    let text = second.caught().iter().map(|caught| text_of(&caught.data)).collect::<String>();
    assert!(text.contains("host: mx.acme.example") && text.contains("Auto-Submitted: auto-generated"), "{text}");
    eventually("the end in the log", || acme.logs().contains("alarm door_failing hr is over").then_some(()));
    assert_eq!(acme.logs().matches("alarm door_failing hr: Door hr").count(), 1, "told by the log once");
    daemon.stop();
    acme.is_sound();
}

/// A way that fails keeps no other from telling, and is tried until it works: then it tells once. Alarms that other parts raise are told too.
#[test]
fn a_webhook_that_fails_for_a_while() {
    let hook = Hook::start();
    let mut acme = Installation::new();
    let relay = acme.relay_section();
    acme.configure("", &format!("{relay}{MAIL_TO}{}", hook.section()));
    // A redirect is no yes either.
    hook.answers(307);
    let daemon = acme.serve();
    sql(&acme, "insert into alarm (kind, about, text, raised_at, seen_at) values ('sign_in_lost', 'smtp', 'Planted.', 1, 1)");
    let mails = |acme: &Installation| subjects(acme.catcher.as_ref().unwrap());
    eventually("a mail", || (mails(&acme).len() == 1).then_some(()));
    hook.answers(500);
    eventually("a second try", || (hook.posts().len() >= 2).then_some(()));
    let shown = acme.json(&["alarms", "list", "--json"]);
    let webhook = shown[0]["told"].as_array().unwrap().iter().find(|way| way["way"] == "webhook").unwrap().clone();
    assert!(webhook["last_error"].as_str().unwrap().contains("the webhook answers") && webhook["told_at"].is_null(), "{webhook}");
    assert!(acme.runs(&["alarms", "list"]).stdout.windows(13).any(|part| part == b"webhook fails"));
    hook.answers(200);
    eventually("a post that is taken", || (hook.told().len() == 1).then_some(()));
    // And noted: whoever is killed in between tells once more.
    eventually("a note of it", || {
        let listed = acme.json(&["alarms", "list", "--json"]);
        let is_noted = |way: &serde_json::Value| way["way"] == "webhook" && way["told_at"].is_string();
        listed[0]["told"].as_array().unwrap().iter().any(is_noted).then_some(())
    });
    daemon.kill();
    let daemon = acme.serve();
    sql(&acme, "update alarm set cleared_at = 2");
    eventually("the end", || (hook.told().len() >= 2 && mails(&acme).len() >= 2).then_some(()));
    assert_eq!(hook.told(), ["raised sign_in_lost smtp", "over sign_in_lost smtp"]);
    assert_eq!(mails(&acme).len(), 2);
    // It goes on for a day: a reminder, and one only.
    sql(&acme, "update alarm set cleared_at = null, raised_at = 3; update alarm_told set raised_at = 3, told_at = 3, over_at = null");
    eventually("a reminder", || (hook.told().len() >= 3 && mails(&acme).len() >= 3).then_some(()));
    assert_eq!(hook.told()[2], "goes_on sign_in_lost smtp");
    // What the configuration no longer has is not wrong any more.
    sql(&acme, "update alarm set kind = 'door_silent', about = 'gone'; update alarm_told set kind = 'door_silent', about = 'gone'");
    eventually("the end of it", || (hook.told().len() >= 4 && open(&acme).is_empty()).then_some(()));
    assert_eq!(hook.told()[3], "over door_silent gone");
    daemon.stop();
    acme.is_sound();
}

/// A kill between telling and noting tells once more, and then no more.
#[test]
fn killed_while_telling() {
    let hook = Hook::start();
    let mut acme = Installation::new();
    let relay = acme.relay_section();
    acme.configure("", &format!("{relay}{}", hook.section()));
    hook.answers(SILENT);
    let daemon = acme.serve();
    sql(&acme, "insert into alarm (kind, about, text, raised_at, seen_at) values ('sign_in_lost', 'smtp', 'Planted.', 1, 1)");
    eventually("a post under way", || (hook.posts().len() == 1).then_some(()));
    daemon.kill();
    hook.answers(200);
    let daemon = acme.serve();
    eventually("a second post", || (hook.posts().len() == 2).then_some(()));
    let is_noted = |way: &serde_json::Value| way["way"] == "webhook" && way["told_at"].is_string();
    eventually("a note of it", || {
        let listed = acme.json(&["alarms", "list", "--json"]);
        listed[0]["told"].as_array().unwrap().iter().any(is_noted).then_some(())
    });
    daemon.kill();
    let daemon = acme.serve();
    sql(&acme, "update alarm set cleared_at = 2");
    eventually("the end", || (hook.told().last().is_some_and(|last| last.starts_with("over"))).then_some(()));
    let told = hook.told();
    assert!(told == ["raised sign_in_lost smtp", "raised sign_in_lost smtp", "over sign_in_lost smtp"], "{told:?}");
    daemon.stop();
    acme.is_sound();
}

/// Mail that waits, of both kinds; a door that is silent, and one that is full.
#[test]
fn what_waits_and_what_is_silent() {
    let mut acme = Installation::new();
    let text = "[alarms]\nsilence_counts = \"all_days\"\n";
    acme.configure("", &format!("{DEAD}{text}"));
    let daemon = acme.serve();
    let id = daemon.delivers(&Forward::default().mail());
    acme.ended(&id);
    eventually("a last mail", || door(&acme, "smtp")["last_mail_at"].is_string().then_some(()));
    assert!(open(&acme).is_empty());
    // An hour later nothing has got out; four days later nothing came.
    sql(&acme, "update outbound_message set created_at = created_at - 3600000");
    eventually("messages that wait", || (open(&acme) == ["mail_waits outbox"]).then_some(()));
    sql(&acme, "update door set last_mail_at = last_mail_at - 4 * 86400000 where kind = 'smtp'");
    eventually("a silent door", || open(&acme).contains(&"door_silent smtp".to_owned()).then_some(()));
    daemon.delivers(&Forward { id: "2@acme.example", ..Forward::default() }.mail());
    eventually("no silence", || (open(&acme) == ["mail_waits outbox"]).then_some(()));
    daemon.stop();
    // Less space than is wanted: the door says so by itself, before anybody sends anything.
    let text = std::fs::read_to_string(acme.path("rohrpost.toml")).unwrap();
    let full = text.replace("min_free_bytes = 0", "min_free_bytes = 1000000000000000").replace("[alarms]", "[alarms]\nfailing_minutes = 0");
    std::fs::write(acme.path("rohrpost.toml"), full).unwrap();
    let daemon = acme.serve();
    eventually("a full door", || open(&acme).contains(&"door_failing smtp".to_owned()).then_some(()));
    assert!(door(&acme, "smtp")["last_error"].as_str().unwrap().contains("min_free_bytes"));
    for told in ["alarm door_failing smtp: Door smtp", "alarm mail_waits outbox: A message of ours"] {
        eventually(told, || acme.logs().contains(told).then_some(()));
    }
    daemon.stop();
    assert_eq!(door(&acme, "smtp")["state"], "stopped");
    let relay = acme.relay_section();
    acme.configure("", &relay);
    let daemon = acme.serve();
    sql(&acme, "update outbound_message set next_attempt_at = 0 where state in ('deferred', 'queued')");
    acme.all_sent();
    eventually("nothing wrong", || open(&acme).is_empty().then_some(()));
    daemon.stop();
    acme.is_sound();
}

/// `alarms test` tries every way, and `check --connect` whether the relay is there. Neither shows where alarms go.
#[test]
fn trying_the_ways() {
    let (hook, second) = (Hook::start(), Catcher::start().unwrap());
    let acme = Installation::new();
    // Nothing is wrong as far as anybody knows, and nobody looks.
    let (code, said) = acme.fails(&["alarms", "list", "--open"]);
    assert!(code == 1 && said.contains("no `rohrpost serve` works on this database"), "{said}");
    assert!(acme.succeeds(&["alarms", "list"]).contains("there was no alarm yet"));
    let said = acme.succeeds(&["alarms", "test"]);
    assert!(said.contains("to the log alone"), "{said}");
    assert!(acme.succeeds(&["check"]).contains("alarms go to the log alone"));
    let ways = format!("{DEAD}{MAIL_TO}{}{}", relay(&second), hook.section());
    acme.configure("", &ways);
    let said = acme.succeeds(&["alarms", "test"]);
    assert!(said.contains("mail: taken") && said.contains("webhook: taken"), "{said}");
    assert_eq!(
        (hook.told(), subjects(&second)),
        (vec!["test door_failing test".into()], vec!["[rohrpost mx.acme.example] test: door_failing test".into()])
    );
    let said = acme.succeeds(&["check", "--connect"]);
    assert!(said.contains("alarms: the relay of [alarms.relay] answers"), "{said}");
    acme.configure("", &ways.replace(&format!("port = {}", second.address.port()), "port = 9").replace("haken", "anders"));
    hook.answers(403);
    let output = acme.runs(&["alarms", "test"]);
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("webhook: the webhook answers 403") && said.contains("not by mail, nor by webhook"), "{said}");
    assert!(!hook.posts().last().unwrap().is_signed);
    let (code, checked) = acme.fails(&["check", "--connect"]);
    assert!(code == 2 && checked.contains("alarms: the relay of [alarms.relay]"), "{checked}");
    acme.configure("", &ways.replace(&format!("127.0.0.1:{}/", hook.port), "127.0.0.1:9/"));
    let output = acme.runs(&["alarms", "test"]);
    let dead = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    for text in [said, checked, dead] {
        assert!(!text.contains("kanarie-passwort") && !text.contains('@'), "{text}");
    }
}

/// A webhook in plain text is this machine's own: it goes by no proxy that the environment names.
#[test]
fn a_webhook_beside_a_proxy() {
    let hook = Hook::start();
    let acme = Installation::new();
    acme.configure("", &(acme.relay_section() + &hook.section()));
    let mut command = acme.command(&["alarms", "test"]);
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        // Nobody listens there.
        command.env(name, "http://127.0.0.1:9");
    }
    // What would make an exception of this machine.
    for name in ["NO_PROXY", "no_proxy", "REQUEST_METHOD"] {
        command.env_remove(name);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(hook.told(), ["test door_failing test"]);
}

/// One of two operators has left: the other hears everything, and the relay is not asked again and again for the one who is gone.
#[test]
fn an_address_that_is_refused() {
    let port = crate::relay::relay("220 relay.example", crate::relay::GONE);
    let mut acme = Installation::new();
    let to = "[alarms]\nmail_to = [\"gone@other.example\", \"operator@other.example\"]\n";
    acme.configure("", &format!("{DEAD}{to}[alarms.relay]\nhost = \"127.0.0.1\"\nport = {port}\n"));
    let output = acme.runs(&["alarms", "test"]);
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.code() == Some(1) && said.contains("not by mail_to[0]\n"), "{said}");
    assert!(said.contains("mail_to[0]: refused for good") && said.contains("5.1.1") && said.contains("mail_to[1]: taken"), "{said}");
    assert!(!said.contains('@'), "{said}");
    let daemon = acme.serve();
    sql(&acme, "insert into alarm (kind, about, text, raised_at, seen_at) values ('sign_in_lost', 'smtp', 'Planted.', 1, 1)");
    let told = |way: &str| {
        let listed = acme.json(&["alarms", "list", "--json"]);
        let of = listed[0]["told"].as_array().unwrap().iter().find(|told| told["way"] == way).cloned();
        of.unwrap_or_default()
    };
    eventually("one who was told", || told("mail_to[1]")["told_at"].is_string().then_some(()));
    eventually("one who cannot be told", || told("mail_to[0]")["last_error"].is_string().then_some(()));
    assert!(acme.succeeds(&["alarms", "list"]).contains("mail_to[0] fails"));
    // Whatever failed for now would have been tried again by then.
    sql(&acme, "update alarm_told set due_at = due_at - 60000");
    sql(&acme, "update alarm set cleared_at = 2");
    eventually("one who heard the end", || told("mail_to[1]")["over_at"].is_string().then_some(()));
    let gone = told("mail_to[0]");
    assert!(gone["attempts_in_vain"] == 1 && gone["told_at"].is_null() && gone["last_error"].as_str().unwrap().contains("5.1.1"), "{gone}");
    daemon.stop();
    assert!(!acme.logs().contains("gone@"));
    acme.is_sound();
}
