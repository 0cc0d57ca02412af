//! What becomes of a leaf of a mail, and why (G8); and what else there is to see in it.

use super::mime::{Shape, Tree};
use super::parts::View;
use super::{archive, calendar, field, images};
use crate::model::message::{Attachment, Defect, PartRole};
use crate::model::part::{Details, PartReason, Whose};

pub struct Judged {
    pub role: PartRole,
    pub reason: Option<PartReason>,
    pub details: Details,
}

/// `of`: whose part it is, as an attachment says it. `bytes`: decoded; `media_type`: sniffed.
pub fn judge(view: &View, tree: &Tree<'_>, index: usize, of: usize, bytes: &[u8], media_type: &str) -> Judged {
    let part = &tree.parts[index];
    let (archive, locked) = archive::look(media_type, bytes);
    let mut details = Details { archive, locked, ..Details::default() };
    if part.shape == Shape::Leaf && calendar::is_one(part.media(), media_type, part.name()) {
        details.calendar = Some(calendar::read(part.content.parameter("method"), bytes));
    }
    let in_alternative = part.parent.is_some_and(|parent| tree.parts[parent].media() == "multipart/alternative");
    let (role, reason) = match part.media() {
        media if is_signature(media, media_type, part.name()) => (PartRole::Skipped, Some(PartReason::DigitalSignature)),
        _ if matches!(part.shape, Shape::Wrapper(_)) => (PartRole::Skipped, Some(PartReason::Unpacked)),
        _ if part.shape == Shape::Unopened => (PartRole::File, Some(PartReason::KeptUnopened)),
        _ if in_alternative && details.calendar.is_some() && !part.is_attachment() => (PartRole::Inline, Some(PartReason::Calendar)),
        // Forms of a text that only some programs show: AMP, watches, enriched text.
        media if in_alternative && media.starts_with("text/") && is_text(media_type) && part.name().is_none() && !part.is_attachment() => {
            (PartRole::Skipped, Some(PartReason::OtherForm))
        }
        media if is_image(media, media_type) && !(part.is_attachment() && media_type == "text/plain") => {
            let (role, reason, whose) = image(view, tree, index, of, bytes, media_type);
            details.small_image = whose;
            (role, reason)
        }
        _ => (PartRole::File, None),
    };
    Judged { role, reason, details }
}

/// A document that calls itself a signature, by its name or by its content, is a document.
fn is_signature(declared: &str, sniffed: &str, name: Option<&str>) -> bool {
    let calls_itself = matches!(declared, "application/pgp-signature" | "application/pkcs7-signature" | "application/x-pkcs7-signature");
    let may_be = matches!(sniffed, "application/octet-stream" | "text/plain" | "application/x-empty")
        || sniffed.starts_with("application/pgp")
        || sniffed.contains("pkcs7")
        || sniffed.contains("x-pem");
    let ending = name.and_then(|name| name.rsplit_once('.')).map(|(_, ending)| ending.to_ascii_lowercase());
    let is_named_so = ending.is_none_or(|ending| matches!(ending.as_str(), "p7s" | "p7m" | "p7c" | "asc" | "sig" | "pgp" | "txt" | "dat"));
    calls_itself && may_be && is_named_so
}

/// Whether content is a text of some form; of what nobody knows, nobody says that it is.
fn is_text(sniffed: &str) -> bool {
    sniffed.starts_with("text/") || matches!(sniffed, "application/rtf" | "application/xml" | "application/json" | "application/x-empty")
}

/// A PDF that calls itself an image is a PDF; what nobody knows is what it calls itself.
fn is_image(declared: &str, sniffed: &str) -> bool {
    let is_unknown = matches!(sniffed, "application/octet-stream" | "text/plain" | "application/x-empty" | "text/xml");
    sniffed.starts_with("image/") || declared.starts_with("image/") && is_unknown
}

fn image(
    view: &View,
    tree: &Tree<'_>,
    index: usize,
    of: usize,
    bytes: &[u8],
    media_type: &str,
) -> (PartRole, Option<PartReason>, Option<Whose>) {
    let part = &tree.parts[index];
    let id = part.content_id();
    let location = part.header.first("Content-Location").map(field::text);
    let found = view.uses.of(id.as_deref(), location.as_deref());
    // Shown, but as a background or in a style: nothing is known of the place.
    let somewhere = images::shown::Use { times: 1, ..Default::default() };
    let shown = found.or_else(|| id.as_ref().filter(|id| view.shows(id)).map(|_| &somewhere));
    let is_forward = of == 0 && (view.uses.has_inner || !view.messages.is_empty());
    let seen = images::Seen {
        name: part.name(),
        media_type,
        tells_kind: part.name().is_some_and(|name| view.may_tell_kind(name)),
        size: bytes.len() as u64,
        pixels: images::pixels(bytes),
        is_attached: part.is_attachment(),
        has_id: id.is_some(),
        in_related: part.parent.is_some_and(|parent| tree.parts[parent].media() == "multipart/related"),
        shown,
        letters: view.uses.letters,
        is_forwarders: is_forward && found.is_some_and(|shown| !shown.is_inner),
    };
    let (role, reason) = images::decide(&seen);
    let whose = match found {
        Some(shown) if shown.is_inner => Whose::Originals,
        Some(_) => Whose::Senders,
        None => Whose::Unknown,
    };
    (role, reason, images::may_be_repeated(&seen).then_some(whose))
}

/// Endings that promise a type, and the types that keep the promise. Office files often bear an older form's ending, or the text form's.
const PROMISES: [(&[&str], &[&str]); 8] = [
    (&["pdf"], &["application/pdf"]),
    (
        &["doc", "docx", "dot", "dotx", "rtf", "odt"],
        &[
            "application/msword",
            "application/x-cfb",
            "application/rtf",
            "text/rtf",
            "application/zip",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            "application/vnd.oasis.opendocument.text",
        ],
    ),
    (
        &["xls", "xlsx", "ods"],
        &[
            "application/vnd.ms-excel",
            "application/x-cfb",
            "application/zip",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "application/vnd.oasis.opendocument.spreadsheet",
        ],
    ),
    (
        &["ppt", "pptx", "odp"],
        &[
            "application/vnd.ms-powerpoint",
            "application/x-cfb",
            "application/zip",
            "application/vnd.openxmlformats-officedocument.presentationml.presentation",
            "application/vnd.oasis.opendocument.presentation",
        ],
    ),
    (&["jpg", "jpeg", "jpe"], &["image/jpeg"]),
    (&["png"], &["image/png"]),
    (&["gif"], &["image/gif"]),
    (&["zip"], &["application/zip"]),
];

/// The name promises another type than the content is, and both are known: said, and nothing else done about it.
pub fn disagreement(part: usize, attachment: &Attachment) -> Option<Defect> {
    if attachment.role != PartRole::File || attachment.size == 0 {
        return None;
    }
    let name = attachment.name.as_deref()?;
    let (_, ending) = name.rsplit_once('.')?;
    let ending = ending.to_lowercase();
    let (_, kept) = PROMISES.iter().find(|(endings, _)| endings.contains(&ending.as_str()))?;
    let found = attachment.media_type.as_str();
    let is_known = !matches!(found, "application/octet-stream" | "text/plain" | "application/x-empty");
    (is_known && !kept.contains(&found)).then(|| Defect::NameAndContent {
        part,
        name: name.to_owned(),
        named: ending,
        found: found.to_owned(),
    })
}
