//! Both forms, written by `files` with known content and read back; whole mails with such files in them.

use super::files::{self, Thing, Val, embedded, file};
use super::object::{DEEPEST, Object, RENDERED, TITLE, Value, tag};
use super::{msg, tnef, writer};
use crate::model::message::{Defect, Message, PartRole, Source};
use crate::model::organisation::{ReferenceRules, Rules};
use crate::understand;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use proptest::prelude::*;

/// 20 November 2026, 17:02:11 UTC.
const SENT: u64 = 134_396_677_310_000_000;

/// What a candidate's Outlook sends: text, HTML with an image, files, another mail.
fn application() -> Thing {
    Thing::default()
        .text(tag::MESSAGE_CLASS, "IPM.Note")
        .text(tag::SUBJECT, "Bewerbung als Köchin")
        .with(tag::SUBMITTED, Val::Time(SENT))
        .text(tag::FROM_NAME, "Müller, Maria")
        .text(tag::FROM_KIND, "SMTP")
        .text(tag::FROM_ADDRESS, "maria@e.example")
        .text(tag::MESSAGE_ID, "<1@e.example>")
        .text(tag::BODY, "Grüße\r\nMaria")
        .with(tag::HTML, Val::Binary(b"<p>Gr\xfc\xdfe<br>Maria<img src=\"cid:logo@e\">".to_vec()))
        .with(tag::INTERNET_CODE_PAGE, Val::Long(1252))
        .recipient(
            Thing::default()
                .with(tag::RECIPIENT_KIND, Val::Long(1))
                .text(tag::DISPLAY_NAME, "Jobs")
                .text(tag::SMTP_ADDRESS, "jobs@acme.example"),
        )
        .recipient(
            Thing::default()
                .with(tag::RECIPIENT_KIND, Val::Long(2))
                .text(tag::DISPLAY_NAME, "Chef")
                .text(tag::ADDRESS_KIND, "EX")
                .text(tag::ADDRESS, "/o=acme/cn=chef"),
        )
        .attach(file("Lebenslauf_Müller.pdf", b"%PDF-1.4 x"))
        .attach(
            file("logo.png", b"\x89PNG\r\n\x1a\n")
                .text(tag::CONTENT_ID, "logo@e")
                .text(tag::MEDIA_TYPE, "image/png")
                .with(tag::HIDDEN, Val::Bool(true)),
        )
        .attach(embedded("Empfehlung", recommendation()))
}

fn recommendation() -> Thing {
    Thing::default()
        .text(tag::MESSAGE_CLASS, "IPM.Note")
        .text(tag::SUBJECT, "Empfehlung")
        .text(tag::FROM_NAME, "Rita")
        .text(tag::FROM_SMTP_ADDRESS, "rita@r.example")
        .text(tag::BODY, "Sehr zu empfehlen.")
        .attach(file("Zeugnis.pdf", b"%PDF-1.4 z"))
}

fn rules() -> Rules {
    Rules::new(&ReferenceRules::default(), vec!["acme.example".into()]).unwrap()
}

fn read(raw: &[u8]) -> (Message, Vec<Defect>) {
    understand::read(None, raw, &rules())
}

/// A mail with a text and one file.
fn mail_with(text: &str, kind: &str, name: &str, bytes: &[u8]) -> Vec<u8> {
    let encoded = BASE64_STANDARD.encode(bytes);
    let lines: Vec<&str> = encoded.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!(
        "From: p@acme.example\r\nSubject: 4711 WG: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n--b\r\nContent-Type: {kind}; name=\"{name}\"\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{}\r\n--b--\r\n",
        lines.join("\r\n")
    )
    .into_bytes()
}

/// Files of a message: of which mail, name, role, bytes where they came out of a container.
fn filed(message: &Message) -> Vec<(usize, Option<&str>, PartRole, &[u8])> {
    let rows = message.attachments.iter().map(|one| {
        let bytes: &[u8] = match &one.source {
            Source::Decoded(bytes) => bytes,
            Source::Range { .. } => b"",
        };
        (one.of, one.name.as_deref(), one.role, bytes)
    });
    rows.collect()
}

/// Acceptance: S1.E10.
#[test]
fn winmail_dat_belongs_to_its_mail() {
    let raw = mail_with("Guten Tag", "application/ms-tnef", "winmail.dat", &files::tnef(&application()));
    let (message, defects) = read(&raw);
    assert_eq!(message.text.lines().next(), Some("Guten Tag"));
    assert_eq!(
        filed(&message),
        [
            (0, Some("winmail.dat"), PartRole::Skipped, &b""[..]),
            (0, Some("logo.png"), PartRole::Signature, b"\x89PNG\r\n\x1a\n"),
            (0, Some("Lebenslauf_Müller.pdf"), PartRole::File, b"%PDF-1.4 x"),
            (0, None, PartRole::Skipped, b""),
            (1, Some("Zeugnis.pdf"), PartRole::File, b"%PDF-1.4 z"),
        ]
    );
    let original = message.original.unwrap();
    assert_eq!((original.from.address.as_deref(), original.body.as_str()), (Some("rita@r.example"), "Sehr zu empfehlen."));
    // Outlook shows the text inside; what other programs show says something else.
    assert_eq!(defects, [Defect::RenderingsDiffer(2)]);
    assert_eq!(read(&mail_with("Grüße\r\nMaria", "application/ms-tnef", "winmail.dat", &files::tnef(&application()))).1, []);
    // Its text is read where the mail has none, by whatever name and type it comes.
    let raw = mail_with(" ", "application/octet-stream", "ATT00001.dat", &files::tnef(&application()));
    assert!(read(&raw).0.text.starts_with("Grüße\nMaria"));
}

/// Acceptance: S1.E9; S1.E10.
#[test]
fn a_saved_mail_is_a_mail_inside() {
    let raw = mail_with("Bitte ansehen", "application/vnd.ms-outlook", "Bewerbung.msg", &files::msg(&application()));
    let (message, defects) = read(&raw);
    let original = message.original.as_ref().unwrap();
    assert_eq!(
        (original.from.name.as_deref(), original.from.address.as_deref(), original.subject.as_str(), original.date.as_deref()),
        (Some("Müller, Maria"), Some("maria@e.example"), "Bewerbung als Köchin", Some("2026-11-20T17:02:11Z"))
    );
    let label = |one: &crate::model::address::Mailbox| (one.name.clone(), one.address.clone());
    assert_eq!(original.to.iter().map(label).collect::<Vec<_>>(), [(Some("Jobs".into()), Some("jobs@acme.example".into()))]);
    assert_eq!(original.cc.iter().map(label).collect::<Vec<_>>(), [(Some("Chef".into()), None)]);
    assert_eq!(original.body, "Grüße\nMaria");
    assert_eq!(message.note, "Bitte ansehen");
    assert_eq!(message.enclosed[0].body, "Sehr zu empfehlen.");
    assert_eq!(message.attachments[0].media_type, "application/vnd.ms-outlook");
    let names: Vec<_> = filed(&message).iter().map(|(of, name, role, _)| (*of, name.map(str::to_owned), *role)).collect();
    assert_eq!(
        names,
        [
            (0, Some("Bewerbung.msg".into()), PartRole::Skipped),
            (1, Some("logo.png".into()), PartRole::Signature),
            (1, Some("Lebenslauf_Müller.pdf".into()), PartRole::File),
            (1, None, PartRole::Skipped),
            (2, Some("Zeugnis.pdf".into()), PartRole::File),
        ]
    );
    assert_eq!(defects, []);
}

#[test]
fn one_in_the_other() {
    // winmail.dat in a mail in a mail, both attached; a .msg in a winmail.dat.
    let saved = Thing::default().text(tag::BODY, "siehe Anlage").attach(file("Bewerbung.msg", &files::msg(&application())));
    let inner = mail_with("innen", "application/ms-tnef", "winmail.dat", &files::tnef(&saved));
    let middle = [&b"From: a@b.example\r\nSubject: m\r\nContent-Type: message/rfc822\r\n\r\n"[..], &inner].concat();
    let raw = [&b"From: p@acme.example\r\nSubject: WG: y\r\nContent-Type: message/rfc822\r\n\r\n"[..], &middle].concat();
    let (message, _) = read(&raw);
    let found = message.attachments.iter().find(|one| one.name.as_deref() == Some("Lebenslauf_Müller.pdf"));
    // A saved mail with a name is a file of the mail that it is attached to.
    let kept = message.attachments.iter().find(|one| one.name.as_deref() == Some("Bewerbung.msg")).unwrap();
    assert!(found.is_none() && kept.role == PartRole::File && kept.source == Source::Decoded(files::msg(&application())));
    let direct = mail_with("innen", "application/ms-tnef", "winmail.dat", &files::tnef(&saved));
    let (message, _) = read(&direct);
    assert_eq!(message.original.as_ref().unwrap().subject, "Bewerbung als Köchin");
    assert!(message.attachments.iter().any(|one| one.name.as_deref() == Some("Lebenslauf_Müller.pdf") && one.of == 1));
}

#[test]
fn a_file_by_itself_is_read_as_a_mail() {
    for bare in [files::tnef(&application()), files::msg(&application())] {
        let (message, defects) = read(&bare);
        assert_eq!(message.from.and_then(|from| from.address).as_deref(), Some("maria@e.example"));
        assert_eq!((message.subject.as_str(), message.date.as_deref()), ("Bewerbung als Köchin", Some("2026-11-20T17:02:11Z")));
        assert!(message.text.starts_with("Grüße\nMaria") && message.attachments.iter().any(|one| one.size == 10), "{}", message.text);
        assert_eq!(defects, []);
    }
    // What came by a door is a mail.
    let envelope = crate::model::arrival::Envelope {
        from: Some("x@y.example".into()),
        to: Vec::new(),
        mailbox: String::new(),
        purpose: crate::model::arrival::Purpose::Import,
    };
    assert_eq!(understand::read(Some(&envelope), &files::msg(&application()), &rules()).0.from, None);
}

#[test]
fn only_rich_text() {
    let rtf = |rtf: &str| {
        let head = [(rtf.len() as u32 + 12).to_le_bytes(), (rtf.len() as u32).to_le_bytes(), *b"MELA", [0; 4]].concat();
        Val::Binary([head.as_slice(), rtf.as_bytes()].concat())
    };
    let check = |text: &str, want: &str| {
        let thing = Thing::default().text(tag::SUBJECT, "s").with(tag::RTF, rtf(text));
        for bare in [files::tnef(&thing), files::msg(&thing)] {
            assert_eq!(read(&bare).0.text.trim(), want);
        }
    };
    check("{\\rtf1\\ansi\\ansicpg1252 Gr\\'fc\\'dfe\\par Maria}", "Grüße\nMaria");
    check("{\\rtf1\\ansi\\fromhtml1 {\\*\\htmltag <p>}Gr\\'fc\\'dfe{\\*\\htmltag </p>}}", "Grüße");
}

#[test]
fn signed_mail() {
    let entity = b"Content-Type: multipart/signed; boundary=s; protocol=\"application/pkcs7-signature\"\r\n\r\n--s\r\n\
        Content-Type: text/plain\r\n\r\nUnterschrieben\r\n--s\r\nContent-Type: application/pkcs7-signature; name=smime.p7s\r\n\r\nx\r\n--s--\r\n";
    let thing = Thing::default().text(tag::MESSAGE_CLASS, "IPM.Note.SMIME.MultipartSigned").attach(file("smime.p7m", entity));
    for bare in [files::tnef(&thing), files::msg(&thing)] {
        assert_eq!(read(&bare).0.text.trim(), "Unterschrieben");
    }
}

#[test]
fn what_is_no_mail() {
    let contact = Thing::default().text(tag::MESSAGE_CLASS, "IPM.Contact").text(tag::SUBJECT, "Rita");
    let (message, _) = read(&mail_with("x", "application/octet-stream", "Rita.msg", &files::msg(&contact)));
    assert_eq!((message.original, message.attachments[0].role), (None, PartRole::File));
    // Within another it becomes a file of its own, which is the same object.
    let raw = files::msg(&application().attach(embedded("Rita", contact)));
    let (message, _) = read(&raw);
    let kept = message.attachments.iter().find(|one| one.name.as_deref() == Some("Rita.msg")).unwrap();
    let Source::Decoded(bytes) = &kept.source else { panic!("it stands in no mail") };
    assert_eq!(msg::read(bytes).unwrap().text(tag::SUBJECT, None).as_deref(), Some("Rita"));
    // Old Word begins as .msg does.
    let word = writer::written(&writer::Folder { streams: vec![("WordDocument".into(), vec![0; 5000])], ..writer::Folder::default() });
    let (message, defects) = read(&mail_with("x", "application/msword", "cv.doc", &word));
    assert_eq!((message.attachments[0].role, defects), (PartRole::File, Vec::new()));
    // A file that is elsewhere.
    let cloud = Thing::default().with(tag::METHOD, Val::Long(7)).text(tag::LONG_FILE_NAME, "cv.pdf");
    let (message, defects) = read(&files::msg(&Thing::default().text(tag::BODY, "x").attach(cloud)));
    assert_eq!((message.attachments[0].size, defects), (0, vec![Defect::ContentElsewhere(0)]));
}

#[test]
fn meetings() {
    let meeting = Thing::default()
        .text(tag::MESSAGE_CLASS, "IPM.Schedule.Meeting.Request")
        .text(tag::SUBJECT, "Gespräch; Teil 1")
        .text(tag::LOCATION, "Raum 3, Köln")
        .with(tag::NAMED_START, Val::Time(SENT))
        .with(tag::END, Val::Time(SENT + 36_000_000_000));
    for bare in [files::tnef(&meeting), files::msg(&meeting)] {
        let (message, _) = read(&bare);
        let calendar = message.attachments.iter().find(|one| one.declared_type == "text/calendar").unwrap();
        let Source::Decoded(bytes) = &calendar.source else { panic!("it stands in no mail") };
        let text = std::str::from_utf8(bytes).unwrap();
        for line in [
            "METHOD:REQUEST",
            "DTSTART:20261120T170211Z",
            "DTEND:20261120T180211Z",
            "SUMMARY:Gespräch\\; Teil 1",
            "LOCATION:Raum 3\\, Köln",
        ] {
            assert!(text.contains(&format!("{line}\r\n")), "{text}");
        }
    }
}

#[test]
fn no_field_leaves_its_line() {
    let evil = "x\r\nBcc: evil@e.example\r\n\r\nbody\0";
    let thing = Thing::default()
        .text(tag::SUBJECT, evil)
        .text(tag::FROM_NAME, evil)
        .text(tag::MESSAGE_ID, evil)
        .text(tag::TRANSPORT_HEADER, &format!("Microsoft Mail Internet Headers Version 2.0\r\nTo: a@b.example\r\n\tc\r\n{evil}"))
        .attach(file(evil, b"x").text(tag::CONTENT_ID, evil).text(tag::MEDIA_TYPE, evil).text(tag::FILE_NAME, evil));
    let opened = super::open(super::Form::Msg, &files::msg(&thing), 1 << 20).unwrap().unwrap();
    for piece in &opened.pieces {
        for line in piece.header.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            assert!(!line.starts_with(b"Bcc") && line.ends_with(b"\r") && !line[..line.len() - 1].contains(&b'\r'), "{line:?}");
        }
    }
}

#[test]
fn the_bound_holds() {
    let big = application().attach(file("big.bin", &vec![7; 100_000]));
    for (form, bytes) in [(super::Form::Tnef, files::tnef(&big)), (super::Form::Msg, files::msg(&big))] {
        assert!(super::open(form, &bytes, 100_000).unwrap().is_err());
        let opened = super::open(form, &bytes, 200_000).unwrap().unwrap();
        assert!(opened.pieces.iter().any(|piece| piece.body.len() == 100_000));
    }
    // Deeper than anybody embeds: the rest is a file.
    let deep = (0..2 * DEEPEST).fold(recommendation(), |inner, _| Thing::default().text(tag::SUBJECT, "x").attach(embedded("e", inner)));
    for bare in [files::tnef(&deep), files::msg(&deep)] {
        assert!(read(&bare).0.originals().count() >= DEEPEST);
    }
}

/// One byte of each is another, or the end; what is asked of a reader is that it ends. Acceptance: G4.
#[test]
fn damage() {
    for whole in [files::tnef(&application()), files::msg(&application())] {
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 0xff;
            let _ = (tnef::read(&changed), msg::read(&changed));
            let _ = (tnef::read(&whole[..at]), msg::read(&whole[..at]));
        }
    }
    // Cut within the last attachment: what stands before is there.
    let whole = files::tnef(&application());
    let (message, defects) = read(&mail_with("x", "application/ms-tnef", "winmail.dat", &whole[..whole.len() - 40]));
    assert!(defects.contains(&Defect::ContainerDamaged(2)), "{defects:?}");
    assert!(message.attachments.iter().any(|one| one.name.as_deref() == Some("Lebenslauf_Müller.pdf") && one.size == 10));
    // Nothing of it can be read: a file.
    let (message, defects) = read(&mail_with("x", "application/ms-tnef", "winmail.dat", b"\x78\x9f\x3e\x22\x01\x00\xff\xff"));
    assert_eq!((message.attachments[0].role, defects), (PartRole::File, vec![Defect::ContainerDamaged(2)]));
    // An empty one, and one with text alone.
    assert_eq!(read(&mail_with("x", "application/ms-tnef", "winmail.dat", &files::tnef(&Thing::default()))).1, []);
}

/// Chains that go in circles: of the sectors with sector numbers, of a stream, of the folders.
#[test]
fn circles_end() {
    let whole = files::msg(&Thing::default().text(tag::SUBJECT, "s").attach(file("a", &[7; 9_000])));
    let number = |bytes: &[u8], at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]) as usize;
    let table = (number(&whole, 0x4c) + 1) * 512;
    let directory = (number(&whole, 0x30) + 1) * 512;
    let mut first = whole.clone();
    // The numbers go on in a sector that is all ends, and names itself as the next.
    let at = first.len();
    first.extend([0xff; 508]);
    let itself = (at / 512 - 1) as u32;
    first.extend(itself.to_le_bytes());
    first.extend(vec![0; 512 * 2_000]);
    first[0x44..0x48].copy_from_slice(&itself.to_le_bytes());
    let mut second = whole.clone();
    for entry in 0..128 {
        second[table + 4 * entry..table + 4 * entry + 4].copy_from_slice(&0u32.to_le_bytes());
    }
    let mut third = whole.clone();
    for entry in (directory..third.len().min(directory + 2_048)).step_by(128) {
        third[entry + 68..entry + 80].copy_from_slice(&[0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0]);
    }
    for circle in [first, second, third] {
        let _ = msg::read(&circle);
    }
}

/// The fuzzer changes this one.
#[test]
fn the_fuzzers_seed() {
    assert!(files::msg(&application()) == include_bytes!("../../../../fuzz/seed.msg"));
}

/// What the reader should make of it.
fn meant(thing: &Thing, keeps_titles: bool) -> Object<'static> {
    let mut object = Object::default();
    for (tag, value) in thing.properties.iter().filter(|(tag, _)| keeps_titles || *tag != TITLE) {
        object.put(
            *tag,
            match value.clone() {
                Val::Long(number) => Value::Number(number.into()),
                Val::Bool(is_so) => Value::Number(is_so.into()),
                Val::Time(time) => Value::Time(time),
                Val::Text8(bytes) => Value::Text8(bytes.into()),
                Val::Text16(text) => Value::Text16(text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>().into()),
                Val::Binary(bytes) => Value::Binary(bytes.into()),
                Val::Message(inner) => Value::Message(Box::new(meant(&inner, keeps_titles))),
            },
        );
    }
    object.recipients = thing.recipients.iter().map(|one| meant(one, keeps_titles)).collect();
    object.attachments = thing.attachments.iter().map(|one| meant(one, keeps_titles)).collect();
    object
}

/// Texts without the NUL that they may bear, no announcements, and no code page or class where the writer adds one.
fn bare(mut object: Object<'_>) -> Object<'static> {
    let mut out = Object::default();
    out.is_damaged = object.is_damaged;
    for (tag, value) in object.take_properties() {
        let value = match value {
            _ if matches!(tag, RENDERED | tag::CODE_PAGE | tag::MESSAGE_CLASS) => continue,
            Value::Number(number) => Value::Number(number),
            Value::Time(time) => Value::Time(time),
            Value::Text8(bytes) => Value::Text8(bytes.strip_suffix(b"\0").unwrap_or(&bytes).to_vec().into()),
            Value::Text16(bytes) => Value::Text16(bytes.strip_suffix(b"\0\0").unwrap_or(&bytes).to_vec().into()),
            Value::Binary(bytes) => Value::Binary(bytes.into_owned().into()),
            Value::Message(inner) => Value::Message(Box::new(bare(*inner))),
        };
        out.put(tag, value);
    }
    out.sort();
    out.recipients = object.recipients.into_iter().map(bare).collect();
    out.attachments = object.attachments.into_iter().map(bare).collect();
    out
}

fn value() -> impl Strategy<Value = Val> {
    prop_oneof![
        any::<i32>().prop_map(Val::Long),
        any::<bool>().prop_map(Val::Bool),
        any::<u64>().prop_map(Val::Time),
        "[a-zäöü 日]{0,40}".prop_map(Val::Text16),
        proptest::collection::vec(1..=255u8, 0..40).prop_map(Val::Text8),
        proptest::collection::vec(any::<u8>(), 0..9_000).prop_map(Val::Binary),
    ]
}

fn single() -> impl Strategy<Value = Thing> {
    let tags =
        [tag::SUBJECT, tag::BODY, tag::HTML, tag::DATA, tag::METHOD, tag::SUBMITTED, tag::LOCATION, tag::NAMED_END, tag::DISPLAY_NAME];
    proptest::collection::btree_map(proptest::sample::select(tags.to_vec()), value(), 0..6)
        .prop_map(|properties| Thing { properties: properties.into_iter().collect(), ..Thing::default() })
}

fn message() -> impl Strategy<Value = Thing> {
    let list = || proptest::collection::vec(single(), 0..4);
    let flat = (single(), list(), list()).prop_map(|(own, recipients, attachments)| Thing { recipients, attachments, ..own });
    flat.prop_recursive(3, 20, 2, |inner| {
        (single(), proptest::collection::vec(inner, 0..3))
            .prop_map(|(own, inner)| Thing { attachments: inner.into_iter().map(|one| embedded("e", one)).collect(), ..own })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn whatever_is_written_is_read(thing in message()) {
        let (as_tnef, as_msg) = (files::tnef(&thing), files::msg(&thing));
        prop_assert_eq!(bare(tnef::read(&as_tnef).unwrap()), bare(meant(&thing, true)));
        prop_assert_eq!(bare(msg::read(&as_msg).unwrap()), bare(meant(&thing, false)));
    }

    #[test]
    fn compound_files(sizes in proptest::collection::vec(0usize..20_000, 0..8), big in proptest::bool::weighted(0.1)) {
        use super::compound::{Compound, ROOT};
        let size = |at: usize, size: usize| if big && at == 0 { 8_000_000 } else { size };
        let streams: Vec<_> = sizes.iter().enumerate().map(|(at, &one)| (format!("s{at}"), vec![at as u8 + 1; size(at, one)])).collect();
        let folder = writer::Folder { name: "f".into(), streams: streams.clone(), ..writer::Folder::default() };
        let written = writer::written(&writer::Folder { folders: vec![folder], streams: streams.clone(), ..writer::Folder::default() });
        let compound = Compound::open(&written).unwrap();
        for folder in [ROOT, compound.child(ROOT, "F").unwrap()] {
            for (name, content) in &streams {
                prop_assert!(*compound.stream(compound.child(folder, name).unwrap()) == content[..]);
            }
        }
        prop_assert!(!compound.is_damaged());
    }
}
