//! The tables of `words.toml`: what mail programs write in which language. Data, read once.

use regex::Regex;
use serde::Deserialize;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

/// The tables, ready to be asked.
#[derive(Debug)]
pub struct Words {
    pub forward_prefixes: HashSet<String>,
    pub reply_prefixes: HashSet<String>,
    pub tags: HashSet<String>,
    separators: HashMap<String, Separator>,
    /// How separators begin that go on with a person (`forwarded message from …`).
    personal: Vec<String>,
    /// Lines that stand below a forwarded mail.
    ends: HashSet<String>,
    /// Lines that introduce a quoted mail; each has one or two groups, which are a date, a person, or both.
    pub introductions: Vec<Regex>,
    /// What the subject of an automatic answer begins with, before a colon.
    pub automatic: HashSet<String>,
    pub on_behalf: Vec<String>,
    /// Names of header blocks by language, in the order of the table.
    pub names: Vec<Names>,
    /// Field name to meanings; a name that means two things in two languages keeps both.
    fields: HashMap<String, Vec<(FieldName, Languages)>>,
    /// Month name to 1…12; `listopad` is another month in Croatian than in Czech.
    months: HashMap<String, Vec<(i8, Languages)>>,
    /// Words for AM and PM behind a time: whether they mean the afternoon.
    pub halves: HashMap<String, bool>,
    /// Zone name to minutes east of UTC.
    pub zones: HashMap<String, i32>,
}

/// What a field of a forwarded header block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FieldName {
    From,
    Date,
    To,
    Cc,
    Subject,
    Other,
}

/// What a separator line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Separator {
    Forward,
    /// Forwards and replies bear it alike.
    Either,
}

/// A set of languages, a bit for each table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Languages(u64);

impl Languages {
    pub const NONE: Languages = Languages(0);
    pub const ALL: Languages = Languages(u64::MAX);

    /// Those in both sets; if there is none, the first set stands: mail programs mix their own language with English.
    pub fn narrowed(self, other: Languages) -> Languages {
        if self.0 & other.0 == 0 { self } else { Languages(self.0 & other.0) }
    }

    fn meets(self, other: Languages) -> bool {
        self.0 & other.0 != 0
    }

    fn add(&mut self, language: usize) {
        self.0 |= 1 << language;
    }
}

/// Names of one language's fields, as the table has them.
#[derive(Clone, Debug)]
pub struct Names {
    pub from: Vec<String>,
    /// The other fields that are kept.
    pub rest: Vec<(FieldName, String)>,
}

impl Words {
    /// What a field of that name can mean, and in which languages; the name in lower case.
    pub fn field(&self, name: &str) -> &[(FieldName, Languages)] {
        self.fields.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// What a line of these words announces; in lower case, without dashes around.
    pub fn separator(&self, words: &str) -> Option<Separator> {
        self.separators.get(words).copied()
    }

    /// Whether a line of these words announces a forwarded mail and says whose, or by whom; in lower case, without dashes around.
    pub fn names_forward(&self, words: &str) -> bool {
        self.personal.iter().any(|begin| words.starts_with(begin.as_str()))
    }

    /// Whether a line of these words stands below a forwarded mail; in lower case, without dashes around.
    pub fn ends_forward(&self, words: &str) -> bool {
        self.ends.contains(words)
    }

    /// The number of a month; in these languages if the word means a month there, else in any.
    pub fn month(&self, word: &str, languages: Languages) -> Option<i8> {
        let known = self.months.get(word)?;
        let fits = known.iter().find(|(_, of)| of.meets(languages));
        fits.or(known.first()).map(|(number, _)| *number)
    }
}

pub static WORDS: LazyLock<Words> = LazyLock::new(|| {
    let tables: Tables = toml::from_str(include_str!("words.toml")).expect("words.toml is part of the program, and a test reads it");
    tables.into_words()
});

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tables {
    prefixes: Prefixes,
    halves: Halves,
    language: Vec<Language>,
    zones: HashMap<String, i32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Prefixes {
    forward: Vec<String>,
    reply: Vec<String>,
    tags: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Halves {
    forenoon: Vec<String>,
    afternoon: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Language {
    #[serde(rename = "name")]
    _name: String,
    forward: Vec<String>,
    either: Vec<String>,
    #[serde(default)]
    end: Vec<String>,
    wrote: Vec<String>,
    automatic: Vec<String>,
    on_behalf: Vec<String>,
    from: Vec<String>,
    date: Vec<String>,
    to: Vec<String>,
    cc: Vec<String>,
    subject: Vec<String>,
    other: Vec<String>,
    /// Twelve, each with its short forms.
    months: [String; 12],
}

impl Language {
    fn fields(&self) -> impl Iterator<Item = (FieldName, &String)> {
        let each = [
            (&self.from, FieldName::From),
            (&self.date, FieldName::Date),
            (&self.to, FieldName::To),
            (&self.cc, FieldName::Cc),
            (&self.subject, FieldName::Subject),
            (&self.other, FieldName::Other),
        ];
        each.into_iter().flat_map(|(names, field)| names.iter().map(move |name| (field, name)))
    }

    fn names(&self) -> Names {
        let rest = self.fields().filter(|(field, _)| !matches!(field, FieldName::From | FieldName::Other));
        Names { from: self.from.clone(), rest: rest.map(|(field, name)| (field, name.clone())).collect() }
    }
}

/// Adds a language to what a word means.
fn learn<M: PartialEq>(known: &mut Vec<(M, Languages)>, meaning: M, language: usize) {
    let at = known.iter().position(|(other, _)| *other == meaning).unwrap_or_else(|| {
        known.push((meaning, Languages::NONE));
        known.len() - 1
    });
    known[at].1.add(language);
}

/// `am … schrieb …` as a pattern: whatever the case, with one group for each `…`, and whole words (`Amanda Müller hat am …`).
fn introduction(text: &str) -> Regex {
    let boundary = |letter: Option<char>| if letter.is_some_and(char::is_alphanumeric) { r"\b" } else { "" };
    let pieces = text.split('…').map(str::trim);
    let pieces =
        pieces.map(|piece| (boundary(piece.chars().next()), regex::escape(piece).replace(' ', r"\s+"), boundary(piece.chars().last())));
    let pieces: Vec<String> = pieces.map(|(before, words, behind)| format!("{before}{words}{behind}")).collect();
    let pattern = pieces.join(r"\s*(.+?)\s*");
    Regex::new(&format!(r"(?is)^{pattern}$")).expect("words.toml is part of the program, and a test reads it")
}

impl Tables {
    fn into_words(self) -> Words {
        let mut fields: HashMap<String, Vec<(FieldName, Languages)>> = HashMap::new();
        let mut months: HashMap<String, Vec<(i8, Languages)>> = HashMap::new();
        let mut separators = HashMap::new();
        let mut personal = Vec::new();
        for (at, language) in self.language.iter().enumerate() {
            for (field, name) in language.fields() {
                learn(fields.entry(name.clone()).or_default(), field, at);
            }
            for (number, names) in (1i8..).zip(&language.months) {
                names.split(' ').for_each(|name| learn(months.entry(name.to_owned()).or_default(), number, at));
            }
            let (begins, whole): (Vec<&String>, Vec<&String>) = language.forward.iter().partition(|words| words.ends_with('…'));
            personal.extend(begins.into_iter().map(|words| words.trim_end_matches('…').to_owned()));
            separators.extend(whole.into_iter().map(|words| (words.clone(), Separator::Forward)));
            separators.extend(language.either.iter().map(|words| (words.clone(), Separator::Either)));
        }
        Words {
            forward_prefixes: self.prefixes.forward.into_iter().collect(),
            reply_prefixes: self.prefixes.reply.into_iter().collect(),
            tags: self.prefixes.tags.into_iter().collect(),
            separators,
            personal,
            ends: self.language.iter().flat_map(|language| language.end.clone()).collect(),
            introductions: self.language.iter().flat_map(|language| &language.wrote).map(|text| introduction(text)).collect(),
            automatic: self.language.iter().flat_map(|language| language.automatic.clone()).collect(),
            on_behalf: self.language.iter().flat_map(|language| language.on_behalf.clone()).collect(),
            names: self.language.iter().map(Language::names).collect(),
            fields,
            months,
            halves: {
                let forenoon = self.halves.forenoon.into_iter().map(|word| (word, false));
                forenoon.chain(self.halves.afternoon.into_iter().map(|word| (word, true))).collect()
            },
            zones: self.zones,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_read() {
        assert!(WORDS.forward_prefixes.contains("wg"));
        assert!(matches!(WORDS.field("von"), [(FieldName::From, _)]));
        assert_eq!(WORDS.month("märz", Languages::ALL), Some(3));
        assert_eq!(WORDS.zones.get("mez"), Some(&60));
        // One bit each.
        assert!(WORDS.names.len() <= 64);
    }

    /// Everything is looked up in lower case.
    #[test]
    fn tables_are_in_lower_case() {
        let is_lower = |word: &String| assert_eq!(*word, word.to_lowercase());
        WORDS.fields.keys().chain(WORDS.months.keys()).chain(WORDS.separators.keys()).for_each(is_lower);
        WORDS.personal.iter().chain(&WORDS.ends).for_each(is_lower);
        WORDS.forward_prefixes.iter().chain(&WORDS.reply_prefixes).chain(&WORDS.automatic).chain(&WORDS.on_behalf).for_each(is_lower);
    }

    #[test]
    fn a_month_of_two_languages() {
        let languages = |field: &str| WORDS.field(field)[0].1;
        assert_eq!(WORDS.month("listopada", languages("šalje")), Some(10));
        assert_eq!(WORDS.month("listopada", languages("nadawca")), Some(11));
    }
}
