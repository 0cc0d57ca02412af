//! HTML to readable text in one pass: lists, tables, links and quotes stay recognisable. Loads nothing, runs nothing, builds no
//! tree; every byte is looked at a bounded number of times and the output is bounded, so no input is slow (G4).

use mail_parser::decoders::html::add_html_token;
use std::collections::HashSet;

/// Longest HTML looked at, in bytes; longer mail is cut for reading, never in the record.
pub const LONGEST_HTML: usize = 5 << 20;
/// Longest text made of it, in bytes.
pub const LONGEST_TEXT: usize = 2 << 20;
/// Quotes are marked to this depth; deeper ones look like this one.
const DEEPEST_QUOTE: usize = 8;
/// Lists and links nested deeper are not tracked.
const DEEPEST_STACK: usize = 64;
/// A link's address is shown up to this length; longer ones only track the reader.
const LONGEST_LINK: usize = 300;

/// The readable text, and whether something was cut.
pub fn to_text(html: &str) -> (String, bool) {
    let cut = floor_char_boundary(html, LONGEST_HTML);
    let mut writer = Writer::default();
    let complete = Scanner { html: &html[..cut], at: 0 }.run(&mut writer);
    (writer.finish(), cut < html.len() || !complete)
}

/// A longer `cid:` address names no part.
const LONGEST_CONTENT_ID: usize = 256;
/// More `cid:` addresses than a mail can have parts; further ones are not looked at.
const MOST_CONTENT_IDS: usize = 5_000;

/// The Content-IDs that the HTML shows (`cid:` addresses), percent-decoding apart. RFC 2392.
pub fn shown_content_ids(html: &str) -> HashSet<String> {
    let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '>' | ')' | '<' | '&');
    let found = html.match_indices("cid:").take(MOST_CONTENT_IDS).map(|(at, _)| {
        let rest = &html[at + 4..];
        let rest = &rest[..floor_char_boundary(rest, LONGEST_CONTENT_ID)];
        rest[..rest.find(ends).unwrap_or(rest.len())].replace("%40", "@")
    });
    found.filter(|id| !id.is_empty()).collect()
}

fn floor_char_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

struct Scanner<'a> {
    html: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    /// Feeds the writer; false if the output limit ended it.
    fn run(&mut self, writer: &mut Writer) -> bool {
        while let Some(rest) = self.html.get(self.at..).filter(|rest| !rest.is_empty()) {
            if writer.text.len() > LONGEST_TEXT {
                return false;
            }
            match memchr::memchr2(b'<', b'&', rest.as_bytes()) {
                Some(0) if rest.starts_with('<') => self.markup(rest, writer),
                Some(0) => self.entity(rest, writer),
                found => {
                    let end = found.unwrap_or(rest.len());
                    writer.characters(&rest[..end]);
                    self.at += end;
                }
            }
        }
        true
    }

    fn markup(&mut self, rest: &'a str, writer: &mut Writer) {
        let bytes = rest.as_bytes();
        if let Some(comment) = rest.strip_prefix("<!--") {
            // `<!-->` and `<!--->` are whole comments (WHATWG HTML §13.2.5.43).
            let short = [">", "->"].into_iter().find(|end| comment.starts_with(end)).map(|end| 4 + end.len());
            self.at += short.or_else(|| comment.find("-->").map(|end| 4 + end + 3)).unwrap_or(rest.len());
        } else if matches!(bytes.get(1), Some(b'!' | b'?')) {
            self.at += rest.find('>').map_or(rest.len(), |end| end + 1);
        } else if bytes.get(1).is_some_and(u8::is_ascii_alphabetic) {
            let tag = Tag::read(&rest[1..]);
            self.at += 1 + tag.length;
            // The content of these is no text; it ends at the closing tag alone.
            if matches!(tag.name.as_str(), "script" | "style" | "title" | "template") && !tag.closes_itself {
                self.at += end_of_raw(&self.html[self.at..], &tag.name);
            } else {
                writer.open(&tag);
            }
        } else if bytes.get(1) == Some(&b'/') && bytes.get(2).is_some_and(u8::is_ascii_alphabetic) {
            let tag = Tag::read(&rest[2..]);
            self.at += 2 + tag.length;
            writer.close(&tag.name);
        } else {
            writer.characters("<");
            self.at += 1;
        }
    }

    fn entity(&mut self, rest: &str, writer: &mut Writer) {
        let name = rest[1..].bytes().take(32).take_while(|b| b.is_ascii_alphanumeric() || *b == b'#').count();
        let mut decoded = String::new();
        if name > 0 {
            add_html_token(&mut decoded, format!("{};", &rest[..1 + name]).as_bytes(), false);
        }
        if name == 0 || decoded.starts_with('&') && decoded.len() > 1 {
            writer.characters("&");
            self.at += 1;
            return;
        }
        // HTML reads numeric references to C1 controls as windows-1252 (WHATWG HTML §13.2.5.80).
        let decoded: String = decoded.chars().map(windows_1252_control).filter(|c| !c.is_control() || *c == '\n' || *c == '\t').collect();
        writer.entity(&decoded);
        self.at += 1 + name + usize::from(rest.as_bytes().get(1 + name) == Some(&b';'));
    }
}

fn windows_1252_control(c: char) -> char {
    match u8::try_from(u32::from(c)) {
        Ok(byte @ 0x80..=0x9f) => encoding_rs::WINDOWS_1252.decode_without_bom_handling(&[byte]).0.chars().next().unwrap_or(c),
        _ => c,
    }
}

/// Offset behind `</name…>`, or the end.
pub(super) fn end_of_raw(html: &str, name: &str) -> usize {
    let mut at = 0;
    while let Some(found) = html[at..].find("</") {
        let start = at + found + 2;
        let is_it = html.get(start..start + name.len()).is_some_and(|tag| tag.eq_ignore_ascii_case(name));
        if is_it {
            return html[start..].find('>').map_or(html.len(), |end| start + end + 1);
        }
        at = start;
    }
    html.len()
}

/// No element that is known has a longer name, in bytes.
const LONGEST_TAG: usize = 24;

/// A tag with the one attribute that matters for text.
struct Tag {
    /// In lower case.
    name: String,
    href: Option<String>,
    closes_itself: bool,
    /// Bytes from the name to behind the `>`.
    length: usize,
}

impl Tag {
    /// Reads a tag from its name on, in one pass over its bytes.
    fn read(rest: &str) -> Tag {
        let bytes = rest.as_bytes();
        let name_end = bytes.iter().position(|b| b.is_ascii_whitespace() || matches!(b, b'>' | b'/')).unwrap_or(bytes.len());
        let mut tag = Tag {
            name: rest[..floor_char_boundary(rest, name_end.min(LONGEST_TAG))].to_ascii_lowercase(),
            href: None,
            closes_itself: false,
            length: bytes.len(),
        };
        let mut at = name_end;
        while at < bytes.len() {
            match bytes[at] {
                b'>' => {
                    tag.closes_itself = bytes[at - 1] == b'/';
                    tag.length = at + 1;
                    return tag;
                }
                b if b.is_ascii_whitespace() || b == b'/' => at += 1,
                _ => {
                    let key_at = at;
                    let stops = |b: &u8| b.is_ascii_whitespace() || matches!(b, b'=' | b'>' | b'/');
                    at += 1 + bytes[at + 1..].iter().position(stops).unwrap_or(bytes.len() - at - 1);
                    let key = &bytes[key_at..at];
                    let (value, end) = attribute_value(rest, at);
                    at = end;
                    if tag.href.is_none() && key.eq_ignore_ascii_case(b"href") {
                        tag.href = Some(value.to_owned());
                    }
                }
            }
        }
        tag
    }
}

/// The value behind an attribute's name, if there is one, and where it ends.
pub(super) fn attribute_value(rest: &str, mut at: usize) -> (&str, usize) {
    let bytes = rest.as_bytes();
    let skip_blanks = |mut at: usize| {
        while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
            at += 1;
        }
        at
    };
    let after = skip_blanks(at);
    if bytes.get(after) != Some(&b'=') {
        return ("", at);
    }
    at = skip_blanks(after + 1);
    match bytes.get(at) {
        Some(&quote @ (b'"' | b'\'')) => match memchr::memchr(quote, &bytes[at + 1..]) {
            Some(length) => (&rest[at + 1..at + 1 + length], at + length + 2),
            None => ("", bytes.len()),
        },
        _ => {
            let length = bytes[at..].iter().position(|b| b.is_ascii_whitespace() || *b == b'>').unwrap_or(bytes.len() - at);
            (&rest[at..at + length], at + length)
        }
    }
}

/// How much space a block element asks for around itself.
fn space_around(name: &str) -> usize {
    match name {
        "p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "ul" | "ol" | "dl" | "blockquote" | "pre" | "table" | "hr" => 2,
        "div" | "tr" | "li" | "dt" | "dd" | "section" | "article" | "header" | "footer" | "main" | "aside" | "nav" | "address" | "form"
        | "fieldset" | "center" | "body" | "html" | "caption" | "thead" | "tbody" | "tfoot" | "figure" | "figcaption" => 1,
        _ => 0,
    }
}

/// A list that is open: the next number, or none for bullets.
type List = Option<u32>;

#[derive(Default)]
struct Writer {
    text: String,
    /// Line ends that are due before the next character.
    due: usize,
    /// A blank is due before the next character of this line.
    blank: bool,
    /// Whether the current line has something on it.
    filled: bool,
    quotes: usize,
    pre: usize,
    lists: Vec<List>,
    /// Address of each open link, and where its text begins.
    links: Vec<(String, usize)>,
}

impl Writer {
    fn open(&mut self, tag: &Tag) {
        match tag.name.as_str() {
            "br" => self.line_break(),
            "td" | "th" => self.cell(),
            "a" if self.links.len() < DEEPEST_STACK => self.links.push((tag.href.clone().unwrap_or_default(), self.text.len())),
            "ul" | "ol" => {
                self.space(if self.lists.is_empty() { 2 } else { 1 });
                if self.lists.len() < DEEPEST_STACK {
                    self.lists.push((tag.name == "ol").then_some(1));
                }
            }
            "li" => self.item(),
            name => {
                self.space(space_around(name));
                match name {
                    "blockquote" => self.quotes += 1,
                    "pre" => self.pre += 1,
                    "hr" => {
                        self.put("----------");
                        self.space(1);
                    }
                    _ => (),
                }
            }
        }
    }

    fn close(&mut self, name: &str) {
        match name {
            "a" => {
                if let Some((address, start)) = self.links.pop() {
                    self.link_address(&address, start);
                }
            }
            "ul" | "ol" => {
                self.lists.pop();
                self.space(if self.lists.is_empty() { 2 } else { 1 });
            }
            "td" | "th" | "br" => (),
            _ => {
                self.space(space_around(name));
                match name {
                    "blockquote" => self.quotes = self.quotes.saturating_sub(1),
                    "pre" => self.pre = self.pre.saturating_sub(1),
                    _ => (),
                }
            }
        }
    }

    fn characters(&mut self, text: &str) {
        if self.pre > 0 {
            for (index, line) in text.split('\n').enumerate() {
                if index > 0 {
                    self.line_break();
                }
                self.put(line.trim_end_matches('\r'));
            }
            return;
        }
        for (index, word) in text.split(|c: char| c.is_ascii_whitespace()).enumerate() {
            if index > 0 {
                self.blank |= self.filled;
            }
            self.put(word);
        }
    }

    /// A decoded character reference: never white space that collapses.
    fn entity(&mut self, text: &str) {
        self.put(text);
    }

    fn put(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if self.due > 0 && !self.text.is_empty() {
            for _ in 0..self.due {
                self.text.push('\n');
            }
        }
        self.due = 0;
        if !self.filled {
            for _ in 0..self.quotes.min(DEEPEST_QUOTE) {
                self.text.push_str("> ");
            }
        } else if self.blank {
            self.text.push(' ');
        }
        self.blank = false;
        self.filled = true;
        self.text.push_str(text);
    }

    /// Asks for a new line; for 2, with an empty one before it.
    fn space(&mut self, lines: usize) {
        if lines > 0 {
            if self.filled {
                self.filled = false;
                self.due = self.due.max(1);
            }
            if !self.text.is_empty() {
                self.due = self.due.max(lines);
            }
            self.blank = false;
        }
    }

    fn line_break(&mut self) {
        // Two in a row make an empty line; more say nothing more.
        self.due = if self.filled { 1 } else { (self.due + 1).min(2) };
        self.filled = false;
        self.blank = false;
    }

    fn cell(&mut self) {
        if self.filled && !self.text.ends_with('\t') {
            self.text.push('\t');
            self.blank = false;
        }
    }

    fn item(&mut self) {
        self.space(1);
        let indent = "  ".repeat(self.lists.len().saturating_sub(1).min(8));
        let mark = match self.lists.last_mut() {
            Some(Some(number)) => {
                *number += 1;
                format!("{indent}{}. ", *number - 1)
            }
            _ => format!("{indent}- "),
        };
        self.put(&mark);
    }

    /// A link's address stands behind its text, unless the text says it already.
    fn link_address(&mut self, address: &str, start: usize) {
        let shown = self.text.get(start..).unwrap_or_default();
        let bare = address.strip_prefix("mailto:").unwrap_or(address);
        let bare = bare.split('?').next().filter(|_| address.starts_with("mailto:")).unwrap_or(bare);
        let is_link = ["http://", "https://", "mailto:", "tel:"].iter().any(|scheme| address.starts_with(scheme));
        if is_link
            && !bare.is_empty()
            && bare.len() <= LONGEST_LINK
            && !shown.trim().is_empty()
            && !shown.contains(bare)
            && !same_link(shown, bare)
        {
            let text = format!(" <{bare}>");
            self.put(&text);
        }
    }

    fn finish(self) -> String {
        let mut text = String::with_capacity(self.text.len());
        let mut was_empty = false;
        for line in self.text.replace('\u{a0}', " ").split('\n').map(str::trim_end) {
            // Outlook's empty line is a paragraph of a blank: of several, one says as much.
            let is_empty = line.trim_start_matches(['>', ' ']).is_empty();
            if !(is_empty && was_empty) {
                text.push_str(line);
                text.push('\n');
            }
            was_empty = is_empty;
        }
        text.trim_matches('\n').to_owned()
    }
}

/// Whether the text is the address without scheme, `www.` or the last slash.
fn same_link(shown: &str, address: &str) -> bool {
    fn bare(text: &str) -> &str {
        let text = text.trim().trim_end_matches('/');
        let text = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or(text);
        text.strip_prefix("www.").unwrap_or(text)
    }
    bare(shown).eq_ignore_ascii_case(bare(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(html: &str, want: &str) {
        assert_eq!(to_text(html).0, want, "{html}");
    }

    #[test]
    fn blocks_and_breaks() {
        check("<p>Hallo <b>Welt</b></p><p>zwei</p>", "Hallo Welt\n\nzwei");
        check("a<br>b<br><br>c<BR/>d", "a\nb\n\nc\nd");
        check("<div>a</div><div>b</div>", "a\nb");
        check("<p>a</p><p>&nbsp;</p><p>&nbsp;</p><p>b</p><blockquote><p>&nbsp;</p><p>c</p></blockquote>", "a\n\nb\n\n> c");
        check("  viel \n\t Raum  ", "viel Raum");
        check("<html><head><title>T</title><style>p{}</style></head><body>x<script>y()</script></body></html>", "x");
        check("a<!-- weg --><!--[if mso]>x<![endif]-->b", "ab");
        check("<![if !mso]><!-->a<!--<![endif]--><!--->b<!-- -->", "ab");
        // A name that is cut within a letter.
        check(&format!("a<bb{}>b", "ü".repeat(20)), "ab");
        check("<pre>a\n  b</pre>c", "a\n  b\n\nc");
        check("1 < 2 &amp; 3 > 2", "1 < 2 & 3 > 2");
    }

    #[test]
    fn entities() {
        check("Gr&uuml;&szlig;e &#8364; &#x20AC; &#150; &unknown; &amp &nbsp;x", "Grüße € € – &unknown; &  x");
        check("&", "&");
        check("&#0;&#xFFFFFFF;", "\u{fffd}");
    }

    #[test]
    fn lists_tables_links_quotes() {
        check("<ul><li>eins<li>zwei<ol><li>a</li></ol></ul>ende", "- eins\n- zwei\n  1. a\n\nende");
        check("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td><td>d</td></tr></table>", "a\tb\nc\td");
        check("<a href=\"https://x.example/a\">Bild</a>", "Bild <https://x.example/a>");
        check("<a href='mailto:m@e.example'>m@e.example</a>", "m@e.example");
        check("<a href=http://www.x.example/>x.example</a>", "x.example");
        check("<a href=\"javascript:x\">y</a>", "y");
        check("<p>neu</p><blockquote><p>alt<br>älter</p></blockquote>ende", "neu\n\n> alt\n> älter\n\nende");
    }

    #[test]
    fn unfinished_markup_ends() {
        for html in ["<", "<a", "<a href=", "<a href=\"x", "</", "<!--", "<!x", "<script>x", "&#", "<p class"] {
            to_text(html);
        }
    }

    #[test]
    fn work_is_bounded() {
        // None of these may take more than a moment; a quadratic step would take minutes.
        let cases = [
            " ".repeat(5 << 20),
            "<table>".repeat(50_000) + "x",
            "<a href=\"https://x.example\">y</a>".repeat(5_000),
            format!("<p {}>", (0..400_000).map(|i| format!("a{i} ")).collect::<String>()),
            "<blockquote>".repeat(100_000) + &"<br>x".repeat(500_000),
            "<script>".to_owned() + &"</".repeat(1 << 20),
            "&".repeat(2 << 20),
            "<!--".repeat(1 << 18),
        ];
        for html in cases {
            assert!(to_text(&html).0.len() <= LONGEST_TEXT + 1024);
        }
    }

    #[test]
    fn shown_images() {
        let ids = shown_content_ids("<img src=\"cid:logo@x\"><img src='cid:b%40y'><td background=cid:c>");
        assert_eq!(ids, ["logo@x", "b@y", "c"].map(String::from).into());
    }
}
