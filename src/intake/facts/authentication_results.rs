//! Reads an Authentication-Results field. RFC 8601 §2.2.

use crate::model::facts::Dmarc;

/// What we look for in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Results {
    /// As it stands there.
    pub authserv_id: String,
    /// The first `dmarc` result.
    pub dmarc: Option<Dmarc>,
}

/// Longest field looked at, in bytes.
const LONGEST: usize = 8 * 1024;

/// Reads the value; none if there is no authserv-id.
pub fn read(value: &[u8]) -> Option<Results> {
    let tokens = tokens(&String::from_utf8_lossy(&value[..value.len().min(LONGEST)]));
    let mut statements = tokens.split(|token| *token == Token::Semicolon);
    // RFC 8601 §2.5: the identifier, then perhaps a version.
    let Some(Token::Word(authserv_id)) = statements.next()?.first() else { return None };
    let dmarc = statements.find_map(dmarc);
    Some(Results { authserv_id: authserv_id.clone(), dmarc })
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Equals,
    Semicolon,
}

/// Words, quoted strings, `=` and `;`; comments and folds are passed over. RFC 5322 §3.2.2: comments nest.
fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut word = String::new();
    let mut depth = 0u32;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' if depth > 0 => drop(chars.next()),
            '(' => {
                finish(&mut word, &mut tokens);
                depth += 1;
            }
            ')' if depth > 0 => depth -= 1,
            _ if depth > 0 => (),
            '"' => {
                while let Some(c) = chars.next() {
                    match c {
                        '"' => break,
                        '\\' => word.extend(chars.next()),
                        c => word.push(c),
                    }
                }
            }
            '=' | ';' => {
                finish(&mut word, &mut tokens);
                tokens.push(if c == '=' { Token::Equals } else { Token::Semicolon });
            }
            c if c.is_whitespace() => finish(&mut word, &mut tokens),
            c => word.push(c),
        }
    }
    finish(&mut word, &mut tokens);
    tokens
}

fn finish(word: &mut String, tokens: &mut Vec<Token>) {
    if !word.is_empty() {
        tokens.push(Token::Word(std::mem::take(word)));
    }
}

/// `dmarc=pass … header.from=acme.example`. RFC 8601 §2.7.
fn dmarc(statement: &[Token]) -> Option<Dmarc> {
    let [Token::Word(method), Token::Equals, Token::Word(result), properties @ ..] = statement else { return None };
    // RFC 8601 §2.2: the method may bear a version (`dmarc/1`).
    if !method.split('/').next().is_some_and(|name| name.eq_ignore_ascii_case("dmarc")) {
        return None;
    }
    let header_from = properties.windows(3).find_map(|three| match three {
        [Token::Word(name), Token::Equals, Token::Word(value)] if name.eq_ignore_ascii_case("header.from") => Some(value.to_lowercase()),
        _ => None,
    });
    Some(Dmarc { result: result.to_lowercase(), header_from })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_every_form() {
        let check = |value: &str, id: &str, want: Option<(&str, Option<&str>)>| {
            let results = read(value.as_bytes()).unwrap();
            let dmarc = results.dmarc.as_ref().map(|dmarc| (dmarc.result.as_str(), dmarc.header_from.as_deref()));
            assert_eq!((results.authserv_id.as_str(), dmarc), (id, want), "{value}");
        };
        check(" mx.acme.example; none", "mx.acme.example", None);
        check(
            "mx.acme.example 1; spf=pass smtp.mailfrom=a.example;\r\n dmarc=pass (p=reject dis=none) header.from=Acme.Example",
            "mx.acme.example",
            Some(("pass", Some("acme.example"))),
        );
        check("mx.acme.example; dmarc=fail header.from=acme.example", "mx.acme.example", Some(("fail", Some("acme.example"))));
        check("mx.acme.example; dmarc=pass", "mx.acme.example", Some(("pass", None)));
        check(
            "mx.acme.example (c; dmarc=pass header.from=x); dmarc/1 = Pass header.from = acme.example",
            "mx.acme.example",
            Some(("pass", Some("acme.example"))),
        );
        // What stands in a quoted string or a comment is no statement of its own.
        check("mx.acme.example; spf=fail reason=\"; dmarc=pass header.from=acme.example\"", "mx.acme.example", None);
        check(
            "mx.acme.example; spf=fail (\\(); dmarc=pass header.from=acme.example",
            "mx.acme.example",
            Some(("pass", Some("acme.example"))),
        );
        check("mx.acme.example; spf=fail ((); dmarc=pass header.from=acme.example", "mx.acme.example", None);
        // The first DMARC result counts.
        check(
            "mx.acme.example; dmarc=fail header.from=a.example; dmarc=pass header.from=acme.example",
            "mx.acme.example",
            Some(("fail", Some("a.example"))),
        );
    }

    #[test]
    fn no_field_at_all() {
        for value in ["", ";", " ; dmarc=pass", "=x"] {
            assert_eq!(read(value.as_bytes()), None, "{value}");
        }
    }
}
