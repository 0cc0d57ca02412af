//! The header block of a forwarded mail: lines of `Word: value` in any order, wrapped or bold, until an empty line.

use super::HeadLine;
use crate::understand::words::{FieldName, WORDS};

/// A header block that was found.
#[derive(Clone, Debug, Default)]
pub struct Block {
    pub from: String,
    pub date: Option<String>,
    pub to: String,
    pub cc: String,
    pub subject: String,
    /// How deep its lines are quoted.
    pub depth: usize,
    /// Index of the line behind it.
    pub end: usize,
}

/// Longest header block, in lines: a long list of recipients fits.
const LONGEST: usize = 60;

impl Block {
    /// Reads a block whose first field stands at `start`. It must name a sender and at least one field more.
    pub fn read(lines: &[HeadLine<'_>], start: usize) -> Option<Block> {
        let mut block = Block { depth: lines.get(start)?.depth, ..Block::default() };
        let mut seen: Vec<FieldName> = Vec::new();
        let mut last = None;
        let mut at = start;
        lines[start].field?;
        while let Some(line) = lines.get(at).filter(|_| at < start + LONGEST) {
            if line.depth != block.depth && !line.is_blank() {
                break;
            }
            if line.is_blank() {
                // An empty line ends the block, unless a field that is still missing follows it: some programs double every line.
                let more = lines.get(at + 1).is_some_and(|next| next.depth == block.depth && next.field_after(&seen).is_some());
                if !more {
                    break;
                }
            } else if let Some((name, value)) = line.field_after(&seen) {
                seen.push(name);
                block.put(name, value);
                last = Some(name);
            } else {
                // Anything else before the empty line is a wrapped value.
                block.append(last?, line.text);
            }
            at += 1;
        }
        block.end = at;
        let has = |name| seen.contains(&name);
        let complete = has(FieldName::From) && (has(FieldName::Date) || has(FieldName::To) || has(FieldName::Subject));
        (complete && !block.from.is_empty()).then_some(block)
    }

    fn slot(&mut self, name: FieldName) -> Option<&mut String> {
        match name {
            FieldName::From => Some(&mut self.from),
            FieldName::Date => Some(self.date.get_or_insert_default()),
            FieldName::To => Some(&mut self.to),
            FieldName::Cc => Some(&mut self.cc),
            FieldName::Subject => Some(&mut self.subject),
            FieldName::Other => None,
        }
    }

    fn put(&mut self, name: FieldName, value: &str) {
        if let Some(slot) = self.slot(name) {
            value.clone_into(slot);
        }
    }

    fn append(&mut self, name: FieldName, more: &str) {
        if let Some(slot) = self.slot(name) {
            if !slot.is_empty() {
                slot.push(' ');
            }
            slot.push_str(more);
        }
    }
}

/// Longest field name, in characters.
const LONGEST_NAME: usize = 24;

/// A line of the form `Word: value` whose word the table knows. Bold marks (`*Von:* x`) are taken off.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    /// A word may mean one field in one language and another elsewhere.
    meanings: &'static [FieldName],
    value: &'a str,
}

impl<'a> Field<'a> {
    pub fn read(text: &'a str) -> Option<Field<'a>> {
        let marks = |c: char| matches!(c, '*' | '_' | ' ' | '\t' | '\u{a0}' | '|');
        let text = text.trim_start_matches(marks);
        let (at, colon) = text.char_indices().take(LONGEST_NAME).find(|&(_, c)| c == ':' || c == '：')?;
        let meanings = WORDS.field(&text[..at].trim_end_matches(marks).to_lowercase());
        (!meanings.is_empty()).then(|| Field { meanings, value: text[at + colon.len_utf8()..].trim_matches(marks) })
    }
}

impl<'a> HeadLine<'a> {
    /// The field that the line is where the fields `seen` stand above it, and its value.
    fn field_after(&self, seen: &[FieldName]) -> Option<(FieldName, &'a str)> {
        let field = self.field?;
        let meaning = field.meanings.iter().copied().find(|name| *name == FieldName::Other || !seen.contains(name))?;
        Some((meaning, field.value))
    }
}
