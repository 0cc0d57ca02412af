//! The words of a text, without what mail programs add when they make plain text of HTML: addresses of links, names of images, marks.

use crate::model::legible;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Word,
    /// Digits without what separates them.
    Number,
    /// A mail address.
    Address,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// In lower case, without accents.
    pub text: String,
    pub kind: Kind,
}

/// Words of texts that only lead to another place; programs and senders word them for each form.
const LEADING: &[&str] = &[
    "hier",
    "here",
    "har",
    "link",
    "below",
    "above",
    "unten",
    "oben",
    "folgend",
    "following",
    "nedan",
    "click",
    "klick",
    "tap",
    "button",
    "visit",
    "besuch",
    "browser",
    "view",
    "open",
    "offne",
    "image",
    "bild",
    "logo",
    "attachment",
    "anhang",
    "anlage",
    "http",
    "www",
    "url",
    "go",
    "gehe",
    "kopier",
    "copy",
    "paste",
];
/// Words that turn a sentence into its contrary.
const DENIALS: &[&str] = &[
    "nicht", "kein", "keine", "keinen", "keinem", "keiner", "nie", "niemals", "not", "never", "cannot", "don", "won", "inte", "ej",
    "aldrig", "ingen", "inget", "pas", "jamais", "non", "nunca", "niet", "nie", "geen",
];

impl Word {
    pub fn weight(&self) -> f64 {
        match self.kind {
            Kind::Word => 1.0,
            Kind::Number | Kind::Address => 2.0,
        }
    }

    pub fn denies(&self) -> bool {
        DENIALS.contains(&self.text.as_str())
    }

    /// An address, or a number long enough that it is not the item of a list.
    pub fn is_telling(&self) -> bool {
        self.kind == Kind::Address || self.kind == Kind::Number && self.text.len() >= 3
    }

    fn leads(&self) -> bool {
        LEADING.iter().any(|stem| self.text.starts_with(stem))
    }
}

/// Whether words in the same place are two statements, and not two spellings or two ways to say where to click. `any`: words that are no
/// number, address or "not" count too.
pub fn are_opposed(one: &[Word], other: &[Word], any: bool) -> bool {
    let whole = |words: &[Word]| words.iter().map(|word| word.text.as_str()).collect::<String>();
    let (this, that) = (respelt(&whole(one)), respelt(&whole(other)));
    // What is longer than a phrase is a passage that one form worded anew.
    let is_phrase = |words: &[Word]| words.len() <= 3 || words.iter().any(Word::is_telling);
    let numbers = |words: &[Word]| words.iter().any(|word| word.kind != Kind::Word);
    let is_long = |text: &str| text.len() >= 2;
    let weighs = any || numbers(one) || one.iter().chain(other).any(Word::denies);
    weighs && !one.iter().chain(other).any(Word::leads)
        && is_phrase(one)
        && is_phrase(other)
        && numbers(one) == numbers(other)
        && (is_long(&this) && is_long(&that) || numbers(one))
        && this != that
        // A word that was cut, or lost some of its letters; one that denies is none.
        && (numbers(one) || one.iter().chain(other).any(Word::denies) || !(is_cut(&this, &that) || is_cut(&that, &this)))
}

/// Whether the letters of one are those of the other, in their order, with some left out.
fn is_cut(short: &str, long: &str) -> bool {
    let mut rest = long.chars();
    short.chars().all(|c| rest.any(|other| other == c))
}

/// Umlauts written out, or lost.
fn respelt(text: &str) -> String {
    text.replace("ae", "a").replace("oe", "o").replace("ue", "u").replace("ss", "s").chars().filter(|c| c.is_alphanumeric()).collect()
}

/// Labels of the line in a header block that says when a mail was sent: programs write it in another language and zone for each form.
const SENT: &[&str] =
    &["sent", "gesendet", "date", "datum", "skickat", "envoye", "enviado", "inviato", "verzonden", "wyslano", "data", "fecha"];

/// Whether a line is one of a header block and says when.
fn says_when(line: &str) -> bool {
    let Some((label, value)) = line.trim_start_matches(['>', ' ', '*', '\t']).split_once(':') else { return false };
    let label: String =
        label.trim_matches([' ', '*', '\t', '\u{a0}']).nfkd().filter(|&c| !is_combining_mark(c)).collect::<String>().to_lowercase();
    let has_time =
        value.as_bytes().windows(3).any(|three| three[0].is_ascii_digit() && matches!(three[1], b':' | b'.') && three[2].is_ascii_digit());
    SENT.contains(&label.as_str()) && has_time
}

/// The first `most` words of a text.
pub fn of(text: &str, most: usize) -> Vec<Word> {
    let mut words = Vec::new();
    let (mut from, mut at) = (0, 0);
    // What stands between two such lines is read as a whole: asides go over line ends.
    for line in text.split_inclusive('\n') {
        if line.len() <= 200 && says_when(line) {
            of_passage(&text[from..at], most, &mut words);
            from = at + line.len();
        }
        at += line.len();
    }
    of_passage(&text[from..], most, &mut words);
    words.truncate(most);
    words
}

fn of_passage(text: &str, most: usize, words: &mut Vec<Word>) {
    let (mut rest, mut asides) = (text, 0);
    while words.len() < most {
        rest = rest.trim_start_matches(|c: char| !c.is_alphanumeric() && !matches!(c, '<' | '[' | '('));
        let Some(first) = rest.chars().next() else { break };
        if matches!(first, '<' | '[' | '(') {
            asides += 1;
            rest = Some(rest).filter(|_| asides <= MOST_ASIDES).and_then(behind_aside).unwrap_or(&rest[1..]);
            continue;
        }
        let end = rest
            .find(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '[' | ']' | '(' | ')' | '"' | '|' | '\u{a0}'))
            .unwrap_or(rest.len());
        let (chunk, behind) = rest.split_at(end);
        rest = behind;
        push(chunk, words);
    }
}

/// Longest aside in brackets that is an address or the name of an image, in bytes.
const LONGEST_ASIDE: usize = 4_096;

/// Brackets that are looked into.
const MOST_ASIDES: usize = 20_000;

/// Behind `<https://…>`, `[cid:…]`, `(http…)`, `[image: …]`, `[1]`: asides that programs put into plain text.
fn behind_aside(rest: &str) -> Option<&str> {
    let (open, inside) = rest.split_at(1);
    let close = match open {
        "<" => '>',
        "[" => ']',
        _ => ')',
    };
    let inside = &inside[..inside.floor_char_boundary(LONGEST_ASIDE)];
    let end = inside.find(close)?;
    let lower = inside[..end].trim().to_lowercase();
    let is_address = ["http:", "https:", "www.", "mailto:", "tel:", "cid:", "file:", "ftp:"].iter().any(|scheme| lower.starts_with(scheme));
    let is_image = ["image", "bild", "inline", "logo"].iter().any(|name| lower.starts_with(name))
        || [".png", ".jpg", ".jpeg", ".gif", ".pdf", ".bmp"].iter().any(|end| lower.ends_with(end));
    let is_note = lower.len() <= 3 && lower.bytes().all(|b| b.is_ascii_digit());
    let is_aside = is_address || open != "(" && is_image || open == "[" && is_note || open == "<" && lower.contains('@');
    is_aside.then(|| &rest[1 + end + 1..])
}

/// The words of what stands between two blanks.
fn push(chunk: &str, words: &mut Vec<Word>) {
    let chunk = chunk.trim_matches(|c: char| !c.is_alphanumeric());
    let lower: String =
        chunk.nfkd().filter(|&c| !is_combining_mark(c) && !legible::is_hidden(c)).collect::<String>().to_lowercase().replace('ß', "ss");
    let is_web = ["http://", "https://", "www."].iter().any(|begin| lower.starts_with(begin));
    if lower.is_empty() || is_web {
        return;
    }
    if lower.contains('@') && lower.len() <= 254 {
        words.push(Word { text: lower.trim_start_matches("mailto:").to_owned(), kind: Kind::Address });
        return;
    }
    let is_number =
        lower.starts_with(|c: char| c.is_ascii_digit()) && lower.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | ',' | '\''));
    if is_number {
        words.push(Word { text: lower.chars().filter(char::is_ascii_digit).collect(), kind: Kind::Number });
        return;
    }
    for part in lower.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty()) {
        let kind = if part.bytes().all(|b| b.is_ascii_digit()) { Kind::Number } else { Kind::Word };
        words.push(Word { text: part.to_owned(), kind });
    }
}
