//! Any HTML to well-formed HTML of the listed elements, in one pass: every element is closed where it ends, tables have rows and cells,
//! and paragraphs hold no blocks, so that a browser makes the very tree of it that was counted here.

use super::elements::{self, Class};
use super::links;
use crate::model::markup::{self, Tag, Token, decoded, escaped};
use std::collections::HashSet;

/// Longest HTML that is looked at, in bytes; as long as what is read of it.
const LONGEST_HTML: usize = 5 << 20;
/// Longest HTML that is made of it, in bytes, images among it.
const LONGEST_OUTPUT: usize = 10 << 20;
/// Elements of one page.
const MOST_ELEMENTS: usize = 50_000;
/// Character references of one page: html5ever's time for each grows with what is behind it.
const MOST_REFERENCES: usize = 10_000;
/// Elements within each other. A chain of forty answers has half as many; browsers stop at 512.
const DEEPEST: usize = 200;
/// All texts of one link that are compared with its address, in bytes.
const LONGEST_LINK_TEXT: usize = 400;
/// Images smaller than this in both directions are there to be counted, not to be seen, in pixels.
const SMALLEST_IMAGE: u32 = 3;
const LONGEST_ALT: usize = 200;

pub struct Rewritten {
    pub html: String,
    pub images_left_out: usize,
    /// The addresses that the caller gave for images.
    pub own_images: HashSet<String>,
}

/// None: it is more than any of the limits allows.
pub fn rewritten(html: &str, images: &dyn Fn(&str) -> Option<String>) -> Option<Rewritten> {
    if html.len() > LONGEST_HTML {
        return None;
    }
    let mut writer = Writer::new(images);
    for token in markup::tokens(html) {
        match token {
            Token::Text(text) => writer.text(text)?,
            Token::Open(tag) => writer.open(&tag)?,
            Token::Close(name) => writer.close(&name)?,
            Token::Raw { .. } => (),
        }
        if writer.out.len() > LONGEST_OUTPUT {
            return None;
        }
    }
    writer.pop_to(0);
    Some(Rewritten { html: writer.out, images_left_out: writer.images_left_out, own_images: writer.own_images })
}

/// A link that is open: where it leads, and what its text says so far.
struct Link {
    target: Option<String>,
    text: String,
}

struct Writer<'i> {
    images: &'i dyn Fn(&str) -> Option<String>,
    out: String,
    open: Vec<&'static str>,
    /// Beside the `a` in `open`; one at most between two cells of tables.
    links: Vec<Link>,
    elements: usize,
    references: usize,
    /// The last thing written is a blank that another one would say again.
    blank: bool,
    images_left_out: usize,
    own_images: HashSet<String>,
}

/// Beyond these nothing is closed from within, but by their own end.
const CELLS: &[&str] = &["td", "th", "caption"];
/// Within these stand rows and cells alone.
const FRAMES: &[&str] = &["table", "thead", "tbody", "tfoot", "tr"];
const GROUPS: &[&str] = &["thead", "tbody", "tfoot"];
const HEADINGS: &[&str] = &["h1", "h2", "h3", "h4", "h5", "h6"];

impl<'i> Writer<'i> {
    fn new(images: &'i dyn Fn(&str) -> Option<String>) -> Writer<'i> {
        Writer {
            images,
            out: String::new(),
            open: Vec::new(),
            links: Vec::new(),
            elements: 0,
            references: 0,
            blank: false,
            images_left_out: 0,
            own_images: HashSet::new(),
        }
    }

    fn text(&mut self, text: &str) -> Option<()> {
        self.references += memchr::memchr_iter(b'&', text.as_bytes()).count();
        if self.references > MOST_REFERENCES {
            return None;
        }
        let is_blank = text.bytes().all(|b| b.is_ascii_whitespace());
        if self.is_in_frame() {
            if is_blank {
                return Some(());
            }
            self.cell("td", "")?;
        }
        if let Some(link) = self.links.last_mut().filter(|link| link.text.len() < LONGEST_LINK_TEXT) {
            let room = LONGEST_LINK_TEXT - link.text.len();
            link.text.push_str(&decoded(&text[..text.floor_char_boundary(room)]));
        }
        if self.open.contains(&"pre") {
            self.characters(text);
            return Some(());
        }
        for (index, word) in text.split(|c: char| c.is_ascii_whitespace()).enumerate() {
            // Blanks in a row are one to every browser: megabytes of them are none.
            if index > 0 && !self.blank {
                self.out.push(' ');
                self.blank = true;
            }
            if !word.is_empty() {
                self.characters(word);
            }
        }
        Some(())
    }

    /// Character references stay what they are; no tag begins.
    fn characters(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                // Marks that turn the direction of writing, and controls.
                '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => (),
                c => self.out.push(c),
            }
        }
        self.blank = false;
    }

    fn open(&mut self, tag: &Tag<'_>) -> Option<()> {
        // The mail's own body has the colours that its texts were made for.
        let name = if tag.name == "body" { "div" } else { tag.name.as_str() };
        let Some((name, class)) = elements::element(name) else { return Some(()) };
        self.elements += 1;
        if self.elements > MOST_ELEMENTS {
            return None;
        }
        if class != Class::Table && self.is_in_frame() {
            self.cell("td", "")?;
        }
        match class {
            Class::Void if name == "img" => self.image(tag),
            Class::Void => {
                if name == "hr" {
                    self.close_within("p");
                }
                self.out.push_str(&format!("<{name}>"));
                self.blank = false;
            }
            Class::Table => self.table_part(name, tag)?,
            Class::Block => {
                self.close_within("p");
                match name {
                    "li" => self.close_item(&["li"], &["ul", "ol"]),
                    "dt" | "dd" => self.close_item(&["dt", "dd"], &["dl"]),
                    _ if HEADINGS.contains(&name) && self.open.last().is_some_and(|last| HEADINGS.contains(last)) => {
                        self.pop_to(self.open.len() - 1);
                    }
                    _ => (),
                }
                self.push(name, &attributes(name, tag))?;
            }
            Class::Inline if name == "a" => {
                self.close_within("a");
                let target = tag.attribute("href").and_then(|href| links::target(&decoded(href)));
                self.links.push(Link { text: String::new(), target: target.clone() });
                match target {
                    Some(target) => {
                        let opening = links::opening(&target);
                        let style = attributes(name, tag);
                        self.push_as(name, &format!("{}{style}>", opening.trim_end_matches('>')))?;
                    }
                    None => self.push(name, "")?,
                }
            }
            Class::Inline => self.push(name, &attributes(name, tag))?,
        }
        Some(())
    }

    fn close(&mut self, name: &str) -> Option<()> {
        match elements::element(name) {
            Some((_, Class::Void)) if name == "br" => self.out.push_str("<br>"),
            Some((name, Class::Table)) => {
                // A table's parts end within their own table alone.
                let table = self.open.iter().rposition(|open| *open == "table");
                let found = self.open.iter().rposition(|open| *open == name);
                if let Some(found) = found.filter(|found| Some(*found) >= table) {
                    self.pop_to(found);
                }
            }
            Some((name, _)) => self.close_within(name),
            None => (),
        }
        Some(())
    }

    fn is_in_frame(&self) -> bool {
        self.open.last().is_some_and(|last| FRAMES.contains(last))
    }

    fn push(&mut self, name: &'static str, attributes: &str) -> Option<()> {
        self.push_as(name, &format!("<{name}{attributes}>"))
    }

    fn push_as(&mut self, name: &'static str, opening: &str) -> Option<()> {
        if self.open.len() >= DEEPEST {
            return None;
        }
        self.out.push_str(opening);
        self.open.push(name);
        Some(())
    }

    fn pop_to(&mut self, depth: usize) {
        while self.open.len() > depth {
            let Some(name) = self.open.pop() else { return };
            self.out.push_str(&format!("</{name}>"));
            self.blank = false;
            if name == "a"
                && let Some(Link { target: Some(target), text }) = self.links.pop()
                && let Some(place) = links::contradiction(&text, &target)
            {
                // It says one address and leads to another: a known trick.
                self.out.push_str(&format!(" [→ {}]", escaped(&place)));
            }
        }
    }

    /// Closes the innermost element of this name, if it is open in this cell.
    fn close_within(&mut self, name: &str) {
        let floor = self.open.iter().rposition(|open| CELLS.contains(open)).map_or(0, |cell| cell + 1);
        if let Some(found) = self.open[floor..].iter().rposition(|open| *open == name) {
            self.pop_to(floor + found);
        }
    }

    /// Closes the item before this one in the same list.
    fn close_item(&mut self, items: &[&str], lists: &[&str]) {
        let inner = self.open.iter().rposition(|open| items.contains(open) || lists.contains(open) || CELLS.contains(open));
        if let Some(found) = inner.filter(|found| items.contains(&self.open[*found])) {
            self.pop_to(found);
        }
    }

    fn table_part(&mut self, name: &'static str, tag: &Tag<'_>) -> Option<()> {
        let attributes = attributes(name, tag);
        if name == "table" {
            if self.is_in_frame() {
                self.cell("td", "")?;
            }
            self.close_within("p");
            return self.push(name, &attributes);
        }
        // Without its table it is nothing.
        let Some(table) = self.open.iter().rposition(|open| *open == "table") else { return Some(()) };
        match name {
            "td" | "th" => self.cell(name, &attributes),
            "tr" => self.row(&attributes),
            _ => {
                self.pop_to(table + 1);
                self.push(name, &attributes)
            }
        }
    }

    /// A row of the innermost table.
    fn row(&mut self, attributes: &str) -> Option<()> {
        let Some(last) = self.open.iter().rposition(|open| GROUPS.contains(open) || *open == "table") else { return Some(()) };
        self.pop_to(last + 1);
        if self.open[last] == "table" {
            self.push("tbody", "")?;
        }
        self.push("tr", attributes)
    }

    /// A cell of the innermost table, in a new row if none is open.
    fn cell(&mut self, name: &'static str, attributes: &str) -> Option<()> {
        let last = self.open.iter().rposition(|open| *open == "tr" || GROUPS.contains(open) || *open == "table");
        match last.filter(|last| self.open[*last] == "tr") {
            Some(row) => self.pop_to(row + 1),
            None => self.row("")?,
        }
        self.push(name, attributes)
    }

    fn image(&mut self, tag: &Tag<'_>) {
        let src = tag.attribute("src").map(decoded).unwrap_or_default();
        let src = src.trim();
        let alt: String = tag.attribute("alt").map(decoded).unwrap_or_default();
        let alt = crate::model::legible::on_one_line(&alt[..alt.floor_char_boundary(LONGEST_ALT)]);
        let alt = alt.trim();
        let own = strip_scheme(src, "cid:").and_then(|id| (self.images)(&id.replace("%40", "@")));
        self.blank = false;
        if let Some(own) = own {
            self.out.push_str(&format!("<img src=\"{}\" alt=\"{}\"{}>", escaped(&own), escaped(alt), attributes("img", tag)));
            self.own_images.insert(own);
        } else if links::is_raster_data(src) {
            self.out.push_str(&format!("<img src=\"{}\" alt=\"{}\"{}>", escaped(src), escaped(alt), attributes("img", tag)));
        } else {
            self.images_left_out += 1;
            let side = |name: &str| tag.attribute(name).and_then(|side| side.trim().parse::<u32>().ok());
            let is_tracker = matches!((side("width"), side("height")), (Some(w), Some(h)) if w <= SMALLEST_IMAGE && h <= SMALLEST_IMAGE);
            if !is_tracker {
                self.out.push_str(&format!("<span>[▢ {}]</span>", if alt.is_empty() { "…".into() } else { escaped(alt) }));
            }
        }
    }
}

fn strip_scheme<'a>(address: &'a str, scheme: &str) -> Option<&'a str> {
    let (begin, rest) = address.split_at_checked(scheme.len())?;
    begin.eq_ignore_ascii_case(scheme).then_some(rest)
}

/// The attributes that stay, each once, a blank before each. Addresses and what stands for an image are written apart.
fn attributes(name: &str, tag: &Tag<'_>) -> String {
    let mut kept = String::new();
    let mut seen: Vec<String> = Vec::new();
    for (key, value) in tag.attributes() {
        let key = if key.len() <= 16 { key.to_ascii_lowercase() } else { continue };
        if seen.contains(&key) || value.len() > 4 * 4_096 || matches!(key.as_str(), "href" | "title" | "src" | "alt") {
            continue;
        }
        if let Some(value) = elements::attribute(name, &key, &decoded(value)) {
            kept.push_str(&format!(" {key}=\"{}\"", escaped(&value)));
        }
        seen.push(key);
    }
    kept
}
