//! Which boundary a multipart has. RFC 2046 §5.1.1 says: the one it names. Mails name none, or another than they use.

use crate::model::header;
use memchr::memmem;

/// So much of a body is searched for a boundary that it does not name.
const MOST_SEARCHED: usize = 256 * 1024;
/// So often in one mail a boundary is looked for that is not there; further ones are taken as named.
pub const MOST_SEARCHES: usize = 8;

/// The boundary that is used in what follows: the named one if it comes, else that of the first line that begins with two dashes and has
/// a Content- field behind it. `None` if there is neither.
pub fn used(named: Option<&str>, body: &[u8]) -> Option<Vec<u8>> {
    let named = named.map(str::trim).filter(|name| !name.is_empty());
    if let Some(name) = named
        && is_used(name.as_bytes(), body)
    {
        return Some(name.as_bytes().to_vec());
    }
    guessed(&body[..body.len().min(MOST_SEARCHED)])
}

/// Whether a line of the body begins with that boundary.
fn is_used(name: &[u8], body: &[u8]) -> bool {
    let delimiter = [b"\n--", name].concat();
    body.starts_with(&delimiter[1..]) || memmem::find(body, &delimiter).is_some()
}

fn guessed(body: &[u8]) -> Option<Vec<u8>> {
    let mut at = 0;
    while at < body.len() {
        let next = header::line_end(body, at);
        let line = header::trim_line_end(&body[at..next]).trim_ascii_end();
        // Two dashes alone stand above signatures.
        if let Some(boundary) = line.strip_prefix(b"--").filter(|rest| (1..=200).contains(&rest.len())) {
            let behind = &body[next..body.len().min(next + 8)];
            if behind.eq_ignore_ascii_case(b"content-") {
                return Some(boundary.to_vec());
            }
        }
        at = next;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries() {
        let check = |named: Option<&str>, body: &str, want: Option<&str>| {
            assert_eq!(used(named, body.as_bytes()).as_deref(), want.map(str::as_bytes), "{named:?} {body}");
        };
        check(Some("a"), "--a\n\nx\n--a--", Some("a"));
        check(Some("a"), "preamble\n--a\n\nx\n--a--", Some("a"));
        check(Some("a"), "\n--b\nContent-Type: text/plain\n\nx\n--b--", Some("b"));
        check(None, "\r\n----b\r\ncontent-type: text/plain\r\n\r\nx", Some("--b"));
        check(None, "Hallo\n-- \nMaria\n", None);
        check(Some(""), "--\nContent-Type: text/plain", None);
        check(Some("a"), "all text --a", None);
    }
}
