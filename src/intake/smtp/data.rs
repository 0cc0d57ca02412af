//! Finds the end of a mail in DATA and takes the extra dots off, in whatever pieces the bytes come.
//!
//! RFC 5321 §4.1.1.4: CRLF . CRLF ends it and nothing else: not LF . LF, not CR . CR, not CRLF . CR CRLF. What bare CRs and LFs
//! there are stay in the mail as they are. (smtp-proto's receiver takes CRLF . CR CRLF for the end as well, so this is our own.)

/// Where in a line the last byte stood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    /// RFC 5321 §4.5.2: the first line begins a line too.
    #[default]
    LineStart,
    Text,
    /// Behind a CR, which is in the mail already.
    Cr,
    /// Behind a dot that began a line; it is not in the mail.
    Dot,
    /// Behind such a dot and a CR; neither is in the mail yet.
    DotCr,
}

/// Takes the bytes behind 354.
#[derive(Debug, Default)]
pub struct Receiver {
    at: At,
}

impl Receiver {
    /// Takes bytes and gives out the mail's. Returns how many belong to the mail, dot and all, once its end is among them.
    pub fn take(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Option<usize> {
        let mut index = 0;
        while let Some(&byte) = bytes.get(index) {
            if self.at == At::Text {
                // Most of a mail: up to the next CR nothing can happen.
                let length = memchr::memchr(b'\r', &bytes[index..]).unwrap_or(bytes.len() - index);
                out.extend_from_slice(&bytes[index..index + length]);
                index += length;
                if let Some(b'\r') = bytes.get(index) {
                    out.push(b'\r');
                    index += 1;
                    self.at = At::Cr;
                }
                continue;
            }
            index += 1;
            self.at = match (self.at, byte) {
                (At::DotCr, b'\n') => {
                    self.at = At::LineStart;
                    return Some(index);
                }
                (At::DotCr, _) => {
                    // It was no end: the CR is text, and this byte stands behind it.
                    out.push(b'\r');
                    index -= 1;
                    At::Cr
                }
                (At::LineStart, b'.') => At::Dot,
                (At::Dot, b'\r') => At::DotCr,
                (At::Cr, b'\n') => {
                    out.push(b'\n');
                    At::LineStart
                }
                (_, b'\r') => {
                    out.push(b'\r');
                    At::Cr
                }
                (_, byte) => {
                    out.push(byte);
                    At::Text
                }
            };
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run(bytes: &[u8], pieces: &[usize]) -> (Vec<u8>, Option<usize>) {
        let (mut receiver, mut out, mut start) = (Receiver::default(), Vec::new(), 0);
        for end in pieces.iter().copied().chain([bytes.len()]) {
            let end = end.clamp(start, bytes.len());
            if let Some(taken) = receiver.take(&bytes[start..end], &mut out) {
                return (out, Some(start + taken));
            }
            start = end;
        }
        (out, None)
    }

    #[test]
    fn ends_and_dots() {
        let check = |bytes: &[u8], mail: &[u8], end: Option<usize>| {
            assert_eq!(run(bytes, &[]), (mail.to_vec(), end), "{}", String::from_utf8_lossy(bytes));
        };
        check(b".\r\n", b"", Some(3));
        check(b"..x\r\n.\r\nQUIT", b".x\r\n", Some(8));
        check(b"a\n.\nb\r\n.\r\n", b"a\n.\nb\r\n", Some(10));
        check(b"a\r\n.\r\r\nb", b"a\r\n\r\r\nb", None);
        check(b"a\r\n.\nb", b"a\r\n\nb", None);
        check(b"a\r.\r\r\n.\r\n", b"a\r.\r\r\n", Some(9));
        check(b"a\r\n.", b"a\r\n", None);
    }

    /// What stuffing did, this undoes, wherever the bytes are cut.
    fn stuffed(mail: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for (index, &byte) in mail.iter().enumerate() {
            if byte == b'.' && (index == 0 || mail[..index].ends_with(b"\r\n")) {
                out.push(b'.');
            }
            out.push(byte);
        }
        if !mail.is_empty() && !mail.ends_with(b"\r\n") {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b".\r\n");
        out
    }

    proptest! {
        #[test]
        fn every_mail_comes_through(mail in "[.\r\nab]{0,40}", cuts in proptest::collection::vec(0usize..60, 0..5)) {
            let mut cuts = cuts;
            cuts.sort_unstable();
            let bytes = stuffed(mail.as_bytes());
            let (out, end) = run(&[bytes.clone(), b"NOOP\r\n".to_vec()].concat(), &cuts);
            let mut want = mail.into_bytes();
            if !want.is_empty() && !want.ends_with(b"\r\n") {
                want.extend_from_slice(b"\r\n");
            }
            prop_assert_eq!(out, want);
            prop_assert_eq!(end, Some(bytes.len()));
        }
    }
}
