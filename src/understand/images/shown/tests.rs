use super::*;

fn of(html: &str, id: &str) -> Use {
    let mut uses = Uses::default();
    uses.read(html);
    uses.of(Some(id), None).unwrap_or_else(|| panic!("{html} does not show {id}")).clone()
}

#[test]
fn sizes() {
    let check = |attributes: &str, want: (Option<u32>, Option<u32>)| {
        let found = of(&format!("<img {attributes} src='cid:a@x'>"), "a@x");
        assert_eq!((found.width, found.height), want, "{attributes}");
    };
    check("width=120 height='40'", (Some(120), Some(40)));
    check("WIDTH=\"100%\" height=40px", (None, Some(40)));
    check("style='width:1.25in;height: 48pt'", (Some(120), Some(64)));
    check("style='max-width:10px; height:auto'", (None, None));
    check("style='width:2.54cm;height:25.4mm'", (Some(96), Some(96)));
    check("width=99999999999999999999", (None, None));
    check("", (None, None));
}

#[test]
fn links() {
    assert_eq!(link("https://www.linkedin.com/company/acme"), Link::Social);
    assert_eq!(link("http://x.com"), Link::Social);
    assert_eq!(link("https://www.fax.com/x.com"), Link::Elsewhere);
    assert_eq!(link("mailto:a@b.example"), Link::None);
    let html = "<a href='https://xing.com/x'><img src=cid:a></a><img src=cid:b>";
    assert_eq!((of(html, "a").link, of(html, "b").link), (Link::Social, Link::None));
}

#[test]
fn places() {
    let check = |html: &str, in_signature: bool, is_inner: bool| {
        let found = of(html, "a");
        assert_eq!((found.in_signature, found.is_inner), (in_signature, is_inner), "{html}");
    };
    check("<p>Hallo</p><img src=cid:a>", false, false);
    check("<p>Hallo</p><p>Mit freundlichen Gr&uuml;&szlig;en</p><img src=cid:a>", true, false);
    check("Hi<br>-- <br><img src=cid:a>", true, false);
    check("<div class=gmail_signature><div>Max</div><img src=cid:a></div>", true, false);
    check("<div class=gmail_signature><div>Max</div></div><img src=cid:a>", false, false);
    check("<div id='ms-outlook-mobile-signature'></div><p><img src=cid:a>", false, false);
    check("<p>Best regards</p><p><b>Von:</b> Maria</p><img src=cid:a>", false, true);
    check("<div>---------- Forwarded message ---------</div><p>Viele Grüße</p><img src=cid:a>", true, true);
    check("<blockquote type=cite><img src=cid:a></blockquote>", false, true);
    check(&format!("<p>Viele Grüße</p><p>{}</p><img src=cid:a>", "wort ".repeat(1_000)), false, false);
    // Nothing that is not shown.
    assert_eq!(
        {
            let mut uses = Uses::default();
            uses.read("<!-- <img src=cid:a> --><style><img src=cid:a></style>");
            uses.images.len()
        },
        0
    );
}

#[test]
fn several_times_and_by_location() {
    let html = "<img src=cid:a%40x><img src='CID:a@x'><img src='https://e.example/l.png'>";
    assert_eq!(of(html, "a@x").times, 2);
    let mut uses = Uses::default();
    uses.read(html);
    assert!(uses.of(None, Some("https://e.example/l.png")).is_some() && uses.of(Some("b"), Some("l.png")).is_none());
}

#[test]
fn odd_html_ends() {
    for html in
        ["<", "</", "<a", "<img src", "<img src='cid:a", "<!--", "<?", "< img", "<ü", "<style>", "a</ü>", &"<img src=cid:a>".repeat(5_000)]
    {
        Uses::default().read(html);
    }
}
