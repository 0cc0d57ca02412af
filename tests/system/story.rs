//! The story: what a recruiter, a department and an operator see of a mail, through the real door and the real commands.
//! Each test names the acceptance rows that it proves (docs/acceptance.md).

use crate::harness::*;
use serde_json::Value;

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no {key} in {value}"))
}

/// Acceptance: S1.01, S1.13, S1.17, S1.18, S1.20, S1.21, S1.22, S1.23, S1.24, S1.25, S1.26, S1.27, S1.E16; G8.
#[test]
fn a_forward_becomes_history_files_and_notices() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    let files = [("Anschreiben.pdf", "%PDF-1.4 brief"), ("Kanarie-Datei.txt", "Kanarie-Datei und mehr"), ("Kanarie-Datei.txt", "zweite")];
    let id = daemon.delivers(&Forward { attachments: &files, ..Forward::default() }.mail());
    assert_eq!(text(&acme.ended(&id), "disposition"), "filed");
    let entries = acme.entries("4711");
    assert_eq!(entries.len(), 1);
    let entry = &entries[0];
    assert_eq!((text(entry, "kind"), text(entry, "actor"), text(entry, "subject")), ("inbound_email", PETRA, "WG: kanarie-betreff"));
    assert!(text(entry, "text").contains("Bitte ablegen.") && text(entry, "text").contains("kanarienvogel-text"));
    assert_eq!(entry["original"]["from"]["address"], MARIA);
    assert_eq!(text(&entry["original"], "body"), "kanarienvogel-text: ich komme gern.");
    assert_eq!(text(entry, "note"), "Bitte ablegen.");
    let documents: Vec<_> =
        entry["documents"].as_array().unwrap().iter().map(|d| (text(d, "name"), text(d, "kind"), d["tabs"].to_string())).collect();
    let (both, files_only) = (r#"["files","documents"]"#.to_owned(), r#"["files"]"#.to_owned());
    assert_eq!(
        documents,
        [
            ("Anschreiben.pdf", "cover_letter", both),
            ("Kanarie-Datei.txt", "other", files_only.clone()),
            ("Kanarie-Datei (2).txt", "other", files_only)
        ]
    );
    // The message still has its parts, each with what became of it.
    assert_eq!(entry["parts"].as_array().unwrap().len(), 3);
    let second = text(&entry["documents"][1], "id");
    assert_eq!(acme.runs(&["document", "get", second, "--tenant", "acme"]).stdout, b"Kanarie-Datei und mehr");
    // Petra and Max are responsible, Max twice; Rita is a recruiter, Dora is not responsible.
    let sent = acme.all_sent();
    let mut told: Vec<&str> = sent.iter().map(|message| text(message, "to")).collect();
    told.sort_unstable();
    assert_eq!(told, ["max@acme.example", "petra@acme.example"]);
    let caught = acme.catcher.as_ref().unwrap().caught();
    assert_eq!(caught.len(), 2);
    for message in &caught {
        let mail = text_of(&message.data);
        assert!(mail.contains("Auto-Submitted: auto-generated\n") && mail.contains("Reply-To: hr@acme.example\n"), "{mail}");
        assert!(message.from.contains("bounces+") && message.from.contains("@acme.example"), "{}", message.from);
        assert!(!mail.contains("kanarienvogel-text") && !mail.contains("kanarie-betreff"), "{mail}");
    }
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: S1.07, S1.14, S1.15, S1.16, S1.E1, S1.E2, S1.E3.
#[test]
fn where_the_number_may_stand() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    let subjects = [
        ("4711 WG: x", "WG: x"),
        ("WG: 4711 x", "WG: x"),
        ("=?utf-8?Q?47?=\n =?utf-8?Q?11_WG=3A_Gr=C3=BC=C3=9Fe?=", "WG: Grüße"),
        ("=?iso-8859-1?Q?WG=3A?=\n =?utf-8?B?IDQ3MTEgR3LDvMOfZQ==?=", "WG: Grüße"),
        ("4711\n WG: gefaltet", "WG: gefaltet"),
        ("4711", "AW: kanarie-betreff"),
        ("[EXTERN] Fwd: [4711] x", "[EXTERN] Fwd: x"),
    ];
    for (number, (subject, shown)) in subjects.iter().enumerate() {
        let id = daemon.delivers(&Forward { subject, id: &format!("{number}@acme.example"), ..Forward::default() }.mail());
        assert_eq!(text(&acme.ended(&id), "disposition"), "filed", "{subject}");
        let entries = acme.entries("4711");
        assert_eq!((entries.len(), text(entries.last().unwrap(), "subject")), (number + 1, *shown), "{subject}");
    }
    for (subject, reason) in [("Ihre Einladung 4711", "no_number"), ("4711WG: x", "no_number"), ("47110 x", "unknown_number")] {
        let id = daemon.delivers(&Forward { subject, id: &format!("{subject}@acme.example"), ..Forward::default() }.mail());
        assert_eq!(text(&acme.ended(&id), "reason"), reason, "{subject}");
    }
    // A tenant may want the strict grammar; the setting holds from the next mail on.
    acme.import(r#"{"tenant": {"id": "acme", "reference": {"grammar": "strict"}}}"#);
    let id = daemon.delivers(&Forward { subject: "WG: 4711 x", id: "strict@acme.example", ..Forward::default() }.mail());
    assert_eq!(text(&acme.ended(&id), "reason"), "number_not_strict");
    // Address and number are all that is needed.
    let bare = "Authentication-Results: mx.acme.example; dmarc=pass header.from=acme.example\nFrom: petra@acme.example\nTo: import@acme.example\nSubject: 4711 x\n\n";
    let id = daemon.delivers(bare);
    assert_eq!(text(&acme.ended(&id), "disposition"), "filed");
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: S1.09, S1.28, S1.E4; G10.
#[test]
fn numbers_that_lead_nowhere() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    for (number, reason) in
        [("9999", "unknown_number"), ("5000", "unknown_number"), ("4900", "application_erased"), ("BW-0000001-3", "bad_check_digit")]
    {
        let id = daemon
            .delivers(&Forward { subject: &format!("{number} WG: x"), id: &format!("{number}@acme.example"), ..Forward::default() }.mail());
        let mail = acme.ended(&id);
        assert_eq!((text(&mail, "disposition"), text(&mail, "reason")), ("held", reason));
    }
    // The forwarder hears of each, the tenant's own address once an hour that there are some, nobody else of any.
    let sent = acme.all_sent();
    let count =
        |to: &str, purpose: &str| sent.iter().filter(|message| text(message, "to") == to && text(message, "purpose") == purpose).count();
    assert_eq!((count(PETRA, "receipt"), count("hr@acme.example", "mail_held"), sent.len()), (4, 1, 5), "{sent:?}");
    for message in acme.catcher.as_ref().unwrap().caught() {
        let mail = text_of(&message.data);
        assert!(mail.contains("Reply-To: import+") == mail.contains(&format!("To: {PETRA}")), "{mail}");
        // Nothing of the other tenant, nor of the erased application; the tenant's own address is told no name at all.
        assert!(!mail.contains("Carl") && !mail.contains("Clerk") && !mail.contains("4900, "), "{mail}");
        assert!(mail.contains("Maria") == mail.contains(&format!("To: {PETRA}")), "{mail}");
    }
    assert_eq!(acme.fails(&["history", "5000", "--tenant", "acme"]).0, 1);
    assert!(acme.json(&["mail", "list", "--json", "--tenant", "beta"]).as_array().unwrap().is_empty());
    let suggested: Vec<_> = acme.held().iter().map(|held| held["suggestions"].to_string()).collect();
    assert!(suggested.iter().all(|list| list.contains("4711") && !list.contains("5000") && !list.contains("4900")), "{suggested:?}");
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: S1.02, S1.03, S1.04, S1.E6.
#[test]
fn who_may_import() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    let senders = [
        (PETRA, "filed", None),
        ("p.huber@acme.example", "filed", None),
        ("dora@acme.example", "filed", None),
        ("max@acme.example", "held", Some("sender_may_not_import")),
        ("rita@acme.example", "held", Some("sender_may_not_import")),
        ("bert@beta.example", "held", Some("sender_unknown")),
        ("stranger@evil.example", "held", Some("sender_unknown")),
    ];
    for (sender, disposition, reason) in senders {
        let id = daemon.delivers(&Forward { sender, id: &format!("from-{sender}"), ..Forward::default() }.mail());
        let mail = acme.ended(&id);
        assert_eq!((text(&mail, "disposition"), mail["reason"].as_str()), (disposition, reason), "{sender}");
    }
    // From the trusted host without a DMARC pass: held, and nobody is answered (G7).
    let forged = Forward::default().mail().replace("dmarc=pass", "dmarc=fail");
    let id = daemon.delivers(&forged);
    assert_eq!(text(&acme.ended(&id), "reason"), "sender_not_authenticated");
    // A direct peer is refused, so that its own server tells the sender.
    let reply = Smtp::connect_from("127.0.0.2", daemon.address).sends(PETRA, IMPORT, &Forward::default().mail());
    assert!(reply.starts_with("550 5.7.1 "), "{reply}");
    let receipts: Vec<_> = acme
        .all_sent()
        .into_iter()
        .filter(|message| message["purpose"] == "receipt")
        .map(|message| text(&message, "to").to_owned())
        .collect();
    assert_eq!(receipts, ["max@acme.example", "rita@acme.example"]);
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: S1.10, S1.E5, S1.E17.
#[test]
fn closed_applications_and_nobody_responsible() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    // The same candidate's other application: closed, and nobody is responsible for its job.
    let id = daemon.delivers(&Forward { subject: "4800 WG: x", ..Forward::default() }.mail());
    assert_eq!(text(&acme.ended(&id), "disposition"), "filed");
    let entry = acme.entries("4800").remove(0);
    assert_eq!((entry["flags"].to_string(), entry["nobody_responsible"].as_bool()), (r#"["closed"]"#.to_owned(), Some(true)));
    assert!(acme.entries("4711").is_empty());
    assert_eq!(acme.all_sent().len(), 1);
    let caught = acme.catcher.as_ref().unwrap().caught();
    assert!(caught[0].to[0].contains("hr@acme.example") && text_of(&caught[0].data).contains("abgeschlossen"));
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: G6. The number says A, the mail is from B.
#[test]
fn number_and_person_must_agree() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    let send = |inside: (&'static str, &'static str)| {
        let id = daemon.delivers(&Forward { inside, id: inside.1, ..Forward::default() }.mail());
        acme.ended(&id)["reason"].as_str().unwrap_or("filed").to_owned()
    };
    assert_eq!(send(("Eva Anders", "eva@example.net")), "number_and_sender_disagree");
    assert_eq!(send(("Ganz Fremd", "fremd@example.org")), "number_unconfirmed");
    assert_eq!(send(("Kanarie, Maria", "privat@example.org")), "filed");
    assert_eq!(acme.entries("4711")[0]["flags"].to_string(), r#"["sender_unknown"]"#);
    // A number with a check digit vouches for itself against slips, but not against another candidate.
    let issued = acme.json(&["history", "BW-0000001-5", "--json", "--tenant", "acme"]);
    assert_eq!(text(&issued, "candidate"), "Maria Kanarie");
    let by_number = |inside: (&'static str, &'static str)| {
        let id = daemon
            .delivers(&Forward { subject: "BW-0000001-5 WG: x", inside, id: &format!("c-{}", inside.1), ..Forward::default() }.mail());
        acme.ended(&id)["reason"].as_str().unwrap_or("filed").to_owned()
    };
    assert_eq!(by_number(("Ganz Fremd", "fremd@example.org")), "filed");
    assert_eq!(by_number(("Eva Anders", "eva@example.net")), "number_and_sender_disagree");
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: S1.E7; G3.
#[test]
fn the_same_mail_twice() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    let first = Forward::default().mail();
    let id = daemon.delivers(&first);
    acme.ended(&id);
    // A relay that tries again adds a line of its own.
    let again = first.replacen("Received:", "Received: from c by d; Mon, 23 Nov 2026 09:31:00 +0100\nReceived:", 1);
    let id = daemon.delivers(&again);
    assert_eq!(text(&acme.ended(&id), "disposition"), "duplicate");
    assert_eq!((acme.entries("4711").len(), acme.all_sent().len()), (1, 2));
    // The same Message-ID with other words is another mail.
    let id = daemon.delivers(&Forward { text: "doch nicht", ..Forward::default() }.mail());
    assert_eq!(text(&acme.ended(&id), "disposition"), "filed");
    let entries = acme.entries("4711");
    assert_eq!((entries.len(), entries[1]["flags"].to_string()), (2, r#"["same_message_id"]"#.to_owned()));
    // A held mail makes no duplicate of the next one.
    let unknown = Forward { subject: "4713 WG: x", id: "held@acme.example", ..Forward::default() }.mail();
    for _ in 0..2 {
        let id = daemon.delivers(&unknown);
        assert_eq!(text(&acme.ended(&id), "disposition"), "held");
    }
    // Ten at once are filed once.
    let many = Forward { subject: "4711 WG: viele", id: "many@acme.example", ..Forward::default() }.mail();
    let ids: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..10).map(|_| scope.spawn(|| daemon.delivers(&many))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let ends: Vec<String> = ids.iter().map(|id| text(&acme.ended(id), "disposition").to_owned()).collect();
    assert_eq!(ends.iter().filter(|end| *end == "filed").count(), 1, "{ends:?}");
    assert_eq!(ends.iter().filter(|end| *end == "duplicate").count(), 9, "{ends:?}");
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: S1.E8, S1.E20; G7.
#[test]
fn automatic_mail_and_loops() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    let id = daemon.delivers(&Forward::default().mail());
    acme.ended(&id);
    acme.all_sent();
    let caught = acme.catcher.as_ref().unwrap().caught();
    let notice = caught.iter().find(|caught| caught.to[0].contains("max@")).unwrap();
    let bounces = notice.from.trim_matches(['<', '>']).to_owned();
    // Max is away; his mailbox answers to the envelope sender, from nobody.
    let away = "From: Max <max@acme.example>\nSubject: Abwesend\nAuto-Submitted: auto-replied\n\nkanarienvogel-text\n";
    let reply = Smtp::connect_from("127.0.0.2", daemon.address).sends("", &bounces, away);
    let id = reply.strip_prefix("250 2.0.0 kept as ").unwrap_or_else(|| panic!("{reply}"));
    assert_eq!((text(&acme.ended(id), "disposition"), text(&acme.ended(id), "reason")), ("ignored", "auto_reply"));
    // Our own notice comes back to the import address.
    let own = text_of(&notice.data);
    let id = daemon.delivers(&own);
    assert_eq!((text(&acme.ended(&id), "disposition"), text(&acme.ended(&id), "reason")), ("ignored", "loop"));
    // A bounce says that the notice was not delivered; nobody is answered.
    let bounce = "From: MAILER-DAEMON@mx.acme.example\nSubject: Undelivered\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary=r\n\n\
                  --r\n\nSorry.\n--r\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; max@acme.example\nAction: failed\nStatus: 5.1.1\n\n--r--\n";
    let reply = Smtp::connect_from("127.0.0.2", daemon.address).sends("", &bounces, bounce);
    let id = reply.strip_prefix("250 2.0.0 kept as ").unwrap_or_else(|| panic!("{reply}"));
    assert_eq!(text(&acme.ended(id), "reason"), "own_bounce");
    let failed: Vec<_> = acme.messages().into_iter().filter(|message| message["state"] == "failed").collect();
    assert_eq!(failed.len(), 1);
    assert!(text(&failed[0], "last_error").contains("5.1.1"), "{failed:?}");
    // Automatic mail of strangers is ignored; of a user it is held, and he is not answered.
    for (sender, disposition, reason) in [("stranger@evil.example", "ignored", "auto_reply"), ("max@acme.example", "held", "automatic")] {
        let mail = Forward { sender, subject: "Abwesend", id: &format!("auto-{sender}"), ..Forward::default() }.mail();
        let id = daemon.delivers(&mail.replacen("From:", "Auto-Submitted: auto-replied\nFrom:", 1));
        assert_eq!((text(&acme.ended(&id), "disposition"), text(&acme.ended(&id), "reason")), (disposition, reason));
    }
    // A number typed at the start is a person's work, whatever else the header says.
    let mail = Forward { id: "typed@acme.example", ..Forward::default() }.mail();
    let id = daemon.delivers(&mail.replacen("From:", "Auto-Submitted: auto-generated\nFrom:", 1));
    assert_eq!(text(&acme.ended(&id), "disposition"), "filed");
    // An address that we never gave out.
    let mut direct = Smtp::connect_from("127.0.0.2", daemon.address);
    direct.says("EHLO x");
    direct.says("MAIL FROM:<>");
    assert!(direct.says("RCPT TO:<bounces+01JDF7Q3000000000000000000@acme.example>").starts_with("550 5.1.1 "));
    assert_eq!(acme.messages().len(), 4, "two notices for each filed mail, and nothing else");
    eventually("the last notices", || acme.messages().iter().all(|message| message["state"] != "queued").then_some(()));
    acme.leaves_outbox = true;
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: S1.E9, S1.E10.
#[test]
fn forwards_of_every_shape() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    let head = |id: &str, kind: &str| {
        format!(
            "Authentication-Results: mx.acme.example; dmarc=pass header.from=acme.example\nFrom: petra@acme.example\nTo: import@acme.example\nSubject: 4711 WG: x\nMessage-ID: <{id}>\nMIME-Version: 1.0\nContent-Type: {kind}\n\n"
        )
    };
    let inner = format!(
        "From: Maria Kanarie <{MARIA}>\nTo: petra@acme.example\nSubject: Meine Antwort\nDate: Fri, 20 Nov 2026 18:02:11 +0100\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=i\n\n\
         --i\n\nkanarienvogel-text\n--i\nContent-Type: application/pdf\nContent-Disposition: attachment; filename=\"Lebenslauf.pdf\"\nContent-Transfer-Encoding: base64\n\nJVBERi0xLjQ=\n--i--\n"
    );
    let attached = format!(
        "{}--o\n\nSiehe Anhang.\n--o\nContent-Type: message/rfc822\n\n{inner}\n--o--\n",
        head("a@acme.example", "multipart/mixed; boundary=o")
    );
    let id = daemon.delivers(&attached);
    assert_eq!(text(&acme.ended(&id), "disposition"), "filed");
    let entry = acme.entries("4711").remove(0);
    assert_eq!((text(&entry["original"], "how"), entry["original"]["from"]["address"].as_str()), ("attached", Some(MARIA)));
    assert_eq!((text(&entry["original"], "date"), text(&entry["original"], "subject")), ("2026-11-20T18:02:11+01:00", "Meine Antwort"));
    assert!(text(&entry, "text").contains("Siehe Anhang.") && text(&entry, "text").contains("kanarienvogel-text"));
    assert_eq!((entry["documents"].as_array().unwrap().len(), text(&entry["documents"][0], "kind")), (1, "cv"));
    let html = format!(
        "{}<p>Zur Info</p><p><b>Von:</b> Maria Kanarie &lt;{MARIA}&gt;<br><b>Gesendet:</b> Freitag, 20. November 2026 18:02<br><b>An:</b> Petra<br><b>Betreff:</b> AW: x</p>\
         <p>kanarienvogel-text</p><img src=\"cid:l@x\">\n",
        head("h@acme.example", "text/html; charset=utf-8")
    );
    let id = daemon.delivers(&html);
    assert_eq!(text(&acme.ended(&id), "disposition"), "filed");
    assert_eq!(text(&acme.entries("4711")[1]["original"], "body"), "kanarienvogel-text");
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: S1.05, S1.06, S1.08, S1.E19.
#[test]
fn the_envelope_decides_and_nothing_is_created() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    let before = (acme.count("candidate"), acme.count("application"));
    // The header names others; the import address was in Bcc, with a detail.
    let mail = Forward::default().mail().replace("To: import@acme.example", "To: import@beta.example, somebody@else.example");
    let reply = daemon.connect().sends(PETRA, "import+irgendwas@acme.example", &mail);
    let id = reply.strip_prefix("250 2.0.0 kept as ").unwrap_or_else(|| panic!("{reply}"));
    assert_eq!(text(&acme.ended(id), "disposition"), "filed");
    // A new person's application by mail is not this address's business.
    let id = daemon.delivers(
        &Forward { subject: "Bewerbung als Entwickler", inside: ("Neu Hier", "neu@example.org"), id: "neu@x", ..Forward::default() }.mail(),
    );
    assert_eq!(text(&acme.ended(&id), "disposition"), "held");
    assert_eq!((acme.count("candidate"), acme.count("application")), before);
    let mut peer = daemon.connect();
    peer.says("EHLO x");
    peer.says("MAIL FROM:<a@b.example>");
    for stranger in ["other@acme.example", "import@nowhere.example", "relay@example.net"] {
        let reply = peer.says(&format!("RCPT TO:<{stranger}>"));
        assert!(reply.starts_with("550 5.1.1 "), "{stranger}: {reply}");
    }
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// What an operator does: shows, retries, assigns, discards; each leaves a line in the audit log.
#[test]
fn an_operator_repairs() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    let send = |number: &str| {
        let id = daemon.delivers(&Forward { subject: &format!("{number} WG: x"), id: &format!("{number}@x"), ..Forward::default() }.mail());
        acme.ended(&id);
        id
    };
    let (wrong, early, junk) = (send("4771"), send("6000"), send("7777"));
    // Nothing has changed: it is held as it was, and its forwarder has the one receipt that he gets (G7).
    assert!(acme.succeeds(&["dead-letter", "retry", &wrong, "--tenant", "acme"]).contains("held: unknown_number"));
    let shown = acme.succeeds(&["dead-letter", "show", &wrong, "--tenant", "acme"]);
    assert!(shown.contains("4711  Maria Kanarie") && shown.contains("No application has this reference number"), "{shown}");
    let (code, error) = acme.fails(&["dead-letter", "assign", &wrong, "--reference", "4717", "--tenant", "acme"]);
    assert!(code == 1 && error.contains("there is no application 4717; near it: 4711, 4712"), "{error}");
    assert!(acme.succeeds(&["dead-letter", "assign", &wrong, "--reference", "4711", "--tenant", "acme"]).contains("filed"));
    assert_eq!(acme.entries("4711")[0]["flags"].to_string(), r#"["assigned"]"#);
    // The application turns up; then a retry files the mail.
    acme.import(r#"{"tenant": {"id": "acme"}, "applications": [{"id": "A9", "reference": "6000", "job": "J1", "candidate": {"id": "C1", "name": "Maria Kanarie", "emails": ["kanarie.adresse@example.net"]}}]}"#);
    assert!(acme.succeeds(&["dead-letter", "retry", &early, "--tenant", "acme"]).contains("filed"));
    assert_eq!(acme.fails(&["dead-letter", "discard", &junk, "--why", " ", "--tenant", "acme"]).0, 1);
    acme.succeeds(&["dead-letter", "discard", &junk, "--why", "Werbung", "--tenant", "acme"]);
    assert!(acme.held().is_empty());
    let closed = acme.json(&["mail", "show", &junk, "--json", "--tenant", "acme"]);
    assert_eq!((text(&closed, "disposition"), closed["closed"]["why"].as_str()), ("held", Some("Werbung")));
    let audit: Vec<_> = closed["audit"].as_array().unwrap().iter().map(|line| text(line, "what").to_owned()).collect();
    assert_eq!(audit, ["held", "discarded"]);
    // What is filed stays filed.
    for command in ["mail", "dead-letter"] {
        assert_eq!(acme.fails(&[command, "retry", &wrong, "--tenant", "acme"]).0, 1);
    }
    assert_eq!(acme.all_sent().iter().filter(|message| message["purpose"] == "receipt").count(), 3);
    daemon.stop();
    acme.is_sound();
}

/// The outbox: a relay that is away, and one that says no.
#[test]
fn a_relay_that_is_away() {
    let mut acme = Installation::new();
    acme.configure("", "[outgoing]\nhost = \"127.0.0.1\"\nport = 1\n");
    let daemon = acme.serve();
    let id = daemon.delivers(&Forward::default().mail());
    acme.ended(&id);
    let waiting = eventually("a deferred message", || {
        let messages = acme.messages();
        messages.iter().all(|message| message["state"] == "deferred").then_some(messages)
    });
    assert!(waiting.len() == 2 && waiting[0]["attempts"] == 1 && text(&waiting[0], "last_error").contains("onnect"), "{waiting:?}");
    daemon.stop();
    let relay = acme.relay_section();
    acme.configure("", &relay);
    let daemon = acme.serve();
    for message in &waiting {
        acme.succeeds(&["outbox", "retry", text(message, "id"), "--tenant", "acme"]);
    }
    acme.all_sent();
    let caught = acme.catcher.as_ref().unwrap().caught();
    assert_eq!(caught.len(), 2);
    assert!(acme.fails(&["outbox", "retry", text(&waiting[0], "id"), "--tenant", "acme"]).1.contains("sent already"));
    daemon.stop();
    acme.is_sound();
}

/// RFC 5321 §4.5.1: postmaster is heard, and handed to the operator.
#[test]
fn mail_to_postmaster() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    for address in ["postmaster", "Postmaster@acme.example"] {
        let reply = Smtp::connect_from("127.0.0.2", daemon.address).sends(
            "a@b.example",
            address,
            "Subject: kanarie-betreff\n\nkanarienvogel-text\n",
        );
        assert!(reply.starts_with("250 "), "{address}: {reply}");
    }
    let caught = eventually("two messages to the operator", || {
        let caught = acme.catcher.as_ref().unwrap().caught();
        (caught.len() == 2).then_some(caught)
    });
    for message in caught {
        let mail = text_of(&message.data);
        assert!(message.to[0].contains("operator@acme.example") && mail.contains("filename=\"message.eml\""), "{mail}");
    }
    daemon.stop();
    acme.is_sound();
}

/// `explain` with a configuration says what would happen, and does nothing.
#[test]
fn explaining_beforehand() {
    let acme = Installation::new();
    std::fs::write(acme.path("mail.eml"), Forward::default().mail()).unwrap();
    let foreseen = |user: &[&str]| {
        let mut args = vec!["explain", "--json", "--tenant", "acme", "mail.eml"];
        args.extend(user);
        acme.json(&args)
    };
    let filed = foreseen(&["--user", PETRA]);
    assert_eq!((text(&filed, "file"), text(&filed, "disposition"), filed["reason"].as_str()), ("mail.eml", "filed", None));
    assert_eq!(filed["notify"].to_string(), r#"["max@acme.example","petra@acme.example"]"#);
    assert_eq!(text(&foreseen(&[]), "reason"), "sender_not_authenticated");
    assert_eq!(text(&foreseen(&["--user", "max@acme.example"]), "reason"), "sender_may_not_import");
    assert_eq!(acme.runs(&["explain", "--user", "nobody@acme.example", "--tenant", "acme", "mail.eml"]).status.code(), Some(2));
    assert!(acme.mails().is_empty());
}
