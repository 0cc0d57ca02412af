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
            Sender::Unproven { .. } => None,
        }
    }
}

/// What proved it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// AUTH at our own door.
    Login,
    /// The pinned mail host says `dmarc=pass` for the domain of From.
    Dmarc,
    /// A relay that takes mail from signed-in users alone.
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
    /// Vouched for, but no active user of this tenant.
    NoUser,
}
