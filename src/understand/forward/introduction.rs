//! The line that introduces a quoted mail (`Am … schrieb Maria <m@x>:`). Most programs answer with it; Outlook on the Mac forwards with
//! it too, so it counts under a forward's subject alone.

use super::HeadLine;
use super::block::Block;
use super::people;
use crate::understand::dates;
use crate::understand::words::{Languages, WORDS};
use std::collections::HashSet;

/// An introduction may be wrapped into so many lines.
const LONGEST: usize = 3;
/// So many lines that could be one are compared with the tables: each costs as much as a hundred others.
const MOST_TRIES: u32 = 100;
/// Outlook indents the mail by so much.
const INDENT: usize = 4;

/// Counts its tries.
#[derive(Default)]
pub struct Finder {
    tries: u32,
}

impl Finder {
    /// The mail that the lines from `at` on introduce, as a block without a subject.
    pub fn read(&mut self, lines: &[HeadLine<'_>], at: usize) -> Option<Block> {
        let first = lines.get(at).filter(|first| !first.is_blank())?;
        let mut text = String::new();
        for (count, line) in lines[at..].iter().take(LONGEST).enumerate() {
            if line.is_blank() || line.depth != first.depth || text.len() > 400 {
                return None;
            }
            text.push_str(if text.is_empty() { "" } else { " " });
            text.push_str(line.text);
            if line.text.ends_with(':') {
                if !text.contains('@') && !text.contains(|c: char| c.is_ascii_digit()) || self.tries == MOST_TRIES {
                    return None;
                }
                self.tries += 1;
                let (from, date) = parts(text.trim_end_matches(':').trim_end())?;
                let end = at + count + 1;
                // Two addresses: the name, which its owner chose, may hold what looks like the end of the line.
                let is_unclear = people::addresses(&text).collect::<HashSet<_>>().len() > 1;
                return Some(Block {
                    from,
                    date,
                    is_unclear,
                    depth: first.depth,
                    indent: INDENT,
                    languages: Languages::ALL,
                    end,
                    ..Block::default()
                });
            }
        }
        None
    }
}

/// Who wrote, and when: what stands between the words of the table.
fn parts(text: &str) -> Option<(String, Option<String>)> {
    let groups = WORDS.introductions.iter().find_map(|pattern| pattern.captures(text))?;
    let mut groups: Vec<&str> = groups.iter().skip(1).flatten().map(|group| group.as_str()).collect();
    groups.retain(|group| !group.trim().is_empty());
    let is_person = |group: &&str| people::one(group).mailbox.address.is_some();
    let (person, date) = match groups.as_slice() {
        [one] => split(one),
        [one, two] if is_person(one) => ((*one).to_owned(), Some((*two).to_owned())),
        [one, two] if is_person(two) || dates::find(one, Languages::ALL).is_some() => ((*two).to_owned(), Some((*one).to_owned())),
        [one, two] => ((*one).to_owned(), Some((*two).to_owned())),
        _ => return None,
    };
    let date = date.and_then(|text| written(&text));
    let person = person.trim_matches(|c: char| c.is_whitespace() || matches!(c, ',' | ';')).to_owned();
    // A person and nothing else, or a date and nothing else, may be any sentence.
    (!person.is_empty() && (date.is_some() || is_person(&person.as_str()))).then_some((person, date))
}

/// The date of a group, without the words around it.
fn written(text: &str) -> Option<String> {
    let found = dates::find(text, Languages::ALL)?;
    Some(text[found.start..found.end].to_owned())
}

/// A group that holds both: the person is what the date leaves over on the side of the address.
fn split(group: &str) -> (String, Option<String>) {
    let Some(found) = dates::find(group, Languages::ALL) else { return (group.to_owned(), None) };
    let (before, behind) = (&group[..found.start], &group[found.end..]);
    let person = if behind.contains('@') || !before.contains('@') && behind.trim().len() > 1 { behind } else { before };
    (person.to_owned(), Some(group[found.start..found.end].to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_and_when() {
        let check = |text: &str, person: &str, date: &str| {
            let (from, when) = parts(text).unwrap_or_else(|| panic!("no introduction: {text}"));
            let mailbox = people::one(&from).mailbox;
            assert_eq!(
                (mailbox.name.as_deref(), mailbox.address.as_deref(), when.as_deref()),
                (Some(person), Some("m@e.example"), Some(date)),
                "{text}"
            );
        };
        check("Amanda Müller <m@e.example> hat am 20.11.2026 18:02 geschrieben", "Amanda Müller", "20.11.2026 18:02");
        check("Am 20.11.2026, 18:02 schrieb \"Maria Müller\" <m@e.example>", "Maria Müller", "20.11.2026, 18:02");
        check("On 20/11/2026 18:02, \"Maria Müller\" <m@e.example> wrote", "Maria Müller", "20/11/2026 18:02");
        check("Maria Müller <m@e.example> skrev følgende den 20/11/2026, 18:02", "Maria Müller", "20/11/2026, 18:02");
        check("Den 20/11/2026 18:02 skrev \"Maria Müller\" <m@e.example> följande", "Maria Müller", "20/11/2026 18:02");
        check("Op 20/11/2026 18:02 heeft Maria Müller <m@e.example> geschreven", "Maria Müller", "20/11/2026 18:02");
        check("20/11/2026 18:02 időpontban Maria Müller (m@e.example) ezt írta", "Maria Müller", "20/11/2026 18:02");
        check("\"Maria Müller\" <m@e.example>, 20/11/2026 18:02 tarihinde şunu yazdı", "Maria Müller", "20/11/2026 18:02");
    }

    #[test]
    fn sentences() {
        for text in ["Herr Müller schrieb", "Am Montag schrieb er", "wrote", "Maria hat angerufen und schrieb", ""] {
            assert_eq!(parts(text), None, "{text}");
        }
    }
}
