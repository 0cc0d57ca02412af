//! What an operator must hear, although nobody asked.

use super::digest;
use jiff::Timestamp;

/// What is wrong. Of one kind there is one alarm for each thing it is about, however often it is raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AlarmKind {
    /// A mailbox takes our sign-in no more, and only a person can mend that.
    SignInLost,
    /// A door has brought nothing for longer than it should.
    DoorSilent,
    /// A door does not work.
    DoorFailing,
    /// A mail to ourselves did not arrive.
    CanaryLost,
    /// Mail waits for its turn longer than it should.
    MailWaits,
    /// The certificate ends soon, or files that were put in its place are no use.
    Certificate,
    /// Held mail is to be discarded for its age, and nobody could be told of it.
    NobodyTold,
}

impl AlarmKind {
    pub const ALL: [AlarmKind; 7] = [
        AlarmKind::SignInLost,
        AlarmKind::DoorSilent,
        AlarmKind::DoorFailing,
        AlarmKind::CanaryLost,
        AlarmKind::MailWaits,
        AlarmKind::Certificate,
        AlarmKind::NobodyTold,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            AlarmKind::SignInLost => "sign_in_lost",
            AlarmKind::DoorSilent => "door_silent",
            AlarmKind::DoorFailing => "door_failing",
            AlarmKind::CanaryLost => "canary_lost",
            AlarmKind::MailWaits => "mail_waits",
            AlarmKind::Certificate => "certificate",
            AlarmKind::NobodyTold => "nobody_told",
        }
    }

    pub fn parse(text: &str) -> Option<AlarmKind> {
        AlarmKind::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// An alarm that is raised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    pub kind: AlarmKind,
    /// A door's or mailbox's name in the configuration, or a tenant's id.
    pub about: String,
    /// What happened and what to do, in one or two sentences; without addresses and secrets.
    pub text: String,
}

/// An alarm as it stands.
#[derive(Clone, Debug)]
pub struct RaisedAlarm {
    pub alarm: Alarm,
    pub raised_at: Timestamp,
    /// When it was raised last; an alarm that goes on is one alarm.
    pub seen_at: Timestamp,
    /// When anybody was told first.
    pub told_at: Option<Timestamp>,
    /// None: it goes on.
    pub cleared_at: Option<Timestamp>,
}

/// How people are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    Log,
    /// Each address is a way by itself: one that is refused keeps no other from hearing. It is named by a digest, which shows nobody's.
    Mail(u64),
    Webhook,
}

impl Way {
    pub fn mail_to(address: &str) -> Way {
        let digest = digest::sha256(address.as_bytes());
        Way::Mail(digest.get(..16).and_then(|hex| u64::from_str_radix(hex, 16).ok()).unwrap_or_default())
    }

    /// Of what kind it is.
    pub fn as_str(self) -> &'static str {
        match self {
            Way::Log => "log",
            Way::Mail(_) => "mail",
            Way::Webhook => "webhook",
        }
    }

    /// As it is kept; `parse` reads it.
    pub fn key(self) -> String {
        match self {
            Way::Mail(digest) => format!("mail:{digest:016x}"),
            other => other.as_str().to_owned(),
        }
    }

    pub fn parse(text: &str) -> Option<Way> {
        match text {
            "log" => Some(Way::Log),
            "webhook" => Some(Way::Webhook),
            // From before each address was a way.
            "mail" => Some(Way::Mail(0)),
            _ => text.strip_prefix("mail:").and_then(|hex| u64::from_str_radix(hex, 16).ok()).map(Way::Mail),
        }
    }
}

/// Why nobody was told by a way, without addresses and secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTold {
    /// It may work in a while.
    #[error("{0}")]
    NotNow(String),
    /// For good: only somebody who changes the configuration, or what refuses, can mend it.
    #[error("refused for good: {0}")]
    Refused(String),
}

/// What was told of an alarm by one way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub kind: AlarmKind,
    pub about: String,
    pub way: Way,
    /// When the alarm began that the rest is about.
    pub raised_at: Timestamp,
    /// Last told that it goes on.
    pub told_at: Option<Timestamp>,
    /// Told that it is over.
    pub over_at: Option<Timestamp>,
    /// In vain, since this way last worked.
    pub attempts: u32,
    /// Not tried again before.
    pub due_at: Timestamp,
    pub last_error: Option<String>,
}

/// What there is to tell of an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    Raised,
    GoesOn,
    Over,
    /// Somebody tries the ways.
    Test,
}

impl News {
    pub fn as_str(self) -> &'static str {
        match self {
            News::Raised => "raised",
            News::GoesOn => "goes_on",
            News::Over => "over",
            News::Test => "test",
        }
    }
}
