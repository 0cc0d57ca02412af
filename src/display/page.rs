//! The page around what is shown: it may load nothing, run nothing, send nothing.

use crate::model::markup::escaped;

/// What a page of ours lets the browser do: draw, with images that lie in the page itself. Whoever serves pages over HTTP says it in a
/// header as well, with `img-src` for his own images, and adds `sandbox allow-popups` and `frame-ancestors`, which a page cannot say.
pub const CONTENT_SECURITY_POLICY: &str =
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// Nothing of a mail reaches out of its frame: it is cut off at the frame's edge, and nothing in it is placed elsewhere.
const STYLE: &str = "body{font-family:sans-serif;margin:1em auto;max-width:60em;padding:0 1em;color:#111;background:#fff}\
table.head td{vertical-align:top;padding:.1em .8em .1em 0}.text{white-space:pre-wrap;overflow-wrap:anywhere}\
.mail{border:1px solid #bbb;padding:.8em;margin:.6em 0;overflow:auto;position:relative;contain:paint}\
.mail img{max-width:100%}.mail p{margin:0 0 .5em}.note{background:#fff3c4;padding:.4em .8em;margin:.6em 0}\
table.parts{border-collapse:collapse}table.parts td,table.parts th{border:1px solid #ccc;padding:.2em .5em;text-align:left}\
h2{font-size:1em;margin:1.4em 0 .3em}details{margin:.4em 0}";

/// A whole page around a body that is harmless already; the title is escaped here.
pub fn page(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html>\n<head>\n<meta charset=\"utf-8\">\n<meta http-equiv=\"Content-Security-Policy\" content=\"{CONTENT_SECURITY_POLICY}\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n<title>{}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n",
        escaped(&crate::model::legible::on_one_line(title))
    )
}
