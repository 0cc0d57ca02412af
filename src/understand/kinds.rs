//! What kind of document a file is, by its name (S1.22, S1.23; MODEL §3.4). Rules are data: `kinds.toml`.

use crate::model::message::Kind;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use unicode_normalization::UnicodeNormalization;

/// The kind that a file name tells; `Other` where it tells none, or two (S1.E12).
pub fn of(name: &str) -> Kind {
    let words = words(name);
    let mut found = BTreeSet::new();
    let mut weak = false;
    let mut at = 0;
    while at < words.len() {
        let (length, meaning) = RULES.longest_at(&words[at..]);
        match meaning {
            Some(Meaning::Is(kind)) => {
                found.insert(kind);
            }
            Some(Meaning::Weak) => weak = true,
            Some(Meaning::BlankForm) => return Kind::Other,
            None => (),
        }
        at += length;
    }
    match (found.len(), found.pop_first()) {
        (1, Some(kind)) => kind,
        (0, _) if weak => Kind::Dossier,
        _ => Kind::Other,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    Is(Kind),
    Weak,
    BlankForm,
}

/// A rule: its words, folded.
struct Rule {
    words: Vec<String>,
    /// Looked for as the first part of a compound, and nowhere else.
    begins: bool,
    meaning: Meaning,
}

struct Rules(Vec<Rule>);

/// A word that is looked for inside compounds has at least so many letters: `cv` and `foto` would be found by accident.
const SHORTEST_COMPOUND_PART: usize = 5;

impl Rules {
    /// The longest rule that fits the words from here on, and how many of them it takes (at least one).
    fn longest_at(&self, words: &[String]) -> (usize, Option<Meaning>) {
        let fitting = self.0.iter().filter_map(|rule| Some((rule.fits(words)?, rule.letters(), rule)));
        let best = fitting.max_by_key(|(fit, letters, _)| (*fit, *letters));
        best.map_or((1, None), |(_, _, rule)| (rule.words.len(), Some(rule.meaning)))
    }
}

impl Rule {
    fn letters(&self) -> usize {
        self.words.iter().map(String::len).sum()
    }

    fn fits(&self, words: &[String]) -> Option<Fit> {
        match self.words.as_slice() {
            [word] if self.begins => words.first()?.starts_with(word.as_str()).then_some(Fit::Begins),
            [word] => fit(words.first()?, word),
            phrase => (words.len() >= phrase.len() && phrase.iter().zip(words).all(|(rule, token)| rule == token)).then_some(Fit::Is),
        }
    }
}

/// How a word of a rule stands in a word of a name; the better one counts. The last part of a compound says what the thing is:
/// `Lebenslaufvorlage` is a blank form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    Begins,
    Ends,
    Is,
}

/// Endings of plurals and cases, German, English and Swedish.
const ENDINGS: [&str; 7] = ["", "s", "e", "n", "en", "er", "es"];

/// The word itself, or a compound that ends with it (`bewerbungsanschreiben`), perhaps in the plural.
fn fit(token: &str, word: &str) -> Option<Fit> {
    if token == word {
        return Some(Fit::Is);
    }
    if word.len() < SHORTEST_COMPOUND_PART {
        return None;
    }
    let stems = ENDINGS.iter().filter_map(|ending| token.strip_suffix(ending));
    stems.filter_map(|stem| stem.strip_suffix(word)).map(|before| if before.is_empty() { Fit::Is } else { Fit::Ends }).max()
}

static RULES: LazyLock<Rules> = LazyLock::new(|| {
    let tables: BTreeMap<String, Table> =
        toml::from_str(include_str!("kinds.toml")).expect("kinds.toml is part of the program, and a test reads it");
    let mut rules = Vec::new();
    let mut add = |phrases: Vec<String>, meaning: Meaning, begins: bool| {
        let phrases = phrases.iter().flat_map(|phrase| folds(phrase));
        rules.extend(phrases.map(|phrase| Rule { words: phrase.split(' ').map(str::to_owned).collect(), begins, meaning }));
    };
    for (name, table) in tables {
        let strong = match Kind::parse(&name) {
            Some(kind) => Meaning::Is(kind),
            None => Meaning::BlankForm,
        };
        add(table.begins, strong, true);
        add(table.strong.into_values().flatten().collect(), strong, false);
        add(table.weak.into_values().flatten().collect(), Meaning::Weak, false);
    }
    Rules(rules)
});

type Languages = BTreeMap<String, Vec<String>>;

#[derive(Deserialize)]
struct Table {
    #[serde(default)]
    begins: Vec<String>,
    #[serde(default)]
    weak: Languages,
    #[serde(flatten)]
    strong: Languages,
}

/// Both ways to write a word without umlauts: `ae` as Germans do, `a` as Swedes do.
fn folds(word: &str) -> Vec<String> {
    let german = fold(word, true);
    let plain = fold(word, false);
    if german == plain { vec![german] } else { vec![german, plain] }
}

fn fold(word: &str, german: bool) -> String {
    let mut out = String::with_capacity(word.len() + 4);
    for c in word.nfc().flat_map(char::to_lowercase) {
        match (c, german) {
            ('ä', true) => out.push_str("ae"),
            ('ö', true) => out.push_str("oe"),
            ('ü', true) => out.push_str("ue"),
            ('ß', _) => out.push_str("ss"),
            // Any other accent is taken off: résumé, ansökan.
            (c, _) => out.extend(c.nfd().filter(|part| !unicode_normalization::char::is_combining_mark(*part))),
        }
    }
    out
}

/// The words of a name: without extension, cut at everything that is no letter and where the case changes.
fn words(name: &str) -> Vec<String> {
    let name: String = name.nfc().take(1_000).collect();
    let stem = match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() && extension.len() <= 5 => stem,
        _ => name.as_str(),
    };
    let letters: Vec<char> = stem.chars().collect();
    let mut words = Vec::new();
    let mut word = String::new();
    for (at, &c) in letters.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| letters[before]);
        let after = letters.get(at + 1);
        // `LebenslaufMueller` and `CVMueller`: a capital begins a word behind a small letter, or before one.
        let begins =
            c.is_uppercase() && before.is_some_and(|b| b.is_lowercase() || b.is_uppercase() && after.is_some_and(|a| a.is_lowercase()));
        if !c.is_alphabetic() || begins {
            words.push(std::mem::take(&mut word));
        }
        if c.is_alphabetic() {
            word.push(c);
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words.into_iter().map(|word| fold(&word, true)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, kind: Kind) {
        assert_eq!(of(name), kind, "{name}");
    }

    /// Acceptance: S1.22.
    #[test]
    fn names_that_tell() {
        check("Anschreiben.pdf", Kind::CoverLetter);
        check("Bewerbungsanschreiben_Müller.pdf", Kind::CoverLetter);
        check("ANSCHREIBEN.PDF", Kind::CoverLetter);
        check("cover_letter.docx", Kind::CoverLetter);
        check("Cover Letter Maria.pdf", Kind::CoverLetter);
        check("Personligt brev.pdf", Kind::CoverLetter);
        check("Lebenslauf.pdf", Kind::Cv);
        check("LebenslaufMueller2026.pdf", Kind::Cv);
        check("CV_Maria.pdf", Kind::Cv);
        check("MariaCV.pdf", Kind::Cv);
        check("CVMueller.pdf", Kind::Cv);
        check("Résumé.pdf", Kind::Cv);
        check("Meritforteckning.pdf", Kind::Cv);
        check("Meritfo\u{308}rteckning.pdf", Kind::Cv);
        check("Arbeitszeugnis_2019.pdf", Kind::EmploymentReference);
        check("Abschlusszeugnis.pdf", Kind::Certificate);
        check("Zeugnisse.pdf", Kind::Certificate);
        check("Bewerbungsfoto.jpg", Kind::Photo);
        check("Portfolio.pdf", Kind::WorkSample);
        check("Bewerbungsunterlagen Müller.pdf", Kind::Dossier);
        check("Bewerbung Müller.pdf", Kind::Dossier);
        check("Bewerbung_Lebenslauf.pdf", Kind::Cv);
        check("lebenslaufmueller.pdf", Kind::Cv);
        check("Lebensläufe.pdf", Kind::Cv);
        check("Zeugniskopien.pdf", Kind::Certificate);
        check("Masterzeugnis.pdf", Kind::Certificate);
        check("Schulzeugnissen.pdf", Kind::Certificate);
        check("Zertifikate.pdf", Kind::Certificate);
        check("Zertifikatsmappe.pdf", Kind::Certificate);
        check("Certificates.pdf", Kind::Certificate);
        check("Slutbetyg.pdf", Kind::Certificate);
        check("Arbeitszeugnisse.pdf", Kind::EmploymentReference);
        check("Motivationsschreiben.pdf", Kind::CoverLetter);
    }

    /// Acceptance: S1.22. Names and professions that begin with a word of another kind say nothing of the file.
    #[test]
    fn people_and_professions_in_names() {
        check("Lebenslauf_Max_Mustermann.pdf", Kind::Cv);
        check("Anschreiben_Mustermann.pdf", Kind::CoverLetter);
        check("Zertifikat_Photoshop.pdf", Kind::Certificate);
        check("Lebenslauf_Diplomingenieur_Meier.pdf", Kind::Cv);
        check("Lebenslauf_Portfoliomanagerin.pdf", Kind::Cv);
        check("Lebenslauf_Porträtfotograf.pdf", Kind::Cv);
        check("Zeugnis_Formularwesen.pdf", Kind::Certificate);
        check("Diplomarbeit.pdf", Kind::Other);
    }

    /// Acceptance: S1.23, S1.E12.
    #[test]
    fn names_that_tell_nothing_or_two_things() {
        check("scan0047.pdf", Kind::Other);
        check("", Kind::Other);
        check(".pdf", Kind::Other);
        check("Anschreiben_Lebenslauf.pdf", Kind::Other);
        check("Zeugnis und Lebenslauf.pdf", Kind::Other);
        check("Lebenslauf_und_Zeugnisse.pdf", Kind::Other);
        check("Lebenslauf Vorlage.docx", Kind::Other);
        check("Lebenslaufvorlage.docx", Kind::Other);
        check("Zeugnismuster.docx", Kind::Other);
        check("Antrag Arbeitszeugnis.pdf", Kind::Other);
        check("Fotografie.pdf", Kind::Other);
        check("Vitamine.pdf", Kind::Other);
    }
}
