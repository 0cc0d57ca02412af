//! Encoded words that cut a character in two. RFC 2047 §5 (3) forbids it, and many programs do it all the same: the bytes of
//! neighbours with one charset and one encoding are put together before anybody decodes them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use regex::Regex;
use std::borrow::Cow;
use std::sync::LazyLock;

static WORD: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"=\?([^?\s]{1,40})\?([BbQq])\?([^?\s]*)\?=").expect("a constant pattern that a test uses"));

/// Neighbours of one charset and one encoding.
struct Run<'a> {
    charset: &'a str,
    is_base64: bool,
    texts: Vec<&'a str>,
    end: usize,
}

/// The value with neighbours put together. What is no encoded word stays as it is.
pub fn joined(value: &str) -> Cow<'_, str> {
    if value.matches("?=").nth(1).is_none() {
        return value.into();
    }
    let (mut out, mut copied) = (String::with_capacity(value.len()), 0);
    let mut runs: Vec<(usize, Run<'_>)> = Vec::new();
    for found in WORD.captures_iter(value) {
        let Some(whole) = found.get(0) else { continue };
        let (_, [charset, encoding, text]) = found.extract();
        let is_base64 = encoding.eq_ignore_ascii_case("b");
        match runs.last_mut() {
            Some((_, run))
                if value[run.end..whole.start()].chars().all(char::is_whitespace)
                    && run.is_base64 == is_base64
                    && run.charset.eq_ignore_ascii_case(charset) =>
            {
                run.texts.push(text);
                run.end = whole.end();
            }
            _ => runs.push((whole.start(), Run { charset, is_base64, texts: vec![text], end: whole.end() })),
        }
    }
    for (start, run) in runs {
        out.push_str(&value[copied..start]);
        match run.together() {
            Some(word) => out.push_str(&word),
            // Bytes that cannot be read are not touched.
            None => out.push_str(&value[start..run.end]),
        }
        copied = run.end;
    }
    out.push_str(&value[copied..]);
    out.into()
}

impl Run<'_> {
    /// One encoded word of all.
    fn together(&self) -> Option<String> {
        let charset = self.charset;
        if !self.is_base64 {
            return Some(format!("=?{charset}?Q?{}?=", self.texts.concat()));
        }
        let mut bytes = Vec::new();
        for text in &self.texts {
            bytes.extend(STANDARD.decode(text).ok()?);
        }
        Some(format!("=?{charset}?B?{}?=", STANDARD.encode(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours() {
        let check = |value: &str, want: &str| assert_eq!(joined(value), want, "{value}");
        check("=?utf-8?Q?M=C3?= =?UTF-8?Q?=BCller?=", "=?utf-8?Q?M=C3=BCller?=");
        check("=?utf-8?B?TcM=?=\r\n =?utf-8?B?vGxsZXI=?=", "=?utf-8?B?TcO8bGxlcg==?=");
        check("a =?utf-8?Q?b?= =?utf-8?Q?c?= d =?utf-8?Q?e?= f", "a =?utf-8?Q?bc?= d =?utf-8?Q?e?= f");
        // Another charset, another encoding, other text between: each for itself.
        check("=?utf-8?Q?a?= =?iso-8859-1?Q?b?= =?iso-8859-1?B?Yw==?=", "=?utf-8?Q?a?= =?iso-8859-1?Q?b?= =?iso-8859-1?B?Yw==?=");
        check("=?utf-8?Q?a?= x =?utf-8?Q?b?=", "=?utf-8?Q?a?= x =?utf-8?Q?b?=");
        check("=?utf-8?B?!?= =?utf-8?B?Yw==?=", "=?utf-8?B?!?= =?utf-8?B?Yw==?=");
        check("?= ?= =? x", "?= ?= =? x");
        check("", "");
    }
}
