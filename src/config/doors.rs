//! Every way in that is configured, whatever its kind: for those who look after all of them.

use super::Config;
use crate::model::arrival::Door;
use std::time::Duration;

/// A door as it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedDoor {
    pub kind: Door,
    /// A mailbox's own; a door of which there is one bears the name of its kind.
    pub name: String,
    /// Hours without mail; none says what `[alarms]` says, 0 never.
    pub silent_after_hours: Option<u32>,
    /// A mailbox is asked at least so often; none where others come to us.
    pub speaks_every: Option<Duration>,
}

impl Config {
    /// The configured doors. A new kind of door is one more line here.
    pub fn doors(&self) -> Vec<NamedDoor> {
        let one =
            |kind: Door, silent_after_hours| NamedDoor { kind, name: kind.as_str().to_owned(), silent_after_hours, speaks_every: None };
        let mailboxes = self.imap.iter().map(|mailbox| NamedDoor {
            kind: Door::Imap,
            name: mailbox.name.clone(),
            silent_after_hours: mailbox.silent_after_hours,
            speaks_every: Some(mailbox.poll.max(Duration::from_secs(60))),
        });
        std::iter::once(one(Door::Smtp, self.smtp.silent_after_hours)).chain(mailboxes).collect()
    }
}
