//! The style attribute: a short list of properties, and values that can neither load nor cover anything.

/// Longest style that is looked at, in bytes.
const LONGEST: usize = 4_096;

/// What a property's value may be.
#[derive(Clone, Copy)]
enum Values {
    Colour,
    Font,
    /// Lengths up to so many pixels, never negative, and words of the list.
    Lengths(f32, &'static [&'static str]),
    /// Lengths, words and colours.
    Border,
    Words(&'static [&'static str]),
}

const AUTO: &[&str] = &["auto", "inherit", "initial", "normal"];
const SIZES: &[&str] = &["xx-small", "x-small", "small", "medium", "large", "x-large", "xx-large", "smaller", "larger", "inherit"];
const LINES: &[&str] = &["none", "solid", "dashed", "dotted", "double", "groove", "ridge", "inset", "outset", "thin", "medium", "thick"];

fn values(property: &str) -> Option<Values> {
    Some(match property {
        "color" | "background-color" | "background" | "border-color" => Values::Colour,
        "font-family" => Values::Font,
        "font-size" => Values::Lengths(100.0, SIZES),
        "line-height" => Values::Lengths(100.0, AUTO),
        "font-weight" => Values::Lengths(900.0, &["bold", "bolder", "lighter", "normal"]),
        "font-style" => Values::Words(&["italic", "oblique", "normal"]),
        "font-variant" => Values::Words(&["small-caps", "normal"]),
        "text-align" => Values::Words(&["left", "right", "center", "justify", "start", "end"]),
        "text-decoration" => Values::Words(&["none", "underline", "line-through", "overline"]),
        "text-transform" => Values::Words(&["none", "uppercase", "lowercase", "capitalize"]),
        "vertical-align" => Values::Words(&["top", "middle", "bottom", "baseline", "sub", "super", "text-top", "text-bottom"]),
        "white-space" => Values::Words(&["normal", "nowrap", "pre", "pre-wrap", "pre-line"]),
        "display" => Values::Words(&["none", "block", "inline", "inline-block"]),
        "list-style-type" => Values::Words(&["disc", "circle", "square", "decimal", "lower-alpha", "upper-alpha", "lower-roman", "none"]),
        "border-collapse" => Values::Words(&["collapse", "separate"]),
        "margin" | "margin-top" | "margin-right" | "margin-bottom" | "margin-left" | "padding" | "padding-top" | "padding-right"
        | "padding-bottom" | "padding-left" | "text-indent" | "border-spacing" | "border-width" | "border-radius" => {
            Values::Lengths(200.0, AUTO)
        }
        "width" | "max-width" | "height" | "min-width" => Values::Lengths(2_000.0, &["auto", "none"]),
        "border" | "border-top" | "border-right" | "border-bottom" | "border-left" | "border-style" => Values::Border,
        _ => return None,
    })
}

/// The declarations that may stay, in their order.
pub fn harmless(style: &str) -> String {
    let style = &style[..style.floor_char_boundary(LONGEST)];
    let mut kept = String::new();
    for declaration in style.split(';') {
        let Some((property, value)) = declaration.split_once(':') else { continue };
        let property = property.trim().to_ascii_lowercase();
        let value = value.trim();
        let value = value.strip_suffix("!important").unwrap_or(value).trim();
        if values(&property).is_some_and(|values| is_harmless(values, value)) {
            if !kept.is_empty() {
                kept.push_str("; ");
            }
            kept.push_str(&property);
            kept.push_str(": ");
            kept.push_str(value);
        }
    }
    kept
}

fn is_harmless(values: Values, value: &str) -> bool {
    let each = |fits: &dyn Fn(&str) -> bool| {
        let mut words = value.split_ascii_whitespace().peekable();
        words.peek().is_some() && words.all(|word| fits(&word.to_ascii_lowercase()))
    };
    match values {
        Values::Colour => is_colour(value),
        Values::Font => is_font(value),
        Values::Lengths(most, allowed) => each(&|word| is_length(word, most) || allowed.contains(&word)),
        Values::Words(allowed) => each(&|word| allowed.contains(&word)),
        Values::Border => each(&|word| is_length(word, 50.0) || LINES.contains(&word) || is_colour(word)),
    }
}

/// `#fff`, a name, or `rgb(…)`. A name that no browser knows colours nothing.
pub fn is_colour(value: &str) -> bool {
    let value = value.to_ascii_lowercase();
    if let Some(digits) = value.strip_prefix('#') {
        return matches!(digits.len(), 3 | 4 | 6 | 8) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    }
    let inside = ["rgb(", "rgba(", "hsl(", "hsla("].iter().find_map(|function| value.strip_prefix(function)?.strip_suffix(')'));
    if let Some(inside) = inside {
        return inside.len() <= 40 && inside.bytes().all(|b| b.is_ascii_digit() || matches!(b, b' ' | b',' | b'.' | b'%'));
    }
    (3..=24).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_lowercase())
}

/// Names of fonts, quoted or not. They come from the reader's machine: the page may load none.
pub fn is_font(value: &str) -> bool {
    let quotes = |quote: char| value.matches(quote).count().is_multiple_of(2);
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, ' ' | ',' | '\'' | '"' | '-' | '_');
    (1..=300).contains(&value.len()) && value.chars().all(is_part) && quotes('"') && quotes('\'')
}

/// A number with a unit, between nothing and so many pixels.
fn is_length(word: &str, most: f32) -> bool {
    let at = word.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(word.len());
    let (number, unit) = word.split_at(at);
    let pixels = match unit {
        "" | "px" => 1.0,
        "pt" => 4.0 / 3.0,
        "em" | "rem" | "ex" => 16.0,
        "cm" => 38.0,
        "mm" => 3.8,
        "in" => 96.0,
        // A part of what there is.
        "%" => most / 200.0,
        _ => return false,
    };
    number.len() <= 8 && number.parse::<f32>().is_ok_and(|number| number * pixels <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_of_a_style() {
        let check = |style: &str, want: &str| assert_eq!(harmless(style), want, "{style}");
        check(
            "color:#1F497D;font-size:11.0pt;font-family:\"Calibri\",sans-serif",
            "color: #1F497D; font-size: 11.0pt; font-family: \"Calibri\",sans-serif",
        );
        check("margin:0cm 0cm .0001pt;mso-fareast-language:DE", "margin: 0cm 0cm .0001pt");
        check(
            "border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm",
            "border: none; border-top: solid #E1E1E1 1.0pt; padding: 3.0pt 0cm 0cm 0cm",
        );
        check("background:rgb(255, 0, 0);COLOR: Red !important", "background: rgb(255, 0, 0); color: Red");
        for gone in [
            "background:url(http://x/)",
            "background:url('x')",
            "background:u\\72l(x)",
            "background-image:image-set('x' 1x)",
            "color:expression(alert(1))",
            "color:red/**/",
            "/**/color:red",
            "position:fixed",
            "z-index:9",
            "margin:-100px",
            "margin-left:calc(0px - 9px)",
            "width:99999px",
            "width:1e9px",
            "font-size:5000px",
            "font-family:x;}",
            "font-family:'x",
            "behavior:url(x)",
            "-moz-binding:url(x)",
            "@import 'x'",
            "content:'x'",
            "color:var(--x)",
            "width:100vw",
            "transform:scale(99)",
            "padding:NaN",
            "width:infpx",
            "width:300%",
            "opacity:0",
            "filter:blur(1px)",
            "color:red}a{b:c",
            "list-style:url(x)",
            "cursor:url(x)",
            "pointer-events:none",
            "color:<x>",
            "display:contents",
        ] {
            assert!(!harmless(gone).contains(['(', '\\', '/', '@', '<', '}']) && harmless(gone).len() <= 14, "{gone}: {}", harmless(gone));
        }
        check("position:fixed;top:0;left:0;width:100%", "width: 100%");
    }
}
