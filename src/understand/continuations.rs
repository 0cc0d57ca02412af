//! Parameters in several pieces (`filename*0*=…; filename*1*=…`, RFC 2231 §3). A piece may end within a character, so the pieces are put
//! together before their percent signs are decoded.

use regex::{Captures, Regex};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::sync::LazyLock;

static PIECE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#";\s*([A-Za-z-]{1,40})\*(\d{1,3})(\*?)\s*=\s*([^;\s"]*)"#).expect("a constant pattern that a test uses"));

/// The value with each parameter whose pieces are all percent-encoded in one piece, behind the others.
pub fn joined(value: &str) -> Cow<'_, str> {
    let mut pieces: BTreeMap<String, BTreeMap<usize, &str>> = BTreeMap::new();
    let mut mixed: HashSet<String> = HashSet::new();
    for found in PIECE.captures_iter(value) {
        let (_, [name, number, star, text]) = found.extract();
        let name = name.to_ascii_lowercase();
        // A piece without the second star is not encoded: the two kinds cannot be one.
        if star.is_empty() {
            mixed.insert(name);
        } else if let Ok(number) = number.parse() {
            pieces.entry(name).or_default().insert(number, text);
        }
    }
    pieces.retain(|name, pieces| !mixed.contains(name) && pieces.len() > 1 && pieces.keys().copied().eq(0..pieces.len()));
    if pieces.is_empty() {
        return value.into();
    }
    let is_joined = |found: &Captures<'_>| pieces.contains_key(&found[1].to_ascii_lowercase());
    let mut out =
        PIECE.replace_all(value, |found: &Captures<'_>| if is_joined(found) { String::new() } else { found[0].to_owned() }).into_owned();
    // A line end ends the value for those who read it next.
    out.truncate(out.trim_end().len());
    for (name, pieces) in &pieces {
        out.extend([";", name, "*="].into_iter().chain(pieces.values().copied()));
    }
    out.push('\n');
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces() {
        let check = |value: &str, want: &str| assert_eq!(joined(value).trim_end(), want, "{value}");
        check("attachment;\r\n filename*0*=UTF-8''M%C3;\r\n filename*1*=%BCller.pdf", "attachment;filename*=UTF-8''M%C3%BCller.pdf");
        check("attachment; filename*1*=b; filename*0*=''a; size=1", "attachment; size=1;filename*=''ab");
        // Not all encoded, one missing, one alone.
        check("x; filename*0*=''a; filename*1=b", "x; filename*0*=''a; filename*1=b");
        check("x; filename*0*=''a; filename*2*=b", "x; filename*0*=''a; filename*2*=b");
        check("x; filename*=utf-8''a", "x; filename*=utf-8''a");
        check("", "");
    }
}
