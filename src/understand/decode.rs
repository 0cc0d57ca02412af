//! Transfer encodings and charsets: bytes in, bytes or text out, never an error.

use crate::model::message::Encoding;
use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use mail_parser::decoders::charsets::map::charset_decoder;
use std::borrow::Cow;

/// Takes what real encoders write: missing padding and stray bits at the end.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true).with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Undoes a transfer encoding; the flag says that something was damaged.
pub fn transfer(body: &[u8], encoding: Encoding) -> (Cow<'_, [u8]>, bool) {
    match encoding {
        Encoding::Identity => (Cow::Borrowed(body), false),
        Encoding::Base64 => {
            let (bytes, damaged) = base64(body);
            (Cow::Owned(bytes), damaged)
        }
        Encoding::QuotedPrintable => (Cow::Owned(quoted_printable(body)), false),
    }
}

/// RFC 2045 §6.8: characters outside the alphabet are passed over. What stands behind padding is decoded as well:
/// some gateways glue several encodings together.
fn base64(body: &[u8]) -> (Vec<u8>, bool) {
    let mut damaged = false;
    let mut out = Vec::with_capacity(body.len() / 4 * 3);
    let mut run = Vec::with_capacity(body.len());
    for &byte in body {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' => run.push(byte),
            b'=' => damaged |= !flush(&mut run, &mut out),
            b' ' | b'\t' | b'\r' | b'\n' => (),
            _ => damaged = true,
        }
    }
    damaged |= !flush(&mut run, &mut out);
    (out, damaged)
}

/// Decodes a run of alphabet characters; a single character left over carries no byte and is dropped.
fn flush(run: &mut Vec<u8>, out: &mut Vec<u8>) -> bool {
    let whole = run.len() % 4 != 1;
    if !whole {
        run.pop();
    }
    let decoded = BASE64.decode_vec(&run, out).is_ok();
    run.clear();
    whole && decoded
}

/// RFC 2045 §6.7: an `=` that begins no code stays as it is (rule "robust" of the note there).
fn quoted_printable(body: &[u8]) -> Vec<u8> {
    let hex = |byte: Option<&u8>| byte.and_then(|&b| (b as char).to_digit(16)).map(|digit| digit as u8);
    let mut out = Vec::with_capacity(body.len());
    let mut at = 0;
    while let Some(&byte) = body.get(at) {
        if byte == b'=' {
            if let (Some(high), Some(low)) = (hex(body.get(at + 1)), hex(body.get(at + 2))) {
                out.push(high << 4 | low);
                at += 3;
                continue;
            }
            if let Some(length) = soft_break(&body[at + 1..]) {
                at += 1 + length;
                continue;
            }
        }
        // RFC 2045 §6.7 (3): blanks at a line's end were added on the way.
        if byte == b'\n' {
            let carriage = out.last() == Some(&b'\r');
            if carriage {
                out.pop();
            }
            while matches!(out.last(), Some(b' ' | b'\t')) {
                out.pop();
            }
            if carriage {
                out.push(b'\r');
            }
        }
        out.push(byte);
        at += 1;
    }
    out
}

/// The length of a soft line break behind `=`: blanks, then a line end or the end of the body.
fn soft_break(rest: &[u8]) -> Option<usize> {
    let blanks = rest.iter().take(80).take_while(|b| matches!(b, b' ' | b'\t')).count();
    match &rest[blanks..] {
        [] => Some(blanks),
        [b'\n', ..] => Some(blanks + 1),
        [b'\r', b'\n', ..] => Some(blanks + 2),
        _ => None,
    }
}

/// Raw 8-bit bytes that name no charset: UTF-8 if they are, else windows-1252, which is never wrong in German.
pub fn eight_bit(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0,
    }
}

/// How a charset was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// As named, or there was nothing to name.
    Right,
    /// Some bytes did not fit.
    SomeBytesWrong,
    /// The name is unknown; what it was read as.
    Unknown(&'static str),
}

/// Turns bytes of the named charset into text.
pub fn text<'a>(bytes: &'a [u8], charset: Option<&str>) -> (Cow<'a, str>, Charset) {
    let name = charset.map(|name| name.trim().to_ascii_lowercase()).unwrap_or_default();
    match name.as_str() {
        // Programs that name ASCII or nothing send anything.
        "" | "us-ascii" | "ascii" | "ansi_x3.4-1968" => (eight_bit(bytes), Charset::Right),
        "utf-8" | "utf8" => utf8(bytes),
        _ => match charset_decoder(name.as_bytes()) {
            Some(decode) => {
                let text = decode(bytes);
                let wrong = text.contains('\u{fffd}');
                (Cow::Owned(text), if wrong { Charset::SomeBytesWrong } else { Charset::Right })
            }
            None => {
                let read_as = if std::str::from_utf8(bytes).is_ok() { "UTF-8" } else { "windows-1252" };
                (eight_bit(bytes), Charset::Unknown(read_as))
            }
        },
    }
}

/// Text that calls itself UTF-8. If more of it is broken than whole, it is windows-1252 with the wrong name.
fn utf8(bytes: &[u8]) -> (Cow<'_, str>, Charset) {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        return (Cow::Borrowed(text), Charset::Right);
    }
    let lossy = String::from_utf8_lossy(bytes);
    let broken = lossy.chars().filter(|&c| c == '\u{fffd}').count();
    let whole = lossy.chars().filter(|&c| c > '\u{7f}' && c != '\u{fffd}').count();
    if broken > whole { (eight_bit(bytes), Charset::SomeBytesWrong) } else { (Cow::Owned(lossy.into_owned()), Charset::SomeBytesWrong) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_every_kind() {
        let check = |body: &[u8], want: &[u8], damaged: bool| {
            let (bytes, seen) = transfer(body, Encoding::Base64);
            assert_eq!((bytes.as_ref(), seen), (want, damaged), "{}", String::from_utf8_lossy(body));
        };
        check(b"SGFs\r\nbG8=\r\n", b"Hallo", false);
        check(b"SGFsbG8", b"Hallo", false);
        check(b"SGFs!bG8=", b"Hallo", true);
        check(b"SGE=SGFsbG8=", b"HaHallo", false);
        check(b"SGFsb", b"Hal", true);
        check(b"", b"", false);
    }

    #[test]
    fn quoted_printable_of_every_kind() {
        let check = |body: &[u8], want: &[u8]| {
            assert_eq!(transfer(body, Encoding::QuotedPrintable).0.as_ref(), want, "{}", String::from_utf8_lossy(body));
        };
        check(b"Gr=C3=BC=\r\n=C3=9Fe", "Grüße".as_bytes());
        check(b"a =\nb", b"a b");
        check(b"100 = 100 =ZZ", b"100 = 100 =ZZ");
        check(b"blanks  \r\nend", b"blanks\r\nend");
        check(b"cut=", b"cut");
        check(b"cut=C", b"cut=C");
    }

    #[test]
    fn charsets() {
        let check = |bytes: &[u8], name: Option<&str>, want: &str, how: Charset| {
            let (text, seen) = text(bytes, name);
            assert_eq!((text.as_ref(), seen), (want, how), "{name:?}");
        };
        check(b"Gr\xfc\xdfe", Some("iso-8859-1"), "Grüße", Charset::Right);
        check(b"Gr\xfc\xdfe", None, "Grüße", Charset::Right);
        check("Grüße".as_bytes(), Some("US-ASCII"), "Grüße", Charset::Right);
        check("Grüße".as_bytes(), Some("x-made-up"), "Grüße", Charset::Unknown("UTF-8"));
        check(b"Gr\xfc\xdfe", Some("x-made-up"), "Grüße", Charset::Unknown("windows-1252"));
        check(b"Gr\xfc\xdfe", Some("utf-8"), "Grüße", Charset::SomeBytesWrong);
        check(b"Gr\xc3\xbc\xc3\x9fe \xc3", Some("utf-8"), "Grüße \u{fffd}", Charset::SomeBytesWrong);
        check(b"\x80", Some("windows-1252"), "€", Charset::Right);
    }
}
