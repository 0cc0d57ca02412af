//! File names of any bytes.

use super::{RULES, spelt_out};
use rohrpost::model::file_name::FilenameRule;
use rohrpost::model::message::{Kind, Message};
use rohrpost::model::organisation::Rules;
use rohrpost::understand;
use std::sync::LazyLock;

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
