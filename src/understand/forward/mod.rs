//! Finds the mail inside a forward's text: separator, header block, body, and what the forwarder wrote above.
//! Works on text alone; attached mails are `parts`' business.

mod block;
mod flat;
mod folds;
mod introduction;
mod label;
pub mod people;

use super::subject;
use super::words::{Separator, WORDS};
use crate::model::message::{Folds, How, Original, Prefix};
use crate::model::organisation::Rules;
use block::{Block, Field};
pub use folds::folds;

/// A forward taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// What stands above the forwarded mail.
    pub note: String,
    /// The outermost original first, then those inside it, each one level deeper.
    pub chain: Vec<Original>,
}

/// Forwards inside forwards are followed this deep.
const DEEPEST: u32 = 10;

/// Takes a forward apart. `prefix` is the subject's first prefix: a reply quotes with the same header block that Outlook
/// forwards with, and only the subject tells them apart.
pub fn read(text: &str, prefix: Option<Prefix>, rules: &Rules) -> Option<Forward> {
    let (note, outermost) = unwrap(text, Marks::of(prefix, prefix != Some(Prefix::Reply)))?;
    let mut chain = vec![outermost];
    while let Some(last) = chain.last().filter(|last| last.level < DEEPEST) {
        let prefix = subject::read(&last.subject, rules).prefix;
        let Some((_, mut inner)) = unwrap(&last.body, Marks::of(prefix, prefix == Some(Prefix::Forward))) else { break };
        inner.level = last.level + 1;
        chain.push(inner);
    }
    Some(Forward { note, chain })
}

/// A line, and how deep it is quoted with `>`.
#[derive(Clone, Copy, Debug)]
struct Line<'a> {
    depth: usize,
    /// Behind the quote marks, without blanks at the end.
    text: &'a str,
    whole: &'a str,
}

/// A line that may be part of a header block.
#[derive(Clone, Copy, Debug)]
struct HeadLine<'a> {
    line: Line<'a>,
    /// What it means as a field. Looked up once: many blocks may be tried that begin or end here.
    field: Option<Field<'a>>,
    /// Offset of the next line in the text.
    next: usize,
}

/// Header blocks are looked for in so many lines: what is kept of a line costs many times an empty one's byte.
const MOST_LINES: usize = 20_000;

impl<'a> HeadLine<'a> {
    /// The beginning of a text, a line each.
    fn all(text: &'a str) -> Vec<HeadLine<'a>> {
        let mut next = 0;
        let lines = text.split_inclusive('\n').take(MOST_LINES);
        lines
            .map(|whole| {
                next += whole.len();
                let line = Line::new(whole.trim_end_matches(['\r', '\n']));
                HeadLine { line, field: Field::read(line.text), next }
            })
            .collect()
    }
}

impl<'a> std::ops::Deref for HeadLine<'a> {
    type Target = Line<'a>;

    fn deref(&self) -> &Line<'a> {
        &self.line
    }
}

impl<'a> Line<'a> {
    fn new(whole: &'a str) -> Line<'a> {
        let (mut rest, mut depth) = (whole, 0);
        while let Some(behind) = rest.trim_start_matches([' ', '\t']).strip_prefix('>') {
            depth += 1;
            rest = behind;
        }
        // A byte order mark may stand before any line that Outlook has put together.
        Line { depth, text: rest.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}'), whole }
    }

    fn is_blank(&self) -> bool {
        self.text.is_empty()
    }

    /// The line with that many quote marks taken off.
    fn unquoted(&self, marks: usize) -> &'a str {
        let mut rest = self.whole;
        for _ in 0..marks {
            let Some(behind) = rest.trim_start_matches([' ', '\t']).strip_prefix('>') else { break };
            rest = behind;
        }
        if marks > 0 { rest.strip_prefix(' ').unwrap_or(rest) } else { rest }
    }
}

/// What the subject allows to be a forward.
#[derive(Clone, Copy, Debug)]
struct Marks {
    /// Header blocks that replies bear as well.
    blocks: bool,
    /// `Am … schrieb …:`, which replies bear nearly always.
    introductions: bool,
}

impl Marks {
    fn of(prefix: Option<Prefix>, blocks: bool) -> Marks {
        Marks { blocks, introductions: prefix == Some(Prefix::Forward) }
    }
}

/// How many empty lines may stand between a separator and its header block.
const GAP: usize = 3;

/// The first forward in the text, and the note above it. What stands first counts: everything below it may be the candidate's own words.
fn unwrap(text: &str, marks: Marks) -> Option<(String, Original)> {
    let lines = HeadLine::all(text);
    let mut introductions = introduction::Finder::default();
    // A sentence of the note, or what introduces the mail: without an address nobody can say.
    let mut doubtful = None;
    for at in 0..lines.len() {
        // An answer quotes the mail that is answered, and whatever that has quoted.
        if !marks.blocks && lines[at].depth > 0 {
            continue;
        }
        let (separator, below) = match separator(&lines[at]) {
            None if is_wrapped_separator(&lines[at..]) => (Some(Separator::Forward), at + 2),
            separator => (separator, at + 1),
        };
        let found = match separator {
            Some(_) => {
                let first = (below..lines.len().min(below + 1 + GAP)).find(|&next| !lines[next].is_blank());
                first.and_then(|first| Block::read(&lines, first, true).or_else(|| label::read(&lines, first)))
            }
            None => Block::read(&lines, at, false),
        };
        let found =
            found.map(|block| (separator, block)).or_else(|| flat::read(&lines, at).map(|(separator, block)| (Some(separator), block)));
        if let Some((separator, mut block)) = found {
            block.is_unclear |= doubtful.is_some();
            // In an answer, a header block without a separator begins the mail that is answered.
            let is_forward = marks.blocks || separator == Some(Separator::Forward);
            return is_forward.then(|| taken_apart(text, &lines, at, &block));
        }
        if let Some(block) = introductions.read(&lines, at) {
            if block.from.contains('@') || is_set_off(&lines, &block) {
                return marks.introductions.then(|| taken_apart(text, &lines, at, &block));
            }
            doubtful.get_or_insert((at, block));
            continue;
        }
        if separator == Some(Separator::Forward) {
            // The header block was deleted, or is in a language that the tables lack: something was forwarded, by nobody can say whom.
            let block = Block { depth: lines[at].depth, end: below, is_unclear: true, ..Block::default() };
            return Some(taken_apart(text, &lines, at, &block));
        }
    }
    doubtful.filter(|_| marks.introductions).map(|(at, block)| taken_apart(text, &lines, at, &block))
}

/// Whether the mail behind an introduction is quoted or indented.
fn is_set_off(lines: &[HeadLine<'_>], block: &Block) -> bool {
    let first = lines[block.end..].iter().find(|line| !line.is_blank());
    first.is_some_and(|line| line.depth > block.depth || blanks(line.unquoted(block.depth)) >= block.indent)
}

fn taken_apart(text: &str, lines: &[HeadLine<'_>], at: usize, block: &Block) -> (String, Original) {
    let behind = lines[..block.end].last().map_or(0, |last| last.next);
    (note(&lines[..at]), original(&text[behind..], block))
}

/// What stands around the words of a separator line.
fn is_ornament(c: char) -> bool {
    matches!(c, '-' | '_' | '*' | '=' | '–' | '—' | ' ' | '\t' | '\u{a0}')
}

/// Longest line looked at, in bytes: some name a person.
const LONGEST_SEPARATOR: usize = 250;

/// The words between dashes or before a colon, in lower case.
fn announced(line: &Line<'_>) -> Option<String> {
    let bare = line.text.trim_matches(is_ornament);
    let words = bare.trim_end_matches(':').trim_end();
    (words.len() < line.text.len() && line.text.len() <= LONGEST_SEPARATOR).then(|| words.to_lowercase())
}

/// Whether a line announces a forwarded mail, in words of the table.
fn separator(line: &Line<'_>) -> Option<Separator> {
    let words = announced(line)?;
    // Notes, Horde and mutt name somebody there, always between dashes; without them it is a sentence.
    let is_personal = || line.text.starts_with("---") && line.text.ends_with("--") && WORDS.names_forward(&words);
    WORDS.separator(&words).or_else(|| is_personal().then_some(Separator::Forward))
}

/// Whether the first two lines are one separator, wrapped because of the name in it.
fn is_wrapped_separator(lines: &[HeadLine<'_>]) -> bool {
    let [first, second, ..] = lines else { return false };
    let is_begin = first.text.starts_with("---") && !first.text.ends_with('-') && second.depth == first.depth;
    let is_end = second.text.ends_with("--") && !second.text.starts_with('-');
    is_begin && is_end && announced(first).is_some_and(|words| WORDS.names_forward(&words))
}

/// Where the forwarded mail ends, for Horde and mutt say so.
#[derive(Default)]
struct End {
    /// Forwards inside the forward, which may end before it.
    open: usize,
}

impl End {
    /// Whether the line is the last of the forward itself.
    fn is_here(&mut self, line: &Line<'_>) -> bool {
        if !line.text.starts_with("--") {
            return false;
        }
        if separator(line) == Some(Separator::Forward) {
            self.open += 1;
        } else if announced(line).is_some_and(|words| WORDS.ends_forward(&words)) {
            self.open = match self.open.checked_sub(1) {
                Some(open) => open,
                None => return true,
            };
        }
        false
    }
}

/// Whether the line is drawn, not written.
fn is_rule(line: &Line<'_>) -> bool {
    line.text.len() >= 5 && line.text.bytes().all(|b| matches!(b, b'_' | b'-'))
}

/// What stands above, without the line that Outlook draws.
fn note(lines: &[HeadLine<'_>]) -> String {
    let end = lines.iter().rposition(|line| !line.is_blank() && !is_rule(&line.line)).map_or(0, |last| last + 1);
    let text: Vec<&str> = lines[..end].iter().map(|line| line.whole.trim_end()).collect();
    text.join("\n").trim().to_owned()
}

/// The mail of the block; `behind` is the text behind it, read line by line: it may have millions.
fn original(behind: &str, block: &Block) -> Original {
    let mut lines = behind.lines().map(Line::new).peekable();
    // Notes draws a line below the header block.
    while lines.next_if(|line| line.is_blank() || is_rule(line)).is_some() {}
    // Some programs quote the mail, but not its header block.
    let depth = lines.peek().map_or(block.depth, |first| first.depth.max(block.depth));
    let is_only_quoted = depth > block.depth;
    let indent = lines.peek().map_or(0, |first| if is_only_quoted { 0 } else { block.indent.min(blanks(first.unquoted(depth))) });
    let mut body = String::new();
    let mut above_is_quoted = false;
    // Somewhere on the way a long quoted line was wrapped, and its rest stands without the mark right below.
    let mut goes_on = |line: &Line<'_>| {
        let is_quoted = line.depth >= depth;
        let goes_on = is_quoted || line.is_blank() || above_is_quoted || is_only_quoted && line.depth >= block.depth;
        above_is_quoted = depth > 0 && (is_quoted || above_is_quoted) && !line.is_blank();
        goes_on
    };
    let mut end = End::default();
    for line in lines.take_while(|line| goes_on(line) && !end.is_here(line)) {
        let text = line.unquoted(depth.min(line.depth)).trim_end();
        // Apple Mail puts a byte order mark before what it quotes.
        body.push_str(text[indent.min(blanks(text))..].trim_start_matches('\u{feff}'));
        body.push('\n');
    }
    let date_text = block.date.clone().filter(|text| !text.is_empty());
    let writer = people::one(&block.from);
    Original {
        from: writer.mailbox,
        sender_is_unclear: !writer.is_clear || block.is_unclear,
        to: people::many(&block.to),
        cc: people::many(&block.cc),
        subject: block.subject.clone(),
        date: date_text.as_deref().and_then(|text| super::dates::read(text, block.languages)),
        date_text,
        body: body.trim_matches('\n').to_owned(),
        folds: Folds::default(),
        how: How::Inline,
        level: 0,
    }
}

/// How many blanks a line begins with.
fn blanks(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
