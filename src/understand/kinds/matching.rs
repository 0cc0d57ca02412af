//! Words of rules in the words of a name: as they are, in the plural, as a part of a compound, glued to others, or mistyped.

use crate::model::file_name::{NUMBER, Umlauts, fold};
use crate::model::message::Kind;
use std::cell::Cell;
use std::collections::{HashMap, HashSet};

/// What a word tells of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    Is(Kind),
    /// If nothing else tells a kind.
    Perhaps(Kind),
    BlankForm,
    Nothing,
}

/// A word that is looked for inside compounds has at least so many letters: `cv` and `foto` would be found by accident.
const SHORTEST_COMPOUND_PART: usize = 5;
/// Words with fewer letters are one typing error away from too many others.
const SHORTEST_MISTYPED: usize = 7;
/// From so many letters on, the error may be in the first one, too, and in the last part of a compound.
const LONG: usize = 9;
/// What stands before a last part that names are glued to, and behind a short first part.
const SHORTEST_GLUED: usize = 3;
/// Words that somebody wrote apart: `Arbeits-Zeugnis`, `Test-Da-F`.
const MOST_PARTS: usize = 4;
/// Endings of plurals and cases.
const ENDINGS: [&str; 10] = ["", "s", "e", "n", "en", "er", "es", "et", "se", "sen"];

/// How a rule stands in the words of a name; the better one counts, then the longer one. The last part of a compound says what the
/// thing is: `Lebenslaufvorlage` is a blank form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    EndsMistyped,
    Begins,
    Ends,
    Mistyped,
    Is,
}

/// A rule that fits: how well, its letters, how many words it takes.
type Found = (Fit, usize, usize, Means);

/// A set of rules, folded.
#[derive(Default)]
pub struct Words {
    fillers: HashSet<String>,
    single: HashMap<String, Means>,
    /// Those of `single` that are long enough for an error, by their length.
    long: HashMap<usize, Vec<(Vec<char>, Means)>>,
    /// Those of `compound`.
    long_parts: Vec<(Vec<char>, Means)>,
    compound: HashMap<String, Means>,
    longest_compound: usize,
    begins: Vec<(String, Means)>,
    ends: Vec<(String, Means)>,
    /// By the first letter; by none those whose first letter may be mistyped.
    phrases: HashMap<Option<char>, Vec<(Vec<String>, Means)>>,
}

impl Words {
    pub fn new(fillers: &[&str]) -> Words {
        Words { fillers: fillers.iter().map(|filler| (*filler).to_owned()).collect(), ..Words::default() }
    }

    /// A word, or a phrase, which is found with and without marks and fillers between its words.
    pub fn add(&mut self, phrase: &str, means: Means, fillers: &[&str]) {
        for words in folds(phrase) {
            let bare: Vec<String> = words.iter().filter(|word| !fillers.contains(&word.as_str())).cloned().collect();
            let bare = if bare.is_empty() { words.clone() } else { bare };
            match bare.as_slice() {
                [word] => self.add_single(word.clone(), means),
                _ => {
                    for glued in [words.concat(), bare.concat()] {
                        if glued.len() >= SHORTEST_MISTYPED && !glued.contains(NUMBER) {
                            self.add_single(glued, means);
                        }
                    }
                    let first = Some(&bare[0]).filter(|word| word.len() < LONG).and_then(|word| word.chars().next());
                    self.phrases.entry(first).or_default().push((bare, means));
                }
            }
        }
    }

    fn add_single(&mut self, word: String, means: Means) {
        if self.single.insert(word.clone(), means).is_none() && word.len() >= SHORTEST_MISTYPED {
            let letters: Vec<char> = word.chars().collect();
            self.long.entry(letters.len()).or_default().push((letters, means));
        }
    }

    pub fn add_compound_part(&mut self, word: &str, means: Means) {
        for words in folds(word) {
            if let [word] = words.as_slice()
                && word.len() >= SHORTEST_COMPOUND_PART
            {
                self.longest_compound = self.longest_compound.max(word.len());
                if self.compound.insert(word.clone(), means).is_none() && word.len() >= LONG {
                    self.long_parts.push((word.chars().collect(), means));
                }
            }
        }
    }

    pub fn add_beginning(&mut self, word: &str, means: Means) {
        self.begins.push((fold(word, Umlauts::German), means));
    }

    pub fn add_ending(&mut self, word: &str, means: Means) {
        self.ends.push((fold(word, Umlauts::German), means));
    }

    /// What fits best from here on, and how many words it takes (at least one).
    pub fn longest_at(&self, words: &[String], looks: &Cell<u32>) -> (usize, Option<Means>) {
        let Some(first) = words.first() else { return (1, None) };
        let phrases = [None, first.chars().next()].into_iter().filter_map(|letter| self.phrases.get(&letter)).flatten();
        let phrases = phrases.filter_map(|(phrase, means)| self.phrase(phrase, words, *means));
        let found = phrases.chain(self.apart(words)).chain(self.whole(first)).chain(self.part(first));
        let best = found.max_by_key(|(fit, letters, ..)| (*fit, *letters));
        // Costly, and of no use where something is written right.
        let best = best
            .filter(|found| found.0 > Fit::Mistyped)
            .or_else(|| self.mistyped(first, looks).into_iter().chain(best).max_by_key(|found| (found.0, found.1)));
        best.map_or((1, None), |(_, _, length, means)| (length, Some(means)))
    }

    fn whole(&self, token: &str) -> Option<Found> {
        let found = stems(token).filter_map(|stem| Some((stem.len(), *self.single.get(stem)?))).max_by_key(|(letters, _)| *letters);
        found.map(|(letters, means)| (Fit::Is, letters, 1, means))
    }

    /// A last part of a compound, or a first one.
    fn part(&self, token: &str) -> Option<Found> {
        let last = stems(token).flat_map(|stem| {
            let from = stem.len().saturating_sub(self.longest_compound).max(1);
            let starts = (from..=stem.len().saturating_sub(SHORTEST_COMPOUND_PART)).filter(|at| stem.is_char_boundary(*at));
            starts.filter_map(|at| Some((Fit::Ends, stem.len() - at, 1, *self.compound.get(&stem[at..])?)))
        });
        let glued = self.ends.iter().filter(|(word, _)| token.ends_with(word.as_str()) && token.len() >= word.len() + SHORTEST_GLUED);
        let glued = glued.map(|(word, means)| (Fit::Ends, word.len(), 1, *means));
        let begins = self.begins.iter().filter(|(word, _)| {
            token.starts_with(word.as_str()) && (word.len() >= SHORTEST_COMPOUND_PART || token.len() >= word.len() + SHORTEST_GLUED)
        });
        let begins = begins.map(|(word, means)| (Fit::Begins, word.len(), 1, *means));
        last.chain(glued).chain(begins).max_by_key(|(fit, letters, ..)| (*fit, *letters))
    }

    /// One word that was written as several.
    fn apart(&self, words: &[String]) -> Option<Found> {
        let mut glued = words.first()?.clone();
        let mut best = None;
        for (at, word) in words.iter().enumerate().take(MOST_PARTS).skip(1) {
            glued.push_str(word);
            // `CVfinal`: the case changes one letter too early.
            if at == 1
                && words[0].len() == 1
                && let Some((fit, letters, _, means)) = self.part(&glued)
            {
                best = Some((fit, letters, 2, means));
            }
            if glued.len() >= SHORTEST_MISTYPED
                && let Some((fit, letters, _, means)) = self.whole(&glued)
            {
                best = Some((fit, letters, at + 1, means));
            }
        }
        best
    }

    fn phrase(&self, phrase: &[String], words: &[String], means: Means) -> Option<Found> {
        let (mut at, mut fit) = (0, Fit::Is);
        for (position, rule) in phrase.iter().enumerate() {
            // Fillers and numbers between its words say nothing; in front of it they are not its own.
            while position > 0 && words.get(at).is_some_and(|word| word != rule && (self.fillers.contains(word) || word == NUMBER)) {
                at += 1;
            }
            fit = fit.min(word_fit(words.get(at)?, rule)?);
            at += 1;
        }
        Some((fit, phrase.iter().map(String::len).sum(), at, means))
    }

    /// A word with one typing error. Two that it could be, of two meanings, are none.
    fn mistyped(&self, token: &str, looks: &Cell<u32>) -> Option<Found> {
        if token.len() + 1 < SHORTEST_MISTYPED || self.long.is_empty() && self.long_parts.is_empty() {
            return None;
        }
        looks.set(looks.get().checked_sub(1)?);
        let letters: Vec<char> = token.chars().collect();
        // With an error and an ending, if it is long.
        let stems = stems(token).map(|stem| letters.len() - (token.len() - stem.len())).enumerate();
        let whole = stems.flat_map(|(at, length)| {
            let near = (length.saturating_sub(1)..=length + 1).filter_map(|length| self.long.get(&length)).flatten();
            let letters = &letters[..length];
            near.filter(move |(word, _)| (at == 0 || word.len() >= LONG) && is_mistyped(letters, word))
        });
        if let Some(found) = only(whole.map(|(word, means)| (Fit::Mistyped, word.len(), 1, *means))) {
            return Some(found);
        }
        let last = self.long_parts.iter().filter(|(word, _)| {
            (word.len() - 1..=word.len() + 1)
                .any(|length| letters.len() >= length + SHORTEST_GLUED && is_one_error_off(&letters[letters.len() - length..], word))
        });
        only(last.map(|(word, means)| (Fit::EndsMistyped, word.len(), 1, *means)))
    }
}

/// The longest, if all mean the same.
fn only(found: impl Iterator<Item = Found>) -> Option<Found> {
    let mut best: Option<Found> = None;
    for one in found {
        match best {
            Some(best) if best.3 != one.3 => return None,
            Some(before) if before.1 >= one.1 => (),
            _ => best = Some(one),
        }
    }
    best
}

/// Both ways to write the words of a rule without umlauts.
fn folds(phrase: &str) -> Vec<Vec<String>> {
    let split = |umlauts| -> Vec<String> {
        let folded = fold(phrase, umlauts);
        let words = folded.split(|c: char| !c.is_alphabetic() && c != '#').filter(|word| !word.is_empty());
        words.map(str::to_owned).collect()
    };
    let (german, plain) = (split(Umlauts::German), split(Umlauts::Plain));
    if german == plain { vec![german] } else { vec![german, plain] }
}

/// The word without each of the endings; itself first.
fn stems(token: &str) -> impl Iterator<Item = &str> {
    let endings = ENDINGS.iter().filter(|ending| ending.is_empty() || token.len() >= SHORTEST_COMPOUND_PART + ending.len());
    endings.filter_map(|ending| token.strip_suffix(ending))
}

fn word_fit(token: &str, rule: &str) -> Option<Fit> {
    if let Some(ending) = token.strip_prefix(rule) {
        let is_plural = ENDINGS.contains(&ending) && rule.len() >= SHORTEST_COMPOUND_PART;
        return (ending.is_empty() || is_plural).then_some(Fit::Is);
    }
    let is_near = rule.len() >= SHORTEST_MISTYPED && token.len().abs_diff(rule.len()) <= 4;
    (is_near && is_mistyped(&token.chars().collect::<Vec<_>>(), &rule.chars().collect::<Vec<_>>())).then_some(Fit::Mistyped)
}

fn is_mistyped(token: &[char], word: &[char]) -> bool {
    token.len().abs_diff(word.len()) <= 1 && (word.len() >= LONG || token.first() == word.first()) && is_one_error_off(token, word)
}

/// One letter too many, too few or another one, or two swapped.
fn is_one_error_off(a: &[char], b: &[char]) -> bool {
    if a.len().abs_diff(b.len()) > 1 {
        return false;
    }
    let front = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[front..], &b[front..]);
    let back = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    match (&a[..a.len() - back], &b[..b.len() - back]) {
        ([], [_]) | ([_], []) | ([_], [_]) => true,
        ([a, b], [c, d]) => a == d && b == c,
        _ => false,
    }
}
