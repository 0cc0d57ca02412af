//! Transfer encodings: bytes in, bytes out, never an error.

use crate::model::message::Encoding;
use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
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
/// some gateways glue several encodings together. Where something was put in place of characters, all behind it would be shifted: each
/// line of an encoder is whole, so what is before and behind it in the line is decoded for itself.
fn base64(body: &[u8]) -> (Vec<u8>, bool) {
    let mut damaged = false;
    let mut out = Vec::with_capacity(body.len() / 4 * 3);
    let mut run = Vec::with_capacity(body.len());
    for line in body.split_inclusive(|&byte| byte == b'\n') {
        let count = |of: fn(&u8) -> bool| line.iter().filter(|byte| of(byte)).count();
        let is_replaced = count(is_foreign) > 0 && !run.len().wrapping_add(count(is_base64)).is_multiple_of(4);
        for &byte in line {
            match byte {
                byte if is_base64(&byte) => run.push(byte),
                b'=' => damaged |= !flush(&mut run, &mut out),
                byte if is_foreign(&byte) => {
                    damaged = true;
                    if is_replaced {
                        flush(&mut run, &mut out);
                    }
                }
                _ => (),
            }
        }
        if is_replaced {
            flush(&mut run, &mut out);
        }
    }
    damaged |= !flush(&mut run, &mut out);
    (out, damaged)
}

fn is_base64(byte: &u8) -> bool {
    matches!(byte, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/')
}

/// What is neither of the alphabet, nor padding, nor white space.
fn is_foreign(byte: &u8) -> bool {
    !is_base64(byte) && !matches!(byte, b'=' | b' ' | b'\t' | b'\r' | b'\n')
}

/// So much of a body is looked at to tell whether it is base64.
const MOST_JUDGED: usize = 4096;

/// Whether a body that says base64 may be: plain text has blanks between its words and signs that base64 has not.
pub fn may_be_base64(body: &[u8]) -> bool {
    let body = body[..body.len().min(MOST_JUDGED)].trim_ascii();
    let is_alphabet = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=') || byte.is_ascii_whitespace();
    let others = body.iter().filter(|&&byte| !is_alphabet(byte)).count();
    let between_words =
        body.windows(3).filter(|three| three[1] == b' ' && three[0].is_ascii_alphanumeric() && three[2].is_ascii_alphanumeric());
    // A line as encoders make them, whole, outweighs a hole elsewhere.
    let is_encoded =
        |line: &[u8]| line.len() >= 32 && line.len().is_multiple_of(4) && line.iter().all(|byte| is_base64(byte) || *byte == b'=');
    let mut lines = body.split(|&byte| byte == b'\n');
    20 * (others + between_words.count()) <= body.len() || body.len() <= 12 || lines.any(|line| is_encoded(line.trim_ascii()))
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
        // CR CR LF, or the CR alone of old Macs.
        [b'\r', b'\r', b'\n', ..] => Some(blanks + 3),
        [b'\r', ..] => Some(blanks + 1),
        _ => None,
    }
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
        // One sign too much, some in place of others, in one line of three.
        check(b"SGFs\nb\xfcG8h\nSGFs", b"Hallo!Hal", true);
        check(b"SGFs\nb\xfc\xfcbG8h\nSGFs", b"Hallo!Hal", true);
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
        check(b"a=\r\r\nb=\rc", b"abc");
    }

    #[test]
    fn base64_that_is_none() {
        for text in
            ["Hallo Frau Muster, vielen Dank.", "Guten Tag wie geht es Ihnen", "Gr\u{fc}\u{df}e aus K\u{f6}ln", "--\nMaria: 0221/4711"]
        {
            assert!(!may_be_base64(text.as_bytes()), "{text}");
        }
        for text in ["SGFs!bG8=", "", "SGFsbG8gRnJhdSBNdXN0ZXIsIHZpZWxlbiBEYW5r!", " SGFsbG8gRnJhdSBN\r\n dXN0ZXI=", "Hallo"] {
            assert!(may_be_base64(text.as_bytes()), "{text}");
        }
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
}
