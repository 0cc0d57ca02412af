//! Reads an Authentication-Results field. RFC 8601 §2.2.

use crate::model::facts::{Dmarc, Spf};

/// What we look for in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Results {
    /// As it stands there; empty where there is none.
    pub authserv_id: String,
    /// The first `dmarc` result.
    pub dmarc: Option<Dmarc>,
    /// The first `spf` result.
    pub spf: Option<Spf>,
}

/// Longest field that is read, in bytes. Of a longer one nothing counts: cut, it might say something else.
const LONGEST: usize = 8 * 1024;

/// Reads the value; none if there is no authserv-id.
pub fn read(value: &[u8]) -> Option<Results> {
    if value.len() > LONGEST {
        return None;
    }
    results(&tokens(&String::from_utf8_lossy(value))?)
}

/// Reads a value as Exchange Online writes it: results alone, and no identifier in front. None where there is one, or where something
/// else stands there: RFC 8601 §2.2 asks for it, so that this is nobody else's.
pub fn read_nameless(value: &[u8]) -> Option<Results> {
    if value.len() > LONGEST {
        return None;
    }
    let tokens = tokens(&String::from_utf8_lossy(value))?;
    statement(tokens.split(|token| *token == Token::Semicolon).next()?)?;
    let (dmarc, spf) = said(tokens.split(|token| *token == Token::Semicolon));
    Some(Results { authserv_id: String::new(), dmarc, spf })
}

/// Reads the value of an ARC-Authentication-Results field. RFC 8617 §4.1.1: the same behind `i=N;`.
pub fn read_sealed(value: &[u8]) -> Option<Results> {
    if value.len() > LONGEST {
        return None;
    }
    match tokens(&String::from_utf8_lossy(value))?.as_slice() {
        [Token::Word(name), Token::Equals, Token::Word(_), Token::Semicolon, rest @ ..] if name.eq_ignore_ascii_case("i") => results(rest),
        _ => None,
    }
}

fn results(tokens: &[Token]) -> Option<Results> {
    let mut statements = tokens.split(|token| *token == Token::Semicolon);
    // RFC 8601 §2.2: the identifier, one token or one quoted string, then perhaps the version, which is 1 (§2.3).
    let authserv_id = match statements.next()? {
        [id] => id.value()?,
        [id, Token::Word(version)] if version == "1" => id.value()?,
        _ => return None,
    };
    let (dmarc, spf) = said(statements);
    Some(Results { authserv_id: authserv_id.to_owned(), dmarc, spf })
}

/// The first `spf` result, and what all `dmarc` results say together.
fn said<'a>(statements: impl Iterator<Item = &'a [Token]>) -> (Option<Dmarc>, Option<Spf>) {
    let (mut dmarc_found, mut spf) = (None, None);
    for (method, result, properties) in statements.filter_map(statement) {
        match method.as_str() {
            "dmarc" => {
                let said = Dmarc { result, header_from: header_from(properties) };
                // Two that differ: whoever wrote the second one, nothing is proved.
                dmarc_found = Some(match dmarc_found {
                    Some(before) if before != said => Dmarc { result: "permerror".into(), header_from: None },
                    _ => said,
                });
            }
            "spf" if spf.is_none() => spf = Some(Spf { result, domain: spf_domain(properties).unwrap_or_default() }),
            _ => (),
        }
    }
    (dmarc_found, spf)
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Quoted(String),
    Equals,
    Semicolon,
}

impl Token {
    /// RFC 2045 §5.1: a value is a token or a quoted string.
    fn value(&self) -> Option<&str> {
        match self {
            Token::Word(text) | Token::Quoted(text) => Some(text),
            Token::Equals | Token::Semicolon => None,
        }
    }
}

/// Words, quoted strings, `=` and `;`; comments and folds are passed over. RFC 5322 §3.2.2: comments nest. None if one does not end:
/// what it swallows might say something else.
fn tokens(text: &str) -> Option<Vec<Token>> {
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
                finish(&mut word, &mut tokens);
                tokens.push(Token::Quoted(quoted(&mut chars)));
            }
            '=' | ';' => {
                finish(&mut word, &mut tokens);
                tokens.push(if c == '=' { Token::Equals } else { Token::Semicolon });
            }
            c if c.is_ascii_whitespace() => finish(&mut word, &mut tokens),
            c => word.push(c),
        }
    }
    finish(&mut word, &mut tokens);
    (depth == 0).then_some(tokens)
}

/// The rest of a quoted string, its end taken. RFC 5322 §3.2.4.
fn quoted(chars: &mut std::str::Chars<'_>) -> String {
    let mut text = String::new();
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => text.extend(chars.next()),
            c => text.push(c),
        }
    }
    text
}

fn finish(word: &mut String, tokens: &mut Vec<Token>) {
    if !word.is_empty() {
        tokens.push(Token::Word(std::mem::take(word)));
    }
}

/// `dmarc=pass … header.from=acme.example`: method and result in lower case, and the properties. RFC 8601 §2.7.
fn statement(statement: &[Token]) -> Option<(String, String, &[Token])> {
    let [Token::Word(method), Token::Equals, Token::Word(result), properties @ ..] = statement else { return None };
    // RFC 8601 §2.2: the method may bear a version (`dmarc/1`).
    let method = method.split('/').next().unwrap_or_default();
    Some((method.to_lowercase(), result.to_lowercase(), properties))
}

/// The domain of `smtp.mailfrom`, which may be an address, or of `smtp.helo` where there is none.
fn spf_domain(properties: &[Token]) -> Option<String> {
    let of = |wanted: &str| property(properties, wanted);
    let value = of("smtp.mailfrom").filter(|value| !value.trim_matches(['<', '>']).is_empty()).or_else(|| of("smtp.helo"))?;
    Some(value.rsplit('@').next().unwrap_or_default().trim_matches(['<', '>']).to_owned())
}

/// The one domain of `header.from`. None if there are two, or if the properties are not `name=value` throughout: a result whose
/// words can be read in two ways proves nothing.
fn header_from(properties: &[Token]) -> Option<String> {
    property(properties, "header.from")
}

fn property(mut properties: &[Token], wanted: &str) -> Option<String> {
    let mut found: Option<String> = None;
    while let [Token::Word(name), Token::Equals, value, rest @ ..] = properties {
        let value = value.value()?.to_lowercase();
        if name.eq_ignore_ascii_case(wanted) && found.replace(value.clone()).is_some_and(|before| before != value) {
            return None;
        }
        properties = rest;
    }
    found.filter(|_| properties.is_empty())
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
        assert_eq!(read(b"mx.acme.example; spf=fail ((); dmarc=pass header.from=acme.example"), None);
        let both = |properties: &str, domain: Option<&str>| {
            check(&format!("mx.acme.example; dmarc=pass {properties}"), "mx.acme.example", Some(("pass", domain)));
        };
        both("action=none header.from=acme.example policy.dmarc=reject", Some("acme.example"));
        both("header.from=\"acme.example\"", Some("acme.example"));
        both("header.from=acme.example header.from=ACME.example", Some("acme.example"));
        both("header.from=acme.example header.from=evil.example", None);
        both("policy.x=header.from=acme.example", None);
        both("policy.x header.from=acme.example", None);
        both("header.from=\"acme.example\".evil.example", None);
        both("header.from=acme.example header.from=", None);
        // The identifier may be quoted, and a version and comments may follow it.
        check("\"mx.acme.example\" (c) 1 (d); none", "mx.acme.example", None);
        // Two that differ prove nothing, two that agree are one.
        check(
            "mx.acme.example; dmarc=fail header.from=a.example; dmarc=pass header.from=acme.example",
            "mx.acme.example",
            Some(("permerror", None)),
        );
        let pass = "dmarc=pass header.from=acme.example";
        check(&format!("mx.acme.example; {pass}; {pass}"), "mx.acme.example", Some(("pass", Some("acme.example"))));
    }

    #[test]
    fn sealed_fields() {
        let check = |value: &str, want: Option<Option<&str>>| {
            let results = read_sealed(value.as_bytes());
            let seen = results.as_ref().map(|results| results.dmarc.as_ref().and_then(Dmarc::passed_for));
            assert_eq!(seen, want, "{value}");
        };
        check(" i=1; f.example; dmarc=pass header.from=acme.example", Some(Some("acme.example")));
        check("(c) I = 1 ;\r\n f.example 1;\r\n dmarc=pass header.from=acme.example", Some(Some("acme.example")));
        check("i=2; f.example; spf=pass", Some(None));
        check("f.example; i=1; dmarc=pass header.from=acme.example", None);
        check("i=1 f.example; dmarc=pass header.from=acme.example", None);
        check("f.example; dmarc=pass header.from=acme.example", None);
        check("", None);
    }

    #[test]
    fn no_field_at_all() {
        for value in ["", ";", " ; dmarc=pass", "=x"] {
            assert_eq!(read(value.as_bytes()), None, "{value}");
        }
        for id in [
            "mx.acme.example=evil",
            "mx.acme.example evil.example",
            "mx.acme.example 1 evil.example",
            "mx.acme.example 2",
            "mx.\"acme\".example",
            "\"mx.acme\".example",
            "mx.acme.example \"1\"",
        ] {
            assert_eq!(read(format!("{id}; dmarc=pass header.from=acme.example").as_bytes()), None, "{id}");
        }
        let long = format!("mx.acme.example; {}dmarc=pass header.from=acme.example", " ".repeat(LONGEST));
        assert_eq!(read(long.as_bytes()), None);
    }
}
