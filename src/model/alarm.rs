//! What an operator must hear, although nobody asked.

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
    /// Held mail is to be discarded for its age, and nobody could be told of it.
    NobodyTold,
}

impl AlarmKind {
    pub const ALL: [AlarmKind; 6] = [
        AlarmKind::SignInLost,
        AlarmKind::DoorSilent,
        AlarmKind::DoorFailing,
        AlarmKind::CanaryLost,
        AlarmKind::MailWaits,
        AlarmKind::NobodyTold,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            AlarmKind::SignInLost => "sign_in_lost",
            AlarmKind::DoorSilent => "door_silent",
            AlarmKind::DoorFailing => "door_failing",
            AlarmKind::CanaryLost => "canary_lost",
            AlarmKind::MailWaits => "mail_waits",
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
