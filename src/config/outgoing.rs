//! The relay that takes what we send; alarms may have one of their own, and mails to ourselves another.

use super::Secret;
use super::faults::Found;
use anyhow::Context;
use secrecy::SecretString;
use serde::Deserialize;
use std::net::IpAddr;
use std::time::Duration;

/// The relay that takes our notices.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// Where it stands in the configuration: `outgoing`, or another.
    pub section: String,
    pub host: String,
    pub port: u16,
    pub tls: OutgoingTls,
    pub login: Option<(String, Secret)>,
    /// `Rohrpost <rohrpost@acme.example>`, or none: then noreply@ the import domain.
    pub from: Option<String>,
    /// After so long without success a message is given up. RFC 5321 §4.5.4.1 asks for 4 to 5 days.
    pub give_up_after: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutgoingTls {
    /// Plain text: only for a relay on this machine.
    None,
    /// STARTTLS, or nothing is sent.
    Starttls,
    /// TLS from the first byte.
    Implicit,
}

impl Outgoing {
    /// Name and password, fetched now. An error says what to do.
    pub fn fetched_login(&self) -> anyhow::Result<Option<(String, SecretString)>> {
        let Some((user, password)) = &self.login else { return Ok(None) };
        Ok(Some((user.clone(), password.get().with_context(|| format!("{}.password", self.section))?)))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawOutgoing {
    host: Option<String>,
    port: Option<u16>,
    tls: Option<OutgoingTls>,
    user: Option<String>,
    password: Option<Secret>,
    from: Option<String>,
    give_up_after_hours: Option<u64>,
}

/// A year.
const MOST_HOURS: u64 = 366 * 24;

impl RawOutgoing {
    pub(super) fn meant(self, found: &mut Found) -> Option<Outgoing> {
        self.meant_in("outgoing", found)
    }

    /// The same for a relay of another section.
    pub(super) fn meant_in(self, section: &str, found: &mut Found) -> Option<Outgoing> {
        let key = |name: &str| format!("{section}.{name}");
        let host = self.host.unwrap_or_else(|| "localhost".into());
        let is_local = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        let tls = self.tls.unwrap_or(if is_local { OutgoingTls::None } else { OutgoingTls::Starttls });
        let default_port = match tls {
            OutgoingTls::None => 25,
            OutgoingTls::Starttls => 587,
            OutgoingTls::Implicit => 465,
        };
        found.add_if(host.trim().is_empty(), &key("host"), "the relay's name or address");
        found.add_if(self.port == Some(0), &key("port"), "between 1 and 65535");
        found.add_if(self.user.is_some() != self.password.is_some(), &key("user"), "user and password belong together");
        found.add_if(
            self.user.is_some() && tls == OutgoingTls::None && !is_local,
            &key("tls"),
            "a password is never sent in plain text over a network: starttls or implicit",
        );
        if let Some(from) = &self.from {
            found.add_if(
                from.parse::<lettre::message::Mailbox>().is_err(),
                &key("from"),
                "this is no address (as in Rohrpost <rohrpost@acme.example>)",
            );
        }
        let hours = found.within(self.give_up_after_hours, 5 * 24, 1..=MOST_HOURS, &key("give_up_after_hours"));
        Some(Outgoing {
            section: section.to_owned(),
            host,
            port: self.port.unwrap_or(default_port),
            tls,
            login: self.user.zip(self.password),
            from: self.from,
            give_up_after: Duration::from_secs(hours * 3600),
        })
    }
}
