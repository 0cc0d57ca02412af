//! Names of charsets, however they are written: without punctuation, prefix and year they are looked up here.

use super::code_pages;
use super::unicode;
use encoding_rs::{BIG5, EUC_JP, EUC_KR, Encoding, GB18030, GBK, ISO_2022_JP, KOI8_R, KOI8_U, MACINTOSH, SHIFT_JIS, WINDOWS_1252};

/// Longest name that is looked at, without punctuation.
const LONGEST_NAME: usize = 40;

/// What turns bytes into text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Decoder {
    Utf8,
    /// ASCII or nothing: programs that say so send anything.
    Ascii,
    Utf16(Option<unicode::Order>),
    Utf32(Option<unicode::Order>),
    Utf7,
    Hz,
    Iso2022,
    /// The upper half of a code page.
    Half(&'static str),
    Known(&'static Encoding),
}

/// The decoder for a name: `"UTF-8"`, `utf8mb4`, `cp-850`, `charset=utf-8;`, `x-mac-roman`, `ISO_8859-1:1987`.
pub fn named(name: &str) -> Option<Decoder> {
    let name = name.rsplit_once('=').map_or(name, |(_, behind)| behind);
    // RFC 2231 §5: a language may follow; a year does in the names of IANA.
    let name = name.split(['*', ':']).next().unwrap_or_default();
    let bare = squashed(name);
    by_squashed(&bare)
        .or_else(|| {
            let first = squashed(name.trim_start_matches(['"', '\'', ' ', '<']).split([';', ',', ' ', '(', '"', '\'']).next()?);
            (first != bare).then(|| by_squashed(&first)).flatten()
        })
        .or_else(|| {
            let known = Encoding::for_label_no_replacement(name.trim_matches(['"', '\'', ' ']).as_bytes())?;
            (known != encoding_rs::X_USER_DEFINED).then_some(Decoder::Known(known))
        })
}

fn squashed(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).take(LONGEST_NAME).map(|c| c.to_ascii_lowercase()).collect()
}

fn by_squashed(name: &str) -> Option<Decoder> {
    const PREFIXES: [&str; 13] = ["cs", "x", "iso", "windows", "win", "codepage", "cp", "ibm", "pc", "msdos", "dos", "ms", "oem"];
    if name.starts_with("utf8") {
        return Some(Decoder::Utf8);
    }
    if let Some(found) = by_name(name).or_else(|| by_family(name)) {
        return Some(found);
    }
    if let Ok(number) = name.parse() {
        return by_number(number);
    }
    // `cp1252`, `x-cp1252`, `cspc850multilingual`: what is behind the prefix names it.
    PREFIXES.iter().filter_map(|prefix| name.strip_prefix(prefix)).find_map(|rest| {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number = rest.get(..digits).filter(|digits| digits.len() >= 3).and_then(|digits| digits.parse().ok());
        number.and_then(by_number).or_else(|| (!rest.is_empty() && digits == 0).then(|| by_squashed(rest)).flatten())
    })
}

/// `iso88591`, `88591`, `iso88598i`, `latin9`, `l9`: the parts of ISO 8859.
fn by_family(name: &str) -> Option<Decoder> {
    const LATIN: [u32; 11] = [0, 1, 2, 3, 4, 9, 10, 13, 14, 15, 16];
    let digits = |rest: &str| rest.chars().take_while(char::is_ascii_digit).take(2).collect::<String>().parse::<u32>().ok();
    let part = match name.strip_prefix("iso").unwrap_or(name).strip_prefix("8859") {
        Some("") => Some(1),
        // IANA's names end with a year.
        Some(rest) => digits(match rest.len().checked_sub(4) {
            Some(1 | 2) if rest.bytes().all(|byte| byte.is_ascii_digit()) => &rest[..rest.len() - 4],
            _ => rest,
        }),
        None => {
            let rest = name.strip_prefix("isolatin").or(name.strip_prefix("latin")).or(name.strip_prefix('l'));
            rest.and_then(digits).and_then(|number| LATIN.get(usize::try_from(number).ok()?).copied()).filter(|&part| part > 0)
        }
    };
    Encoding::for_label(format!("iso-8859-{}", part?).as_bytes()).map(Decoder::Known)
}

/// The part of ISO 8859 that has that number in ISO's registry of charsets.
fn iso_registry(number: &str) -> Option<u32> {
    const PARTS: [(&str, u32); 13] = [
        ("100", 1),
        ("101", 2),
        ("109", 3),
        ("110", 4),
        ("144", 5),
        ("127", 6),
        ("126", 7),
        ("138", 8),
        ("148", 9),
        ("157", 10),
        ("199", 14),
        ("203", 15),
        ("226", 16),
    ];
    PARTS.iter().find(|(known, _)| *known == number).map(|(_, part)| *part)
}

fn by_name(name: &str) -> Option<Decoder> {
    use unicode::Order::{Big, Little};
    Some(match name {
        "" | "ascii" | "usascii" | "646" | "iso646us" | "ansix341968" | "ansix341986" | "7bit" | "8bit" | "none" | "binary" => {
            Decoder::Ascii
        }
        "unicode11utf8" | "unicode20utf8" | "cputf8" => Decoder::Utf8,
        "utf16" | "ucs2" | "unicode" | "iso10646ucs2" | "unicodefeff" | "utf16lebom" | "u16" => Decoder::Utf16(None),
        "utf16le" | "ucs2le" | "unicodelittle" | "unicodelittleunmarked" => Decoder::Utf16(Some(Little)),
        "utf16be" | "ucs2be" | "unicodefffe" | "unicodebig" | "unicodebigunmarked" => Decoder::Utf16(Some(Big)),
        "utf32" | "ucs4" | "iso10646ucs4" => Decoder::Utf32(None),
        "utf32le" | "ucs4le" => Decoder::Utf32(Some(Little)),
        "utf32be" | "ucs4be" => Decoder::Utf32(Some(Big)),
        "utf7" | "unicode11utf7" | "xunicode20utf7" | "unicode20utf7" => Decoder::Utf7,
        "hz" | "hzgb" | "hzgb2312" => Decoder::Hz,
        name if name.trim_start_matches("cs").starts_with("iso2022") => Decoder::Iso2022,
        "ansi" | "westerneuropean" | "western" | "iso10646" | "visual1252" => Decoder::Known(WINDOWS_1252),
        "gb2312" | "gb231280" | "gb23121980" | "macsimpchinese" | "euccn" | "eucgb2312cn" | "gbk" | "chinese" | "isoir58" | "gb" => {
            Decoder::Known(GBK)
        }
        "gb18030" | "gb180302000" | "gb180302005" | "gb180302022" => Decoder::Known(GB18030),
        "big5" | "big5tw" | "big5hkscs" | "cnbig5" | "hkscs" | "big5eten" | "mactradchinese" => Decoder::Known(BIG5),
        "euckr" | "ksc5601" | "ksc56011987" | "ksc56011989" | "ksx1001" | "korean" | "mackorean" | "uhc" | "isoir149" => {
            Decoder::Known(EUC_KR)
        }
        "eucjp" | "ujis" | "eucjis2004" | "eucjisx0213" | "extendedunixcodepackedformatforjapanese" => Decoder::Known(EUC_JP),
        "shiftjis" | "sjis" | "mskanji" | "windows31j" | "shiftjis2004" | "shiftjisx0213" | "sjis2004" | "sjisx0213" | "macjapanese" => {
            Decoder::Known(SHIFT_JIS)
        }
        "jis" | "jisencoding" => Decoder::Known(ISO_2022_JP),
        "koi8" | "koi8r" | "koi" => Decoder::Known(KOI8_R),
        "koi8u" | "koi8ru" => Decoder::Known(KOI8_U),
        "mac" | "macroman" | "macintosh" | "applemacintosh" => Decoder::Known(MACINTOSH),
        "maccyrillic" | "macukrainian" | "xmaccyrillic" | "xmacukrainian" => Decoder::Known(encoding_rs::X_MAC_CYRILLIC),
        "maclatin2" | "maccentraleurope" | "maccenteuro" | "xmacce" => Decoder::Half(code_pages::upper_half("macce")?),
        "roman8" | "r8" => Decoder::Half(code_pages::upper_half("hproman8")?),
        "cp1051" | "ibm1051" => Decoder::Half(code_pages::upper_half("hproman8")?),
        "ruscii" => Decoder::Half(code_pages::upper_half("1125")?),
        "pc8codepage437" => Decoder::Half(code_pages::upper_half("437")?),
        "pcp852" => Decoder::Half(code_pages::upper_half("852")?),
        "cp154" | "pt154" | "cyrillicasian" => Decoder::Half(code_pages::upper_half("ptcp154")?),
        name if name.starts_with("isoir") => return by_family(&format!("8859{}", iso_registry(name.get(5..)?)?)),
        "elot928" | "ecma118" => return by_family("88597"),
        "ecma114" | "asmo708" => return by_family("88596"),
        "rk1048" | "strk10482002" => Decoder::Half(code_pages::upper_half("kz1048")?),
        name if name.starts_with("tis620") || matches!(name, "thai" | "isoir166") => Decoder::Known(encoding_rs::WINDOWS_874),
        // Pages by number go by their prefix, so that `850` in another name means nothing.
        name if !name.starts_with(|c: char| c.is_ascii_digit()) => match code_pages::upper_half(name) {
            Some(upper) => Decoder::Half(upper),
            None => return by_label(name),
        },
        _ => return None,
    })
}

/// The names that browsers know and that need no punctuation.
fn by_label(name: &str) -> Option<Decoder> {
    let known = Encoding::for_label(name.as_bytes())?;
    (known.is_single_byte() && known != encoding_rs::X_USER_DEFINED).then_some(Decoder::Known(known))
}

/// Microsoft's and IBM's numbers.
fn by_number(number: u32) -> Option<Decoder> {
    use unicode::Order::{Big, Little};
    let label = match number {
        65001 => return Some(Decoder::Utf8),
        65000 => return Some(Decoder::Utf7),
        1200 => return Some(Decoder::Utf16(Some(Little))),
        1201 => return Some(Decoder::Utf16(Some(Big))),
        12000 => return Some(Decoder::Utf32(Some(Little))),
        12001 => return Some(Decoder::Utf32(Some(Big))),
        20127 | 646 | 367 => return Some(Decoder::Ascii),
        50220..=50229 => return Some(Decoder::Iso2022),
        52936 => return Some(Decoder::Hz),
        10029 => return code_pages::upper_half("macce").map(Decoder::Half),
        866 => "ibm866",
        874 => "windows-874",
        932 | 942 | 943 => "shift_jis",
        936 | 1386 => "gbk",
        949 | 51949 => "euc-kr",
        950 => "big5",
        54936 => "gb18030",
        51932 | 20932 => "euc-jp",
        20866 | 878 => "koi8-r",
        21866 | 1168 => "koi8-u",
        10000 => "macintosh",
        10007 => "x-mac-cyrillic",
        819 => "iso-8859-1",
        912 => "iso-8859-2",
        923 => "iso-8859-15",
        1250..=1258 => return Encoding::for_label(format!("windows-{number}").as_bytes()).map(Decoder::Known),
        28591..=28606 => return Encoding::for_label(format!("iso-8859-{}", number - 28590).as_bytes()).map(Decoder::Known),
        _ => return code_pages::upper_half(&number.to_string()).map(Decoder::Half),
    };
    Encoding::for_label(label.as_bytes()).map(Decoder::Known)
}
