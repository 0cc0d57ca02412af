//! Every part of a mail in words: what it is, what became of it, and why.

use crate::cli::show;
use crate::display::mail::Part;
use crate::model::id::DocumentId;
use crate::model::message::PartRole;
use crate::model::part::PartReason;
use serde_json::Value;

/// A line for each part that an entry's body names. Files bear the names that they are filed under, so they are named again only where
/// there is something to say, and not if `listed` has their documents. Another form of the text that is shown is no loss: it is not named.
pub fn lines(body: &Value, listed: &[DocumentId]) -> Vec<String> {
    let is_listed = |part: &&Value| part["document"].as_str().is_some_and(|id| listed.iter().any(|one| one.to_string() == id));
    let is_plain = |part: &&Value| part["role"] == PartRole::File.as_str() && notes(part).is_empty();
    let named = parts(body).iter().filter(|part| !is_listed(part) && !is_plain(part));
    named.filter_map(|part| line(part, "about", &notes(part))).collect()
}

/// What there is to say of a document beside its name and size.
pub fn beside(body: &Value, document: DocumentId) -> String {
    let part = parts(body).iter().find(|part| part["document"].as_str().is_some_and(|id| id == document.to_string()));
    part.map(notes).unwrap_or_default().iter().map(|note| format!("; {note}")).collect()
}

/// A line for each part, files too: of a mail that has no documents yet.
pub fn all(rows: &[Value]) -> Vec<String> {
    let line = |part: &Value| {
        let mut notes = notes(part);
        if part["role"] == PartRole::File.as_str() {
            notes.insert(0, format!("{}, {} bytes", show::clean(part["kind"].as_str().unwrap_or("other")), part["size"]));
        }
        line(part, "file", &notes)
    };
    rows.iter().filter_map(line).collect()
}

/// Every part for the page.
pub fn of_page(rows: &[Value]) -> Vec<Part> {
    let text = |part: &Value, key: &str| part[key].as_str().unwrap_or_default().to_owned();
    let of_page = |part: &Value| Part {
        whose: match part["of"].as_u64() {
            Some(0) | None => "this mail".to_owned(),
            Some(of) => format!("mail {of} inside"),
        },
        name: text(part, "name"),
        became: label(part, "filed").unwrap_or("another form").to_owned(),
        notes: notes(part).join("; "),
        kind: text(part, "kind").replace('_', " "),
        media_type: text(part, "media_type"),
        declared_type: text(part, "declared_type"),
        size: part["size"].to_string(),
    };
    rows.iter().map(of_page).collect()
}

fn parts(body: &Value) -> &[Value] {
    body["parts"].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn line(part: &Value, file: &str, notes: &[String]) -> Option<String> {
    let name = part["name"].as_str().map_or_else(|| format!("without a name, {}", show::clean(declared(part))), show::clean);
    Some(format!("  {:<12}  {name}  ({})", label(part, file)?, notes.join("; ")))
}

/// What became of it, in a word or two; none for another form of the text that is shown.
fn label<'a>(part: &Value, file: &'a str) -> Option<&'a str> {
    let reason = part["reason"].as_str().and_then(PartReason::parse);
    match (part["role"].as_str()?, reason) {
        (_, Some(PartReason::OtherForm)) => None,
        ("file", _) => Some(file),
        ("inline", _) => Some("in the text"),
        ("signature", _) => Some("signature"),
        (_, Some(PartReason::Unpacked)) => Some("opened"),
        _ => Some("not filed"),
    }
}

fn declared(part: &Value) -> &str {
    part["media_type"].as_str().unwrap_or("unknown")
}

/// Why it has its role, and what was seen in it.
fn notes(part: &Value) -> Vec<String> {
    let meeting = part["calendar"].is_object().then(|| calendar(&part["calendar"]));
    let reason = part["reason"].as_str().filter(|reason| meeting.is_none() || PartReason::parse(reason) != Some(PartReason::Calendar));
    let mut notes: Vec<String> = reason.map(|reason| why(reason, part)).into_iter().collect();
    if part["size"] == 0 {
        notes.push("empty: there is nothing in it".into());
    }
    if part["locked"] == true {
        notes.push("encrypted: a password may be needed".into());
    }
    notes.extend(meeting);
    if let Some(files) = part["inside"].as_array() {
        let names: Vec<String> = files.iter().map(|file| show::clean(file["name"].as_str().unwrap_or("?"))).collect();
        let more = part["inside_left_out"].as_u64().map(|more| format!(" and {more} more")).unwrap_or_default();
        notes.push(format!("{} inside: {}{more}", show::counted(names.len(), "file"), names.join(", ")).trim_end_matches(": ").to_owned());
    }
    notes
}

/// What a calendar object means to who gets it. RFC 5546.
fn calendar(object: &Value) -> String {
    let words = match (object["method"].as_str(), object["component"].as_str()) {
        (Some("REQUEST"), Some("VEVENT")) => "invitation to a meeting",
        (Some("REPLY"), Some("VEVENT")) => "answer to an invitation to a meeting",
        (Some("CANCEL"), Some("VEVENT")) => "a meeting is called off",
        (Some("COUNTER"), Some("VEVENT")) => "another time is proposed for a meeting",
        (None | Some("PUBLISH"), Some("VEVENT")) => "a date for the calendar",
        (method, component) => {
            let words: Vec<String> = [method, component].into_iter().flatten().map(show::clean).collect();
            return format!("calendar {}", words.join(" ")).trim_end().to_owned();
        }
    };
    words.to_owned()
}

fn why(reason: &str, part: &Value) -> String {
    let words = match PartReason::parse(reason) {
        Some(PartReason::Unpacked) => "what was in it is listed by itself",
        Some(PartReason::DigitalSignature) => "digital signature",
        Some(PartReason::KeptUnopened) => "kept unopened: nested too deep, or among too many parts",
        Some(PartReason::PartOfReport) => "part of a delivery report",
        Some(PartReason::TypeRefused) => "files of this type are not taken",
        Some(PartReason::Disguised) => "is a program under another name",
        Some(PartReason::Infected) => {
            return format!("the virus scanner found {}", show::clean(part["found"].as_str().unwrap_or("something")));
        }
        Some(PartReason::NotScanned) => "the virus scanner does not look into it",
        Some(PartReason::ShownInText) => "an image of the text",
        Some(PartReason::BelongsToText) => "an image beside the text",
        Some(PartReason::OtherForm) => "another form of the text that is shown",
        Some(PartReason::CutOff) => "text of which the rest is not shown",
        Some(PartReason::Calendar) => "calendar form of the text",
        Some(PartReason::SignatureLogo) => "logo of a signature",
        Some(PartReason::SocialIcon) => "icon of a social network",
        Some(PartReason::Tracker) => "an image that nobody can see",
        Some(PartReason::Repeated) => "its writer sends it with mail after mail",
        // Of a later version.
        None => return show::clean(reason),
    };
    words.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn parts_in_words() {
        let check = |part: Value, want: Option<&str>| {
            let found = lines(&json!({"parts": [part]}), &[]);
            assert_eq!(found.first().map(String::as_str), want);
        };
        check(json!({"name": "cv.pdf", "role": "file", "reason": null}), None);
        check(
            json!({"name": "cv.pdf", "role": "file", "reason": null, "locked": true}),
            Some("  about         cv.pdf  (encrypted: a password may be needed)"),
        );
        check(
            json!({"name": "x.zip", "role": "file", "reason": null, "inside": [{"name": "a\u{202e}.pdf", "size": 1}], "inside_left_out": 3}),
            Some("  about         x.zip  (1 file inside: a.pdf and 3 more)"),
        );
        check(
            json!({"name": null, "media_type": "text/calendar", "role": "inline", "reason": "calendar", "calendar": {"method": "REQUEST", "component": "VEVENT"}}),
            Some("  in the text   without a name, text/calendar  (invitation to a meeting)"),
        );
        check(json!({"name": "x.png", "role": "signature", "reason": "logo"}), Some("  signature     x.png  (logo of a signature)"));
        check(
            json!({"name": "x.exe", "role": "skipped", "reason": "infected", "found": "Eicar"}),
            Some("  not filed     x.exe  (the virus scanner found Eicar)"),
        );
        check(
            json!({"name": "a.ics", "role": "file", "reason": null, "calendar": {"method": "POLLSTATUS", "component": null}}),
            Some("  about         a.ics  (calendar POLLSTATUS)"),
        );
        check(json!({"name": "leer.pdf", "role": "file", "size": 0}), Some("  about         leer.pdf  (empty: there is nothing in it)"));
        check(
            json!({"name": "Zeugnis.pdf", "role": "skipped", "reason": "disguised"}),
            Some("  not filed     Zeugnis.pdf  (is a program under another name)"),
        );
        check(
            json!({"name": "winmail.dat", "role": "skipped", "reason": "unpacked"}),
            Some("  opened        winmail.dat  (what was in it is listed by itself)"),
        );
        // Nothing is lost that somebody would look for.
        check(json!({"name": null, "media_type": "text/html", "role": "skipped", "reason": "other form of the text"}), None);
        check(json!({"name": "x", "role": "skipped", "reason": "of tomorrow"}), Some("  not filed     x  (of tomorrow)"));
        for reason in PartReason::ALL {
            assert!(!why(reason.as_str(), &json!({})).contains('_'), "{reason:?}");
        }
    }

    /// What is to be said of a document stands beside it, by its id: names may be the same.
    #[test]
    fn beside_documents() {
        let ids: [DocumentId; 2] = ["01JDF7Q3000000000000000000", "01JDF7Q3000000000000000001"].map(|id| id.parse().unwrap());
        let part =
            |id: DocumentId, locked: bool| json!({"name": "cv.pdf", "role": "file", "reason": null, "document": id, "locked": locked});
        let body = json!({"parts": [part(ids[0], false), part(ids[1], true)]});
        assert_eq!((beside(&body, ids[0]).as_str(), beside(&body, ids[1]).as_str()), ("", "; encrypted: a password may be needed"));
        assert_eq!((lines(&body, &ids).len(), lines(&body, &[]).len()), (0, 1));
    }
}
