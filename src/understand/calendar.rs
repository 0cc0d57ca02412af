//! What an iCalendar object asks for, kept for whoever answers invitations. Reads two words of it and judges nothing.
//! RFC 5545, RFC 5546, RFC 6047 §2.4.

use crate::model::part::Calendar;

/// The words stand at the top; what comes behind so many bytes is not looked at.
const LOOKED_AT: usize = 64 << 10;
/// No method or component that is known has a longer name.
const LONGEST_WORD: usize = 40;

/// Whether a part is one, by its type, its name or its content.
pub fn is_one(declared: &str, sniffed: &str, name: Option<&str>) -> bool {
    let named = || name.is_some_and(|name| name.to_lowercase().ends_with(".ics"));
    matches!(declared, "text/calendar" | "application/ics" | "text/x-vcalendar") || sniffed == "text/calendar" || named()
}

/// `method`: the parameter of Content-Type, which goes before the line in the object.
pub fn read(method: Option<&str>, bytes: &[u8]) -> Calendar {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(LOOKED_AT)]);
    // RFC 5545 §3.1: a line goes on behind a line end and a blank.
    let text = text.replace("\r\n", "\n").replace("\n ", "").replace("\n\t", "");
    let value = |line: &str, name: &str| {
        let (key, value) = line.split_once(':')?;
        key.split(';').next()?.trim().trim_start_matches('\u{feff}').eq_ignore_ascii_case(name).then(|| value.to_owned())
    };
    let line = text.lines().find_map(|line| value(line, "METHOD"));
    let begins = text.lines().filter_map(|line| value(line, "BEGIN")).filter_map(|component| word(&component));
    Calendar {
        method: method.and_then(word).or_else(|| line.as_deref().and_then(word)),
        component: begins.into_iter().find(|component| !matches!(component.as_str(), "VCALENDAR" | "VTIMEZONE")),
    }
}

/// RFC 5545 §3.1: iana-token. Anything else is no word of a calendar.
fn word(text: &str) -> Option<String> {
    let text = text.trim();
    let is_word = !text.is_empty() && text.len() <= LONGEST_WORD && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    is_word.then(|| text.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_and_components() {
        let check = |parameter: Option<&str>, body: &str, method: Option<&str>, component: Option<&str>| {
            let found = read(parameter, body.as_bytes());
            assert_eq!((found.method.as_deref(), found.component.as_deref()), (method, component), "{parameter:?} {body:?}");
        };
        let reply =
            "BEGIN:VCALENDAR\r\nMETHOD:REPLY\r\nBEGIN:VTIMEZONE\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
        check(None, reply, Some("REPLY"), Some("VEVENT"));
        check(Some("request"), reply, Some("REQUEST"), Some("VEVENT"));
        check(Some("no word"), reply, Some("REPLY"), Some("VEVENT"));
        // Folded, with parameters, in other case, with a mark in front.
        check(None, "\u{feff}begin:vcalendar\nMETH\n OD;X=1:REP\r\n\tLY\nbegin:vtodo", Some("REPLY"), Some("VTODO"));
        check(None, "BEGIN:VCALENDAR\nBEGIN:VEVENT", None, Some("VEVENT"));
        check(Some(""), "no calendar at all: METHOD", None, None);
        check(None, &format!("METHOD:{}", "X".repeat(100)), None, None);
        check(None, &format!("{}METHOD:REPLY", "X\n".repeat(LOOKED_AT)), None, None);
    }

    #[test]
    fn calendars_are_known() {
        assert!(is_one("text/calendar", "text/plain", None) && is_one("application/octet-stream", "text/plain", Some("Einladung.ICS")));
        assert!(is_one("application/octet-stream", "text/calendar", None) && !is_one("text/plain", "text/plain", Some("ics.txt")));
    }
}
