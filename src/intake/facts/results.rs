//! Our own checks as the value of an Authentication-Results field. RFC 8601 §2.2.

use crate::model::facts::Checked;

/// Longest name that is written, in bytes: no domain is longer. RFC 1035 §2.3.4.
const LONGEST_NAME: usize = 255;

/// The value, on one line. What a mail chose (domains, selectors) is written in letters, digits and `.-_` alone, so that it is
/// one token and can say nothing else.
pub fn value(authserv_id: &str, spf_identity: &str, checked: &Checked) -> String {
    let mut parts = vec![token(authserv_id)];
    if let Some(spf) = &checked.spf {
        parts.push(format!("spf={} {spf_identity}={}", token(&spf.result), token(&spf.domain)));
    }
    for dkim in &checked.dkim {
        parts.push(format!("dkim={} header.d={} header.s={}", token(&dkim.result), token(&dkim.domain), token(&dkim.selector)));
    }
    if !checked.dmarc.header_from.is_empty() {
        let policy = checked.dmarc.policy.as_deref().map(|policy| format!(" policy.dmarc={}", token(policy))).unwrap_or_default();
        parts.push(format!("dmarc={} header.from={}{policy}", token(&checked.dmarc.result), token(&checked.dmarc.header_from)));
    }
    if let Some(arc) = &checked.arc {
        let sealer = arc.sets.last().map(|set| format!(" header.d={}", token(&set.sealer))).unwrap_or_default();
        parts.push(format!("arc={}{sealer}", token(&arc.result)));
    }
    if parts.len() == 1 {
        parts.push("none".into());
    }
    parts.join("; ")
}

fn token(text: &str) -> String {
    let clean = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '?' };
    let text: String = text.chars().take(LONGEST_NAME).map(clean).collect();
    if text.is_empty() { "unknown".into() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intake::facts::authentication_results;
    use crate::model::facts::{Aligned, Arc, ArcSet, Dkim, Spf};

    #[test]
    fn what_is_written() {
        assert_eq!(value("mx.acme.example", "smtp.mailfrom", &Checked::default()), "mx.acme.example; none");
        let evil = "evil.example; dmarc=pass header.from=acme.example\r\nX: y \"(";
        let dkim =
            |result: &str, domain: &str| Dkim { result: result.into(), domain: domain.into(), selector: "s1".into(), ..Dkim::default() };
        let checked = Checked {
            spf: Some(Spf { result: "softfail".into(), domain: evil.into() }),
            dkim: vec![dkim("pass", "acme.example"), dkim("fail", evil)],
            dmarc: Aligned { result: "fail".into(), header_from: "acme.example".into(), policy: Some("reject".into()), by_spf: false },
            arc: Some(Arc { result: "pass".into(), sets: vec![ArcSet { sealer: "f.example".into(), dmarc: None }], signs: Vec::new() }),
            ..Checked::default()
        };
        let written = value("mx.acme.example", "smtp.mailfrom", &checked);
        assert!(!written.contains(['\r', '\n', '"', '(']), "{written}");
        assert!(written.ends_with("dmarc=fail header.from=acme.example policy.dmarc=reject; arc=pass header.d=f.example"), "{written}");
        // It is read back as it was meant.
        let read = authentication_results::read(written.as_bytes()).unwrap();
        assert_eq!((read.dmarc.unwrap().result.as_str(), read.spf.unwrap().result.as_str()), ("fail", "softfail"));
        let long = Checked { spf: Some(Spf { result: "none".into(), domain: "x".repeat(9_000) }), ..Checked::default() };
        assert!(value("a", "smtp.helo", &long).len() < 400);
    }
}
