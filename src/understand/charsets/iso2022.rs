//! Seven-bit charsets that switch by escape sequences: ISO-2022-JP and its extensions (RFC 1468, RFC 1554, RFC 2237), ISO-2022-KR
//! (RFC 1557), ISO-2022-CN (RFC 1922), and HZ (RFC 1843). Browsers gave them up; what they switch to is still there in encoding_rs.

use encoding_rs::{EUC_JP, EUC_KR, Encoding, GBK, ISO_8859_7, SHIFT_JIS, WINDOWS_1252};
use memchr::memmem;

const ESCAPE: u8 = 0x1b;

/// What bytes mean until the next switch.
#[derive(Clone, Copy, PartialEq)]
enum Set {
    Ascii,
    Katakana,
    Two { encoding: &'static Encoding, before: &'static [u8] },
}

const JIS: Set = Set::Two { encoding: EUC_JP, before: &[] };
const JIS_MORE: Set = Set::Two { encoding: EUC_JP, before: &[0x8f] };
const KOREAN: Set = Set::Two { encoding: EUC_KR, before: &[] };
const CHINESE: Set = Set::Two { encoding: GBK, before: &[] };

/// Whether seven-bit text switches charsets, whatever it is called.
pub fn is_evident(bytes: &[u8]) -> bool {
    let switches =
        || [b"\x1b$B".as_slice(), b"\x1b$@", b"\x1b$(D", b"\x1b$)C", b"\x1b$A"].iter().any(|switch| memmem::find(bytes, switch).is_some());
    memchr::memchr(ESCAPE, bytes).is_some() && bytes.is_ascii() && switches()
}

/// Text of any of the ISO-2022 charsets. Without a single switch and not ASCII, it is one of the eight-bit charsets of Japan.
pub fn text(bytes: &[u8]) -> String {
    if !bytes.is_ascii() && memchr::memchr2(ESCAPE, 0x0e, bytes).is_none() {
        let (text, _, is_wrong) = SHIFT_JIS.decode(bytes);
        return if is_wrong { EUC_JP.decode(bytes).0.into_owned() } else { text.into_owned() };
    }
    let mut reader = Reader { out: String::with_capacity(bytes.len()), run: Vec::new(), run_of: EUC_JP };
    let (mut chosen, mut shifted_to, mut single, mut is_shifted) = (Set::Ascii, Set::Ascii, WINDOWS_1252, false);
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if byte == ESCAPE
            && let Some((length, switch)) = switch(&bytes[at + 1..])
        {
            match switch {
                Switch::Now(set) => (chosen, is_shifted) = (set, false),
                Switch::ForShift(set) => shifted_to = set,
                Switch::ForSingle(encoding) => single = encoding,
                Switch::Single(byte) => reader.push(single, &[byte | 0x80]),
            }
            at += 1 + length;
            continue;
        }
        at += 1;
        match byte {
            0x0e => is_shifted = true,
            0x0f => is_shifted = false,
            0x21..=0x7e => match (if is_shifted { shifted_to } else { chosen }, bytes.get(at)) {
                (Set::Ascii, _) => reader.plain(char::from(byte)),
                (Set::Katakana, _) => reader.push(EUC_JP, &[0x8e, byte | 0x80]),
                (Set::Two { encoding, before }, Some(&second @ 0x21..=0x7e)) => {
                    at += 1;
                    reader.push(encoding, before);
                    reader.push(encoding, &[byte | 0x80, second | 0x80]);
                }
                (Set::Two { .. }, _) => reader.plain(char::REPLACEMENT_CHARACTER),
            },
            0x80.. => reader.plain(char::REPLACEMENT_CHARACTER),
            _ => reader.plain(char::from(byte)),
        }
    }
    reader.flush();
    reader.out
}

/// Gathers what one encoding has to read, so that it reads it at once.
struct Reader {
    out: String,
    run: Vec<u8>,
    run_of: &'static Encoding,
}

impl Reader {
    fn push(&mut self, encoding: &'static Encoding, bytes: &[u8]) {
        if self.run_of != encoding {
            self.flush();
            self.run_of = encoding;
        }
        self.run.extend_from_slice(bytes);
    }

    fn plain(&mut self, c: char) {
        self.flush();
        self.out.push(c);
    }

    fn flush(&mut self) {
        if !self.run.is_empty() {
            self.out.push_str(&self.run_of.decode_without_bom_handling(&self.run).0);
            self.run.clear();
        }
    }
}

enum Switch {
    Now(Set),
    ForShift(Set),
    ForSingle(&'static Encoding),
    Single(u8),
}

/// What stands behind an escape character, and how long it is.
fn switch(rest: &[u8]) -> Option<(usize, Switch)> {
    Some(match rest {
        [b'(', b'B' | b'J' | b'H', ..] => (2, Switch::Now(Set::Ascii)),
        [b'(', b'I', ..] => (2, Switch::Now(Set::Katakana)),
        [b'$', b'@' | b'B', ..] => (2, Switch::Now(JIS)),
        [b'$', b'A', ..] => (2, Switch::Now(CHINESE)),
        [b'$', b'(', set, ..] => (3, Switch::Now(two_bytes(*set)?)),
        [b'$', b')', set, ..] => (3, Switch::ForShift(two_bytes(*set)?)),
        [b')', b'I', ..] => (2, Switch::ForShift(Set::Katakana)),
        [b'.', b'A', ..] => (2, Switch::ForSingle(WINDOWS_1252)),
        [b'.', b'F', ..] => (2, Switch::ForSingle(ISO_8859_7)),
        [b'N', byte @ 0x20..=0x7f, ..] => (2, Switch::Single(*byte)),
        _ => return None,
    })
}

/// The planes of JIS X 0213 hold what those before them held, and more that nobody can write elsewhere.
fn two_bytes(set: u8) -> Option<Set> {
    match set {
        b'@' | b'B' | b'O' | b'Q' => Some(JIS),
        b'D' => Some(JIS_MORE),
        b'C' => Some(KOREAN),
        b'A' | b'E' => Some(CHINESE),
        _ => None,
    }
}

/// HZ: `~{` and `~}` around Chinese, `~~` for a tilde, `~` at a line's end for none.
pub fn hz(bytes: &[u8]) -> String {
    let mut out = Vec::with_capacity(bytes.len());
    let (mut at, mut is_chinese) = (0, false);
    while let Some(&byte) = bytes.get(at) {
        match (byte, bytes.get(at + 1)) {
            (b'~', Some(b'{')) => (is_chinese, at) = (true, at + 2),
            (b'~', Some(b'}')) => (is_chinese, at) = (false, at + 2),
            (b'~', Some(b'~')) if !is_chinese => {
                out.push(b'~');
                at += 2;
            }
            (b'~', Some(b'\n')) => at += 2,
            (0x21..=0x7d, Some(&second @ 0x21..=0x7e)) if is_chinese => {
                out.extend([byte | 0x80, second | 0x80]);
                at += 2;
            }
            _ => {
                // RFC 1843: Chinese does not go over a line's end.
                is_chinese &= byte != b'\n';
                out.push(byte);
                at += 1;
            }
        }
    }
    GBK.decode_without_bom_handling(&out).0.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches() {
        let check = |bytes: &[u8], want: &str| assert_eq!(text(bytes), want, "{}", String::from_utf8_lossy(bytes));
        check(b"\x1b$BF|K\\8l\x1b(B abc", "日本語 abc");
        check(b"\x1b$@F|K\\8l\x1b(J abc", "日本語 abc");
        check(b"\x1b(I1^\x1b(B", "ｱﾞ");
        check(b"\x1b$(D0!\x1b(B", "丂");
        // RFC 1557 and RFC 1922: shifted out and in.
        check(b"\x1b$)C\x0eGQ19>n\x0f x", "한국어 x");
        check(b"\x1b$)A\x0eVPND\x0f x", "中文 x");
        // RFC 1554: Chinese, Korean, a letter of Latin-1.
        check(b"\x1b$AVPND\x1b$(CGQ19\x1b(B\x1b.Ax\x1bN|", "中文한국xü");
        // Cut in the midst, and no escape at all.
        check(b"\x1b$BF", "\u{fffd}");
        check("日本".as_bytes(), &SHIFT_JIS.decode("日本".as_bytes()).0);
        check(b"\x93\xfa\x96{", "日本");
        check(b"\x1b[0mx", "\u{1b}[0mx");
    }

    #[test]
    fn hz_switches() {
        assert_eq!(hz(b"a ~{<:Ky2;~} ~~ b~\nc"), "a 己所不 ~ bc");
        assert_eq!(hz(b"~{<:\nabc"), "己\nabc");
        assert_eq!(hz(b"x~"), "x~");
    }
}
