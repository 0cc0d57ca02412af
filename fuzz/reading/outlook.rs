//! Outlook's own forms of a mail.

use super::read;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rohrpost::model::digest;
use rohrpost::model::message::{Attachment, Message, PartRole, Source};

/// A winmail.dat beside a text and a file: what stands around it stands, whatever is in it.
pub fn tnef(data: &[u8]) -> Message {
    in_a_mail("winmail.dat", &[&[0x78, 0x9f, 0x3e, 0x22, 1, 0], data].concat())
}

/// A .msg that is whole but for what the input changes: each change is a place (two bytes), a length, and so many bytes.
pub fn msg(data: &[u8]) -> Message {
    let mut saved = include_bytes!("../seed.msg").to_vec();
    let mut rest = data;
    while let Some((&[low, high, length], more)) = rest.split_first_chunk::<3>() {
        let (bytes, more) = more.split_at(more.len().min(usize::from(length % 33)));
        rest = more;
        let at = usize::from(u16::from_le_bytes([low, high])) % saved.len();
        // The upper half of the numbers cuts or repeats.
        match length {
            0xff => saved.truncate(at.max(8)),
            0xfe => saved.extend_from_within(at..),
            _ => saved.iter_mut().skip(at).zip(bytes).for_each(|(old, new)| *old = *new),
        }
        if saved.len() > 1 << 20 {
            break;
        }
    }
    in_a_mail("Bewerbung.msg", &saved)
}

/// How often containers may give out what the mail has, and what any mail may have beside.
const MOST_TIMES: usize = 4;
const MOST_BESIDE: usize = 1 << 20;
/// Bytes of a file that stands behind the container.
const BEHIND: &[u8] = b"%PDF-1.4 behind";

fn in_a_mail(name: &str, container: &[u8]) -> Message {
    let encoded = BASE64_STANDARD.encode(container);
    let mail = format!(
        "From: p@acme.example\nSubject: 4711\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nvor dem Anhang\n--b\n\
         Content-Type: application/octet-stream; name={name}\nContent-Transfer-Encoding: base64\n\n{encoded}\n--b\n\
         Content-Type: application/pdf; name=hinten.pdf\n\n{}\n--b--\n",
        String::from_utf8_lossy(BEHIND)
    );
    let (message, _) = read(&mail);
    assert!(message.text.starts_with("vor dem Anhang"), "the mail's own text is gone");
    let outer: Vec<&Attachment> = message.attachments.iter().filter(|one| one.of == 0).collect();
    assert!(outer.iter().any(|one| one.name.as_deref() == Some(name)), "the container is gone");
    let behind = outer.iter().find(|one| one.name.as_deref() == Some("hinten.pdf") && one.sha256 == digest::sha256(BEHIND));
    assert!(behind.is_some_and(|one| one.role == PartRole::File), "the file behind is gone");
    let mut given_out = message.text.len();
    for one in &message.attachments {
        assert!(one.of <= message.originals().count(), "a file of a mail that is not there");
        match &one.source {
            Source::Range { range, .. } => assert!(range.end <= mail.len()),
            // An opened container is filed by what was in it.
            Source::Decoded(bytes) if one.role == PartRole::Skipped => assert!(bytes.is_empty()),
            Source::Decoded(bytes) => {
                assert_eq!((bytes.len() as u64, digest::sha256(bytes)), (one.size, one.sha256.clone()));
                given_out += bytes.len();
            }
        }
    }
    // Texts are shown out of what was given out: as text once, as the body of a mail inside once more.
    assert!(given_out <= 3 * (MOST_TIMES * mail.len() + MOST_BESIDE), "{given_out} bytes from {}", mail.len());
    message
}
