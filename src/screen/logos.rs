//! Small images that one writer sends with mail after mail are his logo. What is asked, what is counted, and what follows from it.
//! Documents and photos are never among them: `understand` says which images are small enough to be meant.

use crate::model::digest;
use crate::model::id::TenantId;
use crate::model::message::{Attachment, Kind, Message, PartRole};
use crate::model::part::{PartReason, Whose};
use crate::model::verdict::{ImageKey, SeenImages, SeenTimes};
use std::collections::BTreeSet;

/// Images of one mail that are asked about and counted.
const MOST_IMAGES: usize = 50;
/// Earlier mails, and among them changes from one application to another, that make a logo of an image.
const MAILS: u64 = 2;
const APPLICATIONS: u64 = 2;
/// So many mails do, whatever they were for.
const MANY_MAILS: u64 = 5;

/// What must be known of the images of this mail; the same is counted when it is filed.
pub fn asked(tenant: &TenantId, message: &Message) -> Vec<ImageKey> {
    let keys: BTreeSet<ImageKey> = message.attachments.iter().flat_map(|attachment| keys(tenant, message, attachment)).collect();
    keys.into_iter().take(MOST_IMAGES).collect()
}

/// The message with images that its writers have sent before taken for logos.
pub fn without_repeated(tenant: &TenantId, mut message: Message, seen: &SeenImages) -> Message {
    if seen.is_empty() {
        return message;
    }
    let is_logo = |attachment: &Attachment| {
        let is_open = matches!(attachment.role, PartRole::File | PartRole::Inline) && attachment.kind == Kind::Other;
        is_open && keys(tenant, &message, attachment).iter().any(|key| seen.get(key).is_some_and(is_repeated))
    };
    let logos: Vec<bool> = message.attachments.iter().map(is_logo).collect();
    for (attachment, _) in message.attachments.iter_mut().zip(logos).filter(|(_, is_logo)| *is_logo) {
        attachment.role = PartRole::Signature;
        attachment.reason = Some(PartReason::Repeated);
    }
    message
}

fn is_repeated(seen: &SeenTimes) -> bool {
    seen.mails >= MANY_MAILS || seen.mails >= MAILS && seen.applications >= APPLICATIONS
}

/// An image under each person who may have put it there.
fn keys(tenant: &TenantId, message: &Message, attachment: &Attachment) -> Vec<ImageKey> {
    let Some(whose) = attachment.details.small_image else { return Vec::new() };
    let sender = match attachment.of.checked_sub(1) {
        None => message.from.as_ref(),
        Some(place) => message.originals().nth(place).map(|original| &original.from),
    };
    let original = message.original.as_ref().map(|original| &original.from).filter(|_| attachment.of == 0);
    let people = match whose {
        Whose::Senders => [sender, None],
        Whose::Originals => [original, None],
        Whose::Unknown => [sender, original],
    };
    let addresses = people.into_iter().flatten().filter_map(|person| person.key());
    addresses.map(|address| ImageKey { writer: writer(tenant, &address), sha256: attachment.sha256.clone() }).collect()
}

/// Nobody who reads the table reads an address in it.
fn writer(tenant: &TenantId, address: &str) -> String {
    digest::sha256(format!("{tenant}\0{address}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::address::Mailbox;
    use crate::model::message::Original;
    use crate::model::part::Details;
    use crate::screen::tests::part;

    fn mail(whose: Whose, of: usize, kind: Kind) -> Message {
        let details = Details { small_image: Some(whose), ..Details::default() };
        let image = Attachment { of, kind, details, sha256: "f00".into(), ..part("x.png", "image/png", PartRole::File) };
        let original = Original { from: Mailbox::new(None, Some("Maria@e.example")), ..Original::default() };
        Message {
            from: Some(Mailbox::new(None, Some("p@acme.example"))),
            original: Some(original),
            attachments: vec![image],
            ..Message::default()
        }
    }

    #[test]
    fn whose_an_image_is() {
        let tenant = TenantId::new("acme");
        let check = |message: Message, want: &[&str]| {
            let mut want: Vec<_> = want.iter().map(|address| ImageKey { writer: writer(&tenant, address), sha256: "f00".into() }).collect();
            want.sort();
            assert_eq!(asked(&tenant, &message), want);
        };
        check(mail(Whose::Senders, 0, Kind::Other), &["p@acme.example"]);
        check(mail(Whose::Originals, 0, Kind::Other), &["maria@e.example"]);
        check(mail(Whose::Unknown, 0, Kind::Other), &["maria@e.example", "p@acme.example"]);
        check(mail(Whose::Senders, 1, Kind::Other), &["maria@e.example"]);
        check(mail(Whose::Unknown, 1, Kind::Other), &["maria@e.example"]);
        let mut large = mail(Whose::Senders, 0, Kind::Other);
        large.attachments[0].details = Details::default();
        check(large, &[]);
        // Another tenant's writer is another one.
        assert_ne!(writer(&tenant, "a"), writer(&TenantId::new("other"), "a"));
    }

    #[test]
    fn what_is_a_logo() {
        let tenant = TenantId::new("acme");
        let check = |kind: Kind, mails: u64, applications: u64, want: (PartRole, Option<PartReason>)| {
            let message = mail(Whose::Senders, 0, kind);
            let seen = asked(&tenant, &message).into_iter().map(|key| (key, SeenTimes { mails, applications })).collect();
            let part = without_repeated(&tenant, message, &seen).attachments.remove(0);
            assert_eq!((part.role, part.reason), want, "{kind:?} {mails} {applications}");
        };
        let (file, logo) = ((PartRole::File, None), (PartRole::Signature, Some(PartReason::Repeated)));
        check(Kind::Other, 0, 0, file);
        check(Kind::Other, 1, 1, file);
        check(Kind::Other, 2, 1, file);
        check(Kind::Other, 2, 2, logo);
        check(Kind::Other, 5, 1, logo);
        // A name that says what it is: sent again, it is filed again.
        check(Kind::Certificate, 9, 9, file);
    }
}
