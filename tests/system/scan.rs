//! Files that are kept out: refused types, and what a real clamd finds. The text is filed all the same, and the file is named.

use crate::clamd::{Clamd, FOUND, LARGEST, eicar};
use crate::harness::*;
use base64::Engine;
use serde_json::Value;
use sqlx::Connection;
use std::io::{Read, Write};

/// A forward with further parts, each given with its own header.
fn with_parts(id: &str, parts: &[String]) -> String {
    let mail = Forward { id, attachments: &[("Kanarie-Datei-0.txt", "harmless")], ..Forward::default() }.mail();
    let parts: String = parts.iter().map(|part| format!("\n--b0\n{part}")).collect();
    mail.replace("\n--b0--\n", &format!("{parts}\n--b0--\n"))
}

fn attached(name: &str, content: &str) -> String {
    format!("Content-Type: application/pdf\nContent-Disposition: attachment; filename=\"{name}\"\n\n{content}")
}

fn in_base64(name: &str, content: &[u8]) -> String {
    let lines = base64::engine::general_purpose::STANDARD.encode(content);
    let lines: Vec<&str> = lines.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!(
        "Content-Type: application/pdf\nContent-Disposition: attachment; filename=\"{name}\"\nContent-Transfer-Encoding: base64\n\n{}",
        lines.join("\n")
    )
}

/// A mail in a mail. `first` is its first field; with a name it is a file, without one it is opened.
fn mail_inside(first: &str, name: Option<&str>, part: &str) -> String {
    let disposition = name.map(|name| format!("Content-Disposition: attachment; filename=\"{name}\"\n")).unwrap_or_default();
    format!(
        "Content-Type: message/rfc822\n{disposition}\n{first}\nFrom: Maria Kanarie <{MARIA}>\nSubject: Re: kanarie-betreff\n\
         MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"b1\"\n\n--b1\n\nInnen.\n--b1\n{part}\n--b1--\n"
    )
}

/// Name, role and reason of every part of the entry.
fn parts(entry: &Value) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    entry["parts"].as_array().unwrap().iter().map(|part| (text(&part["name"]), text(&part["role"]), text(&part["reason"]))).collect()
}

fn row(name: &str, role: &str, reason: &str) -> (String, String, String) {
    (name.into(), role.into(), reason.into())
}

/// The notice to one person about the newest mail, decoded.
fn notice(acme: &Installation, to: &str) -> String {
    acme.all_sent();
    let caught = acme.catcher.as_ref().unwrap().caught();
    let last = caught.iter().rev().find(|caught| text_of(&caught.data).contains(to)).unwrap();
    String::from_utf8_lossy(
        &mail_parser::MessageParser::default().parse(&last.data).unwrap().body_text(0).unwrap().into_owned().into_bytes(),
    )
    .into_owned()
}

/// Acceptance: S1.E14; G8. By the ending of the name and by the content, without any scanner.
#[test]
fn refused_types() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    let id = daemon.delivers(&with_parts(
        "types@acme.example",
        &[
            attached("Kanarie-Datei.pdf.exe", "text"),
            in_base64("Kanarie-Datei-cv.pdf", b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0\xb8\0\0\0\0\0\0\0\x40\0\0\0"),
            attached("Kanarie-Datei-brief.pdf", "text"),
        ],
    ));
    assert_eq!(acme.ended(&id)["disposition"], "filed");
    let entry = &acme.entries("4711")[0];
    assert_eq!(
        parts(entry),
        [
            row("Kanarie-Datei-0.txt", "file", "-"),
            row("Kanarie-Datei.pdf.exe", "skipped", "type_refused"),
            row("Kanarie-Datei-cv.pdf", "skipped", "disguised"),
            row("Kanarie-Datei-brief.pdf", "file", "-"),
        ]
    );
    assert_eq!(entry["documents"].as_array().unwrap().len(), 2);
    assert!(entry["original"]["body"].as_str().unwrap().contains("kanarienvogel-text"), "the text is filed");
    let told = notice(&acme, "max@acme.example");
    let (filed, kept_out) = told.split_once("Not filed:").unwrap_or_else(|| panic!("{told}"));
    assert!(filed.contains("Kanarie-Datei-brief.pdf") && !filed.contains("exe"), "{told}");
    assert!(kept_out.contains("Kanarie-Datei.pdf.exe (files of this type are not taken)"), "{told}");
    assert!(kept_out.contains("Kanarie-Datei-cv.pdf (is a program under another name)"), "{told}");
    assert!(acme.succeeds(&["--tenant", "acme", "history", "4711"]).contains("Kanarie-Datei.pdf.exe  (files of this type are not taken)"));
    // A tenant's own list stands for the built-in one.
    acme.import(r#"{"tenant": {"id": "acme", "refused_file_types": [".PDF"]}}"#);
    let id = daemon.delivers(&with_parts("own@acme.example", &[attached("a.exe", "text"), attached("b.pdf", "text")]));
    assert_eq!(acme.ended(&id)["disposition"], "filed");
    let entry = &acme.entries("4711")[1];
    assert_eq!(parts(entry)[1..], [row("a.exe", "file", "-"), row("b.pdf", "skipped", "type_refused")]);
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: S1.E14; G8. A clean mail is filed; what the scanner finds is not, however it was packed, and cannot be fetched.
#[test]
fn what_the_scanner_finds() {
    let mut clamd = Clamd::new();
    clamd.starts();
    let mut acme = Installation::new();
    acme.configure("", &format!("{}{}", acme.relay_section(), clamd.section("refuse")));
    assert!(!acme.succeeds(&["check"]).contains("scan.clamd"));
    let daemon = acme.serve();
    let id = daemon.delivers(&with_parts("clean@acme.example", &[in_base64("clean.pdf", b"nothing in it")]));
    assert_eq!(acme.ended(&id)["disposition"], "filed");
    assert!(parts(&acme.entries("4711")[0]).iter().all(|(_, role, _)| role == "file"));
    let virus = eicar();
    // The same saved as a file, and attached as an image.
    let saved = mail_inside("GIF89a: 1", None, &in_base64("inside.pdf", virus.as_bytes()));
    let saved = in_base64("Kanarie-Datei-5.eml", saved.split_once("\n\n").unwrap().1.replace('\n', "\r\n").as_bytes());
    let mail = with_parts(
        "infected@acme.example",
        &[
            attached("Kanarie-Datei-1.txt", &virus),
            in_base64("Kanarie-Datei-2.pdf", virus.as_bytes()),
            in_base64("Kanarie-Datei-3.pdf", b"nothing in it"),
            // As a file: what is encoded in it is found although its first field looks like the beginning of an image.
            mail_inside("GIF89a: 1", Some("Kanarie-Datei-4.eml"), &in_base64("inside.pdf", virus.as_bytes())),
            saved,
        ],
    );
    std::fs::write(acme.path("mail.eml"), &mail).unwrap();
    let explained = acme.json(&["--tenant", "acme", "explain", "--json", "--user", PETRA, acme.path("mail.eml").to_str().unwrap()]);
    let id = daemon.delivers(&mail);
    assert_eq!(acme.ended(&id)["disposition"], "filed");
    let entry = &acme.entries("4711")[1];
    let want = [
        row("Kanarie-Datei-0.txt", "file", "-"),
        row("Kanarie-Datei-1.txt", "skipped", "infected"),
        row("Kanarie-Datei-2.pdf", "skipped", "infected"),
        row("Kanarie-Datei-3.pdf", "file", "-"),
        row("Kanarie-Datei-4.eml", "skipped", "infected"),
        row("Kanarie-Datei-5.eml", "skipped", "infected"),
    ];
    assert_eq!(parts(entry), want);
    let foreseen = serde_json::json!({"parts": explained["attachments"]});
    assert_eq!(parts(&foreseen), want, "explain says what becomes of it");
    assert_eq!((&entry["parts"][1]["found"], &entry["parts"][1]["document"]), (&FOUND.into(), &Value::Null));
    assert_eq!(entry["documents"].as_array().unwrap().len(), 2, "there is nothing that `document get` could name");
    assert!(entry["original"]["body"].as_str().unwrap().contains("kanarienvogel-text"), "the text is filed");
    let told = notice(&acme, "max@acme.example");
    assert!(told.contains(&format!("Kanarie-Datei-2.pdf (the virus scanner found {FOUND})")), "{told}");
    // In a mail that is opened, its own files are looked at.
    let head = Forward { id: "opened@acme.example", ..Forward::default() }.mail();
    let head = head.split("Content-Type").next().unwrap();
    let inside = mail_inside("Date: Fri, 20 Nov 2026 18:02:11 +0100", None, &in_base64("inside.pdf", virus.as_bytes()));
    let id = daemon.delivers(&format!("{head}Content-Type: multipart/mixed; boundary=\"b0\"\n\n--b0\n\nBitte.\n--b0\n{inside}\n--b0--\n"));
    assert_eq!(acme.ended(&id)["disposition"], "filed");
    let entry = &acme.entries("4711")[2];
    assert_eq!(parts(entry), [row("-", "skipped", "unpacked"), row("inside.pdf", "skipped", "infected")]);
    assert!(entry["original"]["body"].as_str().unwrap().contains("Innen."));
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: S1.E14. While the scanner is down nothing is taken; what was taken waits, and is filed when it is back.
#[test]
fn a_scanner_that_is_down_and_mail_is_refused() {
    let mut clamd = Clamd::new();
    let mut acme = Installation::new();
    acme.configure("", &format!("{}{}", acme.relay_section(), clamd.section("refuse")));
    let said = acme.succeeds(&["check"]);
    assert!(said.contains("scan.clamd") && said.contains("no mail is taken"), "{said}");
    let daemon = acme.serve();
    let mail = |id| with_parts(id, &[in_base64("a.pdf", b"a")]);
    let reply = daemon.connect().sends(PETRA, IMPORT, &mail("down@acme.example"));
    assert!(reply.starts_with("451 4.3.0 "), "{reply}");
    // What never becomes an entry needs no scanner.
    let reply = daemon.connect().sends("", "postmaster", "Subject: x\n\nx\n");
    assert!(reply.starts_with("250 "), "{reply}");
    clamd.starts();
    let id = eventually("mail to be taken again", || {
        let reply = daemon.connect().sends(PETRA, IMPORT, &mail("up@acme.example"));
        reply.strip_prefix("250 2.0.0 kept as ").map(str::to_owned)
    });
    assert_eq!(acme.ended(&id)["disposition"], "filed");
    // It dies between the door, which has just heard of it, and the pipeline.
    let first = daemon.delivers(&mail("first@acme.example"));
    assert_eq!(acme.ended(&first)["disposition"], "filed");
    clamd.dies();
    let second = daemon.delivers(&mail("second@acme.example"));
    eventually("the arrival to be put back", || acme.logs().contains(&format!("arrival {second} is put back")).then_some(()));
    assert!(acme.json(&["--tenant", "acme", "mail", "show", &second, "--json"])["disposition"].is_null());
    clamd.starts();
    assert_eq!(acme.ended(&second)["disposition"], "filed");
    assert_eq!(acme.entries("4711").len(), 3);
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: S1.E14. Or it is taken and held, and filed once the scanner is back. An operator's word never files what was not looked at.
#[test]
fn a_scanner_that_is_down_and_mail_is_held() {
    let mut clamd = Clamd::new();
    let mut acme = Installation::new();
    acme.configure("", &format!("{}{}", acme.relay_section(), clamd.section("hold")));
    let daemon = acme.serve();
    let held = |id: &str| {
        let mail = acme.ended(id);
        assert_eq!((&mail["disposition"], &mail["reason"]), (&"held".into(), &"not_scanned".into()), "{mail}");
    };
    let id = daemon.delivers(&with_parts("held@acme.example", &[in_base64("virus.pdf", eicar().as_bytes())]));
    held(&id);
    acme.succeeds(&["--tenant", "acme", "dead-letter", "assign", &id, "--reference", "4711"]);
    held(&id);
    assert_eq!(acme.count("document"), 0);
    // A mail without files needs no scanner.
    let plain = daemon.delivers(&Forward { id: "plain@acme.example", ..Forward::default() }.mail());
    assert_eq!(acme.ended(&plain)["disposition"], "filed");
    // The log says it once, with the socket and why; what waits goes through by itself once it is back.
    assert_eq!(acme.logs().matches("until it does, [scan] when_down says").count(), 1);
    assert!(acme.logs().contains("clamd.ctl: No such file or directory (os error 2)"));
    clamd.starts();
    eventually("the scan", || (acme.ended(&id)["disposition"] == "filed").then_some(()));
    assert_eq!(acme.logs().matches("the virus scanner answers again").count(), 1);
    assert_eq!(parts(&acme.entries("4711")[1]), [row("Kanarie-Datei-0.txt", "file", "-"), row("virus.pdf", "skipped", "infected")]);
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: S1.E14. A file that clamd does not take waits for an operator; his word files the text, and the file stays out.
#[test]
fn a_file_that_is_too_large() {
    let mut clamd = Clamd::new();
    clamd.starts();
    let mut acme = Installation::new();
    acme.configure("", &format!("{}{}", acme.relay_section(), clamd.section("refuse")));
    let daemon = acme.serve();
    let large = vec![b'x'; 3 * LARGEST];
    let id = daemon.delivers(&with_parts("large@acme.example", &[in_base64("large.pdf", &large), in_base64("small.pdf", b"x")]));
    let mail = acme.ended(&id);
    assert_eq!((&mail["disposition"], &mail["reason"]), (&"held".into(), &"not_scanned".into()), "{mail}");
    // All of a reason go through again, and no others.
    let other = daemon.delivers(&Forward { subject: "9999 x", id: "other@acme.example", ..Forward::default() }.mail());
    assert_eq!(acme.ended(&other)["reason"], "unknown_number");
    let retried = |what: &str, reason: &str| acme.succeeds(&["--tenant", "acme", what, "retry", "--reason", reason]);
    assert_eq!(retried("dead-letter", "not_scanned"), "sent through again: 1\n");
    assert_eq!(acme.ended(&id)["reason"], "not_scanned");
    let audit = |id: &str| acme.ended(id)["audit"].to_string().matches("retried").count();
    assert_eq!((audit(&id), audit(&other)), (1, 0));
    assert_eq!(retried("mail", "encrypted"), "sent through again: 0\n");
    assert!(acme.fails(&["--tenant", "acme", "mail", "retry", "--reason", "boredom"]).1.contains("`dead-letter list` prints them"));
    assert_eq!(acme.fails(&["--tenant", "acme", "mail", "retry"]).0, 2);
    acme.succeeds(&["--tenant", "acme", "dead-letter", "assign", &id, "--reference", "4711"]);
    assert_eq!(acme.ended(&id)["disposition"], "filed");
    let want = [row("Kanarie-Datei-0.txt", "file", "-"), row("large.pdf", "skipped", "not_scanned"), row("small.pdf", "file", "-")];
    assert_eq!(parts(&acme.entries("4711")[0]), want);
    assert!(notice(&acme, "max@acme.example").contains("large.pdf (the virus scanner could not look into it)"));
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// A scanner that says PONG and hangs up at every file, as one does that a file brings down.
pub fn a_scanner_that_fails(path: std::path::PathBuf) {
    let listener = std::os::unix::net::UnixListener::bind(path).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut asked = [0; 6];
            if stream.read_exact(&mut asked).is_ok() && &asked == b"zPING\0" {
                let _ = stream.write_all(b"PONG\0");
            }
        }
    });
}

/// Acceptance: G4. A file that brings the scanner down is not tried for ever: after five tries the mail waits for an operator.
#[test]
fn a_file_at_which_the_scanner_fails() {
    let mut acme = Installation::new();
    let socket = acme.path("clamd.ctl");
    acme.configure("", &format!("{}[scan]\nclamd = \"unix:{}\"\n", acme.relay_section(), socket.display()));
    a_scanner_that_fails(socket);
    let daemon = acme.serve();
    let id = daemon.delivers(&with_parts("bad@acme.example", &[]));
    let put_back = || acme.logs().matches(&format!("arrival {id} is put back")).count();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for tries in 1..=5 {
        // Its time is brought forward as soon as it waits.
        eventually("the next try", || (put_back() >= tries).then_some(()));
        eventually("its turn", || {
            runtime.block_on(async {
                let path = acme.path("state/rohrpost.db");
                let mut database = sqlx::SqliteConnection::connect(path.to_str().unwrap()).await.unwrap();
                let sql = "update arrival set due_at = 0 where disposition is null and claimed_by is null";
                let changed = sqlx::query(sql).execute(&mut database).await.unwrap().rows_affected();
                (changed == 1).then_some(())
            })
        });
    }
    let mail = acme.ended(&id);
    assert_eq!((&mail["disposition"], &mail["reason"]), (&"held".into(), &"not_scanned".into()), "{mail}");
    assert_eq!(put_back(), 5);
    daemon.stop();
    acme.is_sound();
}
