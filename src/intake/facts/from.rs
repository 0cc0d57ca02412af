//! Whether a From field is one person's name and address, in the one form that every reader reads alike. RFC 5322 §3.4.

use crate::model::address;
use crate::model::header::unfolded;
use mail_parser::HeaderValue;
use mail_parser::parsers::MessageStream;

/// Whether the value is anything but `name <address>` or `address`: groups, lists, comments, routes, quoted or encoded addresses,
/// and names that are another address. What DMARC looks at and what people see may differ in such a field.
pub fn is_odd(value: &[u8]) -> bool {
    let text = unfolded(value);
    let (name, address) = match text.strip_suffix('>') {
        None => ("", text.as_str()),
        // The last `<`: a quoted name may hold another one.
        Some(rest) => match rest.rsplit_once('<') {
            Some((name, address)) => (name.trim(), address),
            None => return true,
        },
    };
    !is_plain_address(address) || !is_name(name) || names_another(name, address)
}

/// A dot-atom on both sides, no blanks. RFC 5322 §3.4.1 allows more, and nobody's address needs it.
fn is_plain_address(address: &str) -> bool {
    let atom = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    let dot_atom = |text: &str| !text.is_empty() && text.split('.').all(|part| !part.is_empty() && part.chars().all(atom));
    // An encoded word is a legal atom, and some readers decode it.
    !address.contains("=?")
        && address.matches('@').count() == 1
        && address::split(address).is_some_and(|(local, domain)| dot_atom(local) && dot_atom(domain))
}

/// One quoted string, or words without the marks that would begin something else.
fn is_name(name: &str) -> bool {
    match name.strip_prefix('"') {
        None => !name.contains(|c: char| "\"(),:;<>@[]\\".contains(c) || c.is_control()),
        Some(rest) => {
            let mut chars = rest.chars();
            loop {
                match chars.next() {
                    Some('\\') => drop(chars.next()),
                    Some('"') => return chars.next().is_none(),
                    Some(_) => (),
                    None => return false,
                }
            }
        }
    }
}

/// `"petra@acme.example" <x@evil.example>`, also encoded: many programs show the name alone.
fn names_another(name: &str, address: &str) -> bool {
    let mut line = name.as_bytes().to_vec();
    line.push(b'\n');
    let shown = match MessageStream::new(&line).parse_unstructured() {
        HeaderValue::Text(text) => text.into_owned(),
        _ => name.to_owned(),
    };
    // Full-width and small forms of the mark are read as it.
    let shown = shown.replace(['＠', '﹫'], "@").to_lowercase();
    shown.contains('@') && shown.trim_matches(|c: char| "\"'<>() ".contains(c)) != address.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_from() {
        let check = |value: &str, odd: bool| assert_eq!(is_odd(value.as_bytes()), odd, "{value}");
        for plain in [
            "petra@acme.example",
            " Petra Huber <petra@acme.example>",
            "\"Huber, Petra\" <petra@acme.example>",
            "\"Petra \\\"P.\\\" Huber\" <petra@acme.example>",
            "=?utf-8?Q?Petra_H=C3=BCber?= <petra@acme.example>",
            "Petra\r\n Huber <petra.huber+x@acme.example>",
            "\"petra@acme.example\" <petra@acme.example>",
            "Dr. Petra Huber <petra@acme.example>",
            "Petra Huber | Acme <petra@acme.example>",
            "Müller <müller@bücher.example>",
        ] {
            check(plain, false);
        }
        for odd in [
            "",
            "petra",
            "petra@acme.example, x@evil.example",
            "Team: petra@acme.example;",
            "petra@acme.example (Petra)",
            "Petra (x) <petra@acme.example>",
            "<@evil.example:petra@acme.example>",
            "\"petra\"@acme.example",
            "Petra <petra @acme.example>",
            "Petra <petra@acme.example> <x@evil.example>",
            "=?utf-8?Q?petra=40acme.example?=",
            "<=?utf-8?Q?petra?=@acme.example>",
            "petra@acme.example <x@evil.example>",
            "\"petra@acme.example\" <x@evil.example>",
            "=?utf-8?Q?petra=40acme=2Eexample?= <x@evil.example>",
            "\"Petra <petra@acme.example>\" <x@evil.example>",
            "petra＠acme.example <x@evil.example>",
            "Petra <petra@acme.example> x",
            "petra@[192.0.2.1]",
            "petra@acme..example",
            "petra@acme.example@evil.example",
        ] {
            check(odd, true);
        }
    }

    /// Whatever is not odd names one address, and the lenient reader, which takes anything, reads the same one.
    #[test]
    fn what_is_not_odd_is_read_alike() {
        use proptest::prelude::*;
        use proptest::sample::select;
        use proptest::test_runner::{Config, TestRunner};
        let pieces = vec![
            "petra@acme.example",
            "x@evil.example",
            "<",
            ">",
            "\"",
            "\\",
            ",",
            ";",
            ":",
            "(",
            ")",
            " ",
            "\r\n ",
            "Petra",
            "Huber",
            "=?utf-8?Q?",
            "=40",
            "?=",
            "@",
            ".",
            "ü",
            "\t",
            "[",
            "]",
            "+x",
            "\u{202e}",
            "\0",
            "'",
            "＠",
            "utf-8''",
        ];
        let values = prop::collection::vec(select(pieces), 0..9).prop_map(|list| list.concat());
        let named = (select(vec!["", "Petra ", "\"Huber, P\" ", "=?utf-8?Q?P=C3=A4?= "]), values.clone())
            .prop_map(|(name, rest)| format!("{name}<{rest}>"));
        let plain = std::cell::Cell::new(0);
        let mut runner = TestRunner::new(Config { cases: 30_000, failure_persistence: None, ..Config::default() });
        let result = runner.run(&prop_oneof![values, named], |value| {
            if !is_odd(value.as_bytes()) {
                plain.set(plain.get() + 1);
                let text = unfolded(value.as_bytes());
                let address = text.strip_suffix('>').and_then(|rest| rest.rsplit_once('<')).map_or(text.as_str(), |(_, inside)| inside);
                prop_assert_eq!(super::super::addresses(value.as_bytes()), vec![address::key(address)]);
            }
            Ok(())
        });
        if let Err(error) = result {
            panic!("{error}");
        }
        assert!(plain.get() > 300, "only {} plain ones were tried", plain.get());
    }
}
