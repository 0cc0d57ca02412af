//! Messages that we send: notices and receipts (MODEL: OutboundMessage).

use super::id::ArrivalId;
use super::user::Locale;
use serde::{Deserialize, Serialize};

/// Why a message is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessagePurpose {
    /// To those responsible: a reply was imported (S1.24, S1.25).
    ReplyImported,
    /// To the forwarder: what became of his mail.
    Receipt,
    /// To the tenant's fallback address: what users forward is being held (S1.E4).
    MailHeld,
    /// To those who were told: what was filed has been taken back.
    Correction,
    /// Mail to postmaster, handed to the operator.
    Postmaster,
    /// To administrators: what is held, once a day.
    Digest,
}

impl MessagePurpose {
    pub fn as_str(self) -> &'static str {
        match self {
            MessagePurpose::ReplyImported => "reply_imported",
            MessagePurpose::Receipt => "receipt",
            MessagePurpose::MailHeld => "mail_held",
            MessagePurpose::Correction => "correction",
            MessagePurpose::Postmaster => "postmaster",
            MessagePurpose::Digest => "digest",
        }
    }

    pub fn parse(text: &str) -> Option<MessagePurpose> {
        use MessagePurpose::{Correction, Digest, MailHeld, Postmaster, Receipt, ReplyImported};
        [ReplyImported, Receipt, MailHeld, Correction, Postmaster, Digest].into_iter().find(|purpose| purpose.as_str() == text)
    }
}

/// Where a message stands (MODEL §3.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageState {
    Queued,
    /// Handed to the relay, whose answer is not known yet.
    Sending,
    /// The relay said 250.
    Sent,
    /// Tried in vain; tried again later.
    Deferred,
    /// A delivery report says so.
    Delivered,
    /// Refused, bounced, or given up.
    Failed,
    /// What it was about has been taken back before it was handed over.
    Cancelled,
}

impl MessageState {
    pub const ALL: [MessageState; 7] = [
        MessageState::Queued,
        MessageState::Sending,
        MessageState::Sent,
        MessageState::Deferred,
        MessageState::Delivered,
        MessageState::Failed,
        MessageState::Cancelled,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            MessageState::Queued => "queued",
            MessageState::Sending => "sending",
            MessageState::Sent => "sent",
            MessageState::Deferred => "deferred",
            MessageState::Delivered => "delivered",
            MessageState::Failed => "failed",
            MessageState::Cancelled => "cancelled",
        }
    }

    pub fn parse(text: &str) -> Option<MessageState> {
        MessageState::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// A message as it is composed; it gets its id when it is filed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub purpose: MessagePurpose,
    pub to: String,
    pub locale: Locale,
    pub subject: String,
    pub text: String,
    pub reply_to: ReplyTo,
}

/// Where an answer goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplyTo {
    Nobody,
    Address(String),
    /// The import address with a token of its own, made when the notice is filed (S1.E20).
    Token(Offer),
}

/// What an answer to a receipt may choose from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// The numbers that the receipt names, in its order.
    pub numbers: Vec<String>,
    /// The receipt says that an answer led nowhere.
    pub again: bool,
    /// The held mail, if it is not the one that causes the receipt.
    pub about: Option<ArrivalId>,
}
