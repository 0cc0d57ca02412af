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

/// The beginning of a decoded body, about `most` bytes of it, and whether there was more. What lies behind is never decoded.
pub fn beginning(body: &[u8], encoding: Encoding, most: usize) -> (Cow<'_, [u8]>, Damage) {
    // Line ends and soft breaks included, base64 takes less than twice its bytes, quoted-printable less than four times.
    let enough = match encoding {
        Encoding::Identity => most,
        Encoding::Base64 => 2 * most,
        Encoding::QuotedPrintable => 4 * most,
    };
    let is_cut = body.len() > enough;
    let encoded = match encoding {
        // The end of a line is the end of a group of four characters, or of an escape.
        Encoding::Base64 | Encoding::QuotedPrintable if is_cut => {
            let line_end = memchr::memrchr(b'\n', &body[..enough]).map_or(enough, |at| at + 1);
            &body[..line_end]
        }
        _ => body,
    };
    let (bytes, is_damaged) = transfer(encoded, encoding);
    let damage = Damage { is_damaged, is_cut: is_cut || bytes.len() > most };
    if bytes.len() <= most {
        return (bytes, damage);
    }
    let end = character_start(&bytes, most);
    let bytes = match bytes {
        Cow::Borrowed(bytes) => Cow::Borrowed(&bytes[..end]),
        Cow::Owned(bytes) => Cow::Owned(bytes[..end].to_vec()),
    };
    (bytes, damage)
}

/// What decoding the beginning of a body met with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    pub is_damaged: bool,
    pub is_cut: bool,
}

/// A place at or just before `at` that is not within a UTF-8 character, if it is UTF-8: cut inside one, all of it would look wrong.
fn character_start(bytes: &[u8], at: usize) -> usize {
    let is_continuation = |at: &usize| bytes.get(*at).is_some_and(|byte| byte & 0xc0 == 0x80);
    (at.saturating_sub(3)..=at).rev().find(|at| !is_continuation(at)).unwrap_or(at)
}

/// Bytes that a character of plain English takes in that charset.
pub fn width(charset: Option<&str>) -> usize {
    let name = charset.unwrap_or_default().trim().to_ascii_lowercase();
    if name.contains("utf-32") || name.contains("utf32") {
        4
    } else if name.contains("utf-16") || name.contains("utf16") || name.contains("ucs-2") {
        2
    } else {
        1
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
    fn beginnings() {
        let check = |body: &[u8], encoding: Encoding, most: usize, want: &[u8], is_cut: bool| {
            let (bytes, damage) = beginning(body, encoding, most);
            assert_eq!((bytes.as_ref(), damage), (want, Damage { is_damaged: false, is_cut }), "{}", String::from_utf8_lossy(body));
        };
        check(b"Hallo", Encoding::Identity, 5, b"Hallo", false);
        check(b"Hallo", Encoding::Identity, 4, b"Hall", true);
        check("Grüße".as_bytes(), Encoding::Identity, 3, b"Gr", true);
        check("Grüße".as_bytes(), Encoding::Identity, 4, "Grü".as_bytes(), true);
        check(b"SGFs\r\nbG8=\r\n", Encoding::Base64, 6, b"Hallo", false);
        check(b"SGFs\r\nbG8=\r\n", Encoding::Base64, 5, b"Hal", true);
        check(b"SGFsbG8h", Encoding::Base64, 3, b"Hal", true);
        check(b"Gr=C3=BC=\r\n=C3=9Fe", Encoding::QuotedPrintable, 100, "Grüße".as_bytes(), false);
        check(b"a=\r\nb=\r\nc=\r\nd=\r\n", Encoding::QuotedPrintable, 2, b"ab", true);
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
