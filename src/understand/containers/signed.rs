//! Opaque S/MIME: the content that was signed stands inside the CMS object and nowhere else. It is taken out; whether the signature
//! is good, nobody looks. RFC 8551 §3.5.2, RFC 5652 §5. BER (X.690 §8): programs that stream write lengths that end with a mark.

/// id-signedData and id-data. RFC 5652 §5.1, §4.
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const EXPLICIT_0: u8 = 0xa0;
const CONSTRUCTED: u8 = 0x20;

/// Octet strings within octet strings, and sets within sets; more is nobody's work.
const DEEPEST: usize = 16;

/// The content of a signed object; none if it is another object, or its content is elsewhere.
pub fn content(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut info = Ber(bytes).enter(SEQUENCE)?;
    if info.definite(OBJECT_IDENTIFIER)? != SIGNED_DATA {
        return None;
    }
    let mut signed = info.enter(EXPLICIT_0)?.enter(SEQUENCE)?;
    signed.definite(INTEGER)?;
    signed.skip(SET, DEEPEST)?;
    let mut encapsulated = signed.enter(SEQUENCE)?;
    encapsulated.definite(OBJECT_IDENTIFIER)?;
    let mut out = Vec::new();
    encapsulated.enter(EXPLICIT_0)?.octets(&mut out, DEEPEST)?;
    Some(out)
}

/// What is left to read.
#[derive(Clone, Copy)]
struct Ber<'a>(&'a [u8]);

impl<'a> Ber<'a> {
    /// Tag and length of the next element; no length: it ends with a mark. X.690 §8.1.3.
    fn header(&mut self) -> Option<(u8, Option<usize>)> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (Some(usize::from(first)), rest),
            0x80 => (None, rest),
            _ => {
                let count = usize::from(first & 0x7f);
                let (digits, rest) = rest.split_at_checked(count).filter(|_| count <= 8)?;
                let length = digits.iter().fold(0u64, |length, &digit| length << 8 | u64::from(digit));
                (Some(usize::try_from(length).ok()?), rest)
            }
        };
        self.0 = rest;
        Some((tag, length))
    }

    /// The inside of the next element, which must have that tag; a cut object still has a beginning.
    fn enter(&mut self, tag: u8) -> Option<Ber<'a>> {
        let (found, length) = self.header().filter(|(found, _)| *found == tag)?;
        debug_assert_eq!(found, tag);
        Some(Ber(length.and_then(|length| self.0.get(..length)).unwrap_or(self.0)))
    }

    fn definite(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (_, length) = self.header().filter(|(found, _)| *found == tag)?;
        let (content, rest) = self.0.split_at_checked(length?)?;
        self.0 = rest;
        Some(content)
    }

    /// Passes over the next element.
    fn skip(&mut self, tag: u8, depth: usize) -> Option<()> {
        let (_, length) = self.header().filter(|(found, _)| *found == tag)?;
        self.skip_content(length, depth)
    }

    fn skip_content(&mut self, length: Option<usize>, depth: usize) -> Option<()> {
        let Some(length) = length else {
            loop {
                let (tag, length) = self.header()?;
                if (tag, length) == (0, Some(0)) {
                    return Some(());
                }
                self.skip_content(length, depth.checked_sub(1)?)?;
            }
        };
        self.0 = self.0.get(length..)?;
        Some(())
    }

    /// Takes the next octet string, in one piece or in many. What a cut one still has is better than nothing.
    fn octets(&mut self, out: &mut Vec<u8>, depth: usize) -> Option<()> {
        let (tag, length) = self.header()?;
        match (tag, length) {
            (OCTET_STRING, Some(length)) => {
                let end = length.min(self.0.len());
                out.extend_from_slice(&self.0[..end]);
                self.0 = &self.0[end..];
                Some(())
            }
            (tag, length) if tag == OCTET_STRING | CONSTRUCTED => {
                let mut inside = Ber(length.and_then(|length| self.0.get(..length)).unwrap_or(self.0));
                let whole = inside.0.len();
                while !inside.0.is_empty() && !inside.0.starts_with(&[0, 0]) {
                    if inside.octets(out, depth.checked_sub(1)?).is_none() {
                        break;
                    }
                }
                let mark = if length.is_none() { 2 } else { 0 };
                self.0 = self.0.get(whole - inside.0.len() + mark..).unwrap_or_default();
                (!out.is_empty()).then_some(())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = match content.len() {
            short @ 0..=0x7f => vec![short as u8],
            long => vec![0x82, (long >> 8) as u8, long as u8],
        };
        [vec![tag], length, content.to_vec()].concat()
    }

    fn streamed(tag: u8, content: &[u8]) -> Vec<u8> {
        [&[tag, 0x80], content, &[0, 0]].concat()
    }

    type Write = fn(u8, &[u8]) -> Vec<u8>;

    fn signed(write: Write, kind: &[u8], content: &[u8]) -> Vec<u8> {
        let data = element(OBJECT_IDENTIFIER, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01]);
        let encapsulated = write(SEQUENCE, &[data, content.to_vec()].concat());
        let algorithms = write(SET, &write(SEQUENCE, &element(OBJECT_IDENTIFIER, &[0x2a])));
        let body = write(SEQUENCE, &[element(INTEGER, &[1]), algorithms, encapsulated, element(SET, b"")].concat());
        write(SEQUENCE, &[element(OBJECT_IDENTIFIER, kind), write(EXPLICIT_0, &body)].concat())
    }

    /// Acceptance: S1.E14.
    #[test]
    fn contents() {
        let long = vec![b'x'; 300];
        for write in [element as Write, streamed] {
            let in_pieces = [element(OCTET_STRING, b"Hal"), element(OCTET_STRING | CONSTRUCTED, &element(OCTET_STRING, b"lo"))].concat();
            let check = |octets: Vec<u8>, want: &[u8]| {
                let object = signed(write, SIGNED_DATA, &write(EXPLICIT_0, &octets));
                assert_eq!(content(&object).as_deref(), Some(want));
            };
            check(element(OCTET_STRING, b"Hallo"), b"Hallo");
            check(element(OCTET_STRING, &long), &long);
            check(write(OCTET_STRING | CONSTRUCTED, &in_pieces), b"Hallo");
            // A signature without its content, and another object.
            assert_eq!(content(&signed(write, SIGNED_DATA, b"")), None);
            assert_eq!(content(&signed(write, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x03], &element(EXPLICIT_0, b""))), None);
        }
    }

    #[test]
    fn damage() {
        let object = signed(element, SIGNED_DATA, &element(EXPLICIT_0, &element(OCTET_STRING, b"Hallo Welt")));
        for end in 0..object.len() {
            let _ = content(&object[..end]);
        }
        let at = object.windows(5).position(|window| window == b"Hallo").unwrap();
        assert_eq!(content(&object[..at + 5]).as_deref(), Some(&b"Hallo"[..]));
        let deep = [SEQUENCE, 0x80].repeat(100_000);
        assert_eq!(content(&deep), None);
        let deep = signed(element, SIGNED_DATA, &[[EXPLICIT_0, 0x80].as_slice(), &[0x24, 0x80].repeat(10_000)].concat());
        assert_eq!(content(&deep), None);
        assert_eq!(content(&[SEQUENCE, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, OBJECT_IDENTIFIER, 0xff]), None);
    }
}
