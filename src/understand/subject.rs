//! The reference number at the start of a subject (S1.14–S1.16, DESIGN §6).

use super::words::WORDS;
use crate::model::message::Prefix;
use crate::model::organisation::Rules;
use crate::model::reference::{Grammar, Reference};

/// A subject taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    pub reference: Option<Reference>,
    /// What the tolerant grammar would have taken where the tenant is strict.
    pub near: Option<Reference>,
    /// Without the number.
    pub rest: String,
    /// The first prefix, if the subject has one.
    pub prefix: Option<Prefix>,
}

/// Longest subject looked at, in characters. RFC 5322 §2.1.1 allows 998 bytes a line; real mail exceeds it.
const LONGEST: usize = 4_096;

/// Takes a decoded subject apart.
pub fn read(subject: &str, rules: &Rules) -> Subject {
    let subject: String = subject.chars().take(LONGEST).collect();
    let mut found = if let Some((number, rest)) = strict(&subject, rules) {
        Subject { reference: Some(Reference { number, rule: Grammar::Strict }), rest, ..Subject::default() }
    } else if let Some((number, rest)) = tolerant(&subject, rules) {
        let reference = Reference { number, rule: Grammar::Tolerant };
        match rules.grammar {
            Grammar::Tolerant => Subject { reference: Some(reference), rest, ..Subject::default() },
            Grammar::Strict => Subject { near: Some(reference), rest: subject.trim().to_owned(), ..Subject::default() },
        }
    } else {
        Subject { rest: subject.trim().to_owned(), ..Subject::default() }
    };
    found.prefix = first_prefix(&found.rest);
    found
}

/// `subject = reference SP rest`, or the number alone (S1.E3).
fn strict(subject: &str, rules: &Rules) -> Option<(String, String)> {
    let found = rules.number.captures(subject)?;
    let number = found.name("number")?;
    let rest = &subject[number.end()..];
    match rest.strip_prefix(' ') {
        Some(real) if !real.starts_with(char::is_whitespace) => Some((number.as_str().to_owned(), real.trim_end().to_owned())),
        None if rest.is_empty() => Some((number.as_str().to_owned(), String::new())),
        _ => None,
    }
}

/// A character as it is compared, and where it stands in the subject.
type Mapped = Vec<(char, usize)>;

/// The tolerant grammar: prefixes, tags, decorations and odd blanks before the number are passed over.
fn tolerant(subject: &str, rules: &Rules) -> Option<(String, String)> {
    let mapped = comparable(subject);
    let start = after_prefixes(&mapped);
    let opener = mapped.get(start).map(|&(c, _)| c).filter(|&c| c == '#' || c == '[');
    let number_at = start + usize::from(opener.is_some());
    let text: String = mapped[number_at..].iter().map(|&(c, _)| c).collect();
    let found = rules.number.captures(&text)?;
    let number = found.name("number")?;
    let mut end = number_at + text[..number.end()].chars().count();
    if opener == Some('[') {
        (mapped.get(end)?.0 == ']').then_some(())?;
        end += 1;
        // `[4711]WG:` is fine: the bracket ends the token.
    } else if mapped.get(end).is_some_and(|&(c, _)| c == ']') {
        return None;
    }
    if mapped.get(end).is_some_and(|&(c, _)| c == ':') {
        end += 1;
    }
    let offset = |index: usize| mapped.get(index).map_or(subject.len(), |&(_, at)| at);
    let before = subject[..offset(start)].trim_matches(is_blank);
    let after = subject[offset(end)..].trim_matches(is_blank);
    let rest = if before.is_empty() || after.is_empty() { format!("{before}{after}") } else { format!("{before} {after}") };
    Some((number.as_str().to_owned(), rest))
}

/// White space of any kind, and characters without width.
fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{ad}')
}

/// The subject in the form that is compared: full-width characters as ASCII, every blank a space, nothing without width.
fn comparable(subject: &str) -> Mapped {
    let map = |(at, c): (usize, char)| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).map(|c| (c, at)),
        c if c.is_whitespace() => Some((' ', at)),
        c if is_blank(c) => None,
        '\u{2010}'..='\u{2015}' => Some(('-', at)),
        c => Some((c, at)),
    };
    subject.char_indices().filter_map(map).collect()
}

/// Index behind all leading blanks, prefixes and tags.
fn after_prefixes(mapped: &[(char, usize)]) -> usize {
    let mut at = 0;
    loop {
        while mapped.get(at).is_some_and(|&(c, _)| c == ' ') {
            at += 1;
        }
        match prefix_at(mapped, at).map(|(_, end)| end).or_else(|| tag_at(mapped, at)) {
            Some(end) => at = end,
            None => return at,
        }
    }
}

/// Longest prefix or tag, in characters, with room for a counter.
const LONGEST_PREFIX: usize = 32;

/// A reply or forward prefix with its colon: `WG:`, `TR :`, `Re[2]:`, `AW(3):`.
fn prefix_at(mapped: &[(char, usize)], at: usize) -> Option<(Prefix, usize)> {
    let window = &mapped[at..mapped.len().min(at + LONGEST_PREFIX)];
    let colon = window.iter().position(|&(c, _)| c == ':')?;
    let word: String = window[..colon].iter().map(|&(c, _)| c).collect();
    let word = word.trim_end();
    let word = match word.rfind(['[', '(']) {
        Some(open) if word[open + 1..].trim_end_matches([']', ')']).bytes().all(|b| b.is_ascii_digit()) => word[..open].trim_end(),
        _ => word,
    };
    let word = word.to_lowercase();
    let kind = if WORDS.forward_prefixes.contains(&word) {
        Prefix::Forward
    } else if WORDS.reply_prefixes.contains(&word) {
        Prefix::Reply
    } else {
        return None;
    };
    Some((kind, at + colon + 1))
}

/// A tag such as `[EXTERN]` or `(External):`; alone (`EXTERN:`) only with a colon.
fn tag_at(mapped: &[(char, usize)], at: usize) -> Option<usize> {
    let window = &mapped[at..mapped.len().min(at + LONGEST_PREFIX)];
    let close = match window.first()?.0 {
        '[' => ']',
        '(' => ')',
        '*' => '*',
        '<' => '>',
        _ => {
            let colon = window.iter().position(|&(c, _)| c == ':')?;
            return is_tag(&window[..colon]).then_some(at + colon + 1);
        }
    };
    let end = 1 + window[1..].iter().position(|&(c, _)| c == close)?;
    let end_of_tag = window[end..].iter().take_while(|&&(c, _)| c == close || c == ':').count();
    is_tag(&window[1..end]).then_some(at + end + end_of_tag)
}

fn is_tag(word: &[(char, usize)]) -> bool {
    let word: String = word.iter().map(|&(c, _)| c).collect::<String>().to_lowercase();
    WORDS.tags.contains(word.trim_matches(|c| matches!(c, ' ' | '*' | ':' | '-' | '!')))
}

/// A subject without its first prefix and the tags before it: what the forwarded mail's own subject was.
pub fn behind_prefix(subject: &str) -> &str {
    let mapped = comparable(subject);
    let mut at = 0;
    loop {
        while mapped.get(at).is_some_and(|&(c, _)| c == ' ') {
            at += 1;
        }
        if let Some((_, end)) = prefix_at(&mapped, at) {
            let offset = mapped.get(end).map_or(subject.len(), |&(_, offset)| offset);
            return subject[offset..].trim_matches(is_blank);
        }
        match tag_at(&mapped, at) {
            Some(end) => at = end,
            None => return subject.trim_matches(is_blank),
        }
    }
}

fn first_prefix(rest: &str) -> Option<Prefix> {
    let mapped = comparable(rest);
    let mut at = 0;
    loop {
        while mapped.get(at).is_some_and(|&(c, _)| c == ' ') {
            at += 1;
        }
        if let Some((kind, _)) = prefix_at(&mapped, at) {
            return Some(kind);
        }
        at = tag_at(&mapped, at)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::organisation::ReferenceRules;

    fn rules(grammar: Grammar) -> Rules {
        Rules::new(&ReferenceRules { grammar, ..ReferenceRules::default() }, Vec::new()).unwrap()
    }

    /// Number, rule and rest under the tolerant default.
    fn check(subject: &str, number: &str, rule: Grammar, rest: &str) {
        let found = read(subject, &rules(Grammar::Tolerant));
        let want = (Some(Reference { number: number.into(), rule }), rest.to_owned());
        assert_eq!((found.reference, found.rest), want, "{subject:?}");
    }

    fn check_none(subject: &str) {
        let found = read(subject, &rules(Grammar::Tolerant));
        assert_eq!((found.reference, found.rest.as_str()), (None, subject.trim()), "{subject:?}");
    }

    /// Acceptance: S1.14, S1.15, S1.16, S1.E3.
    #[test]
    fn strict_grammar() {
        check("4711 WG: Ihre Einladung", "4711", Grammar::Strict, "WG: Ihre Einladung");
        check("BW-0004711-2 WG: x", "BW-0004711-2", Grammar::Strict, "WG: x");
        check("4711", "4711", Grammar::Strict, "");
        let strict = rules(Grammar::Strict);
        for subject in ["WG: 4711 x", " 4711 x", "4711  x", "4711\u{a0}x", "4711\tx", "[4711] x", "4711: x", "#4711 x"] {
            let found = read(subject, &strict);
            assert_eq!(found.reference, None, "{subject:?}");
            assert_eq!(found.near.map(|near| near.number).as_deref(), Some("4711"), "{subject:?}");
        }
    }

    /// Acceptance: S1.16, S1.E2; the matrix of prefixes, blanks and decorations.
    #[test]
    fn tolerant_grammar() {
        let tolerant = Grammar::Tolerant;
        check("WG: 4711 Ihre Einladung", "4711", tolerant, "WG: Ihre Einladung");
        check("Fwd: AW: 4711", "4711", tolerant, "Fwd: AW:");
        check("TR : 4711 x", "4711", tolerant, "TR : x");
        check("Re[2]: 4711 x", "4711", tolerant, "Re[2]: x");
        check("#4711 x", "4711", tolerant, "x");
        check("[4711] x", "4711", tolerant, "x");
        check("[4711]: x", "4711", tolerant, "x");
        check("4711: x", "4711", tolerant, "x");
        check("  4711   x", "4711", tolerant, "x");
        check("4711\u{a0}x", "4711", tolerant, "x");
        check("\u{200b}4711\u{200b} x", "4711", tolerant, "x");
        check("４７１１ WG: x", "4711", tolerant, "WG: x");
        check("[EXTERN] 4711 x", "4711", tolerant, "[EXTERN] x");
        check("[EXTERN] WG: [4711] x", "4711", tolerant, "[EXTERN] WG: x");
        check("*EXTERN* WG: 4711", "4711", tolerant, "*EXTERN* WG:");
        check("WG： 4711 x", "4711", tolerant, "WG： x");
    }

    /// Acceptance: S1.16.
    #[test]
    fn no_number() {
        for subject in [
            "",
            "Ihre Einladung",
            "4711WG: x",
            "x 4711",
            "Zu 4711 noch etwas",
            "WG: Ihre 4711",
            "12 Bewerbungen",
            "12345678901 x",
            "[4711 x",
            "4711] x",
            "Einladung: 4711",
            "4711-A x",
            "WG:",
            "#",
            "[",
            "[]",
            "4711.5 Euro",
        ] {
            check_none(subject);
        }
    }

    #[test]
    fn every_prefix_before_and_after_the_number() {
        for prefix in WORDS.forward_prefixes.iter().chain(&WORDS.reply_prefixes) {
            for colon in [":", " :", "："] {
                check(&format!("{prefix}{colon} 4711 x"), "4711", Grammar::Tolerant, &format!("{prefix}{colon} x"));
                check(&format!("4711 {prefix}{colon} x"), "4711", Grammar::Strict, &format!("{prefix}{colon} x"));
            }
        }
    }

    #[test]
    fn behind_prefixes() {
        let check = |subject: &str, want: &str| assert_eq!(behind_prefix(subject), want, "{subject}");
        check("FW: x", "x");
        check("[EXTERN] WG: Re: x", "Re: x");
        check("TR : x", "x");
        check(" x: y ", "x: y");
        check("", "");
    }

    #[test]
    fn kinds_of_prefixes() {
        for (subject, kind) in [
            ("4711 WG: x", Some(Prefix::Forward)),
            ("4711 AW: WG: x", Some(Prefix::Reply)),
            ("4711 x", None),
            ("[EXTERN] Fwd: x", Some(Prefix::Forward)),
        ] {
            assert_eq!(read(subject, &rules(Grammar::Tolerant)).prefix, kind, "{subject}");
        }
    }

    #[test]
    fn a_tenants_own_pattern() {
        let rules =
            Rules::new(&ReferenceRules { pattern: "K[0-9]{2}/[0-9]+|J-[0-9]+".into(), ..ReferenceRules::default() }, Vec::new()).unwrap();
        for (subject, number) in [("K26/4711 x", Some("K26/4711")), ("WG: J-5 x", Some("J-5")), ("4711 x", None), ("K26/4711x", None)] {
            assert_eq!(read(subject, &rules).reference.map(|r| r.number).as_deref(), number, "{subject}");
        }
        for bad in ["", "x*", "(", "[0-9 ]+", ".*"] {
            assert!(Rules::new(&ReferenceRules { pattern: bad.into(), ..ReferenceRules::default() }, Vec::new()).is_err(), "{bad}");
        }
    }
}
