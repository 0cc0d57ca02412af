//! Whole mails with something inside: what is read, what is filed, what stays closed.

use super::super::read;
use super::*;
use crate::model::message::{Message, PartRole, Source};
use crate::model::organisation::{ReferenceRules, Rules};
use crate::model::part::PartReason;
use base64::Engine;

fn message(raw: &str) -> (Message, Vec<Defect>) {
    let rules = Rules::new(&ReferenceRules::default(), vec!["acme.example".into()]).unwrap();
    read(None, raw.as_bytes(), &rules)
}

/// Name, role and size of each attachment.
fn parts(message: &Message) -> Vec<(&str, PartRole, u64)> {
    message.attachments.iter().map(|part| (part.name.as_deref().unwrap_or("-"), part.role, part.size)).collect()
}

fn base64(bytes: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// A mail as an attachment, in an encoding.
fn encoded(mail: &str, kind: &str) -> String {
    format!("Subject: x\nContent-Type: {kind}\nContent-Transfer-Encoding: base64\n\n{}", base64(mail))
}

/// `Cat` between `begin` and `end`.
const CAT: &str = "begin 644 cat.txt\n#0V%T\n`\nend\n";

/// Acceptance: S1.E9, S1.E10.
#[test]
fn mails_in_an_encoding_or_in_a_file() {
    let inner = "From: Maria <m@e.example>\nSubject: Re: x\nContent-Type: multipart/mixed; boundary=i\n\n--i\n\nHallo\n--i\n\
                 Content-Type: application/pdf; name=cv.pdf\n\n%PDF\n--i--\n";
    for kind in ["message/rfc822", "application/octet-stream; name=Mail.EML", "application/x-unknown; name=mail.eml"] {
        let (message, _) = message(&encoded(inner, kind));
        let original = message.original.as_ref().unwrap();
        assert_eq!((original.from.address.as_deref(), original.body.as_str()), (Some("m@e.example"), "Hallo"), "{kind}");
        assert_eq!(
            message.attachments.iter().map(|part| (part.of, part.role)).collect::<Vec<_>>(),
            [(0, PartRole::Skipped), (1, PartRole::File)]
        );
        assert_eq!(message.attachments[1].source, Source::Decoded(b"%PDF".to_vec()));
    }
    // Nothing but its name says that it is a mail; and no mail at all.
    for (text, kind) in [("Notiz: x\n\ny", "application/x-unknown; name=mail.eml"), ("\u{fffd}PNG", "message/rfc822")] {
        let (message, _) = message(&encoded(text, kind));
        assert_eq!((message.original, message.attachments[0].role), (None, PartRole::File), "{kind}");
    }
}

#[test]
fn files_in_text() {
    let (message, _) = message(&format!("Subject: x\n\nHallo\n\n{CAT}\nGruß\n"));
    assert_eq!(message.text, "Hallo\n\n\nGruß");
    assert_eq!(parts(&message), [("cat.txt", PartRole::File, 3)]);
    assert_eq!(message.attachments[0].source, Source::Decoded(b"Cat".to_vec()));
}

#[test]
fn parts_in_an_encoding_that_is_no_mime() {
    let raw = |fields: &str| {
        format!(
            "Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n--b\n{fields}Content-Transfer-Encoding: x-uuencode\n\n{CAT}--b--\n"
        )
    };
    let (named, _) = message(&raw("Content-Type: application/pdf; name=cv.pdf\n"));
    assert_eq!(parts(&named), [("cv.pdf", PartRole::File, 3)]);
    let (unnamed, _) = message(&raw("Content-Type: application/pdf\n"));
    assert_eq!(parts(&unnamed), [("cat.txt", PartRole::File, 3)]);
    let (text, _) = message(&raw(""));
    assert_eq!((text.text.as_str(), text.attachments.len()), ("Cat", 0));
    // Words beside it and a second file: nothing is lost.
    let (all, _) = message(&raw("").replace(CAT, &format!("Ich komme.\n{CAT}{}", CAT.replace("cat", "dog"))));
    assert_eq!((all.text.trim(), parts(&all)), ("Ich komme.", vec![("cat.txt", PartRole::File, 3), ("dog.txt", PartRole::File, 3)]));
}

/// Acceptance: G4, G8. What lies too deep stays a file of its own, and is said to be closed.
#[test]
fn depth_is_bounded() {
    let mut mail = "From: a@b.example\nSubject: innermost\n\nx".to_owned();
    for _ in 0..DEEPEST_OPENED + 2 {
        mail = encoded(&mail, "message/rfc822");
    }
    let (message, defects) = message(&mail);
    assert_eq!(message.originals().count(), DEEPEST_OPENED);
    let last = message.attachments.last().unwrap();
    assert_eq!((last.role, last.reason), (PartRole::File, Some(PartReason::KeptUnopened)));
    assert!(defects.iter().any(|defect| matches!(defect, Defect::KeptUnopened(_))), "{defects:?}");
}

/// Acceptance: G4. Whatever is inside of what, the parts and the bytes that come out are bounded by those that went in.
#[test]
fn what_comes_out_is_bounded() {
    let many = format!("Subject: x\n\n{}", CAT.repeat(MOST_PARTS * 2));
    let (wide, _) = message(&many);
    assert!(wide.attachments.len() <= MOST_PARTS && wide.attachments.len() >= 100, "{}", wide.attachments.len());
    let part = format!("--b\n\n{}\n", CAT.repeat(50));
    let (parts, _) = message(&format!("Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n{}--b--\n", part.repeat(200)));
    assert!(parts.attachments.len() <= MOST_PARTS + 50, "{}", parts.attachments.len());
}
