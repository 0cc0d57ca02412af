//! The corpus of `fixtures/forwards`: whole forwards as the mail programs write them, each beside what is to be read from it.
//!
//! A field that an expectation does not name is not compared. Texts of several lines are lists of their lines.

use crate::model::message::{Message, Original, PartRole};
use crate::model::organisation::{ReferenceRules, Rules};
use serde::Deserialize;
use std::fmt::Debug;
use std::path::{Path, PathBuf};

/// What is to be read from one forward.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    reference: String,
    forwarded: bool,
    from: Option<Person>,
    /// Addresses; null for somebody who is there by name alone.
    to: Option<Vec<Option<String>>>,
    cc: Option<Vec<Option<String>>>,
    subject: Option<String>,
    date: Option<String>,
    note: Option<Vec<String>>,
    note_begins: Option<Vec<String>>,
    body: Option<Vec<String>>,
    body_begins: Option<String>,
    #[serde(default)]
    body_contains: Vec<String>,
    #[serde(default)]
    body_lacks: Vec<String>,
    attachments: Option<Vec<File>>,
    enclosed: Option<usize>,
    /// Senders of the mails inside the forwarded mail or beside it, in order.
    enclosed_from: Option<Vec<Option<String>>>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Person {
    name: Option<String>,
    address: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    /// `other` where none is named.
    kind: Option<String>,
}

/// What was read otherwise than expected.
#[derive(Default)]
struct Mismatches(Vec<String>);

impl Mismatches {
    fn compare<T: Debug + PartialEq>(&mut self, what: &str, found: T, want: T) {
        if found != want {
            self.0.push(format!("    {what}: {found:?}\n      not {want:?}"));
        }
    }
}

fn compared(message: &Message, want: &Expected) -> Mismatches {
    let mut wrong = Mismatches::default();
    wrong.compare("reference", message.reference.as_ref().map(|reference| reference.number.as_str()), Some(want.reference.as_str()));
    wrong.compare("forwarded", message.original.is_some(), want.forwarded);
    if let Some(note) = &want.note {
        wrong.compare("note", message.note.as_str(), note.join("\n").as_str());
    }
    if let Some(note) = want.note_begins.as_ref().map(|note| note.join("\n")).filter(|note| !message.note.starts_with(note)) {
        wrong.compare("note", message.note.as_str(), note.as_str());
    }
    if let Some(files) = &want.attachments {
        let found = message.attachments.iter().filter(|part| part.role == PartRole::File);
        let found: Vec<_> = found.map(|part| (part.name.as_deref().unwrap_or(""), part.kind.as_str())).collect();
        wrong.compare(
            "attachments",
            found,
            files.iter().map(|file| (file.name.as_str(), file.kind.as_deref().unwrap_or("other"))).collect(),
        );
    }
    if let Some(enclosed) = want.enclosed {
        wrong.compare("enclosed", message.enclosed.len(), enclosed);
    }
    if let Some(senders) = &want.enclosed_from {
        wrong.compare("enclosed_from", message.enclosed.iter().map(|one| one.from.address.clone()).collect::<Vec<_>>(), senders.clone());
    }
    if let Some(original) = &message.original {
        compare_original(&mut wrong, original, want);
    }
    wrong
}

fn compare_original(wrong: &mut Mismatches, original: &Original, want: &Expected) {
    if let Some(from) = &want.from {
        wrong.compare("from", (&original.from.name, &original.from.address), (&from.name, &from.address));
    }
    for (what, found, want) in [("to", &original.to, &want.to), ("cc", &original.cc, &want.cc)] {
        if let Some(want) = want {
            wrong.compare(what, found.iter().map(|person| person.address.clone()).collect::<Vec<_>>(), want.clone());
        }
    }
    if let Some(subject) = &want.subject {
        wrong.compare("subject", &original.subject, subject);
    }
    wrong.compare("date", &original.date, &want.date);
    let body = original.body.as_str();
    if let Some(lines) = &want.body {
        wrong.compare("body", body, lines.join("\n").as_str());
    }
    if let Some(begins) = want.body_begins.as_deref().filter(|begins| !body.starts_with(begins)) {
        wrong.compare("body begins", body, begins);
    }
    for missing in want.body_contains.iter().filter(|part| !body.contains(part.as_str())) {
        wrong.compare("body contains", body, missing.as_str());
    }
    for there in want.body_lacks.iter().filter(|part| body.contains(part.as_str())) {
        wrong.0.push(format!("    body: {body:?}\n      holds {there:?}"));
    }
}

/// Every mail of the corpus, in the order of their names.
fn mails() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/forwards");
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut mails: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|extension| extension == "eml")).collect();
    mails.sort();
    mails
}

/// Acceptance: S1.12.
#[test]
fn forwards_are_read_as_expected() {
    let rules = Rules::new(&ReferenceRules::default(), Vec::new()).unwrap();
    let mails = mails();
    assert!(mails.len() >= 60, "{}", mails.len());
    let mut report = Vec::new();
    for path in mails {
        let expected = std::fs::read_to_string(path.with_extension("json")).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let expected: Expected = serde_json::from_str(&expected).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let (message, _) = crate::understand::read(None, &std::fs::read(&path).unwrap(), &rules);
        let Mismatches(wrong) = compared(&message, &expected);
        if !wrong.is_empty() {
            report.push(format!("{}\n{}", path.file_name().unwrap().display(), wrong.join("\n")));
        }
    }
    assert!(report.is_empty(), "{} mails are read otherwise than expected:\n{}", report.len(), report.join("\n"));
}
