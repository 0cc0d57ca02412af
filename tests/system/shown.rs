//! What people are shown: history, held mail and listings, beside a second tenant and with hostile text in the mails.

use crate::harness::*;
use serde_json::Value;
use std::process::Command;

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no {key} in {value}"))
}

/// A mail that is no forward, of somebody whom nothing vouches for.
fn letter(from: &str, subject: &str) -> String {
    format!(
        "From: {from}\nSubject: {subject}\nMessage-ID: <{subject}@y.example>\nDate: Sat, 21 Nov 2026 10:00:00 +0100\n\nkanarienvogel-text\n"
    )
}

/// A mail that was assigned by hand names who wrote it, and who assigned it.
#[test]
fn history_names_the_writer() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    let id = daemon.delivers(&letter("Xaver Y <x@y.example>", "Gruss"));
    acme.ended(&id);
    acme.succeeds(&["dead-letter", "assign", &id, "--reference", "4711", "--tenant", "acme"]);
    let entry = acme.entries("4711").remove(0);
    assert_eq!((entry["from"]["address"].as_str(), entry["date"].as_str()), (Some("x@y.example"), Some("2026-11-21T10:00:00+01:00")));
    let shown = acme.succeeds(&["history", "4711", "--tenant", "acme"]);
    assert!(shown.starts_with("4711  Maria Kanarie  Entwickler (m/w/d)\n") && shown.contains(" UTC  inbound_email"), "{shown}");
    assert!(shown.contains("  written by    Xaver Y <x@y.example>, 2026-11-21") && shown.contains("  assigned by   cli:"), "{shown}");
    assert!(!shown.contains("forwarded by"), "{shown}");
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: S1.E17. Whether somebody is responsible is not read off the addresses that were told.
#[test]
fn nobody_responsible() {
    let mut acme = Installation::new();
    // Petra is responsible, and hers is the fallback address too.
    acme.import(r#"{"tenant": {"id": "acme", "fallback_address": "petra@acme.example"}}"#);
    // Nobody is responsible for this job of a tenant without a fallback address.
    acme.import(
        r#"{"tenant": {"id": "beta"}, "jobs": [{"id": "J2", "title": "Nobody's"}],
            "applications": [{"id": "A2", "reference": "5100", "job": "J2", "candidate": {"id": "C1", "name": "Carl", "emails": ["carl@example.net"]}}]}"#,
    );
    let daemon = acme.serve();
    let id = daemon.delivers(&Forward::default().mail());
    acme.ended(&id);
    let entry = acme.entries("4711").remove(0);
    assert!(entry["nobody_responsible"] == false && entry["told"].to_string().contains(PETRA), "{entry}");
    let carl = Forward { subject: "5100 Fwd: x", sender: "bert@beta.example", inside: ("Carl", "carl@example.net"), ..Forward::default() };
    let reply = daemon.connect().sends("bert@beta.example", "import@beta.example", &carl.mail());
    assert!(reply.starts_with("250 "), "{reply}");
    let history = ["history", "5100", "--tenant", "beta"];
    let entry = eventually("a filed mail of beta", || {
        acme.json(&[&history[..], &["--json"]].concat())["entries"].as_array().unwrap().first().cloned()
    });
    assert!(entry["nobody_responsible"] == true && entry["told"].as_array().unwrap().is_empty(), "{entry}");
    let shown = acme.succeeds(&history);
    assert!(shown.contains("  responsible   nobody: there is no fallback address, so nobody was told"), "{shown}");
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// Acceptance: S1.30. Documents exist for tenants with that tab, and there for the kinds that they chose.
#[test]
fn the_documents_tab() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    let files = [("Anschreiben.pdf", "%PDF-1.4 brief"), ("Lebenslauf.pdf", "%PDF-1.4 leben"), ("Zettel.txt", "zettel")];
    let tabs = |setting: &str, id: &str| {
        acme.import(&format!(r#"{{"tenant": {{"id": "acme", {setting}}}}}"#));
        let id = daemon.delivers(&Forward { attachments: &files, id, ..Forward::default() }.mail());
        assert_eq!(text(&acme.ended(&id), "disposition"), "filed");
        let entry = acme.entries("4711").pop().unwrap();
        let documents = entry["documents"].as_array().unwrap();
        documents.iter().map(|one| format!("{} {}", text(one, "kind"), one["tabs"])).collect::<Vec<_>>()
    };
    let (both, files_only) = (r#"["files","documents"]"#, r#"["files"]"#);
    let none = [format!("cover_letter {files_only}"), format!("cv {files_only}"), format!("other {files_only}")];
    assert_eq!(tabs(r#""documents_tab": false"#, "without@x"), none);
    // The kinds alone make no tab.
    assert_eq!(tabs(r#""documents_kinds": ["cv", "other"]"#, "kinds@x"), none);
    let chosen = [format!("cover_letter {files_only}"), format!("cv {both}"), format!("other {both}")];
    assert_eq!(tabs(r#""documents_tab": true"#, "both@x"), chosen);
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// Every command that is printed works as it stands, and says of each mail what it is.
#[test]
fn repair_beside_another_tenant() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    let id = daemon.delivers(&Forward { subject: "4771 WG: x", ..Forward::default() }.mail());
    acme.ended(&id);
    let list = acme.succeeds(&["dead-letter", "list", "--tenant", "acme"]);
    assert!(list.contains("  from     Somebody <petra@acme.example>\n") && list.contains(" UTC  unknown_number\n"), "{list}");
    assert!(list.contains("  number   4771\n"), "{list}");
    let shown = acme.succeeds(&["dead-letter", "show", &id, "--tenant", "acme"]);
    assert!(shown.contains("from      Somebody <petra@acme.example>\n"), "{shown}");
    let printed = |words: &str| {
        let line = shown.lines().find(|line| line.contains(words)).unwrap_or_else(|| panic!("{words} is missing in {shown}"));
        let (_, command) = line.split_once("rohrpost ").unwrap();
        command.split(" > ").next().unwrap().split(' ').map(str::to_owned).collect::<Vec<_>>()
    };
    let types = |words: &[String]| acme.runs(&words.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(types(&printed("To read it")).stdout.starts_with(b"Authentication-Results"));
    // Another tenant has no such mail, whatever is done to it.
    for command in [&["show"][..], &["retry"], &["assign", "--reference", "4711"], &["discard", "--why", "x"]] {
        let mut args = vec!["--tenant", "beta", "dead-letter", command[0], &id];
        args.extend(&command[1..]);
        let (code, error) = acme.fails(&args);
        assert!(code == 1 && error.contains(&format!("there is no mail {id}")), "{args:?}: {error}");
    }
    acme.succeeds(&["dead-letter", "discard", &id, "--why", "Werbung", "--tenant", "acme"]);
    for command in [&["retry"][..], &["assign", "--reference", "4711"], &["discard", "--why", "x"]] {
        let mut args = vec!["--tenant", "acme", "dead-letter", command[0], &id];
        args.extend(&command[1..]);
        let (code, error) = acme.fails(&args);
        let says = format!("{id} is not held any more: it was discarded; `rohrpost --tenant acme mail retry {id}` sends it through again");
        assert!(code == 1 && error.contains(&says), "{args:?}: {error}");
    }
    let listed = |end: &str| acme.json(&["mail", "list", "--disposition", end, "--json", "--tenant", "acme"]).as_array().unwrap().len();
    assert_eq!((listed("discarded"), listed("held"), listed("filed")), (1, 1, 0));
    assert!(
        acme.fails(&["mail", "list", "--disposition", "lost", "--tenant", "acme"]).1.contains("filed, held, duplicate, ignored, discarded")
    );
    acme.succeeds(&["mail", "retry", &id, "--tenant", "acme"]);
    assert_eq!(text(&acme.ended(&id), "disposition"), "held");
    assert_eq!(listed("discarded"), 0);
    assert_eq!(types(&printed("dead-letter assign")).status.code(), Some(0));
    // A filed mail says where it is, and what was kept out.
    acme.ended(&id);
    let files = [("kanarie.exe", "MZ kanarienvogel-text")];
    let other = daemon.delivers(&Forward { attachments: &files, id: "exe@x", ..Forward::default() }.mail());
    acme.ended(&other);
    for (at, (mail, kept_out)) in [(&id, false), (&other, true)].into_iter().enumerate() {
        let shown = acme.succeeds(&["mail", "show", mail, "--tenant", "acme"]);
        assert!(shown.contains(&format!("filed as  entry {} of 4711 Maria Kanarie\n", text(&acme.entries("4711")[at], "id"))), "{shown}");
        assert_eq!(shown.contains("not filed     kanarie.exe  (files of this type are not taken)"), kept_out, "{shown}");
    }
    let (_, error) = acme.fails(&["history", "move", "X", "--reference", "4711", "--tenant", "acme"]);
    assert!(error.contains("`history NUMBER` prints them for entries"), "{error}");
    let (_, error) = acme.fails(&["dead-letter", "retry", &id, "--tenant", "acme"]);
    assert!(error.contains(&format!("is not held; see `rohrpost --tenant acme mail show {id}`")), "{error}");
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// One folder shows what is held of all tenants: another one's file is not foreign.
#[test]
fn foreign_files_are_nobodys() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    let id = daemon.delivers(&Forward { subject: "4771 WG: x", ..Forward::default() }.mail());
    acme.ended(&id);
    eventually("its file", || acme.held()[0]["file"].is_string().then_some(()));
    let beta = ["dead-letter", "list", "--tenant", "beta"];
    assert_eq!(acme.succeeds(&beta), "nothing is held\n");
    let letter = acme.path("state/dead-letters/new/a letter");
    std::fs::write(&letter, "From: x\n\nhello\n").unwrap();
    let json = |tenant: &str| acme.json(&["dead-letter", "list", "--json", "--tenant", tenant]);
    let foreign = serde_json::json!({"foreign": true, "file": letter, "why": "unknown"});
    assert_eq!(json("beta"), serde_json::json!([foreign]));
    assert_eq!((json("acme")[0]["id"].as_str(), &json("acme")[1]), (Some(id.as_str()), &foreign));
    acme.all_sent();
    daemon.stop();
}

/// Mail to postmaster without an operator's address is told to nobody, and is seen where docs/configuration.md says.
#[test]
fn mail_to_postmaster_without_an_operator() {
    let mut acme = Installation::new();
    let text_of_config = std::fs::read_to_string(acme.path("rohrpost.toml")).unwrap();
    std::fs::write(acme.path("rohrpost.toml"), text_of_config.replace("postmaster = \"operator@acme.example\"\n", "")).unwrap();
    let daemon = acme.serve();
    let reply = Smtp::connect_from("127.0.0.2", daemon.address).sends("a@b.example", "postmaster", "Subject: x\n\nkanarienvogel-text\n");
    let id = reply.strip_prefix("250 2.0.0 kept as ").unwrap_or_else(|| panic!("{reply}"));
    let show = ["mail", "show", id, "--tenant", "-"];
    let shown = eventually("its end", || {
        let shown = acme.succeeds(&show);
        shown.contains("state     ignored (postmaster)").then_some(shown)
    });
    assert!(shown.contains(id), "{shown}");
    let list = acme.json(&["mail", "list", "--json", "--tenant", "-"]);
    assert_eq!((text(&list[0], "id"), text(&list[0], "disposition")), (id, "ignored"));
    assert!(acme.catcher.as_ref().unwrap().caught().is_empty() && acme.mails().is_empty());
    daemon.stop();
    acme.is_sound();
}

/// What a mail brings reaches no terminal as it is: neither in text, nor in JSON, nor raw.
#[test]
fn a_terminal_is_not_driven() {
    let mut acme = Installation::new();
    let daemon = acme.serve();
    let id = daemon.delivers(&letter("=?utf-8?Q?A=C2=9B31m=E2=80=AEb?= <x@y.example>", "=?utf-8?Q?a=C2=9B31m=E2=80=AEb=E2=80=8Bc?="));
    acme.ended(&id);
    let hidden = ['\u{9b}', '\u{202e}', '\u{200b}', '\u{1b}'];
    for args in [&["mail", "list"][..], &["mail", "show", &id], &["dead-letter", "list"], &["dead-letter", "show", &id]] {
        let said = acme.succeeds(&[args, &["--tenant", "acme"]].concat());
        assert!(said.contains("31mbc") && !said.contains(hidden), "{said:?}");
        let said = acme.succeeds(&[args, &["--tenant", "acme", "--json"]].concat());
        assert!(said.contains("a\\u009b31m\\u202eb\\u200bc") && !said.contains(hidden), "{said:?}");
    }
    let raw = ["mail", "show", &id, "--raw", "--tenant", "acme"];
    assert!(acme.runs(&raw).stdout.starts_with(b"From: "));
    let said = on_a_terminal(acme.command(&raw));
    assert!(
        said.contains(&format!(
            "a raw mail is not for a terminal; write it to a file: rohrpost --tenant acme mail show {id} --raw > {id}.eml"
        )),
        "{said}"
    );
    assert!(!said.contains("kanarienvogel-text") && said.ends_with("exit 2"), "{said}");
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// What a command says on a terminal of its own, and how it ends.
fn on_a_terminal(command: Command) -> String {
    let script = "import os, pty, sys\nstatus = pty.spawn(sys.argv[1:])\nprint('exit', os.waitstatus_to_exitcode(status), end='')";
    let output = Command::new("python3").arg("-c").arg(script).arg(command.get_program()).args(command.get_args()).output().unwrap();
    String::from_utf8(output.stdout).unwrap().replace("\r\n", "\n")
}

/// The help describes every argument, and what needs a configuration says so.
#[test]
fn help() {
    let acme = Installation::new();
    let commands: [&[&str]; 16] = [
        &["demo"],
        &["explain"],
        &["import"],
        &["history"],
        &["history", "move"],
        &["history", "withdraw"],
        &["document", "get"],
        &["mail", "list"],
        &["mail", "show"],
        &["mail", "retry"],
        &["dead-letter", "list"],
        &["dead-letter", "show"],
        &["dead-letter", "assign"],
        &["dead-letter", "discard"],
        &["outbox", "retry"],
        &["user", "set-password"],
    ];
    for command in commands {
        let help = acme.succeeds(&[command, &["-h"]].concat());
        let lines: Vec<&str> =
            help.lines().filter(|line| line.starts_with("  ") && line.trim_start().starts_with(['<', '[', '-'])).collect();
        assert!(lines.len() >= 3, "{help}");
        // A description stands behind two blanks at least, or on the next line.
        let bare = lines
            .iter()
            .filter(|line| !line.trim().contains("  "))
            .find(|line| help.contains(&format!("{line}\n  -")) || help.ends_with(&format!("{line}\n")));
        assert!(bare.is_none(), "{command:?}: {bare:?} has no description");
    }
    std::fs::write(acme.path("mail.eml"), Forward::default().mail()).unwrap();
    for option in ["--user", "--rcpt"] {
        let output = Command::new(env!("CARGO_BIN_EXE_rohrpost"))
            .args(["explain", option, PETRA])
            .arg(acme.path("mail.eml"))
            .env_remove("ROHRPOST_CONFIG")
            .output()
            .unwrap();
        assert!(output.status.code() == Some(2) && String::from_utf8_lossy(&output.stderr).contains("--config"), "{output:?}");
    }
}
