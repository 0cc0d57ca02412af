//! What makes two mails the same: From, Subject, Date and body, without trace headers (G3). A relay that tries again adds a Received
//! line, and no more.

use crate::model::digest;
use crate::model::header::{self, Header};
use sha2::{Digest, Sha256};

/// Over the bytes as they are, lower-case hex.
pub fn exact_sha256(header: &Header<'_>, body: &[u8]) -> String {
    let mut hash = fields(header, str::to_owned);
    hash.update(body);
    digest::finished(hash)
}

/// Blanks and line ends count as in the relaxed form of RFC 6376 §3.4.4: a run of blanks is one, those at a line's end are none, nor
/// are empty lines at the end. Whoever sends a signed mail again could change them, and it would be filed again.
pub fn relaxed_sha256(header: &Header<'_>, body: &[u8]) -> String {
    let mut hash = fields(header, |value| value.split_whitespace().collect::<Vec<_>>().join(" "));
    let (mut at, mut empty) = (0, 0u64);
    let mut line = Vec::new();
    while at < body.len() {
        let end = header::line_end(body, at);
        let given = header::trim_line_end(&body[at..end]);
        at = end;
        // Most lines of a large mail are base64 and hold none.
        let plain = if memchr::memchr3(b' ', b'\t', b'\r', given).is_none() {
            given
        } else {
            relaxed(given, &mut line);
            &line
        };
        if plain.is_empty() {
            empty += 1;
            continue;
        }
        for _ in 0..std::mem::take(&mut empty) {
            hash.update(b"\n");
        }
        hash.update(plain);
        hash.update(b"\n");
    }
    digest::finished(hash)
}

fn relaxed(line: &[u8], out: &mut Vec<u8>) {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r');
    out.clear();
    let mut blank = false;
    for byte in line {
        if is_blank(byte) {
            blank = true;
            continue;
        }
        if std::mem::take(&mut blank) {
            out.push(b' ');
        }
        out.push(*byte);
    }
}

fn fields(header: &Header<'_>, form: impl Fn(&str) -> String) -> Sha256 {
    let mut hash = Sha256::new();
    for name in ["From", "Subject", "Date"] {
        for field in header.all(name) {
            hash.update(form(&header::unfolded(field.value)).as_bytes());
            hash.update(b"\n");
        }
        hash.update(b"\n");
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Acceptance: S1.E7; G3.
    #[test]
    fn blanks_make_no_other_mail() {
        let both = |raw: &str| {
            let header = Header::read(raw.as_bytes());
            let body = &raw.as_bytes()[header.body..];
            (relaxed_sha256(&header, body), exact_sha256(&header, body))
        };
        let mail = "From: a@b\r\nSubject: 4711 x y\r\n\r\nEin  Text\r\n\r\nmehr\r\n";
        let (relaxed, exact) = both(mail);
        let same = [
            "From: a@b\r\nSubject: 4711  x y \r\n\r\nEin Text \r\n\r\nmehr\r\n\r\n\r\n",
            "From:  a@b\r\nSubject: 4711\r\n\tx y\r\n\r\nEin\tText\n \nmehr",
            "Received: z\r\nFrom: a@b\r\nSubject: 4711 x y\r\n\r\nEin  Text\r\n\r\nmehr\r\n",
        ];
        for other in same {
            assert_eq!(both(other).0, relaxed, "{other}");
        }
        assert_eq!(both(same[2]).1, exact);
        assert_ne!(both(same[0]).1, exact);
        for other in ["Ein  Text\r\nmehr\r\n", "EinText\r\n\r\nmehr\r\n", "Ein  Text\r\n\r\nmehr.\r\n", " Ein  Text\r\n\r\nmehr\r\n"] {
            assert_ne!(both(&format!("From: a@b\r\nSubject: 4711 x y\r\n\r\n{other}")).0, relaxed, "{other}");
        }
        assert_ne!(both(&mail.replace("4711", "4712")).0, relaxed);
    }
}
