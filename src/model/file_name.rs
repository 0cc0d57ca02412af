//! File names as words, and what a tenant says that words in them tell (MODEL FilenameRule).

use super::message::Kind;
use encoding_rs::WINDOWS_1252;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use unicode_normalization::UnicodeNormalization;

/// Longest name that is looked at, in characters.
const LONGEST: usize = 1_000;
/// Longest words of a tenant's rule, in characters.
pub const LONGEST_RULE: usize = 100;
/// More rules of a tenant than anybody keeps an eye on; each costs every file a little.
pub const MOST_RULES: usize = 200;
/// What stands for a number that may be somebody's: no year, no date, no counter.
pub const NUMBER: &str = "#";

/// Endings of the names of files. Any other word behind a dot may be one of the name's: `Lebenslauf.Anna.Berg`, `Weber.CV`.
const ENDINGS: [&str; 62] = [
    "7z", "aac", "avi", "bmp", "csv", "doc", "docm", "docx", "dot", "dotx", "eml", "emz", "eps", "exe", "gif", "gz", "heic", "heif", "htm",
    "html", "ics", "jfif", "jpe", "jpeg", "jpg", "json", "lnk", "m4a", "md", "mht", "mov", "mp3", "mp4", "mpeg", "msg", "odg", "odp",
    "ods", "odt", "p7m", "p7s", "pages", "pdf", "pjpeg", "png", "pps", "ppt", "pptx", "rar", "rtf", "svg", "tar", "tif", "tiff", "txt",
    "vcf", "wav", "webp", "wps", "xls", "xlsx", "zip",
];

fn is_ending(word: &str) -> bool {
    ENDINGS.iter().any(|ending| ending.eq_ignore_ascii_case(word))
}

/// A name without its ending, or endings: `Zeugnis.docx.pdf`. It tells what a file is written in, and no kind.
pub fn without_ending(name: &str) -> &str {
    let mut stem = name;
    while let Some((before, ending)) = stem.rsplit_once('.')
        && !before.is_empty()
        && is_ending(ending.trim())
    {
        stem = before;
    }
    stem
}

/// A tenant's own rule: a word or a phrase, and the kind of the files whose names have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilenameRule {
    pub words: String,
    pub kind: Kind,
}

impl FilenameRule {
    /// What is compared: two rules with the same key are about the same names.
    pub fn key(&self) -> String {
        key(&self.words)
    }

    /// Why no file's name could be judged by it, if none could.
    pub fn fault(&self) -> Option<String> {
        if self.words.chars().count() > LONGEST_RULE {
            return Some(format!("{LONGEST_RULE} characters at most"));
        }
        if self.kind == Kind::ReferenceReport {
            return Some("reference_report is made here and is no kind of a file that comes".into());
        }
        let mut pieces = self.words.split(|c: char| !c.is_alphanumeric()).filter(|piece| !piece.is_empty()).peekable();
        if pieces.peek().is_some() && pieces.all(is_ending) {
            return Some("an ending of file names tells no kind".into());
        }
        let letters: usize = words(&self.words).iter().map(|word| word.chars().count()).sum();
        (letters < 2).then(|| "a word or a phrase of two letters at least, as in Steckbrief".into())
    }
}

/// The words of a rule in the form that is compared.
pub fn key(words_of_rule: &str) -> String {
    words(words_of_rule).join(" ")
}

/// The words of a name, folded: cut at everything that is no letter and where the case changes.
pub fn words(name: &str) -> Vec<String> {
    let name: String = name.nfc().take(LONGEST).collect();
    let letters: Vec<char> = unmangled(&name).nfc().collect();
    let mut words = Vec::new();
    let (mut word, mut digits) = (String::new(), String::new());
    for (at, &c) in letters.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| letters[before]);
        let after = letters.get(at + 1);
        // `LebenslaufMueller` and `CVMueller`: a capital begins a word behind a small letter, or before one.
        let begins =
            c.is_uppercase() && before.is_some_and(|b| b.is_lowercase() || b.is_uppercase() && after.is_some_and(|a| a.is_lowercase()));
        let is_letter = is_letter(c) || is_lost_letter(c, before, after);
        if !is_letter || begins {
            words.push(fold(&std::mem::take(&mut word), Umlauts::German));
        }
        if is_letter {
            word.push(c);
        }
        match c.is_ascii_digit() {
            true => digits.push(c),
            false => words.extend(number(&std::mem::take(&mut digits))),
        }
    }
    words.push(fold(&word, Umlauts::German));
    words.extend(number(&digits));
    words.retain(|word| !word.is_empty());
    words
}

/// Also marks that are left behind where no letter with them exists: they are folded away.
fn is_letter(c: char) -> bool {
    c.is_alphabetic() || unicode_normalization::char::is_combining_mark(c)
}

/// `Lebensl?ufe`: what some program made of a letter that it did not know.
fn is_lost_letter(c: char, before: Option<char>, after: Option<&char>) -> bool {
    matches!(c, '?' | '\u{fffd}') && before.is_some_and(char::is_alphabetic) && after.is_some_and(|after| after.is_alphabetic())
}

fn number(digits: &str) -> Option<String> {
    let is_own = match digits.len() {
        0..=2 | 6 | 8 => false,
        4 => !digits.starts_with("19") && !digits.starts_with("20"),
        _ => true,
    };
    is_own.then(|| NUMBER.to_owned())
}

/// A name without what programs did to it on its way: percent signs for bytes, UTF-8 that was read as Windows-1252.
fn unmangled(name: &str) -> Cow<'_, str> {
    let plain = match percent_decoded(name) {
        Some(plain) => Cow::Owned(plain),
        None => Cow::Borrowed(name),
    };
    let (bytes, _, had_errors) = WINDOWS_1252.encode(&plain);
    match (had_errors, std::str::from_utf8(&bytes)) {
        (false, Ok(text)) if text != plain => Cow::Owned(text.to_owned()),
        _ => plain,
    }
}

/// As in URLs, if the name has such signs and what they stand for is UTF-8.
fn percent_decoded(name: &str) -> Option<String> {
    let hex = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let bytes = name.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        match (bytes[at], hex(bytes.get(at + 1)), hex(bytes.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 3;
            }
            (byte, _, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    (out.len() < bytes.len()).then(|| String::from_utf8(out).ok()).flatten()
}

/// How a word without umlauts is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Umlauts {
    /// `ae`.
    German,
    /// `a`, as Swedes do and everybody who lacks the key.
    Plain,
}

/// Lower case without accents.
pub fn fold(word: &str, umlauts: Umlauts) -> String {
    let german = umlauts == Umlauts::German;
    let mut out = String::with_capacity(word.len() + 4);
    for c in word.nfc().flat_map(char::to_lowercase) {
        match c {
            'ä' if german => out.push_str("ae"),
            'ö' if german => out.push_str("oe"),
            'ü' if german => out.push_str("ue"),
            'ß' => out.push_str("ss"),
            'ł' => out.push('l'),
            'ø' => out.push('o'),
            'æ' => out.push_str("ae"),
            'œ' => out.push_str("oe"),
            'đ' | 'ð' => out.push('d'),
            'ı' => out.push('i'),
            // Any other accent is taken off: résumé, ansökan.
            c => out.extend(std::iter::once(c).nfd().filter(|part| !unicode_normalization::char::is_combining_mark(*part))),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_words() {
        let check = |name: &str, expected: &str| assert_eq!(words(name).join(" "), expected, "{name}");
        check("LebenslaufMüller2026.pdf", "lebenslauf mueller pdf");
        check("CVMüller", "cv mueller");
        check("Meritfo\u{308}rteckning", "meritfoerteckning");
        check("Lebenslauf%20M%C3%BCller.pdf", "lebenslauf mueller pdf");
        check("50%25 Lebenslauf 100%", "lebenslauf #");
        check("%FF%FE", "ff fe");
        check("LebenslÃ¤ufe", "lebenslaeufe");
        check("RÃ©sumÃ©", "resume");
        check("R\u{fffd}sum\u{fffd}.pdf", "r\u{fffd}sum pdf");
        check("Zażółć Łódź", "zazolc lodz");
        check("Referenz 48213 v2 2019 20260102", "referenz # v");
        check("", "");
        check("...", "");
    }

    #[test]
    fn endings_of_names() {
        let check = |name: &str, expected: &str| assert_eq!(without_ending(name), expected, "{name}");
        check("Lebenslauf.pdf", "Lebenslauf");
        check("Zeugnis.docx.PDF", "Zeugnis");
        check("Foto.7z", "Foto");
        check("Lebenslauf.Anna.Berg", "Lebenslauf.Anna.Berg");
        check("Weber.CV", "Weber.CV");
        check("pdf", "pdf");
        check(".pdf", ".pdf");
        check("", "");
        assert!(ENDINGS.is_sorted());
    }

    #[test]
    fn rules_that_no_name_could_meet() {
        let fault = |words: &str, kind| FilenameRule { words: words.into(), kind }.fault();
        assert_eq!(fault("Steckbrief", Kind::Cv), None);
        assert_eq!(fault("LB", Kind::Other), None);
        assert_eq!(fault("Scan PDF", Kind::Photo), None);
        for bad in ["", " ", "1", "x", "_-_", "pdf", ".DOCX", "*.pdf", "mp4", "jpg png", &"x".repeat(101)] {
            assert!(fault(bad, Kind::Cv).is_some(), "{bad}");
        }
        assert!(fault("Bericht", Kind::ReferenceReport).is_some());
        assert_eq!(key("Über-Mich_Blatt"), "ueber mich blatt");
    }
}
