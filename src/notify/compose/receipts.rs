//! What a forwarder reads: that his mail is held and how he mends it, that his answer led nowhere, and, if he wants it, that his mail is
//! filed.

use super::{Circumstances, MOST_AN_HOUR, files, shown, to_fallback};
use crate::model::answer::{Outcome, Useless};
use crate::model::message::Message;
use crate::model::outbound::{MessagePurpose, Notice, Offer, ReplyTo};
use crate::model::user::{Locale, User};
use crate::model::verdict::{Audience, HoldReason, Placement, Suggestion};
use crate::notify::texts::say;

/// Receipts within an hour that leave no room for further ones that nobody must act on.
const MOST_SUCCESSES_AN_HOUR: u32 = MOST_AN_HOUR / 2;

/// The text that tells a forwarder what to do; none where nobody is proved, or nothing was understood: whether the mail was
/// automatic is not known then either.
pub fn what_to_do(reason: HoldReason, message: &Message, on: Circumstances<'_>) -> Option<String> {
    let shown = match reason {
        HoldReason::NoNumber
        | HoldReason::NumberNotStrict
        | HoldReason::UnknownNumber
        | HoldReason::BadCheckDigit
        | HoldReason::ApplicationErased
        | HoldReason::SenderUnclear
        | HoldReason::SenderMayNotImport
        | HoldReason::TokenAndNumberDisagree
        | HoldReason::NotScanned
        | HoldReason::Encrypted
        | HoldReason::NumberAndSenderDisagree
        | HoldReason::NumberUnconfirmed => reason,
        // Whoever may not see an application does not learn that there is one: he reads what he would if there were none.
        HoldReason::ForwarderMayNotSee if on.tenant.reference.is_mistyped(on.number.unwrap_or(typed(message))) => HoldReason::BadCheckDigit,
        HoldReason::ForwarderMayNotSee => HoldReason::UnknownNumber,
        HoldReason::SenderNotAuthenticated
        | HoldReason::SenderUnknown
        | HoldReason::HeaderDoubled
        | HoldReason::AddressedElsewhere
        | HoldReason::NotTheCandidate
        | HoldReason::Automatic
        | HoldReason::Unreadable
        | HoldReason::Damaged
        | HoldReason::CrashedTwice => return None,
    };
    Some(format!("receipt-{}", shown.as_str()))
}

/// The number in the subject, also one that the tenant's grammar does not take.
fn typed(message: &Message) -> &str {
    message.reference.as_ref().or(message.near_reference.as_ref()).map_or("", |reference| reference.number.as_str())
}

/// S1.E4. The mail waits, and why. Where a number mends it, an answer is read.
pub fn held(user: &User, reason: HoldReason, what: &str, message: &Message, audience: &Audience, on: Circumstances<'_>) -> Notice {
    let locale = user.locale;
    let number = typed(message);
    let whole = if message.reference.is_some() { format!("{number} {}", message.subject) } else { message.subject.clone() };
    let subject = match whole.trim() {
        "" => say(locale, "receipt-subject-none", &[]),
        whole => say(locale, "receipt-subject", &[("subject", whole)]),
    };
    let mut lines = vec![say(locale, "receipt-intro", &[("date", &shown(on.at, on.tenant, locale))]), String::new()];
    if !whole.trim().is_empty() {
        lines.extend([say(locale, "receipt-typed", &[("subject", &whole)]), String::new()]);
    }
    lines.push(say(locale, what, &[("number", on.number.unwrap_or(number))]));
    let suggestions: &[Suggestion] = if reason.is_mended_by_a_number() { &audience.suggestions } else { &[] };
    if reason.is_mended_by_a_number() {
        lines.extend(how_to_answer(locale, suggestions));
    }
    lines.extend(end(locale, reason.is_mended_by_a_number()));
    let reply_to = ReplyTo::Token(Offer { numbers: numbers(suggestions), ..Offer::default() });
    receipt(user, subject, &lines, reply_to)
}

/// An answer led nowhere: why, and how a better one looks, if there can be one.
pub fn useless(message: &Message, audience: &Audience, on: Circumstances<'_>) -> Option<Notice> {
    let (user, (receipt, outcome)) = (on.sender.user()?, on.answer?);
    let Outcome::Useless(why) = outcome else { return None };
    if message.automatic.is_some() || audience.sent_last_hour >= MOST_AN_HOUR {
        return None;
    }
    let locale = user.locale;
    let date = shown(on.at, on.tenant, locale);
    let number = on.number.unwrap_or_default();
    let mut lines = vec![say(locale, "again-intro", &[("date", &date)]), say(locale, again(*why), &[("number", number)])];
    let reply_to = if why.can_be_mended() {
        lines.extend(how_to_answer(locale, &audience.suggestions));
        ReplyTo::Token(Offer { numbers: numbers(&audience.suggestions), again: true, about: Some(receipt.arrival) })
    } else {
        to_fallback(on.tenant)
    };
    lines.extend(end(locale, why.can_be_mended()));
    // The same subject, so that mail programs show both as one conversation.
    Some(self::receipt(user, receipt.subject.clone(), &lines, reply_to))
}

fn again(why: Useless) -> &'static str {
    match why {
        Useless::NotUnderstood => "again-not_understood",
        Useless::NoSuchChoice => "again-no_such_choice",
        Useless::Number(HoldReason::BadCheckDigit) => "again-bad_check_digit",
        Useless::Number(HoldReason::ApplicationErased) => "again-application_erased",
        Useless::Number(_) => "again-unknown_number",
        Useless::AlreadyAnswered => "again-already_answered",
        Useless::NoLongerHeld => "again-no_longer_held",
    }
}

/// S1.27 for the forwarder who wants it: what was filed, and who was told. Whoever gets a notice of it gets no second mail (S1.E16).
pub fn filed(placement: &Placement, message: &Message, audience: &Audience, notices: &[Notice], on: Circumstances<'_>) -> Option<Notice> {
    let user = on.sender.user().filter(|user| user.wants_receipts)?;
    let has_notice = notices.iter().any(|notice| notice.to.eq_ignore_ascii_case(&user.email));
    if has_notice || audience.has_receipt || message.automatic.is_some() || audience.sent_last_hour >= MOST_SUCCESSES_AN_HOUR {
        return None;
    }
    let locale = user.locale;
    let application = &placement.application;
    let (reference, candidate) = (application.reference.as_str(), application.candidate.name.as_str());
    let date = shown(on.at, on.tenant, locale);
    let mut lines = vec![
        say(locale, "filed-intro", &[("date", &date)]),
        String::new(),
        say(locale, "notice-application", &[("reference", reference), ("candidate", candidate), ("job", &application.job_title)]),
    ];
    lines.extend(files(locale, message));
    let name = |notice: &Notice| {
        let known = audience.responsible.iter().find(|user| user.email == notice.to);
        known.map_or_else(|| notice.to.clone(), |user| user.name.clone())
    };
    let told: Vec<String> = notices.iter().map(name).collect();
    lines.push(match told.as_slice() {
        [] => say(locale, "filed-told-nobody", &[]),
        told => say(locale, "filed-told", &[("told", &told.join(", "))]),
    });
    lines.extend(["".to_owned(), "-- ".to_owned(), say(locale, "filed-why", &[])]);
    let subject = say(locale, "filed-subject", &[("reference", reference), ("candidate", candidate)]);
    Some(receipt(user, subject, &lines, to_fallback(on.tenant)))
}

/// The suggestions, and that an answer with one of their numbers is enough.
fn how_to_answer(locale: Locale, suggestions: &[Suggestion]) -> Vec<String> {
    let mut lines = vec![String::new()];
    if suggestions.is_empty() {
        lines.push(say(locale, "receipt-answer", &[]));
        return lines;
    }
    lines.extend([say(locale, "receipt-perhaps", &[]), String::new()]);
    for (at, one) in (1..).zip(suggestions) {
        let (at, why): (i32, _) = (at, say(locale, one.why.key(), &[]));
        let values = [("reference", one.reference.as_str()), ("candidate", &one.candidate), ("job", &one.job), ("why", &why)];
        lines.push(format!("  {at}  {}", say(locale, "receipt-suggestion", &values)));
    }
    let key = if suggestions.len() == 1 { "receipt-answer-one" } else { "receipt-answer-some" };
    lines.extend([String::new(), say(locale, key, &[("last", &suggestions.len().to_string())])]);
    lines
}

fn numbers(suggestions: &[Suggestion]) -> Vec<String> {
    suggestions.iter().map(|one| one.reference.clone()).collect()
}

fn end(locale: Locale, is_read: bool) -> [String; 3] {
    let key = if is_read { "receipt-end-answer" } else { "receipt-end" };
    [String::new(), "-- ".to_owned(), say(locale, key, &[])]
}

fn receipt(user: &User, subject: String, lines: &[String], reply_to: ReplyTo) -> Notice {
    let (to, locale) = (user.email.clone(), user.locale);
    Notice { purpose: MessagePurpose::Receipt, to, locale, subject, text: lines.join("\n"), reply_to }
}
