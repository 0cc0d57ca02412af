//! Dates as mail programs write them into the text of a forward: any order, any month name of the tables, any zone name.

use super::words::WORDS;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;
use regex::Regex;
use std::sync::LazyLock;

/// Longest date looked at, in bytes.
const LONGEST: usize = 200;

/// ISO 8601: with offset where the text names a zone, without where it does not, the date alone where there is no time.
pub fn read(text: &str) -> Option<String> {
    let text: String = text.chars().take(LONGEST).collect();
    let date = numeric_date(&text).or_else(|| written_date(&text))?;
    let Some((time, behind)) = time(&text) else { return Some(date.to_string()) };
    let moment = DateTime::from_parts(date, time);
    match zone(&text[behind..]) {
        Some(offset) => {
            let instant = offset.to_timestamp(moment).ok()?;
            Some(instant.display_with_offset(offset).to_string())
        }
        None => Some(moment.to_string()),
    }
}

static YEAR_FIRST: LazyLock<Regex> = LazyLock::new(|| regex(r"\b((?:19|20)\d\d)[-/.]\s?(\d{1,2})[-/.]\s?(\d{1,2})\b"));
static YEAR_LAST: LazyLock<Regex> = LazyLock::new(|| regex(r"\b(\d{1,2})([-/.])\s?(\d{1,2})[-/.]\s?((?:19|20)\d\d|\d\d)\b"));
static AFTERNOON: LazyLock<Regex> = LazyLock::new(|| regex(r"(?i)\d\s*[ap]\.?m\b"));
static CLOCK: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?i)\b(\d{1,2}):(\d{2})(?::(\d{2}))?(?:\.\d+)?(?:[\s\u{a0}\u{202f}]*([ap])\.?m\b\.?)?"));
static DOTTED_CLOCK: LazyLock<Regex> = LazyLock::new(|| regex(r"(?i)(?:um|kl\.?|at|,)\s*(\d{1,2})[.h](\d{2})(?:[.](\d{2}))?()\b"));
static NUMERIC_ZONE: LazyLock<Regex> = LazyLock::new(|| regex(r"(?i)(?:^|[\s(])(?:utc|gmt)?\s?([+\u{2212}-])(\d{1,2}):?(\d{2})?(?:\D|$)"));
static WORD: LazyLock<Regex> = LazyLock::new(|| regex(r"\p{L}[\p{L}\p{M}]*"));
static NUMBER: LazyLock<Regex> = LazyLock::new(|| regex(r"\d+"));

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a constant pattern that a test uses")
}

fn numeric_date(text: &str) -> Option<Date> {
    if let Some(found) = YEAR_FIRST.captures(text) {
        return Date::new(found[1].parse().ok()?, found[2].parse().ok()?, found[3].parse().ok()?).ok();
    }
    let found = YEAR_LAST.captures(text)?;
    let (first, second): (i8, i8) = (found[1].parse().ok()?, found[3].parse().ok()?);
    let year: i16 = found[4].parse().ok()?;
    let year = if year < 100 { 2000 + year } else { year };
    // Only Americans write slashes and AM or PM; they put the month first.
    let month_first = second > 12 || &found[2] == "/" && first <= 12 && AFTERNOON.is_match(text);
    let (day, month) = if month_first { (second, first) } else { (first, second) };
    Date::new(year, month, day).ok()
}

/// `20. November 2026`, `Nov 20, 2026`, `den 20 november 2026`.
fn written_date(text: &str) -> Option<Date> {
    let (month, at) = WORD.find_iter(text).find_map(|word| WORDS.months.get(&word.as_str().to_lowercase()).map(|&month| (month, word)))?;
    let number = |found: regex::Match<'_>| found.as_str().parse::<i16>().ok();
    let before = NUMBER.find_iter(&text[..at.start()]).last().and_then(number);
    let mut after = NUMBER.find_iter(&text[at.end()..]).filter_map(number);
    let (day, year) = match before.filter(|day| (1..=31).contains(day)) {
        Some(day) => (day, after.find(|year| (1970..=2199).contains(year))?),
        None => (after.next()?, after.find(|year| (1970..=2199).contains(year))?),
    };
    Date::new(year, month, i8::try_from(day).ok()?).ok()
}

/// The time of day, and where the text behind it begins.
fn time(text: &str) -> Option<(Time, usize)> {
    let found = CLOCK.captures(text).or_else(|| DOTTED_CLOCK.captures(text))?;
    let part = |group: usize| found.get(group).map_or(Some(0), |part| part.as_str().parse::<i8>().ok());
    let hour = part(1)?;
    let hour = match found.get(4).map(|half| half.as_str().to_ascii_lowercase()).as_deref() {
        Some("p") if hour < 12 => hour + 12,
        Some("a") if hour == 12 => 0,
        _ => hour,
    };
    let time = Time::new(hour, part(2)?, part(3)?, 0).ok()?;
    Some((time, found.get(0)?.end()))
}

/// The zone behind the time: `+0100`, `GMT+1`, `(MEZ)`.
fn zone(text: &str) -> Option<Offset> {
    if let Some(found) = NUMERIC_ZONE.captures(text) {
        let hours: i32 = found[2].parse().ok()?;
        let minutes: i32 = found.get(3).map_or(Some(0), |part| part.as_str().parse().ok())?;
        let seconds = (hours * 60 + minutes) * 60;
        return Offset::from_seconds(if &found[1] == "+" { seconds } else { -seconds }).ok();
    }
    let minutes = WORD.find_iter(text).find_map(|word| {
        let word = word.as_str();
        // Zone names are written in capitals; `est` is French for "is".
        (word.to_uppercase() == word).then(|| WORDS.zones.get(&word.to_lowercase())).flatten()
    })?;
    Offset::from_seconds(minutes * 60).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_forms() {
        let check = |text: &str, want: &str| assert_eq!(read(text).as_deref(), Some(want), "{text}");
        check("Freitag, 20. November 2026 18:02", "2026-11-20T18:02:00");
        check("20. November 2026 um 18:02:11 MEZ", "2026-11-20T18:02:11+01:00");
        check("Fr., 20. Nov. 2026 um 18:02 Uhr", "2026-11-20T18:02:00");
        check("Friday, November 20, 2026 6:02 PM", "2026-11-20T18:02:00");
        check("Fri, Nov 20, 2026 at 12:02 AM", "2026-11-20T00:02:00");
        check("Fri, 20 Nov 2026 18:02:11 +0100", "2026-11-20T18:02:11+01:00");
        check("20.11.2026 18:02", "2026-11-20T18:02:00");
        check("20.11.26, 18:02", "2026-11-20T18:02:00");
        check("11/20/2026 6:02 PM", "2026-11-20T18:02:00");
        check("20/11/2026 18:02", "2026-11-20T18:02:00");
        check("2026-11-20 18:02:11 GMT+1", "2026-11-20T18:02:11+01:00");
        check("den 20 november 2026 kl. 18.02", "2026-11-20T18:02:00");
        check("November 20, 2026 at 6:02:11\u{202f}PM GMT+1", "2026-11-20T18:02:11+01:00");
        check("Tue, 1 Mar 2022 09:05 -0530", "2022-03-01T09:05:00-05:30");
        check("20. März 2026", "2026-03-20");
    }

    #[test]
    fn no_dates() {
        for text in ["", "gestern", "32.11.2026", "20. Brumaire 2026", "18:02", "Mai", "Mai 2026"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
