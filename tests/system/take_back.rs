//! A mail that was filed to the wrong application is taken back: withdrawn, or moved to where it belongs.

use crate::harness::*;
use crate::relay;
use base64::Engine;
use serde_json::Value;

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no {key} in {value}"))
}

/// A forward with one file of its own, and the candidate's mail attached in base64, with a file inside: that one is an object.
fn attached(subject: &str, id: &str) -> String {
    let inside = format!(
        "From: Maria Kanarie <{MARIA}>\r\nTo: {PETRA}\r\nSubject: kanarie-betreff\r\nDate: Fri, 20 Nov 2026 18:02:11 +0100\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=\"i\"\r\n\r\n--i\r\nContent-Type: text/plain\r\n\r\nkanarienvogel-text\r\n\
         --i\r\nContent-Type: application/pdf; name=\"Kanarie-Datei.pdf\"\r\nContent-Disposition: attachment; filename=\"Kanarie-Datei.pdf\"\r\n\r\n\
         %PDF-1.4 innen\r\n--i--\r\n"
    );
    let encoded = base64::engine::general_purpose::STANDARD.encode(inside);
    let lines: Vec<&str> = encoded.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!(
        "Authentication-Results: mx.acme.example; dmarc=pass header.from=acme.example\nFrom: Petra <{PETRA}>\nTo: {IMPORT}\nSubject: {subject}\n\
         Date: Mon, 23 Nov 2026 09:30:00 +0100\nMessage-ID: <{id}>\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"b0\"\n\n\
         --b0\nContent-Type: text/plain\n\nBitte ablegen.\n\n--b0\nContent-Type: text/plain; name=\"Zettel.txt\"\n\
         Content-Disposition: attachment; filename=\"Zettel.txt\"\n\naussen\n\
         --b0\nContent-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n{}\n\n--b0--\n",
        lines.join("\n")
    )
}

impl Installation {
    fn history(&self, args: &[&str]) -> String {
        self.succeeds(&[&["--tenant", "acme", "history"], args].concat())
    }

    /// Fails with exit code 1, and says so.
    #[track_caller]
    fn history_refuses(&self, args: &[&str], words: &str) {
        let (code, error) = self.fails(&[&["--tenant", "acme", "history"], args].concat());
        assert!(code == 1 && error.contains(words), "{args:?}: {error}");
    }

    fn document(&self, id: &str, more: &[&str]) -> std::process::Output {
        self.runs(&[&["--tenant", "acme", "document", "get", id], more].concat())
    }

    fn sent_to(&self, to: &str, purpose: &str) -> Vec<Value> {
        self.messages().into_iter().filter(|message| message["to"] == to && message["purpose"] == purpose).collect()
    }

    /// What was caught for somebody, as text, oldest first.
    fn caught(&self, to: &str) -> Vec<String> {
        let caught = self.catcher.as_ref().unwrap().caught();
        caught.iter().filter(|caught| caught.to.iter().any(|other| other.contains(to))).map(|caught| text_of(&caught.data)).collect()
    }

    fn opened(&self, subject: &str) -> i64 {
        self.count(&format!("audit_log where what = 'opened' and subject = '{subject}'"))
    }
}

const CANDIDATE: [&str; 5] = ["kanarienvogel-text", "kanarie-betreff", "Kanarie-Datei", MARIA, "Zettel"];

/// Withdrawn: readers see that it was, by whom and why, and nothing of it; operators still can; the same mail is judged anew.
#[test]
fn a_withdrawn_mail() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    let mail = attached("4711 WG: kanarie-betreff", "1@x");
    let id = daemon.delivers(&mail);
    acme.ended(&id);
    acme.all_sent();
    let before = acme.entries("4711").remove(0);
    assert!(before["withdrawn"].is_null() && before["documents"].as_array().unwrap().len() == 2, "{before}");
    let entry = text(&before, "id");
    assert!(acme.history(&["4711"]).contains(&format!("  entry         {entry}\n")));
    let said = acme.history(&["withdraw", entry, "--why", "falsche Bewerbung"]);
    assert!(said.contains(&format!("{entry} withdrawn; 2 people who had been told of it get a correction")), "{said}");
    acme.history_refuses(&["withdraw", entry, "--why", "noch einmal"], "has been taken back already");
    acme.history_refuses(&["move", entry, "--reference", "4712"], "has been taken back already");
    // Nothing was deleted, and nobody reads it.
    let entries = acme.entries("4711");
    assert_eq!(entries.len(), 2);
    let (old, note) = (&entries[0], &entries[1]);
    assert_eq!((text(old, "id"), text(old, "kind"), text(old, "subject"), text(old, "text")), (entry, "inbound_email", "", ""));
    assert!(old["original"].is_null() && old["documents"] == serde_json::json!([]) && old["parts"] == serde_json::json!([]), "{old}");
    let withdrawn = &old["withdrawn"];
    assert!(text(withdrawn, "by").starts_with("cli:") && text(withdrawn, "at").contains('T'), "{withdrawn}");
    assert_eq!((text(withdrawn, "why"), text(withdrawn, "entry")), ("falsche Bewerbung", text(note, "id")));
    assert_eq!((text(note, "kind"), text(note, "takes_back"), text(note, "why")), ("withdrawn", entry, "falsche Bewerbung"));
    for shown in [acme.history(&["4711"]), acme.history(&["4711", "--json"])] {
        assert!(!CANDIDATE.iter().any(|word| shown.contains(word)), "{shown}");
        assert!(shown.contains("falsche Bewerbung"), "{shown}");
    }
    acme.history_refuses(&["withdraw", text(note, "id"), "--why", "x"], "(withdrawn) is no mail");
    operators_still_see_it(&acme, &before);
    // Each of those who were told hears it once; nothing of the mail is in it.
    acme.all_sent();
    for to in [PETRA, "max@acme.example"] {
        let caught = acme.caught(to);
        assert_eq!((caught.len(), acme.sent_to(to, "correction").len()), (2, 1));
        assert!(caught[1].contains("4711") && caught[1].contains("Auto-Submitted: auto-generated\n"), "{}", caught[1]);
        assert!(!CANDIDATE.iter().any(|word| caught[1].contains(word)) && !caught[1].contains("falsche"), "{}", caught[1]);
        // It says which message it means: by the notice's Message-ID, and by the line that the notice had.
        let line = |mail: &str, begin: &[&str]| -> String {
            let found = mail.lines().find_map(|line| begin.iter().find_map(|begin| line.strip_prefix(begin)));
            found.unwrap_or_else(|| panic!("no {begin:?} in {mail}")).to_owned()
        };
        let notice = line(&caught[0], &["Message-ID: "]);
        assert_eq!((line(&caught[1], &["In-Reply-To: "]), line(&caught[1], &["References: "])), (notice.clone(), notice));
        let forwarded = ["Weitergeleitet: ", "Forwarded: "];
        assert_eq!(line(&caught[1], &forwarded), line(&caught[0], &forwarded));
    }
    // The mail has its end, and says what became of it. The same mail again is filed anew, without a flag, and then once.
    let shown = acme.ended(&id);
    assert_eq!((text(&shown, "disposition"), text(&shown["withdrawn"], "why")), ("filed", "falsche Bewerbung"));
    let shown = acme.succeeds(&["mail", "show", &id, "--tenant", "acme"]);
    assert!(shown.contains("\nwithdrawn ") && shown.contains("withdrawn entry"), "{shown}");
    acme.is_sound();
    let again = daemon.delivers(&mail);
    assert_eq!(acme.ended(&again)["disposition"], "filed");
    let new = acme.entries("4711").pop().unwrap();
    assert!(new["flags"] == serde_json::json!([]) && new["documents"].as_array().unwrap().len() == 2, "{new}");
    assert_eq!(acme.ended(&daemon.delivers(&mail))["disposition"], "duplicate");
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// Files and text of a withdrawn mail are opened by a word of one's own alone, and each opening is in the audit log.
fn operators_still_see_it(acme: &Installation, before: &Value) {
    let entry = text(before, "id");
    for document in before["documents"].as_array().unwrap() {
        let id = text(document, "id");
        let refused = acme.document(id, &[]);
        let error = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(refused.status.code() == Some(1) && error.contains("--withdrawn") && !error.contains("Kanarie"), "{error}");
        assert_eq!(acme.opened(id), 0);
        assert!(!acme.document(id, &["--withdrawn"]).stdout.is_empty());
        assert_eq!(acme.opened(id), 1);
    }
    assert_eq!(acme.opened(entry), 0);
    let all = acme.json(&["--tenant", "acme", "history", "4711", "--withdrawn", "--json"]);
    assert_eq!((acme.opened(entry), &all["entries"][0]["text"]), (1, &before["text"]));
    let documents = all["entries"][0]["documents"].as_array().unwrap();
    assert!(documents.iter().all(|document| document["tabs"] == serde_json::json!([])) && documents.len() == 2, "{documents:?}");
    assert!(acme.history(&["4711", "--withdrawn"]).contains("kanarienvogel-text"));
}

/// Moved: the same content, files and time of import where it belongs; the old place says that it was moved and not where to.
#[test]
fn a_moved_mail() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    let mail = attached("4711 WG: kanarie-betreff", "1@x");
    let id = daemon.delivers(&mail);
    acme.ended(&id);
    acme.all_sent();
    let before = acme.entries("4711").remove(0);
    let entry = text(&before, "id");
    let said = acme.history(&["move", entry, "--reference", "4712", "--why", "gehört zu Eva"]);
    assert!(said.contains(&format!("{entry} moved to 4712, as ")), "{said}");
    let moved = acme.entries("4712").remove(0);
    for key in ["kind", "subject", "text", "original", "enclosed", "note", "from", "date", "forwarder"] {
        assert_eq!(moved[key], before[key], "{key}");
    }
    assert_eq!((&moved["moved"]["imported_at"], &moved["flags"]), (&before["at"], &serde_json::json!(["assigned"])));
    assert!(text(&moved["moved"], "by").starts_with("cli:") && moved["id"] != before["id"], "{moved}");
    let shown = acme.history(&["4712"]);
    assert!(shown.contains("  moved here    by cli:") && !shown.contains("4711") && !shown.contains("gehört"), "{shown}");
    // Files: other ids, the same bytes, named by the parts; those of before are closed.
    let (old, new) = (before["documents"].as_array().unwrap(), moved["documents"].as_array().unwrap());
    assert_eq!((old.len(), new.len()), (2, 2));
    for (old, new) in old.iter().zip(new) {
        for key in ["name", "kind", "tabs", "media_type", "size", "sha256"] {
            assert_eq!(new[key], old[key], "{key}");
        }
        assert!(new["id"] != old["id"] && moved["parts"].to_string().contains(text(new, "id")), "{moved}");
        assert!(acme.document(text(new, "id"), &[]).stdout.len() as u64 == new["size"].as_u64().unwrap());
        assert_eq!(acme.document(text(old, "id"), &[]).status.code(), Some(1));
    }
    assert_eq!(acme.count("document where encoding is null"), 2, "an object, and its copy");
    old_place_tells_nothing(&acme, entry);
    // Whoever is told of both applications hears of both.
    acme.all_sent();
    for to in [PETRA, "max@acme.example"] {
        let caught = acme.caught(to).split_off(1);
        assert_eq!((caught.len(), acme.sent_to(to, "correction").len(), acme.sent_to(to, "reply_imported").len()), (2, 1, 2));
        let (notice, correction): (Vec<_>, Vec<_>) = caught.iter().partition(|mail| mail.contains("4712"));
        assert!(correction[0].contains("4711") && !CANDIDATE.iter().any(|word| correction[0].contains(word)), "{}", correction[0]);
        assert!(
            notice[0].contains("Eva Anders") && notice[0].contains(if to == PETRA { "Hierher verschoben" } else { "Moved here: by hand" })
        );
    }
    // The mail is filed where it is now, and repeats of it are duplicates of that.
    let shown = acme.ended(&id);
    assert!(text(&shown, "entry") == text(&moved, "id") && shown["withdrawn"].is_null(), "{shown}");
    assert!(shown["audit"].to_string().contains("gehört zu Eva"), "{shown}");
    let again = acme.ended(&daemon.delivers(&mail));
    assert_eq!((text(&again, "disposition"), text(&again, "entry")), ("duplicate", text(&moved, "id")));
    assert!(acme.fails(&["mail", "retry", &id, "--tenant", "acme"]).1.contains("rohrpost history move"));
    acme.is_sound();
    on_to_the_next(&acme, &before, &moved);
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

fn old_place_tells_nothing(acme: &Installation, entry: &str) {
    let entries = acme.entries("4711");
    assert_eq!((entries.len(), text(&entries[0], "id"), text(&entries[1], "kind")), (2, entry, "moved"));
    assert!(entries[0]["withdrawn"]["why"].is_null() && entries[0]["documents"] == serde_json::json!([]));
    for shown in [acme.history(&["4711"]), acme.history(&["4711", "--json"])] {
        let elsewhere = ["4712", "Eva"];
        assert!(!CANDIDATE.iter().chain(&elsewhere).any(|word| shown.contains(word)), "{shown}");
        // As a word: a random id may have these two letters in it.
        assert!(!shown.split(|c: char| !c.is_alphanumeric()).any(|word| word == "A2"), "{shown}");
    }
}

/// A moved mail is moved again, to an application for which nobody is responsible and that is closed, and is then withdrawn.
fn on_to_the_next(acme: &Installation, before: &Value, moved: &Value) {
    acme.history(&["move", text(moved, "id"), "--reference", "4800"]);
    let last = acme.entries("4800").remove(0);
    assert_eq!((&last["moved"]["imported_at"], &last["flags"]), (&before["at"], &serde_json::json!(["closed", "assigned"])));
    assert_eq!((&last["told"], &last["nobody_responsible"]), (&serde_json::json!(["hr@acme.example"]), &Value::Bool(true)));
    acme.all_sent();
    assert_eq!((acme.sent_to("hr@acme.example", "reply_imported").len(), acme.sent_to(PETRA, "correction").len()), (1, 2));
    acme.is_sound();
    acme.history(&["withdraw", text(&last, "id"), "--why", "Ende"]);
    acme.all_sent();
    assert_eq!(acme.sent_to("hr@acme.example", "correction").len(), 1);
}

/// What cannot be taken back, and where it cannot go.
#[test]
fn what_is_refused() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    let id = daemon.delivers(&Forward::default().mail());
    acme.ended(&id);
    acme.all_sent();
    let before = acme.entries("4711");
    let entry = text(&before[0], "id");
    acme.history_refuses(&["move", &id, "--reference", "4712"], &format!("there is no history entry {id}"));
    acme.history_refuses(&["withdraw", &id, "--why", "x"], &format!("there is no history entry {id}"));
    acme.history_refuses(&["move", entry, "--reference", "4711"], "is filed to that application already");
    acme.history_refuses(&["move", entry, "--reference", "4721"], "there is no application 4721; near it: 4711");
    acme.history_refuses(&["move", entry, "--reference", "5000"], "there is no application 5000");
    acme.history_refuses(&["move", entry, "--reference", "4900"], "the application 4900 has been erased");
    acme.history_refuses(&["withdraw", entry, "--why", " "], "--why needs a reason");
    acme.history_refuses(&["move", entry, "--reference", "4712", "--why", " "], "--why needs a reason");
    // G10: another tenant has no such entry.
    for command in [&["withdraw", entry, "--why", "x"][..], &["move", entry, "--reference", "5000"]] {
        let (code, error) = acme.fails(&[&["--tenant", "beta", "history"], command].concat());
        assert!(code == 1 && error.contains(&format!("there is no history entry {entry}")), "{error}");
    }
    for wrong in
        [&["withdraw", entry][..], &["move", entry], &["4711", "withdraw", entry, "--why", "x"], &["withdraw", "x", "--why", "x"], &[]]
    {
        let (code, error) = acme.fails(&[&["--tenant", "acme", "history"], wrong].concat());
        assert_eq!(code, 2, "{wrong:?}: {error}");
    }
    assert_eq!(acme.entries("4711"), before);
    assert_eq!(acme.count("audit_log where what in ('withdrawn', 'moved')"), 0);
    daemon.stop();
    acme.is_sound();
}

/// Notices that wait go out no more; the people whom the entry names as told hear that it was taken back.
#[test]
fn while_the_relay_is_away() {
    let mut acme = Installation::new();
    acme.replace_relay(1);
    let daemon = acme.serve();
    let id = daemon.delivers(&Forward::default().mail());
    acme.ended(&id);
    eventually("two tries in vain", || {
        let messages = acme.messages();
        (messages.len() == 2 && messages.iter().all(|message| message["state"] == "deferred")).then_some(())
    });
    let entry = text(&acme.entries("4711")[0], "id").to_owned();
    acme.history(&["move", &entry, "--reference", "4800"]);
    let cancelled: Vec<Value> = acme.messages().into_iter().filter(|message| message["state"] == "cancelled").collect();
    assert_eq!(cancelled.len(), 2);
    assert!(cancelled.iter().all(|message| message["purpose"] == "reply_imported"), "{cancelled:?}");
    let notice = text(&cancelled[0], "id");
    assert!(acme.fails(&["outbox", "retry", notice, "--tenant", "acme"]).1.contains("has been taken back"));
    assert!(!acme.succeeds(&["outbox", "list", "--tenant", "acme"]).contains("cancelled"));
    daemon.stop();
    let relay = acme.relay_section();
    acme.configure("", &relay);
    let daemon = acme.serve();
    for message in acme.messages().iter().filter(|message| message["state"] == "deferred") {
        // The service may have sent it by itself since it was listed.
        let id = text(message, "id");
        let tried = acme.runs(&["outbox", "retry", id, "--tenant", "acme"]).status.success();
        let is_sent = || acme.messages().iter().any(|message| text(message, "id") == id && message["state"] == "sent");
        assert!(tried || is_sent(), "{id}");
    }
    acme.all_sent();
    for to in [PETRA, "max@acme.example"] {
        let caught = acme.caught(to);
        assert!(caught.len() == 1 && acme.sent_to(to, "correction")[0]["state"] == "sent", "{caught:?}");
    }
    assert_eq!(acme.caught("hr@acme.example").len(), 1);
    daemon.stop();
    acme.is_sound();
}

/// A notice that is being handed over is beyond recall: the correction follows it, and it is tried no second time.
#[test]
fn while_a_notice_is_being_handed_over() {
    let mut acme = Installation::new();
    let port = relay::relay("220 relay.example", relay::NEVER);
    acme.configure("stop_timeout_seconds = 1", &format!("[outgoing]\nhost = \"127.0.0.1\"\nport = {port}\n"));
    let daemon = acme.serve();
    let id = daemon.delivers(&Forward::default().mail());
    acme.ended(&id);
    let state = |acme: &Installation, to: &str, purpose: &str| text(&acme.sent_to(to, purpose)[0], "state").to_owned();
    let max = "max@acme.example";
    eventually("one sent, one under way", || {
        (acme.messages().len() == 2 && state(&acme, PETRA, "reply_imported") == "sent" && state(&acme, max, "reply_imported") == "sending")
            .then_some(())
    });
    let entry = text(&acme.entries("4711")[0], "id").to_owned();
    acme.history(&["withdraw", &entry, "--why", "falsch"]);
    eventually("Petra's correction", || (state(&acme, PETRA, "correction") == "sent").then_some(()));
    assert_eq!((state(&acme, max, "reply_imported"), state(&acme, max, "correction")), ("sending".into(), "queued".into()));
    daemon.stop();
    let relay = acme.relay_section();
    acme.configure("", &relay);
    let daemon = acme.serve();
    acme.all_sent();
    assert_eq!((state(&acme, max, "reply_imported"), state(&acme, max, "correction")), ("cancelled".into(), "sent".into()));
    assert_eq!((acme.caught(max).len(), acme.caught(PETRA).len()), (1, 0));
    daemon.stop();
    acme.is_sound();
}

/// Two operators at once: one takes it back, the other hears that somebody has.
#[test]
fn two_at_once() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    for round in 0..3 {
        let id = daemon.delivers(&Forward { id: &format!("{round}@x"), ..Forward::default() }.mail());
        acme.ended(&id);
        let entry = text(acme.entries("4711").last().unwrap(), "id").to_owned();
        let start = |args: &[&str]| {
            acme.command(&[&["--tenant", "acme", "history"], args].concat())
                .stdout(std::process::Stdio::null())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        };
        let both = [
            start(&["withdraw", &entry, "--why", "x"]),
            start(&["move", &entry, "--reference", "4712"]),
            start(&["withdraw", &entry, "--why", "y"]),
        ];
        let ended: Vec<_> = both.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
        let lost: Vec<_> = ended.iter().filter(|output| !output.status.success()).collect();
        assert_eq!(lost.len(), 2);
        assert!(lost.iter().all(|output| String::from_utf8_lossy(&output.stderr).contains("has been taken back already")), "{lost:?}");
        acme.all_sent();
        acme.is_sound();
    }
    daemon.stop();
    acme.is_sound();
}
