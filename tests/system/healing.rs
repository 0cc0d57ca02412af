//! Held mail that heals by itself, and what never does: applications and users that turn up later, a scanner that is back after a
//! restart, kills in the midst of it, and what `retry --dry-run` foresees.

use crate::clamd::Clamd;
use crate::harness::*;
use serde_json::Value;
use sqlx::{Connection, Row};
use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;

const NEU: (&str, &str) = ("Nora Neu", "nora@example.net");
const FREMD: (&str, &str) = ("Ganz Fremd", "fremd@example.org");

fn forward(id: &str, subject: &str, inside: (&str, &str)) -> String {
    Forward { id: &format!("{id}@acme.example"), subject, inside, ..Forward::default() }.mail()
}

/// An application of acme or beta that has this number, and its candidate's addresses.
fn application(tenant: &str, number: &str, addresses: &[&str]) -> String {
    let emails = serde_json::json!(addresses);
    format!(
        r#"{{"tenant": {{"id": "{tenant}"}}, "applications": [{{"id": "N{number}", "reference": "{number}", "job": "J1",
             "candidate": {{"id": "CN", "name": "Nora Neu", "emails": {emails}}}}}]}}"#
    )
}

fn shown(acme: &Installation, tenant: &str, id: &str) -> Value {
    acme.json(&["--tenant", tenant, "mail", "show", id, "--json"])
}

#[track_caller]
fn held_for(acme: &Installation, id: &str, reason: &str) {
    let mail = acme.ended(id);
    assert_eq!((&mail["disposition"], &mail["reason"]), (&"held".into(), &reason.into()), "{mail}");
}

/// What was done to a mail, as `actor what`.
fn audit(mail: &Value) -> Vec<String> {
    let line = |line: &Value| format!("{} {}", line["actor"].as_str().unwrap(), line["what"].as_str().unwrap());
    mail["audit"].as_array().unwrap().iter().map(line).collect()
}

/// Purposes and recipients of the messages about a mail.
fn messages_to(acme: &Installation, to: &str, purpose: &str) -> usize {
    acme.messages().iter().filter(|message| message["to"] == to && message["purpose"] == purpose).count()
}

/// Every row of every table, but for those that say which migrations ran.
fn all_rows(acme: &Installation) -> HashMap<String, Vec<String>> {
    let path = acme.path("state/rohrpost.db");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut connection = sqlx::SqliteConnection::connect(path.to_str().unwrap()).await.unwrap();
        let sql = "select name from sqlite_master where type = 'table' and name not like 'sqlite_%'";
        let tables: Vec<String> = sqlx::query_scalar(sql).fetch_all(&mut connection).await.unwrap();
        let mut all = HashMap::new();
        for table in tables {
            let columns: Vec<String> =
                sqlx::query_scalar("select name from pragma_table_info($1)").bind(&table).fetch_all(&mut connection).await.unwrap();
            let row = columns.iter().map(|column| format!("quote(\"{column}\")")).collect::<Vec<_>>().join(" || ',' || ");
            let sql = sqlx::AssertSqlSafe(format!("select {row} as row from \"{table}\" order by 1"));
            let rows = sqlx::query(sql).fetch_all(&mut connection).await.unwrap();
            all.insert(table, rows.iter().map(|row| row.get::<String, _>("row")).collect());
        }
        all
    })
}

/// Acceptance: S1.E4; G6, G7, G10. An application that comes after its mail: the mail whose inner sender is its candidate by address is
/// filed by itself, once; everybody else's stays held with the application as a suggestion, and nobody hears a second word of it.
#[test]
fn an_application_that_turns_up() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    let his = daemon.delivers(&forward("his", "6001 WG: x", NEU));
    let strangers = daemon.delivers(&forward("strangers", "6001 WG: x", FREMD));
    let others = daemon.delivers(&forward("others", "6001 WG: x", ("Maria Kanarie", MARIA)));
    let unnamed = daemon.delivers(&forward("unnamed", "6001 x", ("Nora Neu", "")));
    let elsewhere = daemon.delivers(&forward("elsewhere", "6002 x", NEU));
    let forged = forward("forged", "6001 WG: x", NEU);
    let forged = daemon.delivers(forged.split_once('\n').unwrap().1);
    let betas = Forward { id: "b@beta.example", sender: "bert@beta.example", subject: "6001 x", inside: NEU, ..Forward::default() }.mail();
    let reply = daemon.connect().sends("bert@beta.example", "import@beta.example", &betas);
    let betas = reply.strip_prefix("250 2.0.0 kept as ").unwrap().to_owned();
    for id in [&his, &strangers, &others, &unnamed, &elsewhere] {
        held_for(&acme, id, "unknown_number");
    }
    held_for(&acme, &forged, "sender_not_authenticated");
    eventually("the end in beta", || (shown(&acme, "beta", &betas)["reason"] == "unknown_number").then_some(()));
    assert!(acme.held().iter().all(|mail| mail["retries"] == 0 && mail["next_retry_at"].is_null()));
    let file = |id: &str| {
        let path = eventually("the file", || {
            let list = acme.held();
            list.iter().find(|mail| mail["id"] == id).and_then(|mail| mail["file"].as_str().map(str::to_owned))
        });
        let metadata = std::fs::metadata(path).unwrap();
        (metadata.ino(), metadata.mtime_nsec())
    };
    let file_before = file(&strangers);
    let receipts = messages_to(&acme, PETRA, "receipt");
    assert_eq!(receipts, 5, "one for each that was held");
    acme.import(&application("acme", "6001", &[NEU.1]));
    eventually("its mail to be filed", || (acme.ended(&his)["disposition"] == "filed").then_some(()));
    for id in [&strangers, &others, &unnamed] {
        let mail = eventually("the look", || {
            let mail = shown(&acme, "acme", id);
            (mail["retries"] == 1 && mail["next_retry_at"].is_null()).then_some(mail)
        });
        assert_eq!((&mail["disposition"], &mail["reason"]), (&"held".into(), &"unknown_number".into()));
        assert_eq!(audit(&mail), ["petra@acme.example held"], "a look leaves no line");
        let explanation = mail["explanation"].as_str().unwrap();
        assert!(explanation.contains("one has it now"), "{explanation}");
        let suggested = &mail["suggestions"][0];
        assert_eq!((&suggested["reference"], &suggested["why"]), (&"6001".into(), &"the number that was typed".into()));
        assert!(acme.succeeds(&["--tenant", "acme", "dead-letter", "show", id]).contains("looked at again by itself: 1 time; next when"));
    }
    assert_eq!(file(&strangers), file_before, "its file is the same one");
    for (id, tenant) in [(&elsewhere, "acme"), (&forged, "acme"), (&betas, "beta")] {
        let mail = shown(&acme, tenant, id);
        assert_eq!((&mail["disposition"], &mail["retries"]), (&"held".into(), &0.into()), "{mail}");
    }
    let mail = acme.ended(&his);
    assert_eq!(audit(&mail), ["petra@acme.example held", "rohrpost retried", "petra@acme.example filed"]);
    assert_eq!(acme.entries("6001").len(), 1);
    // Petra is responsible: she reads the ordinary notice, and no further receipt.
    assert_eq!((messages_to(&acme, PETRA, "reply_imported"), messages_to(&acme, PETRA, "receipt")), (1, receipts));
    assert_eq!(messages_to(&acme, "max@acme.example", "reply_imported"), 1);
    acme.all_sent();
    daemon.stop();
    // Again the same: nothing happens. While nobody serves, what happens is kept for the next start.
    acme.import(&application("acme", "6001", &[NEU.1]));
    assert_eq!(acme.count("healing_event"), 0);
    acme.import(&application("acme", "6001", &[NEU.1, FREMD.1]));
    assert_eq!(acme.count("healing_event"), 1);
    let daemon = acme.serve();
    eventually("the stranger, whose address is known now", || (acme.ended(&strangers)["disposition"] == "filed").then_some(()));
    eventually("the others' look", || (shown(&acme, "acme", &others)["reason"] == "unknown_number").then_some(()));
    assert_eq!((acme.entries("6001").len(), acme.count("healing_event")), (2, 0));
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: S1.04, S1.E4; G6, G7. A user who turns up, and one whose role changes: their mail is filed, under the same condition.
#[test]
fn a_user_who_turns_up() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    let from = |sender: &str, id: &str, inside| {
        let mail = Forward { sender, id, inside, ..Forward::default() }.mail();
        daemon.delivers(&mail)
    };
    let maria = ("Maria Kanarie", MARIA);
    let unknown = from("nils@acme.example", "n1@acme.example", maria);
    let strangers = from("nils@acme.example", "n2@acme.example", FREMD);
    let recruiters = from("rita@acme.example", "r@acme.example", maria);
    held_for(&acme, &unknown, "sender_unknown");
    held_for(&acme, &strangers, "sender_unknown");
    held_for(&acme, &recruiters, "sender_may_not_import");
    assert_eq!(messages_to(&acme, "rita@acme.example", "receipt"), 1);
    let user = |email: &str, name: &str, role: &str| {
        format!(
            r#"{{"tenant": {{"id": "acme"}}, "users": [{{"email": "{email}", "name": "{name}", "role": "{role}", "departments": ["it"], "receipts": true}}]}}"#
        )
    };
    acme.import(&user("Nils@acme.example", "Nils", "hr_manager"));
    eventually("his mail to be filed", || (acme.ended(&unknown)["disposition"] == "filed").then_some(()));
    // The other one lacks something else, and he, whom nobody has told anything yet, learns of it.
    eventually("what it lacks", || (acme.ended(&strangers)["reason"] == "number_unconfirmed").then_some(()));
    assert_eq!(messages_to(&acme, "nils@acme.example", "receipt") + messages_to(&acme, "Nils@acme.example", "receipt"), 2);
    acme.import(&user("rita@acme.example", "Rita Koch", "hr_manager"));
    eventually("her mail to be filed", || (acme.ended(&recruiters)["disposition"] == "filed").then_some(()));
    assert_eq!(messages_to(&acme, "rita@acme.example", "receipt"), 1, "there is one receipt a mail, whatever became of it");
    assert_eq!(acme.entries("4711").len(), 2);
    acme.import(&user("rita@acme.example", "Rita Koch", "hr_manager"));
    assert_eq!(acme.count("healing_event"), 0);
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: S1.E14; G2. clamd is away, the service ends in between, and both are back: what was held goes through by itself.
#[test]
fn a_scanner_that_is_back_after_a_restart() {
    let mut clamd = Clamd::new();
    let mut acme = Installation::new();
    acme.configure("", &format!("{}{}", acme.relay_section(), clamd.section("hold")));
    let daemon = acme.serve();
    let mail = |id| Forward { id, attachments: &[("Kanarie-Datei.pdf", "%PDF-1.4 x")], ..Forward::default() }.mail();
    let ids = ["a@acme.example", "b@acme.example"].map(|id| daemon.delivers(&mail(id)));
    ids.iter().for_each(|id| held_for(&acme, id, "not_scanned"));
    assert!(acme.held().iter().all(|mail| mail["next_retry_at"].is_string()));
    daemon.kill();
    let daemon = acme.serve();
    // Nothing is counted as long as it is away.
    eventually("a look at the scanner", || acme.logs().matches("until it does, [scan] when_down says").nth(1).map(drop));
    assert!(acme.held().iter().all(|mail| mail["retries"] == 0), "{:?}", acme.held());
    clamd.starts();
    for id in &ids {
        eventually("the scan", || (acme.ended(id)["disposition"] == "filed").then_some(()));
        assert_eq!(audit(&acme.ended(id)), ["petra@acme.example held", "rohrpost retried", "petra@acme.example filed"]);
    }
    assert_eq!((acme.entries("4711").len(), messages_to(&acme, PETRA, "receipt")), (2, 2));
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: G4. A scanner that answers and fails at the file: it is looked at later and later, across a restart, and then no more.
#[test]
fn looks_come_to_an_end() {
    let mut acme = Installation::new();
    let socket = acme.path("clamd.ctl");
    let scan = format!("[scan]\nclamd = \"unix:{}\"\nwhen_down = \"hold\"\n", socket.display());
    acme.configure("", &format!("{}{scan}[healing]\nfirst_delay_seconds = 1\nmost_tries = 3\n", acme.relay_section()));
    crate::scan::a_scanner_that_fails(socket);
    let daemon = acme.serve();
    let id = daemon.delivers(&Forward { attachments: &[("Kanarie-Datei.pdf", "%PDF-1.4 x")], ..Forward::default() }.mail());
    held_for(&acme, &id, "not_scanned");
    let tries = |acme: &Installation, least: u64| {
        eventually("a look", || shown(acme, "acme", &id)["retries"].as_u64().filter(|tries| *tries >= least))
    };
    let tried = tries(&acme, 1);
    daemon.kill();
    let daemon = acme.serve();
    assert!(tries(&acme, 2) > tried || tried > 1, "it goes on where it was");
    let mail = eventually("the last look", || {
        let mail = shown(&acme, "acme", &id);
        (mail["retries"] == 3 && mail["next_retry_at"].is_null()).then_some(mail)
    });
    assert_eq!((&mail["reason"], messages_to(&acme, PETRA, "receipt")), (&"not_scanned".into(), 1));
    assert_eq!(audit(&mail), ["petra@acme.example held"]);
    assert!(acme.succeeds(&["--tenant", "acme", "dead-letter", "list"]).contains("looked at again by itself: 3 times; no more by itself"));
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: G2, G3. Killed again and again while many heal: each is filed once, and everybody told once.
#[test]
fn kills_while_it_heals() {
    const MAILS: usize = 60;
    const KILLS: usize = 12;
    let mut acme = Installation::new();
    acme.configure("", &format!("{}[healing]\nfirst_delay_seconds = 1\n", acme.relay_section()));
    let daemon = acme.serve();
    let ids: Vec<String> = (0..MAILS).map(|number| daemon.delivers(&forward(&format!("k{number}"), "6001 WG: x", NEU))).collect();
    ids.iter().for_each(|id| held_for(&acme, id, "unknown_number"));
    daemon.stop();
    acme.import(&application("acme", "6001", &[NEU.1]));
    let filed = |acme: &Installation| acme.mails().iter().filter(|mail| mail["disposition"] == "filed").count();
    let mut in_the_midst = 0;
    for kill in 0..KILLS {
        let before = filed(&acme);
        let daemon = acme.serve();
        // Some further ones are filed, and others are not.
        eventually("some to heal", || (filed(&acme) > before || before == MAILS).then_some(()));
        std::thread::sleep(std::time::Duration::from_millis(kill as u64));
        daemon.kill();
        in_the_midst += usize::from((before..MAILS).contains(&filed(&acme)) && filed(&acme) > before);
    }
    assert!(in_the_midst >= 2, "only {in_the_midst} kills came in the midst of it");
    let daemon = acme.serve();
    // Two kills may have cut off the looks at one and the same mail: then it waits for somebody, as what crashed twice does.
    let waiting = eventually("everything to come to rest", || {
        let held = acme.held();
        let at_rest = held.iter().all(|mail| mail["next_retry_at"].is_null() && mail["retries"].as_u64() >= Some(2));
        (filed(&acme) + held.len() == MAILS && at_rest).then_some(held.len())
    });
    assert!(waiting <= KILLS / 2, "{waiting}");
    if waiting > 0 {
        acme.succeeds(&["--tenant", "acme", "mail", "retry", "--all"]);
    }
    eventually("all to be filed", || (filed(&acme) == MAILS).then_some(()));
    assert_eq!(acme.entries("6001").len(), MAILS);
    acme.all_sent();
    assert_eq!((messages_to(&acme, PETRA, "reply_imported"), messages_to(&acme, "max@acme.example", "reply_imported")), (MAILS, MAILS));
    for id in &ids {
        let lines = audit(&acme.ended(id));
        assert_eq!(lines.iter().filter(|line| *line == "petra@acme.example filed").count(), 1, "{lines:?}");
        assert_eq!(lines.iter().filter(|line| line.ends_with(" retried")).count(), 1, "{lines:?}");
    }
    daemon.stop();
    acme.is_sound();
}

/// What would become of everything that is held, without a row, a line or a message more; and then it becomes that.
#[test]
fn what_a_retry_would_do() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    let known = daemon.delivers(&forward("known", "6001 WG: x", NEU));
    let still = daemon.delivers(&forward("still", "6002 WG: x", NEU));
    let named = daemon.delivers(&forward("named", "6001 WG: x", ("Nora Neu", "private@example.org")));
    for id in [&known, &still, &named] {
        held_for(&acme, id, "unknown_number");
    }
    let none = daemon.delivers(&forward("none", "WG: x", NEU));
    held_for(&acme, &none, "no_number");
    acme.all_sent();
    daemon.stop();
    acme.import(&application("acme", "6001", &[NEU.1]));
    let before = all_rows(&acme);
    let said = acme.succeeds(&["--tenant", "acme", "mail", "retry", "--all", "--dry-run"]);
    let summary = "would be filed: 2\nwould be held as no_number: 1\nwould be held as unknown_number: 1\nnothing was changed\n";
    assert!(said.ends_with(summary) && said.contains(&format!("{known}  filed  6001\n")), "{said}");
    assert!(said.contains(&format!("{still}  held  unknown_number\n")), "{said}");
    let lines = acme.succeeds(&["--tenant", "acme", "dead-letter", "retry", "--reason", "unknown_number", "--dry-run", "--json"]);
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[0], serde_json::json!({"id": known, "disposition": "filed", "reason": null, "reference": "6001"}));
    let summary = serde_json::json!({"filed": 2, "duplicate": 0, "ignored": 0, "held": {"unknown_number": 1}, "untried": 0});
    assert_eq!(lines[3]["summary"], summary);
    let one = acme.succeeds(&["--tenant", "acme", "mail", "retry", &none, "--dry-run"]);
    assert!(one.starts_with(&format!("{none}  held  no_number\n")), "{one}");
    assert_eq!(all_rows(&acme), before, "a row has changed");
    assert_eq!(acme.fails(&["--tenant", "acme", "mail", "retry", &none, "--all"]).0, 2);
    // An operator's word stands on ordinary evidence: a name is enough, as it is for mail that comes now.
    assert_eq!(acme.succeeds(&["--tenant", "acme", "mail", "retry", "--all", "--reason", "unknown_number"]), "sent through again: 3\n");
    let daemon = acme.serve();
    for id in [&known, &named] {
        assert_eq!(acme.ended(id)["disposition"], "filed");
    }
    held_for(&acme, &still, "unknown_number");
    let (code, why) = acme.fails(&["--tenant", "acme", "mail", "retry", &known, "--dry-run"]);
    assert!(code == 1 && why.contains("cannot be sent through again"), "{why}");
    assert_eq!(acme.succeeds(&["--tenant", "acme", "dead-letter", "retry", "--all", "--json"]), "{\"retried\":2}\n");
    held_for(&acme, &none, "no_number");
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}
