//! Which files of a mail may be filed? Decides over file types and over what the virus scanner said. Asks nobody, changes no text:
//! a file that is kept out stays named among the parts, with the reason (G8, S1.E14).

pub mod logos;
mod types;

use crate::model::message::{Attachment, Message, PartRole, SkipReason};
use crate::model::scan::{Looked, Scan};
use crate::model::verdict::{Chosen, HoldReason, Verdict};

/// The message without files of refused types. `refused`: the tenant's endings; none means the built-in list.
pub fn without_refused(mut message: Message, refused: Option<&[String]>) -> Message {
    let refusal = |attachment: &Attachment| {
        let (name, media_type) = (attachment.name.as_deref(), &attachment.media_type);
        match refused {
            Some(endings) => types::refusal(endings, name, media_type),
            None => types::refusal(types::REFUSED, name, media_type),
        }
    };
    for attachment in message.attachments.iter_mut().filter(|attachment| is_shown(attachment)) {
        if let Some(why) = refusal(attachment) {
            attachment.skip(why);
        }
    }
    message
}

/// What must be shown to the virus scanner, by its place among the attachments.
pub fn to_scan(message: &Message) -> Vec<usize> {
    let shown = message.attachments.iter().enumerate().filter(|(_, attachment)| is_shown(attachment) && attachment.size > 0);
    shown.map(|(index, _)| index).collect()
}

fn is_shown(attachment: &Attachment) -> bool {
    match attachment.role {
        PartRole::File | PartRole::Inline | PartRole::Signature => true,
        PartRole::Skipped => false,
    }
}

/// Keeps out what the scanner found, and, for an operator who has decided where the mail belongs, what it did not look into.
/// `scan` must speak of this message's attachments, in their order.
pub fn after_scan(message: &mut Message, scan: &Scan, chosen: Option<Chosen>) {
    for (index, looked) in &scan.files {
        let Some(attachment) = message.attachments.get_mut(*index) else { continue };
        match looked {
            Looked::Clean => (),
            Looked::Infected(found) => {
                attachment.skip(SkipReason::Infected);
                attachment.found = Some(found.clone());
            }
            Looked::NotLooked if chosen == Some(Chosen::ByOperator) => attachment.skip(SkipReason::NotScanned),
            Looked::NotLooked => (),
        }
    }
}

/// Nothing is filed before everything in it was looked into. An operator's word files the text of what the scanner never looks
/// into, but not while it could not be asked at all.
pub fn verdict(verdict: Verdict, scan: &Scan, chosen: Option<Chosen>) -> Verdict {
    let unlooked = scan.files.iter().any(|(_, looked)| *looked == Looked::NotLooked) && chosen != Some(Chosen::ByOperator);
    match verdict {
        Verdict::File(_) if scan.is_incomplete || unlooked => Verdict::Hold(HoldReason::NotScanned),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::examples;
    use crate::model::message::{Encoding, Kind, Source};
    use crate::model::organisation::Candidate;
    use crate::model::part::{Details, PartReason};
    use crate::model::verdict::Placement;

    pub fn part(name: &str, media_type: &str, role: PartRole) -> Attachment {
        Attachment {
            of: 0,
            name: Some(name.into()),
            name_as_sent: None,
            media_type: media_type.into(),
            declared_type: media_type.into(),
            size: 1,
            sha256: String::new(),
            kind: Kind::Other,
            role,
            reason: None,
            details: Details::default(),
            found: None,
            source: Source::Range { range: 0..1, encoding: Encoding::Identity },
        }
    }

    fn message(parts: Vec<Attachment>) -> Message {
        Message { attachments: parts, ..Message::default() }
    }

    fn shown(message: &Message) -> Vec<(PartRole, Option<PartReason>)> {
        message.attachments.iter().map(|part| (part.role, part.reason)).collect()
    }

    /// Acceptance: S1.E14; G8.
    #[test]
    fn refused_types_stay_named() {
        let mail = || {
            message(vec![
                part("cv.pdf", "application/pdf", PartRole::File),
                part("cv.pdf.exe", "application/x-dosexec", PartRole::File),
                part("logo.png", "image/png", PartRole::Inline),
                part("smime.p7s", "application/octet-stream", PartRole::Skipped),
            ])
        };
        let (file, inline, skipped) = ((PartRole::File, None), (PartRole::Inline, None), (PartRole::Skipped, None));
        let refused = (PartRole::Skipped, Some(PartReason::TypeRefused));
        assert_eq!(shown(&without_refused(mail(), None)), [file, refused, inline, skipped]);
        assert_eq!(shown(&without_refused(mail(), Some(&[]))), [file, file, inline, skipped]);
        assert_eq!(shown(&without_refused(mail(), Some(&["png".into(), "pdf".into()]))), [refused, file, refused, skipped]);
    }

    /// Acceptance: S1.E14. What the scanner said, who chose, what becomes of the parts and of the mail.
    #[test]
    fn what_the_scanner_said() {
        let place = || {
            let application = examples::application("4711", Candidate { id: "C1".into(), name: "Maria".into() });
            Verdict::File(Box::new(Placement { application, flags: Vec::new() }))
        };
        let check = |looked: Looked, incomplete: bool, chosen: Option<Chosen>, role: (PartRole, Option<PartReason>), filed: bool| {
            let scan = Scan { files: vec![(0, looked)], is_incomplete: incomplete };
            let mut mail = message(vec![part("a.pdf", "application/pdf", PartRole::File)]);
            after_scan(&mut mail, &scan, chosen);
            assert_eq!(shown(&mail), [role], "{scan:?} {chosen:?}");
            let want = if filed { place() } else { Verdict::Hold(HoldReason::NotScanned) };
            assert_eq!(verdict(place(), &scan, chosen), want, "{scan:?} {chosen:?}");
        };
        let (file, skipped) = ((PartRole::File, None), |why| (PartRole::Skipped, Some(why)));
        let found = || Looked::Infected("Eicar".into());
        for chosen in [None, Some(Chosen::ByForwarder), Some(Chosen::ByOperator)] {
            check(Looked::Clean, false, chosen, file, true);
            check(Looked::Clean, true, chosen, file, false);
            check(found(), false, chosen, skipped(PartReason::Infected), true);
            check(found(), true, chosen, skipped(PartReason::Infected), false);
        }
        check(Looked::NotLooked, false, None, file, false);
        check(Looked::NotLooked, false, Some(Chosen::ByForwarder), file, false);
        check(Looked::NotLooked, false, Some(Chosen::ByOperator), skipped(PartReason::NotScanned), true);
        check(Looked::NotLooked, true, Some(Chosen::ByOperator), skipped(PartReason::NotScanned), false);
        let held = Verdict::Hold(HoldReason::NoNumber);
        assert_eq!(verdict(held.clone(), &Scan { is_incomplete: true, ..Scan::default() }, None), held);
    }

    #[test]
    fn what_is_scanned() {
        let empty = Attachment { size: 0, ..part("empty", "text/plain", PartRole::File) };
        let parts = vec![
            part("a", "application/pdf", PartRole::File),
            part("b", "application/pdf", PartRole::Skipped),
            empty,
            part("c", "image/png", PartRole::Inline),
        ];
        assert_eq!(to_scan(&message(parts)), [0, 3]);
    }
}
