//! Where does it belong? Questions for the store, and a verdict over its answers. Decides, does nothing, reads no clock.

pub mod answer;
pub mod heal;
mod people;
pub mod suggest;

use crate::model::arrival::{Envelope, Purpose};
use crate::model::digest;
use crate::model::id::TenantId;
use crate::model::message::{Message, Original};
use crate::model::name;
use crate::model::organisation::{Application, Disagreement, Tenant};
use crate::model::reference;
use crate::model::sender::{Sender, Unproven};
use crate::model::verdict::{Chosen, Flag, Found, HoldReason, IgnoreReason, Placement, Questions, Verdict};
use sha2::{Digest, Sha256};

/// Names that suggestions are looked up by; a mail may bear hundreds.
const MOST_NAMES: usize = 100;

/// What must be known to place this mail. `assigned`: the number that somebody chose, or that an answer says.
pub fn questions(tenant: &TenantId, envelope: &Envelope, message: &Message, assigned: Option<&str>) -> Questions {
    let typed = message.reference.as_ref().map(|reference| reference.number.clone());
    let number = assigned.map(str::to_owned).or(typed);
    let mut addresses: Vec<String> = message.originals().filter_map(|original| original.from.key()).collect();
    addresses.sort();
    addresses.dedup();
    let mut names: Vec<String> = message.originals().filter_map(|original| original.from.name.as_deref()).flat_map(name::keys).collect();
    names.sort();
    names.dedup();
    names.truncate(MOST_NAMES);
    let application = match &envelope.purpose {
        Purpose::Reply { application } => Some(application.clone()),
        _ => None,
    };
    let key = |content: &str| dedupe_key(tenant, envelope, message, content);
    let (dedupe_key, older_key) = (key(&message.content_sha256), key(&message.exact_sha256));
    Questions { number, application, addresses, names, dedupe_key, older_key, message_id: message.message_id.clone(), images: Vec::new() }
}

/// G3: tenant, import address, Message-ID, and the hash over From, Subject, Date and body.
fn dedupe_key(tenant: &TenantId, envelope: &Envelope, message: &Message, content: &str) -> String {
    let mut hash = Sha256::new();
    for part in [tenant.as_str(), &envelope.mailbox, message.message_id.as_deref().unwrap_or(""), content] {
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

/// Where the mail belongs, and why, with what readers should know beside it. `chosen`: who gave the number, if it was not typed in the
/// subject.
pub fn verdict(tenant: &Tenant, envelope: &Envelope, sender: &Sender, message: &Message, found: &Found, chosen: Option<Chosen>) -> Verdict {
    let mut verdict = decide(tenant, envelope, sender, message, found, chosen);
    if let Verdict::File(placement) = &mut verdict
        && message.renderings_differ
    {
        placement.flags.push(Flag::RenderingsDiffer);
    }
    verdict
}

/// The order of the rules is the order of their weight.
fn decide(tenant: &Tenant, envelope: &Envelope, sender: &Sender, message: &Message, found: &Found, chosen: Option<Chosen>) -> Verdict {
    if chosen == Some(Chosen::ByOperator) {
        return by_number(tenant, message, found, |application| file(application, vec![Flag::Assigned], found));
    }
    if chosen.is_none()
        && let Some(ignored) = needs_nobody(envelope, sender, message)
    {
        return ignored;
    }
    let user = match sender {
        Sender::User { user, .. } => user,
        Sender::Candidate { .. } => return by_token(message, found, |_| true, |application| file(application, vec![Flag::Direct], found)),
        Sender::Unproven { why, .. } => return Verdict::Hold(unproven(*why)),
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
    let visible = |application: &Application| {
        if user.may_see(application) {
            agreed(tenant, application, message, found, chosen)
        } else {
            Verdict::Hold(HoldReason::ForwarderMayNotSee)
        }
    };
    if matches!(envelope.purpose, Purpose::Reply { .. }) && chosen.is_none() {
        return by_token(message, found, |application| user.may_see(application), visible);
    }
    if message.reference.is_none() && chosen.is_none() {
        return Verdict::Hold(if message.near_reference.is_some() { HoldReason::NumberNotStrict } else { HoldReason::NoNumber });
    }
    // What he may not see is there for him as little as what has been erased.
    match &found.by_number {
        Some(application) if !user.may_see(application) => Verdict::Hold(HoldReason::ForwarderMayNotSee),
        _ => by_number(tenant, message, found, visible),
    }
}

fn unproven(why: Unproven) -> HoldReason {
    match why {
        Unproven::NoProof => HoldReason::SenderNotAuthenticated,
        Unproven::UnclearFrom => HoldReason::SenderUnclear,
        Unproven::HeaderDoubled => HoldReason::HeaderDoubled,
        Unproven::AddressedElsewhere => HoldReason::AddressedElsewhere,
        Unproven::NoUser => HoldReason::SenderUnknown,
        Unproven::NotTheCandidate => HoldReason::NotTheCandidate,
    }
}

/// Mail that ends without anybody's help: to postmaster, automatic mail of strangers, bounces of ours, thanks for a receipt.
fn needs_nobody(envelope: &Envelope, sender: &Sender, message: &Message) -> Option<Verdict> {
    let claims_user = matches!(sender, Sender::User { .. } | Sender::Unproven { claims_user: true, .. });
    match (&envelope.purpose, message.automatic) {
        (Purpose::Postmaster, _) => Some(Verdict::Ignore(IgnoreReason::Postmaster)),
        (Purpose::Canary { .. }, _) => Some(Verdict::Ignore(IgnoreReason::Canary)),
        (Purpose::Bounces { .. }, Some(_)) if message.report.is_some() => Some(Verdict::Ignore(IgnoreReason::OwnBounce)),
        (Purpose::Bounces { .. } | Purpose::ReceiptAnswer { .. }, Some(automatic)) => {
            Some(Verdict::Ignore(IgnoreReason::Automatic(automatic)))
        }
        (Purpose::ReceiptAnswer { .. }, None) if message.reference.is_none() && answer::is_one(envelope, message, None) => {
            Some(Verdict::Ignore(IgnoreReason::ReceiptAnswer))
        }
        // A user's automatic mail is held at worst: ignoring it by mistake would be the worst error of all.
        (Purpose::Import | Purpose::Reply { .. }, Some(automatic)) if !claims_user => {
            Some(Verdict::Ignore(IgnoreReason::Automatic(automatic)))
        }
        _ => None,
    }
}

fn by_number(tenant: &Tenant, message: &Message, found: &Found, then: impl FnOnce(&Application) -> Verdict) -> Verdict {
    match &found.by_number {
        // Another tenant's number is unknown here, like any other (G10).
        None => {
            let typed = message.reference.as_ref().map_or("", |reference| reference.number.as_str());
            Verdict::Hold(if tenant.reference.is_mistyped(typed) { HoldReason::BadCheckDigit } else { HoldReason::UnknownNumber })
        }
        Some(application) if application.erased => Verdict::Hold(HoldReason::ApplicationErased),
        Some(application) => then(application),
    }
}

/// G6: the token decides, and another typed number holds the mail. A year or a postcode is a number only if the sender can know that
/// an application has it.
fn by_token(
    message: &Message,
    found: &Found,
    can_know: impl FnOnce(&Application) -> bool,
    then: impl FnOnce(&Application) -> Verdict,
) -> Verdict {
    let Some(application) = &found.by_token else { return Verdict::Hold(HoldReason::ApplicationErased) };
    let typed = message.reference.as_ref().map(|reference| reference.number.as_str());
    let is_a_number = |typed: &str| !reference::could_be_something_else(typed) || found.by_number.as_ref().is_some_and(can_know);
    if typed.is_some_and(|typed| typed != application.reference && is_a_number(typed)) {
        return Verdict::Hold(HoldReason::TokenAndNumberDisagree);
    }
    if message.encrypted {
        return Verdict::Hold(HoldReason::Encrypted);
    }
    if application.erased { Verdict::Hold(HoldReason::ApplicationErased) } else { then(application) }
}

/// The number and the people inside must speak of the same candidate (G6).
fn agreed(tenant: &Tenant, application: &Application, message: &Message, found: &Found, chosen: Option<Chosen>) -> Verdict {
    // Whoever has several senders may bear a user's address beside his own, so the question is put before users are passed over.
    if message.originals().any(|original| original.sender_is_unclear) {
        return Verdict::Hold(HoldReason::SenderUnclear);
    }
    let originals: Vec<&Original> = message.originals().collect();
    let candidates = people::candidates(&originals, &found.users);
    let mut verdicts: Vec<people::Agreement> =
        candidates.iter().map(|&one| people::agreement(&originals[one].from, application, &found.owners)).collect();
    if message.lacks_original() {
        verdicts.push(people::Agreement::Unknown);
    }
    let number = &application.reference;
    let warn = tenant.disagreement == Disagreement::Warn;
    let mut flags: Vec<Flag> = chosen.map(|_| Flag::Assigned).into_iter().collect();
    if verdicts.contains(&people::Agreement::SomebodyElse) {
        if !warn {
            return Verdict::Hold(HoldReason::NumberAndSenderDisagree);
        }
        flags.push(Flag::SomebodyElse);
    }
    // A check digit, the tenant's own choice, or a second word of the forwarder vouches for a number beside people who are not known.
    let unconfirmed = !application.has_check_digit && chosen.is_none();
    if verdicts.contains(&people::Agreement::Unknown) && unconfirmed && !warn {
        return Verdict::Hold(HoldReason::NumberUnconfirmed);
    }
    if verdicts.is_empty() && unconfirmed && reference::could_be_something_else(number) {
        return Verdict::Hold(HoldReason::NumberUnconfirmed);
    }
    if verdicts.iter().any(|one| matches!(one, people::Agreement::Unknown | people::Agreement::SameName)) {
        flags.push(Flag::SenderUnknown);
    }
    file(application, flags, found)
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
mod properties;
#[cfg(test)]
mod tests;
