//! How an HTML text shows its images: how large, inside which link, in a signature or in the text, and in whose part of a forward.
//! Looks at tags and lines in one pass and builds no tree; nothing here fails, and what is not understood is not said.

use super::super::html;
use super::super::words::{FieldName, WORDS};
use std::collections::HashMap;

/// Images that are looked at; a mail cannot have more parts.
const MOST_IMAGES: usize = 2_000;
/// A line is looked at up to this length, in bytes: forms of greeting and field names are shorter.
const LONGEST_LINE: usize = 200;
/// A line that is longer is no form of greeting.
const LONGEST_SIGN_OFF: usize = 60;
/// So many letters behind a greeting are more than a signature.
const LONGEST_SIGNATURE: usize = 1_500;

/// One image in the HTML.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Use {
    /// In CSS pixels, where the HTML says it.
    pub width: Option<u32>,
    pub height: Option<u32>,
    pub link: Link,
    /// In an element that is a signature, or behind a form of greeting.
    pub in_signature: bool,
    /// Below the head of a forwarded or quoted mail.
    pub is_inner: bool,
    /// How often it is shown.
    pub times: u32,
}

/// Where a click on an image leads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Link {
    #[default]
    None,
    Elsewhere,
    /// To a social network.
    Social,
}

/// All images that the HTML texts of a mail show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uses {
    /// By the address: a Content-ID behind `cid:`, else the address itself.
    images: HashMap<String, Use>,
    /// Letters of the texts.
    pub letters: usize,
    /// Some of it is a forwarded or quoted mail.
    pub has_inner: bool,
}

impl Uses {
    /// RFC 2392, RFC 2557 §8.2: by Content-ID or by Content-Location.
    pub fn of(&self, id: Option<&str>, location: Option<&str>) -> Option<&Use> {
        let by_id = id.and_then(|id| self.images.get(&format!("cid:{id}")));
        by_id.or_else(|| location.and_then(|place| self.images.get(place)))
    }

    /// Adds what another HTML text of the same mail shows.
    pub fn read(&mut self, html: &str) {
        let mut reader =
            Reader { uses: self, line: String::new(), in_signature: false, since: 0, is_inner: false, link: Link::None, container: None };
        reader.run(html);
        reader.end_line();
    }

    fn add(&mut self, address: String, shown: Use) {
        if let Some(known) = self.images.get_mut(&address) {
            known.times += 1;
        } else if self.images.len() < MOST_IMAGES {
            self.images.insert(address, shown);
        }
    }
}

struct Reader<'u> {
    uses: &'u mut Uses,
    line: String,
    in_signature: bool,
    /// Letters since the signature began.
    since: usize,
    is_inner: bool,
    link: Link,
    /// An element that is a signature, and how many of its name are open inside.
    container: Option<(String, u32)>,
}

impl Reader<'_> {
    fn run(&mut self, html: &str) {
        let mut end = html.len().min(html::LONGEST_HTML);
        while !html.is_char_boundary(end) {
            end -= 1;
        }
        let html = &html[..end];
        let mut at = 0;
        while at < html.len() {
            let rest = &html[at..];
            let text = memchr::memchr(b'<', rest.as_bytes()).unwrap_or(rest.len());
            self.characters(&rest[..text]);
            let rest = &rest[text..];
            at += text + self.markup(rest);
        }
    }

    /// Reads what begins with `<`; returns its length.
    fn markup(&mut self, rest: &str) -> usize {
        let Some(first) = rest.as_bytes().get(1) else { return rest.len() };
        let to_end = |mark: &str| rest.find(mark).map_or(rest.len(), |at| at + mark.len());
        match first {
            b'!' if rest.starts_with("<!--") => return to_end("-->"),
            b'!' | b'?' => return to_end(">"),
            b'/' => {
                let name: String = rest[2..].chars().take_while(char::is_ascii_alphanumeric).take(20).collect();
                self.close(&name.to_ascii_lowercase());
                return to_end(">");
            }
            letter if letter.is_ascii_alphabetic() => (),
            _ => return 1,
        }
        let tag = Tag::read(&rest[1..]);
        let mut length = 1 + tag.length;
        if matches!(tag.name.as_str(), "script" | "style" | "title" | "template") {
            length += html::end_of_raw(&rest[length.min(rest.len())..], &tag.name);
        } else {
            self.open(&tag);
        }
        length
    }

    fn open(&mut self, tag: &Tag<'_>) {
        if is_block(&tag.name) {
            self.end_line();
        }
        let marks = tag.marks();
        if INNER.iter().any(|mark| marks.contains(mark)) || tag.name == "blockquote" {
            self.begin_inner();
        } else if SIGNATURES.iter().any(|mark| marks.contains(mark)) {
            self.in_signature = true;
            self.since = 0;
            self.container = Some((tag.name.clone(), 1));
        } else if let Some((name, open)) = &mut self.container
            && *name == tag.name
        {
            *open += 1;
        }
        match tag.name.as_str() {
            "a" => self.link = link(tag.value("href").unwrap_or_default()),
            "img" => self.image(tag),
            _ => (),
        }
    }

    fn close(&mut self, name: &str) {
        if is_block(name) {
            self.end_line();
        }
        if name == "a" {
            self.link = Link::None;
        }
        if let Some((container, open)) = &mut self.container
            && container == name
        {
            *open -= 1;
            if *open == 0 {
                self.container = None;
                self.in_signature = false;
            }
        }
    }

    fn image(&mut self, tag: &Tag<'_>) {
        let Some(source) = tag.value("src").map(str::trim).filter(|source| !source.is_empty() && source.len() <= 512) else { return };
        let address = match source.get(..4) {
            Some(scheme) if scheme.eq_ignore_ascii_case("cid:") => format!("cid:{}", source[4..].replace("%40", "@")),
            _ => source.to_owned(),
        };
        let style = tag.value("style").unwrap_or_default();
        let side = |name: &str| tag.value(name).and_then(attribute).or_else(|| css(style, name));
        let (in_signature, is_inner) = (self.in_signature, self.is_inner);
        self.uses.add(address, Use { width: side("width"), height: side("height"), link: self.link, in_signature, is_inner, times: 1 });
    }

    fn characters(&mut self, text: &str) {
        let letters = text.chars().filter(|c| c.is_alphabetic()).count();
        self.uses.letters += letters;
        self.since += letters;
        if self.line.len() < LONGEST_LINE {
            self.line.extend(text.chars().take(LONGEST_LINE).map(|c| if c.is_whitespace() { ' ' } else { c }));
        }
        if self.in_signature && self.container.is_none() && self.since > LONGEST_SIGNATURE {
            self.in_signature = false;
        }
    }

    /// A line is over: perhaps it began a signature, or was the head of another mail.
    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line).replace("&nbsp;", " ").to_lowercase();
        let words = line.trim();
        if words.is_empty() {
            return;
        }
        let bare = words.trim_matches(|c: char| matches!(c, '-' | '–' | '—' | '_' | '*' | '>' | ':' | ' '));
        let field = words.split_once(':').filter(|(name, value)| name.len() <= 30 && !value.trim().is_empty());
        let is_from = field.is_some_and(|(name, _)| WORDS.field(name.trim()).iter().any(|(name, _)| *name == FieldName::From));
        if is_from || WORDS.separator(bare).is_some() || WORDS.names_forward(bare) {
            self.begin_inner();
        } else if matches!(words, "--" | "—" | "__")
            || words.len() <= LONGEST_SIGN_OFF && SIGN_OFFS.iter().any(|form| words.starts_with(form))
        {
            self.in_signature = true;
            self.since = 0;
        }
    }

    fn begin_inner(&mut self) {
        self.is_inner = true;
        self.uses.has_inner = true;
        self.in_signature = false;
        self.container = None;
    }
}

/// Parts of ids and classes of elements that hold a signature: Gmail, Thunderbird, Outlook, Apple, Samsung, Yahoo.
const SIGNATURES: [&str; 4] = ["signature", "_mailautosig", "bloop_sign", "email-sign"];
/// The same of elements that hold another mail.
const INNER: [&str; 8] = [
    "gmail_quote",
    "moz-forward-container",
    "divrplyfwdmsg",
    "yahoo_quoted",
    "protonmail_quote",
    "zmail_extra",
    "outlookmessageheader",
    "mail_quote",
];

/// Beginnings of lines behind which a signature stands, in lower case: German, English, Swedish, French, Spanish, Italian, Dutch, Polish.
const SIGN_OFFS: [&str; 44] = [
    "mit freundlich",
    "mit besten gr",
    "mit herzlich",
    "mit lieben gr",
    "freundliche gr",
    "viele gr",
    "beste gr",
    "liebe gr",
    "herzliche gr",
    "schöne gr",
    "schöne grüße",
    "mfg",
    "lg ",
    "vg ",
    "hochachtungsvoll",
    "best regards",
    "kind regards",
    "warm regards",
    "regards",
    "many thanks",
    "sincerely",
    "yours sincerely",
    "yours faithfully",
    "yours truly",
    "best wishes",
    "cheers",
    "best,",
    "med vänlig",
    "vänliga hälsn",
    "vänlig hälsn",
    "hälsningar",
    "bästa hälsn",
    "cordialement",
    "bien cordialement",
    "salutations",
    "un saludo",
    "saludos",
    "atentamente",
    "cordiali saluti",
    "distinti saluti",
    "met vriendelijke",
    "groeten",
    "z poważaniem",
    "pozdrawiam",
];

fn is_block(name: &str) -> bool {
    matches!(
        name,
        "p" | "div"
            | "br"
            | "tr"
            | "td"
            | "li"
            | "ul"
            | "ol"
            | "table"
            | "hr"
            | "h1"
            | "h2"
            | "h3"
            | "h4"
            | "blockquote"
            | "pre"
            | "body"
            | "section"
    )
}

/// Hosts of pages that people name in signatures.
const NETWORKS: [&str; 14] = [
    "facebook.com",
    "linkedin.com",
    "xing.com",
    "instagram.com",
    "twitter.com",
    "x.com",
    "youtube.com",
    "kununu.com",
    "tiktok.com",
    "pinterest.com",
    "whatsapp.com",
    "wa.me",
    "threads.net",
    "glassdoor.com",
];

fn link(address: &str) -> Link {
    let address = address.trim().to_ascii_lowercase();
    let Some(rest) = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://")) else { return Link::None };
    let host = rest.split(['/', '?', '#', ':']).next().unwrap_or_default();
    let is_of = |network: &str| host == network || host.strip_suffix(network).is_some_and(|before| before.ends_with('.'));
    if NETWORKS.iter().any(|network| is_of(network)) { Link::Social } else { Link::Elsewhere }
}

/// A width or height as an attribute: pixels; shares of the window say nothing.
fn attribute(value: &str) -> Option<u32> {
    let value = value.trim();
    let digits = value.bytes().take_while(u8::is_ascii_digit).count();
    (!value.ends_with('%')).then(|| value[..digits].parse().ok()).flatten()
}

/// The same in a style. CSS Values §6.2: 96 pixels are an inch, or 72 points.
fn css(style: &str, name: &str) -> Option<u32> {
    let declared = style.split(';').find_map(|one| {
        let (key, value) = one.split_once(':')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().to_ascii_lowercase())
    })?;
    let number = declared.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(declared.len());
    let value: f64 = declared[..number].parse().ok()?;
    let pixels = match declared[number..].split_whitespace().next().unwrap_or("px") {
        "px" => value,
        "in" => value * 96.0,
        "pt" => value * 96.0 / 72.0,
        "cm" => value * 96.0 / 2.54,
        "mm" => value * 9.6 / 2.54,
        _ => return None,
    };
    // Saturates, so that no number is out of range.
    Some(pixels.round() as u32)
}

/// A tag with the attributes that matter here.
struct Tag<'a> {
    name: String,
    attributes: Vec<(&'static str, &'a str)>,
    /// From the name to behind the `>`.
    length: usize,
}

const ATTRIBUTES: [&str; 7] = ["src", "href", "width", "height", "style", "class", "id"];

impl<'a> Tag<'a> {
    fn read(rest: &'a str) -> Tag<'a> {
        let bytes = rest.as_bytes();
        let stops = |b: &u8| b.is_ascii_whitespace() || matches!(b, b'=' | b'>' | b'/');
        let mut at = bytes.iter().position(stops).unwrap_or(bytes.len());
        let name: String = rest[..at].chars().take(24).collect();
        let mut tag = Tag { name: name.to_ascii_lowercase(), attributes: Vec::new(), length: bytes.len() };
        while let Some(&byte) = bytes.get(at) {
            match byte {
                b'>' => {
                    tag.length = at + 1;
                    break;
                }
                b if b.is_ascii_whitespace() || b == b'/' => at += 1,
                _ => {
                    let key_at = at;
                    at += 1 + bytes[at + 1..].iter().position(stops).unwrap_or(bytes.len() - at - 1);
                    let key = &bytes[key_at..at];
                    let (value, end) = html::attribute_value(rest, at);
                    at = end;
                    if let Some(known) = ATTRIBUTES.iter().find(|known| key.eq_ignore_ascii_case(known.as_bytes()))
                        && tag.value(known).is_none()
                    {
                        tag.attributes.push((known, value));
                    }
                }
            }
        }
        tag
    }

    fn value(&self, name: &str) -> Option<&'a str> {
        self.attributes.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
    }

    /// Its class and id, in lower case.
    fn marks(&self) -> String {
        let mark = |name| self.value(name).unwrap_or_default();
        [mark("class"), " ", mark("id")].concat().to_ascii_lowercase()
    }
}

#[cfg(test)]
mod tests;
