//! Dates as mail programs write them into the text of a forward: any order, any month name of the tables, any zone name.

use super::words::{Languages, WORDS};
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;
use regex::Regex;
use std::sync::LazyLock;

/// Longest date looked at, in bytes.
const LONGEST: usize = 200;

/// ISO 8601: with offset where the text names a zone, without where it does not, the date alone where there is no time.
/// `languages`: those of the words around it, for names that mean two months.
pub fn read(text: &str, languages: Languages) -> Option<String> {
    find(text, languages).map(|found| found.iso)
}

/// A date in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub iso: String,
    /// Where date, time and zone stand together, in bytes.
    pub start: usize,
    pub end: usize,
}

/// The first date of the text, with its time and zone.
pub fn find(text: &str, languages: Languages) -> Option<Found> {
    let text = &text[..text.floor_char_boundary(LONGEST)];
    // `09.26.50` behind a written date is its time.
    let found = year_first(text).or_else(|| day_first(&YEAR_LAST, text)).or_else(|| written_date(text, languages));
    let (date, from, to) = found.or_else(|| day_first(&SHORT_YEAR, text))?;
    let Some((time, start, end)) = time(text, to) else {
        return Some(Found { iso: date.to_string(), start: from, end: to });
    };
    let moment = DateTime::from_parts(date, time);
    let (start, end) = (start.min(from), end.max(to));
    let Some((offset, zone_end)) = zone(text, end) else { return Some(Found { iso: moment.to_string(), start, end }) };
    let instant = offset.to_timestamp(moment).ok()?;
    Some(Found { iso: instant.display_with_offset(offset).to_string(), start, end: zone_end })
}

static YEAR_FIRST: LazyLock<Regex> = LazyLock::new(|| regex(r"\b((?:19|20)\d\d)[-/.]\s?(\d{1,2})[-/.]\s?(\d{1,2})(?:\b|T)"));
static YEAR_LAST: LazyLock<Regex> = LazyLock::new(|| regex(r"\b(\d{1,2})([-/.])\s?(\d{1,2})[-/.]\s?((?:19|20)\d\d)\b"));
static SHORT_YEAR: LazyLock<Regex> = LazyLock::new(|| regex(r"\b(\d{1,2})([-/.])\s?(\d{1,2})[-/.]\s?(\d\d)\b"));
static AFTERNOON: LazyLock<Regex> = LazyLock::new(|| regex(r"(?i)\d\s*[ap]\.?m\b"));
static CLOCK: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?i)(?:\b|\dT)(\d{1,2}):(\d{2})(?::(\d{2}))?(?:\.\d+)?(?:[\s\u{a0}\u{202f}]*([ap])\.?\s?m\b\.?)?"));
/// `18.02`, `18.02.11`, `18h02`: only where a time may stand.
static DOTTED_CLOCK: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?i)(?:^|[\s,\u{202f}])(\d{1,2})(?:[.h]|\s?h\s?)(\d{2})(?:[.](\d{2}))?()(?:\D|$)"));
static NUMERIC_ZONE: LazyLock<Regex> = LazyLock::new(|| regex(r"(?i)(?:^|[\s(])(?:utc|gmt)?\s?([+\u{2212}-])(\d{1,2}):?(\d{2})?(?:\D|$)"));
static WORD: LazyLock<Regex> = LazyLock::new(|| regex(r"\p{L}[\p{L}\p{M}]*"));
static NUMBER: LazyLock<Regex> = LazyLock::new(|| regex(r"\d+"));

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a constant pattern that a test uses")
}

/// `2026-11-20`, also before a `T`; the date, and where it begins and ends.
fn year_first(text: &str) -> Option<(Date, usize, usize)> {
    let found = YEAR_FIRST.captures(text)?;
    let date = Date::new(found[1].parse().ok()?, found[2].parse().ok()?, found[3].parse().ok()?).ok()?;
    Some((date, found.get(1)?.start(), found.get(3)?.end()))
}

/// `20.11.2026`, `20/11/26`, `11/20/2026 6:02 PM`.
fn day_first(pattern: &Regex, text: &str) -> Option<(Date, usize, usize)> {
    let found = pattern.captures(text)?;
    let whole = found.get(0)?;
    let (first, second): (i8, i8) = (found[1].parse().ok()?, found[3].parse().ok()?);
    let year: i16 = found[4].parse().ok()?;
    let year = if year < 100 { 2000 + year } else { year };
    // Only Americans write slashes and AM or PM; they put the month first.
    let month_first = second > 12 || &found[2] == "/" && first <= 12 && AFTERNOON.is_match(text);
    let (day, month) = if month_first { (second, first) } else { (first, second) };
    Some((Date::new(year, month, day).ok()?, whole.start(), whole.end()))
}

/// A number in the text.
struct Number {
    value: i16,
    start: usize,
    end: usize,
}

/// `20. November 2026`, `Nov 20, 2026`, `den 20 november 2026`, `2026. nov. 20.`
fn written_date(text: &str, languages: Languages) -> Option<(Date, usize, usize)> {
    let number = |found: regex::Match<'_>| Some(Number { value: found.as_str().parse().ok()?, start: found.start(), end: found.end() });
    let numbers: Vec<Number> = NUMBER.find_iter(text).filter_map(number).collect();
    let is_year = |number: &&Number| (1970..=2199).contains(&number.value);
    let year = numbers.iter().find(is_year)?;
    let words = WORD.find_iter(text).filter_map(|word| Some((WORDS.month(&word.as_str().to_lowercase(), languages)?, word)));
    let words: Vec<(i8, regex::Match<'_>)> = words.collect();
    // `mar. 26 oct. 2021`: the day of the week may be the short name of a month. The month is the one next to the year.
    let before_year = words.iter().rfind(|(_, word)| word.end() <= year.start);
    let (month, word) = before_year.or_else(|| words.iter().find(|(_, word)| word.start() >= year.end))?;
    let is_day = |number: &&Number| (1..=31).contains(&number.value);
    // `20. November`, `20 de noviembre`; `6:02 PM, Nov 20` has another number before the month.
    let is_next = |number: &&Number| {
        let between = text[number.end..word.start()].trim_matches(|c: char| c.is_whitespace() || matches!(c, '.' | 'º'));
        matches!(between, "" | "de" | "th" | "st" | "nd" | "rd" | "-" | "/" | "er")
    };
    let before = numbers.iter().rfind(|number| number.end <= word.start()).filter(is_next);
    let after = numbers.iter().find(|number| number.start >= word.end());
    let day = before.filter(is_day).or(after.filter(is_day))?;
    let date = Date::new(year.value, *month, i8::try_from(day.value).ok()?).ok()?;
    Some((date, word.start().min(day.start).min(year.start), word.end().max(day.end).max(year.end)))
}

/// The time of day, and where it begins and ends. One with dots is looked for behind the date alone.
fn time(text: &str, behind: usize) -> Option<(Time, usize, usize)> {
    let (found, offset) = match CLOCK.captures(text) {
        Some(found) => (found, 0),
        None => (DOTTED_CLOCK.captures(&text[behind..])?, behind),
    };
    let part = |group: usize| found.get(group).map_or(Some(0), |part| part.as_str().parse::<i8>().ok());
    let hour = part(1)?;
    let half = match found.get(4).filter(|half| !half.is_empty()) {
        Some(half) => Some(half.as_str().eq_ignore_ascii_case("p")),
        None => found.get(3).or(found.get(2)).and_then(|last| half_of_day(&text[offset + last.end()..])),
    };
    let hour = match half {
        Some(true) if hour < 12 => hour + 12,
        Some(false) if hour == 12 => 0,
        _ => hour,
    };
    let time = Time::new(hour, part(2)?, part(3)?, 0).ok()?;
    let is_dotted = offset > 0;
    // The pattern of a dotted time takes one character more.
    let end = if is_dotted { found.get(3).or(found.get(2))?.end() } else { found.get(0)?.end() };
    Some((time, offset + found.get(1)?.start(), offset + end))
}

/// Whether the word right behind a time means the afternoon (`6:02 em`).
fn half_of_day(behind: &str) -> Option<bool> {
    let word = WORD.find(behind).filter(|word| behind[..word.start()].chars().all(char::is_whitespace))?;
    WORDS.halves.get(&word.as_str().to_lowercase()).copied()
}

/// The zone behind the time: `+0100`, `GMT+1`, `(MEZ)`; and where it ends.
fn zone(text: &str, behind: usize) -> Option<(Offset, usize)> {
    let rest = &text[behind..];
    if let Some(found) = NUMERIC_ZONE.captures(rest) {
        let hours: i32 = found[2].parse().ok()?;
        let minutes: i32 = found.get(3).map_or(Some(0), |part| part.as_str().parse().ok())?;
        let seconds = (hours * 60 + minutes) * 60;
        let end = found.get(3).or(found.get(2))?.end();
        return Some((Offset::from_seconds(if &found[1] == "+" { seconds } else { -seconds }).ok()?, behind + end));
    }
    // It stands right behind the time: a capital further on (`18:02, "Anna Z" <z@x>`) is somebody's.
    let mut words = WORD.find_iter(rest).skip_while(|word| matches!(word.as_str(), "Uhr" | "h" | "hod"));
    let found = words.next().filter(|found| !rest[..found.start()].contains([',', '"', '<', ';']))?;
    let is_whole = !rest[found.end()..].starts_with(['-', '\'', '’']);
    // Zone names are written in capitals; `est` is French for "is".
    let is_capital = found.as_str().to_uppercase() == found.as_str();
    let minutes = (is_whole && is_capital).then(|| WORDS.zones.get(&found.as_str().to_lowercase())).flatten()?;
    let end = found.end();
    Some((Offset::from_seconds(minutes * 60).ok()?, behind + end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_forms() {
        let check = |text: &str, want: &str| assert_eq!(read(text, Languages::ALL).as_deref(), Some(want), "{text}");
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
        check("fredag, november 20, 2026 6:02:11 em", "2026-11-20T18:02:11");
        check("2026-11-20 12:02 fm", "2026-11-20T00:02:00");
        check("2026-11-20T18:02:11+0100", "2026-11-20T18:02:11+01:00");
        check("26. lokakuuta 2021 klo 14.25.08 UTC+3", "2021-10-26T14:25:08+03:00");
        check("26. Oktober 2021 um 14:25:08 OESZ", "2021-10-26T14:25:08+03:00");
        check("mar. 26 oct. 2021 à 09:31", "2021-10-26T09:31:00");
        check("úterý 2. listopadu 2021 09:26:50 SEČ", "2021-11-02T09:26:50+01:00");
        check("tirsdag den 2. november 2021 09.26.50 CET", "2021-11-02T09:26:50+01:00");
        check("2021. okt. 27., Sze 9:31", "2021-10-27T09:31:00");
        check("четверг, 28 октября 2021 г. в 12:46", "2021-10-28T12:46:00");
        check("st 27. 10. 2021 v 9:31", "2021-10-27T09:31:00");
        check("28/10/2021 12.46", "2021-10-28T12:46:00");
        check("26 Ekim 2021 14:25:08 GMT+3", "2021-10-26T14:25:08+03:00");
        check("6:02 PM, Nov 20, 2026", "2026-11-20T18:02:00");
        check("20 nov 2026 6:02 p. m.", "2026-11-20T18:02:00");
        check("le 20 novembre 2026 à 18 h 02", "2026-11-20T18:02:00");
        check("20. November 2026 um 18:02 Uhr MEZ", "2026-11-20T18:02:00+01:00");
        check("On 20/11/2026, 18:02, \"Anna Z\" <z@e.example> wrote", "2026-11-20T18:02:00");
        check("On 20/11/2026 18:02 Z-Anna wrote", "2026-11-20T18:02:00");
    }

    #[test]
    fn where_a_date_stands() {
        let check = |text: &str, want: &str| {
            let found = find(text, Languages::ALL).unwrap();
            assert_eq!(&text[found.start..found.end], want, "{text}");
        };
        check("Am 28/10/2021, 12:46 schrieb Maria", "28/10/2021, 12:46");
        check("Maria skrev den 20 november 2026 18.02", "20 november 2026 18.02");
        check("On Fri, 20 Nov 2026 at 6:02 PM Maria wrote", "20 Nov 2026 at 6:02 PM");
        check("20 Nov 2026 18:02 (MEZ), Maria", "20 Nov 2026 18:02 (MEZ");
    }

    #[test]
    fn no_dates() {
        for text in ["", "gestern", "32.11.2026", "20. Brumaire 2026", "18:02", "Mai", "Mai 2026"] {
            assert_eq!(read(text, Languages::ALL), None, "{text}");
        }
    }
}
