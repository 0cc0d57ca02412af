//! What Outlook keeps of a mail: properties, recipients, attachments, mails within. Both of its forms, winmail.dat and .msg, are read
//! into this. Only properties that somebody asks for are kept.

use crate::understand::charsets;
use std::borrow::Cow;

/// Objects within objects are read this deep.
pub const DEEPEST: usize = 10;
/// More recipients and attachments than anybody's mail has; what goes beyond makes the object unreadable, not slow.
pub const MOST_CHILDREN: usize = 1_000;

/// Property identifiers of MS-OXPROPS; those above 0xffff are named ones, by their long identifier (`named`).
pub mod tag {
    pub const MESSAGE_CLASS: u32 = 0x001a;
    pub const SUBJECT: u32 = 0x0037;
    pub const SUBMITTED: u32 = 0x0039;
    pub const FROM_NAME: u32 = 0x0042;
    pub const START: u32 = 0x0060;
    pub const END: u32 = 0x0061;
    pub const FROM_KIND: u32 = 0x0064;
    pub const FROM_ADDRESS: u32 = 0x0065;
    pub const TOPIC: u32 = 0x0070;
    pub const TRANSPORT_HEADER: u32 = 0x007d;
    pub const RECIPIENT_KIND: u32 = 0x0c15;
    pub const SENDER_NAME: u32 = 0x0c1a;
    pub const SENDER_KIND: u32 = 0x0c1e;
    pub const SENDER_ADDRESS: u32 = 0x0c1f;
    pub const DISPLAY_CC: u32 = 0x0e03;
    pub const DISPLAY_TO: u32 = 0x0e04;
    pub const DELIVERED: u32 = 0x0e06;
    pub const BODY: u32 = 0x1000;
    pub const RTF: u32 = 0x1009;
    pub const HTML: u32 = 0x1013;
    pub const MESSAGE_ID: u32 = 0x1035;
    pub const REFERENCES: u32 = 0x1039;
    pub const IN_REPLY_TO: u32 = 0x1042;
    pub const DISPLAY_NAME: u32 = 0x3001;
    pub const ADDRESS_KIND: u32 = 0x3002;
    pub const ADDRESS: u32 = 0x3003;
    pub const DATA: u32 = 0x3701;
    pub const EXTENSION: u32 = 0x3703;
    pub const FILE_NAME: u32 = 0x3704;
    pub const METHOD: u32 = 0x3705;
    pub const LONG_FILE_NAME: u32 = 0x3707;
    pub const MEDIA_TYPE: u32 = 0x370e;
    pub const CONTENT_ID: u32 = 0x3712;
    pub const FLAGS: u32 = 0x3714;
    pub const SMTP_ADDRESS: u32 = 0x39fe;
    pub const INTERNET_CODE_PAGE: u32 = 0x3fde;
    pub const CODE_PAGE: u32 = 0x3ffd;
    pub const SENDER_SMTP_ADDRESS: u32 = 0x5d01;
    pub const FROM_SMTP_ADDRESS: u32 = 0x5d02;
    pub const HIDDEN: u32 = 0x7ffe;
    pub const LOCATION: u32 = named(0x8208);
    pub const NAMED_START: u32 = named(0x820d);
    pub const NAMED_END: u32 = named(0x820e);

    /// A named property of Outlook's own. MS-OXPROPS: the identifiers of its sets do not overlap where we look.
    pub const fn named(long: u32) -> u32 {
        0x1_0000 | long
    }

    const WANTED: [u32; 45] = [
        MESSAGE_CLASS,
        SUBJECT,
        SUBMITTED,
        FROM_NAME,
        START,
        END,
        FROM_KIND,
        FROM_ADDRESS,
        TOPIC,
        TRANSPORT_HEADER,
        RECIPIENT_KIND,
        SENDER_NAME,
        SENDER_KIND,
        SENDER_ADDRESS,
        DISPLAY_CC,
        DISPLAY_TO,
        DELIVERED,
        BODY,
        RTF,
        HTML,
        MESSAGE_ID,
        REFERENCES,
        IN_REPLY_TO,
        DISPLAY_NAME,
        ADDRESS_KIND,
        ADDRESS,
        DATA,
        EXTENSION,
        FILE_NAME,
        METHOD,
        LONG_FILE_NAME,
        MEDIA_TYPE,
        CONTENT_ID,
        FLAGS,
        SMTP_ADDRESS,
        INTERNET_CODE_PAGE,
        CODE_PAGE,
        SENDER_SMTP_ADDRESS,
        FROM_SMTP_ADDRESS,
        HIDDEN,
        LOCATION,
        NAMED_START,
        NAMED_END,
        super::TITLE,
        super::RENDERED,
    ];

    pub fn is_wanted(tag: u32) -> bool {
        WANTED.contains(&tag)
    }
}

/// The name of an attachment where a winmail.dat has it beside the properties.
pub const TITLE: u32 = 0xffff_0001;
/// An attachment of a winmail.dat was announced.
pub const RENDERED: u32 = 0xffff_0002;

/// Property types. MS-OXCDATA §2.11.1.
pub mod kind {
    pub const SHORT: u16 = 0x0002;
    pub const LONG: u16 = 0x0003;
    pub const FLOAT: u16 = 0x0004;
    pub const DOUBLE: u16 = 0x0005;
    pub const CURRENCY: u16 = 0x0006;
    pub const APPLICATION_TIME: u16 = 0x0007;
    pub const ERROR: u16 = 0x000a;
    pub const BOOLEAN: u16 = 0x000b;
    pub const OBJECT: u16 = 0x000d;
    pub const LONG_LONG: u16 = 0x0014;
    pub const STRING8: u16 = 0x001e;
    pub const UNICODE: u16 = 0x001f;
    pub const TIME: u16 = 0x0040;
    pub const GUID: u16 = 0x0048;
    pub const BINARY: u16 = 0x0102;
    pub const MANY: u16 = 0x1000;
}

/// PidTagAttachMethod. MS-OXCMSG §2.2.2.9.
pub mod method {
    pub const BY_REFERENCE: i64 = 2;
    pub const BY_REFERENCE_ONLY: i64 = 4;
    pub const EMBEDDED: i64 = 5;
    pub const WEB_REFERENCE: i64 = 7;
}

#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    Number(i64),
    /// 100 ns since 1601.
    Time(u64),
    /// In the code page of the object.
    Text8(Cow<'a, [u8]>),
    Text16(Cow<'a, [u8]>),
    Binary(Cow<'a, [u8]>),
    Message(Box<Object<'a>>),
}

impl<'a> Value<'a> {
    /// A value of fixed length from its eight bytes.
    pub fn fixed(kind: u16, bytes: [u8; 8]) -> Option<Value<'a>> {
        let low = i64::from(i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
        match kind {
            kind::LONG => Some(Value::Number(low)),
            kind::SHORT => Some(Value::Number(i64::from(i16::from_le_bytes([bytes[0], bytes[1]])))),
            kind::BOOLEAN => Some(Value::Number(i64::from(bytes[0] != 0 || bytes[1] != 0))),
            kind::LONG_LONG => Some(Value::Number(i64::from_le_bytes(bytes))),
            kind::TIME => Some(Value::Time(u64::from_le_bytes(bytes))),
            _ => None,
        }
    }

    pub fn variable(kind: u16, bytes: Cow<'a, [u8]>) -> Option<Value<'a>> {
        match kind {
            kind::STRING8 => Some(Value::Text8(bytes)),
            kind::UNICODE => Some(Value::Text16(bytes)),
            kind::BINARY | kind::OBJECT => Some(Value::Binary(bytes)),
            _ => None,
        }
    }
}

/// A mail, a recipient or an attachment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object<'a> {
    properties: Vec<(u32, Value<'a>)>,
    pub recipients: Vec<Object<'a>>,
    pub attachments: Vec<Object<'a>>,
    /// Something of it could not be read.
    pub is_damaged: bool,
}

impl<'a> Object<'a> {
    /// Takes a property, in place of an earlier one.
    pub fn put(&mut self, tag: u32, value: Value<'a>) {
        if !tag::is_wanted(tag) {
            return;
        }
        match self.properties.iter_mut().find(|(known, _)| *known == tag) {
            Some((_, old)) => *old = value,
            None => self.properties.push((tag, value)),
        }
    }

    pub fn put_missing(&mut self, tag: u32, value: Value<'a>) {
        if self.get(tag).is_none() {
            self.put(tag, value);
        }
    }

    pub fn take(&mut self, tag: u32) -> Option<Value<'a>> {
        let at = self.properties.iter().position(|(known, _)| *known == tag)?;
        Some(self.properties.swap_remove(at).1)
    }

    pub fn get(&self, tag: u32) -> Option<&Value<'a>> {
        self.properties.iter().find(|(known, _)| *known == tag).map(|(_, value)| value)
    }

    #[cfg(test)]
    pub fn take_properties(&mut self) -> Vec<(u32, Value<'a>)> {
        std::mem::take(&mut self.properties)
    }

    #[cfg(test)]
    pub fn sort(&mut self) {
        self.properties.sort_by_key(|(tag, _)| *tag);
    }

    pub fn is_empty(&self) -> bool {
        self.properties.is_empty() && self.recipients.is_empty() && self.attachments.is_empty()
    }

    /// Whether a reader of mails can make something of it. Contacts, tasks and notes are files.
    pub fn is_mail(&self) -> bool {
        const OTHER: [&str; 5] = ["ipm.contact", "ipm.distlist", "ipm.task", "ipm.stickynote", "ipm.activity"];
        let class = self.text(tag::MESSAGE_CLASS, None).unwrap_or_default().to_ascii_lowercase();
        let is = |other: &str| class.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        !OTHER.into_iter().any(is)
    }

    pub fn number(&self, tag: u32) -> Option<i64> {
        match self.get(tag)? {
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }

    pub fn time(&self, tag: u32) -> Option<jiff::Timestamp> {
        /// From 1601 to 1970, in seconds.
        const BEFORE_1970: i64 = 11_644_473_600;
        /// Outlook writes the year 4501 where there is no date.
        const YEAR_4500: i64 = 79_839_216_000;
        let Value::Time(time) = self.get(tag)? else { return None };
        let seconds = i64::try_from(time / 10_000_000).ok()? - BEFORE_1970;
        jiff::Timestamp::from_second(seconds).ok().filter(|_| (0..YEAR_4500).contains(&seconds))
    }

    /// The code page of its 8-bit strings.
    pub fn code_page(&self) -> Option<i64> {
        self.number(tag::CODE_PAGE).or_else(|| self.number(tag::INTERNET_CODE_PAGE))
    }

    /// A text property, whole, without the NUL at its end; `code_page` is that of its 8-bit strings.
    pub fn long_text(&self, tag: u32, code_page: Option<i64>) -> Option<String> {
        match self.get(tag)? {
            Value::Text8(bytes) => Some(text8(bytes, code_page)),
            Value::Text16(bytes) => Some(text16(bytes)),
            _ => None,
        }
    }

    /// A text property as a line: without line ends and other controls, trimmed; none if nothing is left. Never longer than a field
    /// that is looked at.
    pub fn text(&self, tag: u32, code_page: Option<i64>) -> Option<String> {
        const LONGEST: usize = crate::understand::field::LONGEST_VALUE;
        let text = match self.get(tag)? {
            Value::Text8(bytes) => text8(&bytes[..bytes.len().min(LONGEST)], code_page),
            Value::Text16(bytes) => text16(&bytes[..bytes.len().min(2 * LONGEST)]),
            _ => return None,
        };
        let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let line = line.trim();
        (!line.is_empty()).then(|| line.to_owned())
    }
}

fn text8(bytes: &[u8], code_page: Option<i64>) -> String {
    let end = memchr::memchr(0, bytes).unwrap_or(bytes.len());
    let bytes = &bytes[..end];
    // Whole UTF-8 beyond ASCII is no accident, whatever the code page says.
    match std::str::from_utf8(bytes) {
        Ok(text) => match code_page.and_then(charset).filter(|name| name.starts_with("iso-2022") || *name == "utf-7") {
            Some(name) => charsets::text(bytes, Some(name)).0.into_owned(),
            None => text.to_owned(),
        },
        Err(_) => charsets::text(bytes, code_page.and_then(charset)).0.into_owned(),
    }
}

fn text16(bytes: &[u8]) -> String {
    let units = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).take_while(|&unit| unit != 0);
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// The charset of a Windows code page, by the name that it has in mail.
pub fn charset(code_page: i64) -> Option<&'static str> {
    Some(match code_page {
        850 | 437 => "cp850",
        866 => "cp866",
        874 => "windows-874",
        932 => "shift_jis",
        936 => "gbk",
        949 => "windows-949",
        950 => "big5",
        1200 => "utf-16le",
        1201 => "utf-16be",
        1250 => "windows-1250",
        1251 => "windows-1251",
        1252 => "windows-1252",
        1253 => "windows-1253",
        1254 => "windows-1254",
        1255 => "windows-1255",
        1256 => "windows-1256",
        1257 => "windows-1257",
        1258 => "windows-1258",
        10000 => "macintosh",
        10007 => "x-mac-cyrillic",
        20127 => "us-ascii",
        20866 => "koi8-r",
        20932 | 51932 => "euc-jp",
        20936 | 51936 => "gb2312",
        21866 => "koi8-u",
        28591 => "iso-8859-1",
        28592 => "iso-8859-2",
        28593 => "iso-8859-3",
        28594 => "iso-8859-4",
        28595 => "iso-8859-5",
        28596 => "iso-8859-6",
        28597 => "iso-8859-7",
        28598 | 38598 => "iso-8859-8",
        28599 => "iso-8859-9",
        28603 => "iso-8859-13",
        28605 => "iso-8859-15",
        50220..=50222 => "iso-2022-jp",
        50225 => "iso-2022-kr",
        51949 => "euc-kr",
        52936 => "hz-gb-2312",
        54936 => "gb18030",
        65000 => "utf-7",
        65001 => "utf-8",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        let check = |value: Value<'_>, code_page: Option<i64>, want: Option<&str>| {
            let mut object = Object::default();
            object.put(tag::SUBJECT, value.clone());
            assert_eq!(object.text(tag::SUBJECT, code_page).as_deref(), want, "{value:?}");
        };
        let eight = |bytes: &'static [u8]| Value::Text8(bytes.into());
        check(eight(b"Gr\xfc\xdfe\0"), Some(1252), Some("Grüße"));
        check(eight(b"Gr\xfc\xdfe"), None, Some("Grüße"));
        check(eight("Grüße\0rest".as_bytes()), Some(1252), Some("Grüße"));
        check(eight(b"\x93\xfa\x96{\0"), Some(932), Some("日本"));
        check(eight(b"\x1b$BF|K\\\x1b(B"), Some(50220), Some("日本"));
        check(eight(b"a\r\nBcc: x"), None, Some("a  Bcc: x"));
        check(eight(b" \0"), None, None);
        check(Value::Text16("Grüße 🙂\0x".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>().into()), None, Some("Grüße 🙂"));
        check(Value::Text16(b"\x00\xd8a\0b".to_vec().into()), None, Some("\u{fffd}a"));
        check(Value::Number(1), None, None);
    }

    #[test]
    fn times() {
        let check = |time: u64, want: Option<&str>| {
            let mut object = Object::default();
            object.put(tag::SUBMITTED, Value::Time(time));
            assert_eq!(object.time(tag::SUBMITTED).map(|time| time.to_string()).as_deref(), want);
        };
        check(116_444_736_000_000_000, Some("1970-01-01T00:00:00Z"));
        check(134_082_361_310_000_000, Some("2025-11-21T22:02:11Z"));
        check(0, None);
        check(0x0cb3_4557_a3dd_4000, None);
        check(u64::MAX, None);
    }
}
