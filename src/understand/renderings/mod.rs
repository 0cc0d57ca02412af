//! Two forms of one mail: does the plain text say what the HTML shows? Senders choose what each reader sees, and some say yes in one
//! form and no in the other. Mail programs make one form of the other and lose much; none of that counts.

mod visible;
mod words;

use super::html;
use std::collections::{HashMap, HashSet};
use words::Word;

/// Of each form so many words are compared; what stands behind is an old conversation, and work stays bounded (G4).
const MOST_WORDS: usize = 20_000;
/// A text of fewer words that only asks for another program is no text.
const LONGEST_STUB: usize = 60;

/// Whether a plain text is there only to say that the mail is to be read as HTML. `html`: the text of that.
pub fn is_stub(plain: &str, html: &str) -> bool {
    let all = words::of(plain, LONGEST_STUB + 1);
    if all.len() > LONGEST_STUB || words::of(html, all.len() + 1).len() <= all.len() {
        return false;
    }
    let has = |stems: &[&str]| all.iter().any(|word| stems.iter().any(|stem| word.text.starts_with(stem)));
    let speaks_of_html = has(&["html"]);
    let of_programs = has(&["client", "program", "klient", "viewer", "reader", "format", "mailprogram", "anzeig", "darstell", "display", "view", "visa", "browser"]);
    let of_support = has(&["support", "unterstutz", "stod", "kann", "konnen", "not", "nicht", "inte", "enable", "aktivier", "please", "bitte", "this", "diese", "requires", "use"]);
    speaks_of_html && of_programs && of_support
}

/// Whether the plain text and the HTML, in its parts, say different things to those who read one of them.
pub fn differ(plain: &str, html: &[String]) -> bool {
    let shown: Vec<String> = html.iter().map(|html| html::to_text(&visible::visible(html)).0).collect();
    say_different_things(plain, &shown.join("\n\n"))
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
    told >= 0.6 && Compared { plain: &plain, shown: &shown, in_plain: &in_plain, in_shown: &in_shown }.has_exchanged()
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
}

impl Compared<'_> {
    /// A word stands between the same neighbours as another one in the other form, or a "not" is in one form alone.
    fn has_exchanged(&self) -> bool {
        let own_of_plain = own(self.plain, self.in_plain, self.in_shown);
        let own_of_shown = own(self.shown, self.in_shown, self.in_plain);
        let mut between: HashMap<(&str, &str), Vec<&Word>> = HashMap::new();
        let mut behind: HashMap<&str, Vec<&Word>> = HashMap::new();
        for &at in &own_of_plain {
            let (before, after) = neighbours(self.plain, at);
            between.entry((before, after)).or_default().push(&self.plain[at]);
            if self.plain[at].is_telling() {
                behind.entry(before).or_default().push(&self.plain[at]);
            }
        }
        let is_exchanged = |&at: &usize| {
            let (before, after) = neighbours(self.shown, at);
            let word = &self.shown[at];
            let known = |words: Option<&Vec<&Word>>, fits: &dyn Fn(&Word) -> bool| words.is_some_and(|words| words.iter().any(|one| fits(one)));
            !(before.is_empty() && after.is_empty())
                && known(between.get(&(before, after)), &|one| words::are_opposed(one, word))
                // The end of a long number, the domain of an address: its front is enough.
                || word.is_telling() && !before.is_empty() && known(behind.get(before), &|one| one.kind == word.kind && one.text != word.text)
        };
        own_of_shown.iter().any(is_exchanged)
            || is_denied(self.plain, &own_of_plain, self.shown)
            || is_denied(self.shown, &own_of_shown, self.plain)
    }
}

/// Places of the words that one form has more often than the other.
fn own(words: &[Word], here: &Counts<'_>, there: &Counts<'_>) -> Vec<usize> {
    let is_more = |word: &Word| here.get(word.text.as_str()) > there.get(word.text.as_str());
    (0..words.len()).filter(|&at| is_more(&words[at])).collect()
}

/// The words before and behind; empty at the ends.
fn neighbours(words: &[Word], at: usize) -> (&str, &str) {
    let text = |at: Option<usize>| at.and_then(|at| words.get(at)).map_or("", |word| word.text.as_str());
    (text(at.checked_sub(1)), text(at.checked_add(1)))
}

/// A "not" that stands between two words which follow each other in the other form.
fn is_denied(words: &[Word], own: &[usize], other: &[Word]) -> bool {
    let denials: Vec<usize> = own.iter().copied().filter(|&at| words[at].denies()).collect();
    if denials.is_empty() {
        return false;
    }
    let pairs: HashSet<(&str, &str)> = (0..=other.len()).map(|at| (neighbours(other, at).0, other.get(at).map_or("", |word| &word.text))).collect();
    denials.into_iter().any(|at| {
        let (before, after) = neighbours(words, at);
        !(before.is_empty() && after.is_empty()) && pairs.contains(&(before, after))
    })
}

#[cfg(test)]
mod tests;
