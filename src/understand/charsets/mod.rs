//! Charsets: which one a name means, however it is written, and which one the bytes evidently are, whatever the name says. The tables are
//! encoding_rs's; what browsers no longer read and mails still bear is beside: code pages, ISO-2022, UTF-7, UTF-32.

mod code_pages;
mod iso2022;
pub mod mojibake;
mod names;
mod unicode;

use encoding_rs::{WINDOWS_1252, WINDOWS_1258};
use names::{Decoder, named};
use std::borrow::Cow;
use unicode_normalization::UnicodeNormalization;

/// So much of an HTML text is searched for the charset that it names; HTML itself asks for the first 1,024 bytes.
const MOST_HTML_HEAD: usize = 4096;
/// How a charset was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// As named, or there was nothing to name.
    Right,
    /// Some bytes did not fit.
    SomeBytesWrong,
    /// The name is unknown; what it was read as.
    Unknown(&'static str),
    /// The name is known, and the bytes are evidently another's; what they were read as.
    Evidently(&'static str),
}

/// Turns bytes of the named charset into text.
pub fn text<'a>(bytes: &'a [u8], charset: Option<&str>) -> (Cow<'a, str>, Charset) {
    let name = charset.map(str::trim).filter(|name| !name.is_empty());
    let decoder = name.map_or(Some(Decoder::Ascii), named);
    if let Some(rest) = bytes.strip_prefix(b"\xef\xbb\xbf") {
        let (text, how) = utf8(rest);
        let is_meant = how != Charset::Right || matches!(decoder, Some(Decoder::Utf8 | Decoder::Ascii));
        return (text, if is_meant { how } else { Charset::Evidently("UTF-8") });
    }
    if let Some((text, read_as, is_meant)) = marked(bytes, decoder) {
        return (text, if is_meant { Charset::Right } else { Charset::Evidently(read_as) });
    }
    match decoder {
        None => {
            let is_utf8 = std::str::from_utf8(bytes).is_ok() || is_mostly_utf8(bytes);
            (without_name(bytes), Charset::Unknown(if is_utf8 { "UTF-8" } else { "windows-1252" }))
        }
        Some(Decoder::Ascii) => (without_name(bytes), Charset::Right),
        Some(Decoder::Utf8) => utf8(bytes),
        Some(decoder) => decoded(bytes, decoder),
    }
}

/// Whether that is the name of a charset that can be read.
pub fn is_known(name: &str) -> bool {
    named(name).is_some()
}

/// Raw 8-bit bytes that name no charset: UTF-8 if they are, else windows-1252, which is never wrong in German.
pub fn eight_bit(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => WINDOWS_1252.decode_without_bom_handling(bytes).0,
    }
}

/// The charset that an HTML text names itself, for a part that names none: `<meta charset>`, its older form with `http-equiv`, or the
/// declaration of XML.
pub fn of_html(bytes: &[u8]) -> Option<String> {
    let head = &bytes[..bytes.len().min(MOST_HTML_HEAD)];
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let head = head.split("<body").next().unwrap_or_default();
    let in_meta = || {
        head.split("<meta").skip(1).find_map(|tag| {
            let tag = tag.split('>').next().unwrap_or_default();
            tag.split_once("charset").map(|(_, rest)| rest)
        })
    };
    let in_xml = || {
        let declaration = head.split_once("<?xml")?.1.split("?>").next().unwrap_or_default();
        declaration.split_once("encoding").map(|(_, rest)| rest)
    };
    let value = in_meta().or_else(in_xml)?.trim_start().strip_prefix('=')?.trim_start();
    let value = value.trim_start_matches(['"', '\'']);
    let end = value.find(|c: char| !c.is_ascii_alphanumeric() && !"-_:.".contains(c)).unwrap_or(value.len());
    // Text in which an HTML parser finds a name in ASCII is no UTF-16, whatever it says (HTML, "prescan a byte stream").
    let is_possible = !matches!(named(&value[..end]), None | Some(Decoder::Utf16(_) | Decoder::Utf32(_)));
    (end > 0 && is_possible).then(|| value[..end].to_owned())
}

/// Whether the name says no more than that nobody thought of it.
pub fn says_nothing(name: Option<&str>) -> bool {
    name.is_none_or(|name| name.trim().is_empty() || named(name) == Some(Decoder::Ascii))
}

/// Bytes that say themselves what they are: by NULs at every other place, by escape sequences. The flag says that
/// the name says no other.
fn marked(bytes: &[u8], decoder: Option<Decoder>) -> Option<(Cow<'_, str>, &'static str, bool)> {
    let is_wide = matches!(decoder, Some(Decoder::Utf16(_) | Decoder::Utf32(_)));
    if !is_wide && let Some(order) = unicode::utf16_by_nuls(bytes) {
        return Some((unicode::utf16(bytes, Some(order)).into(), "UTF-16", false));
    }
    let is_plain = matches!(decoder, None | Some(Decoder::Ascii | Decoder::Utf8));
    (is_plain && iso2022::is_evident(bytes)).then(|| (iso2022::text(bytes).into(), "ISO-2022", decoder == Some(Decoder::Ascii)))
}

/// Text of no known name: like all raw bytes, but a few broken ones in much UTF-8 are no reason to spoil it.
fn without_name(bytes: &[u8]) -> Cow<'_, str> {
    if is_mostly_utf8(bytes) { utf8(bytes).0 } else { eight_bit(bytes) }
}

fn is_mostly_utf8(bytes: &[u8]) -> bool {
    let (mut broken, mut whole) = (0_usize, 0_usize);
    for chunk in bytes.utf8_chunks() {
        broken += usize::from(!chunk.invalid().is_empty());
        whole += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
    }
    broken > 0 && 4 * broken <= whole
}

/// Text that calls itself UTF-8. Where it is not, gateways have put lines of their own under it, or the name is wrong altogether: a line
/// of which more is broken than whole is windows-1252.
fn utf8(bytes: &[u8]) -> (Cow<'_, str>, Charset) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return (Cow::Borrowed(text), Charset::Right);
    }
    let mut out = String::with_capacity(bytes.len() + bytes.len() / 8);
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        let lossy = String::from_utf8_lossy(line);
        let broken = lossy.chars().filter(|&c| c == '\u{fffd}').count();
        let whole = lossy.chars().filter(|&c| c > '\u{7f}' && c != '\u{fffd}').count();
        out.push_str(&if broken > whole { eight_bit(line) } else { lossy });
    }
    let how = if out.contains('\u{fffd}') { Charset::SomeBytesWrong } else { Charset::Evidently("windows-1252") };
    (Cow::Owned(out), how)
}

/// Text of a charset that is neither UTF-8 nor ASCII, unless the bytes are evidently UTF-8.
fn decoded(bytes: &[u8], decoder: Decoder) -> (Cow<'_, str>, Charset) {
    let as_utf8 = std::str::from_utf8(bytes).ok();
    let is_one_byte = matches!(decoder, Decoder::Half(_)) || matches!(decoder, Decoder::Known(known) if known.is_single_byte());
    if let Some(text) = as_utf8 {
        let is_wide = matches!(decoder, Decoder::Utf16(_) | Decoder::Utf32(_));
        let is_evident = if is_one_byte { is_evident(text) } else { is_evident_among_wide(text) };
        if is_wide && is_plain_text(bytes) || !is_wide && is_evident {
            return (Cow::Borrowed(text), Charset::Evidently("UTF-8"));
        }
    }
    let text = match decoder {
        Decoder::Utf16(order) => unicode::utf16(bytes, order),
        Decoder::Utf32(order) => unicode::utf32(bytes, order),
        Decoder::Utf7 => unicode::utf7(bytes),
        Decoder::Hz => iso2022::hz(bytes),
        Decoder::Iso2022 => iso2022::text(bytes),
        Decoder::Half(upper) => half(bytes, upper),
        // Vietnamese letters come with their tones behind them; everybody else has them in one.
        Decoder::Known(known) if known == WINDOWS_1258 => known.decode_without_bom_handling(bytes).0.nfc().collect(),
        Decoder::Known(known) => known.decode_without_bom_handling(bytes).0.into_owned(),
        Decoder::Utf8 | Decoder::Ascii => eight_bit(bytes).into_owned(),
    };
    if !text.contains('\u{fffd}') {
        return (Cow::Owned(text), Charset::Right);
    }
    match as_utf8 {
        Some(utf8) if !utf8.is_ascii() && !utf8.contains('\u{fffd}') && !bytes.contains(&0) => {
            (Cow::Borrowed(utf8), Charset::Evidently("UTF-8"))
        }
        _ => (Cow::Owned(text), Charset::SomeBytesWrong),
    }
}

/// Text in bytes that cannot be UTF-16: words of ASCII with blanks between.
fn is_plain_text(bytes: &[u8]) -> bool {
    let letters = bytes.iter().filter(|byte| byte.is_ascii_alphanumeric()).count();
    let blanks = bytes.iter().filter(|byte| byte.is_ascii_whitespace()).count();
    !bytes.contains(&0) && 10 * (letters + blanks) >= 7 * bytes.len() && (blanks > 0 || bytes.len() % 2 == 1)
}

/// Whether text that is valid UTF-8 was meant as that: it has letters beyond ASCII, and all of them are such as people write.
fn is_evident(text: &str) -> bool {
    !text.is_ascii() && text.chars().all(|c| c.is_ascii() || unicode::is_usual(c))
}

/// The same where the name is a charset of several bytes, which may be UTF-8 by accident: two bytes at a time for letters that are none of
/// the West's, but never three and three.
fn is_evident_among_wide(text: &str) -> bool {
    let is_western = |c: char| matches!(c, '\u{a0}'..='\u{ff}' | '\u{2010}'..='\u{203a}' | '\u{20ac}');
    let others = || text.chars().filter(|&c| !c.is_ascii() && !is_western(c));
    is_evident(text) && others().all(|c| c >= '\u{800}') && others().count() != 1
}

fn half(bytes: &[u8], upper: &str) -> String {
    let upper: Vec<char> = upper.chars().collect();
    let of = |&byte: &u8| if byte < 0x80 { char::from(byte) } else { upper[usize::from(byte) - 0x80] };
    bytes.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], name: Option<&str>, want: &str, how: Charset) {
        let (text, seen) = text(bytes, name);
        assert_eq!((text.as_ref(), seen), (want, how), "{name:?}");
    }

    #[test]
    fn names_as_they_are_written() {
        let reads = |name: &str, bytes: &[u8], want: &str| check(bytes, Some(name), want, Charset::Right);
        for name in [
            "utf-8",
            "UTF8",
            "utf8mb4",
            "\"utf-8\"",
            "'utf-8'",
            "utf-8;",
            "charset=utf-8",
            "charset=\"utf-8\"",
            "utf 8",
            "x-utf-8",
            "utf-8*de",
            "cp65001",
        ] {
            reads(name, "Größe".as_bytes(), "Größe");
        }
        for name in [
            "iso-8859-1",
            "ISO_8859-1:1987",
            "iso8859-1",
            "8859-1",
            "latin1",
            "Latin-1",
            "l1",
            "cp819",
            "windows-1252",
            "win-1252",
            "x-cp1252",
            "CP 1252",
            "ansi",
            "iso-8859-15",
        ] {
            reads(name, b"Gr\xf6\xdfe", "Größe");
        }
        for name in ["cp850", "cp-850", "ibm850", "850", "csPC850Multilingual", "cp437", "IBM-437", "dos-437", "cp858"] {
            reads(name, b"Gr\x94\xe1e", "Größe");
        }
        for name in ["macintosh", "x-mac-roman", "MacRoman"] {
            reads(name, b"Gr\x9a\xa7e", "Größe");
        }
        reads("iso-8859-16", b"\xaa\xbaol", "Șșol");
        reads("x-mac-ce", b"\x88a", "ąa");
        reads("windows-1258", b"Ti\xea\xecng Vi\xea\xf2t", "Tiếng Việt");
        reads("iso-8859-8-i", b"\xf9\xec\xe5\xed", "שלום");
        reads("koi8-r", b"\xf0\xd2\xc9\xd7\xc5\xd4", "Привет");
        reads("koi8-u", b"\xeb\xc9\xa7\xd7", "Київ");
        reads("win1251", b"\xcf\xf0\xe8\xe2\xe5\xf2", "Привет");
        for name in ["euc-kr", "ks_c_5601-1987", "cp949", "KSC5601"] {
            reads(name, b"\xc7\xd1\xb1\xdb", "한글");
        }
        for name in ["gb2312", "gbk", "cp936", "GB18030", "x-gbk", "euc-cn"] {
            reads(name, b"\xd6\xd0\xce\xc4", "中文");
        }
        reads("big5", b"\xa4\xa4\xa4\xe5", "中文");
        reads("shift_jis", b"\x93\xfa\x96{", "日本");
        reads("x-sjis", b"\x93\xfa\x96{", "日本");
        for name in ["iso-2022-jp", "ISO-2022-JP-2", "iso-2022-jp-1", "cp50221", "csISO2022JP", "us-ascii"] {
            reads(name, b"\x1b$BF|K\\\x1b(B", "日本");
        }
        reads("hz-gb-2312", b"~{VPND~}", "中文");
        for name in ["utf-7", "unicode-1-1-utf-7", "x-unicode-2-0-utf-7"] {
            reads(name, b"Gr+APYA3w-e", "Größe");
        }
        for name in ["utf-16", "utf-16le", "UTF16", "ucs-2", "unicode", "utf-16be"] {
            reads(name, b"G\0r\0\xf6\0\xdf\0e\0", "Größe");
        }
        reads("utf-32le", b"G\0\0\0\xf6\0\0\0", "Gö");
    }

    #[test]
    fn names_that_are_none() {
        for name in ["x-made-up", "x-unknown", "unknown-8bit", "default", "replacement", "x-user-defined", "utf", "cp", "850x"] {
            check("Größe".as_bytes(), Some(name), "Größe", Charset::Unknown("UTF-8"));
            check(b"Gr\xf6\xdfe", Some(name), "Größe", Charset::Unknown("windows-1252"));
        }
        for name in [None, Some(""), Some(" "), Some("us-ascii"), Some("ANSI_X3.4-1968"), Some("8bit")] {
            check("Größe".as_bytes(), name, "Größe", Charset::Right);
            check(b"Gr\xf6\xdfe", name, "Größe", Charset::Right);
        }
    }

    #[test]
    fn names_that_are_wrong() {
        let utf8 = Charset::Evidently("UTF-8");
        // Declared a charset of one byte, and UTF-8 throughout: nobody writes `GrÃ¶ÃŸe`.
        for name in ["iso-8859-1", "windows-1252", "iso-8859-2", "koi8-r", "cp850", "windows-1251"] {
            check("Größe – ł".as_bytes(), Some(name), "Größe – ł", utf8);
        }
        check("Größe".as_bytes(), Some("gb2312"), "Größe", utf8);
        check("中文".as_bytes(), Some("gb2312"), "中文", utf8);
        check(b"\xc4\xb3", Some("gbk"), "某", Charset::Right);
        check("Hallo Welt".as_bytes(), Some("utf-16"), "Hallo Welt", utf8);
        check("\u{feff}Größe".as_bytes(), Some("iso-8859-1"), "Größe", utf8);
        // Two letters that are UTF-8 by accident and a sign that nobody writes (U+0373): they stay.
        check(b"\xcd\xb3", Some("windows-1251"), "Ні", Charset::Right);
        // One letter that is none of UTF-8 says that the others are not, either.
        check(b"\xc3\xb6 \xf6", Some("iso-8859-1"), "Ã¶ ö", Charset::Right);
        check(b"Gr\xfc\xdfe", Some("utf-8"), "Grüße", Charset::Evidently("windows-1252"));
        check(b"Gr\xc3\xbc\xc3\x9fe \xc3", Some("utf-8"), "Grüße \u{fffd}", Charset::SomeBytesWrong);
        // A line that a gateway put under it.
        check(b"Gr\xc3\xbc\xc3\x9fe\nGepr\xfcft\n", Some("utf-8"), "Grüße\nGeprüft\n", Charset::Evidently("windows-1252"));
        for name in ["utf-8", "us-ascii", "iso-8859-1", "x-made-up"] {
            check(b"\xff\xfeG\0r\0\xf6\0\xdf\0e\0", Some(name), "Größe", Charset::Evidently("UTF-16"));
        }
        check(b"\x1b$BF|K\\\x1b(B", Some("utf-8"), "日本", Charset::Evidently("ISO-2022"));
    }

    #[test]
    fn charsets_that_html_names() {
        let named = |html: &str, want: Option<&str>| assert_eq!(of_html(html.as_bytes()).as_deref(), want, "{html}");
        named("<html><head><meta charset=\"windows-1250\"></head>", Some("windows-1250"));
        named("<META http-equiv=Content-Type content='text/html; charset=KOI8-R'>", Some("koi8-r"));
        named("<?xml version=\"1.0\" encoding=\"ISO-8859-2\"?><html>", Some("iso-8859-2"));
        named("<meta name=viewport><meta charset = utf-8/>", Some("utf-8"));
        named("<meta charset=utf-16><p>x", None);
        named("<meta charset=us-ascii>", Some("us-ascii"));
        named("<meta charset=>", None);
        named("<meta charset=\"x-nix\">", None);
        named("<body><meta charset=koi8-r>", None);
        named("<p>charset=koi8-r", None);
    }
}
