//! Senders and recipients as mail programs write them into text: `Maria <m@x>`, `Maria [mailto:m@x]`, `m@x`, or a name alone.

use crate::model::address::Mailbox;
use crate::understand::field::MOST_MAILBOXES;
use crate::understand::words::WORDS;
use regex::Regex;
use std::sync::LazyLock;

/// An apostrophe may stand inside (`o'brien@`) and around (`'maria@example.net'`); the latter is taken off behind.
static ADDRESS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"[^\s<>()\[\]:;,"“”|\\]+@[^\s<>()\[\]:;,"“”|\\@]+"#).expect("a constant pattern that a test uses"));

/// Longest value looked at, in bytes.
const LONGEST: usize = 16 * 1024;

/// Who a From value names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Writer {
    pub mailbox: Mailbox,
    /// The value names one address, or none. The display name is the writer's to choose: with another address in it, or
    /// several addresses, nobody can say who wrote.
    pub is_clear: bool,
}

/// The one person of a From value. An address in angle brackets, or behind `mailto:`, wins over what else looks like one.
pub fn one(value: &str) -> Writer {
    let is_whole = value.len() <= LONGEST;
    let value = cut(value);
    let found: Vec<Found<'_>> = ADDRESS.find_iter(value).map(|found| Found::new(value, found)).collect();
    let end = before_on_behalf(value);
    let before = found.iter().rfind(|one| one.is_bracketed && one.end <= end);
    let Some(chosen) = before.or_else(|| found.iter().rfind(|one| one.is_bracketed)).or(found.first()) else {
        return Writer { mailbox: Mailbox::new(Some(name(value)), None), is_clear: is_whole && !has_stray_at(value) };
    };
    let same = |one: &&Found<'_>| one.address.eq_ignore_ascii_case(chosen.address);
    let first = found.iter().find(same).unwrap_or(chosen);
    let before = name(&value[..first.start]);
    // `m@x <m@x>` and `m@x (Maria)`: what stands behind is the name only where nothing stands before.
    let label = if before.is_empty() { behind(&value[chosen.end..]) } else { before };
    let label = Some(label).filter(|label| !label.eq_ignore_ascii_case(chosen.address));
    let one_address = found.iter().all(|one| same(&one) || !is_dotted(one.address));
    // An address in a form that the pattern does not know (`"x y"@z`, `x@[192.0.2.1]`) may be the one that counts.
    let one_address = one_address && !has_stray_at(&value[chosen.end..]) && (chosen.is_bracketed || !has_stray_at(&value[..chosen.start]));
    Writer { mailbox: Mailbox::new(label, Some(chosen.address)), is_clear: is_whole && one_address }
}

/// Every address in the text that could be a person's, in comparison form.
pub fn addresses(text: &str) -> impl Iterator<Item = String> + '_ {
    let found = ADDRESS.find_iter(cut(text)).map(|found| bare(found.as_str()));
    found.filter(|address| is_dotted(address)).map(crate::model::address::key)
}

/// Where `on behalf of` begins, or the end. The two addresses around it are unclear all the same; the first is the one to show.
fn before_on_behalf(value: &str) -> usize {
    let lower = value.to_ascii_lowercase();
    WORDS.on_behalf.iter().filter_map(|words| lower.find(words.as_str())).min().unwrap_or(value.len())
}

/// Something that looks like an address.
struct Found<'a> {
    address: &'a str,
    start: usize,
    end: usize,
    is_bracketed: bool,
}

impl<'a> Found<'a> {
    fn new(value: &'a str, found: regex::Match<'a>) -> Found<'a> {
        let before = &value[..found.start()];
        let is_bracketed = before.ends_with(['<', '[']) || before.ends_with("mailto:");
        Found { address: bare(found.as_str()), start: found.start(), end: found.end(), is_bracketed }
    }
}

/// Without what stands around it in prose, in bold, or in a link (`mailto:m@x?subject=…`).
fn bare(address: &str) -> &str {
    let address = address.split_once('?').map_or(address, |(address, _)| address);
    address.trim_matches(['.', '*', '_', '`', '\'', '’', '‘'])
}

/// `Maria@home` is a name.
fn is_dotted(address: &str) -> bool {
    address.rsplit_once('@').is_some_and(|(_, domain)| domain.contains('.'))
}

/// Whether an `@` stands there that belongs to no found address. One between blanks is a word (`Maria @ Acme`).
fn has_stray_at(text: &str) -> bool {
    let rest = ADDRESS.replace_all(text, "");
    rest.match_indices('@').any(|(at, _)| !(rest[..at].ends_with(' ') && rest[at + 1..].starts_with(' ')))
}

/// The people of a To or Cc value.
pub fn many(value: &str) -> Vec<Mailbox> {
    let value = cut(value);
    let mut people = Vec::new();
    if value.contains(';') || !ADDRESS.is_match(value) {
        let separator = if value.contains(';') || is_surname_first(value) { ';' } else { ',' };
        people.extend(value.split(separator).map(|person| one(person).mailbox));
    } else {
        // `Müller, Maria <m@x>, b@y`: a comma ends a person only behind an address. No address has a comma in it.
        let mut start = 0;
        for address in ADDRESS.find_iter(value) {
            if let Some(comma) = value[address.end()..].find(',').filter(|_| address.start() >= start) {
                people.push(one(&value[start..address.end() + comma]).mailbox);
                start = address.end() + comma + 1;
            }
        }
        people.push(one(&value[start..]).mailbox);
    }
    people.retain(|person| !person.is_empty());
    people.truncate(MOST_MAILBOXES);
    people
}

/// `Huber, Petra`: Outlook names people of the same house so, without an address, and puts semicolons between them.
fn is_surname_first(value: &str) -> bool {
    let is_word = |part: &str| !part.trim().contains(char::is_whitespace);
    value.split_once(',').is_some_and(|(before, behind)| !behind.contains(',') && (is_word(before) || is_word(behind)))
}

fn cut(value: &str) -> &str {
    let mut end = value.len().min(LONGEST);
    while !value.is_char_boundary(end) {
        end -= 1;
    }
    value[..end].trim()
}

/// A display name without what programs put around and behind it. Round brackets may belong to it (`Maria Müller (Bewerberin)`).
fn name(text: &str) -> &str {
    let text = text.trim_end().trim_end_matches("mailto:");
    let is_mark = |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '[' | ']' | '"' | '\'' | '“' | '”' | '„' | '*' | '|' | ',' | ';');
    let text = text.trim_matches(is_mark).trim_end_matches('(').trim_matches(is_mark);
    match text.strip_prefix('(').map(|inner| inner.strip_suffix(')').unwrap_or(inner)) {
        Some(inner) if !inner.contains('(') => inner.trim_matches(is_mark),
        _ if !text.contains('(') => text.trim_end_matches(')').trim_matches(is_mark),
        _ => text,
    }
}

/// A name in round brackets behind an address.
fn behind(text: &str) -> &str {
    let text = text.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '>' | ']' | '*'));
    match text.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
        Some((inside, _)) if !inside.contains('@') => inside.trim(),
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_person() {
        let check = |value: &str, name: Option<&str>, address: Option<&str>| {
            assert_eq!(one(value), Writer { mailbox: Mailbox::new(name, address), is_clear: true }, "{value}")
        };
        check("Maria Müller <maria@example.net>", Some("Maria Müller"), Some("maria@example.net"));
        check("\"Müller, Maria\" <maria@example.net>", Some("Müller, Maria"), Some("maria@example.net"));
        check("Maria Müller [mailto:maria@example.net]", Some("Maria Müller"), Some("maria@example.net"));
        check("Maria <maria@example.net<mailto:maria@example.net>>", Some("Maria"), Some("maria@example.net"));
        check("maria@example.net", None, Some("maria@example.net"));
        check("maria@example.net <maria@example.net>", None, Some("maria@example.net"));
        check("maria@example.net (Maria)", Some("Maria"), Some("maria@example.net"));
        check("Maria (maria@example.net)", Some("Maria"), Some("maria@example.net"));
        check("Dr. Maria Müller (Bewerberin) <maria@example.net>", Some("Dr. Maria Müller (Bewerberin)"), Some("maria@example.net"));
        check("*Maria* <maria@example.net>", Some("Maria"), Some("maria@example.net"));
        check("Maria Müller", Some("Maria Müller"), None);
        check("'maria@example.net' <maria@example.net>", None, Some("maria@example.net"));
        check("maria@example.net <maria@example.net<mailto:Maria@Example.net?subject=x>>", None, Some("Maria@Example.net"));
        check("Maria via Jobs <jobs@acme.example>", Some("Maria via Jobs"), Some("jobs@acme.example"));
        check("Maria@home <maria@example.net>", Some("Maria@home"), Some("maria@example.net"));
        check("Maria @ Acme <maria@example.net>", Some("Maria @ Acme"), Some("maria@example.net"));
        check("Conan O'Brien <conan.o'brien@example.net>", Some("Conan O'Brien"), Some("conan.o'brien@example.net"));
        check("", None, None);
    }

    /// G6: the display name is the writer's to choose.
    #[test]
    fn a_name_that_is_another_address() {
        let check = |value: &str, address: Option<&str>| {
            let found = one(value);
            assert_eq!((found.mailbox.address.as_deref(), found.is_clear), (address, false), "{value}");
        };
        const MALLORY: Option<&str> = Some("mallory@evil.example");
        check("maria@example.net <mallory@evil.example>", MALLORY);
        check("\"maria@example.net\" <mallory@evil.example>", MALLORY);
        check("'maria@example.net' [mailto:mallory@evil.example]", MALLORY);
        check("Maria <maria@example.net> <mallory@evil.example>", MALLORY);
        check("mallory@evil.example (maria@example.net)", MALLORY);
        check(
            "Mallory <mallory@evil.example<mailto:mallory@evil.example>> On behalf of maria@example.net<mailto:maria@example.net>",
            MALLORY,
        );
        check("maria@example.net, Mallory <mallory@evil.example>", MALLORY);
        // Addresses that the pattern does not know stand where the true one would.
        check("maria@example.net <\"m y\"@evil.example>", Some("maria@example.net"));
        check("<maria@example.net> <\"m y\" @evil.example>", Some("maria@example.net"));
        check("maria@example.net <mallory@[192.0.2.1]>", Some("maria@example.net"));
        check("\"m y\"@evil.example", None);
        check(&format!("maria@example.net{}<mallory@evil.example>", " ".repeat(20_000)), Some("maria@example.net"));
    }

    #[test]
    fn many_people() {
        let check = |value: &str, want: usize| assert_eq!(many(value).len(), want, "{value}");
        check("Huber, Petra", 1);
        check("Petra Huber, Max Bauer", 2);
        check("a@b.example, c@d.example", 2);
        check("Müller, Maria <m@e.example>, b@y.example", 2);
        check("Müller, Maria <m@e.example>; b@y.example;", 2);
        check("Maria Müller; Petra Huber", 2);
        check("", 0);
        check(&"a@b.example,".repeat(2_000), MOST_MAILBOXES);
        check(&format!("{}m@e.example, b@y.example", ",".repeat(9_000)), 2);
    }
}
