//! Opens what mail programs put files into: opaque S/MIME, encoded mails, files in text, Outlook's own forms. What is found grows on
//! the tree of parts, so that every later step sees plain parts. Bounded in depth and in bytes; what stays closed is a file.

mod outlook;
mod signed;
mod uuencode;

use super::mime::{Contents, DEEPEST, MOST_PARTS, Part, Piece, Shape, Tree, Wrapper};
use super::{charsets, decode};
use crate::model::header::{self, Header};
use crate::model::message::Defect;
use memchr::memmem;

/// Containers inside containers are opened this deep.
const DEEPEST_OPENED: usize = 3;
/// What containers give out in all: so many times the bytes of the mail, and a little that any mail may.
const MOST_TIMES: usize = 4;
const MOST_BESIDE: usize = 1 << 20;

/// What was found in a leaf, and what that makes of the leaf: a mail, or a wrapper of what belongs to the same mail.
struct Found {
    shape: Shape,
    inside: Inside,
}

enum Inside {
    /// A MIME entity, or a whole mail.
    Entity(Vec<u8>),
    Pieces(Vec<Piece>),
}

impl Found {
    fn size(&self) -> usize {
        match &self.inside {
            Inside::Entity(bytes) => bytes.len(),
            Inside::Pieces(pieces) => pieces.iter().map(|piece| piece.header.len() + piece.body.len()).sum(),
        }
    }
}

/// A mail that Outlook saved, where no mail is: what an operator wants explained may be such a file.
pub fn bare<'a>(raw: &'a [u8], contents: &'a Contents) -> Option<Tree<'a>> {
    let opened = outlook::open_mail(outlook::form(raw)?, raw, raw.len() * MOST_TIMES + MOST_BESIDE)?;
    let mut tree = Tree::of_pieces(opened.pieces, contents);
    let defects = [(opened.is_damaged, Defect::ContainerDamaged(0)), (opened.is_incomplete, Defect::ContentElsewhere(0))];
    tree.defects.extend(defects.into_iter().filter(|(is_so, _)| *is_so).map(|(_, defect)| defect));
    Some(tree)
}

/// Whether the bytes of a part that was opened as a mail are Outlook's own form of one.
pub fn is_saved_by_outlook(bytes: &[u8]) -> bool {
    outlook::form(bytes) == Some(outlook::Form::Msg)
}

/// Opens every container of the tree, and those inside them. `size` is that of the raw mail.
pub fn open<'a>(tree: &mut Tree<'a>, size: usize, contents: &'a Contents) {
    let mut left = size * MOST_TIMES + MOST_BESIDE;
    let mut index = 0;
    while index < tree.parts.len() {
        if tree.parts[index].shape == Shape::Leaf && tree.parts.len() < MOST_PARTS {
            open_leaf(tree, index, contents, &mut left);
        }
        index += 1;
    }
}

fn open_leaf<'a>(tree: &mut Tree<'a>, index: usize, contents: &'a Contents, left: &mut usize) {
    let part = &tree.parts[index];
    if let Some(form) = outlook::form(&decode::beginning(tree.body(index), part.encoding, outlook::HEAD).0) {
        return open_outlook(tree, index, form, contents, left);
    }
    let Some(found) = find(part, tree.body(index)) else { return };
    if is_too_deep(part) || found.size() > *left {
        return keep_unopened(tree, index);
    }
    *left -= found.size();
    if found.shape == Shape::Wrapper(Wrapper::Signed) {
        tree.defects.push(Defect::SignatureNotVerified(index));
    }
    match found.inside {
        Inside::Entity(bytes) => tree.open_entity(index, contents.keep(bytes), found.shape),
        Inside::Pieces(pieces) => tree.open_pieces(index, pieces, found.shape, contents),
    }
}

fn is_too_deep(part: &Part<'_>) -> bool {
    part.opened >= DEEPEST_OPENED || part.depth() >= DEEPEST
}

fn keep_unopened(tree: &mut Tree<'_>, index: usize) {
    tree.defects.push(Defect::KeptUnopened(index));
    tree.parts[index].shape = Shape::Unopened;
}

/// Outlook's own forms: what belongs to the mail around it, or a mail of its own.
fn open_outlook<'a>(tree: &mut Tree<'a>, index: usize, form: outlook::Form, contents: &'a Contents, left: &mut usize) {
    let part = &tree.parts[index];
    let body = decode::transfer(tree.body(index), part.encoding).0;
    let Some(opened) = outlook::open(form, &body, *left) else { return };
    let opened = match opened {
        Ok(opened) if !is_too_deep(part) => opened,
        _ => return keep_unopened(tree, index),
    };
    if opened.is_damaged {
        tree.defects.push(Defect::ContainerDamaged(index));
    }
    // With nothing in it, or with what other programs take it for: a file.
    if opened.pieces.is_empty() && (opened.is_damaged || may_be_pdf(&body)) {
        return;
    }
    if opened.is_incomplete {
        tree.defects.push(Defect::ContentElsewhere(index));
    }
    *left -= opened.pieces.iter().map(|piece| piece.header.len() + piece.body.len()).sum::<usize>();
    let shape = match form {
        outlook::Form::Tnef => Shape::Wrapper(Wrapper::Tnef),
        outlook::Form::Msg => Shape::Message,
    };
    tree.open_pieces(index, opened.pieces, shape, contents);
}

/// Readers of PDF look for its beginning in so many bytes.
fn may_be_pdf(body: &[u8]) -> bool {
    memmem::find(&body[..body.len().min(1024 + 5)], b"%PDF-").is_some()
}

/// What a leaf contains, if it is a container; its content tells, not its name alone.
fn find(part: &Part<'_>, body: &[u8]) -> Option<Found> {
    let whole = || decode::transfer(body, part.encoding).0;
    let name = part.name().unwrap_or_default().to_lowercase();
    match part.media() {
        "message/rfc822" | "message/global" | "message/news" => return mail(whole().into_owned(), false),
        "application/pkcs7-mime" | "application/x-pkcs7-mime" => return signed_entity(&whole()),
        // RFC 8551 §3.9: a gateway may have forgotten the type.
        "application/octet-stream" if name == "smime.p7m" => return signed_entity(&whole()),
        media if media.starts_with("multipart/") && part.opened > 0 => return multipart(part, body),
        _ => (),
    }
    if name.ends_with(".eml") {
        return mail(whole().into_owned(), part.media() != "application/octet-stream");
    }
    if is_uuencoded(part) {
        return uuencoded_part(part, &whole());
    }
    // Programs that write such files know no base64.
    let may_hold = part.media() == "text/plain" && !part.is_attachment() && memmem::find(body, b"begin ").is_some();
    if may_hold { uuencoded_text(part, &whole()) } else { None }
}

/// A mail that must be decoded before it is opened: in an encoding (RFC 2046 §5.2.1 forbids it; it happens), or saved as a file.
/// `is_doubtful`: nothing but its name says so, and its header must.
fn mail(bytes: Vec<u8>, is_doubtful: bool) -> Option<Found> {
    let bytes = header::with_line_feeds(&bytes).into_owned();
    let header = Header::read(&bytes);
    let speaks = |name: &str| header.first(name).is_some();
    let is_mail = !header.fields.is_empty() && (!is_doubtful || speaks("From") && (speaks("Date") || speaks("Subject")));
    is_mail.then_some(Found { shape: Shape::Message, inside: Inside::Entity(bytes) })
}

fn signed_entity(bytes: &[u8]) -> Option<Found> {
    let entity = signed::content(bytes)?;
    Some(Found { shape: Shape::Wrapper(Wrapper::Signed), inside: Inside::Entity(entity) })
}

/// A multipart that stood in a container as a whole.
fn multipart(part: &Part<'_>, body: &[u8]) -> Option<Found> {
    part.content.parameter("boundary")?;
    let kind = part.header.first("Content-Type")?;
    let entity = [b"Content-Type:", kind, b"\r\n\r\n", body].concat();
    Some(Found { shape: Shape::Wrapper(Wrapper::Whole), inside: Inside::Entity(entity) })
}

/// Content-Transfer-Encoding values that are no MIME, and were in use all the same.
fn is_uuencoded(part: &Part<'_>) -> bool {
    let encoding = part.header.text("Content-Transfer-Encoding").unwrap_or_default().to_ascii_lowercase();
    matches!(encoding.as_str(), "x-uuencode" | "x-uue" | "uuencode" | "x-uu")
}

/// A whole part in that encoding: what is inside bears the part's own fields.
fn uuencoded_part(part: &Part<'_>, body: &[u8]) -> Option<Found> {
    let split = uuencode::split(body)?;
    // Words beside the file, or a second one, belong to the part as well.
    if split.files.len() != 1 || !split.text.trim_ascii().is_empty() {
        return Some(text_and_files(part, split));
    }
    let file = split.files.into_iter().next()?;
    let mut header = Vec::new();
    for name in ["Content-Type", "Content-Disposition", "Content-ID"] {
        if let Some(value) = part.header.first(name) {
            header.extend([name.as_bytes(), b":", value, b"\r\n"].concat());
        }
    }
    if part.name().is_none() && part.media() != "text/plain" {
        header.extend(named(&file.name));
    }
    Some(uuencoded(vec![Piece { parent: None, header, body: file.bytes }]))
}

fn uuencoded_text(part: &Part<'_>, body: &[u8]) -> Option<Found> {
    uuencode::split(body).map(|split| text_and_files(part, split))
}

fn text_and_files(part: &Part<'_>, split: uuencode::Split) -> Found {
    let kind = part.header.first("Content-Type").filter(|_| part.media() == "text/plain").unwrap_or(b" text/plain");
    let text = Piece { parent: None, header: [b"Content-Type:", kind, b"\r\n"].concat(), body: split.text };
    let files = split.files.into_iter().map(|file| Piece {
        parent: None,
        header: [b"Content-Type: application/octet-stream\r\n".to_vec(), named(&file.name)].concat(),
        body: file.bytes,
    });
    uuencoded([text].into_iter().chain(files).collect())
}

fn uuencoded(pieces: Vec<Piece>) -> Found {
    Found { shape: Shape::Wrapper(Wrapper::Uuencoded), inside: Inside::Pieces(pieces) }
}

/// A Content-Disposition field with a file name of any bytes. RFC 2231 §4.
fn named(name: &[u8]) -> Vec<u8> {
    let name = charsets::eight_bit(name);
    let escaped: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
    format!("Content-Disposition: attachment; filename*=utf-8''{escaped}\r\n").into_bytes()
}

#[cfg(test)]
mod tests;
