//! The rules of placing, a row each.

use super::*;
use crate::model::address::Mailbox;
use crate::model::examples::{self, tenant};
use crate::model::id::EntryId;
use crate::model::message::{Automatic, Prefix};
use crate::model::organisation::{Candidate, Disagreement};
use crate::model::reference::{Grammar, Reference};
use crate::model::sender::Proof;
use crate::model::user::Role;

fn envelope(purpose: Purpose) -> Envelope {
    Envelope {
        from: Some("petra@acme.example".into()),
        to: vec!["import@acme.example".into()],
        mailbox: "import@acme.example".into(),
        purpose,
    }
}

fn sender(role: Role) -> Sender {
    Sender::User { user: examples::user("petra@acme.example", role), proof: Proof::Login }
}

fn application(reference: &str, has_check_digit: bool, candidate: &str) -> Application {
    let candidate = Candidate { id: candidate.into(), name: format!("{candidate} Müller") };
    Application { has_check_digit, ..examples::application(reference, candidate) }
}

fn message(number: Option<&str>, inside: &[(&str, Option<&str>)]) -> Message {
    let mut originals = inside.iter().map(|(name, address)| Original { from: Mailbox::new(Some(name), *address), ..Original::default() });
    Message {
        reference: number.map(|number| Reference { number: number.into(), rule: Grammar::Strict }),
        original: originals.next(),
        enclosed: originals.collect(),
        ..Message::default()
    }
}

fn found(by_number: Option<Application>) -> Found {
    let owners = ["Maria", "Eva"].map(|name| (format!("{}@example.net", name.to_lowercase()), vec![name.to_owned()]));
    Found { by_number, owners: owners.into(), ..Found::default() }
}

fn decide(sender: &Sender, message: &Message, found: &Found) -> Verdict {
    verdict(&tenant(), &envelope(Purpose::Import), sender, message, found, None)
}

#[track_caller]
fn check_held(verdict: Verdict, reason: HoldReason) {
    assert_eq!(verdict, Verdict::Hold(reason));
}

#[track_caller]
fn check_filed(verdict: Verdict, flags: &[Flag]) {
    match verdict {
        Verdict::File(placement) => assert_eq!(placement.flags, flags),
        other => panic!("not filed: {other:?}"),
    }
}

const MARIA: (&str, Option<&str>) = ("Maria Müller", Some("maria@example.net"));

/// Acceptance: S1.02, S1.03, S1.04.
#[test]
fn who_may_import() {
    let mail = message(Some("4711"), &[MARIA]);
    let known = found(Some(application("4711", false, "Maria")));
    for role in Role::ALL {
        let verdict = decide(&sender(role), &mail, &known);
        match role {
            Role::HrManager | Role::DepartmentPlus => check_filed(verdict, &[]),
            _ => check_held(verdict, HoldReason::SenderMayNotImport),
        }
    }
}

/// Acceptance: S1.09, S1.E4, S1.E6.
#[test]
fn without_a_proved_sender_or_a_known_number_nothing_is_filed() {
    let known = found(Some(application("4711", false, "Maria")));
    let mail = message(Some("4711"), &[MARIA]);
    for (why, reason) in [
        (Unproven::NoProof, HoldReason::SenderNotAuthenticated),
        (Unproven::UnclearFrom, HoldReason::SenderUnclear),
        (Unproven::NoUser, HoldReason::SenderUnknown),
    ] {
        check_held(decide(&Sender::Unproven { why, claims_user: true }, &mail, &known), reason);
    }
    let petra = sender(Role::HrManager);
    check_held(decide(&petra, &message(None, &[MARIA]), &Found::default()), HoldReason::NoNumber);
    let near = Message { near_reference: Some(Reference { number: "4711".into(), rule: Grammar::Tolerant }), ..message(None, &[MARIA]) };
    check_held(decide(&petra, &near, &Found::default()), HoldReason::NumberNotStrict);
    check_held(decide(&petra, &mail, &found(None)), HoldReason::UnknownNumber);
    let erased = Application { erased: true, ..application("4711", false, "Maria") };
    check_held(decide(&petra, &mail, &found(Some(erased))), HoldReason::ApplicationErased);
    check_held(decide(&petra, &message(Some("BW-0004711-3"), &[MARIA]), &found(None)), HoldReason::BadCheckDigit);
    check_held(decide(&petra, &message(Some("BW-0004711-2"), &[MARIA]), &found(None)), HoldReason::UnknownNumber);
}

/// Acceptance: S1.10; G6.
#[test]
fn number_and_person_must_agree() {
    let petra = sender(Role::HrManager);
    let plain = || found(Some(application("4711", false, "Maria")));
    let checked = || found(Some(application("BW-0004711-2", true, "Maria")));
    let decide_for = |inside: &[(&str, Option<&str>)], found: Found| decide(&petra, &message(Some("4711"), inside), &found);
    check_filed(decide_for(&[MARIA], plain()), &[]);
    check_filed(decide_for(&[("Maria Müller", None)], plain()), &[]);
    check_filed(decide_for(&[("Maria Mueller", Some("private@example.org"))], plain()), &[Flag::SenderUnknown]);
    check_filed(decide_for(&[], plain()), &[]);
    check_held(decide_for(&[("Eva", Some("eva@example.net"))], plain()), HoldReason::NumberAndSenderDisagree);
    check_held(decide_for(&[("Eva", Some("eva@example.net"))], checked()), HoldReason::NumberAndSenderDisagree);
    check_held(decide_for(&[MARIA, ("Eva", Some("eva@example.net"))], plain()), HoldReason::NumberAndSenderDisagree);
    check_held(decide_for(&[("Fremd", Some("x@example.org"))], plain()), HoldReason::NumberUnconfirmed);
    check_held(decide_for(&[("Fremd Person", None)], plain()), HoldReason::NumberUnconfirmed);
    check_filed(decide_for(&[("Fremd", Some("x@example.org"))], checked()), &[Flag::SenderUnknown]);
    // A bare year places nothing by itself.
    check_held(decide_for(&[], found(Some(application("2026", false, "Maria")))), HoldReason::NumberUnconfirmed);
    check_filed(decide_for(&[MARIA], found(Some(application("2026", false, "Maria")))), &[]);
}

/// A candidate may bear any display name, and a user's address beside his own: whoever is not clear is nobody (G6).
#[test]
fn an_unclear_sender_inside_is_held() {
    let petra = sender(Role::HrManager);
    let users = ["petra@acme.example"].map(String::from).into();
    let known = Found { users, ..found(Some(application("4711", false, "Maria"))) };
    for inside in [[MARIA], [("Petra", Some("petra@acme.example"))]] {
        let mut mail = message(Some("4711"), &inside);
        check_filed(decide(&petra, &mail, &known), &[]);
        mail.original.as_mut().unwrap().sender_is_unclear = true;
        check_held(decide(&petra, &mail, &known), HoldReason::SenderUnclear);
    }
}

/// Acceptance: S1.E14. Before the number: it may be in the encrypted subject.
#[test]
fn encrypted_mail_is_held() {
    let known = found(Some(application("4711", false, "Maria")));
    for number in [Some("4711"), None] {
        let mail = Message { encrypted: true, ..message(number, &[MARIA]) };
        check_held(decide(&sender(Role::HrManager), &mail, &known), HoldReason::Encrypted);
        check_held(decide(&sender(Role::Recruiter), &mail, &known), HoldReason::SenderMayNotImport);
        let assigned = verdict(&tenant(), &envelope(Purpose::Import), &sender(Role::HrManager), &mail, &known, Some(Chosen::ByOperator));
        check_filed(assigned, &[Flag::Assigned]);
    }
}

#[test]
fn the_innermost_sender_who_is_no_user_is_the_candidate() {
    let petra = sender(Role::HrManager);
    let mut mail = message(Some("4711"), &[("Max", Some("max@acme.example")), MARIA, ("Petra", Some("petra@acme.example"))]);
    for (level, original) in (1..).zip(&mut mail.enclosed) {
        original.level = level;
    }
    let users = ["max@acme.example", "petra@acme.example"].map(String::from).into();
    let known = Found { users, ..found(Some(application("4711", false, "Maria"))) };
    check_filed(decide(&petra, &mail, &known), &[]);
    let arranged = arranged(mail, &known);
    assert_eq!(arranged.original.and_then(|original| original.from.address).as_deref(), Some("maria@example.net"));
    assert_eq!(arranged.enclosed.len(), 2);
}

/// Acceptance: S1.E5, S1.E7.
#[test]
fn closed_repeated_and_assigned() {
    let petra = sender(Role::HrManager);
    let mail = message(Some("4711"), &[MARIA]);
    let closed = Application { closed: true, ..application("4711", false, "Maria") };
    check_filed(decide(&petra, &mail, &found(Some(closed))), &[Flag::Closed]);
    let entry = EntryId::generate();
    let again = Found { filed_before: Some(entry), ..found(Some(application("4711", false, "Maria"))) };
    assert_eq!(decide(&petra, &mail, &again), Verdict::Duplicate(entry));
    let other_content = Found { same_message_id: true, ..found(Some(application("4711", false, "Maria"))) };
    check_filed(decide(&petra, &mail, &other_content), &[Flag::SameMessageId]);
    let two_words = Message { renderings_differ: true, ..mail.clone() };
    check_filed(decide(&petra, &two_words, &other_content), &[Flag::SameMessageId, Flag::RenderingsDiffer]);
    // Only a mail that would be filed can be a duplicate.
    let held = Found { filed_before: Some(entry), ..found(None) };
    check_held(decide(&petra, &mail, &held), HoldReason::UnknownNumber);
    let stranger = Sender::Unproven { why: Unproven::NoProof, claims_user: false };
    let assigned = verdict(
        &tenant(),
        &envelope(Purpose::Import),
        &stranger,
        &message(None, &[]),
        &found(Some(application("4711", false, "Maria"))),
        Some(Chosen::ByOperator),
    );
    check_filed(assigned, &[Flag::Assigned]);
}

/// Acceptance: S1.E8, S1.E20.
#[test]
fn automatic_mail() {
    let automatic = Message { automatic: Some(Automatic::AutoReply), ..Message::default() };
    let stranger = Sender::Unproven { why: Unproven::NoProof, claims_user: false };
    let claims = Sender::Unproven { why: Unproven::NoProof, claims_user: true };
    let decide_for = |purpose: Purpose, sender: &Sender, message: &Message| {
        verdict(&tenant(), &envelope(purpose), sender, message, &Found::default(), None)
    };
    let ignored = Verdict::Ignore(IgnoreReason::Automatic(Automatic::AutoReply));
    assert_eq!(decide_for(Purpose::Import, &stranger, &automatic), ignored);
    check_held(decide_for(Purpose::Import, &claims, &automatic), HoldReason::SenderNotAuthenticated);
    check_held(decide_for(Purpose::Import, &sender(Role::HrManager), &automatic), HoldReason::Automatic);
    let message_id = crate::model::id::OutboundId::generate();
    assert_eq!(decide_for(Purpose::Bounces { message: message_id }, &claims, &automatic), ignored);
    let bounce = Message { automatic: Some(Automatic::Bounce), report: Some(Default::default()), ..Message::default() };
    assert_eq!(decide_for(Purpose::Bounces { message: message_id }, &stranger, &bounce), Verdict::Ignore(IgnoreReason::OwnBounce));
    assert_eq!(
        decide_for(Purpose::ReceiptAnswer { message: None }, &sender(Role::HrManager), &Message::default()),
        Verdict::Ignore(IgnoreReason::ReceiptAnswer)
    );
    assert_eq!(decide_for(Purpose::Postmaster, &stranger, &Message::default()), Verdict::Ignore(IgnoreReason::Postmaster));
    let canary = Purpose::Canary { token: "abc".into() };
    assert_eq!(decide_for(canary, &stranger, &Message::default()), Verdict::Ignore(IgnoreReason::Canary));
    check_held(decide_for(Purpose::Import, &stranger, &Message::default()), HoldReason::SenderNotAuthenticated);
}

#[test]
fn keys_differ_by_what_matters() {
    let key = |address: &str, id: &str, content: &str| {
        let envelope = Envelope { mailbox: address.into(), ..envelope(Purpose::Import) };
        let message = Message { message_id: Some(id.into()), content_sha256: content.into(), ..Message::default() };
        questions(&TenantId::new("acme"), &envelope, &message, None).dedupe_key
    };
    assert_eq!(key("a", "b", "c"), key("a", "b", "c"));
    for other in [key("x", "b", "c"), key("a", "x", "c"), key("a", "b", "x"), key("ab", "", "c")] {
        assert_ne!(other, key("a", "b", "c"));
    }
}

/// G6: a department's user files to what is his department's or his own; what is not is no more there than an unknown number.
#[test]
fn a_forwarder_files_to_what_he_may_see() {
    let Sender::User { user, proof } = sender(Role::DepartmentPlus) else { unreachable!() };
    let mail = message(Some("4711"), &[MARIA]);
    let of = |department: Option<&str>| Application { department: department.map(str::to_owned), ..application("4711", false, "Maria") };
    let decide_for = |application: Application| decide(&Sender::User { user: user.clone(), proof }, &mail, &found(Some(application)));
    check_filed(decide_for(of(Some("it"))), &[]);
    check_held(decide_for(of(Some("hr"))), HoldReason::ForwarderMayNotSee);
    check_held(decide_for(of(None)), HoldReason::ForwarderMayNotSee);
    check_held(decide_for(Application { erased: true, ..of(Some("hr")) }), HoldReason::ForwarderMayNotSee);
    check_filed(decide_for(Application { responsible: vec![user.id], ..of(Some("hr")) }), &[]);
    check_filed(decide(&sender(Role::HrManager), &mail, &found(Some(of(Some("hr"))))), &[]);
}

/// G6: `warn` files what is held else, and says so.
#[test]
fn a_tenant_may_only_want_a_warning() {
    let warned = Tenant { disagreement: Disagreement::Warn, ..tenant() };
    let known = found(Some(application("4711", false, "Maria")));
    let decide_for = |inside: &[(&str, Option<&str>)]| {
        let mail = message(Some("4711"), inside);
        verdict(&warned, &envelope(Purpose::Import), &sender(Role::HrManager), &mail, &known, None)
    };
    check_filed(decide_for(&[MARIA]), &[]);
    check_filed(decide_for(&[("Eva", Some("eva@example.net"))]), &[Flag::SomebodyElse]);
    check_filed(decide_for(&[("Fremd", Some("x@example.org"))]), &[Flag::SenderUnknown]);
    check_held(
        decide(&sender(Role::HrManager), &message(Some("4711"), &[("Eva", Some("eva@example.net"))]), &known),
        HoldReason::NumberAndSenderDisagree,
    );
}

/// A forward of somebody who is not named, or in which no mail is found: nothing confirms its number.
#[test]
fn a_forward_of_nobody_is_unconfirmed() {
    let petra = sender(Role::HrManager);
    let plain = found(Some(application("4711", false, "Maria")));
    let checked = found(Some(application("BW-0004711-2", true, "Maria")));
    let lacking = Message { prefix: Some(Prefix::Forward), ..message(Some("4711"), &[]) };
    let unnamed = message(Some("4711"), &[("", None)]);
    for mail in [lacking, unnamed] {
        check_held(decide(&petra, &mail, &plain), HoldReason::NumberUnconfirmed);
        check_filed(decide(&petra, &mail, &checked), &[Flag::SenderUnknown]);
    }
    // Whoever is named in the chain counts, also in front of somebody who is not.
    let mut chain = message(Some("4711"), &[MARIA, ("", None)]);
    chain.enclosed[0].level = 1;
    check_filed(decide(&petra, &chain, &plain), &[]);
}

/// The token decides, and another typed number holds the mail (G6).
#[test]
fn mail_with_a_reply_token() {
    let candidate = Sender::Candidate { name: "Maria".into(), proof: Proof::Dmarc };
    let maria = application("4711", false, "Maria");
    let eva = application("4712", false, "Eva");
    let decide_for = |sender: &Sender, number: Option<&str>, by_number: Option<&Application>, inside: &[(&str, Option<&str>)]| {
        let known = Found { by_token: Some(maria.clone()), ..found(by_number.cloned()) };
        let envelope = envelope(Purpose::Reply { application: maria.id.clone() });
        verdict(&tenant(), &envelope, sender, &message(number, inside), &known, None)
    };
    check_filed(decide_for(&candidate, None, None, &[]), &[Flag::Direct]);
    check_filed(decide_for(&candidate, Some("4711"), Some(&maria), &[]), &[Flag::Direct]);
    // A year that is nobody's number is no number.
    check_filed(decide_for(&candidate, Some("2026"), None, &[]), &[Flag::Direct]);
    check_held(decide_for(&candidate, Some("4712"), Some(&eva), &[]), HoldReason::TokenAndNumberDisagree);
    check_held(decide_for(&candidate, Some("471234"), None, &[]), HoldReason::TokenAndNumberDisagree);
    let petra = sender(Role::HrManager);
    check_filed(decide_for(&petra, None, None, &[MARIA]), &[]);
    check_held(decide_for(&petra, None, None, &[("Eva", Some("eva@example.net"))]), HoldReason::NumberAndSenderDisagree);
    check_held(decide_for(&petra, Some("4712"), Some(&eva), &[("Eva", Some("eva@example.net"))]), HoldReason::TokenAndNumberDisagree);
    check_held(decide_for(&sender(Role::Recruiter), None, None, &[MARIA]), HoldReason::SenderMayNotImport);
    let other = Sender::Unproven { why: Unproven::NotTheCandidate, claims_user: false };
    check_held(decide_for(&other, None, None, &[]), HoldReason::NotTheCandidate);
}
