//! What a file says it is, and what it holds: our header in front, the hash of the mail behind it, and the hash of what mail programs
//! leave alone when they save a mail elsewhere. Reads files; decides nothing.

use crate::model::id::{ArrivalId, TenantId};
use crate::model::{digest, header};
use sha2::{Digest, Sha256};
use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Our header fields begin so; the raw mail begins behind the last of them.
pub const OURS: &str = "X-Rohrpost-";
pub const TENANT: &str = "X-Rohrpost-Tenant";
/// The last field: behind its line stands the raw mail, byte for byte.
pub const LAST: &str = "X-Rohrpost-Arrival";
/// The largest mail that a configuration allows, and room for our header: a larger file is none of ours and is not read.
const LARGEST_FILE: u64 = (1 << 30) + (1 << 20);
/// Longest header of ours, in bytes.
const LONGEST_HEADER: usize = 16 * 1024;
/// Longest header section, ours and the mail's, of which an essence is made, in bytes.
const LONGEST_HEAD: usize = 1 << 20;

/// Fields that are no part of what somebody sent: mutt takes them out of a mail that it saves, and writes its own.
const PROGRAMS: [&str; 4] = ["status", "x-status", "content-length", "lines"];

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// What our header says; none if the file has no header of ours, or one that is not whole.
    pub named: Option<(TenantId, ArrivalId)>,
    /// It has lines of ours, whole or not.
    pub bears_our_lines: bool,
    /// Of the bytes behind our header.
    pub sha256: String,
    /// See `essence`.
    pub essence: Option<String>,
}

impl Identity {
    /// Reads a file in pieces.
    pub fn read(path: &Path) -> anyhow::Result<Identity> {
        // Neither a link nor a pipe that somebody has put there since it was listed may lead or hold us elsewhere.
        let flags = (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits();
        let mut file = OpenOptions::new().read(true).custom_flags(flags.cast_signed()).open(path)?;
        let metadata = file.metadata()?;
        anyhow::ensure!(metadata.is_file() && metadata.len() <= LARGEST_FILE, "no mail of ours");
        let mut head = Vec::new();
        Read::by_ref(&mut file).take(LONGEST_HEAD as u64).read_to_end(&mut head)?;
        let own = OwnHeader::read(&head[..head.len().min(LONGEST_HEADER)]);
        let behind = &head[own.length..];
        let mut hash = Sha256::new_with_prefix(behind);
        let mut essence = essence_begun(behind);
        let mut piece = vec![0; 64 * 1024];
        loop {
            let read = file.read(&mut piece)?;
            if read == 0 {
                break;
            }
            hash.update(&piece[..read]);
            if let Some(essence) = &mut essence {
                essence.update(&piece[..read]);
            }
        }
        Ok(Identity {
            named: own.named,
            bears_our_lines: head.starts_with(OURS.as_bytes()),
            sha256: digest::finished(hash),
            essence: essence.map(digest::finished),
        })
    }
}

/// The hash of a mail without what a mail program changes when it saves one: the fields that it writes for itself, and the line ends of
/// the header section. None if there is no body to be told from a header.
pub fn essence(raw: &[u8]) -> Option<String> {
    let (head, rest) = raw.split_at(raw.len().min(LONGEST_HEAD));
    let mut hash = essence_begun(head)?;
    hash.update(rest);
    Some(digest::finished(hash))
}

/// The essence of these first bytes of a mail; what follows them belongs to the body.
fn essence_begun(head: &[u8]) -> Option<Sha256> {
    let mut hash = Sha256::new();
    let (mut at, mut counts) = (0, true);
    while at < head.len() {
        let end = header::line_end(head, at);
        let line = header::trim_line_end(&head[at..end]);
        at = end;
        if line.is_empty() {
            hash.update(b"\n");
            hash.update(&head[at..]);
            return Some(hash);
        }
        // RFC 5322 §2.2.3: a line that begins with white space belongs to the field before it.
        if !matches!(line[0], b' ' | b'\t') {
            let name = line.split(|byte| *byte == b':').next().unwrap_or_default().trim_ascii();
            counts = !PROGRAMS.iter().any(|program| name.eq_ignore_ascii_case(program.as_bytes()));
        }
        if counts {
            hash.update(line);
            hash.update(b"\n");
        }
    }
    None
}

/// What our header names, and how long it is; nothing if the file does not begin with a whole one.
#[derive(Default)]
struct OwnHeader {
    named: Option<(TenantId, ArrivalId)>,
    length: usize,
}

impl OwnHeader {
    fn read(head: &[u8]) -> OwnHeader {
        let (mut at, mut tenant) = (0, None);
        while head[at..].starts_with(OURS.as_bytes()) {
            let end = header::line_end(head, at);
            let line = String::from_utf8_lossy(header::trim_line_end(&head[at..end])).into_owned();
            match line.split_once(": ") {
                Some((LAST, id)) => return OwnHeader { named: tenant.zip(id.trim().parse().ok()), length: end },
                Some((TENANT, name)) => tenant = Some(TenantId::new(name.trim())),
                _ => (),
            }
            at = end;
        }
        OwnHeader::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIL: &str = "Received: by x\r\nStatus: RO\r\nLines: 7\r\n folded\r\nSubject: 9999 WG: x\r\n y\r\n\r\nHello\r\nLines: 3\r\n";

    #[test]
    fn what_a_program_writes_for_itself_does_not_count() {
        let same = |other: &str| assert_eq!(essence(MAIL.as_bytes()), essence(other.as_bytes()), "{other}");
        // As mutt writes it.
        same("Received: by x\r\nSubject: 9999 WG: x\r\n y\r\nContent-Length: 18\nLines: 2\n\nHello\r\nLines: 3\r\n");
        same("Received: by x\nSubject: 9999 WG: x\n y\nX-Status: A\nstatus : R\n\nHello\r\nLines: 3\r\n");
        let other = |other: &str| assert_ne!(essence(MAIL.as_bytes()), essence(other.as_bytes()), "{other}");
        other(&MAIL.replace("9999", "4711"));
        other(&MAIL.replace("Hello", "Hallo"));
        other(&MAIL.replace("Hello\r\n", "Hello\n"));
        other(&MAIL.replace(" y", "  y"));
        other(&MAIL.replace("Received: by x\r\n", ""));
        other(&MAIL[..MAIL.len() - 2]);
        other(&format!("{MAIL}."));
        // The last line of the body is no field.
        other(&MAIL.replace("Lines: 3", "Lines: 4"));
    }

    #[test]
    fn without_a_body_there_is_no_essence() {
        assert_eq!(essence(b""), None);
        assert_eq!(essence(b"Subject: x\r\nno field"), None);
        assert!(essence(b"\n").is_some());
    }

    #[test]
    fn a_header_of_ours_is_whole_or_none() {
        let id = ArrivalId::generate();
        let read = |text: &str| {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("x");
            std::fs::write(&path, text).unwrap();
            Identity::read(&path).unwrap()
        };
        let whole = read(&format!("X-Rohrpost-Reason: x\r\nX-Rohrpost-Tenant: acme\r\nX-Rohrpost-Arrival: {id}\r\nSubject: x\r\n\r\n"));
        assert_eq!(whole.named, Some((TenantId::new("acme"), id)));
        assert_eq!(whole.sha256, digest::sha256(b"Subject: x\r\n\r\n"));
        for text in [
            format!("X-Rohrpost-Reason: x\r\nX-Rohrpost-Arrival: {id}\r\n\r\n"),
            "X-Rohrpost-Tenant: acme\r\nX-Rohrpost-Arrival: 4711\r\n\r\n".into(),
            "X-Rohrpost-Tenant: acme\r\nSubject: x\r\n\r\n".into(),
        ] {
            let broken = read(&text);
            assert!(broken.named.is_none() && broken.bears_our_lines, "{text}");
        }
        let bare = read("");
        assert!(bare.named.is_none() && !bare.bears_our_lines && bare.essence.is_none());
    }
}
