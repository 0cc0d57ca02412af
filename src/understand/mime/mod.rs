//! The tree of MIME parts: where each begins and ends in the raw bytes, and what it says it is. Decodes no body, copies nothing,
//! reads every byte a bounded number of times, and never recurses. What `containers` finds inside leaves grows on the same tree.
//! RFC 2045, RFC 2046.

pub mod between;
mod boundaries;
mod reader;

use super::decode;
use super::field::{self, Typed};
use crate::model::header::Header;
use crate::model::message::{Defect, Encoding};
use elsa::FrozenVec;
use reader::Reader;
use std::ops::Range;

/// Nesting deeper than any mail program makes; what lies deeper is kept unopened.
pub const DEEPEST: usize = 50;
/// More parts than any mail program makes; the rest is kept as one.
pub const MOST_PARTS: usize = 2_000;

/// One part.
#[derive(Clone, Debug)]
pub struct Part<'a> {
    pub parent: Option<usize>,
    pub header: Header<'a>,
    /// What the part was read from: the raw mail, or the content of a container.
    source: &'a [u8],
    /// In the source, transfer encoding still on.
    body: Range<usize>,
    pub shape: Shape,
    /// Content-Type with the default of RFC 2045 §5.2 or RFC 2046 §5.1.5 filled in.
    pub content: Typed,
    pub disposition: Typed,
    pub encoding: Encoding,
    depth: usize,
    /// So many containers were opened to come here; 0 = it stands in the raw mail.
    pub opened: usize,
}

/// What a part may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Leaf,
    Multipart,
    /// A mail: its only child is the root of the inner mail.
    Message,
    /// A container that was opened: its children belong to the same mail as itself.
    Wrapper(Wrapper),
    /// A container that was not opened, because it is nested too deep or there are too many parts.
    Unopened,
}

/// Containers whose contents belong to the mail that they stand in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrapper {
    /// Outlook's winmail.dat. Its text says what the mail's own text says.
    Tnef,
    /// Opaque S/MIME: the content is the mail's own.
    Signed,
    /// Text with files in it, or a file in an encoding that is no MIME.
    Uuencoded,
    /// A multipart that stood in another container as a file.
    Whole,
}

/// A part of a container that is no MIME: a header section of its own and the bytes. Pieces come parents first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Piece {
    /// Among the pieces; none: the container's own.
    pub parent: Option<usize>,
    /// Fields, each with its line end.
    pub header: Vec<u8>,
    /// A multipart's is empty: its children are pieces.
    pub body: Vec<u8>,
}

/// Where the contents of containers live while a mail is read.
#[derive(Default)]
pub struct Contents(FrozenVec<Vec<u8>>);

impl Contents {
    pub fn keep(&self, bytes: Vec<u8>) -> &[u8] {
        self.0.push_get(bytes)
    }
}

impl Part<'_> {
    /// Where the body stands in the raw mail; none if it came out of a container.
    pub fn place(&self) -> Option<Range<usize>> {
        (self.opened == 0).then(|| self.body.clone())
    }

    pub fn depth(&self) -> usize {
        self.depth
    }

    pub fn media(&self) -> &str {
        &self.content.value
    }

    /// The file name, decoded; Content-Disposition's before Content-Type's. RFC 2183 §2.3.
    pub fn name(&self) -> Option<&str> {
        let names = || [self.disposition.parameter("filename"), self.content.parameter("name")].into_iter().flatten().map(str::trim);
        let mut names = names().filter(|name| !name.is_empty()).peekable();
        let first = names.peek().copied();
        // What is damaged in one field may be whole in the other.
        names.find(|name| !name.contains('\u{fffd}')).or(first)
    }

    pub fn is_attachment(&self) -> bool {
        self.disposition.value == "attachment"
    }

    /// Content-ID without brackets. RFC 2392.
    pub fn content_id(&self) -> Option<String> {
        self.header.first("Content-ID").and_then(field::id)
    }
}

/// The parts of a mail in the order of the bytes: a parent stands before its children.
#[derive(Clone, Debug, Default)]
pub struct Tree<'a> {
    pub parts: Vec<Part<'a>>,
    /// What was read is not byte for byte the raw mail: parts have no place in it.
    pub is_rewritten: bool,
    pub defects: Vec<Defect>,
}

impl<'a> Tree<'a> {
    pub fn read(raw: &'a [u8]) -> Tree<'a> {
        let mut tree = Tree::default();
        tree.read_entity(raw, None);
        tree
    }

    /// The body of a part, transfer encoding still on.
    pub fn body(&self, part: usize) -> &'a [u8] {
        &self.parts[part].source[self.parts[part].body.clone()]
    }

    /// What stands behind a part in what it was read from.
    pub fn behind(&self, part: usize) -> &'a [u8] {
        &self.parts[part].source[self.parts[part].body.end..]
    }

    /// Reads an entity that was found in `container`, as its only child.
    pub fn open_entity(&mut self, container: usize, entity: &'a [u8], shape: Shape) {
        self.parts[container].shape = shape;
        self.read_entity(entity, Some(container));
    }

    /// A mail that stands in no bytes as such: the first piece is its root.
    pub fn of_pieces(pieces: Vec<Piece>, contents: &'a Contents) -> Tree<'a> {
        let mut tree = Tree::default();
        tree.take_pieces(None, pieces, contents);
        tree
    }

    /// Takes over what was found in `container`.
    pub fn open_pieces(&mut self, container: usize, pieces: Vec<Piece>, shape: Shape, contents: &'a Contents) {
        self.parts[container].shape = shape;
        self.take_pieces(Some(container), pieces, contents);
    }

    fn take_pieces(&mut self, container: Option<usize>, pieces: Vec<Piece>, contents: &'a Contents) {
        let first = self.parts.len();
        let opened = container.map_or(1, |container| self.parts[container].opened + 1);
        let mut has_child = vec![false; pieces.len()];
        pieces.iter().filter_map(|piece| piece.parent).for_each(|parent| has_child[parent] = true);
        for (piece, has_child) in pieces.into_iter().zip(has_child) {
            let parent = piece.parent.map(|parent| first + parent).or(container);
            let header = Header::read(contents.keep(piece.header));
            let mut part = Part::new(parent.map(|parent| (parent, &self.parts[parent])), header, contents.keep(piece.body), 0);
            part.opened = opened;
            part.shape = match part.media() {
                media if media.starts_with("multipart/") && has_child => Shape::Multipart,
                "message/rfc822" if has_child => Shape::Message,
                _ => Shape::Leaf,
            };
            self.parts.push(part);
        }
    }

    fn read_entity(&mut self, raw: &'a [u8], container: Option<usize>) {
        let first = self.parts.len();
        Reader::new(self, raw, container).run();
        self.undo_wrong_encodings(first);
    }

    /// Bodies that say base64 and are none are read as they stand.
    fn undo_wrong_encodings(&mut self, first: usize) {
        for (index, part) in self.parts.iter_mut().enumerate().skip(first) {
            let is_leaf = part.shape == Shape::Leaf && part.encoding == Encoding::Base64;
            if is_leaf && !decode::may_be_base64(&part.source[part.body.clone()]) {
                part.encoding = Encoding::Identity;
                self.defects.push(Defect::NotBase64(index));
            }
        }
    }

    pub fn children(&self, part: usize) -> impl Iterator<Item = usize> + '_ {
        (part + 1..self.parts.len()).filter(move |&child| self.parts[child].parent == Some(part))
    }
}

impl<'a> Part<'a> {
    /// A leaf from what its header section says; `parent` with its index, `start` of the body in the source.
    fn new(parent: Option<(usize, &Part<'a>)>, header: Header<'a>, source: &'a [u8], start: usize) -> Part<'a> {
        let in_digest = parent.is_some_and(|(_, parent)| parent.media() == "multipart/digest");
        Part {
            parent: parent.map(|(index, _)| index),
            source,
            body: start..source.len(),
            shape: Shape::Leaf,
            content: content_type(&header, in_digest),
            disposition: header.first("Content-Disposition").map(field::typed).unwrap_or_default(),
            encoding: transfer_encoding(&header),
            depth: parent.map_or(0, |(_, parent)| parent.depth + 1),
            opened: 0,
            header,
        }
    }
}

/// RFC 2045 §5.2: text/plain where nothing is said; RFC 2046 §5.1.5: a message in a digest.
fn content_type(header: &Header<'_>, in_digest: bool) -> Typed {
    let content = header.first("Content-Type").map(field::typed).unwrap_or_default();
    match content.value.as_str() {
        "" if in_digest => field::typed(b"message/rfc822"),
        "" => field::typed(b"text/plain"),
        // RFC 2045 §5.2: what is no media type is read as text.
        value if !value.contains('/') => Typed { value: "text/plain".into(), ..content },
        _ => content,
    }
}

fn transfer_encoding(header: &Header<'_>) -> Encoding {
    let value = header.text("Content-Transfer-Encoding").unwrap_or_default();
    let word: String = value.split([';', '(']).next().unwrap_or_default().chars().filter(char::is_ascii_alphanumeric).collect();
    match word.to_ascii_lowercase().as_str() {
        "base64" | "b64" | "xbase64" => Encoding::Base64,
        "quotedprintable" | "qp" | "quotedprintible" | "xquotedprintable" => Encoding::QuotedPrintable,
        _ => Encoding::Identity,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outline(raw: &str) -> Vec<(Option<usize>, String, String)> {
        let tree = Tree::read(raw.as_bytes());
        let rows = tree.parts.iter().enumerate().map(|(i, part)| {
            let shown = if part.shape == Shape::Leaf { String::from_utf8_lossy(tree.body(i)).into_owned() } else { String::new() };
            (part.parent, part.media().to_owned(), shown)
        });
        rows.collect()
    }

    fn row(parent: Option<usize>, media: &str, body: &str) -> (Option<usize>, String, String) {
        (parent, media.into(), body.into())
    }

    #[test]
    fn nested_multiparts() {
        let raw = "Content-Type: multipart/mixed; boundary=a\r\n\r\npreamble\r\n--a\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n\
                   --b\r\n\r\nplain\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>html\r\n--b--\r\nepilogue\r\n--a\r\nContent-Type: image/png\r\n\r\nPNG\r\n--a--\r\n";
        assert_eq!(
            outline(raw),
            [
                row(None, "multipart/mixed", ""),
                row(Some(0), "multipart/alternative", ""),
                row(Some(1), "text/plain", "plain"),
                row(Some(1), "text/html", "<p>html"),
                row(Some(0), "image/png", "PNG"),
            ]
        );
    }

    #[test]
    fn messages_inside() {
        let raw = "Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: message/rfc822\n\nSubject: x\n\
                   Content-Type: multipart/mixed; boundary=b\n\n--b\n\ninner\n--b--\n--a\n\nouter\n--a--\n";
        assert_eq!(
            outline(raw),
            [
                row(None, "multipart/mixed", ""),
                row(Some(0), "message/rfc822", ""),
                row(Some(1), "multipart/mixed", ""),
                row(Some(2), "text/plain", "inner"),
                row(Some(0), "text/plain", "outer"),
            ]
        );
    }

    #[test]
    fn damage() {
        // An outer boundary ends inner parts that were never closed.
        let raw =
            "Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--a\n\ntwo\n--a--";
        assert_eq!(outline(raw)[2..], [row(Some(1), "text/plain", "one"), row(Some(0), "text/plain", "two")]);
        // A boundary that never comes.
        assert_eq!(outline("Content-Type: multipart/mixed; boundary=a\n\nall text"), [row(None, "text/plain", "all text")]);
        // No boundary at all, an empty mail, a mail without a body.
        assert_eq!(outline("Content-Type: multipart/mixed\n\nall text").len(), 1);
        assert_eq!(outline(""), [row(None, "text/plain", "")]);
        assert_eq!(outline("Subject: x"), [row(None, "text/plain", "")]);
        // A part without a header section's end.
        let raw = "Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: text/html\n--a\n\ntwo\n--a--";
        assert_eq!(outline(raw)[1..], [row(Some(0), "text/html", ""), row(Some(0), "text/plain", "two")]);
    }

    #[test]
    fn limits_hold() {
        let deep: String = (0..10_000).map(|i| format!("Content-Type: multipart/mixed; boundary=b{i}\n\n--b{i}\n")).collect();
        let tree = Tree::read(deep.as_bytes());
        assert!(tree.parts.len() <= DEEPEST + 2);
        assert!(tree.defects.contains(&Defect::NestedTooDeep(DEEPEST)));
        let wide = format!("Content-Type: multipart/mixed; boundary=b\n\n{}", "--b\n\nx\n".repeat(10_000));
        let tree = Tree::read(wide.as_bytes());
        assert_eq!(tree.parts.len(), MOST_PARTS + 1);
        assert!(tree.defects.contains(&Defect::TooManyParts(MOST_PARTS)));
        assert_eq!(tree.parts[MOST_PARTS].body.end, wide.len());
        let messages = "Content-Type: message/rfc822\n\n".repeat(10_000);
        assert!(Tree::read(messages.as_bytes()).parts.len() <= DEEPEST + 2);
    }
}
