//! What each part of a mail is for: text that is read, images that belong to it, files, further mails (G8).

use super::charsets::{self, Charset, mojibake};
use super::containers;
use super::decode::{self, Damage};
use super::encrypted;
use super::html;
use super::images::shown::Uses;
use super::kinds;
use super::mime::{Part, Shape, Tree, Wrapper};
use super::names;
use super::renderings;
use super::role;
use crate::model::digest;
use crate::model::message::{Attachment, Defect, Kind, PartRole, Source};
use crate::model::part::{PartReason, UnshownText};
use crate::model::rendering::{Picture, Rendering};
use file_format::FileFormat;
use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashSet;
use std::ops::Range;

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
    /// The container that says it.
    fallback_part: Option<usize>,
    /// Its texts, by their places among `texts`.
    fallback_texts: Vec<Range<usize>>,
    /// Texts that were read, in order, each with the reason if it is not shown, or not to its end.
    texts: Vec<(usize, Option<PartReason>)>,
    /// Content-IDs that the HTML names anywhere.
    shown: HashSet<String>,
    /// How the HTML shows images, if the mail has any.
    pub uses: Uses,
    has_images: bool,
    /// Bytes of names that were judged.
    judged: Cell<usize>,
    /// The parts whose HTML was looked at, in order.
    html: Vec<usize>,
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
        let may_be_image = |part: &Part<'_>| part.media().starts_with("image/") || part.header.first("Content-ID").is_some();
        let mut view = View { has_images: tree.parts.iter().any(may_be_image), ..View::default() };
        let reading = view.read(tree, root, None);
        view.text = reading.text;
        if !view.text.chars().any(char::is_alphanumeric) && !view.fallback.is_empty() {
            view.text = std::mem::take(&mut view.fallback);
        } else {
            if let Some(part) = view.fallback_part.filter(|_| renderings::texts_differ(&view.text, &view.fallback)) {
                view.defects.push(Defect::RenderingsDiffer(part));
            }
            let of_containers = std::mem::take(&mut view.fallback_texts);
            of_containers.into_iter().for_each(|texts| view.other_forms(texts, &[]));
        }
        view.is_encrypted |= encrypted::is_text(&view.text);
        if view.text.len() > LONGEST_TEXT {
            view.text.truncate(view.text.floor_char_boundary(LONGEST_TEXT));
            view.tell_cut(Defect::TextCut(LONGEST_TEXT));
            view.cut_off_last();
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
                let first = self.texts.len();
                let reading = self.read_children(tree, index);
                if wrapper != Wrapper::Tnef {
                    return reading;
                }
                append(&mut self.fallback, &reading.text);
                self.fallback_part = Some(index);
                self.fallback_texts.push(first..self.texts.len());
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
        let (mut best, mut other) = (Reading::default(), Reading::default());
        let (first, before, mut best_texts, mut other_texts) = (self.texts.len(), self.html.len(), Vec::new(), Vec::new());
        for child in tree.children(index).collect::<Vec<_>>() {
            let from = self.texts.len();
            let reading = self.read(tree, child, Some("multipart/alternative"));
            let texts: Vec<usize> = (from..self.texts.len()).collect();
            if !reading.text.chars().any(char::is_alphanumeric) {
                continue;
            }
            if reading.rank > best.rank {
                other = std::mem::replace(&mut best, reading);
                other_texts = std::mem::replace(&mut best_texts, texts);
            } else if reading.rank == Rank::Plain && best.rank == Rank::Plain && !says_same(&best.text, &reading.text) {
                // Two plain ones that say different things are no forms of one text, whatever holds them.
                append(&mut best.text, &reading.text);
                best_texts.extend(texts);
            } else if reading.rank == Rank::Html {
                (other, other_texts) = (reading, texts);
            }
        }
        let are_two = best.rank == Rank::Plain && other.rank == Rank::Html;
        if are_two && renderings::is_stub(&best.text, &other.text) {
            (best, best_texts) = (other, other_texts);
        } else if are_two {
            let html: Vec<String> = self.html[before..].iter().map(|&part| html_of(tree, part)).collect();
            if renderings::differ(&best.text, &html) {
                self.defects.push(Defect::RenderingsDiffer(index));
            }
        }
        self.other_forms(first..self.texts.len(), &best_texts);
        best
    }

    /// Texts that are forms of another one, which is shown.
    fn other_forms(&mut self, texts: Range<usize>, but: &[usize]) {
        for at in texts.filter(|at| !but.contains(at)) {
            self.texts[at].1 = Some(PartReason::OtherForm);
        }
    }

    fn cut_off_last(&mut self) {
        if let Some((_, reason)) = self.texts.iter_mut().rev().find(|(_, reason)| reason.is_none()) {
            *reason = Some(PartReason::CutOff);
        }
    }

    /// The HTML of this mail, the `of`-th, and the pictures that it may show.
    pub fn rendering(&self, tree: &Tree<'_>, of: usize) -> Option<Rendering> {
        if self.html.is_empty() {
            return None;
        }
        let picture = |&leaf: &usize| {
            let part = &tree.parts[leaf];
            let content_id = part.content_id()?;
            let bytes = decode::transfer(tree.body(leaf), part.encoding).0.into_owned();
            Some(Picture { content_id, media_type: sniffed(&bytes, part.shape), bytes })
        };
        let leaves = self.leaves.iter().filter(|leaf| tree.parts[**leaf].shape == Shape::Leaf);
        let html = self.html.iter().map(|&part| html_of(tree, part)).collect();
        Some(Rendering { of, html, pictures: leaves.filter_map(picture).collect() })
    }

    fn read_text(&mut self, tree: &Tree<'_>, index: usize, kind: Rank) -> Reading {
        self.texts.push((index, None));
        if self.read >= MOST_TEXT {
            self.tell_cut(Defect::TextCut(LONGEST_TEXT));
            self.cut_off_last();
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
            self.cut_off_last();
        }
        let in_html = (kind == Rank::Html && charsets::says_nothing(charset)).then(|| charsets::of_html(&bytes)).flatten();
        let text = self.read_characters(index, &bytes, in_html.as_deref().or(charset), damage);
        let text = if kind == Rank::Html {
            self.html.push(index);
            self.shown.extend(html::shown_content_ids(&text));
            if self.has_images {
                self.uses.read(&text);
            }
            let (text, cut) = html::to_text(&text);
            if cut {
                self.tell_cut(Defect::HtmlCut(html::LONGEST_HTML));
                self.cut_off_last();
            }
            text
        } else {
            let shown = &text[..text.floor_char_boundary(LONGEST_TEXT)];
            if shown.len() < text.len() {
                self.tell_cut(Defect::TextCut(LONGEST_TEXT));
                self.cut_off_last();
            }
            shown.replace("\r\r\n", "\n").replace("\r\n", "\n").replace('\r', "\n").replace('\0', "")
        };
        self.read += text.len();
        Reading { text, rank: kind }
    }

    /// The characters of a text, with what was wrong about them.
    fn read_characters<'b>(&mut self, index: usize, bytes: &'b [u8], charset: Option<&str>, damage: Damage) -> Cow<'b, str> {
        let (text, how) = charsets::text(bytes, charset);
        // Before anything is judged: what stands on both sides of it belongs together.
        let is_noise = |c: char| matches!(c, '\0' | '\u{feff}');
        let text = if text.contains(is_noise) { Cow::Owned(text.replace(is_noise, "")) } else { text };
        let charset = || charset.unwrap_or_default().to_owned();
        match how {
            // A character cut in two is no fault of the mail's.
            Charset::SomeBytesWrong if damage.is_cut && !text.trim_end_matches('\u{fffd}').contains('\u{fffd}') => (),
            Charset::Right => (),
            Charset::SomeBytesWrong => self.defects.push(Defect::BadCharacters { part: index, charset: charset() }),
            Charset::Unknown(read_as) => self.defects.push(Defect::UnknownCharset { part: index, charset: charset(), read_as }),
            Charset::Evidently(read_as) => self.defects.push(Defect::WrongCharset { part: index, charset: charset(), read_as }),
        }
        match mojibake::undone(&text) {
            Some(undone) => {
                self.defects.push(Defect::WrongReading(index));
                Cow::Owned(undone)
            }
            None => text,
        }
    }

    fn tell_cut(&mut self, defect: Defect) {
        if !self.defects.contains(&defect) {
            self.defects.push(defect);
        }
    }

    /// Whether the name of an image tells a kind of document. Of very many names nobody knows it.
    pub fn may_tell_kind(&self, name: &str) -> bool {
        self.judged.set(self.judged.get() + name.len());
        self.judged.get() > kinds::LONGEST_NAMES || kinds::Judge::exact().kind(name) != Kind::Other
    }

    /// Whether the HTML names this Content-ID.
    pub fn shows(&self, id: &str) -> bool {
        self.shown.contains(id)
    }

    /// Texts of the `of`-th mail that are not shown, or not to their end.
    pub fn unshown(&self, tree: &Tree<'_>, of: usize) -> impl Iterator<Item = UnshownText> {
        let texts = self.texts.iter().filter_map(|(index, reason)| reason.map(|reason| (*index, reason)));
        texts.map(move |(index, reason)| {
            let part = &tree.parts[index];
            let (bytes, _) = decode::transfer(tree.body(index), part.encoding);
            UnshownText { of, declared_type: part.media().to_owned(), size: bytes.len() as u64, sha256: digest::sha256(&bytes), reason }
        })
    }

    /// The leaf as an attachment of the `of`-th mail.
    pub fn attachment(&self, tree: &Tree<'_>, index: usize, of: usize) -> Attachment {
        let part = &tree.parts[index];
        let (bytes, _) = decode::transfer(tree.body(index), part.encoding);
        let media_type = sniffed(&bytes, part.shape);
        let role::Judged { role, reason, details } = role::judge(self, tree, index, of, &bytes, &media_type);
        let name =
            part.name().and_then(names::harmless).or_else(|| (part.shape == Shape::Unopened).then(|| "unopened-parts.eml".to_owned()));
        let as_sent = part.name().filter(|sent| Some(*sent) != name.as_deref()).map(str::to_owned);
        Attachment {
            of,
            // Judged at the end, with what the tenant says of names.
            kind: Kind::Other,
            name,
            name_as_sent: as_sent,
            media_type,
            declared_type: part.media().to_owned(),
            size: bytes.len() as u64,
            sha256: digest::sha256(&bytes),
            role,
            reason,
            details,
            found: None,
            source: match part.place().filter(|_| !tree.is_rewritten) {
                // What was unpacked is filed by itself.
                _ if role == PartRole::Skipped => Source::Decoded(Vec::new()),
                Some(range) => Source::Range { range, encoding: part.encoding },
                None => Source::Decoded(bytes.into_owned()),
            },
        }
    }
}

/// The HTML in a part, as far as it is looked at.
fn html_of(tree: &Tree<'_>, index: usize) -> String {
    let part = &tree.parts[index];
    let charset = part.content.parameter("charset");
    let (bytes, _) = decode::beginning(tree.body(index), part.encoding, html::LONGEST_HTML * decode::width(charset));
    let in_html = charsets::says_nothing(charset).then(|| charsets::of_html(&bytes)).flatten();
    let (text, _) = charsets::text(&bytes, in_html.as_deref().or(charset));
    mojibake::undone(&text).unwrap_or_else(|| text.into_owned())
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

/// Whether the second text says nothing that the first does not say.
fn says_same(text: &str, other: &str) -> bool {
    let squeezed = |text: &str| text.split_whitespace().collect::<String>();
    squeezed(text).contains(&squeezed(other))
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
