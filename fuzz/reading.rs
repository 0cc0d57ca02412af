//! What must hold of a mail that was read, whatever was in it. The fuzz targets and the replay of their corpora ask the same.
//!
//! Inputs are texts: each function makes a mail of one. Bytes that no UTF-8 text has stand for whole words, so that one changed byte
//! is another word and not a misspelt one.

use rohrpost::model::message::{Defect, Message};
use rohrpost::model::organisation::{ReferenceRules, Rules};
use rohrpost::understand;
use std::hash::{DefaultHasher, Hasher};
use std::sync::LazyLock;

pub mod charsets;
pub mod display;
pub mod names;
pub mod outlook;

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
    String::from_utf8_lossy(&spelt_in_bytes(bytes, words)).into_owned()
}

fn spelt_in_bytes(bytes: &[u8], words: &[&str]) -> Vec<u8> {
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
    out
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
