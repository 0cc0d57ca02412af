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
    /// A From field is more than one person's name and address: a group, a comment, a quoted or encoded address, a name that is
    /// another address. Readers differ in what they make of such a field.
    pub from_is_odd: bool,
    /// Fields that stand twice although RFC 5322 §3.6 allows one: readers show one of them, signatures cover the other.
    pub doubled: Vec<String>,
    /// The addresses of To, and of Cc, in comparison form.
    pub to: Vec<String>,
    pub cc: Vec<String>,
    /// Fields that say how the body is to be read, in lower case, where they say more than that it is plain text: a signature that
    /// leaves one out lets its bytes be shown as something else.
    pub reading: Vec<String>,
    /// The door knows of no user of the tenant who may have sent it: it waits under the quota of its own, if it is held.
    pub is_strangers: bool,
    /// The topmost Authentication-Results field, if it bears the pinned authserv-id and the peer may be believed. RFC 8601.
    pub pinned: Option<Pinned>,
    /// The domain of From, one of the organisation's own, if the mailbox's Exchange says that a signed-in user of it sent the mail.
    pub internal: Option<String>,
    /// What we found out ourselves; none where nothing was asked.
    pub checked: Option<Checked>,
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pinned {
    pub dmarc: Option<Dmarc>,
    /// Its `spf` result; none if it has none.
    pub spf: Option<Spf>,
}

/// Our own checks at the door. Results are the words of RFC 8601 §2.7 in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Checked {
    /// RFC 7208; none behind a trusted host, whose address says nothing about the sender.
    pub spf: Option<Spf>,
    /// RFC 6376, in the order of the fields.
    pub dkim: Vec<Dkim>,
    pub dmarc: Aligned,
    /// RFC 8617.
    pub arc: Option<Arc>,
    /// A name could not be looked up, so a sender that is not proved may be so later.
    pub dns_trouble: bool,
    /// All of this as the value of an Authentication-Results field of ours. RFC 8601 §2.2.
    pub results: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Spf {
    pub result: String,
    /// Of MAIL FROM, or of HELO where that is null.
    pub domain: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Dkim {
    pub result: String,
    /// `d=`, in lower case.
    pub domain: String,
    /// `s=`.
    pub selector: String,
    /// It aligns with the domain of From: as its DMARC record asks, or by equality where there is none.
    pub aligned: bool,
    /// The names in `h=`, in lower case.
    pub signs: Vec<String>,
}

/// RFC 7489: whether the domain of From stands behind the mail.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Aligned {
    /// `pass`, `fail`, `none` (no record), `temperror`, `permerror`.
    pub result: String,
    /// The domain of From that it speaks of, in lower case.
    pub header_from: String,
    /// `none`, `quarantine`, `reject`; none without a record.
    pub policy: Option<String>,
    /// An aligned SPF pass is among what made it pass.
    pub by_spf: bool,
}

/// RFC 8617: a chain of hosts that each wrote down what it saw.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Arc {
    pub result: String,
    /// From the first host to the last.
    pub sets: Vec<ArcSet>,
    /// The names in `h=` of the last message signature, in lower case.
    pub signs: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ArcSet {
    /// `d=` of the seal, in lower case.
    pub sealer: String,
    /// The `dmarc` result of its ARC-Authentication-Results.
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
    /// Whether anybody at all may vouch for a sender. Who it is, whether what vouches is enough, and whether he may, is judged later.
    pub fn anybody_vouches(&self) -> bool {
        let checked = self.checked.as_ref();
        let own = checked.is_some_and(|checked| {
            // A signature counts by itself where the domain has no policy. Where nobody knows whether it has one, it is no proof yet.
            let has_no_policy = checked.dmarc.result == "none" && checked.dmarc.policy.is_none();
            checked.dmarc.result == "pass"
                || (has_no_policy && checked.dkim.iter().any(|dkim| dkim.result == "pass" && dkim.aligned))
                || checked.arc.as_ref().is_some_and(|arc| arc.result == "pass")
        });
        own || self.login.is_some()
            || self.internal.is_some()
            || self.origin == Origin::SubmissionRelay
            || self.dmarc_passed_for().is_some()
    }

    /// Whether SPF passed for the author's own domain: then it is that domain's own server that speaks, and nobody who got one of its
    /// signed mails and sends it on.
    pub fn is_sent_by_its_domain(&self, domain: &str) -> bool {
        let pinned = self.pinned.as_ref().and_then(|pinned| pinned.spf.as_ref());
        let own = self.checked.as_ref().is_some_and(|checked| checked.dmarc.by_spf && checked.dmarc.header_from == domain);
        own || pinned.is_some_and(|spf| spf.result == "pass" && is_one_house(&spf.domain, domain))
    }

    /// Whether To or Cc names an address for which `is_ours` holds, among the fields that a signature covers.
    pub fn is_addressed(&self, signed: &[impl AsRef<str>], is_ours: impl Fn(&String) -> bool) -> bool {
        let is_signed = |name: &str| signed.iter().any(|one| one.as_ref() == name);
        is_signed("to") && self.to.iter().any(&is_ours) || is_signed("cc") && self.cc.iter().any(&is_ours)
    }

    /// The domain for which the mail host in front says `dmarc=pass`.
    pub fn dmarc_passed_for(&self) -> Option<&str> {
        self.pinned.as_ref()?.dmarc.as_ref()?.passed_for()
    }
}

/// The same domain, or one below the other. Strict where organisations share the last two labels.
fn is_one_house(one: &str, other: &str) -> bool {
    let below = |low: &str, high: &str| high.contains('.') && low.strip_suffix(high).is_some_and(|rest| rest.ends_with('.'));
    one == other || below(one, other) || below(other, one)
}

impl Dmarc {
    /// The domain that it says `pass` for.
    pub fn passed_for(&self) -> Option<&str> {
        (self.result == "pass").then_some(self.header_from.as_deref()).flatten()
    }
}
