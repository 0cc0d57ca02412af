//! HTML without what no reader sees: text that is not displayed, has no size, or has the colour of the paper.

use crate::model::markup::{Tag, Token, Tokens, decoded, tokens};

/// Elements that are followed, one in the other.
const DEEPEST: usize = 256;
/// Longest style, or sheet of styles, that is looked at, in bytes.
const LONGEST_STYLE: usize = 64 << 10;
const VOID: &[&str] = &["br", "hr", "img", "wbr", "input", "meta", "link", "col", "area", "base", "embed", "source", "track", "param"];

/// The same HTML without what is hidden by its own style, by its colour, or by a class of a style sheet.
pub fn visible(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut all = tokens(html);
    let mut hidden_classes = Vec::new();
    // Open elements: their names, and whether they have a paper of their own.
    let mut open: Vec<(String, bool)> = Vec::new();
    let mut from = 0;
    while let Some(token) = all.next() {
        let to = html.len() - all.left();
        match token {
            Token::Raw { name, content } if name == "style" => {
                classes(&content[..content.floor_char_boundary(LONGEST_STYLE)], &mut hidden_classes)
            }
            Token::Open(tag) if !VOID.contains(&tag.name.as_str()) => {
                let style = style_of(&tag);
                let has_paper = || style.paper || open.iter().any(|(_, has_paper)| *has_paper);
                let is_hidden = style.is_hidden || style.is_white && !has_paper() || has_class(&tag, &hidden_classes);
                if is_hidden {
                    skip(&mut all, &tag.name);
                } else if open.len() < DEEPEST {
                    open.push((tag.name, style.paper));
                    out.push_str(&html[from..to]);
                } else {
                    out.push_str(&html[from..to]);
                }
            }
            Token::Close(name) => {
                if let Some(at) = open.iter().rposition(|(open, _)| *open == name) {
                    open.truncate(at);
                }
                out.push_str(&html[from..to]);
            }
            _ => out.push_str(&html[from..to]),
        }
        from = html.len() - all.left();
    }
    out
}

/// To behind the end of an element that was just opened; where its end is left out, to that of its paragraph.
fn skip(all: &mut Tokens<'_>, name: &str) {
    let mut depth = 1_usize;
    for token in all {
        match token {
            Token::Open(tag) if tag.name == name && !matches!(name, "p" | "li" | "td" | "tr") => depth += 1,
            Token::Close(closed) if closed == name => depth -= 1,
            Token::Close(closed) if closed == "body" || name == "p" && matches!(closed.as_str(), "div" | "td" | "table" | "blockquote") => {
                return;
            }
            _ => (),
        }
        if depth == 0 {
            return;
        }
    }
}

#[derive(Default)]
struct Style {
    is_hidden: bool,
    /// Its text has the colour of white paper.
    is_white: bool,
    /// It lies on something that is not white.
    paper: bool,
}

fn style_of(tag: &Tag<'_>) -> Style {
    let mut found = Style::default();
    for (name, value) in tag.attributes() {
        let value = &value[..value.floor_char_boundary(LONGEST_STYLE)];
        match name.to_ascii_lowercase().as_str() {
            "hidden" => found.is_hidden = true,
            "bgcolor" | "background" => found.paper |= !is_white(&decoded(value)),
            "color" if tag.name == "font" => found.is_white |= is_white(&decoded(value)),
            "style" => declarations(&decoded(value), &mut found),
            _ => (),
        }
    }
    found
}

fn declarations(style: &str, found: &mut Style) {
    for declaration in style.split(';') {
        let Some((property, value)) = declaration.split_once(':') else { continue };
        let value: String = value.to_ascii_lowercase().replace("!important", "").split_whitespace().collect();
        match property.trim().to_ascii_lowercase().as_str() {
            "display" => found.is_hidden |= value == "none",
            "visibility" => found.is_hidden |= matches!(value.as_str(), "hidden" | "collapse"),
            "mso-hide" => found.is_hidden |= value == "all",
            "font-size" | "max-height" | "opacity" => {
                let number = value.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '%').parse::<f32>();
                // Nobody reads letters of a pixel's height.
                let least = if property.trim().eq_ignore_ascii_case("font-size") && !value.contains("em") && !value.contains('%') {
                    2.0
                } else {
                    0.05
                };
                found.is_hidden |= number.is_ok_and(|number| number < least);
            }
            "text-indent" | "left" | "top" | "margin-left" => {
                found.is_hidden |=
                    value.strip_suffix("px").and_then(|pixels| pixels.parse::<f32>().ok()).is_some_and(|pixels| pixels < -900.0);
            }
            "color" => found.is_white = is_white(&value),
            "background" | "background-color" | "background-image" => {
                found.paper |= !is_white(&value) && !matches!(value.as_str(), "none" | "inherit" | "initial")
            }
            _ => (),
        }
    }
}

fn is_white(colour: &str) -> bool {
    let colour: String = colour.to_ascii_lowercase().split_whitespace().collect();
    let is_light = |digits: &str| {
        digits.bytes().all(|b| b.is_ascii_hexdigit())
            && match digits.len() {
                3 => digits.bytes().all(|b| b == b'f'),
                6 => [0, 2, 4].iter().all(|&at| u8::from_str_radix(&digits[at..at + 2], 16).is_ok_and(|part| part >= 0xf8)),
                _ => false,
            }
    };
    let is_rgb = ["rgb(", "rgba("].iter().find_map(|begin| colour.strip_prefix(begin)).is_some_and(|rest| {
        let parts: Vec<f32> = rest.trim_end_matches(')').split(',').filter_map(|part| part.parse().ok()).collect();
        parts.len() >= 3 && parts[..3].iter().all(|part| *part >= 248.0) || parts.len() == 4 && parts[3] == 0.0
    });
    matches!(colour.as_str(), "white" | "transparent" | "snow") || is_rgb || colour.strip_prefix('#').is_some_and(is_light)
}

/// Classes that a style sheet hides. What it hides on small screens or paper alone is shown on others.
fn classes(sheet: &str, hidden: &mut Vec<String>) {
    let mut rest = sheet;
    while let Some(open) = rest.find('{') {
        let selectors = &rest[..open];
        let (mut depth, mut end) = (0_usize, rest.len());
        for (at, byte) in rest.bytes().enumerate().skip(open) {
            depth = match byte {
                b'{' => depth + 1,
                b'}' => depth.saturating_sub(1),
                _ => continue,
            };
            if depth == 0 {
                end = at;
                break;
            }
        }
        let mut found = Style::default();
        if !selectors.contains('@') {
            declarations(&rest[open + 1..end], &mut found);
        }
        if found.is_hidden {
            let class = |selector: &str| {
                let (_, class) = selector.trim().rsplit_once('.')?;
                class.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).then(|| class.to_owned())
            };
            hidden.extend(selectors.split(',').filter_map(class).take(100usize.saturating_sub(hidden.len())));
        }
        rest = rest.get(end + 1..).unwrap_or_default();
    }
}

fn has_class(tag: &Tag<'_>, hidden: &[String]) -> bool {
    !hidden.is_empty()
        && tag.attribute("class").is_some_and(|classes| classes.split_ascii_whitespace().any(|class| hidden.iter().any(|one| one == class)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::understand::html::to_text;

    #[test]
    fn what_nobody_sees() {
        let check = |html: &str, want: &str| assert_eq!(to_text(&visible(html)).0, want, "{html}");
        check("a<b>b</b><!-- c -->", "ab");
        check("a<div style='DISPLAY : None !important'>x<div>y</div>z</div>b", "a\nb".replace('\n', "").as_str());
        check("a<span style=\"font-size:0\">x</span><span style='font-size:1px'>y</span>b<span style='font-size:0.9em'>c</span>", "abc");
        check("a<font color=#fffffe>x</font><span style='color: rgb(255,255,255)'>y</span>b", "ab");
        check("<td bgcolor=#112233><a style='color:#fff'>Knopf</a></td>", "Knopf");
        check("<div style='background:#003;color:white'>Kopf</div>", "Kopf");
        check("a<p style='visibility:hidden'>x<p>y</div>b", "ab");
        check("<style>.pre, td.weg{display:none} @media print{.nur{display:none}}</style><p class='a pre'>x</p><p class=nur>y</p>", "y");
        check("<p hidden>x</p>a<span style='max-height:0;overflow:hidden'>y</span>", "a");
        check("<div style='text-indent:-9999px'>x</div>a", "a");
    }

    #[test]
    fn work_is_bounded() {
        for html in [
            "<div style='display:none'>".repeat(100_000),
            "<b>".repeat(500_000),
            "<style>.a{display:none}</style>".repeat(50_000),
            "<style>{{{".repeat(100_000),
        ] {
            assert!(visible(&html).len() <= html.len());
        }
    }
}
