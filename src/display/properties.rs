//! Whatever it is made of, what is shown is harmless.

use super::tests::{check_harmless, own};
use super::*;
use proptest::prelude::*;

const PIECES: &[&str] = &[
    "<",
    ">",
    "</",
    "/>",
    "\"",
    "'",
    "`",
    "=",
    "&",
    "&lt;",
    "&#106;",
    "&#x3c;",
    "&Tab;",
    "\n",
    "\t",
    "\0",
    "<!--",
    "-->",
    "--!>",
    "<!",
    "<?",
    "]]>",
    "<![CDATA[",
    "<script>",
    "</script>",
    "alert(1)",
    "<style>",
    "</style>",
    "<svg>",
    "</svg>",
    "<math>",
    "<mtext>",
    "<mglyph>",
    "<annotation-xml encoding=text/html>",
    "<foreignObject>",
    "<desc>",
    "<title>",
    "</title>",
    "<textarea>",
    "</textarea>",
    "<noscript>",
    "</noscript>",
    "<template>",
    "</template>",
    "<select>",
    "<option>",
    "<form action=x>",
    "<input>",
    "<table>",
    "</table>",
    "<tr>",
    "<td>",
    "<caption>",
    "<a href=\"",
    "<a href=javascript:x>",
    "</a>",
    "<img src=x onerror=alert(1)>",
    "<img src=\"cid:logo@x\">",
    "<img src='data:image/svg+xml,x'>",
    "<p>",
    "</p>",
    "<b>",
    "</b>",
    "<div style=\"",
    "<div style='background:url(https://c.example)'>",
    "</div>",
    "onload=",
    "href=",
    "src=",
    "style=",
    "javascript:",
    "https://x.example/",
    "<base href=x>",
    "<meta http-equiv=refresh content=0>",
    "<iframe srcdoc=\"",
    "<iframe>",
    "<object data=x>",
    "<embed src=x>",
    "<link rel=stylesheet href=x>",
    "<plaintext>",
    "<xmp>",
    "<li>",
    "<ul>",
    "<h1>",
    "<pre>",
    "x",
    " ",
    "ü",
    "\u{202e}",
    "<body onload=x>",
    "<html>",
    "<frameset>",
    "expression(",
    "url(",
    "@import",
    "\\",
    "/*",
    "*/",
    ";",
    ":",
    "color",
    "position:fixed",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, max_shrink_iters: 500, ..ProptestConfig::default() })]

    #[test]
    fn soup_is_harmless(soup in prop::collection::vec(prop::sample::select(PIECES), 0..60)) {
        let text = soup.concat();
        let once = html(&text, &own).expect("short");
        check_harmless(&once.html, &text);
        check_harmless(&html(&once.html, &own).expect("short").html, &text);
        // A browser finishes an open tag, quote or comment of ours with what comes behind; none is left open.
        let behind = format!("{}<p>behind</p>", once.html);
        let tree = scraper::Html::parse_fragment(&behind);
        let last = scraper::Selector::parse("p:last-child").expect("a selector");
        prop_assert!(tree.select(&last).any(|p| p.text().collect::<String>() == "behind"), "{}", behind);
    }

    #[test]
    fn any_text_is_harmless(any in "\\PC{0,200}") {
        check_harmless(&html(&any, &own).expect("short").html, &any);
    }
}
