//! What header fields mean: text with encoded words, addresses, dates, media types. Decoding is mail-parser's; this file
//! hands it one value at a time, bounded in length and with raw 8-bit bytes repaired first.

use super::{charsets, encoded_words, parameters};
use crate::model::address::Mailbox;
use mail_parser::parsers::MessageStream;
use mail_parser::{Address, HeaderValue};

/// Longest unstructured or structured value looked at, in bytes. RFC 5322 §2.1.1 allows 998 a line; real mail exceeds it.
pub const LONGEST_VALUE: usize = 16 * 1024;
/// More recipients of one kind than anybody writes to; the raw mail keeps the rest.
pub const MOST_MAILBOXES: usize = 500;

/// A value as it is read: UTF-8, bounded, without NUL and CR: neither may hide the rest of it.
fn cleaned(value: &[u8]) -> String {
    let value = &value[..value.len().min(LONGEST_VALUE)];
    charsets::text(value, None).0.replace(['\0', '\r'], "")
}

/// A value as the field parsers want it: words in UTF-8, with a line end.
fn prepared(value: &[u8]) -> Vec<u8> {
    let mut bytes = encoded_words::rewritten(&cleaned(value)).into_owned().into_bytes();
    bytes.push(b'\n');
    bytes
}

/// Unstructured text. RFC 5322 §3.2.5, RFC 2047 §5 (1): encoded words are decoded, blanks between adjacent ones vanish.
pub fn text(value: &[u8]) -> String {
    let value = cleaned(value);
    let unfolded: Vec<&str> = value.split('\n').map(str::trim).collect();
    // RFC 5322 §2.2.3: what a fold leaves is one blank.
    let unfolded = unfolded.join(" ");
    let text = encoded_words::read(unfolded.trim());
    text.chars()
        .map(|c| if c == '\t' || c == '\n' || c == '\r' { ' ' } else { c })
        .filter(|c| *c != '\0')
        .collect::<String>()
        .trim()
        .to_owned()
}

/// A list of mailboxes, groups opened. RFC 5322 §3.4.
pub fn mailboxes(value: &[u8]) -> Vec<Mailbox> {
    let bytes = prepared(value);
    let HeaderValue::Address(found) = MessageStream::new(&bytes).parse_address() else { return Vec::new() };
    let found = match found {
        Address::List(list) => list,
        Address::Group(groups) => groups.into_iter().flat_map(|group| group.addresses).collect(),
    };
    found.iter().map(|one| Mailbox::new(one.name(), one.address())).filter(|one| !one.is_empty()).collect()
}

/// A date, as ISO 8601 with its offset. RFC 5322 §3.3.
pub fn date(value: &[u8]) -> Option<String> {
    let bytes = prepared(value);
    let HeaderValue::DateTime(date) = MessageStream::new(&bytes).parse_date() else { return None };
    (date.is_valid() && date.year >= 1970).then(|| date.to_rfc3339())
}

/// An identifier without its angle brackets. RFC 5322 §3.6.4.
pub fn id(value: &[u8]) -> Option<String> {
    let text = text(value);
    let inner = match (text.find('<'), text.rfind('>')) {
        (Some(open), Some(close)) if open < close => &text[open + 1..close],
        _ => text.as_str(),
    };
    let inner = inner.trim();
    (!inner.is_empty()).then(|| inner.to_owned())
}

/// A type or disposition with its parameters. RFC 2045 §5.1, RFC 2183, RFC 2231.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Typed {
    /// In lower case: `text/plain`, `attachment`; empty if there is none.
    pub value: String,
    pub(super) parameters: Vec<(&'static str, String)>,
    /// A name in it had been read in a wrong charset and encoded again; that is undone.
    pub is_mended: bool,
}

/// The parameters that somebody asks for. Only these are kept, each once: a field can bear thousands, and a mail thousands of fields.
const KEPT: [&str; 7] = ["boundary", "charset", "filename", "method", "name", "report-type", "smime-type"];

impl Typed {
    pub fn parameter(&self, name: &str) -> Option<&str> {
        debug_assert!(KEPT.contains(&name), "{name} is not among the parameters that are kept");
        self.parameters.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str())
    }
}

/// Reads Content-Type or Content-Disposition.
pub fn typed(value: &[u8]) -> Typed {
    let found = parameters::read(&cleaned(value));
    let mut is_mended = false;
    let kept = KEPT.iter().filter_map(|name| {
        let (value, mended) = found.get(name)?;
        is_mended |= mended;
        Some((*name, value))
    });
    let parameters = kept.collect();
    Typed { value: found.value, parameters, is_mended }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_decoded() {
        let check = |value: &[u8], want: &str| assert_eq!(text(value), want);
        check(b" =?UTF-8?Q?4711_WG=3A_?= =?UTF-8?Q?Gr=C3=BC=C3=9Fe?=", "4711 WG: Grüße");
        check(b" =?iso-8859-1?Q?Gr=FC=DFe?=\r\n =?utf-8?B?w7xiZXI=?=", "Grüßeüber");
        check(b" Gr\xfc\xdfe", "Grüße");
        check("Grüße".as_bytes(), "Grüße");
        check(b" =?utf-8?Q?M=C3?= =?utf-8?Q?=BCller?=", "Müller");
        check(b"", "");
        check(b" 4711  WG: x", "4711  WG: x");
    }

    #[test]
    fn mailboxes_of_every_form() {
        let check = |value: &str, want: &[(Option<&str>, Option<&str>)]| {
            let want: Vec<_> = want.iter().map(|(n, a)| Mailbox::new(*n, *a)).collect();
            assert_eq!(mailboxes(value.as_bytes()), want, "{value}");
        };
        check("Maria Müller <maria@example.net>", &[(Some("Maria Müller"), Some("maria@example.net"))]);
        check(
            "\"Müller, Maria\" <maria@example.net>, b@c.example",
            &[(Some("Müller, Maria"), Some("maria@example.net")), (None, Some("b@c.example"))],
        );
        check("team: a@b.example, c@d.example;", &[(None, Some("a@b.example")), (None, Some("c@d.example"))]);
        check("=?utf-8?q?M=C3=BCller?= <m@e.example>", &[(Some("Müller"), Some("m@e.example"))]);
        check("", &[]);
    }

    #[test]
    fn types_and_names() {
        let found = typed(b" application/PDF;\r\n filename*0*=UTF-8''Lebens;\r\n filename*1*=l%C3%A4ufe.pdf");
        assert_eq!(found.value, "application/pdf");
        assert_eq!(found.parameter("filename"), Some("Lebensläufe.pdf"));
        assert_eq!(typed(b"attachment; filename=\"=?utf-8?q?M=C3=BCller.pdf?=\"").parameter("filename"), Some("Müller.pdf"));
        let cut = typed(b" attachment;\r\n filename*0*=UTF-8''M%C3;\r\n filename*1*=%BCller.pdf");
        assert_eq!(cut.parameter("filename"), Some("M\u{fc}ller.pdf"));
        assert_eq!(typed(b"").value, "");
        // What nobody asks for is not kept, however much of it there is; what is asked for is found behind it.
        let many = typed(format!("text/plain{}; Charset=utf-8; charset=x", "; a=b".repeat(1_000)).as_bytes());
        assert_eq!((many.parameter("charset"), many.parameters.len()), (Some("utf-8"), 1));
    }

    #[test]
    fn dates() {
        assert_eq!(date(b"Fri, 20 Nov 2026 18:02:11 +0100").as_deref(), Some("2026-11-20T18:02:11+01:00"));
        assert_eq!(date(b"yesterday"), None);
    }

    #[test]
    fn ids() {
        assert_eq!(id(b" <a@b>").as_deref(), Some("a@b"));
        assert_eq!(id(b"a@b").as_deref(), Some("a@b"));
        assert_eq!(id(b"<>"), None);
    }
}
