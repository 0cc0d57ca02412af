//! The tables of `words.toml`: what mail programs write in which language. Data, read once.

use serde::Deserialize;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

/// The tables, ready to be asked.
#[derive(Debug)]
pub struct Words {
    pub forward_prefixes: HashSet<String>,
    pub reply_prefixes: HashSet<String>,
    pub tags: HashSet<String>,
    pub forward_separators: HashSet<String>,
    pub either_separators: HashSet<String>,
    pub on_behalf: Vec<String>,
    /// Field name to meaning; a name that means two things in two languages keeps both.
    fields: HashMap<String, Vec<FieldName>>,
    /// Month name to 1…12.
    pub months: HashMap<String, i8>,
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

impl Words {
    /// What a field of that name can mean; the name in lower case.
    pub fn field(&self, name: &str) -> &[FieldName] {
        self.fields.get(name).map(Vec::as_slice).unwrap_or_default()
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
    separators: Separators,
    fields: Vec<Fields>,
    dates: Vec<Dates>,
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
struct Separators {
    forward: Vec<String>,
    either: Vec<String>,
    on_behalf: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    #[serde(rename = "language")]
    _language: String,
    from: Vec<String>,
    date: Vec<String>,
    to: Vec<String>,
    cc: Vec<String>,
    subject: Vec<String>,
    other: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Dates {
    #[serde(rename = "language")]
    _language: String,
    /// Twelve, each with its short forms.
    months: [String; 12],
}

impl Tables {
    fn into_words(self) -> Words {
        let mut fields: HashMap<String, Vec<FieldName>> = HashMap::new();
        for table in self.fields {
            let meanings = [
                (table.from, FieldName::From),
                (table.date, FieldName::Date),
                (table.to, FieldName::To),
                (table.cc, FieldName::Cc),
                (table.subject, FieldName::Subject),
                (table.other, FieldName::Other),
            ];
            for (names, meaning) in meanings {
                for name in names {
                    let known = fields.entry(name).or_default();
                    if !known.contains(&meaning) {
                        known.push(meaning);
                    }
                }
            }
        }
        let months = self.dates.iter().flat_map(|table| (1i8..).zip(&table.months));
        let months = months.flat_map(|(number, names)| names.split(' ').map(move |name| (name.to_owned(), number))).collect();
        Words {
            forward_prefixes: self.prefixes.forward.into_iter().collect(),
            reply_prefixes: self.prefixes.reply.into_iter().collect(),
            tags: self.prefixes.tags.into_iter().collect(),
            forward_separators: self.separators.forward.into_iter().collect(),
            either_separators: self.separators.either.into_iter().collect(),
            on_behalf: self.separators.on_behalf,
            fields,
            months,
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
        assert_eq!(WORDS.field("von"), [FieldName::From]);
        assert_eq!(WORDS.months.get("märz"), Some(&3));
        assert_eq!(WORDS.zones.get("mez"), Some(&60));
    }
}
