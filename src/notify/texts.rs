//! The words that users read, by language (Fluent files under `texts/`).

use crate::model::legible;
use crate::model::user::Locale;
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use std::collections::HashMap;
use std::sync::LazyLock;

static BUNDLES: LazyLock<HashMap<Locale, FluentBundle<FluentResource>>> = LazyLock::new(|| {
    let sources = [
        (Locale::De, include_str!("texts/de.ftl")),
        (Locale::En, include_str!("texts/en.ftl")),
        (Locale::Sv, include_str!("texts/sv.ftl")),
    ];
    sources.into_iter().map(|(locale, source)| (locale, bundle(locale, source))).collect()
});

fn bundle(locale: Locale, source: &str) -> FluentBundle<FluentResource> {
    let language = locale.as_str().parse().expect("a language code that a test uses");
    let mut bundle = FluentBundle::new_concurrent(vec![language]);
    // Isolation marks around values are for web pages; in a mail they show.
    bundle.set_use_isolating(false);
    let resource = FluentResource::try_new(source.to_owned()).expect("a file of the program that a test reads");
    bundle.add_resource(resource).expect("keys of one file are unique; a test reads it");
    bundle
}

/// The sentence of that key, with its values. Values lose line ends: nothing from a mail may add lines to ours.
pub fn say(locale: Locale, key: &str, values: &[(&str, &str)]) -> String {
    let mut arguments = FluentArgs::new();
    for (name, value) in values {
        arguments.set(*name, one_line(value));
    }
    let pattern = BUNDLES.get(&locale).and_then(|bundle| Some((bundle, bundle.get_message(key)?.value()?)));
    match pattern {
        Some((bundle, pattern)) => bundle.format_pattern(pattern, Some(&arguments), &mut Vec::new()).into_owned(),
        None => key.to_owned(),
    }
}

/// One line without hidden characters, at most 300 characters long.
fn one_line(value: &str) -> String {
    let clean: String = legible::on_one_line(value).chars().take(300).collect();
    clean.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn keys(source: &str) -> BTreeSet<&str> {
        source.lines().filter(|line| !line.starts_with(['#', ' '])).filter_map(|line| line.split_once(" =")).map(|(key, _)| key).collect()
    }

    #[test]
    fn every_language_has_every_key() {
        let german = keys(include_str!("texts/de.ftl"));
        assert!(german.len() > 30);
        assert_eq!(german, keys(include_str!("texts/en.ftl")));
        assert_eq!(german, keys(include_str!("texts/sv.ftl")));
        for locale in Locale::ALL {
            for key in &german {
                assert_ne!(say(locale, key, &[]), *key, "{locale:?}");
            }
        }
    }

    /// A receipt promises no place of a portal, and nobody's work: what wants those who have the commands says so, and what wants an
    /// answer does not say that others see to it.
    #[test]
    fn receipts_promise_what_there_is() {
        for (locale, operators) in [(Locale::De, "den Import betreut"), (Locale::En, "operate the import"), (Locale::Sv, "sköter importen")]
        {
            let intro = say(locale, "receipt-intro", &[("date", "x")]);
            assert!(!intro.contains(operators) && !intro.contains(['»', '"']), "{intro}");
            for key in ["receipt-sender_unclear", "receipt-not_scanned", "held-find"] {
                let text = say(locale, key, &[("id", "x")]);
                assert!(text.contains(operators), "{text}");
            }
            let unconfirmed = say(locale, "receipt-number_unconfirmed", &[("number", "4711")]);
            assert!(!unconfirmed.contains("HR") && !unconfirmed.contains("Personalteam"), "{unconfirmed}");
        }
    }

    #[test]
    fn values_stay_on_their_line() {
        let text = say(Locale::En, "receipt-typed", &[("subject", "x\r\nBcc: everybody@example.net")]);
        assert_eq!(text, "Your subject: x Bcc: everybody@example.net");
        let hidden = say(Locale::En, "receipt-typed", &[("subject", "a\u{202e}b\u{200b}c\u{9b}d\u{2028}e")]);
        assert_eq!(hidden, "Your subject: abc d e");
    }
}
