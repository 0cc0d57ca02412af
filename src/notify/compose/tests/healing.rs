//! What is said, and what is not said again, of mail that went through by itself.

use super::*;
use crate::model::sender::{Proof, Unproven};

/// What ended the program twice is told to the fallback address, once an hour at most, whoever sent it; nobody else learns of it.
#[test]
fn what_crashed_twice() {
    let mut scene = Scene::new();
    scene.sender = Sender::Unproven { why: Unproven::NoProof, claims_user: false };
    let held = Verdict::Hold(HoldReason::CrashedTwice);
    for locale in Locale::ALL {
        scene.tenant.locale = locale;
        let notices = scene.compose(&held, &Message::default());
        assert_eq!(notices.len(), 1);
        assert_eq!((notices[0].to.as_str(), notices[0].purpose), ("hr@acme.example", MessagePurpose::MailHeld));
        assert!(notices[0].text.contains("dead-letter show 01JDF7Q3000000000000000009"), "{}", notices[0].text);
        assert!(!notices[0].text.contains("held-") && !notices[0].subject.contains("held-"), "{}", notices[0].text);
    }
    for brake in [Audience { has_receipt: true, ..Audience::default() }, Audience { held_told_last_hour: 1, ..Audience::default() }] {
        scene.audience = brake;
        assert!(scene.compose(&held, &Message::default()).is_empty());
    }
}

/// Acceptance: S1.E16; G7. There is one receipt a mail: whoever has one for mail that was held hears nothing more of it, but for the
/// ordinary notice if he is responsible.
#[test]
fn one_receipt_a_mail() {
    let mut scene = Scene::new();
    let petra = scene.sender.user().unwrap().clone();
    for reason in HoldReason::ALL {
        scene.audience.has_receipt = true;
        assert!(scene.compose(&Verdict::Hold(reason), &message()).is_empty(), "{reason:?}");
    }
    scene.sender = Sender::User { user: User { wants_receipts: true, ..petra.clone() }, proof: Proof::Login };
    scene.audience.responsible.retain(|user| user.id != petra.id);
    let purposes = |scene: &Scene| -> Vec<_> {
        scene.compose(&placement(Vec::new()), &message()).iter().map(|notice| (notice.to.clone(), notice.purpose)).collect()
    };
    let told = purposes(&scene);
    assert!(!told.is_empty() && told.iter().all(|(_, purpose)| *purpose == MessagePurpose::ReplyImported), "{told:?}");
    scene.audience.has_receipt = false;
    assert!(purposes(&scene).iter().any(|(to, purpose)| *to == petra.email && *purpose == MessagePurpose::Receipt));
}
