//! How commands print: JSON as the interfaces say, text for people.

use super::{Done, Failure};
use crate::model::address::Mailbox;
use crate::model::legible;
use anyhow::Context;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::io::Write;

/// Prints a text, with a line end.
pub fn out(text: impl AsRef<str>) -> Done {
    let mut out = std::io::stdout().lock();
    let written =
        out.write_all(text.as_ref().as_bytes()).and_then(|()| if text.as_ref().ends_with('\n') { Ok(()) } else { out.write_all(b"\n") });
    written.and_then(|()| out.flush()).context("standard output").map_err(Failure::Failed)
}

pub fn out_json(value: &Value) -> Done {
    out(harmless(&format!("{value:#}")))
}

/// JSON in which hidden characters are escaped: the value stays the same, and no terminal obeys it. JSON lets
/// any character of a string be escaped; outside of strings the only hidden ones are the line ends of the indented form.
pub fn harmless(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '\n' => out.push(c),
            c if legible::is_hidden(c) => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}"))),
            c => out.push(c),
        }
    }
    out
}

/// Raw bytes, to standard output.
pub fn out_bytes(bytes: &[u8]) -> Done {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).context("standard output").map_err(Failure::Failed)
}

/// Seconds are enough for people; the zone is said by the heading, or by `utc`.
pub fn at(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

pub fn utc(moment: Timestamp) -> String {
    format!("{} UTC", at(moment))
}

/// `1 mail`, `2 mails`.
pub fn counted(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        number => format!("{number} {what}s"),
    }
}

/// `Name <address>`, or what there is of it.
pub fn person(name: Option<&str>, address: Option<&str>) -> String {
    match (name.map(clean), address.map(clean)) {
        (Some(name), Some(address)) => format!("{name} <{address}>"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => "unknown".into(),
    }
}

pub fn sender(name: Option<&str>, address: Option<&str>) -> Value {
    json!(Mailbox { name: name.map(str::to_owned), address: address.map(str::to_owned) })
}

/// Nothing from a mail may drive the terminal, or deceive its reader.
pub fn clean(text: &str) -> String {
    legible::on_one_line(text)
}

/// The same for text of several lines.
pub fn clean_lines(text: &str) -> String {
    text.chars().filter(|&c| c == '\n' || c == '\t' || !legible::is_hidden(c)).collect()
}

/// Columns of equal width; the last one is free.
pub fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([heads[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let line = |cells: &[&str]| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut lines = vec![line(heads)];
    lines.extend(rows.iter().map(|row| line(&row.iter().map(String::as_str).collect::<Vec<_>>())));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_its_value_and_drives_no_terminal() {
        let value = json!({"subject": "a\u{9b}31m\u{1b}[0m\u{7f}\u{202e}b\u{200b}c\u{e0041}", "text": "Grüße\n\u{2028}👋"});
        let printed = harmless(&format!("{value:#}"));
        assert_eq!(serde_json::from_str::<Value>(&printed).unwrap(), value);
        assert!(printed.contains("\\u009b31m\\u001b[0m\\u007f\\u202eb\\u200bc\\udb40\\udc41") && printed.contains("Grüße"), "{printed}");
        assert!(!printed.chars().any(|c| c != '\n' && legible::is_hidden(c)), "{printed:?}");
    }

    #[test]
    fn text_of_several_lines() {
        assert_eq!(clean_lines("a\n\tb\u{1b}[2J\u{9b}c\r\n\u{202e}d\u{200b}"), "a\n\tb[2Jc\nd");
    }

    #[test]
    fn numbers_and_people() {
        assert_eq!([counted(0, "mail"), counted(1, "mail"), counted(2, "mail")], ["0 mails", "1 mail", "2 mails"]);
        assert_eq!(person(Some("A\u{202e}"), Some("a@b.example")), "A <a@b.example>");
        assert_eq!([person(None, Some("a@b.example")), person(None, None)], ["a@b.example", "unknown"]);
    }
}
