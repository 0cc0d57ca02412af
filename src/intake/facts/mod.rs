//! What the door knows about who sends. Gathered here once; the judgement over it is `authenticate`'s.
//! `gather` reads what stands in the mail and needs nobody; `checks` asks the DNS.

pub mod authentication_results;
pub mod checks;
pub mod exchange;
mod from;
pub mod reading;
pub mod resolver;
pub mod results;
mod trouble;

use crate::model::address;
use crate::model::facts::{Facts, Login, Origin, Pinned};
use crate::model::header::{Header, unfolded};
use crate::store::blobs::LARGEST_IN_DATABASE;
use mail_parser::parsers::MessageStream;
use mail_parser::{Address, HeaderValue};
use std::net::IpAddr;

/// What the connection says, before the mail.
#[derive(Clone, Debug)]
pub struct Connection {
    /// None at doors without a network.
    pub peer: Option<IpAddr>,
    pub origin: Origin,
    /// The name under which the peer's Authentication-Results are believed.
    pub authserv_id: Option<String>,
    pub helo: String,
    pub tls: bool,
    pub login: Option<Login>,
}

/// Fields of which readers show one and signatures cover another, if there are two. RFC 5322 §3.6; From is counted apart.
const ONCE: [&str; 8] = ["Subject", "To", "Cc", "Date", "Message-ID", "MIME-Version", "Content-Type", "Content-Transfer-Encoding"];
/// Addresses of To or Cc that are kept.
const MOST_RECIPIENTS: usize = 100;
/// Longest From field looked at, in bytes.
const LONGEST_FROM: usize = 16 * 1024;

/// The facts of one mail. `head` begins with its header section; it may be cut behind that.
pub fn gather(connection: &Connection, head: &[u8]) -> Facts {
    let header = Header::read(head);
    let from: Vec<String> = header.all("From").flat_map(|field| addresses(field.value)).collect();
    Facts {
        peer: connection.peer,
        helo: Some(connection.helo.clone()).filter(|helo| !helo.is_empty()),
        tls: connection.tls,
        login: connection.login.clone(),
        origin: connection.origin,
        from,
        from_fields: count(&header, "From"),
        from_is_odd: header.all("From").any(|field| from::is_odd(field.value)),
        doubled: ONCE.iter().filter(|name| header.all(name).nth(1).is_some()).map(|name| (*name).to_owned()).collect(),
        to: recipients(&header, "To"),
        cc: recipients(&header, "Cc"),
        reading: reading_matters(&header),
        is_strangers: false,
        checked: None,
        // Of a larger mail the head alone is here: fields behind it were not seen.
        from_is_incomplete: header.too_many
            // Where we take a section for ended that another reader reads on, he sees other fields.
            || header.unfinished
            // So too where a line is no field, or lines end as they ended long ago.
            || header.has_noise
            || header.ends_with_cr
            || (head.len() >= LARGEST_IN_DATABASE && header.body >= head.len())
            || header.all("From").any(|field| field.value.len() > LONGEST_FROM),
        pinned: pinned(connection, &header),
        internal: None,
        hops: header.hops(),
    }
}

fn count(header: &Header<'_>, name: &str) -> u32 {
    u32::try_from(header.all(name).count()).unwrap_or(u32::MAX)
}

/// RFC 2045 §5 and §6: what a reader does with the body, where that is more than showing text.
fn reading_matters(header: &Header<'_>) -> Vec<String> {
    let said = |name: &str| header.all(name).map(|field| unfolded(field.value).to_ascii_lowercase()).collect::<Vec<_>>();
    let first_word = |value: &String| value.split(|c: char| c == ';' || c.is_whitespace()).next().unwrap_or_default().to_owned();
    let is_more = |name: &str, plain: &[&str]| said(name).iter().any(|value| !plain.contains(&first_word(value).as_str()));
    let fields = [
        ("content-type", is_more("Content-Type", &["text/plain"])),
        ("content-transfer-encoding", is_more("Content-Transfer-Encoding", &["7bit", "8bit", "binary", "quoted-printable"])),
    ];
    fields.into_iter().filter(|(_, is_more)| *is_more).map(|(name, _)| name.to_owned()).collect()
}

fn recipients(header: &Header<'_>, name: &str) -> Vec<String> {
    let all = header.all(name).flat_map(|field| addresses(field.value));
    all.take(MOST_RECIPIENTS).collect()
}

/// Only the topmost field counts, and only of a mail host that we are told to believe: whoever stands below it wrote before it did.
fn pinned(connection: &Connection, header: &Header<'_>) -> Option<Pinned> {
    let ours = connection.authserv_id.as_deref()?;
    if connection.origin == Origin::Direct {
        return None;
    }
    let topmost = header.first("Authentication-Results")?;
    authentication_results::read(topmost)
        .filter(|results| results.authserv_id.eq_ignore_ascii_case(ours))
        .map(|results| Pinned { dmarc: results.dmarc, spf: results.spf })
}

/// Every address of a From value, in comparison form. RFC 5322 §3.4; groups are opened.
pub(super) fn addresses(value: &[u8]) -> Vec<String> {
    let mut bytes = value[..value.len().min(LONGEST_FROM)].to_vec();
    bytes.push(b'\n');
    let HeaderValue::Address(found) = MessageStream::new(&bytes).parse_address() else { return Vec::new() };
    let list = match &found {
        Address::List(list) => list.iter().collect::<Vec<_>>(),
        Address::Group(groups) => groups.iter().flat_map(|group| &group.addresses).collect(),
    };
    list.into_iter().filter_map(|one| one.address()).map(address::key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(origin: Origin) -> Connection {
        Connection {
            peer: "192.0.2.1".parse().ok(),
            origin,
            authserv_id: Some("mx.acme.example".into()),
            helo: "h".into(),
            tls: false,
            login: None,
        }
    }

    const PASS: &str = "Authentication-Results: mx.acme.example; dmarc=pass header.from=acme.example\r\n";

    #[test]
    fn from_and_hops() {
        let facts = gather(
            &connection(Origin::Direct),
            b"Received: a\r\nReceived: b\r\nFrom: \"P\" <Petra@Acme.example>\r\nFrom: x@y.example, z@y.example\r\n\r\n",
        );
        assert_eq!(facts.from, ["petra@acme.example", "x@y.example", "z@y.example"]);
        assert_eq!((facts.from_fields, facts.hops, facts.from_is_incomplete), (2, 2, false));
        let hidden = format!("From: petra@acme.example,{}\r\n x@evil.example\r\n\r\n", " ".repeat(LONGEST_FROM));
        let behind = format!("From: petra@acme.example\r\n{}From: x@evil.example\r\n\r\n", "X: y\r\n".repeat(2_000));
        let far = format!("From: petra@acme.example\r\nX: {}\r\n", "y".repeat(LARGEST_IN_DATABASE));
        for head in [hidden, behind, far[..LARGEST_IN_DATABASE].to_owned()] {
            assert!(gather(&connection(Origin::Relay), head.as_bytes()).from_is_incomplete);
        }
    }

    /// Only the topmost field, only from a trusted relay, only with the pinned name.
    #[test]
    fn who_is_believed() {
        let check = |origin: Origin, head: &str, domain: Option<&str>| {
            let facts = gather(&connection(origin), head.as_bytes());
            assert_eq!(facts.dmarc_passed_for(), domain, "{origin:?} {head}");
        };
        check(Origin::Relay, PASS, Some("acme.example"));
        check(Origin::Direct, PASS, None);
        let other = "Authentication-Results: evil.example; dmarc=pass header.from=acme.example\r\n";
        check(Origin::Relay, other, None);
        check(Origin::Relay, &format!("{other}{PASS}"), None);
        check(Origin::Relay, &format!("{PASS}{other}"), Some("acme.example"));
        check(Origin::Relay, &format!("Authentication-Results: mx.acme.example; dmarc=fail header.from=acme.example\r\n{PASS}"), None);
        check(Origin::Relay, "Subject: x\r\n", None);
        // A field in the body is no field.
        check(Origin::Relay, &format!("Subject: x\r\n\r\n{PASS}"), None);
    }
}
