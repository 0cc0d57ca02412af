//! Senders and recipients as mail programs write them into text: `Maria <m@x>`, `Maria [mailto:m@x]`, `m@x`, or a name alone.

use crate::model::address::Mailbox;
use crate::understand::field::MOST_MAILBOXES;
use regex::Regex;
use std::sync::LazyLock;

static ADDRESS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"[^\s<>()\[\]:;,"'“”|\\]+@[^\s<>()\[\]:;,"'“”|\\@]+"#).expect("a constant pattern that a test uses"));

/// Longest value looked at, in bytes.
const LONGEST: usize = 16 * 1024;

/// The one person of a From value.
pub fn one(value: &str) -> Mailbox {
    let value = cut(value);
    let Some(found) = ADDRESS.find(value) else { return Mailbox::new(Some(name(value)), None) };
    let address = found.as_str().trim_matches(['.', '*', '_', '`']);
    let before = name(&value[..found.start()]);
    // `m@x <m@x>` and `m@x (Maria)`: what stands behind is the name only where nothing stands before.
    let label = if before.is_empty() { behind(&value[found.end()..]) } else { before };
    let label = Some(label).filter(|label| !label.eq_ignore_ascii_case(address));
    Mailbox::new(label, Some(address))
}

/// The people of a To or Cc value.
pub fn many(value: &str) -> Vec<Mailbox> {
    let value = cut(value);
    let mut people = Vec::new();
    if value.contains(';') || !ADDRESS.is_match(value) {
        let separator = if value.contains(';') { ';' } else { ',' };
        people.extend(value.split(separator).map(one));
    } else {
        // `Müller, Maria <m@x>, b@y`: a comma ends a person only behind an address. No address has a comma in it.
        let mut start = 0;
        for address in ADDRESS.find_iter(value) {
            if let Some(comma) = value[address.end()..].find(',').filter(|_| address.start() >= start) {
                people.push(one(&value[start..address.end() + comma]));
                start = address.end() + comma + 1;
            }
        }
        people.push(one(&value[start..]));
    }
    people.retain(|person| !person.is_empty());
    people.truncate(MOST_MAILBOXES);
    people
}

fn cut(value: &str) -> &str {
    let mut end = value.len().min(LONGEST);
    while !value.is_char_boundary(end) {
        end -= 1;
    }
    value[..end].trim()
}

/// A display name without what programs put around and behind it.
fn name(text: &str) -> &str {
    let text = text.trim_end().trim_end_matches("mailto:");
    text.trim_matches(|c: char| {
        c.is_whitespace() || matches!(c, '<' | '>' | '[' | ']' | '(' | ')' | '"' | '\'' | '“' | '”' | '„' | '*' | '|' | ',' | ';')
    })
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
        let check = |value: &str, name: Option<&str>, address: Option<&str>| assert_eq!(one(value), Mailbox::new(name, address), "{value}");
        check("Maria Müller <maria@example.net>", Some("Maria Müller"), Some("maria@example.net"));
        check("\"Müller, Maria\" <maria@example.net>", Some("Müller, Maria"), Some("maria@example.net"));
        check("Maria Müller [mailto:maria@example.net]", Some("Maria Müller"), Some("maria@example.net"));
        check("Maria <maria@example.net<mailto:maria@example.net>>", Some("Maria"), Some("maria@example.net"));
        check("maria@example.net", None, Some("maria@example.net"));
        check("maria@example.net <maria@example.net>", None, Some("maria@example.net"));
        check("maria@example.net (Maria)", Some("Maria"), Some("maria@example.net"));
        check("*Maria* <maria@example.net>", Some("Maria"), Some("maria@example.net"));
        check("Maria Müller", Some("Maria Müller"), None);
        check("", None, None);
    }

    #[test]
    fn many_people() {
        let check = |value: &str, want: usize| assert_eq!(many(value).len(), want, "{value}");
        check("a@b.example, c@d.example", 2);
        check("Müller, Maria <m@e.example>, b@y.example", 2);
        check("Müller, Maria <m@e.example>; b@y.example;", 2);
        check("Maria Müller; Petra Huber", 2);
        check("", 0);
        check(&"a@b.example,".repeat(2_000), MOST_MAILBOXES);
        check(&format!("{}m@e.example, b@y.example", ",".repeat(9_000)), 2);
    }
}
