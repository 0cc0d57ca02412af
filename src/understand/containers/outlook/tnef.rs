//! winmail.dat: MS-OXTNEF. A row of attributes, some of them properties of MAPI. Nothing is checked that could be wrong without harm
//! (checksums); where the row breaks, what came before is kept.

use super::object::{DEEPEST, MOST_CHILDREN, Object, RENDERED, TITLE, Value, kind, tag};
use std::borrow::Cow;

pub const SIGNATURE: &[u8] = &[0x78, 0x9f, 0x3e, 0x22];

/// Attributes, by the lower half of their identifier. MS-OXTNEF §2.1.3.2.
mod attribute {
    pub const FROM: u16 = 0x8000;
    pub const SUBJECT: u16 = 0x8004;
    pub const DATE_SENT: u16 = 0x8005;
    pub const DATE_RECEIVED: u16 = 0x8006;
    pub const MESSAGE_CLASS: u16 = 0x8008;
    pub const BODY: u16 = 0x800c;
    pub const ATTACHMENT_DATA: u16 = 0x800f;
    pub const ATTACHMENT_TITLE: u16 = 0x8010;
    pub const ATTACHMENT_FILE: u16 = 0x9001;
    pub const ATTACHMENT_BEGINS: u16 = 0x9002;
    pub const PROPERTIES: u16 = 0x9003;
    pub const RECIPIENTS: u16 = 0x9004;
    pub const ATTACHMENT_PROPERTIES: u16 = 0x9005;
    pub const CODE_PAGE: u16 = 0x9007;
}

const IN_ATTACHMENT: u8 = 2;
/// What stands in front of an object: IID_IMessage, IID_IStorage or the like.
const INTERFACE: usize = 16;

/// Reads a whole stream; none if it is none.
pub fn read(bytes: &[u8]) -> Option<Object<'_>> {
    object(bytes, DEEPEST)
}

fn object(bytes: &[u8], deeper: usize) -> Option<Object<'_>> {
    let mut rest = Bytes(bytes.strip_prefix(SIGNATURE)?);
    let mut whole = Object::default();
    // The key of the attachments, which says nothing.
    whole.is_damaged = rest.u16().is_none();
    while !rest.0.is_empty() {
        let Some((level, id, data, is_whole)) = rest.attribute() else {
            // Mail programs end the last line of what they encode; that is no damage.
            whole.is_damaged |= !rest.0.iter().all(|byte| matches!(byte, 0 | b'\r' | b'\n'));
            break;
        };
        whole.is_damaged |= !is_whole;
        let is_read =
            if level == IN_ATTACHMENT { in_attachment(&mut whole, id, data, deeper) } else { in_message(&mut whole, id, data, deeper) };
        whole.is_damaged |= is_read.is_none();
    }
    Some(whole)
}

fn in_message<'a>(whole: &mut Object<'a>, id: u16, data: &'a [u8], deeper: usize) -> Option<()> {
    match id {
        attribute::FROM => from(whole, data)?,
        attribute::SUBJECT => whole.put_missing(tag::SUBJECT, Value::Text8(data.into())),
        attribute::DATE_SENT => whole.put_missing(tag::SUBMITTED, date(data)?),
        attribute::DATE_RECEIVED => whole.put_missing(tag::DELIVERED, date(data)?),
        attribute::MESSAGE_CLASS => whole.put_missing(tag::MESSAGE_CLASS, Value::Text8(data.into())),
        attribute::BODY => whole.put_missing(tag::BODY, Value::Text8(data.into())),
        attribute::CODE_PAGE => whole.put(tag::CODE_PAGE, Value::Number(Bytes(data).u32()?.into())),
        attribute::PROPERTIES => properties(&mut Bytes(data), whole, deeper)?,
        attribute::RECIPIENTS => recipients(data, whole, deeper)?,
        _ => (),
    }
    Some(())
}

fn in_attachment<'a>(whole: &mut Object<'a>, id: u16, data: &'a [u8], deeper: usize) -> Option<()> {
    // An attachment is announced; one whose announcement is missing is known by what it may have once only.
    let is_next = match (id, whole.attachments.last()) {
        (attribute::ATTACHMENT_BEGINS, _) | (_, None) => true,
        (attribute::ATTACHMENT_DATA, Some(last)) => last.get(RENDERED).is_none() && last.get(tag::DATA).is_some(),
        _ => false,
    };
    if is_next {
        if whole.attachments.len() >= MOST_CHILDREN {
            return None;
        }
        whole.attachments.push(Object::default());
    }
    let last = whole.attachments.last_mut()?;
    match id {
        attribute::ATTACHMENT_BEGINS => last.put(RENDERED, Value::Number(1)),
        // Where the properties have an object, these bytes are a substitute for programs that know none.
        attribute::ATTACHMENT_DATA if !matches!(last.get(tag::DATA), Some(Value::Message(_))) => {
            last.put(tag::DATA, Value::Binary(data.into()));
        }
        attribute::ATTACHMENT_TITLE => last.put(TITLE, Value::Text8(data.into())),
        attribute::ATTACHMENT_FILE => last.put_missing(TITLE, Value::Text8(data.into())),
        attribute::ATTACHMENT_PROPERTIES => {
            // Moved, not copied: a mail within may be as large as all of it, and these attributes may be many.
            let before = last.take(tag::DATA);
            let is_read = properties(&mut Bytes(data), last, deeper);
            last.is_damaged |= is_read.is_none();
            if let (Some(before), false) = (before, matches!(last.get(tag::DATA), Some(Value::Message(_)))) {
                last.put(tag::DATA, before);
            }
            is_read?;
        }
        _ => (),
    }
    Some(())
}

/// MS-OXTNEF §2.1.3.3.2 (TRP): lengths, then name and address, each with its NUL.
fn from<'a>(whole: &mut Object<'a>, data: &'a [u8]) -> Option<()> {
    let mut rest = Bytes(data);
    rest.take(4)?;
    let (name, address) = (rest.u16()?, rest.u16()?);
    let (name, address) = (rest.take(name.into())?, rest.take(address.into())?);
    whole.put_missing(tag::SENDER_NAME, Value::Text8(name.into()));
    if address.get(..5).is_some_and(|kind| kind.eq_ignore_ascii_case(b"SMTP:")) {
        whole.put_missing(tag::SENDER_SMTP_ADDRESS, Value::Text8(address[5..].into()));
    }
    Some(())
}

/// MS-OXTNEF §2.1.3.3.3 (DTR): year, month, day, hour, minute, second, weekday.
fn date(data: &[u8]) -> Option<Value<'static>> {
    let mut rest = Bytes(data);
    let mut number = || rest.u16().and_then(|number| i16::try_from(number).ok());
    let (year, month, day, hour, minute, second) = (number()?, number()?, number()?, number()?, number()?, number()?);
    let small = |number: i16| i8::try_from(number).ok();
    let time = jiff::civil::DateTime::new(year, small(month)?, small(day)?, small(hour)?, small(minute)?, small(second)?, 0).ok()?;
    let since_1970 = time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second();
    let since_1601 = u64::try_from(since_1970.checked_add(11_644_473_600)?).ok()?;
    Some(Value::Time(since_1601.checked_mul(10_000_000)?))
}

fn recipients<'a>(data: &'a [u8], whole: &mut Object<'a>, deeper: usize) -> Option<()> {
    let mut rest = Bytes(data);
    for _ in 0..rest.u32()? {
        if whole.recipients.len() >= MOST_CHILDREN {
            return None;
        }
        let mut recipient = Object::default();
        let is_read = properties(&mut rest, &mut recipient, deeper);
        whole.recipients.push(recipient);
        is_read?;
    }
    Some(())
}

/// A list of properties. MS-OXTNEF §2.1.3.4.
fn properties<'a>(rest: &mut Bytes<'a>, into: &mut Object<'a>, deeper: usize) -> Option<()> {
    for _ in 0..rest.u32()? {
        let (kind, id) = (rest.u16()?, rest.u16()?);
        let tag = if id >= 0x8000 { rest.name()? } else { Some(id.into()) };
        if let Some(size) = fixed_size(kind & !kind::MANY) {
            let count = if kind & kind::MANY == 0 { 1 } else { rest.u32()? };
            if size == 0 {
                continue;
            }
            for _ in 0..count {
                let bytes = rest.take(size)?;
                let mut eight = [0; 8];
                let length = size.min(8);
                eight[..length].copy_from_slice(&bytes[..length]);
                if let (Some(tag), Some(value)) = (tag, Value::fixed(kind, eight)) {
                    into.put(tag, value);
                }
            }
            continue;
        }
        for _ in 0..rest.u32()? {
            let bytes = rest.counted()?;
            if let Some(tag) = tag.filter(|&tag| tag::is_wanted(tag))
                && let Some(value) = variable(kind, bytes, deeper)
            {
                into.put(tag, value);
            }
        }
    }
    Some(())
}

fn variable(kind: u16, bytes: &[u8], deeper: usize) -> Option<Value<'_>> {
    if kind != kind::OBJECT {
        return Value::variable(kind, Cow::Borrowed(bytes));
    }
    let inner = bytes.get(INTERFACE..).unwrap_or_default();
    match deeper.checked_sub(1).and_then(|deeper| object(inner, deeper)) {
        Some(object) => Some(Value::Message(Box::new(object))),
        None => Some(Value::Binary(inner.into())),
    }
}

/// Bytes that a value takes, with what fills it up to four; none if it says so itself. A kind that nobody knows is read so, too:
/// most that are missing here have a length.
fn fixed_size(kind: u16) -> Option<usize> {
    match kind {
        0 | 1 => Some(0),
        kind::SHORT | kind::LONG | kind::FLOAT | kind::ERROR | kind::BOOLEAN => Some(4),
        kind::DOUBLE | kind::CURRENCY | kind::APPLICATION_TIME | kind::LONG_LONG | kind::TIME => Some(8),
        kind::GUID => Some(16),
        _ => None,
    }
}

/// What is left to read.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes(self.take(2)?.try_into().ok()?))
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    /// Level, identifier and data of the next attribute, and whether all of the data is there.
    fn attribute(&mut self) -> Option<(u8, u16, &'a [u8], bool)> {
        let level = *self.0.first().filter(|level| matches!(level, 1 | 2))?;
        let mut rest = Bytes(&self.0[1..]);
        let (id, _) = (rest.u16()?, rest.u16()?);
        let length = rest.u32()? as usize;
        let data = &rest.0[..length.min(rest.0.len())];
        // The checksum behind it may be wrong, or missing at the end.
        self.0 = rest.0.get(data.len() + 2..).unwrap_or_default();
        Some((level, id, data, data.len() == length))
    }

    /// A length, so many bytes, and what fills up to four.
    fn counted(&mut self) -> Option<&'a [u8]> {
        let length = self.u32()? as usize;
        let bytes = self.take(length)?;
        let filler = (4 - length % 4) % 4;
        self.0 = self.0.get(filler..).unwrap_or_default();
        Some(bytes)
    }

    /// The name of a named property; the inner none: it has no number.
    fn name(&mut self) -> Option<Option<u32>> {
        self.take(16)?;
        if self.u32()? == 0 {
            return Some(Some(tag::named(self.u32()?)));
        }
        self.counted()?;
        Some(None)
    }
}
