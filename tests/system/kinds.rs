//! Kinds of documents: what the tenant says of names goes first, and a kind that is corrected teaches the next one.

use crate::harness::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The arguments of a command for the tenant of the tests.
fn of<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [&["--tenant", "acme"], args].concat()
}

/// A forward with files of these names.
fn forward(subject: &str, id: &str, names: &[&str]) -> String {
    let files: Vec<String> = names
        .iter()
        .map(|name| {
            format!("--b0\nContent-Type: application/pdf\nContent-Disposition: attachment; filename=\"{name}\"\n\n%PDF-1.4 {id} {name}\n")
        })
        .collect();
    format!(
        "Authentication-Results: mx.acme.example; dmarc=pass header.from=acme.example\nFrom: Petra <{PETRA}>\nTo: {IMPORT}\n\
         Subject: {subject}\nDate: Mon, 23 Nov 2026 09:30:00 +0100\nMessage-ID: <{id}>\nMIME-Version: 1.0\n\
         Content-Type: multipart/mixed; boundary=\"b0\"\n\n--b0\nContent-Type: text/plain\n\nVon: Maria Kanarie <{MARIA}>\n\
         Gesendet: Freitag, 20. November 2026 18:02\nAn: {PETRA}\nBetreff: Unterlagen {id}\n\nAnbei, {id}.\n\n{}--b0--\n",
        files.concat()
    )
}

/// Kinds by name of everything that an application has.
fn kinds(acme: &Installation, reference: &str) -> BTreeMap<String, (String, Value)> {
    let entries = acme.entries(reference);
    let documents = entries.iter().flat_map(|entry| entry["documents"].as_array().unwrap());
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    documents.map(|one| (word(&one["name"]), (word(&one["kind"]), one["tabs"].clone()))).collect()
}

fn id_of(acme: &Installation, reference: &str, name: &str) -> String {
    let entries = acme.entries(reference);
    let mut documents = entries.iter().flat_map(|entry| entry["documents"].as_array().unwrap());
    documents.find(|one| one["name"] == name).unwrap()["id"].as_str().unwrap().to_owned()
}

/// Acceptance: S1.22, S1.23, S1.29, S1.30; G10.
#[test]
fn a_tenants_rules_and_corrections() {
    let mut acme = Installation::new();
    acme.import(
        r#"{"tenant": {"id": "acme", "filename_rules": [{"words": "Steckbrief", "kind": "cv"}, {"words": "Foto", "kind": "other"}]}}"#,
    );
    let daemon = acme.serve();
    let names = ["Steckbrief_Kanarie.pdf", "Foto.pdf", "Anschreiben.pdf", "Kompass_Kanarie_2026.pdf", "scan0001.pdf"];
    let id = daemon.delivers(&forward("4711 WG: x", "1@x", &names));
    acme.ended(&id);
    let of_kind = |kind: &str, tabs: Value| (kind.to_owned(), tabs);
    let (both, files) = (json!(["files", "documents"]), json!(["files"]));
    let found = kinds(&acme, "4711");
    assert_eq!(found["Steckbrief_Kanarie.pdf"], of_kind("cv", both.clone()));
    assert_eq!(found["Foto.pdf"], of_kind("other", files.clone()));
    assert_eq!(found["Anschreiben.pdf"], of_kind("cover_letter", both.clone()));
    assert_eq!(found["Kompass_Kanarie_2026.pdf"], of_kind("other", files.clone()));
    // Corrected: another tenant cannot, nor can what is no kind; the candidate's name and the year are no rule.
    let kompass = id_of(&acme, "4711", "Kompass_Kanarie_2026.pdf");
    let (code, said) = acme.fails(&["--tenant", "beta", "document", "kind", &kompass, "cv"]);
    assert!(code == 1 && said.contains("there is no document"), "{said}");
    assert_eq!(acme.fails(&of(&["document", "kind", &kompass, "letter"])).0, 2);
    assert_eq!(acme.fails(&of(&["document", "kind", &kompass, "reference_report"])).0, 2);
    let said = acme.succeeds(&of(&["document", "kind", &kompass, "certificate"]));
    assert!(said.contains("rohrpost kind add --word \"kompass\" --kind certificate") && !said.contains("anarie"), "{said}");
    assert_eq!(kinds(&acme, "4711")["Kompass_Kanarie_2026.pdf"], of_kind("certificate", both));
    let (code, said) = acme.fails(&of(&["document", "kind", &kompass, "certificate"]));
    assert!(code == 1 && said.contains("is certificate already"), "{said}");
    // The history says so and names the document by its id alone.
    let entries = acme.entries("4711");
    let note = entries.last().unwrap();
    assert_eq!(note["kind_changed"], json!({"document": kompass, "before": "other", "kind": "certificate"}));
    assert!(note["actor"].as_str().unwrap().starts_with("cli:") && !note.to_string().contains("Kompass"), "{note}");
    assert!(acme.succeeds(&of(&["history", "4711"])).contains(&format!("{kompass}: certificate, and no more other")));
    assert_eq!(acme.count(&format!("audit_log where what = 'document_kind_changed' and subject = '{kompass}'")), 1);
    // Not learnt so far; then learnt from another correction, for the files that come.
    let rules = |tenant: &str| -> Vec<String> {
        let list = acme.json(&["--tenant", tenant, "kind", "list", "--json"]);
        list.as_array().unwrap().iter().map(|rule| format!("{}={}", rule["words"], rule["kind"]).replace('"', "")).collect()
    };
    assert_eq!(rules("acme"), ["Foto=other", "Steckbrief=cv"]);
    let said = acme.succeeds(&of(&["document", "kind", &kompass, "work_sample", "--learn"]));
    assert!(said.contains("files with \"kompass\" in their names are work_sample from now on"), "{said}");
    let scan = id_of(&acme, "4711", "Foto.pdf");
    assert!(acme.succeeds(&of(&["document", "kind", &scan, "photo", "--learn"])).contains("nothing learnt"));
    assert!(acme.succeeds(&of(&["kind", "remove", "--word", "FOTO"])).contains("removed"));
    assert_eq!(acme.fails(&of(&["kind", "remove", "--word", "Foto"])).0, 1);
    acme.succeeds(&of(&["kind", "add", "--word", "Über mich", "--kind", "cover-letter"]));
    assert_eq!(acme.fails(&of(&["kind", "add", "--word", "4711", "--kind", "cv"])).0, 2);
    assert_eq!(rules("acme"), ["kompass=work_sample", "Steckbrief=cv", "Über mich=cover_letter"]);
    assert!(rules("beta").is_empty() && acme.succeeds(&of(&["kind", "list"])).contains("Über mich  cover_letter  ("));
    let id = daemon.delivers(&forward("4711 WG: x", "2@x", &["Kompass.pdf", "UeberMich_Neu.pdf", "Foto.jpg"]));
    acme.ended(&id);
    let found = kinds(&acme, "4711");
    let kind = |name: &str| found[name].0.clone();
    assert_eq!([kind("Kompass.pdf"), kind("UeberMich_Neu.pdf"), kind("Foto.jpg")], ["work_sample", "cover_letter", "photo"]);
    // What was filed before keeps what it has.
    assert_eq!(kinds(&acme, "4711")["Steckbrief_Kanarie.pdf"].0, "cv");
    explained(&acme);
    moved(&acme, &kompass);
    acme.all_sent();
    daemon.stop();
    acme.is_sound();
}

/// `explain` knows a tenant's rules where it knows the tenant.
fn explained(acme: &Installation) {
    let file = acme.path("mail.eml");
    std::fs::write(&file, forward("4711 WG: x", "3@x", &["Kompass.pdf"])).unwrap();
    let said = acme.json(&["--tenant", "acme", "explain", "--json", file.to_str().unwrap()]);
    let kinds = |said: &Value| said.to_string().matches("work_sample").count();
    assert!(kinds(&said) > 0, "{said}");
    let said = acme.json(&["--tenant", "beta", "explain", "--json", file.to_str().unwrap()]);
    assert_eq!(kinds(&said), 0, "{said}");
}

/// A corrected kind goes with its mail; in the old place it cannot be corrected any more, and what was noted there names nobody.
fn moved(acme: &Installation, document: &str) {
    let entry = acme.entries("4711")[0]["id"].as_str().unwrap().to_owned();
    acme.succeeds(&["--tenant", "acme", "history", "move", &entry, "--reference", "4800"]);
    assert_eq!(kinds(acme, "4800")["Kompass_Kanarie_2026.pdf"].0, "work_sample");
    let (code, said) = acme.fails(&["--tenant", "acme", "document", "kind", document, "cv"]);
    assert!(code == 1 && said.contains("it was taken back with its mail"), "{said}");
    assert!(!acme.succeeds(&["--tenant", "acme", "history", "4711"]).contains("Kompass_Kanarie"));
}

/// Acceptance: S1.22. What is wrong with a rule is told with its place.
#[test]
fn rules_that_cannot_be() {
    let acme = Installation::new();
    let file = acme.path("bad.json");
    let rules =
        r#"[{"words": "4711", "kind": "cv"}, {"words": "Steckbrief", "kind": "brief"}, {"words": 7}, {"words": "x", "kind": "cv"}]"#;
    std::fs::write(&file, format!(r#"{{"tenant": {{"id": "acme", "filename_rules": {rules}}}}}"#)).unwrap();
    let (code, said) = acme.fails(&["import", file.to_str().unwrap()]);
    assert!(
        code != 0
            && said.contains("tenant.filename_rules[1].kind: unknown variant")
            && said.contains("tenant.filename_rules[2].kind: is missing"),
        "{said}"
    );
    let rules = r#"[{"words": "4711", "kind": "cv"}, {"words": "Über-uns", "kind": "cv"}, {"words": "ueber UNS", "kind": "photo"}]"#;
    std::fs::write(&file, format!(r#"{{"tenant": {{"id": "acme", "filename_rules": {rules}}}}}"#)).unwrap();
    let (_, said) = acme.fails(&["import", file.to_str().unwrap()]);
    assert!(
        said.contains("tenant.filename_rules[0].words: a word") && said.contains("tenant.filename_rules[2].words: another rule"),
        "{said}"
    );
}

/// Acceptance: S1.22. An import says what becomes of rules, and takes none away that somebody taught.
#[test]
fn an_import_keeps_what_was_taught() {
    let acme = Installation::new();
    let import = |rules: &str, more: &[&str]| {
        let file = acme.path("rules.json");
        std::fs::write(&file, format!(r#"{{"tenant": {{"id": "acme", "filename_rules": {rules}}}}}"#)).unwrap();
        acme.succeeds(&[&["import", file.to_str().unwrap()], more].concat())
    };
    assert!(import(r#"[{"words": "Blatt", "kind": "cv"}]"#, &[]).contains("1 rule for file names\n"));
    acme.succeeds(&of(&["kind", "add", "--word", "Kompass", "--kind", "cv"]));
    let said = acme.succeeds(&of(&["kind", "add", "--word", "Foto", "--kind", "other"]));
    assert!(said.contains("\"Foto\" in names of files tells nothing from now on"), "{said}");
    assert_eq!(acme.fails(&of(&["kind", "add", "--word", ".pdf", "--kind", "photo"])).0, 2);
    let expected = "0 rules for file names; 2 of `kind add` and `--learn` kept; 1 of an earlier file taken away: Blatt (cv)\n";
    let said = import("[]", &["--dry-run"]);
    assert!(said.contains(expected) && said.contains("nothing was written"), "{said}");
    let said = import("[]", &[]);
    assert!(said.contains(expected), "{said}");
    let list = acme.succeeds(&of(&["kind", "list"]));
    assert!(list.contains("Kompass  cv") && list.contains("Foto  other") && !list.contains("Blatt"), "{list}");
}
