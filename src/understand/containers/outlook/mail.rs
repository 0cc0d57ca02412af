//! An object of Outlook as the mail that it would be elsewhere: pieces with header sections. What comes from outside never leaves
//! its line, and names no address that is none.

use super::head;
use super::meeting;
use super::object::{self, Object, TITLE, Value, method, tag};
use super::rtf;
use super::writer;
use crate::model::header::Header;
use crate::understand::containers::named;
use crate::understand::html::LONGEST_HTML;
use crate::understand::mime::Piece;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use std::borrow::Cow;

/// It would give out more than it may.
#[derive(Debug)]
pub struct TooMuch;

/// What an object became.
#[derive(Debug, Default)]
pub struct Opened {
    pub pieces: Vec<Piece>,
    /// Something of it could not be read.
    pub is_damaged: bool,
    /// It names a file that it does not hold.
    pub is_incomplete: bool,
}

/// More parts than anybody's mail has.
const MOST_PIECES: usize = 1_000;
/// Longest file name that is taken over, in bytes; three times as many in the field.
const LONGEST_NAME: usize = 2_000;
/// PidTagAttachFlags: the HTML shows it. MS-OXCMSG §2.2.2.18.
const SHOWN_IN_HTML: i64 = 4;

/// A mail of its own: one root piece with the fields of the header. At most `left` bytes.
pub fn mail(object: &Object<'_>, left: usize) -> Result<Opened, TooMuch> {
    let mut builder = Builder { left, level: 0, ..Builder::default() };
    builder.mail(object, object.code_page())?;
    Ok(builder.opened)
}

/// What belongs to the mail that it stands in: text and files, without fields of their own. At most `left` bytes.
pub fn contents(object: &Object<'_>, left: usize) -> Result<Opened, TooMuch> {
    let mut builder = Builder { left, level: 0, ..Builder::default() };
    builder.contents(object, object.code_page(), None)?;
    Ok(builder.opened)
}

#[derive(Default)]
struct Builder {
    opened: Opened,
    left: usize,
    /// Mails around this one, which is written into them.
    level: usize,
}

/// The text of an object in its forms.
#[derive(Default)]
struct Bodies<'o> {
    plain: Option<String>,
    /// With the name of its charset, if it is known.
    html: Option<(Cow<'o, [u8]>, Option<&'static str>)>,
}

impl Builder {
    fn add(&mut self, parent: Option<usize>, header: String, body: Cow<'_, [u8]>) -> Result<usize, TooMuch> {
        self.left = self.left.checked_sub(header.len() + body.len()).ok_or(TooMuch)?;
        if self.opened.pieces.len() >= MOST_PIECES {
            return Err(TooMuch);
        }
        self.opened.pieces.push(Piece { parent, header: header.into_bytes(), body: body.into_owned() });
        Ok(self.opened.pieces.len() - 1)
    }

    fn mail(&mut self, object: &Object<'_>, code_page: Option<i64>) -> Result<(), TooMuch> {
        let head = head::of(object, code_page);
        // A report that Exchange took apart is put together as RFC 6522 has it.
        let is_report = object.attachments.iter().any(|one| media_type(one, code_page) == "message/delivery-status");
        let kind = if is_report { "report; report-type=delivery-status" } else { "mixed" };
        let root = self.add(None, format!("{head}Content-Type: multipart/{kind}\r\n"), Cow::default())?;
        self.contents(object, code_page, Some(root))?;
        if self.opened.pieces.len() == 1 {
            self.opened.pieces[root].header = format!("{head}Content-Type: text/plain\r\n").into_bytes();
        }
        Ok(())
    }

    fn contents(&mut self, object: &Object<'_>, code_page: Option<i64>, parent: Option<usize>) -> Result<(), TooMuch> {
        self.opened.is_damaged |= object.is_damaged;
        if let Some(entity) = signed_entity(object, code_page) {
            self.opened.is_damaged |= object.attachments[0].is_damaged;
            let (header, body) = entity;
            return self.add(parent, header, body.into()).map(drop);
        }
        let bodies = bodies(object, code_page, self.left);
        let (shown, files): (Vec<_>, Vec<_>) = object.attachments.iter().partition(|one| bodies.html.is_some() && is_shown(one, code_page));
        let text_in = if shown.is_empty() { parent } else { Some(self.multipart(parent, "related")?) };
        self.bodies(bodies, text_in)?;
        for attachment in shown {
            self.attachment(attachment, code_page, text_in)?;
        }
        if let Some(calendar) = meeting::calendar(object, code_page) {
            self.add(
                parent,
                format!("Content-Type: text/calendar; charset=utf-8; method={}\r\n", calendar.method),
                calendar.text.into_bytes().into(),
            )?;
        }
        for attachment in files {
            self.attachment(attachment, code_page, parent)?;
        }
        Ok(())
    }

    fn multipart(&mut self, parent: Option<usize>, kind: &str) -> Result<usize, TooMuch> {
        self.add(parent, format!("Content-Type: multipart/{kind}\r\n"), Cow::default())
    }

    fn bodies(&mut self, bodies: Bodies<'_>, parent: Option<usize>) -> Result<(), TooMuch> {
        let parent = match bodies {
            Bodies { plain: Some(_), html: Some(_) } => Some(self.multipart(parent, "alternative")?),
            _ => parent,
        };
        if let Some(plain) = bodies.plain {
            self.add(parent, "Content-Type: text/plain; charset=utf-8\r\n".to_owned(), plain.into_bytes().into())?;
        }
        if let Some((html, charset)) = bodies.html {
            let charset = charset.map(|charset| format!("; charset={charset}")).unwrap_or_default();
            self.add(parent, format!("Content-Type: text/html{charset}\r\n"), html)?;
        }
        Ok(())
    }

    fn attachment(&mut self, attachment: &Object<'_>, code_page: Option<i64>, parent: Option<usize>) -> Result<(), TooMuch> {
        self.opened.is_damaged |= attachment.is_damaged;
        match attachment.get(tag::DATA) {
            Some(Value::Message(inner)) => self.embedded(inner, code_page, parent),
            Some(Value::Binary(bytes) | Value::Text8(bytes) | Value::Text16(bytes)) => {
                let header = file_header(attachment, bytes, code_page);
                self.add(parent, header, Cow::Borrowed(bytes)).map(drop)
            }
            _ => {
                // An empty file has no data either; a reference says that it is one.
                let kind = attachment.number(tag::METHOD).unwrap_or_default();
                self.opened.is_incomplete |= matches!(kind, method::BY_REFERENCE..=method::BY_REFERENCE_ONLY | method::WEB_REFERENCE);
                if attachment.is_empty() {
                    return Ok(());
                }
                self.add(parent, file_header(attachment, b"", code_page), Cow::default()).map(drop)
            }
        }
    }

    /// A mail within becomes one in the form of all others, so that it can be kept and opened by itself. It has no file name, as
    /// Exchange gives it none.
    fn embedded(&mut self, inner: &Object<'_>, code_page: Option<i64>, parent: Option<usize>) -> Result<(), TooMuch> {
        let mut builder = Builder { left: self.left, level: self.level + 1, ..Builder::default() };
        builder.mail(inner, inner.code_page().or(code_page))?;
        self.opened.is_damaged |= builder.opened.is_damaged;
        self.opened.is_incomplete |= builder.opened.is_incomplete;
        let written = written(&builder.opened.pieces, builder.level);
        drop(builder);
        self.add(parent, format!("{IS_MAIL}Content-Disposition: attachment\r\n"), written.into()).map(drop)
    }
}

/// How the header of a mail that was written here begins; such a body needs no encoding.
const IS_MAIL: &str = "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n";

/// The text: as it was written where that is kept, else out of the RTF.
fn bodies<'o>(object: &'o Object<'_>, code_page: Option<i64>, most: usize) -> Bodies<'o> {
    let has_letters = |text: &String| text.chars().any(|c| !c.is_whitespace() && !c.is_control());
    let plain = object.long_text(tag::BODY, code_page).filter(has_letters);
    let html = match object.get(tag::HTML) {
        Some(Value::Binary(bytes) | Value::Text8(bytes)) => {
            let charset = object.number(tag::INTERNET_CODE_PAGE).or(code_page).and_then(object::charset);
            // HTML that says what it is is believed before a number beside it.
            let is_utf8 = !bytes.is_ascii() && std::str::from_utf8(bytes).is_ok();
            Some((Cow::Borrowed(&**bytes), if is_utf8 { Some("utf-8") } else { charset }))
        }
        Some(Value::Text16(_)) => object.long_text(tag::HTML, None).map(|text| (Cow::Owned(text.into_bytes()), Some("utf-8"))),
        _ => None,
    };
    let html = html.filter(|(bytes, _)| !bytes.trim_ascii().is_empty());
    let mut bodies = Bodies { plain, html };
    if bodies.html.is_some() {
        return bodies;
    }
    let Some(Value::Binary(compressed)) = object.get(tag::RTF) else { return bodies };
    match rtf::decompressed(compressed, most).and_then(|rtf| rtf::read(&rtf, most.min(LONGEST_HTML))) {
        Some(rtf::Body::Html(html)) if has_letters(&html) => bodies.html = Some((html.into_bytes().into(), Some("utf-8"))),
        Some(rtf::Body::Text(text)) if bodies.plain.is_none() && has_letters(&text) => bodies.plain = Some(text),
        _ => (),
    }
    bodies
}

/// Content that is signed or encrypted stands in an only attachment, as a whole entity or as CMS. MS-OXOSMIME §2.
fn signed_entity<'o>(object: &'o Object<'_>, code_page: Option<i64>) -> Option<(String, &'o [u8])> {
    let class = object.text(tag::MESSAGE_CLASS, code_page)?.to_ascii_lowercase();
    let [only] = object.attachments.as_slice() else { return None };
    let Some(Value::Binary(bytes)) = only.get(tag::DATA) else { return None };
    if !class.starts_with("ipm.note.smime") {
        return None;
    }
    let header = Header::read(bytes);
    match header.text("Content-Type") {
        Some(kind) => {
            let mut fields = String::new();
            head::field(&mut fields, "Content-Type", &kind);
            if let Some(encoding) = header.text("Content-Transfer-Encoding") {
                head::field(&mut fields, "Content-Transfer-Encoding", &encoding);
            }
            Some((fields, bytes.get(header.body..)?))
        }
        None => {
            let header = "Content-Type: application/pkcs7-mime; name=smime.p7m\r\nContent-Disposition: attachment; filename=smime.p7m\r\n";
            Some((header.to_owned(), bytes))
        }
    }
}

/// An image that the HTML shows, and that is no file of its own.
fn is_shown(attachment: &Object<'_>, code_page: Option<i64>) -> bool {
    let is_marked = attachment.number(tag::FLAGS).is_some_and(|flags| flags & SHOWN_IN_HTML != 0)
        || attachment.number(tag::HIDDEN).is_some_and(|hidden| hidden != 0);
    is_marked && attachment.text(tag::CONTENT_ID, code_page).is_some() && media_type(attachment, code_page).starts_with("image/")
}

fn file_header(attachment: &Object<'_>, bytes: &[u8], code_page: Option<i64>) -> String {
    let mut header = format!("Content-Type: {}\r\n", media_type(attachment, code_page));
    match file_name(attachment, bytes, code_page) {
        Some(name) => header.push_str(&String::from_utf8_lossy(&named(&name.as_bytes()[..name.floor_char_boundary(LONGEST_NAME)]))),
        None => header.push_str("Content-Disposition: attachment\r\n"),
    }
    if let Some(id) = attachment.text(tag::CONTENT_ID, code_page) {
        let id: String = id.chars().filter(|&c| !matches!(c, '<' | '>') && !c.is_whitespace()).collect();
        head::field(&mut header, "Content-ID", &format!("<{id}>"));
    }
    header
}

fn file_name(attachment: &Object<'_>, bytes: &[u8], code_page: Option<i64>) -> Option<String> {
    let given = [tag::LONG_FILE_NAME, tag::FILE_NAME, TITLE].iter().find_map(|&tag| attachment.text(tag, code_page));
    if given.is_some() {
        return given;
    }
    let name = attachment.text(tag::DISPLAY_NAME, code_page)?;
    let extension = attachment.text(tag::EXTENSION, code_page).filter(|extension| extension.starts_with('.'));
    // An object of Outlook that is no mail, or lies too deep.
    let is_object = attachment.number(tag::METHOD) == Some(method::EMBEDDED) && bytes.starts_with(writer::MAGIC);
    let extension = extension.or_else(|| is_object.then(|| ".msg".to_owned()));
    Some(match extension {
        Some(extension) if !name.to_lowercase().ends_with(&extension.to_lowercase()) => name + &extension,
        _ => name,
    })
}

/// As it is given, if that is a media type; images that are not given one are known by their extension.
fn media_type(attachment: &Object<'_>, code_page: Option<i64>) -> String {
    const PLAIN: &str = "application/octet-stream";
    let is_token = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&byte)) && text.len() <= 127
    };
    let given = attachment.text(tag::MEDIA_TYPE, code_page).unwrap_or_default().to_ascii_lowercase();
    if let Some((kind, subtype)) = given.split_once('/')
        && is_token(kind)
        && is_token(subtype)
        && kind != "multipart"
    {
        return given;
    }
    let name = file_name(attachment, b"", code_page).unwrap_or_default().to_lowercase();
    let image = match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("gif") => "image/gif",
        Some("bmp") => "image/bmp",
        _ => PLAIN,
    };
    image.to_owned()
}

/// A mail as bytes: a boundary that stands in no base64 and no field, another one for each level.
fn written(pieces: &[Piece], level: usize) -> Vec<u8> {
    let mut out = Vec::new();
    write(pieces, 0, level, &mut out);
    out
}

fn write(pieces: &[Piece], index: usize, level: usize, out: &mut Vec<u8>) {
    let piece = &pieces[index];
    let children: Vec<usize> = (index + 1..pieces.len()).filter(|&child| pieces[child].parent == Some(index)).collect();
    out.extend_from_slice(piece.header.strip_suffix(b"\r\n").unwrap_or(&piece.header));
    if children.is_empty() {
        if piece.header.starts_with(IS_MAIL.as_bytes()) {
            out.extend_from_slice(b"\r\n\r\n");
            out.extend_from_slice(&piece.body);
            return;
        }
        out.extend_from_slice(b"\r\nContent-Transfer-Encoding: base64\r\n\r\n");
        let encoded = BASE64_STANDARD.encode(&piece.body);
        for line in encoded.as_bytes().chunks(76) {
            out.extend_from_slice(line);
            out.extend_from_slice(b"\r\n");
        }
        return;
    }
    let boundary = format!("=_{level}_{index}");
    out.extend(format!("; boundary=\"{boundary}\"\r\n").bytes());
    for child in children {
        out.extend(format!("\r\n--{boundary}\r\n").bytes());
        write(pieces, child, level, out);
    }
    out.extend(format!("\r\n--{boundary}--\r\n").bytes());
}
