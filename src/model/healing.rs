//! Which held mail heals by itself, when it is looked at again, and on what evidence.

use super::verdict::{Disposition, HoldReason, Verdict};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// The version of this program: what one could not read, another may.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Who sends mail through by itself, for the audit log.
pub const ACTOR: &str = "rohrpost";

/// What a held mail waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heals {
    /// What stopped it passes: it is looked at again, later and later.
    InTime,
    /// Another version of this program, which looks at it once.
    AfterAnUpdate,
    /// An application that has its number.
    ByItsNumber,
    /// A change of what is known of its forwarder: his addresses, his role, his departments.
    ByItsForwarder,
    /// Somebody: an operator, or its forwarder's answer to the receipt.
    ByHand,
}

/// On what evidence a mail is judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Occasion {
    /// As it comes, or because somebody wants it.
    #[default]
    Ordinary,
    /// By itself, long after it came: its number may name somebody by now whom its forwarder never meant.
    Healing,
}

/// When held mail is looked at again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Behind the first look; all other waits are multiples of it.
    pub first: Duration,
    /// Looks; then it waits for somebody.
    pub most: u32,
}

/// With a minute at first: 1, 5, 30 minutes, 2 hours, 6 hours, then daily.
const WAITS: [i32; 6] = [1, 5, 30, 120, 360, 1440];

impl Default for Schedule {
    fn default() -> Schedule {
        Schedule { first: Duration::from_secs(60), most: 14 }
    }
}

impl Schedule {
    /// When the next look is due after so many. None: there is no further one.
    pub fn due(self, tries: u32, now: Timestamp) -> Option<Timestamp> {
        let Some(last) = tries.checked_sub(1) else { return Some(now) };
        if tries >= self.most {
            return None;
        }
        let times = usize::try_from(last).ok().and_then(|last| WAITS.get(last)).unwrap_or(&WAITS[WAITS.len() - 1]);
        let wait = SignedDuration::try_from(self.first).unwrap_or(SignedDuration::MAX).saturating_mul(*times);
        now.checked_add(wait).ok()
    }
}

impl HoldReason {
    /// What mail that is held for it waits for. What is a question of trust, of the candidate or of the mail itself is for people.
    pub fn heals(self) -> Heals {
        match self {
            HoldReason::NotScanned => Heals::InTime,
            HoldReason::Unreadable | HoldReason::CrashedTwice => Heals::AfterAnUpdate,
            HoldReason::UnknownNumber => Heals::ByItsNumber,
            HoldReason::SenderUnknown | HoldReason::SenderMayNotImport | HoldReason::ForwarderMayNotSee => Heals::ByItsForwarder,
            HoldReason::NoNumber
            | HoldReason::NumberNotStrict
            | HoldReason::BadCheckDigit
            | HoldReason::ApplicationErased
            | HoldReason::SenderNotAuthenticated
            | HoldReason::SenderUnclear
            | HoldReason::NumberAndSenderDisagree
            | HoldReason::NumberUnconfirmed
            | HoldReason::AddressedElsewhere
            | HoldReason::HeaderDoubled
            | HoldReason::NotTheCandidate
            | HoldReason::TokenAndNumberDisagree
            | HoldReason::Encrypted
            | HoldReason::Automatic
            | HoldReason::Damaged => Heals::ByHand,
        }
    }

    /// On what evidence it is judged when it goes through by itself. Mail that only had to be scanned was placed when it came.
    pub fn occasion(self) -> Occasion {
        match self.heals() {
            Heals::InTime => Occasion::Ordinary,
            Heals::AfterAnUpdate | Heals::ByItsNumber | Heals::ByItsForwarder | Heals::ByHand => Occasion::Healing,
        }
    }

    /// Whether its forwarder has had no word of it: then he gets his one receipt if it is held for something else (G7).
    pub fn was_not_told(self) -> bool {
        matches!(self, HoldReason::Unreadable | HoldReason::CrashedTwice | HoldReason::SenderUnknown)
    }
}

/// Whether what was foreseen of a held mail is worth sending it through. One that would be held again stays as it is, and nobody hears
/// of it; but one of which nothing was known, or nobody told, may learn what it really lacks.
pub fn goes_through(was: HoldReason, foreseen: &Verdict) -> bool {
    match foreseen {
        Verdict::Hold(reason) => was.was_not_told() && *reason != was,
        other => matches!(other.disposition(), Disposition::Filed | Disposition::Duplicate) || was.was_not_told(),
    }
}

/// The explanation of mail that was held for an unknown number, once there is an application that has it.
pub const TURNED_UP: &str = "No application had this reference number when the mail came; one has it now. It was not filed by itself, because nothing says by address that the person who wrote the forwarded mail is that candidate: the number may have been mistyped. Compare the two, then assign it.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::EntryId;
    use crate::model::verdict::IgnoreReason;

    /// Acceptance: G6. Every reason, by name: a new one is decided about.
    #[test]
    fn what_each_reason_waits_for() {
        let expected = [
            ("not_scanned", Heals::InTime),
            ("unreadable", Heals::AfterAnUpdate),
            ("crashed_twice", Heals::AfterAnUpdate),
            ("unknown_number", Heals::ByItsNumber),
            ("sender_unknown", Heals::ByItsForwarder),
            ("sender_may_not_import", Heals::ByItsForwarder),
            ("forwarder_may_not_see", Heals::ByItsForwarder),
        ];
        for reason in HoldReason::ALL {
            let want = expected.iter().find(|(name, _)| *name == reason.as_str()).map_or(Heals::ByHand, |(_, heals)| *heals);
            assert_eq!(reason.heals(), want, "{reason:?}");
            let ordinary = reason == HoldReason::NotScanned;
            assert_eq!(reason.occasion() == Occasion::Ordinary, ordinary, "{reason:?}");
        }
        // What is a question of trust never heals.
        for reason in [HoldReason::SenderNotAuthenticated, HoldReason::AddressedElsewhere, HoldReason::HeaderDoubled] {
            assert_eq!(reason.heals(), Heals::ByHand);
        }
    }

    #[test]
    fn later_and_later() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let check = |schedule: Schedule, tries: u32, want: Option<i64>| {
            let got = schedule.due(tries, now).map(|due| due.duration_since(now).as_secs());
            assert_eq!(got, want, "{tries}");
        };
        let minute = Schedule::default();
        for (tries, minutes) in [(0, 0), (1, 1), (2, 5), (3, 30), (4, 120), (5, 360), (6, 1440), (7, 1440), (13, 1440)] {
            check(minute, tries, Some(minutes * 60));
        }
        for tries in [14, 15, u32::MAX] {
            check(minute, tries, None);
        }
        let quick = Schedule { first: Duration::from_secs(1), most: 3 };
        for (tries, want) in [(0, Some(0)), (1, Some(1)), (2, Some(5)), (3, None)] {
            check(quick, tries, want);
        }
        // A time that no clock shows.
        check(Schedule { first: Duration::MAX, most: 9 }, 6, None);
    }

    #[test]
    fn what_is_sent_through() {
        let check = |was: HoldReason, foreseen: Verdict, want: bool| assert_eq!(goes_through(was, &foreseen), want, "{was:?} {foreseen:?}");
        for was in HoldReason::ALL {
            check(was, Verdict::Duplicate(EntryId::generate()), true);
            check(was, Verdict::Hold(was), false);
        }
        check(HoldReason::UnknownNumber, Verdict::Hold(HoldReason::NumberUnconfirmed), false);
        check(HoldReason::NotScanned, Verdict::Hold(HoldReason::NumberUnconfirmed), false);
        check(HoldReason::SenderMayNotImport, Verdict::Hold(HoldReason::NoNumber), false);
        check(HoldReason::UnknownNumber, Verdict::Ignore(IgnoreReason::Postmaster), false);
        check(HoldReason::Unreadable, Verdict::Hold(HoldReason::NoNumber), true);
        check(HoldReason::Unreadable, Verdict::Ignore(IgnoreReason::Postmaster), true);
        check(HoldReason::SenderUnknown, Verdict::Hold(HoldReason::UnknownNumber), true);
    }
}
