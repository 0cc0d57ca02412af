//! Finds all faults of a configuration file at once: a faulty line is reported with its place, blanked out, and the rest is read again.

use super::Raw;
use std::ops::{Range, RangeInclusive};

/// Faults found so far.
#[derive(Debug, Default)]
pub struct Found {
    list: Vec<String>,
    /// Sections in which a line was blanked out: what is missing there may be what was wrong.
    sections: Vec<String>,
}

impl Found {
    pub fn add(&mut self, key: &str, reason: &str) {
        let section = key.split(['.', '[']).next().unwrap_or_default();
        if !self.sections.iter().any(|broken| broken == section) {
            self.list.push(format!("{key}: {reason}"));
        }
    }

    pub fn add_if(&mut self, wrong: bool, key: &str, reason: &str) {
        if wrong {
            self.add(key, reason);
        }
    }

    /// A number, or its default; a fault if it lies outside of what can be meant and reckoned with.
    pub fn within(&mut self, value: Option<u64>, default: u64, range: RangeInclusive<u64>, key: &str) -> u64 {
        let value = value.unwrap_or(default);
        self.add_if(!range.contains(&value), key, &format!("between {} and {}", range.start(), range.end()));
        value.clamp(*range.start(), *range.end())
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub fn into_list(self) -> Vec<String> {
        self.list
    }
}

/// Faulty lines looked for before giving up: each costs one reading of the file.
const MOST: usize = 100;

/// Reads what was said. What cannot be read is reported and left out.
pub fn parse(text: &str, environment: Vec<(String, String)>) -> (Raw, Found) {
    let mut found = Found::default();
    let mut readable = text.to_owned();
    // Syntax first: behind a syntax error nothing has a meaning.
    if let Err(error) = toml::from_str::<toml::Table>(text) {
        found.list.push(shown(&error, text));
        return (Raw::default(), found);
    }
    for _ in 0..MOST {
        match toml::from_str::<Raw>(&readable) {
            Ok(raw) => return (overlaid(&readable, raw, environment, &mut found), found),
            Err(error) => {
                found.list.push(shown(&error, &readable));
                let Some(span) = error.span().filter(|span| !span.is_empty()) else { break };
                found.sections.push(section_at(&readable, span.start));
                if !blank_out(&mut readable, span) {
                    break;
                }
            }
        }
    }
    (Raw::default(), found)
}

/// A fault as it is shown: with its line, but for the section that has a secret. What stands there may be one, or be misspelt beside one.
fn shown(error: &toml::de::Error, text: &str) -> String {
    let at = error.span().map_or(0, |span| span.start.min(text.len()));
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let line = text[start..].lines().next().unwrap_or_default();
    let header = text[..at].lines().rev().map(str::trim).find(|line| line.starts_with('[')).unwrap_or_default();
    const SECRET: [&str; 8] = ["outgoing", "passw", "secret", "bearer", "seal", "oauth", "alarms", "webhook"];
    let is_near_a_secret = [header, line].iter().any(|text| {
        let text = text.to_lowercase();
        text.contains("[[canary") || SECRET.iter().any(|word| text.contains(word))
    });
    if !is_near_a_secret {
        return error.to_string().trim_end().to_owned();
    }
    // A key is what stands before the first equals sign, as long as it looks like one.
    let is_of_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let key = line.split_once('=').map(|(key, _)| key.trim()).filter(|key| key.chars().all(is_of_key)).unwrap_or("this line");
    let number = text[..at].matches('\n').count() + 1;
    let header = if header.contains('=') { "" } else { header };
    format!("TOML parse error at line {number} {header} {key}: {}", without_values(&format!("{header}{key}"), error.message()))
}

/// A message of the parser, which may quote what it could not read, without that.
fn without_values(place: &str, message: &str) -> String {
    if place.to_lowercase().contains("passw") {
        return "a password is given as { credential = \"NAME\" }, { file = \"/path\" } or { value = \"…\" }".into();
    }
    let quoted = message.find('"').zip(message.rfind('"')).filter(|(first, last)| first < last);
    let message = quoted.map_or(message.to_owned(), |(first, last)| format!("{}\"…\"{}", &message[..first], &message[last + 1..]));
    match message.strip_prefix("unknown variant `").and_then(|rest| rest.split_once('`')) {
        Some((_, rest)) => format!("unknown variant{rest}"),
        None => message,
    }
}

/// The first part of the table header above an offset.
fn section_at(text: &str, offset: usize) -> String {
    let line_end = text[offset..].find('\n').map_or(text.len(), |end| offset + end);
    let header = text[..line_end].lines().rev().find_map(|line| line.trim().strip_prefix('['));
    let name = header.map(|rest| rest.trim_start_matches('[')).unwrap_or_default();
    name.split(['.', ']']).next().unwrap_or_default().trim().to_owned()
}

/// Takes the key of the line, or the table, at that place out of the text; lines keep their numbers.
fn blank_out(text: &mut String, span: Range<usize>) -> bool {
    let start = text[..span.start].rfind('\n').map_or(0, |end| end + 1);
    let first = text[start..].lines().next().unwrap_or_default().trim_start();
    let end = if first.starts_with('[') {
        // A table that must not be there goes with all its keys.
        let next = text[start + 1..].match_indices("\n[").map(|(at, _)| start + 1 + at).next();
        next.unwrap_or(text.len())
    } else {
        let end = span.end.max(start + 1).min(text.len());
        text[end..].find('\n').map_or(text.len(), |line| end + line)
    };
    let blank: String = text[start..end].chars().map(|c| if c == '\n' { "\n".into() } else { " ".repeat(c.len_utf8()) }).collect();
    let changed = blank != text[start..end];
    text.replace_range(start..end, &blank);
    changed
}

/// Puts `ROHRPOST__SMTP__HOSTNAME=…` over what the file says. Values are read as TOML where they are, else as text.
fn overlaid(text: &str, raw: Raw, environment: Vec<(String, String)>, found: &mut Found) -> Raw {
    let mut overlay: Vec<(String, String)> =
        environment.into_iter().filter_map(|(key, value)| key.strip_prefix("ROHRPOST__").map(|key| (key.to_lowercase(), value))).collect();
    if overlay.is_empty() {
        return raw;
    }
    overlay.sort();
    let Ok(mut table) = toml::from_str::<toml::Table>(text) else { return raw };
    for (key, value) in overlay {
        let variable = format!("ROHRPOST__{}", key.to_uppercase());
        let mut parts: Vec<&str> = key.split("__").collect();
        let Some(leaf) = parts.pop() else { continue };
        let mut here = Some(&mut table);
        for part in parts {
            here = here.and_then(|table| table.entry(part).or_insert_with(|| toml::Table::new().into()).as_table_mut());
        }
        let Some(here) = here else {
            found.list.push(format!("{variable}: there is no such section"));
            continue;
        };
        let read = toml::from_str::<toml::Table>(&format!("value = {value}")).ok().and_then(|mut table| table.remove("value"));
        let before = here.insert(leaf.to_owned(), read.unwrap_or_else(|| value.clone().into()));
        if let Err(error) = table.clone().try_into::<Raw>() {
            found.list.push(format!("{variable}: {}", without_values(&variable, error.message())));
            restore(&mut table, &key, before);
        }
    }
    table.try_into().unwrap_or(raw)
}

fn restore(table: &mut toml::Table, key: &str, before: Option<toml::Value>) {
    let mut parts: Vec<&str> = key.split("__").collect();
    let Some(leaf) = parts.pop() else { return };
    let mut here = Some(table);
    for part in parts {
        here = here.and_then(|table| table.get_mut(part)).and_then(toml::Value::as_table_mut);
    }
    if let Some(here) = here {
        match before {
            Some(value) => drop(here.insert(leaf.to_owned(), value)),
            None => drop(here.remove(leaf)),
        }
    }
}
