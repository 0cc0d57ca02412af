//! Text out of RTF: what Outlook wrapped into it (HTML or plain text, MS-OXRTFEX), else what a person would read. Its compressed form
//! is MS-OXRTFCP. Never fails; what is damaged ends early.

use super::object::charset;
use crate::understand::charsets;
use std::collections::HashMap;

/// Groups within groups; no program writes a tenth of it.
const DEEPEST: usize = 1_000;

/// What an RTF body holds.
#[derive(Debug, PartialEq, Eq)]
pub enum Body {
    Html(String),
    Text(String),
}

/// Longest RTF that is looked at, in bytes; pictures stand in it as hexadecimal digits.
const LONGEST: usize = 32 << 20;
/// What every compressed RTF may refer to from its beginning. MS-OXRTFCP §2.1.2.1.
const DICTIONARY: &[u8] = b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";
const WINDOW: usize = 4096;
const COMPRESSED: &[u8] = b"LZFu";
const UNCOMPRESSED: &[u8] = b"MELA";

/// Undoes the compression; a checksum that is wrong is nobody's loss. At most `most` bytes.
pub fn decompressed(bytes: &[u8], most: usize) -> Option<Vec<u8>> {
    let most = most.min(LONGEST);
    let raw_size = u32::from_le_bytes(bytes.get(4..8)?.try_into().ok()?) as usize;
    let content = bytes.get(16..)?;
    match bytes.get(8..12)? {
        UNCOMPRESSED => Some(content[..content.len().min(raw_size).min(most)].to_vec()),
        COMPRESSED => Some(expanded(content, raw_size.min(most))),
        _ => None,
    }
}

fn expanded(content: &[u8], most: usize) -> Vec<u8> {
    let mut window = [b' '; WINDOW];
    window[..DICTIONARY.len()].copy_from_slice(DICTIONARY);
    let mut at = DICTIONARY.len();
    let mut out = Vec::with_capacity(most.min(8 * content.len()));
    let mut bytes = content.iter().copied();
    let mut put = |byte: u8, window: &mut [u8; WINDOW], at: &mut usize| {
        window[*at] = byte;
        *at = (*at + 1) % WINDOW;
        out.push(byte);
        out.len() < most
    };
    'runs: while let Some(control) = bytes.next() {
        for bit in 0..8 {
            let Some(first) = bytes.next() else { break 'runs };
            if control >> bit & 1 == 0 {
                if !put(first, &mut window, &mut at) {
                    break 'runs;
                }
                continue;
            }
            let Some(second) = bytes.next() else { break 'runs };
            let offset = usize::from(first) << 4 | usize::from(second >> 4);
            // MS-OXRTFCP §3.1.1.1.5: a reference to the place that is written next is the end.
            if offset == at {
                break 'runs;
            }
            for step in 0..usize::from(second & 0x0f) + 2 {
                let byte = window[(offset + step) % WINDOW];
                if !put(byte, &mut window, &mut at) {
                    break 'runs;
                }
            }
        }
    }
    out
}

/// Reads RTF. At most `most` bytes come out.
pub fn read(rtf: &[u8], most: usize) -> Option<Body> {
    if !rtf.trim_ascii_start().starts_with(b"{\\rtf") {
        return None;
    }
    let mut reader = Reader::new(rtf, most);
    reader.run();
    reader.flush();
    Some(match reader.wrapped {
        Some(Wrapped::Html) => Body::Html(reader.out),
        Some(Wrapped::Text) | None => Body::Text(reader.out),
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrapped {
    Html,
    Text,
}

/// Where text goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Destination {
    Body,
    /// MS-OXRTFEX §2.1.3.1: a piece of HTML as it was.
    HtmlTag,
    Fonts,
    Skipped,
}

/// What holds up to the end of a group.
#[derive(Clone, Copy, Debug)]
struct State {
    destination: Destination,
    /// Characters that stand behind `\u` for readers that know no Unicode.
    fallback: usize,
    code_page: Option<i64>,
    /// MS-OXRTFEX §2.1.3.1.4: text that is there for readers of RTF only.
    rtf_only: bool,
}

struct Reader<'a> {
    rest: &'a [u8],
    out: String,
    most: usize,
    /// Bytes of the current code page that are not decoded yet.
    pending: Vec<u8>,
    pending_code_page: Option<i64>,
    high_surrogate: Option<u16>,
    state: State,
    outer: Vec<State>,
    /// The group began just now, or with `\*`.
    starred: bool,
    begins: bool,
    fonts: HashMap<i64, i64>,
    font: i64,
    default_code_page: i64,
    wrapped: Option<Wrapped>,
    /// So many characters are passed over: they stand for one that was read.
    skip: usize,
}

impl<'a> Reader<'a> {
    fn new(rtf: &'a [u8], most: usize) -> Reader<'a> {
        Reader {
            rest: rtf.trim_ascii_start(),
            out: String::new(),
            most,
            pending: Vec::new(),
            pending_code_page: None,
            high_surrogate: None,
            state: State { destination: Destination::Body, fallback: 1, code_page: None, rtf_only: false },
            outer: Vec::new(),
            starred: false,
            begins: false,
            fonts: HashMap::new(),
            font: 0,
            default_code_page: 1252,
            wrapped: None,
            skip: 0,
        }
    }

    fn run(&mut self) {
        while let Some((&byte, rest)) = self.rest.split_first() {
            self.rest = rest;
            if self.out.len() + self.pending.len() > self.most {
                return;
            }
            match byte {
                b'{' if self.outer.len() == DEEPEST => return,
                b'{' => {
                    self.skip = 0;
                    self.outer.push(self.state);
                    (self.begins, self.starred) = (true, false);
                    continue;
                }
                b'}' => {
                    self.skip = 0;
                    let Some(state) = self.outer.pop() else { return };
                    self.state = state;
                    // What follows the outermost group is no part of it.
                    if self.outer.is_empty() {
                        return;
                    }
                }
                b'\\' => {
                    self.control();
                    continue;
                }
                b'\r' | b'\n' => continue,
                byte => self.byte(byte),
            }
            (self.begins, self.starred) = (false, false);
        }
    }

    /// What stands behind a backslash.
    fn control(&mut self) {
        let Some((&first, rest)) = self.rest.split_first() else { return };
        if !first.is_ascii_alphabetic() {
            self.rest = rest;
            if first == b'*' {
                self.starred = self.begins;
                return;
            }
            self.symbol(first);
            (self.begins, self.starred) = (false, false);
            return;
        }
        let length = self.rest.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let (word, rest) = self.rest.split_at(length);
        let digits = usize::from(rest.first() == Some(&b'-'));
        let digits = digits + rest[digits..].iter().take(10).take_while(|byte| byte.is_ascii_digit()).count();
        let (number, rest) = rest.split_at(digits);
        self.rest = rest.strip_prefix(b" ").unwrap_or(rest);
        let number = std::str::from_utf8(number).ok().and_then(|number| number.parse().ok());
        let (begins, starred) = (std::mem::take(&mut self.begins), std::mem::take(&mut self.starred));
        self.word(word, number, begins && !starred, starred);
    }

    fn symbol(&mut self, symbol: u8) {
        match symbol {
            b'\'' => {
                let hex = |at: usize| self.rest.get(at).and_then(|&b| char::from(b).to_digit(16));
                if let (Some(high), Some(low)) = (hex(0), hex(1)) {
                    self.rest = &self.rest[2..];
                    self.byte((high << 4 | low) as u8);
                }
            }
            b'\\' | b'{' | b'}' => self.byte(symbol),
            b'~' => self.text("\u{a0}"),
            b'_' => self.text("-"),
            b'\r' | b'\n' => self.text("\n"),
            b'\t' => self.text("\t"),
            _ => (),
        }
    }

    fn word(&mut self, word: &[u8], number: Option<i64>, begins: bool, starred: bool) {
        let is_html = self.wrapped == Some(Wrapped::Html);
        match word {
            b"htmltag" if starred => self.state.destination = if is_html { Destination::HtmlTag } else { Destination::Skipped },
            // Nothing that is read hangs on any other destination that a reader may pass over.
            _ if starred => self.state.destination = Destination::Skipped,
            b"fonttbl" if begins => self.state.destination = Destination::Fonts,
            b"colortbl" | b"stylesheet" | b"info" | b"pict" | b"objdata" | b"fldinst" | b"header" | b"footer" | b"headerl" | b"headerr"
            | b"headerf" | b"footerl" | b"footerr" | b"footerf" | b"themedata" | b"datastore" | b"listtable" | b"filetbl" | b"xe"
            | b"tc"
                if begins =>
            {
                self.state.destination = Destination::Skipped;
            }
            b"fromhtml" if self.out.is_empty() => self.wrapped = Some(Wrapped::Html),
            b"fromtext" if self.out.is_empty() => self.wrapped = Some(Wrapped::Text),
            b"htmlrtf" => self.state.rtf_only = number != Some(0),
            b"ansicpg" => self.default_code_page = number.filter(|&number| number > 0).unwrap_or(1252),
            b"mac" => self.default_code_page = 10000,
            b"deff" => self.font = number.unwrap_or_default(),
            b"f" => self.choose_font(number.unwrap_or_default()),
            b"fcharset" if self.state.destination == Destination::Fonts => {
                if let Some(code_page) = number.and_then(code_page_of) {
                    self.fonts.insert(self.font, code_page);
                }
            }
            b"plain" => self.state.code_page = None,
            b"uc" => self.state.fallback = number.and_then(|number| usize::try_from(number).ok()).unwrap_or(1).min(64),
            b"u" => self.unicode(number.unwrap_or_default()),
            b"bin" => {
                let length = number.and_then(|number| usize::try_from(number).ok()).unwrap_or_default();
                self.rest = self.rest.get(length..).unwrap_or_default();
            }
            _ => {
                if let Some(text) = said_by(word) {
                    self.text(text);
                }
            }
        }
    }

    fn choose_font(&mut self, font: i64) {
        if self.state.destination == Destination::Fonts {
            self.font = font;
        } else {
            self.state.code_page = self.fonts.get(&font).copied();
        }
    }

    fn is_read(&self) -> bool {
        match self.state.destination {
            Destination::HtmlTag => true,
            Destination::Body => !(self.wrapped == Some(Wrapped::Html) && self.state.rtf_only),
            Destination::Fonts | Destination::Skipped => false,
        }
    }

    fn byte(&mut self, byte: u8) {
        if self.skip > 0 {
            self.skip -= 1;
            return;
        }
        if !self.is_read() || byte == 0 {
            return;
        }
        let code_page = Some(self.state.code_page.unwrap_or(self.default_code_page));
        if self.pending_code_page != code_page {
            self.flush();
            self.pending_code_page = code_page;
        }
        self.pending.push(byte);
    }

    fn text(&mut self, text: &str) {
        if self.skip > 0 {
            self.skip -= 1;
            return;
        }
        if self.is_read() {
            self.flush();
            self.out.push_str(text);
        }
    }

    /// RTF 1.9, "Unicode RTF": a signed 16-bit number, and characters for readers that do not know it.
    fn unicode(&mut self, number: i64) {
        self.skip = self.state.fallback;
        if !self.is_read() {
            return;
        }
        self.flush();
        let unit = (number & 0xffff) as u16;
        match (self.high_surrogate.take(), unit) {
            (_, 0xd800..=0xdbff) => self.high_surrogate = Some(unit),
            (high, unit) => {
                let units = high.into_iter().chain([unit]);
                self.out.extend(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).filter(|&c| c != '\0'));
            }
        }
    }

    fn flush(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        match self.pending_code_page.and_then(charset) {
            Some(name) => self.out.push_str(&charsets::text(&self.pending, Some(name)).0),
            None => self.out.push_str(&charsets::eight_bit(&self.pending)),
        }
        self.pending.clear();
    }
}

/// Control words that stand for characters.
fn said_by(word: &[u8]) -> Option<&'static str> {
    Some(match word {
        b"par" | b"line" | b"row" | b"sect" | b"page" => "\n",
        b"tab" | b"cell" => "\t",
        b"lquote" => "\u{2018}",
        b"rquote" => "\u{2019}",
        b"ldblquote" => "\u{201c}",
        b"rdblquote" => "\u{201d}",
        b"bullet" => "\u{2022}",
        b"endash" => "\u{2013}",
        b"emdash" => "\u{2014}",
        b"emspace" | b"enspace" | b"qmspace" => " ",
        _ => return None,
    })
}

/// The code page of a font's charset. RTF 1.9, "Font Table".
fn code_page_of(charset: i64) -> Option<i64> {
    Some(match charset {
        0 => 1252,
        77 => 10000,
        128 => 932,
        129 => 949,
        134 => 936,
        136 => 950,
        161 => 1253,
        162 => 1254,
        163 => 1258,
        177 => 1255,
        178 => 1256,
        186 => 1257,
        204 => 1251,
        222 => 874,
        238 => 1250,
        255 => 850,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compressed_as_the_specification_shows_it() {
        // MS-OXRTFCP §4.1.
        let simple = [
            0x2d, 0, 0, 0, 0x2b, 0, 0, 0, 0x4c, 0x5a, 0x46, 0x75, 0xf1, 0xc5, 0xc7, 0xa7, 0x03, 0x00, 0x0a, 0x00, 0x72, 0x63, 0x70, 0x67,
            0x31, 0x32, 0x35, 0x42, 0x32, 0x0a, 0xf3, 0x20, 0x68, 0x65, 0x6c, 0x09, 0x00, 0x20, 0x62, 0x77, 0x05, 0xb0, 0x6c, 0x64, 0x7d,
            0x0a, 0x80, 0x0f, 0xa0,
        ];
        assert_eq!(decompressed(&simple, 1 << 20).unwrap(), b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n");
        // MS-OXRTFCP §4.2: a reference into what it writes itself.
        let crossing = [
            0x1a, 0, 0, 0, 0x1c, 0, 0, 0, 0x4c, 0x5a, 0x46, 0x75, 0xe2, 0xd4, 0x4b, 0x51, 0x41, 0x00, 0x04, 0x20, 0x57, 0x58, 0x59, 0x5a,
            0x0d, 0x6e, 0x7d, 0x01, 0x0e, 0xb0,
        ];
        assert_eq!(decompressed(&crossing, 1 << 20).unwrap(), b"{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}");
        assert_eq!(decompressed(&crossing, 10).unwrap(), b"{\\rtf1 WXY");
        let plain = [&[0x10, 0, 0, 0, 4, 0, 0, 0][..], b"MELA", &[0; 4], b"abcdef"].concat();
        assert_eq!(decompressed(&plain, 1 << 20).unwrap(), b"abcd");
        for cut in 0..simple.len() {
            let _ = decompressed(&simple[..cut], 1 << 20);
        }
    }

    #[test]
    fn bodies() {
        let check = |rtf: &[u8], want: Body| assert_eq!(read(rtf, 1 << 20), Some(want), "{}", String::from_utf8_lossy(rtf));
        let text = |text: &str| Body::Text(text.to_owned());
        check(b"{\\rtf1\\ansi\\ansicpg1252{\\fonttbl{\\f0 Arial;}}\\f0 Gr\\'fc\\'dfe\\par aus\\tab K\\'f6ln}", text("Grüße\naus\tKöln"));
        check(b"{\\rtf1\\uc1 \\u8364?5 \\u-10179?\\u-8638?{\\uc2 \\u252\\'fc\\'fcb}}", text("€5 🙂üb"));
        check(b"{\\rtf1\\ansi{\\fonttbl{\\f0\\fcharset0 A;}{\\f1\\fcharset204 B;}}\\f0 \\'e4 \\f1 \\'c4\\'e0 {\\f0\\'e4}}", text("ä Да ä"));
        check(
            b"{\\rtf1{\\*\\generator x;}{\\pict 00ff}{\\field{\\*\\fldinst HYPERLINK \"x\"}{\\fldrslt hier}}\\{\\}\\bin3 }}}!}",
            text("hier{}!"),
        );
        check(b"{\\rtf1 a} behind", text("a"));
        check(b"{\\rtf1 a{b{c", text("abc"));
        check(b"{\\rtf1 \\f1\\'93\\'fa}", text("“ú"));
        check(b"{\\rtf1\\ansi\\fromtext plain \\par text}", text("plain \ntext"));
        // MS-OXRTFEX §4.1.
        let html = b"{\\rtf1\\ansi\\ansicpg1251\\fromhtml1 \\deff0 {\\fonttbl {\\f0\\fmodern Courier New;}{\\f1\\fswiss Arial;}}\
            {\\colortbl\\red0\\green0\\blue0;}{\\*\\htmltag64}\r\n\\uc1\\pard\\plain\\deftab360 \\f0\\fs24 {\\*\\htmltag <HTML>}\
            {\\*\\htmltag <P>}\\htmlrtf \\f1 \\htmlrtf0 Note the line break{\\*\\htmltag <BR>}\\htmlrtf \\line \\htmlrtf0 inside.\
            {\\*\\htmltag84 &lt;}{\\*\\mhtmltag x}{\\*\\htmltag </P>\\par }\\htmlrtf\\par\\htmlrtf0{\\*\\htmltag </HTML>}}";
        check(html, Body::Html("<HTML><P>Note the line break<BR>inside.&lt;</P>\n</HTML>".to_owned()));
        assert_eq!(read(b"Hallo", 1 << 20), None);
        assert_eq!(read(b"{\\rtf1 abcdefghij}", 4), Some(text("abcde")));
        for cut in 0..html.len() {
            let _ = read(&html[..cut], 1 << 20);
        }
    }
}
