//! Every part of a mail in words: what it is, what became of it, and why.

use crate::cli::show;
use crate::model::part::PartReason;
use serde_json::Value;

/// A line for each part that an entry's body names; files bear the names that they are filed under, so they are named again only where
/// there is something to say.
pub fn lines(body: &Value) -> Vec<String> {
    let parts = body["parts"].as_array().map(Vec::as_slice).unwrap_or_default();
    parts.iter().filter_map(line).collect()
}

fn line(part: &Value) -> Option<String> {
    let name = part["name"].as_str().map_or_else(|| format!("without a name, {}", show::clean(declared(part))), show::clean);
    let notes = notes(part);
    let label = match part["role"].as_str()? {
        "file" if notes.is_empty() => return None,
        "file" => "about",
        "inline" => "in the text",
        "signature" => "signature",
        _ => "not filed",
    };
    Some(format!("  {label:<12}  {name}  ({})", notes.join("; ")))
}

fn declared(part: &Value) -> &str {
    part["media_type"].as_str().unwrap_or("unknown")
}

/// Why it has its role, and what was seen in it.
fn notes(part: &Value) -> Vec<String> {
    let mut notes: Vec<String> = part["reason"].as_str().map(|reason| why(reason, part)).into_iter().collect();
    if part["locked"] == true {
        notes.push("encrypted: a password may be needed".into());
    }
    if part["calendar"].is_object() {
        let word = |key: &str| part["calendar"][key].as_str().map(show::clean);
        let words: Vec<String> = ["method", "component"].into_iter().filter_map(word).collect();
        notes.push(format!("calendar {}", words.join(" ")).trim_end().to_owned());
    }
    if let Some(files) = part["inside"].as_array() {
        let names: Vec<String> = files.iter().map(|file| show::clean(file["name"].as_str().unwrap_or("?"))).collect();
        let more = part["inside_left_out"].as_u64().map(|more| format!(" and {more} more")).unwrap_or_default();
        notes.push(format!("{} inside: {}{more}", show::counted(names.len(), "file"), names.join(", ")).trim_end_matches(": ").to_owned());
    }
    notes
}

fn why(reason: &str, part: &Value) -> String {
    let words = match PartReason::parse(reason) {
        Some(PartReason::Unpacked) => "opened; what was in it is listed by itself",
        Some(PartReason::DigitalSignature) => "digital signature",
        Some(PartReason::KeptUnopened) => "kept unopened: nested too deep, or among too many parts",
        Some(PartReason::PartOfReport) => "part of a delivery report",
        Some(PartReason::TypeRefused) => "files of this type are not taken",
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
            let found = lines(&json!({"parts": [part]}));
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
            Some("  in the text   without a name, text/calendar  (calendar form of the text; calendar REQUEST VEVENT)"),
        );
        check(json!({"name": "x.png", "role": "signature", "reason": "logo"}), Some("  signature     x.png  (logo of a signature)"));
        check(
            json!({"name": "x.exe", "role": "skipped", "reason": "infected", "found": "Eicar"}),
            Some("  not filed     x.exe  (the virus scanner found Eicar)"),
        );
        check(json!({"name": "x", "role": "skipped", "reason": "of tomorrow"}), Some("  not filed     x  (of tomorrow)"));
        for reason in PartReason::ALL {
            assert!(!why(reason.as_str(), &json!({})).contains('_'), "{reason:?}");
        }
    }
}
