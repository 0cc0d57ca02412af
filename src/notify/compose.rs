//! Who must hear of a mail, and what they read. Pure: values in, notices out; sends nothing, reads no clock.
//! A notice never holds a word of the candidate's text; a receipt names no application but those that its reader may see.

mod receipts;

pub mod corrections;
pub mod digest;

use super::texts::say;
use crate::model::answer::{Outcome, Receipt};
use crate::model::arrival::{Envelope, Purpose};
use crate::model::id::{ArrivalId, EntryId};
use crate::model::message::{Attachment, Message, PartRole};
use crate::model::organisation::Tenant;
use crate::model::outbound::{MessagePurpose, Notice, ReplyTo};
use crate::model::sender::Sender;
use crate::model::user::{Locale, User};
use crate::model::verdict::{Audience, Flag, HoldReason, IgnoreReason, Placement, Verdict};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Receipts, or mails to postmaster, that one address gets within an hour; more would only help a loop or a flood (G7).
const MOST_AN_HOUR: u32 = 20;

/// What compose may look at beside the verdict.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    pub tenant: &'a Tenant,
    pub sender: &'a Sender,
    pub envelope: &'a Envelope,
    /// The mail's id, for whoever looks for it.
    pub arrival: ArrivalId,
    /// When the mail was accepted.
    pub at: Timestamp,
    /// The id that the history entry will have, for links.
    pub entry: EntryId,
    /// `https://…` without a slash at its end.
    pub portal_url: Option<&'a str>,
    /// The operator's address, for mail to postmaster.
    pub postmaster: Option<&'a str>,
    /// The number that was typed, or that somebody chose.
    pub number: Option<&'a str>,
    /// What is done about it, if it is a user's answer to a receipt.
    pub answer: Option<&'a (Receipt, Outcome)>,
}

/// All notices of one mail. Once per person (S1.E16); the order is the audience's.
pub fn compose(verdict: &Verdict, message: &Message, audience: &Audience, on: Circumstances<'_>) -> Vec<Notice> {
    match verdict {
        Verdict::File(placement) => {
            let mut notices = told(placement, message, audience, on);
            notices.extend(receipts::filed(placement, message, audience, &notices, on));
            notices
        }
        Verdict::Hold(reason) => held(*reason, message, audience, on),
        Verdict::Ignore(IgnoreReason::ReceiptAnswer) => receipts::useless(message, audience, on).into_iter().collect(),
        Verdict::Ignore(_) if on.envelope.purpose == Purpose::Postmaster => to_operator(message, audience, on).into_iter().collect(),
        Verdict::Ignore(_) | Verdict::Duplicate(_) => Vec::new(),
    }
}

/// S1.24–S1.27, S1.E17.
fn told(placement: &Placement, message: &Message, audience: &Audience, on: Circumstances<'_>) -> Vec<Notice> {
    let forwarder = on.sender.user().map(|user| user.id);
    if audience.is_nobody() {
        let fallback = on.tenant.fallback_address.as_deref();
        return fallback.map(|to| notice(to, on.tenant.locale, "notice-why-fallback", placement, message, on)).into_iter().collect();
    }
    let wanted = audience.told().filter(|user| on.tenant.notify_forwarder || Some(user.id) != forwarder);
    wanted.map(|user| notice(&user.email, user.locale, "notice-why", placement, message, on)).collect()
}

fn notice(to: &str, locale: Locale, why: &str, placement: &Placement, message: &Message, on: Circumstances<'_>) -> Notice {
    let application = &placement.application;
    let candidate = application.candidate.name.as_str();
    let mut lines = Vec::new();
    // Whatever mail is inside a candidate's own: he is its writer.
    let (original, writer) = match on.sender {
        Sender::Candidate { name, .. } => (None, Some(name.as_str())),
        _ => (message.original.as_ref(), message.original.as_ref().map(|original| original.from.label())),
    };
    match writer.filter(|label| !label.is_empty()) {
        Some(writer) => lines.push(say(locale, "notice-wrote", &[("writer", writer)])),
        None => lines.push(say(locale, "notice-wrote-unnamed", &[("candidate", candidate)])),
    }
    lines.push(String::new());
    lines.push(say(
        locale,
        "notice-application",
        &[("reference", &application.reference), ("candidate", candidate), ("job", &application.job_title)],
    ));
    if let Some(written) = original.and_then(|original| original.date.as_deref()).and_then(|date| written(date, on.tenant, locale)) {
        lines.push(say(locale, "notice-written", &[("date", &written)]));
    }
    let date = shown(on.at, on.tenant, locale);
    lines.push(match on.sender {
        Sender::User { user, .. } => say(locale, "notice-forwarded", &[("forwarder", &user.name), ("date", &date)]),
        Sender::Candidate { .. } => say(locale, "notice-direct", &[("date", &date)]),
        Sender::Unproven { .. } => say(locale, "notice-assigned", &[]),
    });
    lines.extend(files(locale, message));
    let hints = [
        (Flag::Closed, "notice-closed"),
        (Flag::SomebodyElse, "notice-somebody-else"),
        (Flag::SenderUnknown, "notice-sender-unknown"),
        (Flag::SameMessageId, "notice-same-id"),
        (Flag::RenderingsDiffer, "notice-renderings-differ"),
    ];
    for (_, key) in hints.iter().filter(|(flag, _)| placement.flags.contains(flag)) {
        lines.push(String::new());
        lines.push(say(locale, key, &[]));
    }
    if let Some(portal) = on.portal_url {
        lines.extend([String::new(), say(locale, "notice-open", &[]), format!("{portal}/e/{}", on.entry)]);
    }
    lines.extend([String::new(), "-- ".to_owned(), say(locale, why, &[])]);
    let subject = say(locale, "notice-subject", &[("candidate", candidate), ("reference", &application.reference)]);
    let reply_to = to_fallback(on.tenant);
    Notice { purpose: MessagePurpose::ReplyImported, to: to.to_owned(), locale, subject, text: lines.join("\n"), reply_to }
}

/// S1.E20: where answers go that nothing is done about.
fn to_fallback(tenant: &Tenant) -> ReplyTo {
    tenant.fallback_address.clone().map_or(ReplyTo::Nobody, ReplyTo::Address)
}

fn files(locale: Locale, message: &Message) -> Vec<String> {
    let unnamed = say(locale, "file-unnamed", &[]);
    let filed = message.attachments.iter().filter(|attachment| attachment.role == PartRole::File);
    let (mut files, mut seen) = (Vec::new(), Vec::new());
    for attachment in filed {
        files.push((attachment.name.as_deref().unwrap_or(&unnamed), attachment.kind.as_str()));
        seen.push(seen_in(locale, attachment));
    }
    // One heading, then a line for each file, and below it what there is to know before it is opened.
    let mut lines = file_lines(locale, &files).into_iter();
    let heading = lines.next();
    let of_files = lines.zip(seen).flat_map(|(line, seen)| std::iter::once(line).chain(seen));
    heading.into_iter().chain(of_files).chain(kept_out(locale, message)).collect()
}

/// Names of files in an archive that a notice bears; the history has them all.
const MOST_INSIDE: usize = 10;

/// That there is nothing in it, that a reader may need a password, and what is in an archive.
fn seen_in(locale: Locale, attachment: &Attachment) -> Vec<String> {
    let details = &attachment.details;
    let empty = (attachment.size == 0).then(|| say(locale, "file-empty", &[]));
    let locked = details.locked.then(|| say(locale, "file-locked", &[]));
    let inside = details.archive.as_ref().map(|archive| {
        let mut names: Vec<&str> = archive.files.iter().take(MOST_INSIDE).map(|file| file.name.as_str()).collect();
        let count = archive.files.len() as u64 + archive.left_out;
        if count > names.len() as u64 {
            names.push("…");
        }
        say(locale, "file-inside", &[("count", &count.to_string()), ("names", &names.join(", "))])
    });
    empty.into_iter().chain(locked).chain(inside).map(|line| format!("    {line}")).collect()
}

/// Names and kinds.
fn file_lines(locale: Locale, files: &[(&str, &str)]) -> Vec<String> {
    let names: Vec<String> = files
        .iter()
        .map(|(name, kind)| {
            let kind = say(locale, &format!("kind-{kind}"), &[]);
            format!("  {}", say(locale, "notice-file", &[("name", name), ("kind", &kind)]))
        })
        .collect();
    let heading = say(locale, if names.is_empty() { "notice-no-files" } else { "notice-files" }, &[]);
    std::iter::once(heading).chain(names).collect()
}

/// Files that the mail has and that are not filed, by name (S1.E14).
fn kept_out(locale: Locale, message: &Message) -> Vec<String> {
    let unnamed = say(locale, "file-unnamed", &[]);
    let line = |attachment: &Attachment| {
        let why = attachment.kept_out()?;
        let name = attachment.name.as_deref().unwrap_or(&unnamed);
        let found = attachment.found.as_deref().unwrap_or_default();
        Some(format!("  {}", say(locale, &format!("skipped-{}", why.as_str()), &[("name", name), ("found", found)])))
    };
    let lines: Vec<String> = message.attachments.iter().filter_map(line).collect();
    if lines.is_empty() { lines } else { std::iter::once(say(locale, "notice-not-filed", &[])).chain(lines).collect() }
}

/// What was held is told to the proved forwarder, and once an hour to the tenant's own address (S1.E4). Never in answer to
/// automatic mail, and to no sender who is not proved (G7).
fn held(reason: HoldReason, message: &Message, audience: &Audience, on: Circumstances<'_>) -> Vec<Notice> {
    if message.automatic.is_some() {
        return Vec::new();
    }
    let fallback = on.tenant.fallback_address.as_deref().filter(|_| audience.held_told_last_hour == 0 && !audience.has_receipt);
    let what = receipts::what_to_do(reason, message, on);
    let (Some(user), Some(what)) = (on.sender.user(), what) else {
        // A candidate's answer that waits is told here or nowhere: whoever it is from, he hears nothing.
        let is_direct = matches!(on.envelope.purpose, Purpose::Reply { .. });
        return match (fallback, reason) {
            (Some(to), _) if is_direct => vec![direct_is_held(to, audience.answers.as_deref(), on)],
            // Nobody else learns that it waits, and it may be one of many.
            (Some(to), HoldReason::CrashedTwice) => vec![told_held(to, "held-crashed-subject", "held-crashed-text", &[], on)],
            _ => Vec::new(),
        };
    };
    let is_wanted = !audience.is_held_already && !audience.has_receipt && audience.sent_last_hour < MOST_AN_HOUR;
    let receipt = is_wanted.then(|| receipts::held(user, reason, &what, message, audience, on));
    let fallback = fallback.filter(|to| *to != user.email);
    receipt.into_iter().chain(fallback.map(|to| mail_is_held(to, user, on))).collect()
}

fn mail_is_held(to: &str, forwarder: &User, on: Circumstances<'_>) -> Notice {
    told_held(to, "held-subject", "held-text", &[("forwarder", &forwarder.name)], on)
}

/// `answers`: the number of the application whose reply address it came to. Nothing in it is the sender's word.
pub fn direct_is_held(to: &str, answers: Option<&str>, on: Circumstances<'_>) -> Notice {
    let number = answers.unwrap_or("?");
    told_held(to, "held-direct-subject", "held-direct-text", &[("number", number)], on)
}

fn told_held(to: &str, subject: &str, text: &str, values: &[(&str, &str)], on: Circumstances<'_>) -> Notice {
    let locale = on.tenant.locale;
    let (date, id) = (shown(on.at, on.tenant, locale), on.arrival.to_string());
    let all: Vec<(&str, &str)> = values.iter().copied().chain([("date", date.as_str()), ("id", id.as_str())]).collect();
    let text = [say(locale, text, &all), say(locale, "held-find", &all), say(locale, "held-more", &[])].join("\n\n");
    let (purpose, subject) = (MessagePurpose::MailHeld, say(locale, subject, &all));
    Notice { purpose, to: to.to_owned(), locale, subject, text, reply_to: ReplyTo::Nobody }
}

/// Automatic mail is kept and handed to nobody: a loop would begin here, and a flood would not end.
fn to_operator(message: &Message, audience: &Audience, on: Circumstances<'_>) -> Option<Notice> {
    if message.automatic.is_some() || audience.sent_last_hour >= MOST_AN_HOUR {
        return None;
    }
    let locale = on.tenant.locale;
    Some(Notice {
        purpose: MessagePurpose::Postmaster,
        to: on.postmaster?.to_owned(),
        locale,
        subject: say(locale, "postmaster-subject", &[]),
        text: say(locale, "postmaster-text", &[]),
        reply_to: ReplyTo::Nobody,
    })
}

/// A moment as people of that language write it, in the tenant's time zone.
fn shown(at: Timestamp, tenant: &Tenant, locale: Locale) -> String {
    let zone = TimeZone::get(&tenant.time_zone).unwrap_or(TimeZone::UTC);
    at.to_zoned(zone).strftime(pattern(locale)).to_string()
}

/// The date of an original: in the tenant's time zone where the mail names an offset, else as it stands there.
fn written(date: &str, tenant: &Tenant, locale: Locale) -> Option<String> {
    if let Ok(at) = date.parse::<Timestamp>() {
        return Some(shown(at, tenant, locale));
    }
    let civil: jiff::civil::DateTime = date.parse().ok()?;
    Some(civil.strftime(pattern(locale)).to_string())
}

fn pattern(locale: Locale) -> &'static str {
    match locale {
        Locale::De => "%d.%m.%Y, %H:%M",
        Locale::En => "%-d %b %Y, %H:%M",
        Locale::Sv => "%Y-%m-%d, %H:%M",
    }
}

#[cfg(test)]
mod tests;
