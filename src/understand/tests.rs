//! Whole mails: what is read, what is filed, what is accounted for.

use super::*;
use crate::model::digest;
use crate::model::message::{Automatic, Kind, Source};
use crate::model::organisation::ReferenceRules;
use proptest::prelude::*;

fn rules() -> Rules {
    Rules::new(&ReferenceRules::default(), vec!["acme.example".into()]).unwrap()
}

fn message(raw: &str) -> (Message, Vec<Defect>) {
    read(None, raw.as_bytes(), &rules())
}

/// Name, role, of, kind of each attachment.
fn parts(message: &Message) -> Vec<(&str, PartRole, usize, Kind)> {
    message.attachments.iter().map(|part| (part.name.as_deref().unwrap_or("-"), part.role, part.of, part.kind)).collect()
}

#[test]
fn plain_text_is_read_before_html_and_html_before_nothing() {
    let alternative = |plain: &str| {
        format!(
            "Subject: x\nContent-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/plain\n\n{plain}\n--b\nContent-Type: text/html\n\n<p>html</p>\n--b--\n"
        )
    };
    assert_eq!(message(&alternative("plain")).0.text, "plain");
    assert_eq!(message(&alternative("  \n")).0.text, "html");
    let (both, _) = message(
        "Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\nContent-Type: text/html\n\n<b>two</b>\n--b\n\nthree\n--b--\n",
    );
    assert_eq!(both.text, "one\n\ntwo\n\nthree");
}

/// Acceptance: S1.E10; G8.
#[test]
fn every_part_has_a_role() {
    let raw = "Subject: 4711 x\nContent-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: multipart/related; boundary=r\n\n--r\nContent-Type: text/html\n\n\
               <img src=\"cid:logo@x\">Hallo\n--r\nContent-Type: image/png; name=logo.png\nContent-ID: <logo@x>\n\nPNG\n--r--\n--o\nContent-Type: image/jpeg\n\
               Content-Disposition: inline; filename=Foto.jpg\n\nJPG\n--o\nContent-Type: application/pdf; name=\"CV.pdf\"\n\n%PDF-1.4\n--o\nContent-Type: text/plain; name=notes.txt\n\n\
               notes\n--o\nContent-Type: application/pkcs7-signature; name=smime.p7s\n\nx\n--o\nContent-Type: application/pdf; name=leer.pdf\n\n--o--\n";
    let (message, _) = message(raw);
    assert_eq!(message.text, "Hallo");
    assert_eq!(
        parts(&message),
        [
            ("logo.png", PartRole::Signature, 0, Kind::Other),
            ("Foto.jpg", PartRole::File, 0, Kind::Photo),
            ("CV.pdf", PartRole::File, 0, Kind::Cv),
            ("notes.txt", PartRole::File, 0, Kind::Other),
            ("smime.p7s", PartRole::Skipped, 0, Kind::Other),
            ("leer.pdf", PartRole::File, 0, Kind::Other),
        ]
    );
    assert_eq!(message.attachments[4].reason, Some(PartReason::DigitalSignature));
    assert_eq!(message.attachments[5].size, 0);
    assert_eq!(message.attachments[2].media_type, "application/pdf");
}

const INNER: &str = "From: Maria <m@e.example>\nTo: p@acme.example\nSubject: Antwort\nDate: Fri, 20 Nov 2026 18:02:11 +0100\n\
                     Content-Type: multipart/mixed; boundary=i\n\n--i\n\nHallo\n--i\nContent-Type: application/pdf; name=Zeugnis.pdf\n\n%PDF\n\
                     --i\nContent-Type: message/rfc822; name=alt.eml\n\nSubject: named\n\nx\n--i\nContent-Type: message/rfc822\n\nFrom: Eva <e@e.example>\nSubject: nameless\n\ny\n--i--\n";

/// Acceptance: S1.E9. A mail with a file name inside an original is that original's file; one without is a further forward.
#[test]
fn attached_mails() {
    let raw = format!(
        "Subject: 4711 WG\nContent-Type: multipart/mixed; boundary=o\n\n--o\n\nBitte ansehen.\n--o\nContent-Type: message/rfc822; name=x.eml\n\n{INNER}\n--o--\n"
    );
    let (message, defects) = message(&raw);
    assert_eq!(defects, []);
    let original = message.original.as_ref().unwrap();
    assert_eq!(
        (original.from.address.as_deref(), original.subject.as_str(), original.body.as_str()),
        (Some("m@e.example"), "Antwort", "Hallo")
    );
    assert_eq!(message.note, "Bitte ansehen.");
    assert_eq!(message.enclosed.len(), 1);
    assert_eq!((message.enclosed[0].subject.as_str(), message.enclosed[0].level), ("nameless", 1));
    assert_eq!(
        parts(&message),
        [
            ("x.eml", PartRole::Skipped, 0, Kind::Other),
            ("Zeugnis.pdf", PartRole::File, 1, Kind::Certificate),
            ("alt.eml", PartRole::File, 1, Kind::Other),
            ("-", PartRole::Skipped, 1, Kind::Other),
        ]
    );
    for part in ["Bitte ansehen.", "Maria", "Antwort", "Hallo", "nameless", "y"] {
        assert!(message.text.contains(part), "{part} in {}", message.text);
    }
}

/// RFC 2046 §5.2.1 forbids it; it happens.
#[test]
fn an_attached_mail_in_base64() {
    use base64::Engine;
    let encoded = base64::engine::general_purpose::STANDARD.encode(INNER);
    let raw = format!(
        "Subject: 4711 WG\nContent-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n{encoded}\n--o--\n"
    );
    let (message, _) = message(&raw);
    assert_eq!(message.original.as_ref().unwrap().body, "Hallo");
    let file = message.attachments.iter().find(|part| part.name.as_deref() == Some("Zeugnis.pdf")).unwrap();
    assert_eq!(file.source, Source::Decoded(b"%PDF".to_vec()));
}

#[test]
fn several_attached_mails_are_siblings() {
    let one = |name: &str| format!("--o\nContent-Type: message/rfc822\n\nFrom: {name} <{name}@e.example>\nSubject: s\n\nvon {name}\n");
    let raw = format!("Subject: 4711 WG\nContent-Type: multipart/digest; boundary=o\n\n{}{}--o--\n", one("maria"), one("eva"));
    let (message, _) = message(&raw);
    let found: Vec<_> = message.originals().map(|one| (one.from.name.as_deref().unwrap(), one.level)).collect();
    assert_eq!(found, [("maria", 0), ("eva", 0)]);
}

#[test]
fn the_sender_that_is_shown() {
    let from = |head: &str| message(&format!("{head}\n\nx")).0.from.map(|from| (from.name, from.address));
    let some = |name: Option<&str>, address: Option<&str>| Some((name.map(str::to_owned), address.map(str::to_owned)));
    assert_eq!(from("From: Maria"), some(Some("Maria"), None));
    assert_eq!(from("From: Nobody <>\nFrom: Maria <m@e.example>"), some(Some("Maria"), Some("m@e.example")));
    assert_eq!(from("From: x\nReply-To: r@e.example"), some(None, Some("r@e.example")));
    assert_eq!(from("Subject: x"), None);
    assert!(message("From: x\nReply-To: r@e.example\n\nx").1.contains(&Defect::FromFromReplyTo));
}

/// Who wrote a mail inside, where its sender would like to be somebody else.
#[test]
fn unclear_senders_inside() {
    let attached = |head: &str| {
        let raw = format!("Subject: 4711 WG\nContent-Type: message/rfc822\n\n{head}\nSubject: x\n\ny\n");
        let (message, defects) = message(&raw);
        let original = message.original.unwrap();
        assert_eq!(defects.contains(&Defect::UnclearSender), original.sender_is_unclear, "{head}");
        (original.from.address, original.sender_is_unclear)
    };
    let check = |head: &str, address: &str, unclear: bool| assert_eq!(attached(head), (Some(address.to_owned()), unclear), "{head}");
    check("From: Maria <m@e.example>", "m@e.example", false);
    check("From: \"m@e.example\" <m@e.example>", "m@e.example", false);
    check("From: m@e.example <M@e.example>", "M@e.example", false);
    check("From: Müller, Maria <m@e.example>", "m@e.example", false);
    check("From: Maria via Jobs <jobs@e.example>", "jobs@e.example", false);
    check("From: Maria <m@e.example>\nFrom: M <m@E.example>", "m@e.example", false);
    check("From: \"m@e.example\" <mallory@evil.example>", "mallory@evil.example", true);
    check("From: =?utf-8?q?m=40e.example?= <mallory@evil.example>", "mallory@evil.example", true);
    check("From: mallory@evil.example (m@e.example)", "mallory@evil.example", true);
    check("From: Maria <m@e.example>\nFrom: mallory@evil.example", "m@e.example", true);
    check("From: Maria <m@e.example>, mallory@evil.example", "m@e.example", true);
    check(&format!("From: Maria <m@e.example>,{}\n mallory@evil.example", " ".repeat(20_000)), "m@e.example", true);
    let inline = message("Subject: 4711 WG: x\n\nVon: m@e.example <mallory@evil.example>\nBetreff: x\n\ny\n").0.original.unwrap();
    assert_eq!((inline.from.address.as_deref(), inline.sender_is_unclear), (Some("mallory@evil.example"), true));
}

/// Acceptance: S1.E14. The mail itself, one attached to it, one forwarded in its text; signed mail is read.
#[test]
fn encrypted_mail() {
    const PGP: &str = "Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=e\n\n--e\nContent-Type: application/pgp-encrypted\n\n\
                       Version: 1\n--e\nContent-Type: application/octet-stream; name=encrypted.asc\n\n-----BEGIN PGP MESSAGE-----\n--e--\n";
    const SIGNED: &str = "Content-Type: multipart/signed; boundary=e\n\n--e\n\nHallo\n--e\nContent-Type: application/pgp-signature; name=signature.asc\n\nx\n--e--\n";
    let check = |raw: &str, want: bool| assert_eq!(message(raw).0.encrypted, want, "{raw}");
    let attached = |inner: &str| {
        format!(
            "Subject: 4711 WG\nContent-Type: multipart/mixed; boundary=o\n\n--o\n\nx\n--o\nContent-Type: message/rfc822\n\nFrom: m@e.example\n{inner}\n--o--\n"
        )
    };
    for (mail, want) in [(PGP, true), (SIGNED, false)] {
        check(&format!("Subject: 4711 x\n{mail}"), want);
        check(&attached(mail), want);
    }
    check("Subject: 4711 x\nContent-Type: application/pkcs7-mime; smime-type=enveloped-data\n\nx", true);
    check(
        "Subject: WG: 4711\n\nSiehe unten\n\nVon: m@e.example\nBetreff: x\n\n-----BEGIN PGP MESSAGE-----\n\nhQ\n-----END PGP MESSAGE-----\n",
        true,
    );
}

#[test]
fn automatic_mail_and_typed_numbers() {
    let automatic = |subject: &str, envelope: Option<&Envelope>| {
        read(envelope, format!("Subject: {subject}\nAuto-Submitted: auto-replied\n\nx").as_bytes(), &rules()).0.automatic
    };
    assert_eq!(automatic("x", None), Some(Automatic::AutoReply));
    assert_eq!(automatic("4711 x", None), None);
    assert_eq!(message("Return-Path: <>\nSubject: x\n\nx").0.automatic, Some(Automatic::AutoReply));
}

/// G3: a relay that tries again adds a Received line, and no more.
#[test]
fn the_content_hash_passes_over_trace_fields() {
    let hash = |raw: &str| message(raw).0.content_sha256;
    let mail = "From: a@b.example\nSubject: x\nDate: y\n\nbody\n";
    assert_eq!(hash(mail), hash(&format!("Received: one\n\tfolded\nX-Spam: no\n{mail}")));
    for other in [
        mail.replace("body", "bodi"),
        mail.replace("Subject: x", "Subject: z"),
        mail.replace("a@b", "c@b"),
        mail.replace("Date: y", "Date: z"),
    ] {
        assert_ne!(hash(mail), hash(&other), "{other}");
    }
}

#[test]
fn damage_is_told() {
    let told = |raw: &str, defect: Defect| {
        let (_, defects) = message(raw);
        assert!(defects.contains(&defect), "{defect} not in {defects:?}");
    };
    told("Subject: x\nthis is no field\n", Defect::UnfinishedHeader);
    told("Content-Type: text/plain; charset=x-nix\n\nx", Defect::UnknownCharset { part: 0, charset: "x-nix".into(), read_as: "UTF-8" });
    told("Content-Transfer-Encoding: base64\n\nSGFs!bG8=", Defect::BadBase64(0));
    told("Date: the other day\n\nx", Defect::BadDate);
    told("Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n", Defect::Unclosed(0));
    assert_eq!(message("Subject: x\n\na\0b\u{fffd}").0.text, "ab\u{fffd}");
}

/// Bytes of text and people that a message holds beside the raw mail.
fn held(message: &Message) -> usize {
    let people = |original: &Original| std::mem::size_of::<Mailbox>() * (original.to.len() + original.cc.len());
    let originals: usize = message.originals().map(|original| original.body.len() + people(original)).sum();
    let decoded = message.attachments.iter().map(|part| if let Source::Decoded(bytes) = &part.source { bytes.len() } else { 0 });
    message.text.len() + originals + decoded.sum::<usize>()
}

/// Small mails that would like to be large in memory.
#[test]
fn what_is_held_is_bounded_by_what_was_sent() {
    use base64::Engine;
    let recipients = format!("Subject: x\nContent-Type: message/rfc822\n\n{}\nx", format!("To: {}\n", "a@b,".repeat(4_000)).repeat(200));
    let mut nested = format!("Subject: x\n\n{}", "x".repeat(1_000_000));
    for _ in 0..40 {
        nested.insert_str(0, "Subject: x\nContent-Type: message/rfc822\n\n");
    }
    let nested = base64::engine::general_purpose::STANDARD.encode(nested);
    let nested = format!("Subject: x\nContent-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n{nested}");
    let chain = "Von: a@b.example\nBetreff: WG: x\n\n".repeat(20) + &"x".repeat(1_500_000);
    let chains = format!("--b\nContent-Type: message/rfc822\n\nSubject: WG: x\n\n{chain}\n").repeat(4);
    let chains = format!("Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n{chains}--b--\n");
    for (name, raw) in [("recipients", recipients), ("nested", nested), ("chains", chains)] {
        let (message, _) = message(&raw);
        assert!(message.original.is_some(), "{name}: nothing was unpacked");
        assert!(held(&message) < 2 * raw.len() + LONGEST_BODIES, "{name}: {} bytes of {}", held(&message), raw.len());
    }
    // Three bytes of text from each byte that was sent, in many parts; what is beyond the limit is never decoded.
    let mut texts = b"Content-Type: multipart/mixed; boundary=b\n\n".to_vec();
    for _ in 0..10 {
        texts.extend_from_slice(b"--b\nContent-Type: text/plain; charset=windows-874\n\n");
        texts.extend(vec![0xa1; 1_000_000]);
        texts.push(b'\n');
    }
    let tree = Tree::read(&texts);
    let view = View::of(&tree, 0);
    assert!(view.text.len() <= parts::LONGEST_TEXT && view.read <= parts::MOST_TEXT + parts::LONGEST_TEXT, "{}", view.read);
    assert_eq!(view.defects, [Defect::TextCut(parts::LONGEST_TEXT)]);
    let ids = html::shown_content_ids(&"cid:".repeat(100_000));
    assert!(ids.iter().map(String::len).sum::<usize>() < 400_000);
}

/// A document's stretch of the raw mail decodes to the bytes whose hash was taken.
fn ranges_hold(raw: &[u8]) {
    let (message, _) = read(None, raw, &rules());
    for part in &message.attachments {
        if let Source::Range { range, encoding } = &part.source {
            let bytes = decoded(&raw[range.clone()], *encoding);
            assert_eq!((digest::sha256(&bytes), bytes.len() as u64), (part.sha256.clone(), part.size));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Never fails, whatever comes (G4).
    #[test]
    fn any_bytes_are_read(raw in proptest::collection::vec(any::<u8>(), 0..600)) {
        ranges_hold(&raw);
    }

    /// Bytes that look like mail: the words that readers act on, in any order.
    #[test]
    fn any_mail_is_read(lines in proptest::collection::vec(prop_oneof![
        Just("Content-Type: multipart/mixed; boundary=b"), Just("Content-Type: multipart/alternative; boundary=c"), Just("Content-Type: message/rfc822"),
        Just("Content-Type: text/html; charset=utf-16"), Just("Content-Transfer-Encoding: base64"), Just("Content-Disposition: attachment; filename*=utf-8''%C3"),
        Just("--b"), Just("--b--"), Just("--c"), Just(""), Just("Subject: =?utf-8?q?4711=20?= WG:"), Just("From: a <b@c>, \"x"), Just("Von: Maria <m@e.example>"),
        Just("Gesendet: 1.1.2026"), Just("> > Begin forwarded message:"), Just("<a href=x><blockquote>&uuml;"), Just("SGFsbG8="), Just("=C3=BC="), Just("\u{feff}ü"),
    ], 0..40)) {
        ranges_hold(lines.join("\r\n").as_bytes());
    }
}

/// A mail that was saved and attached as a file is opened; a file that only is called so stays a file.
#[test]
fn a_saved_mail() {
    let mail = |content: &str| {
        message(&format!(
            "Subject: 4711 WG\nContent-Type: multipart/mixed; boundary=o\n\n--o\n\nBitte ablegen.\n--o\nContent-Type: application/octet-stream; name=\"Bewerbung.EML\"\n\n{content}\n--o--\n"
        ))
        .0
    };
    let opened = mail("From: Maria <m@e.example>\nSubject: s\n\nHallo");
    assert_eq!(opened.original.unwrap().from.address.as_deref(), Some("m@e.example"));
    assert_eq!(opened.attachments[0].role, PartRole::Skipped);
    // Beside a forward in the text it is the candidate's file, whoever is named in it.
    let beside = message(
        "Subject: 4711 WG: x\nContent-Type: multipart/mixed; boundary=o\n\n--o\n\nVon: Maria <m@e.example>\nBetreff: x\n\nHallo\n--o\nContent-Type: message/rfc822; name=\"Empfehlung.eml\"\n\nFrom: Eva <eva@e.example>\nSubject: s\n\nSie ist gut.\n--o--\n",
    )
    .0;
    assert_eq!((beside.originals().count(), beside.attachments[0].role), (1, PartRole::File));
    let file = mail("%PDF-1.4 no mail");
    assert!(file.original.is_none() && file.attachments[0].role == PartRole::File);
}

/// Acceptance: G4. Names are judged up to so many bytes of them; a file behind is filed all the same.
#[test]
fn names_are_judged_up_to_a_bound() {
    let part = |name: &str| format!("--b\nContent-Type: application/pdf; name=\"{name}\"\n\n%PDF-1.4\n");
    let long = part(&format!("{}.pdf", "unbekanntes-wort-".repeat(14)));
    let raw = format!(
        "Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n{}{}{}--b--\n",
        part("Lebenslauf.pdf"),
        long.repeat(300),
        part("Lebenslauf.pdf")
    );
    let (message, _) = message(&raw);
    let kinds: Vec<Kind> = message.attachments.iter().map(|one| one.kind).collect();
    assert_eq!((kinds.len(), kinds[0], kinds[301]), (302, Kind::Cv, Kind::Other));
    assert!(message.attachments.iter().all(|one| one.role == PartRole::File));
}
