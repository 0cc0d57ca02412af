//! The elements and attributes that are shown. What is not in these tables is left out, and its text stays.

use super::style;

/// Elements within a line.
const INLINE: &[&str] = &[
    "a", "abbr", "acronym", "b", "big", "cite", "code", "del", "dfn", "em", "font", "i", "ins", "kbd", "mark", "q", "s", "samp", "small",
    "span", "strike", "strong", "sub", "sup", "tt", "u", "var",
];
/// Elements that end an open paragraph.
const BLOCK: &[&str] = &[
    "address",
    "article",
    "aside",
    "blockquote",
    "center",
    "dd",
    "div",
    "dl",
    "dt",
    "figcaption",
    "figure",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "li",
    "main",
    "nav",
    "ol",
    "p",
    "pre",
    "section",
    "ul",
];
const TABLE: &[&str] = &["table", "caption", "thead", "tbody", "tfoot", "tr", "td", "th"];
/// Elements without content.
const VOID: &[&str] = &["br", "hr", "img", "wbr"];

/// How an element takes part in the structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Inline,
    Block,
    Table,
    Void,
}

const CLASSES: [(Class, &[&str]); 4] = [(Class::Inline, INLINE), (Class::Block, BLOCK), (Class::Table, TABLE), (Class::Void, VOID)];

/// The element of this name, in lower case, if it is shown.
pub fn element(name: &str) -> Option<(&'static str, Class)> {
    let within = |(class, names): &(Class, &'static [&'static str])| names.iter().find(|one| **one == name).map(|one| (*one, *class));
    CLASSES.iter().find_map(within)
}

pub fn all() -> impl Iterator<Item = &'static str> {
    CLASSES.iter().flat_map(|(_, names)| names.iter().copied())
}

pub const GENERIC_ATTRIBUTES: &[&str] = &["style", "align", "dir"];
/// No `id`, `name` or `class`: they would speak to the page around. `rel` and `target` are ours.
pub const TAG_ATTRIBUTES: &[(&str, &[&str])] = &[
    ("a", &["href", "title"]),
    ("img", &["src", "alt", "width", "height"]),
    ("table", &["width", "border", "cellpadding", "cellspacing", "bgcolor"]),
    ("tr", &["bgcolor", "valign"]),
    ("td", &["width", "height", "colspan", "rowspan", "valign", "bgcolor", "nowrap"]),
    ("th", &["width", "height", "colspan", "rowspan", "valign", "bgcolor", "nowrap"]),
    ("font", &["color", "size", "face"]),
    ("ol", &["start", "type"]),
    ("ul", &["type"]),
];

/// The widest and highest thing that is shown, in pixels.
const LARGEST: u32 = 2_000;
/// Cells that one spans; browsers make a column for each.
const MOST_SPANNED: u32 = 100;

/// The value that an attribute may have, decoded; None if it may have none such. Addresses have rules of their own.
pub fn attribute(tag: &str, name: &str, value: &str) -> Option<String> {
    let is_listed = TAG_ATTRIBUTES.iter().any(|(one, names)| *one == tag && names.contains(&name));
    if !is_listed && !GENERIC_ATTRIBUTES.contains(&name) {
        return None;
    }
    let value = value.trim();
    let one_of = |words: &[&str]| words.iter().find(|word| value.eq_ignore_ascii_case(word)).map(|word| (*word).to_owned());
    match name {
        "style" => Some(style::harmless(value)).filter(|style| !style.is_empty()),
        "align" => one_of(&["left", "right", "center", "justify"]),
        "dir" => one_of(&["ltr", "rtl"]),
        "valign" => one_of(&["top", "middle", "bottom", "baseline"]),
        "nowrap" => Some(String::new()),
        "width" | "height" => size(value),
        "border" | "cellpadding" | "cellspacing" | "start" => number(value, 100).map(|number| number.to_string()),
        "colspan" | "rowspan" => number(value, MOST_SPANNED).map(|number| number.to_string()),
        "type" => ["1", "a", "A", "i", "I", "disc", "circle", "square"].contains(&value).then(|| value.to_owned()),
        "bgcolor" | "color" => style::is_colour(value).then(|| value.to_owned()),
        "size" => {
            (value.len() <= 2 && value.trim_start_matches(['+', '-']).parse::<u8>().is_ok_and(|size| size <= 7)).then(|| value.to_owned())
        }
        "face" => style::is_font(value).then(|| value.to_owned()),
        _ => None,
    }
}

fn number(text: &str, most: u32) -> Option<u32> {
    let is_one = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| is_one && *number <= most)
}

/// Pixels, or a part of what there is.
fn size(text: &str) -> Option<String> {
    match text.strip_suffix('%') {
        Some(part) => number(part, 100).map(|part| format!("{part}%")),
        None => number(text.strip_suffix("px").unwrap_or(text), LARGEST).map(|pixels| pixels.to_string()),
    }
}
