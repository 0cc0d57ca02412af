//! No part of a mail is lost (G8): whatever its tree is, each leaf is shown, or listed with a role and, unless it is a plain file, a reason.

use super::super::mime::{Shape, Tree};
use super::super::{Rules, containers, decode, read};
use crate::model::digest;
use crate::model::message::{Message, PartRole};
use crate::model::organisation::ReferenceRules;
use crate::model::part::PartReason;
use proptest::prelude::*;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

fn message(raw: &[u8]) -> Message {
    read(None, raw, &Rules::new(&ReferenceRules::default(), Vec::new()).unwrap()).0
}

/// Each leaf of the mail once, by its decoded bytes; a mail inside that was not opened is a leaf as a whole.
fn leaves(raw: &[u8], message: &Message) -> Vec<(String, Vec<u8>)> {
    let contents = super::super::mime::Contents::default();
    let mut tree = Tree::read(raw);
    containers::open(&mut tree, raw.len(), &contents);
    let decoded = |index: usize| decode::transfer(tree.body(index), tree.parts[index].encoding).0.into_owned();
    let is_closed = |index: usize| {
        let sha256 = digest::sha256(&decoded(index));
        tree.parts[index].shape == Shape::Message
            && message.attachments.iter().any(|part| part.sha256 == sha256 && part.reason != Some(PartReason::Unpacked))
    };
    let is_inside = |index: usize| std::iter::successors(tree.parts[index].parent, |&up| tree.parts[up].parent).any(is_closed);
    let is_leaf =
        |index: &usize| !is_inside(*index) && (matches!(tree.parts[*index].shape, Shape::Leaf | Shape::Unopened) || is_closed(*index));
    let leaf = |index: usize| (tree.parts[index].media().to_owned(), decoded(index));
    (0..tree.parts.len()).filter(is_leaf).map(leaf).collect()
}

fn listed(message: &Message) -> HashMap<&str, usize> {
    let hashes = message.attachments.iter().map(|part| part.sha256.as_str()).chain(message.unshown.iter().map(|text| text.sha256.as_str()));
    let mut counted = HashMap::new();
    hashes.for_each(|hash| *counted.entry(hash).or_insert(0) += 1);
    counted
}

/// Letters alone, so that wrapping, marks and entities make no difference.
fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric()).collect()
}

fn roles_have_reasons(message: &Message) {
    for part in &message.attachments {
        assert!(part.role == PartRole::File || part.reason.is_some(), "{part:?}");
    }
}

/// Leaves that are neither listed nor shown.
fn lost(raw: &[u8], message: &Message) -> Vec<String> {
    let mut listed = listed(message);
    let shown = letters(&message.text);
    let mut lost = Vec::new();
    for (media, bytes) in leaves(raw, message) {
        if let Some(count) = listed.get_mut(digest::sha256(&bytes).as_str()).filter(|count| **count > 0) {
            *count -= 1;
            continue;
        }
        // Shown: its beginning in plain words, or, of HTML, that it is a text at all.
        let begins = letters(&String::from_utf8_lossy(&bytes)).chars().take(12).collect::<String>();
        let is_shown = media == "text/html" && !shown.is_empty() || shown.contains(&begins);
        if !is_shown && bytes.iter().any(|byte| !byte.is_ascii_whitespace()) {
            lost.push(format!("{media}: {begins}"));
        }
    }
    lost
}

fn mails(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            mails(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "eml") {
            found.push(path);
        }
    }
}

/// Acceptance: S1.21; G8.
#[test]
fn mails_of_the_fixtures_lose_nothing() {
    let mut found = Vec::new();
    mails(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures"), &mut found);
    assert!(found.len() > 20, "{}", found.len());
    for path in found {
        let raw = std::fs::read(&path).unwrap();
        let message = message(&raw);
        roles_have_reasons(&message);
        // Texts of other charsets are not compared by their bytes.
        let lost: Vec<_> = lost(&raw, &message).into_iter().filter(|leaf| !leaf.starts_with("text/")).collect();
        assert!(lost.is_empty(), "{}: {lost:?}", path.display());
    }
}

/// A part of a mail that is made up.
#[derive(Clone, Debug)]
enum Node {
    Leaf { head: &'static str },
    Many { kind: &'static str, inside: Vec<Node> },
    Mail(Box<Node>),
}

const HEADS: [&str; 16] = [
    "Content-Type: text/plain",
    "Content-Type: text/html",
    "Content-Type: text/plain; name=notes.txt",
    "Content-Type: text/plain\nContent-Disposition: attachment",
    "Content-Type: text/html; name=seite.html",
    "Content-Type: text/calendar; method=REQUEST",
    "Content-Type: text/x-amp-html",
    "Content-Type: image/png; name=image001.png\nContent-ID: <a@x>",
    "Content-Type: image/jpeg\nContent-Disposition: inline; filename=IMG_1.jpg",
    "Content-Type: application/pdf; name=cv.pdf",
    "Content-Type: application/pdf\nContent-Disposition: inline\nContent-ID: <b@x>",
    "Content-Type: application/octet-stream",
    "Content-Type: application/pkcs7-signature; name=smime.p7s",
    "Content-Type: message/delivery-status",
    "Content-Type: text/vcard; name=m.vcf",
    "X-Nothing: said",
];
const KINDS: [&str; 6] = ["mixed", "alternative", "related", "signed", "report", "digest"];

fn node() -> impl Strategy<Value = Node> {
    let leaf = (0..HEADS.len()).prop_map(|at| Node::Leaf { head: HEADS[at] });
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            4 => (0..KINDS.len(), proptest::collection::vec(inner.clone(), 1..5)).prop_map(|(at, inside)| Node::Many { kind: KINDS[at], inside }),
            1 => inner.prop_map(|inner| Node::Mail(Box::new(inner))),
        ]
    })
}

/// Each leaf holds a word of its own.
fn write(node: &Node, out: &mut String, words: &mut usize, at: usize) {
    match node {
        Node::Leaf { head } => {
            *words += 1;
            out.push_str(&format!("{head}\n\nleaf{:04}word\n", *words));
        }
        Node::Many { kind, inside } => {
            out.push_str(&format!("Content-Type: multipart/{kind}; boundary=b{at}x\n\n"));
            for (place, one) in inside.iter().enumerate() {
                out.push_str(&format!("--b{at}x\n"));
                write(one, out, words, at * 10 + place + 1);
            }
            out.push_str(&format!("--b{at}x--\n"));
        }
        Node::Mail(inner) => {
            out.push_str("Content-Type: message/rfc822\n\nFrom: Maria <m@e.example>\nSubject: inside\n");
            write(inner, out, words, at * 10 + 9);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Acceptance: S1.21; G8.
    #[test]
    fn no_tree_of_parts_loses_a_leaf(node in node()) {
        let mut raw = "From: p@acme.example\nSubject: 4711 x\n".to_owned();
        write(&node, &mut raw, &mut 0, 1);
        let message = message(raw.as_bytes());
        roles_have_reasons(&message);
        let lost = lost(raw.as_bytes(), &message);
        prop_assert!(lost.iter().all(|leaf| leaf.starts_with("text/html")), "{lost:?} of\n{raw}");
        // Of HTML too: its word is in the text, or it is listed.
        let listed = listed(&message);
        for (_, bytes) in leaves(raw.as_bytes(), &message) {
            let word = letters(&String::from_utf8_lossy(&bytes)).chars().take(12).collect::<String>();
            let is_listed = listed.contains_key(digest::sha256(&bytes).as_str());
            prop_assert!(is_listed || letters(&message.text).contains(&word), "{word} of\n{raw}\n{:?}", message.text);
            // Never both: what is shown is not listed as well.
            let reading = message.text.matches(word.as_str()).count();
            prop_assert!(!is_listed || reading == 0, "{word} twice of\n{raw}\n{:?}", message.text);
        }
    }
}
