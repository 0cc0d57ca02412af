//! What kind of document a file is, by its name (S1.22, S1.23; MODEL §3.4). Rules are data: `kinds.toml`, and before them the tenant's
//! own. See docs/kinds.md.

mod matching;

use crate::model::file_name::{self, FilenameRule};
use crate::model::message::Kind;
use matching::{Means, Words};
use serde::Deserialize;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// Judges the names of one tenant's files.
pub struct Judge {
    own: Words,
    /// Words that may still be looked at for a typing error.
    looks: Cell<u32>,
}

/// All names of one mail's files that are judged, in bytes: hundreds of files with long names. What is behind tells nothing.
pub const LONGEST_NAMES: usize = 64 << 10;
/// Words in the names of one mail's files that are looked at for typing errors: each costs as much as fifty others.
const MOST_LOOKS: u32 = 2_000;

impl Judge {
    pub fn new(own: &[FilenameRule]) -> Judge {
        let mut words = Words::default();
        for rule in own {
            let means = if rule.kind == Kind::Other { Means::Nothing } else { Means::Is(rule.kind) };
            let phrase = file_name::without_ending(&rule.words);
            words.add(phrase, means, &[]);
            words.add_compound_part(phrase, means);
        }
        Judge { own: words, looks: Cell::new(MOST_LOOKS) }
    }

    /// One without the tenant's rules, to whom a word with a typing error is another word.
    pub fn exact() -> Judge {
        Judge { own: Words::default(), looks: Cell::new(0) }
    }

    /// The kind that a file name tells; `Other` where it tells none, or two (S1.E12).
    pub fn kind(&self, name: &str) -> Kind {
        let words = file_name::words(file_name::without_ending(name));
        let own = Told::of(&words, &self.own, &self.looks);
        match own.kinds.len() {
            // What the tenant says tells nothing tells nobody anything.
            0 => Told::of(&own.rest, &BUILT_IN, &self.looks).kind(),
            // A blank form of it is no more than a form, unless the tenant's rule is about that word.
            1 if !Told::of(&own.rest, &BUILT_IN, &self.looks).is_blank_form => own.kind(),
            _ => Kind::Other,
        }
    }

    /// The word that would have told the kind, if the tenant had a rule for it: the longest one that tells nothing as yet. `people`: names of those whom the file is about; no rule is made of them.
    pub fn telling_word(&self, name: &str, people: &[&str]) -> Option<String> {
        let people: BTreeSet<String> = people.iter().flat_map(|person| file_name::words(person)).collect();
        let words = file_name::words(file_name::without_ending(name));
        let unknown = Told::of(&Told::of(&words, &self.own, &self.looks).rest, &BUILT_IN, &self.looks).rest;
        let is_word = |word: &&String| word.chars().count() >= SHORTEST_OFFER && !people.contains(*word) && !COMMON.contains(*word);
        // The first of the longest: what a thing is stands in front of whose it is.
        unknown.iter().filter(is_word).rev().max_by_key(|word| word.chars().count()).cloned()
    }
}

/// A word that is offered for a rule has at least so many letters.
const SHORTEST_OFFER: usize = 4;

/// Words that stand in names of all kinds of files.
static COMMON: LazyLock<BTreeSet<String>> = LazyLock::new(|| DATA.common.words.iter().map(|word| file_name::key(word)).collect());

/// What a photo is only a part of something behind.
static BESIDE: LazyLock<BTreeSet<String>> = LazyLock::new(|| DATA.beside.words.iter().map(|word| file_name::key(word)).collect());

/// What the words of a name tell by one set of rules.
#[derive(Default)]
struct Told {
    kinds: BTreeSet<Kind>,
    weak: BTreeSet<Kind>,
    is_blank_form: bool,
    /// A photo that is a part of what the rest of the name tells; the thing itself, if that is nothing: `Weber Z. Foto.jpg`.
    has_photo_beside: bool,
    /// The words that no rule knows.
    rest: Vec<String>,
}

impl Told {
    fn of(words: &[String], rules: &Words, looks: &Cell<u32>) -> Told {
        let mut told = Told::default();
        let mut at = 0;
        while at < words.len() {
            let (length, means) = rules.longest_at(&words[at..], looks);
            match means {
                Some(Means::Is(Kind::Photo)) if at > 0 && BESIDE.contains(&words[at - 1]) => told.has_photo_beside = true,
                Some(Means::Is(kind)) => drop(told.kinds.insert(kind)),
                Some(Means::Perhaps(kind)) => drop(told.weak.insert(kind)),
                Some(Means::BlankForm) => told.is_blank_form = true,
                Some(Means::Nothing) => (),
                None => told.rest.push(words[at].clone()),
            }
            at += length;
        }
        told
    }

    fn kind(mut self) -> Kind {
        if self.is_blank_form {
            return Kind::Other;
        }
        let is_weak = self.kinds.is_empty();
        let mut found = if is_weak { std::mem::take(&mut self.weak) } else { self.kinds };
        if found.len() > 1 && (is_weak || !self.weak.is_empty()) {
            found.remove(&Kind::Dossier);
        }
        match (found.len(), found.pop_first()) {
            (1, Some(kind)) => kind,
            (0, None) if self.has_photo_beside => Kind::Photo,
            _ => Kind::Other,
        }
    }
}

static BUILT_IN: LazyLock<Words> = LazyLock::new(|| {
    let fillers: Vec<&str> = DATA.fillers.words.iter().map(String::as_str).collect();
    let mut words = Words::new(&fillers);
    for (name, table) in &DATA.tables {
        let (means, weak) = match (name.as_str(), Kind::parse(name)) {
            (_, Some(kind)) => (Means::Is(kind), Means::Perhaps(kind)),
            ("blank_forms", None) => (Means::BlankForm, Means::BlankForm),
            (_, None) => (Means::Nothing, Means::Nothing),
        };
        table.begins.iter().for_each(|word| words.add_beginning(word, means));
        table.ends.iter().for_each(|word| words.add_ending(word, means));
        for (languages, means) in [(&table.strong, means), (&table.weak, weak)] {
            for (language, phrases) in languages {
                for phrase in phrases {
                    words.add(phrase, means, &fillers);
                    if COMPOUNDING.contains(&language.as_str()) {
                        words.add_compound_part(phrase, means);
                    }
                }
            }
        }
    }
    words
});

/// Languages that glue words together.
const COMPOUNDING: [&str; 3] = ["de", "nl", "sv"];

static DATA: LazyLock<Data> =
    LazyLock::new(|| toml::from_str(include_str!("kinds.toml")).expect("kinds.toml is part of the program, and a test reads it"));

#[derive(Deserialize)]
struct Data {
    fillers: List,
    common: List,
    beside: List,
    #[serde(flatten)]
    tables: BTreeMap<String, Table>,
}

#[derive(Deserialize)]
struct List {
    words: Vec<String>,
}

type Languages = BTreeMap<String, Vec<String>>;

#[derive(Deserialize)]
struct Table {
    #[serde(default)]
    begins: Vec<String>,
    #[serde(default)]
    ends: Vec<String>,
    #[serde(default)]
    weak: Languages,
    #[serde(flatten)]
    strong: Languages,
}

#[cfg(test)]
mod tests;
