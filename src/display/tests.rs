use super::*;
use scraper::{Html, Node};
use std::time::Instant;

/// What a browser makes of a fragment, element by element. Nothing but what the tables list may be in it.
pub fn check_harmless(fragment: &str, whence: &str) {
    let tree = Html::parse_fragment(fragment);
    for node in tree.tree.nodes() {
        let element = match node.value() {
            Node::Element(element) => element,
            Node::Comment(_) | Node::Doctype(_) | Node::ProcessingInstruction(_) => panic!("{whence}: a comment or worse in {fragment}"),
            Node::Text(_) | Node::Document | Node::Fragment => continue,
        };
        let name = element.name();
        // The reader's own frame.
        if matches!(name, "html" | "body" | "head") && element.attrs().next().is_none() {
            continue;
        }
        assert!(elements::element(name).is_some(), "{whence}: <{name}> in {fragment}");
        assert_eq!(&*element.name.ns, "http://www.w3.org/1999/xhtml", "{whence}: {fragment}");
        for (key, value) in element.attrs() {
            match (name, key) {
                ("a", "href") => {
                    assert!(["http://", "https://", "mailto:", "tel:"].iter().any(|scheme| value.starts_with(scheme)), "{whence}: {value}")
                }
                ("img", "src") => assert!(links::is_raster_data(value) || value == OWN, "{whence}: {value}"),
                ("a", "title") | ("img", "alt") => (),
                ("a", "rel") => assert_eq!(value, "noopener noreferrer nofollow"),
                ("a", "target") => assert_eq!(value, "_blank"),
                (_, "style") => {
                    let lower = value.to_lowercase();
                    let bad = [
                        "url",
                        "expression",
                        "position",
                        "import",
                        "behavior",
                        "binding",
                        "\\",
                        "/*",
                        "@",
                        "<",
                        "z-index",
                        "transform",
                        "-100",
                    ];
                    assert!(!bad.iter().any(|bad| lower.contains(bad)), "{whence}: style {value}");
                    assert_eq!(style::harmless(value), value, "{whence}");
                }
                _ => assert!(elements::attribute(name, key, value).is_some(), "{whence}: {key}={value} in <{name}>"),
            }
        }
        if name == "a" && element.attr("href").is_some() {
            assert!(element.attr("rel").is_some() && element.attr("target").is_some(), "{whence}: {fragment}");
            assert!(element.attr("title").is_none_or(|title| Some(title) == element.attr("href")), "{whence}: {fragment}");
        }
    }
}

pub const OWN: &str = "/own/3";

pub fn own(id: &str) -> Option<String> {
    (id == "logo@x").then(|| OWN.to_owned())
}

fn shown(text: &str) -> Shown {
    html(text, &own).unwrap_or_else(|| panic!("too much: {text:.200}"))
}

/// The vectors, one a line; `fixtures/display/README.md` says what they are.
pub const VECTORS: &str = include_str!("../../fixtures/display/vectors.txt");

/// Acceptance: S1.E13.
#[test]
fn vectors() {
    let vectors: Vec<&str> = VECTORS.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
    assert!(vectors.len() >= 80, "{} vectors", vectors.len());
    for vector in vectors {
        let vector = vector.replace("\\n", "\n").replace("\\t", "\t").replace("\\0", "\0").replace("HOST", "https://canary.example");
        let once = shown(&vector);
        check_harmless(&once.html, &vector);
        // What was shown and is sent again is the same again: nothing is left that a second reading would see otherwise.
        check_harmless(&shown(&once.html).html, &vector);
        // Without the rewriting, ammonia alone under the same tables is harmless as well: each of the two is enough.
        check_harmless(&sanitised(&vector.replace("title=", "x="), HashSet::new()), &vector);
    }
}

#[test]
fn what_mail_programs_write_stays() {
    let check = |html: &str, want: &str| assert_eq!(shown(html).html, want, "{html}");
    check("<p class=MsoNormal>Hallo&nbsp;<b>Welt</b><o:p></o:p></p>", "<p>Hallo&nbsp;<b>Welt</b></p>");
    check("<P>eins<P>zwei<div>drei</div>", "<p>eins</p><p>zwei</p><div>drei</div>");
    check("<ul><li>a<li>b<ol start=3><li>c</ol></ul>d", "<ul><li>a</li><li>b<ol start=\"3\"><li>c</li></ol></li></ul>d");
    check(
        "<table border=1><tr><td>a<td>b<tr><td>c</table>",
        "<table border=\"1\"><tbody><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></tbody></table>",
    );
    check("<table>  <b>x</b><tr><td>y</table>", "<table><tbody><tr><td><b>x</b></td></tr><tr><td>y</td></tr></tbody></table>");
    check("</p></div><td>x</td>y</table>", "xy");
    check("<span style='color:red;position:fixed'>x</span>", "<span style=\"color: red\">x</span>");
    check("1 < 2 &amp; 3 &gt; 2 &lt;b&gt;", "1 &lt; 2 &amp; 3 &gt; 2 &lt;b&gt;");
    check("<pre>a\n  b</pre>", "<pre>a\n  b</pre>");
    check("<blockquote type=cite>x</blockquote>", "<blockquote>x</blockquote>");
    check("<noscript>y</noscript><!--[if mso]>x<![endif]--><![if !mso]>z<![endif]>", "yz");
    check("<body bgcolor=#000000 style='color:#fff'>x</body>", "<div style=\"color: #fff\">x</div>");
}

#[test]
fn links_tell_where_they_lead() {
    let link = |target: &str, text: &str| {
        format!("<a href=\"{target}\" title=\"{target}\" target=\"_blank\" rel=\"noopener noreferrer nofollow\">{text}</a>")
    };
    let check = |html: &str, want: String| assert_eq!(shown(html).html, want, "{html}");
    check("<a href='https://x.example/a' onclick=x>Zeugnis</a>", link("https://x.example/a", "Zeugnis"));
    check(
        "<a href='https://evil.example/'>https://<b>bank</b>.example/</a>",
        link("https://evil.example/", "https://<b>bank</b>.example/") + " [→ evil.example]",
    );
    check(
        "<a href='javascript:x'>y</a>",
        "<a rel=\"noopener noreferrer nofollow\">y</a>".to_owned().replace("<a rel", "<a target=\"_blank\" rel"),
    );
    check("<a href=\"mailto:m@e.example?subject=x\">m@e.example</a>", link("mailto:m@e.example", "m@e.example"));
}

#[test]
fn images() {
    let check =
        |html: &str, want: &str, left_out: usize| assert_eq!(shown(html), Shown { html: want.into(), images_left_out: left_out }, "{html}");
    check("<img src='cid:logo@x' width=20 alt='Logo'>", "<img src=\"/own/3\" alt=\"Logo\" width=\"20\">", 0);
    check("<img src=\"CID:logo%40x\">", "<img src=\"/own/3\" alt=\"\">", 0);
    check("<img src=cid:other@x alt='Foto'>", "<span>[▢ Foto]</span>", 1);
    check("<img src='https://x.example/p.gif?id=1' alt='<b>Foto'>", "<span>[▢ &lt;b&gt;Foto]</span>", 1);
    check("a<img src='//x.example/t.gif' width=1 height=1>b", "ab", 1);
    check("<img src='/own/3'><img src='/e/1/part/3'><img>", "<span>[▢ …]</span><span>[▢ …]</span><span>[▢ …]</span>", 3);
    check("<img src='data:image/png;base64,iVBORw0KGgo='>", "<img src=\"data:image/png;base64,iVBORw0KGgo=\" alt=\"\">", 0);
    check("<img src='data:image/svg+xml;base64,PHN2Zz4='>", "<span>[▢ …]</span>", 1);
}

/// Acceptance: S1.E13; G4. Counted work: some are shown, the others give way to the plain text, and none takes long.
#[test]
fn work_is_bounded() {
    let links = "<a href=\"https://x.example\">y</a> ".repeat(5_000);
    assert_eq!(shown(&links).html.matches("<a ").count(), 5_000);
    assert!(shown(&" ".repeat(5 << 20)).html.len() < 10);
    assert!(shown(&format!("<p title='{}' style='{}'>x", "a".repeat(1 << 20), "b".repeat(1 << 20))).html.len() < 20);
    let unclosed = ["b", "a href=https://x.example/", "font color=red", "div", "ul><li", "table", "table><tr><td", "blockquote", "p><b"];
    let shown_or_not: Vec<String> = [
        "<p>".repeat(40_000),
        format!("<p {}>", (0..400_000).map(|i| format!("a{i}=1 ")).collect::<String>()),
        (0..4_000).map(|i| format!("<b x={i}>")).collect::<String>()
            + &(0..4_000).map(|i| format!("<i x={i}>")).collect::<String>()
            + &"x</b>".repeat(4_000),
        "<p><b><i><u><font size=1><div>x</p>".repeat(6_000),
        "</p>".repeat(1 << 20),
        "<table><b>".repeat(10_000),
        "<!--".repeat(1 << 18),
        "<!-- --".repeat(1 << 18),
        "-".repeat(1 << 20) + "<!--" + &"-".repeat(1 << 21),
        "<svg>".repeat(1 << 18),
        "<a href=".repeat(1 << 18),
        "&".repeat(99_000),
        "&nbsp;&ouml".repeat(49_000),
        "<br>".repeat(49_000),
        "<img src=x>".repeat(49_000),
        "<td>".repeat(1 << 20),
        format!("<img src='data:image/png;base64,{}'>", "A".repeat(4 << 20)),
    ]
    .into_iter()
    .chain(unclosed.iter().map(|tag| format!("<{tag}>").repeat(100_000 / tag.len() * 4)))
    .collect();
    for text in shown_or_not {
        let begun = Instant::now();
        if let Some(shown) = html(&text, &own) {
            check_harmless(
                shown.html[..shown.html.floor_char_boundary(2_000)].rsplit_once('<').map_or("", |(before, _)| before),
                "bounded",
            );
        }
        // Far above what it takes, far below what a quadratic step would.
        eprintln!("{:.40} {:?}", text.trim(), begun.elapsed());
        assert!(begun.elapsed().as_secs() < 60, "{:.60} took {:?}", text, begun.elapsed());
    }
    for too_much in ["<table>".repeat(50_000), "<b>".repeat(100_000), "x".repeat((5 << 20) + 1), "<br>".repeat(60_000), "&".repeat(1 << 20)]
    {
        assert!(html(&too_much, &own).is_none(), "{too_much:.40}");
    }
}

#[test]
fn the_page_escapes_and_forbids() {
    let page = page("</title><script>x</script>\u{202e}", "b");
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("<title>&lt;/title&gt;&lt;script&gt;x&lt;/script&gt;</title>"), "{page}");
    for directive in ["default-src 'none'", "img-src data:;", "base-uri 'none'", "form-action 'none'"] {
        assert!(CONTENT_SECURITY_POLICY.contains(directive));
    }
    assert!(page.contains("content=\"no-referrer\"") && page.contains("charset=\"utf-8\""));
}

/// What says the same twice is folded; where the two differ, or the HTML shows pictures, both are open.
#[test]
fn html_that_says_nothing_more_is_folded() {
    use crate::display::mail::{Sheet, sheet};
    use crate::model::message::Message;
    use crate::model::rendering::{Picture, Rendering};
    let check = |renderings_differ: bool, pictures: Vec<Picture>, is_folded: bool| {
        let message = Message { renderings_differ, ..Message::default() };
        let renderings = [Rendering { of: 0, html: vec!["<p>Hallo</p>".into()], pictures }];
        let page = sheet(&Sheet {
            head: &[],
            message: &message,
            parts: &[],
            forecast: None,
            renderings: &renderings,
            flags: &[],
            defects: &[],
            raw: "",
        });
        assert_eq!(
            page.contains("<details><summary>HTML</summary>\n<div class=\"mail\"><p>Hallo</p></div>\n</details>"),
            is_folded,
            "{page}"
        );
        assert_eq!(page.contains("<h2>HTML</h2>\n<div class=\"mail\"><p>Hallo</p></div>"), !is_folded, "{page}");
    };
    check(false, Vec::new(), true);
    check(true, Vec::new(), false);
    check(false, vec![Picture { content_id: "x@y".into(), media_type: "image/png".into(), bytes: Vec::new() }], false);
}
