//! The `From ` line that programs put in front of a mail which they write into an mbox or hand to a command. RFC 4155: it is no part of
//! the mail. Taken off before anything is hashed or kept, so that the same mail is the same with and without it; nothing else changes.

/// How a separator line begins. A field's name holds no blank, so no header begins like this.
const BEGINS: &[u8] = b"From ";
/// So much of the line is kept.
const LONGEST: usize = 1024;

/// Takes the line off the front of a mail that comes in pieces.
#[derive(Debug, Default)]
pub struct FromLine {
    state: State,
    line: Vec<u8>,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum State {
    /// Too few bytes have come to tell.
    #[default]
    Unknown,
    Inside,
    Over,
}

impl FromLine {
    /// The bytes of this piece that belong to the mail.
    pub fn strip(&mut self, piece: &[u8]) -> Vec<u8> {
        match self.state {
            State::Over => piece.to_vec(),
            State::Inside => self.inside(piece),
            State::Unknown => {
                self.line.extend_from_slice(piece);
                let seen = std::mem::take(&mut self.line);
                if seen.len() < BEGINS.len() && BEGINS.starts_with(&seen) {
                    self.line = seen;
                    return Vec::new();
                }
                if seen.starts_with(BEGINS) {
                    self.state = State::Inside;
                    return self.inside(&seen);
                }
                self.state = State::Over;
                seen
            }
        }
    }

    fn inside(&mut self, piece: &[u8]) -> Vec<u8> {
        let end = memchr::memchr(b'\n', piece);
        let of_line = &piece[..end.unwrap_or(piece.len())];
        let room = LONGEST.saturating_sub(self.line.len()).min(of_line.len());
        self.line.extend_from_slice(&of_line[..room]);
        match end {
            Some(end) => {
                self.state = State::Over;
                piece[end + 1..].to_vec()
            }
            None => Vec::new(),
        }
    }

    /// What is left at the end of the mail: it was too short to tell.
    pub fn rest(&mut self) -> Vec<u8> {
        if self.state == State::Unknown { std::mem::take(&mut self.line) } else { Vec::new() }
    }

    /// The sender that the line names, once it has come.
    pub fn sender(&self) -> Option<String> {
        let line = std::str::from_utf8(&self.line).ok()?;
        let sender = line.strip_prefix("From ")?.split(' ').next()?.trim();
        (!sender.is_empty()).then(|| sender.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_and_without() {
        let check = |mail: &str, want: &str, sender: Option<&str>| {
            for cut in 0..=mail.len() {
                let mut line = FromLine::default();
                let (first, second) = mail.as_bytes().split_at(cut);
                let mut out = line.strip(first);
                out.extend(line.strip(second));
                out.extend(line.rest());
                assert_eq!(String::from_utf8(out).unwrap(), want, "{mail:?} at {cut}");
                assert_eq!(line.sender().as_deref(), sender, "{mail:?} at {cut}");
            }
        };
        check("From: a@b.example\n\nFrom here\n", "From: a@b.example\n\nFrom here\n", None);
        check("From a@b.example  Mon Nov 23 09:30:00 2026\nSubject: x\n\ny", "Subject: x\n\ny", Some("a@b.example"));
        check("From MAILER-DAEMON Mon Nov 23 09:30:00 2026\r\nSubject: x\r\n\r\n", "Subject: x\r\n\r\n", Some("MAILER-DAEMON"));
        check("From a@b.example\n", "", Some("a@b.example"));
        check("Fro", "Fro", None);
        check("", "", None);
        // Only one: what follows is the mail's own affair.
        check("From a@b.example\nFrom c@d.example\n\n", "From c@d.example\n\n", Some("a@b.example"));
    }

    #[test]
    fn a_line_without_end() {
        let mut line = FromLine::default();
        for _ in 0..1_000 {
            assert!(line.strip(b"From xxxxxxxxxxxxxxxxxxxxxxxxxxx").is_empty());
        }
        assert!(line.line.len() <= LONGEST);
    }
}
