//! A header block whose line ends are lost: Yahoo writes separator and fields into one line
//! (`----- Weitergeleitete Nachricht ----- Von: Maria <m@x>An: b@yGesendet: …Betreff: x`).

use super::block::Block;
use super::{HeadLine, is_ornament};
use crate::understand::words::{FieldName, Languages, Names, Separator, WORDS};

/// Longest line looked at, in bytes.
const LONGEST: usize = 4_000;

/// The block in the line at `at`.
pub fn read(lines: &[HeadLine<'_>], at: usize) -> Option<(Separator, Block)> {
    let line = lines.get(at).filter(|line| line.text.len() <= LONGEST && line.text.starts_with(is_ornament))?;
    let text = line.text.trim_start_matches(is_ornament);
    // The words end where the dashes begin again.
    let (words, fields) = text.split_at(text.find("--")?);
    let separator = WORDS.separator(&words.trim_end_matches(is_ornament).to_lowercase())?;
    let fields = fields.trim_start_matches(is_ornament);
    let mut block = WORDS.names.iter().filter_map(|names| parted(fields, names)).max_by_key(|(_, count)| *count)?.0;
    (block.depth, block.end, block.languages) = (line.depth, at + 1, Languages::ALL);
    Some((separator, block))
}

/// The fields of one language, and how many there are. They stand in any order, but for the sender, who is first.
fn parted(text: &str, names: &Names) -> Option<(Block, usize)> {
    // The subject is last, and anybody's words: a name without its colon is none in there.
    let subjects = names.rest.iter().filter(|(field, _)| *field == FieldName::Subject);
    let fence = subjects.filter_map(|(_, name)| with_colon(text, name)).map(|(start, _)| start).min().unwrap_or(text.len());
    let position = |text: &str, name: &str| position(text, name, fence);
    let begin = names.from.iter().find_map(|name| position(text, name).filter(|(start, _)| *start == 0))?;
    let mut found = vec![(FieldName::From, begin)];
    for (field, name) in &names.rest {
        // Of two names for one field the first in the text counts.
        let Some(place) = position(text, name).filter(|(start, _)| *start > 0) else { continue };
        match found.iter_mut().find(|(known, _)| known == field) {
            Some((_, known)) if place.0 < known.0 => *known = place,
            Some(_) => (),
            None => found.push((*field, place)),
        }
    }
    found.sort_by_key(|(_, (start, _))| *start);
    // A field that stands there twice may stand in somebody's name.
    let subject = found.iter().find(|(field, _)| *field == FieldName::Subject).map_or(text.len(), |(_, (start, _))| *start);
    let all = names.rest.iter().map(|(_, name)| name).chain(&names.from);
    let is_unclear = all
        .filter(|name| position(text, name).is_some_and(|(_, value)| value < subject && position(&text[value..subject], name).is_some()))
        .count()
        > 0;
    let mut block = Block { is_unclear, ..Block::default() };
    for (at, (field, (_, value))) in found.iter().enumerate() {
        let end = found.get(at + 1).map_or(text.len(), |(_, (start, _))| *start);
        block.put(*field, text.get(*value..end).unwrap_or_default().trim());
    }
    (found.len() > 2).then_some((block, found.len()))
}

/// Where a field's name, with a capital, stands, and where its value begins: behind a colon, or without one in front of the `fence`. In
/// Portuguese one of the colons is missing; a capital glued to what stands before is mark enough, but a colon is a better one
/// (`Thi-An Nguyen <t@x>An: b@y`).
fn position(text: &str, name: &str, fence: usize) -> Option<(usize, usize)> {
    let is_glued = |start: usize| start < fence && text[..start].ends_with(|c: char| !c.is_whitespace());
    let bare = || places(text, name).find(|(start, behind)| is_glued(*start) && behind.starts_with(' '));
    with_colon(text, name).or_else(|| bare().map(|(start, behind)| (start, text.len() - behind.len())))
}

fn with_colon(text: &str, name: &str) -> Option<(usize, usize)> {
    let value = |behind: &str| behind.trim_start_matches([' ', '\u{a0}']).strip_prefix(':').map(str::len);
    places(text, name).find_map(|(start, behind)| Some((start, text.len() - value(behind)?)))
}

/// Where the name stands with a capital, and what stands behind it.
fn places<'t>(text: &'t str, name: &str) -> impl Iterator<Item = (usize, &'t str)> {
    let mut letters = name.chars();
    let capital: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
    let mut from = 0;
    std::iter::from_fn(move || {
        let start = from + text.get(from..)?.find(&capital).filter(|_| !capital.is_empty())?;
        from = start + capital.len();
        Some((start, &text[from..]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, subject: &str, date: &str) {
        let lines = HeadLine::all(text);
        let (separator, block) = read(&lines, 0).unwrap_or_else(|| panic!("nothing found in {text}"));
        assert_eq!(
            (separator, block.from.as_str(), block.subject.as_str()),
            (Separator::Forward, "Maria <m@e.example>", subject),
            "{text}"
        );
        assert_eq!((block.to.as_str(), block.date.as_deref()), ("\"p@a.example\" <p@a.example>", Some(date)), "{text}");
    }

    #[test]
    fn lines_without_ends() {
        check(
            "   ----- Weitergeleitete Nachricht ----- Von: Maria <m@e.example>An: \"p@a.example\" <p@a.example>Gesendet: Freitag, 20. November 2026, 18:02 MEZBetreff: An: alle",
            "An: alle",
            "Freitag, 20. November 2026, 18:02 MEZ",
        );
        check(
            "----- Message transféré ----- De : Maria <m@e.example>À : \"p@a.example\" <p@a.example>Envoyé : vendredi 20 novembre 2026 à 18:02Objet : x",
            "x",
            "vendredi 20 novembre 2026 à 18:02",
        );
        let names = HeadLine::all(
            "----- Weitergeleitete Nachricht ----- Von: Thi-An Le <t@e.example>An: b@y.exampleGesendet: 1.1.2026 18:02Betreff: x",
        );
        assert_eq!(read(&names, 0).unwrap().1.from, "Thi-An Le <t@e.example>");
        check(
            "----- Forwarded Message ----- From: Maria <m@e.example>To: \"p@a.example\" <p@a.example>Sent: Friday, November 20, 2026 at 6:02 PMSubject: ACc ß",
            "ACc ß",
            "Friday, November 20, 2026 at 6:02 PM",
        );
    }

    #[test]
    fn other_lines() {
        for text in [
            "",
            "-----",
            "----- Weitergeleitete Nachricht -----",
            "----- Weitergeleitete Nachricht ----- von gestern",
            "-- Von: x -- An: y",
        ] {
            assert!(read(&HeadLine::all(text), 0).is_none(), "{text}");
        }
    }
}
