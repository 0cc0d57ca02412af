//! A mail as the checks look at it: its header section, and the hashes of its body. Only a mail that our own reader and the
//! checks' library read alike is checked at all: else one of them would judge fields that the other does not see.

use crate::model::header::{Header, trim_line_end};
use mail_auth::AuthenticatedMessage;
use mail_auth::common::crypto::HashAlgorithm;
use mail_auth::dkim::Canonicalization;

/// Longest header section that is checked, in bytes: as much as the door itself looks at.
const LONGEST_HEADER: usize = 64 * 1024;

/// What remains of a mail once its body is hashed.
pub struct Reading {
    head: Vec<u8>,
    hashes: Vec<(Canonicalization, HashAlgorithm, u64, Vec<u8>)>,
}

impl Reading {
    /// Reads and hashes; the body may be large, so this belongs on a blocking thread if it is. None if nothing in it can be proved.
    pub fn of(raw: &[u8]) -> Option<Reading> {
        let header = Header::read(raw);
        if header.too_many || header.unfinished || header.body > LONGEST_HEADER {
            return None;
        }
        let message = AuthenticatedMessage::parse(raw)?;
        agree(&header, &message).then(|| Reading { head: raw[..header.body].to_vec(), hashes: message.body_hashes })
    }

    /// The mail without its body, with the body's hashes.
    pub fn message(&self) -> Option<AuthenticatedMessage<'_>> {
        let mut message = AuthenticatedMessage::parse(&self.head)?;
        let wanted = message.body_hashes.iter().all(|one| self.hashes.iter().any(|own| (own.0, own.1, own.2) == (one.0, one.1, one.2)));
        message.body_hashes.clone_from(&self.hashes);
        wanted.then_some(message)
    }
}

/// Whether both readers see the same fields with the same values, and the same body.
fn agree(header: &Header<'_>, message: &AuthenticatedMessage<'_>) -> bool {
    let theirs = message.raw_parsed_headers();
    let same = |(ours, (name, value)): (&crate::model::header::Field<'_>, &(&[u8], &[u8]))| {
        name.trim_ascii_end().eq_ignore_ascii_case(ours.name.as_bytes()) && trim_line_end(value) == ours.value
    };
    message.body_offset() == header.body && header.fields.len() == theirs.len() && header.fields.iter().zip(theirs).all(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_read_alike() {
        let check = |raw: &str, want: bool| {
            let reading = Reading::of(raw.as_bytes());
            assert_eq!(reading.is_some(), want, "{raw:?}");
            assert!(reading.is_none_or(|reading| reading.message().is_some()), "{raw:?}");
        };
        const SIGNED: &str = "DKIM-Signature: v=1; a=rsa-sha256; d=a.example; s=s; h=from; bh=eA==; b=eA==\r\nFrom: a@b.example\r\n\r\n";
        check("From: a@b.example\r\n\r\nbody\r\n", true);
        check("From: a@b.example\r\n\r\n", true);
        check("From: a@b.example\r\n", true);
        check(SIGNED, true);
        check(&format!("{SIGNED}body"), true);
        check("From: a@b.example\nSubject: x\n\nbody\n", true);
        check("From: a@b.example\r\nSubject: x\r\n y\r\n\r\nbody", true);
        check("", false);
        check("From x@y Tue Jan 3 12:22:54 2017\r\nFrom: a@b.example\r\n\r\nbody", false);
        check("From: a@b.example\r\nno field at all\r\nSubject: 4711\r\n\r\nbody", false);
        check("From: a@b.example\r\nno field\r\n at: all\r\nSubject: 4711\r\n\r\nbody", false);
        check(&format!("{}\r\nbody", "X: y\r\n".repeat(2_000)), false);
        check(&format!("X: {}\r\n\r\nbody", "y".repeat(70_000)), false);
    }
}
