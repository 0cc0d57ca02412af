//! The header section of an object of Outlook. Where it came by a mail server, the fields of the way are the truth (PidTagTransport-
//! MessageHeaders); the subject is the object's own, which a user may have changed.

use super::object::{Object, tag};
use crate::model::header::{self, Header};
use crate::understand::field;

/// Fields of the way that say who wrote what to whom, and how.
const KEPT: [&str; 18] = [
    "From",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Return-Path",
    "Auto-Submitted",
    "Precedence",
    "List-Id",
    "List-Unsubscribe",
    "X-Auto-Response-Suppress",
    "X-Autoreply",
    "X-Autorespond",
    "X-Failed-Recipients",
];
/// More of one kind than anybody sends.
const MOST_OF_A_KIND: usize = 10;

/// The fields, each with its line end.
pub fn of(object: &Object<'_>, code_page: Option<i64>) -> String {
    let transport = object.long_text(tag::TRANSPORT_HEADER, code_page).unwrap_or_default();
    // Old Exchange begins with a line that is no field.
    let fields = match transport.split_once('\n') {
        Some((first, rest)) if !first.contains(':') || first.starts_with("Microsoft Mail Internet Headers") => rest,
        _ => transport.as_str(),
    };
    let way = Header::read(fields.as_bytes());
    let mut out = String::new();
    for name in KEPT {
        let of_way: Vec<String> = way.all(name).take(MOST_OF_A_KIND).map(|field| header::unfolded(field.value)).collect();
        let says_something = |value: &String| match name {
            "From" => field::mailboxes(value.as_bytes()).iter().any(|one| one.address.is_some()),
            "Date" => field::date(value.as_bytes()).is_some(),
            _ => !value.trim().is_empty(),
        };
        if of_way.iter().any(says_something) {
            of_way.iter().for_each(|value| field(&mut out, name, value));
        } else if let Some(value) = own(object, name, code_page) {
            field(&mut out, name, &value);
        }
    }
    let subject = object
        .text(tag::SUBJECT, code_page)
        .or_else(|| way.text("Subject"))
        .or_else(|| object.text(tag::TOPIC, code_page))
        .unwrap_or_default();
    // Outlook marks how long the prefix is: U+0001 and one character.
    field(&mut out, "Subject", &subject);
    out
}

/// Adds a field; whatever the value is, it stays on its line.
pub fn field(out: &mut String, name: &str, value: &str) {
    let value = &value[..value.floor_char_boundary(field::LONGEST_VALUE)];
    out.push_str(name);
    out.push_str(": ");
    out.extend(value.trim().chars().map(|c| if c.is_control() { ' ' } else { c }));
    out.push_str("\r\n");
}

/// What the object says itself.
fn own(object: &Object<'_>, name: &str, code_page: Option<i64>) -> Option<String> {
    let text = |tag| object.text(tag, code_page);
    match name {
        "From" => Some(sender(object, code_page)).filter(|from| !from.is_empty()),
        "To" => recipients(object, 1, tag::DISPLAY_TO, code_page),
        "Cc" => recipients(object, 2, tag::DISPLAY_CC, code_page),
        "Date" => {
            let time = object.time(tag::SUBMITTED).or_else(|| object.time(tag::DELIVERED))?;
            Some(time.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string())
        }
        "Message-ID" => text(tag::MESSAGE_ID),
        "In-Reply-To" => text(tag::IN_REPLY_TO),
        "References" => text(tag::REFERENCES),
        _ => None,
    }
}

/// For whom it was sent; who sent it, where that is the same or nobody else is named.
fn sender(object: &Object<'_>, code_page: Option<i64>) -> String {
    let text = |tag| object.text(tag, code_page);
    let from = address([tag::FROM_SMTP_ADDRESS, tag::FROM_ADDRESS], tag::FROM_KIND, object, code_page);
    let sender = address([tag::SENDER_SMTP_ADDRESS, tag::SENDER_ADDRESS], tag::SENDER_KIND, object, code_page);
    let is_same = match (text(tag::FROM_ADDRESS), text(tag::SENDER_ADDRESS)) {
        (Some(from), Some(sender)) => from.eq_ignore_ascii_case(&sender),
        (from, _) => from.is_none() && (text(tag::FROM_NAME).is_none() || text(tag::FROM_NAME) == text(tag::SENDER_NAME)),
    };
    let name = text(tag::FROM_NAME).or_else(|| text(tag::SENDER_NAME));
    mailbox(name.as_deref(), from.or(sender.filter(|_| is_same)).as_deref())
}

/// The first of them that is an address in mail; Exchange's own are none.
fn address(tags: [u32; 2], kind: u32, object: &Object<'_>, code_page: Option<i64>) -> Option<String> {
    let is_foreign = object.text(kind, code_page).is_some_and(|kind| !kind.eq_ignore_ascii_case("SMTP"));
    let [own, general] = tags;
    let found = object.text(own, code_page).filter(|text| is_address(text));
    found.or_else(|| object.text(general, code_page).filter(|text| !is_foreign && is_address(text)))
}

fn is_address(text: &str) -> bool {
    let is_plain = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '<' | '>' | '(' | ')' | ',' | ';' | ':' | '"' | '\\');
    text.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty() && !domain.contains('@'))
        && text.chars().all(is_plain)
}

fn mailbox(name: Option<&str>, address: Option<&str>) -> String {
    // Outlook shows an address without a name in quotes.
    let name = name.map(|name| name.trim_matches('\'').trim()).filter(|name| !name.is_empty());
    let name = name.filter(|name| !address.is_some_and(|address| address.eq_ignore_ascii_case(name)));
    let quoted = name.map(|name| format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\"")));
    match (quoted, address) {
        (Some(name), Some(address)) => format!("{name} <{address}>"),
        (Some(name), None) => format!("{name} <>"),
        (None, Some(address)) => format!("<{address}>"),
        (None, None) => String::new(),
    }
}

/// Those of one kind (MS-OXCMSG §2.2.3.1.4: 1 To, 2 Cc); the names that are shown, where nobody is listed.
fn recipients(object: &Object<'_>, kind: i64, shown: u32, code_page: Option<i64>) -> Option<String> {
    let mut all: Vec<String> = Vec::new();
    for one in object.recipients.iter().filter(|one| one.number(tag::RECIPIENT_KIND).unwrap_or(1) & 0xf == kind) {
        let address = address([tag::SMTP_ADDRESS, tag::ADDRESS], tag::ADDRESS_KIND, one, code_page);
        let mailbox = mailbox(one.text(tag::DISPLAY_NAME, code_page).as_deref(), address.as_deref());
        if !mailbox.is_empty() {
            all.push(mailbox);
        }
    }
    if all.is_empty() {
        let shown = object.text(shown, code_page)?;
        all.extend(shown.split(';').map(str::trim).filter(|name| !name.is_empty()).map(|name| {
            let name = name.trim_matches('\'');
            if is_address(name) { mailbox(None, Some(name)) } else { mailbox(Some(name), None) }
        }));
    }
    Some(all.join(", ")).filter(|all| !all.is_empty())
}
