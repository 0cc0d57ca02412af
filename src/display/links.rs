//! Addresses: what a link may lead to, what an image may come from, and whether a link's text names another place than it leads to.

use crate::model::markup;
use base64::prelude::{BASE64_STANDARD, Engine};

/// A longer address is none that anybody reads.
const LONGEST: usize = 2_048;
/// Longest image within the HTML itself, in bytes of its base64.
pub const LONGEST_DATA: usize = 1_500_000;
/// Images that browsers draw without running anything.
pub const RASTER: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];

/// Where a link may lead: the web, a mail, a call. What browsers pass over in an address is gone. WHATWG URL §4.4.
pub fn target(href: &str) -> Option<String> {
    let href: String = href.trim_matches(|c: char| c <= ' ').chars().filter(|c| !c.is_control()).collect();
    let (scheme, rest) = href.split_once(':')?;
    let scheme = scheme.to_ascii_lowercase();
    if href.len() > LONGEST || href.chars().any(crate::model::legible::is_hidden) {
        return None;
    }
    match scheme.as_str() {
        "http" | "https" => {
            // Browsers read a backslash as a slash: then the host is another than it seems.
            let behind = rest.strip_prefix("//").filter(|behind| !behind.contains('\\'))?;
            let (authority, path) = behind.split_at(behind.find(['/', '?', '#']).unwrap_or(behind.len()));
            // A name in front of the host looks like one, and logs nobody in.
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            let (name, port) = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit())).unwrap_or((host, ""));
            let name = idna::domain_to_ascii(name).ok().filter(|name| !name.is_empty() && !name.contains(' '))?;
            let port = if port.is_empty() { String::new() } else { format!(":{port}") };
            Some(format!("{scheme}://{name}{port}{}", path.replace(' ', "%20")))
        }
        // No subject, no text, no files that the mail would choose.
        "mailto" => {
            let address = rest.split('?').next().unwrap_or_default();
            (address.contains('@') && !address.contains(char::is_whitespace)).then(|| format!("mailto:{address}"))
        }
        "tel" => {
            let number: String = rest.chars().filter(|c| !c.is_whitespace()).collect();
            (!number.is_empty() && number.chars().all(|c| c.is_ascii_digit() || "+-().".contains(c))).then(|| format!("tel:{number}"))
        }
        _ => None,
    }
}

/// A picture within the address itself, of a kind that runs nothing.
pub fn is_raster_data(src: &str) -> bool {
    let data = RASTER.iter().find_map(|kind| src.strip_prefix("data:")?.strip_prefix(kind)?.strip_prefix(";base64,"));
    let is_base64 = |data: &str| data.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='));
    data.is_some_and(|data| data.len() <= LONGEST_DATA && is_base64(data))
}

/// A picture's address with the picture in it, if it is of a kind that is shown and not too large. `media_type`: as sniffed.
pub fn raster_data(media_type: &str, bytes: &[u8]) -> Option<String> {
    let is_short = bytes.len() <= LONGEST_DATA / 4 * 3 - 3;
    (RASTER.contains(&media_type) && is_short).then(|| format!("data:{media_type};base64,{}", BASE64_STANDARD.encode(bytes)))
}

/// What must stand beside a link whose text is the address of another place: the place that it leads to.
pub fn contradiction(text: &str, target: &str) -> Option<String> {
    let place = place(target)?;
    let is_other = |named: String| !same(&named, &place);
    let names = text.split_whitespace().filter_map(named_place);
    names.into_iter().any(is_other).then_some(place)
}

/// The host of a link, the address of a mail.
fn place(target: &str) -> Option<String> {
    if let Some(address) = target.strip_prefix("mailto:") {
        return Some(address.to_lowercase());
    }
    let behind = target.split_once("://")?.1;
    let host = &behind[..behind.find(['/', '?', '#']).unwrap_or(behind.len())];
    Some(host.split(':').next().unwrap_or_default().to_lowercase())
}

/// The place that a word of a text names, if it looks like an address.
fn named_place(word: &str) -> Option<String> {
    let word = word.trim_matches(|c: char| !c.is_alphanumeric() && c != '/');
    let lower = word.to_lowercase();
    if lower.starts_with("http://") || lower.starts_with("https://") {
        // A name before the host is what somebody reads as the host.
        return place(&lower).map(|place| place.split('@').next().unwrap_or_default().to_owned());
    }
    let host = lower.split(['/', '?', '#']).next().unwrap_or_default();
    let domain = host.rsplit('@').next().unwrap_or_default();
    let labels: Vec<&str> = domain.split('.').collect();
    let is_label = |label: &&str| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-');
    let last = labels.last().copied().unwrap_or_default();
    let is_domain = labels.len() >= 2 && labels.iter().all(is_label) && last.len() >= 2 && last.chars().all(char::is_alphabetic);
    is_domain.then(|| host.to_owned())
}

/// The same place, or one within the other; `www.` names nothing.
fn same(named: &str, place: &str) -> bool {
    let ascii = idna::domain_to_ascii(named).unwrap_or_else(|_| named.to_owned());
    let bare = |name: &str| name.trim_start_matches("www.").to_owned();
    let (named, place) = (bare(if named.contains('@') { named } else { &ascii }), bare(place));
    let within = |inner: &str, outer: &str| inner.strip_suffix(outer).is_some_and(|rest| rest.ends_with('.')) && outer.contains('.');
    named == place || !named.contains('@') && (within(&named, &place) || within(&place, &named)) || place.ends_with(&format!("@{named}"))
}

/// A link as it stands in a page, up to behind its opening tag.
pub fn opening(target: &str) -> String {
    let target = markup::escaped(target);
    format!("<a href=\"{target}\" title=\"{target}\">")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets() {
        let check = |href: &str, want: Option<&str>| assert_eq!(target(href).as_deref(), want, "{href:?}");
        check(" https://x.example/a b?c#d ", Some("https://x.example/a%20b?c#d"));
        check("HTTP://X.example", Some("http://x.example"));
        check("ht\ntps://x.example/\t", Some("https://x.example/"));
        check("https://bank.example@evil.example/x", Some("https://evil.example/x"));
        check("https://bücher.example:8443/", Some("https://xn--bcher-kva.example:8443/"));
        check("mailto:m@e.example?subject=x&attach=/etc/passwd", Some("mailto:m@e.example"));
        check("tel:+49 30 / 1", None);
        check("tel:+49 30 1", Some("tel:+49301"));
        for gone in [
            "javascript:x",
            "java\nscript:x",
            "data:text/html,x",
            "vbscript:x",
            "//x.example",
            "/x",
            "x",
            "#x",
            "https:x",
            "https:/\\x",
            "https://",
            "file:///x",
            "blob:x",
            "https://a\\@b/",
            "mailto:x",
        ] {
            check(gone, None);
        }
    }

    #[test]
    fn pictures() {
        let kept = raster_data("image/png", b"x").unwrap();
        assert!(is_raster_data(&kept), "{kept}");
        for gone in [
            "data:image/svg+xml;base64,eA==",
            "data:text/html;base64,eA==",
            "data:image/png,x",
            "data:image/png;base64,<x>",
            "DATA:image/png;base64,x y",
            "https://x/",
        ] {
            assert!(!is_raster_data(gone), "{gone}");
        }
        assert!(!is_raster_data(&format!("data:image/png;base64,{}", "A".repeat(LONGEST_DATA + 1))));
        assert!(raster_data("image/svg+xml", b"x").is_none() && raster_data("image/png", &vec![0; LONGEST_DATA]).is_none());
        assert!(is_raster_data(&raster_data("image/png", &vec![0; LONGEST_DATA / 4 * 3 - 3]).unwrap()));
    }

    #[test]
    fn texts_that_name_another_place() {
        let check =
            |text: &str, target: &str, want: Option<&str>| assert_eq!(contradiction(text, target).as_deref(), want, "{text} {target}");
        check("https://bank.example/login", "https://evil.example/", Some("evil.example"));
        check("www.bank.example", "http://evil.example/bank.example", Some("evil.example"));
        check("bank.example", "https://bank.example.evil.example/", Some("bank.example.evil.example"));
        check("Schreiben an m@e.example", "mailto:x@evil.example", Some("x@evil.example"));
        check("https://bank.example@evil.example", "https://evil.example/", Some("evil.example"));
        check("https://bank.example/x", "https://www.bank.example/y", None);
        check("bank.example", "https://login.bank.example/", None);
        check("bücher.example", "https://xn--bcher-kva.example/", None);
        check("m@e.example", "mailto:m@e.example", None);
        check("Hier klicken", "https://evil.example/", None);
        check("Am 20.11.2026 um 18.02", "https://e.example/", None);
    }
}
