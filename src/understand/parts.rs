//! What each part of a mail is for: text that is read, images that belong to it, files, further mails (G8).

use super::containers;
use super::decode::{self, Charset};
use super::encrypted;
use super::html;
use super::kinds;
use super::mime::{Shape, Tree, Wrapper};
use super::names;
use crate::model::digest;
use crate::model::message::{Attachment, Defect, Kind, PartRole, Source, UNPACKED};
use file_format::FileFormat;
use std::collections::HashSet;

/// Longest text of one mail that is looked at, in bytes; the raw mail keeps the rest.
pub const LONGEST_TEXT: usize = 2 << 20;

/// All texts of one mail that are decoded, in bytes: forms of one text say it twice.
pub const MOST_TEXT: usize = 2 * LONGEST_TEXT;

/// One mail of the tree: the outer one, or one inside.
#[derive(Debug, Default)]
pub struct View {
    /// What a person reads, from the plain text where there is one, else from the HTML.
    pub text: String,
    /// Leaves that are not shown as text, in order.
    pub leaves: Vec<usize>,
    /// message/rfc822 parts, in order; they stand in `leaves` as well.
    pub messages: Vec<usize>,
    /// Read where nothing else is: what a container says beside the mail's own text.
    fallback: String,
    /// Content-IDs that the HTML shows.
    shown: HashSet<String>,
    has_html: bool,
    pub is_encrypted: bool,
    /// Bytes of text that were read, the forms that are not shown among them.
    pub read: usize,
    pub defects: Vec<Defect>,
}

/// What a subtree has to read.
#[derive(Default)]
struct Reading {
    text: String,
    rank: Rank,
}

/// Which of two alternatives is read: plain text before HTML, anything before nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    #[default]
    Nothing,
    Html,
    Plain,
}

impl View {
    /// Looks at the mail whose root part is `root`. Parts nested too deep are not in the tree, so recursion ends.
    pub fn of(tree: &Tree<'_>, root: usize) -> View {
        let mut view = View::default();
        let reading = view.read(tree, root, None);
        view.text = reading.text;
        if !view.text.chars().any(char::is_alphanumeric) && !view.fallback.is_empty() {
            view.text = std::mem::take(&mut view.fallback);
        }
        view.is_encrypted |= encrypted::is_text(&view.text);
        if view.text.len() > LONGEST_TEXT {
            view.text.truncate(view.text.floor_char_boundary(LONGEST_TEXT));
            view.tell_cut(Defect::TextCut(LONGEST_TEXT));
        }
        view
    }

    fn read(&mut self, tree: &Tree<'_>, index: usize, parent: Option<&str>) -> Reading {
        let part = &tree.parts[index];
        self.is_encrypted |= encrypted::is_part(tree, index);
        match part.shape {
            Shape::Multipart if part.media() == "multipart/alternative" => self.read_alternatives(tree, index),
            Shape::Multipart => self.read_children(tree, index),
            Shape::Wrapper(Wrapper::Uuencoded) => self.read_children(tree, index),
            Shape::Wrapper(wrapper) => {
                self.leaves.push(index);
                let reading = self.read_children(tree, index);
                if wrapper != Wrapper::Tnef {
                    return reading;
                }
                append(&mut self.fallback, &reading.text);
                Reading::default()
            }
            Shape::Message => {
                self.messages.push(index);
                self.leaves.push(index);
                Reading::default()
            }
            Shape::Leaf | Shape::Unopened => match text_kind(tree, index, parent) {
                Some(kind) => self.read_text(tree, index, kind),
                None => {
                    self.leaves.push(index);
                    Reading::default()
                }
            },
        }
    }

    fn read_children(&mut self, tree: &Tree<'_>, index: usize) -> Reading {
        let mut whole = Reading::default();
        for child in tree.children(index).collect::<Vec<_>>() {
            let reading = self.read(tree, child, Some(tree.parts[index].media()));
            if append(&mut whole.text, &reading.text) {
                whole.rank = whole.rank.max(reading.rank);
            }
        }
        whole
    }

    /// RFC 2046 §5.1.4: the same thing in several forms. The plain one is read if it says anything at all.
    fn read_alternatives(&mut self, tree: &Tree<'_>, index: usize) -> Reading {
        let mut best = Reading::default();
        for child in tree.children(index).collect::<Vec<_>>() {
            let reading = self.read(tree, child, Some("multipart/alternative"));
            if reading.rank > best.rank && reading.text.chars().any(char::is_alphanumeric) {
                best = reading;
            }
        }
        best
    }

    fn read_text(&mut self, tree: &Tree<'_>, index: usize, kind: Rank) -> Reading {
        if self.read >= MOST_TEXT {
            self.tell_cut(Defect::TextCut(LONGEST_TEXT));
            return Reading::default();
        }
        let part = &tree.parts[index];
        let charset = part.content.parameter("charset");
        let (longest, too_long) = match kind {
            Rank::Html => (html::LONGEST_HTML, Defect::HtmlCut(html::LONGEST_HTML)),
            Rank::Plain | Rank::Nothing => (LONGEST_TEXT, Defect::TextCut(LONGEST_TEXT)),
        };
        let (bytes, damage) = decode::beginning(tree.body(index), part.encoding, longest * decode::width(charset));
        if damage.is_damaged {
            self.defects.push(Defect::BadBase64(index));
        }
        if damage.is_cut {
            self.tell_cut(too_long);
        }
        let (text, how) = decode::text(&bytes, charset);
        match how {
            // A character cut in two is no fault of the mail's.
            Charset::SomeBytesWrong if damage.is_cut && !text.trim_end_matches('\u{fffd}').contains('\u{fffd}') => (),
            Charset::Right => (),
            Charset::SomeBytesWrong => {
                self.defects.push(Defect::BadCharacters { part: index, charset: charset.unwrap_or_default().into() })
            }
            Charset::Unknown(read_as) => {
                self.defects.push(Defect::UnknownCharset { part: index, charset: charset.unwrap_or_default().into(), read_as });
            }
        }
        let text = if kind == Rank::Html {
            self.has_html = true;
            self.shown.extend(html::shown_content_ids(&text));
            let (text, cut) = html::to_text(&text);
            if cut {
                self.tell_cut(Defect::HtmlCut(html::LONGEST_HTML));
            }
            text
        } else {
            let shown = &text[..text.floor_char_boundary(LONGEST_TEXT)];
            if shown.len() < text.len() {
                self.tell_cut(Defect::TextCut(LONGEST_TEXT));
            }
            shown.replace("\r\n", "\n").replace('\0', "")
        };
        self.read += text.len();
        Reading { text, rank: kind }
    }

    fn tell_cut(&mut self, defect: Defect) {
        if !self.defects.contains(&defect) {
            self.defects.push(defect);
        }
    }

    /// What becomes of a leaf of this mail.
    fn role(&self, tree: &Tree<'_>, index: usize) -> (PartRole, Option<&'static str>) {
        let part = &tree.parts[index];
        match part.media() {
            "application/pgp-signature" | "application/pkcs7-signature" | "application/x-pkcs7-signature" => {
                return (PartRole::Skipped, Some("digital signature"));
            }
            _ if matches!(part.shape, Shape::Wrapper(_)) => return (PartRole::Skipped, Some(UNPACKED)),
            _ if part.shape == Shape::Unopened => return (PartRole::File, Some(super::KEPT_UNOPENED)),
            _ => (),
        }
        let in_related = part.parent.is_some_and(|parent| tree.parts[parent].media() == "multipart/related");
        let is_shown = part.content_id().is_some_and(|id| self.shown.contains(&id) || in_related && self.has_html);
        if part.media().starts_with("image/") && is_shown { (PartRole::Inline, None) } else { (PartRole::File, None) }
    }

    /// The leaf as an attachment of the `of`-th mail.
    pub fn attachment(&self, tree: &Tree<'_>, index: usize, of: usize) -> Attachment {
        let part = &tree.parts[index];
        let (role, reason) = self.role(tree, index);
        let (bytes, _) = decode::transfer(tree.body(index), part.encoding);
        let name =
            part.name().and_then(names::harmless).or_else(|| (part.shape == Shape::Unopened).then(|| "unopened-parts.eml".to_owned()));
        let as_sent = part.name().filter(|sent| Some(*sent) != name.as_deref()).map(str::to_owned);
        Attachment {
            of,
            kind: name.as_deref().map_or(Kind::Other, kinds::of),
            name,
            name_as_sent: as_sent,
            media_type: sniffed(&bytes, part.shape),
            declared_type: part.media().to_owned(),
            size: bytes.len() as u64,
            sha256: digest::sha256(&bytes),
            role,
            reason,
            found: None,
            source: match part.place() {
                // What was unpacked is filed by itself.
                _ if role == PartRole::Skipped => Source::Decoded(Vec::new()),
                Some(range) => Source::Range { range, encoding: part.encoding },
                None => Source::Decoded(bytes.into_owned()),
            },
        }
    }
}

/// Puts a text behind another, a blank line between them; false if there is none.
fn append(whole: &mut String, text: &str) -> bool {
    if text.trim().is_empty() {
        return false;
    }
    if !whole.is_empty() {
        whole.push_str("\n\n");
    }
    whole.push_str(text.trim_matches('\n'));
    true
}

/// Whether a leaf is shown as text, and as which.
fn text_kind(tree: &Tree<'_>, index: usize, parent: Option<&str>) -> Option<Rank> {
    let part = &tree.parts[index];
    if part.shape == Shape::Unopened || part.is_attachment() {
        return None;
    }
    let kind = match part.media() {
        "text/html" | "application/xhtml+xml" => Rank::Html,
        "text/plain" => Rank::Plain,
        // RFC 6522: a report's own parts are for programs, and the best explanation there is for people.
        "message/delivery-status" | "message/disposition-notification" | "text/rfc822-headers" if parent == Some("multipart/report") => {
            Rank::Plain
        }
        _ => return None,
    };
    // A name makes a file of it, unless it is the mail's own text or one of its forms.
    let holds_body =
        |parent: usize| matches!(tree.parts[parent].shape, Shape::Message | Shape::Wrapper(Wrapper::Signed | Wrapper::Uuencoded));
    let is_body = part.parent.is_none_or(holds_body) || parent == Some("multipart/alternative");
    (part.name().is_none() || is_body).then_some(kind)
}

/// The media type that the content has, whatever the mail says.
fn sniffed(bytes: &[u8], shape: Shape) -> String {
    match shape {
        Shape::Message if containers::is_saved_by_outlook(bytes) => "application/vnd.ms-outlook".to_owned(),
        Shape::Message => "message/rfc822".to_owned(),
        Shape::Unopened => "application/octet-stream".to_owned(),
        Shape::Leaf | Shape::Multipart | Shape::Wrapper(_) => FileFormat::from_bytes(bytes).media_type().to_owned(),
    }
}
