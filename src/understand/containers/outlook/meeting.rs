//! What Outlook sends instead of text/calendar: an invitation, an answer to one, or its end. RFC 5545, RFC 5546.

use super::object::{Object, tag};

/// A calendar object.
pub struct Calendar {
    /// RFC 5546 §1.4.
    pub method: &'static str,
    pub text: String,
}

/// The calendar of a meeting; none if it is none, or nobody says when it is.
pub fn calendar(object: &Object<'_>, code_page: Option<i64>) -> Option<Calendar> {
    let class = object.text(tag::MESSAGE_CLASS, code_page)?.to_ascii_lowercase();
    let method = match class.as_str() {
        "ipm.appointment" => "PUBLISH",
        // Schedule+'s name of the same, in older streams.
        class if class.starts_with("ipm.schedule.meeting.request") || class.starts_with("ipm.microsoft schedule.mtgreq") => "REQUEST",
        class if class.starts_with("ipm.schedule.meeting.canceled") || class.starts_with("ipm.microsoft schedule.mtgcncl") => "CANCEL",
        class if class.starts_with("ipm.schedule.meeting.resp") || class.starts_with("ipm.microsoft schedule.mtgresp") => "REPLY",
        _ => return None,
    };
    let start = object.time(tag::NAMED_START).or_else(|| object.time(tag::START))?;
    let end = object.time(tag::NAMED_END).or_else(|| object.time(tag::END)).filter(|&end| end >= start);
    let stamp = object.time(tag::SUBMITTED).unwrap_or(start);
    let time = |time: jiff::Timestamp| time.strftime("%Y%m%dT%H%M%SZ").to_string();
    let mut lines = vec!["BEGIN:VCALENDAR".into(), "VERSION:2.0".into(), "PRODID:-//Rohrpost//Outlook//EN".into()];
    lines.extend([
        format!("METHOD:{method}"),
        "BEGIN:VEVENT".into(),
        format!("DTSTAMP:{}", time(stamp)),
        format!("DTSTART:{}", time(start)),
    ]);
    lines.extend(end.map(|end| format!("DTEND:{}", time(end))));
    lines.extend(object.text(tag::SUBJECT, code_page).map(|subject| format!("SUMMARY:{}", escaped(&subject))));
    lines.extend(object.text(tag::LOCATION, code_page).map(|location| format!("LOCATION:{}", escaped(&location))));
    lines.extend(["END:VEVENT".into(), "END:VCALENDAR".into()]);
    Some(Calendar { method, text: lines.iter().flat_map(|line| folded(line)).collect() })
}

/// RFC 5545 §3.3.11.
fn escaped(text: &str) -> String {
    text.chars().flat_map(|c| matches!(c, '\\' | ';' | ',').then_some('\\').into_iter().chain([c])).collect()
}

/// RFC 5545 §3.1: lines of at most 75 bytes.
fn folded(line: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut rest = line;
    while !rest.is_empty() {
        let cut = rest.floor_char_boundary(if out.is_empty() { 75 } else { 74 });
        let blank = if out.is_empty() { "" } else { " " };
        let (some, more) = rest.split_at(cut);
        let end = "\r\n";
        out.push(format!("{blank}{some}{end}"));
        rest = more;
    }
    out
}
