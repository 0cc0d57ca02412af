//! What administrators are told once a day: when it is due, and what it is about.

use super::id::ArrivalId;
use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

/// When a tenant's digest goes out, in its own time zone, if nothing else is set.
pub const DEFAULT_AT: Time = Time::constant(7, 0, 0, 0);
/// What stands for no digest where a time would stand.
pub const OFF: &str = "off";

/// The day whose digest may go out at this moment: today, once its hour has come. An hour that the change to summer time leaves out
/// comes that much later; one that there is twice counts when it comes first.
pub fn due(now: Timestamp, zone: &TimeZone, at: Time) -> Option<Date> {
    let today = now.to_zoned(zone.clone()).date();
    let hour = zone.to_ambiguous_zoned(today.to_datetime(at)).compatible().ok()?.timestamp();
    (now >= hour).then_some(today)
}

/// What is neither a time of day nor `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("neither a time of day, as in 07:00, nor off")]
pub struct NoTime;

/// A time of day as tenants write it, `07:00`; or `off`, which is none.
pub fn parse_at(text: &str) -> Result<Option<Time>, NoTime> {
    if text == OFF {
        return Ok(None);
    }
    let (hour, minute) = text.split_once(':').ok_or(NoTime)?;
    let number = |text: &str| match text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        true => text.parse::<i8>().map_err(|_| NoTime),
        false => Err(NoTime),
    };
    Time::new(number(hour)?, number(minute)?, 0, 0).map(Some).map_err(|_| NoTime)
}

/// As it is written down.
pub fn written_at(at: Option<Time>) -> String {
    at.map_or_else(|| OFF.to_owned(), |at| at.strftime("%H:%M").to_string())
}

/// What waits in a tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    pub mails: u64,
    pub oldest: Option<Timestamp>,
    /// Reasons as they are recorded, and how many mails each holds; the most frequent first.
    pub reasons: Vec<(String, u64)>,
    /// Some of the mails: those of which no digest has spoken yet stand first.
    pub named: Vec<Waits>,
}

/// A mail that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waits {
    pub id: ArrivalId,
    pub at: Timestamp,
    pub reason: String,
    /// Whose word it is: sender and subject of a mail that nobody vouches for are passed on to nobody.
    pub vouched: Option<Words>,
}

/// What a mail says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    pub from: String,
    pub subject: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_that_is_due() {
        let check = |zone: &str, at: &str, now: &str, want: Option<&str>| {
            let (zone, at) = (TimeZone::get(zone).unwrap(), parse_at(at).unwrap().unwrap());
            let found = due(now.parse().unwrap(), &zone, at).map(|day| day.to_string());
            assert_eq!(found.as_deref(), want, "{at} {now}");
        };
        check("Europe/Berlin", "07:00", "2026-11-22T05:59:59Z", None);
        check("Europe/Berlin", "07:00", "2026-11-22T06:00:00Z", Some("2026-11-22"));
        check("Europe/Berlin", "07:00", "2026-11-22T22:59:59Z", Some("2026-11-22"));
        check("Europe/Berlin", "07:00", "2026-11-22T23:00:00Z", None);
        check("Europe/Berlin", "00:00", "2026-11-22T23:00:00Z", Some("2026-11-23"));
        check("Pacific/Auckland", "07:00", "2026-11-22T18:00:00Z", Some("2026-11-23"));
        // Summer time begins at 02:00, which is 03:00 then: half past two is half past three.
        check("Europe/Berlin", "02:30", "2026-03-29T01:29:59Z", None);
        check("Europe/Berlin", "02:30", "2026-03-29T01:30:00Z", Some("2026-03-29"));
        // It ends at 03:00, which is 02:00 then: half past two comes twice, and counts at first.
        check("Europe/Berlin", "02:30", "2026-10-25T00:29:59Z", None);
        check("Europe/Berlin", "02:30", "2026-10-25T00:30:00Z", Some("2026-10-25"));
        check("Europe/Berlin", "02:30", "2026-10-25T01:30:00Z", Some("2026-10-25"));
    }

    #[test]
    fn times_of_day() {
        for good in ["07:00", "00:00", "23:59", "off"] {
            assert_eq!(parse_at(good).map(written_at).as_deref(), Ok(good));
        }
        for bad in ["", "7:00", "24:00", "07:60", "07", "07:0", "0700", "-1:00", "+7:00", "Off", "07:00:00", "07:00 "] {
            assert_eq!(parse_at(bad), Err(NoTime), "{bad}");
        }
        assert_eq!(written_at(Some(DEFAULT_AT)), "07:00");
    }
}
