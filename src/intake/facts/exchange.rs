//! What Exchange Online writes into a mail for one of its mailboxes. It takes fields that begin with `X-MS-Exchange-Organization-` out of
//! every mail that comes from another organisation (its header firewall) and writes its own, so that one `AuthAs` field says what it
//! knows of the sender. Where there are two, or another word, nothing is believed.

use super::authentication_results;
use crate::config::imap::ExchangeOnline;
use crate::model::address;
use crate::model::facts::{Facts, Pinned};
use crate::model::header::{Header, unfolded};

/// Who sent it, as Exchange says.
const AUTH_AS: &str = "X-MS-Exchange-Organization-AuthAs";

/// Adds what Exchange says to the facts of a mail from such a mailbox, in the place of what other hosts would say.
pub fn add(facts: &mut Facts, exchange: &ExchangeOnline, header: &Header<'_>) {
    (facts.pinned, facts.internal) = (None, None);
    // Fields that were not seen may be a second one.
    if facts.from_is_incomplete {
        return;
    }
    let words: Vec<String> = header.all(AUTH_AS).map(|field| unfolded(field.value).to_ascii_lowercase()).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        // From outside: what was checked at the border stands on top. Whatever the sender wrote stands below it.
        ["anonymous"] => {
            let topmost = header.first("Authentication-Results").and_then(authentication_results::read_nameless);
            facts.pinned = topmost.map(|results| Pinned { dmarc: results.dmarc, spf: results.spf });
        }
        // A user of the organisation, signed in, who may send as the one in From. Such a mail is checked at no border: results in it
        // may be the user's own words.
        ["internal"] if !is_by_rule(header) => {
            let [from] = facts.from.as_slice() else { return };
            let domain = address::split(from).map(|(_, domain)| domain.to_owned());
            facts.internal = domain.filter(|domain| exchange.own_domains.contains(domain));
        }
        _ => (),
    }
}

/// What a user's inbox rule sends on bears the user's name, and a stranger's subject and words.
fn is_by_rule(header: &Header<'_>) -> bool {
    const RULES: [&str; 2] = ["X-MS-Exchange-Generated-Message-Source", "X-MS-Exchange-Inbox-Rules-Loop"];
    let is_automatic = |value: &[u8]| !unfolded(value).trim().eq_ignore_ascii_case("no");
    RULES.iter().any(|name| header.first(name).is_some()) || header.all("Auto-Submitted").any(|field| is_automatic(field.value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intake::facts::{Connection, gather};
    use crate::model::facts::Origin;

    const RESULTS: &str = "Authentication-Results: spf=pass (sender IP is 192.0.2.7)\r\n smtp.mailfrom=partner.example; dkim=pass \
        (signature was verified)\r\n header.d=partner.example;dmarc=pass action=none\r\n header.from=partner.example;compauth=pass reason=100\r\n";
    const OUTSIDE: &str = "X-MS-Exchange-Organization-AuthAs: Anonymous\r\n";
    const INSIDE: &str = "X-MS-Exchange-Organization-AuthAs: Internal\r\n";

    /// The domain for which DMARC passed, and the one whose user sent it.
    #[track_caller]
    fn check(head: &str, passed: Option<&str>, internal: Option<&str>) {
        let connection = Connection {
            peer: "192.0.2.1".parse().ok(),
            origin: Origin::Relay,
            authserv_id: None,
            helo: String::new(),
            tls: true,
            login: None,
        };
        let mut facts = gather(&connection, head.as_bytes());
        add(&mut facts, &ExchangeOnline { own_domains: vec!["acme.example".into()] }, &Header::read(head.as_bytes()));
        assert_eq!((facts.dmarc_passed_for(), facts.internal.as_deref()), (passed, internal), "{head}");
    }

    /// From other organisations: the topmost field, in its form without a name, and nothing else.
    #[test]
    fn from_outside() {
        const FROM: &str = "From: Paul <paul@partner.example>\r\n\r\n";
        let seen = |head: String, passed: Option<&str>| check(&format!("{head}{FROM}"), passed, None);
        let partner = Some("partner.example");
        seen(format!("{OUTSIDE}{RESULTS}"), partner);
        seen(format!("{RESULTS}Received: from x by y\r\nx-ms-exchange-organization-authas:\r\n anonymous \r\n"), partner);
        let forged = "Authentication-Results: spf=pass smtp.mailfrom=acme.example; dmarc=pass action=none header.from=acme.example\r\n";
        // The sender's own stands below Exchange's.
        seen(format!("{OUTSIDE}{RESULTS}{forged}"), partner);
        let failed = RESULTS.replace("dmarc=pass", "dmarc=fail");
        seen(format!("{OUTSIDE}{failed}{forged}"), None);
        // With a name in front it is another host's; Exchange's stands nowhere, or lower.
        seen(format!("{OUTSIDE}{}", RESULTS.replace("Results: ", "Results: mx.partner.example; ")), None);
        seen(format!("{OUTSIDE}{}{RESULTS}", forged.replace("Results: ", "Results: acme.example; ")), None);
        seen(format!("{OUTSIDE}{}", RESULTS.replace("Results: ", "Results: ; ")), None);
        seen(format!("{OUTSIDE}Authentication-Results-Original: dmarc=pass header.from=partner.example\r\n"), None);
        // Without Exchange's word, or with two, it did not pass there as it should have.
        seen(RESULTS.into(), None);
        seen(format!("{OUTSIDE}{OUTSIDE}{RESULTS}"), None);
        seen(format!("{OUTSIDE}{INSIDE}{RESULTS}"), None);
        seen(format!("X-MS-Exchange-Organization-AuthAs: Partner\r\n{RESULTS}"), None);
        seen(format!("X-MS-Exchange-CrossTenant-AuthAs: Anonymous\r\n{RESULTS}"), None);
        // Comments, folds and quoted strings say nothing; two results that differ prove nothing.
        let one = |value: &str| format!("{OUTSIDE}Authentication-Results: {value}\r\n");
        seen(one("spf=fail (x; dmarc=pass header.from=partner.example)"), None);
        seen(one("spf=fail reason=\"; dmarc=pass header.from=partner.example\""), None);
        seen(one("spf=fail ((x); dmarc=pass header.from=partner.example"), None);
        seen(one("dmarc=fail header.from=partner.example; dmarc=pass header.from=partner.example"), None);
        seen(one("(c) dmarc=pass\r\n header.from=partner.example"), partner);
        seen(one("dmarc=pass header.from=partner.example header.from=acme.example"), None);
        seen(one(""), None);
        // A field in the body is no field.
        check(&format!("{OUTSIDE}{FROM}{RESULTS}"), None, None);
    }

    /// From the organisation itself: one word, one From, one of its own domains.
    #[test]
    fn from_inside() {
        let own = Some("acme.example");
        let from = |address: &str| format!("From: Petra <{address}>\r\n");
        check(&format!("{INSIDE}{}\r\n", from("petra@Acme.example")), None, own);
        check(&format!("{INSIDE}{RESULTS}{}\r\n", from("petra@acme.example")), None, own);
        for other in ["petra@partner.example", "petra@sub.acme.example", "petra@acme.example.evil.example"] {
            check(&format!("{INSIDE}{}\r\n", from(other)), None, None);
        }
        check(&format!("{OUTSIDE}{}\r\n", from("petra@acme.example")), None, None);
        check(&format!("{}\r\n", from("petra@acme.example")), None, None);
        check(&format!("{}\r\n{INSIDE}", from("petra@acme.example")), None, None);
        for two in [format!("{INSIDE}{INSIDE}"), format!("{OUTSIDE}{INSIDE}"), INSIDE.replace("Internal", "Internal; Anonymous")] {
            check(&format!("{two}{}\r\n", from("petra@acme.example")), None, None);
        }
        // Sent on by a rule, not by a person.
        for mark in [
            "X-MS-Exchange-Generated-Message-Source: Mailbox Rules Agent",
            "x-ms-exchange-inbox-rules-loop: petra@acme.example",
            "Auto-Submitted: auto-forwarded",
            "Auto-Submitted: No\r\nAuto-Submitted: auto-generated",
        ] {
            check(&format!("{INSIDE}{mark}\r\n{}\r\n", from("petra@acme.example")), None, None);
        }
        check(&format!("{INSIDE}Auto-Submitted: no\r\n{}\r\n", from("petra@acme.example")), None, own);
        let (petra, evil) = (from("petra@acme.example"), from("x@evil.example"));
        check(&format!("{INSIDE}{petra}{evil}\r\n"), None, None);
        // Fields behind more than are read could be another word.
        check(&format!("{INSIDE}{petra}{}\r\n", "X: y\r\n".repeat(2_000)), None, None);
    }
}
