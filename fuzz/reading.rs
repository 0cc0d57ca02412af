//! What must hold of a mail that was read, whatever was in it. The fuzz targets and the replay of their corpora ask the same.
//!
//! Inputs are texts: each function makes a mail of one. Bytes that no UTF-8 text has stand for whole words, so that one changed byte
//! is another word and not a misspelt one.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rohrpost::model::digest;
use rohrpost::model::message::{Attachment, Defect, Message, PartRole, Source};
use rohrpost::model::organisation::{ReferenceRules, Rules};
use rohrpost::understand;
use std::hash::{DefaultHasher, Hasher};
use std::sync::LazyLock;

static RULES: LazyLock<Rules> =
    LazyLock::new(|| Rules::new(&ReferenceRules::default(), vec!["acme.example".into()]).expect("the default rules are good"));

/// The next byte is the number of a word, modulo their count.
const WORD: u8 = 0xfa;

const FORWARD_WORDS: [&str; 44] = [
    "\n",
    "\n\n",
    "> ",
    ">> ",
    "Von: Maria Müller <m@e.example>\n",
    "From: ",
    "Gesendet: Freitag, 20. November 2026 18:02\n",
    "Date: ",
    "An: p@acme.example\n",
    "To: ",
    "Cc: ",
    "Betreff: WG: x\n",
    "Subject: Fwd: ",
    "Bcc: x\n",
    "*Von:* ",
    "De : ",
    "À : ",
    "Objet : ",
    "Od: ",
    "Datum: ",
    "-----Ursprüngliche Nachricht-----\n",
    "---------- Forwarded message ---------\n",
    "Begin forwarded message:\n",
    "-----Original Message-----\n",
    "----- Weitergeleitete Nachricht ----- Von: ",
    "An: ",
    "Gesendet: ",
    "Betreff: ",
    "Am 20.11.2026 um 18:02 schrieb Maria <m@e.example>:\n",
    "On ",
    " wrote:\n",
    "    ",
    "________________________________\n",
    "\u{feff}",
    "\u{a0}",
    "[mailto:m@e.example]",
    "\"Müller, Maria\" ",
    "im Auftrag von ",
    "a@b.example",
    ", ",
    "; ",
    "Hallo\n",
    ":",
    "\r\n",
];
const HTML_WORDS: [&str; 48] = [
    "<p>",
    "</p>",
    "<br>",
    "<div>",
    "</div>",
    "<blockquote>",
    "</blockquote>",
    "<ul>",
    "<ol>",
    "</ol>",
    "<li>",
    "<table><tr><td>",
    "</td><td>",
    "</table>",
    "<a href=\"https://x.example/\">",
    "<a href='mailto:m@e.example'>",
    "</a>",
    "<pre>",
    "</pre>",
    "<hr>",
    "<!--",
    "-->",
    "<!",
    "<?",
    "<script>",
    "</script>",
    "<style type=text/css>",
    "</style>",
    "<title>",
    "</title",
    "<template/>",
    "&nbsp;",
    "&#8364;",
    "&#x80;",
    "&amp",
    "&lt;",
    "<a href=",
    "\"",
    "'",
    "<!DOCTYPE html>",
    "<img src=\"cid:x@y\">",
    "<b>Von:</b> ",
    "x ",
    "\n",
    "ü",
    "<",
    "</",
    "/>",
];
const DATE_WORDS: [&str; 40] = [
    "20",
    "1",
    "31",
    "2026",
    "26",
    "1999",
    ".",
    "/",
    "-",
    ", ",
    ":",
    " ",
    "18:02",
    "6:02 PM",
    "12:00 a.m.",
    "18.02.11",
    "18h02",
    " um ",
    " kl. ",
    "November",
    "nov. ",
    "март",
    "listopadu",
    "mars",
    "Mai",
    "Freitag, ",
    "mar. ",
    "den ",
    "+0100",
    "GMT+1",
    "UTC-5",
    "(MEZ)",
    " Z",
    "EST",
    "-0530",
    "+99",
    "\u{202f}",
    "г.",
    "klo ",
    "9",
];

fn spelt_out(bytes: &[u8], words: &[&str]) -> String {
    let (mut out, mut rest) = (Vec::new(), bytes.iter());
    while let Some(&byte) = rest.next() {
        match rest.as_slice().first() {
            Some(&number) if byte == WORD => {
                out.extend_from_slice(words[usize::from(number) % words.len()].as_bytes());
                rest.next();
            }
            _ => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Reads it twice: the same mail is the same message.
fn read(mail: &str) -> (Message, Vec<Defect>) {
    let found = understand::read(None, mail.as_bytes(), &RULES);
    assert!(found == understand::read(None, mail.as_bytes(), &RULES), "another message the second time");
    found
}

/// The form of a date that is kept: ISO 8601, with or without time and offset.
fn check_date(date: &str) {
    let form: String = date.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    let (day, time) = form.split_at(form.len().min(10));
    let time = time.strip_suffix(['Z']).or(time.strip_suffix("+00:00")).or(time.strip_suffix("-00:00")).unwrap_or(time);
    assert!(day == "0000-00-00" && matches!(time, "" | "T00:00:00"), "no date: {date}");
}

/// A plain text through the reader of forwards. The first byte says which subject stands above it.
pub fn forward(data: &[u8]) -> Message {
    let (first, rest) = data.split_first().unwrap_or((&0, &[]));
    let subject = ["WG: Einladung", "Einladung", "AW: Einladung"][usize::from(first % 3)];
    let text = spelt_out(rest, &FORWARD_WORDS);
    let mail = format!("From: p@acme.example\nSubject: {subject}\nContent-Type: text/plain; charset=utf-8\n\n{text}");
    let (message, _) = read(&mail);
    let text = &message.text;
    let trimmed: Vec<&str> = text.lines().map(str::trim_end).collect();
    assert!(trimmed.join("\n").trim_start().starts_with(&message.note), "the note is not what stands above");
    let (mut level, mut longest) = (0, text.len() + 1);
    for (at, original) in message.originals().enumerate() {
        assert_eq!(original.level, at as u32, "no chain");
        assert!(original.body.len() <= longest, "a mail inside is longer than the one around it");
        (level, longest) = (original.level, original.body.len());
        // Line by line the text's own, in order, without the marks in front.
        let mut lines = trimmed.iter();
        for line in original.body.lines() {
            assert!(lines.any(|whole| whole.ends_with(line)), "a line that nobody wrote: {line:?}");
        }
        let from = [&original.from.name, &original.from.address].into_iter().flatten();
        let people = original.to.iter().chain(&original.cc).flat_map(|one| [&one.name, &one.address]).flatten();
        let fields = from.chain(people).chain(&original.date_text).flat_map(|field| field.split_whitespace());
        for word in fields.chain(original.subject.split_whitespace().filter(|_| at > 0)) {
            assert!(text.contains(word), "a word that nobody wrote: {word:?}");
        }
        original.date.as_deref().into_iter().for_each(check_date);
    }
    assert!(level <= 10, "too deep a chain");
    message
}

/// HTML. Behind whatever comes, however it was left open, a script is still none to read, and text is.
pub fn html(data: &[u8]) -> Message {
    let html = spelt_out(data, &HTML_WORDS);
    // Words that the fuzzer cannot learn from what they are compared with: each input has its own.
    let mut hasher = DefaultHasher::new();
    hasher.write(data);
    let (hidden, shown) = (format!("verborgen{:x}", hasher.finish()), format!("sichtbar{:x}", hasher.finish()));
    // Ends comments, quotes, tags, and elements without markup inside, in an order that leaves none of them open.
    let ends = "-->\"'></title></style></script></template>";
    let behind = format!("<script>{hidden}</script><style>{hidden}</style><!--{hidden}--><p title='{hidden}'>{shown}");
    let mail = format!("From: p@acme.example\nSubject: WG: x\nContent-Type: text/html; charset=utf-8\n\n{html}{ends}{behind}");
    let (message, defects) = read(&mail);
    assert!(message.text.len() <= 12 * mail.len() + 256, "{} bytes of text from {}", message.text.len(), mail.len());
    assert!(!message.text.contains(&hidden), "what is not shown was read");
    assert!(message.text.contains(&shown) || defects.iter().any(|defect| matches!(defect, Defect::TextCut(_))), "text was lost");
    message
}

/// The date of a forward. Whatever it is, the fields around it stand, and what is made of it was in it.
pub fn dates(data: &[u8]) -> Message {
    let date: String = spelt_out(data, &DATE_WORDS).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let text = format!("Von: Maria <m@e.example>\nGesendet: {date}\nBetreff: Antwort\n\nHallo\n");
    let (message, _) = read(&format!("From: p@acme.example\nSubject: WG: x\nContent-Type: text/plain; charset=utf-8\n\n{text}"));
    let original = message.original.as_ref().expect("no forward found");
    assert_eq!(
        (original.from.address.as_deref(), original.subject.as_str(), original.body.as_str()),
        (Some("m@e.example"), "Antwort", "Hallo"),
        "{date}"
    );
    if let Some(found) = &original.date {
        check_date(found);
        let (year, day) = (&found[..4], found[8..10].trim_start_matches('0'));
        assert!(date.contains(&year[2..]) && date.contains(day), "{found} is not in {date:?}");
    }
    message
}

/// A winmail.dat beside a text and a file: what stands around it stands, whatever is in it.
pub fn tnef(data: &[u8]) -> Message {
    in_a_mail("winmail.dat", &[&[0x78, 0x9f, 0x3e, 0x22, 1, 0], data].concat())
}

/// A .msg that is whole but for what the input changes: each change is a place (two bytes), a length, and so many bytes.
pub fn msg(data: &[u8]) -> Message {
    let mut saved = include_bytes!("seed.msg").to_vec();
    let mut rest = data;
    while let Some((&[low, high, length], more)) = rest.split_first_chunk::<3>() {
        let (bytes, more) = more.split_at(more.len().min(usize::from(length % 33)));
        rest = more;
        let at = usize::from(u16::from_le_bytes([low, high])) % saved.len();
        // The upper half of the numbers cuts or repeats.
        match length {
            0xff => saved.truncate(at.max(8)),
            0xfe => saved.extend_from_within(at..),
            _ => saved.iter_mut().skip(at).zip(bytes).for_each(|(old, new)| *old = *new),
        }
        if saved.len() > 1 << 20 {
            break;
        }
    }
    in_a_mail("Bewerbung.msg", &saved)
}

/// How often containers may give out what the mail has, and what any mail may have beside.
const MOST_TIMES: usize = 4;
const MOST_BESIDE: usize = 1 << 20;
/// Bytes of a file that stands behind the container.
const BEHIND: &[u8] = b"%PDF-1.4 behind";

fn in_a_mail(name: &str, container: &[u8]) -> Message {
    let encoded = BASE64_STANDARD.encode(container);
    let mail = format!(
        "From: p@acme.example\nSubject: 4711\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nvor dem Anhang\n--b\n\
         Content-Type: application/octet-stream; name={name}\nContent-Transfer-Encoding: base64\n\n{encoded}\n--b\n\
         Content-Type: application/pdf; name=hinten.pdf\n\n{}\n--b--\n",
        String::from_utf8_lossy(BEHIND)
    );
    let (message, _) = read(&mail);
    assert!(message.text.starts_with("vor dem Anhang"), "the mail's own text is gone");
    let outer: Vec<&Attachment> = message.attachments.iter().filter(|one| one.of == 0).collect();
    assert!(outer.iter().any(|one| one.name.as_deref() == Some(name)), "the container is gone");
    let behind = outer.iter().find(|one| one.name.as_deref() == Some("hinten.pdf") && one.sha256 == digest::sha256(BEHIND));
    assert!(behind.is_some_and(|one| one.role == PartRole::File), "the file behind is gone");
    let mut given_out = message.text.len();
    for one in &message.attachments {
        assert!(one.of <= message.originals().count(), "a file of a mail that is not there");
        match &one.source {
            Source::Range { range, .. } => assert!(range.end <= mail.len()),
            // An opened container is filed by what was in it.
            Source::Decoded(bytes) if one.role == PartRole::Skipped => assert!(bytes.is_empty()),
            Source::Decoded(bytes) => {
                assert_eq!((bytes.len() as u64, digest::sha256(bytes)), (one.size, one.sha256.clone()));
                given_out += bytes.len();
            }
        }
    }
    // Texts are shown out of what was given out: as text once, as the body of a mail inside once more.
    assert!(given_out <= 3 * (MOST_TIMES * mail.len() + MOST_BESIDE), "{given_out} bytes from {}", mail.len());
    message
}
