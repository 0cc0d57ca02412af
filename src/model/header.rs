//! The header section as it stands in the bytes: which fields there are, in which order, and where the body begins.
//! Decodes nothing: what a field means is for `understand` and `intake::facts`.

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
}

/// More fields than any mail program writes; a section of millions would only cost memory.
const MOST_FIELDS: usize = 1_000;

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
        let mut header = Header::default();
        let mut at = 0;
        while at < raw.len() {
            let end = line_end(raw, at);
            let line = trim_line_end(&raw[at..end]);
            if line.is_empty() {
                header.body = end;
                return header;
            }
            if stop(line) {
                break;
            }
            let Some((name, value_at)) = field_name(line) else {
                // An mbox separator or a line of blanks before the first field is no part of the mail.
                let is_noise = line.starts_with(b"From ") || line.starts_with(b">From ") || line.trim_ascii().is_empty();
                if header.fields.is_empty() && is_noise {
                    at = end;
                    header.body = end;
                    continue;
                }
                break;
            };
            let start = at + value_at;
            at = end;
            // RFC 5322 §2.2.3: a line that begins with white space continues the field.
            while at < raw.len() && matches!(raw[at], b' ' | b'\t') {
                let end = line_end(raw, at);
                if trim_line_end(&raw[at..end]).iter().all(u8::is_ascii_whitespace) && is_empty_line(raw, end) {
                    break;
                }
                at = end;
            }
            if header.fields.len() < MOST_FIELDS {
                header.fields.push(Field { name, value: trim_line_end(&raw[start..at]) });
            } else {
                header.too_many = true;
            }
            header.body = at;
        }
        header.unfinished = at < raw.len() || header.fields.is_empty();
        header
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

/// Offset behind the line that begins at `at`. A line ends with LF, alone or behind CR; a lone CR ends nothing.
pub fn line_end(raw: &[u8], at: usize) -> usize {
    memchr::memchr(b'\n', &raw[at..]).map_or(raw.len(), |found| at + found + 1)
}

/// The line without its CRLF or LF.
pub fn trim_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn is_empty_line(raw: &[u8], at: usize) -> bool {
    at < raw.len() && trim_line_end(&raw[at..line_end(raw, at)]).is_empty()
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
}
