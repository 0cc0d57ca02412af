//! Whether there is something to tell, by one way. Each way has its own memory: one that fails keeps no other from telling.

use crate::model::alarm::{News, NotTold, RaisedAlarm, Told};
use jiff::{SignedDuration, Timestamp};

/// An alarm that goes on is told again after so long.
pub const REMINDER: SignedDuration = SignedDuration::from_hours(24);
/// The longest wait between two tries of a way that does not work.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_mins(15);

/// What is to be told now. An alarm that was over before anybody could be told is not told at all.
pub fn news(alarm: &RaisedAlarm, told: Option<&Told>, now: Timestamp) -> Option<News> {
    let told = told.filter(|told| told.raised_at == alarm.raised_at);
    let news = match (alarm.cleared_at, told.and_then(|told| told.told_at)) {
        (None, None) => Some(News::Raised),
        (None, Some(at)) => (now.duration_since(at) >= REMINDER).then_some(News::GoesOn),
        (Some(_), None) => None,
        (Some(_), Some(_)) => told.is_some_and(|told| told.over_at.is_none()).then_some(News::Over),
    };
    // What is new to a way that fails waits for its turn as well.
    news.filter(|_| told.is_none_or(|told| told.due_at <= now))
}

/// When a way is tried again that has failed so often.
pub fn again_after(attempts: u32) -> SignedDuration {
    (SignedDuration::from_secs(5) * (1 << attempts.saturating_sub(1).min(10))).min(LONGEST_WAIT)
}

/// When a way is tried again that did not work, and whether that is given up. What is refused for good is tried once a day while the alarm
/// goes on, as somebody may have mended it; that it is over is not worth a second try.
pub fn after_no(no: &NotTold, news: News, attempts: u32, now: Timestamp) -> (Timestamp, bool) {
    match no {
        NotTold::NotNow(_) => (now + again_after(attempts), false),
        NotTold::Refused(_) => (now + REMINDER, news == News::Over),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::alarm::{Alarm, AlarmKind, Way};

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(minute * 60).unwrap()
    }

    #[test]
    fn what_there_is_to_tell() {
        let check =
            |raised: i64, cleared: Option<i64>, told: Option<(i64, Option<i64>, Option<i64>, i64)>, now: i64, want: Option<News>| {
                let alarm = Alarm { kind: AlarmKind::DoorFailing, about: "hr".into(), text: "x".into() };
                let raised = RaisedAlarm { alarm, raised_at: at(raised), seen_at: at(now), told_at: None, cleared_at: cleared.map(at) };
                let told = told.map(|(of, told_at, over_at, due_at)| Told {
                    kind: AlarmKind::DoorFailing,
                    about: "hr".into(),
                    way: Way::Webhook,
                    raised_at: at(of),
                    told_at: told_at.map(at),
                    over_at: over_at.map(at),
                    attempts: 0,
                    due_at: at(due_at),
                    last_error: None,
                });
                assert_eq!(news(&raised, told.as_ref(), at(now)), want, "{raised:?} {told:?} {now}");
            };
        let day = 24 * 60;
        check(10, None, None, 10, Some(News::Raised));
        check(10, None, Some((10, Some(10), None, 10)), 11, None);
        check(10, None, Some((10, Some(10), None, 10)), 10 + day - 1, None);
        check(10, None, Some((10, Some(10), None, 10)), 10 + day, Some(News::GoesOn));
        check(10, None, Some((10, Some(10 + day), None, 10)), 20 + day, None);
        check(10, Some(20), Some((10, Some(10), None, 10)), 20, Some(News::Over));
        check(10, Some(20), Some((10, Some(10), Some(20), 10)), 21, None);
        // It begins anew: the memory is of another one.
        check(30, None, Some((10, Some(10), Some(20), 10)), 30, Some(News::Raised));
        check(30, None, Some((10, Some(10), None, 10)), 30, Some(News::Raised));
        check(30, Some(40), Some((10, Some(10), Some(20), 10)), 40, None);
        // A way that failed is tried again when it is due; what is over by then is not worth a word.
        check(10, None, Some((10, None, None, 15)), 14, None);
        check(10, None, Some((10, None, None, 15)), 15, Some(News::Raised));
        check(10, Some(12), Some((10, None, None, 15)), 15, None);
        check(10, Some(20), Some((10, Some(10), None, 25)), 24, None);
        check(10, Some(20), Some((10, Some(10), None, 25)), 25, Some(News::Over));
        check(10, Some(12), None, 12, None);
    }

    #[test]
    fn what_a_no_means() {
        let check = |no: NotTold, news: News, attempts: u32, want: (i64, bool)| {
            let (due_at, is_given_up) = after_no(&no, news, attempts, at(0));
            assert_eq!((due_at.as_second(), is_given_up), want, "{no} {news:?} {attempts}");
        };
        check(NotTold::NotNow("x".into()), News::Raised, 1, (5, false));
        check(NotTold::NotNow("x".into()), News::Over, 40, (900, false));
        check(NotTold::Refused("x".into()), News::Raised, 1, (86_400, false));
        check(NotTold::Refused("x".into()), News::GoesOn, 40, (86_400, false));
        check(NotTold::Refused("x".into()), News::Over, 1, (86_400, true));
    }

    #[test]
    fn how_long_until_the_next_try() {
        let seconds = |attempts: u32| again_after(attempts).as_secs();
        assert_eq!((seconds(1), seconds(2), seconds(5), seconds(8), seconds(9), seconds(4_000)), (5, 10, 80, 640, 900, 900));
    }
}
