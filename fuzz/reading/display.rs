//! HTML as a page shows it.

use super::spelt_out;
use rohrpost::display;

const DISPLAY_WORDS: [&str; 60] = [
    "<script>",
    "</script>",
    "<style>",
    "</style>",
    "<svg>",
    "</svg>",
    "<math>",
    "<mtext>",
    "<mglyph>",
    "<title>",
    "</title>",
    "<textarea>",
    "</textarea>",
    "<noscript>",
    "</noscript>",
    "<template>",
    "</template>",
    "<!--",
    "-->",
    "--!>",
    "<![CDATA[",
    "<table>",
    "</table>",
    "<tr>",
    "<td>",
    "</td>",
    "<caption>",
    "<a href=\"https://x.example/\">",
    "<a href=\"javascript:x\">",
    "bank.example",
    "</a>",
    "<img src=\"cid:own\">",
    "<img src=x onerror=y>",
    "<img src=\"data:image/png;base64,eA==\">",
    "<p>",
    "</p>",
    "<b>",
    "</b>",
    "<li>",
    "<ul>",
    "</ul>",
    "<div style=\"",
    "<div style='background:url(x)'>",
    "color:red;",
    "position:fixed;",
    "url(",
    "</div>",
    "<h1>",
    "<pre>",
    "\"",
    "'",
    ">",
    "<",
    "&#106;",
    "&colon;",
    "&lt;",
    "\\",
    "=",
    "<body bgcolor=#000>",
    "<br>",
];

/// HTML as a page shows it. Whatever it was, a browser finds the listed elements and attributes in it and nothing else, and what stands
/// behind it is not swallowed.
pub fn display(data: &[u8]) -> String {
    let html = spelt_out(data, &DISPLAY_WORDS);
    let own = |id: &str| (id == "own").then(|| "/own".to_owned());
    let Some(shown) = display::html(&html, &own) else { return String::new() };
    let again = display::html(&shown.html, &|_| None).expect("it was not too much before");
    for one in [&shown.html, &again.html] {
        check_page(&format!("{one}<p title=behind>x</p>"));
    }
    shown.html
}

fn check_page(html: &str) {
    let tree = scraper::Html::parse_fragment(html);
    let mut is_behind = false;
    for element in tree.tree.nodes().filter_map(|node| node.value().as_element()) {
        let name = element.name();
        let is_frame = matches!(name, "html" | "head" | "body") && element.attrs().next().is_none();
        assert!(is_frame || ELEMENTS.contains(&name), "<{name}> in {html}");
        for (key, value) in element.attrs() {
            let lower = value.to_lowercase();
            match (name, key) {
                ("p", "title") => is_behind |= value == "behind",
                ("a", "href" | "title") => {
                    assert!(["http://", "https://", "mailto:", "tel:"].iter().any(|scheme| value.starts_with(scheme)), "{value}")
                }
                ("img", "src") => assert!(value == "/own" || value.starts_with("data:image/png;base64,"), "{value}"),
                (_, "style") => {
                    assert!(!["url", "position", "\\", "expression", "@", "/*"].iter().any(|bad| lower.contains(bad)), "{value}")
                }
                (_, key) => assert!(ATTRIBUTES.contains(&key), "{key} in {html}"),
            }
        }
    }
    assert!(is_behind, "what stands behind is swallowed: {html}");
}

/// Written anew, not taken from the program: the two must agree.
const ELEMENTS: &[&str] = &[
    "a",
    "abbr",
    "acronym",
    "address",
    "article",
    "aside",
    "b",
    "big",
    "blockquote",
    "br",
    "caption",
    "center",
    "cite",
    "code",
    "dd",
    "del",
    "dfn",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "font",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "i",
    "img",
    "ins",
    "kbd",
    "li",
    "main",
    "mark",
    "nav",
    "ol",
    "p",
    "pre",
    "q",
    "s",
    "samp",
    "section",
    "small",
    "span",
    "strike",
    "strong",
    "sub",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "tt",
    "u",
    "ul",
    "var",
    "wbr",
];
const ATTRIBUTES: &[&str] = &[
    "align",
    "alt",
    "bgcolor",
    "border",
    "cellpadding",
    "cellspacing",
    "color",
    "colspan",
    "dir",
    "face",
    "height",
    "nowrap",
    "rel",
    "rowspan",
    "size",
    "start",
    "target",
    "type",
    "valign",
    "width",
];
