//! What administrators read once a day: what is held, why, and since when. Of a mail that nobody vouches for no word is passed on: whoever
//! likes could write to them by it.

use super::shown;
use crate::model::daily::{Waiting, Waits};
use crate::model::organisation::Tenant;
use crate::model::outbound::{MessagePurpose, Notice, ReplyTo};
use crate::model::user::{Locale, User};
use crate::notify::texts::say;
use jiff::Timestamp;

/// Mails that one digest names.
pub const MOST_NAMED: u32 = 50;

/// None if nothing waits.
pub fn digest(to: &User, tenant: &Tenant, waiting: &Waiting, now: Timestamp) -> Option<Notice> {
    let oldest = waiting.oldest?;
    let locale = to.locale;
    let count = waiting.mails.to_string();
    let since = say(locale, "digest-oldest", &[("date", &shown(oldest, tenant, locale)), ("age", &age(oldest, now, locale))]);
    let mut lines = vec![say(locale, "digest-intro", &[("count", &count), ("tenant", &tenant.name)]), since, String::new()];
    lines.extend(waiting.reasons.iter().map(|(reason, mails)| format!("  {mails}  {}", words(locale, reason))));
    for mail in &waiting.named {
        lines.push(String::new());
        lines.extend(one(mail, tenant, now, locale));
    }
    let left = waiting.mails.saturating_sub(waiting.named.len() as u64);
    if left > 0 {
        lines.extend([String::new(), say(locale, "digest-more", &[("count", &left.to_string())])]);
    }
    lines.extend([String::new(), say(locale, "digest-find", &[])]);
    if let Some(days) = tenant.discard_held_after_days {
        lines.push(say(locale, "digest-discard", &[("days", &days.to_string())]));
    }
    lines.extend([String::new(), "-- ".to_owned(), say(locale, "digest-why", &[])]);
    let subject = say(locale, "digest-subject", &[("count", &count)]);
    let (to, text) = (to.email.clone(), lines.join("\n"));
    Some(Notice { purpose: MessagePurpose::Digest, to, locale, subject, text, reply_to: ReplyTo::Nobody })
}

fn one(mail: &Waits, tenant: &Tenant, now: Timestamp, locale: Locale) -> Vec<String> {
    let mut lines =
        vec![format!("{}, {}", shown(mail.at, tenant, locale), age(mail.at, now, locale)), format!("  {}", words(locale, &mail.reason))];
    if let Some(said) = &mail.vouched {
        lines.push(format!("  {}", say(locale, "digest-from", &[("from", &said.from)])));
        lines.push(format!("  {}", say(locale, "digest-about", &[("subject", &said.subject)])));
    }
    lines.push(format!("  rohrpost --tenant {} dead-letter show {}", tenant.id, mail.id));
    lines
}

/// A reason in the reader's words.
fn words(locale: Locale, reason: &str) -> String {
    say(locale, &format!("digest-reason-{reason}"), &[])
}

/// Whole days; a clock that was set back makes nothing negative.
fn age(at: Timestamp, now: Timestamp, locale: Locale) -> String {
    match now.duration_since(at).as_hours() / 24 {
        ..=0 => say(locale, "digest-age-today", &[]),
        1 => say(locale, "digest-age-one", &[]),
        days => say(locale, "digest-age-days", &[("days", &days.to_string())]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::daily::Words;
    use crate::model::examples;
    use crate::model::user::Role;
    use crate::model::verdict::HoldReason;

    const ID: &str = "01M8J0QH9ZC6XVN1TR2S3A4B5C";

    fn waits(at: &str, reason: HoldReason, words: Option<(&str, &str)>) -> Waits {
        let vouched = words.map(|(from, subject)| Words { from: from.into(), subject: subject.into() });
        Waits { id: ID.parse().unwrap(), at: at.parse().unwrap(), reason: reason.as_str().into(), vouched }
    }

    fn written(locale: Locale, waiting: &Waiting, tenant: &Tenant) -> Option<Notice> {
        let user = User { locale, ..examples::user("anna@acme.example", Role::Administrator) };
        digest(&user, tenant, waiting, "2026-11-22T06:00:00Z".parse().unwrap())
    }

    #[test]
    fn what_it_says() {
        let tenant = examples::tenant();
        assert_eq!(written(Locale::En, &Waiting::default(), &tenant), None);
        let waiting = Waiting {
            mails: 12,
            oldest: Some("2026-11-12T23:30:00Z".parse().unwrap()),
            reasons: vec![("sender_not_authenticated".into(), 7), ("unknown_number".into(), 5)],
            named: vec![
                waits("2026-11-21T05:00:00Z", HoldReason::UnknownNumber, Some(("Petra Huber", "9999 WG: x\r\nBcc: y"))),
                waits("2026-11-22T05:00:00Z", HoldReason::SenderNotAuthenticated, None),
            ],
        };
        let notice = written(Locale::En, &waiting, &tenant).unwrap();
        assert_eq!((notice.to.as_str(), notice.subject.as_str()), ("anna@acme.example", "Messages waiting: 12"));
        assert_eq!((notice.purpose, &notice.reply_to), (MessagePurpose::Digest, &ReplyTo::Nobody));
        let want = format!(
            "Messages of Acme that could not be filed and are waiting: 12\nThe oldest came on 13 Nov 2026, 00:30 (9 days ago).\n\n  \
             7  nothing proves who sent it\n  5  there is no such reference number\n\n\
             21 Nov 2026, 06:00, 1 day ago\n  there is no such reference number\n  From: Petra Huber\n  Subject: 9999 WG: x Bcc: y\n  \
             rohrpost --tenant acme dead-letter show {ID}\n\n\
             22 Nov 2026, 06:00, less than a day ago\n  nothing proves who sent it\n  rohrpost --tenant acme dead-letter show {ID}\n\n\
             And 10 more.\n\n"
        );
        assert!(notice.text.starts_with(&want), "{}", notice.text);
        assert!(!notice.text.contains("discarded"), "{}", notice.text);
        let sets = Tenant { discard_held_after_days: Some(90), ..tenant };
        assert!(written(Locale::En, &waiting, &sets).unwrap().text.contains("discarded after 90 days"));
    }

    /// Each reason has its words in each language, and no two of them the same ones.
    #[test]
    fn every_reason_has_words() {
        for locale in Locale::ALL {
            let all: std::collections::HashSet<String> = HoldReason::ALL.iter().map(|reason| words(locale, reason.as_str())).collect();
            assert_eq!(all.len(), HoldReason::ALL.len(), "{locale:?}");
            assert!(all.iter().all(|words| !words.starts_with("digest-")), "{locale:?} {all:?}");
        }
    }

    #[test]
    fn a_clock_that_was_set_back() {
        let (at, now) = ("2026-11-22T05:00:00Z".parse().unwrap(), "2026-11-20T05:00:00Z".parse().unwrap());
        assert_eq!(age(at, now, Locale::De), say(Locale::De, "digest-age-today", &[]));
    }
}
