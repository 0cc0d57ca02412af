//! Where does it belong? Questions for the store, and a verdict over its answers. Decides, does nothing, reads no clock.

mod people;
pub mod suggest;

use crate::model::arrival::{Envelope, Purpose};
use crate::model::digest;
use crate::model::id::TenantId;
use crate::model::message::{Message, Original};
use crate::model::organisation::{Application, ReferenceRules, Tenant};
use crate::model::reference::{self, Check};
use crate::model::sender::{Sender, Unproven};
use crate::model::verdict::{Flag, Found, HoldReason, IgnoreReason, Placement, Questions, Verdict};
use sha2::{Digest, Sha256};

/// What must be known to place this mail. `assigned`: the number that an operator chose.
pub fn questions(tenant: &TenantId, envelope: &Envelope, message: &Message, assigned: Option<&str>) -> Questions {
    let typed = message.reference.as_ref().map(|reference| reference.number.clone());
    let number = assigned.map(str::to_owned).or(typed);
    let mut addresses: Vec<String> = message.originals().filter_map(|original| original.from.key()).collect();
    addresses.sort();
    addresses.dedup();
    Questions { number, addresses, dedupe_key: dedupe_key(tenant, envelope, message), message_id: message.message_id.clone() }
}

/// G3: tenant, import address, Message-ID, and the hash over From, Subject, Date and body.
fn dedupe_key(tenant: &TenantId, envelope: &Envelope, message: &Message) -> String {
    let mut hash = Sha256::new();
    for part in [tenant.as_str(), &envelope.mailbox, message.message_id.as_deref().unwrap_or(""), &message.content_sha256] {
        hash.update(part.as_bytes());
        hash.update(b"\0");
    }
    digest::finished(hash)
}

/// The message as readers of this tenant want it: the candidate's mail is the original, the rest of the chain is enclosed.
pub fn arranged(mut message: Message, found: &Found) -> Message {
    let originals: Vec<&Original> = message.originals().collect();
    let Some(chosen) = people::candidates(&originals, &found.users).into_iter().next().filter(|&chosen| chosen > 0) else { return message };
    let order: Vec<usize> = std::iter::once(chosen).chain((0..originals.len()).filter(|&other| other != chosen)).collect();
    for attachment in &mut message.attachments {
        if let Some(place) = attachment.of.checked_sub(1).and_then(|old| order.iter().position(|&index| index == old)) {
            attachment.of = place + 1;
        }
    }
    let first = message.original.take();
    let mut arranged: Vec<Original> = first.into_iter().chain(std::mem::take(&mut message.enclosed)).collect();
    message.original = Some(arranged.remove(chosen));
    message.enclosed = arranged;
    message
}

/// Where the mail belongs, and why. The order of the rules is the order of their weight.
pub fn verdict(tenant: &Tenant, envelope: &Envelope, sender: &Sender, message: &Message, found: &Found, assigned: bool) -> Verdict {
    if assigned {
        return by_number(tenant, message, found, |application| file(application, vec![Flag::Assigned], found));
    }
    if let Some(ignored) = needs_nobody(envelope, sender, message) {
        return ignored;
    }
    let user = match sender {
        Sender::User { user, .. } => user,
        Sender::Unproven { why, .. } => {
            return Verdict::Hold(match why {
                Unproven::NoProof => HoldReason::SenderNotAuthenticated,
                Unproven::UnclearFrom => HoldReason::SenderUnclear,
                Unproven::NoUser => HoldReason::SenderUnknown,
            });
        }
    };
    if message.automatic.is_some() {
        return Verdict::Hold(HoldReason::Automatic);
    }
    if !tenant.may_import.contains(&user.role) {
        return Verdict::Hold(HoldReason::SenderMayNotImport);
    }
    if message.encrypted {
        return Verdict::Hold(HoldReason::Encrypted);
    }
    if message.reference.is_none() {
        return Verdict::Hold(if message.near_reference.is_some() { HoldReason::NumberNotStrict } else { HoldReason::NoNumber });
    }
    by_number(tenant, message, found, |application| agreed(application, message, found))
}

/// Mail that ends without anybody's help: to postmaster, automatic mail of strangers, bounces of ours, thanks for a receipt.
fn needs_nobody(envelope: &Envelope, sender: &Sender, message: &Message) -> Option<Verdict> {
    let claims_user = matches!(sender, Sender::User { .. } | Sender::Unproven { claims_user: true, .. });
    match (&envelope.purpose, message.automatic) {
        (Purpose::Postmaster, _) => Some(Verdict::Ignore(IgnoreReason::Postmaster)),
        (Purpose::Bounces { .. }, Some(_)) if message.report.is_some() => Some(Verdict::Ignore(IgnoreReason::OwnBounce)),
        (Purpose::Bounces { .. } | Purpose::ReceiptAnswer, Some(automatic)) => Some(Verdict::Ignore(IgnoreReason::Automatic(automatic))),
        (Purpose::ReceiptAnswer, None) if message.reference.is_none() => Some(Verdict::Ignore(IgnoreReason::ReceiptAnswer)),
        // A user's automatic mail is held at worst: ignoring it by mistake would be the worst error of all.
        (Purpose::Import, Some(automatic)) if !claims_user => Some(Verdict::Ignore(IgnoreReason::Automatic(automatic))),
        _ => None,
    }
}

fn by_number(tenant: &Tenant, message: &Message, found: &Found, then: impl FnOnce(&Application) -> Verdict) -> Verdict {
    match &found.by_number {
        // Another tenant's number is unknown here, like any other (G10).
        None => {
            let typed = message.reference.as_ref().map_or("", |reference| reference.number.as_str());
            Verdict::Hold(if is_mistyped(&tenant.reference, typed) { HoldReason::BadCheckDigit } else { HoldReason::UnknownNumber })
        }
        Some(application) if application.erased => Verdict::Hold(HoldReason::ApplicationErased),
        Some(application) => then(application),
    }
}

/// A number that nobody has and that should end in a check digit, but does not.
fn is_mistyped(rules: &ReferenceRules, number: &str) -> bool {
    let must = rules.check == Check::Mod1110 || reference::looks_issued(&rules.prefix, number);
    must && !reference::check_digit_is_right(number)
}

/// The number and the people inside must speak of the same candidate (G6).
fn agreed(application: &Application, message: &Message, found: &Found) -> Verdict {
    // Whoever has several senders may bear a user's address beside his own, so the question is put before users are passed over.
    if message.originals().any(|original| original.sender_is_unclear) {
        return Verdict::Hold(HoldReason::SenderUnclear);
    }
    let originals: Vec<&Original> = message.originals().collect();
    let candidates = people::candidates(&originals, &found.users);
    let verdicts: Vec<people::Agreement> =
        candidates.iter().map(|&one| people::agreement(&originals[one].from, application, &found.owners)).collect();
    let number = &application.reference;
    let unconfirmed = !application.has_check_digit;
    if verdicts.contains(&people::Agreement::SomebodyElse) {
        return Verdict::Hold(HoldReason::NumberAndSenderDisagree);
    }
    if verdicts.contains(&people::Agreement::Unknown) && unconfirmed {
        return Verdict::Hold(HoldReason::NumberUnconfirmed);
    }
    if verdicts.is_empty() && unconfirmed && reference::could_be_something_else(number) {
        return Verdict::Hold(HoldReason::NumberUnconfirmed);
    }
    let unknown = verdicts.iter().any(|one| matches!(one, people::Agreement::Unknown | people::Agreement::SameName));
    file(application, unknown.then_some(Flag::SenderUnknown).into_iter().collect(), found)
}

fn file(application: &Application, mut flags: Vec<Flag>, found: &Found) -> Verdict {
    if let Some(entry) = found.filed_before {
        return Verdict::Duplicate(entry);
    }
    if application.closed {
        flags.push(Flag::Closed);
    }
    if found.same_message_id {
        flags.push(Flag::SameMessageId);
    }
    Verdict::File(Box::new(Placement { application: application.clone(), flags }))
}

#[cfg(test)]
mod tests;
