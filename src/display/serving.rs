//! Under which headers a file that came with a mail is served: as what it is, or as nothing that a browser opens.

use crate::model::legible;
use std::fmt::Write;

/// The headers of an answer that carries a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Serving {
    /// Content-Type.
    pub content_type: &'static str,
    /// Content-Disposition. RFC 6266.
    pub disposition: String,
    /// Content-Security-Policy. A browser's reader of PDF does not start in a sandbox; it is one itself.
    pub content_security_policy: &'static str,
    /// X-Content-Type-Options: the type is the one that was found in the bytes, and browsers are not to guess another.
    pub content_type_options: &'static str,
}

const SANDBOX: &str = "sandbox; default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'self'";
const PDF: &str = "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'self'";
/// Longest name that is offered, in bytes.
const LONGEST_NAME: usize = 255;

/// `media_type`: as it was sniffed from the content, never as the mail declares it. What is not listed may run something in a browser
/// (HTML, SVG, XML) or is unknown, and is kept as a file.
pub fn serving(media_type: &str, name: Option<&str>) -> Serving {
    let shown = match media_type {
        "image/png" => Some(("image/png", SANDBOX)),
        "image/jpeg" => Some(("image/jpeg", SANDBOX)),
        "image/gif" => Some(("image/gif", SANDBOX)),
        "image/webp" => Some(("image/webp", SANDBOX)),
        "application/pdf" => Some(("application/pdf", PDF)),
        "text/plain" => Some(("text/plain; charset=utf-8", SANDBOX)),
        _ => None,
    };
    let (content_type, content_security_policy) = shown.unwrap_or(("application/octet-stream", SANDBOX));
    let disposition = disposition(if shown.is_some() { "inline" } else { "attachment" }, name);
    Serving { content_type, disposition, content_security_policy, content_type_options: "nosniff" }
}

/// RFC 6266 §4.1: a name for old programs, and the whole one in the form of RFC 8187 §3.2.1.
fn disposition(how: &str, name: Option<&str>) -> String {
    let name = legible::on_one_line(name.unwrap_or_default());
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default().trim().trim_start_matches('.');
    let name = &name[..name.floor_char_boundary(LONGEST_NAME)];
    if name.is_empty() {
        return how.to_owned();
    }
    // A percent sign in it is decoded by some programs (RFC 6266 appendix D).
    let plain: String = name.chars().map(|c| if matches!(c, ' '..='~') && !matches!(c, '"' | '\\' | '%') { c } else { '_' }).collect();
    let mut header = format!("{how}; filename=\"{plain}\"");
    if plain != name {
        header.push_str("; filename*=UTF-8''");
        for byte in name.bytes() {
            match byte {
                b'!' | b'#' | b'$' | b'&' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~' => header.push(char::from(byte)),
                byte if byte.is_ascii_alphanumeric() => header.push(char::from(byte)),
                byte => _ = write!(header, "%{byte:02X}"),
            }
        }
    }
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_runs_nothing_is_opened() {
        let check = |media_type: &str, content_type: &str, how: &str| {
            let serving = serving(media_type, Some("x.html"));
            assert_eq!((serving.content_type, serving.disposition.split(';').next()), (content_type, Some(how)), "{media_type}");
            assert_eq!(serving.content_type_options, "nosniff");
            assert!(serving.content_security_policy.contains("default-src 'none'"));
            assert_eq!(serving.content_security_policy.starts_with("sandbox;"), media_type != "application/pdf");
        };
        for same in ["image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf"] {
            check(same, same, "inline");
        }
        check("text/plain", "text/plain; charset=utf-8", "inline");
        for file in [
            "text/html",
            "image/svg+xml",
            "application/xhtml+xml",
            "text/xml",
            "application/xml",
            "text/javascript",
            "application/x-empty",
            "image/bmp",
            "message/rfc822",
            "application/zip",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            "",
            "IMAGE/PNG",
            "image/png; x=y",
            "text/plain; charset=utf-7",
            "multipart/related",
        ] {
            check(file, "application/octet-stream", "attachment");
        }
    }

    #[test]
    fn names_in_a_header() {
        let check = |name: Option<&str>, want: &str| assert_eq!(serving("", name).disposition, want, "{name:?}");
        check(None, "attachment");
        check(Some("cv.pdf"), "attachment; filename=\"cv.pdf\"");
        check(
            Some("Lebenslauf Müller.pdf"),
            "attachment; filename=\"Lebenslauf M_ller.pdf\"; filename*=UTF-8''Lebenslauf%20M%C3%BCller.pdf",
        );
        check(Some("a\"; filename=evil.exe; x=\"\\"), "attachment");
        check(Some("a\"b\r\nSet-Cookie: x"), "attachment; filename=\"a_b  Set-Cookie: x\"; filename*=UTF-8''a%22b%20%20Set-Cookie%3A%20x");
        check(Some("../../etc/.passwd"), "attachment; filename=\"passwd\"");
        check(Some("100%41.pdf"), "attachment; filename=\"100_41.pdf\"; filename*=UTF-8''100%2541.pdf");
        check(Some("Rechnung\u{202e}fdp.exe"), "attachment; filename=\"Rechnungfdp.exe\"");
        assert!(serving("", Some(&"ü".repeat(500))).disposition.len() < 1_200);
    }
}
