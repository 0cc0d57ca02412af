//! Whatever mail somebody forwards, in whatever layout and language, the same mail comes out again. Acceptance: S1.12.
//!
//! The layouts come from two sources: built from the same tables that the reader has, which proves that every word of every language
//! is found in every place; and written down as mail programs write them, which proves that the tables are theirs.

use super::*;
use crate::model::organisation::ReferenceRules;
use jiff::civil::{DateTime, date};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use std::sync::LazyLock;

static RULES: LazyLock<Rules> = LazyLock::new(|| Rules::new(&ReferenceRules::default(), Vec::new()).unwrap());

/// What is forwarded, and what is written above it.
#[derive(Clone, Debug)]
struct Mail {
    name: String,
    address: String,
    to: String,
    subject: String,
    date: DateTime,
    /// Lines that are no header lines, the first and the last neither empty nor quoted.
    body: Vec<String>,
    note: Vec<String>,
}

/// A line of prose. It holds no colon: a line that reads like a field (`Von: …`) is one, whoever wrote it.
fn prose() -> impl Strategy<Value = String> {
    "[A-ZÄÖÜa-zäöüßåéçłžабвα]{1,12}( [A-Za-zäöüßéñ0-9]{1,12}){0,7}[.,!?]?"
}

fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => prose(),
        3 => Just(String::new()),
        1 => prose().prop_map(|text| format!("> {text}")),
        1 => prose().prop_map(|text| format!("  - {text}")),
        1 => prose().prop_map(|text| format!("Uhrzeit: {text}")),
        1 => Just("https://jobs.example/4711?x=1:2".to_owned()),
        1 => Just("--".to_owned()),
        1 => Just("Maria Müller <maria@example.net>".to_owned()),
    ]
}

fn lines() -> impl Strategy<Value = Vec<String>> {
    let around = (prose(), proptest::collection::vec(line(), 0..6), prose());
    around.prop_map(|(first, middle, last)| [vec![first], middle, vec![last]].concat())
}

/// No name ends in a colon or holds an `@`: what that means is `people`'s to say. The first word has four letters or more: one that is
/// how an introduction begins (`Am`, `On`, `Den`) cannot be told from it.
fn name() -> impl Strategy<Value = String> {
    "((Dr\\. )?[A-ZÄÖÅÉŁŽБΑ][a-zäöüßåéłžабвαβ]{3,9}([ -][A-Z][a-zäöü']{0,8}[a-z]){1,2}( \\(Job\\))?|[A-Z][a-z]{3,9}, [A-Z][a-z]{1,9})"
}

fn address() -> impl Strategy<Value = String> {
    "[a-z]([a-z0-9._+-]{0,8}[a-z0-9])?@[a-z]{2,8}(-[a-z0-9]{1,4})?\\.(example|net)"
}

/// Shorter than what is wrapped: behind a long one, nobody can tell its second line from the body where no empty line stands.
fn subject() -> impl Strategy<Value = String> {
    let begin = select(vec!["", "Re: ", "AW: ", "Fwd: ", "SV: Re: ", "TR : ", "[EXTERN] "]);
    (begin, "[A-Za-zäöüß0-9]{1,8}( [a-zäöüß0-9(]{1,8}){0,2}([:!] [a-z]{1,6})?").prop_map(|(begin, rest)| format!("{begin}{rest}"))
}

fn mail() -> impl Strategy<Value = Mail> {
    let when = (0i64..15_000, 0i8..24, 0i8..60);
    let note = prop_oneof![Just(Vec::new()), prose().prop_map(|one| vec![one]), lines()];
    (name(), address(), address(), subject(), when, lines(), note).prop_map(|(name, address, to, subject, when, body, note)| {
        let day = date(2000, 1, 1).checked_add(jiff::Span::new().days(when.0)).unwrap();
        Mail { name, address, to, subject, date: day.at(when.1, when.2, 0, 0), body, note }
    })
}

/// What a layout does not say, or says otherwise.
#[derive(Clone, Copy, Debug, Default)]
struct Loss {
    subject: bool,
    /// Empty lines are no longer those of the writer.
    blanks: bool,
}

/// That the mail comes out of the text as it went in.
fn check(mail: &Mail, text: &str, prefix: Option<Prefix>, loss: Loss) -> Result<(), TestCaseError> {
    let forward = read(text, prefix, &RULES);
    prop_assert!(forward.is_some(), "nothing found in\n{text}");
    let forward = forward.unwrap();
    let found = &forward.chain[0];
    let join = |lines: &mut dyn Iterator<Item = &str>| {
        lines.map(str::trim_end).filter(|line| !loss.blanks || !line.is_empty()).collect::<Vec<_>>().join("\n")
    };
    prop_assert_eq!(found.from.name.as_deref(), Some(mail.name.as_str()), "{}", text);
    prop_assert_eq!(found.from.address.as_deref(), Some(mail.address.as_str()), "{}", text);
    prop_assert!(!found.sender_is_unclear, "{}", text);
    prop_assert_eq!(found.subject.as_str(), if loss.subject { "" } else { mail.subject.as_str() }, "{}", text);
    prop_assert_eq!(found.date.clone(), Some(mail.date.to_string()), "{}", text);
    prop_assert_eq!(join(&mut found.body.lines()), join(&mut mail.body.iter().map(String::as_str)), "{}", text);
    prop_assert_eq!(join(&mut forward.note.lines()), join(&mut mail.note.iter().map(String::as_str)), "{}", text);
    if !loss.subject {
        prop_assert!(found.to.iter().any(|to| to.address.as_deref() == Some(mail.to.as_str())), "{:?} in {}", found.to, text);
    }
    Ok(())
}

mod tables;
mod templates;
