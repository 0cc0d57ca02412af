//! What an answer to a receipt does to the held mail behind it. Decides, does nothing.

use crate::model::address;
use crate::model::answer::{Outcome, Receipt, Repair, Useless};
use crate::model::arrival::{Envelope, Purpose};
use crate::model::message::{Message, Prefix};
use crate::model::organisation::{Application, Tenant};
use crate::model::sender::Sender;
use crate::model::user::User;
use crate::model::verdict::HoldReason;

/// Whether mail to a receipt's address is an answer. One that was forwarded there is a forward like any other: it bears the prefix of
/// one, or a mail that is not the receipt. A reply is always an answer, whatever it quotes.
pub fn is_one(envelope: &Envelope, message: &Message, receipt: Option<&Receipt>) -> bool {
    if !matches!(envelope.purpose, Purpose::ReceiptAnswer { .. }) {
        return false;
    }
    let Some(original) = &message.original else { return true };
    match message.prefix {
        Some(Prefix::Reply) => true,
        Some(Prefix::Forward) => false,
        None => receipt.is_some_and(|receipt| is_quoted(&receipt.subject, &original.subject)),
    }
}

/// Mail programs wrap and cut what they quote: the beginning tells.
fn is_quoted(subject: &str, quoted: &str) -> bool {
    let letters = |text: &str| -> String { text.chars().filter(|c| !c.is_whitespace()).collect() };
    let (subject, quoted) = (letters(subject), letters(quoted));
    !quoted.is_empty() && subject.starts_with(&quoted)
}

/// What an answer says, measured against what was offered.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    Number(String),
    NoSuchChoice,
    Nothing,
}

/// One of the suggestions, before a number in the first line, before one in the subject.
fn said(message: &Message, receipt: &Receipt) -> Said {
    let line = &message.first_line;
    let offered = line.choice.and_then(|choice| receipt.offers.get(choice.checked_sub(1)?));
    let typed = message.reference.as_ref().map(|reference| &reference.number);
    match (offered.or(line.number.as_ref()), line.choice) {
        (Some(number), _) => Said::Number(number.clone()),
        (None, Some(_)) => Said::NoSuchChoice,
        (None, None) => typed.map_or(Said::Nothing, |number| Said::Number(number.clone())),
    }
}

/// The number that the answer says, which is to be looked up.
pub fn number(message: &Message, receipt: &Receipt) -> Option<String> {
    match said(message, receipt) {
        Said::Number(number) => Some(number),
        Said::NoSuchChoice | Said::Nothing => None,
    }
}

/// What is done about an answer. `found`: the application with the number that it says.
///
/// Only the user to whom the receipt was sent repairs anything, proved as for any mail, and by his own hand (G6). Words alone are
/// answered once, and not at all where nothing was asked: thanks and programs that mark nothing would else go round.
pub fn outcome(tenant: &Tenant, sender: &Sender, message: &Message, receipt: &Receipt, found: Option<&Application>) -> Outcome {
    let Some(user) = recipient(sender, receipt).filter(|_| message.automatic.is_none()) else { return Outcome::Nothing };
    let said = said(message, receipt);
    let has_asked = receipt.held.is_some_and(HoldReason::is_mended_by_a_number);
    let number = match said {
        Said::Nothing if has_asked && !receipt.again && !receipt.used => return Outcome::Useless(Useless::NotUnderstood),
        Said::Nothing => return Outcome::Nothing,
        _ if receipt.used => return Outcome::Useless(Useless::AlreadyAnswered),
        _ if receipt.held.is_none() => return Outcome::Useless(Useless::NoLongerHeld),
        _ if !has_asked => return Outcome::Nothing,
        Said::NoSuchChoice => return Outcome::Useless(Useless::NoSuchChoice),
        Said::Number(number) => number,
    };
    match found.filter(|application| user.may_see(application)) {
        None if tenant.reference.is_mistyped(&number) => Outcome::Useless(Useless::Number(HoldReason::BadCheckDigit)),
        None => Outcome::Useless(Useless::Number(HoldReason::UnknownNumber)),
        Some(application) if application.erased => Outcome::Useless(Useless::Number(HoldReason::ApplicationErased)),
        Some(application) => Outcome::Repair(Repair {
            arrival: receipt.arrival,
            token: receipt.token.clone(),
            reference: application.reference.clone(),
            by: user.email.clone(),
        }),
    }
}

fn recipient<'s>(sender: &'s Sender, receipt: &Receipt) -> Option<&'s User> {
    sender.user().filter(|user| address::key(&user.email) == address::key(&receipt.recipient))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::answer::Line;
    use crate::model::examples;
    use crate::model::id::{ArrivalId, OutboundId};
    use crate::model::message::{Automatic, Original};
    use crate::model::organisation::Candidate;
    use crate::model::reference::{Grammar, Reference};
    use crate::model::sender::{Proof, Unproven};
    use crate::model::user::Role;

    fn receipt() -> Receipt {
        Receipt {
            token: "t".into(),
            recipient: "Petra@acme.example".into(),
            subject: "Nicht zugeordnet: 4771 WG: x".into(),
            offers: vec!["4711".into(), "4712".into()],
            again: false,
            used: false,
            arrival: ArrivalId::generate(),
            held: Some(HoldReason::UnknownNumber),
        }
    }

    fn says(choice: Option<usize>, number: Option<&str>, subject: Option<&str>) -> Message {
        Message {
            first_line: Line { choice, number: number.map(str::to_owned) },
            reference: subject.map(|number| Reference { number: number.into(), rule: Grammar::Strict }),
            ..Message::default()
        }
    }

    fn application(reference: &str) -> Application {
        examples::application(reference, Candidate { id: "C1".into(), name: "Maria Müller".into() })
    }

    fn petra() -> Sender {
        Sender::User { user: examples::user("petra@acme.example", Role::HrManager), proof: Proof::Login }
    }

    /// As the pipeline does it: the number that is said is looked up among two applications.
    fn decided(sender: &Sender, message: &Message, receipt: &Receipt) -> Outcome {
        let known = [application("4711"), application("4712"), Application { erased: true, ..application("4900") }];
        let number = number(message, receipt);
        outcome(&examples::tenant(), sender, message, receipt, known.iter().find(|one| Some(&one.reference) == number.as_ref()))
    }

    #[test]
    fn what_an_answer_repairs() {
        let receipt = receipt();
        let check = |message: Message, want: Result<&str, Outcome>| {
            let want = want.map_or_else(
                |other| other,
                |reference| {
                    let (token, by) = ("t".into(), "petra@acme.example".into());
                    Outcome::Repair(Repair { arrival: receipt.arrival, token, reference: reference.into(), by })
                },
            );
            assert_eq!(decided(&petra(), &message, &receipt), want, "{message:?}");
        };
        let useless = |why| Err(Outcome::Useless(why));
        check(says(Some(1), None, None), Ok("4711"));
        check(says(Some(2), None, None), Ok("4712"));
        check(says(Some(2), None, Some("4711")), Ok("4712"));
        check(says(None, Some("4711"), Some("4712")), Ok("4711"));
        check(says(None, None, Some("4712")), Ok("4712"));
        for choice in [0, 3, 99] {
            check(says(Some(choice), None, None), useless(Useless::NoSuchChoice));
        }
        check(says(None, Some("9999"), None), useless(Useless::Number(HoldReason::UnknownNumber)));
        check(says(None, Some("BW-0004711-3"), None), useless(Useless::Number(HoldReason::BadCheckDigit)));
        check(says(None, Some("4900"), None), useless(Useless::Number(HoldReason::ApplicationErased)));
        check(says(None, None, None), useless(Useless::NotUnderstood));
    }

    #[test]
    fn what_state_the_receipt_is_in() {
        let check = |change: fn(&mut Receipt), number: Outcome, words: Outcome| {
            let mut receipt = receipt();
            change(&mut receipt);
            assert_eq!(decided(&petra(), &says(Some(3), None, None), &receipt), number, "{receipt:?}");
            assert_eq!(decided(&petra(), &Message::default(), &receipt), words, "{receipt:?}");
        };
        let useless = Outcome::Useless;
        check(|_| (), useless(Useless::NoSuchChoice), useless(Useless::NotUnderstood));
        check(|receipt| receipt.again = true, useless(Useless::NoSuchChoice), Outcome::Nothing);
        check(|receipt| receipt.used = true, useless(Useless::AlreadyAnswered), Outcome::Nothing);
        check(|receipt| receipt.held = None, useless(Useless::NoLongerHeld), Outcome::Nothing);
        check(|receipt| receipt.held = Some(HoldReason::Encrypted), Outcome::Nothing, Outcome::Nothing);
    }

    /// Acceptance: G6, G7. Another user, a stranger, a program: nothing is repaired, and nobody is answered.
    #[test]
    fn who_repairs_nothing() {
        let max = Sender::User { user: examples::user("max@acme.example", Role::HrManager), proof: Proof::Login };
        let stranger = Sender::Unproven { why: Unproven::NoProof, claims_user: true };
        let candidate = Sender::Candidate { name: "Maria".into(), proof: Proof::Dmarc };
        for sender in [max, stranger, candidate] {
            assert_eq!(decided(&sender, &says(Some(1), None, None), &receipt()), Outcome::Nothing, "{sender:?}");
        }
        let automatic = Message { automatic: Some(Automatic::AutoReply), ..says(Some(1), None, None) };
        assert_eq!(decided(&petra(), &automatic, &receipt()), Outcome::Nothing);
    }

    /// Acceptance: G7. A number that he may not see is unknown to him, by the same words.
    #[test]
    fn what_he_may_not_see_is_unknown() {
        let of_law = Application { department: Some("law".into()), ..application("4711") };
        let user = examples::user("petra@acme.example", Role::DepartmentPlus);
        let dora = Sender::User { user, proof: Proof::Login };
        let decide = |number: &str, found: Option<&Application>| {
            outcome(&examples::tenant(), &dora, &says(None, Some(number), None), &receipt(), found)
        };
        assert_eq!(decide("4711", Some(&of_law)), decide("9999", None));
        let erased = Application { erased: true, ..of_law };
        assert_eq!(decide("4711", Some(&erased)), decide("9999", None));
    }

    #[test]
    fn forwards_and_answers() {
        let envelope = |purpose| Envelope { from: None, to: vec![], mailbox: "import@acme.example".into(), purpose };
        let check = |prefix: Option<Prefix>, inside: Option<&str>, want: bool| {
            let original = inside.map(|subject| Original { subject: subject.into(), ..Original::default() });
            let message = Message { prefix, original, ..Message::default() };
            let purpose = Purpose::ReceiptAnswer { message: Some(OutboundId::generate()) };
            assert_eq!(is_one(&envelope(purpose), &message, Some(&receipt())), want, "{prefix:?} {inside:?}");
            assert!(!is_one(&envelope(Purpose::Import), &message, Some(&receipt())));
        };
        let own = "Nicht zugeordnet: 4771\n WG: x";
        check(Some(Prefix::Reply), None, true);
        check(None, None, true);
        check(Some(Prefix::Forward), None, true);
        check(Some(Prefix::Reply), Some("Bewerbung"), true);
        check(None, Some(own), true);
        check(None, Some("Bewerbung"), false);
        check(None, Some(""), false);
        check(Some(Prefix::Forward), Some("Bewerbung"), false);
        check(Some(Prefix::Forward), Some(own), false);
    }
}
