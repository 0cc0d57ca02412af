//! Who sent a mail, once somebody has checked.

use super::user::User;
use serde::{Deserialize, Serialize};

/// A sender after judgement. A `User` exists here only if something proved that the mail is his (G6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sender {
    User {
        user: User,
        proof: Proof,
    },
    /// The candidate to whom a reply token was given, writing from one of his addresses.
    Candidate {
        name: String,
        proof: Proof,
    },
    /// Nobody is proved. `claims_user`: From bears a user's address all the same.
    Unproven {
        why: Unproven,
        claims_user: bool,
    },
}

impl Sender {
    pub fn user(&self) -> Option<&User> {
        match self {
            Sender::User { user, .. } => Some(user),
            Sender::Candidate { .. } | Sender::Unproven { .. } => None,
        }
    }
}

/// A candidate who was given a reply token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invited {
    pub name: String,
    /// In comparison form.
    pub addresses: Vec<String>,
}

/// What proved it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// AUTH at our own door.
    Login,
    /// `dmarc=pass` for the domain of From: said by the pinned mail host, or found by ourselves.
    Dmarc,
    /// A DKIM signature of exactly the domain of From, which has no DMARC record.
    Dkim,
    /// A forwarder whom the tenant trusts sealed that it saw `dmarc=pass`. RFC 8617.
    Arc,
    /// A relay that takes mail from signed-in users alone, or the organisation's own Exchange for such a mail.
    SubmissionRelay,
}

/// Why nobody is proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unproven {
    /// Nothing vouches for the address in From.
    NoProof,
    /// No From, several From fields, or several addresses in it: no one sender to judge.
    UnclearFrom,
    /// A field that may stand once stands there twice.
    HeaderDoubled,
    /// A signature alone vouches, and it was made for a mail to somebody else: it may be replayed. RFC 6376 §8.6.
    AddressedElsewhere,
    /// Vouched for, but no active user of this tenant.
    NoUser,
    /// Vouched for, but neither a user nor the candidate to whom the reply token was given.
    NotTheCandidate,
}
