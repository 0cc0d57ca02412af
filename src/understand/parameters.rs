//! A value with parameters, as Content-Type and Content-Disposition have it: RFC 2045 §5.1, RFC 2231, and what is sent instead. Pieces may
//! come in any order, twice, with gaps, encoded or not; a piece may end within a character, so the pieces are put together before they are
//! decoded. Names come in encoded words, in raw bytes, percent-encoded without saying so.

use super::charsets::mojibake;
use super::charsets::{self, Charset};
use super::encoded_words;

/// More parameters in one field than anybody writes.
const MOST: usize = 2_000;

/// One parameter as it stands, quotes taken off.
#[derive(Debug)]
struct Given {
    /// In lower case, without RFC 2231's stars.
    name: String,
    section: Option<u32>,
    is_extended: bool,
    value: String,
}

/// A field's value, its parameters behind it.
#[derive(Debug, Default)]
pub struct Parameters {
    /// What stands before the first parameter, in lower case, without comments.
    pub value: String,
    given: Vec<Given>,
}

/// Reads a field that is UTF-8 and has no line ends but those of its folds.
pub fn read(field: &str) -> Parameters {
    let text = field.replace('\n', "");
    let value_end = text.find(';').unwrap_or(text.len());
    let value = without_comment(&text[..value_end]).trim().trim_matches('"');
    // `text/plain charset=utf-8`: the sign between was forgotten.
    let (value, mut rest) = match value.split_once(char::is_whitespace) {
        Some((value, forgotten)) if forgotten.contains('=') => (value, forgotten.len() + text[value_end..].len()),
        _ => (value, text.len() - value_end),
    };
    let value = value.split_whitespace().collect::<String>().to_lowercase();
    let mut given = Vec::new();
    if let Some(at) = text.len().checked_sub(rest).filter(|&at| text.is_char_boundary(at)) {
        let mut left = &text[at..];
        while given.len() < MOST
            && let Some((one, behind)) = next(left)
        {
            given.extend(one);
            left = behind;
        }
        rest = left.len();
    }
    debug_assert!(rest <= text.len());
    Parameters { value, given }
}

impl Parameters {
    /// A parameter's value, decoded. The flag says that a wrong reading was undone.
    pub fn get(&self, name: &str) -> Option<(String, bool)> {
        let all = || self.given.iter().filter(|one| one.name == name);
        let is_file_name = matches!(name, "filename" | "name");
        let plain =
            || all().find(|one| one.section.is_none() && !one.is_extended).map(|one| Read { text: one.value.clone(), is_whole: true });
        let extended = || all().find(|one| one.section.is_none() && one.is_extended).map(|one| decoded(&one.value));
        // RFC 6266 §4.3: the extended one says more; but not where it is damaged and the other is whole.
        let candidates = [extended(), self.pieces(name), plain()];
        let is_whole = |one: &&Read| one.is_whole && !one.text.trim().is_empty() && !one.text.contains('\u{fffd}');
        let found = candidates.iter().flatten().find(is_whole).or_else(|| candidates.iter().flatten().next())?;
        Some(if is_file_name { named(&found.text) } else { (words(&found.text), false) })
    }

    /// RFC 2231 §3: the pieces in the order of their numbers; of two with one number the first; what is missing is missing.
    fn pieces(&self, name: &str) -> Option<Read> {
        let mut pieces: Vec<(u32, &Given)> =
            self.given.iter().filter(|one| one.name == name).filter_map(|one| Some((one.section?, one))).collect();
        pieces.sort_by_key(|(section, _)| *section);
        pieces.dedup_by_key(|(section, _)| *section);
        if pieces.is_empty() {
            return None;
        }
        // Programs that forget the second star percent-encode all the same, and say so in front.
        let is_forgotten = pieces.iter().all(|(_, one)| !one.is_extended)
            && split_charset(&pieces[0].1.value).is_some_and(|(charset, _)| !charset.is_empty());
        let mut out = Read { text: String::new(), is_whole: true };
        let mut charset = None;
        for run in pieces.chunk_by(|(_, one), (_, next)| one.is_extended == next.is_extended) {
            let text: String = run.iter().map(|(_, one)| one.value.as_str()).collect();
            if !is_forgotten && !run[0].1.is_extended {
                out.text.push_str(&text);
                continue;
            }
            let (said, text) = match split_charset(&text).filter(|_| charset.is_none()) {
                Some((said, rest)) => (Some(said.to_owned()), rest),
                None => (None, text.as_str()),
            };
            charset = charset.or(said);
            let run = Read::of(text, charset.as_deref());
            out.text.push_str(&run.text);
            out.is_whole &= run.is_whole;
        }
        Some(out)
    }
}

/// A value that was decoded.
struct Read {
    text: String,
    /// All of its bytes are of the charset that it names.
    is_whole: bool,
}

impl Read {
    fn of(encoded: &str, charset: Option<&str>) -> Read {
        let bytes = percent_decoded(encoded);
        let (text, how) = charsets::text(&bytes, charset);
        // A name in UTF-8 of which some is none was cut or changed.
        let is_whole = !matches!(how, Charset::SomeBytesWrong | Charset::Evidently("windows-1252"));
        Read { is_whole, text: text.into_owned() }
    }
}

/// RFC 2231 §4: charset, language, percent-encoded bytes. A charset that is wrong, empty or missing is no reason to read nothing.
fn decoded(value: &str) -> Read {
    match split_charset(value) {
        Some((charset, rest)) => Read::of(rest, Some(charset)),
        None => Read::of(value, None),
    }
}

/// Charset and text of `charset'language'text`; also of `charset'text`. An apostrophe in a name is none of these.
fn split_charset(value: &str) -> Option<(&str, &str)> {
    let (charset, rest) = value.split_once('\'')?;
    let is_name = charset.len() <= 40 && charset.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:+\"".contains(&byte));
    match rest.split_once('\'') {
        Some((language, text))
            if is_name && language.len() <= 20 && (charset.is_empty() || language.is_empty() || charsets::is_known(charset)) =>
        {
            Some((charset, text))
        }
        _ if is_name && !charset.is_empty() && charsets::is_known(charset) => Some((charset, rest)),
        _ => None,
    }
}

/// A `%` that begins no escape stays as it is.
fn percent_decoded(value: &str) -> Vec<u8> {
    let hex = |byte: Option<&u8>| byte.and_then(|&b| (b as char).to_digit(16)).map(|digit| digit as u8);
    let (bytes, mut out, mut at) = (value.as_bytes(), Vec::with_capacity(value.len()), 0);
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match (byte, hex(bytes.get(at)), hex(bytes.get(at + 1))) {
            (b'%', Some(high), Some(low)) => {
                out.push(high << 4 | low);
                at += 2;
            }
            _ => out.push(byte),
        }
    }
    out
}

/// A file name: encoded words, percent signs, a wrong reading undone.
pub fn named(value: &str) -> (String, bool) {
    let value = words(value);
    let value = percent_named(&value).unwrap_or(value);
    match mojibake::undone(&value) {
        Some(undone) => (undone, true),
        None => (value, false),
    }
}

/// Parameters must not hold encoded words (RFC 2047 §5); half the mail programs write them there all the same.
fn words(value: &str) -> String {
    if value.contains("=?") { encoded_words::read(value).into_owned() } else { value.to_owned() }
}

/// A plain name that web programs percent-encoded: only if every percent sign begins an escape, one of them says more than a sign of
/// ASCII that a name may have (`100%25`), and the whole is UTF-8 without controls.
fn percent_named(value: &str) -> Option<String> {
    let escapes = value.split('%').skip(1);
    let is_escape = |rest: &str| rest.len() >= 2 && rest.as_bytes()[..2].iter().all(u8::is_ascii_hexdigit);
    if !value.contains('%') || !escapes.clone().all(is_escape) {
        return None;
    }
    let found = String::from_utf8(percent_decoded(value)).ok()?;
    (!found.chars().any(char::is_control)).then_some(found)
}

/// The next parameter and what is behind it. None at the end; no parameter where something stands that is none.
fn next(rest: &str) -> Option<(Option<Given>, &str)> {
    let rest = rest.trim_start_matches(|c: char| c == ';' || c == ',' || c.is_whitespace());
    if rest.is_empty() {
        return None;
    }
    let end = rest.find(['=', ';']).unwrap_or(rest.len());
    if !rest[end..].starts_with('=') {
        return Some((None, &rest[end..]));
    }
    let name = without_comment(&rest[..end]).split_whitespace().last().unwrap_or_default().to_ascii_lowercase();
    let (value, behind) = value(rest[end + 1..].trim_start(), matches!(name.split('*').next(), Some("name" | "filename")));
    let mut parts = name.split('*');
    let name = parts.next().unwrap_or_default().trim_matches(['"', '\'']).to_owned();
    let (section, is_extended) = match (parts.next(), parts.next()) {
        (None, _) => (None, false),
        (Some(""), _) => (None, true),
        (Some(number), star) => (number.trim().parse().ok(), star.is_some()),
    };
    Some((Some(Given { name, section, is_extended, value }), behind))
}

/// A value, quoted or not, and what is behind it.
fn value(rest: &str, is_file_name: bool) -> (String, &str) {
    if let Some(inner) = rest.strip_prefix('"') {
        return quoted(inner);
    }
    // An encoded word may hold the sign that ends a value.
    let mut from = 0;
    while let Some(word) = rest[from..].strip_prefix("=?") {
        let Some(text) = word.match_indices('?').nth(1).map(|(at, _)| at + 1) else { break };
        let Some(end) = word[text..].find("?=") else { break };
        from += 2 + text + end + 2;
        let blanks = rest[from..].len() - rest[from..].trim_start().len();
        if rest[from + blanks..].starts_with("=?") {
            from += blanks;
        }
    }
    let mut end = rest[from..].find(';').map_or(rest.len(), |at| from + at);
    // `name=a.pdf filename=b.pdf`: the sign between was forgotten.
    let mut words = rest[from..end].char_indices().filter(|(_, c)| c.is_whitespace()).map(|(at, _)| from + at);
    if let Some(at) = words.find(|&at| begins_parameter(rest[at..end].trim_start())) {
        end = at;
    }
    let found = rest[..end].trim();
    let found = if is_file_name { found } else { without_comment(found).trim() };
    (found.trim_matches('\'').to_owned(), &rest[end..])
}

/// RFC 5322 §3.2.4, with what programs of Windows write: a backslash hides a quote or itself and nothing else, a quote within ends nothing.
fn quoted(inner: &str) -> (String, &str) {
    let mut out = String::new();
    let mut characters = inner.char_indices();
    let mut looked_at = 0;
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' if inner[at + 1..].starts_with(['"', '\\']) => {
                let hidden = characters.next().map_or('\\', |(_, c)| c);
                out.push(hidden);
            }
            '"' => {
                let behind = inner[at + 1..].trim_start();
                // A field of quotes alone is not looked through once for each.
                looked_at += 1;
                if looked_at > 100
                    || behind.is_empty()
                    || behind.starts_with([';', '('])
                    || begins_parameter(behind)
                    || !behind.contains('"')
                {
                    return (out, &inner[at + 1..]);
                }
                out.push(c);
            }
            c => out.push(c),
        }
    }
    // The closing quote is missing: a parameter may follow all the same.
    match inner.find(';').filter(|&at| begins_parameter(inner[at + 1..].trim_start())) {
        Some(end) => (inner[..end].trim().to_owned(), &inner[end..]),
        None => (out, ""),
    }
}

/// Whether one of the parameters that somebody asks for begins here.
fn begins_parameter(text: &str) -> bool {
    const NAMES: [&str; 10] =
        ["filename", "name", "charset", "boundary", "type", "format", "size", "creation-date", "modification-date", "method"];
    let Some((name, _)) = text.get(..text.len().min(40)).or(text.get(..text.floor_char_boundary(40))).and_then(|head| head.split_once('='))
    else {
        return false;
    };
    let name = name.trim().split('*').next().unwrap_or_default();
    NAMES.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// RFC 5322 §3.2.2: what stands in parentheses is for people.
fn without_comment(text: &str) -> &str {
    match text.find('(') {
        Some(at) if at == 0 || text[..at].ends_with(char::is_whitespace) || text.ends_with(')') => &text[..at],
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_in(field: &str) -> Option<String> {
        read(field).get("filename").map(|(name, _)| name)
    }

    /// Acceptance: S1.E11.
    #[test]
    fn extended_names() {
        let check = |field: &str, want: &str| assert_eq!(name_in(field).as_deref(), Some(want), "{field}");
        check("attachment; filename*=UTF-8''Lebensl%C3%A4ufe.pdf", "Lebensläufe.pdf");
        check("attachment; filename*=us-ascii''Bewerbung%20M%F6ller.pdf", "Bewerbung Möller.pdf");
        check("attachment; filename*=''M%C3%B6ller.pdf", "Möller.pdf");
        check("attachment; filename*=''M%F6ller.pdf", "Möller.pdf");
        check("attachment; filename*=M%C3%B6ller.pdf", "Möller.pdf");
        check("attachment; filename*=\"utf-8''M%C3%B6ller.pdf\"", "Möller.pdf");
        check("attachment; filename*=utf-8'M%C3%B6ller.pdf", "Möller.pdf");
        check("attachment; filename*=utf-8'de'M%C3%B6ller's.pdf", "Möller's.pdf");
        check("attachment; filename*=x-gibt-es-nicht''M%C3%B6ller.pdf", "Möller.pdf");
        check("attachment; filename*=iso-8859-1''M%C3%B6ller.pdf", "Möller.pdf");
        check("attachment; filename*=Maria%20d'Arc%20'CV'.pdf", "Maria d'Arc 'CV'.pdf");
        check("attachment; filename*=cp850''M%94ller%ZZ.pdf", "Möller%ZZ.pdf");
        check("attachment; filename=\"M_ller.pdf\"; filename*=UTF-8''M%C3%B6ller.pdf", "Möller.pdf");
        check("attachment; filename=\"Möller.pdf\"; filename*=UTF-8''M%C3%28%FFller.pdf", "Möller.pdf");
    }

    /// Acceptance: S1.E11.
    #[test]
    fn names_in_pieces() {
        let check = |field: &str, want: &str| assert_eq!(name_in(field).as_deref(), Some(want), "{field}");
        check("attachment;\n filename*0*=UTF-8''M%C3;\n filename*1*=%BCller.pdf", "Müller.pdf");
        check("attachment; filename*1*=b; filename*0*=''a; size=1", "ab");
        check("x; filename*0=\"Lebens\"; filename*1=\"lauf.pdf\"", "Lebenslauf.pdf");
        check("x; filename*0*=utf-8''M%C3%BC; filename*1=\"ller 100%.pdf\"", "Müller 100%.pdf");
        check("x; filename*0=\"CV \"; filename*1*=utf-8''M%C3%BC; filename*2*=ller.pdf", "CV Müller.pdf");
        // A gap, one twice, ten pieces and more, numbers with zeros, a charset without stars.
        check("x; filename*0*=utf-8''a; filename*2*=b.pdf", "ab.pdf");
        check("x; filename*1*=b.pdf", "b.pdf");
        check("x; filename*0=a; filename*1=b; filename*1=c; filename*2=.pdf", "ab.pdf");
        let many: String = (0..12).rev().map(|at| format!("; filename*{at}={at}.")).collect();
        check(&format!("x{many}"), "0.1.2.3.4.5.6.7.8.9.10.11.");
        check("x; filename*00=a; filename*01=b", "ab");
        check("x; filename*0=\"utf-8''M%C3%BC\"; filename*1=\"ller.pdf\"", "Müller.pdf");
        // Encoded words in pieces, cut between them.
        check("x; filename*0=\"=?utf-8?Q?M=C3=\"; filename*1=\"BCller.pdf?=\"", "Müller.pdf");
    }

    /// Acceptance: S1.E11.
    #[test]
    fn plain_names() {
        let check = |field: &str, want: &str| assert_eq!(name_in(field).as_deref(), Some(want), "{field}");
        check("attachment; filename=\"=?utf-8?q?M=C3=BCller.pdf?=\"", "Müller.pdf");
        check("attachment; filename==?utf-8?q?M=C3=BCller;_CV.pdf?=; size=1", "Müller; CV.pdf");
        check("attachment; filename==?utf-8?q?M=C3?=\n =?utf-8?q?=BCller.pdf?=", "Müller.pdf");
        check("attachment; filename=\"=?utf-8?B?TcO8bGxlci5w?=\n =?utf-8?B?ZGY=?=\"", "Müller.pdf");
        check("attachment; filename=\"Müller.pdf\"", "Müller.pdf");
        check("attachment; filename=\"MÃ¼ller.pdf\"", "Müller.pdf");
        check("attachment; filename=\"Lebenslauf%20M%C3%BCller.pdf\"", "Lebenslauf Müller.pdf");
        check("attachment; filename=\"100% M%C3%BCller.pdf\"", "100% M%C3%BCller.pdf");
        check("attachment; filename=\"50%FF.pdf\"", "50%FF.pdf");
        check("attachment; filename=\"a%00b.pdf\"", "a%00b.pdf");
        check("attachment; filename=\"a%C3%BCb", "aüb");
        // Without quotes, with quotes within, with paths of Windows.
        check("attachment; filename=Mein Lebenslauf (2).pdf; size=1", "Mein Lebenslauf (2).pdf");
        check("attachment; filename=\"Der \"neue\" Lebenslauf.pdf\"; size=1", "Der \"neue\" Lebenslauf.pdf");
        check("attachment; filename=\"Der \\\"neue\\\" Lebenslauf.pdf\"", "Der \"neue\" Lebenslauf.pdf");
        check("attachment; filename=\"C:\\Users\\maria\\cv.pdf\"", "C:\\Users\\maria\\cv.pdf");
        check("attachment; filename=\"offen.pdf; size=1", "offen.pdf");
        check("attachment; filename='cv.pdf'", "cv.pdf");
        check("attachment; filename = \"cv.pdf\"", "cv.pdf");
        check("attachment filename=cv.pdf", "cv.pdf");
        check("attachment; size=1 filename=\"cv.pdf\"", "cv.pdf");
        check("attachment; FileName=cv.pdf", "cv.pdf");
        assert_eq!((name_in("attachment"), name_in("attachment; filename=\"\""), name_in("")), (None, Some(String::new()), None));
    }

    #[test]
    fn values() {
        let check = |field: &str, value: &str, charset: Option<&str>| {
            let found = read(field);
            assert_eq!((found.value.as_str(), found.get("charset").map(|(charset, _)| charset).as_deref()), (value, charset), "{field}");
        };
        check(" Text/Plain; charset=\"utf-8\"", "text/plain", Some("utf-8"));
        check("text/plain; charset=utf-8; format=flowed", "text/plain", Some("utf-8"));
        check("text/plain charset=utf-8", "text/plain", Some("utf-8"));
        check("text/plain; charset=us-ascii (Plain text)", "text/plain", Some("us-ascii"));
        check("text/plain (Plain text); charset=us-ascii", "text/plain", Some("us-ascii"));
        check("text / plain;;; charset = utf-8 ;", "text/plain", Some("utf-8"));
        check("text/plain; charset='utf-8'", "text/plain", Some("utf-8"));
        check("text/plain; ; =x; charset", "text/plain", None);
        check("", "", None);
    }
}
