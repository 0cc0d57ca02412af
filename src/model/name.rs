//! People's names as they are compared: the words of a name, folded.

use std::collections::BTreeSet;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// A name of more words is looked up whole: the ways to leave words out of it double with each.
const MOST_WORDS: usize = 5;

/// `Müller, Maria`, `Maria Mueller` and `Dr. Maria A. Müller` are the same person; `Maria` alone may be anybody.
pub fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (words(one), words(other));
    let (fewer, more) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    fewer.len() >= 2 && fewer.is_subset(&more)
}

/// What a name is looked up by: its words in order of the alphabet. Empty for a name of fewer than two words.
pub fn key(name: &str) -> String {
    let words: Vec<String> = words(name).into_iter().collect();
    if words.len() < 2 { String::new() } else { words.join(" ") }
}

/// Keys of all names that are the same person's with words left out: 26 at most. A longer name of hers is not among them.
pub fn keys(name: &str) -> Vec<String> {
    let words: Vec<String> = words(name).into_iter().collect();
    if words.len() > MOST_WORDS {
        return vec![words.join(" ")];
    }
    let choices = (0_u32..1 << words.len()).filter(|choice| choice.count_ones() >= 2);
    choices
        .map(|choice| {
            let chosen: Vec<&str> = (0..).zip(&words).filter(|(at, _)| choice & (1 << at) != 0).map(|(_, word)| word.as_str()).collect();
            chosen.join(" ")
        })
        .collect()
}

fn words(name: &str) -> BTreeSet<String> {
    let folded: String = name
        .nfc()
        .flat_map(char::to_lowercase)
        .flat_map(|c| match c {
            'ä' => vec!['a', 'e'],
            'ö' => vec!['o', 'e'],
            'ü' => vec!['u', 'e'],
            'ß' => vec!['s', 's'],
            c => c.nfd().filter(|part| !is_combining_mark(*part)).collect(),
        })
        .collect();
    folded
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.len() > 1 && !matches!(*word, "dr" | "prof" | "herr" | "frau" | "mr" | "mrs" | "ms"))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let check = |one: &str, other: &str, same: bool| assert_eq!(is_same(one, other), same, "{one} / {other}");
        check("Maria Müller", "Müller, Maria", true);
        check("Maria Mueller", "Maria Müller", true);
        check("Dr. Maria A. Müller", "Maria Müller", true);
        check("Maria", "Maria Müller", false);
        check("Maria Meier", "Maria Müller", false);
        check("", "", false);
    }

    #[test]
    fn keys_of_names() {
        assert_eq!(key("Dr. Maria Müller"), "maria mueller");
        assert_eq!((key("Maria"), keys("Maria").len()), (String::new(), 0));
        assert_eq!(keys("Anna Maria Müller"), ["anna maria", "anna mueller", "maria mueller", "anna maria mueller"]);
        assert_eq!((keys("a1 b2 c3 d4 e5").len(), keys("a1 b2 c3 d4 e5 f6").len()), (26, 1));
    }
}
