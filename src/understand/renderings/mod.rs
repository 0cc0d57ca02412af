//! Two forms of one mail: does the plain text say what the HTML shows? Senders choose what each reader sees, and some say yes in one
//! form and no in the other. Mail programs make one form of the other and lose much; none of that counts.

mod visible;
mod words;

use super::html;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use words::Word;

/// Of each form so many words are compared; what stands behind is an old conversation, and work stays bounded (G4).
const MOST_WORDS: usize = 20_000;
/// From so many words on, one that is put another way is style, unless everything else is the same.
const LONG: usize = 30;
/// A text of fewer words that only asks for another program is no text.
const LONGEST_STUB: usize = 60;

/// Whether a plain text is there only to say that the mail is to be read as HTML. `html`: the text of that.
pub fn is_stub(plain: &str, html: &str) -> bool {
    let all = words::of(plain, LONGEST_STUB + 1);
    if all.len() > LONGEST_STUB || words::of(html, all.len() + 1).len() <= all.len() {
        return false;
    }
    let has = |stems: &[&str]| all.iter().any(|word| stems.iter().any(|stem| word.text.starts_with(stem)));
    let has_within = |stems: &[&str]| all.iter().any(|word| stems.iter().any(|stem| word.text.contains(stem)));
    let speaks_of_html = has(&["html"]);
    let of_programs = has_within(&[
        "client",
        "program",
        "klient",
        "viewer",
        "reader",
        "format",
        "mailprogram",
        "anzeig",
        "darstell",
        "display",
        "view",
        "visa",
        "newsletter",
        "browser",
    ]);
    let of_support = has(&[
        "support",
        "unterstutz",
        "stod",
        "kann",
        "konnen",
        "not",
        "nicht",
        "inte",
        "enable",
        "aktivier",
        "please",
        "bitte",
        "this",
        "diese",
        "requires",
        "use",
        "could",
        "read",
    ]);
    speaks_of_html && of_programs && of_support
}

/// Whether the plain text and the HTML, in its parts, say different things to those who read one of them.
pub fn differ(plain: &str, html: &[String]) -> bool {
    let shown: Vec<String> = html.iter().map(|html| html::to_text(&visible::visible(html)).0).collect();
    has_own_piece(plain, &shown) || say_different_things(plain, &shown.join("\n\n"))
}

/// The same of two plain texts.
pub fn texts_differ(one: &str, other: &str) -> bool {
    say_different_things(one, other)
}

/// Of HTML in several pieces, files between them, one says what the plain text does not say at all.
fn has_own_piece(plain: &str, shown: &[String]) -> bool {
    if shown.len() < 2 {
        return false;
    }
    let plain = words::of(plain, MOST_WORDS);
    let in_plain = counts(&plain);
    let is_own = |piece: &String| {
        let words = words::of(piece, MOST_WORDS);
        words.len() >= LONGEST_RUN && covered(&words, &in_plain) < 0.3
    };
    !plain.is_empty() && shown.iter().any(is_own)
}

fn say_different_things(plain: &str, shown: &str) -> bool {
    let (plain, shown) = (words::of(plain, MOST_WORDS), words::of(shown, MOST_WORDS));
    if plain.is_empty() || shown.is_empty() {
        // An image says what it says; nobody can compare it.
        return false;
    }
    let (in_shown, in_plain) = (counts(&shown), counts(&plain));
    let (told, seen) = (covered(&plain, &in_shown), covered(&shown, &in_plain));
    let shorter = plain.len().min(shown.len());
    // Nothing of one is in the other, and neither is a mere heading of the other.
    if told < 0.5 && seen < 0.5 && (shorter >= 4 || plain.len().max(shown.len()) <= 2 * shorter) {
        return true;
    }
    // The text says much that no reader of the HTML ever sees.
    if told < 0.5 && plain.len() >= 40 && seen > 0.8 {
        return true;
    }
    // Of two that tell mostly the same, what was put in the place of what?
    let is_same_but_for_it = plain.len() < LONG || told >= 0.9 && seen >= 0.85;
    told >= 0.6 && Compared { plain: &plain, shown: &shown, in_plain: &in_plain, in_shown: &in_shown, is_same_but_for_it }.has_exchanged()
}

type Counts<'w> = HashMap<&'w str, usize>;

fn counts(words: &[Word]) -> Counts<'_> {
    let mut counts = HashMap::new();
    for word in words {
        *counts.entry(word.text.as_str()).or_default() += 1;
    }
    counts
}

/// The share of these words that the other form has too; numbers and addresses weigh more.
fn covered(words: &[Word], other: &Counts<'_>) -> f64 {
    let mut left = other.clone();
    let (mut found, mut all) = (0.0, 0.0);
    for word in words {
        all += word.weight();
        if let Some(count) = left.get_mut(word.text.as_str()).filter(|count| **count > 0) {
            *count -= 1;
            found += word.weight();
        }
    }
    if all > 0.0 { found / all } else { 1.0 }
}

struct Compared<'w> {
    plain: &'w [Word],
    shown: &'w [Word],
    in_plain: &'w Counts<'w>,
    in_shown: &'w Counts<'w>,
    is_same_but_for_it: bool,
}

impl Compared<'_> {
    /// Words stand between the same neighbours as others in the other form, or a "not" is in one form alone.
    fn has_exchanged(&self) -> bool {
        let own_of_plain = own(self.plain, self.in_plain, self.in_shown);
        let own_of_shown = own(self.shown, self.in_shown, self.in_plain);
        let mut between: HashMap<(&str, &str), Vec<&[Word]>> = HashMap::new();
        let mut behind: HashMap<&str, Vec<&Word>> = HashMap::new();
        for run in runs(&own_of_plain) {
            let (before, after) = around(self.plain, &run);
            let words = &self.plain[run];
            between.entry((before, after)).or_default().push(words);
            if words[0].is_telling() {
                behind.entry(before).or_default().push(&words[0]);
            }
        }
        let is_exchanged = |run: Range<usize>| {
            let (before, after) = around(self.shown, &run);
            let words = &self.shown[run];
            let others = between.get(&(before, after)).map(Vec::as_slice).unwrap_or_default();
            let tellings = behind.get(before).map(Vec::as_slice).unwrap_or_default();
            !(before.is_empty() && after.is_empty()) && others.iter().any(|one| words::are_opposed(one, words, self.is_same_but_for_it))
                // The end of a long number, the domain of an address: its front is enough.
                || words[0].is_telling() && !before.is_empty() && tellings.iter().any(|one| one.kind == words[0].kind && one.text != words[0].text)
        };
        runs(&own_of_shown).into_iter().any(is_exchanged)
            || is_denied(self.plain, &own_of_plain, self.shown)
            || is_denied(self.shown, &own_of_shown, self.plain)
    }
}

/// More words in a row are no longer an exchange, but another text.
const LONGEST_RUN: usize = 8;

/// Places that follow each other, up to so many.
fn runs(places: &[usize]) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for &at in places {
        match runs.last_mut() {
            Some(run) if run.end == at => run.end += 1,
            _ => runs.push(at..at + 1),
        }
    }
    runs.retain(|run| run.len() <= LONGEST_RUN);
    runs
}

/// The words before and behind a run; empty at the ends.
fn around<'w>(words: &'w [Word], run: &Range<usize>) -> (&'w str, &'w str) {
    let text = |at: Option<usize>| at.and_then(|at| words.get(at)).map_or("", |word| word.text.as_str());
    (text(run.start.checked_sub(1)), text(Some(run.end)))
}

/// Places of the words that one form has more often than the other.
fn own(words: &[Word], here: &Counts<'_>, there: &Counts<'_>) -> Vec<usize> {
    let is_more = |word: &Word| here.get(word.text.as_str()) > there.get(word.text.as_str());
    (0..words.len()).filter(|&at| is_more(&words[at])).collect()
}

/// A "not" that stands between two words which follow each other in the other form.
fn is_denied(words: &[Word], own: &[usize], other: &[Word]) -> bool {
    let denials: Vec<usize> = own.iter().copied().filter(|&at| words[at].denies()).collect();
    if denials.is_empty() {
        return false;
    }
    let pairs: HashSet<(&str, &str)> = (0..=other.len()).map(|at| around(other, &(at..at))).collect();
    denials.into_iter().any(|at| {
        let (before, after) = around(words, &(at..at + 1));
        !(before.is_empty() && after.is_empty()) && pairs.contains(&(before, after))
    })
}

#[cfg(test)]
mod tests;
