//! HTML as a row of tags and texts, as browsers part it. One pass, no tree: every byte is looked at a bounded number of times (G4).

use mail_parser::decoders::html::add_html_token;

/// No element that is known has a longer name, in bytes.
const LONGEST_NAME: usize = 24;
/// Attributes of one tag that are looked at; nobody writes more.
const MOST_ATTRIBUTES: usize = 64;
/// What is looked at behind an `&`; the longest name of a character is shorter.
const LONGEST_ENTITY: usize = 40;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    /// Character references still in it.
    Text(&'a str),
    Open(Tag<'a>),
    /// The name, in lower case.
    Close(String),
    /// An element whose content is no markup, or none that is shown: `script`, `style`, `title`, `svg` and their like.
    Raw {
        name: String,
        content: &'a str,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag<'a> {
    /// In lower case.
    pub name: String,
    attributes: &'a str,
}

/// The tags and texts of an HTML text. Comments and declarations are passed over.
pub fn tokens(html: &str) -> Tokens<'_> {
    Tokens { rest: html }
}

pub struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        while !self.rest.is_empty() {
            let bytes = self.rest.as_bytes();
            let Some(markup) = memchr::memchr(b'<', bytes) else { return Some(Token::Text(self.take(bytes.len()))) };
            if markup > 0 {
                return Some(Token::Text(self.take(markup)));
            }
            match (bytes.get(1), bytes.get(2)) {
                (Some(b'!'), _) if self.rest.starts_with("<!--") => self.comment(),
                // WHATWG HTML §13.2.5.6, .7: what is no tag either is passed over to the next `>`.
                (Some(b'!' | b'?'), _) => self.pass_over(),
                (Some(b'/'), Some(letter)) if letter.is_ascii_alphabetic() => {
                    self.take(2);
                    return Some(Token::Close(self.tag().name));
                }
                (Some(b'/'), Some(_)) => self.pass_over(),
                (Some(letter), _) if letter.is_ascii_alphabetic() => {
                    self.take(1);
                    return Some(self.open());
                }
                _ => return Some(Token::Text(self.take(1))),
            }
        }
        None
    }
}

impl<'a> Tokens<'a> {
    /// How much is left, in bytes: what came before is where the last token ended.
    pub fn left(&self) -> usize {
        self.rest.len()
    }

    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    fn pass_over(&mut self) {
        self.take(self.rest.find('>').map_or(self.rest.len(), |end| end + 1));
    }

    fn comment(&mut self) {
        let comment = &self.rest[4..];
        // `<!-->` and `<!--->` are whole comments, and `--!>` ends one (WHATWG HTML §13.2.5.43 to .51).
        let short = [">", "->"].into_iter().find(|end| comment.starts_with(end)).map(|end| 4 + end.len());
        self.take(short.or_else(|| end_of_comment(comment).map(|end| 4 + end)).unwrap_or(self.rest.len()));
    }

    fn open(&mut self) -> Token<'a> {
        let tag = self.tag();
        match tag.name.as_str() {
            "plaintext" => Token::Text(self.take(self.rest.len())),
            "script" | "style" | "title" | "textarea" | "xmp" | "iframe" | "noembed" | "noframes" | "template" | "svg" | "math" => {
                let (content, end) = end_of_raw(self.rest, &tag.name);
                let content = &self.rest[..content];
                self.take(end);
                Token::Raw { name: tag.name, content }
            }
            _ => Token::Open(tag),
        }
    }

    /// Reads a tag from its name to behind its `>`.
    fn tag(&mut self) -> Tag<'a> {
        let bytes = self.rest.as_bytes();
        let name_end = bytes.iter().position(|b| b.is_ascii_whitespace() || matches!(b, b'>' | b'/')).unwrap_or(bytes.len());
        let name = self.rest[..self.rest.floor_char_boundary(name_end.min(LONGEST_NAME))].to_ascii_lowercase();
        self.take(name_end);
        let mut at = 0;
        while let Some((_, _, end)) = attribute(self.rest, at) {
            at = end;
        }
        let end = memchr::memchr(b'>', &self.rest.as_bytes()[at..]).map_or(self.rest.len(), |end| at + end);
        let attributes = &self.rest[..at];
        self.take((end + 1).min(self.rest.len()));
        Tag { name, attributes }
    }
}

/// Behind the first `-->` or `--!>`.
fn end_of_comment(comment: &str) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr::memmem::find(&comment.as_bytes()[at..], b"--")?;
        if let Some(end) = [">", "!>"].into_iter().find(|end| comment[at + 2..].starts_with(end)) {
            return Some(at + 2 + end.len());
        }
        at += 1;
    }
}

/// Where the content of an element ends, and where its closing tag does.
fn end_of_raw(html: &str, name: &str) -> (usize, usize) {
    for at in memchr::memmem::find_iter(html.as_bytes(), b"</") {
        let (from, to) = (at + 2, at + 2 + name.len());
        let ends = |byte: Option<&u8>| byte.is_none_or(|byte| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/'));
        if html.get(from..to).is_some_and(|tag| tag.eq_ignore_ascii_case(name)) && ends(html.as_bytes().get(to)) {
            return (at, html[to..].find('>').map_or(html.len(), |end| to + end + 1));
        }
    }
    (html.len(), html.len())
}

/// The next attribute from `at` on: its name, its value, and where it ends. None at the end of the tag.
fn attribute(rest: &str, mut at: usize) -> Option<(&str, &str, usize)> {
    let bytes = rest.as_bytes();
    let blanks = |mut at: usize| {
        while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
            at += 1;
        }
        at
    };
    while bytes.get(at).is_some_and(|b| b.is_ascii_whitespace() || *b == b'/') {
        at += 1;
    }
    if matches!(bytes.get(at), None | Some(b'>')) {
        return None;
    }
    let stops = |b: &u8| b.is_ascii_whitespace() || matches!(b, b'=' | b'>' | b'/');
    // An equals sign in front belongs to the name.
    let end = at + 1 + bytes[at + 1..].iter().position(stops).unwrap_or(bytes.len() - at - 1);
    let name = rest.get(at..end)?;
    let equals = blanks(end);
    if bytes.get(equals) != Some(&b'=') {
        return Some((name, "", end));
    }
    let from = blanks(equals + 1);
    match bytes.get(from) {
        Some(&quote @ (b'"' | b'\'')) => match memchr::memchr(quote, &bytes[from + 1..]) {
            Some(length) => Some((name, &rest[from + 1..from + 1 + length], from + length + 2)),
            // The tag never ends: browsers show none of it.
            None => Some((name, "", rest.len())),
        },
        _ => {
            let length = bytes[from..].iter().position(|b| b.is_ascii_whitespace() || *b == b'>').unwrap_or(bytes.len() - from);
            Some((name, &rest[from..from + length], from + length))
        }
    }
}

impl<'a> Tag<'a> {
    /// Names as they stand there, and values with their character references. The first of a name counts, to browsers too.
    pub fn attributes(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let (all, mut at) = (self.attributes, 0);
        let next = move || {
            let (name, value, end) = attribute(all, at)?;
            at = end;
            Some((name, value))
        };
        std::iter::from_fn(next).take(MOST_ATTRIBUTES)
    }

    /// The value of an attribute, character references still in it.
    pub fn attribute(&self, name: &str) -> Option<&'a str> {
        self.attributes().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// A text without its character references. Those that are not closed count only as numbers: `?a=1&copy=2` is an address.
pub fn decoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let is_part = u8::is_ascii_alphanumeric;
        let is_digit = |b: &u8| b.is_ascii_digit() || matches!(b, b'#' | b'x' | b'X' | b'a'..=b'f' | b'A'..=b'F');
        let is_decimal = |b: &u8| b.is_ascii_digit() || *b == b'#';
        let is_part: &dyn Fn(&u8) -> bool = match rest.as_bytes().get(1..3) {
            Some([b'#', b'x' | b'X']) => &is_digit,
            Some([b'#', _]) => &is_decimal,
            _ => &is_part,
        };
        let length = 1 + rest.bytes().skip(1).take(LONGEST_ENTITY).take_while(is_part).count();
        let is_closed = rest.as_bytes().get(length) == Some(&b';');
        let mut one = String::new();
        if length > 1 && (is_closed || rest[1..].starts_with('#')) {
            add_html_token(&mut one, format!("{};", &rest[..length]).as_bytes(), false);
        }
        let (shown, used) = if one.is_empty() || one.starts_with('&') && one.len() > 1 {
            ("&", 1)
        } else {
            (one.as_str(), length + usize::from(is_closed))
        };
        out.push_str(shown);
        rest = &rest[used..];
    }
    out.push_str(rest);
    out
}

/// As text or between double quotes it is itself again.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\0' => (),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tags as `+name[key=value]` and `-name`, raw elements as `!name`.
    fn told(html: &str) -> String {
        let one = |token: Token| match token {
            Token::Text(text) => text.to_owned(),
            Token::Open(tag) => {
                let all: Vec<String> = tag.attributes().map(|(name, value)| format!("{name}={}", decoded(value))).collect();
                format!("+{}[{}]", tag.name, all.join(","))
            }
            Token::Close(name) => format!("-{name}"),
            Token::Raw { name, content } => format!("!{name}({content})"),
        };
        tokens(html).map(one).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn tags_texts_and_what_is_passed_over() {
        let check = |html: &str, want: &str| assert_eq!(told(html), want, "{html}");
        check("a<B x=1 Y='2'z>c</b >", "a|+b[x=1,Y=2,z=]|c|-b");
        check("<a/href=\"x>y\"/>z", "+a[href=x>y]|z");
        check("<a =x>y", "+a[=x=]|y");
        check("<p<b>x", "+p<b[]|x");
        check("1 < 2", "1 |<| 2");
        check("a<!-- <b> -->b<!-->c<!--->d<!--x--!>e<!--x---->f", "a|b|c|d|e|f");
        check("<!x>a<?y>b</ z>c</>d<!--", "a|b|c|d");
        check("<script><b></script x>a<STYLE>y</style>", "!script(<b>)|a|!style(y)");
        check("<title></titles>x</title>y<svg><a></svg>z", "!title(</titles>x)|y|!svg(<a>)|z");
        check("a<plaintext><b>", "a|<b>");
        check("<a href=\"x", "+a[href=]");
        check("<", "<");
        check("</", "<|/");
    }

    #[test]
    fn references() {
        let check = |text: &str, want: &str| assert_eq!(decoded(text), want, "{text}");
        check("a&amp;b&#x41;&#66c&uuml;&nope;&copy=1&", "a&bABcü&nope;&copy=1&");
        check("java&#115;cript&#58;&Tab;", "javascript:\t");
        assert_eq!(escaped("<a href='x' & \"y\">\0"), "&lt;a href=&#39;x&#39; &amp; &quot;y&quot;&gt;");
    }
}
