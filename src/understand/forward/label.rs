//! Header blocks without colons. eM Client puts a blank behind the field's name (`Von "Maria" <m@x>`); Notes up to 8.5 puts person and
//! date on top and each name on a line of its own above its value. Both stand below a separator alone: elsewhere they are sentences.

use super::HeadLine;
use super::block::Block;
use super::people;
use crate::understand::dates;
use crate::understand::words::{FieldName, Languages, WORDS};

/// The longest block, in lines.
const LONGEST: usize = 60;

/// The block whose first line, below a separator, stands at `start`.
pub fn read(lines: &[HeadLine<'_>], start: usize) -> Option<Block> {
    spoken(lines, start).or_else(|| table(lines, start))
}

/// `Von "Maria" <m@x>`, a line each, up to an empty one. The sender, and two more, or it is no block.
fn spoken(lines: &[HeadLine<'_>], start: usize) -> Option<Block> {
    let mut block = Block { depth: lines.get(start)?.depth, languages: Languages::ALL, ..Block::default() };
    let mut seen = Vec::new();
    let mut end = start;
    for line in lines[start..].iter().take(LONGEST).take_while(|line| !line.is_blank()) {
        let (word, value) = line.text.split_once(char::is_whitespace)?;
        let (name, languages) = meaning(word, &seen)?;
        block.put(name, value.trim());
        block.languages = block.languages.narrowed(languages);
        seen.push(name);
        end += 1;
    }
    block.end = end;
    (seen.len() > 2 && people::one(&block.from).mailbox.address.is_some()).then_some(block)
}

/// Person, date, then names and values in turn, up to the subject.
fn table(lines: &[HeadLine<'_>], start: usize) -> Option<Block> {
    let (person, date) = (lines.get(start)?, lines.get(start + 1)?);
    let is_one = !person.is_blank() && person.depth == date.depth && person.text.len() < LONGEST_PERSON;
    let date_text = Some(date.text).filter(|text| is_one && dates::read(text, Languages::ALL).is_some())?;
    let mut block = Block { depth: person.depth, languages: Languages::ALL, ..Block::default() };
    block.put(FieldName::From, person.text);
    block.put(FieldName::Date, date_text);
    let mut seen = vec![FieldName::From, FieldName::Date];
    let mut at = start + 2;
    while !block.has_subject && at < start + LONGEST {
        at += lines.get(at..)?.iter().take(LONGEST).position(|line| !line.is_blank())?;
        let (name, languages) = meaning(lines[at].text, &seen)?;
        seen.push(name);
        block.languages = block.languages.narrowed(languages);
        at += 1;
        // A value ends at an empty line, or at the next name.
        let mut values = Vec::new();
        let is_value = |line: &&HeadLine<'_>| !line.is_blank() && (meaning(line.text, &seen).is_none());
        while let Some(line) = lines.get(at).filter(|line| values.len() < LONGEST && is_value(line)) {
            values.push(line.text);
            at += 1;
        }
        block.put(name, &values.join(" "));
    }
    block.end = at;
    block.has_subject.then_some(block)
}

/// Longest line that is a person, in bytes.
const LONGEST_PERSON: usize = 200;

/// The field of that name which does not stand above.
fn meaning(word: &str, seen: &[FieldName]) -> Option<(FieldName, Languages)> {
    let meanings = WORDS.field(&word.trim_matches(['*', ' ']).to_lowercase());
    meanings.iter().copied().find(|(name, _)| *name == FieldName::Other || !seen.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, want: Option<(&str, &str, &str, usize)>) {
        let block = read(&HeadLine::all(text), 0);
        let found = block.as_ref().map(|block| (block.from.as_str(), block.to.as_str(), block.subject.as_str(), block.end));
        assert_eq!(found, want, "{text}");
    }

    #[test]
    fn both_layouts() {
        let client = "From \"Maria\" <m@e.example>\nTo p@a.example\nDate 20/11/2026 18:02:11\nSubject Re: x y\n\nHello";
        check(client, Some(("\"Maria\" <m@e.example>", "p@a.example", "Re: x y", 4)));
        let notes = "Maria <m@e.example>\n20.11.2026 18:02\n\nAn\np@a.example\nq@a.example\nKopie\n\nThema\nx y\n\n\nHallo";
        check(notes, Some(("Maria <m@e.example>", "p@a.example q@a.example", "x y", 10)));
    }

    #[test]
    fn sentences() {
        for text in [
            "",
            "Von hier aus\nan alle",
            "Von hier aus\nan alle\nam Datum steht\n",
            "Maria\n20.11.2026\n\nHallo",
            "Maria\n20.11.2026",
            "Maria",
        ] {
            check(text, None);
        }
    }
}
