//! When to ask for new tokens, and how long to stay away after a try that came to nothing. Reckons with what it is given.

use super::refused::Refused;
use crate::store::oauth::{LONGEST_HOLD, NoTokens, SignInState, TokenRow};
use jiff::{SignedDuration, Timestamp};

/// What to do for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Take the one that is there.
    Use,
    /// Ask for a new one. The old one is good for as long as that comes to nothing, if it is `usable`.
    Renew { usable: bool },
    /// There is none, and nobody is asked before the row's `retry_at`.
    Wait,
}

/// A token is not used in its last moments: it must last for a login, and clocks differ.
const MARGIN: SignedDuration = SignedDuration::from_secs(30);
/// After what only a person can mend, somebody may have mended it: one try in so long.
pub const AGAIN: SignedDuration = SignedDuration::from_mins(15);
/// After trouble that passes: at first, and at most.
const FIRST: SignedDuration = SignedDuration::from_secs(5);
const LONGEST: SignedDuration = SignedDuration::from_mins(15);
/// A provider may ask for more, but nobody stays away for days.
const LONGEST_ASKED: SignedDuration = SignedDuration::from_hours(1);

/// Two clocks, or one before and after it was put right, may differ by so much. What lies further ahead was written by a clock that was wrong.
const CLOCKS: SignedDuration = SignedDuration::from_mins(5);

/// Whether a row is in nobody's hand. `held_until` as it stands in the row.
pub fn is_free(held_until: Timestamp, now: Timestamp) -> bool {
    held_until <= now || held_until > now + LONGEST_HOLD
}

/// Whether the time for another try has come. Nobody stays away for longer than `LONGEST_ASKED`.
fn may_try(retry_at: Option<Timestamp>, now: Timestamp) -> bool {
    retry_at.is_none_or(|at| at <= now || at > now + LONGEST_ASKED + CLOCKS)
}

/// `is_refused`: the mail server did not take the token of this row.
pub fn step(row: &TokenRow, now: Timestamp, is_refused: bool) -> Step {
    let life = row.expires_at.duration_since(row.obtained_at);
    let last = row.expires_at - MARGIN.min(life / 10);
    let usable = row.tokens.access.is_some() && now < last && !is_refused && row.state != SignInState::Refused;
    // Obtained in time to come: nobody knows how old it is.
    let due = !usable || row.state == SignInState::Lost || now >= due_at(row) || row.obtained_at > now + CLOCKS;
    match (due, may_try(row.retry_at, now)) {
        (true, true) => Step::Renew { usable },
        _ if usable => Step::Use,
        _ => Step::Wait,
    }
}

/// When four fifths of its life are over.
pub fn due_at(row: &TokenRow) -> Timestamp {
    row.obtained_at + row.expires_at.duration_since(row.obtained_at) * 4 / 5
}

/// When to look again at a row for which nothing is to be done now: its due time or its next try, and in any case after a while, as
/// clocks may be put.
pub fn look_at(row: &TokenRow, now: Timestamp) -> SignedDuration {
    const SOONEST: SignedDuration = SignedDuration::from_millis(200);
    const LATEST: SignedDuration = SignedDuration::from_secs(30);
    let next = row.retry_at.filter(|at| *at > now).unwrap_or_else(|| due_at(row));
    next.duration_since(now).clamp(SOONEST, LATEST)
}

/// What a try that came to nothing means for the next one: five seconds, then twice as long each time, or what the provider asks for.
pub fn after(refused: &Refused, row: &TokenRow, now: Timestamp) -> NoTokens {
    let (state, wait, trouble) = match refused {
        Refused::Person { code } => (SignInState::Lost, AGAIN, code.clone()),
        Refused::Later { why, after } => {
            let doubled = FIRST * (1 << row.failures.min(10));
            let asked = after.map(|after| SignedDuration::try_from(after).unwrap_or(LONGEST_ASKED).min(LONGEST_ASKED));
            // Trouble with the way to the provider mends no lost sign-in.
            (row.state, asked.unwrap_or(doubled.min(LONGEST)).max(SignedDuration::from_secs(1)), why.clone())
        }
    };
    NoTokens { state, trouble, retry_at: now + wait }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::oauth::SealedTokens;
    use std::time::Duration;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    /// Obtained at 0 for `life` seconds.
    fn row(life: i64) -> TokenRow {
        TokenRow {
            mailbox: "hr".into(),
            provider: "m365".into(),
            source: String::new(),
            generation: 1,
            login_at: at(0),
            tokens: SealedTokens { key_id: String::new(), access: Some(vec![1]), refresh: None },
            obtained_at: at(0),
            expires_at: at(life),
            refreshed_at: None,
            state: SignInState::Good,
            trouble: None,
            failures: 0,
            retry_at: None,
            held_until: at(0),
        }
    }

    #[test]
    fn when_to_ask() {
        let check = |row: &TokenRow, second: i64, is_refused: bool, want: Step| {
            assert_eq!(step(row, at(second), is_refused), want, "at {second}: {row:?}");
        };
        const OLD: Step = Step::Renew { usable: true };
        const NONE: Step = Step::Renew { usable: false };
        let hour = row(3_600);
        for (second, want) in [(0, Step::Use), (2_879, Step::Use), (2_880, OLD), (3_569, OLD), (3_570, NONE), (9_999, NONE)] {
            check(&hour, second, false, want);
        }
        // A clock that was put back a little says nothing; of one that was far ahead, the token's age is unknown: it is used, and renewed.
        check(&hour, -300, false, Step::Use);
        check(&hour, -301, false, OLD);
        check(&hour, -90_000_000, false, OLD);
        check(&TokenRow { retry_at: Some(at(100)), ..hour.clone() }, -301, false, Step::Use);
        check(&hour, 1, true, NONE);
        // Tokens of a minute: four fifths, and a tenth of it as margin.
        let minute = row(60);
        for (second, want) in [(47, Step::Use), (48, OLD), (53, OLD), (54, NONE)] {
            check(&minute, second, false, want);
        }
        // Nobody is asked before it is time; the old one is used as long as it lasts.
        let waits = TokenRow { retry_at: Some(at(3_000)), ..row(3_600) };
        check(&waits, 2_900, false, Step::Use);
        check(&waits, 3_000, false, OLD);
        check(&TokenRow { retry_at: Some(at(6_000)), ..row(3_600) }, 3_600, false, Step::Wait);
        check(&TokenRow { retry_at: Some(at(3_500)), ..row(3_600) }, 10, true, Step::Wait);
        // Nobody meant to stay away for so long: that was a clock that was ahead.
        check(&TokenRow { retry_at: Some(at(90_000_000)), ..row(3_600) }, 3_600, false, NONE);
        check(&TokenRow { retry_at: Some(at(7_501)), ..row(3_600) }, 3_600, false, NONE);
        check(&TokenRow { retry_at: Some(at(7_500)), ..row(3_600) }, 3_600, false, Step::Wait);
        // Lost: asked now and then, and the token that is left may be used.
        let lost = TokenRow { state: SignInState::Lost, ..row(3_600) };
        check(&lost, 10, false, OLD);
        check(&TokenRow { retry_at: Some(at(900)), ..lost }, 10, false, Step::Use);
        let refused = TokenRow { state: SignInState::Refused, retry_at: Some(at(900)), ..row(3_600) };
        check(&refused, 10, false, Step::Wait);
        check(&refused, 900, false, NONE);
        // None yet.
        let empty = TokenRow { tokens: SealedTokens { key_id: String::new(), access: None, refresh: None }, ..row(0) };
        check(&empty, 0, false, NONE);
        check(&TokenRow { retry_at: Some(at(9)), ..empty }, 0, false, Step::Wait);
    }

    #[test]
    fn whether_somebody_asks() {
        let check = |held_until: i64, now: i64, want: bool| assert_eq!(is_free(at(held_until), at(now)), want, "{held_until} {now}");
        check(0, 0, true);
        check(0, 1, true);
        check(90, 0, false);
        check(90, 90, true);
        check(600, 0, false);
        // A clock that was ahead, and set back.
        check(601, 0, true);
        check(90_000_000, 0, true);
    }

    #[test]
    fn how_long_to_stay_away() {
        let later = |after: Option<u64>| Refused::Later { why: "x".into(), after: after.map(Duration::from_secs) };
        let check = |refused: &Refused, state: SignInState, failures: u32, want: (SignInState, i64)| {
            let no = after(refused, &TokenRow { failures, state, ..row(3_600) }, at(0));
            assert_eq!((no.state, no.retry_at.duration_since(at(0)).as_secs()), want, "{refused:?} {failures}");
        };
        const GOOD: SignInState = SignInState::Good;
        for (failures, seconds) in [(0, 5), (1, 10), (2, 20), (7, 640), (8, 900), (4_000_000, 900)] {
            check(&later(None), GOOD, failures, (GOOD, seconds));
        }
        check(&later(Some(77)), GOOD, 0, (GOOD, 77));
        check(&later(Some(0)), GOOD, 0, (GOOD, 1));
        check(&later(Some(u64::MAX)), GOOD, 0, (GOOD, 3_600));
        check(&later(None), SignInState::Lost, 0, (SignInState::Lost, 5));
        check(&Refused::Person { code: "invalid_grant".into() }, GOOD, 3, (SignInState::Lost, 900));
    }

    #[test]
    fn when_to_look() {
        let check = |row: TokenRow, second: i64, want: i64| assert_eq!(look_at(&row, at(second)).as_millis(), i128::from(want));
        check(row(3_600), 0, 30_000);
        check(row(60), 40, 8_000);
        check(row(60), 100, 200);
        check(TokenRow { retry_at: Some(at(103)), ..row(60) }, 100, 3_000);
    }
}
