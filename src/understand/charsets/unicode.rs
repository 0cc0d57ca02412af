//! The forms of Unicode that are not UTF-8: UTF-16, UTF-32, UTF-7. And which of its characters people write.

use encoding_rs::{UTF_16BE, UTF_16LE};

/// Which byte of a character comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Big,
    Little,
}

/// RFC 2781: a byte order mark decides, then the name, then the bytes themselves; big-endian if nothing does (§4.3).
pub fn utf16(bytes: &[u8], named: Option<Order>) -> String {
    let (order, bytes) = match bytes {
        [0xfe, 0xff, rest @ ..] => (Order::Big, rest),
        [0xff, 0xfe, rest @ ..] => (Order::Little, rest),
        // A name is as often wrong as not; NULs never are.
        _ => (utf16_by_nuls(bytes).or(named).unwrap_or_else(|| by_blanks(bytes)), bytes),
    };
    // The half of a character that a transport put behind or cut off.
    let whole = &bytes[..bytes.len() / 2 * 2];
    let encoding = if order == Order::Big { UTF_16BE } else { UTF_16LE };
    encoding.decode_without_bom_handling(whole).0.into_owned()
}

/// Text of ASCII or Latin letters in UTF-16 has a NUL at nearly every other place, and no other text has. With a byte order mark, fewer
/// will do.
pub fn utf16_by_nuls(bytes: &[u8]) -> Option<Order> {
    let looked_at = &bytes[..bytes.len().min(4096) / 2 * 2];
    let pairs = looked_at.len() / 2;
    let (mut first, mut second) = (0, 0);
    for pair in looked_at.chunks_exact(2) {
        first += usize::from(pair[0] == 0 && pair[1] != 0);
        second += usize::from(pair[1] == 0 && pair[0] != 0);
    }
    match bytes {
        [0xfe, 0xff, ..] if first > 0 && second == 0 => return Some(Order::Big),
        [0xff, 0xfe, ..] if second > 0 && first == 0 => return Some(Order::Little),
        _ => (),
    }
    let most = |count: usize| pairs >= 4 && 10 * count >= 7 * pairs;
    if most(first) { Some(Order::Big) } else { most(second).then_some(Order::Little) }
}

/// Blanks and line ends are in every script.
fn by_blanks(bytes: &[u8]) -> Order {
    let is_blank = |high: u8, low: u8| matches!((high, low), (0, b' ' | b'\n' | b'\r') | (0x30, 0x00..=0x02));
    let count = |little: bool| {
        bytes.chunks_exact(2).filter(|pair| if little { is_blank(pair[1], pair[0]) } else { is_blank(pair[0], pair[1]) }).count()
    };
    if count(true) > count(false) { Order::Little } else { Order::Big }
}

/// Four bytes a character; a byte order mark decides, then the name, then where the zeros are.
pub fn utf32(bytes: &[u8], named: Option<Order>) -> String {
    let (order, bytes) = match bytes {
        [0, 0, 0xfe, 0xff, rest @ ..] => (Order::Big, rest),
        [0xff, 0xfe, 0, 0, rest @ ..] => (Order::Little, rest),
        _ => {
            let little = bytes.chunks_exact(4).filter(|four| four[3] == 0 && four[0] != 0).count();
            let big = bytes.chunks_exact(4).filter(|four| four[0] == 0 && four[3] != 0).count();
            let seen = if little > big { Order::Little } else { Order::Big };
            (if little == big { named.unwrap_or(seen) } else { seen }, bytes)
        }
    };
    let character = |four: &[u8]| {
        let four = [four[0], four[1], four[2], four[3]];
        let number = if order == Order::Big { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) };
        char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER)
    };
    bytes.chunks_exact(4).map(character).collect()
}

/// RFC 2152. What is no ASCII does not belong there, and is read as it would be without a name.
pub fn utf7(bytes: &[u8]) -> String {
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        if byte != b'+' {
            out.push(byte);
            continue;
        }
        let length = bytes[at..].iter().take_while(|&&byte| sextet(byte).is_some()).count();
        let shifted = &bytes[at..at + length];
        at += length;
        let is_closed = bytes.get(at) == Some(&b'-');
        if shifted.is_empty() {
            // `+-` is a plus; a plus before anything else is one that was not encoded.
            out.push(b'+');
            at += usize::from(is_closed);
            continue;
        }
        let found = sixteen(shifted);
        if found.is_empty() {
            out.push(b'+');
            out.extend_from_slice(shifted);
            continue;
        }
        out.extend_from_slice(found.as_bytes());
        // A minus ends the run and is swallowed (rule 2).
        at += usize::from(is_closed);
    }
    super::eight_bit(&out).into_owned()
}

fn sextet(byte: u8) -> Option<u32> {
    Some(match byte {
        b'A'..=b'Z' => u32::from(byte - b'A'),
        b'a'..=b'z' => u32::from(byte - b'a') + 26,
        b'0'..=b'9' => u32::from(byte - b'0') + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

/// UTF-16 in base64 without padding; bits left over are zero.
fn sixteen(base64: &[u8]) -> String {
    let (mut bits, mut held) = (0_u32, 0);
    let mut units = Vec::with_capacity(base64.len() * 6 / 16 + 1);
    for value in base64.iter().filter_map(|&byte| sextet(byte)) {
        bits = (bits & 0x3ffff) << 6 | value;
        held += 6;
        if held >= 16 {
            held -= 16;
            units.push((bits >> held) as u16);
        }
    }
    String::from_utf16_lossy(&units)
}

/// Whether people write that character in mails: the letters and signs of living scripts that the charsets of mails can write. A wrong
/// reading of bytes gives others sooner or later.
pub fn is_usual(c: char) -> bool {
    matches!(c,
        '\u{a0}'..='\u{17f}' | '\u{218}'..='\u{21b}' | '\u{1e9e}' | '\u{1ea0}'..='\u{1ef9}' | '\u{1a0}' | '\u{1a1}' | '\u{1af}' | '\u{1b0}'
        | '\u{2c6}' | '\u{2dc}' | '\u{300}'..='\u{304}' | '\u{308}' | '\u{309}' | '\u{30a}' | '\u{30c}' | '\u{323}' | '\u{327}' | '\u{328}'
        | '\u{384}'..='\u{3ce}' | '\u{401}'..='\u{40f}' | '\u{410}'..='\u{44f}' | '\u{451}'..='\u{45f}' | '\u{490}' | '\u{491}'
        | '\u{5d0}'..='\u{5ea}' | '\u{60c}' | '\u{61b}' | '\u{61f}'..='\u{652}' | '\u{660}'..='\u{669}' | '\u{671}'..='\u{6d3}'
        | '\u{900}'..='\u{d7f}' | '\u{e01}'..='\u{e5b}' | '\u{10d0}'..='\u{10fa}'
        | '\u{2009}'..='\u{2027}' | '\u{202f}'..='\u{203a}' | '\u{20ac}' | '\u{2116}' | '\u{2122}' | '\u{2190}'..='\u{21ff}' | '\u{2200}'..='\u{22ff}'
        | '\u{2500}'..='\u{27bf}' | '\u{2b50}' | '\u{3000}'..='\u{30ff}' | '\u{3105}'..='\u{312f}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}'
        | '\u{fb00}'..='\u{fb04}' | '\u{fe0f}' | '\u{feff}' | '\u{ff01}'..='\u{ffe6}' | '\u{fffd}' | '\u{1f1e6}'..='\u{1faff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf16_of_every_kind() {
        let check = |bytes: &[u8], named: Option<Order>, want: &str| assert_eq!(utf16(bytes, named), want, "{bytes:?}");
        check(b"\xff\xfeG\0r\0\xfc\0\xdf\0e\0", None, "Grüße");
        check(b"\xfe\xff\0G\0r\0\xfc\0\xdf\0e", None, "Grüße");
        check(b"G\0r\0\xfc\0\xdf\0e\0", None, "Grüße");
        check(b"\0G\0r\0\xfc\0\xdf\0e", None, "Grüße");
        // The name is the other one; the NULs say so.
        check(b"G\0r\0\xfc\0\xdf\0e\0", Some(Order::Big), "Grüße");
        check("中文 好".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>().as_slice(), None, "中文 好");
        check("中文 好".encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>().as_slice(), None, "中文 好");
        check("中文".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>().as_slice(), Some(Order::Little), "中文");
        check(b"", None, "");
        check(b"x", None, "");
    }

    #[test]
    fn utf32_of_every_kind() {
        let bytes = |little: bool| {
            "Grüße 🙂".chars().flat_map(|c| if little { (c as u32).to_le_bytes() } else { (c as u32).to_be_bytes() }).collect::<Vec<_>>()
        };
        assert_eq!((utf32(&bytes(true), None), utf32(&bytes(false), None)), ("Grüße 🙂".to_owned(), "Grüße 🙂".to_owned()));
        assert_eq!(utf32(&[0xff, 0xfe, 0, 0, b'x', 0, 0, 0, b'y'], Some(Order::Big)), "x");
    }

    #[test]
    fn utf7_of_every_kind() {
        let check = |bytes: &[u8], want: &str| assert_eq!(utf7(bytes), want, "{}", String::from_utf8_lossy(bytes));
        check(b"Gr+APwA3w-e", "Grüße");
        check(b"M+APw-ller", "Müller");
        check(b"1 +- 1 = 2", "1 + 1 = 2");
        check(b"Ende: +APw", "Ende: ü");
        check(b"+AGE.b+AGM-", "a.bc");
        check(b"C++ und a+", "C++ und a+");
        check(b"+2D3eQg-", "🙂");
        check(b"", "");
    }
}
