//! Who is told what.

use super::*;
use crate::model::address::Mailbox;
use crate::model::examples;
use crate::model::message::{Attachment, Automatic, Encoding, Kind, Original, Source};
use crate::model::organisation::Candidate;
use crate::model::reference::{Grammar, Reference};
use crate::model::sender::{Proof, Unproven};
use crate::model::user::{Role, User};
use crate::model::verdict::IgnoreReason;

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
    for (name, why) in [("a.exe", SkipReason::TypeRefused), ("b.pdf", SkipReason::Infected), ("c.iso", SkipReason::NotScanned)] {
        let mut one = named(name);
        one.skip(why);
        one.found = (why == SkipReason::Infected).then(|| "Eicar\r\nBcc: x".into());
        mail.attachments.push(one);
    }
    let mut unpacked = named("d.eml");
    unpacked.unpacked();
    mail.attachments.push(unpacked);
    for (locale, heading, found) in [
        (Locale::De, "Nicht abgelegt:", "hat Eicar Bcc: x gefunden"),
        (Locale::En, "Not filed:", "found Eicar Bcc: x"),
        (Locale::Sv, "Inte sparat:", "hittade Eicar Bcc: x"),
    ] {
        let lines = files(locale, &mail);
        let at = lines.iter().position(|line| line == heading).unwrap();
        assert!(at == 2 && lines[1].contains("Anschreiben.pdf") && lines.len() == 6, "{lines:?}");
        assert!(lines[3].contains("a.exe (") && lines[4].contains(found) && lines[5].contains("c.iso ("), "{lines:?}");
    }
    mail.attachments.remove(0);
    assert_eq!(files(Locale::En, &mail)[..2], ["Files: none", "Not filed:"]);
}

struct Scene {
    tenant: Tenant,
    sender: Sender,
    audience: Audience,
}

impl Scene {
    fn new() -> Scene {
        let petra = user("petra@acme.example", Role::HrManager, Locale::De);
        let max = user("max@acme.example", Role::Department, Locale::En);
        Scene {
            tenant: tenant(),
            sender: Sender::User { user: petra.clone(), proof: Proof::Login },
            audience: Audience { responsible: vec![petra, max], ..Audience::default() },
        }
    }

    fn compose(&self, verdict: &Verdict, message: &Message) -> Vec<Notice> {
        let envelope = Envelope { from: None, to: vec![], mailbox: "import@acme.example".into(), purpose: Purpose::Import };
        let on = Circumstances {
            tenant: &self.tenant,
            sender: &self.sender,
            envelope: &envelope,
            at: "2026-11-22T08:30:00Z".parse().unwrap(),
            entry: "01JDF7Q3000000000000000000".parse().unwrap(),
            portal_url: Some("https://portal.acme.example"),
            postmaster: None,
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
    for notice in Scene::new().compose(&placement(vec![Flag::Closed, Flag::SenderUnknown, Flag::SameMessageId]), &message()) {
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
    for reason in HoldReason::ALL {
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
            assert_eq!(notice.reply_to, ReplyTo::Token);
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
            at: Timestamp::UNIX_EPOCH,
            entry: EntryId::generate(),
            portal_url: None,
            postmaster: Some("operator@acme.example"),
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
