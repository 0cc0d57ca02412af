//! The header block of a forwarded mail: lines of `Word: value` in any order, wrapped or bold, until an empty line.

use super::HeadLine;
use crate::understand::words::{FieldName, Languages, WORDS};

/// A header block that was found.
#[derive(Clone, Debug, Default)]
pub struct Block {
    pub from: String,
    pub date: Option<String>,
    pub to: String,
    pub cc: String,
    pub subject: String,
    /// Whether it names a subject, be it an empty one.
    pub has_subject: bool,
    /// Those whose words its fields are.
    pub languages: Languages,
    /// A field stands there twice, or something else that a candidate may have written himself: nobody can say who wrote.
    pub is_unclear: bool,
    /// A separator stands above it.
    pub is_announced: bool,
    /// How deep its lines are quoted.
    pub depth: usize,
    /// How many blanks its body may be indented by.
    pub indent: usize,
    /// Index of the line behind it.
    pub end: usize,
}

/// Longest header block, in lines: a long list of recipients fits.
const LONGEST: usize = 200;

impl Block {
    /// Reads a block whose first field stands at `start`. It must name a sender and at least one field more.
    /// `is_announced`: a separator stands above it.
    pub fn read(lines: &[HeadLine<'_>], start: usize, is_announced: bool) -> Option<Block> {
        let mut block = Block { depth: lines.get(start)?.depth, languages: Languages::ALL, is_announced, ..Block::default() };
        let mut seen: Vec<FieldName> = Vec::new();
        let mut last = None;
        let mut is_spaced = false;
        // `Von:` and the sender below it: then so it is with the subject.
        let mut has_values_below = false;
        let mut at = start;
        lines[start].field?;
        while let Some(line) = lines.get(at).filter(|_| at < start + LONGEST) {
            if line.depth != block.depth && !line.is_blank() {
                break;
            }
            if line.is_blank() {
                // An empty line ends the block, unless a field that is still missing follows: some programs double every line.
                let next = lines[at..].iter().take(1 + super::GAP).find(|next| !next.is_blank());
                let field = next.filter(|next| next.depth == block.depth).and_then(|next| next.field_after(&seen));
                // `Anlagen: …` may be the mail's own first line; behind the subject, any field may.
                if field.is_none_or(|(name, ..)| !is_spaced && block.is_complete() && (name == FieldName::Other || block.has_subject)) {
                    break;
                }
                is_spaced = true;
            } else if let Some((name, languages, value)) = line.field_after(&seen) {
                seen.push(name);
                has_values_below |= name == FieldName::From && value.is_empty();
                block.languages = block.languages.narrowed(languages);
                block.put(name, value);
                last = Some(name);
            } else if has_values_below && last == Some(FieldName::Subject) && block.subject.is_empty() {
                block.append(FieldName::Subject, line.text);
            } else if matches!(last, Some(FieldName::Subject | FieldName::Other))
                && block.has_subject
                && block.is_complete()
                && !goes_on(lines, at, &seen)
            {
                // The newer Outlook puts no empty line behind the subject. A field that was there already is no first line of a mail.
                block.is_unclear |= line.field.is_some();
                break;
            } else {
                // Anything else before the empty line is a wrapped value. A field that was there already may be a name or a subject
                // that somebody has wrapped, or chosen so that it would be.
                block.is_unclear |= line.field.is_some();
                block.append(last?, line.text);
            }
            at += 1;
        }
        block.end = at;
        block.is_complete().then_some(block)
    }

    /// Whether it names a sender and one field more. Where nothing announces it and he has no address, two: `Von: Berlin` and
    /// `An: Hamburg` are no mail.
    fn is_complete(&self) -> bool {
        let others = [self.date.is_some(), !self.to.is_empty(), self.has_subject].into_iter().filter(|has| *has).count();
        !self.from.is_empty() && others >= if self.is_announced || self.from.contains('@') { 1 } else { 2 }
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

    pub fn put(&mut self, name: FieldName, value: &str) {
        self.has_subject |= name == FieldName::Subject;
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
    meanings: &'static [(FieldName, Languages)],
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
    /// The field that the line is where the fields `seen` stand above it, the languages that call it so, and its value.
    fn field_after(&self, seen: &[FieldName]) -> Option<(FieldName, Languages, &'a str)> {
        let field = self.field?;
        let (name, languages) = field.meanings.iter().copied().find(|(name, _)| *name == FieldName::Other || !seen.contains(name))?;
        Some((name, languages, field.value))
    }
}

/// A subject's line of fewer characters was not wrapped by anybody.
const WRAPPED: usize = 60;

/// Whether the line at `at`, which stands right below the subject and is no field, is the subject's second line.
fn goes_on(lines: &[HeadLine<'_>], at: usize, seen: &[FieldName]) -> bool {
    let (line, above) = (&lines[at], &lines[at - 1]);
    let behind = lines[at..].iter().skip(1).take(2).take_while(|line| !line.is_blank());
    let mut behind = behind.filter(|next| next.depth == line.depth);
    if behind.any(|next| next.field_after(seen).is_some()) {
        return true;
    }
    let is_indented = line.whole.starts_with([' ', '\t']);
    let is_alone = lines.get(at + 1).is_some_and(|next| next.is_blank());
    // A salutation is the mail's first line.
    is_alone && !line.text.ends_with(',') && (is_indented || above.text.chars().count() >= WRAPPED)
}
