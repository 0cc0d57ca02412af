//! What must hold of a mail that was read, whatever was in it. The fuzz targets and the replay of their corpora ask the same.
//!
//! Inputs are texts: each function makes a mail of one. Bytes that no UTF-8 text has stand for whole words, so that one changed byte
//! is another word and not a misspelt one.

use rohrpost::model::file_name::FilenameRule;
use rohrpost::model::message::{Defect, Kind, Message};
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

const NAME_WORDS: [&str; 44] = [
    "Lebenslauf",
    "LEBENSLAUF",
    "Anschreiben",
    "Bewerbungs",
    "zeugnis",
    "Zeugnisse",
    "Arbeits",
    "CV",
    "cv",
    "Foto",
    "Steckbrief",
    "über mich",
    "meritfo\u{308}rteckning",
    "Lettre de motivation",
    "list motywacyjny",
    "świadectwo pracy",
    "Referenz ",
    "Vorlage",
    "Portfolio Manager",
    "_",
    " ",
    "-",
    ".",
    ".pdf",
    "/",
    "\\",
    "..",
    "%C3%BC",
    "%20",
    "%",
    "Ã¼",
    "ß",
    "\u{202e}",
    "\u{200b}",
    "\u{0}",
    "\u{301}",
    "\u{fffd}",
    "\u{feff}",
    "４７１１",
    "4711",
    "2026",
    "İ",
    "ŉ",
    "の",
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

static OWN_RULES: LazyLock<Rules> = LazyLock::new(|| {
    let rule = |words: &str, kind| FilenameRule { words: words.to_owned(), kind };
    let file_names = vec![rule("Steckbrief", Kind::Cv), rule("über mich", Kind::CoverLetter), rule("ZV", Kind::Other)];
    Rules { file_names, ..RULES.clone() }
});

/// The file's name and kind as they are read from a mail that says it by RFC 2231. None, if nothing of the name is left.
fn named(name: &str, rules: &Rules) -> (Option<String>, Kind, Message) {
    let encoded: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let mail = format!(
        "From: p@acme.example\nSubject: x\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: \
         application/pdf\nContent-Disposition: attachment; filename*=utf-8''{encoded}\n\n%PDF-1.4\n--b--\n"
    );
    let (message, _) = understand::read(None, mail.as_bytes(), rules);
    let file = message.attachments.first().expect("the file is lost");
    (file.name.clone(), file.kind, message)
}

/// A file's name, of any bytes. What is made of it can be written to any disk, is the same once more, and tells the same kind however
/// it is written.
pub fn names(data: &[u8]) -> Message {
    let text = spelt_out(data, &NAME_WORDS);
    let (name, kind, message) = named(&text, &OWN_RULES);
    let Some(name) = name else {
        assert_eq!(kind, Kind::Other, "a kind without a name");
        return message;
    };
    assert!(!name.is_empty() && name.len() <= 255, "{} bytes", name.len());
    let is_bad = |c: char| {
        c.is_control() || matches!(c, '/' | '\\' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    assert!(!name.contains(is_bad) && !name.starts_with('.') && name.trim() == name, "{name:?}");
    let (again, same, _) = named(&name, &OWN_RULES);
    assert_eq!((again.as_deref(), same), (Some(name.as_str()), kind), "another name the second time");
    // Capitals begin words, so all letters are made alike. What has another length or another way back is another name, as are
    // signs that stand for bytes.
    let (lower, upper) = (name.to_lowercase(), name.to_uppercase());
    let is_plain = name.is_ascii() && !name.contains('%');
    if is_plain && upper.len() < 255 {
        assert_eq!(named(&lower, &OWN_RULES).1, named(&upper, &OWN_RULES).1, "{lower:?} by its capitals");
    }
    // Composed or not: both are composed first. A longer name would be cut.
    let apart: String = name.chars().flat_map(decomposed).collect();
    assert_eq!(named(&apart, &OWN_RULES).1, kind, "{name:?} in parts");
    assert!(OWN_RULES.file_names.len() == 3 && named(&name, &RULES).0.as_deref() == Some(name.as_str()), "rules change a name");
    message
}

/// The letters of the words above that have parts: the normalisation itself is not what is looked at.
fn decomposed(c: char) -> Vec<char> {
    let parts = match c {
        'ä' => "a\u{308}",
        'ö' => "o\u{308}",
        'ü' => "u\u{308}",
        'Ä' => "A\u{308}",
        'Ö' => "O\u{308}",
        'Ü' => "U\u{308}",
        'é' => "e\u{301}",
        'ś' => "s\u{301}",
        _ => return vec![c],
    };
    parts.chars().collect()
}
