//! What of a verdict stands when a mail goes through by itself, long after it came.

use super::people::{self, Agreement};
use crate::model::message::{Message, Original};
use crate::model::organisation::Application;
use crate::model::sender::Sender;
use crate::model::verdict::{Found, HoldReason, Verdict};

/// A number that named nobody then may name somebody now whom the forwarder never meant. So a mail is filed by itself only if everybody
/// who wrote what is inside is that candidate by address (G6): no check digit, no name, no tenant's leniency and no operator's word of
/// that time is enough. Everything else of the verdict stands.
pub fn verdict(verdict: Verdict, sender: &Sender, message: &Message, found: &Found) -> Verdict {
    match verdict {
        Verdict::File(placement) if !is_by_address(&placement.application, sender, message, found) => {
            Verdict::Hold(HoldReason::NumberUnconfirmed)
        }
        other => other,
    }
}

fn is_by_address(application: &Application, sender: &Sender, message: &Message, found: &Found) -> bool {
    // He is the candidate by his own proved address, and his reply token names the application.
    if matches!(sender, Sender::Candidate { .. }) {
        return true;
    }
    let originals: Vec<&Original> = message.originals().collect();
    let candidates = people::candidates(&originals, &found.users);
    let is_he = |from: &crate::model::address::Mailbox| {
        from.key().is_some() && people::agreement(from, application, &found.owners) == Agreement::Same
    };
    !candidates.is_empty()
        && !message.lacks_original()
        && !originals.iter().any(|original| original.sender_is_unclear)
        && candidates.iter().all(|&one| is_he(&originals[one].from))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::address::Mailbox;
    use crate::model::examples;
    use crate::model::id::EntryId;
    use crate::model::message::Prefix;
    use crate::model::organisation::Candidate;
    use crate::model::sender::Proof;
    use crate::model::user::Role;
    use crate::model::verdict::{Flag, Placement};

    fn message(inside: &[(&str, &str)]) -> Message {
        let mut originals = inside.iter().map(|(name, address)| {
            let (name, address) = (Some(*name).filter(|name| !name.is_empty()), Some(*address).filter(|address| !address.is_empty()));
            Original { from: Mailbox::new(name, address), ..Original::default() }
        });
        Message { original: originals.next(), enclosed: originals.collect(), ..Message::default() }
    }

    /// Acceptance: G6. A row each: who is inside, and whether the mail is filed by itself.
    #[test]
    fn only_the_candidate_by_address() {
        let candidate = Candidate { id: "C1".into(), name: "Maria Müller".into() };
        let application = Application { has_check_digit: true, ..examples::application("BW-0004711-2", candidate) };
        let owners =
            [("maria@example.net", "C1"), ("eva@example.net", "C2")].map(|(address, id)| (address.to_owned(), vec![id.to_owned()]));
        let found = Found { owners: owners.into(), users: ["petra@acme.example".to_owned()].into(), ..Found::default() };
        let file = Verdict::File(Box::new(Placement { application, flags: vec![Flag::Assigned] }));
        let unconfirmed = Verdict::Hold(HoldReason::NumberUnconfirmed);
        let petra = Sender::User { user: examples::user("petra@acme.example", Role::HrManager), proof: Proof::Login };
        let check = |inside: &[(&str, &str)], filed: bool| {
            let got = verdict(file.clone(), &petra, &message(inside), &found);
            assert_eq!(&got, if filed { &file } else { &unconfirmed }, "{inside:?}");
        };
        check(&[("Anybody", "maria@example.net")], true);
        check(&[("Anybody", "MARIA@example.net"), ("Petra", "petra@acme.example")], true);
        // The check digit, which vouches for a number otherwise, is no proof here; nor is a name.
        check(&[("Fremd", "x@example.org")], false);
        check(&[("Maria Müller", "")], false);
        check(&[("Maria Müller", "private@example.org")], false);
        check(&[("Eva", "eva@example.net")], false);
        check(&[("", "maria@example.net"), ("Eva", "eva@example.net")], false);
        check(&[("", "maria@example.net"), ("", "x@example.org")], false);
        check(&[("Petra", "petra@acme.example")], false);
        check(&[], false);
        let unclear = Original { sender_is_unclear: true, ..message(&[("", "maria@example.net")]).original.unwrap() };
        let unclear = Message { original: Some(unclear), ..Message::default() };
        let lacking = Message { prefix: Some(Prefix::Forward), ..Message::default() };
        for mail in [unclear, lacking] {
            assert_eq!(verdict(file.clone(), &petra, &mail, &found), unconfirmed);
        }
        // The candidate himself, proved, to his own reply address.
        let maria = Sender::Candidate { name: "Maria".into(), proof: Proof::Dmarc };
        assert_eq!(verdict(file.clone(), &maria, &message(&[]), &found), file);
        // Whatever files nothing stands.
        for other in [Verdict::Duplicate(EntryId::generate()), Verdict::Hold(HoldReason::UnknownNumber)] {
            assert_eq!(verdict(other.clone(), &petra, &message(&[]), &found), other);
        }
    }
}
