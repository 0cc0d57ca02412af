//! Who is told what.

use super::*;
use crate::model::address::Mailbox;
use crate::model::answer::{Line, Silence, Useless};
use crate::model::examples;
use crate::model::id::ArrivalId;
use crate::model::message::{Attachment, Automatic, Encoding, Kind, Original, Source};
use crate::model::organisation::Candidate;
use crate::model::outbound::Offer;
use crate::model::part::Details;
use crate::model::reference::{Grammar, Reference};
use crate::model::sender::{Proof, Unproven};
use crate::model::user::{Role, User};
use crate::model::verdict::{IgnoreReason, Suggestion, Why};

mod healing;

fn user(email: &str, role: Role, locale: Locale) -> User {
    User { locale, ..examples::user(email, role) }
}

fn tenant() -> Tenant {
    Tenant { fallback_address: Some("hr@acme.example".into()), ..examples::tenant() }
}

fn placement(flags: Vec<Flag>) -> Verdict {
    let application = examples::application("4711", Candidate { id: "C1".into(), name: "Maria Müller".into() });
    Verdict::File(Box::new(Placement { application, flags }))
}

fn message() -> Message {
    let file = Attachment {
        of: 0,
        name: Some("Anschreiben.pdf".into()),
        name_as_sent: None,
        media_type: "application/pdf".into(),
        declared_type: "application/pdf".into(),
        size: 1,
        sha256: String::new(),
        kind: Kind::CoverLetter,
        role: PartRole::File,
        reason: None,
        details: Details::default(),
        found: None,
        source: Source::Range { range: 0..1, encoding: Encoding::Identity },
    };
    Message {
        reference: Some(Reference { number: "4711".into(), rule: Grammar::Strict }),
        subject: "WG: Geheimnis".into(),
        text: "Candidate's secret text".into(),
        original: Some(Original {
            from: Mailbox::new(Some("Maria Müller"), Some("maria@example.net")),
            subject: "Geheimnis".into(),
            body: "Candidate's secret text".into(),
            date: Some("2026-11-20T17:02:11Z".into()),
            ..Original::default()
        }),
        attachments: vec![file],
        ..Message::default()
    }
}

/// Acceptance: S1.E14. Files that are kept out are named with the reason, in every language; others that are skipped are not.
#[test]
fn files_that_are_kept_out() {
    use crate::model::message::SkipReason;
    let mut mail = message();
    let named = |name: &str| Attachment { name: Some(name.into()), ..message().attachments.remove(0) };
    for (name, why) in [
        ("a.exe", SkipReason::TypeRefused),
        ("b.pdf", SkipReason::Infected),
        ("c.iso", SkipReason::NotScanned),
        ("z.pdf", SkipReason::Disguised),
    ] {
        let mut one = named(name);
        one.skip(why);
        one.found = (why == SkipReason::Infected).then(|| "Eicar\r\nBcc: x".into());
        mail.attachments.push(one);
    }
    let mut unpacked = named("d.eml");
    unpacked.unpacked();
    mail.attachments.push(unpacked);
    for (locale, heading, found, disguised) in [
        (Locale::De, "Nicht abgelegt:", "hat Eicar Bcc: x gefunden", "z.pdf (ist ein Programm unter anderem Namen)"),
        (Locale::En, "Not filed:", "found Eicar Bcc: x", "z.pdf (is a program under another name)"),
        (Locale::Sv, "Inte arkiverat:", "hittade Eicar Bcc: x", "z.pdf (är ett program under annat namn)"),
    ] {
        let lines = files(locale, &mail);
        let at = lines.iter().position(|line| line == heading).unwrap();
        assert!(at == 2 && lines[1].contains("Anschreiben.pdf") && lines.len() == 7, "{lines:?}");
        assert!(lines[3].contains("a.exe (") && lines[4].contains(found) && lines[5].contains("c.iso ("), "{lines:?}");
        assert_eq!(lines[6].trim(), disguised);
    }
    mail.attachments[0].size = 0;
    assert_eq!(files(Locale::De, &mail)[2].trim(), "Leer: Die Datei hat keinen Inhalt.");
    mail.attachments.remove(0);
    assert_eq!(files(Locale::En, &mail)[..2], ["Files: none", "Not filed:"]);
}

struct Scene {
    tenant: Tenant,
    sender: Sender,
    audience: Audience,
    answer: Option<(Receipt, Outcome)>,
    purpose: Purpose,
}

impl Scene {
    fn new() -> Scene {
        let petra = user("petra@acme.example", Role::HrManager, Locale::De);
        let max = user("max@acme.example", Role::Department, Locale::En);
        Scene {
            tenant: tenant(),
            sender: Sender::User { user: petra.clone(), proof: Proof::Login },
            audience: Audience { responsible: vec![petra, max], ..Audience::default() },
            answer: None,
            purpose: Purpose::Import,
        }
    }

    fn compose(&self, verdict: &Verdict, message: &Message) -> Vec<Notice> {
        let envelope = Envelope { from: None, to: vec![], mailbox: "import@acme.example".into(), purpose: self.purpose.clone() };
        let on = Circumstances {
            tenant: &self.tenant,
            sender: &self.sender,
            envelope: &envelope,
            arrival: "01JDF7Q3000000000000000009".parse().unwrap(),
            at: "2026-11-22T08:30:00Z".parse().unwrap(),
            entry: "01JDF7Q3000000000000000000".parse().unwrap(),
            portal_url: Some("https://portal.acme.example"),
            postmaster: None,
            number: message.reference.as_ref().map(|reference| reference.number.as_str()),
            answer: self.answer.as_ref(),
        };
        compose(verdict, message, &self.audience, on)
    }
}

/// Acceptance: S1.24, S1.25, S1.27.
#[test]
fn a_notice_in_everybodys_language() {
    let notices = Scene::new().compose(&placement(vec![]), &message());
    let to: Vec<_> = notices.iter().map(|notice| (notice.to.as_str(), notice.subject.as_str())).collect();
    assert_eq!(
        to,
        [("petra@acme.example", "Neue Antwort von Maria Müller (4711)"), ("max@acme.example", "New reply from Maria Müller (4711)")]
    );
    assert_eq!(
        notices[0].text,
        "Maria Müller hat geantwortet.\n\nBewerbung: 4711, Maria Müller, Entwickler (m/w/d)\nGeschrieben: 20.11.2026, 18:02\n\
         Weitergeleitet: von Name of petra@acme.example, 22.11.2026, 09:30\nDateien:\n  Anschreiben.pdf (Anschreiben)\n\n\
         Nachricht öffnen:\nhttps://portal.acme.example/e/01JDF7Q3000000000000000000\n\n-- \n\
         Du bekommst diese E-Mail, weil du für diese Bewerbung zuständig bist."
    );
    assert!(notices[1].text.contains("Written: 20 Nov 2026, 18:02"), "{}", notices[1].text);
}

/// Acceptance: G7. No word of the candidate's.
#[test]
fn no_candidate_text_in_notices() {
    for notice in
        Scene::new().compose(&placement(vec![Flag::Closed, Flag::SenderUnknown, Flag::SameMessageId, Flag::RenderingsDiffer]), &message())
    {
        assert!(!notice.text.contains("secret") && !notice.text.contains("Geheimnis") && !notice.subject.contains("Geheimnis"));
    }
}

/// Acceptance: S1.26, S1.E16, S1.E17.
#[test]
fn who_is_told() {
    let mut scene = Scene::new();
    let recipients =
        |scene: &Scene| -> Vec<String> { scene.compose(&placement(vec![]), &message()).into_iter().map(|notice| notice.to).collect() };
    scene.audience.responsible.push(user("rita@acme.example", Role::Recruiter, Locale::De));
    scene.audience.responsible.push(user("adam@acme.example", Role::Administrator, Locale::De));
    scene.audience.responsible.push(user("dora@acme.example", Role::DepartmentPlus, Locale::Sv));
    assert_eq!(recipients(&scene), ["petra@acme.example", "max@acme.example", "dora@acme.example"]);
    scene.tenant.notify_forwarder = false;
    assert_eq!(recipients(&scene), ["max@acme.example", "dora@acme.example"]);
    // A responsible forwarder who wants no notice of his own is no reason for the fallback.
    scene.audience.responsible.truncate(1);
    assert!(recipients(&scene).is_empty());
    // Roles that are not told do not count against the fallback.
    scene.audience.responsible = vec![user("rita@acme.example", Role::Recruiter, Locale::De)];
    assert_eq!(recipients(&scene), ["hr@acme.example"]);
    scene.tenant.fallback_address = None;
    assert!(recipients(&scene).is_empty());
}

/// Acceptance: S1.28, S1.E4, S1.E20; G7.
#[test]
fn receipts() {
    let mut scene = Scene::new();
    // What crashed twice has a test of its own.
    for reason in HoldReason::ALL.into_iter().filter(|reason| *reason != HoldReason::CrashedTwice) {
        let notices = scene.compose(&Verdict::Hold(reason), &message());
        assert!(notices.is_empty() || notices.len() == 2);
        for (at, notice) in notices.into_iter().enumerate() {
            assert!(!notice.text.contains("Maria") && !notice.text.contains("Entwickler") && !notice.text.contains("Geheimnis") || at == 0);
            if at == 1 {
                assert_eq!((notice.to.as_str(), notice.purpose), ("hr@acme.example", MessagePurpose::MailHeld));
                assert!(notice.text.contains("Name of petra@acme.example am 22.11.2026, 09:30 weitergeleitet"), "{}", notice.text);
                continue;
            }
            assert_eq!((notice.to.as_str(), notice.purpose), ("petra@acme.example", MessagePurpose::Receipt));
            assert_eq!(notice.reply_to, ReplyTo::Token(Offer::default()));
            assert!(!notice.text.contains("Maria") && !notice.text.contains("Entwickler"), "{}", notice.text);
            assert!(!notice.text.contains("receipt-"), "{}", notice.text);
        }
    }
    assert_eq!(scene.compose(&Verdict::Hold(HoldReason::UnknownNumber), &message())[0].subject, "Nicht zugeordnet: 4711 WG: Geheimnis");
    let automatic = Message { automatic: Some(Automatic::AutoReply), ..message() };
    assert!(scene.compose(&Verdict::Hold(HoldReason::NoNumber), &automatic).is_empty());
    // Each of the two has its own brake.
    let purposes = |scene: &Scene| -> Vec<_> {
        scene.compose(&Verdict::Hold(HoldReason::NoNumber), &message()).into_iter().map(|notice| notice.purpose).collect()
    };
    scene.audience.sent_last_hour = MOST_AN_HOUR;
    assert_eq!(purposes(&scene), [MessagePurpose::MailHeld]);
    scene.audience = Audience { held_told_last_hour: 1, ..Audience::default() };
    assert_eq!(purposes(&scene), [MessagePurpose::Receipt]);
    // Whoever is the fallback himself has his receipt.
    scene.audience.held_told_last_hour = 0;
    scene.tenant.fallback_address = Some("petra@acme.example".into());
    assert_eq!(purposes(&scene), [MessagePurpose::Receipt]);
    scene.sender = Sender::Unproven { why: Unproven::NoProof, claims_user: true };
    assert!(scene.compose(&Verdict::Hold(HoldReason::SenderNotAuthenticated), &message()).is_empty());
    assert!(scene.compose(&Verdict::Duplicate(EntryId::generate()), &message()).is_empty());
}

/// Mail to postmaster is handed on, but no automatic mail, and no flood.
#[test]
fn mail_to_postmaster() {
    let scene = Scene::new();
    let check = |automatic: Option<Automatic>, sent_last_hour: u32, want: bool| {
        let envelope = Envelope { from: None, to: vec![], mailbox: "postmaster".into(), purpose: Purpose::Postmaster };
        let on = Circumstances {
            tenant: &scene.tenant,
            sender: &scene.sender,
            envelope: &envelope,
            arrival: "01JDF7Q3000000000000000009".parse().unwrap(),
            at: Timestamp::UNIX_EPOCH,
            entry: EntryId::generate(),
            portal_url: None,
            postmaster: Some("operator@acme.example"),
            number: None,
            answer: None,
        };
        let audience = Audience { sent_last_hour, ..Audience::default() };
        let notices = compose(&Verdict::Ignore(IgnoreReason::Postmaster), &Message { automatic, ..message() }, &audience, on);
        assert_eq!(notices.iter().any(|notice| notice.to == "operator@acme.example"), want);
    };
    check(None, 0, true);
    check(None, MOST_AN_HOUR, false);
    check(Some(Automatic::Loop), 0, false);
    check(Some(Automatic::Bounce), 0, false);
}

fn suggestion(reference: &str, why: Why) -> Suggestion {
    Suggestion { reference: reference.into(), candidate: "Maria Müller".into(), job: "Entwickler (m/w/d)".into(), why }
}

/// Acceptance: S1.E4. Up to three numbered suggestions, which an answer may choose from.
#[test]
fn a_receipt_offers_what_it_names() {
    let mut scene = Scene::new();
    scene.audience.suggestions = vec![suggestion("4711", Why::Address), suggestion("4712", Why::DigitOff)];
    let receipt = |scene: &Scene, reason| scene.compose(&Verdict::Hold(reason), &message()).remove(0);
    let offered = receipt(&scene, HoldReason::UnknownNumber);
    assert_eq!(
        offered.text,
        "Deine weitergeleitete Nachricht vom 22.11.2026, 09:30 konnte nicht abgelegt werden. Sie ist nicht verloren, sondern \
         wartet.\n\nDein Betreff: 4711 WG: Geheimnis\n\nDie Bewerbungsnummer 4711 gibt es nicht. Bitte \
         prüfe sie in der Bewerbung.\n\nVielleicht gehört die Nachricht hierher:\n\n  1  4711, Maria Müller, Entwickler (m/w/d) (dieselbe \
         Absenderadresse)\n  2  4712, Maria Müller, Entwickler (m/w/d) (eine Ziffer anders)\n\nAntworte auf diese E-Mail, und schreib die \
         passende Zahl von 1 bis 2 oder die richtige Bewerbungsnummer in die erste Zeile; dann wird die Nachricht dort abgelegt.\n\n-- \n\
         Von deiner Antwort wird nur die erste Zeile gelesen."
    );
    let numbers = vec!["4711".to_owned(), "4712".to_owned()];
    assert_eq!(offered.reply_to, ReplyTo::Token(Offer { numbers, ..Offer::default() }));
    // Where no number mends it, nothing is offered, and no answer is read.
    for reason in [HoldReason::Encrypted, HoldReason::SenderMayNotImport, HoldReason::SenderUnclear] {
        let plain = receipt(&scene, reason);
        assert!(plain.text.ends_with("Antworten auf diese E-Mail werden nicht gelesen.") && !plain.text.contains("4712"), "{}", plain.text);
        assert_eq!(plain.reply_to, ReplyTo::Token(Offer::default()));
    }
    scene.audience.suggestions.truncate(1);
    assert!(receipt(&scene, HoldReason::NoNumber).text.contains("mit einer 1 in der ersten Zeile"));
    for why in Why::ALL {
        for locale in Locale::ALL {
            assert_ne!(say(locale, why.key(), &[]), why.key());
        }
    }
}

/// Acceptance: G7. What a forwarder may not see is worded like what is not there.
#[test]
fn what_he_may_not_see_reads_as_unknown() {
    let mut scene = Scene::new();
    scene.audience.suggestions = vec![suggestion("4712", Why::DigitOff)];
    let both = [HoldReason::ForwarderMayNotSee, HoldReason::UnknownNumber].map(|reason| scene.compose(&Verdict::Hold(reason), &message()));
    assert_eq!(both[0], both[1]);
    // Such a number was brought in with a wrong last digit.
    let mistyped = Message { reference: Some(Reference { number: "BW-0004711-3".into(), rule: Grammar::Strict }), ..message() };
    let both = [HoldReason::ForwarderMayNotSee, HoldReason::BadCheckDigit].map(|reason| scene.compose(&Verdict::Hold(reason), &mistyped));
    assert_eq!(both[0], both[1]);
}

/// An answer that led nowhere is told so once, with what a better one looks like.
#[test]
fn useless_answers() {
    let mut scene = Scene::new();
    let arrival = ArrivalId::generate();
    let answered = Receipt {
        token: "t".into(),
        recipient: "petra@acme.example".into(),
        subject: "Nicht zugeordnet: 4771 WG: x".into(),
        offers: vec!["4711".into()],
        again: false,
        used: false,
        arrival,
        held: Some(HoldReason::UnknownNumber),
    };
    scene.audience.suggestions = vec![suggestion("4711", Why::DigitsSwapped)];
    let answer = Message { first_line: Line { choice: None, number: Some("9999".into()) }, ..Message::default() };
    let ignored = Verdict::Ignore(IgnoreReason::ReceiptAnswer);
    let reasons = [HoldReason::UnknownNumber, HoldReason::BadCheckDigit, HoldReason::ApplicationErased].map(Useless::Number);
    let all = [Useless::NotUnderstood, Useless::NoSuchChoice, Useless::AlreadyAnswered, Useless::NoLongerHeld].into_iter().chain(reasons);
    for why in all {
        scene.answer = Some((answered.clone(), Outcome::Useless(why)));
        let notices = scene.compose(&ignored, &answer);
        assert_eq!(notices.len(), 1, "{why:?}");
        let notice = &notices[0];
        assert_eq!((notice.to.as_str(), notice.subject.as_str()), ("petra@acme.example", "Nicht zugeordnet: 4771 WG: x"));
        assert!(!notice.text.contains("again-") && notice.text.contains("hat nichts geändert"), "{}", notice.text);
        let offer = Offer { numbers: vec!["4711".into()], again: true, about: Some(arrival) };
        let reply_to = if why.can_be_mended() { ReplyTo::Token(offer) } else { ReplyTo::Address("hr@acme.example".into()) };
        assert_eq!(notice.reply_to, reply_to, "{why:?}");
        // The brake holds for these as well, and no program is answered.
        let automatic = Message { automatic: Some(Automatic::AutoReply), ..answer.clone() };
        assert!(scene.compose(&ignored, &automatic).is_empty());
        let busy = Scene {
            audience: Audience { sent_last_hour: MOST_AN_HOUR, ..scene.audience.clone() },
            answer: scene.answer.clone(),
            ..Scene::new()
        };
        assert!(busy.compose(&ignored, &answer).is_empty());
    }
    for outcome in [None, Some(Outcome::Nothing(Silence::NotAsked))] {
        scene.answer = outcome.map(|outcome| (answered.clone(), outcome));
        assert!(scene.compose(&ignored, &answer).is_empty());
    }
}

/// Acceptance: S1.E16. Whoever wants receipts gets one, and no second mail beside a notice.
#[test]
fn receipts_for_what_was_filed() {
    let mut scene = Scene::new();
    let recipients = |scene: &Scene| -> Vec<(String, MessagePurpose)> {
        scene.compose(&placement(vec![]), &message()).into_iter().map(|notice| (notice.to, notice.purpose)).collect()
    };
    let notice = |to: &str| (to.to_owned(), MessagePurpose::ReplyImported);
    let receipt = ("dora@acme.example".to_owned(), MessagePurpose::Receipt);
    let both = [notice("petra@acme.example"), notice("max@acme.example")];
    let dora = User { wants_receipts: true, ..user("dora@acme.example", Role::DepartmentPlus, Locale::De) };
    scene.sender = Sender::User { user: dora.clone(), proof: Proof::Login };
    assert_eq!(recipients(&scene), [both[0].clone(), both[1].clone(), receipt.clone()]);
    let said = scene.compose(&placement(vec![]), &message()).remove(2);
    assert_eq!(said.subject, "Abgelegt zu 4711, Maria Müller");
    assert_eq!(
        said.text,
        "Deine weitergeleitete Nachricht vom 22.11.2026, 09:30 wurde abgelegt.\n\nBewerbung: 4711, Maria Müller, Entwickler (m/w/d)\nDateien:\n  \
         Anschreiben.pdf (Anschreiben)\nBenachrichtigt: Name of petra@acme.example, Name of max@acme.example\n\n-- \n\
         Du bekommst diese E-Mail, weil für dich Quittungen für weitergeleitete Nachrichten eingeschaltet sind."
    );
    assert_eq!(said.reply_to, ReplyTo::Address("hr@acme.example".into()));
    // She is responsible herself: the notice is enough.
    scene.audience.responsible.push(dora.clone());
    assert_eq!(recipients(&scene), [both[0].clone(), both[1].clone(), notice("dora@acme.example")]);
    // Unless she is not told of her own forwards.
    scene.tenant.notify_forwarder = false;
    assert_eq!(recipients(&scene), [both[0].clone(), both[1].clone(), receipt]);
    // These leave room for receipts of what is held.
    scene.audience.sent_last_hour = MOST_AN_HOUR / 2;
    assert_eq!(recipients(&scene), both);
    scene.audience.sent_last_hour = 0;
    scene.sender = Sender::User { user: User { wants_receipts: false, ..dora }, proof: Proof::Login };
    assert_eq!(recipients(&scene), both);
}

/// A candidate who writes himself is the writer, whatever mail is inside his; he himself hears nothing (G7).
#[test]
fn a_candidate_who_writes_directly() {
    let mut scene = Scene::new();
    scene.sender = Sender::Candidate { name: "Eva Anders".into(), proof: Proof::Dmarc };
    let notices = scene.compose(&placement(vec![Flag::Direct]), &message());
    assert_eq!(notices.len(), 2);
    let text = &notices[0].text;
    assert!(text.starts_with("Eva Anders hat geantwortet.") && text.contains("Direkt geschrieben: 22.11.2026, 09:30"), "{text}");
    assert!(!text.contains("Geschrieben: 20.11.2026"), "{text}");
    for reason in HoldReason::ALL.into_iter().filter(|reason| *reason != HoldReason::CrashedTwice) {
        assert!(scene.compose(&Verdict::Hold(reason), &message()).is_empty());
    }
}

/// Acceptance: S1.E4, S1.E8; G7. A held answer to a reply address is told to the fallback address, whoever sent it; never to him.
#[test]
fn a_direct_answer_that_waits() {
    let mut scene = Scene::new();
    scene.purpose = Purpose::Reply { application: "A1".into() };
    scene.audience = Audience { answers: Some("4711".into()), ..Audience::default() };
    let nobody = |why| Sender::Unproven { why, claims_user: false };
    let eva = Sender::Candidate { name: "Eva Anders".into(), proof: Proof::Dmarc };
    for sender in [eva, nobody(Unproven::NotTheCandidate), nobody(Unproven::HeaderDoubled), nobody(Unproven::NoProof)] {
        scene.sender = sender;
        for reason in HoldReason::ALL {
            let notices = scene.compose(&Verdict::Hold(reason), &message());
            assert_eq!(notices.len(), 1, "{reason:?}");
            let notice = &notices[0];
            assert_eq!((notice.to.as_str(), notice.purpose), ("hr@acme.example", MessagePurpose::MailHeld));
            assert_eq!(notice.subject, "Eine Antwort zur Bewerbung 4711 wartet");
            assert!(notice.text.contains("22.11.2026, 09:30 an die Antwortadresse der Bewerbung 4711 ging"), "{}", notice.text);
            assert!(notice.text.contains("dead-letter show 01JDF7Q3000000000000000009"), "{}", notice.text);
            for word in ["Maria", "Eva", "Geheimnis", "secret", "held-"] {
                assert!(!notice.text.contains(word), "{word} in {}", notice.text);
            }
        }
    }
    let held = Verdict::Hold(HoldReason::NotTheCandidate);
    assert!(scene.compose(&held, &Message { automatic: Some(Automatic::AutoReply), ..message() }).is_empty());
    scene.audience.held_told_last_hour = 1;
    assert!(scene.compose(&held, &message()).is_empty());
}

/// Acceptance: S1.21; G8. What a reader must know before he opens a file, in every language; every reason why a file is kept out has words.
#[test]
fn what_was_seen_in_files() {
    use crate::model::message::SkipReason;
    use crate::model::part::{Archive, ArchivedFile};
    let file = |name: &str| ArchivedFile { name: name.into(), size: 1 };
    let mut message = message();
    let many: Vec<ArchivedFile> = (0..12).map(|number| file(&format!("{number}.pdf"))).collect();
    message.attachments[0].details.locked = true;
    for (archive, de) in [
        (vec![file("a.pdf"), file("b.pdf")], "    Darin (2): a.pdf, b.pdf"),
        (many, "    Darin (15): 0.pdf, 1.pdf, 2.pdf, 3.pdf, 4.pdf, 5.pdf, 6.pdf, 7.pdf, 8.pdf, 9.pdf, …"),
    ] {
        let left_out = if archive.len() > 10 { 3 } else { 0 };
        message.attachments[0].details.archive = Some(Archive { files: archive, left_out });
        let lines = files(Locale::De, &message);
        assert_eq!(lines[2..], ["    Verschlüsselt: Zum Öffnen kann ein Kennwort nötig sein.", de]);
    }
    message.attachments[0].details = Details::default();
    assert_eq!(files(Locale::De, &message).len(), 2);
    for locale in Locale::ALL {
        for why in SkipReason::ALL {
            message.attachments[0].skip(why);
            let lines = files(locale, &message);
            assert!(lines.len() == 3 && lines[2].contains("Anschreiben.pdf") && !lines[2].contains("skipped-"), "{lines:?}");
        }
    }
}
