//! The header section as it stands in the bytes: which fields there are, in which order, and where the body begins.
//! Decodes nothing: what a field means is for `understand` and `intake::facts`.

use std::borrow::Cow;

/// One field. RFC 5322 §2.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    pub name: &'a str,
    /// The bytes behind the colon, folds as they stand, without the last line end.
    pub value: &'a [u8],
}

/// A header section, and where its body begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header<'a> {
    pub fields: Vec<Field<'a>>,
    /// Offset of the body's first byte in what was read.
    pub body: usize,
    /// The section ended without the empty line of RFC 5322 §2.1, at something that is no field.
    pub unfinished: bool,
    /// There were more fields than anybody writes; the rest was passed over.
    pub too_many: bool,
    /// A line between the fields is none; it was passed over.
    pub has_noise: bool,
    /// CR alone ends its lines; RFC 5321 §2.3.8 knows CRLF alone.
    pub ends_with_cr: bool,
}

/// More fields than any mail program writes; a section of millions would only cost memory.
const MOST_FIELDS: usize = 1_000;

/// A mail without a line feed in so many bytes has none.
const MOST_WITHOUT_LINE_FEED: usize = 64 * 1024;
/// More lines that are no fields than damage puts between fields.
const MOST_NOISE: usize = 3;
/// So many lines are looked at to tell damage between fields from the beginning of a body.
const MOST_LOOKED_AT: usize = 200;

/// So many Received fields are a loop. RFC 5321 §6.3 asks for at least 100 of a relay; this is the end of the way.
const LOOP_HOPS: u32 = 50;

/// Whether a mail with so many Received fields goes in circles.
pub fn is_loop(hops: u32) -> bool {
    hops >= LOOP_HOPS
}

impl<'a> Header<'a> {
    /// Reads a header section from the start of `raw`.
    pub fn read(raw: &'a [u8]) -> Header<'a> {
        Header::read_until(raw, |_| false)
    }

    /// Reads a header section that also ends before a line for which `stop` holds (a boundary of the surrounding multipart).
    pub fn read_until(raw: &'a [u8], stop: impl Fn(&[u8]) -> bool) -> Header<'a> {
        let by = line_end_byte(raw);
        let mut header = Header { ends_with_cr: by == b'\r', ..Header::default() };
        let line_end = |at: usize| line_end_by(raw, at, by);
        let mut starts = Vec::new();
        let mut at = 0;
        while at < raw.len() {
            let end = line_end(at);
            let line = trim_line_end(&raw[at..end]);
            if line.is_empty() {
                header.body = end;
                return header;
            }
            if stop(line) {
                header.unfinished = true;
                return header;
            }
            let Some((name, value_at)) = field_name(line) else {
                // An mbox separator or a line of blanks before the first field is no part of the mail.
                let is_noise = line.starts_with(b"From ") || line.starts_with(b">From ") || line.trim_ascii().is_empty();
                let is_damage = || header.goes_on(&raw[end..], by, &stop);
                if header.fields.is_empty() && is_noise || is_damage() {
                    header.has_noise |= !is_noise;
                    at = end;
                    header.body = end;
                    // As a rule it is a fold that lost its blank.
                    if let (Some(last), Some(&(_, value_at))) = (header.fields.last_mut(), starts.last())
                        && !header.too_many
                    {
                        last.value = trim_line_end(&raw[value_at..end]);
                    }
                    continue;
                }
                break;
            };
            let start = at + value_at;
            starts.push((at, start));
            at = end;
            // RFC 5322 §2.2.3: a line that begins with white space continues the field.
            while at < raw.len() && matches!(raw[at], b' ' | b'\t') {
                let end = line_end(at);
                let is_blank = trim_line_end(&raw[at..end]).iter().all(u8::is_ascii_whitespace);
                if is_blank && end < raw.len() && trim_line_end(&raw[end..line_end(end)]).is_empty() {
                    break;
                }
                at = end;
            }
            if header.fields.len() < MOST_FIELDS {
                header.fields.push(Field { name, value: trim_line_end(&raw[start..at]) });
            } else {
                header.too_many = true;
                starts.pop();
            }
            header.body = at;
        }
        header.unfinished = at < raw.len() || header.fields.is_empty();
        if at < raw.len() && !header.too_many {
            header.give_back(&starts);
        }
        header
    }

    /// Whether fields that only programs write, or that a mail has and this one has not yet, follow up to the empty line: then what
    /// stands before them is damage, not the body.
    fn goes_on(&self, rest: &[u8], by: u8, stop: &impl Fn(&[u8]) -> bool) -> bool {
        const OF_PROGRAMS: [&str; 8] = [
            "content-type",
            "content-transfer-encoding",
            "mime-version",
            "message-id",
            "received",
            "return-path",
            "dkim-signature",
            "delivered-to",
        ];
        let is_sure = |name: &str| {
            let name = name.to_ascii_lowercase();
            OF_PROGRAMS.contains(&name.as_str()) || matches!(name.as_str(), "from" | "subject") && self.first(&name).is_none()
        };
        // A gateway that takes the blanks off all folds is known by the hops above it.
        let most_noise = if self.hops() >= 2 { MOST_LOOKED_AT } else { MOST_NOISE };
        let (mut at, mut noise, mut found) = (0, 1, false);
        for _ in 0..MOST_LOOKED_AT {
            if at >= rest.len() {
                return false;
            }
            let end = line_end_by(rest, at, by);
            let line = trim_line_end(&rest[at..end]);
            at = end;
            if line.is_empty() {
                return found;
            }
            match field_name(line) {
                _ if stop(line) => return false,
                _ if line.starts_with(b" ") || line.starts_with(b"\t") => (),
                Some((name, _)) => found |= is_sure(name),
                None if noise < most_noise => noise += 1,
                None => return false,
            }
        }
        false
    }

    /// Where a body begins without an empty line, its first lines may look like fields (`Hinweis: …`): they are the body's.
    fn give_back(&mut self, starts: &[(usize, usize)]) {
        while let Some(last) = self.fields.last()
            && !is_usual(last.name)
            && let Some(&(start, _)) = starts.get(self.fields.len() - 1)
        {
            self.fields.pop();
            self.body = start;
        }
    }

    /// All fields of that name, topmost first, whatever the case.
    pub fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = Field<'a>> + 's {
        self.fields.iter().copied().filter(move |field| field.name.eq_ignore_ascii_case(name))
    }

    /// How many Received fields there are.
    pub fn hops(&self) -> u32 {
        u32::try_from(self.all("Received").count()).unwrap_or(u32::MAX)
    }

    /// The topmost field of that name.
    pub fn first(&self, name: &str) -> Option<&'a [u8]> {
        self.all(name).next().map(|field| field.value)
    }

    /// The topmost field of that name as text without folds, trimmed; bytes that are not UTF-8 are replaced.
    pub fn text(&self, name: &str) -> Option<String> {
        self.first(name).map(unfolded)
    }
}

/// The value without its folds. RFC 5322 §2.2.3: a line end before white space is taken out, the white space stays.
pub fn unfolded(value: &[u8]) -> String {
    String::from_utf8_lossy(value).replace(['\r', '\n'], "").trim().to_owned()
}

/// Whether mails have fields of that name: those of RFC 5322 and RFC 2045 in one word, and whatever has a hyphen.
pub fn is_usual(name: &str) -> bool {
    const USUAL: [&str; 19] = [
        "from",
        "to",
        "cc",
        "bcc",
        "subject",
        "date",
        "sender",
        "received",
        "keywords",
        "comments",
        "references",
        "organization",
        "importance",
        "priority",
        "precedence",
        "status",
        "lines",
        "newsgroups",
        "path",
    ];
    name.contains('-') || USUAL.iter().any(|usual| usual.eq_ignore_ascii_case(name))
}

/// Offset behind the line that begins at `at`. A line ends with LF, alone or behind CR.
pub fn line_end(raw: &[u8], at: usize) -> usize {
    line_end_by(raw, at, b'\n')
}

fn line_end_by(raw: &[u8], at: usize, byte: u8) -> usize {
    memchr::memchr(byte, &raw[at..]).map_or(raw.len(), |found| at + found + 1)
}

/// What ends the lines: LF, unless there is none and CR stands alone, as old Macs wrote.
fn line_end_byte(raw: &[u8]) -> u8 {
    let looked_at = &raw[..raw.len().min(MOST_WITHOUT_LINE_FEED)];
    let is_old = memchr::memchr(b'\n', looked_at).is_none() && memchr::memchr(b'\r', looked_at).is_some();
    if is_old { b'\r' } else { b'\n' }
}

/// A mail in whose lines CR stands alone, with LF instead: each byte keeps its place.
pub fn with_line_feeds(raw: &[u8]) -> Cow<'_, [u8]> {
    if line_end_byte(raw) == b'\n' {
        return Cow::Borrowed(raw);
    }
    Cow::Owned(raw.iter().map(|&byte| if byte == b'\r' { b'\n' } else { byte }).collect())
}

/// The line without its CRLF or LF; of CR CR LF, which some gateways make, all is taken off.
pub fn trim_line_end(line: &[u8]) -> &[u8] {
    let mut line = line.strip_suffix(b"\n").unwrap_or(line);
    while let Some(rest) = line.strip_suffix(b"\r") {
        line = rest;
    }
    line
}

/// The content before a delimiter without the one line end that is the delimiter's. RFC 2046 §5.1.1.
pub fn trim_last_line_end(content: &[u8]) -> &[u8] {
    let content = content.strip_suffix(b"\n").unwrap_or(content);
    content.strip_suffix(b"\r").unwrap_or(content)
}

/// The field's name and where its value begins. RFC 5322 §3.6.8, and §4.5's obsolete blanks before the colon.
fn field_name(line: &[u8]) -> Option<(&str, usize)> {
    let colon = memchr::memchr(b':', line)?;
    let name = line[..colon].trim_ascii_end();
    let legal = !name.is_empty() && name.iter().all(|byte| (33..=126).contains(byte));
    legal.then(|| std::str::from_utf8(name).ok().map(|name| (name, colon + 1))).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_folds_and_body() {
        let raw = b"Subject: 4711\r\n  WG: x\r\nTo : a@b\r\nX-Empty:\r\n\r\nbody\r\n";
        let header = Header::read(raw);
        assert_eq!(header.text("subject").as_deref(), Some("4711  WG: x"));
        assert_eq!(header.text("To").as_deref(), Some("a@b"));
        assert_eq!(header.text("x-empty").as_deref(), Some(""));
        assert_eq!(&raw[header.body..], b"body\r\n");
        assert!(!header.unfinished);
    }

    #[test]
    fn loops() {
        assert!(!is_loop(Header::read("Received: x\n".repeat(49).as_bytes()).hops()));
        assert!(is_loop(Header::read("Received: x\n".repeat(50).as_bytes()).hops()));
    }

    #[test]
    fn a_line_that_is_no_field_begins_the_body() {
        let header = Header::read(b"Subject: x\nThis is text\nmore: text\n");
        assert_eq!(header.fields.len(), 1);
        assert_eq!(header.body, 11);
        assert!(header.unfinished);
    }

    #[test]
    fn mbox_line_and_empty_mail() {
        assert_eq!(Header::read(b"From x@y Tue\nSubject: s\n\nb").text("subject").as_deref(), Some("s"));
        assert_eq!(Header::read(b"   \r\nSubject: s\n\nb").text("subject").as_deref(), Some("s"));
        assert_eq!(Header::read(b"").body, 0);
        assert_eq!(Header::read(b"\r\nbody").body, 2);
    }

    #[test]
    fn a_boundary_ends_the_section() {
        let header = Header::read_until(b"A: 1\n--b\nB: 2\n\n", |line| line == b"--b");
        assert_eq!((header.fields.len(), header.body), (1, 5));
    }
    #[test]
    fn damage_between_fields() {
        let names = |raw: &[u8]| {
            let header = Header::read(raw);
            (
                header.fields.iter().map(|field| field.name.to_owned()).collect::<Vec<_>>().join(" "),
                String::from_utf8_lossy(&raw[header.body..]).into_owned(),
            )
        };
        let check =
            |raw: &str, fields: &str, body: &str| assert_eq!(names(raw.as_bytes()), (fields.to_owned(), body.to_owned()), "{raw:?}");
        // A fold without its blank, an identifier above it all.
        check("Received: by x\nid 1\nSubject: s\nMIME-Version: 1.0\n\nb", "Received Subject MIME-Version", "b");
        check("26-Aug-92 22:15,22076;00\nReceived: x\nSubject: s\n\nb", "Received Subject", "b");
        let folds = Header::read(b"A: x\nContent-Type: multipart/mixed;\nboundary=b\nMIME-Version: 1.0\n\nb");
        assert_eq!(folds.text("Content-Type").as_deref(), Some("multipart/mixed;boundary=b"));
        // A body without the empty line, and a forward in it.
        check("From: a\nSubject: s\nHallo\nFrom: b\nSubject: t\nDate: x\n\nb", "From Subject", "Hallo\nFrom: b\nSubject: t\nDate: x\n\nb");
        check("Subject: s\nHinweis: bitte lesen\nHallo zusammen\n", "Subject", "Hinweis: bitte lesen\nHallo zusammen\n");
        check("Hinweis: bitte lesen\nHallo zusammen\n", "", "Hinweis: bitte lesen\nHallo zusammen\n");
        // Lines that end with CR alone, or with CR CR LF.
        check("Subject: s\rTo: x\r y\r\rb\rc", "Subject To", "b\rc");
        check("Subject: s\r\r\nTo: x\r\r\n\r\r\nb\r\r\n", "Subject To", "b\r\r\n");
        assert_eq!(with_line_feeds(b"a\rb").as_ref(), b"a\nb");
        assert_eq!(with_line_feeds(b"a\rb\n").as_ref(), b"a\rb\n");
    }
}
