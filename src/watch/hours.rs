//! How long it was quiet, counted in the hours in which somebody could have written.

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

/// Which days count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Counts {
    /// Monday to Friday: a weekend's silence is none.
    #[default]
    WorkingDays,
    AllDays,
}

/// Longer than this is long enough whatever was between; it bounds the counting.
const LONGEST: SignedDuration = SignedDuration::from_hours(24 * 400);

/// The time from one moment to another that lies on days which count, in that zone.
pub fn counted(from: Timestamp, to: Timestamp, zone: &TimeZone, counts: Counts) -> SignedDuration {
    let whole = to.duration_since(from);
    if counts == Counts::AllDays || whole > LONGEST || !whole.is_positive() {
        return whole.max(SignedDuration::ZERO);
    }
    let mut sum = SignedDuration::ZERO;
    let mut at = from;
    while at < to {
        let here = at.to_zoned(zone.clone());
        // A day's length is the zone's business: 23 or 25 hours twice a year.
        let next = here.tomorrow().and_then(|next| next.start_of_day()).map(|next| next.timestamp()).unwrap_or(to);
        let end = next.min(to).max(at.checked_add(1.second()).unwrap_or(to));
        if !matches!(here.weekday(), Weekday::Saturday | Weekday::Sunday) {
            sum += end.min(to).duration_since(at);
        }
        at = end;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_days_that_count() {
        let check = |zone: &str, from: &str, to: &str, working: i64, all: i64| {
            let (from, to, tz) = (from.parse().unwrap(), to.parse().unwrap(), TimeZone::get(zone).unwrap());
            assert_eq!(counted(from, to, &tz, Counts::WorkingDays).as_mins(), working * 60, "{zone} {from} {to}");
            assert_eq!(counted(from, to, &tz, Counts::AllDays).as_mins(), all * 60, "{zone} {from} {to}");
        };
        // 2026-11-20 is a Friday.
        check("UTC", "2026-11-20T12:00:00Z", "2026-11-20T15:00:00Z", 3, 3);
        check("UTC", "2026-11-20T12:00:00Z", "2026-11-23T12:00:00Z", 24, 72);
        check("UTC", "2026-11-21T00:00:00Z", "2026-11-22T23:00:00Z", 0, 47);
        check("UTC", "2026-11-16T00:00:00Z", "2026-11-30T00:00:00Z", 240, 336);
        // Friday 23:30 in UTC is Saturday in Berlin, and still Friday in New York.
        check("Europe/Berlin", "2026-11-20T23:00:00Z", "2026-11-21T05:00:00Z", 0, 6);
        check("America/New_York", "2026-11-20T23:00:00Z", "2026-11-21T05:00:00Z", 6, 6);
        // The night in which clocks go back lies on a Sunday; the day before and after are whole.
        check("Europe/Berlin", "2026-10-23T22:00:00Z", "2026-10-26T23:00:00Z", 24, 73);
        check("UTC", "2026-11-20T12:00:00Z", "2026-11-20T12:00:00Z", 0, 0);
        check("UTC", "2026-11-20T12:00:00Z", "2026-11-20T11:00:00Z", 0, 0);
        // Years cost no more than a glance.
        check("UTC", "2000-01-01T00:00:00Z", "2026-01-01T00:00:00Z", 227_928, 227_928);
    }
}
