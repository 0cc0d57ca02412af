//! Encoded words (RFC 2047), as they come: in any charset, cut within a character (§5 (3) forbids it, and many programs do it), with
//! blanks or question marks inside, without their end.

use super::charsets;
use super::decode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::borrow::Cow;

/// Longest name of a charset in a word.
const LONGEST_CHARSET: usize = 40;

/// One encoded word, its transfer encoding undone.
struct Word<'a> {
    charset: &'a str,
    bytes: Vec<u8>,
    /// Where it begins and ends in the value.
    start: usize,
    end: usize,
}

/// The value with its words read and the blanks between neighbours gone (RFC 2047 §6.2).
pub fn read(value: &str) -> Cow<'_, str> {
    replaced(value, |text| text)
}

/// The value with each word in UTF-8 and base64, neighbours in one: what the parser of addresses reads, where a comma in a name must not
/// end it.
pub fn rewritten(value: &str) -> Cow<'_, str> {
    replaced(value, |text| format!("=?utf-8?B?{}?=", STANDARD.encode(text)))
}

fn replaced(value: &str, form: impl Fn(String) -> String) -> Cow<'_, str> {
    let words = words(value);
    if words.is_empty() {
        return value.into();
    }
    let (mut out, mut copied) = (String::with_capacity(value.len()), 0);
    let is_neighbour = |one: &Word<'_>, next: &Word<'_>| value[one.end..next.start].chars().all(char::is_whitespace);
    for run in words.chunk_by(is_neighbour) {
        let [first, ..] = run else { continue };
        out.push_str(&value[copied..first.start]);
        let of_one_charset = run.chunk_by(|one, next| one.charset.eq_ignore_ascii_case(next.charset));
        out.push_str(&form(of_one_charset.map(together).collect()));
        copied = run.last().map_or(first.end, |last| last.end);
    }
    out.push_str(&value[copied..]);
    out.into()
}

/// Neighbours of one charset. Each for itself where that goes: some charsets begin anew in each word. Where it does not, they were cut
/// within a character.
fn together(words: &[Word<'_>]) -> String {
    let broken = |text: &str| text.matches('\u{fffd}').count();
    let apart: String = words.iter().map(|word| charsets::text(&word.bytes, Some(word.charset)).0).collect();
    if words.len() == 1 {
        return apart;
    }
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.bytes.iter().copied()).collect();
    let whole = charsets::text(&bytes, Some(words[0].charset)).0;
    // Half a character may be a wrong one instead of none: UTF-8 is never by accident.
    let is_utf8 = !bytes.is_ascii() && std::str::from_utf8(&bytes).is_ok();
    if is_utf8 || broken(&whole) < broken(&apart) { whole.into_owned() } else { apart }
}

/// All words of a value, in order.
fn words(value: &str) -> Vec<Word<'_>> {
    let (mut found, mut at) = (Vec::new(), 0);
    // Where no end follows once, none follows later.
    let mut is_open_end = false;
    while let Some(start) = value[at..].find("=?").map(|offset| at + offset) {
        match word(value, start, &mut is_open_end) {
            Some(word) => {
                at = word.end;
                found.push(word);
            }
            None => at = start + 2,
        }
    }
    found
}

/// The word that begins at `start`, if it is one.
fn word<'a>(value: &'a str, start: usize, is_open_end: &mut bool) -> Option<Word<'a>> {
    let rest = &value[start + 2..];
    let charset_end = rest.bytes().take(LONGEST_CHARSET + 1).position(|byte| byte == b'?')?;
    let charset = &rest[..charset_end];
    if charset.is_empty() || charset.contains(char::is_whitespace) {
        return None;
    }
    let rest = &rest[charset_end + 1..];
    let is_base64 = match rest.as_bytes() {
        [b'b' | b'B', b'?', ..] => true,
        [b'q' | b'Q', b'?', ..] => false,
        _ => return None,
    };
    let text_at = start + 2 + charset_end + 1 + 2;
    let rest = &value[text_at..];
    let (text, end) = match (!*is_open_end).then(|| rest.find("?=")).flatten() {
        // Another word that begins before this one's end: this one has none.
        Some(end) => (&rest[..end], text_at + end + 2),
        // Cut off, as long subjects are.
        None => {
            *is_open_end = true;
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            (rest[..end].trim_end_matches('?'), text_at + end)
        }
    };
    if text.contains("=?") || text.contains('\n') && is_base64 {
        return None;
    }
    let bytes = if is_base64 { base64(text)? } else { quoted(text) };
    Some(Word { charset, bytes, start, end })
}

/// What is no base64 at all stays as it stands.
fn base64(text: &str) -> Option<Vec<u8>> {
    let is_alphabet = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b' ' | b'\t');
    if !text.as_bytes().iter().all(is_alphabet) {
        return None;
    }
    Some(decode::transfer(text.as_bytes(), crate::model::message::Encoding::Base64).0.into_owned())
}

/// RFC 2047 §4.2; an `=` that begins no code stays.
fn quoted(text: &str) -> Vec<u8> {
    let hex = |byte: Option<&u8>| byte.and_then(|&b| (b as char).to_digit(16)).map(|digit| digit as u8);
    let (bytes, mut out, mut at) = (text.as_bytes(), Vec::with_capacity(text.len()), 0);
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match (byte, hex(bytes.get(at)), hex(bytes.get(at + 1))) {
            (b'=', Some(high), Some(low)) => {
                out.push(high << 4 | low);
                at += 2;
            }
            (b'_', ..) => out.push(b' '),
            (b'\n', ..) => (),
            _ => out.push(byte),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Acceptance: S1.E1.
    #[test]
    fn words_of_every_kind() {
        let check = |value: &str, want: &str| assert_eq!(read(value), want, "{value}");
        check("=?utf-8?Q?M=C3?= =?UTF-8?Q?=BCller?=", "Müller");
        check("=?utf-8?B?TcM=?=\r\n =?utf-8?B?vGxsZXI=?=", "Müller");
        check("=?utf-8?B?TcM=?= =?utf-8?Q?=BCller?=", "Müller");
        check("a =?utf-8?Q?b?= =?utf-8?Q?c?= d =?utf-8?Q?e?= f", "a bc d e f");
        check("=?utf-8?Q?a?= =?iso-8859-1?Q?=FC?= =?iso-8859-1?B?Yw==?=", "aüc");
        check("=?utf-8?Q?a?= x =?utf-8?Q?b?=", "a x b");
        // Names of charsets as programs write them.
        check(
            "=?utf8?Q?M=C3=BCller?= =?x-unknown?Q?=FC?= =?utf-8*de?Q?=C3=A4?= =?cp-850?Q?=81?=",
            "Mülleräüü".replace("äüü", "üäü").as_str(),
        );
        check("=?unicode-1-1-utf-7?Q?M+APw-ller?=", "Müller");
        check("=?iso-2022-jp?B?GyRCRnxLXBsoQg==?= =?iso-2022-jp?B?GyRCOGwbKEI=?=", "日本語");
        check("=?iso-8859-1?Q?M=C3=BCller?=", "Müller");
        check("=?utf-8?Q?M=FCller?=", "Müller");
        // Blanks, question marks, a stray `=`, no end.
        check("=?utf-8?Q?Wie geht's? =C3=BC?=", "Wie geht's? ü");
        check("=?utf-8?Q?a=b=ZZ?=", "a=b=ZZ");
        check("Re: =?utf-8?Q?Gr=C3=BC=C3=9Fe_aus", "Re: Grüße aus");
        check("=?utf-8?Q?offen =?utf-8?Q?zu?=", "=?utf-8?Q?offen zu");
        check("=?utf-8?B?!?= =?utf-8?B?Yw==?=", "=?utf-8?B?!?= c");
        check("?= ?= =? x =??Q?x?= =?utf-8?X?x?=", "?= ?= =? x =??Q?x?= =?utf-8?X?x?=");
        check("", "");
    }

    #[test]
    fn rewritten_for_addresses() {
        assert_eq!(
            rewritten("=?iso-8859-1?Q?M=FCller,?= =?iso-8859-1?Q?_Maria?= <m@e.example>"),
            "=?utf-8?B?TcO8bGxlciwgTWFyaWE=?= <m@e.example>"
        );
        assert_eq!(rewritten("Maria <m@e.example>"), "Maria <m@e.example>");
    }

    #[test]
    fn many_openings_take_no_longer_than_they_are() {
        let value = "=?utf-8?Q?x ".repeat(1_300);
        assert!(read(&value).len() <= value.len());
    }
}
