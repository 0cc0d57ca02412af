//! What only the door can know about who sends: gathered once, stored with the mail, judged later without asking anybody again.

use super::id::{TenantId, UserId};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// The facts of one transaction. Fields that later versions add have defaults, so that older rows stay readable.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// The peer's address; none at doors without a network.
    pub peer: Option<IpAddr>,
    /// What the peer called itself. RFC 5321 §4.1.1.1; proves nothing.
    pub helo: Option<String>,
    /// Whether the transaction came over TLS.
    pub tls: bool,
    /// Whom the session signed in as. RFC 4954.
    pub login: Option<Login>,
    pub origin: Origin,
    /// The addresses of all From fields, in order, in comparison form. RFC 5322 §3.6.2 allows one field.
    pub from: Vec<String>,
    /// How many From fields there are.
    pub from_fields: u32,
    /// A From field is too long to be read to its end, or there may be one behind more fields than are read.
    pub from_is_incomplete: bool,
    /// The topmost Authentication-Results field, if it bears the pinned authserv-id and the peer may be believed. RFC 8601.
    pub pinned: Option<Pinned>,
    /// How many Received fields the mail brought. RFC 5321 §6.3.
    pub hops: u32,
}

/// A user who signed in at the door.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    pub tenant: TenantId,
    pub user: UserId,
}

/// What the configuration says of the peer's network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Anybody: the sender's own server, which can tell its user of a refusal.
    #[default]
    Direct,
    /// A trusted mail host in front of us. It proves nothing by itself; a refusal would become a bounce to a forged address.
    Relay,
    /// A trusted mail host that takes mail from signed-in users alone and checks that From is theirs.
    SubmissionRelay,
}

/// What the pinned Authentication-Results field says of DMARC. RFC 8601 §2.7, RFC 7489 §11.2.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pinned {
    pub dmarc: Option<Dmarc>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dmarc {
    /// `pass`, `fail`, `none`, … in lower case.
    pub result: String,
    /// `header.from`: the domain that the result speaks of, in lower case.
    pub header_from: Option<String>,
}

impl Facts {
    /// Whether anybody at all vouches for a sender: a login, a mail host's DMARC pass, or a submission relay.
    /// Who it is, and whether he may, is judged later.
    pub fn anybody_vouches(&self) -> bool {
        self.login.is_some() || self.origin == Origin::SubmissionRelay || self.dmarc_passed_for().is_some()
    }

    /// The domain for which the mail host in front says `dmarc=pass`.
    pub fn dmarc_passed_for(&self) -> Option<&str> {
        let dmarc = self.pinned.as_ref()?.dmarc.as_ref()?;
        (dmarc.result == "pass").then_some(dmarc.header_from.as_deref()).flatten()
    }
}
