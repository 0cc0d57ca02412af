//! A mail at the door, as it is accepted: envelope, raw bytes, facts.

use super::facts::Facts;
use super::id::{ArrivalId, OutboundId, TenantId};
use super::stop::Stop;
use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::future::Future;

/// The way a mail came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Door {
    Smtp,
    /// RFC 2033: a mail host on this machine, or one that is trusted to reach it.
    Lmtp,
    /// A mailbox that is emptied.
    Imap,
    /// A folder into which somebody delivers files.
    Maildir,
    /// A program that is given one mail on its standard input.
    Pipe,
}

impl Door {
    pub fn as_str(self) -> &'static str {
        match self {
            Door::Smtp => "smtp",
            Door::Lmtp => "lmtp",
            Door::Imap => "imap",
            Door::Maildir => "maildir",
            Door::Pipe => "pipe",
        }
    }

    /// Whether whoever brings the mail keeps it in a queue of its own: what is put off there keeps no other mail waiting. A mail that
    /// stays in a mailbox or a folder lies in the way of the rest.
    pub fn has_a_queue_in_front(self) -> bool {
        match self {
            Door::Smtp | Door::Lmtp | Door::Pipe => true,
            Door::Imap | Door::Maildir => false,
        }
    }
}

/// Whom a recipient address stands for. One transaction carries mail for one kind of mailbox of one tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// The tenant's import address.
    Import,
    /// `import+TOKEN@` with a token that stands in the Reply-To of a receipt: the message of ours that is answered. None in rows
    /// of before answers were read.
    ReceiptAnswer { message: Option<OutboundId> },
    /// `import+TOKEN@` with a token that a candidate was given for one application, by its id.
    Reply { application: String },
    /// `bounces+ID@` of a message that we sent.
    Bounces { message: OutboundId },
    /// RFC 5321 §4.5.1: always accepted.
    Postmaster,
    /// A mail of ours to ourselves, known by the token that it bears, wherever it was sent.
    Canary { token: String },
}

/// A recipient that the directory knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    pub tenant: TenantId,
    /// The mailbox without detail: `import@acme.example`.
    pub mailbox: String,
    pub purpose: Purpose,
}

impl Recipient {
    /// Whether one mail may be accepted for both at once: mail for one kind of mailbox of one tenant.
    pub fn may_share(&self, other: &Recipient) -> bool {
        let imports = |one: &Recipient| one.purpose == Purpose::Import;
        self.tenant == other.tenant && (imports(self) && imports(other) || self.purpose == other.purpose && self.mailbox == other.mailbox)
    }
}

/// RFC 5321 §2.3.1: reverse-path and recipients, and what they stand for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// None is the null reverse-path `<>`.
    pub from: Option<String>,
    /// The forward-paths as given.
    pub to: Vec<String>,
    /// The import address without detail (the first one, if there are several).
    pub mailbox: String,
    pub purpose: Purpose,
}

impl Envelope {
    /// Whether it came to an address that a message of ours gave out for answers.
    pub fn is_answer(&self) -> bool {
        matches!(self.purpose, Purpose::ReceiptAnswer { .. } | Purpose::Reply { .. })
    }
}

/// Where the raw bytes are when a mail is accepted.
#[derive(Clone, Debug)]
pub enum Raw {
    /// In memory; they go into the database.
    Bytes(Bytes),
    /// Already durable in the blob store, under the arrival's id.
    Object,
}

/// A mail that asks to be accepted.
#[derive(Clone, Debug)]
pub struct Arrival {
    pub id: ArrivalId,
    pub tenant: TenantId,
    pub door: Door,
    pub at: Timestamp,
    pub envelope: Envelope,
    pub facts: Facts,
    pub raw: Raw,
    /// Of the raw bytes, lower-case hex.
    pub sha256: String,
    /// Of the raw mail, in bytes.
    pub size: u64,
}

impl Arrival {
    /// Whether it is a stranger's, as far as the door knows: while such mail waits it counts against a quota of its own.
    pub fn is_unvouched(&self) -> bool {
        self.facts.is_strangers
    }
}

/// How much mail that nobody vouches for may wait, for each tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldLimits {
    pub mails: u64,
    /// Of raw mail.
    pub bytes: u64,
    /// Older mail is discarded, and its bytes are removed.
    pub age_days: u32,
}

impl HeldLimits {
    /// Whether one more of so many bytes may wait, beside what waits.
    pub fn has_room(&self, mails: u64, waiting: u64, bytes: u64) -> bool {
        mails < self.mails && waiting.saturating_add(bytes) <= self.bytes
    }

    /// How full it is, in hundredths; whichever of the two is fuller.
    pub fn percent(&self, mails: u64, waiting: u64) -> u64 {
        let part = |of: u64, most: u64| of.saturating_mul(100).checked_div(most).unwrap_or(100);
        part(mails, self.mails).max(part(waiting, self.bytes))
    }
}

/// The one hinge between every door and the rest. `Ok` means: durable (G1).
pub trait Accept: Send + Sync + 'static {
    fn accept(&self, arrival: Arrival) -> impl Future<Output = Result<ArrivalId, Stop>> + Send;
}
