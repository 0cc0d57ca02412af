//! Finds the parts: one pass over the bytes, looking for the boundaries of the multiparts that are open. RFC 2046 §5.1.

use super::{DEEPEST, MOST_PARTS, Part, Shape, Tree, boundaries};
use crate::model::header::{self, Header};
use crate::model::message::{Defect, Encoding};
use crate::understand::field::{self, Typed};
use memchr::memmem;

/// A container whose end is not reached.
struct Open {
    part: usize,
    /// A multipart's; a message has none and ends with what holds it.
    boundary: Option<Vec<u8>>,
}

pub struct Reader<'t, 'a> {
    raw: &'a [u8],
    /// What holds the entity that is read, if anything does.
    container: Option<usize>,
    /// The index of the first part that is read.
    first: usize,
    tree: &'t mut Tree<'a>,
    open: Vec<Open>,
    /// Boundaries that were looked for and not found as named.
    searches: usize,
}

/// A delimiter line. RFC 2046 §5.1.1.
struct Delimiter {
    /// Which of the open containers it belongs to.
    of: usize,
    closes: bool,
    /// Where the content before it ends: the line end before a delimiter belongs to the delimiter.
    content_end: usize,
    /// Where the next line begins.
    next: usize,
}

impl<'t, 'a> Reader<'t, 'a> {
    /// Reads `raw` onto the tree: an entity of its own, or what is inside of `container`.
    pub fn new(tree: &'t mut Tree<'a>, raw: &'a [u8], container: Option<usize>) -> Reader<'t, 'a> {
        Reader { raw, container, first: tree.parts.len(), tree, open: Vec::new(), searches: 0 }
    }

    pub fn run(&mut self) {
        let raw = self.raw;
        let mut at = 0;
        loop {
            if self.tree.parts.len() >= MOST_PARTS {
                self.keep_rest(at);
                break;
            }
            let part = self.enter(at);
            at = self.tree.parts[part].body.start;
            match self.tree.parts[part].shape {
                Shape::Message => continue,
                Shape::Leaf | Shape::Unopened | Shape::Multipart | Shape::Wrapper(_) => (),
            }
            match self.next_entity(at) {
                Some(next) => at = next,
                None => break,
            }
        }
        for open in std::mem::take(&mut self.open) {
            self.tree.parts[open.part].body.end = raw.len();
            if open.boundary.is_some() {
                self.tree.defects.push(Defect::Unclosed(open.part));
            }
        }
        self.undo_empty_multiparts();
    }

    /// Reads the header section at `at` and opens the part; returns its index.
    fn enter(&mut self, at: usize) -> usize {
        let raw = self.raw;
        let mut header = Header::read_until(&raw[at..], |line| self.delimiter_of(line).is_some());
        // A part without a header section whose first line looks like a field, or a file that is no mail.
        let may_have_none = self.open.last().is_some_and(|open| open.boundary.is_some()) || at == 0 && header.body == raw.len();
        if may_have_none && !header.fields.iter().any(|field| header::is_usual(field.name)) && !header.fields.is_empty() {
            header = Header::default();
        }
        let index = self.tree.parts.len();
        if header.unfinished && header.body < raw.len() - at && index == self.first {
            self.tree.defects.push(Defect::UnfinishedHeader);
        }
        if header.has_noise {
            self.tree.defects.push(Defect::LineInHeader);
        }
        if header.too_many {
            self.tree.defects.push(Defect::TooManyFields);
        }
        let parent = self.open.last().map(|open| open.part).or(self.container);
        let start = at + header.body;
        let mut part = Part::new(parent.map(|parent| (parent, &self.tree.parts[parent])), header, raw, start);
        part.opened = self.container.map_or(0, |container| self.tree.parts[container].opened + 1);
        let boundary = part.media().starts_with("multipart/").then(|| self.boundary(&part.content, start)).flatten();
        part.shape = match part.media() {
            media if media.starts_with("multipart/") && boundary.is_some() => Shape::Multipart,
            "message/rfc822" | "message/global" | "message/news" if part.encoding == Encoding::Identity => Shape::Message,
            _ => Shape::Leaf,
        };
        if part.shape != Shape::Leaf && part.depth >= DEEPEST {
            self.tree.defects.push(Defect::NestedTooDeep(DEEPEST));
            part.shape = Shape::Unopened;
        }
        if part.content.is_mended || part.disposition.is_mended {
            self.tree.defects.push(Defect::WrongReading(index));
        }
        match part.shape {
            Shape::Multipart => self.open.push(Open { part: index, boundary }),
            Shape::Message => self.open.push(Open { part: index, boundary: None }),
            Shape::Leaf | Shape::Unopened | Shape::Wrapper(_) => (),
        }
        self.tree.parts.push(part);
        index
    }

    /// The boundary of the multipart whose body begins at `start`.
    fn boundary(&mut self, content: &Typed, start: usize) -> Option<Vec<u8>> {
        let named = content.parameter("boundary");
        let as_named = || named.map(|name| name.trim().as_bytes().to_vec()).filter(|name| !name.is_empty());
        if self.searches == boundaries::MOST_SEARCHES {
            return as_named();
        }
        let used = boundaries::used(named, &self.raw[start..]);
        self.searches += usize::from(used.is_none() || used != as_named());
        used.or_else(as_named)
    }

    /// Goes on from `at` to the next delimiter that begins a part, closing what ends before it.
    fn next_entity(&mut self, mut at: usize) -> Option<usize> {
        let last = self.tree.parts.len().checked_sub(1).filter(|&last| last >= self.first);
        let mut leaf = last.filter(|&last| matches!(self.tree.parts[last].shape, Shape::Leaf | Shape::Unopened));
        while let Some(delimiter) = self.next_delimiter(at) {
            if let Some(leaf) = leaf.take() {
                let body = &mut self.tree.parts[leaf].body;
                body.end = delimiter.content_end.max(body.start);
            }
            for open in self.open.drain(delimiter.of + 1..) {
                let body = &mut self.tree.parts[open.part].body;
                body.end = delimiter.content_end.max(body.start);
                if open.boundary.is_some() {
                    self.tree.defects.push(Defect::Unclosed(open.part));
                }
            }
            at = delimiter.next;
            if !delimiter.closes {
                return Some(at);
            }
            if let Some(open) = self.open.pop() {
                self.tree.parts[open.part].body.end = delimiter.next;
            }
        }
        None
    }

    /// The next delimiter line of any open multipart, from the line start `at` on.
    fn next_delimiter(&self, at: usize) -> Option<Delimiter> {
        if self.open.iter().all(|open| open.boundary.is_none()) {
            return None;
        }
        let raw = self.raw;
        let mut line_at = at;
        loop {
            if raw.get(line_at..)?.starts_with(b"--") {
                let next = header::line_end(raw, line_at);
                if let Some((of, closes)) = self.delimiter_of(header::trim_line_end(&raw[line_at..next])) {
                    let before = header::trim_last_line_end(&raw[at.min(line_at)..line_at]);
                    return Some(Delimiter { of, closes, content_end: at.min(line_at) + before.len(), next });
                }
            }
            line_at += memmem::find(&raw[line_at..], b"\n--")? + 1;
        }
    }

    /// Whose delimiter a line is, innermost first, and whether it closes. Blanks at its end were added on the way.
    fn delimiter_of(&self, line: &[u8]) -> Option<(usize, bool)> {
        let line = line.strip_prefix(b"--")?.trim_ascii_end();
        self.open.iter().enumerate().rev().find_map(|(of, open)| {
            let rest = line.strip_prefix(open.boundary.as_deref()?)?;
            match rest {
                b"" => Some((of, false)),
                b"--" | b"-" => Some((of, true)),
                _ => None,
            }
        })
    }

    /// Everything from `at` on becomes one unopened part.
    fn keep_rest(&mut self, at: usize) {
        self.tree.defects.push(Defect::TooManyParts(MOST_PARTS));
        let parent = self.open.first().map(|open| open.part).or(self.container);
        let mut part = Part::new(parent.map(|parent| (parent, &self.tree.parts[parent])), Header::default(), self.raw, at);
        part.content = Typed::default();
        part.shape = Shape::Unopened;
        part.opened = self.container.map_or(0, |container| self.tree.parts[container].opened + 1);
        self.tree.parts.push(part);
        self.open.clear();
    }

    /// A multipart whose boundary never comes is text with a wrong label.
    fn undo_empty_multiparts(&mut self) {
        let mut has_child = vec![false; self.tree.parts.len()];
        for part in &self.tree.parts {
            if let Some(parent) = part.parent {
                has_child[parent] = true;
            }
        }
        for (index, part) in self.tree.parts.iter_mut().enumerate().skip(self.first) {
            if part.shape == Shape::Multipart && !has_child[index] {
                part.shape = Shape::Leaf;
                part.content = field::typed(b"text/plain");
                self.tree.defects.push(Defect::NoBoundary(index));
            }
        }
    }
}
